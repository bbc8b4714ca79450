/* What .n1c files know of WAV files, and of rates (docs/format.md). */
#ifndef N1C_WAV_H
#define N1C_WAV_H

#include <stdint.h>
#include <string.h>

#include "bytes.h"

#define N1C_RATES ((int)(sizeof n1c_rates / sizeof *n1c_rates))
#define N1C_RATE_F64 64   /* the code of a rate that is no whole number */
#define N1C_RATE_WHOLE 65 /* what whole rates that stand in no table are counted from */
#define N1C_WAV_HEADER 44 /* bytes before the samples of a canonical WAV file */

/* Rates by their codes, in Hz. */
static const uint32_t n1c_rates[] = {19531, 8000,  10000, 11025, 12500, 15000, 16000,  20000, 22050, 24000, 24414, 25000,
                                     30000, 32000, 44100, 48000, 50000, 96000, 192000, 1000,  1250,  2000,  2500,  40000};

/* Write the canonical header; 0 if its fields cannot hold the numbers. */
static inline int n1c_put_wav_header(uint8_t *p, int64_t frames, int64_t channels, uint32_t rate, int bytes) {
  const uint64_t block = (uint64_t)channels * (uint32_t)bytes, size = (uint64_t)frames * block;
  if (channels > 65535 || block > 65535 || rate * block > UINT32_MAX || size > UINT32_MAX - 36) return 0;
  memcpy(p, "RIFF....WAVEfmt ", 16);
  n1c_store_bytes(p + 4, 36 + size, 4);
  n1c_store_bytes(p + 16, 16, 4);
  n1c_store_bytes(p + 20, 1, 2);
  n1c_store_bytes(p + 22, (uint64_t)channels, 2);
  n1c_store_bytes(p + 24, rate, 4);
  n1c_store_bytes(p + 28, rate * block, 4);
  n1c_store_bytes(p + 32, block, 2);
  n1c_store_bytes(p + 34, 8 * (uint64_t)bytes, 2);
  memcpy(p + 36, "data", 4);
  n1c_store_bytes(p + 40, size, 4);
  return 1;
}

#endif
