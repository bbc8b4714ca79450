/* Linear prediction per block: windowed autocorrelation, Levinson-Durbin recursion, quantised coefficients (Makhoul,
 * "Linear prediction: a tutorial review", Proc. IEEE 63(4), 1975; Robinson, "SHORTEN", 1994, section 3.1).
 *
 * History runs on across blocks and is 0 before the first sample. A prediction is
 *     (2^(shift-1) + sum of c[j] * x[i-1-j]) >> shift,
 * the sum modulo 2^32, the residual modulo 2^16: any input comes back. Floating point is used by the encoder alone.
 *
 * Side information, bits from the lowest up, per block: 1 bit "as the block before" (order 0 before the first), else
 * 6 bits order and, if that is not 0, 4 bits shift, 4 bits k and the coefficients in Rice codes of parameter k of
 * 2c or -2c-1. A Rice code is the quotient in one bits, a zero bit, and the k low bits. */
#include <math.h>
#include <string.h>

#include "bytes.h"
#include "n1c/codec.h"

enum { MAX_ORDER = 32, MAX_SHIFT = 15, MIN_PRECISION = 5, MAX_PRECISION = 15, ORDER_BITS = 6, SHIFT_BITS = 4, K_BITS = 4 };
enum { LAGS = MAX_ORDER + 2 };

typedef struct {
  int order, shift;
  int16_t taps[MAX_ORDER]; /* the oldest sample's first, zeros in front of the `order` last: taps[31] is c[0] */
} Predictor;

/* -- bits -- */

typedef struct {
  uint8_t *bytes;
  int64_t capacity, bits;
} Writer;

static int put_bits(Writer *w, uint32_t value, int count) {
  for (int i = 0; i < count; i++, w->bits++) {
    if (w->bits / 8 >= w->capacity) return 0;
    if (w->bits % 8 == 0) w->bytes[w->bits / 8] = 0;
    w->bytes[w->bits / 8] |= (uint8_t)(((value >> i) & 1U) << (w->bits % 8));
  }
  return 1;
}

typedef struct {
  const uint8_t *bytes;
  int64_t length, bits;
} Reader;

static int get_bits(Reader *r, int count, uint32_t *value) {
  *value = 0;
  for (int i = 0; i < count; i++, r->bits++) {
    if (r->bits / 8 >= r->length) return 0;
    *value |= (uint32_t)((r->bytes[r->bits / 8] >> (r->bits % 8)) & 1) << i;
  }
  return 1;
}

static uint32_t unsigned_tap(int16_t c) { return c < 0 ? (uint32_t)(-2 * c - 1) : (uint32_t)(2 * c); }

static int64_t rice_bits(const Predictor *p, int k) {
  int64_t bits = 0;
  for (int j = MAX_ORDER - p->order; j < MAX_ORDER; j++) bits += (int64_t)(unsigned_tap(p->taps[j]) >> k) + 1 + k;
  return bits;
}

static int best_rice_parameter(const Predictor *p) {
  int best = 0;
  for (int k = 1; k < 1 << K_BITS; k++)
    if (rice_bits(p, k) < rice_bits(p, best)) best = k;
  return best;
}

static int put_predictor(Writer *w, const Predictor *p) {
  if (!put_bits(w, (uint32_t)p->order << 1, 1 + ORDER_BITS)) return 0;
  if (p->order == 0) return 1;
  const int k = best_rice_parameter(p);
  if (!put_bits(w, (uint32_t)p->shift, SHIFT_BITS) || !put_bits(w, (uint32_t)k, K_BITS)) return 0;
  for (int j = MAX_ORDER - 1; j >= MAX_ORDER - p->order; j--) {
    for (uint32_t q = unsigned_tap(p->taps[j]) >> k; q > 0; q--)
      if (!put_bits(w, 1, 1)) return 0;
    if (!put_bits(w, 0, 1) || !put_bits(w, unsigned_tap(p->taps[j]), k)) return 0;
  }
  return 1;
}

/* Reads the predictor of a block over that of the block before. */
static int get_predictor(Reader *r, Predictor *p) {
  uint32_t bit, order, shift, k, low;
  if (!get_bits(r, 1, &bit)) return 0;
  if (bit) return 1;
  memset(p, 0, sizeof *p);
  if (!get_bits(r, ORDER_BITS, &order) || order > MAX_ORDER) return 0;
  if (order == 0) return 1;
  if (!get_bits(r, SHIFT_BITS, &shift) || !get_bits(r, K_BITS, &k)) return 0;
  p->order = (int)order;
  p->shift = (int)shift;
  for (uint32_t j = 0; j < order; j++) {
    uint32_t value = 0;
    do {
      if (!get_bits(r, 1, &bit)) return 0;
      value += bit;
    } while (bit && value <= (uint32_t)UINT16_MAX);
    if (value > (uint32_t)UINT16_MAX >> k || !get_bits(r, (int)k, &low)) return 0;
    value = value << k | low;
    p->taps[MAX_ORDER - 1 - j] = (int16_t)(value & 1 ? -(int32_t)(value >> 1) - 1 : (int32_t)(value >> 1));
  }
  return 1;
}

/* -- prediction -- */

static inline uint16_t rounded_shift(uint32_t sum, int shift) {
  const uint32_t half = shift > 0 ? 1U << (shift - 1) : 0;
  return (uint16_t)((int32_t)(sum + half) >> shift);
}

/* `width` is a constant where this is inlined, so that the sum becomes vector instructions. */
static inline void predict_samples(const Predictor *p, int width, const int16_t *in, int64_t start, int64_t end,
                                   int16_t *out, int decode) {
  const int16_t *taps = p->taps + (MAX_ORDER - width);
  const int16_t *x = decode ? out : in;
  for (int64_t i = start; i < end; i++) {
    const int16_t *h = x + i - width;
    uint32_t sum = 0;
    for (int j = 0; j < width; j++) sum += (uint32_t)(taps[j] * h[j]);
    const uint16_t predicted = rounded_shift(sum, p->shift);
    out[i] = (int16_t)(uint16_t)(decode ? (uint16_t)in[i] + predicted : (uint16_t)in[i] - predicted);
  }
}

static void predict_block(const Predictor *p, const int16_t *in, int64_t start, int64_t end, int16_t *out, int decode) {
  if (p->order == 0) {
    memcpy(out + start, in + start, (size_t)(end - start) * sizeof *out);
    return;
  }
  for (; start < end && start < MAX_ORDER; start++)
    predict_samples(p, start < p->order ? (int)start : p->order, in, start, start + 1, out, decode);
  if (p->order <= 4)
    predict_samples(p, 4, in, start, end, out, decode);
  else if (p->order <= 8)
    predict_samples(p, 8, in, start, end, out, decode);
  else if (p->order <= 16)
    predict_samples(p, 16, in, start, end, out, decode);
  else if (p->order <= 24)
    predict_samples(p, 24, in, start, end, out, decode);
  else
    predict_samples(p, MAX_ORDER, in, start, end, out, decode);
}

/* -- analysis -- */

/* What the choice of a predictor needs to know of a stretch of samples. Blocks are weighted by the inverse variance of
 * their residuals, so that a loud one does not speak for all. */
typedef struct {
  double r[LAGS];       /* autocorrelation */
  double floor, weight; /* what rounding adds to the energy of the residuals; the number of samples */
} Statistics;

static inline void correlate_lags(const double *s, int64_t n, int lags, double *r) {
  double sums[LAGS] = {0};
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < lags; k++) sums[k] += s[i] * s[i + k];
  memcpy(r, sums, (size_t)lags * sizeof *r);
}

/* r[k] = sum of s[i] * s[i + k] for k = 0..order, where s is the block with ends tapered by a half parabola. */
static void autocorrelation(const int16_t *x, int64_t n, int order, double *s, double *r) {
  const int64_t taper = n / 16;
  for (int64_t i = 0; i < n; i++) {
    const int64_t edge = i < n - 1 - i ? i : n - 1 - i;
    const double t = edge < taper ? (double)(taper - edge) / (double)(taper + 1) : 0;
    s[i] = x[i] * (1 - t * t);
  }
  for (int64_t i = n; i < n + LAGS; i++) s[i] = 0;
  if (order <= 8) /* lags in pairs */
    correlate_lags(s, n, 10, r);
  else if (order <= 16)
    correlate_lags(s, n, 18, r);
  else
    correlate_lags(s, n, LAGS, r);
}

static void quantise_taps(const double *a, int order, int precision, Predictor *p) {
  const double limit = (1 << (precision - 1)) - 1;
  double largest = 0, total = 0;
  memset(p, 0, sizeof *p);
  for (int j = 0; j < order; j++) {
    largest = fabs(a[j]) > largest ? fabs(a[j]) : largest;
    total += fabs(a[j]);
  }
  /* Within these bounds no coefficient outgrows its precision and no sum of 16-bit samples outgrows 32 bits. */
  int shift = MAX_SHIFT;
  while (shift > 0 && (largest * (1 << shift) > limit || total * (1 << shift) > 65000)) shift--;
  double carried = 0; /* the rounding error goes into the next coefficient */
  for (int j = 0; j < order; j++) {
    const double wanted = a[j] * (1 << shift) + carried;
    const double rounded_off = floor(wanted + 0.5);
    const double held = rounded_off > limit ? limit : rounded_off < -limit ? -limit : rounded_off;
    carried = wanted - held;
    p->taps[MAX_ORDER - 1 - j] = (int16_t)held;
  }
  p->order = order;
  p->shift = shift;
  while (p->order > 0 && p->taps[MAX_ORDER - p->order] == 0) p->order--;
}

static double energy_bits(const Statistics *s, double energy) {
  return 0.5 * s->weight * log2(((energy > 0 ? energy : 0) + s->floor) / s->weight);
}

/* The energy of the residuals of a quantised predictor, from the autocorrelation alone. */
static double residual_energy(const Statistics *s, const Predictor *p) {
  double a[MAX_ORDER], energy = s->r[0];
  for (int j = 0; j < p->order; j++) a[j] = (double)p->taps[MAX_ORDER - 1 - j] / (1 << p->shift);
  for (int i = 0; i < p->order; i++) {
    double row = -2 * s->r[i + 1];
    for (int j = 0; j < p->order; j++) row += a[j] * s->r[i < j ? j - i : i - j];
    energy += a[i] * row;
  }
  return energy;
}

/* Puts into `best` the predictor of up to `max_order` that takes the fewest bits, its coefficients' among them, and
 * returns these bits less a number that `s` alone determines. */
static double levinson_durbin(const Statistics *s, int max_order, int precision, Predictor *best) {
  double a[MAX_ORDER] = {0}, chosen[MAX_ORDER] = {0};
  double error = s->r[0] * (1 + 1e-10), fewest = energy_bits(s, s->r[0]);
  int order = 0;
  for (int m = 0; m < max_order && error > 0; m++) {
    double reflection = s->r[m + 1];
    for (int j = 0; j < m; j++) reflection -= a[j] * s->r[m - j];
    reflection /= error;
    if (!(fabs(reflection) < 1)) break;
    for (int j = 0; j < m / 2; j++) {
      const double front = a[j];
      a[j] -= reflection * a[m - 1 - j];
      a[m - 1 - j] -= reflection * front;
    }
    if (m % 2) a[m / 2] -= reflection * a[m / 2];
    a[m] = reflection;
    error *= 1 - reflection * reflection;
    const double bits = energy_bits(s, error) + (m + 1) * (precision - 2) + (double)SHIFT_BITS + (double)K_BITS;
    if (bits < fewest) {
      fewest = bits;
      order = m + 1;
      memcpy(chosen, a, sizeof a);
    }
  }
  quantise_taps(chosen, order, precision, best);
  const int64_t coefficients = best->order ? SHIFT_BITS + K_BITS + rice_bits(best, best_rice_parameter(best)) : 0;
  return energy_bits(s, residual_energy(s, best)) + 1 + (double)ORDER_BITS + (double)coefficients;
}

/* Fills `s` for one block and returns what levinson_durbin returns. */
static double analyse_block(const int16_t *x, int64_t n, int max_order, int precision, double *scratch, Statistics *s,
                            Predictor *p) {
  autocorrelation(x, n, max_order, scratch, s->r);
  s->floor = (double)n / 12; /* the variance of a uniform distribution */
  s->weight = (double)n;
  levinson_durbin(s, max_order, precision, p);
  const double scale = s->weight / (fmax(residual_energy(s, p), 0) + s->floor);
  for (int k = 0; k <= max_order; k++) s->r[k] *= scale;
  s->floor *= scale;
  return levinson_durbin(s, max_order, precision, p);
}

static int put_stretch(Writer *w, const Predictor *p, int64_t block, const int16_t *x, int64_t start, int64_t end,
                       int16_t *y) {
  if (!put_predictor(w, p)) return 0;
  for (int64_t left = end - start; left > block; left -= block)
    if (!put_bits(w, 1, 1)) return 0;
  predict_block(p, x, start, end, y, 0);
  return 1;
}

int64_t n1c_lpc_encode_work_size(int64_t n, int64_t block) {
  if (n < 0 || block < 1) return N1C_E_ARGUMENT;
  return ((block < n ? block : n) + LAGS) * (int64_t)sizeof(double) + N1C_SLACK;
}

int64_t n1c_lpc_encode(const int16_t *x, int64_t n, int64_t block, int64_t max_order, int64_t precision, void *work,
                       int64_t work_size, uint8_t *side, int64_t side_capacity, int16_t *y, int64_t capacity) {
  if (n < 1 || block < 1 || max_order < 0 || max_order > MAX_ORDER) return N1C_E_ARGUMENT;
  if (precision < MIN_PRECISION || precision > MAX_PRECISION) return N1C_E_ARGUMENT;
  if (capacity != n || work_size < n1c_lpc_encode_work_size(n, block)) return N1C_E_CAPACITY;
  double *const scratch = (double *)n1c_align64(work);
  const int order = (int)max_order, digits = (int)precision;
  Writer writer = {side, side_capacity, 0};
  Statistics stretch;
  Predictor predictor;
  int64_t start = 0, end = block < n ? block : n;
  double bits = analyse_block(x, end, order, digits, scratch, &stretch, &predictor);
  while (end < n) { /* a block joins the stretch before it where one predictor for both takes fewer bits than two */
    const int64_t count = n - end < block ? n - end : block;
    Statistics fresh, joined = stretch;
    Predictor own, common;
    const double fresh_bits = analyse_block(x + end, count, order, digits, scratch, &fresh, &own);
    for (int k = 0; k <= order; k++) joined.r[k] += fresh.r[k];
    joined.floor += fresh.floor;
    joined.weight += fresh.weight;
    const double joined_bits = levinson_durbin(&joined, order, digits, &common);
    if (joined_bits <= bits + fresh_bits) {
      stretch = joined;
      predictor = common;
      bits = joined_bits;
    } else {
      if (!put_stretch(&writer, &predictor, block, x, start, end, y)) return N1C_E_CAPACITY;
      start = end;
      stretch = fresh;
      predictor = own;
      bits = fresh_bits;
    }
    end += count;
  }
  if (!put_stretch(&writer, &predictor, block, x, start, end, y)) return N1C_E_CAPACITY;
  return (writer.bits + 7) / 8;
}

int64_t n1c_lpc_decode(const int16_t *y, int64_t n, int64_t block, const uint8_t *side, int64_t length, int16_t *x,
                       int64_t capacity) {
  Reader reader = {side, length, 0};
  Predictor current = {0};
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity != n) return N1C_E_CAPACITY;
  if (block < 1) return N1C_E_CORRUPT;
  for (int64_t start = 0; start < n; start += block) {
    const int64_t end = n - start < block ? n : start + block;
    if (!get_predictor(&reader, &current)) return N1C_E_CORRUPT;
    predict_block(&current, y, start, end, x, 1);
    if (end == n) break;
  }
  return (reader.bits + 7) / 8 == length ? n : N1C_E_CORRUPT;
}
