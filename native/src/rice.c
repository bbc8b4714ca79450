/* Adaptive Golomb-Rice codes of zigzagged samples (Rice, "Some practical universal noiseless coding techniques", 1979).
 *
 * The parameter follows a running mean of the samples already coded. A sample u costs u >> k ones, a zero and the low k
 * bits of u; from LIMIT ones on, LIMIT ones and all 16 bits. Where k would be 15, whole samples stand as they are. */
#include "entropy.h"

#define LIMIT 20
#define WINDOW 5 /* the mean is over some 2^WINDOW samples */
#define WHOLE 15

/* floor(log2(mean)), measured best for residuals; sum is the mean times 2^WINDOW, below 2^(16 + WINDOW). */
static int parameter(uint32_t sum) { return n1c_width(sum >> (WINDOW + 1)); }

static uint32_t follow(uint32_t sum, uint32_t u) { return sum - (sum >> WINDOW) + u; }

int64_t n1c_rice_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity) {
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity / 2 < n) return N1C_E_CAPACITY;
  n1c_bits bits = {out, 0, 2 * n, 0, 64};
  uint32_t sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const uint32_t u = n1c_zigzag(x[i]);
    const int k = parameter(sum);
    const uint32_t ones = u >> k;
    if (k >= WHOLE) {
      n1c_bits_put(&bits, u, 16);
    } else if (ones < LIMIT) {
      n1c_bits_put(&bits, (1u << (ones + 1)) - 2, (int)ones + 1);
      if (k) n1c_bits_put(&bits, u & ((1u << k) - 1), k);
    } else {
      n1c_bits_put(&bits, (1u << LIMIT) - 1, LIMIT);
      n1c_bits_put(&bits, u, 16);
    }
    sum = follow(sum, u);
  }
  return n ? n1c_finish_payload(x, n, out, n1c_bits_end(&bits)) : 0;
}

int64_t n1c_rice_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n) {
  if (n < 0 || length < 0) return N1C_E_ARGUMENT;
  if (!n1c_is_backed(n, length)) return N1C_E_CORRUPT;
  if (n1c_is_stored(n, length)) return n1c_load_samples(in, x, n);
  if (n > 8 * length) return N1C_E_CORRUPT;
  int64_t at = 0;
  uint32_t sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const uint64_t word = n1c_peek_bits(in, length, at);
    const int k = parameter(sum);
    uint32_t u;
    if (k >= WHOLE) {
      u = (uint32_t)(word >> 48);
      at += 16;
    } else {
      const int ones = 32 - n1c_width(~(uint32_t)(word >> 32));
      if (ones < LIMIT) {
        u = (uint32_t)ones << k;
        if (k) u |= (uint32_t)(word << (ones + 1) >> (64 - k));
        at += ones + 1 + k;
      } else {
        u = (uint32_t)(word << LIMIT >> 48);
        at += LIMIT + 16;
      }
    }
    if (u >= N1C_SYMBOLS) return N1C_E_CORRUPT;
    x[i] = n1c_unzigzag(u);
    sum = follow(sum, u);
  }
  return at > 8 * length ? N1C_E_CORRUPT : n;
}
