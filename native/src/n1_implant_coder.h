/* The range coder of n1_implant (Martin, "Range encoding", 1979; carries as in Schindler's), and how a decoder finds a
 * code without a search. docs/implant.md describes both. */
#ifndef N1C_N1_IMPLANT_CODER_H
#define N1C_N1_IMPLANT_CODER_H

#include "n1_implant.h"

#define IMPLANT_MOST_PENDING ((1u << 24) - 1)

typedef struct {
  uint8_t *at, *end;
  int full;
} implant_writer;

static inline void implant_send(implant_writer *w, uint32_t byte) {
  if (w->at < w->end) *w->at++ = (uint8_t)byte;
  else w->full = 1;
}

/* Send what is pending; the last of it may become the byte that is pending next. */
static inline void implant_send_pending(implant_coder *c, implant_writer *w, uint32_t carry) {
  implant_send(w, c->pending + carry);
  for (c->pending >>= 8; c->pending; c->pending--) implant_send(w, 0xFF + carry);
}

static inline void implant_carry(implant_coder *c, implant_writer *w) {
  const uint32_t run = c->pending >> 8;
  if (!run) {
    c->pending++;
  } else {
    c->pending -= 1u << 8;
    implant_send_pending(c, w, 1);
  }
}

static inline void implant_shift_out(implant_coder *c, implant_writer *w) {
  const uint32_t byte = c->low >> 24;
  if (byte != 0xFF) {
    implant_send_pending(c, w, 0);
    c->pending = byte;
  } else if (c->pending >> 8 == IMPLANT_MOST_PENDING) {
    w->full = 1;
  } else {
    c->pending += 1u << 8;
  }
  c->low <<= 8;
}

/* Begin behind a byte, which is sent first: no carry ever reaches it. */
static inline void implant_begin(implant_coder *c, uint8_t behind) {
  c->low = 0;
  c->range = 0xFFFFFFFFu;
  c->pending = behind;
}

/* The share of frequencies in a range: its upper 16 bits suffice. */
static inline uint32_t implant_share(uint32_t range, uint32_t frequency) {
  return (uint32_t)((uint64_t)(range >> 16) * frequency >> 6);
}

static inline void implant_encode(implant_coder *c, implant_writer *w, uint32_t below, uint32_t frequency) {
  const uint32_t start = implant_share(c->range, below);
  c->low += start;
  if (c->low < start) implant_carry(c, w);
  c->range = implant_share(c->range, frequency);
  while (c->range < IMPLANT_BOTTOM) {
    c->range <<= 8;
    implant_shift_out(c, w);
  }
}

/* The one byte that leads into the range whatever follows. */
static inline void implant_end(implant_coder *c, implant_writer *w) {
  c->range = c->low + (IMPLANT_BOTTOM - 1);
  if (c->range < c->low) implant_carry(c, w);
  c->low = c->range & 0xFF000000u;
  implant_shift_out(c, w);
  implant_send_pending(c, w, 0);
}

/* A code as a channel's first: all are equally likely. */
static inline void implant_encode_first(const implant_tables *t, implant_channel *s, implant_coder *c,
                                        implant_writer *w, int32_t code) {
  implant_encode(c, w, (uint32_t)code << 12, 1 << 12);
  implant_open(t, s, code);
}

static inline void implant_encode_next(const implant_tables *t, implant_channel *s, implant_coder *c,
                                       implant_writer *w, int32_t code) {
  implant_prediction p;
  uint32_t below;
  implant_predict(s, &p);
  below = implant_below(t, &p, code);
  implant_encode(c, w, below, implant_below(t, &p, code + 1) - below);
  implant_learn(s, &p, implant_centre(t, code));
}

/* -- decoder ------------------------------------------------------------------------------------------------------- */

/* What lets the decoder guess a code before it looks. */
typedef struct {
  int16_t quantile[1024]; /* middle of each cell of probability, 2048 per sigma */
  uint16_t near[4096];    /* code at each 1/4 of a code */
  int32_t sigma[32];      /* 2^19 / recip */
} implant_guesses;

/* Reads zeros behind the end. */
typedef struct {
  uint32_t range, value;
  const uint8_t *in;
  int64_t length, used;
} implant_decoder;

static inline void implant_read(implant_decoder *d) {
  d->value = d->value << 8 | (d->used < d->length ? d->in[d->used] : 0);
  d->used++;
}

static inline void implant_decoder_begin(implant_decoder *d, const uint8_t *in, int64_t length) {
  d->in = in;
  d->length = length;
  d->used = 0;
  d->range = 0xFFFFFFFFu;
  d->value = 0;
  for (int i = 0; i < 4; i++) implant_read(d);
}

static inline void implant_fill(implant_decoder *d) {
  while (d->range < IMPLANT_BOTTOM) {
    d->range <<= 8;
    implant_read(d);
  }
}

/* The frequency that the value has reached: share(range, f) <= value if and only if f <= that. 2^22 or more if no code
 * has it: the range's lower 16 bits, and what is lost by rounding, belong to none. */
static inline uint32_t implant_slot(const implant_decoder *d) {
  return d->value < d->range ? (uint32_t)((((uint64_t)d->value + 1) * 64 - 1) / (d->range >> 16)) : IMPLANT_TOTAL;
}

/* The channel's first code, -1 if there cannot be one. */
static inline int32_t implant_decode_first(const implant_tables *t, implant_channel *s, implant_decoder *d) {
  uint32_t slot;
  int32_t code;
  implant_fill(d);
  slot = implant_slot(d);
  if (slot >= IMPLANT_TOTAL) return -1;
  code = (int32_t)(slot >> 12);
  d->value -= implant_share(d->range, (uint32_t)code << 12);
  d->range = implant_share(d->range, 1 << 12);
  implant_open(t, s, code);
  return code;
}

static inline int32_t implant_decode_next(const implant_tables *t, const implant_guesses *g, implant_channel *s,
                                          implant_decoder *d) {
  implant_prediction p;
  uint32_t slot, low, high;
  int32_t z, code;
  implant_fill(d);
  slot = implant_slot(d);
  if (slot >= IMPLANT_TOTAL) return -1;
  implant_predict(s, &p);
  z = g->quantile[slot >> 12] * g->sigma[p.mantissa] >> (26 - p.exponent);
  code = g->near[implant_clamp(p.level + z + IMPLANT_CENTRE, 0, 65535) >> 4];
  low = implant_below(t, &p, code);
  if (low > slot) {
    do {
      high = low;
      low = implant_below(t, &p, --code);
    } while (low > slot);
  } else {
    while ((high = implant_below(t, &p, code + 1)) <= slot) {
      low = high;
      code++;
    }
  }
  d->value -= implant_share(d->range, low);
  d->range = implant_share(d->range, high - low);
  implant_learn(s, &p, implant_centre(t, code));
  return code;
}

/* -- tables -------------------------------------------------------------------------------------------------------- */

/* These are in n1_implant.c. */
void n1_implant_stretch(int16_t *table);
void n1_implant_guesses(const implant_tables *t, implant_guesses *g);
/* The built-in tables for no bytes, or those that are copied to `own`; NULL if that is none. */
const implant_tables *n1_implant_open(const uint8_t *bytes, int64_t length, implant_tables *own);

#endif
