/* The checksum of profiles, packets and files. */
#ifndef N1C_CRC32_H
#define N1C_CRC32_H

#include <stdint.h>

/* CRC-32 as zlib computes it, of bytes that follow those whose checksum is `crc`, 0 for none. */
uint32_t n1c_crc32(uint32_t crc, const uint8_t *bytes, int64_t length);

#endif
