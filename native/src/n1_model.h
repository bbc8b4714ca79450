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
#define N1_LAGS 3                       /* a sample is predicted from the last three */
#define N1_MEANS 5                      /* and from running means over 2, 8, 32, 128 and 512 samples before the last */
#define N1_LEVELS (N1_LAGS + N1_MEANS)
#define N1_MOMENTS (N1_LEVELS * (N1_LEVELS + 1) / 2)
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

/* A profile as it is stored: see n1_profile_open. */
typedef struct {
  int32_t codes;                        /* number of codes, 0 if it brings none */
  int32_t stretch;                      /* 1: the N1 stretch of 10 bits to 16; 0: sample = first + step * code */
  int32_t first, step;
  int32_t floor;                        /* frequency that every code has beside the shape's */
  int32_t prior_weight;                 /* samples that the prior moments count for */
  int32_t prior[N1_MOMENTS];            /* in units of 2^-16 of the innovation's variance */
  uint32_t shape[N1_SHAPE + 2];         /* distribution function of the residual, 0 .. 2^24; the last one repeated */
  const uint8_t *widths;                /* codes of them, uint16: 1/1024 of a code */
} n1_profile;

typedef struct {
  int32_t codes;
  const n1_profile *profile;
  int32_t adaptive;                     /* the widths are learned on the way */
  int32_t origin;                       /* thresholds and centres are counted from here, in u, a multiple of 32 */
  int32_t scale_shift;                  /* errors and moments are counted in c >> scale_shift */
  int16_t weights[N1_LEVELS];           /* of the prior alone */
  int32_t shift;                        /* they are in 2^-shift */
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
} n1_model;

int n1_profile_open(const uint8_t *bytes, int64_t length, n1_profile *profile);
extern const uint8_t n1_profile_none[];
extern const int64_t n1_profile_none_length;
extern const uint8_t n1_profile_n1[];
extern const int64_t n1_profile_n1_length;

int64_t n1_model_bytes(int32_t codes);
void n1_model_open(n1_model *m, void *memory, const n1_profile *profile, int32_t codes, int32_t origin);
/* Tables for errors whose scale is about `start`, 16 steps per octave of c. */
void n1_model_start(n1_model *m, int32_t start);
/* 16 times the mean squared error of a start, in (c >> scale_shift)^2. */
uint32_t n1_power(const n1_model *m, int32_t start);
/* Least squares: weights of the levels, in 2^-shift, from the sums of moments and the prior's. */
void n1_solve(const n1_model *m, int32_t start, int64_t *moments, int16_t *weights, int32_t *shift);
int n1_avx2(void);
/* The widths of what follows, from how often each code came. */
void n1_adapt_widths(n1_model *m);

static inline int32_t n1_clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }

/* 16 * log2(v) rounded down, 0 < v < 2^24; the mantissa's top bits count the steps within an octave.
 * The conversion is exact. */
static inline int32_t n1_log(uint32_t v) {
  float f = (float)(int32_t)v;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  return (int32_t)(bits >> 19) - (127 << 4);
}

/* The scale index of the next error; `extra` is what the first one has more. */
static inline int32_t n1_scale(uint32_t a1, uint32_t a2, uint32_t a3, int32_t extra) {
  const uint32_t v = (5 * (a1 >> 8) + 9 * (a2 >> 3) + 2 * (a3 << 1)) >> 4;
  return n1_clamp(n1_log(v | 1) + extra, 0, N1_SCALES - 1);
}

/* The prediction in u from the sum of weights times centres. */
static inline int32_t n1_level(uint32_t sum, int32_t shift) {
  return n1_clamp((int32_t)sum >> (shift - 5), -(1 << N1_U_BITS), 1 << N1_U_BITS);
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

/* The code whose interval holds `slot`; the frequencies below it and of it. */
int32_t n1_find(const n1_model *m, uint32_t slot, int32_t p, int32_t scale, uint32_t *low, uint32_t *frequency);

#endif
