/* The codec n1_max: the model's tables, the format, the search for a code. docs/max.md describes them. */
#define NAME(x) x
#define TARGET
#include "n1_max_kernel.h"

#include "bytes.h"
#include "entropy.h"
#include "n1_mapping.h"
#include "n1_model.h"
#include "n1c/codec.h"
#include "n1c/train.h"

/* Tables as they are stored, little-endian: widths in 1/1024 of a code (uint16); weights of the predictors of order 32
 * and 16, each with the inverse of their covariance (float32, those of the last sample last); the network's parameters
 * in 1/4096 (int16) and 4 times the binary logarithm of the root mean square of their gradients (int8). */
#define AT_32 (2 * N1_MAX_CODES)
#define AT_16 (AT_32 + 4 * 33 * 32)
#define AT_NET (AT_16 + 4 * 17 * 16)
#define AT_MOMENTS (AT_NET + 2 * N1_MAX_NET)
#define TABLES (AT_MOMENTS + N1_MAX_NET)

#define RATE 1e-4f    /* of learning, in root mean squares of the gradient */
#define MODELLED 0x80 /* first byte of a payload of this codec's own; the others are n1's */
#define BACKING 2048  /* a payload byte may stand for so many samples at most */
#define SUM ((uint32_t)1 << N1_MAX_BITS)

static double normal_density(double z) { /* exp(-z z / 2) */
  const double x = -z * z / 2 / 1024;
  double e = 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5))));
  for (int i = 0; i < 10; i++) e *= e;
  return e;
}

static float get_float(const uint8_t *p) {
  const uint32_t bits = n1c_load32(p);
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

static int tables_are_reasonable(const uint8_t *t) {
  int32_t widest = 0;
  for (int k = 0; k < N1_MAX_CODES; k++) widest |= (int32_t)n1c_load16(t + 2 * k);
  for (int i = AT_32; i < AT_NET; i += 4) {
    const float v = get_float(t + i);
    if (!(v > -1e9f && v < 1e9f)) return 0;
  }
  return widest > 0;
}

static void open_prior(const uint8_t *t, int order, double *prior, double *prior_b, float *w) {
  const int first = N1_MAX_ORDER - order;
  for (int i = 0; i < order; i++) w[first + i] = clampf(get_float(t + 4 * i), -64.0f, 64.0f);
  t += 4 * order;
  for (int i = 0; i < order; i++) {
    double sum = 0;
    for (int j = 0; j < order; j++) {
      const double v = (double)get_float(t + 4 * (i * order + j));
      prior[(first + i) * N1_MAX_ORDER + first + j] = v;
      sum += v * (double)w[first + j];
    }
    prior_b[first + i] = sum;
  }
}

static void open_shape(n1_max *m) {
  double mass[N1_MAX_SHAPE + 1];
  mass[0] = 0;
  for (int i = 0; i < N1_MAX_SHAPE; i++) { /* Simpson's rule */
    const double z = (double)i / 32 - 8;
    mass[i + 1] = mass[i] + normal_density(z) + 4 * normal_density(z + 1.0 / 64) + normal_density(z + 1.0 / 32);
  }
  for (int i = 0; i <= N1_MAX_SHAPE; i++)
    m->shape[2 * i] = (uint32_t)(mass[i] / mass[N1_MAX_SHAPE] * (SUM - N1_MAX_CODES) + 0.5);
  for (int i = 0; i < N1_MAX_SHAPE; i++) m->shape[2 * i + 1] = m->shape[2 * i + 2] - m->shape[2 * i];
  for (int i = 0, k = 0; i < N1_MAX_GUESS; i++) {
    const uint32_t p = ((uint32_t)i << 14) + (1 << 13);
    while (k < N1_MAX_SHAPE - 1 && m->shape[2 * k + 2] <= p) k++;
    const uint32_t over = p > m->shape[2 * k] ? p - m->shape[2 * k] : 0, rise = m->shape[2 * k + 1];
    m->guess[i] = (int16_t)((k << 4) + (rise ? (int32_t)((over << 4) / rise) : 0) - (N1_MAX_Z >> 2));
  }
}

static void open_model(n1_max *m, const uint8_t *t) {
  uint64_t total = 0, sum = 0;
  const int32_t half = 1 << 19;
  memset(m, 0, sizeof *m);
  for (int k = 0; k < N1_MAX_CODES; k++) total += (uint64_t)n1c_load16(t + 2 * k);
  m->threshold[0] = -half;
  for (int k = 0; k < N1_MAX_CODES; k++) {
    sum += (uint64_t)n1c_load16(t + 2 * k);
    m->threshold[k + 1] = (int32_t)((sum << 20) / total) - half;
    m->centre[k] = (float)(m->threshold[k] + m->threshold[k + 1]) * (1.0f / 2048.0f);
    m->log_width[k] = 0.5f * logarithm2((float)(m->threshold[k + 1] - m->threshold[k] + 64) * (1.0f / 1024.0f));
    m->log_width[k] = clampf(m->log_width[k], -2.0f, 2.0f);
  }
  for (int32_t i = 0, b = 0; i < N1_MAX_NEAR; i++) {
    const int32_t u = i * 128 + 64 - half;
    while (b < N1_MAX_CODES && m->threshold[b + 1] - u <= u - m->threshold[b]) b++;
    m->near[i] = (uint16_t)b;
  }
  m->threshold[0] = -(8 << 20); /* the outermost codes reach to infinity */
  m->threshold[N1_MAX_CODES] = 8 << 20;
  open_shape(m);
  open_prior(t + AT_32, 32, m->prior32, m->prior32_b, m->w[0]);
  memcpy(m->w[1], m->w[0], sizeof m->w[0]);
  open_prior(t + AT_16, 16, m->prior16, m->prior16_b, m->w[2]);
  for (int i = 0; i < N1_MAX_NET; i++) {
    const int32_t q = (int32_t)n1c_load16(t + AT_NET + 2 * i), v = t[AT_MOMENTS + i];
    m->own_net[i] = clampf((float)(q - (q >> 15 << 16)) * (1.0f / 4096.0f), -7.9f, 7.9f);
    m->own_step[i] = RATE / (power2(0.25f * (float)(v - (v >> 7 << 8))) + 1e-3f);
  }
  m->net = m->own_net;
  m->step = m->own_step;
  for (int j = 0; j < N1_MAX_PARTS; j++) m->odds[j] = 1.0f / N1_MAX_PARTS;
  m->trust = 0.95f;
}

/* The first errors' scale: `start` is 8 times the binary logarithm of 4 sigma. */
static void start_model(n1_max *m, int32_t start) {
  const float sigma = power2(0.125f * (float)start - 2.0f);
  for (int e = 0; e < N1_MAX_EXPERTS; e++) m->slow[e] = m->middle[e] = m->fast[e] = sigma * sigma;
}

static int32_t find_start(const n1_max *m, const uint16_t *codes, int64_t n) {
  float sum = 0.0f, window[N1_MAX_ORDER], log;
  int32_t count = 0;
  push_regressor(window, m->centre[codes[0]], 1);
  for (int64_t t = 1; t < n && t < 512; t++, count++) {
    const float value = m->centre[codes[t]], e = value - dot_product(m->w[0], window);
    sum += e < 0 ? -e : e;
    push_regressor(window, value, t + 1);
  }
  if (!count) return 36;
  log = logarithm2(clampf(sum / (float)count * 1.2533f, 0.01f, 2000.0f)); /* sqrt(pi / 2) */
  return (int32_t)clampf(8.0f * (log + 2.0f) + 0.5f, 0.0f, 127.0f);
}

/* -- ways to compute ----------------------------------------------------------------------------------------------- */

typedef struct {
  void (*predict)(n1_max *m);
  uint32_t (*below)(n1_max *m, int32_t code, int32_t *parts);
  void (*learn)(n1_max *m, int32_t code);
} way;

static way choose_way(int64_t simd) {
  way w = {n1_max_predict, n1_max_below, n1_max_learn};
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
  if (simd && n1_avx2()) {
    w.predict = n1_max_predict_avx2;
    w.below = n1_max_below_avx2;
    w.learn = n1_max_learn_avx2;
  }
#else
  (void)simd;
#endif
  return w;
}

/* Some libraries set a thread to round small numbers to zero; both sides of the codec must not. */
#if defined(__SSE2__)
static unsigned enter_plain_floats(void) {
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(0x1f80);
  return mode;
}
static void leave_plain_floats(unsigned mode) { _mm_setcsr(mode); }
#else
static unsigned enter_plain_floats(void) { return 0; }
static void leave_plain_floats(unsigned mode) { (void)mode; }
#endif

/* -- samples and codes --------------------------------------------------------------------------------------------- */

static int map_samples(const int16_t *x, int64_t n, uint16_t *codes) {
  int32_t wrong = 0;
  for (int64_t i = 0; i < n && !wrong; i++) {
    codes[i] = (uint16_t)n1_code_of(x[i]);
    wrong = n1_sample_of(codes[i]) ^ x[i];
  }
  return !wrong;
}

#define MODEL_BYTES N1C_ROUND64(sizeof(n1_max))

int64_t n1c_n1_max_work_size(int64_t n) {
  const int64_t other = n1c_n1_work_size(n);
  return other < 0 ? other : other + MODEL_BYTES + 4 * n + 128;
}

static int64_t encode_model(n1_max *m, const uint16_t *codes, int64_t n, uint8_t *out, int64_t capacity, way w) {
  n1c_encoder coder;
  const int32_t start = find_start(m, codes, n);
  int64_t length;
  if (capacity < 1) return -1;
  *out = (uint8_t)(MODELLED | start);
  start_model(m, start);
  n1c_encoder_start(&coder, out + 1, capacity - 1);
  for (int64_t t = 0; t < n && coder.at <= coder.end; t++) {
    int32_t parts[2 * N1_MAX_PARTS];
    w.predict(m);
    const uint32_t low = w.below(m, codes[t], parts);
    n1c_encode_interval(&coder, low, w.below(m, codes[t] + 1, parts) - low, N1_MAX_BITS);
    w.learn(m, codes[t]);
  }
  length = coder.at > coder.end ? -1 : n1c_encoder_end(&coder);
  return length < n / BACKING ? -1 : length + 1;
}

int64_t n1c_n1_max_encode(const int16_t *x, int64_t n, void *work, int64_t work_size, uint8_t *out,
                          int64_t capacity, int64_t simd) {
  static const uint8_t built_in = 1;
  const int64_t needed = n1c_n1_max_work_size(n);
  int64_t length, better = -1;
  n1_max *m;
  uint16_t *codes;
  if (n < 1 || needed < 0) return N1C_E_ARGUMENT;
  if (work_size < needed) return N1C_E_CAPACITY;
  length = n1c_n1_encode(x, n, &built_in, 1, work, work_size, out, capacity, simd);
  if (length < 0) return length;
  m = (n1_max *)n1c_align64(work);
  codes = (uint16_t *)(uintptr_t)((uint8_t *)m + MODEL_BYTES);
  if (map_samples(x, n, codes)) {
    const unsigned mode = enter_plain_floats();
    uint8_t *const own = (uint8_t *)(codes + n);
    open_model(m, n1_max_tables);
    better = encode_model(m, codes, n, own, length - 1, choose_way(simd));
    leave_plain_floats(mode);
    if (better > 0) memcpy(out, own, (size_t)better);
  }
  return better > 0 ? better : length;
}

/* The code whose interval holds `slot`: from a guess, double strides, then halves. */
static int32_t find_code(n1_max *m, way w, uint32_t slot, uint32_t *low, uint32_t *high) {
  int32_t parts[2 * N1_MAX_PARTS], far = 1, k, top;
  const int32_t z = m->guess[slot >> (N1_MAX_BITS - 10)], sigma = (int32_t)(m->sigma * 2.0f);
  const int32_t u = (int32_t)(m->p[0] * 1024.0f) + z * sigma; /* z is in 1/512, sigma in 512 u */
  const int32_t cell = n1_clamp((u + (1 << 19)) >> 7, 0, N1_MAX_NEAR - 1);
  k = n1_clamp(m->near[cell], 1, N1_MAX_CODES - 1);
  *low = w.below(m, k, parts);
  if (slot >= *low) {
    top = k + 1;
    while (slot >= (*high = w.below(m, top, parts))) { /* the sum of all frequencies is above every slot */
      k = top;
      *low = *high;
      top = top + far < N1_MAX_CODES ? top + far : N1_MAX_CODES;
      far *= 2;
    }
  } else {
    do {
      top = k;
      *high = *low;
      k = top - far > 0 ? top - far : 0;
      far *= 2;
    } while (slot < (*low = w.below(m, k, parts)));
  }
  while (top - k > 1) {
    const int32_t middle = k + (top - k) / 2;
    const uint32_t at = w.below(m, middle, parts);
    if (slot >= at) {
      k = middle;
      *low = at;
    } else {
      top = middle;
      *high = at;
    }
  }
  return k;
}

int64_t n1c_n1_max_decode(const uint8_t *in, int64_t length, void *work, int64_t work_size, int16_t *x, int64_t n,
                          int64_t simd) {
  const int64_t needed = n1c_n1_max_work_size(n);
  const way w = choose_way(simd);
  n1c_decoder coder;
  unsigned mode;
  n1_max *m;
  if (n < 1 || needed < 0) return N1C_E_ARGUMENT;
  if (work_size < needed) return N1C_E_CAPACITY;
  if (length < 1 || n / BACKING > length) return N1C_E_CORRUPT;
  if (!(in[0] & MODELLED)) return n1c_n1_decode(in, length, in, 0, work, work_size, x, n, simd);
  mode = enter_plain_floats();
  m = (n1_max *)n1c_align64(work);
  open_model(m, n1_max_tables);
  start_model(m, in[0] & 127);
  n1c_decoder_start(&coder, in + 1, length - 1);
  for (int64_t t = 0; t < n; t++) {
    const uint64_t unit = coder.range >> N1_MAX_BITS, slot = coder.code / unit;
    uint32_t low, high;
    int32_t code;
    if (slot >= SUM || n1c_decoder_overrun(&coder)) {
      n = N1C_E_CORRUPT;
      break;
    }
    w.predict(m);
    code = find_code(m, w, (uint32_t)slot, &low, &high);
    n1c_decoder_narrow(&coder, unit * low, unit * (high - low));
    w.learn(m, code);
    x[t] = n1_sample_of(code);
  }
  leave_plain_floats(mode);
  return n;
}

/* -- training ------------------------------------------------------------------------------------------------------ */

int64_t n1c_n1_max_tables(uint8_t *out, int64_t capacity) {
  if (capacity < TABLES) return N1C_E_CAPACITY;
  memcpy(out, n1_max_tables, TABLES);
  return TABLES;
}

int64_t n1c_n1_max_learn_work_size(int64_t files) {
  return files < 1 || files > (int64_t)1 << 32 ? N1C_E_ARGUMENT : files * MODEL_BYTES + N1C_SLACK;
}

int64_t n1c_n1_max_learn(const uint16_t *codes, int64_t n, const uint8_t *tables, int64_t tables_length, float *net,
                         int64_t net_size, void *work, int64_t work_size, int64_t files, int64_t rate) {
  const way w = choose_way(1);
  const int64_t length = files > 0 ? n / files : 0;
  double bits = 0;
  unsigned mode;
  uint8_t *const models = (uint8_t *)n1c_align64(work);
  n1_max *m;
  if (tables_length != TABLES || !tables_are_reasonable(tables) || length < 1 || length * files != n) return N1C_E_ARGUMENT;
  if (net_size != 2 * N1_MAX_NET) return N1C_E_ARGUMENT;
  if (work_size < n1c_n1_max_learn_work_size(files)) return N1C_E_CAPACITY;
  for (int64_t i = 0; i < n; i++)
    if (codes[i] >= N1_MAX_CODES) return N1C_E_ARGUMENT;
  for (int i = 0; i < net_size; i++)
    if (!(net[i] >= (i < N1_MAX_NET ? -8.0f : 0.0f) && net[i] < 1e9f)) return N1C_E_ARGUMENT;
  mode = enter_plain_floats();
  for (int64_t f = 0; f < files; f++) {
    m = (n1_max *)(uintptr_t)(models + f * MODEL_BYTES);
    open_model(m, tables);
    start_model(m, find_start(m, codes + f * length, length));
    if (rate) {
      m->rate = (float)rate * 1e-9f;
      m->net = ((n1_max *)(uintptr_t)models)->own_net;
      m->step = ((n1_max *)(uintptr_t)models)->own_step;
      m->moments = net + N1_MAX_NET;
    }
  }
  m = (n1_max *)(uintptr_t)models;
  if (rate) memcpy(m->own_net, net, sizeof m->own_net);
  for (int64_t t = 0; t < length; t += N1_MAX_BATCH)
    for (int64_t f = 0; f < files; f++) {
      m = (n1_max *)(uintptr_t)(models + f * MODEL_BYTES);
      for (int64_t i = t; i < t + N1_MAX_BATCH && i < length; i++) {
        const int32_t code = codes[f * length + i];
        int32_t parts[2 * N1_MAX_PARTS];
        w.predict(m);
        bits += (double)(N1_MAX_BITS - logarithm2((float)(w.below(m, code + 1, parts) - w.below(m, code, parts))));
        w.learn(m, code);
      }
    }
  m = (n1_max *)(uintptr_t)models;
  if (rate) memcpy(net, m->own_net, sizeof m->own_net);
  leave_plain_floats(mode);
  return (int64_t)bits;
}
