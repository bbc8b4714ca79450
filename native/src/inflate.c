/* Deflate, undone a bit at a time: heads and indexes are small, and so is this. */
#include "inflate.h"

#include <string.h>

#include "bytes.h"
#include "n1c/base.h"

#define MOST_BITS 15 /* of a code */
#define LITERALS 288
#define DISTANCES 30
#define BLOCK 65535 /* bytes of a stored block at most */

typedef struct {
  const uint8_t *at, *end;
  uint32_t held;
  int bits, bad;
  uint8_t *out;
  int64_t length, capacity;
} stream;

/* A canonical Huffman code: how many codes of each length there are, and their symbols in order. */
typedef struct {
  uint16_t count[MOST_BITS + 1], symbol[LITERALS];
} code;

static uint32_t take(stream *s, int bits) {
  uint32_t v;
  while (s->bits < bits) {
    if (s->at == s->end) {
      s->bad = 1;
      return 0;
    }
    s->held |= (uint32_t)*s->at++ << s->bits;
    s->bits += 8;
  }
  v = s->held & ((1u << bits) - 1);
  s->held >>= bits;
  s->bits -= bits;
  return v;
}

/* Lengths of codes to a code; 0 if there are more of them than bits can tell apart, or fewer and not just one. */
static int make_code(code *c, const uint8_t *lengths, int n) {
  uint16_t place[MOST_BITS + 1];
  int left = 1, used = 0;
  memset(c->count, 0, sizeof c->count);
  for (int i = 0; i < n; i++) c->count[lengths[i]]++, used += lengths[i] > 0;
  c->count[0] = 0;
  place[1] = 0;
  for (int k = 1; k <= MOST_BITS; k++) {
    left = 2 * left - c->count[k];
    if (left < 0) return 0;
    if (k < MOST_BITS) place[k + 1] = (uint16_t)(place[k] + c->count[k]);
  }
  for (int i = 0; i < n; i++)
    if (lengths[i]) c->symbol[place[lengths[i]]++] = (uint16_t)i;
  return !left || used <= 1;
}

static int symbol_of(stream *s, const code *c) {
  int value = 0, first = 0, index = 0;
  for (int k = 1; k <= MOST_BITS; k++) {
    value |= (int)take(s, 1);
    if (value - first < c->count[k]) return s->bad ? -1 : c->symbol[index + value - first];
    index += c->count[k];
    first = (first + c->count[k]) << 1;
    value <<= 1;
  }
  s->bad = 1;
  return -1;
}

static void put(stream *s, uint8_t byte) {
  if (s->length < s->capacity) s->out[s->length] = byte;
  s->length++;
}

static void stored(stream *s) {
  uint32_t length;
  s->held = 0, s->bits = 0;
  if (s->end - s->at < 4 || n1c_load16(s->at) != (n1c_load16(s->at + 2) ^ 0xFFFF)) {
    s->bad = 1;
    return;
  }
  length = n1c_load16(s->at);
  s->at += 4;
  if ((uint32_t)(s->end - s->at < BLOCK ? s->end - s->at : BLOCK) < length) s->bad = 1;
  else
    for (; length; length--) put(s, *s->at++);
}

static void coded(stream *s, const code *literals, const code *distances) {
  static const uint16_t base[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                  31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
  static const uint8_t more[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  static const uint16_t far[] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  for (;;) {
    int v = symbol_of(s, literals), d;
    int64_t length, distance;
    if (v < 0 || v == 256 || s->length > s->capacity) return;
    if (v < 256) {
      put(s, (uint8_t)v);
      continue;
    }
    if ((v -= 257) > 28) break;
    length = base[v] + (int64_t)take(s, more[v]);
    if ((d = symbol_of(s, distances)) < 0 || d >= DISTANCES) break;
    distance = far[d] + (int64_t)take(s, d < 2 ? 0 : d / 2 - 1);
    if (s->bad || distance > s->length) break;
    if (s->length + length > s->capacity) {
      s->length = s->capacity + 1;
      return;
    }
    for (; length; length--) put(s, s->out[s->length - distance]);
  }
  s->bad = 1;
}

static void fixed(stream *s) {
  code literals, distances;
  uint8_t lengths[LITERALS];
  for (int i = 0; i < LITERALS; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
  make_code(&literals, lengths, LITERALS);
  memset(lengths, 5, DISTANCES);
  make_code(&distances, lengths, DISTANCES);
  coded(s, &literals, &distances);
}

static void dynamic(stream *s) {
  static const uint8_t order[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  code literals, distances;
  uint8_t lengths[LITERALS + 32] = {0};
  const int n = (int)take(s, 5) + 257, m = (int)take(s, 5) + 1, k = (int)take(s, 4) + 4;
  if (n > 286 || m > DISTANCES) s->bad = 1;
  for (int i = 0; i < k; i++) lengths[order[i]] = (uint8_t)take(s, 3);
  if (s->bad || !make_code(&literals, lengths, 19)) {
    s->bad = 1;
    return;
  }
  memset(lengths, 0, sizeof lengths);
  for (int i = 0; i < n + m;) {
    const int v = symbol_of(s, &literals);
    int times = 1;
    uint8_t what = (uint8_t)v;
    if (v == 16) what = i ? lengths[i - 1] : 0, times = 3 + (int)take(s, 2);
    else if (v == 17) what = 0, times = 3 + (int)take(s, 3);
    else if (v == 18) what = 0, times = 11 + (int)take(s, 7);
    if (s->bad || i + times > n + m || (v == 16 && !i)) {
      s->bad = 1;
      return;
    }
    for (; times; times--) lengths[i++] = what;
  }
  if (!lengths[256] || !make_code(&literals, lengths, n) || !make_code(&distances, lengths + n, m)) s->bad = 1;
  else coded(s, &literals, &distances);
}

static uint32_t adler32(const uint8_t *p, int64_t length) {
  uint32_t a = 1, b = 0;
  for (int64_t i = 0; i < length; i++) {
    a = (a + p[i]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

int64_t n1c_inflate(const uint8_t *in, int64_t length, uint8_t *out, int64_t capacity, int64_t *used) {
  stream s = {in + 2, in + length, 0, 0, 0, out, 0, capacity};
  int last = 0;
  if (length < 2 || (in[0] & 15) != 8 || in[0] >> 4 > 7 || (in[0] * 256 + in[1]) % 31 || in[1] & 32) return N1C_E_CORRUPT;
  while (!last && !s.bad && s.length <= capacity) {
    last = (int)take(&s, 1);
    switch (take(&s, 2)) {
      case 0: stored(&s); break;
      case 1: fixed(&s); break;
      case 2: dynamic(&s); break;
      default: s.bad = 1;
    }
  }
  if (s.bad) return N1C_E_CORRUPT;
  if (s.length > capacity) return N1C_E_CAPACITY;
  if (s.end - s.at < 4) return N1C_E_CORRUPT;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* a fuzzer would get no further */
  const uint32_t sum = (uint32_t)s.at[0] << 24 | (uint32_t)s.at[1] << 16 | (uint32_t)s.at[2] << 8 | s.at[3];
  if (sum != adler32(out, s.length)) return N1C_E_CORRUPT;
#endif
  *used = s.at + 4 - in;
  return s.length;
}

/* -- storing ------------------------------------------------------------------------------------------------------- */

int64_t n1c_store_zlib_size(int64_t length) { return 2 + 5 * (length / BLOCK + 1) + length + 4; }

uint8_t *n1c_store_zlib(uint8_t *p, const uint8_t *bytes, int64_t length) {
  const uint32_t sum = adler32(bytes, length);
  int64_t left = length;
  *p++ = 0x78;
  *p++ = 0x01;
  do {
    const int64_t block = left < BLOCK ? left : BLOCK;
    *p++ = left == block;
    p = n1c_store_bytes(p, (uint64_t)block, 2);
    p = n1c_store_bytes(p, (uint64_t)block ^ 0xFFFF, 2);
    if (block) memcpy(p, bytes + length - left, (size_t)block);
    p += block;
    left -= block;
  } while (left);
  for (int k = 24; k >= 0; k -= 8) *p++ = (uint8_t)(sum >> k);
  return p;
}
