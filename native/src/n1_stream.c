/* Packets of many channels: head, sequence numbers, checksums, keys, and samples that no model takes. */
#include "n1_stream.h"

#include <string.h>

#include "crc32.h"
#include "n1c/stream.h"

#define HEAD 9 /* bytes of a packet before its first section, or before the checksum of its profile */
#define VARINT 4 /* bytes of a length or a number of channels at most */
#define MAX_CHANNELS 65536
#define MAX_PERIOD ((int64_t)1 << 30) /* frames between restarts */
#define MAGIC 0x4e314331u

enum { KEY = 1, STORED = 2 }; /* bits of a section's head, below its length */

static const stream_model *model_of(int64_t codec) {
  return codec == N1C_STREAM_N1        ? &n1_stream_lanes
         : codec == N1C_STREAM_IMPLANT ? &n1_stream_implant
         : codec == N1C_STREAM_ANY     ? &n1_stream_any
         : codec == N1C_STREAM_MULTI   ? &n1_stream_multi
                                       : NULL;
}

/* A packet's first byte. */
static uint8_t kind_of(const stream *s) { return (uint8_t)(s->codec + (s->profile != 0)); }

/* -- sections ------------------------------------------------------------------------------------------------------ */

static stream_span span_of(const stream *s, int32_t section) {
  stream_span v;
  v.channel = section * s->section_channels;
  v.channels = s->channels - v.channel < s->section_channels ? s->channels - v.channel : s->section_channels;
  return v;
}

static int is_due(const stream *s, int32_t section) {
  return s->restart || s->sequence % s->period == section * s->period / s->sections;
}

static uint8_t *store_channels(const stream *s, const stream_span *v, const int16_t *x, uint8_t *at) {
  int32_t count = 0, last = -1;
  for (int32_t i = 0; i < v->channels; i++) count += s->stored[i];
  at = n1c_store_leb128(at, (uint32_t)count);
  for (int32_t i = 0; i < v->channels; i++) {
    if (!s->stored[i]) continue;
    at = n1c_store_leb128(at, (uint32_t)(i - last - 1));
    last = i;
    for (int32_t t = 0; t < s->frames; t++)
      at = n1c_store_bytes(at, (uint16_t)x[t * (int64_t)s->channels + v->channel + i], 2);
  }
  return at;
}

/* How many channels are stored, -1 if that is none or cannot be. */
static int32_t load_channels(stream *s, const stream_span *v, n1c_reader *in, int16_t *x) {
  const int32_t count = (int32_t)n1c_read_leb128(in, VARINT);
  int64_t last = -1;
  if (in->bad || count > v->channels) return -1;
  for (int32_t i = 0; i < count; i++) {
    last += (int64_t)n1c_read_leb128(in, VARINT) + 1;
    if (in->bad || last >= v->channels) return -1;
    s->stored[last] = 1;
    for (int32_t t = 0; t < s->frames; t++)
      x[t * (int64_t)s->channels + v->channel + last] = (int16_t)(uint16_t)n1c_read_bytes(in, 2);
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
  if (is_due(s, section)) {
    *flags |= KEY;
    at = model->restart(s, &v, x, at);
  }
  memset(s->stored, 0, (size_t)v.channels);
  if (model->refuse) model->refuse(s, &v, x);
  for (int32_t t = 0; t < s->frames && !model->refuse && model->codes <= STREAM_NO_CODE; t++) {
    const int16_t *row = x + t * (int64_t)s->channels + v.channel;
    for (int32_t i = 0; i < v.channels; i++) s->stored[i] |= s->code[row[i] + 32768] == STREAM_NO_CODE;
  }
  for (int32_t i = 0; i < v.channels; i++) count += s->stored[i];
  behind = count ? store_channels(s, &v, x, at) : at;
  size = model->encode(s, &v, x, *flags & KEY, behind, 2 * (int64_t)(v.channels - count) * s->frames);
  if (count || size < 0) *flags |= STORED;
  if (size >= 0) return behind + size - out;
  /* The model is of no use to these samples: they are stored, and all begin anew. */
  memset(s->stored, 1, (size_t)v.channels);
  model->anew(s, &v, x);
  return store_channels(s, &v, x, at) - out;
}

/* The samples of a section; 0 if its bytes are not what the encoder writes. */
static int decode_section(stream *s, int32_t section, n1c_reader in, int16_t *x, uint32_t flags) {
  const stream_model *model = model_of(s->codec);
  const stream_span v = span_of(s, section);
  int32_t count = 0;
  if (flags & KEY && !model->follow(s, &v, &in)) return 0;
  memset(s->stored, 0, (size_t)v.channels);
  if (flags & STORED) count = load_channels(s, &v, &in, x);
  if (count < 0) return 0;
  if (count < v.channels) return model->decode(s, &v, &in, flags & KEY, x);
  model->anew(s, &v, x);
  return in.at == in.end;
}

/* -- the interface ------------------------------------------------------------------------------------------------- */

static int64_t sections_of(int64_t channels) { return (channels + STREAM_SECTION - 1) / STREAM_SECTION; }

int64_t n1c_stream_memory_size(int64_t codec, int64_t channels, int64_t frames) {
  const stream_model *model = model_of(codec);
  if (!model || channels < 1 || channels > MAX_CHANNELS || frames < 1 || frames > STREAM_FRAMES)
    return N1C_E_ARGUMENT;
  return 64 + N1C_ROUND64(sizeof(stream)) + N1C_ROUND64(2 * 65536) + N1C_ROUND64(2 * (int64_t)model->codes) +
         N1C_ROUND64(sections_of(channels)) + N1C_ROUND64(STREAM_SECTION) + model->bytes(channels, frames);
}

int64_t n1c_stream_packet_capacity(int64_t channels, int64_t frames) {
  if (channels < 1 || channels > MAX_CHANNELS || frames < 1 || frames > STREAM_FRAMES) return N1C_E_ARGUMENT;
  return HEAD + 4 + channels * (2 * frames + 4) + 96 * sections_of(channels);
}

int64_t n1c_stream_open(uint8_t *memory, int64_t length, int64_t codec, const uint8_t *profile, int64_t profile_length,
                        int64_t channels, int64_t frames, int64_t period) {
  uint8_t *at = n1c_align64(memory), settings[24];
  stream *s = (stream *)(void *)at;
  const int64_t bytes = n1c_stream_memory_size(codec, channels, frames);
  int64_t extra;
  if (bytes < 0 || period < 1 || period > MAX_PERIOD / frames) return N1C_E_ARGUMENT;
  extra = n1c_stream_profile_size(codec, profile, profile_length);
  if (extra < 0) return N1C_E_ARGUMENT;
  if (length < bytes + extra) return N1C_E_CAPACITY;
  memset(s, 0, sizeof *s);
  s->codec = (int32_t)codec;
  s->channels = (int32_t)channels;
  s->frames = (int32_t)frames;
  s->sections = (int32_t)sections_of(channels);
  s->section_channels = stream_section_channels(s->channels, s->sections);
  s->period = period;
  s->restart = 1;
  at += N1C_ROUND64(sizeof *s);
  s->code = (uint16_t *)(void *)at, at += N1C_ROUND64(2 * 65536);
  s->sample = (int16_t *)(void *)at, at += N1C_ROUND64(2 * (int64_t)model_of(codec)->codes);
  s->alive = at, at += N1C_ROUND64(s->sections);
  s->stored = at, at += N1C_ROUND64(STREAM_SECTION);
  s->model = at;
  memset(s->code, 0xff, 2 * 65536);
  memset(s->alive, 0, (size_t)s->sections);
  if (model_of(codec)->open(s, profile, profile_length)) return N1C_E_ARGUMENT;
  n1c_store_bytes(n1c_store_bytes(settings, (uint64_t)channels, 8), (uint64_t)frames, 8);
  n1c_store_bytes(settings + 16, (uint64_t)period, 8);
  s->seed = n1c_crc32(s->seed, settings, sizeof settings);
  s->magic = MAGIC;
  return bytes + extra;
}

static stream *opened_stream(uint8_t *memory, int64_t length) {
  stream *s = (stream *)(void *)n1c_align64(memory);
  if (length < (int64_t)sizeof *s + 64 || s->magic != MAGIC ||
      length < n1c_stream_memory_size(s->codec, s->channels, s->frames))
    return NULL;
  return s;
}

int64_t n1c_stream_restart(uint8_t *memory, int64_t length) {
  stream *s = opened_stream(memory, length);
  if (!s) return N1C_E_ARGUMENT;
  s->restart = 1;
  return 0;
}

int64_t n1c_stream_encode(uint8_t *memory, int64_t length, const int16_t *x, int64_t n, uint8_t *out, int64_t capacity,
                          int64_t simd) {
  stream *s = opened_stream(memory, length);
  uint8_t *at = out + HEAD;
  if (!s || n != (int64_t)s->channels * s->frames) return N1C_E_ARGUMENT;
  if (capacity < n1c_stream_packet_capacity(s->channels, s->frames)) return N1C_E_CAPACITY;
  s->simd = simd != 0;
  out[0] = kind_of(s);
  n1c_store_bytes(out + 1, s->sequence, 4);
  if (s->profile) at = n1c_store_bytes(at, s->profile, 4);
  for (int32_t i = 0; i < s->sections; i++) {
    /* The length is known when the section is there: it is moved up to its head. */
    uint8_t *const body = at + 5;
    uint32_t flags;
    int64_t size;
    body[-1] = 0;
    size = encode_section(s, i, x, body, &flags);
    at = n1c_store_leb128(at, (uint32_t)size << 2 | flags);
    memmove(at, body, (size_t)size);
    at += size;
  }
  n1c_store_bytes(out + 5, n1c_crc32(n1c_crc32(s->seed, out, 5), out + HEAD, at - out - HEAD), 4);
  s->restart = 0;
  s->sequence++;
  return at - out;
}

int64_t n1c_stream_decode(uint8_t *memory, int64_t length, const uint8_t *in, int64_t size, int16_t *x, int64_t n,
                          uint8_t *valid, int64_t channels, int64_t simd) {
  stream *s = opened_stream(memory, length);
  n1c_reader r = n1c_reader_of(in, size);
  uint32_t sequence, missing;
  int32_t bad = 0, head;
  if (!s || n != (int64_t)s->channels * s->frames || channels != s->channels) return N1C_E_ARGUMENT;
  head = s->profile ? HEAD + 4 : HEAD;
  if (size < head || in[0] != kind_of(s) || (s->profile && n1c_load32(in + HEAD) != s->profile)) return N1C_E_CORRUPT;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* a fuzzer would get no further */
  if (n1c_load32(in + 5) != n1c_crc32(n1c_crc32(s->seed, in, 5), in + HEAD, size - HEAD)) return N1C_E_CORRUPT;
#endif
  sequence = n1c_load32(in + 1);
  missing = s->restart ? 0 : sequence - s->sequence; /* restart: nothing came so far */
  if (missing >> 31) return N1C_E_ARGUMENT;
  if (missing || s->restart) memset(s->alive, 0, (size_t)s->sections);
  s->simd = simd != 0;
  memset(x, 0, (size_t)n * sizeof *x);
  memset(valid, 0, (size_t)channels);
  r.at = in + head;
  for (int32_t i = 0; i < s->sections && !bad; i++) {
    const stream_span v = span_of(s, i);
    const uint32_t about = (uint32_t)n1c_read_leb128(&r, VARINT);
    n1c_reader body;
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
