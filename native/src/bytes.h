/* What all kernels and tools share about bytes in memory: little-endian numbers, LEB128, scratch memory. */
#ifndef N1C_BYTES_H
#define N1C_BYTES_H

#include <stdint.h>

/* -- little-endian numbers ----------------------------------------------------------------------------------------- */

static inline uint32_t n1c_load16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }

static inline uint32_t n1c_load32(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A number of 0 to 8 bytes. */
static inline uint64_t n1c_load_bytes(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
  return v;
}

/* Writes the low `bytes` bytes of v; returns where they end. */
static inline uint8_t *n1c_store_bytes(uint8_t *p, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) *p++ = (uint8_t)(v >> 8 * i);
  return p;
}

/* -- LEB128: seven bits a byte, the lowest first, bit 7 set in all bytes but the last ------------------------------- */

/* Returns where it ends: at most 10 bytes on. */
static inline uint8_t *n1c_store_leb128(uint8_t *p, uint64_t v) {
  for (; v > 0x7F; v >>= 7) *p++ = (uint8_t)((v & 0x7F) | 0x80);
  *p++ = (uint8_t)v;
  return p;
}

/* -- a reader that knows its end ------------------------------------------------------------------------------------ */

typedef struct {
  const uint8_t *at, *end;
  int bad; /* it would have read past the end, or a number was too long; what it then returns is 0 */
} n1c_reader;

static inline n1c_reader n1c_reader_of(const uint8_t *bytes, int64_t length) {
  n1c_reader r;
  r.at = bytes, r.end = bytes + length, r.bad = 0;
  return r;
}

static inline uint64_t n1c_read_bytes(n1c_reader *r, int bytes) {
  if (r->bad || r->end - r->at < bytes) {
    r->bad = 1;
    return 0;
  }
  r->at += bytes;
  return n1c_load_bytes(r->at - bytes, bytes);
}

/* A number of at most `most` bytes, most <= 10, and 64 bits. */
static inline uint64_t n1c_read_leb128(n1c_reader *r, int most) {
  uint64_t v = 0;
  for (int i = 0; i < most; i++) {
    const uint64_t byte = n1c_read_bytes(r, 1);
    if (i == 9 && byte > 1) break;
    v |= (byte & 0x7F) << 7 * i;
    if (byte < 0x80) return r->bad ? 0 : v;
  }
  r->bad = 1;
  return 0;
}

/* -- scratch memory -------------------------------------------------------------------------------------------------- */

/* A caller's memory may begin anywhere: a kernel starts at the first multiple of 64, and asks for N1C_SLACK bytes more. */
#define N1C_SLACK 63
#define N1C_ROUND64(bytes) (((int64_t)(bytes) + 63) & ~(int64_t)63)

static inline void *n1c_align64(void *memory) {
  uint8_t *p = (uint8_t *)memory;
  return p + (-(uintptr_t)p & 63);
}

#endif
