/* What the scalar and the SIMD path of n1's packets share. */
#ifndef N1C_N1_STREAM_LANES_H
#define N1C_N1_STREAM_LANES_H

#include "n1_model.h"
#include "n1_stream.h"

#define N1_FRAMES STREAM_FRAMES /* their sums of products stay within 32 bits */

/* State of eight channels, which are coded in lockstep. */
typedef struct {
  int16_t weights[N1_ORDER / 2][2 * N1_LANES]; /* of lags 2i + 1 and 2i + 2, lane by lane */
  int16_t past[N1_ORDER][N1_LANES];            /* centres of the last samples, oldest first */
  int64_t corr[N1_ORDER + 1][N1_LANES];        /* autocorrelation of centre >> corr_shift */
  uint32_t a1[N1_LANES], a2[N1_LANES], a3[N1_LANES];
  int32_t age[N1_LANES];  /* samples since the restart */
  int32_t next[N1_LANES]; /* the age at which the predictor is solved anew */
  int32_t shift[N1_LANES], extra[N1_LANES];
  uint8_t start[N1_LANES];
} n1_group;

/* A packet's samples of eight channels. */
typedef struct {
  int16_t pair[N1_ORDER + N1_FRAMES + 1][2 * N1_LANES]; /* centres of a step and of the one before; 32 steps are past */
  uint16_t codes[N1_FRAMES][N1_LANES];
  int32_t idle;     /* set of the lanes that are not coded: they are stored, or no channels */
  int32_t youngest; /* least age of the others */
} n1_block;

/* A lane that began less than 32 samples ago is predicted by as many as it has. */
static inline void n1_block_grow(const n1_model *m, n1_group *g, const n1_block *b, int32_t step) {
  if (b->youngest + step > N1_ORDER) return;
  for (int lane = 0; lane < N1_LANES; lane++) {
    const int32_t order = g->age[lane] + step;
    if (order > N1_ORDER || b->idle >> lane & 1) continue;
    for (int i = 0; i < N1_ORDER / 2; i++) memcpy(g->weights[i] + 2 * lane, m->weights[order] + 2 * i, 4);
    g->shift[lane] = m->shift[order];
    g->extra[lane] = m->extra[order];
  }
}

/* Steps from .. to - 1 in lockstep. For each, coded gets 8 times the frequencies below a code and 8 times that of the
 * code, 0 for idle lanes. The decoder returns how far it read, or NULL where the bytes end too early. */
void n1_block_encode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded);
void n1_block_encode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded);
const uint8_t *n1_block_decode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint64_t *state,
                               const uint8_t *in, const uint8_t *end);
const uint8_t *n1_block_decode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                                    uint64_t *state, const uint8_t *in, const uint8_t *end);
void n1_block_correlate_avx2(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames);

#endif
