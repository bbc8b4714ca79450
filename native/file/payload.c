/* Payloads (docs/format.md, "The payload"): filters, coders, and the pieces that an array is cut into for them. */
#include "payload.h"

#include <stdlib.h>
#include <string.h>

#include "n1c/codec.h"
#ifndef N1C_SMALL
#  include "inflate.h"
#  include "n1c/multi.h"
#  include "zstd.h"
#endif

#define LEB128_BYTES 10
#define SIMD 1

enum { MULTI_BEST, MULTI_FAST }; /* presets of n1c_multi_fit() */
enum { WHOLE, CODED };           /* what a byte coder gets; a coder of int16 */

/* -- memory -------------------------------------------------------------------------------------------------------- */

void *n1c_allocate(uint64_t bytes) { return bytes < SIZE_MAX ? malloc(bytes ? (size_t)bytes : 1) : NULL; }

uint8_t *n1c_reserve(n1c_buffer *b, uint64_t more) {
  const uint64_t needed = (uint64_t)b->length + more;
  if (needed > (uint64_t)b->room || !b->bytes) {
    const uint64_t room = needed < (uint64_t)b->length * 2 ? (uint64_t)b->length * 2 : needed;
    uint8_t *bytes = room < SIZE_MAX / 2 ? realloc(b->bytes, room ? (size_t)room : 1) : NULL;
    if (!bytes) return NULL;
    b->bytes = bytes;
    b->room = (int64_t)room;
  }
  return b->bytes + b->length;
}

/* -- arrays and their pieces --------------------------------------------------------------------------------------- */

int n1c_sample_bytes(int dtype) {
  static const uint8_t bytes[] = {1, 2, 4, 4, 1, 2, 4, 8, 8, 2, 4, 8};
  return dtype >= 0 && dtype < (int)sizeof bytes ? bytes[dtype] : 0;
}

static int is_integer(int dtype) { return dtype <= N1C_UINT64; }

static int64_t size_of(const n1c_shape *s) { return s->frames * s->channels; }

/* A coder, and what it takes. */
typedef struct {
  char name[4];         /* with the mark of a last character */
  uint8_t kind;         /* WHOLE or CODED */
  uint8_t apart;        /* it takes one channel at a time */
  uint8_t takes_uint16; /* beside int16 */
  uint8_t has_models;
  int64_t backing; /* a byte of it stands for so many samples (WHOLE: bytes) at most */
} coder;

static const coder coders[] = {
    {"\xEE", CODED, 1, 0, 0, 2048},      /* n */
    {"\xE3", WHOLE, 0, 0, 0, 1},         /* c */
#ifndef N1C_SMALL
    {"n\xF5", CODED, 0, 1, 1, 65536},    /* nu */
    {"n\xE9", CODED, 1, 0, 0, 2048},     /* ni */
    {"a\xF2", CODED, 1, 0, 0, 65536},    /* ar */
    {"r\xE9", CODED, 1, 0, 0, 65536},    /* ri */
    {"h\xF5", CODED, 0, 0, 0, 65536},    /* hu */
    {"r\xE1", CODED, 0, 0, 0, 65536},    /* ra */
    {"r\xEE", CODED, 0, 0, 0, 65536},    /* rn */
    {"\xFA", WHOLE, 0, 0, 0, 65536},     /* z */
    {"z\xEC", WHOLE, 0, 0, 0, 2048},     /* zl */
#  ifndef N1C_WITHOUT_MAX
    {"n\xED", CODED, 1, 0, 0, 2048},     /* nm */
#  endif
#endif
};
enum { N1, COPY, MULTI, IMPLANT, ARANGE, RICE, HUFFMAN, RANGE, RANS, ZSTD, ZLIB, MAX };
#define CODERS ((int)(sizeof coders / sizeof *coders))

static int planes_of(const coder *c, int dtype) {
  if (c->kind == WHOLE || dtype == N1C_INT16 || (dtype == N1C_UINT16 && c->takes_uint16)) return 1;
  return n1c_sample_bytes(dtype) > 2 ? n1c_sample_bytes(dtype) / 2 : 1;
}

static int64_t pieces_of(const coder *c, const n1c_shape *s) {
  return planes_of(c, s->dtype) * (c->apart ? s->channels : 1);
}

/* A plane of one channel, or of all where `channel` is negative, as the coder's int16. */
static void gather(const uint8_t *p, const n1c_shape *s, int plane, int64_t channel, int16_t *x) {
  const int bytes = n1c_sample_bytes(s->dtype);
  const int64_t n = channel < 0 ? size_of(s) : s->frames, step = bytes * (channel < 0 ? 1 : s->channels);
  p += 2 * plane + (channel < 0 ? 0 : channel * bytes);
  if (bytes == 1) {
    for (int64_t i = 0; i < n; i++, p += step) x[i] = (int16_t)(s->dtype == N1C_INT8 && *p > 127 ? *p - 256 : *p);
  } else {
    for (int64_t i = 0; i < n; i++, p += step) x[i] = (int16_t)(uint16_t)n1c_load16(p);
  }
}

static void scatter(const int16_t *x, const n1c_shape *s, int plane, int64_t channel, uint8_t *p) {
  const int bytes = n1c_sample_bytes(s->dtype);
  const int64_t n = channel < 0 ? size_of(s) : s->frames, step = bytes * (channel < 0 ? 1 : s->channels);
  p += 2 * plane + (channel < 0 ? 0 : channel * bytes);
  if (bytes == 1) {
    for (int64_t i = 0; i < n; i++, p += step) *p = (uint8_t)x[i];
  } else {
    for (int64_t i = 0; i < n; i++, p += step) n1c_store_bytes(p, (uint16_t)x[i], 2);
  }
}

/* Unsigned samples of 16 bits <-> signed ones: neighbouring values stay neighbours. */
static void turn_sign(int16_t *x, int64_t n) {
  for (int64_t i = 0; i < n; i++) x[i] = (int16_t)(x[i] ^ -32768);
}

static n1c_reader no_bytes(void) {
  const n1c_reader r = {NULL, NULL, 0};
  return r;
}

/* The next piece of several has its length in front; the only one is all that is left. */
static n1c_reader take_piece(n1c_reader *r, int alone) {
  n1c_reader piece = *r;
  const uint64_t length = alone ? (uint64_t)(r->end - r->at) : n1c_read_leb128(r, LEB128_BYTES);
  if (r->bad || length > (uint64_t)(r->end - r->at)) {
    r->bad = 1;
    r->at = r->end;
    return no_bytes();
  }
  piece.at = r->at;
  piece.end = r->at += length;
  return piece;
}

/* -- coders of int16 ----------------------------------------------------------------------------------------------- */

static const uint8_t built_in_profile[] = {1};

static int error_of(int64_t result) { return result < 0 ? (int)result : 0; }

static int is_of_a_profile(const coder *c, n1c_reader in) {
  return c == &coders[N1] && in.end - in.at > 4 && (in.at[0] & 27) == (3 | 3 << 3);
}

#ifndef N1C_SMALL

static int64_t work_size(const coder *c, int64_t n) {
  switch (c - coders) {
    case N1: return n1c_n1_work_size(n);
    case IMPLANT: return n1c_n1_implant_work_size(n);
    case ARANGE: return n1c_arange_work_size();
    case HUFFMAN: return n1c_huffman_decode_work_size();
    case RANGE: return n1c_range_decode_work_size();
    case RANS: return n1c_rans_decode_work_size();
#  ifndef N1C_WITHOUT_MAX
    case MAX: return n1c_n1_max_work_size(n);
#  endif
    default: return 0;
  }
}

/* What a model of n1_multi names instead of being one: its first byte; the checksum of a profile follows. */
#define NAMED_PROFILE 3

static int decode_multi(n1c_reader in, const n1c_buffer *model, n1c_reader own, int16_t *x, int64_t n, int64_t frames) {
  int64_t size;
  uint8_t *work;
  int64_t found;
  if (!model) {
    own = take_piece(&in, 0);
    if (in.bad) return N1C_E_CORRUPT;
  }
  if (own.end - own.at == 5 && own.at[0] == NAMED_PROFILE) return N1C_E_UNSUPPORTED;
  size = n1c_multi_decode_work_size(own.at, own.end - own.at, frames);
  if (size < 0) return N1C_E_CORRUPT;
  if (!(work = n1c_allocate((uint64_t)size))) return N1C_E_MEMORY;
  found = n1c_multi_decode(in.at, in.end - in.at, own.at, own.end - own.at, frames, work, size, x, n, SIMD);
  free(work);
  return found == n ? 0 : N1C_E_CORRUPT;
}

static int decode_channel(const coder *c, n1c_reader in, int16_t *x, int64_t n) {
  const int64_t length = in.end - in.at, size = work_size(c, n);
  uint8_t *work;
  int64_t found;
  if (size < 0) return N1C_E_CORRUPT;
  if (!(work = n1c_allocate((uint64_t)size))) return N1C_E_MEMORY;
  switch (c - coders) {
    case N1: found = n1c_n1_decode(in.at, length, built_in_profile, 0, work, size, x, n, SIMD); break;
    case IMPLANT: found = n1c_n1_implant_decode(in.at, length, NULL, 0, work, size, x, n); break;
    case ARANGE: found = n1c_arange_decode(in.at, length, x, n, work, size); break;
    case RICE: found = n1c_rice_decode(in.at, length, x, n); break;
    case HUFFMAN: found = n1c_huffman_decode(in.at, length, x, n, work, size); break;
    case RANGE: found = n1c_range_decode(in.at, length, x, n, work, size); break;
#  ifndef N1C_WITHOUT_MAX
    case MAX: found = n1c_n1_max_decode(in.at, length, work, size, x, n, SIMD); break;
#  endif
    default: found = n1c_rans_decode(in.at, length, x, n, work, size);
  }
  free(work);
  return found == n ? 0 : N1C_E_CORRUPT;
}

static int fit_multi(const int16_t *x, const n1c_shape *s, int preset, n1c_buffer *out) {
  const int64_t n = size_of(s), size = n1c_multi_fit_work_size(s->frames, s->channels);
  const int64_t most = 2 * n + 64 * s->channels + 1024;
  int32_t *converters;
  uint8_t *work, *at;
  int64_t length = N1C_E_MEMORY;
  if (size < 0) return N1C_E_ARGUMENT;
  converters = calloc((size_t)s->channels, sizeof *converters);
  work = n1c_allocate((uint64_t)size);
  at = n1c_reserve(out, (uint64_t)most);
  if (converters && work && at)
    length = n1c_multi_fit(x, n, converters, s->channels, work, size, at, most, preset, SIMD);
  if (length >= 0) out->length += length;
  free(work);
  free(converters);
  return error_of(length);
}

static int encode_multi(const int16_t *x, const n1c_shape *s, int preset, n1c_reader model, n1c_buffer *out) {
  const int64_t n = size_of(s);
  n1c_buffer own = {NULL, 0, 0};
  int error = 0;
  if (!model.at) {
    uint8_t *at;
    error = fit_multi(x, s, preset, &own);
    at = error ? NULL : n1c_reserve(out, LEB128_BYTES + (uint64_t)own.length);
    if (at) {
      uint8_t *end = n1c_store_leb128(at, (uint64_t)own.length);
      memcpy(end, own.bytes, (size_t)own.length);
      out->length += end - at + own.length;
      model = n1c_reader_of(own.bytes, own.length);
    } else if (!error) {
      error = N1C_E_MEMORY;
    }
  }
  if (!error) {
    const int64_t size = n1c_multi_encode_work_size(model.at, model.end - model.at, s->frames);
    uint8_t *work = size < 0 ? NULL : n1c_allocate((uint64_t)size), *at = n1c_reserve(out, 2 * (uint64_t)n + 1);
    int64_t length = size < 0 ? size : N1C_E_MEMORY;
    if (work && at)
      length = n1c_multi_encode(x, n, model.at, model.end - model.at, s->frames, work, size, at, 2 * n + 1, SIMD);
    if (length >= 0) out->length += length;
    error = error_of(length);
    free(work);
  }
  free(own.bytes);
  return error;
}

#else

static int64_t work_size(const coder *c, int64_t n) {
  (void)c;
  return n1c_n1_work_size(n);
}

static int decode_channel(const coder *c, n1c_reader in, int16_t *x, int64_t n) {
  const int64_t size = work_size(c, n);
  uint8_t *work = size < 0 ? NULL : n1c_allocate((uint64_t)size);
  int64_t found;
  if (!work) return size < 0 ? N1C_E_CORRUPT : N1C_E_MEMORY;
  found = n1c_n1_decode(in.at, in.end - in.at, built_in_profile, 0, work, size, x, n, SIMD);
  free(work);
  return found == n ? 0 : N1C_E_CORRUPT;
}

#endif

/* n1 or arange, of one channel. */
static int encode_channel(const coder *c, const int16_t *x, int64_t n, n1c_buffer *out) {
  const int64_t size = work_size(c, n), most = 2 * n + 32;
  uint8_t *work = size < 0 ? NULL : n1c_allocate((uint64_t)size), *at = n1c_reserve(out, (uint64_t)most);
  int64_t length = size < 0 ? size : N1C_E_MEMORY;
  if (work && at) {
#ifndef N1C_SMALL
    if (c == &coders[ARANGE]) length = n1c_arange_encode(x, n, at, most, work, size);
    else
#endif
      length = n1c_n1_encode(x, n, built_in_profile, 1, work, size, at, most, SIMD);
  }
  if (length >= 0) out->length += length;
  free(work);
  return error_of(length);
}

/* -- encoding ------------------------------------------------------------------------------------------------------ */

typedef struct {
  const char *text; /* its stages */
  uint8_t coder, planes, preset;
} recipe;

static const recipe recipes[] = {
    {"\xE3", COPY, 0, 0},
    {"\xEE", N1, 0, 0},
#ifndef N1C_SMALL
    {"n\xF5", MULTI, 0, MULTI_BEST},
    {"n\xF5", MULTI, 0, MULTI_FAST},
    {"\xF0" "a\xF2", ARANGE, 1, 0},
#endif
};
#define RECIPES ((int)(sizeof recipes / sizeof *recipes))

static const recipe *recipe_of(int codec) { return codec >= 0 && codec < RECIPES ? &recipes[codec] : NULL; }

const char *n1c_stages(int codec) { return recipe_of(codec) ? recipe_of(codec)->text : NULL; }

int n1c_payload_has_models(int codec) { return recipe_of(codec) && coders[recipe_of(codec)->coder].has_models; }

/* The bytes of all samples that are the lowest in them, then the next ones. */
static void split_bytes(const uint8_t *samples, int64_t n, int bytes, uint8_t *planes) {
  for (int k = 0; k < bytes; k++)
    for (int64_t i = 0; i < n; i++) planes[k * n + i] = samples[i * bytes + k];
}

static void join_bytes(const uint8_t *planes, int64_t n, int bytes, uint8_t *samples) {
  for (int k = 0; k < bytes; k++)
    for (int64_t i = 0; i < n; i++) samples[i * bytes + k] = planes[k * n + i];
}

static int encode_piece(const recipe *how, const int16_t *x, const n1c_shape *s, n1c_reader model, int only_model,
                        n1c_buffer *out) {
#ifndef N1C_SMALL
  if (how->coder == MULTI && only_model) return fit_multi(x, s, how->preset, out);
  if (how->coder == MULTI) return encode_multi(x, s, how->preset, model, out);
#else
  (void)model;
  (void)only_model;
#endif
  return encode_channel(&coders[how->coder], x, size_of(s), out);
}

/* All pieces of an array, or the models of all. */
static int encode_pieces(const recipe *how, const n1c_shape *s, const uint8_t *samples, const n1c_buffer *model,
                         int only_model, n1c_buffer *out) {
  const coder *c = &coders[how->coder];
  const int64_t pieces = pieces_of(c, s), channels = c->apart ? s->channels : 1;
  const n1c_shape piece = {s->frames, c->apart ? 1 : s->channels, N1C_INT16};
  n1c_reader models = model ? n1c_reader_of(model->bytes, model->length) : no_bytes();
  n1c_buffer one = {NULL, 0, 0};
  int16_t *x = n1c_allocate(2 * (uint64_t)size_of(&piece));
  int error = x ? 0 : N1C_E_MEMORY;
  for (int64_t i = 0; i < pieces && !error; i++) {
    const n1c_reader own = model ? take_piece(&models, pieces == 1) : models;
    n1c_buffer *to = pieces == 1 ? out : &one;
    gather(samples, s, (int)(i / channels), c->apart ? i % channels : -1, x);
    if (s->dtype == N1C_UINT16 && c->takes_uint16) turn_sign(x, size_of(&piece));
    one.length = 0;
    error = encode_piece(how, x, &piece, own, only_model, to);
    if (!error && pieces > 1) {
      uint8_t *at = n1c_reserve(out, LEB128_BYTES + (uint64_t)one.length), *end;
      if (at) {
        end = n1c_store_leb128(at, (uint64_t)one.length);
        memcpy(end, one.bytes, (size_t)one.length);
        out->length += end - at + one.length;
      } else {
        error = N1C_E_MEMORY;
      }
    }
  }
  free(one.bytes);
  free(x);
  return error;
}

int n1c_payload_model(int codec, const n1c_shape *s, const uint8_t *samples, n1c_buffer *out) {
  if (!n1c_payload_has_models(codec)) return N1C_E_ARGUMENT;
  return encode_pieces(recipe_of(codec), s, samples, NULL, 1, out);
}

int n1c_payload_encode(int codec, const n1c_shape *s, const uint8_t *samples, const n1c_buffer *model,
                       n1c_buffer *out) {
  const recipe *how = recipe_of(codec);
  const int64_t bytes = size_of(s) * n1c_sample_bytes(s->dtype);
  if (!how) return N1C_E_ARGUMENT;
  if (!bytes) return 0;
  if (how->coder == COPY) {
    uint8_t *at = n1c_reserve(out, (uint64_t)bytes);
    if (!at) return N1C_E_MEMORY;
    memcpy(at, samples, (size_t)bytes);
    out->length += bytes;
    return 0;
  }
  if (how->planes) {
    const n1c_shape flat = {bytes, 1, N1C_UINT8};
    uint8_t *planes = n1c_allocate((uint64_t)bytes);
    int error = N1C_E_MEMORY;
    if (planes) {
      split_bytes(samples, size_of(s), n1c_sample_bytes(s->dtype), planes);
      error = encode_pieces(how, &flat, planes, NULL, 0, out);
    }
    free(planes);
    return error;
  }
  return encode_pieces(how, s, samples, model, 0, out);
}

/* -- decoding ------------------------------------------------------------------------------------------------------ */

/* The stage that a list begins with, and how many characters its name has. */
static size_t name_length(const char *stages) {
  size_t n = 0;
  while (stages[n] && !(stages[n] & N1C_TEXT_END)) n++;
  return stages[n] ? n + 1 : 0;
}

static const coder *coder_of(const char *stages) {
  const size_t n = name_length(stages);
  for (int i = 0; i < CODERS; i++)
    if (n && strlen(coders[i].name) == n && !memcmp(coders[i].name, stages, n)) return &coders[i];
  return NULL;
}

enum { NO_FILTER, DELTA, PLANES, ZIGZAG };

static int filter_of(const char *stages) {
#ifndef N1C_SMALL
  if (stages[0] == '\xE4') return DELTA;  /* d */
  if (stages[0] == '\xF0') return PLANES; /* p */
  if (stages[0] == '\xDA') return ZIGZAG; /* Z */
#else
  (void)stages;
#endif
  return NO_FILTER;
}

int n1c_payload_stages(n1c_reader *r, char *stages) {
  size_t n = 0, begin = 0;
  for (;;) {
    const int letter = (int)n1c_read_bytes(r, 1);
    if (r->bad || !letter) return N1C_E_CORRUPT;
    if (n + 1 == N1C_STAGES_MOST) return N1C_E_UNSUPPORTED;
    stages[n++] = (char)letter;
    if (!(letter & N1C_TEXT_END)) continue;
    stages[n] = 0;
    if (coder_of(stages + begin)) return 0;
    if (!filter_of(stages + begin) || n - begin != 1) return N1C_E_UNSUPPORTED;
    begin = n;
  }
}

int n1c_stages_have_models(const char *stages) { return coder_of(stages) && coder_of(stages)->has_models; }

/* What a filter makes of an array. */
static n1c_shape filtered(int filter, const n1c_shape *s) {
  static const uint8_t unsigned_ones[] = {N1C_UINT8,  N1C_UINT16, N1C_UINT32, N1C_UINT32, N1C_UINT8,
                                          N1C_UINT16, N1C_UINT32, N1C_UINT64, N1C_UINT64};
  n1c_shape out = *s;
  if (filter == PLANES) {
    out.frames = size_of(s) * n1c_sample_bytes(s->dtype);
    out.channels = 1;
    out.dtype = N1C_UINT8;
  } else if (filter == ZIGZAG) {
    out.dtype = unsigned_ones[s->dtype];
  }
  return out;
}

static int backs(const coder *c, const n1c_shape *s, int64_t length) {
  const int64_t bytes = n1c_sample_bytes(s->dtype), n = size_of(s);
  if (c->kind == WHOLE) return c->backing == 1 ? length == n * bytes : n / (c->backing / bytes) <= length;
  return n / c->backing <= length; /* of each plane; channels have a byte each where they are apart */
}

int n1c_payload_is_backed(const char *stages, const n1c_shape *shape, int64_t length) {
  n1c_shape s = *shape;
  for (int filter; (filter = filter_of(stages)) != NO_FILTER; stages++) {
    if (filter != PLANES && !is_integer(s.dtype)) return 1;
    s = filtered(filter, &s);
  }
  return backs(coder_of(stages), &s, length);
}

static int decode_bytes(const coder *c, n1c_reader in, uint8_t *out, int64_t size) {
  const int64_t length = in.end - in.at;
#ifndef N1C_SMALL
  if (c == &coders[ZSTD]) {
    const int64_t room = n1c_zstd_work_size();
    uint8_t *work = n1c_allocate((uint64_t)room);
    int64_t found;
    if (!work) return N1C_E_MEMORY;
    found = n1c_zstd_decode(in.at, length, out, size, work, room);
    free(work);
    return found == size ? 0 : N1C_E_CORRUPT;
  }
  if (c == &coders[ZLIB]) {
    int64_t used;
    return n1c_inflate(in.at, length, out, size, &used) == size && used == length ? 0 : N1C_E_CORRUPT;
  }
#else
  (void)c;
#endif
  if (length != size) return N1C_E_CORRUPT;
  memcpy(out, in.at, (size_t)size);
  return 0;
}

static int decode_pieces(const coder *c, const n1c_shape *s, n1c_reader in, const n1c_buffer *model, uint8_t *samples) {
  const int64_t pieces = pieces_of(c, s), channels = c->apart ? s->channels : 1;
  const int64_t n = s->frames * (c->apart ? 1 : s->channels);
  n1c_reader models = model ? n1c_reader_of(model->bytes, model->length) : no_bytes(), look = in;
  int16_t *x;
  int error = 0;
  for (int64_t i = 0; i < pieces; i++) {
    const n1c_reader piece = take_piece(&look, pieces == 1);
    if (look.bad || n / c->backing > piece.end - piece.at) return N1C_E_CORRUPT;
  }
  if (look.at != look.end) return N1C_E_CORRUPT;
  if (!(x = n1c_allocate(2 * (uint64_t)n))) return N1C_E_MEMORY;
  for (int64_t i = 0; i < pieces && !error; i++) {
    const n1c_reader piece = take_piece(&in, pieces == 1);
    if (is_of_a_profile(c, piece)) {
      error = N1C_E_UNSUPPORTED;
#ifndef N1C_SMALL
    } else if (c == &coders[MULTI]) {
      const n1c_reader own = model ? take_piece(&models, pieces == 1) : models;
      error = models.bad ? N1C_E_CORRUPT : decode_multi(piece, model, own, x, n, s->frames);
      if (!error && s->dtype == N1C_UINT16) turn_sign(x, n);
#endif
    } else {
      error = decode_channel(c, piece, x, n);
    }
    if (!error) scatter(x, s, (int)(i / channels), c->apart ? i % channels : -1, samples);
  }
  free(x);
  return error || models.at == models.end ? error : N1C_E_CORRUPT;
}

#ifndef N1C_SMALL

/* Sums along the frames, `order` times; the first sample of each difference stands in `firsts`. */
static int undo_delta(const n1c_shape *s, n1c_reader firsts, uint8_t *p) {
  const int bytes = n1c_sample_bytes(s->dtype);
  const int64_t row = bytes * s->channels, length = firsts.end - firsts.at, order = length / row;
  if (order * row != length || order < 1 || order > 3) return N1C_E_CORRUPT;
  for (int64_t k = order - 1; k >= 0; k--) {
    memcpy(p, firsts.at + k * row, (size_t)row);
    for (int64_t i = s->channels; i < size_of(s); i++)
      n1c_store_bytes(p + i * bytes, n1c_load_bytes(p + i * bytes, bytes) + n1c_load_bytes(p + i * bytes - row, bytes),
                      bytes);
  }
  return 0;
}

static void undo_zigzag(const n1c_shape *s, uint8_t *p) {
  const int bytes = n1c_sample_bytes(s->dtype);
  for (int64_t i = 0; i < size_of(s); i++, p += bytes) {
    const uint64_t v = n1c_load_bytes(p, bytes);
    n1c_store_bytes(p, v >> 1 ^ -(v & 1), bytes);
  }
}

#endif

int n1c_payload_decode(const char *stages, const n1c_shape *shape, n1c_reader in, const n1c_buffer *model,
                       uint8_t *samples) {
  const int filter = filter_of(stages);
  const coder *c = coder_of(stages);
  int error = 0;
  if (filter == NO_FILTER) {
    if (!size_of(shape)) return in.at == in.end ? 0 : N1C_E_CORRUPT;
    if (!backs(c, shape, in.end - in.at)) return N1C_E_CORRUPT;
    if (c->kind == WHOLE) return decode_bytes(c, in, samples, size_of(shape) * n1c_sample_bytes(shape->dtype));
    return decode_pieces(c, shape, in, model, samples);
  }
#ifndef N1C_SMALL
  {
    const n1c_shape inner = filtered(filter, shape);
    n1c_reader side = no_bytes();
    if (filter != PLANES && !is_integer(shape->dtype)) return N1C_E_UNSUPPORTED;
    if (filter == DELTA) side = take_piece(&in, 0);
    if (in.bad) return N1C_E_CORRUPT;
    if (!size_of(shape)) return side.at == side.end ? n1c_payload_decode(stages + 1, shape, in, model, samples) : N1C_E_CORRUPT;
    if (filter == PLANES) {
      uint8_t *planes = n1c_payload_is_backed(stages + 1, &inner, in.end - in.at) ? n1c_allocate((uint64_t)inner.frames) : NULL;
      if (!planes) return N1C_E_CORRUPT;
      error = n1c_payload_decode(stages + 1, &inner, in, model, planes);
      if (!error) join_bytes(planes, size_of(shape), n1c_sample_bytes(shape->dtype), samples);
      free(planes);
    } else {
      error = n1c_payload_decode(stages + 1, &inner, in, model, samples);
      if (!error && filter == DELTA) error = undo_delta(shape, side, samples);
      if (!error && filter == ZIGZAG) undo_zigzag(shape, samples);
    }
  }
#else
  (void)model;
#endif
  return error;
}
