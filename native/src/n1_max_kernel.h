/* The model of the codec n1_max, compiled once for any machine and once for AVX2. The file that includes this defines
 * NAME(x), the suffix of functions, and TARGET, their attribute. */
#include "n1_max.h"

#if defined(__GNUC__) && !defined(N1C_NO_VECTORS)
typedef float v8 __attribute__((vector_size(32), may_alias));
typedef double d4 __attribute__((vector_size(32), may_alias));
#  define V8(p) (*(v8 *)(uintptr_t)(p))
#  define D4(p) (*(d4 *)(uintptr_t)(p))
#  define ZERO(a) ((a) = (v8){0})
#  define ADD_SCALED(a, s, b) ((a) += (s) * (b))
#else
typedef struct { float v[8]; } v8;
typedef struct { double v[4]; } d4;
#  define V8(p) (*(v8 *)(uintptr_t)(p))
#  define D4(p) (*(d4 *)(uintptr_t)(p))
#  define ZERO(a) memset(&(a), 0, sizeof(a))
#  define ADD_SCALED(a, s, b) \
    do { for (int l_ = 0; l_ < (int)(sizeof(a) / sizeof (a).v[0]); l_++) (a).v[l_] += (s) * (b).v[l_]; } while (0)
#endif

#define H1 N1_MAX_H1
#define H2 N1_MAX_H2
#define IN N1_MAX_INPUTS
#define OUT N1_MAX_OUTPUTS
#define PARTS N1_MAX_PARTS
#define ORDER N1_MAX_ORDER
#define EXPERTS N1_MAX_EXPERTS
#define BATCH N1_MAX_BATCH

#define PERIOD 32            /* samples of a block of covariances */
#define CLIP 6.0f            /* most of a network's input */
#define SHARE_LINEAR 0.0003f /* of the parts' odds, dealt anew with every sample */
#define SHARE_TRUST 0.001f   /* the same for the two mixtures */

TARGET static inline float clampf(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

TARGET static inline float power2(float x) { /* 2^x */
  union { float f; int32_t i; } bits;
  const float c = clampf(x, -100.0f, 100.0f);
  const int32_t n = (int32_t)(c + 1024.5f) - 1024;
  const float f = c - (float)n;
  bits.i = (n + 127) << 23;
  return bits.f *
         (1.0f + f * (0.69314718f + f * (0.24022651f + f * (0.05550411f + f * (0.00961813f + f * 0.00133336f)))));
}

TARGET static inline float logarithm2(float v) { /* v > 0, normal */
  union { float f; int32_t i; } bits;
  float e, t;
  bits.f = v;
  e = (float)((bits.i >> 23) - 127);
  bits.i = (bits.i & 0x7fffff) | 0x3f800000;
  t = bits.f - 1.0f;
  t *= 1.4426950f + t * (-0.7211659f + t * (0.4778981f + t * (-0.3473002f + t * (0.2208253f - t * 0.0729523f))));
  return e + t;
}

#if defined(__SSE2__)
#  include <emmintrin.h>
TARGET static inline float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
TARGET static inline void square_roots4(const float *x, float *y) { _mm_storeu_ps(y, _mm_sqrt_ps(_mm_loadu_ps(x))); }
#else
#  include <math.h>
static inline float square_root(float x) { return sqrtf(x); }
static inline void square_roots4(const float *x, float *y) { for (int i = 0; i < 4; i++) y[i] = sqrtf(x[i]); }
#endif

TARGET static inline float sum8(const float *x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* y = x W of 64 outputs. */
TARGET static inline void forward8(const float *x, int inputs, const float *w, float *y) {
  v8 sum[8];
  for (int j = 0; j < 8; j++) ZERO(sum[j]);
  for (int i = 0; i < inputs; i++, w += 64)
    for (int j = 0; j < 8; j++) ADD_SCALED(sum[j], x[i], V8(w + 8 * j));
  for (int j = 0; j < 8; j++) V8(y + 8 * j) = sum[j];
}

/* The same of 8 N outputs; two sums run apart, of even and of odd inputs, for one would wait for itself. */
#define FORWARD(NAME_, N)                                                                                            \
  TARGET static inline void NAME_(const float *x, int inputs, const float *w, const float *bias, float *y) {         \
    v8 even[N], odd[N];                                                                                              \
    for (int j = 0; j < N; j++) {                                                                                    \
      ZERO(even[j]);                                                                                                 \
      ZERO(odd[j]);                                                                                                  \
      if (bias) even[j] = V8(bias + 8 * j);                                                                          \
    }                                                                                                                \
    for (int i = 0; i < inputs; i += 2, w += 16 * N) {                                                               \
      for (int j = 0; j < N; j++) ADD_SCALED(even[j], x[i], V8(w + 8 * j));                                          \
      for (int j = 0; j < N; j++) ADD_SCALED(odd[j], x[i + 1], V8(w + 8 * (N + j)));                                 \
    }                                                                                                                \
    for (int j = 0; j < N; j++) {                                                                                    \
      ADD_SCALED(even[j], 1.0f, odd[j]);                                                                             \
      V8(y + 8 * j) = even[j];                                                                                       \
    }                                                                                                                \
  }
FORWARD(forward4, 4)
FORWARD(forward3, 3)

TARGET static inline float softsign(float x) { return x / (1.0f + (x < 0 ? -x : x)); }
TARGET static inline float softsign_slope(float h) {
  const float s = 1.0f - (h < 0 ? -h : h);
  return s * s;
}

/* -- regression ---------------------------------------------------------------------------------------------------- */

/* Weights from the prior and one of the weighted covariances, by elimination without pivots. */
TARGET static void solve_weights(n1_max *m, int expert, const double *r, const double *b, const double *prior,
                                 const double *prior_b, int first) {
  double *a = m->a, y[ORDER];
  for (int i = first; i < ORDER; i++) {
    for (int j = 0; j < ORDER; j++) a[i * ORDER + j] = r[i * ORDER + j] + prior[i * ORDER + j];
    y[i] = b[i] + prior_b[i];
  }
  for (int k = first; k < ORDER; k++) {
    const double *row = a + k * ORDER;
    double inverse;
    if (!(row[k] > 1e-12)) return;
    inverse = 1.0 / row[k];
    for (int i = k + 1; i < ORDER; i++) {
      const double f = -(row[i] * inverse);
      double *to = a + i * ORDER;
      for (int j = i & ~3; j < ORDER; j += 4) ADD_SCALED(D4(to + j), f, D4(row + j));
      y[i] += f * y[k];
    }
  }
  for (int k = ORDER - 1; k >= first; k--) {
    const double w = y[k] / a[k * ORDER + k];
    for (int i = first; i < k; i++) y[i] -= a[i * ORDER + k] * w;
    y[k] = w;
  }
  for (int i = first; i < ORDER; i++)
    if (!(y[i] > -64 && y[i] < 64)) return;
  for (int i = first; i < ORDER; i++) m->w[expert][i] = (float)y[i];
}

/* Take a block of samples into the covariances, and solve if it is time. */
TARGET static void update_regression(n1_max *m) {
  static const double keep[2] = {0.99968, 0.9936}; /* windows of 100,000 and of 5,000 samples */
  for (int n = 0; n < 2; n++) {
    for (int i = 0; i < ORDER; i++) {
      for (int j = i & ~7; j < ORDER; j++)
        m->r[n][i * ORDER + j] = keep[n] * m->r[n][i * ORDER + j] + (double)m->block[i * ORDER + j];
      m->b[n][i] = keep[n] * m->b[n][i] + (double)m->block_b[i];
    }
  }
  memset(m->block, 0, sizeof m->block);
  memset(m->block_b, 0, sizeof m->block_b);
  if (m->t < 1024 || m->t % 128 == 0) {
    solve_weights(m, 0, m->r[0], m->b[0], m->prior32, m->prior32_b, 0);
    solve_weights(m, 1, m->r[1], m->b[1], m->prior32, m->prior32_b, 0);
    solve_weights(m, 2, m->r[0], m->b[0], m->prior16, m->prior16_b, 16);
  }
}

/* -- prediction ---------------------------------------------------------------------------------------------------- */

TARGET static inline float dot_product(const float *w, const float *x) {
  float s[8];
  for (int l = 0; l < 8; l++)
    s[l] = (w[l] * x[l] + w[8 + l] * x[8 + l]) + (w[16 + l] * x[16 + l] + w[24 + l] * x[24 + l]);
  return sum8(s);
}

/* Take the t-th sample into the regressors, t = 1, 2, ... */
TARGET static inline void push_regressor(float *window, float value, int64_t t) {
  if (t == 1)
    for (int i = 0; i < ORDER; i++) window[i] = value;
  for (int i = 0; i < N1_MAX_MEANS; i++) {
    const int32_t reach = 32 << i;
    window[i] += (value - window[i]) * (1.0f / (float)(t < reach ? (int32_t)t : reach));
  }
  for (int i = N1_MAX_MEANS; i < ORDER - 1; i++) window[i] = window[i + 1];
  window[ORDER - 1] = value;
}

TARGET static inline void set_part(n1_max *m, int j, float mu, float sigma) {
  const int32_t recip = (int32_t)(131072.0f / clampf(sigma, 0.125f, 600.0f));
  m->mu[j] = (int32_t)(clampf(mu, -1000.0f, 1000.0f) * 1024.0f);
  m->recip[j] = recip;
  m->reach[j] = ((1 << 30) + recip - 1) / recip;
}

TARGET void NAME(n1_max_predict)(n1_max *m) {
  float *x = m->x[m->filled], *h1 = m->h1[m->filled], *h2 = m->h2[m->filled];
  float *y = m->y, sigma[EXPERTS], inverse, l0, total, top;
  int32_t rest = 65536;
  for (int e = 0; e < EXPERTS; e++) {
    const float v = 0.625f * m->slow[e] + 0.25f * m->middle[e] + 0.125f * m->fast[e];
    m->p[e] = clampf(dot_product(m->w[e], m->window), -700.0f, 700.0f);
    sigma[e] = square_root(clampf(v, 0.04f, 90000.0f));
  }
  const float p = m->p[0];
  m->sigma = sigma[0];
  m->sigma_slow = square_root(clampf(m->slow[0], 0.04f, 90000.0f));
  inverse = 1.0f / m->sigma;
  l0 = logarithm2(m->sigma);
  for (int i = 0; i < 32; i++) x[i] = m->past[i];
  for (int i = 0; i < 16; i++) x[32 + i] = clampf((m->window[ORDER - 1 - i] - p) * inverse * 0.25f, -CLIP, CLIP);
  x[48] = clampf((m->p[1] - p) * inverse * 8.0f, -CLIP, CLIP);
  x[49] = clampf((m->p[2] - p) * inverse * 8.0f, -CLIP, CLIP);
  x[50] = 0.5f * logarithm2(clampf(m->fast[0], 0.04f, 90000.0f)) - l0;
  x[51] = 0.5f * logarithm2(clampf(m->middle[0], 0.04f, 90000.0f)) - l0;
  x[52] = 2.0f * (0.5f * logarithm2(clampf(m->slow[0], 0.04f, 90000.0f)) - l0);
  x[53] = 0.5f * (l0 - 2.5f);
  x[54] = clampf(p * (1.0f / 64.0f), -6.0f, 6.0f);
  x[55] = clampf(p < 0 ? -p : p, 0.0f, 400.0f) * (1.0f / 64.0f) - 1.0f;
  x[56] = m->width[0];
  x[57] = m->width[1];
  x[58] = 4.0f * m->mean16;
  x[59] = 8.0f * m->mean128;
  x[60] = clampf((m->window[1] - p) * inverse * 0.5f, -CLIP, CLIP);
  x[61] = clampf((m->window[5] - p) * inverse * 0.5f, -CLIP, CLIP);
  x[62] = clampf((m->window[ORDER - 1] - m->window[ORDER - 2]) * inverse * 0.25f, -CLIP, CLIP);
  x[63] = 1.0f;
  forward8(x, IN, m->net, h1);
  for (int i = 0; i < H1; i++) h1[i] = softsign(h1[i]);
  forward4(h1, H1, m->net + N1_MAX_W2, m->net + N1_MAX_B2, h2);
  for (int i = 0; i < H2; i++) h2[i] = softsign(h2[i]);
  forward3(h2, H2, m->net + N1_MAX_W3, m->net + N1_MAX_B3, y);
  top = y[0];
  for (int j = 1; j < PARTS; j++) top = y[j] > top ? y[j] : top;
  for (int j = 0; j < PARTS; j++) m->mixed[j] = power2((y[j] - top) * 1.442695f);
  total = 1.0f / sum8(m->mixed);
  for (int j = 0; j < PARTS; j++) m->mixed[j] *= total;
  for (int j = 0; j < PARTS; j++) m->spread[j] = power2(clampf(y[2 * PARTS + j], -4.0f, 5.0f));
  for (int j = 0; j < PARTS; j++)
    set_part(m, j, p + m->sigma * clampf(y[PARTS + j], -16.0f, 16.0f), m->sigma * m->spread[j]);
  for (int j = 0; j < PARTS; j++) m->mixed[PARTS + j] = m->odds[j];
  set_part(m, PARTS, p, sigma[0]);
  set_part(m, PARTS + 1, m->p[1], sigma[1]);
  set_part(m, PARTS + 2, m->p[2], sigma[2]);
  set_part(m, PARTS + 3, p, 0.88f * sigma[0]);
  set_part(m, PARTS + 4, p, 1.2f * sigma[0]);
  set_part(m, PARTS + 5, p, 1.5f * sigma[0]);
  set_part(m, PARTS + 6, p, 2.5f * sigma[0]);
  set_part(m, PARTS + 7, p, 10.0f * sigma[0] + 10.0f);
  for (int j = 0; j < PARTS; j++) {
    m->share[j] = (int32_t)(m->mixed[j] * m->trust * 65535.0f);
    m->share[PARTS + j] = (int32_t)(m->mixed[PARTS + j] * (1.0f - m->trust) * 65535.0f);
  }
  for (int j = 0; j < 2 * PARTS; j++) rest -= m->share[j];
  m->share[PARTS] += rest;
}

/* Frequencies of all codes below `code`; the distribution functions of the parts there. */
TARGET uint32_t NAME(n1_max_below)(n1_max *m, int32_t code, int32_t *parts) {
  const int32_t u = m->threshold[code];
  uint64_t sum = 0;
  for (int j = 0; j < 2 * PARTS; j++) {
    const int32_t reach = m->reach[j], d = u - m->mu[j];
    int32_t z = ((d < -reach ? -reach : d > reach ? reach : d) * m->recip[j] >> 16) + N1_MAX_Z;
    z = z < 0 ? 0 : z > 2 * N1_MAX_Z ? 2 * N1_MAX_Z : z;
    parts[j] = (int32_t)(m->shape[z >> 6 << 1] + (m->shape[(z >> 6 << 1) + 1] * (uint32_t)(z & 63) >> 6));
    sum += (uint64_t)(uint32_t)parts[j] * (uint32_t)m->share[j];
  }
  return (uint32_t)(sum >> 16) + (uint32_t)code;
}

/* -- learning ------------------------------------------------------------------------------------------------------ */

TARGET static inline void take_step(n1_max *m, int at, const float *g, int n) {
  float *w = m->net + at, *step = m->step + at;
  if (m->moments) {
    float *v = m->moments + at;
    for (int i = 0; i < n; i++) v[i] += 0.0005f * (g[i] * g[i] - v[i]);
    for (int i = 0; i < n; i += 4) square_roots4(v + i, step + i);
    for (int i = 0; i < n; i++) step[i] = m->rate / (step[i] + 1e-3f);
  }
  for (int i = 0; i < n; i++) w[i] = clampf(w[i] - step[i] * g[i], -7.9f, 7.9f);
}
/* A step of `rows` rows of weights, 8 N wide, against the gradient of the batch; x is NULL for biases. */
#define DESCEND(NAME_, N)                                                                                   \
  TARGET static void NAME_(n1_max *m, int at, int rows, const float *x, int stride, const float *d) {       \
    for (int i = 0; i < rows; i++, at += 8 * N) {                                                           \
      v8 g[N];                                                                                              \
      for (int j = 0; j < N; j++) ZERO(g[j]);                                                               \
      for (int s = 0; s < BATCH; s++) {                                                                     \
        const float input = x ? x[s * stride + i] : 1.0f;                                                   \
        for (int j = 0; j < N; j++) ADD_SCALED(g[j], input, V8(d + 8 * (s * N + j)));                       \
      }                                                                                                     \
      for (int j = 0; j < N; j++) V8(m->gradient + 8 * j) = g[j];                                           \
      take_step(m, at, m->gradient, 8 * N);                                                                 \
    }                                                                                                       \
  }
DESCEND(descend8, 8)
DESCEND(descend4, 4)
DESCEND(descend3, 3)

TARGET static void learn_batch(n1_max *m) {
  const float *w2 = m->net + N1_MAX_W2, *w3 = m->net + N1_MAX_W3;
  for (int i = 0; i < H2; i++)
    for (int o = 0; o < OUT; o++) m->w3t[o * H2 + i] = w3[i * OUT + o];
  for (int i = 0; i < H1; i++)
    for (int o = 0; o < H2; o++) m->w2t[o * H1 + i] = w2[i * H2 + o];
  for (int s = 0; s < BATCH; s++) {
    forward4(m->d3[s], OUT, m->w3t, NULL, m->d2[s]);
    for (int i = 0; i < H2; i++) m->d2[s][i] *= softsign_slope(m->h2[s][i]);
    forward8(m->d2[s], H2, m->w2t, m->d1[s]);
    for (int i = 0; i < H1; i++) m->d1[s][i] *= softsign_slope(m->h1[s][i]);
  }
  descend8(m, 0, IN, m->x[0], IN, m->d1[0]);
  descend4(m, N1_MAX_W2, H1, m->h1[0], H1, m->d2[0]);
  descend4(m, N1_MAX_B2, 1, NULL, 0, m->d2[0]);
  descend3(m, N1_MAX_W3, H2, m->h2[0], H2, m->d3[0]);
  descend3(m, N1_MAX_B3, 1, NULL, 0, m->d3[0]);
}

TARGET void NAME(n1_max_learn)(n1_max *m, int32_t code) {
  float held[2 * PARTS], mass, linear, z, c, inverse;
  float *d = m->d3[m->filled];
  const float value = m->centre[code];
  NAME(n1_max_below)(m, code, m->low);
  NAME(n1_max_below)(m, code + 1, m->high);
  for (int j = 0; j < 2 * PARTS; j++)
    held[j] = m->mixed[j] * ((float)(m->high[j] - m->low[j] + 1) * (1.0f / 16777216.0f));
  mass = sum8(held);
  linear = sum8(held + PARTS);
  /* Bayes' rule, with a share that is dealt anew. */
  inverse = (1.0f - SHARE_LINEAR) / linear;
  for (int j = 0; j < PARTS; j++) m->odds[j] = held[PARTS + j] * inverse + SHARE_LINEAR / PARTS;
  {
    const float a = m->trust * mass, b = (1.0f - m->trust) * linear;
    m->trust = (1.0f - SHARE_TRUST) * (a / (a + b)) + 0.9f * SHARE_TRUST;
  }
  /* Gradient of -log(mass) for the network. */
  inverse = 1.0f / (mass + 1e-7f);
  for (int j = 0; j < PARTS; j++) {
    const float r = (float)m->recip[j] * (1.0f / 134217728.0f);
    const float za = clampf((float)(m->threshold[code] - m->mu[j]) * r, -9.0f, 9.0f);
    const float zb = clampf((float)(m->threshold[code + 1] - m->mu[j]) * r, -9.0f, 9.0f);
    const float fa = 0.39894228f * power2(-0.72134752f * za * za); /* 1 / sqrt(2 pi), 1 / (2 log 2) */
    const float fb = 0.39894228f * power2(-0.72134752f * zb * zb);
    const float k = m->mixed[j] * inverse;
    d[j] = m->mixed[j] - held[j] * inverse;
    d[PARTS + j] = clampf(k * (fb - fa) / m->spread[j], -4.0f, 4.0f);
    d[2 * PARTS + j] = clampf(0.69314718f * k * (fb * zb - fa * za), -4.0f, 4.0f);
  }
  m->t++;
  if (++m->filled == BATCH) {
    learn_batch(m);
    m->filled = 0;
  }
  /* Scales. */
  z = (value - m->p[0]) / m->sigma;
  {
    const float rate = 1.0f / (float)(m->t < 3900 ? m->t + 196 : 4096);
    for (int e = 0; e < EXPERTS; e++) {
      const float error = value - m->p[e], square = error * error;
      m->slow[e] += rate * (square - m->slow[e]);
      m->middle[e] += (1.0f / 128.0f) * (square - m->middle[e]);
      m->fast[e] += 0.125f * (square - m->fast[e]);
    }
  }
  for (int i = 31; i > 0; i--) m->past[i] = m->past[i - 1];
  m->past[0] = clampf(z, -CLIP, CLIP);
  m->mean16 += (1.0f / 16.0f) * (m->past[0] - m->mean16);
  m->mean128 += (1.0f / 128.0f) * (m->past[0] - m->mean128);
  m->width[1] = m->width[0];
  m->width[0] = m->log_width[code];
  /* Weighted covariances; a sample far out counts less. */
  c = (4.0f / (3.0f + z * z)) / (m->sigma_slow * m->sigma_slow);
  for (int i = 0; i < ORDER; i++) {
    const float f = c * m->window[i];
    m->block_b[i] += f * value;
    for (int j = i >> 3; j < 4; j++) ADD_SCALED(V8(m->block + i * ORDER + 8 * j), f, V8(m->window + 8 * j));
  }
  push_regressor(m->window, value, m->t);
  if (m->t % PERIOD == 0) update_regression(m);
}
