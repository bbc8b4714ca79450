/* How n1 and its packets code with rANS: eight lanes in step, then a tail of single symbols.
 *
 * A lane's state has 64 bits, is at least N1_STATE, and gives away words of 32 bits; the tail's has 32 bits, is at least
 * N1_TAIL_STATE, and gives away bytes. The encoder goes backwards: it codes the tail first, and what the lanes' states
 * begin with are the tail's first bytes. The decoder finds them in the states that its lanes end with. */
#ifndef N1C_N1_RANS_H
#define N1C_N1_RANS_H

#include <string.h>

#include "bytes.h"
#include "n1_lanes.h"
#include "rans.h"

#define N1_STATE ((uint64_t)1 << 32)
#define N1_TAIL_STATE ((uint32_t)1 << 24)
#define N1_STATES_SIZE (2 + 8 * N1_LANES) /* bytes that the lanes' states take at most */

/* -- encoder: everything is written downwards ----------------------------------------------------------------------- */

/* `low` is read only once the bytes are written: loaded before, it would take a register that they need. */
static inline uint32_t n1_tail_put(uint32_t state, const uint32_t *low, uint32_t frequency, uint8_t **bytes) {
  for (; state >> 8 >= frequency; state >>= 8) *--*bytes = (uint8_t)state;
  return n1c_rans_put32(state, *low, frequency, N1_PROB_BITS);
}

static inline uint8_t *n1_tail_end(uint32_t state, uint8_t *bytes) {
  for (int i = 0; i < 4; i++, state >>= 8) *--bytes = (uint8_t)state;
  return bytes;
}

/* The lanes' first states; returns where the rest of the tail's bytes begins. */
static inline uint8_t *n1_lanes_begin(uint64_t *state, uint8_t *bytes, const uint8_t *end) {
  for (int lane = 0; lane < N1_LANES; lane++) {
    state[lane] = N1_STATE;
    for (int i = 0; i < 4; i++) state[lane] |= (uint64_t)(bytes < end ? *bytes++ : 0) << 8 * i;
  }
  return bytes;
}

/* One step of all lanes: `coded` has eight times the frequencies below a code and eight times that of the code. It is 0
 * where a lane is idle. Returns where the words begin. */
static inline uint8_t *n1_lanes_put(uint64_t *state, const uint32_t *coded, uint8_t *words) {
  for (int lane = N1_LANES - 1; lane >= 0; lane--) {
    const uint64_t frequency = coded[N1_LANES + lane];
    uint64_t s = state[lane];
    if (!frequency) continue;
    if (s >= frequency << 40) {
      words -= 4;
      n1c_store_bytes(words, s, 4);
      s >>= 32;
    }
    state[lane] = n1c_rans_put(s, coded[lane], frequency, N1_PROB_BITS);
  }
  return words;
}

/* Writes the states, each in as few bytes as it takes; returns where they end. */
static inline uint8_t *n1_states_store(uint8_t *out, const uint64_t *state) {
  uint8_t *at = out + 2;
  uint32_t lengths = 0;
  for (int lane = 0; lane < N1_LANES; lane++) {
    int length = 5;
    while (length < 8 && state[lane] >> 8 * length) length++;
    lengths |= (uint32_t)(length - 5) << 2 * lane;
    at = n1c_store_bytes(at, state[lane], length);
  }
  n1c_store_bytes(out, lengths, 2);
  return at;
}

/* Steps in lockstep, unless there are no `lanes` of states, then those of the tail: what the kernels say of each. The
 * words and bytes come to lie below `end`, the states in `states`; `size` gets their length. Returns where the words
 * begin, or NULL where there is no room above `low`. */
static inline uint8_t *n1_write(const uint32_t *coded, int64_t steps, int64_t tail, int lanes, const uint8_t *low,
                                uint8_t *end, uint8_t *states, int64_t *size) {
  const uint32_t *const first = coded + 2 * N1_LANES * steps;
  uint8_t *at = end;
  uint32_t tail_state = N1_TAIL_STATE;
  uint64_t state[N1_LANES];
  *size = 0;
  for (const uint32_t *c = first + 2 * N1_LANES * tail; c > first;) {
    c -= 2 * N1_LANES;
    if (at - low < 64) return NULL;
    for (int lane = N1_LANES - 1; lane >= 0; lane--)
      if (c[N1_LANES + lane]) tail_state = n1_tail_put(tail_state, c + lane, c[N1_LANES + lane], &at);
  }
  at = n1_tail_end(tail_state, at);
  if (!lanes) return at;
  at = n1_lanes_begin(state, at, end);
  for (const uint32_t *c = first; c > coded;) {
    c -= 2 * N1_LANES;
    if (at - low < 64) return NULL;
    at = n1_lanes_put(state, c, at);
  }
  *size = n1_states_store(states, state) - states;
  return at;
}

/* -- decoder --------------------------------------------------------------------------------------------------------- */

/* Reads the states; 0 if they are not all there, or none that an encoder writes. */
static inline int n1_states_load(n1c_reader *in, uint64_t *state) {
  const uint32_t lengths = (uint32_t)n1c_read_bytes(in, 2);
  for (int lane = 0; lane < N1_LANES; lane++) {
    state[lane] = n1c_read_bytes(in, 5 + (int)(lengths >> 2 * lane & 3));
    if (state[lane] < N1_STATE) return 0;
  }
  return !in->bad;
}

typedef struct {
  uint32_t state;
  const uint8_t *at, *end;        /* bytes to be read, first those in the lanes' states */
  const uint8_t *more, *more_end; /* bytes behind them */
} n1_tail;

/* Takes a byte into the state; 0 if there is none left. */
static inline int n1_tail_refill(n1_tail *t) {
  if (t->at == t->end) t->at = t->more, t->end = t->more = t->more_end;
  if (t->at == t->end) return 0;
  t->state = t->state << 8 | *t->at++;
  return 1;
}

/* Begins a tail behind the states that the lanes ended with, NULL where there are no lanes; 0 if they cannot be. The
 * states' bytes are put into `first`, which must stay as long as the tail. */
static inline int n1_tail_begin(n1_tail *t, const uint64_t *state, uint8_t first[4 * N1_LANES], const uint8_t *in,
                                const uint8_t *end) {
  for (int lane = 0; state && lane < N1_LANES; lane++) {
    if (state[lane] >> 32 != 1) return 0;
    n1c_store_bytes(first + 4 * lane, state[lane], 4);
  }
  t->at = first;
  t->end = first + (state ? 4 * N1_LANES : 0);
  t->more = in;
  t->more_end = end;
  t->state = 0;
  for (int i = 0; i < 4; i++)
    if (!n1_tail_refill(t)) t->state <<= 8;
  return 1;
}

/* Steps from .. to - 1 of a block. */
static inline void n1_tail_decode(n1_tail *t, const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to) {
  for (int32_t step = from; step < to; step++) {
    int32_t p[N1_LANES], scale[N1_LANES];
    n1_begin_step(g, p, scale);
    memset(b->codes[step], 0, sizeof b->codes[step]);
    for (int lane = 0; lane < N1_LANES; lane++) {
      const uint32_t slot = n1c_rans_slot(t->state, N1_PROB_BITS);
      uint32_t low, frequency;
      if (b->idle >> lane & 1) continue;
      b->codes[step][lane] = (uint16_t)n1_find(m, slot, p[lane], scale[lane], &low, &frequency);
      t->state = n1c_rans_take32(t->state, slot, low, frequency, N1_PROB_BITS);
      while (t->state < N1_TAIL_STATE && n1_tail_refill(t)) {}
    }
    n1_end_step(m, g, b, step, p);
  }
}

static inline int n1_tail_is_read(const n1_tail *t) { return t->at == t->end && t->more == t->more_end; }

#endif
