/* Canonical Huffman code over int16 symbols, lengths limited to 20 bits.
 *
 * Lengths by package-merge (Larmore and Hirschberg, "A fast algorithm for optimal length-limited Huffman codes", 1990),
 * which is exact. Payload: LEB128 length of the table, the table, the codes from the highest bit on. */
#include "entropy.h"

#include <string.h>

#define LONGEST 20
#define DIRECT 11 /* codes up to this length are decoded by one look-up */

typedef struct {
  n1c_alphabet alphabet;
  uint32_t counts[N1C_SYMBOLS]; /* later the code of each symbol, above the 5 bits of its length */
  uint32_t order[N1C_SYMBOLS], spare[N1C_SYMBOLS];
  uint64_t merged[2][2 * N1C_SYMBOLS];
  uint32_t packed[LONGEST][2 * N1C_SYMBOLS / 32]; /* per level, whether an item is a package */
} encoder;

typedef struct {
  n1c_alphabet alphabet;
  uint16_t symbol[N1C_SYMBOLS]; /* in the order of their codes */
  uint32_t direct[1 << DIRECT]; /* symbol above the 5 bits of its length; 0 for longer codes */
} decoder;

int64_t n1c_huffman_encode_work_size(void) { return (int64_t)sizeof(encoder) + N1C_SLACK; }
int64_t n1c_huffman_decode_work_size(void) { return (int64_t)sizeof(decoder) + N1C_SLACK; }

/* Leaves order[] with the ranks of the symbols by ascending count: a radix sort by bytes. */
static void sort_by_count(encoder *h) {
  const int64_t size = h->alphabet.size;
  const uint32_t *weight = h->alphabet.weight;
  uint32_t *from = h->spare, *to = h->order;
  for (int64_t i = 0; i < size; i++) to[i] = (uint32_t)i;
  for (int shift = 0; shift < 32; shift += 8) {
    int64_t place[257] = {0};
    for (int64_t i = 0; i < size; i++) place[(weight[i] >> shift & 255u) + 1]++;
    if (place[1] == size) continue;
    for (int i = 0; i < 256; i++) place[i + 1] += place[i];
    uint32_t *swap = from;
    from = to;
    to = swap;
    for (int64_t i = 0; i < size; i++) to[place[weight[from[i]] >> shift & 255u]++] = from[i];
  }
  if (to != h->order) memcpy(h->order, to, (size_t)size * sizeof *to);
}

/* Replaces the counts of two or more symbols by code lengths. */
static void set_lengths(encoder *h) {
  const int64_t size = h->alphabet.size;
  uint32_t *weight = h->alphabet.weight;
  int64_t items = 0;
  sort_by_count(h);
  memset(h->packed, 0, sizeof h->packed);
  for (int level = 0; level < LONGEST; level++) {
    const uint64_t *below = h->merged[(level + 1) & 1];
    uint64_t *here = h->merged[level & 1];
    const int64_t packages = items / 2;
    int64_t leaf = 0, package = 0;
    items = 0;
    while (leaf < size || package < packages) {
      const uint64_t joint = package < packages ? below[2 * package] + below[2 * package + 1] : 0;
      if (leaf < size && (package >= packages || weight[h->order[leaf]] <= joint)) {
        here[items] = weight[h->order[leaf++]];
      } else {
        h->packed[level][items / 32] |= 1u << (items % 32);
        here[items] = joint;
        package++;
      }
      items++;
    }
  }
  memset(weight, 0, (size_t)size * sizeof *weight);
  int64_t taken = 2 * size - 2;
  for (int level = LONGEST - 1; level >= 0; level--) {
    int64_t packages = 0;
    for (int64_t i = 0; i < taken; i++) packages += h->packed[level][i / 32] >> (i % 32) & 1u;
    for (int64_t i = 0; i < taken - packages; i++) weight[h->order[i]]++;
    taken = 2 * packages;
  }
}

/* Fills next[] with the first code of each length; returns whether the lengths make a complete code. */
static int first_codes(const n1c_alphabet *a, uint32_t *next, uint32_t *number) {
  uint32_t code = 0;
  memset(number, 0, (LONGEST + 1) * sizeof *number);
  for (int64_t i = 0; i < a->size; i++) {
    if (a->weight[i] > LONGEST) return 0;
    number[a->weight[i]]++;
  }
  for (int length = 1; length <= LONGEST; length++) {
    next[length] = code;
    code = (code + number[length]) << 1;
    if (code > 2u << length) return 0;
  }
  return code == 2u << LONGEST;
}

int64_t n1c_huffman_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work, int64_t work_size) {
  encoder *h = (encoder *)n1c_align64(work);
  n1c_encoder table;
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity / 2 < n || work_size < n1c_huffman_encode_work_size()) return N1C_E_CAPACITY;
  if (!n) return 0;
  n1c_alphabet_count(&h->alphabet, x, n, h->counts);
  const int64_t size = h->alphabet.size;
  if (size > 1) set_lengths(h);

  /* The table is written behind room for the longest length field, and moved down. */
  n1c_encoder_start(&table, out + (2 * n < 5 ? 2 * n : 5), 2 * n < 5 ? 0 : 2 * n - 5);
  n1c_alphabet_encode(&h->alphabet, &table, 1);
  const int64_t length = n1c_encoder_end(&table);
  if (length < 0) return n1c_finish_payload(x, n, out, -1);
  n1c_bits bits = {out, n1c_store_length(out, length), 2 * n, 0, 64};
  memmove(out + bits.at, out + 5, (size_t)length);
  bits.at += length;
  if (size == 1) return n1c_finish_payload(x, n, out, bits.at);

  uint32_t next[LONGEST + 1], number[LONGEST + 1];
  first_codes(&h->alphabet, next, number);
  for (int64_t i = 0; i < size; i++) {
    const uint32_t bits_of = h->alphabet.weight[i];
    h->counts[h->alphabet.symbol[i]] = next[bits_of]++ << 5 | bits_of;
  }
  for (int64_t i = 0; i < n; i++) {
    const uint32_t code = h->counts[n1c_offset(x[i])];
    n1c_bits_put(&bits, code >> 5, (int)(code & 31u));
  }
  return n1c_finish_payload(x, n, out, n1c_bits_end(&bits));
}

int64_t n1c_huffman_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work, int64_t work_size) {
  decoder *h = (decoder *)n1c_align64(work);
  n1c_decoder table;
  if (n < 0 || length < 0) return N1C_E_ARGUMENT;
  if (work_size < n1c_huffman_decode_work_size()) return N1C_E_CAPACITY;
  if (!n1c_is_backed(n, length)) return N1C_E_CORRUPT;
  if (n1c_is_stored(n, length)) return n1c_load_samples(in, x, n);
  int64_t table_length;
  int64_t at = n1c_load_length(in, length, &table_length);
  if (at < 0) return N1C_E_CORRUPT;
  n1c_decoder_start(&table, in + at, table_length);
  if (n1c_alphabet_decode(&h->alphabet, &table, 1)) return N1C_E_CORRUPT;
  const int64_t size = h->alphabet.size;
  if (size == 1) {
    for (int64_t i = 0; i < n; i++) x[i] = n1c_unoffset(h->alphabet.symbol[0]);
    return n;
  }
  at += table_length;
  if (n > 8 * (length - at)) return N1C_E_CORRUPT;

  uint32_t next[LONGEST + 1], number[LONGEST + 1], place[LONGEST + 1];
  if (!first_codes(&h->alphabet, next, number)) return N1C_E_CORRUPT;
  place[1] = 0;
  for (int i = 1; i < LONGEST; i++) place[i + 1] = place[i] + number[i];
  memset(h->direct, 0, sizeof h->direct);
  for (int64_t i = 0; i < size; i++) {
    const uint32_t symbol = h->alphabet.symbol[i], bits = h->alphabet.weight[i];
    h->symbol[place[bits]++] = (uint16_t)symbol;
    if (bits > DIRECT) continue;
    const uint32_t span = 1u << (DIRECT - bits);
    for (uint32_t j = 0; j < span; j++) h->direct[next[bits] * span + j] = symbol << 5 | bits;
    next[bits]++;
  }
  first_codes(&h->alphabet, next, number);

  /* A word has 57 bits that count: enough for four codes of the table, or for a long one. */
  int64_t bit = 8 * at;
  for (int64_t i = 0; i < n;) {
    uint64_t word = n1c_peek_bits(in, length, bit);
    uint32_t found = h->direct[word >> (64 - DIRECT)];
    if (!(found & 31u)) {
      uint32_t code = 0, bits = DIRECT + 1;
      for (; bits < LONGEST; bits++) {
        code = (uint32_t)(word >> (64 - bits));
        if (code < next[bits] + number[bits]) break;
      }
      code = (uint32_t)(word >> (64 - bits));
      x[i++] = n1c_unoffset(h->symbol[place[bits] - number[bits] + (code - next[bits])]);
      bit += bits;
      continue;
    }
    const int64_t end = n - i < 4 ? n : i + 4;
    do {
      x[i++] = n1c_unoffset(found >> 5);
      word <<= found & 31u;
      bit += found & 31u;
      found = h->direct[word >> (64 - DIRECT)];
    } while (i < end && (found & 31u));
  }
  return bit > 8 * length ? N1C_E_CORRUPT : n;
}
