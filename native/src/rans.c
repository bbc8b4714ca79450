/* rANS (Duda, arXiv:1311.2540, section 2.3) with two interleaved 64-bit states and 32 bits out at a time.
 *
 * Payload: LEB128 length of the table, the table, both final states, the words in the decoder's order; all little-endian.
 * Even samples belong to the first state, odd ones to the second; both start from, and must end at, LOWEST. */
#include "rans.h"

#include "entropy.h"

#include <string.h>

#define LOWEST ((uint64_t)1 << 31)
#define STATES 16 /* bytes */

typedef struct {
  n1c_alphabet alphabet;
  uint32_t starts[N1C_SYMBOLS + 1];
  uint32_t counts[N1C_SYMBOLS]; /* later the rank of each symbol */
} encoder;

typedef struct {
  n1c_alphabet alphabet;
  n1c_intervals intervals;
} decoder;

int64_t n1c_rans_encode_work_size(void) { return (int64_t)sizeof(encoder) + N1C_SLACK; }
int64_t n1c_rans_decode_work_size(void) { return (int64_t)sizeof(decoder) + N1C_SLACK; }

int64_t n1c_rans_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work, int64_t work_size) {
  encoder *h = (encoder *)n1c_align64(work);
  n1c_encoder table;
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity / 2 < n || work_size < n1c_rans_encode_work_size()) return N1C_E_CAPACITY;
  if (!n) return 0;
  n1c_alphabet_count(&h->alphabet, x, n, h->counts);

  /* The table is written behind room for the longest length field, and moved down. */
  n1c_encoder_start(&table, out + (2 * n < 5 ? 2 * n : 5), 2 * n < 5 ? 0 : 2 * n - 5);
  n1c_alphabet_encode(&h->alphabet, &table, 0);
  const int64_t length = n1c_encoder_end(&table);
  if (length < 0) return n1c_finish_payload(x, n, out, -1);
  int64_t at = n1c_store_length(out, length);
  memmove(out + at, out + 5, (size_t)length);
  at += length;
  if (h->alphabet.size == 1) return n1c_finish_payload(x, n, out, at);

  uint64_t states[2] = {LOWEST, LOWEST};
  int64_t words = 2 * n;
  n1c_alphabet_starts(&h->alphabet, h->starts);
  for (int64_t i = 0; i < h->alphabet.size; i++) h->counts[h->alphabet.symbol[i]] = (uint32_t)i;
  for (int64_t i = n - 1; i >= 0; i--) {
    const uint32_t *start = h->starts + h->counts[n1c_offset(x[i])];
    const uint64_t size = start[1] - start[0];
    uint64_t state = states[i & 1];
    if (state >= size << (63 - N1C_SCALE)) {
      words -= 4;
      if (words < at + STATES) return n1c_finish_payload(x, n, out, -1);
      n1c_store_bytes(out + words, state, 4);
      state >>= 32;
    }
    states[i & 1] = n1c_rans_put(state, start[0], size, N1C_SCALE);
  }
  if (words < at + STATES) return n1c_finish_payload(x, n, out, -1);
  n1c_store_bytes(out + at, states[0], 8);
  n1c_store_bytes(out + at + 8, states[1], 8);
  memmove(out + at + STATES, out + words, (size_t)(2 * n - words));
  return n1c_finish_payload(x, n, out, at + STATES + 2 * n - words);
}

int64_t n1c_rans_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work, int64_t work_size) {
  decoder *h = (decoder *)n1c_align64(work);
  n1c_decoder table;
  if (n < 0 || length < 0) return N1C_E_ARGUMENT;
  if (work_size < n1c_rans_decode_work_size()) return N1C_E_CAPACITY;
  if (!n1c_is_backed(n, length)) return N1C_E_CORRUPT;
  if (n1c_is_stored(n, length)) return n1c_load_samples(in, x, n);
  int64_t table_length;
  int64_t at = n1c_load_length(in, length, &table_length);
  if (at < 0) return N1C_E_CORRUPT;
  n1c_decoder_start(&table, in + at, table_length);
  if (n1c_alphabet_decode(&h->alphabet, &table, 0)) return N1C_E_CORRUPT;
  if (h->alphabet.size == 1) {
    for (int64_t i = 0; i < n; i++) x[i] = n1c_unoffset(h->alphabet.symbol[0]);
    return n;
  }
  at += table_length;
  if (length - at < STATES) return N1C_E_CORRUPT;
  uint64_t states[2] = {n1c_load_bytes(in + at, 8), n1c_load_bytes(in + at + 8, 8)};
  at += STATES;
  if (states[0] < LOWEST || states[1] < LOWEST || states[0] >> 63 || states[1] >> 63) return N1C_E_CORRUPT;
  n1c_intervals_build(&h->intervals, &h->alphabet);
  const uint32_t *starts = h->intervals.starts;
  for (int64_t i = 0; i < n; i++) {
    uint64_t state = states[i & 1];
    const uint32_t slot = n1c_rans_slot(state, N1C_SCALE), rank = n1c_intervals_find(&h->intervals, slot);
    state = n1c_rans_take(state, slot, starts[rank], starts[rank + 1] - starts[rank], N1C_SCALE);
    if (state < LOWEST) {
      if (length - at < 4) return N1C_E_CORRUPT;
      state = state << 32 | n1c_load_bytes(in + at, 4);
      at += 4;
    }
    states[i & 1] = state;
    x[i] = n1c_unoffset(h->alphabet.symbol[rank]);
  }
  return states[0] == LOWEST && states[1] == LOWEST ? n : N1C_E_CORRUPT;
}
