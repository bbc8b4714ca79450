/* The N1 codec's lanes in lockstep, without AVX2. */
#include "n1_model.h"

#include "bytes.h"
#include "rans.h"

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

/* Scales and predictions of all lanes at `step`. */
static void begin_step(n1_model *m, ring *r, int64_t step, int32_t *p, int32_t *scale) {
  const int32_t order = step < N1_ORDER ? (int32_t)step : N1_ORDER;
  uint32_t sums[N1_LANES];
  if (n1_due(m, step)) {
    n1_solve(m, step);
    r->order = -1;
  }
  if (order != r->order) {
    memcpy(r->weights, m->weights[order], sizeof r->weights);
    r->order = order;
  }
  ring_sums(r, step, sums);
  for (int lane = 0; lane < N1_LANES; lane++) scale[lane] = n1_scale(m, lane, m->extra[order]);
  for (int lane = 0; lane < N1_LANES; lane++) p[lane] = n1_level(sums[lane], m->shift[order]);
}

/* Take a step's codes into the state of all lanes. */
static void end_step(n1_model *m, ring *r, int64_t step, const int32_t *code, const int32_t *p) {
  int16_t *now = m->past + (step + N1_ORDER) * N1_LANES, *at = r->past[step & 31];
  for (int lane = 0; lane < N1_LANES; lane++) now[lane] = m->centre[code[lane]];
  for (int lane = 0; lane < N1_LANES; lane++) {
    at[2 * lane] = now[lane];
    at[2 * lane + 1] = now[lane - N1_LANES];
  }
  memcpy(r->past[(step & 31) + 32], at, sizeof r->past[0]);
  if (m->adaptive)
    for (int lane = 0; lane < N1_LANES; lane++) m->count[code[lane]]++;
  if (step >= N1_ORDER)
    for (int lane = 0; lane < N1_LANES; lane++) n1_follow(m, lane, now[lane], p[lane]);
}

void n1_encode_lanes(n1_model *m, const uint16_t *codes, int64_t length, int64_t steps, uint32_t *coded) {
  ring r;
  int32_t p[N1_LANES], scale[N1_LANES], code[N1_LANES];
  memset(&r, 0, sizeof r);
  for (int64_t t = 0; t < steps; t++, coded += 2 * N1_LANES) {
    begin_step(m, &r, t, p, scale);
    for (int lane = 0; lane < N1_LANES; lane++) {
      code[lane] = codes[lane * length + t];
      coded[lane] = n1_below(m, code[lane], p[lane], scale[lane]);
      coded[N1_LANES + lane] = n1_below(m, code[lane] + 1, p[lane], scale[lane]) - coded[lane];
    }
    end_step(m, &r, t, code, p);
  }
}

/* The search for a code from `k` on: double strides, then halves. */
static int32_t search_code(const n1_model *m, int32_t k, uint32_t slot, int32_t p, int32_t scale) {
  int32_t far = 1, top;
  if (slot >= n1_below(m, k, p, scale)) {
    top = k + 1;
    while (slot >= n1_below(m, top, p, scale)) { /* the sum of all frequencies is above every slot */
      k = top;
      top = top + far < m->codes ? top + far : m->codes;
      far *= 2;
    }
  } else {
    do {
      top = k;
      k = top - far > 0 ? top - far : 0;
      far *= 2;
    } while (slot < n1_below(m, k, p, scale));
  }
  while (top - k > 1) {
    const int32_t middle = k + (top - k) / 2;
    if (slot >= n1_below(m, middle, p, scale)) k = middle;
    else top = middle;
  }
  return k;
}

/* The nearest threshold to where a slot should be. */
static inline int32_t guess_code(const n1_model *m, uint32_t slot, int32_t p, int32_t scale) {
  const int32_t u = p + (m->guess[slot >> (N1_PROB_BITS - 10)] * m->sigma[scale] >> 9);
  const int32_t cell = n1_clamp((u + m->origin + (1 << (N1_U_BITS - 1))) >> (N1_U_BITS - 13), 0, N1_NEAR - 1);
  return m->near[cell];
}

int32_t n1_find(const n1_model *m, uint32_t slot, int32_t p, int32_t scale, uint32_t *low, uint32_t *frequency) {
  const int32_t code = search_code(m, guess_code(m, slot, p, scale), slot, p, scale);
  *low = n1_below(m, code, p, scale);
  *frequency = n1_below(m, code + 1, p, scale) - *low;
  return code;
}

const uint8_t *n1_find_lanes(const n1_model *m, const int32_t *p, const int32_t *scale, int32_t idle, uint64_t *state,
                             const uint8_t *in, const uint8_t *end, int32_t *code) {
  uint32_t slot[N1_LANES], middle[N1_LANES], down[N1_LANES];
  /* Lane by lane in short stages, so that no lane waits for another one's tables. The code lies below or above the
   * guessed threshold; almost always that and the one beyond are its bounds. */
  for (int lane = 0; lane < N1_LANES; lane++) {
    slot[lane] = (uint32_t)state[lane] & (N1_PROB - 1);
    code[lane] = guess_code(m, slot[lane], p[lane], scale[lane]);
  }
  for (int lane = 0; lane < N1_LANES; lane++) {
    middle[lane] = n1_below(m, code[lane], p[lane], scale[lane]);
    down[lane] = 0u - (slot[lane] < middle[lane]); /* all ones or none: a branch would be a guess */
  }
  for (int lane = 0; lane < N1_LANES; lane++) {
    const uint32_t other = n1_below(m, code[lane] + (int32_t)(down[lane] << 1 | 1), p[lane], scale[lane]);
    uint32_t high = other ^ ((other ^ middle[lane]) & down[lane]);
    uint32_t low = other ^ high ^ middle[lane];
    uint64_t s;
    code[lane] += (int32_t)down[lane];
    if (idle >> lane & 1) {
      code[lane] = 0;
      continue;
    }
    if (slot[lane] - low >= high - low) {
      code[lane] = n1_find(m, slot[lane], p[lane], scale[lane], &low, &high);
      high += low;
    }
    s = n1c_rans_take(state[lane], slot[lane], low, high - low, N1_PROB_BITS);
    if (end - in >= 4) {
      const uint64_t dry = 0u - (uint64_t)(s >> 32 == 0);
      s ^= (s ^ (s << 32 | n1c_load32(in))) & dry;
      in += dry & 4;
    } else if (s >> 32 == 0) {
      return NULL;
    }
    state[lane] = s;
  }
  return in;
}

const uint8_t *n1_decode_lanes(n1_model *m, uint64_t *state, const uint8_t *in, const uint8_t *end,
                               const int16_t *table, int16_t *x, int64_t length, int64_t steps) {
  ring r;
  int32_t p[N1_LANES], scale[N1_LANES], code[N1_LANES];
  memset(&r, 0, sizeof r);
  for (int64_t t = 0; t < steps; t++) {
    begin_step(m, &r, t, p, scale);
    in = n1_find_lanes(m, p, scale, 0, state, in, end, code);
    if (!in) return NULL;
    for (int lane = 0; lane < N1_LANES; lane++) x[lane * length + t] = table[code[lane]];
    end_step(m, &r, t, code, p);
  }
  return in;
}
