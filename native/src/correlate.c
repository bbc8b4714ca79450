/* Numerators of Kendall's tau: concordant less discordant pairs of samples, exactly.
 *
 * Samples come as ranks: 0 for the smallest value of the channel, 1 for the next one, up to its levels - 1. */
#include <string.h>

#include "n1c.h"

#define MOST_FRAMES INT64_C(0x7FFFFFFF) /* counts fit 32 bits, and pairs 63 */

static int within(const uint16_t *ranks, int64_t n, int64_t levels) {
  uint16_t most = 0;
  for (int64_t i = 0; i < n; i++) most = ranks[i] > most ? ranks[i] : most;
  return n == 0 || most < levels;
}

/* Each cell of the joint histogram, times what lies above and to the left less what lies above and to the right. */
static int64_t concordance(const uint32_t *table, int64_t rows, int64_t columns, uint32_t *above) {
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

int64_t n1c_kendall_table(const uint16_t *ranks, int64_t size, const int64_t *levels, int64_t channels, int64_t x,
                          const int64_t *others, int64_t count, uint32_t *table, int64_t room, int64_t *out,
                          int64_t capacity) {
  if (channels < 1 || size < 0 || size % channels || size / channels > MOST_FRAMES || x < 0 || x >= channels)
    return N1C_E_ARGUMENT;
  if (capacity < count) return N1C_E_CAPACITY;
  const int64_t frames = size / channels, rows = levels[x];
  const uint16_t *first = ranks + x * frames;
  if (rows < 0 || rows > 65536 || !within(first, frames, rows)) return N1C_E_ARGUMENT;
  for (int64_t k = 0; k < count; k++) {
    const int64_t y = others[k];
    if (y < 0 || y >= channels) return N1C_E_ARGUMENT;
    const int64_t columns = levels[y];
    const uint16_t *second = ranks + y * frames;
    if (columns < 0 || columns > 65536 || !within(second, frames, columns)) return N1C_E_ARGUMENT;
    if (room < (rows + 1) * columns) return N1C_E_CAPACITY;
    memset(table, 0, (size_t)(rows * columns) * sizeof *table);
    for (int64_t i = 0; i < frames; i++) table[first[i] * columns + second[i]]++;
    out[k] = concordance(table, rows, columns, table + rows * columns);
  }
  return count;
}

int64_t n1c_kendall_tree(const uint32_t *x, int64_t n, const uint32_t *y, int64_t length, uint32_t *work, int64_t room,
                         int64_t *out, int64_t capacity) {
  if (n != length || n < 0 || n > MOST_FRAMES || room < 0 || room % 2) return N1C_E_ARGUMENT;
  if (capacity < 1) return N1C_E_CAPACITY;
  const int64_t levels = room / 2;
  uint32_t *count = work, *tree = work + levels; /* tree[k - 1] is the node k of Fenwick's tree */
  int64_t sum = 0;
  memset(work, 0, (size_t)room * sizeof *work);
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
