/* Packets of many channels: n1's model with a state for each channel, eight channels in lockstep. docs/streaming.md
 * describes the format. */
#include "n1_stream.h"

#include "n1c.h"

#if defined(__SSE2__) || defined(_M_X64)
#  include <emmintrin.h>
#endif

#define SECTION 512 /* channels that share coder states and restart together, at most */
#define TAIL 8      /* steps of a section's last eight channels that one state codes */
#define STATE ((uint64_t)1 << 32)
#define TAIL_STATE ((uint32_t)1 << 24)
#define START 112   /* scale of the first errors where nothing is known */
#define HEAD 9      /* bytes of a packet before its first section */
#define NO_CODE 0xffff
#define MAX_CHANNELS 65536
#define MAGIC 0x4e314331u

enum { KEY = 1, STORED = 2 }; /* bits of a section's head, below its length */

typedef struct {
  uint32_t low, frequency;
} interval;

typedef struct {
  uint32_t magic;
  int32_t channels, frames, sections, section_groups, groups;
  int64_t period;        /* packets between a section's restarts */
  uint32_t sequence;     /* of the packet that comes next */
  uint32_t seed;         /* checksum of the settings, from which that of a packet goes on */
  int32_t restart;       /* the next packet is a key to everything */
  uint32_t crc[8][256];
  n1_model model, solver; /* the tables and the prior's weights; what solves for one channel */
  n1_profile profile;
  uint16_t *code;        /* of each sample + 32768, or NO_CODE */
  int16_t *sample;       /* of each code */
  n1_group *group;
  uint8_t *alive;        /* of each section: its state is the encoder's */
  uint8_t *stored;       /* of each channel of a section */
  uint32_t *coded;
  uint8_t *bytes;        /* a section's */
} stream;

#define ROUND(x) (((int64_t)(x) + 63) & ~(int64_t)63)

static uint8_t *align64(uint8_t *p) { return p + (-(uintptr_t)p & 63); }

static uint8_t *put(uint8_t *at, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) *at++ = (uint8_t)(v >> 8 * i);
  return at;
}

static uint8_t *put_varint(uint8_t *at, uint32_t v) {
  for (; v > 127; v >>= 7) *at++ = (uint8_t)(v | 128);
  *at++ = (uint8_t)v;
  return at;
}

typedef struct {
  const uint8_t *at, *end;
  int bad;
} reader;

static uint64_t take(reader *r, int bytes) {
  uint64_t v = 0;
  if (r->end - r->at < bytes) {
    r->bad = 1;
    return 0;
  }
  for (int i = 0; i < bytes; i++) v |= (uint64_t)*r->at++ << 8 * i;
  return v;
}

static uint32_t take_varint(reader *r) {
  uint32_t v = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    const uint32_t byte = (uint32_t)take(r, 1);
    v |= (byte & 127) << shift;
    if (byte < 128) return v;
  }
  r->bad = 1;
  return 0;
}

/* -- checksum ------------------------------------------------------------------------------------------------------ */

/* CRC-32, eight bytes at a time (M. Kounavis, F. Berry, "Novel table lookup-based algorithms for high-performance CRC
 * generation", 2008). */
static void crc_open(uint32_t table[8][256]) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t v = i;
    for (int b = 0; b < 8; b++) v = v >> 1 ^ (0xedb88320u & (0u - (v & 1)));
    table[0][i] = v;
  }
  for (int k = 1; k < 8; k++)
    for (int i = 0; i < 256; i++) table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

static uint32_t crc_of(const uint32_t t[8][256], uint32_t crc, const uint8_t *p, int64_t length) {
  crc = ~crc;
  for (; length >= 8; length -= 8, p += 8) {
    const uint32_t a = n1_get32(p) ^ crc, b = n1_get32(p + 4);
    crc = t[7][a & 255] ^ t[6][a >> 8 & 255] ^ t[5][a >> 16 & 255] ^ t[4][a >> 24] ^ t[3][b & 255] ^
          t[2][b >> 8 & 255] ^ t[1][b >> 16 & 255] ^ t[0][b >> 24];
  }
  for (; length > 0; length--) crc = crc >> 8 ^ t[0][(crc ^ *p++) & 255];
  return ~crc;
}

/* -- eight channels, without AVX2 ---------------------------------------------------------------------------------- */

static void block_sums(const n1_group *g, const n1_block *b, int32_t step, uint32_t *sums) {
  const int32_t at = N1_ORDER + step - 1;
#if defined(__SSE2__) || defined(_M_X64)
  __m128i low = _mm_setzero_si128(), high = low;
  for (int i = 0; i < N1_ORDER / 2; i++) {
    const __m128i *x = (const __m128i *)(const void *)b->pair[at - 2 * i];
    const __m128i *w = (const __m128i *)(const void *)g->weights[i];
    low = _mm_add_epi32(low, _mm_madd_epi16(_mm_loadu_si128(x), _mm_loadu_si128(w)));
    high = _mm_add_epi32(high, _mm_madd_epi16(_mm_loadu_si128(x + 1), _mm_loadu_si128(w + 1)));
  }
  _mm_storeu_si128((__m128i *)(void *)sums, low);
  _mm_storeu_si128((__m128i *)(void *)(sums + 4), high);
#else
  memset(sums, 0, N1_LANES * sizeof *sums);
  for (int i = 0; i < N1_ORDER / 2; i++)
    for (int k = 0; k < 2 * N1_LANES; k++) sums[k / 2] += (uint32_t)(g->weights[i][k] * b->pair[at - 2 * i][k]);
#endif
}

static void begin_step(const n1_model *m, n1_group *g, const n1_block *b, int32_t step, int32_t *p, int32_t *scale) {
  uint32_t sums[N1_LANES];
  n1_block_grow(m, g, b, step);
  block_sums(g, b, step, sums);
  for (int lane = 0; lane < N1_LANES; lane++) {
    const uint32_t v = (5 * (g->a1[lane] >> 8) + 9 * (g->a2[lane] >> 3) + 2 * (g->a3[lane] << 1)) >> 4;
    scale[lane] = n1_clamp(n1_log(v | 1) + g->extra[lane], 0, N1_SCALES - 1);
    p[lane] = n1_level(sums[lane], g->shift[lane]);
  }
}

static void end_step(const n1_model *m, n1_group *g, n1_block *b, int32_t step, const int32_t *p) {
  int16_t *now = b->pair[N1_ORDER + step];
  for (int lane = 0; lane < N1_LANES; lane++) {
    const int32_t c = m->centre[b->codes[step][lane]];
    const int32_t e = n1_clamp((c - (p[lane] >> 5)) >> m->scale_shift, -1023, 1023);
    const uint32_t square = (uint32_t)(e * e);
    now[2 * lane] = (int16_t)c;
    now[2 * lane + 1] = b->pair[N1_ORDER + step - 1][2 * lane];
    if (g->age[lane] + step < N1_ORDER) continue;
    g->a1[lane] += square - (g->a1[lane] >> 12);
    g->a2[lane] += square - (g->a2[lane] >> 7);
    g->a3[lane] += square - (g->a3[lane] >> 3);
  }
}

void n1_block_encode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded) {
  int32_t p[N1_LANES], scale[N1_LANES];
  for (int32_t t = from; t < to; t++, coded += 2 * N1_LANES) {
    begin_step(m, g, b, t, p, scale);
    for (int lane = 0; lane < N1_LANES; lane++) {
      const int32_t code = b->codes[t][lane];
      coded[lane] = n1_below(m, code, p[lane], scale[lane]);
      coded[N1_LANES + lane] = b->idle >> lane & 1 ? 0 : n1_below(m, code + 1, p[lane], scale[lane]) - coded[lane];
    }
    end_step(m, g, b, t, p);
  }
}

const uint8_t *n1_block_decode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint64_t *state,
                               const uint8_t *in, const uint8_t *end) {
  int32_t p[N1_LANES], scale[N1_LANES];
  for (int32_t t = from; t < to; t++) {
    begin_step(m, g, b, t, p, scale);
    for (int lane = 0; lane < N1_LANES; lane++) {
      const uint32_t slot = (uint32_t)state[lane] & (N1_PROB - 1);
      uint32_t low, frequency;
      b->codes[t][lane] = 0;
      if (b->idle >> lane & 1) continue;
      b->codes[t][lane] = (uint16_t)n1_find(m, slot, p[lane], scale[lane], &low, &frequency);
      state[lane] = frequency * (state[lane] >> N1_PROB_BITS) + slot - low;
      if (state[lane] >> 32) continue;
      if (end - in < 4) return NULL;
      state[lane] = state[lane] << 32 | n1_get32(in);
      in += 4;
    }
    end_step(m, g, b, t, p);
  }
  return in;
}

static void block_correlate(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames) {
  for (int lag = 0; lag <= N1_ORDER; lag++)
    for (int lane = 0; lane < N1_LANES; lane++) {
      int32_t sum = 0;
      for (int32_t i = N1_ORDER; i < N1_ORDER + frames; i++)
        sum += (b->pair[i][2 * lane] >> m->corr_shift) * (b->pair[i - lag][2 * lane] >> m->corr_shift);
      g->corr[lag][lane] += sum;
    }
}

/* -- state of the channels ----------------------------------------------------------------------------------------- */

/* The first solution comes after 128 to 1151 samples and each further one at twice that, from 4096 on every 4096 samples:
 * channels that restart together are not solved together. */
#define FIRST(channel) (128 + ((channel) * 37 & 1023))
#define PERIOD 4096

static void restart_lane(const stream *s, int32_t index, int32_t lane, int32_t start) {
  n1_group *g = s->group + index;
  const uint32_t mean = n1_power(start - 16 * s->model.scale_shift);
  for (int i = 0; i < N1_ORDER; i++) g->past[i][lane] = 0;
  for (int i = 0; i <= N1_ORDER; i++) g->corr[i][lane] = 0;
  g->a1[lane] = mean << 8;
  g->a2[lane] = mean << 3;
  g->a3[lane] = mean >> 1;
  g->age[lane] = 0;
  g->next[lane] = FIRST(index * N1_LANES + lane);
  g->shift[lane] = s->model.shift[0];
  g->extra[lane] = s->model.extra[0];
  g->start[lane] = (uint8_t)start;
}

static void solve_lane(stream *s, n1_group *g, int32_t lane) {
  n1_model *solver = &s->solver;
  n1_model_prior(solver, &s->profile, g->start[lane]);
  for (int i = 0; i <= N1_ORDER; i++) solver->prior[i] += g->corr[i][lane];
  n1_solve(solver, 0);
  for (int i = 0; i < N1_ORDER / 2; i++)
    memcpy(g->weights[i] + 2 * lane, solver->weights[N1_ORDER] + 2 * i, 4);
  g->shift[lane] = solver->shift[N1_ORDER];
  g->extra[lane] = 0;
  g->next[lane] = g->next[lane] < PERIOD ? 2 * g->next[lane] : g->next[lane] + PERIOD;
}

static void block_open(const n1_group *g, n1_block *b, int32_t idle) {
  memset(b->pair[0], 0, sizeof b->pair[0]);
  for (int i = 0; i < N1_ORDER; i++)
    for (int lane = 0; lane < N1_LANES; lane++) {
      b->pair[i][2 * lane] = g->past[i][lane];
      b->pair[i + 1][2 * lane + 1] = g->past[i][lane];
    }
  b->idle = idle;
  b->youngest = N1_ORDER + 1;
  for (int lane = 0; lane < N1_LANES; lane++)
    if (!(idle >> lane & 1) && g->age[lane] < b->youngest) b->youngest = g->age[lane];
}

static void block_close(stream *s, int32_t index, n1_block *b, int32_t simd) {
  n1_group *g = s->group + index;
  const int32_t frames = s->frames;
  for (int lane = 0; lane < N1_LANES; lane++) {
    b->pair[N1_ORDER + frames][2 * lane] = 0;
    b->pair[N1_ORDER + frames][2 * lane + 1] = b->pair[N1_ORDER + frames - 1][2 * lane];
  }
  if (simd) n1_block_correlate_avx2(&s->model, g, b, frames);
  else block_correlate(&s->model, g, b, frames);
  for (int i = 0; i < N1_ORDER; i++)
    for (int lane = 0; lane < N1_LANES; lane++) g->past[i][lane] = b->pair[i + frames][2 * lane];
  for (int lane = 0; lane < N1_LANES; lane++) {
    if (b->idle >> lane & 1) {
      restart_lane(s, index, lane, START);
      continue;
    }
    g->age[lane] += frames;
    if (g->age[lane] >= g->next[lane]) solve_lane(s, g, lane);
  }
}

/* What the errors of late say about the first ones after a restart. */
static int32_t start_of(const n1_group *g, int32_t lane) {
  return n1_clamp(n1_log(g->a1[lane] >> 8 | 1) / 2, 32, 191);
}

/* -- one packet ---------------------------------------------------------------------------------------------------- */

typedef struct {
  int32_t group, groups;     /* of a section */
  int32_t channel, channels;
} span;

static span span_of(const stream *s, int32_t section) {
  span v;
  v.group = section * s->section_groups;
  v.groups = s->groups - v.group < s->section_groups ? s->groups - v.group : s->section_groups;
  v.channel = v.group * N1_LANES;
  v.channels = s->channels - v.channel < v.groups * N1_LANES ? s->channels - v.channel : v.groups * N1_LANES;
  return v;
}

static int due(const stream *s, int32_t section) {
  return s->restart || s->sequence % s->period == section * s->period / s->sections;
}

/* Lanes of a section's group that are not coded. */
static int32_t idle_of(const stream *s, const span *v, int32_t group) {
  int32_t idle = 0;
  for (int lane = 0; lane < N1_LANES; lane++) {
    const int32_t channel = group * N1_LANES + lane;
    if (channel >= v->channels || s->stored[channel]) idle |= 1 << lane;
  }
  return idle;
}

static uint8_t *store(const stream *s, const span *v, const int16_t *x, uint8_t *at) {
  int32_t count = 0, last = -1;
  for (int32_t i = 0; i < v->channels; i++) count += s->stored[i];
  at = put_varint(at, (uint32_t)count);
  for (int32_t i = 0; i < v->channels; i++) {
    if (!s->stored[i]) continue;
    at = put_varint(at, (uint32_t)(i - last - 1));
    last = i;
    for (int32_t t = 0; t < s->frames; t++) at = put(at, (uint16_t)x[t * (int64_t)s->channels + v->channel + i], 2);
  }
  return at;
}

/* A section's bytes; flags gets its bits. */
static int64_t encode_section(stream *s, int32_t section, const int16_t *x, int32_t simd, uint8_t *out,
                              uint32_t *flags) {
  const span v = span_of(s, section);
  const int32_t frames = s->frames, tail = v.groups == 1 || frames < TAIL ? frames : TAIL;
  const int64_t room = 4 * (int64_t)s->section_groups * N1_LANES * frames + 1024;
  uint8_t *const words_top = s->bytes + ROUND(room), *const bytes_end = words_top + ROUND(room);
  uint8_t *at = out, *bytes = bytes_end, *words = words_top;
  uint32_t *coded = s->coded, *end, state32 = TAIL_STATE, lengths = 0;
  uint64_t state[N1_LANES];
  int64_t size = v.groups > 1 ? 2 : 0;
  int32_t count = 0, length[N1_LANES];
  *flags = 0;
  if (due(s, section)) {
    *flags |= KEY;
    for (int32_t i = 0; i < v.channels; i++) {
      const int32_t start = s->restart ? START : start_of(s->group + v.group + i / N1_LANES, i % N1_LANES);
      restart_lane(s, v.group + i / N1_LANES, i % N1_LANES, start);
      *at++ = (uint8_t)start;
    }
  }
  memset(s->stored, 0, (size_t)v.channels);
  for (int32_t t = 0; t < frames; t++) {
    const int16_t *row = x + t * (int64_t)s->channels + v.channel;
    for (int32_t i = 0; i < v.channels; i++) s->stored[i] |= s->code[row[i] + 32768] == NO_CODE;
  }
  for (int32_t i = 0; i < v.channels; i++) count += s->stored[i];

  for (int32_t k = 0; k < v.groups; k++) {
    n1_group *g = s->group + v.group + k;
    n1_block b;
    const int32_t steps = k == v.groups - 1 ? frames - tail : frames;
    const int32_t lanes = v.channels - k * N1_LANES < N1_LANES ? v.channels - k * N1_LANES : N1_LANES;
    block_open(g, &b, idle_of(s, &v, k));
    memset(b.codes, 0, (size_t)frames * sizeof b.codes[0]);
    for (int32_t t = 0; t < frames; t++) {
      const int16_t *row = x + t * (int64_t)s->channels + v.channel + k * N1_LANES;
      for (int32_t lane = 0; lane < lanes; lane++)
        if (!(b.idle >> lane & 1)) b.codes[t][lane] = s->code[row[lane] + 32768];
    }
    if (steps) (simd ? n1_block_encode_avx2 : n1_block_encode)(&s->model, g, &b, 0, steps, coded);
    coded += 2 * N1_LANES * steps;
    if (steps < frames) n1_block_encode(&s->model, g, &b, steps, frames, coded);
    block_close(s, v.group + k, &b, simd);
  }

  end = coded;
  for (const uint32_t *c = end + 2 * N1_LANES * tail; c > end;) {
    c -= 2 * N1_LANES;
    for (int32_t lane = N1_LANES - 1; lane >= 0; lane--) {
      const uint32_t frequency = c[N1_LANES + lane];
      if (!frequency) continue;
      while (state32 >= (uint64_t)frequency << 8) {
        *--bytes = (uint8_t)state32;
        state32 >>= 8;
      }
      state32 = (state32 / frequency << N1_PROB_BITS) + state32 % frequency + c[lane];
    }
  }
  for (int i = 0; i < 4; i++, state32 >>= 8) *--bytes = (uint8_t)state32;
  for (int32_t lane = 0; lane < N1_LANES && v.groups > 1; lane++) {
    /* The tail's first bytes are what the lanes' states begin with: the decoder ends there. */
    state[lane] = STATE;
    for (int i = 0; i < 4; i++) state[lane] |= (uint64_t)(bytes < bytes_end ? *bytes++ : 0) << 8 * i;
  }
  for (const uint32_t *c = end; c > s->coded;) {
    c -= 2 * N1_LANES;
    for (int32_t lane = N1_LANES - 1; lane >= 0; lane--) {
      const uint64_t frequency = c[N1_LANES + lane];
      uint64_t y = state[lane];
      if (!frequency) continue;
      if (y >= frequency << 40) {
        words -= 4;
        put(words, y, 4);
        y >>= 32;
      }
      state[lane] = (y / frequency << N1_PROB_BITS) + y % frequency + c[lane];
    }
  }
  for (int32_t lane = 0; lane < N1_LANES && v.groups > 1; lane++) {
    length[lane] = 5;
    while (length[lane] < 8 && state[lane] >> 8 * length[lane]) length[lane]++;
    lengths |= (uint32_t)(length[lane] - 5) << 2 * lane;
    size += length[lane];
  }
  size += (words_top - words) + (bytes_end - bytes);
  if (size > 2 * (int64_t)(v.channels - count) * frames) {
    /* The model is of no use to these samples: they are stored, and all begin anew. */
    memset(s->stored, 1, (size_t)v.channels);
    for (int32_t i = 0; i < v.channels; i++) restart_lane(s, v.group + i / N1_LANES, i % N1_LANES, START);
    *flags |= STORED;
    return store(s, &v, x, at) - out;
  }
  if (count) {
    *flags |= STORED;
    at = store(s, &v, x, at);
  }
  if (v.groups > 1) at = put(at, lengths, 2);
  for (int32_t lane = 0; lane < N1_LANES && v.groups > 1; lane++) at = put(at, state[lane], length[lane]);
  memcpy(at, words, (size_t)(words_top - words));
  at += words_top - words;
  memcpy(at, bytes, (size_t)(bytes_end - bytes));
  return at + (bytes_end - bytes) - out;
}

/* The samples of a section; 0 if its bytes are not what the encoder writes. */
static int decode_section(stream *s, int32_t section, reader in, int32_t simd, int16_t *x, uint32_t flags) {
  const span v = span_of(s, section);
  const int32_t frames = s->frames, tail = v.groups == 1 || frames < TAIL ? frames : TAIL;
  uint64_t state[N1_LANES];
  uint8_t carried[4 * N1_LANES];
  uint32_t lengths = 0, state32 = 0;
  int64_t used = 0;
  const int64_t spare = v.groups > 1 ? (int64_t)sizeof carried : 0;
  int32_t count = 0;
  if (flags & KEY)
    for (int32_t i = 0; i < v.channels; i++) {
      const int32_t start = (int32_t)take(&in, 1);
      if (start < 32 || start > 191) return 0;
      restart_lane(s, v.group + i / N1_LANES, i % N1_LANES, start);
    }
  memset(s->stored, 0, (size_t)v.channels);
  if (flags & STORED) {
    int32_t last = -1;
    count = (int32_t)take_varint(&in);
    if (count > v.channels) return 0;
    for (int32_t i = 0; i < count; i++) {
      const int64_t gap = take_varint(&in);
      if (in.bad || gap + last + 1 >= v.channels) return 0;
      last += (int32_t)gap + 1;
      s->stored[last] = 1;
      for (int32_t t = 0; t < frames; t++)
        x[t * (int64_t)s->channels + v.channel + last] = (int16_t)(uint16_t)take(&in, 2);
    }
  }
  if (count == v.channels) {
    for (int32_t i = 0; i < v.channels; i++) restart_lane(s, v.group + i / N1_LANES, i % N1_LANES, START);
    return !in.bad && in.at == in.end;
  }
  if (v.groups > 1) lengths = (uint32_t)take(&in, 2);
  for (int32_t lane = 0; lane < N1_LANES && v.groups > 1; lane++) {
    state[lane] = take(&in, 5 + (int)(lengths >> 2 * lane & 3));
    if (state[lane] < STATE) return 0;
  }
  if (in.bad) return 0;
  for (int32_t k = 0; k < v.groups; k++) {
    n1_group *g = s->group + v.group + k;
    n1_block b;
    const int32_t steps = k == v.groups - 1 ? frames - tail : frames;
    const int32_t lanes = v.channels - k * N1_LANES < N1_LANES ? v.channels - k * N1_LANES : N1_LANES;
    block_open(g, &b, idle_of(s, &v, k));
    if (steps)
      in.at = (simd ? n1_block_decode_avx2 : n1_block_decode)(&s->model, g, &b, 0, steps, state, in.at, in.end);
    if (!in.at) return 0;
    if (steps < frames) {
      for (int32_t lane = 0; lane < N1_LANES && v.groups > 1; lane++) {
        if (state[lane] >> 32 != 1) return 0;
        put(carried + 4 * lane, state[lane], 4);
      }
#define NEXT_BYTE (used < spare ? carried[used] : used - spare < in.end - in.at ? in.at[used - spare] : 0)
      for (int i = 0; i < 4; i++, used++) state32 = state32 << 8 | NEXT_BYTE;
      for (int32_t t = steps; t < frames; t++) {
        int32_t p[N1_LANES], scale[N1_LANES];
        begin_step(&s->model, g, &b, t, p, scale);
        for (int lane = 0; lane < N1_LANES; lane++) {
          const uint32_t slot = state32 & (N1_PROB - 1);
          uint32_t low, frequency;
          b.codes[t][lane] = 0;
          if (b.idle >> lane & 1) continue;
          b.codes[t][lane] = (uint16_t)n1_find(&s->model, slot, p[lane], scale[lane], &low, &frequency);
          state32 = frequency * (state32 >> N1_PROB_BITS) + slot - low;
          for (; state32 < TAIL_STATE && used - spare < in.end - in.at; used++) state32 = state32 << 8 | NEXT_BYTE;
        }
        end_step(&s->model, g, &b, t, p);
      }
#undef NEXT_BYTE
      if (state32 != TAIL_STATE || (in.at < in.end && used - spare < in.end - in.at)) return 0;
    }
    for (int32_t t = 0; t < frames; t++) {
      int16_t *row = x + t * (int64_t)s->channels + v.channel + k * N1_LANES;
      for (int32_t lane = 0; lane < lanes; lane++)
        if (!(b.idle >> lane & 1)) row[lane] = s->sample[b.codes[t][lane]];
    }
    block_close(s, v.group + k, &b, simd);
  }
  return 1;
}

/* -- the interface ------------------------------------------------------------------------------------------------- */

static int32_t sections_of(int64_t channels) { return (int32_t)((channels + SECTION - 1) / SECTION); }

int64_t n1c_stream_bytes(int64_t channels, int64_t frames) {
  if (channels < 1 || channels > MAX_CHANNELS || frames < 1 || frames > N1_FRAMES) return N1C_E_ARGUMENT;
  return 64 + ROUND(sizeof(stream)) + ROUND(n1_model_bytes(0, N1_ADAPTIVE_CODES)) * 2 + ROUND(2 * 65536) +
         ROUND(2 * N1_ADAPTIVE_CODES) + ROUND((channels + 7) / 8 * (int64_t)sizeof(n1_group)) +
         ROUND(sections_of(channels)) + ROUND(SECTION) + ROUND(8 * SECTION * frames + 64) +
         2 * ROUND(4 * SECTION * frames + 1024);
}

int64_t n1c_stream_capacity(int64_t channels, int64_t frames) {
  if (channels < 1 || channels > MAX_CHANNELS || frames < 1 || frames > N1_FRAMES) return N1C_E_ARGUMENT;
  return HEAD + channels * (2 * frames + 4) + 96 * (int64_t)sections_of(channels);
}

int64_t n1c_stream_open(uint8_t *memory, int64_t length, const uint8_t *profile, int64_t profile_length,
                        int64_t channels, int64_t frames, int64_t period) {
  uint8_t *at = align64(memory), settings[24];
  stream *s = (stream *)(void *)at;
  const int64_t bytes = n1c_stream_bytes(channels, frames);
  if (bytes < 0 || length < bytes || period < 1 || period > ((int64_t)1 << 30) / frames) return N1C_E_ARGUMENT;
  memset(s, 0, sizeof *s);
  if (profile_length == 1 && *profile == 1) {
    profile = n1_profile_n1;
    profile_length = n1_profile_n1_length;
  }
  if (n1_profile_open(profile, profile_length, &s->profile) || !s->profile.codes) return N1C_E_ARGUMENT;
  at += ROUND(sizeof *s);
  s->channels = (int32_t)channels;
  s->frames = (int32_t)frames;
  s->groups = (int32_t)((channels + N1_LANES - 1) / N1_LANES);
  s->sections = sections_of(channels);
  s->section_groups = (s->groups + s->sections - 1) / s->sections;
  s->period = period;
  s->restart = 1;
  n1_model_open(&s->model, at, &s->profile, s->profile.codes, 0, N1_LANES);
  at += ROUND(n1_model_bytes(0, N1_ADAPTIVE_CODES));
  n1_model_open(&s->solver, at, &s->profile, s->profile.codes, 0, N1_LANES);
  at += ROUND(n1_model_bytes(0, N1_ADAPTIVE_CODES));
  n1_model_start(&s->model, &s->profile, START);
  n1_model_start(&s->solver, &s->profile, START);
  n1_solve(&s->model, 0);
  s->code = (uint16_t *)(void *)at, at += ROUND(2 * 65536);
  s->sample = (int16_t *)(void *)at, at += ROUND(2 * N1_ADAPTIVE_CODES);
  s->group = (n1_group *)(void *)at, at += ROUND(s->groups * (int64_t)sizeof(n1_group));
  s->alive = at, at += ROUND(s->sections);
  s->stored = at, at += ROUND(SECTION);
  s->coded = (uint32_t *)(void *)at, at += ROUND(8 * SECTION * frames + 64);
  s->bytes = at;
  memset(s->group, 0, (size_t)s->groups * sizeof(n1_group));
  memset(s->alive, 0, (size_t)s->sections);
  memset(s->code, 0xff, 2 * 65536);
  for (int32_t k = 0; k < s->profile.codes; k++) {
    /* N1 stretches 10 bits to 16. */
    const int32_t v = s->profile.stretch ? (k * 65535 - 32768 * 1023) / 1023 : s->profile.first + s->profile.step * k;
    s->sample[k] = (int16_t)n1_clamp(v, -32768, 32767);
    if (v <= 32767) s->code[v + 32768] = (uint16_t)k;
  }
  for (int32_t i = 0; i < s->groups * N1_LANES; i++) restart_lane(s, i / N1_LANES, i % N1_LANES, START);
  crc_open(s->crc);
  put(put(settings, (uint64_t)channels, 8), (uint64_t)frames, 8);
  put(settings + 16, (uint64_t)period, 8);
  s->seed = crc_of(s->crc, crc_of(s->crc, 0, profile, profile_length), settings, sizeof settings);
  s->magic = MAGIC;
  return bytes;
}

static stream *opened(uint8_t *memory, int64_t length) {
  stream *s = (stream *)(void *)align64(memory);
  if (length < (int64_t)sizeof *s + 64 || s->magic != MAGIC || length < n1c_stream_bytes(s->channels, s->frames))
    return NULL;
  return s;
}

int64_t n1c_stream_restart(uint8_t *memory, int64_t length) {
  stream *s = opened(memory, length);
  if (!s) return N1C_E_ARGUMENT;
  s->restart = 1;
  return 0;
}

int64_t n1c_stream_encode(uint8_t *memory, int64_t length, const int16_t *x, int64_t n, uint8_t *out, int64_t capacity,
                          int64_t simd) {
  stream *s = opened(memory, length);
  uint8_t *at = out + HEAD;
  if (!s || n != (int64_t)s->channels * s->frames) return N1C_E_ARGUMENT;
  if (capacity < n1c_stream_capacity(s->channels, s->frames)) return N1C_E_CAPACITY;
  simd = simd && n1_avx2();
  out[0] = 0;
  put(out + 1, s->sequence, 4);
  for (int32_t i = 0; i < s->sections; i++) {
    /* The length is known when the section is there: it is moved up to its head. */
    uint8_t *const body = at + 5;
    uint32_t flags;
    const int64_t size = encode_section(s, i, x, (int32_t)simd, body, &flags);
    at = put_varint(at, (uint32_t)size << 2 | flags);
    memmove(at, body, (size_t)size);
    at += size;
  }
  put(out + 5, crc_of(s->crc, crc_of(s->crc, s->seed, out, 5), out + HEAD, at - out - HEAD), 4);
  s->restart = 0;
  s->sequence++;
  return at - out;
}

int64_t n1c_stream_decode(uint8_t *memory, int64_t length, const uint8_t *in, int64_t size, int16_t *x, int64_t n,
                          uint8_t *valid, int64_t channels, int64_t simd) {
  stream *s = opened(memory, length);
  reader r;
  uint32_t sequence, missing;
  int32_t bad = 0;
  if (!s || n != (int64_t)s->channels * s->frames || channels != s->channels) return N1C_E_ARGUMENT;
  if (size < HEAD || in[0] != 0) return N1C_E_CORRUPT;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* a fuzzer would get no further */
  if (n1_get32(in + 5) != crc_of(s->crc, crc_of(s->crc, s->seed, in, 5), in + HEAD, size - HEAD)) return N1C_E_CORRUPT;
#endif
  sequence = n1_get32(in + 1);
  missing = s->restart ? 0 : sequence - s->sequence; /* restart: nothing came so far */
  if (missing >> 31) return N1C_E_ARGUMENT;
  if (missing || s->restart) memset(s->alive, 0, (size_t)s->sections);
  simd = simd && n1_avx2();
  memset(x, 0, (size_t)n * sizeof *x);
  memset(valid, 0, (size_t)channels);
  r.at = in + HEAD, r.end = in + size, r.bad = 0;
  for (int32_t i = 0; i < s->sections && !bad; i++) {
    const span v = span_of(s, i);
    const uint32_t head = take_varint(&r);
    reader body;
    if (r.bad || head >> 2 > r.end - r.at) {
      bad = 1;
      break;
    }
    body.at = r.at, body.end = r.at += head >> 2, body.bad = 0;
    if (!s->alive[i] && !(head & KEY)) continue;
    s->alive[i] = 0;
    bad = !decode_section(s, i, body, (int32_t)simd, x, head & 3);
    s->alive[i] = (uint8_t)!bad;
    memset(valid + v.channel, !bad, (size_t)v.channels);
  }
  s->restart = 0;
  s->sequence = sequence + 1;
  if (bad || r.at != r.end) {
    memset(s->alive, 0, (size_t)s->sections);
    return N1C_E_CORRUPT;
  }
  return missing;
}
