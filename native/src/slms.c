/* Sign-sign LMS: an adaptive predictor of the first difference that learns from what the decoder has, too, and so needs
 * no side information (Gersho, "Adaptive filtering with binary reinforcement", IEEE Trans. Inf. Theory 30(2), 1984).
 * Weights are in units of 2^-13. The step is 4 times the given one for the first 2000 samples and twice for 6000 more,
 * to converge fast and then settle. */
#include <string.h>

#include "n1c/codec.h"

enum { MAX_ORDER = 32, MAX_STEP = 16, FRACTION = 13, CHUNK = 480, LIMIT = INT16_MAX - 4 * MAX_STEP };

/* The loops over the taps, over local arrays of 16-bit numbers, become vector instructions. */
static void filter_samples(const int16_t *in, int64_t n, int order, int step, int16_t *out, int decode) {
  int16_t weights[MAX_ORDER] = {0}, past[MAX_ORDER + CHUNK] = {0}, signs[MAX_ORDER + CHUNK] = {0};
  uint16_t last = 0;
  int at = 0;
  for (int64_t i = 0; i < n; i++) {
    const int16_t *h = past + at, *s = signs + at;
    uint32_t sum = 1U << (FRACTION - 1);
    for (int j = 0; j < order; j++) sum += (uint32_t)(weights[j] * h[j]);
    const uint16_t predicted = (uint16_t)((int32_t)sum >> FRACTION);
    const uint16_t seen = (uint16_t)in[i];
    const uint16_t difference = (uint16_t)(decode ? seen + predicted : seen - last);
    const int16_t error = (int16_t)(decode ? seen : (uint16_t)(difference - predicted));
    last = (uint16_t)(decode ? last + difference : seen);
    out[i] = decode ? (int16_t)last : error;

    const int gain = i < 2000 ? 4 * step : i < 8000 ? 2 * step : step;
    const int16_t move = (int16_t)(error > 0 ? gain : error < 0 ? -gain : 0);
    for (int j = 0; j < order; j++) {
      const int16_t moved = (int16_t)(weights[j] + move * s[j]);
      const int16_t low = moved < -LIMIT ? -LIMIT : moved;
      weights[j] = low > LIMIT ? LIMIT : low;
    }
    const int16_t d = (int16_t)difference;
    past[at + order] = d;
    signs[at + order] = (int16_t)((d > 0) - (d < 0));
    if (++at == CHUNK) {
      memmove(past, past + CHUNK, (size_t)order * sizeof *past);
      memmove(signs, signs + CHUNK, (size_t)order * sizeof *signs);
      at = 0;
    }
  }
}

static int64_t filter_checked(const int16_t *in, int64_t n, int64_t order, int64_t step, int16_t *out,
                              int64_t capacity, int decode) {
  if (n < 0) return N1C_E_ARGUMENT;
  if (order < 1 || order > MAX_ORDER || step < 1 || step > MAX_STEP) return decode ? N1C_E_CORRUPT : N1C_E_ARGUMENT;
  if (capacity != n) return N1C_E_CAPACITY;
  filter_samples(in, n, (int)order, (int)step, out, decode);
  return n;
}

int64_t n1c_slms_encode(const int16_t *x, int64_t n, int64_t order, int64_t step, int16_t *y, int64_t capacity) {
  return filter_checked(x, n, order, step, y, capacity, 0);
}

int64_t n1c_slms_decode(const int16_t *y, int64_t n, int64_t order, int64_t step, int16_t *x, int64_t capacity) {
  return filter_checked(y, n, order, step, x, capacity, 1);
}
