/* Packets with n1's model and a state for each channel, eight channels in lockstep. */
#include "crc32.h"
#include "n1_mapping.h"
#include "n1_rans.h"
#include "n1_stream.h"

#define TAIL 8       /* steps of a section's last eight channels that one state codes */
#define START 112    /* scale of the first errors where nothing is known: half a code of 1024 */
#define START_ANY 64 /* with it errors are counted in 1/2^15 of the range */
#define EVERY 65536

typedef struct {
  n1_group group;
  int32_t age[N1_LANES];  /* samples since the restart */
  int32_t next[N1_LANES]; /* the age at which the predictor is solved anew */
} channels;

typedef struct {
  n1_model model;
  n1_profile profile;
  channels *eight;
  uint32_t *coded;
  uint8_t *bytes; /* a section's */
  int32_t start;  /* of a channel of which nothing is known, 0: what its samples say */
} lanes;

/* -- state of the channels ----------------------------------------------------------------------------------------- */

/* The first solution comes after 128 to 1151 samples and each further one at twice that, from 4096 on every 4096 samples:
 * channels that restart together are not solved together. */
#define FIRST(channel) (128 + ((channel) * 37 & 1023))
#define PERIOD 4096

static void restart_lane(const lanes *m, int32_t index, int32_t lane, int32_t start) {
  channels *g = m->eight + index;
  n1_restart_lane(&m->model, &g->group, lane, start);
  g->age[lane] = 0;
  g->next[lane] = FIRST(index * N1_LANES + lane);
}

/* The channels that begin with this block. */
static int32_t young_of(const channels *g, const n1_block *b) {
  int32_t young = 0;
  for (int lane = 0; lane < N1_LANES; lane++) young |= (g->age[lane] == 0) << lane;
  return young & ~b->idle;
}

static void block_close(lanes *m, int32_t index, const n1_block *b, int32_t frames, int simd) {
  channels *g = m->eight + index;
  (simd ? n1_block_moments_avx2 : n1_block_moments)(&m->model, &g->group, b, frames);
  for (int lane = 0; lane < N1_LANES; lane++) {
    if (b->idle >> lane & 1) {
      restart_lane(m, index, lane, START);
      continue;
    }
    g->age[lane] += frames;
    if (g->age[lane] < g->next[lane]) continue;
    n1_solve_lanes(&m->model, &g->group, lane, lane + 1);
    g->next[lane] += g->next[lane] < PERIOD ? g->next[lane] : PERIOD;
  }
}

/* What the errors of late say about the first ones after a restart. */
static int32_t start_of(const lanes *m, const n1_group *g, int32_t lane) {
  return n1_clamp(n1_log(g->a1[lane] >> 8 | 1) / 2 + 16 * (m->model.scale_shift - 2), 32, 191);
}

/* -- a section ----------------------------------------------------------------------------------------------------- */

/* Eight lanes of a section: a group's. */
typedef struct {
  int32_t index;  /* of the group */
  int32_t lanes;  /* that are channels */
  int32_t idle;   /* set of those that are not coded */
  int32_t steps;  /* that are not tail */
  int64_t column; /* of its first channel */
} part;

static int32_t groups_of(const stream_span *v) { return (v->channels + N1_LANES - 1) / N1_LANES; }

static int32_t tail_of(const stream *s, const stream_span *v) {
  return groups_of(v) == 1 || s->frames < TAIL ? s->frames : TAIL;
}

static part part_of(const stream *s, const stream_span *v, int32_t k) {
  const int32_t rest = v->channels - k * N1_LANES;
  part p;
  p.index = v->channel / N1_LANES + k;
  p.lanes = rest < N1_LANES ? rest : N1_LANES;
  p.idle = 0;
  for (int lane = 0; lane < N1_LANES; lane++)
    if (lane >= rest || s->stored[k * N1_LANES + lane]) p.idle |= 1 << lane;
  p.steps = rest <= N1_LANES ? s->frames - tail_of(s, v) : s->frames;
  p.column = v->channel + k * N1_LANES;
  return p;
}

/* The start of a channel of which nothing is known but a packet. */
static int32_t start_from(const stream *s, const int16_t *x, int32_t channel) {
  const lanes *m = s->model;
  int64_t sum = 0;
  if (m->start) return m->start;
  for (int32_t t = 1; t < s->frames; t++) {
    const int32_t step = x[t * (int64_t)s->channels + channel] - x[(t - 1) * (int64_t)s->channels + channel];
    sum += step < 0 ? -step : step;
  }
  /* A sample is two steps of the range: less 16. */
  return s->frames > 1 ? n1_clamp(n1_log((uint32_t)(sum / (s->frames - 1)) | 1) - 16, 32, 159) : START;
}

static uint8_t *restart_section(stream *s, const stream_span *v, const int16_t *x, uint8_t *out) {
  const lanes *m = s->model;
  for (int32_t i = 0; i < v->channels; i++) {
    const int32_t index = (v->channel + i) / N1_LANES, lane = i % N1_LANES;
    const int32_t start = s->restart ? start_from(s, x, v->channel + i) : start_of(m, &m->eight[index].group, lane);
    restart_lane(m, index, lane, start);
    *out++ = (uint8_t)start;
  }
  return out;
}

static int follow_restart(stream *s, const stream_span *v, n1c_reader *in) {
  for (int32_t i = 0; i < v->channels; i++) {
    const int32_t start = (int32_t)n1c_read_bytes(in, 1);
    if (start < 32 || start > 191) return 0;
    restart_lane(s->model, (v->channel + i) / N1_LANES, i % N1_LANES, start);
  }
  return 1;
}

/* block_close does it where others are coded. */
static void begin_anew(stream *s, const stream_span *v, const int16_t *x) {
  const lanes *m = s->model;
  for (int32_t i = 0; i < v->channels; i++)
    if (s->stored[i]) restart_lane(m, (v->channel + i) / N1_LANES, i % N1_LANES, start_from(s, x, v->channel + i));
}

static int64_t encode_lanes(stream *s, const stream_span *v, const int16_t *x, int key, uint8_t *out, int64_t most) {
  lanes *m = s->model;
  const int32_t frames = s->frames, tail = tail_of(s, v), groups = groups_of(v);
  const int simd = s->simd && n1_avx2();
  uint8_t *const end = m->bytes + N1C_ROUND64(4 * (int64_t)s->section_channels * frames + 1024), *at;
  uint32_t *coded = m->coded;
  uint8_t states[N1_STATES_SIZE];
  int64_t size;
  (void)key; /* the starts are written, and that is all */

  for (int32_t k = 0; k < groups; k++) {
    const part p = part_of(s, v, k);
    channels *g = m->eight + p.index;
    n1_block b;
    int32_t t = 0, young;
    b.idle = p.idle;
    memset(b.codes, 0, (size_t)frames * sizeof b.codes[0]);
    for (; t < frames; t++) {
      const int16_t *row = x + t * (int64_t)s->channels + p.column;
      for (int32_t lane = 0; lane < p.lanes; lane++)
        if (!(b.idle >> lane & 1)) b.codes[t][lane] = s->code[row[lane] + 32768];
    }
    t = 0;
    if ((young = young_of(g, &b))) {
      n1_block_encode(&m->model, &g->group, &b, 0, ++t, coded);
      n1_settle(&m->model, &g->group, &b, young);
    }
    (simd ? n1_block_encode_avx2 : n1_block_encode)(&m->model, &g->group, &b, t, frames, coded + 2 * N1_LANES * t);
    coded += 2 * N1_LANES * frames;
    block_close(m, p.index, &b, frames, simd);
  }
  at = n1_write(m->coded, (int64_t)groups * frames - tail, tail, groups > 1, m->bytes, end, states, &size);
  if (!at || size + (end - at) > most) return -1;
  memcpy(out, states, (size_t)size);
  memcpy(out + size, at, (size_t)(end - at));
  return size + (end - at);
}

static int decode_lanes(stream *s, const stream_span *v, n1c_reader *in, int key, int16_t *x) {
  lanes *m = s->model;
  const int32_t frames = s->frames, groups = groups_of(v);
  const int simd = s->simd && n1_avx2();
  uint64_t state[N1_LANES];
  uint8_t first[4 * N1_LANES];
  n1_tail tail = {0};
  (void)key;
  if (groups > 1 && !n1_states_load(in, state)) return 0;
  if (in->bad) return 0;
  for (int32_t k = 0; k < groups; k++) {
    const part p = part_of(s, v, k);
    channels *g = m->eight + p.index;
    n1_block b;
    b.idle = p.idle;
    for (int32_t t = 0; t < frames;) { /* a first step of channels, steps in lockstep, those of the tail */
      const int32_t young = t == 0 ? young_of(g, &b) : 0, stop = young ? 1 : t < p.steps ? p.steps : frames;
      if (t == p.steps && !n1_tail_begin(&tail, groups > 1 ? state : NULL, first, in->at, in->end)) return 0;
      if (t < p.steps)
        in->at = (simd && !young && !b.idle ? n1_block_decode_avx2 : n1_block_decode)(&m->model, &g->group, &b, t, stop, state,
                                                                          in->at, in->end);
      else
        n1_tail_decode(&tail, &m->model, &g->group, &b, t, stop);
      if (!in->at) return 0;
      n1_settle(&m->model, &g->group, &b, young);
      t = stop;
    }
    if (p.steps < frames && (tail.state != N1_TAIL_STATE || (in->at < in->end && !n1_tail_is_read(&tail)))) return 0;
    for (int32_t t = 0; t < frames; t++) {
      int16_t *row = x + t * (int64_t)s->channels + p.column;
      for (int32_t lane = 0; lane < p.lanes; lane++)
        if (!(b.idle >> lane & 1)) row[lane] = s->sample[b.codes[t][lane]];
    }
    block_close(m, p.index, &b, frames, simd);
  }
  return 1;
}

/* -- the model ----------------------------------------------------------------------------------------------------- */

static int64_t bytes_for(int32_t codes, int64_t channel_count, int64_t frames) {
  return N1C_ROUND64(sizeof(lanes)) + N1C_ROUND64(n1_model_bytes(codes)) +
         N1C_ROUND64((channel_count + N1_LANES - 1) / N1_LANES * (int64_t)sizeof(channels)) +
         N1C_ROUND64(8 * STREAM_SECTION * frames + 64) + N1C_ROUND64(4 * STREAM_SECTION * frames + 1024);
}

static int64_t lanes_bytes(int64_t channels, int64_t frames) {
  return bytes_for(N1_ADAPTIVE_CODES, channels, frames);
}

static int64_t any_bytes(int64_t channels, int64_t frames) { return bytes_for(EVERY, channels, frames); }

/* The profile is in m; `most` codes have room. */
static void open_with(stream *s, int32_t codes, int32_t most, int32_t start) {
  lanes *m = s->model;
  const int32_t groups = (s->channels + N1_LANES - 1) / N1_LANES;
  uint8_t *at = (uint8_t *)s->model + N1C_ROUND64(sizeof *m);
  n1_model_open(&m->model, at, &m->profile, codes, 0);
  at += N1C_ROUND64(n1_model_bytes(most));
  n1_model_start(&m->model, start);
  m->eight = (channels *)(void *)at, at += N1C_ROUND64(groups * (int64_t)sizeof(channels));
  m->coded = (uint32_t *)(void *)at, at += N1C_ROUND64(8 * STREAM_SECTION * s->frames + 64);
  m->bytes = at;
  for (int32_t i = 0; i < groups * N1_LANES; i++) restart_lane(m, i / N1_LANES, i % N1_LANES, START);
  for (int32_t k = 0; k < codes; k++) {
    const int32_t v = m->profile.stretch ? n1_sample_of(k) : m->profile.first + m->profile.step * k;
    s->sample[k] = (int16_t)n1_clamp(v, -32768, 32767);
    if (v <= 32767) s->code[v + 32768] = (uint16_t)k;
  }
}

static int open_lanes(stream *s, const uint8_t *profile, int64_t length) {
  lanes *m = s->model;
  memset(m, 0, sizeof *m);
  if (length == 1 && *profile == 1) {
    s->seed = n1c_crc32(0, n1_profile_n1, n1_profile_n1_length);
    profile = n1_profile_n1;
    length = n1_profile_n1_length;
  } else {
    s->profile = n1c_crc32(0, profile, length);
  }
  if (n1_profile_open(profile, length, &m->profile) || !m->profile.codes) return -1;
  m->start = START;
  open_with(s, m->profile.codes, N1_ADAPTIVE_CODES, START);
  return 0;
}

static int open_any(stream *s, const uint8_t *profile, int64_t length) {
  lanes *m = s->model;
  memset(m, 0, sizeof *m);
  if (length != 1 || *profile != 1 || n1_profile_open(n1_profile_none, n1_profile_none_length, &m->profile)) return -1;
  s->seed = n1c_crc32(0, n1_profile_none, n1_profile_none_length);
  m->profile.first = -32768;
  m->profile.step = 1;
  open_with(s, EVERY, EVERY, START_ANY);
  return 0;
}

const stream_model n1_stream_lanes = {N1_ADAPTIVE_CODES, lanes_bytes, open_lanes,   restart_section,
                                      follow_restart,    begin_anew,  encode_lanes, decode_lanes, NULL};
const stream_model n1_stream_any = {EVERY,          any_bytes,  open_any,     restart_section,
                                    follow_restart, begin_anew, encode_lanes, decode_lanes, NULL};
