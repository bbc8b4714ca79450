/* What tests of libn1c's insides call (tests/test_native_internals.py): parts that no public function shows by themselves. */
#include <string.h>

#include "../../native/tools/container.c"
#include "entropy.h"
#include "n1_implant_coder.h"
#include "n1_mapping.h"
#include "n1_multi.h"
#include "n1_rans.h"

#define SHOWN __attribute__((visibility("default")))

SHOWN uint32_t crc32_of(uint32_t crc, const uint8_t *p, int64_t length) { return n1c_crc32(crc, p, length); }

SHOWN int64_t store_leb128(uint8_t *out, uint64_t v) { return n1c_store_leb128(out, v) - out; }

/* Returns the bytes read, or -1. */
SHOWN int64_t read_leb128(const uint8_t *in, int64_t length, int most, uint64_t *v) {
  n1c_reader r = n1c_reader_of(in, length);
  *v = n1c_read_leb128(&r, most);
  return r.bad ? -1 : r.at - in;
}

SHOWN uint64_t load_bytes(const uint8_t *p, int bytes) { return n1c_load_bytes(p, bytes); }
SHOWN uint32_t load16(const uint8_t *p) { return n1c_load16(p); }
SHOWN uint32_t load32(const uint8_t *p) { return n1c_load32(p); }
SHOWN uint32_t counter_rate(int seen) { return n1c_counter_rates[seen]; }
SHOWN int sample_of_code(int code) { return n1_sample_of(code); }
SHOWN int code_of_sample(int sample) { return n1_code_of((int16_t)sample); }
SHOWN uint32_t multi_shape_of(int tail, int i) { return multi_shape(tail, i); }
SHOWN int64_t container_rate(int i) { return i < N1C_RATES ? (int64_t)n1c_rates[i] : -1; }

/* Returns the number of symbols, or an error. */
SHOWN int64_t decode_alphabet(const uint8_t *in, int64_t length, int exact, uint32_t *symbols, uint32_t *weights) {
  static n1c_alphabet a;
  n1c_decoder d;
  n1c_decoder_start(&d, in, length);
  const int error = n1c_alphabet_decode(&a, &d, exact);
  if (error) return error;
  for (int64_t i = 0; i < a.size; i++) symbols[i] = a.symbol[i], weights[i] = a.weight[i];
  return a.size;
}

/* One lane's first state, the others' being good: whether it is taken, and whether the tail begins behind it. */
SHOWN int states_are_loaded(uint64_t first, int length_of_all) {
  uint64_t state[N1_LANES];
  uint8_t bytes[N1_STATES_SIZE];
  for (int lane = 0; lane < N1_LANES; lane++) state[lane] = N1_STATE + (uint64_t)lane;
  state[0] = first;
  n1c_reader r = n1c_reader_of(bytes, n1_states_store(bytes, state) - bytes + length_of_all);
  return n1_states_load(&r, state);
}

SHOWN int tail_begins(uint64_t last) {
  static const uint8_t nothing[1];
  uint8_t first[4 * N1_LANES];
  uint64_t state[N1_LANES];
  n1_tail t;
  for (int lane = 0; lane < N1_LANES; lane++) state[lane] = N1_STATE;
  state[N1_LANES - 1] = last;
  return n1_tail_begin(&t, state, first, nothing, nothing);
}

/* Lets the implant's coder put out a byte of 0xFF with so many pending already; returns whether it gave up. */
SHOWN int implant_gives_up(uint32_t pending) {
  uint8_t out[1];
  implant_writer w = {out, out + sizeof out, 0};
  implant_coder c = {0xFF000000u, 0xFFFFFFFFu, pending << 8 | 7};
  implant_shift_out(&c, &w);
  if (!w.full && c.pending != ((pending + 1) << 8 | 7)) return -1;
  return w.full;
}

/* Writes where the implant's decoder begins to look, in 64ths of a cell from the middle, for each 1024th of the whole;
   the residual's distribution function is the built-in one, shifted right. */
SHOWN void implant_quantiles(int shift, int16_t *quantiles) {
  static implant_tables t;
  implant_guesses g;
  t = n1_implant_n1;
  for (int i = 0; i <= IMPLANT_CELLS; i++) t.shape[i] >>= shift;
  n1_implant_guesses(&t, &g);
  memcpy(quantiles, g.quantile, sizeof g.quantile);
}

#if defined(__SSE2__)
#  include <emmintrin.h>
SHOWN int float_mode(void) { return (int)_mm_getcsr(); }
SHOWN void set_float_mode(int mode) { _mm_setcsr((unsigned)mode); }
#endif
