/* zlib streams (RFC 1950, RFC 1951), as heads and indexes of .n1c files are. */
#ifndef N1C_INFLATE_H
#define N1C_INFLATE_H

#include <stdint.h>

/* @param in        a zlib stream, and whatever follows it.
 * @param length    all bytes.
 * @param out       what was compressed.
 * @param capacity  room for it, else N1C_E_CAPACITY.
 * @param used      the bytes of the stream.
 * @return          how many bytes were written, or N1C_E_CORRUPT. */
int64_t n1c_inflate(const uint8_t *in, int64_t length, uint8_t *out, int64_t capacity, int64_t *used);

/* A zlib stream that holds bytes as they are: n1c_store_zlib_size(length) bytes. Returns where it ends. */
int64_t n1c_store_zlib_size(int64_t length);
uint8_t *n1c_store_zlib(uint8_t *p, const uint8_t *bytes, int64_t length);

#endif
