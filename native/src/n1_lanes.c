/* The N1 model's lanes in lockstep, in plain C. */
#include "n1_lanes.h"

#include "bytes.h"
#include "rans.h"

#if defined(__SSE2__) || defined(_M_X64)
#  include <emmintrin.h>
#endif

/* -- state --------------------------------------------------------------------------------------------------------- */

/* As if all samples had been c, and all errors what they are at the start. */
static void begin_lane(const n1_model *m, n1_group *g, int32_t lane, int32_t c) {
  const uint32_t power = n1_power(m, g->start[lane]);
  for (int i = 0; i < N1_PAIRS; i++) g->levels[i][lane] = n1_pair(c, c);
  for (int i = 0; i < N1_MEANS; i++) g->mean[i][lane] = c * (2 << 2 * i);
  g->a1[lane] = power << 8;
  g->a2[lane] = power << 3;
  g->a3[lane] = power >> 1;
}

static void set_weights(n1_group *g, int32_t lane, const int16_t *weights, int32_t shift) {
  for (int i = 0; i < N1_PAIRS; i++) g->weights[i][lane] = n1_pair(weights[2 * i], weights[2 * i + 1]);
  g->shift[lane] = shift;
}

void n1_restart_lane(const n1_model *m, n1_group *g, int32_t lane, int32_t start) {
  for (int i = 0; i < N1_MOMENTS; i++) g->moments[i][lane] = 0;
  set_weights(g, lane, m->weights, m->shift);
  g->extra[lane] = N1_FIRST;
  g->start[lane] = (uint8_t)start;
  begin_lane(m, g, lane, 0);
}

void n1_solve_lanes(const n1_model *m, n1_group *g, int32_t from, int32_t to) {
  int64_t sums[N1_MOMENTS] = {0};
  int16_t weights[N1_LEVELS];
  int32_t shift;
  for (int n = 0; n < N1_MOMENTS; n++)
    for (int32_t lane = from; lane < to; lane++) {
      sums[n] += g->moments[n][lane];
      g->moments[n][lane] -= g->moments[n][lane] >> N1_FORGET;
    }
  n1_solve(m, g->start[from], sums, weights, &shift);
  for (int32_t lane = from; lane < to; lane++) set_weights(g, lane, weights, shift);
}

void n1_settle(const n1_model *m, n1_group *g, n1_block *b, int32_t young) {
  for (int lane = 0; lane < N1_LANES; lane++) {
    if (!(young >> lane & 1)) continue;
    for (int i = 0; i < N1_PAIRS; i++) b->steps[0][i][lane] = 0;
    g->extra[lane] = 0;
    begin_lane(m, g, lane, n1_low(g->levels[0][lane]));
  }
}

/* Sums of products of pairs. */
static inline void add_products(const uint32_t (*x)[N1_LANES], const uint32_t (*y)[N1_LANES], int32_t pairs,
                                uint32_t *sums) {
#if defined(__SSE2__) || defined(_M_X64)
  __m128i low = _mm_setzero_si128(), high = low;
  for (int32_t t = 0; t < pairs; t++) {
    const __m128i *p = (const __m128i *)(const void *)x[t], *q = (const __m128i *)(const void *)y[t];
    low = _mm_add_epi32(low, _mm_madd_epi16(_mm_loadu_si128(p), _mm_loadu_si128(q)));
    high = _mm_add_epi32(high, _mm_madd_epi16(_mm_loadu_si128(p + 1), _mm_loadu_si128(q + 1)));
  }
  _mm_storeu_si128((__m128i *)(void *)sums, low);
  _mm_storeu_si128((__m128i *)(void *)(sums + 4), high);
#else
  memset(sums, 0, N1_LANES * sizeof *sums);
  for (int32_t t = 0; t < pairs; t++)
    for (int k = 0; k < N1_LANES; k++)
      sums[k] += (uint32_t)(n1_low(x[t][k]) * n1_low(y[t][k])) + (uint32_t)(n1_high(x[t][k]) * n1_high(y[t][k]));
#endif
}

void n1_begin_step(const n1_group *g, int32_t *p, int32_t *scale) {
  uint32_t sums[N1_LANES];
  add_products(g->weights, g->levels, N1_PAIRS, sums);
  for (int lane = 0; lane < N1_LANES; lane++) {
    p[lane] = n1_level(sums[lane], g->shift[lane]);
    scale[lane] = n1_scale(g->a1[lane], g->a2[lane], g->a3[lane], g->extra[lane]);
  }
}

void n1_end_step(const n1_model *m, n1_group *g, n1_block *b, int32_t step, const int32_t *p) {
  int32_t c[N1_LANES], last[N1_LANES], level[N1_MEANS][N1_LANES];
  uint32_t(*const x)[N1_LANES] = g->levels, (*const out)[N1_LANES] = b->steps[step];
  for (int k = 0; k < N1_LANES; k++) c[k] = m->centre[b->codes[step][k]];
  for (int k = 0; k < N1_LANES; k++) {
    const int32_t e = n1_clamp((c[k] - (p[k] >> 5)) >> m->scale_shift, -1023, 1023);
    const uint32_t square = (uint32_t)(e * e);
    g->a1[k] += square - (g->a1[k] >> 12);
    g->a2[k] += square - (g->a2[k] >> 7);
    g->a3[k] += square - (g->a3[k] >> 3);
    last[k] = n1_low(x[0][k]);
  }
  for (int k = 0; k < N1_LANES; k++) out[0][k] = n1_pair(c[k] - last[k], n1_high(x[0][k]) - last[k]);
  for (int i = 1; i < N1_PAIRS; i++)
    for (int k = 0; k < N1_LANES; k++) out[i][k] = n1_pair(n1_low(x[i][k]) - last[k], n1_high(x[i][k]) - last[k]);
  for (int i = 0; i < N1_MEANS; i++)
    for (int k = 0; k < N1_LANES; k++) {
      g->mean[i][k] += last[k] - (g->mean[i][k] >> (2 * i + 1));
      level[i][k] = g->mean[i][k] >> (2 * i + 1);
    }
  for (int k = 0; k < N1_LANES; k++) {
    x[1][k] = n1_pair(n1_high(x[0][k]), level[0][k]);
    x[0][k] = n1_pair(c[k], last[k]);
    x[2][k] = n1_pair(level[1][k], level[2][k]);
    x[3][k] = n1_pair(level[3][k], level[4][k]);
  }
}

void n1_block_moments(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames) {
  uint32_t x[N1_LEVELS][N1_FRAMES / 2][N1_LANES]; /* of two steps at a time */
  const int32_t shift = m->scale_shift, most = N1_MOST_STEP, pairs = (frames + 1) / 2;
  for (int i = 0; i < N1_LEVELS; i++) memset(x[i], 0, (size_t)pairs * sizeof x[i][0]);
  for (int32_t t = 0; t < frames; t++)
    for (int i = 0; i < N1_LEVELS; i++) {
      const uint32_t *step = b->steps[t][i / 2];
      const int32_t left = i % 2 ? 0 : 16, up = t % 2 ? 16 : 0;
      int32_t d[N1_LANES];
      for (int k = 0; k < N1_LANES; k++) d[k] = n1_clamp((int32_t)(step[k] << left) >> 16 >> shift, -most, most);
      for (int k = 0; k < N1_LANES; k++) x[i][t / 2][k] |= (uint32_t)(uint16_t)d[k] << up;
    }
  for (int j = 0, n = 0; j < N1_LEVELS; j++)
    for (int i = 0; i <= j; i++, n++) {
      uint32_t sums[N1_LANES];
      add_products(x[i], x[j], pairs, sums);
      for (int k = 0; k < N1_LANES; k++)
        g->moments[n][k] += (int32_t)(sums[k] + (1 << (N1_MOMENT_BITS - 1))) >> N1_MOMENT_BITS;
    }
}

/* -- codes --------------------------------------------------------------------------------------------------------- */

void n1_block_encode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded) {
  int32_t p[N1_LANES], scale[N1_LANES];
  for (int32_t t = from; t < to; t++, coded += 2 * N1_LANES) {
    n1_begin_step(g, p, scale);
    for (int lane = 0; lane < N1_LANES; lane++) {
      const int32_t code = b->codes[t][lane];
      coded[lane] = n1_below(m, code, p[lane], scale[lane]);
      coded[N1_LANES + lane] = b->idle >> lane & 1 ? 0 : n1_below(m, code + 1, p[lane], scale[lane]) - coded[lane];
    }
    n1_end_step(m, g, b, t, p);
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

/* The codes that the states' slots stand for, and the states without them. */
static const uint8_t *find_lanes(const n1_model *m, const int32_t *p, const int32_t *scale, int32_t idle, uint64_t *state,
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

const uint8_t *n1_block_decode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint64_t *state,
                               const uint8_t *in, const uint8_t *end) {
  int32_t p[N1_LANES], scale[N1_LANES], code[N1_LANES];
  for (int32_t t = from; t < to; t++) {
    n1_begin_step(g, p, scale);
    in = find_lanes(m, p, scale, b->idle, state, in, end, code);
    if (!in) return NULL;
    for (int lane = 0; lane < N1_LANES; lane++) b->codes[t][lane] = (uint16_t)code[lane];
    n1_end_step(m, g, b, t, p);
  }
  return in;
}
