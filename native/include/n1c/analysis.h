/* What the analysis of recordings needs: numerators of Kendall's tau. n1c/base.h has the rules that hold for all functions.
 *
 * Samples come as ranks: 0 for a channel's smallest value, 1 for the next one, below its number of levels. Counted are
 * concordant less discordant pairs of samples, exactly, for up to 2^31 - 1 samples of a channel. */
#ifndef N1C_ANALYSIS_H
#define N1C_ANALYSIS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch memory of n1c_kendall_table() for two channels.
 *
 * @param x_levels  levels of the one, 0 to 65536, else N1C_E_ARGUMENT.
 * @param y_levels  levels of the other.
 * @return          bytes. */
N1C_API int64_t n1c_kendall_table_work_size(int64_t x_levels, int64_t y_levels);

/* Compare a channel with others by their joint histograms.
 *
 * @param ranks      whole channels one after the other; N1C_E_ARGUMENT if one is not below its channel's levels.
 * @param size       a multiple of `channels`, else N1C_E_ARGUMENT.
 * @param levels     of each channel, at most 65536, else N1C_E_ARGUMENT.
 * @param channels   1 or more, else N1C_E_ARGUMENT.
 * @param x          the channel that is compared, below `channels`, else N1C_E_ARGUMENT.
 * @param others     the channels that it is compared with, below `channels`, else N1C_E_ARGUMENT.
 * @param count      their number.
 * @param work       scratch memory.
 * @param work_size  n1c_kendall_table_work_size() of x and each of the others, or more, else N1C_E_CAPACITY.
 * @param out        out[k] belongs to others[k].
 * @param capacity   count or more, else N1C_E_CAPACITY.
 * @return           count. */
N1C_API int64_t n1c_kendall_table(const uint16_t *ranks, int64_t size, const int64_t *levels, int64_t channels,
                                  int64_t x, const int64_t *others, int64_t count, void *work, int64_t work_size,
                                  int64_t *out, int64_t capacity);

/* Scratch memory of n1c_kendall_tree().
 *
 * @param levels  of y, 0 to 2^32, else N1C_E_ARGUMENT.
 * @return        bytes. */
N1C_API int64_t n1c_kendall_tree_work_size(int64_t levels);

/* Compare two channels of any number of levels, in O(n log levels).
 *
 * @param x          n ranks that ascend, else N1C_E_ARGUMENT.
 * @param n          0 to 2^31 - 1, else N1C_E_ARGUMENT.
 * @param y          the other channel in the order of x; N1C_E_ARGUMENT if a rank is not below `levels`.
 * @param length     n, else N1C_E_ARGUMENT.
 * @param levels     of y.
 * @param work       scratch memory.
 * @param work_size  n1c_kendall_tree_work_size(levels) or more, else N1C_E_CAPACITY.
 * @param out        one number.
 * @param capacity   1 or more, else N1C_E_CAPACITY.
 * @return           1. */
N1C_API int64_t n1c_kendall_tree(const uint32_t *x, int64_t n, const uint32_t *y, int64_t length, int64_t levels,
                                 void *work, int64_t work_size, int64_t *out, int64_t capacity);

#ifdef __cplusplus
}
#endif
#endif
