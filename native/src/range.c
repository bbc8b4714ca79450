/* Static arithmetic coding: one range-coded stream, the table first (Witten, Neal and Cleary, "Arithmetic coding for
 * data compression", 1987; the coder is the one of entropy.h). */
#include "entropy.h"

typedef struct {
  n1c_alphabet alphabet;
  uint32_t starts[N1C_SYMBOLS + 1];
  uint32_t counts[N1C_SYMBOLS]; /* later the rank of each symbol */
} encoder;

typedef struct {
  n1c_alphabet alphabet;
  n1c_intervals intervals;
} decoder;

int64_t n1c_range_encode_work_size(void) { return (int64_t)sizeof(encoder) + N1C_SLACK; }
int64_t n1c_range_decode_work_size(void) { return (int64_t)sizeof(decoder) + N1C_SLACK; }

int64_t n1c_range_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work, int64_t work_size) {
  encoder *h = (encoder *)n1c_align64(work);
  n1c_encoder e;
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity / 2 < n || work_size < n1c_range_encode_work_size()) return N1C_E_CAPACITY;
  if (!n) return 0;
  n1c_alphabet_count(&h->alphabet, x, n, h->counts);
  n1c_encoder_start(&e, out, 2 * n);
  n1c_alphabet_encode(&h->alphabet, &e, 0);
  if (h->alphabet.size > 1) {
    n1c_alphabet_starts(&h->alphabet, h->starts);
    for (int64_t i = 0; i < h->alphabet.size; i++) h->counts[h->alphabet.symbol[i]] = (uint32_t)i;
    for (int64_t i = 0; i < n; i++) {
      const uint32_t *start = h->starts + h->counts[n1c_offset(x[i])];
      n1c_encode_interval(&e, start[0], start[1] - start[0], N1C_SCALE);
    }
  }
  return n1c_finish_payload(x, n, out, n1c_encoder_end(&e));
}

int64_t n1c_range_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work, int64_t work_size) {
  decoder *h = (decoder *)n1c_align64(work);
  n1c_decoder d;
  if (n < 0 || length < 0) return N1C_E_ARGUMENT;
  if (work_size < n1c_range_decode_work_size()) return N1C_E_CAPACITY;
  if (!n1c_is_backed(n, length)) return N1C_E_CORRUPT;
  if (n1c_is_stored(n, length)) return n1c_load_samples(in, x, n);
  n1c_decoder_start(&d, in, length);
  if (n1c_alphabet_decode(&h->alphabet, &d, 0)) return N1C_E_CORRUPT;
  if (h->alphabet.size == 1) {
    for (int64_t i = 0; i < n; i++) x[i] = n1c_unoffset(h->alphabet.symbol[0]);
    return n;
  }
  n1c_intervals_build(&h->intervals, &h->alphabet);
  for (int64_t i = 0; i < n; i++) {
    const uint64_t unit = d.range >> N1C_SCALE;
    const uint64_t slot = d.code / unit;
    if (slot >> N1C_SCALE) return N1C_E_CORRUPT;
    const uint32_t rank = n1c_intervals_find(&h->intervals, (uint32_t)slot);
    const uint32_t start = h->intervals.starts[rank];
    n1c_decoder_narrow(&d, unit * start, unit * (h->intervals.starts[rank + 1] - start));
    x[i] = n1c_unoffset(h->alphabet.symbol[rank]);
  }
  return n1c_decoder_overrun(&d) ? N1C_E_CORRUPT : n;
}
