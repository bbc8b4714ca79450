/* The container of n1enc and n1dec: format version 1, sources of whole bytes and canonical WAV files. */
#include "container.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "crc32.h"
#include "n1c/codec.h"
#include "wav.h"

#define VERSION 1
#define HEADER N1C_WAV_HEADER
#define MOST_AROUND 128  /* bytes before a .n1c file's payload, at most */
#define LAST 0x80        /* marks the last character of a codec's name */
#define LEB128_BYTES 10  /* of an integer at most */
#define BACKING 2048     /* a byte of n1 stands for so many samples at most */

enum { OPAQUE, WAV, WAV_AND_MORE, ARRAY };
enum { UINT8, INT16, INT24, INT32 };

static const uint8_t built_in_profile[] = {1};
static const char no_memory[] = "not enough memory";
static const char damaged[] = "its payload is damaged";

static void *allocate(uint64_t bytes) { return bytes < SIZE_MAX ? malloc(bytes ? (size_t)bytes : 1) : NULL; }

/* -- WAV ----------------------------------------------------------------------------------------------------------- */

typedef struct {
  int64_t frames;
  uint32_t channels, rate;
  int bits;
} form;

static int planes(const form *f) { return f->bits > 16 ? 2 : 1; }

static int put_header(uint8_t *p, const form *f) {
  return n1c_put_wav_header(p, f->frames, f->channels, f->rate, f->bits / 8);
}

/* Whether a file is the canonical header of whole frames, and nothing else. */
static int read_header(const uint8_t *p, int64_t length, form *f) {
  uint8_t expected[HEADER];
  if (length < HEADER) return 0;
  f->channels = n1c_load16(p + 22);
  f->rate = n1c_load32(p + 24);
  f->bits = (int)n1c_load16(p + 34);
  if (!f->channels || (f->bits != 8 && f->bits != 16 && f->bits != 24 && f->bits != 32)) return 0;
  f->frames = (length - HEADER) / ((int64_t)f->channels * f->bits / 8);
  return f->frames * f->channels * (f->bits / 8) == length - HEADER && put_header(expected, f) &&
         !memcmp(p, expected, HEADER);
}

/* Samples of one channel <-> int16: 8 bits as they are, the lower 16 bits of more (plane 0), the upper ones (plane 1).
 * `p` is the channel's first sample. */
static void gather_channel(const uint8_t *p, const form *f, int plane, int16_t *x) {
  const int64_t block = (int64_t)f->channels * f->bits / 8;
  p += 2 * plane;
  if (f->bits == 8) {
    for (int64_t i = 0; i < f->frames; i++, p += block) x[i] = p[0];
  } else if (plane && f->bits == 24) {
    for (int64_t i = 0; i < f->frames; i++, p += block) x[i] = (int16_t)(p[0] < 128 ? p[0] : p[0] - 256);
  } else {
    for (int64_t i = 0; i < f->frames; i++, p += block) x[i] = (int16_t)(uint16_t)n1c_load16(p);
  }
}

static void scatter_channel(const int16_t *x, const form *f, int plane, uint8_t *p) {
  const int64_t block = (int64_t)f->channels * f->bits / 8;
  p += 2 * plane;
  if (f->bits == 8 || (plane && f->bits == 24)) {
    for (int64_t i = 0; i < f->frames; i++, p += block) p[0] = (uint8_t)x[i];
  } else {
    for (int64_t i = 0; i < f->frames; i++, p += block) n1c_store_bytes(p, (uint16_t)x[i], 2);
  }
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* Every channel of every plane by itself; their lengths stand before them if there are several. */
static const char *encode_samples(const uint8_t *samples, const form *f, uint8_t **to) {
  const int64_t n = f->frames, size = n1c_n1_work_size(n), most = 2 * n + 1;
  const uint32_t pieces = (uint32_t)planes(f) * f->channels;
  uint8_t *work = allocate((uint64_t)size), *piece = allocate((uint64_t)most), *at = *to;
  int16_t *x = allocate(2 * (uint64_t)n);
  const char *wrong = work && piece && x ? NULL : no_memory;
  for (uint32_t i = 0; i < pieces && !wrong; i++) {
    const uint32_t channel = i % f->channels;
    const int plane = (int)(i / f->channels);
    gather_channel(samples + channel * (uint32_t)(f->bits / 8), f, plane, x);
    const int64_t length = n1c_n1_encode(x, n, built_in_profile, 1, work, size, piece, most, 1);
    if (length < 0) {
      wrong = "it cannot be encoded"; /* no samples are known to do that */
    } else {
      if (pieces > 1) at = n1c_store_leb128(at, (uint64_t)length);
      memcpy(at, piece, (size_t)length);
      at += length;
    }
  }
  free(x);
  free(piece);
  free(work);
  *to = at;
  return wrong;
}

const char *n1c_pack(const uint8_t *source, int64_t length, blob *out) {
  form f = {0, 1, 0, 8};
  const int wav = read_header(source, length, &f);
  const uint64_t pieces = (uint64_t)planes(&f) * f.channels;
  const uint64_t most = wav ? pieces * (2 * (uint64_t)f.frames + 12) : (uint64_t)length;
  uint8_t *bytes = allocate(MOST_AROUND + most), *at = bytes;
  if (!bytes) return no_memory;
  memcpy(at, "N1C", 3);
  at[3] = VERSION;
  at = n1c_store_bytes(at + 8, n1c_crc32(0, source, length), 4);
  if (wav) {
    const int kind = f.bits / 8 - 1;
    int rate = 0;
    while (rate < N1C_RATES && n1c_rates[rate] != f.rate) rate++;
    const int two_bytes = rate == N1C_RATES && f.rate < 65536;
    *at++ = (uint8_t)(WAV | (f.channels == 1) << 2 | kind << 3 | two_bytes << 7);
    if (two_bytes) at = n1c_store_bytes(at, f.rate, 2);
    else at = n1c_store_leb128(at, rate < N1C_RATES ? (uint64_t)rate : (uint64_t)f.rate + N1C_RATE_WHOLE);
    at = n1c_store_leb128(at, (uint64_t)f.frames);
    if (f.channels != 1) at = n1c_store_leb128(at, f.channels);
    *at++ = 'n' | LAST;
    if (f.frames) {
      const char *wrong = encode_samples(source + HEADER, &f, &at);
      if (wrong) {
        free(bytes);
        return wrong;
      }
    }
  } else {
    *at++ = OPAQUE | 1 << 2 | UINT8 << 3;
    at = n1c_store_leb128(at, (uint64_t)length);
    *at++ = 'c' | LAST;
    if (length) memcpy(at, source, (size_t)length);
    at += length;
  }
  n1c_store_bytes(bytes + 4, n1c_crc32(0, bytes + 8, at - bytes - 8), 4);
  out->bytes = bytes;
  out->length = at - bytes;
  return NULL;
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

/* The next piece of a payload: all of it, or what its length tells. */
static n1c_reader take_piece(n1c_reader *r, int only) {
  n1c_reader piece = *r;
  const uint64_t length = only ? (uint64_t)(r->end - r->at) : n1c_read_leb128(r, LEB128_BYTES);
  if (r->bad || (uint64_t)(r->end - r->at) < length) {
    piece.end = piece.at;
    piece.bad = r->bad = 1;
    return piece;
  }
  piece.at = r->at;
  piece.end = r->at += length;
  return piece;
}

static const char *decode_samples(n1c_reader r, const form *f, uint8_t *samples) {
  const int64_t n = f->frames, size = n1c_n1_work_size(n);
  const uint32_t pieces = (uint32_t)planes(f) * f->channels;
  uint8_t *work = allocate((uint64_t)size);
  int16_t *x = allocate(2 * (uint64_t)n);
  const char *wrong = work && x ? NULL : no_memory;
  for (uint32_t i = 0; i < pieces && !wrong; i++) {
    const n1c_reader p = take_piece(&r, pieces == 1);
    const uint32_t channel = i % f->channels;
    const int plane = (int)(i / f->channels);
    if (n1c_n1_decode(p.at, p.end - p.at, built_in_profile, 0, work, size, x, n, 1) != n)
      wrong = p.end - p.at > 4 && (p.at[0] & 27) == (3 | 3 << 3)
                  ? "it was encoded with a profile of its own (restore it with ./decode)"
                  : damaged;
    else
      scatter_channel(x, f, plane, samples + channel * (uint32_t)(f->bits / 8));
  }
  free(x);
  free(work);
  return wrong;
}

/* Whether a payload has as many pieces as it must, each long enough for its samples: only then memory is asked for. */
static int is_backed(n1c_reader r, const form *f) {
  const uint32_t pieces = (uint32_t)planes(f) * f->channels;
  if (!f->frames) return r.at == r.end;
  for (uint32_t i = 0; i < pieces; i++) {
    const n1c_reader p = take_piece(&r, pieces == 1);
    if (p.at == p.end || f->frames / BACKING > p.end - p.at) return 0; /* a bad one has no bytes */
  }
  return r.at == r.end;
}

static const char *unpack_wav(n1c_reader payload, const form *f, blob *out) {
  uint8_t header[HEADER], *bytes;
  const uint64_t size = (uint64_t)f->frames * f->channels * (uint32_t)(f->bits / 8);
  const char *wrong = NULL;
  if (!put_header(header, f) || !is_backed(payload, f)) return damaged;
  if (!(bytes = allocate(HEADER + size))) return no_memory;
  memcpy(bytes, header, HEADER);
  if (f->frames) wrong = decode_samples(payload, f, bytes + HEADER);
  if (wrong) {
    free(bytes);
    return wrong;
  }
  out->bytes = bytes;
  out->length = (int64_t)(HEADER + size);
  return NULL;
}

const char *n1c_unpack(const uint8_t *packed, int64_t length, blob *out) {
  form f = {0, 1, 0, 0};
  uint32_t source, kind;
  uint64_t rate, frames, channels = 1;
  int codec;
  n1c_reader r;
  blob found;
  const char *wrong;
  if (!length) return "it is empty";
  if (length < 3 || memcmp(packed, "N1C", 3)) return "it is not a .n1c file";
  if (length < 14) return "it is truncated";
  if (packed[3] != VERSION) return "its format version is not 1, which this program reads (get a newer one)";
  if (n1c_crc32(0, packed + 8, length - 8) != n1c_load32(packed + 4))
    return "it is damaged or truncated: its checksum does not match";
  r = n1c_reader_of(packed + 13, length - 13);
  source = packed[12] & 3;
  kind = packed[12] >> 3 & (source == WAV ? 15 : 31);
  if (source == ARRAY) return "it holds an array, not a file (read it with n1codec.decode)";
  if (source == WAV_AND_MORE) return "it is a WAV file with more than samples in it (restore it with ./decode)";
  if (source == WAV && packed[12] & 128) {
    f.rate = (uint32_t)n1c_read_bytes(&r, 2);
  } else if (source == WAV) {
    rate = n1c_read_leb128(&r, LEB128_BYTES);
    if (rate >= N1C_RATES && (rate < N1C_RATE_WHOLE || rate - N1C_RATE_WHOLE > UINT32_MAX))
      return "its sampling rate makes no sense for a WAV file";
    f.rate = rate < N1C_RATES ? n1c_rates[rate] : (uint32_t)(rate - N1C_RATE_WHOLE);
  }
  frames = n1c_read_leb128(&r, LEB128_BYTES);
  if (!(packed[12] & 4)) channels = n1c_read_leb128(&r, LEB128_BYTES);
  codec = (int)n1c_read_bytes(&r, 1);
  if (r.bad) return "it ends too early";
  if (codec != ((source == WAV ? 'n' : 'c') | LAST) || kind > INT32)
    return "it was written by another codec than n1 (restore it with ./decode)";
  if (!channels || channels > 65535 || frames > (uint64_t)1 << 40) return "its shape makes no sense";
  f.frames = (int64_t)frames;
  f.channels = (uint32_t)channels;
  f.bits = 8 * (int)kind + 8;
  if (source == WAV) {
    wrong = unpack_wav(r, &f, &found);
    if (wrong) return wrong;
  } else {
    if (!(packed[12] & 4) || kind != UINT8 || (uint64_t)(r.end - r.at) != frames) return damaged;
    if (!(found.bytes = allocate(frames))) return no_memory;
    if (frames) memcpy(found.bytes, r.at, (size_t)frames);
    found.length = (int64_t)frames;
  }
  if (n1c_crc32(0, found.bytes, found.length) != n1c_load32(packed + 8)) {
    free(found.bytes);
    return "it decodes to something else than was encoded: its checksum does not match";
  }
  *out = found;
  return NULL;
}
