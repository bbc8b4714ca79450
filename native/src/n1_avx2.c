/* The N1 model's lanes in lockstep, one AVX2 register for all eight. Bit for bit what n1_lanes.c computes. */
#include "n1_lanes.h"

#include "avx2.h"

#ifdef N1C_AVX2

INLINE __m256i clamp(__m256i x, __m256i low, __m256i high) { return _mm256_min_epi32(_mm256_max_epi32(x, low), high); }

/* The scale indices that n1_scale computes. A float's exponent and first four bits are 16 log2, nearly; `extra` is less
 * by the 16 * 127 that its bias adds. */
INLINE __m256i scale_of(__m256i a1, __m256i a2, __m256i a3, __m256i extra) {
  const __m256i x = _mm256_srli_epi32(a1, 8), y = _mm256_srli_epi32(a2, 3);
  __m256i v = _mm256_add_epi32(x, _mm256_slli_epi32(x, 2));
  v = _mm256_add_epi32(v, _mm256_add_epi32(y, _mm256_slli_epi32(y, 3)));
  v = _mm256_srli_epi32(_mm256_add_epi32(v, _mm256_slli_epi32(a3, 2)), 4);
  v = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_or_si256(v, _mm256_set1_epi32(1))));
  return clamp(_mm256_add_epi32(_mm256_srli_epi32(v, 19), extra), _mm256_setzero_si256(),
               _mm256_set1_epi32(N1_SCALES - 1));
}

/* Frequencies of all codes below `code`. */
INLINE __m256i below(const n1_model *m, __m256i code, __m256i p, __m256i recip, __m256i reach) {
  const __m256i distance = _mm256_sub_epi32(_mm256_i32gather_epi32(m->threshold, code, 4), p);
  __m256i z = clamp(distance, _mm256_sub_epi32(_mm256_setzero_si256(), reach), reach), f0, f1;
  z = _mm256_add_epi32(_mm256_srai_epi32(_mm256_mullo_epi32(z, recip), 16), _mm256_set1_epi32(N1_Z_MAX + 64 * N1_PAD));
  {
    /* Both numbers of a cell at once, in an order of lanes that the shuffles undo. */
    const __m256i cell = _mm256_permute4x64_epi64(_mm256_srli_epi32(z, 6), 0xd8);
    const __m256i part = _mm256_and_si256(z, _mm256_set1_epi32(63));
    const __m256 g0 = _mm256_castsi256_ps(
        _mm256_i32gather_epi64((const long long *)(const void *)m->shape, _mm256_castsi256_si128(cell), 8));
    const __m256 g1 = _mm256_castsi256_ps(
        _mm256_i32gather_epi64((const long long *)(const void *)m->shape, _mm256_extracti128_si256(cell, 1), 8));
    f0 = _mm256_castps_si256(_mm256_shuffle_ps(g0, g1, 0x88));
    f1 = _mm256_castps_si256(_mm256_shuffle_ps(g0, g1, 0xdd));
    f1 = _mm256_srli_epi32(_mm256_mullo_epi32(f1, part), 6);
  }
  return _mm256_add_epi32(_mm256_add_epi32(f0, f1), _mm256_mullo_epi32(code, _mm256_set1_epi32(m->floor)));
}

/* The tables of int16 and uint16 are followed by others, so that reading 32 bits at their last entry is sound. */
INLINE __m256i gather16(const void *table, __m256i index) {
  return _mm256_i32gather_epi32((const int *)table, index, 2);
}

/* frequency * (state >> 24) + rest, four lanes of 64 bits; frequency and rest are 32 bits each. */
INLINE __m256i advance(__m256i state, __m256i frequency, __m256i rest) {
  const __m256i q = _mm256_srli_epi64(state, N1_PROB_BITS);
  const __m256i product = _mm256_add_epi64(
      _mm256_mul_epu32(q, frequency), _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(q, 32), frequency), 32));
  return _mm256_add_epi64(product, rest);
}

/* The codes that the states' slots stand for, and the states without them. */
INLINE __m256i find(const n1_model *m, __m256i p, __m256i scale, __m256i *s0, __m256i *s1) {
  const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1), all = _mm256_set1_epi32(-1);
  const __m256i half = _mm256_set1_epi32(m->origin + (1 << (N1_U_BITS - 1)));
  const __m256i evens = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  const __m256i recip = _mm256_i32gather_epi32(m->recip, scale, 4), reach = _mm256_i32gather_epi32(m->reach, scale, 4);
  __m256i slot, near, code, low, high, middle, other, down, missed, frequency, rest;
  int32_t mask;
  slot = _mm256_blend_epi32(_mm256_permutevar8x32_epi32(*s0, evens), _mm256_permutevar8x32_epi32(*s1, evens), 0xf0);
  slot = _mm256_and_si256(slot, _mm256_set1_epi32(N1_PROB - 1));
  near = gather16(m->guess, _mm256_srli_epi32(slot, N1_PROB_BITS - 10));
  near = _mm256_srai_epi32(_mm256_slli_epi32(near, 16), 16);
  near = _mm256_mullo_epi32(near, _mm256_i32gather_epi32(m->sigma, scale, 4));
  near = _mm256_add_epi32(_mm256_add_epi32(p, _mm256_srai_epi32(near, 9)), half);
  near = clamp(_mm256_srai_epi32(near, N1_U_BITS - 13), zero, _mm256_set1_epi32(N1_NEAR - 1));
  near = _mm256_and_si256(gather16(m->near, near), _mm256_set1_epi32(0xffff));
  middle = below(m, near, p, recip, reach);
  down = _mm256_cmpgt_epi32(middle, slot);
  other = _mm256_add_epi32(near, _mm256_or_si256(_mm256_slli_epi32(down, 1), one)); /* or: 1 or -1 */
  other = below(m, other, p, recip, reach);
  code = _mm256_add_epi32(near, down);
  low = _mm256_blendv_epi8(middle, other, down);
  high = _mm256_blendv_epi8(other, middle, down);
  missed = _mm256_or_si256(_mm256_cmpgt_epi32(low, slot), _mm256_xor_si256(_mm256_cmpgt_epi32(high, slot), all));
  frequency = _mm256_sub_epi32(high, low);
  mask = _mm256_movemask_ps(_mm256_castsi256_ps(missed));
  if (mask) {
    int32_t ps[N1_LANES], scales[N1_LANES], found[N1_LANES];
    uint32_t lows[N1_LANES], frequencies[N1_LANES], slots[N1_LANES];
    _mm256_storeu_si256((__m256i *)(void *)ps, p);
    _mm256_storeu_si256((__m256i *)(void *)scales, scale);
    _mm256_storeu_si256((__m256i *)(void *)found, code);
    _mm256_storeu_si256((__m256i *)(void *)lows, low);
    _mm256_storeu_si256((__m256i *)(void *)frequencies, frequency);
    _mm256_storeu_si256((__m256i *)(void *)slots, slot);
    for (int lane = 0; lane < N1_LANES; lane++)
      if (mask >> lane & 1)
        found[lane] = n1_find(m, slots[lane], ps[lane], scales[lane], lows + lane, frequencies + lane);
    code = load(found);
    low = load(lows);
    frequency = load(frequencies);
  }
  rest = _mm256_sub_epi32(slot, low);
  *s0 = advance(*s0, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(frequency)),
                _mm256_cvtepu32_epi64(_mm256_castsi256_si128(rest)));
  *s1 = advance(*s1, _mm256_cvtepu32_epi64(_mm256_extracti128_si256(frequency, 1)),
                _mm256_cvtepu32_epi64(_mm256_extracti128_si256(rest, 1)));
  return code;
}

/* A word for each state that is below 2^32. Returns how far it read, or NULL where the bytes end too early. */
INLINE const uint8_t *refill(__m256i *s0, __m256i *s1, const uint8_t *in, const uint8_t *end) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i dry0 = _mm256_cmpeq_epi64(_mm256_srli_epi64(*s0, 32), zero);
  const __m256i dry1 = _mm256_cmpeq_epi64(_mm256_srli_epi64(*s1, 32), zero);
  const int32_t dry =
      _mm256_movemask_pd(_mm256_castsi256_pd(dry0)) | _mm256_movemask_pd(_mm256_castsi256_pd(dry1)) << 4;
  const int32_t taken = 4 * (rank[dry][7] + (dry >> 7));
  uint8_t last[4 * N1_LANES];
  const uint8_t *from = in;
  __m256i words;
  if (end - in < 4 * N1_LANES) { /* near the end */
    if (end - in < taken) return NULL;
    memset(last, 0, sizeof last);
    memcpy(last, in, (size_t)(end - in));
    from = last;
  }
  words = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)rank[dry]));
  words = _mm256_permutevar8x32_epi32(load(from), words);
  *s0 = _mm256_blendv_epi8(
      *s0, _mm256_or_si256(_mm256_slli_epi64(*s0, 32), _mm256_cvtepu32_epi64(_mm256_castsi256_si128(words))), dry0);
  *s1 = _mm256_blendv_epi8(
      *s1, _mm256_or_si256(_mm256_slli_epi64(*s1, 32), _mm256_cvtepu32_epi64(_mm256_extracti128_si256(words, 1))), dry1);
  return in + taken;
}

typedef struct {
  __m256i levels[N1_PAIRS], weights[N1_PAIRS], mean[N1_MEANS], level[N1_MEANS];
  __m256i a1, a2, a3, shift, extra, last;
} lanes;

INLINE __m256i narrow(__m256i x) { return _mm256_srai_epi32(_mm256_slli_epi32(x, 16), 16); }
INLINE __m256i pair(__m256i low, __m256i high) { return _mm256_blend_epi16(low, _mm256_slli_epi32(high, 16), 0xaa); }
INLINE void store(void *at, __m256i x) { _mm256_storeu_si256((__m256i *)at, x); }

INLINE void lanes_open(lanes *v, const n1_group *g) {
  for (int i = 0; i < N1_PAIRS; i++) {
    v->weights[i] = load(g->weights[i]);
    v->levels[i] = load(g->levels[i]);
  }
  for (int i = 0; i < N1_MEANS; i++) {
    v->mean[i] = load(g->mean[i]);
    v->level[i] = _mm256_srai_epi32(v->mean[i], 2 * i + 1);
  }
  v->last = narrow(v->levels[0]);
  v->a1 = load(g->a1);
  v->a2 = load(g->a2);
  v->a3 = load(g->a3);
  v->shift = _mm256_sub_epi32(load(g->shift), _mm256_set1_epi32(5));
  v->extra = _mm256_sub_epi32(load(g->extra), _mm256_set1_epi32(127 << 4));
}

INLINE void lanes_close(const lanes *v, n1_group *g) {
  for (int i = 0; i < N1_PAIRS; i++) store(g->levels[i], v->levels[i]);
  for (int i = 0; i < N1_MEANS; i++) store(g->mean[i], v->mean[i]);
  store(g->a1, v->a1);
  store(g->a2, v->a2);
  store(g->a3, v->a3);
}

INLINE __m256i predict(const lanes *v, __m256i *scale) {
  const __m256i full = _mm256_set1_epi32(1 << N1_U_BITS);
  __m256i p = _mm256_add_epi32(_mm256_madd_epi16(v->levels[2], v->weights[2]),
                               _mm256_madd_epi16(v->levels[3], v->weights[3]));
  p = _mm256_add_epi32(p, _mm256_madd_epi16(v->levels[1], v->weights[1]));
  p = _mm256_add_epi32(p, _mm256_madd_epi16(v->levels[0], v->weights[0])); /* the newest last: the rest need not wait */
  *scale = scale_of(v->a1, v->a2, v->a3, v->extra);
  return clamp(_mm256_srav_epi32(p, v->shift), _mm256_sub_epi32(_mm256_setzero_si256(), full), full);
}

INLINE void learn(lanes *v, const n1_model *m, n1_block *b, int32_t step, __m256i code, __m256i p) {
  const __m256i raw = gather16(m->centre, code), c = narrow(raw), most = _mm256_set1_epi32(1023);
  const __m256i twice = pair(v->last, v->last), second = v->levels[0];
  __m256i e = _mm256_sra_epi32(_mm256_sub_epi32(c, _mm256_srai_epi32(p, 5)), _mm_cvtsi32_si128(m->scale_shift));
  e = clamp(e, _mm256_sub_epi32(_mm256_setzero_si256(), most), most);
  e = _mm256_mullo_epi32(e, e);
  v->a1 = _mm256_add_epi32(v->a1, _mm256_sub_epi32(e, _mm256_srli_epi32(v->a1, 12)));
  v->a2 = _mm256_add_epi32(v->a2, _mm256_sub_epi32(e, _mm256_srli_epi32(v->a2, 7)));
  v->a3 = _mm256_add_epi32(v->a3, _mm256_sub_epi32(e, _mm256_srli_epi32(v->a3, 3)));
  store(b->steps[step][0], _mm256_sub_epi16(_mm256_blend_epi16(raw, second, 0xaa), twice));
  for (int i = 1; i < N1_PAIRS; i++) store(b->steps[step][i], _mm256_sub_epi16(v->levels[i], twice));
  for (int i = 0; i < N1_MEANS; i++) {
    v->mean[i] = _mm256_add_epi32(v->mean[i], _mm256_sub_epi32(v->last, v->level[i]));
    v->level[i] = _mm256_srai_epi32(v->mean[i], 2 * i + 1);
  }
  v->levels[0] = pair(raw, v->last);
  v->levels[1] = pair(_mm256_srli_epi32(second, 16), v->level[0]);
  v->levels[2] = pair(v->level[1], v->level[2]);
  v->levels[3] = pair(v->level[3], v->level[4]);
  v->last = c;
}

int n1_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") ? 1 : 0; }

AVX2 void n1_block_encode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                               uint32_t *coded) {
  const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i idle = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(b->idle), bits), bits);
  lanes v;
  lanes_open(&v, g);
  for (int32_t t = from; t < to; t++, coded += 2 * N1_LANES) {
    __m256i scale, recip, reach, low, high;
    const __m256i p = predict(&v, &scale);
    const __m256i code = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)b->codes[t]));
    recip = _mm256_i32gather_epi32(m->recip, scale, 4);
    reach = _mm256_i32gather_epi32(m->reach, scale, 4);
    low = below(m, code, p, recip, reach);
    high = below(m, _mm256_add_epi32(code, _mm256_set1_epi32(1)), p, recip, reach);
    store(coded, low);
    store(coded + N1_LANES, _mm256_andnot_si256(idle, _mm256_sub_epi32(high, low)));
    learn(&v, m, b, t, code, p);
  }
  lanes_close(&v, g);
}

AVX2 const uint8_t *n1_block_decode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                                         uint64_t *state, const uint8_t *in, const uint8_t *end) {
  __m256i s0 = load(state), s1 = load(state + 4);
  lanes v;
  lanes_open(&v, g);
  for (int32_t t = from; t < to; t++) {
    __m256i scale, code, packed;
    const __m256i p = predict(&v, &scale);
    code = find(m, p, scale, &s0, &s1);
    learn(&v, m, b, t, code, p);
    packed = _mm256_packus_epi32(code, code);
    _mm_storeu_si128((__m128i *)(void *)b->codes[t],
                     _mm_unpacklo_epi64(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1)));
    in = refill(&s0, &s1, in, end);
    if (!in) return NULL;
  }
  store(state, s0);
  store(state + 4, s1);
  lanes_close(&v, g);
  return in;
}

/* Of two steps at a time, lane by lane, so that products are added in pairs. */
AVX2 void n1_block_moments_avx2(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames) {
  const __m128i down = _mm_cvtsi32_si128(m->scale_shift);
  const __m256i most = _mm256_set1_epi16(N1_MOST_STEP), least = _mm256_set1_epi16(-N1_MOST_STEP);
  const int32_t pairs = (frames + 1) / 2;
  __m256i x[N1_LEVELS][N1_FRAMES / 2];
  for (int32_t t = 0; t < pairs; t++)
    for (int i = 0; i < N1_PAIRS; i++) {
      __m256i even = _mm256_sra_epi16(load(b->steps[2 * t][i]), down), odd = _mm256_setzero_si256();
      if (2 * t + 1 < frames) odd = _mm256_sra_epi16(load(b->steps[2 * t + 1][i]), down);
      even = _mm256_max_epi16(_mm256_min_epi16(even, most), least);
      odd = _mm256_max_epi16(_mm256_min_epi16(odd, most), least);
      x[2 * i][t] = pair(even, odd);
      x[2 * i + 1][t] = _mm256_blend_epi16(_mm256_srli_epi32(even, 16), odd, 0xaa);
    }
  for (int j = 0, n = 0; j < N1_LEVELS; j++)
    for (int i = 0; i <= j; i++, n++) {
      __m256i sum = _mm256_setzero_si256();
      for (int32_t t = 0; t < pairs; t++) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x[i][t], x[j][t]));
      sum = _mm256_add_epi32(sum, _mm256_set1_epi32(1 << (N1_MOMENT_BITS - 1)));
      store(g->moments[n], _mm256_add_epi32(load(g->moments[n]), _mm256_srai_epi32(sum, N1_MOMENT_BITS)));
    }
}

#else

int n1_avx2(void) { return 0; }
void n1_block_encode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded) {
  n1_block_encode(m, g, b, from, to, coded);
}
const uint8_t *n1_block_decode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                                    uint64_t *state, const uint8_t *in, const uint8_t *end) {
  return n1_block_decode(m, g, b, from, to, state, in, end);
}
void n1_block_moments_avx2(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames) {
  n1_block_moments(m, g, b, frames);
}

#endif
