/* What the N1 codec's scalar and SIMD paths share: tables, state and the steps that both sides of the codec compute.
 *
 * docs/codec.md describes the model. Units: u is 1/1024 of a code (at 1024 codes; the full scale of the converter is
 * 2^20 u whatever the number of codes), c is 1/32 of a code (full scale 2^15). Everything here is integer arithmetic,
 * modulo 2^32 or 2^64 where it may wrap. */
#ifndef N1C_N1_MODEL_H
#define N1C_N1_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define N1_LANES 8
#define N1_ORDER 32
#define N1_U_BITS 20                    /* log2 of the full scale in u */
#define N1_PROB_BITS 24                 /* log2 of the sum of all frequencies */
#define N1_PROB (1 << N1_PROB_BITS)
#define N1_SHAPE 512                    /* intervals of the residual's distribution function, from -8 to 8 sigma */
#define N1_Z_MAX (1 << 14)              /* 8 sigma */
#define N1_SCALES 400                   /* scale indices: 16 per octave of variance, 24 octaves */
#define N1_GUESS 1024                   /* cells of the inverse distribution function */
#define N1_NEAR 8192                    /* cells of the table position -> nearest threshold */
#define N1_ADAPTIVE_CODES 4096          /* more codes than that have equal widths for ever */
#define N1_PAD 4                        /* intervals beyond the outermost ones that rounding may lead to */
#define N1_CORR_SHIFT 3                 /* what the autocorrelation of trained codes is less precise by, in bits */
#define N1_SPAN 256                     /* samples whose products are summed up in 32 bits */

/* A profile as it is stored: see n1_profile_open. */
typedef struct {
  int32_t codes;                        /* number of codes, 0 if it brings none */
  int32_t stretch;                      /* 1: the N1 stretch of 10 bits to 16; 0: sample = first + step * code */
  int32_t first, step;
  int32_t floor;                        /* frequency that every code has beside the shape's */
  int32_t prior_weight;                 /* samples that the prior autocorrelation counts for */
  int32_t prior[N1_ORDER + 1];          /* autocorrelation, in units of 2^-16 of the innovation's variance */
  uint32_t shape[N1_SHAPE + 2];         /* distribution function of the residual, 0 .. 2^24; the last one repeated */
  const uint8_t *widths;                /* codes of them, uint16: 1/1024 of a code */
} n1_profile;

typedef struct {
  int32_t codes;
  int32_t cold;                         /* the profile brings no widths */
  int32_t adaptive;                     /* the widths are learned on the way */
  int32_t origin;                       /* thresholds and centres are counted from here, in u, a multiple of 32 */
  int32_t scale_shift;                  /* errors are counted in c >> scale_shift */
  int32_t corr_shift;                   /* the autocorrelation is that of c >> corr_shift */
  uint32_t start;                       /* running means begin here: 16 times the mean squared error */
  int32_t lanes;
  int32_t simd;                         /* 1: with AVX2 */
  int64_t done;                         /* steps whose autocorrelation is in corr */
  int64_t next;                         /* step before which the predictor is solved anew */
  uint32_t a1[N1_LANES], a2[N1_LANES], a3[N1_LANES]; /* running sums of squared errors, windows 2^12, 2^7, 2^3 */
  int16_t weights[N1_ORDER + 1][N1_ORDER]; /* weights[order][lag - 1] */
  int32_t shift[N1_ORDER + 1];    /* weights of each order are in units of 2^-shift */
  int32_t extra[N1_ORDER + 1];    /* scale index of each order's errors beside that of the highest */
  int64_t corr[N1_ORDER + 1];
  int64_t prior[N1_ORDER + 1];
  int32_t recip[N1_SCALES];             /* 2^27 / sigma in u */
  int32_t reach[N1_SCALES];             /* 8 sigma in u */
  int32_t sigma[N1_SCALES];             /* sigma in u, for the decoder's guess */
  uint32_t shape[N1_SHAPE + 2 * N1_PAD + 1][2]; /* the profile's, less the floors: value and rise to the next one */
  int32_t floor;
  int16_t guess[N1_GUESS];              /* middle of each cell of probability, z / 4 */
  int32_t *threshold;                   /* codes + 1 of them, in u */
  int16_t *centre;                      /* of each code, in c */
  uint16_t *near;                       /* N1_NEAR of them: nearest threshold, but for the outermost */
  uint32_t *count, *smooth;             /* of each code, if adaptive */
  int16_t *past;                        /* centres of all samples, step by step, after N1_ORDER steps of zeros */
} n1_model;

int n1_profile_open(const uint8_t *bytes, int64_t length, n1_profile *profile);
extern const uint8_t n1_profile_none[];
extern const int64_t n1_profile_none_length;
extern const uint8_t n1_profile_n1[];
extern const int64_t n1_profile_n1_length;

int64_t n1_model_bytes(int64_t n, int32_t codes);
void n1_model_open(n1_model *m, void *memory, const n1_profile *profile, int32_t codes, int32_t origin,
                   int32_t lanes);
void n1_model_start(n1_model *m, const n1_profile *profile, int32_t start);
void n1_model_prior(n1_model *m, const n1_profile *profile, int32_t start);
uint32_t n1_power(int32_t rest); /* 16 times the mean squared error of a start of 16 * scale_shift + rest */
void n1_solve(n1_model *m, int64_t step);

static inline int32_t n1_clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

/* 16 * log2(v) rounded down, 0 < v < 2^24; the mantissa's top bits count the steps within an octave.
 * The conversion is exact. */
static inline int32_t n1_log(uint32_t v) {
  float f = (float)(int32_t)v;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return (int32_t)(bits >> 19) - (127 << 4);
}

/* Where the predictor is to be solved anew before `step`. */
static inline int n1_due(const n1_model *m, int64_t step) { return step == m->next; }

/* The scale index of the lane's next error; `extra` is what lower orders add. */
static inline int32_t n1_scale(const n1_model *m, int32_t lane, int32_t extra) {
  const uint32_t v = (5 * (m->a1[lane] >> 8) + 9 * (m->a2[lane] >> 3) + 2 * (m->a3[lane] << 1)) >> 4;
  return n1_clamp(n1_log(v | 1) + extra, 0, N1_SCALES - 1);
}

/* The prediction in u from the sum of weights times centres. */
static inline int32_t n1_level(uint32_t sum, int32_t shift) {
  return n1_clamp((int32_t)sum >> (shift - 5), -(1 << N1_U_BITS), 1 << N1_U_BITS);
}

/* The lane's prediction of its sample at `step`, in u, and the scale index of its error. */
static inline int32_t n1_predict(const n1_model *m, int32_t lane, int64_t step, int32_t *scale) {
  const int16_t *past = m->past + (step + N1_ORDER - 1) * m->lanes + lane;
  const int32_t order = step < N1_ORDER ? (int32_t)step : N1_ORDER;
  const int16_t *w = m->weights[order];
  uint32_t sum = 0;
  for (int i = 0; i < N1_ORDER; i++) sum += (uint32_t)(w[i] * past[-i * m->lanes]);
  *scale = n1_scale(m, lane, m->extra[order]);
  return n1_level(sum, m->shift[order]);
}

/* A distance from the prediction in sigmas, 0 .. 2^15 for -8 .. 8 sigmas, and up to 253 less or more. */
static inline int32_t n1_scaled(const n1_model *m, int32_t distance, int32_t scale) {
  const int32_t reach = m->reach[scale];
  return (n1_clamp(distance, -reach, reach) * m->recip[scale] >> 16) + N1_Z_MAX;
}

/* Frequencies of all codes below `code`. */
static inline uint32_t n1_below(const n1_model *m, int32_t code, int32_t p, int32_t scale) {
  const int32_t z = n1_scaled(m, m->threshold[code] - p, scale);
  const uint32_t *f = m->shape[N1_PAD + (z >> 6)];
  return f[0] + (f[1] * (uint32_t)(z & 63) >> 6) + (uint32_t)(code * m->floor);
}

/* The lane's state after an error of c - p. */
static inline void n1_follow(n1_model *m, int32_t lane, int32_t c, int32_t p) {
  const int32_t e = n1_clamp((c - (p >> 5)) >> m->scale_shift, -1023, 1023);
  const uint32_t square = (uint32_t)(e * e);
  m->a1[lane] += square - (m->a1[lane] >> 12);
  m->a2[lane] += square - (m->a2[lane] >> 7);
  m->a3[lane] += square - (m->a3[lane] >> 3);
}

/* Take the sample's code into the lane's state. */
static inline void n1_learn(n1_model *m, int32_t lane, int64_t step, int32_t code, int32_t p) {
  const int32_t c = m->centre[code];
  m->past[(step + N1_ORDER) * m->lanes + lane] = (int16_t)c;
  if (m->adaptive) m->count[code]++;
  if (step >= N1_ORDER) n1_follow(m, lane, c, p);
}

/* The code whose interval holds `slot`; the frequencies below it and of it. */
int32_t n1_find(const n1_model *m, uint32_t slot, int32_t p, int32_t scale, uint32_t *low, uint32_t *frequency);

/* The codes that the states' slots stand for, and the states without them, but for those of a set of idle lanes. Returns
 * how far it read, or NULL where the bytes end too early. */
const uint8_t *n1_find_lanes(const n1_model *m, const int32_t *p, const int32_t *scale, int32_t idle, uint64_t *state,
                             const uint8_t *in, const uint8_t *end, int32_t *code);

/* All lanes in lockstep, `steps` steps. For each step, coded gets 8 times the frequencies below a code and 8 times that
 * of the code. The decoder returns how far it read, or NULL where the bytes end too early. Both ways come with and
 * without AVX2 and give the same bits. */
void n1_encode_lanes(n1_model *m, const uint16_t *codes, int64_t length, int64_t steps, uint32_t *coded);
const uint8_t *n1_decode_lanes(n1_model *m, uint64_t *state, const uint8_t *in, const uint8_t *end,
                               const int16_t *table, int16_t *x, int64_t length, int64_t steps);
int n1_avx2(void);
void n1_encode_lanes_avx2(n1_model *m, const uint16_t *codes, int64_t length, int64_t steps, uint32_t *coded);
const uint8_t *n1_decode_lanes_avx2(n1_model *m, uint64_t *state, const uint8_t *in, const uint8_t *end,
                                    const int16_t *table, int16_t *x, int64_t length, int64_t steps);

/* For each lag the sum of products of N1_SPAN numbers of a and those of b that are `lag` steps earlier. */
static inline void n1_products(const int16_t *a, const int16_t *b, int32_t lanes, int32_t *sums) {
  for (int lag = 0; lag <= N1_ORDER; lag += 3) {
    const int16_t *b0 = b - lag * lanes, *b1 = b0 - lanes, *b2 = b1 - lanes;
    int32_t s0 = 0, s1 = 0, s2 = 0;
    for (int k = 0; k < N1_SPAN; k++) {
      s0 += a[k] * b0[k];
      s1 += a[k] * b1[k];
      s2 += a[k] * b2[k];
    }
    sums[lag] = s0, sums[lag + 1] = s1, sums[lag + 2] = s2;
  }
}

void n1_products_avx2(const int16_t *a, const int16_t *b, int32_t lanes, int32_t *sums);

#endif
