/* What all kernels with AVX2 share. N1C_AVX2 is defined where compilers can make them, and numbers of 64 bits are cheap. */
#ifndef N1C_AVX2_H
#define N1C_AVX2_H

#include <stdint.h>

#if defined(__GNUC__) && defined(__x86_64__)
#  define N1C_AVX2
#  include <immintrin.h>
#  define AVX2 __attribute__((target("avx2,popcnt")))
#  define INLINE static inline __attribute__((always_inline, target("avx2,popcnt")))

INLINE __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }

/* For each set of dry lanes: which of the next words each lane takes. */
#  define B(x, i) ((x) >> (i) & 1)
#  define W1(x) 0
#  define W2(x) (B(x, 0))
#  define W3(x) (W2(x) + B(x, 1))
#  define W4(x) (W3(x) + B(x, 2))
#  define W5(x) (W4(x) + B(x, 3))
#  define W6(x) (W5(x) + B(x, 4))
#  define W7(x) (W6(x) + B(x, 5))
#  define W8(x) (W7(x) + B(x, 6))
#  define ROW(x) {W1(x), W2(x), W3(x), W4(x), W5(x), W6(x), W7(x), W8(x)}
#  define ROWS4(x) ROW(x), ROW((x) + 1), ROW((x) + 2), ROW((x) + 3)
#  define ROWS16(x) ROWS4(x), ROWS4((x) + 4), ROWS4((x) + 8), ROWS4((x) + 12)
#  define ROWS64(x) ROWS16(x), ROWS16((x) + 16), ROWS16((x) + 32), ROWS16((x) + 48)
static const uint8_t rank[256][8] = {ROWS64(0), ROWS64(64), ROWS64(128), ROWS64(192)};

#endif
#endif
