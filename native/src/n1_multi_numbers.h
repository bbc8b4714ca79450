/* Small integers of unknown spread, coded with adaptive bits: what n1_multi says beside the samples themselves.
 *
 * A number is folded (0 -1 1 -2 ...), and one more than that is written as Exp-Golomb code (Teuhola 1978): its number of
 * bits in unary, then the bits below the leading one. All but the low bits of long numbers have adaptive counters. */
#ifndef N1C_N1_MULTI_NUMBERS_H
#define N1C_N1_MULTI_NUMBERS_H

#include "entropy.h"
#include "n1c/base.h"

#define NUMBER_SEEN 60 /* bits that a counter remembers */

typedef struct {
  n1c_counter width[33], top[33], next[33][2];
} number_model;

static inline void number_open(number_model *models, int64_t count) {
  n1c_counter *c = (n1c_counter *)models;
  for (int64_t i = 0; i < count * (int64_t)(sizeof *models / sizeof *c); i++) c[i] = N1C_COUNTER;
}

static inline void number_put(n1c_encoder *e, number_model *m, int32_t value) {
  const uint32_t v = (value < 0 ? ~(uint32_t)value << 1 | 1 : (uint32_t)value << 1) + 1;
  const int width = n1c_width(v);
  for (int i = 1; i <= width && i < 32; i++) n1c_encode_bit(e, m->width + i, i < width, NUMBER_SEEN);
  for (int i = width - 2; i >= 0; i--) {
    const int bit = (int)(v >> i & 1);
    if (i == width - 2) n1c_encode_bit(e, m->top + width, bit, NUMBER_SEEN);
    else if (i == width - 3) n1c_encode_bit(e, m->next[width] + (v >> (i + 1) & 1), bit, NUMBER_SEEN);
    else n1c_encode_interval(e, (uint32_t)bit, 1, 1);
  }
}

static inline int32_t number_take(n1c_decoder *d, number_model *m) {
  uint32_t v = 1;
  int width = 1;
  while (width < 32 && n1c_decode_bit(d, m->width + width, NUMBER_SEEN)) width++;
  for (int i = width - 2; i >= 0; i--) {
    int bit;
    if (i == width - 2) {
      bit = n1c_decode_bit(d, m->top + width, NUMBER_SEEN);
    } else if (i == width - 3) {
      bit = n1c_decode_bit(d, m->next[width] + (v & 1), NUMBER_SEEN);
    } else {
      bit = d->code >= d->range >> 1;
      n1c_decoder_narrow(d, bit ? d->range >> 1 : 0, d->range >> 1);
    }
    v = v << 1 | (uint32_t)bit;
  }
  v--;
  return v & 1 ? (int32_t)~(v >> 1) : (int32_t)(v >> 1);
}

#endif
