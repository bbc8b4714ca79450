/* The kernels of n1_multi in plain C: the reference for those with AVX2, and what other machines run. */
#include <math.h>
#include <string.h>

#include "n1_multi.h"
#include "rans.h"

/* x of row t is where lane multi_lane_of[r] is; sums, intervals and states are in the order of r. */

static int64_t codes(const int16_t *sample, int32_t first, int32_t count, int64_t rows, uint16_t *out) {
  const int32_t last = first + count - 1;
  int64_t outermost = 0;
  for (int64_t i = 0; i < rows * MULTI_LANES; i++) {
    const int32_t s = sample[i] < first ? first : sample[i] > last ? last : sample[i];
    out[i] = (uint16_t)(s - first);
    outermost += (s == first) | (s == last);
  }
  return outermost;
}

static int64_t samples(const uint16_t *code, int32_t first, int32_t count, int64_t rows, int16_t *out) {
  int64_t outermost = 0;
  for (int64_t i = 0; i < rows * MULTI_LANES; i++) {
    out[i] = (int16_t)(first + code[i]);
    outermost += (code[i] == 0) | (code[i] == count - 1);
  }
  return outermost;
}

static int16_t clamp16(int32_t v) { return (int16_t)(v < -32768 ? -32768 : v > 32767 ? 32767 : v); }

static int16_t x_of(const multi_coder *c, int32_t code) {
  return clamp16((c->group->level[code].centre - c->x_mean) >> c->x_shift);
}

static void x(const multi_coder *c, const uint16_t *code, int64_t rows, int16_t *out) {
  for (int64_t i = 0; i < rows * MULTI_LANES; i++) out[i] = x_of(c, code[i]);
}

static void dot(const multi_taps_of *taps, int64_t from, int64_t to, int32_t *sum) {
  for (int64_t t = from; t < to; t++) {
    uint32_t s[MULTI_LANES] = {0};
    for (int32_t i = 0; i < taps->count; i++) {
      const int16_t *row = taps->row[i] + t * MULTI_LANES;
      for (int lane = 0; lane < MULTI_LANES; lane++) s[lane] += (uint32_t)(taps->weight[i] * row[lane]);
    }
    for (int r = 0; r < MULTI_LANES; r++) sum[t * MULTI_LANES + r] = (int32_t)s[multi_lane_of[r]];
  }
}

static void mean(const int16_t *row, int32_t shift, int32_t sign, int32_t count, int64_t rows, int32_t *sum,
                 int16_t *out) {
  const float part = count ? 1.0f / (float)count : 0;
  for (int64_t i = 0; i < rows * MULTI_LANES; i++) {
    const int32_t v = row[i] >> shift;
    sum[i] += sign > 0 ? v : -v;
    out[i] = clamp16((int32_t)((float)sum[i] * part));
  }
}

/* The scale of the residual of the lane in place r: cells of the distribution function per code, and sigma. */
static float scale_of(const multi_coder *c, int r, float *sigma) {
  const float v = ((c->a1[r] * 0.3125f + c->a2[r] * 0.5625f) + c->a3[r] * 0.125f) * c->boost;
  *sigma = sqrtf(v);
  return c->gain / *sigma;
}

static void follow(multi_coder *c, int r, int32_t x_now, int32_t sum) {
  const float e = (float)(int32_t)(((uint32_t)x_now << c->bits) - (uint32_t)sum) * c->scale;
  const float square = e * e > MULTI_LEAST_VARIANCE ? e * e : MULTI_LEAST_VARIANCE;
  c->a1[r] += (square - c->a1[r]) * (1.0f / 4096);
  c->a2[r] += (square - c->a2[r]) * (1.0f / 128);
  c->a3[r] += (square - c->a3[r]) * (1.0f / 8);
}

static void intervals(multi_coder *c, const uint16_t *code, const int16_t *row, const int32_t *sum, int64_t from,
                      int64_t to, int32_t active, uint32_t *coded) {
  for (int64_t t = from; t < to; t++)
    for (int r = 0; r < MULTI_LANES; r++) {
      const int lane = multi_lane_of[r];
      const int64_t i = t * MULTI_LANES + lane;
      const int32_t s = sum[t * MULTI_LANES + r];
      float sigma;
      const float at = (float)s * c->scale + c->mean, per_code = scale_of(c, r, &sigma);
      const uint32_t low = multi_below(c->group, code[i], at, per_code);
      coded[2 * t * MULTI_LANES + r] = lane < active ? low : 0;
      coded[(2 * t + 1) * MULTI_LANES + r] =
          lane < active ? multi_below(c->group, code[i] + 1, at, per_code) - low : MULTI_PROB;
      follow(c, r, row[i], s);
    }
}

static uint8_t *put(uint64_t *state, const uint32_t *coded, int64_t from, int64_t to, uint8_t *words,
                    const uint8_t *end) {
  for (int64_t t = to; t-- > from;) {
    const uint32_t *low = coded + 2 * t * MULTI_LANES, *frequency = low + MULTI_LANES;
    uint32_t first[MULTI_LANES], second[MULTI_LANES]; /* words in the order of the decoder; 2^16: none */
    if (words - end < 4 * MULTI_LANES) return NULL;
    for (int r = 0; r < MULTI_LANES; r++) {
      const uint64_t limit = (uint64_t)frequency[r] << 24;
      uint64_t s = state[r];
      first[r] = second[r] = 1 << 16;
      if (s >= limit) {
        first[r] = (uint32_t)(s & 0xffff);
        s >>= 16;
        if (s >= limit) {
          second[r] = first[r];
          first[r] = (uint32_t)(s & 0xffff);
          s >>= 16;
        }
      }
      state[r] = n1c_rans_put(s, low[r], frequency[r], MULTI_PROB_BITS);
    }
    for (int r = MULTI_LANES; r-- > 0;)
      if (second[r] < 1 << 16) n1c_store_bytes(words -= 2, second[r], 2);
    for (int r = MULTI_LANES; r-- > 0;)
      if (first[r] < 1 << 16) n1c_store_bytes(words -= 2, first[r], 2);
  }
  return words;
}

int32_t multi_search(const multi_group *g, float at, float per_code, uint32_t slot, uint32_t *low,
                     uint32_t *frequency) {
  int32_t a = 0, b = g->codes; /* below(a) <= slot < below(b) */
  while (b - a > 1) {
    const int32_t k = (a + b) >> 1;
    if (multi_below(g, k, at, per_code) <= slot) a = k;
    else b = k;
  }
  *low = multi_below(g, a, at, per_code);
  *frequency = multi_below(g, b, at, per_code) - *low;
  return a;
}

static const uint8_t *take(multi_coder *c, uint64_t *state, const int32_t *sum, int64_t from, int64_t to,
                           int32_t active, uint16_t *code, int16_t *row, const uint8_t *in, const uint8_t *end) {
  for (int64_t t = from; t < to; t++) {
    for (int r = 0; r < MULTI_LANES; r++) {
      const int lane = multi_lane_of[r];
      const int64_t i = t * MULTI_LANES + lane;
      uint32_t s = (uint32_t)sum[t * MULTI_LANES + r], low, frequency;
      const uint32_t slot = n1c_rans_slot(state[r], MULTI_PROB_BITS);
      float sigma;
      const float per_code = scale_of(c, r, &sigma);
      for (int32_t k = 0; k < c->order; k++) s += (uint32_t)(c->own[k] * row[i - (k + 1) * MULTI_LANES]);
      if (lane >= active) {
        code[i] = 0;
        row[i] = 0;
        continue;
      }
      code[i] = (uint16_t)multi_find(c->group, c->guess, (float)(int32_t)s * c->scale + c->mean, per_code, sigma, slot,
                                     &low, &frequency);
      row[i] = x_of(c, code[i]);
      follow(c, r, row[i], (int32_t)s);
      state[r] = n1c_rans_take(state[r], slot, low, frequency, MULTI_PROB_BITS);
    }
    for (int again = 0; again < 2; again++)
      for (int r = 0; r < MULTI_LANES; r++)
        if (state[r] < MULTI_STATE) {
          if (end - in < 2) return NULL;
          state[r] = state[r] << 16 | n1c_load16(in);
          in += 2;
        }
  }
  return in;
}

/* A few rows at a time, so that what is read of the frames stays in the cache. */
#define BLOCK 64

static void gather(const int16_t *frames, int64_t channels, int64_t from, int64_t to, const multi_lanes *l,
                   int16_t *rows) {
  const int64_t size = multi_row_size(l);
  for (int64_t block = -MULTI_PAD; block < l->steps + MULTI_PAD; block += BLOCK)
    for (int64_t channel = from; channel < to; channel++)
      for (int lane = 0; lane < MULTI_LANES; lane++) {
        const int64_t start = multi_lane_start(l, lane);
        int16_t *row = rows + (channel - from) * size + MULTI_ROW_0 + lane;
        for (int64_t t = block; t < block + BLOCK && t < l->steps + MULTI_PAD; t++) {
          const int64_t i = start + t < 0 ? 0 : start + t >= l->frames ? l->frames - 1 : start + t;
          row[t * MULTI_LANES] = frames[i * channels + channel];
        }
      }
}

static void scatter(const int16_t *rows, int64_t channels, int64_t from, int64_t to, const multi_lanes *l,
                    int16_t *frames) {
  const int64_t size = multi_row_size(l);
  for (int64_t block = 0; block < l->steps; block += BLOCK)
    for (int64_t channel = from; channel < to; channel++)
      for (int lane = 0; lane < MULTI_LANES; lane++) {
        const int64_t start = multi_lane_start(l, lane), stop = l->length + (lane < l->longer);
        const int16_t *row = rows + (channel - from) * size + MULTI_ROW_0 + lane;
        for (int64_t t = block; t < block + BLOCK && t < stop; t++)
          frames[(start + t) * channels + channel] = row[t * MULTI_LANES];
      }
}

#define SPAN 128 /* products that are summed up in 32 bits */

static void products(const int16_t *a, const int16_t *b, int64_t step, int64_t rows, int64_t sums[MULTI_SUMS]) {
  for (int i = 0; i < MULTI_SUMS; i++, b -= step) {
    int64_t k = 0;
    sums[i] = 0;
    for (; k + SPAN <= rows * MULTI_LANES; k += SPAN) {
      int32_t sum = 0;
      for (int j = 0; j < SPAN; j++) sum += a[k + j] * b[k + j];
      sums[i] += sum;
    }
    for (; k < rows * MULTI_LANES; k++) sums[i] += a[k] * b[k];
  }
}

const multi_kernels multi_plain = {codes, samples, x, dot, mean, intervals, put, take, gather, scatter, products};
