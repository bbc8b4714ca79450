/* The kernels of n1_multi with AVX2: a row of sixteen 16-bit numbers is one register, its 32-bit numbers are two, A and B,
 * in the order that unpacking leads to (multi_lane_of). A register of 64-bit states holds the even or odd ones of A or B. */
#include "n1_multi_avx2.h"

#ifdef N1C_AVX2
#  include <string.h>

/* -- samples, codes, x --------------------------------------------------------------------------------------------------- */

/* Pairs of numbers of 16 bits, all ones or zeros: how many are ones, added to eight sums. */
INLINE ints count_ones(ints sums, ints set) { return _mm256_sub_epi32(sums, _mm256_madd_epi16(set, _mm256_set1_epi16(1))); }

INLINE int64_t sum_of(ints v) {
  int32_t each[8];
  int64_t sum = 0;
  store(each, v);
  for (int i = 0; i < 8; i++) sum += each[i];
  return sum;
}

AVX2 static int64_t codes(const int16_t *sample, int32_t first, int32_t count, int64_t rows, uint16_t *out) {
  const int32_t last = first + count - 1;
  const ints low = _mm256_set1_epi16((int16_t)first), high = _mm256_set1_epi16((int16_t)(last > 32767 ? 32767 : last));
  ints outermost = _mm256_setzero_si256();
  for (int64_t t = 0; t < rows; t++) {
    const ints s = _mm256_min_epi16(_mm256_max_epi16(load(sample + t * MULTI_LANES), low), high);
    store(out + t * MULTI_LANES, _mm256_sub_epi16(s, low));
    outermost = count_ones(outermost, _mm256_or_si256(_mm256_cmpeq_epi16(s, low), _mm256_cmpeq_epi16(s, high)));
  }
  return sum_of(outermost);
}

AVX2 static int64_t samples(const uint16_t *code, int32_t first, int32_t count, int64_t rows, int16_t *out) {
  const ints low = _mm256_set1_epi16((int16_t)first), last = _mm256_set1_epi16((int16_t)(uint16_t)(count - 1));
  const ints zero = _mm256_setzero_si256();
  ints outermost = zero;
  for (int64_t t = 0; t < rows; t++) {
    const ints k = load(code + t * MULTI_LANES);
    store(out + t * MULTI_LANES, _mm256_add_epi16(k, low));
    outermost = count_ones(outermost, _mm256_or_si256(_mm256_cmpeq_epi16(k, zero), _mm256_cmpeq_epi16(k, last)));
  }
  return sum_of(outermost);
}

INLINE ints x_of(const multi_coder *c, ints centre) {
  return _mm256_sra_epi32(_mm256_sub_epi32(centre, _mm256_set1_epi32(c->x_mean)), _mm_cvtsi32_si128(c->x_shift));
}

AVX2 static void x(const multi_coder *c, const uint16_t *code, int64_t rows, int16_t *out) {
  const ints zero = _mm256_setzero_si256();
  for (int64_t t = 0; t < rows; t++) {
    const ints k = load(code + t * MULTI_LANES);
    floats threshold, a, b;
    gather_pairs(c->group->level, _mm256_unpacklo_epi16(k, zero), &threshold, &a);
    gather_pairs(c->group->level, _mm256_unpackhi_epi16(k, zero), &threshold, &b);
    store(out + t * MULTI_LANES, _mm256_packs_epi32(x_of(c, from_floats(a)), x_of(c, from_floats(b))));
  }
}

/* -- regressors ------------------------------------------------------------------------------------------------------------ */

/* The weights of two regressors at a time; how many pairs there are. */
INLINE int32_t pair_weights(const multi_taps_of *taps, ints *weight) {
  const int32_t pairs = (taps->count + 1) / 2;
  for (int32_t i = 0; i < pairs; i++) {
    const int32_t second = 2 * i + 1 < taps->count ? taps->weight[2 * i + 1] : 0;
    weight[i] = _mm256_set1_epi32((int32_t)((uint32_t)second << 16 | (uint16_t)taps->weight[2 * i]));
  }
  return pairs;
}

AVX2 static void dot(const multi_taps_of *taps, int64_t from, int64_t to, int32_t *sum) {
  ints weight[(MULTI_MOST_TAPS + 1) / 2];
  const int32_t pairs = pair_weights(taps, weight);
  for (int64_t t = from; t < to; t++) {
    ints a = _mm256_setzero_si256(), b = a;
    for (int32_t i = 0; i < pairs; i++) {
      const ints one = load(taps->row[2 * i] + t * MULTI_LANES), two = load(taps->row[2 * i + 1] + t * MULTI_LANES);
      a = _mm256_add_epi32(a, _mm256_madd_epi16(_mm256_unpacklo_epi16(one, two), weight[i]));
      b = _mm256_add_epi32(b, _mm256_madd_epi16(_mm256_unpackhi_epi16(one, two), weight[i]));
    }
    store(sum + t * MULTI_LANES, a);
    store(sum + t * MULTI_LANES + 8, b);
  }
}

AVX2 static void mean(const int16_t *row, int32_t shift, int32_t sign, int32_t count, int64_t rows, int32_t *sum,
                      int16_t *out) {
  const floats part = _mm256_set1_ps(count ? 1.0f / (float)count : 0);
  const __m128i by = _mm_cvtsi32_si128(shift);
  const ints signs = _mm256_set1_epi32(sign);
  for (int64_t t = 0; t < rows; t++) {
    const ints v = _mm256_sra_epi16(load(row + t * MULTI_LANES), by);
    const ints va = _mm256_sign_epi32(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(v)), signs);
    const ints vb = _mm256_sign_epi32(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(v, 1)), signs);
    const ints a = _mm256_add_epi32(load(sum + t * MULTI_LANES), va);
    const ints b = _mm256_add_epi32(load(sum + t * MULTI_LANES + 8), vb);
    const ints ma = _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(a), part));
    const ints mb = _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(b), part));
    store(sum + t * MULTI_LANES, a);
    store(sum + t * MULTI_LANES + 8, b);
    store(out + t * MULTI_LANES, _mm256_permute4x64_epi64(_mm256_packs_epi32(ma, mb), 0xd8));
  }
}

/* -- scale and distribution --------------------------------------------------------------------------------------------------- */

/* The distribution function at thresholds, and the codes added. */
INLINE ints below(const multi_group *g, floats threshold, ints code, floats at, floats per_code) {
  const floats middle = _mm256_set1_ps(MULTI_SHAPE / 2), most = _mm256_set1_ps(MULTI_SHAPE);
  floats t = _mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(threshold, at), per_code), middle), part, value, rise;
  ints i;
  t = _mm256_min_ps(_mm256_max_ps(t, _mm256_setzero_ps()), most);
  i = _mm256_cvttps_epi32(t);
  part = _mm256_sub_ps(t, _mm256_cvtepi32_ps(i));
  gather_pairs(g->shape, i, &value, &rise);
  return _mm256_add_epi32(_mm256_cvttps_epi32(_mm256_add_ps(value, _mm256_mul_ps(rise, part))), code);
}

/* All ones in the places of idle lanes. */
INLINE ints idle_of(int32_t active, int half) {
  const ints lane = half ? _mm256_setr_epi32(4, 5, 6, 7, 12, 13, 14, 15) : _mm256_setr_epi32(0, 1, 2, 3, 8, 9, 10, 11);
  return _mm256_cmpgt_epi32(lane, _mm256_set1_epi32(active - 1));
}

INLINE void load_scales(scales *s, const multi_coder *c, int half) {
  s->a1 = _mm256_loadu_ps(c->a1 + 8 * half);
  s->a2 = _mm256_loadu_ps(c->a2 + 8 * half);
  s->a3 = _mm256_loadu_ps(c->a3 + 8 * half);
}

INLINE void store_scales(const scales *s, multi_coder *c, int half) {
  _mm256_storeu_ps(c->a1 + 8 * half, s->a1);
  _mm256_storeu_ps(c->a2 + 8 * half, s->a2);
  _mm256_storeu_ps(c->a3 + 8 * half, s->a3);
}

/* -- encoder ------------------------------------------------------------------------------------------------------------------- */

AVX2 static void intervals(multi_coder *c, const uint16_t *code, const int16_t *row, const int32_t *sum, int64_t from,
                           int64_t to, int32_t active, uint32_t *coded) {
  const multi_group *g = c->group;
  const ints zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1), idle[2] = {idle_of(active, 0), idle_of(active, 1)};
  const floats scale = _mm256_set1_ps(c->scale), level = _mm256_set1_ps(c->mean), boost = _mm256_set1_ps(c->boost);
  const __m128i bits = _mm_cvtsi32_si128(c->bits);
  scales s[2];
  load_scales(s, c, 0);
  load_scales(s + 1, c, 1);
  for (int64_t t = from; t < to; t++) {
    const ints k = load(code + t * MULTI_LANES), v = load(row + t * MULTI_LANES);
    const ints codes_of[2] = {_mm256_unpacklo_epi16(k, zero), _mm256_unpackhi_epi16(k, zero)};
    const ints x_now[2] = {_mm256_srai_epi32(_mm256_unpacklo_epi16(zero, v), 16),
                           _mm256_srai_epi32(_mm256_unpackhi_epi16(zero, v), 16)};
    uint32_t *out = coded + 2 * t * MULTI_LANES;
    for (int half = 0; half < 2; half++) {
      const ints now = load(sum + t * MULTI_LANES + 8 * half);
      const floats at = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(now), scale), level);
      const floats per_code = _mm256_div_ps(_mm256_set1_ps(c->gain), sigma_of(s + half, boost));
      floats lower, upper;
      ints low, high;
      gather_bounds(g->level, codes_of[half], &lower, &upper);
      low = below(g, lower, codes_of[half], at, per_code);
      high = below(g, upper, _mm256_add_epi32(codes_of[half], one), at, per_code);
      store(out + 8 * half, _mm256_andnot_si256(idle[half], low));
      store(out + MULTI_LANES + 8 * half,
            _mm256_blendv_epi8(_mm256_sub_epi32(high, low), _mm256_set1_epi32(MULTI_PROB), idle[half]));
      follow(s + half, x_now[half], now, bits, scale);
    }
  }
  store_scales(s, c, 0);
  store_scales(s + 1, c, 1);
}

/* For each set of four lanes: the bytes of their words, moved together at the end of eight. */
static const uint8_t together[16][8] = {
    {128, 128, 128, 128, 128, 128, 128, 128}, {128, 128, 128, 128, 128, 128, 0, 1},
    {128, 128, 128, 128, 128, 128, 2, 3}, {128, 128, 128, 128, 0, 1, 2, 3},
    {128, 128, 128, 128, 128, 128, 4, 5}, {128, 128, 128, 128, 0, 1, 4, 5},
    {128, 128, 128, 128, 2, 3, 4, 5}, {128, 128, 0, 1, 2, 3, 4, 5},
    {128, 128, 128, 128, 128, 128, 6, 7}, {128, 128, 128, 128, 0, 1, 6, 7},
    {128, 128, 128, 128, 2, 3, 6, 7}, {128, 128, 0, 1, 2, 3, 6, 7},
    {128, 128, 128, 128, 4, 5, 6, 7}, {128, 128, 0, 1, 4, 5, 6, 7},
    {128, 128, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7},
};

INLINE ints from_doubles(__m256d v) { return _mm256_castpd_si256(v); }
INLINE __m256d to_doubles(ints v) { return _mm256_castsi256_pd(v); }

/* Whole numbers below 2^52 as doubles, and back. */
INLINE __m256d as_double(ints v) {
  const ints magic = _mm256_set1_epi64x(0x4330000000000000);
  return _mm256_sub_pd(to_doubles(_mm256_or_si256(v, magic)), to_doubles(magic));
}

INLINE ints as_number(__m256d v) {
  const ints magic = _mm256_set1_epi64x(0x4330000000000000);
  return _mm256_xor_si256(from_doubles(_mm256_add_pd(v, to_doubles(magic))), magic);
}

/* A state below frequency * 2^24 takes in a symbol. The quotient of numbers below 2^48 and 2^25 that is below 2^24 is
 * exact after rounding down: the next whole number is at least 2^-24 away. */
INLINE ints put_symbol(ints state, ints low, ints frequency) {
  const ints q = as_number(_mm256_floor_pd(_mm256_div_pd(as_double(state), as_double(frequency))));
  const ints rest = _mm256_sub_epi64(state, _mm256_mul_epu32(q, frequency));
  return _mm256_add_epi64(_mm256_add_epi64(_mm256_slli_epi64(q, MULTI_PROB_BITS), rest), low);
}

/* States that are too large give away their low 16 bits. Returns the set of them; words gets the bits of all lanes. */
INLINE int32_t give(ints *even, ints *odd, ints limit_even, ints limit_odd, __m128i *words) {
  const ints keep_even = _mm256_cmpgt_epi64(limit_even, *even), keep_odd = _mm256_cmpgt_epi64(limit_odd, *odd);
  const int32_t kept = _mm256_movemask_ps(to_floats(_mm256_blend_epi32(keep_even, keep_odd, 0xaa)));
  ints low = _mm256_blend_epi32(*even, _mm256_slli_epi64(*odd, 32), 0xaa);
  low = _mm256_and_si256(low, _mm256_set1_epi32(0xffff));
  *words = _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0xd8));
  *even = _mm256_blendv_epi8(_mm256_srli_epi64(*even, 16), *even, keep_even);
  *odd = _mm256_blendv_epi8(_mm256_srli_epi64(*odd, 16), *odd, keep_odd);
  return kept ^ 0xff;
}

/* Writes the words of a set of eight lanes in front of others; up to 8 bytes before them are overwritten. */
INLINE uint8_t *write_words(uint8_t *at, __m128i words, int32_t set) {
  const int32_t low = set & 15, high = set >> 4;
  const __m128i order = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)together[low]),
                                           _mm_loadl_epi64((const __m128i *)(const void *)together[high]));
  words = _mm_shuffle_epi8(words, _mm_add_epi8(order, _mm_set_epi64x(0x0808080808080808, 0)));
  _mm_storel_epi64((__m128i *)(void *)(at - 8), _mm_unpackhi_epi64(words, words));
  at -= 2 * _mm_popcnt_u32((uint32_t)high);
  _mm_storel_epi64((__m128i *)(void *)(at - 8), words);
  return at - 2 * _mm_popcnt_u32((uint32_t)low);
}

/* Words of eight lanes of which some gave two: their first ones are what the decoder reads in its second pass. */
INLINE __m128i choose(__m128i first, __m128i second, int32_t again) {
  const __m128i bit = _mm_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm_blendv_epi8(first, second, _mm_cmpeq_epi16(_mm_and_si128(_mm_set1_epi16((int16_t)again), bit), bit));
}

AVX2 static uint8_t *put(uint64_t *state, const uint32_t *coded, int64_t from, int64_t to, uint8_t *words,
                         const uint8_t *end) {
  const ints mask = _mm256_set1_epi64x(0xffffffff);
  ints even[2], odd[2];
  load_states(state, even, odd);
  load_states(state + 8, even + 1, odd + 1);
  for (int64_t t = to; t-- > from;) {
    __m128i first[2], second[2];
    int32_t gave[2], again[2];
    if (words - end < 4 * MULTI_LANES) return NULL;
    for (int half = 0; half < 2; half++) {
      const ints low = load(coded + 2 * t * MULTI_LANES + 8 * half);
      const ints frequency = load(coded + (2 * t + 1) * MULTI_LANES + 8 * half);
      const ints f0 = _mm256_and_si256(frequency, mask), f1 = _mm256_srli_epi64(frequency, 32);
      const ints limit0 = _mm256_slli_epi64(f0, 24), limit1 = _mm256_slli_epi64(f1, 24);
      gave[half] = give(even + half, odd + half, limit0, limit1, first + half);
      again[half] = give(even + half, odd + half, limit0, limit1, second + half);
      even[half] = put_symbol(even[half], _mm256_and_si256(low, mask), f0);
      odd[half] = put_symbol(odd[half], _mm256_srli_epi64(low, 32), f1);
    }
    if (again[0] | again[1])
      for (int half = 2; half-- > 0;) {
        words = write_words(words, first[half], again[half]);
        first[half] = choose(first[half], second[half], again[half]);
      }
    words = write_words(words, first[1], gave[1]);
    words = write_words(words, first[0], gave[0]);
  }
  store_states(state, even[0], odd[0]);
  store_states(state + 8, even[1], odd[1]);
  return words;
}

/* -- decoder ------------------------------------------------------------------------------------------------------------------- */

/* What the vectors did not find. */
AVX2 static void search_missed(const multi_coder *c, int32_t missed, floats at, floats per_code, ints slot, ints *code,
                               ints *low, ints *frequency) {
  float ats[8], each[8];
  uint32_t slots[8], lows[8], frequencies[8];
  int32_t found[8];
  _mm256_storeu_ps(ats, at);
  _mm256_storeu_ps(each, per_code);
  store(slots, slot);
  store(lows, *low);
  store(frequencies, *frequency);
  store(found, *code);
  for (int i = 0; i < 8; i++)
    if (missed >> i & 1) found[i] = multi_search(c->group, ats[i], each[i], slots[i], lows + i, frequencies + i);
  *code = load(found);
  *low = load(lows);
  *frequency = load(frequencies);
}

/* The codes of all lanes and their centres, and the states without them. Both halves go side by side, stage by stage:
 * each waits for its tables most of the time. */
INLINE void find(const multi_coder *c, const scales *s, const ints *sum, const ints *idle, ints *even, ints *odd,
                 ints *code, ints *centre) {
  const multi_group *g = c->group;
  const ints one = _mm256_set1_epi32(1), all = _mm256_set1_epi32(-1), mask = _mm256_set1_epi64x(0xffffffff);
  const floats scale = _mm256_set1_ps(c->scale), level = _mm256_set1_ps(c->mean), boost = _mm256_set1_ps(c->boost);
  const floats last = _mm256_set1_ps((float)(g->cells - 1)), cells = _mm256_set1_ps(g->cells_per_code);
  floats at[2], sigma[2], per_code[2], guess[2], threshold[2], middle_centre[2], other_centre[2];
  ints slot[2], near[2], middle[2], down[2], beside[2], other[2];
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    slot[h] = _mm256_and_si256(_mm256_blend_epi32(even[h], _mm256_slli_epi64(odd[h], 32), 0xaa),
                               _mm256_set1_epi32(MULTI_PROB - 1));
    guess[h] = to_floats(gather_ints(c->guess, _mm256_srli_epi32(slot[h], MULTI_PROB_BITS - MULTI_GUESS_BITS)));
    at[h] = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum[h]), scale), level);
    sigma[h] = sigma_of(s + h, boost);
    per_code[h] = _mm256_div_ps(_mm256_set1_ps(c->gain), sigma[h]);
  }
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    floats cell = _mm256_mul_ps(_mm256_add_ps(at[h], _mm256_mul_ps(guess[h], sigma[h])), cells);
    cell = _mm256_min_ps(_mm256_max_ps(cell, _mm256_setzero_ps()), last);
    near[h] = gather_ints(g->near, _mm256_cvttps_epi32(cell));
  }
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) gather_pairs(g->level, near[h], threshold + h, middle_centre + h);
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    middle[h] = below(g, threshold[h], near[h], at[h], per_code[h]);
    down[h] = _mm256_cmpgt_epi32(middle[h], slot[h]);
    beside[h] = _mm256_add_epi32(near[h], _mm256_or_si256(_mm256_slli_epi32(down[h], 1), one)); /* or: 1 or -1 */
  }
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) gather_pairs(g->level, beside[h], threshold + h, other_centre + h);
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) other[h] = below(g, threshold[h], beside[h], at[h], per_code[h]);
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    ints low = _mm256_blendv_epi8(middle[h], other[h], down[h]), high = _mm256_blendv_epi8(other[h], middle[h], down[h]);
    ints frequency = _mm256_sub_epi32(high, low), rest;
    const ints missed =
        _mm256_or_si256(_mm256_cmpgt_epi32(low, slot[h]), _mm256_xor_si256(_mm256_cmpgt_epi32(high, slot[h]), all));
    const int32_t set = _mm256_movemask_ps(to_floats(_mm256_andnot_si256(idle[h], missed)));
    code[h] = _mm256_add_epi32(near[h], down[h]);
    centre[h] = from_floats(_mm256_blendv_ps(middle_centre[h], other_centre[h], to_floats(down[h])));
    if (set) {
      floats lower, found;
      search_missed(c, set, at[h], per_code[h], slot[h], code + h, &low, &frequency);
      gather_pairs(g->level, code[h], &lower, &found);
      centre[h] = from_floats(found);
    }
    low = _mm256_andnot_si256(idle[h], low);
    frequency = _mm256_blendv_epi8(frequency, _mm256_set1_epi32(MULTI_PROB), idle[h]);
    rest = _mm256_sub_epi32(slot[h], low);
    even[h] = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(even[h], MULTI_PROB_BITS), frequency),
                               _mm256_and_si256(rest, mask));
    odd[h] = _mm256_add_epi64(
        _mm256_mul_epu32(_mm256_srli_epi64(odd[h], MULTI_PROB_BITS), _mm256_srli_epi64(frequency, 32)),
        _mm256_srli_epi64(rest, 32));
    code[h] = _mm256_andnot_si256(idle[h], code[h]);
  }
}

AVX2 static const uint8_t *take(multi_coder *c, uint64_t *state, const int32_t *sum, int64_t from, int64_t to,
                                int32_t active, uint16_t *code, int16_t *row, const uint8_t *in, const uint8_t *end) {
  const ints idle[2] = {idle_of(active, 0), idle_of(active, 1)}, idle_lanes = _mm256_packs_epi32(idle[0], idle[1]);
  const __m128i bits = _mm_cvtsi32_si128(c->bits);
  const floats scale = _mm256_set1_ps(c->scale);
  const int32_t pairs = (c->order + 1) / 2;
  ints weight[MULTI_MOST_ORDER / 2], even[2], odd[2];
  scales s[2];
  for (int32_t i = 0; i < pairs; i++) {
    const int32_t second = 2 * i + 1 < c->order ? c->own[2 * i + 1] : 0;
    weight[i] = _mm256_set1_epi32((int32_t)((uint32_t)second << 16 | (uint16_t)c->own[2 * i]));
  }
  load_states(state, even, odd);
  load_states(state + 8, even + 1, odd + 1);
  load_scales(s, c, 0);
  load_scales(s + 1, c, 1);
  for (int64_t t = from; t < to; t++) {
    int16_t *now = row + t * MULTI_LANES;
    ints sums[2] = {load(sum + t * MULTI_LANES), load(sum + t * MULTI_LANES + 8)}, found[2], centre[2], x_now;
    for (int32_t i = pairs; i-- > 0;) { /* the newest sample last: it is waited for */
      const ints one = load(now - (2 * i + 1) * MULTI_LANES), two = load(now - (2 * i + 2) * MULTI_LANES);
      sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(one, two), weight[i]));
      sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(one, two), weight[i]));
    }
    find(c, s, sums, idle, even, odd, found, centre);
    x_now = _mm256_andnot_si256(idle_lanes, _mm256_packs_epi32(x_of(c, centre[0]), x_of(c, centre[1])));
    store(now, x_now);
    store(code + t * MULTI_LANES, _mm256_packus_epi32(found[0], found[1]));
    follow(s, _mm256_srai_epi32(_mm256_unpacklo_epi16(x_now, x_now), 16), sums[0], bits, scale);
    follow(s + 1, _mm256_srai_epi32(_mm256_unpackhi_epi16(x_now, x_now), 16), sums[1], bits, scale);
    in = refill_all(even, odd, in, end);
    if (!in) return NULL;
  }
  store_states(state, even[0], odd[0]);
  store_states(state + 8, even[1], odd[1]);
  store_scales(s, c, 0);
  store_scales(s + 1, c, 1);
  return in;
}

/* -- the fast way ------------------------------------------------------------------------------------------------------------------ */

INLINE ints fast_x_of(const fast_coder *c, ints code) {
  const ints v = _mm256_sub_epi32(code, _mm256_set1_epi32(c->mean));
  const int32_t most = 32767 >> (c->shift > 0 ? c->shift : 0);
  if (c->shift < 0) return _mm256_sra_epi32(v, _mm_cvtsi32_si128(-c->shift));
  return _mm256_sll_epi32(_mm256_min_epi32(_mm256_max_epi32(v, _mm256_set1_epi32(-most)), _mm256_set1_epi32(most)),
                          _mm_cvtsi32_si128(c->shift));
}

AVX2 static void fast_map(const fast_coder *c, const uint16_t *code, int64_t rows, int16_t *out) {
  const ints zero = _mm256_setzero_si256();
  for (int64_t t = 0; t < rows; t++) {
    const ints k = load(code + t * MULTI_LANES);
    store(out + t * MULTI_LANES, _mm256_packs_epi32(fast_x_of(c, _mm256_unpacklo_epi16(k, zero)),
                                                    fast_x_of(c, _mm256_unpackhi_epi16(k, zero))));
  }
}

AVX2 static void fast_residuals(const fast_coder *c, const uint16_t *code, int64_t from, int64_t to, int32_t *sum) {
  const ints zero = _mm256_setzero_si256(), level = _mm256_set1_epi32(c->mean);
  const __m128i down = _mm_cvtsi32_si128(c->down);
  for (int64_t t = from; t < to; t++) {
    const ints k = load(code + t * MULTI_LANES);
    int32_t *now = sum + t * MULTI_LANES;
    store(now, _mm256_sub_epi32(_mm256_sub_epi32(_mm256_unpacklo_epi16(k, zero), level),
                                _mm256_sra_epi32(load(now), down)));
    store(now + 8, _mm256_sub_epi32(_mm256_sub_epi32(_mm256_unpackhi_epi16(k, zero), level),
                                    _mm256_sra_epi32(load(now + 8), down)));
  }
}

/* What lies below the symbols of eight lanes, their frequencies, and the reciprocals of these: of the even and of the odd
 * lanes. */
INLINE void fast_intervals(const fast_table *table, ints k, ints *low, ints *frequency, __m256d *reciprocal) {
  const __m128i first = _mm256_castsi256_si128(k), last = _mm256_extracti128_si256(k, 1);
  const uint64_t i0 = (uint64_t)_mm_cvtsi128_si64(first), i2 = (uint64_t)_mm_extract_epi64(first, 1);
  const uint64_t i4 = (uint64_t)_mm_cvtsi128_si64(last), i6 = (uint64_t)_mm_extract_epi64(last, 1);
  const ints mask = _mm256_set1_epi64x(0xffffffff);
#  define ONE(i) _mm_loadu_si128((const __m128i *)(const void *)(table->of + (i)))
#  define TWO(i, k) _mm256_inserti128_si256(_mm256_castsi128_si256(ONE(i)), ONE(k), 1)
  const ints a[2] = {TWO((uint32_t)i0, (uint32_t)i4), TWO(i0 >> 32, i4 >> 32)};
  const ints b[2] = {TWO((uint32_t)i2, (uint32_t)i6), TWO(i2 >> 32, i6 >> 32)};
#  undef TWO
#  undef ONE
#  pragma GCC unroll 2
  for (int odd = 0; odd < 2; odd++) {
    const ints both = _mm256_unpacklo_epi64(a[odd], b[odd]);
    frequency[odd] = _mm256_and_si256(both, mask);
    low[odd] = _mm256_srli_epi64(both, 32);
    reciprocal[odd] = to_doubles(_mm256_unpackhi_epi64(a[odd], b[odd]));
  }
}

/* Four states after a symbol each. With half a 1 more, a state over its frequency is at least 2^-13 away from whole
 * numbers, and below 2^20: rounding errors do not matter. */
INLINE ints fast_put_symbols(ints state, ints low, ints frequency, __m256d reciprocal) {
  const ints magic = _mm256_set1_epi64x(0x4330000000000000);
  const __m256d more = _mm256_sub_pd(to_doubles(_mm256_or_si256(state, magic)), _mm256_set1_pd(4503599627370495.5));
  const ints q = _mm256_cvtepi32_epi64(_mm256_cvttpd_epi32(_mm256_mul_pd(more, reciprocal)));
  const ints rest = _mm256_sub_epi64(state, _mm256_mul_epu32(q, frequency));
  return _mm256_add_epi64(_mm256_add_epi64(_mm256_slli_epi64(q, FAST_BITS), rest), low);
}

/* Notes the residuals of a set of lanes, the last one first. */
AVX2 static void fast_note_all(fast_list *beyond, const int32_t *residual, int32_t set) {
  for (int i = 8; i-- > 0;)
    if (set >> i & 1) fast_note(beyond, residual[i]);
}

AVX2 static uint8_t *fast_put(const fast_table *table, uint32_t *state, const int32_t *residual, int64_t from, int64_t to,
                              int32_t active, uint8_t *words, const uint8_t *end, fast_list *list) {
  const ints idle[2] = {idle_of(active, 0), idle_of(active, 1)}, zero = _mm256_setzero_si256();
  const __m128i raw = _mm_cvtsi32_si128(table->raw);
  ints s[2][2][2]; /* of even and odd steps, of both halves, of even and odd lanes */
  for (int i = 0; i < 4; i++) {
    const ints both = load(state + 8 * i);
    s[i >> 1][i & 1][0] = _mm256_and_si256(both, _mm256_set1_epi64x(0xffffffff));
    s[i >> 1][i & 1][1] = _mm256_srli_epi64(both, 32);
  }
  for (int64_t t = to; t-- > from;) {
    const int32_t *now = residual + t * MULTI_LANES;
    __m128i given[2];
    int32_t gave[2];
    if (words - end < 6 * MULTI_LANES) return NULL;
#  pragma GCC unroll 2
    for (int h = 2; h-- > 0;) {
      ints *even = &s[t & 1][h][0], *odd = &s[t & 1][h][1], low[2], frequency[2], none;
      __m256d reciprocal[2];
      ints k = _mm256_add_epi32(_mm256_sra_epi32(load(now + 8 * h), raw), _mm256_set1_epi32(FAST_ZERO));
      int32_t set;
      none = _mm256_cmpgt_epi32(_mm256_and_si256(k, _mm256_set1_epi32(~(FAST_SYMBOLS - 1))), zero);
      k = _mm256_max_epi32(_mm256_andnot_si256(none, k), zero);
      k = _mm256_blendv_epi8(k, _mm256_set1_epi32(FAST_IDLE), idle[h]);
      fast_intervals(table, k, low, frequency, reciprocal);
      none = _mm256_blend_epi32(frequency[0], _mm256_slli_epi64(frequency[1], 32), 0xaa);
      none = _mm256_cmpeq_epi32(_mm256_min_epu32(k, none), zero);
      set = _mm256_movemask_ps(to_floats(none));
      if (set) {
        fast_note_all(list, now + 8 * h, set);
        fast_intervals(table, _mm256_andnot_si256(none, k), low, frequency, reciprocal);
      }
      gave[h] = give(even, odd, _mm256_slli_epi64(frequency[0], 20), _mm256_slli_epi64(frequency[1], 20), given + h);
      *even = fast_put_symbols(*even, low[0], frequency[0], reciprocal[0]);
      *odd = fast_put_symbols(*odd, low[1], frequency[1], reciprocal[1]);
    }
    words = write_words(words, given[1], gave[1]);
    words = write_words(words, given[0], gave[0]);
    for (int32_t bit = table->raw; bit-- > 0;) {
      const __m128i up = _mm_cvtsi32_si128(31 - bit);
      const int32_t a = _mm256_movemask_ps(to_floats(_mm256_sll_epi32(load(now), up)));
      const int32_t b = _mm256_movemask_ps(to_floats(_mm256_sll_epi32(load(now + 8), up)));
      n1c_store_bytes(words -= 2, (uint64_t)(a | b << 8), 2);
    }
  }
  for (int i = 0; i < 4; i++)
    store(state + 8 * i, _mm256_or_si256(s[i >> 1][i & 1][0], _mm256_slli_epi64(s[i >> 1][i & 1][1], 32)));
  return words;
}

/* Residuals that have no symbol, in the order of the lanes' places. */
AVX2 static ints fast_ask(ints residual, int32_t set, const fast_beyond *beyond) {
  int32_t each[8];
  store(each, residual);
  for (int i = 0; i < 8; i++)
    if (set >> i & 1) each[i] = beyond->next(beyond->context);
  return load(each);
}

/* What taking steps needs of a channel. */
typedef struct {
  const fast_table *table;
  const fast_beyond *beyond;
  ints idle[2], idle_lanes;
  __m128i down, raw;
  const int16_t *const *row;
  ints weight[(MULTI_MOST_TAPS + 1) / 2];
  int32_t pairs;
} fast_taker;

/* One step out of a set of states. `whole`: no lane is idle; `narrow`: codes have 15 bits. Both are constants. */
INLINE const uint8_t *fast_take_step(const fast_taker *f, const fast_coder *c, int whole, int narrow, ints *s,
                                     int64_t at, int16_t *out, int16_t *x, ints *outermost, const uint8_t *in,
                                     const uint8_t *end) {
  const ints zero = _mm256_setzero_si256(), bit_of = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const int32_t bits = f->table->raw, most = 32767 >> (c->shift > 0 ? c->shift : 0);
  const uint8_t *planes = in;
  uint8_t near_end[2 * MULTI_LANES + 16];
  ints value[2] = {zero, zero}, none[2], residual[2], codes_of, set, x_now;
  int32_t taken = 0;
  if (end - in < 2 * bits) return NULL;
  in += 2 * bits;
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    const ints entry = gather_ints(f->table->at, _mm256_and_si256(s[h], _mm256_set1_epi32(FAST_TOTAL - 1)));
    const ints symbol = _mm256_and_si256(entry, _mm256_set1_epi32(255));
    const ints frequency = _mm256_add_epi32(
        _mm256_and_si256(_mm256_srli_epi32(entry, 8), _mm256_set1_epi32(4095)), _mm256_set1_epi32(1));
    const ints next = _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srli_epi32(s[h], FAST_BITS)),
                                       _mm256_srli_epi32(entry, 20));
    none[h] = _mm256_cmpeq_epi32(symbol, zero);
    residual[h] = _mm256_sll_epi32(_mm256_sub_epi32(symbol, _mm256_set1_epi32(FAST_ZERO)), f->raw);
    s[h] = whole ? next : _mm256_blendv_epi8(next, s[h], f->idle[h]);
    if (!whole) none[h] = _mm256_andnot_si256(f->idle[h], none[h]);
  }
  for (int32_t bit = 0; bit < bits; bit++)
    for (int h = 0; h < 2; h++) {
      const ints plane = _mm256_and_si256(_mm256_set1_epi32(planes[2 * bit + h]), bit_of);
      residual[h] = _mm256_or_si256(residual[h],
                                    _mm256_and_si256(_mm256_cmpeq_epi32(plane, bit_of), _mm256_set1_epi32(1 << bit)));
    }
  if (_mm256_movemask_epi8(_mm256_or_si256(none[0], none[1])))
    for (int h = 0; h < 2; h++)
      residual[h] = fast_ask(residual[h], _mm256_movemask_ps(to_floats(none[h])), f->beyond);
  for (int32_t i = 0; i < f->pairs; i++) {
    const ints one = load(f->row[2 * i] + at), two = load(f->row[2 * i + 1] + at);
    value[0] = _mm256_add_epi32(value[0], _mm256_madd_epi16(_mm256_unpacklo_epi16(one, two), f->weight[i]));
    value[1] = _mm256_add_epi32(value[1], _mm256_madd_epi16(_mm256_unpackhi_epi16(one, two), f->weight[i]));
  }
  for (int h = 0; h < 2; h++) value[h] = _mm256_add_epi32(_mm256_sra_epi32(value[h], f->down), residual[h]);
  if (narrow) {
    const ints low = _mm256_set1_epi16((int16_t)-c->mean), high = _mm256_set1_epi16((int16_t)(c->codes - 1 - c->mean));
    ints v = _mm256_min_epi16(_mm256_max_epi16(_mm256_packs_epi32(value[0], value[1]), low), high);
    set = _mm256_or_si256(_mm256_cmpeq_epi16(v, low), _mm256_cmpeq_epi16(v, high));
    codes_of = _mm256_add_epi16(v, _mm256_set1_epi16((int16_t)(c->mean + c->first)));
    v = _mm256_min_epi16(_mm256_max_epi16(v, _mm256_set1_epi16((int16_t)-most)), _mm256_set1_epi16((int16_t)most));
    x_now = _mm256_sll_epi16(v, _mm_cvtsi32_si128(c->shift));
  } else {
    for (int h = 0; h < 2; h++) {
      value[h] = _mm256_add_epi32(value[h], _mm256_set1_epi32(c->mean));
      value[h] = _mm256_min_epi32(_mm256_max_epi32(value[h], zero), _mm256_set1_epi32(c->codes - 1));
    }
    codes_of = _mm256_packus_epi32(value[0], value[1]);
    set = _mm256_or_si256(_mm256_cmpeq_epi16(codes_of, zero),
                          _mm256_cmpeq_epi16(codes_of, _mm256_set1_epi16((int16_t)(c->codes - 1))));
    codes_of = _mm256_add_epi16(codes_of, _mm256_set1_epi16((int16_t)c->first));
    x_now = _mm256_packs_epi32(fast_x_of(c, value[0]), fast_x_of(c, value[1]));
  }
  if (!whole) {
    codes_of = _mm256_blendv_epi8(codes_of, _mm256_set1_epi16((int16_t)c->first), f->idle_lanes);
    x_now = _mm256_andnot_si256(f->idle_lanes, x_now);
  }
  *outermost = count_ones(*outermost, set);
  store(out + at, codes_of);
  store(x + at, x_now);
  planes = in;
  if (end - in < (int64_t)sizeof near_end) {
    memset(near_end, 0, sizeof near_end);
    memcpy(near_end, in, (size_t)(end - in));
    planes = near_end;
  }
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    const ints is_dry = _mm256_cmpeq_epi32(_mm256_srli_epi32(s[h], 16), zero);
    const int32_t set = _mm256_movemask_ps(to_floats(is_dry));
    const ints order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)rank[set]));
    const ints words = _mm256_permutevar8x32_epi32(
        _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(planes + taken))), order);
    s[h] = _mm256_blendv_epi8(s[h], _mm256_or_si256(_mm256_slli_epi32(s[h], 16), words), is_dry);
    taken += 2 * _mm_popcnt_u32((uint32_t)set);
  }
  return end - in < taken ? NULL : in + taken;
}

INLINE const uint8_t *fast_take_steps(const fast_taker *f, fast_coder *coder, int whole, int narrow, uint32_t *state,
                                      int64_t from, int64_t to, int16_t *out, int16_t *x, const uint8_t *in,
                                      const uint8_t *end) {
  const fast_coder c = *coder;
  ints outermost = _mm256_setzero_si256();
  ints even[2] = {load(state), load(state + 8)}, odd[2] = {load(state + 16), load(state + 24)};
  for (int64_t t = from; in && t < to; t++) { /* not `t & 1 ? odd : even`: the sets stay in registers */
    if (t & 1) in = fast_take_step(f, &c, whole, narrow, odd, t * MULTI_LANES, out, x, &outermost, in, end);
    else in = fast_take_step(f, &c, whole, narrow, even, t * MULTI_LANES, out, x, &outermost, in, end);
  }
  for (int h = 0; h < 2; h++) store(state + 8 * h, even[h]), store(state + 16 + 8 * h, odd[h]);
  coder->outermost += sum_of(outermost);
  return in;
}

AVX2 static const uint8_t *fast_take(fast_coder *c, const multi_taps_of *taps, uint32_t *state, int64_t from,
                                     int64_t to, int32_t active, int16_t *out, int16_t *x, const uint8_t *in,
                                     const uint8_t *end, const fast_beyond *beyond) {
  const int narrow = c->codes <= 32768 && c->mean < c->codes && c->shift >= 0;
  fast_taker f;
  f.table = c->table;
  f.beyond = beyond;
  f.down = _mm_cvtsi32_si128(c->down);
  f.raw = _mm_cvtsi32_si128(c->table->raw);
  f.row = taps->row;
  f.pairs = pair_weights(taps, f.weight);
  for (int h = 0; h < 2; h++) f.idle[h] = idle_of(active, h);
  f.idle_lanes = _mm256_packs_epi32(f.idle[0], f.idle[1]);
  if (active < MULTI_LANES) return fast_take_steps(&f, c, 0, 0, state, from, to, out, x, in, end);
  if (narrow) return fast_take_steps(&f, c, 1, 1, state, from, to, out, x, in, end);
  return fast_take_steps(&f, c, 1, 0, state, from, to, out, x, in, end);
}

const fast_kernels fast_avx2 = {fast_map, fast_residuals, fast_put, fast_take};

/* -- frames and rows -------------------------------------------------------------------------------------------------------------- */

/* Sixteen registers of sixteen numbers, rows and columns exchanged. */
INLINE void transpose(ints *v) {
  ints w[16];
  for (int i = 0; i < 8; i++) {
    w[2 * i] = _mm256_unpacklo_epi16(v[2 * i], v[2 * i + 1]);
    w[2 * i + 1] = _mm256_unpackhi_epi16(v[2 * i], v[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 2; k++) {
      v[4 * i + 2 * k] = _mm256_unpacklo_epi32(w[4 * i + k], w[4 * i + k + 2]);
      v[4 * i + 2 * k + 1] = _mm256_unpackhi_epi32(w[4 * i + k], w[4 * i + k + 2]);
    }
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 4; k++) {
      w[8 * i + 2 * k] = _mm256_unpacklo_epi64(v[8 * i + k], v[8 * i + k + 4]);
      w[8 * i + 2 * k + 1] = _mm256_unpackhi_epi64(v[8 * i + k], v[8 * i + k + 4]);
    }
  for (int k = 0; k < 8; k++) {
    v[k] = _mm256_permute2x128_si256(w[k], w[k + 8], 0x20);
    v[k + 8] = _mm256_permute2x128_si256(w[k], w[k + 8], 0x31);
  }
}

/* Rows that are transposed at a time: what is visited in turn is read again soon, in few pages of memory. */
#  define GATHERED 32
#  define SCATTERED 8

AVX2 static void gather(const int16_t *frames, int64_t channels, int64_t from, int64_t to, const multi_lanes *l,
                        int16_t *rows) {
  const int64_t size = multi_row_size(l), blocks = (to - from) / MULTI_LANES * MULTI_LANES;
  for (int64_t t = -MULTI_PAD; t < l->steps + MULTI_PAD; t += GATHERED)
    for (int64_t channel = from; channel < from + blocks; channel += MULTI_LANES)
      for (int64_t k = t; k < t + GATHERED && k < l->steps + MULTI_PAD; k++) {
        ints v[MULTI_LANES];
        for (int lane = 0; lane < MULTI_LANES; lane++) {
          const int64_t i = multi_lane_start(l, lane) + k;
          v[lane] = load(frames + (i < 0 ? 0 : i >= l->frames ? l->frames - 1 : i) * channels + channel);
        }
        transpose(v);
        for (int i = 0; i < MULTI_LANES; i++)
          store(rows + (channel - from + i) * size + MULTI_ROW_0 + k * MULTI_LANES, v[i]);
      }
  multi_plain.gather(frames, channels, from + blocks, to, l, rows + blocks * size);
}

AVX2 static void scatter(const int16_t *rows, int64_t channels, int64_t from, int64_t to, const multi_lanes *l,
                         int16_t *frames) {
  const int64_t size = multi_row_size(l), blocks = (to - from) / MULTI_LANES * MULTI_LANES;
  for (int64_t t = 0; t < l->steps; t += SCATTERED)
    for (int64_t channel = from; channel < from + blocks; channel += MULTI_LANES)
      for (int64_t k = t; k < t + SCATTERED && k < l->steps; k++) {
        const int32_t active = k < l->length ? MULTI_LANES : l->longer;
        ints v[MULTI_LANES];
        for (int i = 0; i < MULTI_LANES; i++)
          v[i] = load(rows + (channel - from + i) * size + MULTI_ROW_0 + k * MULTI_LANES);
        transpose(v);
        for (int lane = 0; lane < active; lane++)
          store(frames + (multi_lane_start(l, lane) + k) * channels + channel, v[lane]);
      }
  multi_plain.scatter(rows + blocks * size, channels, from + blocks, to, l, frames);
}

/* -- sums of products ------------------------------------------------------------------------------------------------------------ */

#  define SPAN 64 /* rows whose products are summed up in 32 bits, two of a row in each sum */

AVX2 static void products(const int16_t *a, const int16_t *b, int64_t step, int64_t rows, int64_t sums[MULTI_SUMS]) {
  ints total[MULTI_SUMS];
  for (int i = 0; i < MULTI_SUMS; i++) total[i] = _mm256_setzero_si256();
  for (int64_t start = 0; start < rows; start += SPAN) {
    const int64_t end = start + SPAN < rows ? start + SPAN : rows;
    ints sum[MULTI_SUMS];
    for (int i = 0; i < MULTI_SUMS; i++) sum[i] = _mm256_setzero_si256();
    for (int64_t t = start; t < end; t++) {
      const ints v = load(a + t * MULTI_LANES);
#  pragma GCC unroll 5
      for (int i = 0; i < MULTI_SUMS; i++)
        sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(v, load(b + t * MULTI_LANES - i * step)));
    }
    for (int i = 0; i < MULTI_SUMS; i++) {
      total[i] = _mm256_add_epi64(total[i], _mm256_cvtepi32_epi64(_mm256_castsi256_si128(sum[i])));
      total[i] = _mm256_add_epi64(total[i], _mm256_cvtepi32_epi64(_mm256_extracti128_si256(sum[i], 1)));
    }
  }
  for (int i = 0; i < MULTI_SUMS; i++) {
    int64_t each[4];
    store(each, total[i]);
    sums[i] = each[0] + each[1] + each[2] + each[3];
  }
}

const multi_kernels multi_avx2 = {codes, samples, x, dot, mean, intervals, put, take, gather, scatter, products};

#else

const multi_kernels multi_avx2 = {0};
const fast_kernels fast_avx2 = {0};

#endif
