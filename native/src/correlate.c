/* Numerators of Kendall's tau: concordant less discordant pairs of samples, exactly.
 *
 * Samples come as ranks: 0 for the smallest value of the channel, 1 for the next one, up to its levels - 1. */
#include <string.h>

#include "bytes.h"
#include "n1c/analysis.h"

#define MOST_FRAMES INT64_C(0x7FFFFFFF) /* counts fit 32 bits, and pairs 63 */

static int ranks_are_below(const uint16_t *ranks, int64_t n, int64_t levels) {
  uint16_t most = 0;
  for (int64_t i = 0; i < n; i++) most = ranks[i] > most ? ranks[i] : most;
  return n == 0 || most < levels;
}

/* Each cell of the joint histogram, times what lies above and to the left less what lies above and to the right. */
static int64_t sum_concordance(const uint32_t *table, int64_t rows, int64_t columns, uint32_t *above) {
  int64_t sum = 0, total = 0;
  memset(above, 0, (size_t)columns * sizeof *above);
  for (int64_t i = 0; i < rows; i++) {
    const uint32_t *row = table + i * columns;
    int64_t left = 0, seen = 0;
    for (int64_t j = 0; j < columns; j++) {
      sum += (int64_t)row[j] * (2 * left + above[j] - total);
      left += above[j];
      seen += row[j];
      above[j] += row[j];
    }
    total += seen;
  }
  return sum;
}

int64_t n1c_kendall_table_work_size(int64_t x_levels, int64_t y_levels) {
  if (x_levels < 0 || x_levels > 65536 || y_levels < 0 || y_levels > 65536) return N1C_E_ARGUMENT;
  return (x_levels + 1) * y_levels * (int64_t)sizeof(uint32_t) + N1C_SLACK;
}

int64_t n1c_kendall_table(const uint16_t *ranks, int64_t size, const int64_t *levels, int64_t channels, int64_t x,
                          const int64_t *others, int64_t count, void *work, int64_t work_size, int64_t *out,
                          int64_t capacity) {
  uint32_t *const table = (uint32_t *)n1c_align64(work);
  if (channels < 1 || size < 0 || size % channels || size / channels > MOST_FRAMES || x < 0 || x >= channels)
    return N1C_E_ARGUMENT;
  if (capacity < count) return N1C_E_CAPACITY;
  const int64_t frames = size / channels, rows = levels[x];
  const uint16_t *first = ranks + x * frames;
  if (rows < 0 || rows > 65536 || !ranks_are_below(first, frames, rows)) return N1C_E_ARGUMENT;
  for (int64_t k = 0; k < count; k++) {
    const int64_t y = others[k];
    if (y < 0 || y >= channels) return N1C_E_ARGUMENT;
    const int64_t columns = levels[y];
    const uint16_t *second = ranks + y * frames;
    if (columns < 0 || columns > 65536 || !ranks_are_below(second, frames, columns)) return N1C_E_ARGUMENT;
    if (work_size < n1c_kendall_table_work_size(rows, columns)) return N1C_E_CAPACITY;
    memset(table, 0, (size_t)(rows * columns) * sizeof *table);
    for (int64_t i = 0; i < frames; i++) table[first[i] * columns + second[i]]++;
    out[k] = sum_concordance(table, rows, columns, table + rows * columns);
  }
  return count;
}

int64_t n1c_kendall_tree_work_size(int64_t levels) {
  if (levels < 0 || levels > (int64_t)1 << 32) return N1C_E_ARGUMENT;
  return 2 * levels * (int64_t)sizeof(uint32_t) + N1C_SLACK;
}

int64_t n1c_kendall_tree(const uint32_t *x, int64_t n, const uint32_t *y, int64_t length, int64_t levels, void *work,
                         int64_t work_size, int64_t *out, int64_t capacity) {
  const int64_t needed = n1c_kendall_tree_work_size(levels);
  if (n != length || n < 0 || n > MOST_FRAMES || needed < 0) return N1C_E_ARGUMENT;
  if (capacity < 1 || work_size < needed) return N1C_E_CAPACITY;
  uint32_t *const count = (uint32_t *)n1c_align64(work), *const tree = count + levels; /* tree[k - 1]: node k of Fenwick's */
  int64_t sum = 0;
  memset(count, 0, (size_t)(2 * levels) * sizeof *count);
  for (int64_t i = 0, end; i < n; i = end) {
    for (end = i; end < n && x[end] == x[i]; end++) {
      if (y[end] >= levels) return N1C_E_ARGUMENT;
      int64_t less = 0;
      for (int64_t k = y[end]; k > 0; k &= k - 1) less += tree[k - 1];
      sum += 2 * less + count[y[end]] - i;
    }
    if (end < n && x[end] < x[i]) return N1C_E_ARGUMENT;
    for (int64_t j = i; j < end; j++) {
      count[y[j]]++;
      for (int64_t k = (int64_t)y[j] + 1; k <= levels; k += k & -k) tree[k - 1]++;
    }
  }
  out[0] = sum;
  return 1;
}
