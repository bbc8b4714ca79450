/* Differences in codes of 2 to 8 bits, lowest bit first. A code c > 0 is the difference c - 2^(bits-1); 0 is an
 * escape, and the sample itself follows in 16 bits. The last byte is filled up with zero bits. */
#include "n1c/codec.h"

int64_t n1c_kbit_encode(const int16_t *x, int64_t n, int64_t bits, uint8_t *out, int64_t capacity) {
  if (n < 0 || bits < 2 || bits > 8) return N1C_E_ARGUMENT;
  const int half = 1 << (bits - 1);
  uint32_t word = 0;
  int held = 0;
  int64_t at = 0;
  int16_t last = 0;
  for (int64_t i = 0; i < n; i++) {
    const int difference = x[i] - last;
    last = x[i];
    if (difference > -half && difference < half) {
      word |= (uint32_t)(difference + half) << held;
      held += (int)bits;
    } else {
      word |= (uint32_t)(uint16_t)x[i] << (held + bits);
      held += (int)bits + 16;
    }
    if (capacity - at < held / 8) return N1C_E_CAPACITY;
    for (; held >= 8; held -= 8, word >>= 8) out[at++] = (uint8_t)word;
  }
  if (held > 0) {
    if (at == capacity) return N1C_E_CAPACITY;
    out[at++] = (uint8_t)word;
  }
  return at;
}

int64_t n1c_kbit_decode(const uint8_t *in, int64_t length, int64_t bits, int16_t *x, int64_t n) {
  if (n < 0) return N1C_E_ARGUMENT;
  if (bits < 2 || bits > 8) return N1C_E_CORRUPT;
  const int half = 1 << (bits - 1);
  const uint32_t mask = (1U << bits) - 1;
  uint32_t word = 0;
  int held = 0;
  int64_t at = 0;
  uint16_t last = 0;
  for (int64_t i = 0; i < n; i++) {
    for (; held <= 24 && at < length; held += 8) word |= (uint32_t)in[at++] << held;
    const int code = (int)(word & mask);
    const int taken = (int)bits + (code ? 0 : 16);
    if (held < taken) return N1C_E_CORRUPT;
    last = code ? (uint16_t)(last + code - half) : (uint16_t)(word >> bits);
    x[i] = (int16_t)last;
    word >>= taken;
    held -= taken;
  }
  if (at != length || held >= 8 || word != 0) return N1C_E_CORRUPT;
  return n;
}
