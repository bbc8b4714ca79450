/* Packets with n1's model and a state for each channel, eight channels in lockstep. */
#include "n1_stream_lanes.h"

#include "crc32.h"
#include "n1_mapping.h"
#include "n1_rans.h"

#if defined(__SSE2__) || defined(_M_X64)
#  include <emmintrin.h>
#endif

#define TAIL 8      /* steps of a section's last eight channels that one state codes */
#define START 112   /* scale of the first errors where nothing is known: half a code of 1024 */
#define START_ANY 64 /* with it errors are counted in 1/2^15 of the range */
#define EVERY 65536

typedef struct {
  n1_model model, solver; /* the tables and the prior's weights; what solves for one channel */
  n1_profile profile;
  n1_group *group;
  uint32_t *coded;
  uint8_t *bytes;         /* a section's */
  int32_t start;          /* of a channel of which nothing is known, 0: what its samples say */
} lanes;

/* -- eight channels, without AVX2 ---------------------------------------------------------------------------------- */

static void block_sums(const n1_group *g, const n1_block *b, int32_t step, uint32_t *sums) {
  const int32_t at = N1_ORDER + step - 1;
#if defined(__SSE2__) || defined(_M_X64)
  __m128i low = _mm_setzero_si128(), high = low;
  for (int i = 0; i < N1_ORDER / 2; i++) {
    const __m128i *x = (const __m128i *)(const void *)b->pair[at - 2 * i];
    const __m128i *w = (const __m128i *)(const void *)g->weights[i];
    low = _mm_add_epi32(low, _mm_madd_epi16(_mm_loadu_si128(x), _mm_loadu_si128(w)));
    high = _mm_add_epi32(high, _mm_madd_epi16(_mm_loadu_si128(x + 1), _mm_loadu_si128(w + 1)));
  }
  _mm_storeu_si128((__m128i *)(void *)sums, low);
  _mm_storeu_si128((__m128i *)(void *)(sums + 4), high);
#else
  memset(sums, 0, N1_LANES * sizeof *sums);
  for (int i = 0; i < N1_ORDER / 2; i++)
    for (int k = 0; k < 2 * N1_LANES; k++) sums[k / 2] += (uint32_t)(g->weights[i][k] * b->pair[at - 2 * i][k]);
#endif
}

static void begin_step(const n1_model *m, n1_group *g, const n1_block *b, int32_t step, int32_t *p, int32_t *scale) {
  uint32_t sums[N1_LANES];
  n1_block_grow(m, g, b, step);
  block_sums(g, b, step, sums);
  for (int lane = 0; lane < N1_LANES; lane++) {
    const uint32_t v = (5 * (g->a1[lane] >> 8) + 9 * (g->a2[lane] >> 3) + 2 * (g->a3[lane] << 1)) >> 4;
    scale[lane] = n1_clamp(n1_log(v | 1) + g->extra[lane], 0, N1_SCALES - 1);
    p[lane] = n1_level(sums[lane], g->shift[lane]);
  }
}

static void end_step(const n1_model *m, n1_group *g, n1_block *b, int32_t step, const int32_t *p) {
  int16_t *now = b->pair[N1_ORDER + step];
  for (int lane = 0; lane < N1_LANES; lane++) {
    const int32_t c = m->centre[b->codes[step][lane]];
    const int32_t e = n1_clamp((c - (p[lane] >> 5)) >> m->scale_shift, -1023, 1023);
    const uint32_t square = (uint32_t)(e * e);
    now[2 * lane] = (int16_t)c;
    now[2 * lane + 1] = b->pair[N1_ORDER + step - 1][2 * lane];
    if (g->age[lane] + step < N1_ORDER) continue;
    g->a1[lane] += square - (g->a1[lane] >> 12);
    g->a2[lane] += square - (g->a2[lane] >> 7);
    g->a3[lane] += square - (g->a3[lane] >> 3);
  }
}

void n1_block_encode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint32_t *coded) {
  int32_t p[N1_LANES], scale[N1_LANES];
  for (int32_t t = from; t < to; t++, coded += 2 * N1_LANES) {
    begin_step(m, g, b, t, p, scale);
    for (int lane = 0; lane < N1_LANES; lane++) {
      const int32_t code = b->codes[t][lane];
      coded[lane] = n1_below(m, code, p[lane], scale[lane]);
      coded[N1_LANES + lane] = b->idle >> lane & 1 ? 0 : n1_below(m, code + 1, p[lane], scale[lane]) - coded[lane];
    }
    end_step(m, g, b, t, p);
  }
}

const uint8_t *n1_block_decode(const n1_model *m, n1_group *g, n1_block *b, int32_t from, int32_t to, uint64_t *state,
                               const uint8_t *in, const uint8_t *end) {
  int32_t p[N1_LANES], scale[N1_LANES], code[N1_LANES];
  for (int32_t t = from; t < to; t++) {
    begin_step(m, g, b, t, p, scale);
    in = n1_find_lanes(m, p, scale, b->idle, state, in, end, code);
    if (!in) return NULL;
    for (int lane = 0; lane < N1_LANES; lane++) b->codes[t][lane] = (uint16_t)code[lane];
    end_step(m, g, b, t, p);
  }
  return in;
}

/* Each pair is that of a step and of the one before: every other one has all steps. */
static void block_correlate(const n1_model *m, n1_group *g, const n1_block *b, int32_t frames) {
  int16_t x[N1_ORDER + N1_FRAMES + 1][2 * N1_LANES];
  for (int32_t i = 0; i <= N1_ORDER + frames; i++)
    for (int k = 0; k < 2 * N1_LANES; k++) x[i][k] = (int16_t)(b->pair[i][k] >> m->corr_shift);
  for (int lag = 0; lag <= N1_ORDER; lag++) {
    int32_t sums[N1_LANES];
#if defined(__SSE2__) || defined(_M_X64)
    __m128i low = _mm_setzero_si128(), high = low;
    for (int32_t i = N1_ORDER + 1; i <= N1_ORDER + frames; i += 2) {
      const __m128i *p = (const __m128i *)(const void *)x[i], *q = (const __m128i *)(const void *)x[i - lag];
      low = _mm_add_epi32(low, _mm_madd_epi16(_mm_loadu_si128(p), _mm_loadu_si128(q)));
      high = _mm_add_epi32(high, _mm_madd_epi16(_mm_loadu_si128(p + 1), _mm_loadu_si128(q + 1)));
    }
    _mm_storeu_si128((__m128i *)(void *)sums, low);
    _mm_storeu_si128((__m128i *)(void *)(sums + 4), high);
#else
    memset(sums, 0, sizeof sums);
    for (int32_t i = N1_ORDER + 1; i <= N1_ORDER + frames; i += 2)
      for (int k = 0; k < 2 * N1_LANES; k++) sums[k / 2] += x[i][k] * x[i - lag][k];
#endif
    for (int lane = 0; lane < N1_LANES; lane++) g->corr[lag][lane] += sums[lane];
  }
}

/* -- state of the channels ----------------------------------------------------------------------------------------- */

/* The first solution comes after 128 to 1151 samples and each further one at twice that, from 4096 on every 4096 samples:
 * channels that restart together are not solved together. */
#define FIRST(channel) (128 + ((channel) * 37 & 1023))
#define PERIOD 4096

static void restart_lane(const lanes *m, int32_t index, int32_t lane, int32_t start) {
  n1_group *g = m->group + index;
  const uint32_t mean = n1_power(start - 16 * m->model.scale_shift);
  for (int i = 0; i < N1_ORDER; i++) g->past[i][lane] = 0;
  for (int i = 0; i <= N1_ORDER; i++) g->corr[i][lane] = 0;
  g->a1[lane] = mean << 8;
  g->a2[lane] = mean << 3;
  g->a3[lane] = mean >> 1;
  g->age[lane] = 0;
  g->next[lane] = FIRST(index * N1_LANES + lane);
  g->shift[lane] = m->model.shift[0];
  g->extra[lane] = m->model.extra[0];
  g->start[lane] = (uint8_t)start;
}

static void solve_lane(lanes *m, n1_group *g, int32_t lane) {
  n1_model *solver = &m->solver;
  n1_model_prior(solver, &m->profile, g->start[lane]);
  for (int i = 0; i <= N1_ORDER; i++) solver->prior[i] += g->corr[i][lane];
  n1_solve(solver, 0);
  for (int i = 0; i < N1_ORDER / 2; i++)
    memcpy(g->weights[i] + 2 * lane, solver->weights[N1_ORDER] + 2 * i, 4);
  g->shift[lane] = solver->shift[N1_ORDER];
  g->extra[lane] = 0;
  g->next[lane] = g->next[lane] < PERIOD ? 2 * g->next[lane] : g->next[lane] + PERIOD;
}

static void block_open(const n1_group *g, n1_block *b, int32_t idle) {
  memset(b->pair[0], 0, sizeof b->pair[0]);
  for (int i = 0; i < N1_ORDER; i++)
    for (int lane = 0; lane < N1_LANES; lane++) {
      b->pair[i][2 * lane] = g->past[i][lane];
      b->pair[i + 1][2 * lane + 1] = g->past[i][lane];
    }
  b->idle = idle;
  b->youngest = N1_ORDER + 1;
  for (int lane = 0; lane < N1_LANES; lane++)
    if (!(idle >> lane & 1) && g->age[lane] < b->youngest) b->youngest = g->age[lane];
}

static void block_close(lanes *m, int32_t index, n1_block *b, int32_t frames, int simd) {
  n1_group *g = m->group + index;
  for (int lane = 0; lane < N1_LANES; lane++) {
    b->pair[N1_ORDER + frames][2 * lane] = 0;
    b->pair[N1_ORDER + frames][2 * lane + 1] = b->pair[N1_ORDER + frames - 1][2 * lane];
  }
  if (simd) n1_block_correlate_avx2(&m->model, g, b, frames);
  else block_correlate(&m->model, g, b, frames);
  for (int i = 0; i < N1_ORDER; i++)
    for (int lane = 0; lane < N1_LANES; lane++) g->past[i][lane] = b->pair[i + frames][2 * lane];
  for (int lane = 0; lane < N1_LANES; lane++) {
    if (b->idle >> lane & 1) {
      restart_lane(m, index, lane, START);
      continue;
    }
    g->age[lane] += frames;
    if (g->age[lane] >= g->next[lane]) solve_lane(m, g, lane);
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
    const int32_t start = s->restart ? start_from(s, x, v->channel + i) : start_of(m, m->group + index, lane);
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
  const int64_t room = 4 * (int64_t)s->section_channels * frames + 1024;
  const int simd = s->simd && n1_avx2();
  uint8_t *const words_top = m->bytes + N1C_ROUND64(room), *const bytes_end = words_top + N1C_ROUND64(room);
  uint8_t *bytes = bytes_end, *words = words_top;
  uint32_t *coded = m->coded, *end, tail_state = N1_TAIL_STATE;
  uint64_t state[N1_LANES];
  uint8_t states[N1_STATES_SIZE];
  int64_t size = 0, rest;
  (void)key; /* the starts are written, and that is all */

  for (int32_t k = 0; k < groups; k++) {
    const part p = part_of(s, v, k);
    n1_group *g = m->group + p.index;
    n1_block b;
    block_open(g, &b, p.idle);
    memset(b.codes, 0, (size_t)frames * sizeof b.codes[0]);
    for (int32_t t = 0; t < frames; t++) {
      const int16_t *row = x + t * (int64_t)s->channels + p.column;
      for (int32_t lane = 0; lane < p.lanes; lane++)
        if (!(b.idle >> lane & 1)) b.codes[t][lane] = s->code[row[lane] + 32768];
    }
    if (p.steps) (simd ? n1_block_encode_avx2 : n1_block_encode)(&m->model, g, &b, 0, p.steps, coded);
    coded += 2 * N1_LANES * p.steps;
    if (p.steps < frames) n1_block_encode(&m->model, g, &b, p.steps, frames, coded);
    block_close(m, p.index, &b, frames, simd);
  }

  end = coded;
  for (const uint32_t *c = end + 2 * N1_LANES * tail; c > end;) {
    c -= 2 * N1_LANES;
    for (int32_t lane = N1_LANES - 1; lane >= 0; lane--) {
      if (c[N1_LANES + lane]) tail_state = n1_tail_put(tail_state, c + lane, c[N1_LANES + lane], &bytes);
    }
  }
  bytes = n1_tail_end(tail_state, bytes);
  if (groups > 1) bytes = n1_lanes_begin(state, bytes, bytes_end);
  for (const uint32_t *c = end; c > m->coded;) {
    c -= 2 * N1_LANES;
    words = n1_lanes_put(state, c, 1, words);
  }
  if (groups > 1) size = n1_states_store(states, state) - states;
  rest = (words_top - words) + (bytes_end - bytes);
  if (size + rest > most) return -1;
  memcpy(out, states, (size_t)size);
  memcpy(out + size, words, (size_t)(words_top - words));
  memcpy(out + size + (words_top - words), bytes, (size_t)(bytes_end - bytes));
  return size + rest;
}

static int decode_lanes(stream *s, const stream_span *v, n1c_reader *in, int key, int16_t *x) {
  lanes *m = s->model;
  const int32_t frames = s->frames, groups = groups_of(v);
  const int simd = s->simd && n1_avx2();
  uint64_t state[N1_LANES];
  uint8_t first[4 * N1_LANES];
  n1_tail tail;
  (void)key;
  if (groups > 1 && !n1_states_load(in, state)) return 0;
  if (in->bad) return 0;
  for (int32_t k = 0; k < groups; k++) {
    const part p = part_of(s, v, k);
    n1_group *g = m->group + p.index;
    n1_block b;
    block_open(g, &b, p.idle);
    if (p.steps)
      in->at = (simd ? n1_block_decode_avx2 : n1_block_decode)(&m->model, g, &b, 0, p.steps, state, in->at, in->end);
    if (!in->at) return 0;
    if (p.steps < frames) {
      if (!n1_tail_begin(&tail, groups > 1 ? state : NULL, first, in->at, in->end)) return 0;
      for (int32_t t = p.steps; t < frames; t++) {
        int32_t level[N1_LANES], scale[N1_LANES];
        begin_step(&m->model, g, &b, t, level, scale);
        memset(b.codes[t], 0, sizeof b.codes[t]);
        for (int lane = 0; lane < N1_LANES; lane++) {
          if (b.idle >> lane & 1) continue;
          b.codes[t][lane] = (uint16_t)n1_tail_take(&tail, &m->model, level[lane], scale[lane]);
        }
        end_step(&m->model, g, &b, t, level);
      }
      if (tail.state != N1_TAIL_STATE || (in->at < in->end && !n1_tail_is_read(&tail))) return 0;
    }
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

static int64_t bytes_for(int32_t codes, int64_t channels, int64_t frames) {
  return N1C_ROUND64(sizeof(lanes)) + 2 * N1C_ROUND64(n1_model_bytes(0, codes)) +
         N1C_ROUND64((channels + N1_LANES - 1) / N1_LANES * (int64_t)sizeof(n1_group)) +
         N1C_ROUND64(8 * STREAM_SECTION * frames + 64) + 2 * N1C_ROUND64(4 * STREAM_SECTION * frames + 1024);
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
  n1_model *both[2] = {&m->model, &m->solver};
  for (int i = 0; i < 2; i++) {
    n1_model_open(both[i], at, &m->profile, codes, 0, N1_LANES);
    at += N1C_ROUND64(n1_model_bytes(0, most));
    both[i]->cold = 0; /* widths are never learned on the way */
    both[i]->corr_shift = N1_CORR_SHIFT;
    n1_model_start(both[i], &m->profile, start);
  }
  n1_solve(&m->model, 0);
  m->group = (n1_group *)(void *)at, at += N1C_ROUND64(groups * (int64_t)sizeof(n1_group));
  m->coded = (uint32_t *)(void *)at, at += N1C_ROUND64(8 * STREAM_SECTION * s->frames + 64);
  m->bytes = at;
  memset(m->group, 0, (size_t)groups * sizeof(n1_group));
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
                                      follow_restart,    begin_anew,  encode_lanes, decode_lanes};
const stream_model n1_stream_any = {EVERY,          any_bytes,  open_any,     restart_section,
                                    follow_restart, begin_anew, encode_lanes, decode_lanes};
