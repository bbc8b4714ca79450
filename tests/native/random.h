/* Random numbers of the fuzzers: the same ones for the same seed. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

static uint64_t state = 1;

/* A number below n, by xorshift64* (Vigna 2016). */
static uint32_t below(uint32_t n) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 2685821657736338717u) >> 33) % n;
}

#endif
