/* Coders and filters of whole channels. n1c/base.h has the rules that hold for all of them. */
#ifndef N1C_CODEC_H
#define N1C_CODEC_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- transform: bit planes ------------------------------------------------------------------------------------------ */

/* Shuffle bits: out[plane * ceil(n / 8) + i / 8] holds bit `plane` of x[i] at position i % 8.
 *
 * @param x         n samples, n >= 0.
 * @param n         their number.
 * @param out       the planes, the lowest first.
 * @param capacity  16 * ceil(n / 8) or more, else N1C_E_CAPACITY.
 * @return          the number of bytes written, 16 * ceil(n / 8). */
N1C_API int64_t n1c_bitshuffle16(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity);

/* Undo n1c_bitshuffle16().
 *
 * @param in      the planes.
 * @param length  16 * ceil(n / 8), else N1C_E_CORRUPT.
 * @param x       room for n samples.
 * @param n       their number.
 * @return        n. */
N1C_API int64_t n1c_bitunshuffle16(const uint8_t *in, int64_t length, int16_t *x, int64_t n);

/* -- transform coding, which loses something -------------------------------------------------------------------------- */

#define N1C_MDCT_BLOCK 256                          /* samples that a block goes on by */
#define N1C_MDCT_STEP_BITS 8                        /* of a step, below the point */
#define N1C_MDCT_MOST_STEP ((int64_t)1 << 28)
#define N1C_MDCT_MOST ((1 << 19) - 1)               /* that a sample may be */
#define N1C_MDCT_CLASSES 128                        /* of coefficients' sizes */

/* Modified discrete cosine transform, dependent quantisation, adaptive range coding. docs/lossy.md describes the bytes.
 *
 * @param x          n samples of at most N1C_MDCT_MOST either way, else N1C_E_ARGUMENT.
 * @param n          their number, n >= 0.
 * @param step       of the quantiser, in units of 2^-N1C_MDCT_STEP_BITS, 1..N1C_MDCT_MOST_STEP.
 * @param bit_price  what a bit may cost in squares of half a step, in units of 1/256; 0..65536.
 * @param out        the payload.
 * @param capacity   its room; 16 (n + 512) is always enough, and N1C_E_CAPACITY says that it was not.
 * @param work       scratch memory.
 * @param work_size  what n1c_mdct_..._work_size() returns, or more, else N1C_E_CAPACITY.
 * @return           the length of the payload; of n1c_mdct_..._work_size(): bytes of scratch memory. */
N1C_API int64_t n1c_mdct_encode_work_size(void);
N1C_API int64_t n1c_mdct_decode_work_size(void);
N1C_API int64_t n1c_mdct_encode(const int32_t *x, int64_t n, int64_t step, int64_t bit_price, uint8_t *out,
                                int64_t capacity, void *work, int64_t work_size);

/* The same, with a goal: bits cost up to four times more or less than bit_price, block by block, so that the payload has
 * about so many bytes, or its samples so much noise. Where a step and a goal do not go together it ends beside it.
 *
 * @param noise      the sum of squares of the samples' errors that is wanted, or 0.
 * @param length     the bytes that are wanted, or 0; N1C_E_ARGUMENT if both are.
 * @param back       what n1c_mdct_decode() makes of the payload.
 * @param room       n; without noise it may be 0, else N1C_E_CAPACITY.
 * @return           the length of the payload. */
N1C_API int64_t n1c_mdct_encode_to(const int32_t *x, int64_t n, int64_t step, int64_t bit_price, int64_t noise,
                                   int64_t length, uint8_t *out, int64_t capacity, int32_t *back, int64_t room,
                                   void *work, int64_t work_size);

/* How many of the coefficients are of which size. Class c < 4 is of c units of 1/256 of a sample; above there are four
 * classes an octave, from (4 + c % 4) 2^(c / 4 - 1) units on.
 *
 * @param x          n samples of at most N1C_MDCT_MOST either way, else N1C_E_ARGUMENT.
 * @param n          their number, n >= 0.
 * @param counts     room for all classes.
 * @param classes    N1C_MDCT_CLASSES, else N1C_E_ARGUMENT.
 * @return           the number of coefficients. */
N1C_API int64_t n1c_mdct_sizes(const int32_t *x, int64_t n, int64_t *counts, int64_t classes);

/* The samples that the payload stands for, the same on every machine.
 *
 * @param in         a payload.
 * @param length     its bytes.
 * @param step       that of the encoder.
 * @param x          room for n samples.
 * @param n          their number.
 * @param work       scratch memory.
 * @param work_size  n1c_mdct_decode_work_size() or more, else N1C_E_CAPACITY.
 * @return           n, or N1C_E_CORRUPT. */
N1C_API int64_t n1c_mdct_decode(const uint8_t *in, int64_t length, int64_t step, int32_t *x, int64_t n, void *work,
                                int64_t work_size);

/* -- entropy coders --------------------------------------------------------------------------------------------------- */

/* All of them have the same interface. An encoder never writes more than 2n bytes: samples that it cannot shorten are
 * stored. A payload has at least n / 65536 bytes, so that a few bytes cannot claim a sea of samples.
 *
 * @param x          samples; n >= 0 of them.
 * @param n          their number, else N1C_E_ARGUMENT.
 * @param out        the payload.
 * @param capacity   2n or more, else N1C_E_CAPACITY.
 * @param in         a payload.
 * @param length     its bytes, all of which belong to it.
 * @param work       scratch memory.
 * @param work_size  what the coder's n1c_..._work_size() returns, or more, else N1C_E_CAPACITY.
 * @return           of an encoder: the length of the payload; of a decoder: n, or N1C_E_CORRUPT; of n1c_..._work_size():
 *                   bytes of scratch memory. */

/* Canonical Huffman code (1952), lengths up to 20 bits, its table in front. */
N1C_API int64_t n1c_huffman_encode_work_size(void);
N1C_API int64_t n1c_huffman_decode_work_size(void);
N1C_API int64_t n1c_huffman_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                   int64_t work_size);
N1C_API int64_t n1c_huffman_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                   int64_t work_size);

/* Static range coder (Martin 1979), its table in front. */
N1C_API int64_t n1c_range_encode_work_size(void);
N1C_API int64_t n1c_range_decode_work_size(void);
N1C_API int64_t n1c_range_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                 int64_t work_size);
N1C_API int64_t n1c_range_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                 int64_t work_size);

/* rANS (Duda 2013) with two interleaved states, its table in front. */
N1C_API int64_t n1c_rans_encode_work_size(void);
N1C_API int64_t n1c_rans_decode_work_size(void);
N1C_API int64_t n1c_rans_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                int64_t work_size);
N1C_API int64_t n1c_rans_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                int64_t work_size);

/* Adaptive range coder of binary decisions (Howard and Vitter 1992), no table. */
N1C_API int64_t n1c_arange_work_size(void);
N1C_API int64_t n1c_arange_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work,
                                  int64_t work_size);
N1C_API int64_t n1c_arange_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work,
                                  int64_t work_size);

/* Adaptive Golomb-Rice code (Rice 1979); it needs no scratch memory. */
N1C_API int64_t n1c_rice_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity);
N1C_API int64_t n1c_rice_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n);

/* -- prediction -------------------------------------------------------------------------------------------------------- */

/* Samples <-> residuals of equal number. All arithmetic is modulo 2^16: any input comes back. Numbers that the decoder
 * takes (block, order, step, rate, bits) are the encoder's and travel beside the residuals: where one is out of its range
 * the encoder returns N1C_E_ARGUMENT and the decoder N1C_E_CORRUPT. */

/* Fixed polynomial predictors of order 0 to 4, the best one for each block (Robinson, "SHORTEN", 1994).
 *
 * @param x         n samples.
 * @param n         their number, n >= 0.
 * @param block     samples that share an order, 1 or more.
 * @param orders    the order of each block.
 * @param blocks    ceil(n / block), else N1C_E_CAPACITY.
 * @param y         the residuals.
 * @param capacity  n or more, else N1C_E_CAPACITY.
 * @return          n. */
N1C_API int64_t n1c_fixed_encode(const int16_t *x, int64_t n, int64_t block, uint8_t *orders, int64_t blocks,
                                 int16_t *y, int64_t capacity);

/* Undo n1c_fixed_encode().
 *
 * @param y         n residuals.
 * @param n         their number, n >= 0.
 * @param block     samples that share an order.
 * @param orders    the order of each block; N1C_E_CORRUPT if one is above 4.
 * @param blocks    ceil(n / block), else N1C_E_CORRUPT.
 * @param x         the samples.
 * @param capacity  n, else N1C_E_CAPACITY.
 * @return          n. */
N1C_API int64_t n1c_fixed_decode(const int16_t *y, int64_t n, int64_t block, const uint8_t *orders, int64_t blocks,
                                 int16_t *x, int64_t capacity);

/* Scratch memory of n1c_lpc_encode().
 *
 * @param n      number of samples, 0 or more.
 * @param block  samples after which coefficients may change, 1 or more.
 * @return       bytes. */
N1C_API int64_t n1c_lpc_encode_work_size(int64_t n, int64_t block);

/* Linear prediction in blocks with quantised coefficients (Makhoul 1975); native/src/lpc.c describes the side
 * information.
 *
 * @param x              n samples.
 * @param n              their number, 1 or more.
 * @param block          samples after which coefficients may change, 1 or more.
 * @param max_order      the largest order, 0 to 32.
 * @param precision      bits of a coefficient, 5 to 15.
 * @param work           scratch memory.
 * @param work_size      n1c_lpc_encode_work_size(n, block) or more, else N1C_E_CAPACITY.
 * @param side           the side information.
 * @param side_capacity  70 bytes a block suffice; N1C_E_CAPACITY if it is too small.
 * @param y              the residuals.
 * @param capacity       n, else N1C_E_CAPACITY.
 * @return               the number of bytes of side information. */
N1C_API int64_t n1c_lpc_encode(const int16_t *x, int64_t n, int64_t block, int64_t max_order, int64_t precision,
                               void *work, int64_t work_size, uint8_t *side, int64_t side_capacity, int16_t *y,
                               int64_t capacity);

/* Undo n1c_lpc_encode().
 *
 * @param y         n residuals.
 * @param n         their number, n >= 0.
 * @param block     samples after which coefficients may change.
 * @param side      the side information.
 * @param length    its bytes, all of which belong to it, else N1C_E_CORRUPT.
 * @param x         the samples.
 * @param capacity  n, else N1C_E_CAPACITY.
 * @return          n. */
N1C_API int64_t n1c_lpc_decode(const int16_t *y, int64_t n, int64_t block, const uint8_t *side, int64_t length,
                               int16_t *x, int64_t capacity);

/* Sign-sign LMS (Gersho 1984). slms_decode() undoes slms_encode().
 *
 * @param x         n samples.
 * @param y         n residuals.
 * @param n         their number, n >= 0.
 * @param order     taps, 1 to 32.
 * @param step      what a weight changes by, 1 to 16.
 * @param capacity  n, else N1C_E_CAPACITY.
 * @return          n. */
N1C_API int64_t n1c_slms_encode(const int16_t *x, int64_t n, int64_t order, int64_t step, int16_t *y, int64_t capacity);
N1C_API int64_t n1c_slms_decode(const int16_t *y, int64_t n, int64_t order, int64_t step, int16_t *x, int64_t capacity);

/* Normalised LMS (Haykin, "Adaptive Filter Theory"). nlms_decode() undoes nlms_encode().
 *
 * @param x         n samples.
 * @param y         n residuals.
 * @param n         their number, n >= 0.
 * @param order     taps, 1 to 128.
 * @param rate      steps are divided by 2^rate, 1 to 16.
 * @param capacity  n, else N1C_E_CAPACITY.
 * @return          n. */
N1C_API int64_t n1c_nlms_encode(const int16_t *x, int64_t n, int64_t order, int64_t rate, int16_t *y, int64_t capacity);
N1C_API int64_t n1c_nlms_decode(const int16_t *y, int64_t n, int64_t order, int64_t rate, int16_t *x, int64_t capacity);

/* Differences in codes of a few bits, with an escape for those that do not fit. kbit_decode() undoes kbit_encode().
 *
 * @param x         n samples.
 * @param n         their number, n >= 0.
 * @param bits      of a code, 2 to 8.
 * @param out       the codes, packed from the lowest bit up.
 * @param capacity  ceil(n * (bits + 16) / 8) suffice; N1C_E_CAPACITY if it is too small.
 * @param in        what the encoder wrote.
 * @param length    its bytes, all of which belong to it, else N1C_E_CORRUPT.
 * @return          of the encoder: bytes written; of the decoder: n. */
N1C_API int64_t n1c_kbit_encode(const int16_t *x, int64_t n, int64_t bits, uint8_t *out, int64_t capacity);
N1C_API int64_t n1c_kbit_decode(const uint8_t *in, int64_t length, int64_t bits, int16_t *x, int64_t n);

/* -- n1 ---------------------------------------------------------------------------------------------------------------- */

/* Scratch memory of the codec n1.
 *
 * @param n  number of samples, 0 to 2^32, else N1C_E_ARGUMENT.
 * @return   bytes. */
N1C_API int64_t n1c_n1_work_size(int64_t n);

/* The codec n1 (docs/codec.md), for one channel.
 *
 * @param x               n samples.
 * @param n               their number, 1 to 2^32.
 * @param profile         the bytes of a .n1p file, or the single byte 1 for the built-in profile, or nothing for a cold
 *                        start; N1C_E_ARGUMENT if it is none. A payload made with a .n1p file needs it again: its CRC-32
 *                        stands in bytes 1 to 4 if bits 3 and 4 of byte 0 are set.
 * @param profile_length  its bytes.
 * @param work            scratch memory.
 * @param work_size       n1c_n1_work_size(n) or more, else N1C_E_CAPACITY.
 * @param out             the payload.
 * @param capacity        2n + 1 or more, else N1C_E_CAPACITY.
 * @param simd            1 or 0.
 * @return                the length of the payload. */
N1C_API int64_t n1c_n1_encode(const int16_t *x, int64_t n, const uint8_t *profile, int64_t profile_length, void *work,
                              int64_t work_size, uint8_t *out, int64_t capacity, int64_t simd);

/* Undo n1c_n1_encode().
 *
 * @param in              a payload.
 * @param length          its bytes.
 * @param profile         the .n1p file that the payload asks for, else anything; N1C_E_CORRUPT if it is another one.
 * @param profile_length  its bytes.
 * @param work            scratch memory.
 * @param work_size       n1c_n1_work_size(n) or more, else N1C_E_CAPACITY.
 * @param x               the samples.
 * @param n               their number, 1 to 2^32.
 * @param simd            1 or 0.
 * @return                n, or N1C_E_CORRUPT. */
N1C_API int64_t n1c_n1_decode(const uint8_t *in, int64_t length, const uint8_t *profile, int64_t profile_length,
                              void *work, int64_t work_size, int16_t *x, int64_t n, int64_t simd);

/* -- n1_implant --------------------------------------------------------------------------------------------------------- */

/* Scratch memory of the codec n1_implant.
 *
 * @param n  number of samples, 0 or more, else N1C_E_ARGUMENT.
 * @return   bytes. */
N1C_API int64_t n1c_n1_implant_work_size(int64_t n);

/* The codec n1_implant (docs/implant.md), for one channel.
 *
 * @param x              n samples.
 * @param n              their number, 1 or more.
 * @param tables         what n1c_n1_implant_tables() writes, or nothing for the built-in ones; N1C_E_ARGUMENT if they are
 *                       none.
 * @param tables_length  their bytes.
 * @param work           scratch memory.
 * @param work_size      n1c_n1_implant_work_size(n) or more, else N1C_E_CAPACITY.
 * @param out            the payload.
 * @param capacity       2n + 1 or more, else N1C_E_CAPACITY.
 * @return               the length of the payload. */
N1C_API int64_t n1c_n1_implant_encode(const int16_t *x, int64_t n, const uint8_t *tables, int64_t tables_length,
                                      void *work, int64_t work_size, uint8_t *out, int64_t capacity);

/* Undo n1c_n1_implant_encode().
 *
 * @param in             a payload.
 * @param length         its bytes.
 * @param tables         the encoder's.
 * @param tables_length  their bytes.
 * @param work           scratch memory.
 * @param work_size      n1c_n1_implant_work_size(n) or more, else N1C_E_CAPACITY.
 * @param x              the samples.
 * @param n              their number, 1 or more.
 * @return               n, or N1C_E_CORRUPT. */
N1C_API int64_t n1c_n1_implant_decode(const uint8_t *in, int64_t length, const uint8_t *tables, int64_t tables_length,
                                      void *work, int64_t work_size, int16_t *x, int64_t n);

/* What firmware has to hold: the state of a channel, the range coder that channels may share, the tables.
 *
 * @return  bytes. */
N1C_API int64_t n1c_n1_implant_state_size(void);
N1C_API int64_t n1c_n1_implant_coder_size(void);
N1C_API int64_t n1c_n1_implant_tables_size(void);

/* -- n1_max ------------------------------------------------------------------------------------------------------------- */

/* Scratch memory of the codec n1_max.
 *
 * @param n  number of samples, 0 to 2^32, else N1C_E_ARGUMENT.
 * @return   bytes. */
N1C_API int64_t n1c_n1_max_work_size(int64_t n);

/* The codec n1_max (docs/max.md), for one channel. What is not N1's is coded as n1 codes it.
 *
 * @param x          n samples.
 * @param n          their number, 1 to 2^32.
 * @param work       scratch memory.
 * @param work_size  n1c_n1_max_work_size(n) or more, else N1C_E_CAPACITY.
 * @param out        the payload.
 * @param capacity   2n + 1 or more, else N1C_E_CAPACITY.
 * @param simd       1 or 0.
 * @return           the length of the payload. */
N1C_API int64_t n1c_n1_max_encode(const int16_t *x, int64_t n, void *work, int64_t work_size, uint8_t *out,
                                  int64_t capacity, int64_t simd);

/* Undo n1c_n1_max_encode().
 *
 * @param in         a payload.
 * @param length     its bytes.
 * @param work       scratch memory.
 * @param work_size  n1c_n1_max_work_size(n) or more, else N1C_E_CAPACITY.
 * @param x          the samples.
 * @param n          their number, 1 to 2^32.
 * @param simd       1 or 0.
 * @return           n, or N1C_E_CORRUPT. */
N1C_API int64_t n1c_n1_max_decode(const uint8_t *in, int64_t length, void *work, int64_t work_size, int16_t *x,
                                  int64_t n, int64_t simd);

#ifdef __cplusplus
}
#endif
#endif
