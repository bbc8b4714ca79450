/* The N1 model's state for eight lanes that are coded in lockstep: segments of a recording, or channels. */
#ifndef N1C_N1_LANES_H
#define N1C_N1_LANES_H

#include "n1_model.h"

#define N1_FRAMES 128       /* steps of a block at most: their sums of products stay within 32 bits */
#define N1_FIRST 96         /* scale of a first sample, which is predicted as 0, above that of the errors */
#define N1_MOST_STEP 2000   /* distances of levels are clamped for the moments, so that these stay within 32 bits */
#define N1_MOMENT_BITS 6    /* that moments have less than products */
#define N1_FORGET 3         /* each solution takes so much of the moments away: 1/8 */

#define N1_PAIRS (N1_LEVELS / 2)

/* Two numbers of 16 bits in one, which instructions multiply and add together, for each lane. */
typedef uint32_t n1_pairs[N1_PAIRS][N1_LANES];

static inline uint32_t n1_pair(int32_t low, int32_t high) { return (uint32_t)(uint16_t)low | (uint32_t)high << 16; }
static inline int32_t n1_low(uint32_t pair) { return (int16_t)pair; }
static inline int32_t n1_high(uint32_t pair) { return (int32_t)pair >> 16; }

typedef struct {
  n1_pairs weights, levels;         /* the last samples, newest first, then the means, from the fastest on */
  int32_t mean[N1_MEANS][N1_LANES]; /* 2, 8, 32, 128 and 512 times the running means of all before the last */
  int32_t moments[N1_MOMENTS][N1_LANES];
  uint32_t a1[N1_LANES], a2[N1_LANES], a3[N1_LANES]; /* running sums of squared errors, windows 2^12, 2^7, 2^3 */
  int32_t shift[N1_LANES];          /* the weights are in 2^-shift */
  int32_t extra[N1_LANES];          /* N1_FIRST before the first sample, then 0 */
  uint8_t start[N1_LANES];          /* scale of the first errors, 16 steps per octave of c */
} n1_group;

typedef struct {
  uint16_t codes[N1_FRAMES][N1_LANES];
  n1_pairs steps[N1_FRAMES]; /* the levels less the last sample, in whose place is what was to be predicted */
  int32_t idle; /* set of lanes that are not coded */
} n1_block;

void n1_restart_lane(const n1_model *m, n1_group *g, int32_t lane, int32_t start);

/* Weights for lanes from .. to - 1 from all that they have seen. */
void n1_solve_lanes(const n1_model *m, n1_group *g, int32_t from, int32_t to);

/* The first step of lanes in the set `young` is past: their samples are all that they know. */
void n1_settle(const n1_model *m, n1_group *g, n1_block *b, int32_t young);

/* Predictions in u and scale indices of all lanes; then the codes of a step are taken into their state. */
void n1_begin_step(const n1_group *g, int32_t *p, int32_t *scale);
void n1_end_step(const n1_model *m, n1_group *g, n1_block *b, int32_t step, const int32_t *p);

/* Steps from .. to - 1. For each, coded gets 8 times the frequencies below a code and 8 times that of the code, 0 for
 * idle lanes. The decoder returns how far it read, or NULL where the bytes end too early. Each comes with and without
 * AVX2, that of the decoder for blocks without idle lanes, and gives the same bits. */
void n1_block_encode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded);
void n1_block_encode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded);
const uint8_t *n1_block_decode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint64_t *state,
                               const uint8_t *in, const uint8_t *end);
const uint8_t *n1_block_decode_avx2(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to,
                                    uint64_t *state, const uint8_t *in, const uint8_t *end);

/* The products of the block's first steps are added to the moments. */
void n1_block_moments(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames);
void n1_block_moments_avx2(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames);

/* The code whose interval holds `slot`; the frequencies below it and of it. */
int32_t n1_find(const n1_model *m, uint32_t slot, int32_t p, int32_t scale, uint32_t *low, uint32_t *frequency);

#endif
