/* libn1c: kernels for lossless compression of neural recordings.
 *
 * Every function takes arrays as (pointer, length) and returns a count >= 0 or a negative N1C_E_* code.
 * No function allocates, keeps state between calls, or reads or writes outside the lengths that it is given. */
#ifndef N1C_H
#define N1C_H

#include <stdint.h>

#if defined(_WIN32)
#  ifdef N1C_BUILD
#    define N1C_API __declspec(dllexport)
#  else
#    define N1C_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__)
#  define N1C_API __attribute__((visibility("default")))
#else
#  define N1C_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define N1C_E_CORRUPT (-1)  /* the bytes are not what the encoder writes */
#define N1C_E_CAPACITY (-2) /* the output array is too small */
#define N1C_E_ARGUMENT (-3) /* an argument is out of its range */

/* -- transform: bit planes ------------------------------------------------------------------------------------- */

/* Bit shuffle: out[plane * ceil(n / 8) + i / 8] holds bit `plane` of x[i] at position i % 8. */
N1C_API int64_t n1c_bitshuffle16(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity);
N1C_API int64_t n1c_bitunshuffle16(const uint8_t *in, int64_t length, int16_t *x, int64_t n);

#ifdef __cplusplus
}
#endif
#endif
