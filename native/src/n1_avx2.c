/* The N1 codec's lanes in lockstep, one AVX2 register for all eight. Bit for bit what n1_lanes.c computes. */
#include "n1_model.h"

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#  include <immintrin.h>
#  define AVX2 __attribute__((target("avx2")))
#  define INLINE static inline __attribute__((always_inline, target("avx2")))

typedef struct {
  __m256i ring[64]; /* centres of a step and of the one before, in pairs; the second half repeats the first */
  __m256i weights[N1_ORDER / 2];
  __m256i a1, a2, a3, last, extra;
  __m128i shift, scale_count;
  int32_t order;
} lanes;

INLINE __m256i clamp(__m256i x, __m256i low, __m256i high) { return _mm256_min_epi32(_mm256_max_epi32(x, low), high); }

INLINE __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

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
  __m256i a = _mm256_setzero_si256(), b = a, mean;
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
  {
    const __m256i x = _mm256_srli_epi32(v->a1, 8), y = _mm256_srli_epi32(v->a2, 3);
    mean = _mm256_add_epi32(x, _mm256_slli_epi32(x, 2));
    mean = _mm256_add_epi32(mean, _mm256_add_epi32(y, _mm256_slli_epi32(y, 3)));
    mean = _mm256_srli_epi32(_mm256_add_epi32(mean, _mm256_slli_epi32(v->a3, 2)), 4);
    mean = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_or_si256(mean, _mm256_set1_epi32(1))));
    *scale = clamp(_mm256_add_epi32(_mm256_srli_epi32(mean, 19), v->extra), _mm256_setzero_si256(),
                   _mm256_set1_epi32(N1_SCALES - 1));
  }
  a = _mm256_sra_epi32(_mm256_add_epi32(a, b), v->shift);
  return clamp(a, _mm256_sub_epi32(_mm256_setzero_si256(), full), full);
}

/* Frequencies of all codes below `code`. */
INLINE __m256i below(const n1_model *m, __m256i code, __m256i p, __m256i recip, __m256i reach) {
  const __m256i most = _mm256_set1_epi32(N1_Z_MAX), zero = _mm256_setzero_si256();
  const __m256i distance = _mm256_sub_epi32(_mm256_i32gather_epi32(m->threshold, code, 4), p);
  __m256i z = clamp(distance, _mm256_sub_epi32(zero, reach), reach), f0, f1;
  z = _mm256_srai_epi32(_mm256_mullo_epi32(z, recip), 16);
  z = _mm256_add_epi32(clamp(z, _mm256_sub_epi32(zero, most), most), most);
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

/* For each set of dry lanes: which of the next words each lane takes. */
#  define B(x, i) ((x) >> (i) & 1)
#  define W1(x) 0
#  define W2(x) (B(x, 0))
#  define W3(x) (W2(x) + B(x, 1))
#  define W4(x) (W3(x) + B(x, 2))
#  define W5(x) (W4(x) + B(x, 3))
#  define W6(x) (W5(x) + B(x, 4))
#  define W7(x) (W6(x) + B(x, 5))
#  define W8(x) (W7(x) + B(x, 6))
#  define ROW(x) {W1(x), W2(x), W3(x), W4(x), W5(x), W6(x), W7(x), W8(x)}
#  define ROWS4(x) ROW(x), ROW((x) + 1), ROW((x) + 2), ROW((x) + 3)
#  define ROWS16(x) ROWS4(x), ROWS4((x) + 4), ROWS4((x) + 8), ROWS4((x) + 12)
#  define ROWS64(x) ROWS16(x), ROWS16((x) + 16), ROWS16((x) + 32), ROWS16((x) + 48)
static const uint8_t rank[256][8] = {ROWS64(0), ROWS64(64), ROWS64(128), ROWS64(192)};

/* frequency * (state >> 24) + rest, four lanes of 64 bits; frequency and rest are 32 bits each. */
INLINE __m256i advance(__m256i state, __m256i frequency, __m256i rest) {
  const __m256i q = _mm256_srli_epi64(state, N1_PROB_BITS);
  const __m256i product = _mm256_add_epi64(
      _mm256_mul_epu32(q, frequency), _mm256_slli_epi64(_mm256_mul_epu32(_mm256_srli_epi64(q, 32), frequency), 32));
  return _mm256_add_epi64(product, rest);
}

AVX2 const uint8_t *n1_decode_lanes_avx2(n1_model *m, uint64_t *state, const uint8_t *in, const uint8_t *end,
                                         const int16_t *table, int16_t *x, int64_t length, int64_t steps) {
  const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1), all = _mm256_set1_epi32(-1);
  const __m256i half = _mm256_set1_epi32(m->origin + (1 << (N1_U_BITS - 1)));
  const __m256i evens = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  __m256i s0 = load(state), s1 = load(state + 4);
  lanes v;
  lanes_open(&v, m);
  for (int64_t t = 0; t < steps; t++) {
    uint8_t last[4 * N1_LANES];
    int32_t found[N1_LANES];
    __m256i scale, recip, reach, slot, near, code, low, high, middle, other, down, missed, frequency, rest;
    int32_t dry, mask;
    const __m256i p = predict(&v, m, t, &scale);
    recip = _mm256_i32gather_epi32(m->recip, scale, 4);
    reach = _mm256_i32gather_epi32(m->reach, scale, 4);
    slot = _mm256_blend_epi32(_mm256_permutevar8x32_epi32(s0, evens), _mm256_permutevar8x32_epi32(s1, evens), 0xf0);
    slot = _mm256_and_si256(slot, _mm256_set1_epi32(N1_PROB - 1));
    near = gather16(m->guess, _mm256_srli_epi32(slot, N1_PROB_BITS - 10));
    near = _mm256_srai_epi32(_mm256_slli_epi32(near, 16), 16);
    near = _mm256_mullo_epi32(near, _mm256_i32gather_epi32(m->sigma, scale, 4));
    near = _mm256_add_epi32(_mm256_add_epi32(p, _mm256_srai_epi32(near, 9)), half);
    near = clamp(_mm256_srai_epi32(near, N1_U_BITS - 13), zero, _mm256_set1_epi32(N1_NEAR - 1));
    near = _mm256_and_si256(gather16(m->near, near), _mm256_set1_epi32(0xffff));
    near = clamp(near, one, _mm256_set1_epi32(m->codes - 1));
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
      int32_t ps[N1_LANES], scales[N1_LANES];
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
    s0 = advance(s0, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(frequency)),
                 _mm256_cvtepu32_epi64(_mm256_castsi256_si128(rest)));
    s1 = advance(s1, _mm256_cvtepu32_epi64(_mm256_extracti128_si256(frequency, 1)),
                 _mm256_cvtepu32_epi64(_mm256_extracti128_si256(rest, 1)));
    learn(&v, m, t, code, p);
    {
      const __m256i dry0 = _mm256_cmpeq_epi64(_mm256_srli_epi64(s0, 32), zero);
      const __m256i dry1 = _mm256_cmpeq_epi64(_mm256_srli_epi64(s1, 32), zero);
      const uint8_t *from = in;
      __m256i words;
      dry = _mm256_movemask_pd(_mm256_castsi256_pd(dry0)) | _mm256_movemask_pd(_mm256_castsi256_pd(dry1)) << 4;
      in += 4 * (rank[dry][7] + (dry >> 7));
      if (end - from < 4 * N1_LANES) { /* near the end */
        if (in > end) return NULL;
        memset(last, 0, sizeof last);
        memcpy(last, from, (size_t)(end - from));
        from = last;
      }
      words = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)rank[dry]));
      words = _mm256_permutevar8x32_epi32(load(from), words);
      s0 = _mm256_blendv_epi8(
          s0, _mm256_or_si256(_mm256_slli_epi64(s0, 32), _mm256_cvtepu32_epi64(_mm256_castsi256_si128(words))), dry0);
      s1 = _mm256_blendv_epi8(
          s1, _mm256_or_si256(_mm256_slli_epi64(s1, 32), _mm256_cvtepu32_epi64(_mm256_extracti128_si256(words, 1))),
          dry1);
    }
    _mm256_storeu_si256((__m256i *)(void *)found, code);
    for (int lane = 0; lane < N1_LANES; lane++) x[lane * length + t] = table[found[lane]];
    if (m->adaptive) count(m, found);
  }
  _mm256_storeu_si256((__m256i *)(void *)state, s0);
  _mm256_storeu_si256((__m256i *)(void *)(state + 4), s1);
  lanes_close(&v, m);
  return in;
}

AVX2 void n1_correlate_avx2(n1_model *m, int64_t step) {
#  define SPAN 256
  const int64_t stop = step * N1_LANES;
  int64_t i = m->done * N1_LANES;
  int16_t x[SPAN + N1_ORDER * N1_LANES];
  if (!m->corr_shift || m->lanes != N1_LANES) {
    n1_correlate(m, step);
    return;
  }
  for (; i < stop; i += SPAN) {
    const int32_t n = (int32_t)(stop - i < SPAN ? stop - i : SPAN);
    const int16_t *past = m->past + i;
    for (int k = 0; k < SPAN + N1_ORDER * N1_LANES; k += 16) {
      /* Beyond the last sample stands what adds nothing. */
      const __m256i raw = k < n + N1_ORDER * N1_LANES ? load(past + k) : _mm256_setzero_si256();
      _mm256_storeu_si256((__m256i *)(void *)(x + k), _mm256_sra_epi16(raw, _mm_cvtsi32_si128(m->corr_shift)));
    }
    if (n & 15) memset(x + N1_ORDER * N1_LANES + n, 0, (size_t)(16 - (n & 15)) * sizeof *x);
    for (int lag = 0; lag <= N1_ORDER; lag++) {
      const int16_t *a = x + N1_ORDER * N1_LANES, *b = a - lag * N1_LANES;
      __m256i sum = _mm256_setzero_si256();
      int32_t each[8];
      for (int k = 0; k < n; k += 16) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(load(a + k), load(b + k)));
      _mm256_storeu_si256((__m256i *)(void *)each, sum);
      m->corr[lag] += each[0] + each[1] + each[2] + each[3] + each[4] + each[5] + each[6] + each[7];
    }
  }
  m->done = step;
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
void n1_correlate_avx2(n1_model *m, int64_t step) { n1_correlate(m, step); }

#endif
