/* What the parts of the codec n1_multi share. docs/multi.md describes the format and the model.
 *
 * A chunk is coded channel by channel. The samples of a channel are cut into MULTI_LANES segments of time, the lanes,
 * which are coded in step: step t has the t-th sample of every lane. A row is such a step: MULTI_LANES numbers side by
 * side. The rows of a channel lie one after the other, with MULTI_PAD rows more at either end: row -1 has the samples
 * before the lanes' first ones.
 *
 * Floating-point numbers are IEEE binary32, rounded to the nearest, and never fused; all compilers get the same bits. */
#ifndef N1C_N1_MULTI_H
#define N1C_N1_MULTI_H

#include <stdint.h>

#include "bytes.h"
#include "n1_mapping.h"

#define MULTI_LANES 16
#define MULTI_PAD 32
#define MULTI_MOST_ORDER 32
#define MULTI_MOST_NEIGHBOURS 8
#define MULTI_MOST_REACH 8
#define MULTI_MOST_TAPS (MULTI_MOST_ORDER + (MULTI_MOST_NEIGHBOURS + 1) * (2 * MULTI_MOST_REACH + 1))
#define MULTI_MOST_CHANNELS (1 << 20)
#define MULTI_MOST_CODES 65536
#define MULTI_MOST_MEAN (17 * MULTI_MOST_CODES) /* codes are up to sixteen times as wide as 1 */
#define MULTI_CENTRE_BITS 10    /* centres of codes are in 2^-10 of a code */
#define MULTI_PROB_BITS 24      /* log2 of the sum of all frequencies */
#define MULTI_PROB (1 << MULTI_PROB_BITS)
#define MULTI_SHAPE 512         /* cells of the residual's distribution function, from -8 to 8 sigmas */
#define MULTI_GUESS_BITS 12      /* log2 of the number of cells of its inverse */
#define MULTI_GUESS (1 << MULTI_GUESS_BITS)
#define MULTI_STATE ((uint64_t)1 << 32)
#define MULTI_SCALE_STEPS 4     /* starts of the variance are in so many steps per octave */
#define MULTI_SUMS 5            /* of products that are made at a time */
#define MULTI_MOST_PRODUCT 4095 /* of the numbers whose products they are: 128 of their squares are below 2^31 */
#define MULTI_LEAST_VARIANCE (1.0f / 256)

/* The lane in the r-th place of a register: those of 32-bit numbers come from unpacking rows of 16-bit ones. */
extern const uint8_t multi_lane_of[MULTI_LANES];

/* The threshold below a code, in codes, and the code's centre, in 2^-MULTI_CENTRE_BITS of a code. */
typedef struct {
  float threshold;
  int32_t centre;
} multi_level;

/* The codes of a group of channels that share a converter, or its kind. */
typedef struct {
  int32_t first;          /* sample of the lowest code, where the step is 1 */
  int32_t codes;          /* number of codes; the lowest and the highest one stand for all beyond, too */
  int32_t cells;          /* of `near` */
  float cells_per_code;
  int8_t *widths;         /* log2 of each code's width, in eighths; NULL: all are 1 */
  multi_level *level;     /* of each code, and one more */
  int32_t *near;          /* threshold nearest to the middle of each cell, but for the outermost */
  float (*shape)[2];      /* MULTI_SHAPE + 1 of them: the distribution function less the floor, and its rise */
} multi_group;

typedef struct {
  int32_t group;
  int32_t shift;            /* x is the distance of a code's centre from the channel's mean in 2^-shift of a code */
  int32_t first;            /* sample of code 0, where the step is not 1 */
  uint32_t step, phase;     /* sample = first + ((code * step + phase) >> 13); step 0: sample = group's first + code; or MULTI_STRETCH */
  int32_t mean, start;      /* what is usual for chunks: mean code, log2 of the residual's variance */
  int32_t neighbours[MULTI_MOST_NEIGHBOURS]; /* earlier channels, as many as the model says */
  int32_t count;            /* of neighbours */
  int16_t *weights;         /* own lags 1 .. order; each neighbour's -reach .. reach; those of the mean */
} multi_channel;

enum { MULTI_BEST, MULTI_FAST, MULTI_PACKETS }; /* presets */

typedef struct {
  int32_t channels, groups;
  int32_t preset;
  int32_t fast;             /* residuals are whole numbers of codes, coded with a table for each channel and chunk */
  int32_t order, neighbours, reach, mean; /* mean: whether the mean of all earlier channels is a regressor */
  int32_t bits;             /* weights are in 2^-bits */
  int32_t tail, gain;       /* of the residual's distribution: weight of its tails in 1/256, width in 1/64 sigma */
  int32_t common;           /* least shift of all channels: the mean's */
  multi_group *group;
  multi_channel *channel;
  int64_t codes, cells;     /* of all groups, at most */
  uint8_t *tables;          /* memory of the groups' tables */
  int32_t *scratch;         /* MULTI_MOST_CODES + 1 of them */
  float guess[MULTI_GUESS]; /* inverse of the distribution function, in sigmas */
} multi_model;

static inline int32_t multi_taps(const multi_model *m, int32_t neighbours) {
  return m->order + (neighbours + m->mean) * (2 * m->reach + 1);
}

/* Where a channel of a model stands in the samples, and of which earlier channels of the model it may know: `first` to
 * known - 1. Those of packets are in rows of channels that know nothing of each other, row after row. */
typedef struct {
  int32_t channel, first, known;
} multi_place;

/* Rows of a section of packets: 16 lanes, or fewer where there would be fewer than eight rows. */
static inline int32_t multi_rows(int32_t channels) {
  const int32_t lanes = channels < 16 ? 1 : channels < 8 * MULTI_LANES ? channels / 8 : MULTI_LANES;
  return (channels + lanes - 1) / lanes;
}

void multi_places(const multi_model *m, multi_place *place);

/* Reads the head of a model, which says how large it is; 0 if it is none. */
int multi_model_head(const uint8_t *bytes, int64_t length, multi_model *m);
/* Memory for the tables of a model; N1C_E_CORRUPT if it is none. */
int64_t multi_model_size(const uint8_t *bytes, int64_t length);
/* Memory for the parts of a model whose head is set. */
int64_t multi_parts_size(const multi_model *m);
/* Lays the parts out in such memory. Returns where the widths of all groups begin. */
int8_t *multi_lay_out(multi_model *m, uint8_t *memory);
/* Reads a model into memory of multi_model_size; NULL if it is none. */
multi_model *multi_model_open(const uint8_t *bytes, int64_t length, void *memory);
/* Writes a model whose numbers are set; its length, or N1C_E_CAPACITY. */
int64_t multi_model_store(multi_model *m, uint8_t *out, int64_t capacity);
/* Cells of `near` that thresholds ask for. */
int64_t multi_cells(const multi_group *g, const int32_t *threshold);
/* Thresholds in 2^-MULTI_CENTRE_BITS of a code, counted from the lowest; codes + 1 of them, as if the outermost codes ended. */
void multi_thresholds(const multi_group *g, int32_t *threshold);
/* Thresholds and centres of a group's codes; `threshold` gets what multi_thresholds() gives. */
void multi_levels(multi_group *g, int32_t *threshold);
/* The distribution function of a normal residual with tails at the i-th of MULTI_SHAPE + 1 places. */
uint32_t multi_shape(int32_t tail, int32_t i);

/* Means of the weights of earlier channels, in 1/256: by own lag; by distance of the neighbour, 0 for all that are far,
 * and lag; of the mean by lag. What a channel's weights are is told as distances from them. */
#define MULTI_KNOWN 64
typedef struct {
  int32_t own[MULTI_MOST_ORDER], mean[2 * MULTI_MOST_REACH + 1], near[MULTI_KNOWN][2 * MULTI_MOST_REACH + 1];
  int32_t own_seen, mean_seen, near_seen[MULTI_KNOWN];
} multi_expected;

/* What a channel's weights are expected to be, given its neighbours. */
void multi_expect(multi_expected *e, const multi_model *m, int32_t channel, int32_t *guess);
/* Takes a channel's weights into the means. */
void multi_learn(multi_expected *e, const multi_model *m, int32_t channel);

/* -- the mapping of samples ---------------------------------------------------------------------------------------- */

#define MULTI_STEP_BITS N1_STEP_BITS
#define MULTI_STRETCH 1 /* a channel's step where its samples are N1's codes, stretched to 16 bits */

/* The sample that a code stands for. */
static inline int32_t multi_sample(const multi_channel *c, const multi_group *g, int32_t code) {
  if (!c->step) return g->first + code;
  if (c->step == MULTI_STRETCH) return n1_sample_of(code & (N1_CODES - 1));
  return (int32_t)((uint32_t)c->first + (uint32_t)(((uint64_t)code * c->step + c->phase) >> MULTI_STEP_BITS));
}

/* The code nearest to a sample; the outermost ones where it is beyond. */
static inline int32_t multi_nearest(const multi_channel *c, const multi_group *g, int32_t sample) {
  int64_t k = sample - (c->step ? c->first : g->first);
  if (c->step == MULTI_STRETCH) k = n1_code_of((int16_t)sample);
  else if (c->step && k > 0) k = (((uint32_t)k << MULTI_STEP_BITS) + c->step / 2) / c->step; /* below 2^30 */
  return (int32_t)(k < 0 ? 0 : k >= g->codes ? g->codes - 1 : k);
}

/* The code of a sample; 0, as beyond all codes, where it lies between two. */
static inline int32_t multi_code(const multi_channel *c, const multi_group *g, int32_t sample) {
  const int32_t k = multi_nearest(c, g, sample);
  return c->step && multi_sample(c, g, k) != sample ? 0 : k;
}

/* -- rows ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  int64_t frames;
  int64_t length;   /* of the last lanes */
  int32_t longer;   /* so many of the first lanes have one sample more */
  int64_t steps;
} multi_lanes;

static inline multi_lanes multi_lanes_of(int64_t frames) {
  multi_lanes l;
  l.frames = frames;
  l.length = frames / MULTI_LANES;
  l.longer = (int32_t)(frames % MULTI_LANES);
  l.steps = l.length + (l.longer > 0);
  return l;
}

static inline int64_t multi_lane_start(const multi_lanes *l, int32_t lane) {
  return lane * l->length + (lane < l->longer ? lane : l->longer);
}

/* Numbers in the rows of one channel, and where row 0 begins. */
static inline int64_t multi_row_size(const multi_lanes *l) { return (l->steps + 2 * MULTI_PAD) * MULTI_LANES; }
#define MULTI_ROW_0 (MULTI_PAD * MULTI_LANES)

/* -- the fast way: residuals in whole codes -------------------------------------------------------------------------- */

#define FAST_BITS 12            /* log2 of the sum of all frequencies */
#define FAST_TOTAL (1 << FAST_BITS)
#define FAST_SYMBOLS 256        /* 0: what is beyond the others, which are residuals from -127 on */
#define FAST_ZERO 128
#define FAST_IDLE FAST_SYMBOLS  /* of lanes that have no sample: a symbol that leaves states as they are */
#define FAST_STATE ((uint32_t)1 << 16)
#define FAST_STATES (2 * MULTI_LANES) /* even steps have the first half of them, odd ones the other: neither waits */

typedef struct {
  uint32_t frequency, low;
  double reciprocal;            /* 1 / frequency */
} fast_interval;

/* The table of a channel in a chunk: its residuals are normally distributed, with tails. */
typedef struct {
  int32_t start;                /* of the channel */
  int32_t raw;                  /* low bits of residuals that are stored as they are */
  fast_interval of[FAST_SYMBOLS + 1];
  uint32_t at[FAST_TOTAL];      /* for each slot: symbol, frequency - 1 << 8, distance from the interval's start << 20 */
} fast_table;

/* What coding a channel takes. */
typedef struct {
  const fast_table *table;
  int32_t down;                 /* a sum of weights times x, so far to the right, is in codes */
  int32_t mean, shift, codes;
  int32_t first;                /* a decoder adds this to codes: it writes samples where it is the sample of code 0 */
  int64_t outermost;            /* so many of the codes that it wrote were 0 or the last one, or more */
} fast_coder;

/* Residuals that are beyond a table's symbols, in the order of steps and places. */
typedef struct {
  void *context;
  int32_t (*next)(void *context);
} fast_beyond;

typedef struct {
  int32_t *at;
  int64_t count, room;          /* count goes on where there is no room left */
} fast_list;

static inline void fast_note(fast_list *list, int32_t residual) {
  if (list->count < list->room) list->at[list->count] = residual;
  list->count++;
}

/* The code and x of a prediction and a residual, both in codes less the mean. Codes stay in their range, come what may. */
static inline int32_t fast_code(const fast_coder *c, int32_t value) {
  const int32_t code = (int32_t)((uint32_t)value + (uint32_t)c->mean);
  return code < 0 ? 0 : code >= c->codes ? c->codes - 1 : code;
}

static inline int16_t fast_x(const fast_coder *c, int32_t code) {
  const int32_t v = code - c->mean, most = 32767 >> (c->shift > 0 ? c->shift : 0);
  const int32_t x = c->shift < 0 ? v >> -c->shift : (v < -most ? -most : v > most ? most : v) * (1 << c->shift);
  return (int16_t)(x < -32768 ? -32768 : x > 32767 ? 32767 : x);
}

/* What a decoder writes for a code. */
static inline int16_t fast_out(fast_coder *c, int32_t code) {
  c->outermost += code == 0 || code == c->codes - 1;
  return (int16_t)(code + c->first);
}

/* -- kernels: with and without AVX2, and the same bits ----------------------------------------------------------------- */

/* A regressor: the row that belongs to step 0, and its weight. */
typedef struct {
  const int16_t *row[MULTI_MOST_TAPS + 1];
  int16_t weight[MULTI_MOST_TAPS + 1];
  int32_t count;
} multi_taps_of;

/* What coding a channel takes. */
typedef struct {
  const multi_group *group;
  const float *guess;
  float scale;      /* of a sum of weights times x, in codes */
  float mean;       /* of the channel in this chunk, in codes */
  float gain;       /* cells of the distribution function per sigma */
  float boost;      /* of the variance */
  int32_t bits;
  int32_t order;
  int32_t x_shift, x_mean; /* x = (centre - x_mean) >> x_shift */
  int16_t own[MULTI_MOST_ORDER];
  float a1[MULTI_LANES], a2[MULTI_LANES], a3[MULTI_LANES]; /* running means of squared residuals: 2^12, 2^7, 2^3 */
} multi_coder;

typedef struct {
  /* From samples of the given codes' range to codes and back, and to x, `rows` rows. The first two return how many codes
   * are outermost ones. */
  int64_t (*codes)(const int16_t *samples, int32_t first, int32_t codes, int64_t rows, uint16_t *out);
  int64_t (*samples)(const uint16_t *code, int32_t first, int32_t codes, int64_t rows, int16_t *out);
  void (*x)(const multi_coder *c, const uint16_t *codes, int64_t rows, int16_t *x);
  /* sum[row] = weights times rows, in the order of multi_lane_of; modulo 2^32. */
  void (*dot)(const multi_taps_of *taps, int64_t from, int64_t to, int32_t *sum);
  /* Adds x >> shift to the sum of channels (sign 1), or takes it away (-1), and writes its mean of `count` channels. */
  void (*mean)(const int16_t *x, int32_t shift, int32_t sign, int32_t count, int64_t rows, int32_t *sum, int16_t *mean);
  /* The intervals of all codes of steps from .. to - 1: the frequencies below, and of the code, 16 numbers each. Lanes
   * from `active` on are idle. */
  void (*intervals)(multi_coder *c, const uint16_t *codes, const int16_t *x, const int32_t *sum, int64_t from,
                    int64_t to, int32_t active, uint32_t *coded);
  /* Takes steps to - 1 .. from into the states, writing words downwards; NULL where they do not fit. */
  uint8_t *(*put)(uint64_t *state, const uint32_t *coded, int64_t from, int64_t to, uint8_t *words, const uint8_t *end);
  /* Takes steps out of the states: codes and x. `sum` has what all regressors but the own past add up to. Returns how
   * far it read, or NULL where the bytes end too early. */
  const uint8_t *(*take)(multi_coder *c, uint64_t *state, const int32_t *sum, int64_t from, int64_t to, int32_t active,
                         uint16_t *codes, int16_t *x, const uint8_t *in, const uint8_t *end);
  /* frames x channels samples to rows of channels `from` .. `to` - 1, and back. */
  void (*gather)(const int16_t *samples, int64_t channels, int64_t from, int64_t to, const multi_lanes *l,
                 int16_t *rows);
  void (*scatter)(const int16_t *rows, int64_t channels, int64_t from, int64_t to, const multi_lanes *l,
                  int16_t *samples);
  /* sums[i] = sum of a times what is i steps before b, of so many rows of numbers up to MULTI_MOST_PRODUCT. */
  void (*products)(const int16_t *a, const int16_t *b, int64_t step, int64_t rows, int64_t sums[MULTI_SUMS]);
} multi_kernels;

extern const multi_kernels multi_plain, multi_avx2;

/* The kernels of the fast way. */
typedef struct {
  void (*x)(const fast_coder *c, const uint16_t *codes, int64_t rows, int16_t *x);
  /* From sums of weights times x, in the order of multi_lane_of, to residuals. */
  void (*residuals)(const fast_coder *c, const uint16_t *codes, int64_t from, int64_t to, int32_t *sum);
  /* Takes steps to - 1 .. from into FAST_STATES. Residuals without a symbol are added to a list, the last one first, while
   * there is room. */
  uint8_t *(*put)(const fast_table *table, uint32_t *state, const int32_t *residuals, int64_t from, int64_t to,
                  int32_t active, uint8_t *words, const uint8_t *end, fast_list *beyond);
  /* Takes steps out of FAST_STATES: codes, with `first` added, and x. The regressors may be earlier x, the newest of them
   * last. Returns how far it read, or NULL where the bytes end too early. */
  const uint8_t *(*take)(fast_coder *c, const multi_taps_of *taps, uint32_t *state, int64_t from, int64_t to,
                         int32_t active, int16_t *out, int16_t *x, const uint8_t *in, const uint8_t *end,
                         const fast_beyond *beyond);
} fast_kernels;

extern const fast_kernels fast_plain, fast_avx2;

/* The states that a step has. */
static inline uint32_t *fast_states(uint32_t *state, int64_t step) { return state + (step & 1) * MULTI_LANES; }

/* The symbol of a residual. */
static inline int32_t fast_symbol(const fast_table *t, int32_t residual) {
  const int32_t k = (residual >> t->raw) + FAST_ZERO;
  return k < 1 || k >= FAST_SYMBOLS || !t->of[k].frequency ? 0 : k;
}

/* The table of residuals of this variance, in log2 * MULTI_SCALE_STEPS. */
void fast_table_open(fast_table *t, int32_t tail, int32_t start);
float multi_power(int32_t steps);

/* The code that holds a slot, searched from all codes. */
int32_t multi_search(const multi_group *g, float at, float per_code, uint32_t slot, uint32_t *low, uint32_t *frequency);

/* Frequencies of all codes below `code`, where the prediction is `at` and a sigma has `per_code` cells a code. */
static inline uint32_t multi_below(const multi_group *g, int32_t code, float at, float per_code) {
  float t = (g->level[code].threshold - at) * per_code + (float)(MULTI_SHAPE / 2);
  int32_t i;
  t = t > 0 ? t : 0;
  t = t < MULTI_SHAPE ? t : MULTI_SHAPE;
  i = (int32_t)t;
  return (uint32_t)(int32_t)(g->shape[i][0] + g->shape[i][1] * (t - (float)i)) + (uint32_t)code;
}

/* The code at a slot: first the one that the inverse of the distribution function says, then its neighbour. */
static inline int32_t multi_find(const multi_group *g, const float *guess, float at, float per_code, float sigma,
                                 uint32_t slot, uint32_t *low, uint32_t *frequency) {
  const float cell = (at + guess[slot >> (MULTI_PROB_BITS - MULTI_GUESS_BITS)] * sigma) * g->cells_per_code;
  const int32_t near = g->near[cell > 0 ? (cell < (float)(g->cells - 1) ? (int32_t)cell : g->cells - 1) : 0];
  const uint32_t middle = multi_below(g, near, at, per_code);
  const int down = slot < middle;
  const uint32_t other = multi_below(g, near + (down ? -1 : 1), at, per_code);
  *low = down ? other : middle;
  *frequency = down ? middle - other : other - middle;
  if (slot - *low < *frequency) return near - down;
  return multi_search(g, at, per_code, slot, low, frequency);
}

#endif
