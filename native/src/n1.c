/* The codec n1: format, mapping of samples to codes, entropy coding. docs/codec.md describes both. */
#include "crc32.h"
#include "n1_mapping.h"
#include "n1_rans.h"
#include "n1c/codec.h"
#include "n1c/train.h"

#ifndef N1C_SHORT
#  define N1C_SHORT 4096 /* fewer samples than that are one lane; a fuzzer takes less */
#endif
#define TAIL 8          /* last steps of every lane, coded one after the other by one state */
#define MOST_START 223  /* scale of the first errors, 16 steps per octave */
#define BACKING 2048    /* a payload byte may stand for so many samples at most */

enum { MODE_RAW, MODE_CONSTANT, MODE_MODEL = 3 };

/* First byte: bits 0..1 mode, bit 2 the samples are first + step * code, bits 3..4 profile, bits 5..7 version 0. */
enum { PROFILE_NONE, PROFILE_N1, PROFILE_OTHER = 3 };

typedef struct {
  int32_t codes, stretch, first;
  int32_t origin; /* the code that predictions begin at; 0 is the middle of all */
  uint32_t step;  /* in 2^-13 */
  uint32_t phase; /* in 2^-13, below 1 */
} mapping;

/* -- samples and codes --------------------------------------------------------------------------------------------- */

static int32_t sample_of(const mapping *map, int32_t code) {
  if (map->stretch) return n1_sample_of(code);
  return map->first + (int32_t)(((uint64_t)code * map->step + map->phase) >> N1_STEP_BITS);
}

static mapping profile_mapping(const n1_profile *profile) {
  mapping map;
  map.codes = profile->codes;
  map.stretch = profile->stretch;
  map.first = profile->first;
  map.origin = 0;
  map.step = (uint32_t)profile->step << N1_STEP_BITS;
  map.phase = 0;
  return map;
}

/* Codes of all samples; 0 if one of them is no sample of this mapping. */
static int map_samples(const mapping *map, const int16_t *x, int64_t n, uint16_t *codes) {
  if (map->stretch) {
    int16_t table[N1_CODES];
    int32_t wrong = 0;
    for (int32_t k = 0; k < N1_CODES; k++) table[k] = n1_sample_of(k);
    for (int64_t i = 0; i < n; i++) {
      const int32_t k = n1_code_of(x[i]);
      codes[i] = (uint16_t)k;
      wrong |= table[k] ^ x[i];
      if ((i & 1023) == 0 && wrong) return 0;
    }
    return !wrong;
  }
  for (int64_t i = 0; i < n; i++) {
    const int32_t d = x[i] - map->first;
    uint32_t k;
    if (d < 0) return 0;
    k = (uint32_t)d;
    if (map->step != 1 << N1_STEP_BITS) k = (uint32_t)((((uint64_t)d << N1_STEP_BITS) + map->step / 2) / map->step);
    if (k >= (uint32_t)map->codes || sample_of(map, (int32_t)k) != x[i]) return 0;
    codes[i] = (uint16_t)k;
  }
  return 1;
}

/* The mapping of samples that no profile brings. */
static void find_mapping(const int16_t *x, int64_t n, uint32_t *used, mapping *map) {
  n1_steps steps;
  n1_find_steps(x, n, used, &steps);
  map->stretch = 0;
  map->origin = 0;
  map->codes = steps.codes;
  map->first = steps.first;
  map->step = steps.step;
  map->phase = steps.phase;
}

/* The code that as many samples are below as above. */
static int32_t median(const uint16_t *codes, int64_t n, uint32_t *count, int32_t size) {
  int64_t below = 0;
  int32_t k = 0;
  memset(count, 0, (size_t)size * sizeof *count);
  for (int64_t i = 0; i < n; i++) count[codes[i]]++;
  while ((below += count[k]) <= n / 2) k++;
  return k;
}

/* -- lanes --------------------------------------------------------------------------------------------------------- */

/* Where a recording's coding has got to. A block is of steps that are all coded alike, up to the next solution; the
 * first one is the first step alone. */
typedef struct {
  int32_t lanes;
  int64_t length;  /* of a lane; the last one has the remainder as well */
  int64_t steps;   /* coded in lockstep; the rest is the tail */
  int64_t end;     /* of the last lane */
  int64_t at;      /* first step of the block */
  int64_t next;    /* step before which the predictor is solved anew */
  int32_t frames;  /* of the block */
  int32_t simd;
  n1_group group;
  n1_block block;
} walk;

static void next_block(walk *w) {
  const int64_t stop = w->at < w->steps ? w->steps : w->at < w->length ? w->length : w->end;
  int64_t frames = stop - w->at < N1_FRAMES ? stop - w->at : N1_FRAMES;
  if (w->next > w->at && w->next - w->at < frames) frames = w->next - w->at;
  if (w->at == 0) frames = 1;
  w->frames = (int32_t)frames;
  w->block.idle = w->lanes == 1 ? 0xfe : w->at < w->length ? 0 : 0x7f; /* the last lane has the remainder */
}

static void begin_walk(walk *w, const n1_model *m, int64_t n, int32_t start, int32_t simd) {
  w->lanes = n < N1C_SHORT ? 1 : N1_LANES;
  w->length = n / w->lanes;
  w->steps = w->lanes == 1 ? 0 : w->length - TAIL;
  w->end = n - (w->lanes - 1) * w->length;
  w->at = 0;
  w->next = 128 / w->lanes;
  w->simd = simd;
  for (int32_t lane = 0; lane < N1_LANES; lane++) n1_restart_lane(m, &w->group, lane, start);
  next_block(w);
}

/* Whether the block is coded with AVX2: its steps are in lockstep, and the lanes have begun. */
static int is_fast(const walk *w) { return w->simd && w->at > 0 && w->at < w->steps; }

/* A slow mean that is more than twice the middle one remembers a predictor that is gone. */
static void forget_old_errors(n1_group *g) {
  for (int32_t lane = 0; lane < N1_LANES; lane++)
    if (g->a1[lane] >> 6 > g->a2[lane]) g->a1[lane] = g->a2[lane] << 5;
}

static void end_block(walk *w, n1_model *m) {
  const int32_t period = 4096 / w->lanes;
  for (int32_t t = 0; t < w->frames && m->adaptive; t++)
    for (int32_t lane = 0; lane < N1_LANES; lane++)
      if (!(w->block.idle >> lane & 1)) m->count[w->block.codes[t][lane]]++;
  if (w->at == 0) n1_settle(m, &w->group, &w->block, ~w->block.idle);
  (w->simd ? n1_block_moments_avx2 : n1_block_moments)(m, &w->group, &w->block, w->frames);
  w->at += w->frames;
  if (w->at == w->next && (w->lanes == 1 || w->at < w->steps)) {
    n1_solve_lanes(m, &w->group, 0, w->lanes);
    if (m->adaptive) n1_adapt_widths(m);
    if (!m->profile->codes) forget_old_errors(&w->group);
    w->next += w->at < period ? w->at : period;
  }
  next_block(w);
}

static void load_codes(walk *w, const uint16_t *codes) {
  for (int32_t lane = 0; lane < N1_LANES; lane++) {
    const uint16_t *k = codes + lane * w->length + w->at;
    const int32_t idle = w->block.idle >> lane & 1;
    for (int32_t t = 0; t < w->frames; t++) w->block.codes[t][lane] = idle ? 0 : k[t];
  }
}

/* -- encoder ------------------------------------------------------------------------------------------------------- */

/* Scale of the errors that the prior's predictor makes near the starts of all lanes, 16 steps per octave. */
static int32_t find_start(const n1_model *m, walk *w, const uint16_t *codes, int64_t n) {
  int64_t sum = 0, count = 0;
  begin_walk(w, m, n, 112, 0);
  memset(w->block.codes[0], 0, sizeof w->block.codes[0]);
  for (int64_t t = 0; t < w->length && t < 160; t++) {
    int32_t p[N1_LANES], scale[N1_LANES];
    n1_begin_step(&w->group, p, scale);
    for (int32_t lane = 0; lane < w->lanes; lane++) {
      const int32_t k = codes[lane * w->length + t], e = m->centre[k] - (p[lane] >> 5);
      w->block.codes[0][lane] = (uint16_t)k;
      if (t >= 32) sum += e < 0 ? -e : e, count++;
    }
    n1_end_step(m, &w->group, &w->block, 0, p);
    if (t == 0) n1_settle(m, &w->group, &w->block, ~w->block.idle);
  }
  if (!count) return 112;
  /* 20 = 16 * sqrt(pi / 2) */
  return n1_clamp(n1_log((uint32_t)n1_clamp((int32_t)(sum * 20 / count), 1, 1 << 23)) - 64, 0, MOST_START);
}

int64_t n1c_n1_work_size(int64_t n) {
  if (n < 0 || n > (int64_t)1 << 32) return N1C_E_ARGUMENT;
  return n1_model_bytes(65536) + (int64_t)(sizeof(n1_model) + sizeof(walk)) + 2 * n +
         2 * N1_LANES * 4 * (n < N1C_SHORT ? n : n / N1_LANES + N1_LANES) + 2 * n + 2 * 65536 + 8192;
}

static int64_t encode_model(const n1_profile *profile, const mapping *map, const uint16_t *codes, int64_t n,
                            uint8_t *work, uint8_t *out, uint8_t *limit, int32_t lower, int32_t simd) {
  n1_model *m = (n1_model *)work;
  walk *w = (walk *)n1c_align64(work + sizeof *m);
  uint8_t *const memory = n1c_align64((uint8_t *)(w + 1));
  uint32_t *const coded = (uint32_t *)n1c_align64(memory + n1_model_bytes(map->codes)), *c = coded;
  uint8_t states[N1_STATES_SIZE], *at, *low, *high;
  int64_t size, length;
  int32_t start;
  n1_model_open(m, memory, profile, map->codes, map->origin);
  n1_model_start(m, 112);
  start = n1_clamp(find_start(m, w, codes, n) - lower, 0, MOST_START);
  n1_model_start(m, start);
  begin_walk(w, m, n, start, simd);
  for (; w->at < w->end; end_block(w, m)) {
    load_codes(w, codes);
    (is_fast(w) ? n1_block_encode_avx2 : n1_block_encode)(m, &w->group, &w->block, 0, w->frames, c);
    c += 2 * N1_LANES * w->frames;
  }
  low = (uint8_t *)c;
  high = low + 2 * n + 1024;
  at = n1_write(coded, w->steps, w->end - w->steps, w->lanes > 1, low, high, states, &size);
  length = high - at;
  if (!at || limit - out < 1 + size + length) return N1C_E_CAPACITY;
  *out++ = (uint8_t)start;
  memcpy(out, states, (size_t)size);
  memcpy(out + size, at, (size_t)length);
  return 1 + size + length;
}

int64_t n1c_n1_encode(const int16_t *x, int64_t n, const uint8_t *profile, int64_t profile_length, void *work,
                      int64_t work_size, uint8_t *out, int64_t capacity, int64_t simd) {
  n1_profile prior, none;
  mapping map;
  uint16_t *codes;
  int64_t length, head, i;
  uint8_t *const given = out;
  const int64_t needed = n1c_n1_work_size(n);
  if (n < 1 || needed < 0) return N1C_E_ARGUMENT;
  if (capacity < 2 * n + 1 || work_size < needed) return N1C_E_CAPACITY;
  if (n1_profile_open(n1_profile_none, n1_profile_none_length, &none)) return N1C_E_ARGUMENT;
  int which = profile_length == 0 ? PROFILE_NONE : PROFILE_OTHER;
  if (profile_length == 1 && *profile == PROFILE_N1) {
    which = PROFILE_N1;
    profile = n1_profile_n1;
    profile_length = n1_profile_n1_length;
  }
  if (which != PROFILE_NONE && n1_profile_open(profile, profile_length, &prior)) return N1C_E_ARGUMENT;

  for (i = 1; i < n && x[i] == x[0]; i++) continue;
  if (i == n) {
    head = 3 + n / BACKING;
    if (head >= 2 * n + 1) goto raw;
    memset(out, 0, (size_t)head);
    out[0] = MODE_CONSTANT;
    n1c_store_bytes(out + 1, (uint16_t)x[0], 2);
    return head;
  }
  codes = (uint16_t *)n1c_align64(work);
  work = n1c_align64((uint8_t *)(codes + n));
  map.codes = 0;
  if (which != PROFILE_NONE && prior.codes) {
    map = profile_mapping(&prior);
    if (!map_samples(&map, x, n, codes)) {
      map.codes = 0;
      which = PROFILE_NONE;
    }
  }
  if (which == PROFILE_NONE) prior = none;
  *out = (uint8_t)(MODE_MODEL | which << 3);
  out++;
  if (which == PROFILE_OTHER) out = n1c_store_bytes(out, n1c_crc32(0, profile, profile_length), 4);
  if (!map.codes) {
    map.codes = N1_CODES, map.stretch = 1, map.origin = 0;
    if (!map_samples(&map, x, n, codes)) {
      find_mapping(x, n, (uint32_t *)work, &map);
      if (n < 8 || !map_samples(&map, x, n, codes)) goto raw;
      *given |= 4;
      out = n1c_store_bytes(out, (uint64_t)(map.first + 32768), 2);
      out = n1c_store_bytes(out, map.step, 4);
      out = n1c_store_bytes(out, map.phase, 2);
      map.origin = median(codes, n, (uint32_t *)work, map.codes);
      out = n1c_store_bytes(out, (uint64_t)(map.codes - 1), 2);
      out = n1c_store_bytes(out, (uint64_t)map.origin, 2);
    }
  }
  if (n < 8) goto raw;
  simd = simd && n1_avx2();
  length = encode_model(&prior, &map, codes, n, work, out, given + 2 * n, 0, (int32_t)simd);
  if (*given & 4) { /* errors may become much smaller than the first ones; what is counted too coarsely tells nothing */
    for (int32_t lower = 48;; lower += 48) { /* what does not fit is not written */
      uint8_t *const room = length < 0 ? given + 2 * n : out + length - 1;
      const int64_t shorter = encode_model(&prior, &map, codes, n, work, out, room, lower, (int32_t)simd);
      if (shorter < 0) break;
      length = shorter;
    }
  }
  if (length < 0) goto raw;
  out += length;
  for (; out - given < n / BACKING + 1; out++) *out = 0;
  return out - given;
raw:
  *given = MODE_RAW;
  for (i = 0; i < n; i++) n1c_store_bytes(given + 1 + 2 * i, (uint16_t)x[i], 2);
  return 2 * n + 1;
}

/* -- decoder ------------------------------------------------------------------------------------------------------- */

static int64_t decode_model(const n1_profile *profile, const mapping *map, n1c_reader *in, const int16_t *table,
                            uint8_t *work, int16_t *x, int64_t n, int32_t simd) {
  n1_model *m = (n1_model *)work;
  walk *w = (walk *)n1c_align64(work + sizeof *m);
  uint64_t state[N1_LANES];
  uint8_t first[4 * N1_LANES];
  n1_tail tail = {0};
  const int32_t start = (int32_t)n1c_read_bytes(in, 1);
  if (in->bad || start > MOST_START) return N1C_E_CORRUPT;
  n1_model_open(m, n1c_align64((uint8_t *)(w + 1)), profile, map->codes, map->origin);
  n1_model_start(m, start);
  begin_walk(w, m, n, start, simd);
  if (w->lanes > 1 && !n1_states_load(in, state)) return N1C_E_CORRUPT;
  for (; w->at < w->end; end_block(w, m)) {
    if (w->at == w->steps && !n1_tail_begin(&tail, w->lanes > 1 ? state : NULL, first, in->at, in->end))
      return N1C_E_CORRUPT;
    if (w->at < w->steps) {
      in->at = (is_fast(w) ? n1_block_decode_avx2 : n1_block_decode)(m, &w->group, &w->block, 0, w->frames, state,
                                                                    in->at, in->end);
      if (!in->at) return N1C_E_CORRUPT;
    } else {
      n1_tail_decode(&tail, m, &w->group, &w->block, 0, w->frames);
    }
    for (int32_t lane = 0; lane < N1_LANES; lane++)
      for (int32_t t = 0; t < w->frames && !(w->block.idle >> lane & 1); t++)
        x[lane * w->length + w->at + t] = table[w->block.codes[t][lane]];
  }
  return tail.state == N1_TAIL_STATE ? n : N1C_E_CORRUPT;
}

int64_t n1c_n1_decode(const uint8_t *in, int64_t length, const uint8_t *profile, int64_t profile_length, void *work,
                      int64_t work_size, int16_t *x, int64_t n, int64_t simd) {
  n1_profile prior;
  mapping map = {N1_CODES, 1, 0, 0, 0, 0};
  n1c_reader r = n1c_reader_of(in, length);
  int16_t *table;
  uint32_t head;
  int which;
  const int64_t needed = n1c_n1_work_size(n);
  if (n < 1 || needed < 0) return N1C_E_ARGUMENT;
  if (work_size < needed) return N1C_E_CAPACITY;
  if (length < 1 || n / BACKING > length) return N1C_E_CORRUPT;
  head = (uint32_t)n1c_read_bytes(&r, 1);
  which = (int)(head >> 3 & 3);
  if ((head & 3) == MODE_RAW) {
    if (head != MODE_RAW || length != 2 * n + 1) return N1C_E_CORRUPT;
    for (int64_t i = 0; i < n; i++) x[i] = (int16_t)n1c_read_bytes(&r, 2);
    return n;
  }
  if ((head & 3) == MODE_CONSTANT) {
    const int16_t value = (int16_t)n1c_read_bytes(&r, 2);
    if (head != MODE_CONSTANT || r.bad) return N1C_E_CORRUPT;
    for (int64_t i = 0; i < n; i++) x[i] = value;
    return n;
  }
  if ((head & 3) != MODE_MODEL || head > 31 || n < 8) return N1C_E_CORRUPT;
  if (which == PROFILE_NONE) {
    profile = n1_profile_none, profile_length = n1_profile_none_length;
  } else if (which == PROFILE_N1) {
    profile = n1_profile_n1, profile_length = n1_profile_n1_length;
  } else {
    const uint32_t hash = (uint32_t)n1c_read_bytes(&r, 4);
    if (which != PROFILE_OTHER || r.bad || hash != n1c_crc32(0, profile, profile_length)) return N1C_E_CORRUPT;
  }
  if (n1_profile_open(profile, profile_length, &prior)) return N1C_E_ARGUMENT;
  if (head & 4) {
    map.stretch = 0;
    map.first = (int32_t)n1c_read_bytes(&r, 2) - 32768;
    map.step = (uint32_t)n1c_read_bytes(&r, 4);
    map.phase = (uint32_t)n1c_read_bytes(&r, 2);
    map.codes = (int32_t)n1c_read_bytes(&r, 2) + 1;
    map.origin = (int32_t)n1c_read_bytes(&r, 2);
    if (r.bad || map.codes < 2 || prior.codes || map.phase >> N1_STEP_BITS || map.origin >= map.codes ||
        map.step > 65535u << N1_STEP_BITS ||
        ((uint64_t)(map.codes - 1) * map.step + map.phase) >> N1_STEP_BITS > 65535)
      return N1C_E_CORRUPT;
  } else if (prior.codes) {
    map = profile_mapping(&prior);
  }
  table = (int16_t *)n1c_align64(work);
  for (int32_t k = 0; k < map.codes; k++) table[k] = (int16_t)sample_of(&map, k);
  return decode_model(&prior, &map, &r, table, n1c_align64((uint8_t *)(table + map.codes)), x, n,
                      simd && n1_avx2());
}

int64_t n1c_n1_profile(int64_t number, uint8_t *out, int64_t capacity) {
  const int64_t length = number == PROFILE_NONE ? n1_profile_none_length : n1_profile_n1_length;
  if (number != PROFILE_NONE && number != PROFILE_N1) return N1C_E_ARGUMENT;
  if (capacity < length) return N1C_E_CAPACITY;
  memcpy(out, number == PROFILE_NONE ? n1_profile_none : n1_profile_n1, (size_t)length);
  return length;
}

/* -- training ------------------------------------------------------------------------------------------------------ */

int64_t n1c_n1_trace(const int16_t *x, int64_t n, const uint8_t *profile, int64_t profile_length, void *work,
                     int64_t work_size, int32_t *out, int64_t size) {
  n1_profile prior;
  mapping map;
  uint16_t *codes;
  n1_model *m;
  walk *w;
  int32_t start;
  const int64_t needed = n1c_n1_work_size(n);
  if (n < N1C_SHORT || needed < 0) return N1C_E_ARGUMENT;
  if (size < 6 * n || work_size < needed) return N1C_E_CAPACITY;
  if (n1_profile_open(profile, profile_length, &prior)) return N1C_E_ARGUMENT;
  if (prior.codes) {
    map = profile_mapping(&prior);
  } else {
    find_mapping(x, n, (uint32_t *)n1c_align64(work), &map);
    if (map.codes < 2) return N1C_E_ARGUMENT;
  }
  codes = (uint16_t *)n1c_align64(work);
  if (!map_samples(&map, x, n, codes)) return N1C_E_ARGUMENT;
  m = (n1_model *)n1c_align64((uint8_t *)(codes + n));
  w = (walk *)n1c_align64((uint8_t *)(m + 1));
  n1_model_open(m, n1c_align64((uint8_t *)(w + 1)), &prior, map.codes, map.origin);
  n1_model_start(m, 112);
  start = find_start(m, w, codes, n);
  n1_model_start(m, start);
  begin_walk(w, m, n, start, 0);
  for (; w->at < w->length; end_block(w, m)) {
    load_codes(w, codes);
    for (int32_t t = 0; t < w->frames; t++) {
      int32_t p[N1_LANES], scale[N1_LANES];
      n1_begin_step(&w->group, p, scale);
      for (int32_t lane = 0; lane < N1_LANES; lane++, out += 6) {
        const int32_t k = w->block.codes[t][lane];
        out[0] = k;
        out[1] = p[lane];
        out[2] = scale[lane] + 32 * m->scale_shift;
        out[3] = n1_clamp(n1_scaled(m, m->threshold[k] - p[lane], scale[lane]), 0, 2 * N1_Z_MAX);
        out[4] = n1_clamp(n1_scaled(m, m->threshold[k + 1] - p[lane], scale[lane]), 0, 2 * N1_Z_MAX);
        out[5] = (int32_t)(n1_below(m, k + 1, p[lane], scale[lane]) - n1_below(m, k, p[lane], scale[lane]));
      }
      n1_end_step(m, &w->group, &w->block, t, p);
    }
  }
  return N1_LANES * w->length;
}
