/* rANS (Duda, arXiv:1311.2540, section 2.3): the step that takes a symbol into a state, and the one that takes it out.
 * When a state gives away bytes, and how many, is up to each format. */
#ifndef N1C_RANS_H
#define N1C_RANS_H

#include <stdint.h>

/* The state after a symbol of the interval [low, low + frequency) of 2^bits. */
static inline uint64_t n1c_rans_put(uint64_t state, uint32_t low, uint64_t frequency, int bits) {
  return (state / frequency << bits) + state % frequency + low;
}

static inline uint32_t n1c_rans_put32(uint32_t state, uint32_t low, uint32_t frequency, int bits) {
  return (state / frequency << bits) + state % frequency + low;
}

/* Where in 2^bits the interval of a state's last symbol lies. */
static inline uint32_t n1c_rans_slot(uint64_t state, int bits) { return (uint32_t)state & (((uint32_t)1 << bits) - 1); }

/* The state before that symbol; `slot` is the state's. */
static inline uint64_t n1c_rans_take(uint64_t state, uint32_t slot, uint32_t low, uint32_t frequency, int bits) {
  return frequency * (state >> bits) + slot - low;
}

static inline uint32_t n1c_rans_take32(uint32_t state, uint32_t slot, uint32_t low, uint32_t frequency, int bits) {
  return frequency * (state >> bits) + slot - low;
}

#endif
