/* The N1 codec's lanes in lockstep, without AVX2. */
#include "n1_model.h"

#if defined(__SSE2__) || defined(_M_X64)
#  include <emmintrin.h>
#endif

/* Weights of two lags at a time, and for each step the centres of that step and of the one before, lane by lane: what
 * the instructions multiply and add in pairs. The second half of the ring repeats the first. */
typedef struct {
  int16_t past[64][2 * N1_LANES];
  int16_t weights[N1_ORDER];
  int32_t order;
} ring;

static void ring_open(ring *r) { memset(r, 0, sizeof *r); }

static void ring_sums(const ring *r, int64_t step, uint32_t *sums) {
  const int32_t at = (int32_t)((step - 1) & 31) + 32;
#if defined(__SSE2__) || defined(_M_X64)
  __m128i a = _mm_setzero_si128(), b = a;
  for (int i = 0; i < N1_ORDER / 2; i++) {
    int32_t pair;
    memcpy(&pair, r->weights + 2 * i, 4);
    const __m128i w = _mm_set1_epi32(pair);
    const __m128i *x = (const __m128i *)(const void *)r->past[at - 2 * i];
    a = _mm_add_epi32(a, _mm_madd_epi16(_mm_loadu_si128(x), w));
    b = _mm_add_epi32(b, _mm_madd_epi16(_mm_loadu_si128(x + 1), w));
  }
  _mm_storeu_si128((__m128i *)(void *)sums, a);
  _mm_storeu_si128((__m128i *)(void *)(sums + 4), b);
#else
  memset(sums, 0, N1_LANES * sizeof *sums);
  for (int i = 0; i < N1_ORDER / 2; i++)
    for (int lane = 0; lane < N1_LANES; lane++)
      sums[lane] += (uint32_t)(r->past[at - 2 * i][2 * lane] * r->weights[2 * i]) +
                    (uint32_t)(r->past[at - 2 * i][2 * lane + 1] * r->weights[2 * i + 1]);
#endif
}

static void ring_push(ring *r, const n1_model *m, int64_t step) {
  const int32_t at = (int32_t)(step & 31);
  const int16_t *now = m->past + (step + N1_ORDER) * N1_LANES;
  for (int lane = 0; lane < N1_LANES; lane++) {
    r->past[at][2 * lane] = r->past[at + 32][2 * lane] = now[lane];
    r->past[at][2 * lane + 1] = r->past[at + 32][2 * lane + 1] = now[lane - N1_LANES];
  }
}

static int32_t begin_step(n1_model *m, ring *r, int64_t step, uint32_t *sums) {
  const int32_t order = step < N1_ORDER ? (int32_t)step : N1_ORDER;
  if (n1_due(m, step)) {
    n1_solve(m, step);
    r->order = -1;
  }
  if (order != r->order) {
    memcpy(r->weights, m->weights[order], sizeof r->weights);
    r->order = order;
  }
  ring_sums(r, step, sums);
  return order;
}

void n1_encode_lanes(n1_model *m, const uint16_t *codes, int64_t length, int64_t steps, uint32_t *coded) {
  ring r;
  uint32_t sums[N1_LANES];
  ring_open(&r);
  for (int64_t t = 0; t < steps; t++, coded += 2 * N1_LANES) {
    const int32_t order = begin_step(m, &r, t, sums);
    for (int32_t lane = 0; lane < N1_LANES; lane++) {
      const int32_t scale = n1_scale(m, lane, m->extra[order]), p = n1_level(sums[lane], m->shift[order]);
      const int32_t code = codes[lane * length + t];
      coded[lane] = n1_below(m, code, p, scale);
      coded[N1_LANES + lane] = n1_below(m, code + 1, p, scale) - coded[lane];
      n1_learn(m, lane, t, code, p);
    }
    ring_push(&r, m, t);
  }
}

int32_t n1_find(const n1_model *m, uint32_t slot, int32_t p, int32_t scale, uint32_t *below, uint32_t *frequency) {
  const int32_t u = p + (m->guess[slot >> (N1_PROB_BITS - 10)] * m->sigma[scale] >> 9);
  const int32_t cell = (u + (1 << (N1_U_BITS - 1))) >> (N1_U_BITS - 13);
  int32_t k = m->near[n1_clamp(cell, 0, N1_NEAR - 1)], far = 1;
  uint32_t low, high;
  if (k >= m->codes) k = m->codes - 1;
  low = n1_below(m, k, p, scale);
  if (slot >= low) {
    int32_t top = k + 1;
    high = n1_below(m, top, p, scale);
    while (slot >= high) { /* the sum of all frequencies is above every slot */
      k = top, low = high;
      top = top + far < m->codes ? top + far : m->codes;
      high = n1_below(m, top, p, scale);
      far *= 2;
    }
    while (top - k > 1) {
      const int32_t middle = k + (top - k) / 2;
      const uint32_t f = n1_below(m, middle, p, scale);
      if (slot >= f) k = middle, low = f;
      else top = middle, high = f;
    }
  } else {
    int32_t top = k;
    high = low;
    do {
      k = top - far > 0 ? top - far : 0;
      low = n1_below(m, k, p, scale);
      if (slot < low) top = k, high = low;
      far *= 2;
    } while (slot < low);
    while (top - k > 1) {
      const int32_t middle = k + (top - k) / 2;
      const uint32_t f = n1_below(m, middle, p, scale);
      if (slot >= f) k = middle, low = f;
      else top = middle, high = f;
    }
  }
  *below = low;
  *frequency = high - low;
  return k;
}

const uint8_t *n1_decode_lanes(n1_model *m, uint64_t *state, const uint8_t *in, const uint8_t *end,
                               const int16_t *table, int16_t *x, int64_t length, int64_t steps) {
  ring r;
  uint32_t sums[N1_LANES];
  ring_open(&r);
  for (int64_t t = 0; t < steps; t++) {
    const int32_t order = begin_step(m, &r, t, sums);
    for (int32_t lane = 0; lane < N1_LANES; lane++) {
      const int32_t scale = n1_scale(m, lane, m->extra[order]), p = n1_level(sums[lane], m->shift[order]);
      const uint32_t slot = (uint32_t)state[lane] & (N1_PROB - 1);
      uint32_t low, frequency;
      const int32_t code = n1_find(m, slot, p, scale, &low, &frequency);
      uint64_t s = frequency * (state[lane] >> N1_PROB_BITS) + slot - low;
      if (s < (uint64_t)1 << 32) {
        if (end - in < 4) return NULL;
        s = s << 32 | n1_get32(in);
        in += 4;
      }
      state[lane] = s;
      x[lane * length + t] = table[code];
      n1_learn(m, lane, t, code, p);
    }
    ring_push(&r, m, t);
  }
  return in;
}
