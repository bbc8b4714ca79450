/* The table of a static model: which symbols occur, and how often or with which code length.
 *
 * Both are coded with adaptive bits. Gaps between symbols repeat (recordings stretched to 16 bits step by 64 and now and
 * then by 65), so a gap is first compared with the last two different ones; weights change slowly from one symbol to the
 * next, so the width in bits of a count, or the code length, is coded as a difference. */
#include "entropy.h"

#include <string.h>

#define R1(n) (uint16_t)(131072 / (2 * (n) + 3))
#define R4(n) R1(n), R1((n) + 1), R1((n) + 2), R1((n) + 3)
#define R16(n) R4(n), R4((n) + 4), R4((n) + 8), R4((n) + 12)
#define R64(n) R16(n), R16((n) + 16), R16((n) + 32), R16((n) + 48)
#define R256(n) R64(n), R64((n) + 64), R64((n) + 128), R64((n) + 192)
const uint16_t n1c_counter_rates[N1C_MOST_SEEN + 1] = {R256(0), R256(256), R256(512), R256(768)};

#define LIMIT 60
#define CONTEXTS 3
#define MODELLED 4 /* numbers below 2^MODELLED have a counter for every bit */

typedef struct {
  n1c_counter width[32];
  n1c_counter bits[1 << MODELLED];
} number;

typedef struct {
  n1c_counter repeat[2][2]; /* after a repeated gap or another, the last gap or the one before */
  number size, gap, weight[CONTEXTS];
} models;

static void start(models *m) {
  n1c_counter *all = (n1c_counter *)m;
  for (size_t i = 0; i < sizeof *m / sizeof *all; i++) all[i] = N1C_COUNTER;
}

static void encode_number(n1c_encoder *e, number *m, uint32_t v) {
  const int width = n1c_width(v);
  n1c_encode_tree(e, m->width, (uint32_t)width, 5, LIMIT);
  if (width < 2) return;
  const uint32_t rest = v - (1u << (width - 1));
  if (width <= MODELLED)
    n1c_encode_tree(e, m->bits + (1 << (width - 1)), rest, width - 1, LIMIT);
  else
    n1c_encode_interval(e, rest, 1, width - 1);
}

static uint32_t decode_equiprobable(n1c_decoder *d, int bits) {
  const uint64_t unit = d->range >> bits;
  const uint64_t most = ((uint64_t)1 << bits) - 1;
  uint64_t v = d->code / unit;
  if (v > most) v = most; /* damaged, and whatever follows will be as well */
  n1c_decoder_narrow(d, unit * v, unit);
  return (uint32_t)v;
}

/* Returns a number below 2^17, whatever the input. */
static uint32_t decode_number(n1c_decoder *d, number *m) {
  const int width = (int)n1c_decode_tree(d, m->width, 5, LIMIT);
  if (width < 2) return (uint32_t)width;
  if (width <= MODELLED) return (1u << (width - 1)) + n1c_decode_tree(d, m->bits + (1 << (width - 1)), width - 1, LIMIT);
  if (width > 17) return (1u << 17) - 1;
  return (1u << (width - 1)) + decode_equiprobable(d, width - 1);
}

/* How many bits of a count below its highest are worth their place: an error of one part in 2^kept costs about
 * count / 2^(2 kept) / 16 bits over all. */
static int kept_bits(int width) { return width < 6 ? 0 : (width - 4) / 2; }

static int32_t context(int32_t change) { return change == 0 ? 0 : change == 1 || change == -1 ? 1 : 2; }

void n1c_alphabet_count(n1c_alphabet *a, const int16_t *x, int64_t n, uint32_t *counts) {
  memset(counts, 0, N1C_SYMBOLS * sizeof *counts);
  for (int64_t at = 0; at < n;) {
    const int64_t end = n - at < N1C_COUNTED ? n : at + N1C_COUNTED;
    for (int64_t i = at; i < end; i++) counts[n1c_offset(x[i])]++;
    at = end;
    for (uint32_t s = 0; s < N1C_SYMBOLS && at < n; s++) counts[s] = (counts[s] + 1) / 2;
  }
  a->size = 0;
  for (uint32_t s = 0; s < N1C_SYMBOLS; s++) {
    if (!counts[s]) continue;
    a->symbol[a->size] = (uint16_t)s;
    a->weight[a->size++] = counts[s];
  }
}

void n1c_alphabet_encode(n1c_alphabet *a, n1c_encoder *e, int exact) {
  models m;
  uint32_t gaps[2] = {1, 1};
  int32_t level = 0, change = 2;
  int repeated = 1;
  start(&m);
  encode_number(e, &m.size, (uint32_t)(a->size - 1));
  n1c_encode_interval(e, a->symbol[0], 1, 16);
  for (int64_t i = 0; i < a->size && a->size > 1; i++) {
    if (i) {
      const uint32_t gap = (uint32_t)(a->symbol[i] - a->symbol[i - 1]);
      n1c_encode_bit(e, &m.repeat[repeated][0], gap == gaps[0], LIMIT);
      if (gap != gaps[0]) {
        n1c_encode_bit(e, &m.repeat[repeated][1], gap == gaps[1], LIMIT);
        if (gap != gaps[1]) encode_number(e, &m.gap, gap);
        gaps[1] = gaps[0];
        repeated = 0;
      } else {
        repeated = 1;
      }
      gaps[0] = gap;
    }
    const uint32_t weight = a->weight[i];
    const int32_t now = exact ? (int32_t)weight : n1c_width(weight);
    encode_number(e, &m.weight[context(change)], n1c_zigzag((int16_t)(now - level)));
    change = now - level;
    level = now;
    const int kept = exact ? 0 : kept_bits(now);
    if (kept) n1c_encode_interval(e, (weight >> (now - 1 - kept)) & ((1u << kept) - 1), 1, kept);
    if (!exact) {
      const int lost = now - 1 - kept;
      a->weight[i] = lost ? ((weight >> lost) << lost) + (1u << (lost - 1)) : weight;
    }
  }
}

int n1c_alphabet_decode(n1c_alphabet *a, n1c_decoder *d, int exact) {
  models m;
  uint32_t gaps[2] = {1, 1};
  int32_t level = 0, change = 2;
  int repeated = 1;
  start(&m);
  a->size = (int64_t)decode_number(d, &m.size) + 1;
  if (a->size > N1C_SYMBOLS) return N1C_E_CORRUPT;
  uint32_t symbol = decode_equiprobable(d, 16);
  a->symbol[0] = (uint16_t)symbol;
  a->weight[0] = 1;
  for (int64_t i = 0; i < a->size && a->size > 1; i++) {
    if (i) {
      uint32_t gap = gaps[0];
      if (!n1c_decode_bit(d, &m.repeat[repeated][0], LIMIT)) {
        gap = n1c_decode_bit(d, &m.repeat[repeated][1], LIMIT) ? gaps[1] : decode_number(d, &m.gap);
        gaps[1] = gaps[0];
        repeated = 0;
      } else {
        repeated = 1;
      }
      gaps[0] = gap;
      symbol += gap;
      if (!gap || symbol >= N1C_SYMBOLS || n1c_decoder_overrun(d)) return N1C_E_CORRUPT;
      a->symbol[i] = (uint16_t)symbol;
    }
    change = n1c_unzigzag(decode_number(d, &m.weight[context(change)]) & 0xFFFFu);
    level += change;
    if (level < 1 || level > 31) return N1C_E_CORRUPT;
    if (exact) {
      a->weight[i] = (uint32_t)level;
      continue;
    }
    const int kept = kept_bits(level), lost = level - 1 - kept;
    uint32_t weight = 1u << kept;
    if (kept) weight += decode_equiprobable(d, kept);
    a->weight[i] = lost ? (weight << lost) + (1u << (lost - 1)) : weight;
  }
  return n1c_decoder_overrun(d) ? N1C_E_CORRUPT : 0;
}

void n1c_alphabet_starts(const n1c_alphabet *a, uint32_t *starts) {
  const uint64_t shared = ((uint64_t)1 << N1C_SCALE) - (uint64_t)a->size;
  uint64_t sum = 0;
  int64_t largest = 0;
  for (int64_t i = 0; i < a->size; i++) {
    sum += a->weight[i];
    if (a->weight[i] > a->weight[largest]) largest = i;
  }
  uint32_t total = 0;
  for (int64_t i = 0; i < a->size; i++) {
    starts[i] = total;
    total += 1 + (uint32_t)(a->weight[i] * shared / sum);
  }
  starts[a->size] = total;
  const uint32_t left = (1u << N1C_SCALE) - total;
  for (int64_t i = largest + 1; i <= a->size; i++) starts[i] += left;
}

void n1c_intervals_build(n1c_intervals *v, const n1c_alphabet *a) {
  n1c_alphabet_starts(a, v->starts);
  int64_t i = 0;
  for (uint32_t bucket = 0; bucket < N1C_BUCKETS; bucket++) {
    while (v->starts[i + 1] <= bucket << N1C_BUCKET_SHIFT) i++;
    v->first[bucket] = (uint16_t)i;
  }
}
