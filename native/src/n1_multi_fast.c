/* The fast way of n1_multi: tables, and its kernels in plain C. */
#include <math.h>
#include <string.h>

#include "n1_multi.h"
#include "rans.h"

#define MOST_SIGMA 34 /* of residuals in symbols: more would be beyond them too often */

float multi_power(int32_t steps) {
  static const float part[MULTI_SCALE_STEPS] = {1.0f, 1.18920708f, 1.41421354f, 1.68179286f};
  float v = part[steps & (MULTI_SCALE_STEPS - 1)];
  int32_t octaves = steps >> 2;
  for (; octaves > 0; octaves--) v *= 2;
  for (; octaves < 0; octaves++) v *= 0.5f;
  return v;
}

/* The distribution function, between the places where it is known, in 2^-24. */
static uint32_t shape_at(int32_t tail, float t) {
  int32_t i;
  uint32_t low;
  t = t > 0 ? t : 0;
  t = t < MULTI_SHAPE - 1 ? t : MULTI_SHAPE - 1;
  i = (int32_t)t;
  low = multi_shape(tail, i);
  return low + (uint32_t)(int32_t)((float)(multi_shape(tail, i + 1) - low) * (t - (float)i));
}

void fast_table_open(fast_table *t, int32_t tail, int32_t start) {
  float sigma = sqrtf(multi_power(start)), per_symbol;
  uint32_t total = 0, last, at = 0;
  int32_t most = FAST_ZERO;
  t->start = start;
  for (t->raw = 0; sigma > MOST_SIGMA; t->raw++) sigma *= 0.5f;
  if (sigma < 0.125f) sigma = 0.125f;
  per_symbol = (float)(MULTI_SHAPE / 16) / sigma;
  /* Residuals are rounded down to symbols where low bits are stored beside, and to the nearest where none are. */
  last = shape_at(tail, ((t->raw ? 0.0f : -0.5f) - (FAST_ZERO - 1)) * per_symbol + MULTI_SHAPE / 2);
  t->of[0].frequency = 1;
  for (int32_t k = 1; k < FAST_SYMBOLS; k++) {
    const float edge = (float)(k + 1 - FAST_ZERO) - (t->raw ? 0.0f : 0.5f);
    const uint32_t next = shape_at(tail, edge * per_symbol + MULTI_SHAPE / 2);
    t->of[k].frequency = (next - last + (1 << (23 - FAST_BITS))) >> (24 - FAST_BITS);
    last = next;
  }
  for (int32_t k = 0; k < FAST_SYMBOLS; k++) {
    total += t->of[k].frequency;
    if (t->of[k].frequency > t->of[most].frequency) most = k;
  }
  t->of[most].frequency += FAST_TOTAL - total; /* may be less than 0, which wraps and is right */
  t->of[FAST_IDLE].frequency = FAST_TOTAL;
  t->of[FAST_IDLE].low = 0;
  for (uint32_t k = 0; k <= FAST_IDLE; k++) t->of[k].reciprocal = t->of[k].frequency ? 1.0 / t->of[k].frequency : 0;
  for (uint32_t k = 0; k < FAST_SYMBOLS; k++) {
    t->of[k].low = at;
    for (uint32_t i = 0; i < t->of[k].frequency; i++, at++) t->at[at] = k | (t->of[k].frequency - 1) << 8 | i << 20;
  }
}

static void x_of(const fast_coder *c, const uint16_t *codes, int64_t rows, int16_t *x) {
  for (int64_t i = 0; i < rows * MULTI_LANES; i++) x[i] = fast_x(c, codes[i]);
}

static void residuals(const fast_coder *c, const uint16_t *codes, int64_t from, int64_t to, int32_t *sum) {
  for (int64_t t = from; t < to; t++)
    for (int r = 0; r < MULTI_LANES; r++) {
      int32_t *s = sum + t * MULTI_LANES + r;
      *s = codes[t * MULTI_LANES + multi_lane_of[r]] - c->mean - (*s >> c->down);
    }
}

static uint8_t *put(const fast_table *table, uint32_t *state, const int32_t *residual, int64_t from, int64_t to,
                    int32_t active, uint8_t *words, const uint8_t *end, fast_list *beyond) {
  for (int64_t t = to; t-- > from;) {
    const int32_t *now = residual + t * MULTI_LANES;
    uint32_t *s = fast_states(state, t);
    if (words - end < 6 * MULTI_LANES) return NULL;
    for (int r = MULTI_LANES; r-- > 0;) {
      const int32_t symbol = fast_symbol(table, now[r]);
      const fast_interval *i = table->of + symbol;
      if (multi_lane_of[r] >= active) continue;
      if (!symbol) fast_note(beyond, now[r]);
      if (s[r] >> 20 >= i->frequency) {
        n1c_store_bytes(words -= 2, s[r], 2);
        s[r] >>= 16;
      }
      s[r] = n1c_rans_put32(s[r], i->low, i->frequency, FAST_BITS);
    }
    for (int32_t bit = table->raw; bit-- > 0;) {
      uint32_t plane = 0;
      for (int r = 0; r < MULTI_LANES; r++) plane |= ((uint32_t)now[r] >> bit & 1) << r;
      n1c_store_bytes(words -= 2, plane, 2);
    }
  }
  return words;
}

static const uint8_t *take(fast_coder *c, const multi_taps_of *taps, uint32_t *state, int64_t from, int64_t to,
                           int32_t active, int16_t *out, int16_t *x, const uint8_t *in, const uint8_t *end,
                           const fast_beyond *beyond) {
  const fast_table *table = c->table;
  for (int64_t t = from; t < to; t++) {
    const uint8_t *planes = in;
    uint32_t *s = fast_states(state, t);
    if (end - in < 2 * table->raw) return NULL;
    in += 2 * table->raw;
    for (int r = 0; r < MULTI_LANES; r++) {
      const int64_t i = t * MULTI_LANES + multi_lane_of[r];
      const uint32_t entry = table->at[n1c_rans_slot(s[r], FAST_BITS)];
      uint32_t value = 0;
      int32_t residual = ((int32_t)(entry & 255) - FAST_ZERO) * (1 << table->raw), code;
      if (multi_lane_of[r] >= active) {
        out[i] = (int16_t)c->first, x[i] = 0;
        continue;
      }
      for (int32_t k = 0; k < taps->count; k++) value += (uint32_t)(taps->weight[k] * taps->row[k][i]);
      for (int32_t bit = 0; bit < table->raw; bit++)
        residual |= (int32_t)(n1c_load16(planes + 2 * bit) >> r & 1) << bit;
      if (!(entry & 255)) residual = beyond->next(beyond->context);
      code = fast_code(c, (int32_t)((uint32_t)((int32_t)value >> c->down) + (uint32_t)residual));
      out[i] = fast_out(c, code);
      x[i] = fast_x(c, code);
      s[r] = ((entry >> 8 & 4095) + 1) * (s[r] >> FAST_BITS) + (entry >> 20);
    }
    for (int r = 0; r < MULTI_LANES; r++)
      if (s[r] < FAST_STATE) {
        if (end - in < 2) return NULL;
        s[r] = s[r] << 16 | n1c_load16(in);
        in += 2;
      }
  }
  return in;
}

const fast_kernels fast_plain = {x_of, residuals, put, take};
