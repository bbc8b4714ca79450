/* The steps of samples whose converter nobody named. */
#include "n1_mapping.h"

#include <string.h>

#include "n1_model.h"

void n1_find_steps(const int16_t *x, int64_t n, uint32_t *used, n1_steps *out) {
  int32_t high, step = 0, gap = 65536, last = -1, values = 0;
  int32_t *list = (int32_t *)(used + 65536 / 32);
  memset(used, 0, 65536 / 8);
  for (int64_t i = 0; i < n; i++) used[(x[i] + 32768) >> 5] |= (uint32_t)1 << (x[i] & 31);
  out->first = high = 0;
  for (int32_t v = 0; v < 65536; v++) {
    if (!used[v >> 5]) {
      v |= 31;
      continue;
    }
    if (!(used[v >> 5] >> (v & 31) & 1)) continue;
    if (last < 0) {
      out->first = v - 32768;
    } else {
      int32_t a = v - last;
      gap = a < gap ? a : gap;
      while (a) {
        const int32_t rest = step % a;
        step = a;
        a = rest;
      }
    }
    if (values < N1_ADAPTIVE_CODES) list[values] = v;
    values++;
    high = last = v;
  }
  high -= out->first + 32768;
  out->phase = 0;
  out->step = (uint32_t)(step ? step : 1) << N1_STEP_BITS;
  if (step < gap && gap <= 256 && values >= 8 && values <= N1_ADAPTIVE_CODES) {
    /* Each value may be a multiple of one number between gap - 1 and gap + 1. */
    const int64_t from = (int64_t)(gap - 1) << N1_STEP_BITS, to = (int64_t)(gap + 1) << N1_STEP_BITS;
    const int64_t reach = (1 << N1_STEP_BITS) - 1;
    for (int64_t s = from + 1, next; s < to; s = next) {
      int64_t least = 0, most = reach; /* phases that no value so far rules out */
      next = s + 1;
      for (int32_t i = values; i-- > 0 && least <= most;) { /* far ones rule out most */
        const int64_t at = (int64_t)(list[i] - list[0]) << N1_STEP_BITS, steps = (at + s / 2) / s, rest = at - steps * s;
        if (rest > least) least = rest;
        if (rest + reach < most) most = rest + reach;
        if (rest > reach || rest < -reach) { /* this value alone rules s out, and all up to the next that it does not */
          const int64_t fewer = rest > 0 ? steps : steps - 1;
          next = fewer ? (at - reach + fewer - 1) / fewer : to;
        }
      }
      if (least <= most) {
        out->step = (uint32_t)s, out->phase = (uint32_t)((least + most) / 2);
        break;
      }
    }
  }
  out->codes = (int32_t)((((uint64_t)high << N1_STEP_BITS) + out->step / 2) / out->step) + 1;
}
