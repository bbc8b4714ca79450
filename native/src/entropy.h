/* What the entropy coders share: counters, the range coder, bit access and the rules of their payloads.
 *
 * Every payload of n > 0 samples follows three rules. It is never longer than the samples: what would be is replaced by
 * the samples themselves, little-endian, and exactly 2n bytes long. It is never shorter than n / 65536 bytes, so that a
 * few bytes cannot claim a sea of samples; zeros fill it up. Bytes past its end read as zeros. */
#ifndef N1C_ENTROPY_H
#define N1C_ENTROPY_H

#include "bytes.h"
#include "n1c/codec.h"

#if defined(_MSC_VER)
#  include <intrin.h>
#endif

#define N1C_SYMBOLS 65536
#define N1C_SAMPLES_PER_BYTE 65536
#define N1C_LENGTH_BYTES 5 /* of a table's length, at most */

/* Number of bits of v: 0 for 0, 1 for 1, 2 for 2 and 3, ... */
static inline int n1c_width(uint32_t v) {
#if defined(__GNUC__)
  return v ? 32 - __builtin_clz(v) : 0;
#elif defined(_MSC_VER)
  unsigned long top;
  return _BitScanReverse(&top, v) ? (int)top + 1 : 0;
#else
  int width = 0;
  for (; v; v >>= 1) width++;
  return width;
#endif
}

/* Samples as unsigned numbers: in their order, and in the order 0 -1 1 -2 2 ... */
static inline uint32_t n1c_offset(int16_t x) { return (uint16_t)((uint16_t)x ^ 0x8000u); }
static inline int16_t n1c_unoffset(uint32_t u) { return (int16_t)(uint16_t)(u ^ 0x8000u); }
static inline uint32_t n1c_zigzag(int16_t x) { return (uint16_t)(((uint32_t)(uint16_t)x << 1) ^ (x < 0 ? 0xFFFFu : 0u)); }
static inline int16_t n1c_unzigzag(uint32_t u) { return (int16_t)(uint16_t)((u >> 1) ^ (0u - (u & 1u))); }

/* -- rules of the payload --------------------------------------------------------------------------------------- */

static inline int64_t n1c_store_samples(const int16_t *x, int64_t n, uint8_t *out) {
  for (int64_t i = 0; i < n; i++) n1c_store_bytes(out + 2 * i, (uint16_t)x[i], 2);
  return 2 * n;
}

static inline int64_t n1c_load_samples(const uint8_t *in, int16_t *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] = (int16_t)(uint16_t)n1c_load16(in + 2 * i);
  return n;
}

/* Returns the length after filling up, or 2n after storing the samples if length (negative: too long) is no gain. */
static inline int64_t n1c_finish_payload(const int16_t *x, int64_t n, uint8_t *out, int64_t length) {
  if (length < 0 || length >= 2 * n) return n1c_store_samples(x, n, out);
  while (length < n / N1C_SAMPLES_PER_BYTE) out[length++] = 0;
  return length;
}

static inline int n1c_is_backed(int64_t n, int64_t length) {
  return n ? length > 0 && length >= n / N1C_SAMPLES_PER_BYTE : !length;
}

static inline int n1c_is_stored(int64_t n, int64_t length) { return !(length & 1) && n == length / 2; }

/* A table in front of a payload, its length before it. Returns where it ends. */
static inline int64_t n1c_store_length(uint8_t *out, int64_t length) {
  return n1c_store_leb128(out, (uint64_t)length) - out;
}

/* Returns where the table starts, or N1C_E_CORRUPT if it is not all there. */
static inline int64_t n1c_load_length(const uint8_t *in, int64_t length, int64_t *table) {
  n1c_reader r = n1c_reader_of(in, length);
  *table = (int64_t)n1c_read_leb128(&r, N1C_LENGTH_BYTES);
  return r.bad || *table > r.end - r.at ? N1C_E_CORRUPT : r.at - in;
}

/* -- bits, the highest first -------------------------------------------------------------------------------------- */

static inline uint32_t n1c_load32_high_first(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t n1c_load64_high_first(const uint8_t *p) {
  return (uint64_t)n1c_load32_high_first(p) << 32 | n1c_load32_high_first(p + 4);
}

/* At least 57 bits from bit `at` on, in the top of the word. */
static inline uint64_t n1c_peek_bits(const uint8_t *in, int64_t length, int64_t at) {
  const int64_t byte = at >> 3;
  uint64_t word = 0;
  if (byte + 8 <= length) {
    word = n1c_load64_high_first(in + byte);
  } else {
    for (int64_t i = 0; i < 8; i++) word = word << 8 | (byte + i < length ? in[byte + i] : 0u);
  }
  return word << (at & 7);
}

typedef struct {
  uint8_t *out;
  int64_t at, end; /* bytes; at > end once something did not fit */
  uint64_t word;
  int free; /* bits of word */
} n1c_bits;

static inline void n1c_bits_flush(n1c_bits *b, int bytes) {
  if (b->at + bytes > b->end) {
    b->at = b->end + 1;
    return;
  }
  for (int i = 0; i < bytes; i++) b->out[b->at + i] = (uint8_t)(b->word >> (56 - 8 * i));
  b->at += bytes;
}

/* Appends the low `count` bits of v, 1 <= count <= 32; the other bits of v are 0. */
static inline void n1c_bits_put(n1c_bits *b, uint32_t v, int count) {
  if (b->free < count) {
    n1c_bits_flush(b, 4);
    b->word <<= 32;
    b->free += 32;
  }
  b->free -= count;
  b->word |= (uint64_t)v << b->free;
}

/* Returns the length, or -1 if it did not fit. */
static inline int64_t n1c_bits_end(n1c_bits *b) {
  n1c_bits_flush(b, (64 - b->free + 7) / 8);
  return b->at > b->end ? -1 : b->at;
}

/* -- range coder ------------------------------------------------------------------------------------------------ */
/* Martin, "Range encoding: an algorithm for removing redundancy from a digitised message", 1979, with a 64-bit range,
 * 32 bits out at a time, and carries that run back through the bytes already written. */

typedef struct {
  uint64_t low, range;
  uint8_t *out;
  int64_t at, end; /* at > end once something did not fit */
} n1c_encoder;

static inline void n1c_encoder_start(n1c_encoder *e, uint8_t *out, int64_t capacity) {
  e->low = 0;
  e->range = ~(uint64_t)0;
  e->out = out;
  e->at = 0;
  e->end = capacity;
}

static inline void n1c_encoder_carry(n1c_encoder *e) {
  if (e->at > e->end) return;
  for (int64_t i = e->at; i > 0 && ++e->out[i - 1] == 0;) i--;
}

static inline void n1c_encoder_narrow(n1c_encoder *e, uint64_t skip, uint64_t range) {
  e->low += skip;
  if (e->low < skip) n1c_encoder_carry(e);
  e->range = range;
  if (range >> 32) return;
  if (e->at + 4 <= e->end) {
    for (int i = 0; i < 4; i++) e->out[e->at + i] = (uint8_t)(e->low >> (56 - 8 * i));
    e->at += 4;
  } else {
    e->at = e->end + 1;
  }
  e->low <<= 32;
  e->range <<= 32;
}

/* Codes the interval [start, start + size) of 2^shift, shift <= 20. */
static inline void n1c_encode_interval(n1c_encoder *e, uint32_t start, uint32_t size, int shift) {
  const uint64_t unit = e->range >> shift;
  n1c_encoder_narrow(e, unit * start, unit * size);
}

/* Writes the fewest bytes that fix the interval; returns the length, or -1 if it did not fit. */
static inline int64_t n1c_encoder_end(n1c_encoder *e) {
  int bits = 56;
  uint64_t mask, value;
  for (;; bits -= 8) {
    mask = ((uint64_t)1 << bits) - 1;
    value = (e->low + mask) & ~mask;
    if (value - e->low < e->range) break;
  }
  if (value < e->low) n1c_encoder_carry(e);
  const int bytes = 8 - bits / 8;
  if (e->at + bytes > e->end) return -1;
  for (int i = 0; i < bytes; i++) e->out[e->at++] = (uint8_t)(value >> (56 - 8 * i));
  return e->at;
}

typedef struct {
  uint64_t code, range; /* code: what was read less the low end of the range */
  const uint8_t *end;
  int64_t rest; /* bytes before the end that are still to be read; negative once more was read */
} n1c_decoder;

static inline void n1c_decoder_refill(n1c_decoder *d) {
  uint32_t word = 0;
  if (d->rest >= 4) {
    word = n1c_load32_high_first(d->end - d->rest);
  } else {
    for (int64_t i = d->rest; i > d->rest - 4; i--) word = word << 8 | (i > 0 ? d->end[-i] : 0u);
  }
  d->code = d->code << 32 | word;
  d->rest -= 4;
}

static inline void n1c_decoder_start(n1c_decoder *d, const uint8_t *in, int64_t length) {
  d->range = ~(uint64_t)0;
  d->code = 0;
  d->end = in + length;
  d->rest = length;
  n1c_decoder_refill(d);
  n1c_decoder_refill(d);
}

static inline void n1c_decoder_narrow(n1c_decoder *d, uint64_t skip, uint64_t range) {
  d->code -= skip;
  d->range = range;
  if (range >> 32) return;
  n1c_decoder_refill(d);
  d->range <<= 32;
}

/* Whether more was read than the encoder can have written. */
static inline int n1c_decoder_overrun(const n1c_decoder *d) { return d->rest < -7; }

/* -- adaptive bits -------------------------------------------------------------------------------------------------- */
/* A counter holds the probability of a 1 in its high 22 bits and in the low 10 how many bits it has seen; it moves by
 * 1 / (seen + 1.5) of the error, so that it starts fast and ends as an average over the last `limit` bits. */

typedef uint32_t n1c_counter;
#define N1C_COUNTER 0x80000000u
#define N1C_MOST_SEEN 1023

extern const uint16_t n1c_counter_rates[N1C_MOST_SEEN + 1];

static inline void n1c_counter_update(n1c_counter *c, int bit, uint32_t limit) {
  const uint32_t seen = *c & 1023u, p = *c >> 10;
  const uint64_t rate = n1c_counter_rates[seen];
  const uint32_t up = (uint32_t)(((uint64_t)(0x3FFFFFu - p) * rate) >> 16), down = (uint32_t)((p * rate) >> 16);
  *c = (bit ? p + up : p - down) << 10 | (seen < limit ? seen + 1 : seen);
}

static inline uint64_t n1c_counter_split(const n1c_counter *c, uint64_t range) {
  return (range >> 16) * ((*c >> 16) | 1u); /* odd, hence never 0 */
}

static inline void n1c_encode_bit(n1c_encoder *e, n1c_counter *c, int bit, uint32_t limit) {
  const uint64_t one = n1c_counter_split(c, e->range);
  n1c_encoder_narrow(e, bit ? 0 : one, bit ? one : e->range - one);
  n1c_counter_update(c, bit, limit);
}

static inline int n1c_decode_bit(n1c_decoder *d, n1c_counter *c, uint32_t limit) {
  const uint64_t one = n1c_counter_split(c, d->range);
  const int bit = d->code < one;
  n1c_decoder_narrow(d, bit ? 0 : one, bit ? one : d->range - one);
  n1c_counter_update(c, bit, limit);
  return bit;
}

/* `count` bits of v, the highest first, along a binary tree of 2^count counters. */
static inline void n1c_encode_tree(n1c_encoder *e, n1c_counter *tree, uint32_t v, int count, uint32_t limit) {
  uint32_t node = 1;
  while (count-- > 0) {
    const int bit = (int)(v >> count & 1u);
    n1c_encode_bit(e, tree + node, bit, limit);
    node = 2 * node + (uint32_t)bit;
  }
}

static inline uint32_t n1c_decode_tree(n1c_decoder *d, n1c_counter *tree, int count, uint32_t limit) {
  uint32_t node = 1;
  for (int i = 0; i < count; i++) node = 2 * node + (uint32_t)n1c_decode_bit(d, tree + node, limit);
  return node - (1u << count);
}

/* -- the table of a static model --------------------------------------------------------------------------------- */

typedef struct {
  int64_t size;                  /* number of symbols that occur */
  uint16_t symbol[N1C_SYMBOLS];  /* they, ascending, as n1c_offset */
  uint32_t weight[N1C_SYMBOLS];  /* of each: its count, or the length of its code */
} n1c_alphabet;

/* Fills the alphabet with the symbols of x and their counts; counts is scratch. Counts stay below 2^31: after each
 * N1C_COUNTED samples those so far are halved. */
#ifndef N1C_COUNTED
#  define N1C_COUNTED ((int64_t)1 << 30)
#endif
void n1c_alphabet_count(n1c_alphabet *a, const int16_t *x, int64_t n, uint32_t *counts);

/* Codes the symbols, and their weights: exactly if exact, else to the precision that pays; `weight` then holds what the
 * decoder will see. A lone symbol has no weight. */
void n1c_alphabet_encode(n1c_alphabet *a, n1c_encoder *e, int exact);

/* Returns 0 or N1C_E_CORRUPT. Weights are in 1..2^31, or in 1..31 if exact. */
int n1c_alphabet_decode(n1c_alphabet *a, n1c_decoder *d, int exact);

/* Turns counts into starts[0..size] of intervals of 2^N1C_SCALE, none empty. */
#define N1C_SCALE 20
void n1c_alphabet_starts(const n1c_alphabet *a, uint32_t *starts);

/* What finds the symbol of a slot of 2^N1C_SCALE: its search begins at the first symbol of the slot's bucket. */
#define N1C_BUCKET_SHIFT 8
#define N1C_BUCKETS (1 << (N1C_SCALE - N1C_BUCKET_SHIFT))

typedef struct {
  uint32_t starts[N1C_SYMBOLS + 1];
  uint16_t first[N1C_BUCKETS];
} n1c_intervals;

void n1c_intervals_build(n1c_intervals *v, const n1c_alphabet *a);

static inline uint32_t n1c_intervals_find(const n1c_intervals *v, uint32_t slot) {
  uint32_t i = v->first[slot >> N1C_BUCKET_SHIFT];
  while (v->starts[i + 1] <= slot) i++;
  return i;
}

#endif
