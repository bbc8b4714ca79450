/* The N1 model's steps on one AVX2 register for eight lanes. */
#ifndef N1C_N1_AVX2_H
#define N1C_N1_AVX2_H

#include "avx2.h"
#include "n1_model.h"

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

/* The codes that the states' slots stand for, and the states without them. Idle lanes, all ones, stay as they are. */
INLINE __m256i find(const n1_model *m, __m256i p, __m256i scale, __m256i idle, __m256i *s0, __m256i *s1) {
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
  missed = _mm256_andnot_si256(idle, missed);
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
  low = _mm256_andnot_si256(idle, low);
  frequency = _mm256_blendv_epi8(frequency, _mm256_set1_epi32(N1_PROB), idle);
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

#endif
#endif
