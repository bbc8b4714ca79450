/* Events of many channels over a slow radio.
 *
 * What an implant would run: additions, shifts, comparisons and few products, all of integers. Each channel goes through
 * two high passes of one pole and a short low pass; the median of its magnitude is followed by steps up and down, and a
 * trough below a multiple of it is a spike once it has been the deepest for some samples. Layers of a packet are range
 * coded, each by itself, with counters that begin anew in every packet: no packet needs an earlier one. */
#include <string.h>

#include "crc32.h"
#include "entropy.h"
#include "n1c/events.h"

#define MAGIC 0x45314E43u
#define HISTORY 64 /* samples kept of each channel, a power of two, at least HOLD + SNIPPET + 16 */
#define SNIPPET N1C_EVENTS_SNIPPET
#define BEFORE N1C_EVENTS_BEFORE
#define BLOCK N1C_EVENTS_BLOCK
#define MOST N1C_EVENTS_MOST
#define PENDING 1024 /* events whose waveforms are not complete, a power of two */
#define WINDOW 4096 /* packets of a second at most */
#define FINE 8       /* bits of the filters below the point */
#define MEDIAN 12    /* bits of the median below the point */
#define THRESHOLD 493 /* 5.2 / 0.6745, 6 bits below the point */
#define COEFFICIENTS 12
#define TONES 39 /* of a block of the field, those below 300 Hz at one sample in 1.024 ms */
#define UNARY 14
#define CLASSES 40
#define LIMIT 60
#define TRUSTED 12 /* bits that a counter counts as seen when it begins */
#define TRUSTED_MORE 40 /* where it begins as it is in recordings */
#define KEY_BINS 64
#define USUAL_BINS 16 /* over which levels have a mean */
#define KEY_BITS 10 /* levels have 7, and 3 below the point */
#define KEY_POINT 3
#define UNKNOWN 1023
#define MOST_LEVEL 125 /* of a sum of 31 bits */
#define MOST_QUALITY 40
#define COARSER 3 /* quarters of octaves, where a field does not fit, and once more */
#define MOST_COARSER 6
#define PATIENCE 8 /* packets from one change of the quality to the next, at least */
#define MOST_STRENGTH 42 /* halves of octaves of 64 magnitudes of 16 bits */
#define STRENGTH_BLOCKS 8 /* over which it is a mean */
#define NEIGHBOURS_SHARE 2
#define BUCKET 16 /* spikes that a channel may send at once */
#define HEAD 5
#define LEVELS 16 /* of the settings of layers: layer 0 has levels, not counts alone */

/* Principal components of the waveforms of N1 recordings, 127 being 1, their coefficients in the mean, and how far
 * these are from that in the mean, in 256ths of the trough (tools/events_tables.py). */
static const int8_t basis[COEFFICIENTS][SNIPPET] = {
    {2, 2, 2, 3, 5, 12, 28, 49, 59, 50, 30, 10, -5, -14, -18, -21, -23, -24, -25, -24, -23, -21, -19, -17, -16, -14,
     -12, -10, -9, -8, -6, -5},
    {-1, 0, 0, -1, -3, -5, -7, -13, -18, -6, 21, 45, 55, 51, 40, 28, 14, 2, -8, -15, -21, -24, -25, -25, -24, -22,
     -19, -17, -14, -12, -10, -9},
    {-9, -12, -15, -19, -22, -22, -22, -25, -28, -17, 1, 10, 6, -4, -16, -28, -37, -42, -42, -39, -31, -21, -10, -2,
     7, 15, 21, 23, 23, 22, 20, 18},
    {2, 1, -1, -4, -5, -6, -11, -18, -23, -29, -37, -41, -37, -27, -17, -9, -4, -2, -4, -8, -13, -19, -26, -31, -34,
     -35, -34, -31, -27, -23, -19, -16},
    {-34, -43, -48, -50, -50, -46, -27, 5, 24, 25, 15, 3, -6, -6, -1, 6, 12, 16, 17, 15, 11, 6, 2, 0, -3, -6, -7, -7,
     -6, -6, -6, -5},
    {6, 10, 9, 6, -1, -11, -17, -20, -15, 4, 22, 27, 15, -4, -20, -29, -30, -24, -12, 3, 16, 27, 32, 30, 23, 9, -8,
     -22, -33, -41, -44, -41},
    {-2, -9, -13, -13, -9, 3, 20, 26, 11, -15, -32, -28, -8, 14, 27, 29, 18, -1, -19, -29, -30, -21, -3, 19, 36, 39,
     28, 9, -11, -27, -36, -38},
    {56, 56, 37, 5, -28, -52, -46, -10, 23, 25, 7, -8, -12, -6, 6, 15, 16, 11, 2, -7, -11, -11, -8, -3, 2, 8, 12, 10,
     5, 0, -2, -1},
    {-15, -12, -2, 14, 23, 14, -8, -25, -16, 13, 31, 20, -7, -27, -28, -12, 12, 31, 31, 15, -12, -34, -38, -23, 0,
     21, 33, 31, 16, -7, -28, -37},
    {26, 17, -3, -23, -28, -8, 24, 31, 3, -25, -24, 0, 24, 23, 0, -25, -30, -13, 11, 30, 33, 14, -14, -31, -29, -8,
     20, 34, 26, 3, -22, -33},
    {-31, -21, 5, 32, 32, -4, -39, -22, 21, 26, -6, -26, -15, 14, 31, 20, -6, -28, -30, -8, 19, 28, 11, -15, -27,
     -17, 6, 26, 26, 7, -16, -32},
    {25, 10, -13, -25, -12, 17, 24, -2, -21, -4, 22, 18, -12, -28, -13, 19, 34, 13, -20, -32, -12, 19, 33, 18, -14,
     -35, -23, 14, 39, 27, -9, -41}
};
static const int16_t basis_means[COEFFICIENTS] = {-533, 21, 11, 8, -5, 3, -1, -3, 1, 0, -1, 1};
static const uint16_t basis_sizes[COEFFICIENTS] = {80, 159, 85, 81, 65, 57, 47, 45, 37, 31, 28, 24};
/* How large the tones of a block are in the mean, in parts of 2^14 of the strength. */
static const uint16_t tone_sizes[TONES] = {
    6348, 5077, 4138, 3552, 3281, 3325, 2943, 2379, 2053, 1883, 1768, 1688, 1489, 1367, 1268, 1235, 1150, 1044,
    1046, 1017, 938, 941, 898, 825, 822, 814, 760, 743, 746, 726, 697, 685, 654, 650, 626, 642, 615, 590, 591};

/* Probabilities that a tone is more than 0 steps, more than 1, 2 and 3, in 256ths, by the class of its expected size. */
#define FIRST_TONE_CLASS 8
#define TONE_CLASSES 12
#define TONE_STARTS 4
static const uint8_t tone_starts[TONE_CLASSES][TONE_STARTS] = {
    {1, 9, 32, 32}, {2, 1, 32, 32}, {8, 1, 28, 32}, {26, 2, 4, 32},
    {46, 8, 6, 17}, {62, 16, 14, 19}, {96, 35, 29, 33}, {127, 61, 47, 53},
    {162, 105, 90, 84}, {186, 137, 120, 112}, {203, 169, 155, 144}, {217, 192, 181, 177}};

/* cos(pi j / 128), 12 bits below the point. */
static const int16_t cosines[65] = {
    4096, 4095, 4091, 4085, 4076, 4065, 4052, 4036, 4017, 3996, 3973, 3948, 3920, 3889, 3857, 3822, 3784,
    3745, 3703, 3659, 3612, 3564, 3513, 3461, 3406, 3349, 3290, 3229, 3166, 3102, 3035, 2967, 2896, 2824,
    2751, 2675, 2598, 2520, 2440, 2359, 2276, 2191, 2106, 2019, 1931, 1842, 1751, 1660, 1567, 1474, 1380,
    1285, 1189, 1092, 995,  897,  799,  700,  601,  501,  401,  301,  201,  101,  0};

/* 2^(j / 4), 14 bits below the point. */
static const int32_t quarters[4] = {16384, 19484, 23170, 27554};
static int32_t cosine(int j) {
  j &= 255;
  if (j > 128) j = 256 - j;
  return j <= 64 ? cosines[j] : -(int32_t)cosines[128 - j];
}

/* The number of quarters of octaves from 1 to v > 0, rounded down. */
static int octaves(uint32_t v) {
  const int width = n1c_width(v) - 1;
  const int64_t mantissa = width <= 14 ? (int64_t)v << (14 - width) : v >> (width - 14);
  int part = 3;
  while (part && mantissa < quarters[part]) part--;
  return 4 * width + part;
}

/* 2^(n / 4) with `bits` bits below the point, rounded down; n >= 0. */
static int64_t power(int n, int bits) { return ((int64_t)quarters[n & 3] << (n >> 2) << bits) >> 14; }

/* -- numbers to bits ------------------------------------------------------------------------------------------------- */

typedef struct {
  n1c_counter counters[CLASSES][UNARY];
  uint8_t used[CLASSES];
  int tones; /* whether it is for tones */
} model;

static void start_model(model *m) {
  memset(m->used, 0, sizeof m->used);
  m->tones = 0;
}

/* Counters begin with the probabilities of a table, in 256ths, of which the last one stands for all that follow. */
static void start_counters(n1c_counter *counters, const uint8_t *starts, int count) {
  for (int i = 0; i < UNARY; i++)
    counters[i] = (n1c_counter)((uint32_t)starts[i < count ? i : count - 1] << 24 | TRUSTED_MORE);
}

/* The counters for numbers whose size is `mean` in the mean, 8 bits below the point: those of a geometric distribution
 * at first, or of tones as they are. */
static n1c_counter *counters_of(model *m, uint32_t mean) {
  const int width = n1c_width(mean);
  int class = width < 2 ? 0 : 2 * (width - 1) + (int)(mean >> (width - 2) & 1u);
  if (class >= CLASSES) class = CLASSES - 1;
  if (!m->used[class] && m->tones && class >= FIRST_TONE_CLASS && class < FIRST_TONE_CLASS + TONE_CLASSES) {
    start_counters(m->counters[class], tone_starts[class - FIRST_TONE_CLASS], TONE_STARTS);
    m->used[class] = 1;
  } else if (!m->used[class]) {
    const uint64_t p = ((uint64_t)(mean + 1) << 22) / (mean + 257);
    for (int i = 0; i < UNARY; i++) m->counters[class][i] = (n1c_counter)(p << 10 | TRUSTED);
    m->used[class] = 1;
  }
  return m->counters[class];
}

static void put_raw(n1c_encoder *e, uint32_t v, int bits) {
  if (bits > 12) {
    put_raw(e, v >> 12, bits - 12);
    v &= 4095, bits = 12;
  }
  if (bits) n1c_encode_interval(e, v, 1, bits);
}

static uint32_t get_raw(n1c_decoder *d, int bits) {
  if (bits > 12) {
    const uint32_t high = get_raw(d, bits - 12);
    return high << 12 | get_raw(d, 12);
  }
  if (!bits) return 0;
  const uint64_t unit = d->range >> bits;
  uint64_t slot = d->code / unit;
  if (slot >> bits) slot = ((uint64_t)1 << bits) - 1;
  n1c_decoder_narrow(d, unit * slot, unit);
  return (uint32_t)slot;
}

/* A size by counters of its own, "more than 0", "more than 1" and so on. */
static void put_unary(n1c_encoder *e, n1c_counter *counters, uint32_t v) {
  for (uint32_t i = 0; i < UNARY; i++) {
    n1c_encode_bit(e, counters + i, v > i, LIMIT);
    if (v <= i) return;
  }
  const int bits = n1c_width(v - UNARY + 1) - 1; /* Elias' gamma */
  put_raw(e, (uint32_t)bits, 4);
  put_raw(e, (v - UNARY + 1) & ((1u << bits) - 1), bits);
}

static uint32_t get_unary(n1c_decoder *d, n1c_counter *counters) {
  for (uint32_t i = 0; i < UNARY; i++)
    if (!n1c_decode_bit(d, counters + i, LIMIT)) return i;
  const int bits = (int)get_raw(d, 4);
  return UNARY - 1 + (1u << bits | get_raw(d, bits));
}

static void put_size(n1c_encoder *e, model *m, uint32_t mean, uint32_t v) { put_unary(e, counters_of(m, mean), v); }

static uint32_t get_size(n1c_decoder *d, model *m, uint32_t mean) { return get_unary(d, counters_of(m, mean)); }

#define MOST_SIZE (UNARY - 1 + 65535)

static void put_number(n1c_encoder *e, model *m, uint32_t mean, int32_t v) {
  const uint32_t size = (uint32_t)(v < 0 ? -v : v);
  put_size(e, m, mean, size > MOST_SIZE ? MOST_SIZE : size);
  if (v) put_raw(e, v < 0, 1);
}

static int32_t get_number(n1c_decoder *d, model *m, uint32_t mean) {
  const int32_t size = (int32_t)get_size(d, m, mean);
  return size && get_raw(d, 1) ? -size : size;
}

/* -- memory ---------------------------------------------------------------------------------------------------------- */

typedef struct {
  int64_t trough; /* samples since the beginning */
  int32_t channel;
  int64_t sent; /* the packet that told of it */
} event;

typedef struct {
  uint32_t magic, channels, frames;
  int32_t shift, hold, apart, bin, window, budget, layers, most_rate;
  int32_t period; /* packets after which their numbers begin anew: a whole number of all that repeats */
  int64_t packet; /* that comes next */
  int64_t pending_first, pending_last;
  int32_t bits_left; /* that may be sent now: they come with each packet, up to a 64th of the budget */
  int32_t quality, since; /* of the field's steps, in quarters of octaves; packets since it changed */
  int32_t found_count;
  event pending[PENDING];
  int32_t found[2 * MOST];
} head;

/* Bits that gather while little is sent. In any second that many are sent at most, and those that came in it: together
 * they are the budget. */
static int32_t gathered(const head *h) { return h->budget / 64; }

typedef struct {
  head *h;
  int32_t *first, *second, *before, *older, *median, *slow, *sum, *best, *age, *rest, *tokens; /* one a channel */
  int32_t *lowest, *threshold, *total, *usual, *strength;
  uint8_t *count; /* of the bin */
  uint16_t *key; /* what levels are told from */
  int16_t *history, *field; /* HISTORY and BLOCK samples a channel, channels together */
} device;

#define WORDS 16

static int64_t memory_size(int64_t channels) {
  return N1C_SLACK + N1C_ROUND64(sizeof(head)) + WORDS * N1C_ROUND64(4 * channels) + N1C_ROUND64(channels) +
         N1C_ROUND64(2 * channels) +
         N1C_ROUND64(2 * HISTORY * channels) + N1C_ROUND64(2 * BLOCK * channels);
}

static device lay_out(uint8_t *memory, int64_t channels) {
  device d;
  uint8_t *p = (uint8_t *)n1c_align64(memory);
  int32_t **words[WORDS] = {&d.first, &d.second, &d.before, &d.older,  &d.median,    &d.slow,   &d.sum,
                            &d.best,  &d.age,    &d.rest,   &d.tokens, &d.lowest, &d.threshold, &d.total,
                            &d.usual, &d.strength};
  d.h = (head *)p;
  p += N1C_ROUND64(sizeof(head));
  for (int i = 0; i < WORDS; i++, p += N1C_ROUND64(4 * channels)) *words[i] = (int32_t *)p;
  d.count = p, p += N1C_ROUND64(channels);
  d.key = (uint16_t *)p, p += N1C_ROUND64(2 * channels);
  d.history = (int16_t *)p, p += N1C_ROUND64(2 * HISTORY * channels);
  d.field = (int16_t *)p;
  return d;
}

static int allowed(int64_t channels, int64_t frames) {
  return channels >= 1 && channels <= 4096 && frames >= 8 && frames <= HISTORY - SNIPPET;
}

int64_t n1c_events_memory_size(int64_t channels, int64_t frames) {
  return allowed(channels, frames) ? memory_size(channels) : N1C_E_ARGUMENT;
}

int64_t n1c_events_open(uint8_t *memory, int64_t length, int64_t channels, int64_t frames, const int32_t *settings,
                        int64_t count) {
  static const int32_t low[N1C_EVENTS_SETTINGS] = {1, 1, 1, 1, 1, 0, 0, 1};
  static const int32_t high[N1C_EVENTS_SETTINGS] = {8, 16, 63, 64, WINDOW, 1 << 30, 15 | LEVELS, 10000};
  if (!allowed(channels, frames) || count != N1C_EVENTS_SETTINGS) return N1C_E_ARGUMENT;
  for (int i = 0; i < N1C_EVENTS_SETTINGS; i++)
    if (settings[i] < low[i] || settings[i] > high[i]) return N1C_E_ARGUMENT;
  if (frames + settings[1] < SNIPPET - BEFORE) return N1C_E_ARGUMENT; /* a waveform would take more than two packets */
  if (length < memory_size(channels)) return N1C_E_CAPACITY;
  memset(memory, 0, (size_t)memory_size(channels));
  device d = lay_out(memory, channels);
  head *h = d.h;
  h->magic = MAGIC, h->channels = (uint32_t)channels, h->frames = (uint32_t)frames;
  h->shift = settings[0], h->hold = settings[1], h->apart = settings[2], h->bin = settings[3];
  h->window = settings[4], h->budget = settings[5], h->layers = settings[6], h->most_rate = settings[7];
  h->quality = 8, h->bits_left = gathered(h), h->period = 65536 / (KEY_BINS * h->bin) * (KEY_BINS * h->bin);
  for (int64_t c = 0; c < channels; c++) d.age[c] = -1, d.tokens[c] = BUCKET << 16, d.key[c] = UNKNOWN;
  return memory_size(channels);
}

/* Returns whether a memory was opened. */
static int find(uint8_t *memory, int64_t length, device *d) {
  if (length < memory_size(1)) return 0;
  const head *h = (const head *)n1c_align64(memory);
  if (h->magic != MAGIC || length < memory_size(h->channels)) return 0;
  *d = lay_out(memory, h->channels);
  return 1;
}

/* -- detection --------------------------------------------------------------------------------------------------------- */

/* One frame of all channels through the filters; history, medians, and what the packet sums up. */
static void filter(const device *d, const int16_t *x, int64_t now, int adapt) {
  const int64_t channels = d->h->channels;
  const int shift = d->h->shift;
  int32_t *first = d->first, *second = d->second, *before = d->before, *older = d->older, *median = d->median;
  int32_t *sum = d->sum, *lowest = d->lowest, *total = d->total;
  int16_t *history = d->history + (now & (HISTORY - 1)) * channels;
  for (int64_t c = 0; c < channels; c++) {
    const int32_t v = (int32_t)x[c] * (1 << FINE);
    const int32_t high = v - first[c];
    first[c] += high >> shift;
    const int32_t higher = high - second[c];
    second[c] += higher >> shift;
    const int32_t smooth = (older[c] + 2 * before[c] + higher) >> (FINE + 2);
    older[c] = before[c];
    before[c] = higher;
    const int32_t y = smooth > 32767 ? 32767 : smooth < -32768 ? -32768 : smooth;
    const int32_t size = y < 0 ? -y : y;
    const int32_t step = (median[c] >> adapt) + 1;
    median[c] += (size << MEDIAN) > median[c] ? step : -step;
    lowest[c] = y < lowest[c] ? y : lowest[c];
    sum[c] += size;
    total[c] += x[c];
    history[c] = (int16_t)y;
  }
}

/* A channel's way through the samples of a packet: spikes that are decided in it. */
static void watch(const device *d, int64_t c, int64_t start) {
  head *h = d->h;
  for (int64_t t = start; t < start + h->frames; t++) {
    const int32_t y = d->history[(t & (HISTORY - 1)) * h->channels + c];
    if (d->rest[c] > 0) {
      d->rest[c]--;
      continue;
    }
    if (d->age[c] >= 0) {
      if (y < d->best[c]) {
        d->best[c] = y, d->age[c] = 0;
      } else if (++d->age[c] == h->hold) {
        if (h->found_count < MOST) {
          h->found[2 * h->found_count] = (int32_t)(t - h->hold - start);
          h->found[2 * h->found_count++ + 1] = (int32_t)c;
        }
        d->age[c] = -1;
        d->rest[c] = h->apart > h->hold ? h->apart - h->hold : 0;
      }
    } else if (y < -d->threshold[c]) {
      d->best[c] = y, d->age[c] = 0;
    }
  }
}

/* Events in the order of their troughs, those of one sample by channel; insertion, since they are few and nearly so. */
static void sort(int32_t *events, int count) {
  for (int i = 1; i < count; i++) {
    const int32_t t = events[2 * i], c = events[2 * i + 1];
    int j = i;
    for (; j && (events[2 * j - 2] > t || (events[2 * j - 2] == t && events[2 * j - 1] > c)); j--) {
      events[2 * j] = events[2 * j - 2];
      events[2 * j + 1] = events[2 * j - 1];
    }
    events[2 * j] = t, events[2 * j + 1] = c;
  }
}

/* -- layers: each is written as a whole or not at all (-1) --------------------------------------------------------- */

/* Level of a bin: quarters of octaves of the sum of magnitudes, 1.5 dB each. */
static int level_of(int32_t sum) { return sum > 0 ? 1 + octaves((uint32_t)sum) : 0; }

/* What levels are told from: the mean of earlier ones, at first the level itself. */
static int usual_level(const device *d, int64_t c) {
  const int32_t usual = d->h->packet < d->h->bin ? level_of(d->sum[c]) * 256 : d->usual[c];
  return (usual + (1 << (7 - KEY_POINT))) >> (8 - KEY_POINT);
}

/* Whether a bin brings a key: one of KEY_BINS, and more of the first ones, before which hardly any have passed. */
static int is_key(const head *h, int64_t packet, int64_t c) {
  const int64_t bins = packet / h->bin;
  return (bins < KEY_BINS && !(bins & (bins + 1))) || (bins + c) % KEY_BINS == 0;
}

/* Levels by their distance from a key, the nearest first: how many come before one, and which comes after so many. */
static uint32_t rank_of(int level, int key) {
  const int low = key >> KEY_POINT, up = (key & ((1 << KEY_POINT) - 1)) > 1 << (KEY_POINT - 1);
  const int off = up ? low + 1 - level : level - low;
  return (uint32_t)(off > 0 ? 2 * off - 1 : -2 * off);
}

static int level_at(uint32_t rank, int key) {
  const int low = key >> KEY_POINT, up = (key & ((1 << KEY_POINT) - 1)) > 1 << (KEY_POINT - 1);
  const int off = rank & 1 ? (int)(rank + 1) / 2 : -(int)(rank / 2);
  return up ? low + 1 - off : low + off;
}

/* Probabilities of "more than 0", "more than 1" and so on, in 256ths, of counts, and of ranks of levels: of bins
 * without spikes, and of those with some (tools/events_tables.py). */
static const uint8_t count_starts[UNARY] = {
    12, 58, 166, 216, 222, 198, 196, 169, 150, 136, 102, 45, 26, 32};
static const uint8_t rank_starts[2][UNARY] = {
    {114, 78, 61, 83, 173, 217, 235, 232, 234, 234, 231, 228, 234, 234},
    {189, 157, 198, 170, 218, 206, 228, 234, 224, 238, 208, 232, 217, 220}};

typedef struct {
  n1c_counter counts[UNARY], ranks[2][UNARY];
} bin_model;

static void start_bins(bin_model *m) {
  start_counters(m->counts, count_starts, UNARY);
  for (int i = 0; i < 2; i++) start_counters(m->ranks[i], rank_starts[i], UNARY);
}

static int64_t put_bins(const device *d, uint8_t *out, int64_t room) {
  const head *h = d->h;
  n1c_encoder e;
  bin_model m;
  n1c_encoder_start(&e, out, room);
  start_bins(&m);
  for (int64_t c = h->packet % h->bin; c < h->channels; c += h->bin) {
    put_unary(&e, m.counts, d->count[c]);
    if (!(h->layers & LEVELS)) continue;
    const int key = is_key(h, h->packet, c) ? usual_level(d, c) : d->key[c];
    if (is_key(h, h->packet, c)) put_raw(&e, (uint32_t)key, KEY_BITS);
    put_unary(&e, m.ranks[d->count[c] > 0], rank_of(level_of(d->sum[c]), key));
  }
  return n1c_encoder_end(&e);
}

/* After the bins of a packet: keys are kept, and what they sum up begins anew. */
static void finish_bins(const device *d) {
  const head *h = d->h;
  const int32_t passed = h->packet / h->bin < USUAL_BINS ? (int32_t)(h->packet / h->bin) : USUAL_BINS;
  for (int64_t c = h->packet % h->bin; c < h->channels; c += h->bin) {
    if (is_key(h, h->packet, c)) d->key[c] = (uint16_t)usual_level(d, c);
    const int level = level_of(d->sum[c]);
    d->usual[c] += (level * 256 - d->usual[c]) / (passed < USUAL_BINS ? passed + 1 : USUAL_BINS);
    d->sum[c] = 0, d->count[c] = 0;
  }
}

/* Events are numbered slot by slot: samples from the first that a packet can decide about, in each all channels. */
static int64_t slot_of(const head *h, const int32_t *event) {
  return (int64_t)(event[0] + h->hold) * h->channels + event[1];
}

/* Bits of a gap that are coded as they are, for so many events in a packet. */
static int low_bits(const head *h, int count) {
  const int64_t mean = (int64_t)h->frames * h->channels / (count + 1);
  return mean > 1 ? n1c_width((uint32_t)mean) - 1 : 0;
}

#define EVENTS_MEAN 1280

static int64_t put_events(const head *h, const int32_t *events, int count, uint8_t *out, int64_t room) {
  n1c_encoder e;
  model counts, gaps;
  n1c_encoder_start(&e, out, room);
  start_model(&counts), start_model(&gaps);
  put_size(&e, &counts, EVENTS_MEAN, (uint32_t)count);
  const int low = low_bits(h, count);
  int64_t last = 0;
  for (int i = 0; i < count; i++) {
    const int64_t slot = slot_of(h, events + 2 * i), gap = slot - last;
    put_size(&e, &gaps, 192, (uint32_t)(gap >> low));
    put_raw(&e, (uint32_t)(gap & (((int64_t)1 << low) - 1)), low);
    last = slot + 1;
  }
  return n1c_encoder_end(&e);
}

/* Steps of a waveform's coefficients, in quarters of octaves below the depth of its trough. */
#define WAVE_STEP 4
#define DEPTH_MEAN 640

/* The quarter of an octave of a trough's depth, 1 at least. */
static int depth_of(int32_t trough) { return trough < -1 ? octaves((uint32_t)-trough) : 0; }

static int64_t wave_step(int depth) { /* 7 bits below the point, those of the basis */
  const int64_t step = depth >= WAVE_STEP ? power(depth - WAVE_STEP, 7) : 128;
  return step;
}

/* A coefficient in the mean, in steps: the depth of the trough is 2^(WAVE_STEP / 4) of these. */
static int32_t wave_usual(int k) {
  const int64_t v = power(WAVE_STEP, 8) * basis_means[k];
  return (int32_t)(v < 0 ? -((-v + 32768) >> 16) : (v + 32768) >> 16);
}

static uint32_t wave_mean(int k) { return (uint32_t)(power(WAVE_STEP, 8) * basis_sizes[k] >> 8); }

static int64_t divided(int64_t v, int64_t by) { return v < 0 ? -((-v + by / 2) / by) : (v + by / 2) / by; }

/* Waveforms of the events whose last sample came with this packet; how many of them the packet before told of. */
static int64_t put_waves(const device *d, int64_t last, uint8_t *out, int64_t room) {
  const head *h = d->h;
  n1c_encoder e;
  model counts, depths, numbers;
  n1c_encoder_start(&e, out, room);
  start_model(&counts), start_model(&depths), start_model(&numbers);
  int older = 0, all = 0;
  for (int64_t i = h->pending_first; i < last; i++) {
    all++, older += h->pending[i & (PENDING - 1)].sent != h->packet;
  }
  put_size(&e, &counts, EVENTS_MEAN, (uint32_t)older);
  put_size(&e, &counts, EVENTS_MEAN, (uint32_t)(all - older));
  for (int64_t i = h->pending_first; i < last; i++) {
    const event *v = h->pending + (i & (PENDING - 1));
    int32_t y[SNIPPET];
    for (int j = 0; j < SNIPPET; j++)
      y[j] = d->history[((v->trough - BEFORE + j) & (HISTORY - 1)) * h->channels + v->channel];
    const int depth = depth_of(y[BEFORE]);
    const int64_t step = wave_step(depth);
    put_size(&e, &depths, DEPTH_MEAN, (uint32_t)depth >> 4);
    put_raw(&e, (uint32_t)depth & 15u, 4);
    for (int k = 0; k < COEFFICIENTS; k++) {
      int64_t product = 0;
      for (int j = 0; j < SNIPPET; j++) product += (int64_t)basis[k][j] * y[j];
      put_number(&e, &numbers, wave_mean(k), (int32_t)divided(product, step) - wave_usual(k));
    }
  }
  return n1c_encoder_end(&e);
}

/* The cosine transform of a block, 12 bits below the point taken off: coefficients are sqrt(32) times orthonormal ones. */
static void transform(const device *d, int64_t c, int32_t *tones) {
  const head *h = d->h;
  int32_t halves[2][BLOCK / 2]; /* sums and differences of samples as far from the middle */
  for (int n = 0; n < BLOCK / 2; n++) {
    const int32_t a = d->field[((h->packet + 1 + n) & (BLOCK - 1)) * h->channels + c];
    const int32_t b = d->field[((h->packet + BLOCK - n) & (BLOCK - 1)) * h->channels + c];
    halves[0][n] = a + b, halves[1][n] = a - b;
  }
  for (int k = 0; k < TONES; k++) {
    int64_t product = 0;
    for (int n = 0; n < BLOCK / 2; n++) product += (int64_t)cosine(k * (2 * n + 1)) * halves[k & 1][n];
    tones[k] = (int32_t)(product >> 12);
  }
  tones[0] = (int32_t)((int64_t)tones[0] * 11585 >> 14);
}

/* Steps are told by the strength of a channel's field, in halves of octaves, and finer by the quality, in quarters. */
static int64_t field_step(int strength, int quality) {
  return 2 * strength > quality ? power(2 * strength - quality, 0) : 1;
}

static uint32_t tone_mean(int k, int quality) { return (uint32_t)(power(quality, 8) * tone_sizes[k] >> 14); }

/* A tone in steps: those that are less than two thirds of one are 0. */
static int32_t cut(int64_t tone, int64_t step) {
  return (int32_t)(tone < 0 ? -((-tone + step / 3) / step) : (tone + step / 3) / step);
}

/* How large a tone is expected to be: as it is in recordings, and as its neighbours below are. */
static uint32_t expected_tone(int k, int quality, uint32_t near, uint32_t far) {
  return (NEIGHBOURS_SHARE * tone_mean(k, quality) + (((2 * near + far) << 8) / 3)) / (NEIGHBOURS_SHARE + 1);
}

static void put_tones(n1c_encoder *e, model *m, int quality, const int32_t *tones, int64_t step) {
  uint32_t near = 0, far = 0;
  for (int k = 0; k < TONES; k++) {
    const int32_t v = cut(tones[k], step);
    put_number(e, m, k < 2 ? tone_mean(k, quality) : expected_tone(k, quality, near, far), v);
    far = near, near = (uint32_t)(v < 0 ? -v : v);
  }
}

#define STRENGTH_MEAN 333
#define STRENGTH_BITS 6

/* The strength of a channel's field is the running mean of the sums of magnitudes over blocks. */
static void follow_field(const device *d) {
  const head *h = d->h;
  for (int64_t c = h->packet & (BLOCK - 1); c < h->channels; c += BLOCK) {
    int32_t sum = 0;
    for (int n = 0; n < BLOCK; n++) {
      const int32_t v = d->field[n * h->channels + c];
      sum += v < 0 ? -v : v;
    }
    d->strength[c] += d->strength[c] ? (sum - d->strength[c]) / STRENGTH_BLOCKS : sum;
  }
}

/* It is told in halves of octaves. */
static int strength_of(const device *d, int64_t c) {
  return d->strength[c] > 0 ? octaves((uint32_t)d->strength[c]) >> 1 : 0;
}

/* What a strength is told from: the mean of those before it in the packet. */
static int32_t mean_of(int32_t sum, int32_t count) { return (2 * sum + count) / (2 * count); }

/* Blocks of the channels whose turn it is: one packet in BLOCK. */
static int64_t put_field(const device *d, int quality, uint8_t *out, int64_t room) {
  const head *h = d->h;
  n1c_encoder e;
  model strengths, numbers;
  int32_t sum = 0, count = 0;
  n1c_encoder_start(&e, out, room);
  start_model(&strengths), start_model(&numbers);
  numbers.tones = 1;
  put_raw(&e, (uint32_t)quality, 6);
  for (int64_t c = h->packet & (BLOCK - 1); c < h->channels; c += BLOCK) {
    int32_t tones[TONES];
    transform(d, c, tones);
    const int strength = strength_of(d, c);
    const int64_t step = field_step(strength, quality);
    if (count) put_number(&e, &strengths, STRENGTH_MEAN, strength - mean_of(sum, count));
    else put_raw(&e, (uint32_t)strength, STRENGTH_BITS);
    sum += strength, count++;
    put_tones(&e, &numbers, quality, tones, step);
  }
  return n1c_encoder_end(&e);
}

/* -- the packet -------------------------------------------------------------------------------------------------------- */

static int adaptation(int64_t packet) { return packet < 100 ? 8 : packet < 800 ? 11 : 14; }

/* The first packet: filters begin as if the first sample had stood for ever. */
static void settle(const device *d, const int16_t *x) {
  for (int64_t c = 0; c < d->h->channels; c++) {
    d->first[c] = (int32_t)x[c] * (1 << FINE);
    d->slow[c] = (int32_t)x[c] * (1 << FINE);
    d->median[c] = 16 << MEDIAN;
  }
}

static void listen(const device *d, const int16_t *x) {
  head *h = d->h;
  const int64_t channels = h->channels, start = h->packet * h->frames;
  if (!h->packet) settle(d, x);
  memset(d->lowest, 0, (size_t)(4 * channels));
  memset(d->total, 0, (size_t)(4 * channels));
  for (int64_t i = 0; i < h->frames; i++) filter(d, x + i * channels, start + i, adaptation(h->packet));
  h->found_count = 0;
  for (int64_t c = 0; c < channels; c++) {
    d->threshold[c] = (int32_t)(((int64_t)d->median[c] * THRESHOLD) >> (MEDIAN + 6)) + 1;
    if (h->packet < BLOCK) continue; /* the medians are still far off */
    if (d->lowest[c] < -d->threshold[c] || d->age[c] >= 0 || d->rest[c] > 0) watch(d, c, start);
  }
  sort(h->found, h->found_count);
  const int32_t per_packet = (int32_t)(((int64_t)h->most_rate << 16) / h->window);
  for (int64_t c = 0; c < channels; c++) {
    const int32_t mean = (int32_t)(d->total[c] * (int64_t)(1 << FINE) / h->frames);
    const int32_t high = (mean - d->slow[c]) >> FINE;
    d->slow[c] += (mean - d->slow[c]) >> 8;
    d->field[(h->packet & (BLOCK - 1)) * channels + c] = (int16_t)(high > 32767 ? 32767 : high < -32768 ? -32768 : high);
    d->tokens[c] = d->tokens[c] + per_packet < BUCKET << 16 ? d->tokens[c] + per_packet : BUCKET << 16;
  }
  for (int i = 0; i < h->found_count; i++) {
    uint8_t *count = d->count + h->found[2 * i + 1];
    *count = (uint8_t)(*count + (*count < 255));
  }
}

/* Of the spikes that were found, those whose channels do not send too many; returns how many. */
static int chosen(const device *d, int32_t *events) {
  int count = 0;
  for (int i = 0; i < d->h->found_count; i++) {
    const int32_t c = d->h->found[2 * i + 1];
    if (d->tokens[c] < 1 << 16) continue;
    d->tokens[c] -= 1 << 16;
    events[2 * count] = d->h->found[2 * i], events[2 * count++ + 1] = c;
  }
  return count;
}

/* Coarser steps of the field where bits run out, finer ones where they are left. */
static void adjust(head *h, int crowded) {
  if (++h->since < PATIENCE) return;
  if (crowded || h->bits_left < gathered(h) / 4) {
    if (h->quality > 0) h->quality--;
    h->since = 0;
  } else if (h->bits_left > gathered(h) / 4 * 3 && h->quality < MOST_QUALITY) {
    h->quality++, h->since = 0;
  }
}

int64_t n1c_events_encode(uint8_t *memory, int64_t length, const int16_t *x, int64_t n, const uint8_t *extra,
                          int64_t size, uint8_t *out, int64_t capacity) {
  device d;
  if (!find(memory, length, &d) || n != (int64_t)d.h->channels * d.h->frames) return N1C_E_ARGUMENT;
  if (size < 0 || size > 65535) return N1C_E_ARGUMENT;
  if (capacity < 65536 + size) return N1C_E_CAPACITY;
  head *h = d.h;
  const int32_t more = h->bits_left + (h->budget - gathered(h)) / h->window;
  h->bits_left = more < gathered(h) ? more : gathered(h);
  const int64_t budget = h->bits_left / 8;
  int32_t events[2 * MOST];
  uint8_t *at = out + HEAD;
  int64_t left = (budget < 65536 ? budget : 65536) - HEAD;
  uint8_t *last_at = at, *last_body = at; /* where the last layer begins, and its bytes do */
  int layers = 0, crowded = 0;

  listen(&d, x);
  int count = chosen(&d, events);
  const int64_t start = h->packet * h->frames, end = start + h->frames;
  for (int layer = 0; layer < 5; layer++) {
    const int64_t room = left - 3; /* for the length before it */
    int64_t written = -1, last = h->pending_first;
    if (layer < 4 && !(h->layers >> layer & 1)) continue;
    if (room < 1) {
      if (layer == 1) count = 0;
      continue;
    }
    uint8_t *body = at + 3;
    switch (layer) {
      case 0: written = put_bins(&d, body, room); break;
      case 1:
        while ((written = put_events(h, events, count, body, room)) < 0 && count) count /= 2;
        break;
      case 2:
        while (last < h->pending_last && h->pending[last & (PENDING - 1)].trough + SNIPPET - BEFORE <= end) last++;
        written = put_waves(&d, last, body, room);
        break;
      case 3:
        follow_field(&d);
        for (int coarser = 0; coarser <= MOST_COARSER && written < 0; coarser += COARSER)
          written = put_field(&d, h->quality > coarser ? h->quality - coarser : 0, body, room), crowded |= coarser > 0;
        break;
      default:
        if (size && size <= room) {
          memcpy(body, extra, (size_t)size);
          written = size;
        }
    }
    if (layer == 1)
      for (int i = 0; written >= 0 && i < count; i++) {
        event v = {start + events[2 * i], events[2 * i + 1], h->packet};
        if (h->pending_last - h->pending_first < PENDING) h->pending[h->pending_last++ & (PENDING - 1)] = v;
      }
    if (written < 0) {
      crowded |= layer < 4;
      continue;
    }
    uint8_t *body_at = n1c_store_leb128(at, (uint64_t)written);
    memmove(body_at, body, (size_t)written);
    left -= body_at - at + written;
    last_at = at, last_body = body_at;
    at = body_at + written;
    layers |= 1 << layer;
  }
  while (h->pending_first < h->pending_last &&
         h->pending[h->pending_first & (PENDING - 1)].trough + SNIPPET - BEFORE <= end)
    h->pending_first++;
  finish_bins(&d);

  memmove(last_at, last_body, (size_t)(at - last_body)); /* the last layer ends with the packet */
  const int64_t bytes = at - out - (last_body - last_at);
  out[0] = (uint8_t)layers;
  n1c_store_bytes(out + 1, (uint64_t)(h->packet % h->period), 2);
  n1c_store_bytes(out + 3, n1c_crc32(n1c_crc32(0, out, 3), out + HEAD, bytes - HEAD) & 0xFFFF, 2);
  h->bits_left -= (int32_t)(8 * bytes);
  adjust(h, crowded);
  h->packet++;
  return bytes;
}

int64_t n1c_events_found(const uint8_t *memory, int64_t length, int32_t *events, int64_t capacity) {
  device d;
  if (!find((uint8_t *)(uintptr_t)memory, length, &d)) return N1C_E_ARGUMENT;
  if (capacity < 2 * MOST) return N1C_E_CAPACITY;
  memcpy(events, d.h->found, sizeof d.h->found);
  return d.h->found_count;
}

/* -- decoder ----------------------------------------------------------------------------------------------------------- */

typedef struct {
  const uint8_t *at;
  int64_t length;
} piece;

/* Keys that are older than packets which are missing since are not to be trusted. */
static int knows_key(const device *d, int64_t packet, int64_t lost, int64_t c) {
  const int64_t ago = (packet / d->h->bin + c) % KEY_BINS;
  return d->key[c] != UNKNOWN && ago * d->h->bin > lost;
}

static int64_t get_bins(const device *d, int64_t packet, int64_t lost, piece in, int32_t *bins) {
  const head *h = d->h;
  n1c_decoder r;
  bin_model m;
  int64_t n = 0;
  n1c_decoder_start(&r, in.at, in.length);
  start_bins(&m);
  for (int64_t c = packet % h->bin; c < h->channels; c += h->bin, n++) {
    const uint32_t count = get_unary(&r, m.counts);
    bins[4 * n] = (int32_t)c, bins[4 * n + 1] = (int32_t)count, bins[4 * n + 2] = -1, bins[4 * n + 3] = UNKNOWN;
    if (!(h->layers & LEVELS)) continue;
    const int known = is_key(h, packet, c) || knows_key(d, packet, lost, c);
    const int32_t key = is_key(h, packet, c) ? (int32_t)get_raw(&r, KEY_BITS) : d->key[c];
    const int32_t level = level_at(get_unary(&r, m.ranks[count > 0]), key);
    if (known && (level < 0 || level > MOST_LEVEL || key == UNKNOWN)) return N1C_E_CORRUPT;
    bins[4 * n + 2] = known ? level : -1;
    bins[4 * n + 3] = key;
  }
  return n1c_decoder_overrun(&r) ? N1C_E_CORRUPT : n;
}

static int64_t get_events(const head *h, piece in, int32_t *events) {
  n1c_decoder r;
  model counts, gaps;
  n1c_decoder_start(&r, in.at, in.length);
  start_model(&counts), start_model(&gaps);
  const int64_t count = get_size(&r, &counts, EVENTS_MEAN), slots = (int64_t)h->frames * h->channels;
  if (count > MOST) return N1C_E_CORRUPT;
  const int low = low_bits(h, (int)count);
  int64_t last = 0;
  for (int64_t i = 0; i < count; i++) {
    const int64_t high = get_size(&r, &gaps, 192), slot = last + (high << low) + get_raw(&r, low);
    if (slot >= slots) return N1C_E_CORRUPT;
    events[2 * i] = (int32_t)(slot / h->channels) - h->hold;
    events[2 * i + 1] = (int32_t)(slot % h->channels);
    last = slot + 1;
  }
  return n1c_decoder_overrun(&r) ? N1C_E_CORRUPT : count;
}

static int64_t get_waves(piece in, int16_t *waves, int64_t *older) {
  n1c_decoder r;
  model counts, depths, numbers;
  n1c_decoder_start(&r, in.at, in.length);
  start_model(&counts), start_model(&depths), start_model(&numbers);
  *older = get_size(&r, &counts, EVENTS_MEAN);
  const int64_t count = *older + get_size(&r, &counts, EVENTS_MEAN);
  if (count > 2 * MOST) return N1C_E_CORRUPT;
  for (int64_t i = 0; i < count; i++) {
    int64_t sums[SNIPPET] = {0};
    const uint32_t high = get_size(&r, &depths, DEPTH_MEAN);
    const int depth = (int)(high << 4 | get_raw(&r, 4));
    if (high > 4) return N1C_E_CORRUPT;
    const int64_t step = wave_step(depth);
    for (int k = 0; k < COEFFICIENTS; k++) {
      const int64_t v = (get_number(&r, &numbers, wave_mean(k)) + wave_usual(k)) * step;
      for (int j = 0; j < SNIPPET; j++) sums[j] += v * basis[k][j];
    }
    for (int j = 0; j < SNIPPET; j++) {
      const int64_t y = divided(sums[j], 127 * 127);
      waves[i * SNIPPET + j] = (int16_t)(y > 32767 ? 32767 : y < -32768 ? -32768 : y);
    }
  }
  return n1c_decoder_overrun(&r) ? N1C_E_CORRUPT : count;
}

static int64_t get_field(const head *h, int64_t packet, piece in, int16_t *field) {
  n1c_decoder r;
  model strengths, numbers;
  int64_t blocks = 0;
  int32_t sum = 0;
  n1c_decoder_start(&r, in.at, in.length);
  start_model(&strengths), start_model(&numbers);
  numbers.tones = 1;
  const int quality = (int)get_raw(&r, 6);
  if (quality > MOST_QUALITY) return N1C_E_CORRUPT;
  for (int64_t c = packet & (BLOCK - 1); c < h->channels; c += BLOCK, blocks++) {
    int64_t tones[TONES];
    uint32_t near = 0, far = 0;
    const int32_t strength = blocks ? mean_of(sum, (int32_t)blocks) + get_number(&r, &strengths, STRENGTH_MEAN)
                                    : (int32_t)get_raw(&r, STRENGTH_BITS);
    if (strength < 0 || strength > MOST_STRENGTH) return N1C_E_CORRUPT;
    sum += strength;
    const int64_t step = field_step(strength, quality);
    for (int k = 0; k < TONES; k++) {
      const int32_t v = get_number(&r, &numbers, k < 2 ? tone_mean(k, quality) : expected_tone(k, quality, near, far));
      far = near, near = (uint32_t)(v < 0 ? -v : v);
      tones[k] = v * step;
    }
    field[blocks * (1 + BLOCK)] = (int16_t)c;
    for (int n = 0; n < BLOCK; n++) {
      int64_t sum = tones[0] * 2896; /* sqrt(1/2) */
      for (int k = 1; k < TONES; k++) sum += tones[k] * cosine(k * (2 * n + 1));
      const int64_t y = divided(sum, 32 * 4096);
      field[blocks * (1 + BLOCK) + 1 + n] = (int16_t)(y > 32767 ? 32767 : y < -32768 ? -32768 : y);
    }
  }
  return n1c_decoder_overrun(&r) ? N1C_E_CORRUPT : blocks;
}

int64_t n1c_events_decode(uint8_t *memory, int64_t length, const uint8_t *in, int64_t size, int32_t *events,
                          int64_t event_room, int16_t *waves, int64_t wave_room, int32_t *bins, int64_t bin_room,
                          int16_t *field, int64_t field_room, int64_t *counts, int64_t count_room) {
  device d;
  if (!find(memory, length, &d) || count_room != N1C_EVENTS_COUNTS || size < 0) return N1C_E_ARGUMENT;
  head *h = d.h;
  if (event_room < 2 * MOST || wave_room < 2 * MOST * SNIPPET || bin_room < 4 * (int64_t)h->channels ||
      field_room < (1 + BLOCK) * (int64_t)h->channels)
    return N1C_E_CAPACITY;
  if (size < HEAD || in[0] >> 5) return N1C_E_CORRUPT;
  if ((n1c_crc32(n1c_crc32(0, in, 3), in + HEAD, size - HEAD) & 0xFFFF) != n1c_load16(in + 3)) return N1C_E_CORRUPT;
  const int64_t number = n1c_load16(in + 1);
  if (number >= h->period) return N1C_E_CORRUPT;
  const int64_t lost = (number - h->packet % h->period + h->period) % h->period, packet = h->packet + lost;
  if (h->packet && lost > h->period / 2) return N1C_E_ARGUMENT;
  n1c_reader r = n1c_reader_of(in + HEAD, size - HEAD);
  int64_t found[5] = {0};
  for (int i = 0; i < N1C_EVENTS_COUNTS; i++) counts[i] = 0;
  for (int layer = 0; layer < 5; layer++) {
    if (!(in[0] >> layer & 1)) continue;
    const int64_t bytes = in[0] >> (layer + 1) ? (int64_t)n1c_read_leb128(&r, 4) : r.end - r.at;
    if (r.bad || bytes > r.end - r.at) return N1C_E_CORRUPT;
    const piece p = {r.at, bytes};
    r.at += bytes;
    switch (layer) {
      case 0: found[0] = get_bins(&d, packet, lost, p, bins); break;
      case 1: found[1] = get_events(h, p, events); break;
      case 2: found[2] = get_waves(p, waves, counts + 2); break;
      case 3: found[3] = get_field(h, packet, p, field); break;
      default: counts[5] = p.at - in, counts[6] = bytes;
    }
    if (layer < 4 && found[layer] < 0) return N1C_E_CORRUPT;
  }
  if (r.at != r.end) return N1C_E_CORRUPT;
  counts[0] = found[1], counts[1] = found[2], counts[3] = found[0], counts[4] = found[3], counts[7] = packet;
  if (lost) /* what a key was may have changed in the packets that are missing */
    for (int64_t missing = lost < KEY_BINS * 64 ? lost : KEY_BINS * 64, p = packet - missing; p < packet; p++)
      for (int64_t c = p % h->bin; c < h->channels; c += h->bin)
        if (is_key(h, p, c)) d.key[c] = UNKNOWN;
  for (int64_t i = 0; i < found[0]; i++)
    if (is_key(h, packet, bins[4 * i])) d.key[bins[4 * i]] = (uint16_t)bins[4 * i + 3];
  if (!(in[0] & 1))
    for (int64_t c = packet % h->bin; c < h->channels; c += h->bin)
      if (is_key(h, packet, c)) d.key[c] = UNKNOWN;
  h->packet = packet + 1;
  return lost;
}
