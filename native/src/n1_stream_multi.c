/* Packets with a model of n1_multi: channels are predicted from their own past and from what a packet has of others.
 * docs/streaming.md describes the format.
 *
 * A section's channels are in rows of up to MULTI_LANES channels, the lanes, which know nothing of each other, but all of
 * the rows before. The lanes of a row go in step; what earlier rows say of them is added up channel by channel before.
 * Floating-point numbers are computed as n1_multi.h says. */
#include <math.h>
#include <string.h>

#include "crc32.h"
#include "n1_model.h"
#include "n1_stream.h"
#include "n1_stream_multi.h"
#include "n1c/stream.h"
#include "rans.h"

#define PAST ROW_PAST
#define AHEAD MULTI_LANES /* samples behind the packet's end: the last one again; MULTI_MOST_REACH of them matter */
#define STATE_BYTES 6
#define MOST_MEAN 65535
#define LEAST_START (-8 * MULTI_SCALE_STEPS)
#define MOST_START (36 * MULTI_SCALE_STEPS)

/* A channel, in the order of the model. */
typedef struct {
  int64_t sum, recent; /* of its samples since the restart, of those of the packet: the encoder's */
  int32_t start;       /* log2 of the residual's variance when it restarted */
} channel_state;

typedef struct {
  const multi_model *model;
  multi_place *place;
  channel_state *channel;
  multi_row *row;
  int64_t *age;           /* samples of each section's channels since its restart */
  int32_t rows;
  int64_t steps, stride;  /* frames, and so many more that they are a multiple of MULTI_LANES; PAST + steps + AHEAD */
  int16_t *x;             /* of each channel, a stride */
  int16_t *mean;          /* of the channels before a row, a stride */
  int32_t *total;         /* what it is the mean of */
  int32_t *part;          /* sums of one channel */
  multi_work work;
  uint32_t *coded;        /* of a section */
  uint8_t *words, *words_end;
} multis;

/* -- a row, without AVX2 ------------------------------------------------------------------------------------------------ */

/* The scale of a lane's residual: cells of the distribution function per code, and sigma. */
static float scale_of(const multi_row *r, const multi_work *w, int i, float *sigma) {
  *sigma = sqrtf((r->a1[i] * 0.3125f + r->a2[i] * 0.5625f) + r->a3[i] * 0.125f);
  return 0.5f * (float)w->model->gain / *sigma;
}

static void follow(multi_row *r, const multi_work *w, int i, int32_t x, int32_t sum) {
  const float e = (float)(int32_t)(((uint32_t)x << w->model->bits) - (uint32_t)sum) * r->scale[i];
  const float square = e * e > MULTI_LEAST_VARIANCE ? e * e : MULTI_LEAST_VARIANCE;
  r->a1[i] += (square - r->a1[i]) * (1.0f / 4096);
  r->a2[i] += (square - r->a2[i]) * (1.0f / 128);
  r->a3[i] += (square - r->a3[i]) * (1.0f / 8);
}

void multi_row_encode(multi_row *r, const multi_work *w, uint32_t *coded) {
  for (int32_t t = 0; t < w->frames; t++, coded += 2 * MULTI_LANES)
    for (int i = 0; i < MULTI_LANES; i++) {
      const int32_t sum = w->sum[t * MULTI_LANES + i], code = w->code[t * MULTI_LANES + i];
      float sigma;
      const float at = (float)sum * r->scale[i] + r->level[i], per_code = scale_of(r, w, i, &sigma);
      const uint32_t low = multi_below(r->group[i], code, at, per_code);
      coded[i] = w->idle[i] ? 0 : low;
      coded[MULTI_LANES + i] = w->idle[i] ? MULTI_PROB : multi_below(r->group[i], code + 1, at, per_code) - low;
      follow(r, w, i, w->pair[2 * ((PAST + t) * MULTI_LANES + i)], sum);
    }
}

static int16_t x_of(const multi_row *r, int i, int32_t code) {
  return (int16_t)n1_clamp((r->group[i]->level[code].centre - r->mean[i]) >> r->shift[i], -32768, 32767);
}

const uint8_t *multi_row_decode(multi_row *r, const multi_work *w, uint64_t *state, const uint8_t *in, const uint8_t *end) {
  const multi_model *model = w->model;
  for (int32_t t = 0; t < w->frames; t++) {
    for (int i = 0; i < MULTI_LANES; i++) {
      int16_t *now = w->pair + 2 * ((PAST + t) * MULTI_LANES + i);
      uint32_t sum = (uint32_t)w->sum[t * MULTI_LANES + i], low, frequency;
      const uint32_t slot = n1c_rans_slot(state[i], MULTI_PROB_BITS);
      float sigma;
      const float per_code = scale_of(r, w, i, &sigma);
      for (int32_t k = 0; k < model->order; k++)
        sum += (uint32_t)(r->own[k / 2][2 * i + k % 2] * now[-2 * (k + 1) * MULTI_LANES]);
      if (!w->idle[i]) {
        const float at = (float)(int32_t)sum * r->scale[i] + r->level[i];
        const int32_t code = multi_find(r->group[i], model->guess, at, per_code, sigma, slot, &low, &frequency);
        w->code[t * MULTI_LANES + i] = (uint16_t)code;
        *now = x_of(r, i, code);
        state[i] = n1c_rans_take(state[i], slot, low, frequency, MULTI_PROB_BITS);
      }
      follow(r, w, i, *now, (int32_t)sum);
    }
    for (int again = 0; again < 2; again++)
      for (int i = 0; i < MULTI_LANES; i++)
        if (state[i] < MULTI_STATE) {
          if (end - in < 2) return NULL;
          state[i] = state[i] << 16 | n1c_load16(in);
          in += 2;
        }
  }
  return in;
}

/* -- what earlier rows say ----------------------------------------------------------------------------------------------- */

static const multi_kernels *kernels(const stream *s) { return s->simd && n1_avx2() ? &multi_avx2 : &multi_plain; }

/* What regressors add up to at each step of a row; those of the channels' own past only where it is known. */
static void sum_up(const multis *m, const multi_row *r, int own, const multi_kernels *k) {
  const multi_model *model = m->model;
  for (int32_t lane = 0; lane < r->lanes; lane++) {
    const multi_channel *c = model->channel + r->first + lane;
    const int16_t *w = c->weights + model->order;
    multi_taps_of taps;
    int32_t n = 0;
    for (int32_t i = 0; i < c->count + model->mean; i++) {
      const int16_t *x = (i < c->count ? m->x + c->neighbours[i] * m->stride : m->mean) + PAST;
      for (int32_t lag = -model->reach; lag <= model->reach; lag++, w++)
        if (*w) taps.row[n] = x - lag, taps.weight[n++] = *w;
    }
    for (int32_t i = 0; own && i < model->order; i++)
      if (c->weights[i]) taps.row[n] = m->x + (r->first + lane) * m->stride + PAST - 1 - i, taps.weight[n++] = c->weights[i];
    taps.count = n;
    taps.row[n] = m->mean; /* what a pair's other half reads */
    taps.weight[n] = 0;
    k->dot(&taps, 0, m->steps / MULTI_LANES, m->part);
    for (int32_t t = 0; t < m->steps; t += MULTI_LANES)
      for (int i = 0; i < MULTI_LANES; i++)
        m->work.sum[(t + multi_lane_of[i]) * MULTI_LANES + lane] = m->part[t + i];
  }
}

/* Takes the channels of a row into the mean. */
static void add_row(const multis *m, const multi_row *r, const multi_kernels *k) {
  for (int32_t i = r->first; m->model->mean && i < r->first + r->lanes; i++)
    k->mean(m->x + i * m->stride, m->model->channel[i].shift - m->model->common, 1, i + 1 - r->section,
            m->stride / MULTI_LANES, m->total, m->mean);
}

/* -- the model --------------------------------------------------------------------------------------------------------- */

/* The model for packets in a profile: magic, a varint that is the length of the model for files, that, and this one. */
static n1c_reader model_in(const uint8_t *profile, int64_t length) {
  n1c_reader r = n1c_reader_of(profile, length);
  uint64_t files;
  if (length < 4 || memcmp(profile, "N1P\2", 4)) return n1c_reader_of(profile, 0);
  r.at += 4;
  files = n1c_read_leb128(&r, 5);
  if (r.bad || files > (uint64_t)(r.end - r.at)) return n1c_reader_of(profile, 0);
  r.at += files;
  return r;
}

static int64_t steps_of(int64_t frames) { return (frames + MULTI_LANES - 1) / MULTI_LANES * MULTI_LANES; }

#define SLACK 64 /* bytes before the words that may be overwritten */
#define ROWS (STREAM_SECTION / MULTI_LANES) /* of a section at most */

static int64_t rows_at_most(int64_t channels) { return ROWS * ((channels + STREAM_SECTION - 1) / STREAM_SECTION); }

static int64_t coded_size(int64_t frames) { return 8 * ROWS * MULTI_LANES * frames; }

static int64_t words_size(int64_t frames) { return SLACK + 4 * STREAM_SECTION * frames + 4 * MULTI_LANES; }

static int64_t bytes_of(int64_t channels, int64_t frames) {
  const int64_t steps = steps_of(frames), stride = PAST + steps + AHEAD;
  return N1C_ROUND64(sizeof(multis)) + N1C_ROUND64(channels * (int64_t)sizeof(multi_place)) +
         N1C_ROUND64(channels * (int64_t)sizeof(channel_state)) +
         N1C_ROUND64(rows_at_most(channels) * (int64_t)sizeof(multi_row)) + N1C_ROUND64(8 * channels) +
         N1C_ROUND64(2 * channels * stride) + N1C_ROUND64(2 * stride) + N1C_ROUND64(4 * stride) +
         N1C_ROUND64(4 * steps) + N1C_ROUND64(4 * MULTI_LANES * steps) + N1C_ROUND64(4 * MULTI_LANES * (PAST + frames)) +
         N1C_ROUND64(2 * MULTI_LANES * frames) + N1C_ROUND64(coded_size(frames)) + N1C_ROUND64(words_size(frames));
}

static void *take_memory(uint8_t **memory, int64_t bytes) {
  void *at = *memory;
  *memory += N1C_ROUND64(bytes);
  memset(at, 0, (size_t)bytes);
  return at;
}

static void open_near(const multi_model *model, uint16_t *near) {
  for (int32_t i = 0; i < model->groups; i++)
    for (int32_t k = 0; k < model->group[i].cells; k++) *near++ = (uint16_t)model->group[i].near[k];
}

static void set_table(const multi_model *model, multi_row *r, int32_t lane, const multi_group *g) {
  const multi_group *like;
  r->group[lane] = g;
  r->level_at[lane] = (int32_t)(((const uint8_t *)g->level - model->tables) / (int64_t)sizeof *g->level);
  r->near_at[lane] = 0;
  for (const multi_group *before = model->group; before < g; before++) r->near_at[lane] += before->cells;
  for (like = model->group; like->codes != g->codes;) like++; /* the same shape, which is then more often in the cache */
  r->shape_at[lane] = (int32_t)(((const uint8_t *)like->shape - model->tables) / (int64_t)sizeof *like->shape);
  r->cells[lane] = g->cells_per_code;
  r->last_cell[lane] = (float)(g->cells - 1);
}

static void lay_rows_out(multis *m) {
  const multi_model *model = m->model;
  for (int32_t i = 0; i < model->channels; m->rows++) {
    multi_row *r = m->row + m->rows;
    const multi_place *p = m->place + i;
    r->first = i;
    r->section = p->first;
    for (; i < model->channels && m->place[i].known == p->known && m->place[i].first == p->first; i++, r->lanes++) {
      const multi_channel *c = model->channel + i;
      set_table(model, r, r->lanes, model->group + c->group);
      r->shift[r->lanes] = MULTI_CENTRE_BITS - c->shift;
      r->scale[r->lanes] = multi_power(-MULTI_SCALE_STEPS * (model->bits + c->shift));
      for (int32_t k = 0; k < model->order; k++) r->own[k / 2][2 * r->lanes + k % 2] = c->weights[k];
    }
    for (int lane = r->lanes; lane < MULTI_LANES; lane++) set_table(model, r, lane, r->group[0]);
    for (int lane = 0; lane < MULTI_LANES; lane++) r->a1[lane] = r->a2[lane] = r->a3[lane] = 1;
  }
}

static int open_multi(stream *s, const uint8_t *profile, int64_t length) {
  const n1c_reader bytes = model_in(profile, length);
  uint8_t *memory = s->model;
  multis *m = take_memory(&memory, sizeof *m);
  const int64_t channels = s->channels, frames = s->frames;
  multi_model *model;
  uint16_t *near;
  m->steps = steps_of(frames);
  m->stride = PAST + m->steps + AHEAD;
  m->place = take_memory(&memory, channels * (int64_t)sizeof *m->place);
  m->channel = take_memory(&memory, channels * (int64_t)sizeof *m->channel);
  m->row = take_memory(&memory, rows_at_most(channels) * (int64_t)sizeof *m->row);
  m->age = take_memory(&memory, 8 * channels);
  m->x = take_memory(&memory, 2 * channels * m->stride);
  m->mean = take_memory(&memory, 2 * m->stride);
  m->total = take_memory(&memory, 4 * m->stride);
  m->part = take_memory(&memory, 4 * m->steps);
  m->work.frames = s->frames;
  m->work.sum = take_memory(&memory, 4 * MULTI_LANES * m->steps);
  m->work.pair = take_memory(&memory, 4 * MULTI_LANES * (PAST + frames));
  m->work.code = take_memory(&memory, 2 * MULTI_LANES * frames);
  m->coded = take_memory(&memory, coded_size(frames));
  m->words = take_memory(&memory, words_size(frames));
  m->words_end = m->words + words_size(frames);
  model = multi_model_open(bytes.at, bytes.end - bytes.at, memory);
  if (!model || model->preset != MULTI_PACKETS || model->channels != s->channels) return -1;
  m->model = m->work.model = model;
  m->work.near = near = (uint16_t *)(void *)(memory + N1C_ROUND64(multi_model_size(bytes.at, bytes.end - bytes.at)));
  open_near(model, near);
  multi_places(model, m->place);
  for (int32_t i = 0; i < model->channels; i++)
    for (int32_t k = 0; k < model->channel[i].count; k++) {
      const int32_t other = model->channel[i].neighbours[k];
      if (other < m->place[i].first || other >= m->place[i].known) return -1;
    }
  lay_rows_out(m);
  s->profile = n1c_crc32(0, profile, length);
  return 0;
}

int64_t n1c_stream_profile_size(int64_t codec, const uint8_t *profile, int64_t length) {
  const n1c_reader bytes = model_in(profile, length);
  const int64_t size = multi_model_size(bytes.at, bytes.end - bytes.at);
  multi_model head;
  if (codec != N1C_STREAM_MULTI) return 0;
  if (size < 0 || !multi_model_head(bytes.at, bytes.end - bytes.at, &head)) return N1C_E_ARGUMENT;
  return N1C_ROUND64(size) + 2 * head.cells;
}

/* -- channels ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  multi_row *row;
  int32_t lane;
  const multi_channel *channel;
  const multi_group *group;
  channel_state *state;
  int32_t place;  /* in the section's samples */
  int16_t *x;     /* PAST samples before the packet's first one */
} one;

/* The rows of a section: first .. last - 1. */
static multi_row *rows_of(const multis *m, const stream_span *v, multi_row **last) {
  multi_row *r = m->row, *end = m->row + m->rows;
  while (r < end && r->section != v->channel) r++;
  for (*last = r; *last < end && (*last)->section == v->channel;) ++*last;
  return r;
}

static one one_of(const multis *m, multi_row *r, int32_t lane) {
  const int32_t i = r->first + lane;
  one c;
  c.row = r;
  c.lane = lane;
  c.channel = m->model->channel + i;
  c.group = m->model->group + c.channel->group;
  c.state = m->channel + i;
  c.place = m->place[i].channel - r->section;
  c.x = m->x + i * m->stride;
  return c;
}

static void set_scale(const one *c, int32_t start) {
  c->row->a1[c->lane] = c->row->a2[c->lane] = c->row->a3[c->lane] = multi_power(start);
}

static void restart_channel(const one *c, int32_t mean, int32_t start) {
  c->state->start = start;
  c->state->sum = 0;
  c->row->mean[c->lane] = mean * (1 << MULTI_CENTRE_BITS);
  c->row->level[c->lane] = (float)mean;
  memset(c->x, 0, PAST * sizeof *c->x);
  set_scale(c, start);
}

/* Behind the packet's end stands its last sample again. */
static void hold(const multis *m, const one *c) {
  const int16_t last = c->x[PAST + m->work.frames - 1];
  for (int64_t t = PAST + m->work.frames; t < m->stride; t++) c->x[t] = last;
}

/* Codes and x of a channel whose samples are known. */
static void load_samples(const multis *m, const one *c, const int16_t *samples, int64_t channels) {
  int64_t sum = 0;
  for (int32_t t = 0; t < m->work.frames; t++) {
    const int32_t sample = samples[t * channels], code = multi_nearest(c->channel, c->group, sample);
    const int16_t x = x_of(c->row, c->lane, code);
    m->work.code[t * MULTI_LANES + c->lane] = (uint16_t)code;
    m->work.pair[2 * ((PAST + t) * MULTI_LANES + c->lane)] = x;
    c->x[PAST + t] = x;
    sum += sample;
  }
  c->state->recent = sum;
  hold(m, c);
}

/* The packet's end: its samples become the past. Channels that it stored have the scale with which they restarted. */
static void close_section(stream *s, const stream_span *v) {
  multis *m = s->model;
  multi_row *end, *r = rows_of(m, v, &end);
  for (; r < end; r++)
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      memmove(c.x, c.x + m->work.frames, PAST * sizeof *c.x);
      c.state->sum += c.state->recent;
      if (s->stored[c.place]) set_scale(&c, c.state->start);
    }
  m->age[v->channel / s->section_channels] += m->work.frames;
}

static void begin_anew(stream *s, const stream_span *v, const int16_t *x) {
  multis *m = s->model;
  multi_row *end, *r = rows_of(m, v, &end);
  for (; r < end; r++)
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      load_samples(m, &c, x + v->channel + c.place, s->channels);
    }
  close_section(s, v);
}

/* -- restarts ------------------------------------------------------------------------------------------------------------ */

/* What a channel's mean was since the last restart, or where there was none in this packet. */
static int32_t mean_of(const stream *s, const stream_span *v, const one *c, const int16_t *x, int64_t age) {
  int64_t sum = c->state->sum;
  if (!age) {
    sum = 0;
    age = s->frames;
    for (int32_t t = 0; t < s->frames; t++) sum += x[t * (int64_t)s->channels + v->channel + c->place];
  }
  sum = c->group->level[multi_nearest(c->channel, c->group, (int32_t)(sum / age))].centre >> MULTI_CENTRE_BITS;
  return sum < MOST_MEAN ? (int32_t)sum : MOST_MEAN;
}

static uint8_t *restart_section(stream *s, const stream_span *v, const int16_t *x, uint8_t *out) {
  const multis *m = s->model;
  int64_t *age = m->age + v->channel / s->section_channels;
  multi_row *end, *r = rows_of(m, v, &end);
  for (; r < end; r++)
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      const int32_t mean = mean_of(s, v, &c, x, *age);
      int32_t start = c.channel->start;
      if (*age)
        for (start = LEAST_START; start < MOST_START && multi_power(start) < r->a1[lane];) start++;
      out = n1c_store_bytes(n1c_store_bytes(out, (uint64_t)mean, 2), (uint64_t)(start - LEAST_START), 1);
      restart_channel(&c, mean, start);
    }
  *age = 0;
  return out;
}

static int follow_restart(stream *s, const stream_span *v, n1c_reader *in) {
  const multis *m = s->model;
  multi_row *end, *r = rows_of(m, v, &end);
  for (; r < end; r++)
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      const int32_t mean = (int32_t)n1c_read_bytes(in, 2), start = (int32_t)n1c_read_bytes(in, 1) + LEAST_START;
      if (in->bad || start > MOST_START) return 0;
      restart_channel(&c, mean, start);
    }
  return 1;
}

/* -- a section ----------------------------------------------------------------------------------------------------------- */

/* A channel is stored where a sample has no code of its own. */
static void refuse(stream *s, const stream_span *v, const int16_t *x) {
  const multis *m = s->model;
  multi_row *end, *r = rows_of(m, v, &end);
  for (; r < end; r++)
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      const int16_t *samples = x + v->channel + c.place;
      for (int32_t t = 0; t < s->frames && !s->stored[c.place]; t++, samples += s->channels)
        s->stored[c.place] =
            multi_sample(c.channel, c.group, multi_nearest(c.channel, c.group, *samples)) != *samples;
    }
}

static void begin_section(const multis *m) {
  memset(m->total, 0, (size_t)m->stride * sizeof *m->total);
  memset(m->mean, 0, (size_t)m->stride * sizeof *m->mean);
}

/* Lanes of a row that are not coded. */
static void set_idle(const stream *s, multis *m, multi_row *r) {
  for (int32_t lane = 0; lane < MULTI_LANES; lane++)
    m->work.idle[lane] = lane < r->lanes && !s->stored[one_of(m, r, lane).place] ? 0 : -1;
}

static int64_t encode_multi(stream *s, const stream_span *v, const int16_t *x, int key, uint8_t *out, int64_t most) {
  multis *m = s->model;
  const multi_kernels *k = kernels(s);
  uint64_t state[MULTI_LANES];
  uint32_t *coded = m->coded;
  uint8_t *words;
  multi_row *end, *first = rows_of(m, v, &end);
  int64_t size;
  (void)key; /* what a restart says is written, and that is all */
  begin_section(m);
  for (multi_row *r = first; r < end; r++, coded += 2 * MULTI_LANES * s->frames) {
    set_idle(s, m, r);
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      load_samples(m, &c, x + v->channel + c.place, s->channels);
    }
    for (int32_t lane = r->lanes; lane < MULTI_LANES; lane++)
      for (int32_t t = 0; t < s->frames; t++) m->work.code[t * MULTI_LANES + lane] = 0;
    sum_up(m, r, 1, k);
    (k == &multi_avx2 ? multi_row_encode_avx2 : multi_row_encode)(r, &m->work, coded);
    add_row(m, r, k);
  }
  for (int i = 0; i < MULTI_LANES; i++) state[i] = MULTI_STATE;
  words = k->put(state, m->coded, 0, (end - first) * s->frames, m->words_end, m->words + SLACK);
  size = STATE_BYTES * first->lanes + (m->words_end - words);
  if (size > most) return -1;
  for (int32_t i = 0; i < first->lanes; i++) out = n1c_store_bytes(out, state[i], STATE_BYTES);
  memcpy(out, words, (size_t)(m->words_end - words));
  close_section(s, v);
  return size;
}

static int decode_multi(stream *s, const stream_span *v, n1c_reader *in, int key, int16_t *x) {
  multis *m = s->model;
  const multi_kernels *k = kernels(s);
  uint64_t state[MULTI_LANES];
  multi_row *end, *r = rows_of(m, v, &end);
  (void)key;
  for (int32_t i = 0; i < MULTI_LANES; i++) {
    state[i] = i < r->lanes ? n1c_read_bytes(in, STATE_BYTES) : MULTI_STATE;
    if (in->bad || state[i] < MULTI_STATE) return 0;
  }
  begin_section(m);
  for (; r < end; r++) {
    set_idle(s, m, r);
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      int16_t *pair = m->work.pair + 2 * lane;
      for (int32_t t = 0; t < PAST; t++) {
        pair[2 * t * MULTI_LANES] = c.x[t];
        if (t) pair[2 * t * MULTI_LANES + 1] = c.x[t - 1];
      }
      if (m->work.idle[lane]) load_samples(m, &c, x + v->channel + c.place, s->channels);
    }
    sum_up(m, r, 0, k);
    in->at = (k == &multi_avx2 ? multi_row_decode_avx2 : multi_row_decode)(r, &m->work, state, in->at, in->end);
    if (!in->at) return 0;
    for (int32_t lane = 0; lane < r->lanes; lane++) {
      const one c = one_of(m, r, lane);
      int16_t *samples = x + v->channel + c.place;
      if (m->work.idle[lane]) continue;
      for (int32_t t = 0; t < s->frames; t++, samples += s->channels) {
        *samples = (int16_t)multi_sample(c.channel, c.group, m->work.code[t * MULTI_LANES + lane]);
        c.x[PAST + t] = m->work.pair[2 * ((PAST + t) * MULTI_LANES + lane)];
      }
      hold(m, &c);
    }
    add_row(m, r, k);
  }
  for (int i = 0; i < MULTI_LANES; i++)
    if (state[i] != MULTI_STATE) return 0;
  if (in->at != in->end) return 0;
  close_section(s, v);
  return 1;
}

const stream_model n1_stream_multi = {0,          bytes_of,     open_multi,   restart_section, follow_restart,
                                      begin_anew, encode_multi, decode_multi, refuse};
