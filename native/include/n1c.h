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

/* The number of this interface: it goes up with every change that an old caller would not survive. n1c_version() returns
 * that of the library, which a program that loads it at run time compares with the one it was written for. */
#define N1C_VERSION 2
N1C_API int64_t n1c_version(void);

#define N1C_E_CORRUPT (-1)  /* the bytes are not what the encoder writes */
#define N1C_E_CAPACITY (-2) /* the output array is too small */
#define N1C_E_ARGUMENT (-3) /* an argument is out of its range */

/* -- transform: bit planes ------------------------------------------------------------------------------------- */

/* Bit shuffle: out[plane * ceil(n / 8) + i / 8] holds bit `plane` of x[i] at position i % 8. */
N1C_API int64_t n1c_bitshuffle16(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity);
N1C_API int64_t n1c_bitunshuffle16(const uint8_t *in, int64_t length, int16_t *x, int64_t n);

/* -- entropy ------------------------------------------------------------------------------------------------------ */

/* Coders of int16 samples. An encoder needs a capacity of 2n bytes and never writes more: what gains nothing is stored. A
 * decoder returns n or an error. `work` is scratch memory aligned as malloc's, of at least the bytes that the function
 * ..._work() returns; it needs no initialisation and holds nothing between calls. */

/* Canonical Huffman code, lengths up to 20, its table in front. */
N1C_API int64_t n1c_huffman_encode_work(void);
N1C_API int64_t n1c_huffman_decode_work(void);
N1C_API int64_t n1c_huffman_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                   int64_t work_size);
N1C_API int64_t n1c_huffman_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                   int64_t work_size);

/* Static range coder, its table in front. */
N1C_API int64_t n1c_range_encode_work(void);
N1C_API int64_t n1c_range_decode_work(void);
N1C_API int64_t n1c_range_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                 int64_t work_size);
N1C_API int64_t n1c_range_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                 int64_t work_size);

/* rANS with two interleaved states, its table in front. */
N1C_API int64_t n1c_rans_encode_work(void);
N1C_API int64_t n1c_rans_decode_work(void);
N1C_API int64_t n1c_rans_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                int64_t work_size);
N1C_API int64_t n1c_rans_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                int64_t work_size);

/* Adaptive range coder. */
N1C_API int64_t n1c_arange_work(void);
N1C_API int64_t n1c_arange_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                  int64_t work_size);
N1C_API int64_t n1c_arange_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                  int64_t work_size);

/* Adaptive Golomb-Rice code. */
N1C_API int64_t n1c_rice_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity);
N1C_API int64_t n1c_rice_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n);

/* -- predictive --------------------------------------------------------------------------------------------------- */

/* Samples <-> residuals of equal number, n >= 1. All arithmetic is modulo 2^16: any input comes back. Inputs and outputs
 * do not overlap. */

/* Fixed polynomial predictors: orders[b] is the order, 0 to 4, of block b; there are ceil(n / block) of them. */
N1C_API int64_t n1c_fixed_encode(const int16_t *x, int64_t n, int64_t block, uint8_t *orders, int64_t blocks,
                                 int16_t *y, int64_t capacity);
N1C_API int64_t n1c_fixed_decode(const int16_t *y, int64_t n, int64_t block, const uint8_t *orders, int64_t blocks,
                                 int16_t *x, int64_t capacity);

/* Linear prediction of order 0 to 32 with coefficients of 5 to 15 bits, in blocks. `scratch` has room for
 * min(block, n) + 34 numbers; 70 bytes a block suffice for `side`, of which the encoder returns how many it wrote. */
N1C_API int64_t n1c_lpc_encode(const int16_t *x, int64_t n, int64_t block, int64_t max_order, int64_t precision,
                               double *scratch, int64_t room, uint8_t *side, int64_t side_capacity, int16_t *y,
                               int64_t capacity);
N1C_API int64_t n1c_lpc_decode(const int16_t *y, int64_t n, int64_t block, const uint8_t *side, int64_t length,
                               int16_t *x, int64_t capacity);

/* Sign-sign LMS of order 1 to 32, step 1 to 16. */
N1C_API int64_t n1c_slms_encode(const int16_t *x, int64_t n, int64_t order, int64_t step, int16_t *y, int64_t capacity);
N1C_API int64_t n1c_slms_decode(const int16_t *y, int64_t n, int64_t order, int64_t step, int16_t *x, int64_t capacity);

/* Normalised LMS of order 1 to 128, step 2^-rate with rate 1 to 16. */
N1C_API int64_t n1c_nlms_encode(const int16_t *x, int64_t n, int64_t order, int64_t rate, int16_t *y, int64_t capacity);
N1C_API int64_t n1c_nlms_decode(const int16_t *y, int64_t n, int64_t order, int64_t rate, int16_t *x, int64_t capacity);

/* Differences in codes of 2 to 8 bits with escapes: the encoder returns the number of bytes, at most
 * ceil(n * (bits + 16) / 8). */
N1C_API int64_t n1c_kbit_encode(const int16_t *x, int64_t n, int64_t bits, uint8_t *out, int64_t capacity);
N1C_API int64_t n1c_kbit_decode(const uint8_t *in, int64_t length, int64_t bits, int16_t *x, int64_t n);

/* -- n1 ------------------------------------------------------------------------------------------------------------ */

/* The codec n1 (docs/codec.md): one channel of int16 samples, n of them, 1 <= n <= 2^32. A profile is the bytes of a
 * .n1p file, or the single byte 1 for the built-in one, or empty for a cold start. `work` is scratch memory of
 * n1c_n1_workspace(n) bytes; it needs no initialisation. The encoder needs a capacity of 2n + 1 and returns the length;
 * the decoder returns n. A payload that was made with a .n1p file asks for it again: its CRC-32 stands in bytes 1..4 if
 * bits 3 and 4 of byte 0 are set. simd = 0 keeps to plain C, 1 takes what the machine has: the bits are the same. */
N1C_API int64_t n1c_n1_workspace(int64_t n);
N1C_API int64_t n1c_n1_encode(const int16_t *x, int64_t n, const uint8_t *profile, int64_t profile_length,
                              uint8_t *work, int64_t work_length, uint8_t *out, int64_t capacity, int64_t simd);
N1C_API int64_t n1c_n1_decode(const uint8_t *in, int64_t length, const uint8_t *profile, int64_t profile_length,
                              uint8_t *work, int64_t work_length, int16_t *x, int64_t n, int64_t simd);

/* Copy a built-in profile, 0 of a cold start or 1 of N1, and return its length. */
N1C_API int64_t n1c_n1_profile(int64_t number, uint8_t *out, int64_t capacity);

/* For training: six numbers for each of the returned count of samples, which stand in the order of coding: code,
 * prediction, scale, both ends of the code in the residual's distribution, frequency. Needs n >= 4096, a .n1p file's
 * bytes and a size of 6n. */
N1C_API int64_t n1c_n1_trace(const int16_t *x, int64_t n, const uint8_t *profile, int64_t profile_length, uint8_t *work,
                             int64_t work_length, int32_t *out, int64_t size);

/* -- n1_implant ---------------------------------------------------------------------------------------------------- */

/* The codec n1_implant (docs/implant.md): one channel of int16 samples, n >= 1. `tables` is empty for the built-in ones,
 * or what n1c_n1_implant_tables() writes. `work` has room for n numbers. The encoder needs a capacity of 2n + 1 and
 * returns the length; the decoder returns n. */
N1C_API int64_t n1c_n1_implant_encode(const int16_t *x, int64_t n, const uint8_t *tables, int64_t tables_length,
                                      int16_t *work, int64_t room, uint8_t *out, int64_t capacity);
N1C_API int64_t n1c_n1_implant_decode(const uint8_t *in, int64_t length, const uint8_t *tables, int64_t tables_length,
                                      int16_t *work, int64_t room, int16_t *x, int64_t n);

/* Bytes of 0 the state of a channel, 1 the range coder, which channels may share, 2 the tables. */
N1C_API int64_t n1c_n1_implant_size(int64_t what);

/* Copy the built-in tables, in this machine's byte order, and return their length. */
N1C_API int64_t n1c_n1_implant_tables(uint8_t *out, int64_t capacity);

/* For training: six numbers for each sample but the first (code, prediction, scale, both ends of the code in the
 * residual's distribution, frequency) and the state after the last one. Needs N1 samples and a size of 6n. */
N1C_API int64_t n1c_n1_implant_trace(const int16_t *x, int64_t n, const uint8_t *tables, int64_t tables_length,
                                     int32_t *out, int64_t size, int16_t *state, int64_t state_size);

/* -- n1_max -------------------------------------------------------------------------------------------------------- */

/* The codec n1_max (docs/max.md): one channel of int16 samples, 1 <= n <= 2^32. `work` is scratch memory of
 * n1c_n1_max_workspace(n) bytes; it needs no initialisation. The encoder needs a capacity of 2n + 1 and returns the
 * length; the decoder returns n. What is not N1's is coded as n1 codes it. simd as for n1. */
N1C_API int64_t n1c_n1_max_workspace(int64_t n);
N1C_API int64_t n1c_n1_max_encode(const int16_t *x, int64_t n, uint8_t *work, int64_t work_length, uint8_t *out,
                                  int64_t capacity, int64_t simd);
N1C_API int64_t n1c_n1_max_decode(const uint8_t *in, int64_t length, uint8_t *work, int64_t work_length, int16_t *x,
                                  int64_t n, int64_t simd);

/* Copy the built-in tables and return their length. */
N1C_API int64_t n1c_n1_max_tables(uint8_t *out, int64_t capacity);

/* For training: the model runs over `files` recordings of n / files codes each, 16 samples of each in turn, and returns
 * the bits that they take. With a rate, in 10^-9, one network learns from all of them: `net` holds its 6968 parameters
 * and as many mean squares of the gradient. Without, each is coded as the codec would with these tables. `work` has
 * room for files + 1 times 2^18 bytes. */
N1C_API int64_t n1c_n1_max_learn(const uint16_t *codes, int64_t n, const uint8_t *tables, int64_t tables_length,
                                 float *net, int64_t net_size, uint8_t *work, int64_t work_length, int64_t files,
                                 int64_t rate);

/* -- streaming ----------------------------------------------------------------------------------------------------- */

/* Packets of `frames` samples (1 .. 128) of each of `channels` channels (1 .. 65536), coded with a codec's model and a
 * state for each channel (docs/streaming.md). Samples are frame by frame, all channels of each.
 *
 * An encoder and a decoder have a memory of n1c_stream_bytes() bytes each, which must not move once it is opened. Both
 * are opened alike: `profile` is the single byte 1 for the built-in one, or the bytes of a .n1p file with widths (n1), or
 * tables (n1_implant); N1C_STREAM_ANY is n1 for samples of any kind and has no other than the
 * built-in one. Every channel restarts every `period` packets (period * frames <= 2^30). */
#define N1C_STREAM_N1 0
#define N1C_STREAM_IMPLANT 2
#define N1C_STREAM_ANY 4
N1C_API int64_t n1c_stream_bytes(int64_t codec, int64_t channels, int64_t frames);
N1C_API int64_t n1c_stream_open(uint8_t *memory, int64_t length, int64_t codec, const uint8_t *profile,
                                int64_t profile_length, int64_t channels, int64_t frames, int64_t period);

/* Bytes that a packet has at most. */
N1C_API int64_t n1c_stream_capacity(int64_t channels, int64_t frames);

/* One packet from n = frames * channels samples; returns its length. Needs the capacity above. simd as for n1. */
N1C_API int64_t n1c_stream_encode(uint8_t *memory, int64_t length, const int16_t *x, int64_t n, uint8_t *out,
                                  int64_t capacity, int64_t simd);

/* The n samples of a packet of `size` bytes; returns how many packets before it are missing. valid[c] is 1 where
 * channel c came back; elsewhere its samples are 0, because packets were lost since its last restart. N1C_E_CORRUPT: the
 * packet is damaged, or another encoder's. N1C_E_ARGUMENT: a later one came already. In both cases nothing else changes. */
N1C_API int64_t n1c_stream_decode(uint8_t *memory, int64_t length, const uint8_t *in, int64_t size, int16_t *x,
                                  int64_t n, uint8_t *valid, int64_t channels, int64_t simd);

/* An encoder restarts all channels with its next packet; a decoder takes any packet as the first. */
N1C_API int64_t n1c_stream_restart(uint8_t *memory, int64_t length);

/* -- correlation --------------------------------------------------------------------------------------------------- */

/* Kendall's concordant less discordant pairs of samples, exactly, for up to 2^31 - 1 samples of a channel given as
 * ranks: 0 for its smallest value, 1 for the next one, below its number of levels.
 *
 * From joint histograms: `ranks` are whole channels one after the other, `levels` has a number <= 65536 for each. Channel
 * x is compared with each of the `count` channels `others`, and out[k] belongs to others[k]. `table` has room for
 * (levels[x] + 1) * levels[y] numbers and needs no initialisation. */
N1C_API int64_t n1c_kendall_table(const uint16_t *ranks, int64_t size, const int64_t *levels, int64_t channels,
                                  int64_t x, const int64_t *others, int64_t count, uint32_t *table, int64_t room,
                                  int64_t *out, int64_t capacity);

/* For any number of levels, in O(n log levels): a pair of channels in the order of x, which ascends. `work` has room for
 * two numbers for each level of y and needs no initialisation. */
N1C_API int64_t n1c_kendall_tree(const uint32_t *x, int64_t n, const uint32_t *y, int64_t length, uint32_t *work,
                                 int64_t room, int64_t *out, int64_t capacity);

#ifdef __cplusplus
}
#endif
#endif
