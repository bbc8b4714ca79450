/* N1's recordings: codes k of 10 bits, stretched to samples trunc(k * 65535 / 1023 - 32768) of 16 bits. */
#ifndef N1C_N1_MAPPING_H
#define N1C_N1_MAPPING_H

#include <stdint.h>

#define N1_CODES 1024

/* The sample of a code. 65535 / 1023 = 64 + 21 / 341; below the middle truncation rounds up. */
static inline int16_t n1_sample_of(int32_t code) {
  const int32_t parts = code * 21;
  return (int16_t)(code * 64 + parts / 341 + (code < N1_CODES / 2 && parts % 341 ? 1 : 0) - 32768);
}

/* The one code whose sample this may be. */
static inline int32_t n1_code_of(int16_t sample) { return (sample + 32768) >> 6; }

/* A mapping of codes to samples: first + ((code * step + phase) >> N1_STEP_BITS). */
#define N1_STEP_BITS 13

typedef struct {
  int32_t codes, first;
  uint32_t step, phase; /* the phase is below one step of a sample */
} n1_steps;

/* The range of samples and their common step, which need not be an integer where a recorder has scaled its codes and
 * rounded. `used` is scratch memory of N1_STEPS_WORK numbers: a map of 65536 bits, and a list. */
#define N1_STEPS_WORK (65536 / 32 + 4096)
void n1_find_steps(const int16_t *x, int64_t n, uint32_t *used, n1_steps *out);

#endif
