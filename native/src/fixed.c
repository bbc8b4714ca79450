/* Fixed polynomial predictors of order 0 to 4, the best one chosen for each block (Robinson, "SHORTEN: simple lossless
 * and near-lossless waveform compression", 1994, section 3.2). History runs on across blocks; the first samples use
 * the order that their history allows. Arithmetic is modulo 2^16, so that any input comes back. */
#include "n1c/codec.h"

enum { MAX_ORDER = 4 };

static uint16_t predict(const int16_t *x, int64_t i, int order) {
  const int16_t *p = x + i;
  switch (i < order ? (int)i : order) {
    case 0: return 0;
    case 1: return (uint16_t)p[-1];
    case 2: return (uint16_t)(2 * p[-1] - p[-2]);
    case 3: return (uint16_t)(3 * (p[-1] - p[-2]) + p[-3]);
    default: return (uint16_t)(4 * (p[-1] + p[-3]) - 6 * p[-2] - p[-4]);
  }
}

static int best_order(const int16_t *x, int64_t start, int64_t end) {
  int64_t cost[MAX_ORDER + 1] = {0};
  int best = 0;
  for (int order = 0; order <= MAX_ORDER; order++) {
    for (int64_t i = start; i < end; i++) {
      const int residual = (int16_t)(uint16_t)((uint16_t)x[i] - predict(x, i, order));
      cost[order] += residual < 0 ? -residual : residual;
    }
    if (cost[order] < cost[best]) best = order;
  }
  return best;
}

int64_t n1c_fixed_encode(const int16_t *x, int64_t n, int64_t block, uint8_t *orders, int64_t blocks, int16_t *y,
                         int64_t capacity) {
  if (n < 0 || block < 1) return N1C_E_ARGUMENT;
  if (capacity < n || blocks != n / block + (n % block != 0)) return N1C_E_CAPACITY;
  for (int64_t b = 0; b < blocks; b++) {
    const int64_t start = b * block, end = n - start < block ? n : start + block;
    const int order = best_order(x, start, end);
    orders[b] = (uint8_t)order;
    for (int64_t i = start; i < end; i++) y[i] = (int16_t)(uint16_t)((uint16_t)x[i] - predict(x, i, order));
  }
  return n;
}

int64_t n1c_fixed_decode(const int16_t *y, int64_t n, int64_t block, const uint8_t *orders, int64_t blocks, int16_t *x,
                         int64_t capacity) {
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity != n) return N1C_E_CAPACITY;
  if (block < 1) return N1C_E_CORRUPT;
  if (blocks != n / block + (n % block != 0)) return N1C_E_CORRUPT;
  for (int64_t b = 0; b < blocks; b++) {
    const int64_t start = b * block, end = n - start < block ? n : start + block;
    const int order = orders[b];
    if (order > MAX_ORDER) return N1C_E_CORRUPT;
    for (int64_t i = start; i < end; i++) x[i] = (int16_t)(uint16_t)((uint16_t)y[i] + predict(x, i, order));
  }
  return n;
}
