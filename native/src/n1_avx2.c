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
    n1_solve(m, step);
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
  for (int i = 0; i < N1_ORDER / 2; i += 2) {
    a = _mm256_add_epi32(a, _mm256_madd_epi16(past[-2 * i], v->weights[i]));
    b = _mm256_add_epi32(b, _mm256_madd_epi16(past[-2 * i - 2], v->weights[i + 1]));
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
  return clamp(_mm256_sra_epi32(_mm256_add_epi32(a, b), v->shift), _mm256_sub_epi32(_mm256_setzero_si256(), full), full);
}

/* Frequencies of all codes below `code`. */
INLINE __m256i below(const n1_model *m, __m256i code, __m256i p, __m256i recip, __m256i reach) {
  const __m256i most = _mm256_set1_epi32(N1_Z_MAX), zero = _mm256_setzero_si256();
  const __m256i distance = _mm256_sub_epi32(_mm256_i32gather_epi32(m->threshold, code, 4), p);
  __m256i z = clamp(distance, _mm256_sub_epi32(zero, reach), reach), f0, f1;
  z = _mm256_srai_epi32(_mm256_mullo_epi32(z, recip), 16);
  z = _mm256_add_epi32(clamp(z, _mm256_sub_epi32(zero, most), most), most);
  {
    const __m256i cell = _mm256_srli_epi32(z, 6), part = _mm256_and_si256(z, _mm256_set1_epi32(63));
    f0 = _mm256_i32gather_epi32((const int *)m->shape, cell, 4);
    f1 = _mm256_i32gather_epi32((const int *)m->shape + 1, cell, 4);
    f1 = _mm256_srli_epi32(_mm256_mullo_epi32(_mm256_sub_epi32(f1, f0), part), 6);
  }
  return _mm256_add_epi32(_mm256_add_epi32(f0, f1), _mm256_mullo_epi32(code, _mm256_set1_epi32(m->floor)));
}

/* The tables of int16 and uint16 are followed by others, so that reading 32 bits at their last entry is sound. */
INLINE __m256i gather16(const void *table, __m256i index) { return _mm256_i32gather_epi32((const int *)table, index, 2); }

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
  const __m256i one = _mm256_set1_epi32(1), evens = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  lanes v;
  lanes_open(&v, m);
  for (int64_t t = 0; t < steps; t++) {
    uint32_t lows[N1_LANES], frequencies[N1_LANES], slots[N1_LANES];
    int32_t found[N1_LANES];
    __m256i scale, recip, reach, slot, near, code, low, high, middle, top, up, missed;
    const __m256i p = predict(&v, m, t, &scale);
    recip = _mm256_i32gather_epi32(m->recip, scale, 4);
    reach = _mm256_i32gather_epi32(m->reach, scale, 4);
    slot = _mm256_blend_epi32(_mm256_permutevar8x32_epi32(load(state), evens),
                              _mm256_permutevar8x32_epi32(load(state + 4), evens), 0xf0);
    slot = _mm256_and_si256(slot, _mm256_set1_epi32(N1_PROB - 1));
    near = _mm256_srai_epi32(
        _mm256_slli_epi32(gather16(m->guess, _mm256_srli_epi32(slot, N1_PROB_BITS - 10)), 16), 16);
    near = _mm256_mullo_epi32(near, _mm256_i32gather_epi32(m->sigma, scale, 4));
    near = _mm256_add_epi32(_mm256_add_epi32(p, _mm256_srai_epi32(near, 9)), _mm256_set1_epi32(1 << (N1_U_BITS - 1)));
    near = clamp(_mm256_srai_epi32(near, N1_U_BITS - 13), _mm256_setzero_si256(), _mm256_set1_epi32(N1_NEAR - 1));
    near = _mm256_and_si256(gather16(m->near, near), _mm256_set1_epi32(0xffff));
    near = clamp(near, one, _mm256_set1_epi32(m->codes - 1));
    low = below(m, _mm256_sub_epi32(near, one), p, recip, reach);
    middle = below(m, near, p, recip, reach);
    top = below(m, _mm256_add_epi32(near, one), p, recip, reach);
    up = _mm256_cmpgt_epi32(middle, slot); /* the lower of both codes */
    code = _mm256_add_epi32(near, up);
    high = _mm256_blendv_epi8(top, middle, up);
    missed = _mm256_or_si256(_mm256_cmpgt_epi32(low, slot), _mm256_xor_si256(_mm256_cmpgt_epi32(high, slot),
                                                                             _mm256_set1_epi32(-1)));
    low = _mm256_blendv_epi8(middle, low, up);
    _mm256_storeu_si256((__m256i *)(void *)lows, low);
    _mm256_storeu_si256((__m256i *)(void *)frequencies, _mm256_sub_epi32(high, low));
    _mm256_storeu_si256((__m256i *)(void *)slots, slot);
    {
      const int32_t mask = _mm256_movemask_ps(_mm256_castsi256_ps(missed));
      if (mask) {
        int32_t ps[N1_LANES], scales[N1_LANES];
        _mm256_storeu_si256((__m256i *)(void *)ps, p);
        _mm256_storeu_si256((__m256i *)(void *)scales, scale);
        _mm256_storeu_si256((__m256i *)(void *)found, code);
        for (int lane = 0; lane < N1_LANES; lane++)
          if (mask >> lane & 1)
            found[lane] = n1_find(m, slots[lane], ps[lane], scales[lane], lows + lane, frequencies + lane);
        code = load(found);
      }
    }
    _mm256_storeu_si256((__m256i *)(void *)found, code);
    if (end - in >= 4 * N1_LANES) {
      for (int lane = 0; lane < N1_LANES; lane++) {
        const uint64_t s = frequencies[lane] * (state[lane] >> N1_PROB_BITS) + slots[lane] - lows[lane];
        const uint64_t more = s << 32 | n1_get32(in);
        const int dry = s < (uint64_t)1 << 32;
        state[lane] = dry ? more : s;
        in += 4 * dry;
      }
    } else {
      for (int lane = 0; lane < N1_LANES; lane++) {
        uint64_t s = frequencies[lane] * (state[lane] >> N1_PROB_BITS) + slots[lane] - lows[lane];
        if (s < (uint64_t)1 << 32) {
          if (end - in < 4) return NULL;
          s = s << 32 | n1_get32(in);
          in += 4;
        }
        state[lane] = s;
      }
    }
    for (int lane = 0; lane < N1_LANES; lane++) x[lane * length + t] = table[found[lane]];
    learn(&v, m, t, code, p);
    if (m->adaptive) count(m, found);
  }
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
