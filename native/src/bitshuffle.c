/* Bit shuffle: a transposition of 8 samples x 16 bits at a time. */
#include "n1c/codec.h"

/* Transposes an 8x8 bit matrix held in a word, row i in byte i (Warren, Hacker's Delight, section 7-3). */
static uint64_t transpose8(uint64_t m) {
  uint64_t t;
  t = (m ^ (m >> 7)) & 0x00AA00AA00AA00AAULL;
  m ^= t ^ (t << 7);
  t = (m ^ (m >> 14)) & 0x0000CCCC0000CCCCULL;
  m ^= t ^ (t << 14);
  t = (m ^ (m >> 28)) & 0x00000000F0F0F0F0ULL;
  m ^= t ^ (t << 28);
  return m;
}

int64_t n1c_bitshuffle16(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity) {
  const int64_t row = n / 8 + (n % 8 != 0);
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity / 16 < row) return N1C_E_CAPACITY;
  for (int64_t i = 0; i < row; i++) {
    const int64_t left = n - 8 * i < 8 ? n - 8 * i : 8;
    uint64_t low = 0, high = 0;
    for (int64_t j = 0; j < left; j++) {
      const uint16_t v = (uint16_t)x[8 * i + j];
      low |= (uint64_t)(v & 0xFF) << (8 * j);
      high |= (uint64_t)(v >> 8) << (8 * j);
    }
    low = transpose8(low);
    high = transpose8(high);
    for (int plane = 0; plane < 8; plane++) {
      out[plane * row + i] = (uint8_t)(low >> (8 * plane));
      out[(plane + 8) * row + i] = (uint8_t)(high >> (8 * plane));
    }
  }
  return 16 * row;
}

int64_t n1c_bitunshuffle16(const uint8_t *in, int64_t length, int16_t *x, int64_t n) {
  const int64_t row = n / 8 + (n % 8 != 0);
  if (n < 0) return N1C_E_ARGUMENT;
  if (length % 16 != 0 || length / 16 != row) return N1C_E_CORRUPT;
  for (int64_t i = 0; i < row; i++) {
    const int64_t left = n - 8 * i < 8 ? n - 8 * i : 8;
    uint64_t low = 0, high = 0;
    for (int plane = 0; plane < 8; plane++) {
      low |= (uint64_t)in[plane * row + i] << (8 * plane);
      high |= (uint64_t)in[(plane + 8) * row + i] << (8 * plane);
    }
    low = transpose8(low);
    high = transpose8(high);
    for (int64_t j = 0; j < left; j++)
      x[8 * i + j] = (int16_t)(uint16_t)(((low >> (8 * j)) & 0xFF) | (((high >> (8 * j)) & 0xFF) << 8));
  }
  return n;
}
