/* Packets of n1_multi with AVX2: a lane is a channel, with tables and weights of its own. */
#include "n1_multi_avx2.h"
#include "n1_stream_multi.h"

#ifdef N1C_AVX2
#  include <string.h>

/* Eight lanes. */
typedef struct {
  ints idle, level_at, near_at, shape_at, mean, shift;
  floats cells, last_cell, scale, level, gain;
  scales s;
} half_row;

INLINE half_row half_of(const multi_row *r, const multi_work *w, int h) {
  half_row v;
  v.idle = load(w->idle + 8 * h);
  v.level_at = load(r->level_at + 8 * h);
  v.near_at = load(r->near_at + 8 * h);
  v.shape_at = load(r->shape_at + 8 * h);
  v.mean = load(r->mean + 8 * h);
  v.shift = load(r->shift + 8 * h);
  v.cells = _mm256_loadu_ps(r->cells + 8 * h);
  v.last_cell = _mm256_loadu_ps(r->last_cell + 8 * h);
  v.scale = _mm256_loadu_ps(r->scale + 8 * h);
  v.level = _mm256_loadu_ps(r->level + 8 * h);
  v.gain = _mm256_set1_ps(0.5f * (float)w->model->gain);
  v.s.a1 = _mm256_loadu_ps(r->a1 + 8 * h);
  v.s.a2 = _mm256_loadu_ps(r->a2 + 8 * h);
  v.s.a3 = _mm256_loadu_ps(r->a3 + 8 * h);
  return v;
}

INLINE void keep_scales(multi_row *r, const half_row *v, int h) {
  _mm256_storeu_ps(r->a1 + 8 * h, v->s.a1);
  _mm256_storeu_ps(r->a2 + 8 * h, v->s.a2);
  _mm256_storeu_ps(r->a3 + 8 * h, v->s.a3);
}

/* The distribution function at thresholds, and the codes added. */
INLINE ints below(const half_row *v, const void *tables, floats threshold, ints code, floats at, floats per_code) {
  const floats middle = _mm256_set1_ps(MULTI_SHAPE / 2), most = _mm256_set1_ps(MULTI_SHAPE);
  floats t = _mm256_add_ps(_mm256_mul_ps(_mm256_sub_ps(threshold, at), per_code), middle), part, value, rise;
  ints i;
  t = _mm256_min_ps(_mm256_max_ps(t, _mm256_setzero_ps()), most);
  i = _mm256_cvttps_epi32(t);
  part = _mm256_sub_ps(t, _mm256_cvtepi32_ps(i));
  gather_pairs(tables, _mm256_add_epi32(i, v->shape_at), &value, &rise);
  return _mm256_add_epi32(_mm256_cvttps_epi32(_mm256_add_ps(value, _mm256_mul_ps(rise, part))), code);
}

INLINE ints gather_words(const uint16_t *at, ints index) {
  const __m128i low = _mm256_castsi256_si128(index), high = _mm256_extracti128_si256(index, 1);
  const uint64_t i0 = (uint64_t)_mm_cvtsi128_si64(low), i2 = (uint64_t)_mm_extract_epi64(low, 1);
  const uint64_t i4 = (uint64_t)_mm_cvtsi128_si64(high), i6 = (uint64_t)_mm_extract_epi64(high, 1);
  __m128i a = _mm_cvtsi32_si128(at[(uint32_t)i0]);
  a = _mm_insert_epi16(a, at[i0 >> 32], 1);
  a = _mm_insert_epi16(a, at[(uint32_t)i2], 2), a = _mm_insert_epi16(a, at[i2 >> 32], 3);
  a = _mm_insert_epi16(a, at[(uint32_t)i4], 4), a = _mm_insert_epi16(a, at[i4 >> 32], 5);
  a = _mm_insert_epi16(a, at[(uint32_t)i6], 6), a = _mm_insert_epi16(a, at[i6 >> 32], 7);
  return _mm256_cvtepu16_epi32(a);
}

INLINE floats at_of(const half_row *v, ints sum) {
  return _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), v->scale), v->level);
}

AVX2 void multi_row_encode_avx2(multi_row *r, const multi_work *w, uint32_t *coded) {
  const uint8_t *tables = w->model->tables;
  const __m128i bits = _mm_cvtsi32_si128(w->model->bits);
  half_row v[2] = {half_of(r, w, 0), half_of(r, w, 1)};
  for (int32_t t = 0; t < w->frames; t++, coded += 2 * MULTI_LANES)
    for (int h = 0; h < 2; h++) {
      const ints sum = load(w->sum + t * MULTI_LANES + 8 * h);
      const ints code = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(w->code + t * MULTI_LANES + 8 * h)));
      const ints pair = load(w->pair + 2 * ((ROW_PAST + t) * MULTI_LANES + 8 * h));
      const floats at = at_of(v + h, sum), per_code = _mm256_div_ps(v[h].gain, sigma_of(&v[h].s, _mm256_set1_ps(1)));
      floats lower, upper;
      ints low, high;
      gather_bounds((const multi_level *)(const void *)tables, _mm256_add_epi32(code, v[h].level_at), &lower, &upper);
      low = below(v + h, tables, lower, code, at, per_code);
      high = below(v + h, tables, upper, _mm256_add_epi32(code, _mm256_set1_epi32(1)), at, per_code);
      store(coded + 8 * h, _mm256_andnot_si256(v[h].idle, low));
      store(coded + MULTI_LANES + 8 * h,
            _mm256_blendv_epi8(_mm256_sub_epi32(high, low), _mm256_set1_epi32(MULTI_PROB), v[h].idle));
      follow(&v[h].s, _mm256_srai_epi32(_mm256_slli_epi32(pair, 16), 16), sum, bits, v[h].scale);
    }
  keep_scales(r, v, 0);
  keep_scales(r, v + 1, 1);
}

/* What the vectors did not find. */
AVX2 static void search_missed(const multi_group *const *group, int32_t missed, floats at, floats per_code, ints slot,
                               ints *code, ints *low, ints *frequency) {
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
    if (missed >> i & 1) found[i] = multi_search(group[i], ats[i], each[i], slots[i], lows + i, frequencies + i);
  *code = load(found);
  *low = load(lows);
  *frequency = load(frequencies);
}

/* The codes of all lanes and their centres, and the states without them. Both halves go side by side, stage by stage:
 * each waits for its tables most of the time. */
INLINE void find(const multi_row *r, const multi_work *w, const half_row *v, const ints *sum, ints *even, ints *odd,
                 ints *code, ints *centre) {
  const uint8_t *tables = w->model->tables;
  const ints one = _mm256_set1_epi32(1), all = _mm256_set1_epi32(-1), mask = _mm256_set1_epi64x(0xffffffff);
  floats at[2], sigma[2], per_code[2], guess[2], threshold[2], middle_centre[2], other_centre[2];
  ints slot[2], near[2], middle[2], down[2], beside[2], other[2];
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    slot[h] = _mm256_and_si256(_mm256_blend_epi32(even[h], _mm256_slli_epi64(odd[h], 32), 0xaa),
                               _mm256_set1_epi32(MULTI_PROB - 1));
    guess[h] = to_floats(gather_ints(w->model->guess, _mm256_srli_epi32(slot[h], MULTI_PROB_BITS - MULTI_GUESS_BITS)));
    at[h] = at_of(v + h, sum[h]);
    sigma[h] = sigma_of(&v[h].s, _mm256_set1_ps(1));
    per_code[h] = _mm256_div_ps(v[h].gain, sigma[h]);
  }
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    floats cell = _mm256_mul_ps(_mm256_add_ps(at[h], _mm256_mul_ps(guess[h], sigma[h])), v[h].cells);
    cell = _mm256_min_ps(_mm256_max_ps(cell, _mm256_setzero_ps()), v[h].last_cell);
    near[h] = gather_words(w->near, _mm256_add_epi32(_mm256_cvttps_epi32(cell), v[h].near_at));
  }
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++)
    gather_pairs(tables, _mm256_add_epi32(near[h], v[h].level_at), threshold + h, middle_centre + h);
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    middle[h] = below(v + h, tables, threshold[h], near[h], at[h], per_code[h]);
    down[h] = _mm256_cmpgt_epi32(middle[h], slot[h]);
    beside[h] = _mm256_add_epi32(near[h], _mm256_or_si256(_mm256_slli_epi32(down[h], 1), one)); /* or: 1 or -1 */
  }
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++)
    gather_pairs(tables, _mm256_add_epi32(beside[h], v[h].level_at), threshold + h, other_centre + h);
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) other[h] = below(v + h, tables, threshold[h], beside[h], at[h], per_code[h]);
#  pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
    ints low = _mm256_blendv_epi8(middle[h], other[h], down[h]), high = _mm256_blendv_epi8(other[h], middle[h], down[h]);
    ints frequency = _mm256_sub_epi32(high, low), rest;
    const ints missed =
        _mm256_or_si256(_mm256_cmpgt_epi32(low, slot[h]), _mm256_xor_si256(_mm256_cmpgt_epi32(high, slot[h]), all));
    const int32_t set = _mm256_movemask_ps(to_floats(_mm256_andnot_si256(v[h].idle, missed)));
    code[h] = _mm256_add_epi32(near[h], down[h]);
    centre[h] = from_floats(_mm256_blendv_ps(middle_centre[h], other_centre[h], to_floats(down[h])));
    if (set) {
      floats lower, found;
      search_missed(r->group + 8 * h, set, at[h], per_code[h], slot[h], code + h, &low, &frequency);
      gather_pairs(tables, _mm256_add_epi32(code[h], v[h].level_at), &lower, &found);
      centre[h] = from_floats(found);
    }
    low = _mm256_andnot_si256(v[h].idle, low);
    frequency = _mm256_blendv_epi8(frequency, _mm256_set1_epi32(MULTI_PROB), v[h].idle);
    rest = _mm256_sub_epi32(slot[h], low);
    even[h] = _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(even[h], MULTI_PROB_BITS), frequency),
                               _mm256_and_si256(rest, mask));
    odd[h] = _mm256_add_epi64(
        _mm256_mul_epu32(_mm256_srli_epi64(odd[h], MULTI_PROB_BITS), _mm256_srli_epi64(frequency, 32)),
        _mm256_srli_epi64(rest, 32));
  }
}

AVX2 const uint8_t *multi_row_decode_avx2(multi_row *r, const multi_work *w, uint64_t *state, const uint8_t *in,
                                          const uint8_t *end) {
  const __m128i bits = _mm_cvtsi32_si128(w->model->bits);
  const int32_t pairs = (w->model->order + 1) / 2;
  const ints half_word = _mm256_set1_epi32(0xffff);
  half_row v[2] = {half_of(r, w, 0), half_of(r, w, 1)};
  ints even[2], odd[2];
  load_states(state, even, odd);
  load_states(state + 8, even + 1, odd + 1);
  for (int32_t t = 0; t < w->frames; t++) {
    int16_t *now = w->pair + 2 * (ROW_PAST + t) * MULTI_LANES;
    ints sum[2] = {load(w->sum + t * MULTI_LANES), load(w->sum + t * MULTI_LANES + 8)}, found[2], centre[2];
    for (int32_t i = pairs; i-- > 0;) /* the newest sample last: it is waited for */
      for (int h = 0; h < 2; h++)
        sum[h] = _mm256_add_epi32(
            sum[h], _mm256_madd_epi16(load(now - (4 * i + 2) * MULTI_LANES + 16 * h), load(r->own[i] + 16 * h)));
    find(r, w, v, sum, even, odd, found, centre);
    for (int h = 0; h < 2; h++) {
      ints x = _mm256_srav_epi32(_mm256_sub_epi32(centre[h], v[h].mean), v[h].shift);
      const ints given = load(now + 16 * h), before = load(now - 2 * MULTI_LANES + 16 * h);
      x = _mm256_min_epi32(_mm256_max_epi32(x, _mm256_set1_epi32(-32768)), _mm256_set1_epi32(32767));
      x = _mm256_blendv_epi8(x, _mm256_srai_epi32(_mm256_slli_epi32(given, 16), 16), v[h].idle);
      store(now + 16 * h, _mm256_or_si256(_mm256_and_si256(x, half_word), _mm256_slli_epi32(before, 16)));
      follow(&v[h].s, x, sum[h], bits, v[h].scale);
    }
    store(w->code + t * MULTI_LANES, _mm256_permute4x64_epi64(_mm256_packus_epi32(found[0], found[1]), 0xd8));
    in = refill_all(even, odd, in, end);
    if (!in) return NULL;
  }
  store_states(state, even[0], odd[0]);
  store_states(state + 8, even[1], odd[1]);
  keep_scales(r, v, 0);
  keep_scales(r, v + 1, 1);
  return in;
}

#else

void multi_row_encode_avx2(multi_row *r, const multi_work *w, uint32_t *coded) { multi_row_encode(r, w, coded); }

const uint8_t *multi_row_decode_avx2(multi_row *r, const multi_work *w, uint64_t *state, const uint8_t *in,
                                     const uint8_t *end) {
  return multi_row_decode(r, w, state, in, end);
}

#endif
