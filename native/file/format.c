/* Heads of version 1, rates, the header of a WAV file. */
#include "format.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "inflate.h"
#include "wav.h"

#define LEB128_BYTES 10
#define MOST_AROUND ((int64_t)1 << 28) /* bytes before the samples of a WAV file, and behind them */
#define MOST_CHANNELS ((uint64_t)1 << 20)
#define MOST_SAMPLES ((uint64_t)1 << 48)

static int is_big_endian(void) {
  const uint16_t one = 1;
  uint8_t first;
  memcpy(&first, &one, 1);
  return !first;
}

void n1c_native_order(uint8_t *p, int64_t length, int bytes) {
  if (bytes == 1 || !is_big_endian()) return;
  for (int64_t i = 0; i + bytes <= length; i += bytes)
    for (int k = 0; k < bytes / 2; k++) {
      const uint8_t kept = p[i + k];
      p[i + k] = p[i + bytes - 1 - k];
      p[i + bytes - 1 - k] = kept;
    }
}

double n1c_take_rate(n1c_reader *r, int whole) {
  const uint64_t code = n1c_read_leb128(r, LEB128_BYTES);
  if (code < (uint64_t)N1C_RATES) return n1c_rates[code];
  if (code == N1C_RATE_F64 && !whole) {
    const uint64_t bits = n1c_read_bytes(r, 8);
    double rate;
    memcpy(&rate, &bits, 8);
    if (rate < 0 || rate > DBL_MAX) r->bad = 1;
    return rate;
  }
  if (code < N1C_RATE_WHOLE) r->bad = 1;
  return (double)(code - N1C_RATE_WHOLE);
}

uint8_t *n1c_store_rate(uint8_t *p, double rate) {
  uint64_t bits;
  if (rate >= 0 && rate < 4294967296.0 && rate == (double)(uint32_t)rate) {
    int code = 0;
    while (code < N1C_RATES && n1c_rates[code] != (uint32_t)rate) code++;
    return n1c_store_leb128(p, code < N1C_RATES ? (uint64_t)code : (uint64_t)rate + N1C_RATE_WHOLE);
  }
  memcpy(&bits, &rate, 8);
  return n1c_store_bytes(n1c_store_leb128(p, N1C_RATE_F64), bits, 8);
}

uint8_t *n1c_store_head1(uint8_t *p, int source, const n1c_shape *shape, double rate) {
  const int alone = source == N1C_WAV && shape->channels == 1;
  uint8_t *form = p++, *begin = p;
  p = n1c_store_rate(p, rate);
  *form = (uint8_t)(source | alone << 2 | shape->dtype << 3);
  if (*begin > N1C_RATE_F64 && rate < 65536) { /* a whole number that stands in no table */
    p = n1c_store_bytes(begin, (uint64_t)rate, 2);
    *form |= 128;
  }
  p = n1c_store_leb128(p, (uint64_t)shape->frames);
  if (alone) return p;
  p = n1c_store_leb128(p, (uint64_t)shape->channels);
  if (source == N1C_ARRAY) *p++ = 2; /* axes */
  return p;
}

/* A zlib stream with its length in front, behind what `head->around` has already. */
static int read_around(n1c_reader *r, n1c_head1 *head, int64_t *length) {
  const uint64_t packed = n1c_read_leb128(r, LEB128_BYTES);
  const int64_t before = head->prefix;
  if (r->bad || packed > (uint64_t)(r->end - r->at)) return N1C_E_CORRUPT;
  for (int64_t room = 4 * (int64_t)packed + 64;; room *= 4) {
    int64_t used, size;
    uint8_t *more;
    room = room < MOST_AROUND ? room : MOST_AROUND;
    if (!(more = realloc(head->around, (size_t)(before + room)))) return N1C_E_MEMORY;
    head->around = more;
    size = n1c_inflate(r->at, (int64_t)packed, more + before, room, &used);
    if (size == N1C_E_CAPACITY && room < MOST_AROUND) continue;
    if (size < 0 || used != (int64_t)packed) return N1C_E_CORRUPT;
    *length = size;
    r->at += packed;
    return 0;
  }
}

int n1c_read_head1(const uint8_t *bytes, int64_t length, n1c_head1 *head, n1c_reader *r) {
  uint64_t frames, channels = 1;
  int form, error = 0;
  memset(head, 0, sizeof *head);
  if (length < 14 || memcmp(bytes, "N1C\1", 4) || !N1C_SAME_SUM(n1c_crc32(0, bytes + 8, length - 8), n1c_load32(bytes + 4)))
    return N1C_E_CORRUPT;
  head->checksum = n1c_load32(bytes + 8);
  form = bytes[12];
  *r = n1c_reader_of(bytes + 13, length - 13);
  head->source = form & 3;
  head->shape.dtype = form >> 3 & 15;
  if (head->source != N1C_OPAQUE && form & 128) {
    head->rate = (double)n1c_read_bytes(r, 2);
  } else if (head->source != N1C_OPAQUE) {
    head->rate = n1c_take_rate(r, head->source != N1C_ARRAY);
  } else if (form & 128 || !(form & 4) || head->shape.dtype != N1C_UINT8) {
    return N1C_E_CORRUPT;
  }
  frames = n1c_read_leb128(r, LEB128_BYTES);
  if (!(form & 4)) {
    channels = n1c_read_leb128(r, LEB128_BYTES);
    if (head->source == N1C_ARRAY) {
      const uint64_t axes = n1c_read_bytes(r, 1);
      if (axes != 2 && (axes != 1 || channels != 1)) return N1C_E_CORRUPT;
    }
  }
  if (r->bad || channels > MOST_CHANNELS || frames >= MOST_SAMPLES || (channels && frames >= MOST_SAMPLES / channels) ||
      !n1c_sample_bytes(head->shape.dtype))
    return N1C_E_CORRUPT;
  head->shape.frames = (int64_t)frames;
  head->shape.channels = (int64_t)channels;
  if (head->source == N1C_WAV_AND_MORE) {
    error = read_around(r, head, &head->prefix);
    if (!error) error = read_around(r, head, &head->suffix);
  }
  return error;
}

int n1c_check_source(const n1c_head1 *head, const uint8_t *samples) {
  const int bytes = n1c_sample_bytes(head->shape.dtype), packed = head->shape.dtype == N1C_INT24 ? 3 : bytes;
  const int64_t n = head->shape.frames * head->shape.channels;
  uint8_t some[3 * 1024];
  uint32_t sum = 0;
  if (head->source == N1C_WAV) {
    const n1c_shape *shape = &head->shape;
    if (head->rate > UINT32_MAX) return N1C_E_CORRUPT;
    if (!n1c_put_wav_header(some, shape->frames, shape->channels, (uint32_t)head->rate, packed)) return N1C_E_CORRUPT;
    sum = n1c_crc32(0, some, N1C_WAV_HEADER);
  } else if (head->source == N1C_WAV_AND_MORE) {
    sum = n1c_crc32(0, head->around, head->prefix);
  }
  if (packed == bytes) {
    sum = n1c_crc32(sum, samples, n * bytes);
  } else {
    for (int64_t i = 0; i < n; i += 1024) {
      const int64_t count = n - i < 1024 ? n - i : 1024;
      for (int64_t k = 0; k < count; k++) memcpy(some + 3 * k, samples + 4 * (i + k), 3);
      sum = n1c_crc32(sum, some, 3 * count);
    }
  }
  if (head->source == N1C_WAV_AND_MORE) sum = n1c_crc32(sum, head->around + head->prefix, head->suffix);
  return N1C_SAME_SUM(sum, head->checksum) ? 0 : N1C_E_CORRUPT;
}
