/* Eight channels of a packet in lockstep with AVX2. Bit for bit what n1_stream_lanes.c computes. */
#include "n1_stream_lanes.h"

#include "n1_avx2.h"

#ifdef N1C_AVX2

typedef struct {
  __m256i weights[N1_ORDER / 2];
  __m256i a1, a2, a3, shift, extra, age, idle, last;
} lanes;

INLINE void lanes_tune(lanes *v, const n1_group *g) {
  for (int i = 0; i < N1_ORDER / 2; i++) v->weights[i] = load(g->weights[i]);
  v->shift = _mm256_sub_epi32(load(g->shift), _mm256_set1_epi32(5));
  v->extra = _mm256_sub_epi32(load(g->extra), _mm256_set1_epi32(127 << 4));
}

INLINE void lanes_open(lanes *v, const n1_group *g, const n1_block *b, int32_t from) {
  int32_t idle[N1_LANES];
  for (int lane = 0; lane < N1_LANES; lane++) idle[lane] = -(b->idle >> lane & 1);
  v->idle = load(idle);
  v->a1 = load(g->a1);
  v->a2 = load(g->a2);
  v->a3 = load(g->a3);
  v->age = load(g->age);
  v->last = load(b->pair[N1_ORDER + from - 1]);
  lanes_tune(v, g);
}

INLINE void lanes_close(const lanes *v, n1_group *g) {
  _mm256_storeu_si256((__m256i *)(void *)g->a1, v->a1);
  _mm256_storeu_si256((__m256i *)(void *)g->a2, v->a2);
  _mm256_storeu_si256((__m256i *)(void *)g->a3, v->a3);
}

INLINE __m256i predict(lanes *v, const n1_model *m, n1_group *g, const n1_block *b, int32_t step, __m256i *scale) {
  const __m256i full = _mm256_set1_epi32(1 << N1_U_BITS);
  const int16_t *past = b->pair[N1_ORDER + step - 1];
  __m256i a = _mm256_setzero_si256(), c = a;
  if (b->youngest + step <= N1_ORDER) {
    n1_block_grow(m, g, b, step);
    lanes_tune(v, g);
  }
  for (int i = N1_ORDER / 2 - 1; i > 0; i -= 2) { /* the newest last: the rest need not wait for it */
    a = _mm256_add_epi32(a, _mm256_madd_epi16(load(past - 4 * N1_LANES * i), v->weights[i]));
    c = _mm256_add_epi32(c, _mm256_madd_epi16(load(past - 4 * N1_LANES * (i - 1)), v->weights[i - 1]));
  }
  *scale = scale_of(v->a1, v->a2, v->a3, v->extra);
  a = _mm256_srav_epi32(_mm256_add_epi32(a, c), v->shift);
  return clamp(a, _mm256_sub_epi32(_mm256_setzero_si256(), full), full);
}

INLINE void learn(lanes *v, const n1_model *m, n1_block *b, int32_t step, __m256i code, __m256i p) {
  const __m256i raw = gather16(m->centre, code);
  const __m256i pair = _mm256_blend_epi16(raw, _mm256_slli_epi32(v->last, 16), 0xaa);
  const __m256i c = _mm256_srai_epi32(_mm256_slli_epi32(raw, 16), 16), most = _mm256_set1_epi32(1023);
  __m256i e = _mm256_sra_epi32(_mm256_sub_epi32(c, _mm256_srai_epi32(p, 5)), _mm_cvtsi32_si128(m->scale_shift));
  __m256i d1, d2, d3;
  _mm256_storeu_si256((__m256i *)(void *)b->pair[N1_ORDER + step], pair);
  v->last = raw;
  e = clamp(e, _mm256_sub_epi32(_mm256_setzero_si256(), most), most);
  e = _mm256_mullo_epi32(e, e);
  d1 = _mm256_sub_epi32(e, _mm256_srli_epi32(v->a1, 12));
  d2 = _mm256_sub_epi32(e, _mm256_srli_epi32(v->a2, 7));
  d3 = _mm256_sub_epi32(e, _mm256_srli_epi32(v->a3, 3));
  if (b->youngest + step < N1_ORDER) {
    const __m256i young = _mm256_cmpgt_epi32(_mm256_set1_epi32(N1_ORDER - step), v->age);
    d1 = _mm256_andnot_si256(young, d1);
    d2 = _mm256_andnot_si256(young, d2);
    d3 = _mm256_andnot_si256(young, d3);
  }
  v->a1 = _mm256_add_epi32(v->a1, d1);
  v->a2 = _mm256_add_epi32(v->a2, d2);
  v->a3 = _mm256_add_epi32(v->a3, d3);
}

AVX2 void n1_block_encode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                               uint32_t *coded) {
  lanes v;
  lanes_open(&v, g, b, from);
  for (int32_t t = from; t < to; t++, coded += 2 * N1_LANES) {
    __m256i scale, recip, reach, low, high;
    const __m256i p = predict(&v, m, g, b, t, &scale);
    const __m256i code = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)b->codes[t]));
    recip = _mm256_i32gather_epi32(m->recip, scale, 4);
    reach = _mm256_i32gather_epi32(m->reach, scale, 4);
    low = below(m, code, p, recip, reach);
    high = below(m, _mm256_add_epi32(code, _mm256_set1_epi32(1)), p, recip, reach);
    _mm256_storeu_si256((__m256i *)(void *)coded, low);
    _mm256_storeu_si256((__m256i *)(void *)(coded + N1_LANES), _mm256_andnot_si256(v.idle, _mm256_sub_epi32(high, low)));
    learn(&v, m, b, t, code, p);
  }
  lanes_close(&v, g);
}

AVX2 const uint8_t *n1_block_decode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                                         uint64_t *state, const uint8_t *in, const uint8_t *end) {
  __m256i s0 = load(state), s1 = load(state + 4);
  lanes v;
  lanes_open(&v, g, b, from);
  for (int32_t t = from; t < to; t++) {
    __m256i scale, code, packed;
    const __m256i p = predict(&v, m, g, b, t, &scale);
    code = _mm256_andnot_si256(v.idle, find(m, p, scale, v.idle, &s0, &s1));
    learn(&v, m, b, t, code, p);
    packed = _mm256_packus_epi32(code, code);
    _mm_storeu_si128((__m128i *)(void *)b->codes[t],
                     _mm_unpacklo_epi64(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1)));
    in = refill(&s0, &s1, in, end);
    if (!in) return NULL;
  }
  _mm256_storeu_si256((__m256i *)(void *)state, s0);
  _mm256_storeu_si256((__m256i *)(void *)(state + 4), s1);
  lanes_close(&v, g);
  return in;
}

AVX2 void n1_block_correlate_avx2(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames) {
  const __m128i down = _mm_cvtsi32_si128(m->corr_shift);
  __m256i x[N1_ORDER + N1_FRAMES + 1];
  for (int32_t i = 0; i <= N1_ORDER + frames; i++) x[i] = _mm256_sra_epi16(load(b->pair[i]), down);
  for (int32_t lag = 0; lag <= N1_ORDER; lag++) {
    __m256i sum = _mm256_setzero_si256();
    int64_t *const r = g->corr[lag];
    for (int32_t i = N1_ORDER + 1; i <= N1_ORDER + frames; i += 2)
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x[i], x[i - lag]));
    _mm256_storeu_si256((__m256i *)(void *)r,
                        _mm256_add_epi64(load(r), _mm256_cvtepi32_epi64(_mm256_castsi256_si128(sum))));
    _mm256_storeu_si256((__m256i *)(void *)(r + 4),
                        _mm256_add_epi64(load(r + 4), _mm256_cvtepi32_epi64(_mm256_extracti128_si256(sum, 1))));
  }
}

#else

void n1_block_encode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded) {
  n1_block_encode(m, g, b, from, to, coded);
}
const uint8_t *n1_block_decode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                                    uint64_t *state, const uint8_t *in, const uint8_t *end) {
  return n1_block_decode(m, g, b, from, to, state, in, end);
}
void n1_block_correlate_avx2(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames) {
  (void)m, (void)g, (void)b, (void)frames; /* never called: n1_avx2() is 0 */
}

#endif
