/* The codec n1_multi: chunks of many channels, coded with a model. docs/multi.md describes both. */
#include "n1_multi.h"

#include <string.h>

#include "n1_model.h"
#include "n1_multi_numbers.h"
#include "n1c/multi.h"

#define BACKING 65536 /* a payload byte may stand for so many samples at most */
#define STATE_BYTES 6
#define STATES_SIZE (4 * FAST_STATES) /* or less: STATE_BYTES * MULTI_LANES */
#define SLACK 64      /* bytes before the words that may be overwritten */
#define COPIES 5000     /* earlier channels of which one may be a copy */
#define LEVEL_STEPS 256 /* that tell how large residuals are */
#define TABLES 16       /* of the fast way that are kept: those of sixteen starts in a row */
#define MOST_BOOST 64 /* of the first step's variance, in steps of MULTI_SCALE_STEPS to the octave */

enum { MODE_RAW, MODE_CODED };
enum { KIND_CODED, KIND_CONSTANT, KIND_COPY, KIND_RAW };

/* -- what is said of each channel beside its codes --------------------------------------------------------------------- */

typedef struct {
  int32_t kind;
  int32_t value;  /* of a constant one; the earlier channel that a copy copies */
  int32_t mean;   /* code */
  int32_t start;  /* log2 of the residual's variance */
  int32_t boost;  /* log2 of what the first step's variance is more than that */
  int64_t beyond; /* samples that their codes may not stand for: the encoder's */
  const int32_t *residuals; /* of the fast way: those that have no symbol and those of the first step, the last first */
  int64_t residuals_count;
} side;

typedef struct {
  number_model kind, value, copy, mean, start, boost, beyond, first, residual;
} side_models;

/* -- a chunk in work -------------------------------------------------------------------------------------------------------- */

typedef struct {
  const multi_model *model;
  const multi_kernels *k;
  const fast_kernels *fast;
  multi_lanes l;
  int64_t channels, size; /* numbers in the rows of a channel */
  int16_t *rows;          /* samples, channel after channel */
  int16_t *x;
  uint16_t *codes;        /* of one channel */
  int32_t *total;         /* sum of earlier channels, row -MULTI_PAD on */
  int16_t *mean;
  int32_t *sum;
  side *side;
  fast_table *tables;     /* TABLES of them, of the fast way */
} chunk;

static int16_t *rows_of(const chunk *c, int64_t channel) { return c->rows + channel * c->size; }
static int16_t *x_of(const chunk *c, int64_t channel) { return c->x + channel * c->size; }

static int64_t chunk_bytes(int64_t frames, const multi_model *model) {
  const int64_t channels = model->channels;
  const multi_lanes l = multi_lanes_of(frames);
  const int64_t size = multi_row_size(&l);
  return 2 * N1C_ROUND64(2 * channels * size) + 2 * N1C_ROUND64(2 * size) + 2 * N1C_ROUND64(4 * size) +
         N1C_ROUND64(channels * (int64_t)sizeof(side)) + (model->fast ? TABLES * (int64_t)sizeof(fast_table) : 0);
}

static uint8_t *chunk_open(chunk *c, const multi_model *model, int64_t frames, uint8_t *memory, int64_t simd) {
  c->model = model;
  c->k = simd && n1_avx2() ? &multi_avx2 : &multi_plain;
  c->fast = simd && n1_avx2() ? &fast_avx2 : &fast_plain;
  c->l = multi_lanes_of(frames);
  c->channels = model->channels;
  c->size = multi_row_size(&c->l);
  c->rows = (int16_t *)memory, memory += N1C_ROUND64(2 * c->channels * c->size);
  c->x = (int16_t *)memory, memory += N1C_ROUND64(2 * c->channels * c->size);
  c->codes = (uint16_t *)memory, memory += N1C_ROUND64(2 * c->size);
  c->mean = (int16_t *)memory, memory += N1C_ROUND64(2 * c->size);
  c->total = (int32_t *)memory, memory += N1C_ROUND64(4 * c->size);
  c->sum = (int32_t *)memory, memory += N1C_ROUND64(4 * c->size);
  c->side = (side *)memory, memory += N1C_ROUND64(c->channels * (int64_t)sizeof(side));
  c->tables = (fast_table *)memory;
  if (model->fast) memory += TABLES * sizeof(fast_table);
  for (int i = 0; model->fast && i < TABLES; i++) c->tables[i].start = INT32_MIN;
  memset(c->total, 0, (size_t)(4 * c->size));
  memset(c->mean, 0, (size_t)(2 * c->size));
  return memory;
}

static void coder_open(multi_coder *m, const chunk *c, int64_t channel) {
  const multi_channel *ch = c->model->channel + channel;
  const side *s = c->side + channel;
  const float variance = multi_power(s->start);
  m->group = c->model->group + ch->group;
  m->guess = c->model->guess;
  m->bits = c->model->bits;
  m->scale = multi_power(-MULTI_SCALE_STEPS * (m->bits + ch->shift));
  m->mean = (float)s->mean;
  m->gain = 0.5f * (float)c->model->gain; /* MULTI_SHAPE / 16 cells to the sigma, in 1/64 */
  m->boost = 1;
  m->order = c->model->order;
  m->x_shift = MULTI_CENTRE_BITS - ch->shift;
  m->x_mean = s->mean * (1 << MULTI_CENTRE_BITS);
  memcpy(m->own, ch->weights, (size_t)m->order * sizeof *m->own);
  for (int i = 0; i < MULTI_LANES; i++) m->a1[i] = m->a2[i] = m->a3[i] = variance;
}

/* Channels whose residuals are alike have the same table. */
static const fast_table *table_of(const chunk *c, int32_t start) {
  fast_table *t = c->tables + (uint32_t)start % TABLES;
  if (t->start != start) fast_table_open(t, c->model->tail, start);
  return t;
}

static void fast_open(fast_coder *m, const chunk *c, int64_t channel) {
  const multi_channel *ch = c->model->channel + channel;
  m->down = c->model->bits + ch->shift;
  m->down = m->down > 0 ? m->down : 0;
  m->mean = c->side[channel].mean;
  m->shift = ch->shift;
  m->codes = c->model->group[ch->group].codes;
  m->first = ch->step ? 0 : c->model->group[ch->group].first;
  m->outermost = 0;
}

/* Codes of all rows of a channel, those before and after the lanes' too; how many of the lanes' are outermost ones. */
static int64_t map_rows(const chunk *c, int64_t channel) {
  const multi_channel *ch = c->model->channel + channel;
  const multi_group *g = c->model->group + ch->group;
  const int16_t *samples = rows_of(c, channel);
  const int64_t end = MULTI_ROW_0 + c->l.steps * MULTI_LANES;
  int64_t outermost = 0;
  int32_t last = samples[0], code;
  if (!ch->step) {
    c->k->codes(samples, g->first, g->codes, MULTI_PAD, c->codes);
    c->k->codes(samples + end, g->first, g->codes, MULTI_PAD, c->codes + end);
    return c->k->codes(samples + MULTI_ROW_0, g->first, g->codes, c->l.steps, c->codes + MULTI_ROW_0);
  }
  code = multi_code(ch, g, last);
  for (int64_t i = 0; i < c->size; i++) {
    if (samples[i] != last) code = multi_code(ch, g, last = samples[i]);
    c->codes[i] = (uint16_t)code;
    outermost += i >= MULTI_ROW_0 && i < end && (code == 0 || code == g->codes - 1);
  }
  return outermost;
}

/* x of all rows of a channel, from its codes; that of a constant one is 0. */
static void map_codes(const chunk *c, int64_t channel) {
  multi_coder m;
  if (c->side[channel].kind == KIND_CONSTANT) {
    memset(x_of(c, channel), 0, (size_t)(2 * c->size));
    return;
  }
  if (c->model->fast) {
    fast_coder f;
    fast_open(&f, c, channel);
    c->fast->x(&f, c->codes, c->size / MULTI_LANES, x_of(c, channel));
    return;
  }
  coder_open(&m, c, channel);
  c->k->x(&m, c->codes, c->size / MULTI_LANES, x_of(c, channel));
}

/* Whether a channel counts for the mean of those before another one. */
static int counts(const chunk *c, int64_t channel) {
  return c->side[channel].kind == KIND_CODED || c->side[channel].kind == KIND_RAW;
}

/* The regressors that are known whatever the channel's own past is; those of the own past come behind, if wanted. */
static void regressors(const chunk *c, int64_t channel, int own, multi_taps_of *taps) {
  const multi_model *model = c->model;
  const multi_channel *ch = model->channel + channel;
  const int16_t *w = ch->weights + model->order;
  int32_t n = 0;
  for (int32_t i = 0; i < ch->count + model->mean; i++) {
    const int16_t *row = (i < ch->count ? x_of(c, ch->neighbours[i]) : c->mean) + MULTI_ROW_0;
    for (int32_t lag = -model->reach; lag <= model->reach; lag++, w++)
      if (*w) taps->row[n] = row - lag * MULTI_LANES, taps->weight[n++] = *w;
  }
  for (int32_t i = own ? model->order : 0; i-- > 0;) /* the newest one last: it is waited for */
    if (ch->weights[i]) taps->row[n] = x_of(c, channel) + MULTI_ROW_0 - (i + 1) * MULTI_LANES, taps->weight[n++] = ch->weights[i];
  taps->count = n;
  taps->row[n] = c->mean + MULTI_ROW_0; /* what a pair's other half reads */
  taps->weight[n] = 0;
}

/* Before the lanes' first samples stands what the first neighbour has there, as far from its own first sample as it is;
 * `known`: whether the channel's first samples are. */
static void begin_lanes(const chunk *c, int64_t channel, int known) {
  const multi_channel *ch = c->model->channel + channel;
  int16_t *x = x_of(c, channel) + MULTI_ROW_0;
  const int16_t *other = ch->count ? x_of(c, ch->neighbours[0]) + MULTI_ROW_0 : NULL;
  for (int32_t t = 1; t <= c->model->order; t++)
    for (int lane = 0; lane < MULTI_LANES; lane++) {
      const int32_t level = known ? x[lane] - (other ? other[lane] : 0) : 0;
      const int32_t v = level + (other ? other[lane - t * MULTI_LANES] : 0);
      x[lane - t * MULTI_LANES] = (int16_t)n1_clamp(v, -32768, 32767);
    }
}

static int64_t lane_length(const multi_lanes *l, int lane) { return l->length + (lane < l->longer); }

static int32_t active_lanes(const chunk *c, int64_t step) {
  return step < c->l.length ? MULTI_LANES : c->l.longer;
}

/* Steps that all lanes have, after the first. */
static int64_t whole_steps(const chunk *c) { return c->l.length > 1 ? c->l.length : 1; }

/* -- the mean of earlier channels -------------------------------------------------------------------------------------------- */

/* Adds a channel to the total of those before it, or takes it away, and makes the mean of those that are left. */
static void count_channel(const chunk *c, int64_t channel, int32_t sign, int32_t count) {
  if (!c->model->mean) return;
  c->k->mean(x_of(c, channel), c->model->channel[channel].shift - c->model->common, sign, count, c->size / MULTI_LANES,
             c->total, c->mean);
}

/* -- encoder ---------------------------------------------------------------------------------------------------------------------- */

static int same_rows(const chunk *c, const int16_t *a, const int16_t *b) {
  return !memcmp(a, b, (size_t)(2 * c->size));
}

static int is_constant(const chunk *c, const int16_t *rows) {
  for (int64_t i = 1; i < c->size; i++)
    if (rows[i] != rows[0]) return 0;
  return 1;
}

static uint32_t fingerprint(const chunk *c, const int16_t *rows) {
  uint32_t h = 2166136261u;
  for (int64_t i = 0; i < c->size; i += 61) h = (h ^ (uint16_t)rows[i]) * 16777619u;
  return h;
}

/* What kind of channel it is, and its mean. */
static void look_at_channel(const chunk *c, int64_t i, uint32_t *prints) {
  const int16_t *rows = rows_of(c, i);
  const multi_channel *ch = c->model->channel + i;
  const multi_group *g = c->model->group + ch->group;
  side *s = c->side + i;
  memset(s, 0, sizeof *s);
  prints[i] = fingerprint(c, rows);
  if (is_constant(c, rows)) {
    s->kind = KIND_CONSTANT;
    s->value = rows[0];
    return;
  }
  for (int64_t other = i > COPIES ? i - COPIES : 0; other < i; other++)
    if (prints[other] == prints[i] && c->side[other].kind != KIND_CONSTANT && same_rows(c, rows_of(c, other), rows)) {
      s->kind = KIND_COPY;
      s->value = (int32_t)other;
      s->mean = ch->mean;
      return;
    }
  {
    int64_t sum = 0;
    const int16_t *at = rows + MULTI_ROW_0;
    const int64_t n = c->l.steps * MULTI_LANES;
    for (int64_t k = 0; k < n; k++) sum += at[k];
    s->mean = (int32_t)(g->level[multi_nearest(ch, g, (int32_t)(sum / n))].centre >> MULTI_CENTRE_BITS);
  }
}

/* log2 of the mean of squared residuals of rows, in steps of MULTI_SCALE_STEPS to the octave. */
static int32_t level_of(const multi_coder *m, const int16_t *x, const int32_t *sum, int64_t from, int64_t to,
                        int32_t active) {
  int64_t n = 0;
  uint64_t squares = 0;
  float v;
  int32_t steps = -8 * MULTI_SCALE_STEPS;
  const int64_t every = (to - from) / LEVEL_STEPS + 1;
  for (int64_t t = from; t < to; t += every, n += active)
    for (int r = 0; r < MULTI_LANES; r++) {
      const int lane = multi_lane_of[r];
      const int32_t e =
          (int32_t)(((uint32_t)x[t * MULTI_LANES + lane] << m->bits) - (uint32_t)sum[t * MULTI_LANES + r]) >> m->bits;
      if (lane < active) squares += (uint64_t)((int64_t)e * e);
    }
  if (!n) return 0;
  v = (float)squares / (float)n * (m->scale * m->scale) * (float)((int64_t)1 << 2 * m->bits);
  while (steps < 36 * MULTI_SCALE_STEPS && multi_power(steps) < v) steps++;
  return steps;
}

typedef struct {
  uint32_t *coded;
  uint64_t state[MULTI_LANES];
  uint32_t fast_state[FAST_STATES];
  int32_t *residuals; /* where those that have no symbol go */
  uint8_t *words, *end;
} encoder;

/* Codes one channel in front of those behind it; 0 if that does not fit. */
static int encode_channel(const chunk *c, int64_t channel, encoder *e) {
  side *s = c->side + channel;
  const int64_t whole = whole_steps(c);
  int16_t *x = x_of(c, channel) + MULTI_ROW_0;
  const uint16_t *codes = c->codes + MULTI_ROW_0;
  int32_t *sum = c->sum + MULTI_ROW_0;
  multi_taps_of taps;
  multi_coder m;
  coder_open(&m, c, channel);
  s->beyond = map_rows(c, channel);
  if (s->beyond > c->l.frames / 8) {
    s->kind = KIND_RAW;
    return 1;
  }
  regressors(c, channel, 1, &taps);
  begin_lanes(c, channel, 0);
  c->k->dot(&taps, 0, 1, sum);
  begin_lanes(c, channel, 1);
  c->k->dot(&taps, 1, c->l.steps, sum);
  s->start = level_of(&m, x, sum, c->l.steps > 1, c->l.steps, MULTI_LANES);
  s->boost = n1_clamp(level_of(&m, x, sum, 0, 1, active_lanes(c, 0)) - s->start, 0, MOST_BOOST);
  coder_open(&m, c, channel);
  m.boost = multi_power(s->boost);
  c->k->intervals(&m, codes, x, sum, 0, 1, active_lanes(c, 0), e->coded);
  coder_open(&m, c, channel);
  c->k->intervals(&m, codes, x, sum, 1, whole, MULTI_LANES, e->coded);
  c->k->intervals(&m, codes, x, sum, whole, c->l.steps, active_lanes(c, whole), e->coded);
  e->words = c->k->put(e->state, e->coded, 0, c->l.steps, e->words, e->end);
  return e->words != NULL;
}

/* log2 of the mean of squared residuals in codes, in steps of MULTI_SCALE_STEPS to the octave. */
static int32_t fast_level(const int32_t *residual, int64_t from, int64_t to, int32_t active) {
  const int64_t every = (to - from) / LEVEL_STEPS + 1;
  int64_t n = 0;
  uint64_t squares = 0;
  int32_t steps = -8 * MULTI_SCALE_STEPS;
  for (int64_t t = from; t < to; t += every, n += active)
    for (int r = 0; r < MULTI_LANES; r++) {
      const int64_t e = residual[t * MULTI_LANES + r];
      if (multi_lane_of[r] < active) squares += (uint64_t)(e * e);
    }
  if (!n) return 0;
  while (steps < 36 * MULTI_SCALE_STEPS && multi_power(steps) < (float)squares / (float)n) steps++;
  return steps;
}

static int fast_encode_channel(const chunk *c, int64_t channel, encoder *e) {
  side *s = c->side + channel;
  const int64_t whole = whole_steps(c);
  int32_t *sum = c->sum + MULTI_ROW_0;
  uint8_t *words = e->words;
  uint32_t before[FAST_STATES];
  const fast_table *table;
  fast_list list;
  multi_taps_of taps;
  fast_coder m;
  s->beyond = map_rows(c, channel);
  regressors(c, channel, 1, &taps);
  begin_lanes(c, channel, 0);
  c->k->dot(&taps, 0, 1, sum);
  begin_lanes(c, channel, 1);
  c->k->dot(&taps, 1, c->l.steps, sum);
  fast_open(&m, c, channel);
  c->fast->residuals(&m, c->codes + MULTI_ROW_0, 0, c->l.steps, sum);
  s->start = fast_level(sum, c->l.steps > 1, c->l.steps, c->l.steps > 1 ? MULTI_LANES : active_lanes(c, 0));
  table = table_of(c, s->start);
  list.at = e->residuals;
  list.count = 0;
  list.room = c->l.frames / 8 + MULTI_LANES;
  memcpy(before, e->fast_state, sizeof before);
  words = c->fast->put(table, e->fast_state, sum, whole, c->l.steps, active_lanes(c, whole), words, e->end, &list);
  if (words) words = c->fast->put(table, e->fast_state, sum, 1, whole, MULTI_LANES, words, e->end, &list);
  for (int r = MULTI_LANES, active = active_lanes(c, 0); r-- > 0;)
    if (multi_lane_of[r] < active) fast_note(&list, sum[r]);
  if (list.count > list.room || s->beyond > c->l.frames / 8) {
    memcpy(e->fast_state, before, sizeof before);
    s->kind = KIND_RAW;
    return 1;
  }
  s->residuals = list.at;
  s->residuals_count = list.count;
  e->residuals += list.count;
  e->words = words;
  return words != NULL;
}

static void put_side(const chunk *c, n1c_encoder *e) {
  side_models m;
  number_open((number_model *)&m, sizeof m / sizeof(number_model));
  for (int64_t i = 0; i < c->channels; i++) {
    const multi_channel *ch = c->model->channel + i;
    const multi_group *g = c->model->group + ch->group;
    const int16_t *rows = rows_of(c, i) + MULTI_ROW_0;
    const side *s = c->side + i;
    int32_t last = 0;
    number_put(e, &m.kind, s->kind);
    if (s->kind == KIND_CONSTANT) number_put(e, &m.value, s->value);
    if (s->kind == KIND_COPY) number_put(e, &m.copy, (int32_t)i - s->value);
    if (s->kind == KIND_CONSTANT || s->kind == KIND_COPY) continue;
    number_put(e, &m.mean, s->mean - ch->mean);
    if (s->kind == KIND_CODED) {
      number_put(e, &m.start, s->start - ch->start);
      if (!c->model->fast) number_put(e, &m.boost, s->boost);
    }
    for (int64_t k = 0, n = s->kind == KIND_CODED ? s->residuals_count : 0; k < n; k++)
      number_put(e, k < active_lanes(c, 0) ? &m.first : &m.residual, s->residuals[n - 1 - k]);
    for (int64_t t = 0; (s->beyond || s->kind == KIND_RAW) && t < c->l.steps; t++)
      for (int lane = 0, active = active_lanes(c, t); lane < active; lane++) {
        const int32_t v = rows[t * MULTI_LANES + lane], k = multi_code(ch, g, v);
        if (s->kind == KIND_RAW) {
          n1c_encode_interval(e, (uint16_t)v, 1, 16);
        } else if (k == 0 || k == g->codes - 1) {
          number_put(e, &m.beyond, (int32_t)((uint32_t)v - (uint32_t)(last ? last : multi_sample(ch, g, k))));
          last = v;
        }
      }
  }
}

static int64_t encode_chunk(chunk *c, encoder *e, uint32_t *prints, const int16_t *samples, uint8_t *out,
                            int64_t capacity) {
  n1c_encoder side_coder;
  int64_t length;
  int32_t counted = 0, any = 0;
  uint8_t *at = out, *const top = e->words;
  c->k->gather(samples, c->channels, 0, c->channels, &c->l, c->rows);
  for (int64_t i = 0; i < c->channels; i++) {
    look_at_channel(c, i, prints);
    map_rows(c, i);
    map_codes(c, i);
    if (counts(c, i)) count_channel(c, i, 1, ++counted);
  }
  for (int lane = 0; lane < MULTI_LANES; lane++) e->state[lane] = MULTI_STATE;
  for (int i = 0; i < FAST_STATES; i++) e->fast_state[i] = FAST_STATE;
  for (int64_t i = c->channels; i-- > 0;) {
    if (c->side[i].kind != KIND_CODED) continue;
    count_channel(c, i, -1, --counted);
    if (!(c->model->fast ? fast_encode_channel : encode_channel)(c, i, e)) return N1C_E_CAPACITY;
    any = 1;
  }
  *at++ = MODE_CODED;
  n1c_encoder_start(&side_coder, at + 5, capacity - 6);
  put_side(c, &side_coder);
  length = n1c_encoder_end(&side_coder);
  if (length < 0 || length >= (int64_t)1 << 35) return N1C_E_CAPACITY;
  {
    uint8_t head[5], *end = n1c_store_leb128(head, (uint64_t)length);
    memmove(at + (end - head), at + 5, (size_t)length);
    memcpy(at, head, (size_t)(end - head));
    at += end - head + length;
  }
  if (any) {
    if (capacity - (at - out) < STATES_SIZE + (top - e->words)) return N1C_E_CAPACITY;
    for (int i = 0; c->model->fast && i < FAST_STATES; i++) at = n1c_store_bytes(at, e->fast_state[i], 4);
    for (int r = 0; !c->model->fast && r < MULTI_LANES; r++) at = n1c_store_bytes(at, e->state[r], STATE_BYTES);
    memcpy(at, e->words, (size_t)(top - e->words));
    at += top - e->words;
  }
  for (; at - out < c->l.frames * c->channels / BACKING + 1 && at - out < capacity; at++) *at = 0;
  return at - out;
}

/* -- decoder -------------------------------------------------------------------------------------------------------------------------- */

/* Fills what stands before and after the lanes: samples of the lanes beside them. */
static void close_rows(const chunk *c, int16_t *rows) {
  const multi_lanes *l = &c->l;
  const int last = (l->frames < MULTI_LANES ? (int)l->frames : MULTI_LANES) - 1;
  for (int lane = 0; lane < MULTI_LANES; lane++) {
    const int64_t stop = lane_length(l, lane);
    int64_t step = 0;
    int from = lane;
    for (int64_t t = -1; t >= -MULTI_PAD; t--) {
      while (!step && from > 0) step = lane_length(l, --from);
      step -= step > 0;
      rows[t * MULTI_LANES + lane] = rows[step * MULTI_LANES + from];
    }
    from = lane < last ? lane + 1 : last;
    step = lane < last ? 0 : lane_length(l, last) - 1;
    for (int64_t t = stop; t < l->steps + MULTI_PAD; t++) {
      rows[t * MULTI_LANES + lane] = rows[step * MULTI_LANES + from];
      if (step + 1 < lane_length(l, from)) step++;
      else if (from < last) from++, step = 0;
    }
  }
}

/* The samples of a channel's codes, and how many of these are outermost ones, or more. */
static int64_t samples_of_codes(const chunk *c, int64_t channel) {
  const multi_channel *ch = c->model->channel + channel;
  const multi_group *g = c->model->group + ch->group;
  const uint16_t *codes = c->codes + MULTI_ROW_0;
  int16_t *rows = rows_of(c, channel) + MULTI_ROW_0;
  const int64_t n = c->l.steps * MULTI_LANES;
  if (!ch->step) /* idle lanes have code 0 */
    return c->k->samples(codes, g->first, g->codes, c->l.steps, rows) - (n - c->l.frames);
  for (int64_t i = 0; i < n; i++) rows[i] = (int16_t)multi_sample(ch, g, codes[i]);
  return n;
}

/* Puts samples beyond a channel's codes where its outermost codes are. */
static void place_beyond(const chunk *c, int64_t channel, n1c_decoder *d, number_model *beyond) {
  const multi_channel *ch = c->model->channel + channel;
  const multi_group *g = c->model->group + ch->group;
  int16_t *rows = rows_of(c, channel) + MULTI_ROW_0;
  const int16_t *coded = ch->step ? (const int16_t *)(c->codes + MULTI_ROW_0) : rows;
  const int16_t low = (int16_t)(ch->step ? 0 : g->first), high = (int16_t)(low + g->codes - 1);
  int32_t last = 0;
  for (int64_t t = 0; t < c->l.steps; t++)
    for (int lane = 0, active = active_lanes(c, t); lane < active; lane++) {
      const int64_t i = t * MULTI_LANES + lane;
      if (coded[i] != low && coded[i] != high) continue;
      last = (int16_t)((uint32_t)number_take(d, beyond) + (uint32_t)(last ? last : rows[i]));
      rows[i] = (int16_t)last;
    }
}

/* Decodes one channel. Returns how many codes are outermost ones, or more; -1 if the bytes are not what an encoder
 * writes. */
static int64_t decode_channel(const chunk *c, int64_t channel, uint64_t *state, n1c_reader *r) {
  const int64_t whole = whole_steps(c);
  int16_t *x = x_of(c, channel) + MULTI_ROW_0;
  uint16_t *codes = c->codes + MULTI_ROW_0;
  int32_t *sum = c->sum + MULTI_ROW_0;
  multi_taps_of taps;
  multi_coder m;
  coder_open(&m, c, channel);
  regressors(c, channel, 0, &taps);
  c->k->dot(&taps, 0, c->l.steps, sum);
  begin_lanes(c, channel, 0);
  m.boost = multi_power(c->side[channel].boost);
  r->at = c->k->take(&m, state, sum, 0, 1, active_lanes(c, 0), codes, x, r->at, r->end);
  if (!r->at) return -1;
  coder_open(&m, c, channel);
  begin_lanes(c, channel, 1);
  r->at = c->k->take(&m, state, sum, 1, whole, MULTI_LANES, codes, x, r->at, r->end);
  if (!r->at) return -1;
  r->at = c->k->take(&m, state, sum, whole, c->l.steps, active_lanes(c, whole), codes, x, r->at, r->end);
  return r->at ? samples_of_codes(c, channel) : -1;
}

typedef struct {
  n1c_decoder *d;
  number_model *model;
} residual_source;

static int32_t next_residual(void *context) {
  residual_source *s = context;
  return number_take(s->d, s->model);
}

static int64_t fast_decode_channel(const chunk *c, int64_t channel, uint32_t *state, n1c_reader *r, n1c_decoder *d,
                                   side_models *models) {
  const int64_t whole = whole_steps(c);
  int16_t *x = x_of(c, channel) + MULTI_ROW_0;
  int16_t *codes = (int16_t *)(c->codes + MULTI_ROW_0);
  int16_t *out = c->model->channel[channel].step ? codes : rows_of(c, channel) + MULTI_ROW_0;
  int32_t *sum = c->sum + MULTI_ROW_0;
  residual_source source;
  const fast_beyond beyond = {&source, next_residual};
  multi_taps_of taps;
  fast_coder m;
  source.d = d;
  source.model = &models->residual;
  regressors(c, channel, 1, &taps);
  begin_lanes(c, channel, 0);
  c->k->dot(&taps, 0, 1, sum);
  fast_open(&m, c, channel);
  m.table = table_of(c, c->side[channel].start);
  for (int k = 0, active = active_lanes(c, 0); k < MULTI_LANES; k++) {
    const int lane = multi_lane_of[k];
    int32_t code;
    out[lane] = (int16_t)m.first;
    x[lane] = 0;
    if (lane >= active) continue;
    code = fast_code(&m, (int32_t)((uint32_t)(sum[k] >> m.down) + (uint32_t)number_take(d, &models->first)));
    out[lane] = fast_out(&m, code);
    x[lane] = fast_x(&m, code);
  }
  begin_lanes(c, channel, 1);
  r->at = c->fast->take(&m, &taps, state, 1, whole, MULTI_LANES, out, x, r->at, r->end, &beyond);
  if (!r->at) return -1;
  r->at = c->fast->take(&m, &taps, state, whole, c->l.steps, active_lanes(c, whole), out, x, r->at, r->end, &beyond);
  if (!r->at) return -1;
  return out != codes ? m.outermost : samples_of_codes(c, channel);
}

/* What is said of one channel; 0 if an encoder does not say that. */
static int take_side(const chunk *c, int64_t channel, n1c_decoder *d, side_models *m) {
  const multi_channel *ch = c->model->channel + channel;
  side *s = c->side + channel;
  memset(s, 0, sizeof *s);
  s->kind = number_take(d, &m->kind);
  s->mean = ch->mean;
  if (s->kind < KIND_CODED || s->kind > KIND_RAW || n1c_decoder_overrun(d)) return 0;
  if (s->kind == KIND_CONSTANT) {
    s->value = number_take(d, &m->value);
    return s->value >= -32768 && s->value <= 32767;
  }
  if (s->kind == KIND_COPY) {
    const int64_t other = channel - (int64_t)number_take(d, &m->copy);
    s->value = (int32_t)other;
    return other >= 0 && other < channel;
  }
  s->mean = (int32_t)((uint32_t)ch->mean + (uint32_t)number_take(d, &m->mean));
  if (s->mean < 0 || s->mean > MULTI_MOST_MEAN) return 0;
  if (s->kind == KIND_RAW) return 1;
  s->start = (int32_t)((uint32_t)ch->start + (uint32_t)number_take(d, &m->start));
  s->boost = c->model->fast ? 0 : number_take(d, &m->boost);
  return s->start >= -8 * MULTI_SCALE_STEPS && s->start <= 36 * MULTI_SCALE_STEPS && s->boost >= 0 &&
         s->boost <= MOST_BOOST;
}

#define PLACED 16 /* channels that go from rows to frames at a time, while the cache has their rows */

static int64_t decode_chunk(chunk *c, n1c_reader r, int16_t *samples) {
  const uint64_t least = c->model->fast ? FAST_STATE : MULTI_STATE;
  const int states = c->model->fast ? FAST_STATES : MULTI_LANES;
  uint64_t state[MULTI_LANES];
  uint32_t fast_state[FAST_STATES];
  n1c_decoder d;
  side_models m;
  int32_t counted = 0, begun = 0;
  int64_t placed = 0, outermost;
  const uint64_t length = n1c_read_leb128(&r, 5);
  if (r.bad || length > (uint64_t)(r.end - r.at)) return N1C_E_CORRUPT;
  n1c_decoder_start(&d, r.at, (int64_t)length);
  r.at += length;
  number_open((number_model *)&m, sizeof m / sizeof(number_model));
  for (int64_t i = 0; i < c->channels; i++) {
    const side *s = c->side + i;
    int16_t *rows = rows_of(c, i);
    if (!take_side(c, i, &d, &m)) return N1C_E_CORRUPT;
    if (s->kind == KIND_CODED) {
      for (int k = 0; !begun && k < states; k++) {
        const uint64_t s = n1c_read_bytes(&r, c->model->fast ? 4 : STATE_BYTES);
        if (r.bad || s < least) return N1C_E_CORRUPT;
        if (c->model->fast) fast_state[k] = (uint32_t)s;
        else state[k] = s;
      }
      begun = 1;
      outermost = c->model->fast ? fast_decode_channel(c, i, fast_state, &r, &d, &m) : decode_channel(c, i, state, &r);
      if (outermost < 0) return N1C_E_CORRUPT;
      if (outermost) place_beyond(c, i, &d, &m.beyond);
      close_rows(c, x_of(c, i) + MULTI_ROW_0);
    } else {
      for (int64_t k = 0; s->kind == KIND_CONSTANT && k < c->size; k++) rows[k] = (int16_t)s->value;
      if (s->kind == KIND_COPY) memcpy(rows, rows_of(c, s->value), (size_t)(2 * c->size));
      for (int64_t t = 0; s->kind == KIND_RAW && t < c->l.steps; t++)
        for (int lane = 0, active = active_lanes(c, t); lane < active; lane++) {
          const uint64_t v = d.code / (d.range >> 16), unit = d.range >> 16;
          rows[MULTI_ROW_0 + t * MULTI_LANES + lane] = (int16_t)(uint16_t)(v > 65535 ? 65535 : v);
          n1c_decoder_narrow(&d, unit * (v > 65535 ? 65535 : v), unit);
        }
      close_rows(c, rows + MULTI_ROW_0);
      map_rows(c, i);
      map_codes(c, i);
    }
    if (n1c_decoder_overrun(&d)) return N1C_E_CORRUPT;
    if (counts(c, i)) count_channel(c, i, 1, ++counted);
    if (i + 1 == c->channels || i + 1 - placed == PLACED) {
      c->k->scatter(rows_of(c, placed), c->channels, placed, i + 1, &c->l, samples);
      placed = i + 1;
    }
  }
  for (int k = 0; begun && k < states; k++)
    if ((c->model->fast ? fast_state[k] : state[k]) != least) return N1C_E_CORRUPT;
  return c->l.frames * c->channels;
}

/* -- the interface ------------------------------------------------------------------------------------------------------------------------ */

static int64_t work_size(const uint8_t *model, int64_t length, int64_t frames, int64_t *channels, int encode) {
  multi_model m;
  const int64_t tables = multi_model_size(model, length);
  if (frames < 1 || frames > (int64_t)1 << 31) return N1C_E_ARGUMENT;
  if (tables < 0 || !multi_model_head(model, length, &m) || m.preset == MULTI_PACKETS) return encode ? N1C_E_ARGUMENT : N1C_E_CORRUPT;
  *channels = m.channels;
  return N1C_SLACK + tables + chunk_bytes(frames, &m) + (encode ? 2 * frames * m.channels + 4 * m.channels : 0) +
         (encode ? 8 * MULTI_LANES * (frames / MULTI_LANES + 1 + 2 * MULTI_PAD) : 0) +
         (encode && m.fast ? 4 * m.channels * (frames / 8 + MULTI_LANES) : 0) + SLACK + 7 * 64;
}

int64_t n1c_multi_encode_work_size(const uint8_t *model, int64_t model_length, int64_t frames) {
  int64_t channels;
  return work_size(model, model_length, frames, &channels, 1);
}

int64_t n1c_multi_decode_work_size(const uint8_t *model, int64_t model_length, int64_t frames) {
  int64_t channels;
  return work_size(model, model_length, frames, &channels, 0);
}

int64_t n1c_multi_encode(const int16_t *x, int64_t n, const uint8_t *model, int64_t model_length, int64_t frames,
                         void *work, int64_t size, uint8_t *out, int64_t capacity, int64_t simd) {
  int64_t channels, length;
  const int64_t needed = work_size(model, model_length, frames, &channels, 1);
  uint8_t *memory = n1c_align64(work);
  multi_model *m;
  chunk c;
  encoder e;
  uint32_t *prints;
  if (needed < 0 || n != frames * channels) return N1C_E_ARGUMENT;
  if (size < needed || capacity < 2 * n + 1) return N1C_E_CAPACITY;
  m = multi_model_open(model, model_length, memory);
  if (!m) return N1C_E_ARGUMENT;
  memory += N1C_ROUND64(multi_model_size(model, model_length));
  memory = chunk_open(&c, m, frames, memory, simd);
  prints = (uint32_t *)memory, memory += N1C_ROUND64(4 * channels);
  e.coded = (uint32_t *)memory, memory += 8 * MULTI_LANES * c.l.steps;
  e.residuals = (int32_t *)memory;
  if (m->fast) memory += 4 * channels * (frames / 8 + MULTI_LANES);
  e.end = memory + SLACK;
  e.words = e.end + 2 * n;
  length = encode_chunk(&c, &e, prints, x, out, 2 * n + 1);
  if (length >= 0 && length <= 2 * n) return length;
  *out = MODE_RAW;
  for (int64_t i = 0; i < n; i++) n1c_store_bytes(out + 1 + 2 * i, (uint16_t)x[i], 2);
  return 2 * n + 1;
}

int64_t n1c_multi_decode(const uint8_t *in, int64_t length, const uint8_t *model, int64_t model_length, int64_t frames,
                         void *work, int64_t size, int16_t *x, int64_t n, int64_t simd) {
  int64_t channels;
  const int64_t needed = work_size(model, model_length, frames, &channels, 0);
  uint8_t *memory = n1c_align64(work);
  n1c_reader r = n1c_reader_of(in, length);
  multi_model *m;
  chunk c;
  uint64_t mode;
  if (needed < 0) return needed;
  if (n != frames * channels) return N1C_E_CORRUPT;
  if (size < needed) return N1C_E_CAPACITY;
  if (length < 1 || n / BACKING > length) return N1C_E_CORRUPT;
  mode = n1c_read_bytes(&r, 1);
  if (mode == MODE_RAW) {
    if (length != 2 * n + 1) return N1C_E_CORRUPT;
    for (int64_t i = 0; i < n; i++) x[i] = (int16_t)n1c_read_bytes(&r, 2);
    return n;
  }
  if (mode != MODE_CODED) return N1C_E_CORRUPT;
  m = multi_model_open(model, model_length, memory);
  if (!m) return N1C_E_CORRUPT;
  memory += N1C_ROUND64(multi_model_size(model, model_length));
  chunk_open(&c, m, frames, memory, simd);
  return decode_chunk(&c, r, x);
}
