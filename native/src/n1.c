/* The codec n1: format, mapping of samples to codes, entropy coding. docs/codec.md describes both. */
#include "crc32.h"
#include "n1_mapping.h"
#include "n1_model.h"
#include "n1_rans.h"
#include "n1c/codec.h"
#include "n1c/train.h"

#ifndef N1C_SHORT
#  define N1C_SHORT 4096 /* fewer samples than that are one lane; a fuzzer takes less */
#endif
#define TAIL 8          /* last steps of every lane, coded one after the other by one state */
#define MOST_START 223  /* scale of the first errors, 16 steps per octave */
#define BACKING 2048    /* a payload byte may stand for so many samples at most */

enum { MODE_RAW, MODE_CONSTANT, MODE_MODEL };

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

/* -- layout of the lanes ------------------------------------------------------------------------------------------- */

typedef struct {
  int32_t lanes;
  int64_t length;  /* of a lane; the last one has the remainder as well */
  int64_t steps;   /* coded in lockstep */
} layout;

static layout lay_out(int64_t n) {
  layout l;
  l.lanes = n < N1C_SHORT ? 1 : N1_LANES;
  l.length = n / l.lanes;
  l.steps = l.lanes == 1 ? 0 : l.length - TAIL;
  return l;
}

static int64_t lane_end(const layout *l, int64_t n, int32_t lane) {
  return lane == l->lanes - 1 ? n - lane * l->length : l->length;
}

/* -- encoder ------------------------------------------------------------------------------------------------------- */

typedef struct {
  uint32_t low, frequency;
} interval;

static interval model_code(n1_model *m, int32_t lane, int64_t step, int32_t code) {
  interval out;
  int32_t scale;
  const int32_t p = n1_predict(m, lane, step, &scale);
  out.low = n1_below(m, code, p, scale);
  out.frequency = n1_below(m, code + 1, p, scale) - out.low;
  n1_learn(m, lane, step, code, p);
  return out;
}

/* Scale of the errors that the prior's predictor makes near the starts of all lanes, 16 steps per octave. */
static int32_t find_start(n1_model *m, const layout *l, const uint16_t *codes, int64_t n) {
  int64_t sum = 0, count = 0;
  int32_t start;
  n1_solve(m, 0);
  for (int32_t lane = 0; lane < l->lanes; lane++) {
    const uint16_t *k = codes + lane * l->length;
    const int64_t end = lane_end(l, n, lane);
    for (int64_t t = N1_ORDER; t < end && t < N1_ORDER + 128; t++, count++) {
      uint32_t p = 0;
      for (int i = 0; i < N1_ORDER; i++)
        p += (uint32_t)(m->weights[N1_ORDER][i] * m->centre[k[t - 1 - i]]);
      const int32_t e = m->centre[k[t]] - ((int32_t)p >> m->shift[N1_ORDER]);
      sum += e < 0 ? -e : e;
    }
  }
  if (!count) return 112;
  start = n1_log((uint32_t)n1_clamp((int32_t)(sum * 20 / count), 1, 1 << 23)) - 64; /* 20 = 16 * sqrt(pi / 2) */
  return n1_clamp(start, 0, MOST_START);
}

int64_t n1c_n1_work_size(int64_t n) {
  if (n < 0 || n > (int64_t)1 << 32) return N1C_E_ARGUMENT;
  return n1_model_bytes(n, 65536) + (int64_t)sizeof(n1_model) + 2 * n + (n + 256) * (int64_t)sizeof(interval) + 2 * n +
         2 * 65536 + 4096;
}

static int64_t encode_model(const n1_profile *profile, const mapping *map, const uint16_t *codes, int64_t n,
                            uint8_t *work, uint8_t *out, uint8_t *limit, int32_t lower, int32_t simd) {
  const layout l = lay_out(n);
  n1_model *m = (n1_model *)work;
  interval *last, *end;
  uint32_t *coded;
  uint8_t *at = out, *bytes, *bytes_end, *words, *words_end;
  uint64_t state[N1_LANES];
  uint32_t tail = N1_TAIL_STATE;
  int32_t start;
  work = n1c_align64(work + sizeof(n1_model));
  n1_model_open(m, work, profile, map->codes, map->origin, l.lanes);
  m->simd = simd;
  work = n1c_align64(work + n1_model_bytes(n, map->codes));
  coded = (uint32_t *)work, work += (n + 256) * (int64_t)sizeof(interval);
  words = work, words_end = work + ((2 * n + 1024) & ~(int64_t)63);
  n1_model_start(m, profile, 112);
  start = n1_clamp(find_start(m, &l, codes, n) - lower, 0, MOST_START);
  n1_model_start(m, profile, start);

  if (m->simd) n1_encode_lanes_avx2(m, codes, l.length, l.steps, coded);
  else n1_encode_lanes(m, codes, l.length, l.steps, coded);
  last = end = (interval *)(coded + 16 * l.steps);
  for (int32_t lane = 0; lane < l.lanes; lane++)
    for (int64_t t = l.steps, stop = lane_end(&l, n, lane); t < stop; t++) {
      if (l.lanes == 1 && n1_due(m, t)) n1_solve(m, t);
      *end++ = model_code(m, lane, t, codes[lane * l.length + t]);
    }

  bytes = bytes_end = words_end;
  while (end > last) {
    const interval c = *--end;
    if (bytes - words < 64) return N1C_E_CAPACITY;
    tail = n1_tail_put(tail, &c.low, c.frequency, &bytes);
  }
  bytes = n1_tail_end(tail, bytes);

  if (l.lanes == 1) {
    const int64_t length = bytes_end - bytes;
    if (limit - at < length + 1) return N1C_E_CAPACITY;
    *at++ = (uint8_t)start;
    memcpy(at, bytes, (size_t)length);
    return at + length - out;
  }

  bytes = n1_lanes_begin(state, bytes, bytes_end);
  words_end = bytes - ((uintptr_t)bytes & 3);
  {
    uint8_t *word = words_end;
    for (const uint32_t *c = coded + 16 * l.steps; c > coded;) {
      c -= 16;
      if (word - words < 64) return N1C_E_CAPACITY;
      word = n1_lanes_put(state, c, 0, word);
    }
    words = word;
  }
  {
    const int64_t rest = bytes_end - bytes;
    if (limit - at < 80 + rest + (words_end - words)) return N1C_E_CAPACITY;
    *at++ = (uint8_t)start;
    at = n1_states_store(at, state);
    memcpy(at, words, (size_t)(words_end - words));
    at += words_end - words;
    memcpy(at, bytes, (size_t)rest);
    return at + rest - out;
  }
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
    int32_t lower = 0;
    for (;;) {
      const int64_t shorter =
          encode_model(&prior, &map, codes, n, work, out, given + 2 * n, lower + 48, (int32_t)simd);
      if (shorter < 0 || (length >= 0 && shorter >= length)) break;
      length = shorter;
      lower += 48;
    }
    length = encode_model(&prior, &map, codes, n, work, out, given + 2 * n, lower, (int32_t)simd);
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

static int32_t decode_code(n1_model *m, int32_t lane, int64_t step, n1_tail *tail) {
  int32_t scale;
  const int32_t p = n1_predict(m, lane, step, &scale);
  const int32_t code = n1_tail_take(tail, m, p, scale);
  n1_learn(m, lane, step, code, p);
  return code;
}

static int64_t decode_model(const n1_profile *profile, const mapping *map, n1c_reader *in, const int16_t *table,
                            uint8_t *work, int16_t *x, int64_t n, int32_t simd) {
  const layout l = lay_out(n);
  n1_model *m = (n1_model *)work;
  uint64_t state[N1_LANES];
  uint8_t first[4 * N1_LANES];
  n1_tail tail;
  const int32_t start = (int32_t)n1c_read_bytes(in, 1);
  if (in->bad || start > MOST_START) return N1C_E_CORRUPT;
  work = n1c_align64(work + sizeof(n1_model));
  n1_model_open(m, work, profile, map->codes, map->origin, l.lanes);
  m->simd = simd;
  n1_model_start(m, profile, start);
  if (l.lanes > 1) {
    if (!n1_states_load(in, state)) return N1C_E_CORRUPT;
    in->at = (m->simd ? n1_decode_lanes_avx2 : n1_decode_lanes)(m, state, in->at, in->end, table, x, l.length, l.steps);
    if (!in->at) return N1C_E_CORRUPT;
  }
  if (!n1_tail_begin(&tail, l.lanes > 1 ? state : NULL, first, in->at, in->end)) return N1C_E_CORRUPT;
  for (int32_t lane = 0; lane < l.lanes; lane++)
    for (int64_t t = l.steps, stop = lane_end(&l, n, lane); t < stop; t++) {
      if (l.lanes == 1 && n1_due(m, t)) n1_solve(m, t);
      x[lane * l.length + t] = table[decode_code(m, lane, t, &tail)];
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
  const layout l = lay_out(n);
  uint16_t *codes;
  n1_model *m;
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
  n1_model_open(m, n1c_align64((uint8_t *)(m + 1)), &prior, map.codes, map.origin, l.lanes);
  m->simd = 0;
  n1_model_start(m, &prior, 112);
  n1_model_start(m, &prior, find_start(m, &l, codes, n));
  for (int64_t t = 0; t < l.length; t++) {
    if (n1_due(m, t)) n1_solve(m, t);
    for (int32_t lane = 0; lane < N1_LANES; lane++, out += 6) {
      const int32_t k = codes[lane * l.length + t];
      int32_t scale;
      const int32_t p = n1_predict(m, lane, t, &scale);
      out[0] = k;
      out[1] = p;
      out[2] = scale + 32 * m->scale_shift;
      out[3] = n1_clamp(n1_scaled(m, m->threshold[k] - p, scale), 0, 2 * N1_Z_MAX);
      out[4] = n1_clamp(n1_scaled(m, m->threshold[k + 1] - p, scale), 0, 2 * N1_Z_MAX);
      out[5] = (int32_t)(n1_below(m, k + 1, p, scale) - n1_below(m, k, p, scale));
      n1_learn(m, lane, t, k, p);
    }
  }
  return N1_LANES * l.length;
}
