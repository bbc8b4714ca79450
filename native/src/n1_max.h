/* What the scalar and the AVX2 build of the codec n1_max share.
 *
 * The model computes in float and double, with + - * / and square roots alone, in an order that is written out, so that
 * every compiler and every width of registers gives the same bits. What both sides of the codec use are integers that
 * come of these. docs/max.md describes the model. Levels are in codes of the converter unless they say u, 1/1024 of a
 * code. */
#ifndef N1C_N1_MAX_H
#define N1C_N1_MAX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define N1_MAX_CODES 1024
#define N1_MAX_ORDER 32                 /* regressors: */
#define N1_MAX_MEANS 8                  /* running means over 32, 64, .. 4096 samples, and the last 24 samples */
#define N1_MAX_EXPERTS 3
#define N1_MAX_INPUTS 64
#define N1_MAX_H1 64
#define N1_MAX_H2 32
#define N1_MAX_PARTS 8                  /* of each of the two mixtures */
#define N1_MAX_OUTPUTS (3 * N1_MAX_PARTS)
#define N1_MAX_BATCH 16                 /* samples that the network learns from at a time */
#define N1_MAX_W2 (N1_MAX_INPUTS * N1_MAX_H1)
#define N1_MAX_B2 (N1_MAX_W2 + N1_MAX_H1 * N1_MAX_H2)
#define N1_MAX_W3 (N1_MAX_B2 + N1_MAX_H2)
#define N1_MAX_B3 (N1_MAX_W3 + N1_MAX_H2 * N1_MAX_OUTPUTS)
#define N1_MAX_NET (N1_MAX_B3 + N1_MAX_OUTPUTS)

#define N1_MAX_SHAPE 512                /* intervals of the normal distribution function, from -8 to 8 sigma */
#define N1_MAX_Z (1 << 14)              /* 8 sigma */
#define N1_MAX_BITS 24                  /* log2 of the sum of all frequencies */
#define N1_MAX_NEAR 8192
#define N1_MAX_GUESS 1024

typedef struct {
  /* First what is read as vectors: it stays aligned to 32 bytes. W1 is [input][unit] and so on; the biases of the first
   * layer belong to a constant input. */
  float own_net[N1_MAX_NET], own_step[N1_MAX_NET];
  float w2t[N1_MAX_H2 * N1_MAX_H1], w3t[N1_MAX_OUTPUTS * N1_MAX_H2];
  float x[N1_MAX_BATCH][N1_MAX_INPUTS], h1[N1_MAX_BATCH][N1_MAX_H1], h2[N1_MAX_BATCH][N1_MAX_H2], y[N1_MAX_H2];
  float d1[N1_MAX_BATCH][N1_MAX_H1], d2[N1_MAX_BATCH][N1_MAX_H2], d3[N1_MAX_BATCH][N1_MAX_OUTPUTS];
  float gradient[N1_MAX_H1];
  float window[N1_MAX_ORDER];           /* running means, then the centres of the last samples, the last one last */
  float block[N1_MAX_ORDER * N1_MAX_ORDER], block_b[N1_MAX_ORDER];
  double r[2][N1_MAX_ORDER * N1_MAX_ORDER], b[2][N1_MAX_ORDER]; /* weighted covariances, of two windows */
  double prior32[N1_MAX_ORDER * N1_MAX_ORDER], prior32_b[N1_MAX_ORDER];
  double prior16[N1_MAX_ORDER * N1_MAX_ORDER], prior16_b[N1_MAX_ORDER];
  double a[N1_MAX_ORDER * N1_MAX_ORDER];
  float w[N1_MAX_EXPERTS][N1_MAX_ORDER];
  /* The two mixtures, the network's first. */
  float mixed[2 * N1_MAX_PARTS];        /* shares of the parts in their mixture */
  float odds[N1_MAX_PARTS];             /* those of the second */
  float spread[N1_MAX_PARTS];           /* of the network's parts, in sigmas */
  float trust;                          /* share of the network's mixture */
  int32_t mu[2 * N1_MAX_PARTS];         /* in u */
  int32_t recip[2 * N1_MAX_PARTS];      /* 2^27 / sigma in u */
  int32_t reach[2 * N1_MAX_PARTS];      /* 8 sigma in u */
  int32_t share[2 * N1_MAX_PARTS];      /* of all, in 2^-16 */
  int32_t low[2 * N1_MAX_PARTS], high[2 * N1_MAX_PARTS]; /* distribution functions at both ends of the code */
  /* What is known of the next sample. */
  float p[N1_MAX_EXPERTS];
  float sigma, sigma_slow;              /* of its error: from three windows, from the longest one */
  float slow[N1_MAX_EXPERTS], middle[N1_MAX_EXPERTS], fast[N1_MAX_EXPERTS]; /* running means of squared errors */
  float past[N1_MAX_ORDER];             /* errors in sigmas, the last one first */
  float mean16, mean128, width[2];
  int32_t filled;                       /* samples in the batch */
  int64_t t;
  float *net, *step;                    /* own_net and the rates of its parameters; in training, common ones */
  float *moments;                       /* mean squares of the gradient, in training only */
  float rate;
  /* Converter. */
  int32_t threshold[N1_MAX_CODES + 1];  /* in u */
  float centre[N1_MAX_CODES], log_width[N1_MAX_CODES];
  uint16_t near[N1_MAX_NEAR];           /* position -> nearest threshold */
  int16_t guess[N1_MAX_GUESS];          /* inverse of the normal distribution function, z / 4 */
  uint32_t shape[2 * (N1_MAX_SHAPE + 1)]; /* the function: value and rise to the next one */
} n1_max;

extern const uint8_t n1_max_tables[];

/* What is to be expected of the next sample; how often codes below `code` are, out of 2^24, and the distribution
 * functions of the parts there; what there is to learn of the sample's code. */
void n1_max_predict(n1_max *m);
uint32_t n1_max_below(n1_max *m, int32_t code, int32_t *parts);
void n1_max_learn(n1_max *m, int32_t code);
void n1_max_predict_avx2(n1_max *m);
uint32_t n1_max_below_avx2(n1_max *m, int32_t code, int32_t *parts);
void n1_max_learn_avx2(n1_max *m, int32_t code);

#endif
