/* CRC-32 of IEEE 802.3, eight bytes at a time (M. Kounavis, F. Berry, "Novel table lookup-based algorithms for
 * high-performance CRC generation", IEEE Trans. Computers 57(11), 2008). */
#include "crc32.h"

#include "bytes.h"

#ifdef N1C_SMALL
/* Half a byte at a time, for programs whose own size counts. */
static const uint32_t table[16] = {
    0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
    0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
};

uint32_t n1c_crc32(uint32_t crc, const uint8_t *p, int64_t length) {
  crc = ~crc;
  for (; length > 0; length--) {
    crc ^= *p++;
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}
#else
/* The entry of i is the exclusive or of those of its bits: a row is told by eight numbers. */
#define ENTRY(i, a, b, c, d, e, f, g, h)                                                                      \
  (((i) & 1 ? a : 0u) ^ ((i) & 2 ? b : 0u) ^ ((i) & 4 ? c : 0u) ^ ((i) & 8 ? d : 0u) ^ ((i) & 16 ? e : 0u) ^ \
   ((i) & 32 ? f : 0u) ^ ((i) & 64 ? g : 0u) ^ ((i) & 128 ? h : 0u))
#define ENTRIES4(i, a, b, c, d, e, f, g, h) \
  ENTRY(i, a, b, c, d, e, f, g, h), \
  ENTRY((i) + 1, a, b, c, d, e, f, g, h), \
  ENTRY((i) + 2, a, b, c, d, e, f, g, h), \
  ENTRY((i) + 3, a, b, c, d, e, f, g, h)
#define ENTRIES16(i, a, b, c, d, e, f, g, h) \
  ENTRIES4(i, a, b, c, d, e, f, g, h), \
  ENTRIES4((i) + 4, a, b, c, d, e, f, g, h), \
  ENTRIES4((i) + 8, a, b, c, d, e, f, g, h), \
  ENTRIES4((i) + 12, a, b, c, d, e, f, g, h)
#define ENTRIES64(i, a, b, c, d, e, f, g, h) \
  ENTRIES16(i, a, b, c, d, e, f, g, h), \
  ENTRIES16((i) + 16, a, b, c, d, e, f, g, h), \
  ENTRIES16((i) + 32, a, b, c, d, e, f, g, h), \
  ENTRIES16((i) + 48, a, b, c, d, e, f, g, h)
#define ROW(a, b, c, d, e, f, g, h) \
  { \
    ENTRIES64(0, a, b, c, d, e, f, g, h), \
    ENTRIES64(64, a, b, c, d, e, f, g, h), \
    ENTRIES64(128, a, b, c, d, e, f, g, h), \
    ENTRIES64(192, a, b, c, d, e, f, g, h) \
  }

/* table[k][i]: what a byte i does to the checksum k bytes later. */
static const uint32_t table[8][256] = {
    ROW(0x77073096u, 0xee0e612cu, 0x076dc419u, 0x0edb8832u, 0x1db71064u, 0x3b6e20c8u, 0x76dc4190u, 0xedb88320u),
    ROW(0x191b3141u, 0x32366282u, 0x646cc504u, 0xc8d98a08u, 0x4ac21251u, 0x958424a2u, 0xf0794f05u, 0x3b83984bu),
    ROW(0x01c26a37u, 0x0384d46eu, 0x0709a8dcu, 0x0e1351b8u, 0x1c26a370u, 0x384d46e0u, 0x709a8dc0u, 0xe1351b80u),
    ROW(0xb8bc6765u, 0xaa09c88bu, 0x8f629757u, 0xc5b428efu, 0x5019579fu, 0xa032af3eu, 0x9b14583du, 0xed59b63bu),
    ROW(0x3d6029b0u, 0x7ac05360u, 0xf580a6c0u, 0x30704bc1u, 0x60e09782u, 0xc1c12f04u, 0x58f35849u, 0xb1e6b092u),
    ROW(0xcb5cd3a5u, 0x4dc8a10bu, 0x9b914216u, 0xec53826du, 0x03d6029bu, 0x07ac0536u, 0x0f580a6cu, 0x1eb014d8u),
    ROW(0xa6770bb4u, 0x979f1129u, 0xf44f2413u, 0x33ef4e67u, 0x67de9cceu, 0xcfbd399cu, 0x440b7579u, 0x8816eaf2u),
    ROW(0xccaa009eu, 0x4225077du, 0x844a0efau, 0xd3e51bb5u, 0x7cbb312bu, 0xf9766256u, 0x299dc2edu, 0x533b85dau),
};

uint32_t n1c_crc32(uint32_t crc, const uint8_t *p, int64_t length) {
  crc = ~crc;
  for (; length >= 8; length -= 8, p += 8) {
    const uint32_t a = crc ^ n1c_load32(p), b = n1c_load32(p + 4);
    crc = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^ table[4][a >> 24] ^
          table[3][b & 255] ^ table[2][b >> 8 & 255] ^ table[1][b >> 16 & 255] ^ table[0][b >> 24];
  }
  for (; length > 0; length--) crc = crc >> 8 ^ table[0][(crc ^ *p++) & 255];
  return ~crc;
}
#endif
