/* Normalised LMS in integers: an adaptive predictor of the first difference whose steps are divided by the energy of
 * its history (Haykin, "Adaptive Filter Theory", chapter on the normalised LMS algorithm). Weights are in units of
 * 2^-24. Every quantity is exact or clamped, so that both sides compute the same bits on any machine. */
#include <string.h>

#include "n1c/codec.h"

enum { MAX_ORDER = 128, MAX_RATE = 16, FRACTION = 24, GUARD = 8, CHUNK = 384, FLOOR = 64 };

static const int64_t WEIGHT_LIMIT = (int64_t)1 << 30, GAIN_LIMIT = (int64_t)1 << 40;

static int64_t clamp(int64_t v, int64_t limit) { return v < -limit ? -limit : v > limit ? limit : v; }

/* `order` is a constant where this is inlined, so that the loops over the taps unroll. */
static inline void filter_samples(const int16_t *in, int64_t n, int order, int rate, int16_t *out, int decode) {
  const int64_t scale = (int64_t)1 << (FRACTION + GUARD - rate);
  int32_t weights[MAX_ORDER] = {0};
  int16_t past[MAX_ORDER + CHUNK] = {0};
  int64_t energy = (int64_t)FLOOR * order + 1; /* a floor, so that silence does not make the steps large */
  uint16_t last = 0;
  int at = 0;
  for (int64_t i = 0; i < n; i++) {
    const int16_t *h = past + at;
    int64_t sum = (int64_t)1 << (FRACTION - 1);
    for (int j = 0; j < order; j++) sum += (int64_t)weights[j] * h[j];
    const uint16_t predicted = (uint16_t)clamp(sum >> FRACTION, INT16_MAX);
    const uint16_t seen = (uint16_t)in[i];
    const uint16_t difference = (uint16_t)(decode ? seen + predicted : seen - last);
    const int16_t error = (int16_t)(decode ? seen : (uint16_t)(difference - predicted));
    last = (uint16_t)(decode ? last + difference : seen);
    out[i] = decode ? (int16_t)last : error;

    const int64_t gain = clamp(error * scale / energy, GAIN_LIMIT);
    for (int j = 0; j < order; j++)
      weights[j] = (int32_t)clamp(weights[j] + ((gain * h[j] + (1 << (GUARD - 1))) >> GUARD), WEIGHT_LIMIT);
    const int16_t d = (int16_t)difference;
    energy += (int64_t)d * d - (int64_t)h[0] * h[0];
    past[at + order] = d;
    if (++at == CHUNK) {
      memmove(past, past + CHUNK, (size_t)order * sizeof *past);
      at = 0;
    }
  }
}

static int64_t filter_checked(const int16_t *in, int64_t n, int64_t order, int64_t rate, int16_t *out,
                              int64_t capacity, int decode) {
  if (n < 0) return N1C_E_ARGUMENT;
  if (order < 1 || order > MAX_ORDER || rate < 1 || rate > MAX_RATE) return decode ? N1C_E_CORRUPT : N1C_E_ARGUMENT;
  if (capacity != n) return N1C_E_CAPACITY;
  switch (order) {
    case 16: filter_samples(in, n, 16, (int)rate, out, decode); break;
    case 32: filter_samples(in, n, 32, (int)rate, out, decode); break;
    default: filter_samples(in, n, (int)order, (int)rate, out, decode);
  }
  return n;
}

int64_t n1c_nlms_encode(const int16_t *x, int64_t n, int64_t order, int64_t rate, int16_t *y, int64_t capacity) {
  return filter_checked(x, n, order, rate, y, capacity, 0);
}

int64_t n1c_nlms_decode(const int16_t *y, int64_t n, int64_t order, int64_t rate, int16_t *x, int64_t capacity) {
  return filter_checked(y, n, order, rate, x, capacity, 1);
}
