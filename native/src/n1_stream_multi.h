/* What the scalar and the SIMD path of n1_multi's packets share. */
#ifndef N1C_N1_STREAM_MULTI_H
#define N1C_N1_STREAM_MULTI_H

#include "n1_multi.h"

#define ROW_PAST MULTI_MOST_ORDER /* samples of each channel that are kept */

/* Channels that go in step, each in a lane; lanes beyond the last one have the tables of the first. */
typedef struct {
  int32_t first, lanes; /* channels of the model */
  int32_t section;      /* the first one of their section */
  const multi_group *group[MULTI_LANES];
  int32_t level_at[MULTI_LANES], near_at[MULTI_LANES], shape_at[MULTI_LANES]; /* where the tables begin, in entries */
  float cells[MULTI_LANES], last_cell[MULTI_LANES];
  int16_t own[MULTI_MOST_ORDER / 2][2 * MULTI_LANES]; /* weights of lags 2i + 1 and 2i + 2, lane by lane */
  int32_t mean[MULTI_LANES], shift[MULTI_LANES];      /* x = (centre - mean) >> shift */
  float scale[MULTI_LANES], level[MULTI_LANES];       /* of a sum of weights times x, in codes; the mean */
  float a1[MULTI_LANES], a2[MULTI_LANES], a3[MULTI_LANES];
} multi_row;

/* A row in work: a packet's steps. */
typedef struct {
  const multi_model *model;
  const uint16_t *near; /* those of all groups in small: all are in use at once */
  int32_t frames;
  int32_t *sum;   /* what regressors add up to, lane by lane; in the decoder without the own past */
  int16_t *pair;  /* x of a step and of the one before, lane by lane; ROW_PAST steps are past */
  uint16_t *code; /* lane by lane */
  int32_t idle[MULTI_LANES]; /* all ones in lanes that are not coded */
} multi_work;

/* Puts 2 * MULTI_LANES numbers for each step: the frequencies below the codes, and those of the codes. */
void multi_row_encode(multi_row *r, const multi_work *w, uint32_t *coded);
void multi_row_encode_avx2(multi_row *r, const multi_work *w, uint32_t *coded);
/* Returns how far it read, or NULL where the bytes end too early. */
const uint8_t *multi_row_decode(multi_row *r, const multi_work *w, uint64_t *state, const uint8_t *in, const uint8_t *end);
const uint8_t *multi_row_decode_avx2(multi_row *r, const multi_work *w, uint64_t *state, const uint8_t *in,
                                     const uint8_t *end);

#endif
