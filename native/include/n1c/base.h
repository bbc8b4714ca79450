/* What all headers of libn1c share: error codes, the version of the interface, and rules.
 *
 * - Every function takes an array as (pointer, length) and returns a count >= 0 or a negative N1C_E_* code.
 * - No function allocates, keeps state between calls, or reads or writes outside the lengths that it is given.
 * - Lengths count elements of the array's type. Arrays are aligned as their type asks; those of bytes begin anywhere.
 * - Inputs and outputs do not overlap. After an error the outputs hold anything.
 * - `work` is scratch memory: bytes that begin anywhere and hold anything, `work_size` of them; the function
 *   n1c_..._work_size() of a kernel returns how many it needs. It holds nothing between calls.
 * - `simd` is 1 to use what the machine has, 0 to keep to plain C. The bytes and samples are the same.
 * - Functions may run in several threads at the same time if they share no memory that one of them writes.
 *
 * Error codes mean the same everywhere; a function's own documentation says what it adds:
 * N1C_E_CORRUPT from a decoder alone: the bytes, or numbers that travel with them, are not what the encoder writes;
 * N1C_E_CAPACITY: an output or the scratch memory is smaller than the function says;
 * N1C_E_ARGUMENT: a number is out of its range, a length is negative, or a table is none. */
#ifndef N1C_BASE_H
#define N1C_BASE_H

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

#define N1C_E_CORRUPT (-1)
#define N1C_E_CAPACITY (-2)
#define N1C_E_ARGUMENT (-3)

/* The version of this interface. It goes up with every change that an old caller would not survive. */
#define N1C_VERSION 5

/* The version of the library, for programs that load it at run time: not that of these headers means another library.
 *
 * @return N1C_VERSION as it was when the library was built. */
N1C_API int64_t n1c_version(void);

#ifdef __cplusplus
}
#endif
#endif
