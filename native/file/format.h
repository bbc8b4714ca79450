/* What reading and writing share of the format of .n1c files (docs/format.md). */
#ifndef N1C_FORMAT_H
#define N1C_FORMAT_H

#include "payload.h"

/* Sources of version 1. */
enum { N1C_OPAQUE, N1C_WAV, N1C_WAV_AND_MORE, N1C_ARRAY };

/* Whether a checksum is what it should be. A fuzzer would get no further. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#  define N1C_SAME_SUM(a, b) ((void)(a), (void)(b), 1)
#else
#  define N1C_SAME_SUM(a, b) ((a) == (b))
#endif

typedef struct {
  int source;
  n1c_shape shape;
  double rate;
  uint32_t checksum; /* of the source */
  uint8_t *around;   /* from malloc(): prefix and suffix of a WAV file, one behind the other */
  int64_t prefix, suffix;
} n1c_head1;

/* Read what stands before the stages of a file of version 1, whose checksum is compared.
 *
 * @param head  what is in it; `around` is the caller's to free after any result.
 * @param r     stands at the stages afterwards.
 * @return      0, N1C_E_CORRUPT or N1C_E_MEMORY. */
int n1c_read_head1(const uint8_t *bytes, int64_t length, n1c_head1 *head, n1c_reader *r);

/* Whether samples, int24 in four bytes each, make up the source: 0 or N1C_E_CORRUPT. */
int n1c_check_source(const n1c_head1 *head, const uint8_t *samples);

/* The sampling rate in Hz that stands next, NaN where nobody said it; `r->bad` becomes 1 if it makes no sense.
 *
 * @param whole  whether it must be a whole number, as a WAV file's is. */
double n1c_take_rate(n1c_reader *r, int whole);

/* A rate as its code, and a double behind that for one that is no whole number. Returns where it ends. */
uint8_t *n1c_store_rate(uint8_t *p, double rate);

/* What stands between the checksum of the source and the stages of a file of version 1: at most 50 bytes. Returns where it
 * ends. */
uint8_t *n1c_store_head1(uint8_t *p, int source, const n1c_shape *shape, double rate);

/* Samples as files have them <-> as this machine has them. */
void n1c_native_order(uint8_t *samples, int64_t length, int bytes);

#endif
