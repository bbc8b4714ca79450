/* The N1 codec's lanes in lockstep, one AVX2 register for all eight. Bit for bit what n1_lanes.c computes. */
#include "n1_avx2.h"

#ifdef N1C_AVX2

typedef struct {
  __m256i ring[64]; /* centres of a step and of the one before, in pairs; the second half repeats the first */
  __m256i weights[N1_ORDER / 2];
  __m256i a1, a2, a3, last, extra;
  __m128i shift, scale_count;
  int32_t order;
} lanes;

INLINE void lanes_open(lanes *v, const n1_model *m) {
  for (int i = 0; i < 64; i++) v->ring[i] = _mm256_setzero_si256();
  v->last = _mm256_setzero_si256();
  v->a1 = load(m->a1);
  v->a2 = load(m->a2);
  v->a3 = load(m->a3);
  v->order = -1;
  v->scale_count = _mm_cvtsi32_si128(m->scale_shift);
}

INLINE void lanes_close(const lanes *v, n1_model *m) {
  _mm256_storeu_si256((__m256i *)(void *)m->a1, v->a1);
  _mm256_storeu_si256((__m256i *)(void *)m->a2, v->a2);
  _mm256_storeu_si256((__m256i *)(void *)m->a3, v->a3);
}

/* Predictions in u and scale indices of all lanes. */
INLINE __m256i predict(lanes *v, n1_model *m, int64_t step, __m256i *scale) {
  const __m256i full = _mm256_set1_epi32(1 << N1_U_BITS);
  const int32_t order = step < N1_ORDER ? (int32_t)step : N1_ORDER;
  const __m256i *past = v->ring + ((step - 1) & 31) + 32;
  __m256i a = _mm256_setzero_si256(), b = a;
  if (n1_due(m, step)) {
    lanes_close(v, m);
    n1_solve(m, step);
    v->a1 = load(m->a1);
    v->order = -1;
  }
  if (order != v->order) {
    for (int i = 0; i < N1_ORDER / 2; i++) {
      int32_t pair;
      memcpy(&pair, m->weights[order] + 2 * i, 4);
      v->weights[i] = _mm256_set1_epi32(pair);
    }
    v->order = order;
    v->shift = _mm_cvtsi32_si128(m->shift[order] - 5);
    v->extra = _mm256_set1_epi32(m->extra[order] - (127 << 4));
  }
  for (int i = N1_ORDER / 2 - 1; i > 0; i -= 2) { /* the newest last: the rest need not wait for it */
    a = _mm256_add_epi32(a, _mm256_madd_epi16(past[-2 * i], v->weights[i]));
    b = _mm256_add_epi32(b, _mm256_madd_epi16(past[-2 * i + 2], v->weights[i - 1]));
  }
  *scale = scale_of(v->a1, v->a2, v->a3, v->extra);
  a = _mm256_sra_epi32(_mm256_add_epi32(a, b), v->shift);
  return clamp(a, _mm256_sub_epi32(_mm256_setzero_si256(), full), full);
}

INLINE void learn(lanes *v, n1_model *m, int64_t step, __m256i code, __m256i p) {
  const __m256i raw = gather16(m->centre, code);
  const __m256i pair = _mm256_blend_epi16(raw, _mm256_slli_epi32(v->last, 16), 0xaa);
  const __m256i c = _mm256_srai_epi32(_mm256_slli_epi32(raw, 16), 16);
  const __m256i order = _mm256_packs_epi32(c, c);
  _mm_storeu_si128((__m128i *)(void *)(m->past + (step + N1_ORDER) * N1_LANES),
                   _mm_unpacklo_epi64(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1)));
  v->ring[step & 31] = pair;
  v->ring[(step & 31) + 32] = pair;
  v->last = raw;
  if (step >= N1_ORDER) {
    const __m256i most = _mm256_set1_epi32(1023);
    __m256i e = _mm256_sra_epi32(_mm256_sub_epi32(c, _mm256_srai_epi32(p, 5)), v->scale_count);
    e = clamp(e, _mm256_sub_epi32(_mm256_setzero_si256(), most), most);
    e = _mm256_mullo_epi32(e, e);
    v->a1 = _mm256_add_epi32(v->a1, _mm256_sub_epi32(e, _mm256_srli_epi32(v->a1, 12)));
    v->a2 = _mm256_add_epi32(v->a2, _mm256_sub_epi32(e, _mm256_srli_epi32(v->a2, 7)));
    v->a3 = _mm256_add_epi32(v->a3, _mm256_sub_epi32(e, _mm256_srli_epi32(v->a3, 3)));
  }
}

static void count(n1_model *m, const int32_t *codes) {
  for (int lane = 0; lane < N1_LANES; lane++) m->count[codes[lane]]++;
}

int n1_avx2(void) { return __builtin_cpu_supports("avx2") ? 1 : 0; }

AVX2 void n1_encode_lanes_avx2(n1_model *m, const uint16_t *codes, int64_t length, int64_t steps, uint32_t *coded) {
  lanes v;
  lanes_open(&v, m);
  for (int64_t t = 0; t < steps; t++, coded += 2 * N1_LANES) {
    __m256i scale, recip, reach, low, high;
    const __m256i p = predict(&v, m, t, &scale);
    const uint16_t *k = codes + t;
    const __m256i code = _mm256_setr_epi32(k[0], k[length], k[2 * length], k[3 * length], k[4 * length], k[5 * length],
                                           k[6 * length], k[7 * length]);
    recip = _mm256_i32gather_epi32(m->recip, scale, 4);
    reach = _mm256_i32gather_epi32(m->reach, scale, 4);
    low = below(m, code, p, recip, reach);
    high = below(m, _mm256_add_epi32(code, _mm256_set1_epi32(1)), p, recip, reach);
    _mm256_storeu_si256((__m256i *)(void *)coded, low);
    _mm256_storeu_si256((__m256i *)(void *)(coded + N1_LANES), _mm256_sub_epi32(high, low));
    learn(&v, m, t, code, p);
    if (m->adaptive) {
      int32_t each[N1_LANES];
      _mm256_storeu_si256((__m256i *)(void *)each, code);
      count(m, each);
    }
  }
  lanes_close(&v, m);
}

AVX2 const uint8_t *n1_decode_lanes_avx2(n1_model *m, uint64_t *state, const uint8_t *in, const uint8_t *end,
                                         const int16_t *table, int16_t *x, int64_t length, int64_t steps) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i s0 = load(state), s1 = load(state + 4);
  lanes v;
  lanes_open(&v, m);
  for (int64_t t = 0; t < steps; t++) {
    int32_t found[N1_LANES];
    __m256i scale, code;
    const __m256i p = predict(&v, m, t, &scale);
    code = find(m, p, scale, zero, &s0, &s1);
    learn(&v, m, t, code, p);
    in = refill(&s0, &s1, in, end);
    if (!in) return NULL;
    _mm256_storeu_si256((__m256i *)(void *)found, code);
    for (int lane = 0; lane < N1_LANES; lane++) x[lane * length + t] = table[found[lane]];
    if (m->adaptive) count(m, found);
  }
  _mm256_storeu_si256((__m256i *)(void *)state, s0);
  _mm256_storeu_si256((__m256i *)(void *)(state + 4), s1);
  lanes_close(&v, m);
  return in;
}

AVX2 void n1_products_avx2(const int16_t *a, const int16_t *b, int32_t lanes, int32_t *sums) {
  n1_products(a, b, lanes, sums);
}

#else

int n1_avx2(void) { return 0; }
void n1_encode_lanes_avx2(n1_model *m, const uint16_t *codes, int64_t length, int64_t steps, uint32_t *coded) {
  n1_encode_lanes(m, codes, length, steps, coded);
}
const uint8_t *n1_decode_lanes_avx2(n1_model *m, uint64_t *state, const uint8_t *in, const uint8_t *end,
                                    const int16_t *table, int16_t *x, int64_t length, int64_t steps) {
  return n1_decode_lanes(m, state, in, end, table, x, length, steps);
}
void n1_products_avx2(const int16_t *a, const int16_t *b, int32_t lanes, int32_t *sums) {
  n1_products(a, b, lanes, sums);
}

#endif
