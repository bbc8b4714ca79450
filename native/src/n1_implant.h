/* The codec n1_implant: tables, state and the steps that both sides compute, in 32-bit integers.
 *
 * docs/implant.md describes the model. Levels are in 1/64 of a code, the middle of the converter's range is 0. Additions,
 * shifts and multiplications of 13 by 8 bits suffice up to the frequencies; the range coder multiplies 16 by 22. */
#ifndef N1C_N1_IMPLANT_H
#define N1C_N1_IMPLANT_H

#include <stdint.h>

#define IMPLANT_CODES 1024
#define IMPLANT_TAPS 4
#define IMPLANT_CELLS 512               /* of the residual's distribution function, from -8 to 8 sigmas */
#define IMPLANT_TOTAL (1u << 22)        /* sum of all frequencies; each code has 1 beside the shape's share */
#define IMPLANT_CENTRE 32768            /* middle of the range in edges[] */
#define IMPLANT_BOTTOM (1u << 24)       /* least range of the coder */

typedef struct {
  uint32_t shape[IMPLANT_CELLS + 1];    /* distribution function of the residual, 0 .. 2^22 - 1024 */
  uint16_t edges[IMPLANT_CODES + 1];    /* between codes, in 1/64 of a code */
  uint8_t recip[32];                    /* 2^9 / 5 sigma for the upper five bits of a scale, about */
  int16_t weights[IMPLANT_TAPS];        /* to begin with, in 2^-15 */
  uint16_t mean;                        /* to begin with: 8 times the mean absolute error */
} implant_tables;

extern const implant_tables n1_implant_n1;

/* All that is kept for one channel from sample to sample. */
typedef struct {
  int16_t last;                         /* level of the last sample */
  int16_t step;                         /* last sample less the one before, in 1/4 of a code, within 8 bits */
  int16_t slow[3];                      /* running means of the level over 2^3, 2^6 and 2^9 samples */
  int16_t weights[IMPLANT_TAPS];        /* in 2^-15 */
  uint16_t mean[3];                     /* 8 times the running means of the absolute error: 2^10, 2^7, 2^3 samples */
} implant_channel;

/* A range coder that carries into what it has not sent yet: one byte and the number of 0xFF bytes behind it. One of them
 * serves any number of channels. */
typedef struct {
  uint32_t low, range;
  uint32_t pending;                     /* the byte in bits 0..7, the number in bits 8..31 */
} implant_coder;

typedef struct {
  int32_t r[IMPLANT_TAPS];              /* what the prediction is made of, in 1/4 of a code, within 8 bits */
  int32_t level;
  int32_t exponent, mantissa;           /* of the scale: 32 steps per octave */
} implant_prediction;

static inline int32_t implant_clamp(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : x > high ? high : x;
}

/* Position of the highest bit, v > 0. */
static inline int32_t implant_top(uint32_t v) {
#if defined(__GNUC__)
  return 31 - __builtin_clz(v);
#else
  int32_t top = 0;
  while (v >>= 1) top++;
  return top;
#endif
}

static inline int32_t implant_centre(const implant_tables *t, int32_t code) {
  return ((t->edges[code] + t->edges[code + 1]) >> 1) - IMPLANT_CENTRE;
}

static inline void implant_open(const implant_tables *t, implant_channel *s, int32_t first) {
  int i;
  s->last = s->slow[0] = s->slow[1] = s->slow[2] = (int16_t)implant_centre(t, first);
  s->step = 0;
  for (i = 0; i < IMPLANT_TAPS; i++) s->weights[i] = t->weights[i];
  for (i = 0; i < 3; i++) s->mean[i] = t->mean;
}

/* A difference of levels in 1/4 of a code, as the prediction sees it: 32 codes at most. */
static inline int32_t implant_difference(int32_t x, int32_t y) { return implant_clamp((x - y) >> 4, -128, 127); }

static inline void implant_predict(const implant_channel *s, implant_prediction *p) {
  int32_t sum = 1 << 2;
  uint32_t v = (((uint32_t)s->mean[0] << 2) + s->mean[0] + ((uint32_t)s->mean[1] << 1) + s->mean[2]) >> 3;
  p->r[0] = s->step;
  p->r[1] = implant_difference(s->slow[0], s->last);
  p->r[2] = implant_difference(s->slow[1], s->slow[0]);
  p->r[3] = implant_difference(s->slow[2], s->slow[1]);
  for (int i = 0; i < IMPLANT_TAPS; i++) sum += (s->weights[i] >> 8) * p->r[i];
  p->level = implant_clamp(s->last + (sum >> 3), INT16_MIN, INT16_MAX);
  v = v < 64 ? 64 : v > 16383 ? 16383 : v;
  p->exponent = implant_top(v);
  p->mantissa = (int32_t)(v >> (p->exponent - 5)) & 31;
}

/* Lower edge of a code in sigmas from the prediction, 0 .. 2^12 for -8 .. 8 sigmas. */
static inline int32_t implant_place(const implant_tables *t, const implant_prediction *p, int32_t code) {
  const int32_t distance = (t->edges[code] - IMPLANT_CENTRE - p->level) * 1024 >> p->exponent;
  return implant_clamp((implant_clamp(distance, -4096, 4095) * t->recip[p->mantissa] >> 6) + 2048, 0, 4095);
}

/* Frequencies of all codes below `code`; the outermost ones reach to infinity. */
static inline uint32_t implant_below(const implant_tables *t, const implant_prediction *p, int32_t code) {
  int32_t z;
  uint32_t low;
  if (code == 0) return 0;
  if (code == IMPLANT_CODES) return IMPLANT_TOTAL;
  z = implant_place(t, p, code);
  low = t->shape[z >> 3];
  return low + ((t->shape[(z >> 3) + 1] - low) * (uint32_t)(z & 7) >> 3) + (uint32_t)code;
}

/* x moved towards `to` by 2^-shift of the distance, rounded. */
static inline int32_t implant_follow(int32_t x, int32_t to, int32_t shift) {
  return x + ((to - x + (1 << (shift - 1))) >> shift);
}

/* Take a sample into the channel's state. */
static inline void implant_learn(implant_channel *s, const implant_prediction *p, int32_t level) {
  const int32_t error = level - p->level;
  const int32_t size = implant_clamp(error < 0 ? -error : error, 0, 8191) << 3;
  int i;
  for (i = 0; i < IMPLANT_TAPS; i++) {
    const int32_t move = p->r[i] >> 2;
    s->weights[i] = (int16_t)implant_clamp(s->weights[i] + (error > 0 ? move : error < 0 ? -move : 0), -32767, 32767);
  }
  s->mean[0] = (uint16_t)implant_follow(s->mean[0], size, 10);
  s->mean[1] = (uint16_t)implant_follow(s->mean[1], size, 7);
  s->mean[2] = (uint16_t)implant_follow(s->mean[2], size, 3);
  s->step = (int16_t)implant_difference(level, s->last);
  s->last = (int16_t)level;
  for (i = 0; i < 3; i++) s->slow[i] = (int16_t)implant_follow(s->slow[i], level, 3 * i + 3);
}

#endif
