/* What the kernels of n1_multi with AVX2 share with those of its packets. */
#ifndef N1C_N1_MULTI_AVX2_H
#define N1C_N1_MULTI_AVX2_H

#include "avx2.h"
#include "n1_multi.h"

#ifdef N1C_AVX2
#  include <string.h>

typedef __m256i ints;
typedef __m256 floats;

INLINE void store(void *p, ints v) { _mm256_storeu_si256((__m256i *)p, v); }
INLINE ints from_floats(floats v) { return _mm256_castps_si256(v); }
INLINE floats to_floats(ints v) { return _mm256_castsi256_ps(v); }

/* Eight loads are faster than an instruction that gathers: of numbers, and of pairs of them. */
INLINE ints gather_ints(const void *table, ints index) {
  const int32_t *at = table;
  const __m128i low = _mm256_castsi256_si128(index), high = _mm256_extracti128_si256(index, 1);
  const uint64_t i0 = (uint64_t)_mm_cvtsi128_si64(low), i2 = (uint64_t)_mm_extract_epi64(low, 1);
  const uint64_t i4 = (uint64_t)_mm_cvtsi128_si64(high), i6 = (uint64_t)_mm_extract_epi64(high, 1);
  __m128i a = _mm_cvtsi32_si128(at[(uint32_t)i0]), b = _mm_cvtsi32_si128(at[(uint32_t)i4]);
  a = _mm_insert_epi32(a, at[i0 >> 32], 1), b = _mm_insert_epi32(b, at[i4 >> 32], 1);
  a = _mm_insert_epi32(a, at[(uint32_t)i2], 2), b = _mm_insert_epi32(b, at[(uint32_t)i6], 2);
  a = _mm_insert_epi32(a, at[i2 >> 32], 3), b = _mm_insert_epi32(b, at[i6 >> 32], 3);
  return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}

/* Two numbers of 32 bits that need not lie at a multiple of 8 bytes, as _mm_load_sd asks for. */
INLINE __m128d load_pair(const double *at) {
  return _mm_castsi128_pd(_mm_loadl_epi64((const __m128i *)(const void *)at));
}

INLINE void gather_pairs(const void *table, ints index, floats *first, floats *second) {
  const double *at = table;
  const __m128i low = _mm256_castsi256_si128(index), high = _mm256_extracti128_si256(index, 1);
  const uint64_t i0 = (uint64_t)_mm_cvtsi128_si64(low), i2 = (uint64_t)_mm_extract_epi64(low, 1);
  const uint64_t i4 = (uint64_t)_mm_cvtsi128_si64(high), i6 = (uint64_t)_mm_extract_epi64(high, 1);
  const __m128d a = _mm_loadh_pd(load_pair(at + (uint32_t)i0), at + (i0 >> 32));
  const __m128d b = _mm_loadh_pd(load_pair(at + (uint32_t)i2), at + (i2 >> 32));
  const __m128d c = _mm_loadh_pd(load_pair(at + (uint32_t)i4), at + (i4 >> 32));
  const __m128d d = _mm_loadh_pd(load_pair(at + (uint32_t)i6), at + (i6 >> 32));
  const floats even = _mm256_castpd_ps(_mm256_insertf128_pd(_mm256_castpd128_pd256(a), c, 1));
  const floats odd = _mm256_castpd_ps(_mm256_insertf128_pd(_mm256_castpd128_pd256(b), d, 1));
  *first = _mm256_shuffle_ps(even, odd, 0x88);
  *second = _mm256_shuffle_ps(even, odd, 0xdd);
}

typedef struct {
  floats a1, a2, a3;
} scales;

INLINE floats sigma_of(const scales *s, floats boost) {
  const floats v = _mm256_add_ps(
      _mm256_add_ps(_mm256_mul_ps(s->a1, _mm256_set1_ps(0.3125f)), _mm256_mul_ps(s->a2, _mm256_set1_ps(0.5625f))),
      _mm256_mul_ps(s->a3, _mm256_set1_ps(0.125f)));
  return _mm256_sqrt_ps(_mm256_mul_ps(v, boost));
}

INLINE floats approach(floats a, floats square, float part) {
  return _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(square, a), _mm256_set1_ps(part)));
}

INLINE void follow(scales *s, ints x_now, ints sum, __m128i bits, floats scale) {
  const floats e = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_sll_epi32(x_now, bits), sum)), scale);
  const floats square = _mm256_max_ps(_mm256_mul_ps(e, e), _mm256_set1_ps(MULTI_LEAST_VARIANCE));
  s->a1 = approach(s->a1, square, 1.0f / 4096);
  s->a2 = approach(s->a2, square, 1.0f / 128);
  s->a3 = approach(s->a3, square, 1.0f / 8);
}

/* The thresholds on both sides of codes. */
INLINE void gather_bounds(const multi_level *at, ints code, floats *low, floats *high) {
  const __m128i first = _mm256_castsi256_si128(code), last = _mm256_extracti128_si256(code, 1);
  const uint64_t i0 = (uint64_t)_mm_cvtsi128_si64(first), i2 = (uint64_t)_mm_extract_epi64(first, 1);
  const uint64_t i4 = (uint64_t)_mm_cvtsi128_si64(last), i6 = (uint64_t)_mm_extract_epi64(last, 1);
#  define BOUNDS(i, k)                                                                                                \
    _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(&at[i].threshold)), _mm_loadu_ps(&at[k].threshold), 1)
  const floats a = BOUNDS((uint32_t)i0, (uint32_t)i4), b = BOUNDS(i0 >> 32, i4 >> 32);
  const floats c = BOUNDS((uint32_t)i2, (uint32_t)i6), d = BOUNDS(i2 >> 32, i6 >> 32);
#  undef BOUNDS
  const floats ab = _mm256_shuffle_ps(a, b, 0x88), cd = _mm256_shuffle_ps(c, d, 0x88); /* low high low high */
  *low = _mm256_shuffle_ps(ab, cd, 0x88);
  *high = _mm256_shuffle_ps(ab, cd, 0xdd);
}

INLINE void load_states(const uint64_t *state, ints *even, ints *odd) {
  const ints a = load(state), b = load(state + 4); /* 0 1 2 3, 4 5 6 7 */
  *even = _mm256_permute4x64_epi64(_mm256_unpacklo_epi64(a, b), 0xd8);
  *odd = _mm256_permute4x64_epi64(_mm256_unpackhi_epi64(a, b), 0xd8);
}

INLINE void store_states(uint64_t *state, ints even, ints odd) {
  const ints a = _mm256_unpacklo_epi64(even, odd), b = _mm256_unpackhi_epi64(even, odd); /* 0 1 4 5, 2 3 6 7 */
  store(state, _mm256_permute2x128_si256(a, b, 0x20));
  store(state + 4, _mm256_permute2x128_si256(a, b, 0x31));
}

/* A word for each state below 2^32. Returns how many bytes they took. */
INLINE int32_t refill(ints *even, ints *odd, const uint8_t *in) {
  const ints zero = _mm256_setzero_si256();
  const ints dry0 = _mm256_cmpeq_epi64(_mm256_srli_epi64(*even, 32), zero);
  const ints dry1 = _mm256_cmpeq_epi64(_mm256_srli_epi64(*odd, 32), zero);
  const int32_t dry = _mm256_movemask_ps(to_floats(_mm256_blend_epi32(dry0, dry1, 0xaa)));
  const ints order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)rank[dry]));
  const ints words =
      _mm256_permutevar8x32_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)in)), order);
  const ints w0 = _mm256_and_si256(words, _mm256_set1_epi64x(0xffffffff)), w1 = _mm256_srli_epi64(words, 32);
  *even = _mm256_blendv_epi8(*even, _mm256_or_si256(_mm256_slli_epi64(*even, 16), w0), dry0);
  *odd = _mm256_blendv_epi8(*odd, _mm256_or_si256(_mm256_slli_epi64(*odd, 16), w1), dry1);
  return 2 * _mm_popcnt_u32((uint32_t)dry);
}

INLINE int dry(ints even, ints odd) {
  const ints low = _mm256_min_epu32(_mm256_srli_epi64(even, 32), _mm256_srli_epi64(odd, 32));
  return _mm256_movemask_epi8(_mm256_cmpeq_epi64(low, _mm256_setzero_si256())) != 0;
}

/* Words for the states of a step, up to two for each; where the bytes go on, or NULL if they end too early. */
INLINE const uint8_t *refill_all(ints *even, ints *odd, const uint8_t *in, const uint8_t *end) {
  const uint8_t *words = in;
  uint8_t last[4 * MULTI_LANES + 16];
  int32_t taken;
  if (end - in < (int64_t)sizeof last) {
    memset(last, 0, sizeof last);
    memcpy(last, in, (size_t)(end - in));
    words = last;
  }
  taken = refill(even, odd, words);
  taken += refill(even + 1, odd + 1, words + taken);
  if (dry(even[0], odd[0]) | dry(even[1], odd[1])) {
    taken += refill(even, odd, words + taken);
    taken += refill(even + 1, odd + 1, words + taken);
  }
  return end - in < taken ? NULL : in + taken;
}

#endif
#endif
