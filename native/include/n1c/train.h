/* What the training of the codecs n1, n1_implant and n1_max needs: built-in tables, and what a model says of each sample.
 * n1c/base.h has the rules that hold for all functions. */
#ifndef N1C_TRAIN_H
#define N1C_TRAIN_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Copy a built-in profile of n1, as the bytes of a .n1p file.
 *
 * @param number    0 that of a cold start, 1 that of N1, else N1C_E_ARGUMENT.
 * @param out       the profile.
 * @param capacity  N1C_E_CAPACITY if it is too small.
 * @return          its length. */
N1C_API int64_t n1c_n1_profile(int64_t number, uint8_t *out, int64_t capacity);

/* Copy the built-in tables of n1_implant, in this machine's byte order.
 *
 * @param out       the tables.
 * @param capacity  n1c_n1_implant_tables_size() or more, else N1C_E_CAPACITY.
 * @return          their length. */
N1C_API int64_t n1c_n1_implant_tables(uint8_t *out, int64_t capacity);

/* Copy the built-in tables of n1_max.
 *
 * @param out       the tables.
 * @param capacity  N1C_E_CAPACITY if it is too small.
 * @return          their length. */
N1C_API int64_t n1c_n1_max_tables(uint8_t *out, int64_t capacity);

/* Run the model of n1 over a channel.
 *
 * @param x               n samples; N1C_E_ARGUMENT if the profile does not map them to codes.
 * @param n               4096 or more, else N1C_E_ARGUMENT.
 * @param profile         the bytes of a .n1p file; N1C_E_ARGUMENT if it is none.
 * @param profile_length  its bytes.
 * @param work            scratch memory.
 * @param work_size       n1c_n1_work_size(n) or more, else N1C_E_CAPACITY.
 * @param out             six numbers for each sample, in the order of coding: code, prediction, scale, both ends of the
 *                        code in the residual's distribution, frequency.
 * @param size            6n or more, else N1C_E_CAPACITY.
 * @return                the number of samples that `out` tells of. */
N1C_API int64_t n1c_n1_trace(const int16_t *x, int64_t n, const uint8_t *profile, int64_t profile_length, void *work,
                             int64_t work_size, int32_t *out, int64_t size);

/* Run the model of n1_implant over a channel.
 *
 * @param x              n samples of N1, else N1C_E_ARGUMENT.
 * @param n              1 or more.
 * @param tables         what n1c_n1_implant_tables() writes, or nothing for the built-in ones; N1C_E_ARGUMENT if they are
 *                       none.
 * @param tables_length  their bytes.
 * @param out            six numbers for each sample but the first: code, prediction, scale, both ends of the code in the
 *                       residual's distribution, frequency.
 * @param size           6n or more, else N1C_E_CAPACITY.
 * @param state          the channel's state after the last sample.
 * @param state_size     n1c_n1_implant_state_size() / 2, else N1C_E_CAPACITY.
 * @return               n - 1. */
N1C_API int64_t n1c_n1_implant_trace(const int16_t *x, int64_t n, const uint8_t *tables, int64_t tables_length,
                                     int32_t *out, int64_t size, int16_t *state, int64_t state_size);

/* Scratch memory of n1c_n1_max_learn().
 *
 * @param files  number of recordings, 1 or more, else N1C_E_ARGUMENT.
 * @return       bytes. */
N1C_API int64_t n1c_n1_max_learn_work_size(int64_t files);

/* Run the model of n1_max over recordings of equal length, 16 samples of each in turn.
 *
 * @param codes          n codes of the converter, below 1024, else N1C_E_ARGUMENT: one recording after the other.
 * @param n              a multiple of `files`, else N1C_E_ARGUMENT.
 * @param tables         what n1c_n1_max_tables() writes; N1C_E_ARGUMENT if they are none.
 * @param tables_length  their bytes.
 * @param net            the 6968 parameters of the network and as many mean squares of their gradients; N1C_E_ARGUMENT if
 *                       one is out of its range. With a rate, one network learns from all recordings; without, each
 *                       recording is coded as the codec would with these tables.
 * @param net_size       2 * 6968, else N1C_E_ARGUMENT.
 * @param work           scratch memory.
 * @param work_size      n1c_n1_max_learn_work_size(files) or more, else N1C_E_CAPACITY.
 * @param files          number of recordings, 1 or more.
 * @param rate           of learning, in 10^-9; 0 for none.
 * @return               the bits that the recordings take. */
N1C_API int64_t n1c_n1_max_learn(const uint16_t *codes, int64_t n, const uint8_t *tables, int64_t tables_length,
                                 float *net, int64_t net_size, void *work, int64_t work_size, int64_t files,
                                 int64_t rate);

#ifdef __cplusplus
}
#endif
#endif
