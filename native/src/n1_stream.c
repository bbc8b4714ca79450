/* Packets of many channels: head, sequence numbers, checksums, keys, and samples that no model takes. */
#include "n1_stream.h"

#include <string.h>

#include "n1c.h"

#define HEAD 9 /* bytes of a packet before its first section, or before the checksum of its profile */
#define MAX_CHANNELS 65536
#define MAX_PERIOD ((int64_t)1 << 30) /* frames between restarts */
#define MAGIC 0x4e314331u

enum { KEY = 1, STORED = 2 }; /* bits of a section's head, below its length */

static const stream_model *model_of(int64_t codec) {
  return codec == N1C_STREAM_N1        ? &n1_stream_lanes
         : codec == N1C_STREAM_IMPLANT ? &n1_stream_implant
         : codec == N1C_STREAM_ANY     ? &n1_stream_any
                                       : NULL;
}

/* A packet's first byte. */
static uint8_t kind_of(const stream *s) { return (uint8_t)(s->codec + (s->profile != 0)); }

static uint8_t *align64(uint8_t *p) { return p + (-(uintptr_t)p & 63); }

static uint8_t *put_varint(uint8_t *at, uint32_t v) {
  for (; v > 127; v >>= 7) *at++ = (uint8_t)(v | 128);
  *at++ = (uint8_t)v;
  return at;
}

static uint32_t take_varint(stream_reader *r) {
  uint32_t v = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    const uint32_t byte = (uint32_t)stream_take(r, 1);
    v |= (byte & 127) << shift;
    if (byte < 128) return v;
  }
  r->bad = 1;
  return 0;
}

static uint32_t get32(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* -- checksum ------------------------------------------------------------------------------------------------------ */

/* CRC-32, eight bytes at a time (M. Kounavis, F. Berry, "Novel table lookup-based algorithms for high-performance CRC
 * generation", 2008). */
static void crc_open(uint32_t table[8][256]) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t v = i;
    for (int b = 0; b < 8; b++) v = v >> 1 ^ (0xedb88320u & (0u - (v & 1)));
    table[0][i] = v;
  }
  for (int k = 1; k < 8; k++)
    for (int i = 0; i < 256; i++) table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

uint32_t stream_crc(const stream *s, uint32_t crc, const uint8_t *p, int64_t length) {
  const uint32_t(*t)[256] = s->crc;
  crc = ~crc;
  for (; length >= 8; length -= 8, p += 8) {
    const uint32_t a = get32(p) ^ crc, b = get32(p + 4);
    crc = t[7][a & 255] ^ t[6][a >> 8 & 255] ^ t[5][a >> 16 & 255] ^ t[4][a >> 24] ^ t[3][b & 255] ^
          t[2][b >> 8 & 255] ^ t[1][b >> 16 & 255] ^ t[0][b >> 24];
  }
  for (; length > 0; length--) crc = crc >> 8 ^ t[0][(crc ^ *p++) & 255];
  return ~crc;
}

/* -- sections ------------------------------------------------------------------------------------------------------ */

static stream_span span_of(const stream *s, int32_t section) {
  stream_span v;
  v.channel = section * s->section_channels;
  v.channels = s->channels - v.channel < s->section_channels ? s->channels - v.channel : s->section_channels;
  return v;
}

static int due(const stream *s, int32_t section) {
  return s->restart || s->sequence % s->period == section * s->period / s->sections;
}

static uint8_t *store(const stream *s, const stream_span *v, const int16_t *x, uint8_t *at) {
  int32_t count = 0, last = -1;
  for (int32_t i = 0; i < v->channels; i++) count += s->stored[i];
  at = put_varint(at, (uint32_t)count);
  for (int32_t i = 0; i < v->channels; i++) {
    if (!s->stored[i]) continue;
    at = put_varint(at, (uint32_t)(i - last - 1));
    last = i;
    for (int32_t t = 0; t < s->frames; t++)
      at = stream_put(at, (uint16_t)x[t * (int64_t)s->channels + v->channel + i], 2);
  }
  return at;
}

/* How many channels are stored, -1 if that is none or cannot be. */
static int32_t take_stored(stream *s, const stream_span *v, stream_reader *in, int16_t *x) {
  const int32_t count = (int32_t)take_varint(in);
  int64_t last = -1;
  if (in->bad || count > v->channels) return -1;
  for (int32_t i = 0; i < count; i++) {
    last += (int64_t)take_varint(in) + 1;
    if (in->bad || last >= v->channels) return -1;
    s->stored[last] = 1;
    for (int32_t t = 0; t < s->frames; t++)
      x[t * (int64_t)s->channels + v->channel + last] = (int16_t)(uint16_t)stream_take(in, 2);
  }
  return in->bad ? -1 : count;
}

/* A section's bytes, behind one that may be overwritten; flags gets its bits. */
static int64_t encode_section(stream *s, int32_t section, const int16_t *x, uint8_t *out, uint32_t *flags) {
  const stream_model *model = model_of(s->codec);
  const stream_span v = span_of(s, section);
  uint8_t *at = out, *behind;
  int32_t count = 0;
  int64_t size;
  *flags = 0;
  if (due(s, section)) {
    *flags |= KEY;
    at = model->restart(s, &v, x, at);
  }
  memset(s->stored, 0, (size_t)v.channels);
  for (int32_t t = 0; t < s->frames && model->codes <= STREAM_NO_CODE; t++) {
    const int16_t *row = x + t * (int64_t)s->channels + v.channel;
    for (int32_t i = 0; i < v.channels; i++) s->stored[i] |= s->code[row[i] + 32768] == STREAM_NO_CODE;
  }
  for (int32_t i = 0; i < v.channels; i++) count += s->stored[i];
  behind = count ? store(s, &v, x, at) : at;
  size = model->encode(s, &v, x, *flags & KEY, behind, 2 * (int64_t)(v.channels - count) * s->frames);
  if (count || size < 0) *flags |= STORED;
  if (size >= 0) return behind + size - out;
  /* The model is of no use to these samples: they are stored, and all begin anew. */
  memset(s->stored, 1, (size_t)v.channels);
  model->anew(s, &v, x);
  return store(s, &v, x, at) - out;
}

/* The samples of a section; 0 if its bytes are not what the encoder writes. */
static int decode_section(stream *s, int32_t section, stream_reader in, int16_t *x, uint32_t flags) {
  const stream_model *model = model_of(s->codec);
  const stream_span v = span_of(s, section);
  int32_t count = 0;
  if (flags & KEY && !model->follow(s, &v, &in)) return 0;
  memset(s->stored, 0, (size_t)v.channels);
  if (flags & STORED) count = take_stored(s, &v, &in, x);
  if (count < 0) return 0;
  if (count < v.channels) return model->decode(s, &v, &in, flags & KEY, x);
  model->anew(s, &v, x);
  return in.at == in.end;
}

/* -- the interface ------------------------------------------------------------------------------------------------- */

static int64_t sections_of(int64_t channels) { return (channels + STREAM_SECTION - 1) / STREAM_SECTION; }

int64_t n1c_stream_bytes(int64_t codec, int64_t channels, int64_t frames) {
  const stream_model *model = model_of(codec);
  if (!model || channels < 1 || channels > MAX_CHANNELS || frames < 1 || frames > STREAM_FRAMES)
    return N1C_E_ARGUMENT;
  return 64 + STREAM_ROUND(sizeof(stream)) + STREAM_ROUND(2 * 65536) + STREAM_ROUND(2 * (int64_t)model->codes) +
         STREAM_ROUND(sections_of(channels)) + STREAM_ROUND(STREAM_SECTION) + model->bytes(channels, frames);
}

int64_t n1c_stream_capacity(int64_t channels, int64_t frames) {
  if (channels < 1 || channels > MAX_CHANNELS || frames < 1 || frames > STREAM_FRAMES) return N1C_E_ARGUMENT;
  return HEAD + 4 + channels * (2 * frames + 4) + 96 * sections_of(channels);
}

int64_t n1c_stream_open(uint8_t *memory, int64_t length, int64_t codec, const uint8_t *profile, int64_t profile_length,
                        int64_t channels, int64_t frames, int64_t period) {
  uint8_t *at = align64(memory), settings[24];
  stream *s = (stream *)(void *)at;
  const int64_t bytes = n1c_stream_bytes(codec, channels, frames), groups = (channels + 7) / 8;
  if (bytes < 0 || length < bytes || period < 1 || period > MAX_PERIOD / frames) return N1C_E_ARGUMENT;
  memset(s, 0, sizeof *s);
  s->codec = (int32_t)codec;
  s->channels = (int32_t)channels;
  s->frames = (int32_t)frames;
  s->sections = (int32_t)sections_of(channels);
  s->section_channels = (int32_t)(8 * ((groups + s->sections - 1) / s->sections));
  s->period = period;
  s->restart = 1;
  at += STREAM_ROUND(sizeof *s);
  s->code = (uint16_t *)(void *)at, at += STREAM_ROUND(2 * 65536);
  s->sample = (int16_t *)(void *)at, at += STREAM_ROUND(2 * (int64_t)model_of(codec)->codes);
  s->alive = at, at += STREAM_ROUND(s->sections);
  s->stored = at, at += STREAM_ROUND(STREAM_SECTION);
  s->model = at;
  memset(s->code, 0xff, 2 * 65536);
  memset(s->alive, 0, (size_t)s->sections);
  crc_open(s->crc);
  if (model_of(codec)->open(s, profile, profile_length)) return N1C_E_ARGUMENT;
  stream_put(stream_put(settings, (uint64_t)channels, 8), (uint64_t)frames, 8);
  stream_put(settings + 16, (uint64_t)period, 8);
  s->seed = stream_crc(s, s->seed, settings, sizeof settings);
  s->magic = MAGIC;
  return bytes;
}

static stream *opened(uint8_t *memory, int64_t length) {
  stream *s = (stream *)(void *)align64(memory);
  if (length < (int64_t)sizeof *s + 64 || s->magic != MAGIC ||
      length < n1c_stream_bytes(s->codec, s->channels, s->frames))
    return NULL;
  return s;
}

int64_t n1c_stream_restart(uint8_t *memory, int64_t length) {
  stream *s = opened(memory, length);
  if (!s) return N1C_E_ARGUMENT;
  s->restart = 1;
  return 0;
}

int64_t n1c_stream_encode(uint8_t *memory, int64_t length, const int16_t *x, int64_t n, uint8_t *out, int64_t capacity,
                          int64_t simd) {
  stream *s = opened(memory, length);
  uint8_t *at = out + HEAD;
  if (!s || n != (int64_t)s->channels * s->frames) return N1C_E_ARGUMENT;
  if (capacity < n1c_stream_capacity(s->channels, s->frames)) return N1C_E_CAPACITY;
  s->simd = simd != 0;
  out[0] = kind_of(s);
  stream_put(out + 1, s->sequence, 4);
  if (s->profile) at = stream_put(at, s->profile, 4);
  for (int32_t i = 0; i < s->sections; i++) {
    /* The length is known when the section is there: it is moved up to its head. */
    uint8_t *const body = at + 5;
    uint32_t flags;
    int64_t size;
    body[-1] = 0;
    size = encode_section(s, i, x, body, &flags);
    at = put_varint(at, (uint32_t)size << 2 | flags);
    memmove(at, body, (size_t)size);
    at += size;
  }
  stream_put(out + 5, stream_crc(s, stream_crc(s, s->seed, out, 5), out + HEAD, at - out - HEAD), 4);
  s->restart = 0;
  s->sequence++;
  return at - out;
}

int64_t n1c_stream_decode(uint8_t *memory, int64_t length, const uint8_t *in, int64_t size, int16_t *x, int64_t n,
                          uint8_t *valid, int64_t channels, int64_t simd) {
  stream *s = opened(memory, length);
  stream_reader r;
  uint32_t sequence, missing;
  int32_t bad = 0, head;
  if (!s || n != (int64_t)s->channels * s->frames || channels != s->channels) return N1C_E_ARGUMENT;
  head = s->profile ? HEAD + 4 : HEAD;
  if (size < head || in[0] != kind_of(s) || (s->profile && get32(in + HEAD) != s->profile)) return N1C_E_CORRUPT;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* a fuzzer would get no further */
  if (get32(in + 5) != stream_crc(s, stream_crc(s, s->seed, in, 5), in + HEAD, size - HEAD)) return N1C_E_CORRUPT;
#endif
  sequence = get32(in + 1);
  missing = s->restart ? 0 : sequence - s->sequence; /* restart: nothing came so far */
  if (missing >> 31) return N1C_E_ARGUMENT;
  if (missing || s->restart) memset(s->alive, 0, (size_t)s->sections);
  s->simd = simd != 0;
  memset(x, 0, (size_t)n * sizeof *x);
  memset(valid, 0, (size_t)channels);
  r.at = in + head, r.end = in + size, r.bad = 0;
  for (int32_t i = 0; i < s->sections && !bad; i++) {
    const stream_span v = span_of(s, i);
    const uint32_t about = take_varint(&r);
    stream_reader body;
    if (r.bad || about >> 2 > r.end - r.at) {
      bad = 1;
      break;
    }
    body.at = r.at, body.end = r.at += about >> 2, body.bad = 0;
    if (!s->alive[i] && !(about & KEY)) continue;
    s->alive[i] = 0;
    bad = !decode_section(s, i, body, x, about & 3);
    s->alive[i] = (uint8_t)!bad;
    memset(valid + v.channel, !bad, (size_t)v.channels);
  }
  s->restart = 0;
  s->sequence = sequence + 1;
  if (bad || r.at != r.end) {
    memset(s->alive, 0, (size_t)s->sections);
    return N1C_E_CORRUPT;
  }
  return missing;
}
