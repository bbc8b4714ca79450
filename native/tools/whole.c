/* n1enc and n1dec with all of libn1c: recordings of several channels by n1_multi, and files of every codec that it reads.
 * Those that `make native` builds have n1 alone, because their bytes are counted. */
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "crc32.h"
#include "format.h"
#include "wav.h"

#define MOST ((int64_t)1 << 28) /* bytes of the samples of a file of version 1 */
#define MOST_BEFORE 128         /* bytes before a payload */

static const char no_memory[] = "not enough memory";

/* Samples of 24 bits in three bytes <-> in four, the sign in the last; others as they are. */
static void widen(const uint8_t *from, int64_t n, int bytes, uint8_t *to) {
  for (int64_t i = 0; bytes == 3 && i < n; i++) {
    memcpy(to + 4 * i, from + 3 * i, 3);
    to[4 * i + 3] = from[3 * i + 2] < 128 ? 0 : 255;
  }
  if (bytes != 3 && n) memcpy(to, from, (size_t)(n * bytes));
}

static void narrow(const uint8_t *from, int64_t n, int bytes, uint8_t *to) {
  for (int64_t i = 0; bytes == 3 && i < n; i++) memcpy(to + 3 * i, from + 4 * i, 3);
  if (bytes != 3 && n) memcpy(to, from, (size_t)(n * bytes));
}

/* Whether a file is the canonical header of whole frames of several channels, and nothing else. */
static int is_canonical(const uint8_t *p, int64_t length, n1c_shape *shape, double *rate, int *bytes) {
  static const int dtypes[] = {0, N1C_UINT8, N1C_INT16, N1C_INT24, N1C_INT32};
  uint8_t expected[N1C_WAV_HEADER];
  if (length < N1C_WAV_HEADER) return 0;
  shape->channels = n1c_load16(p + 22);
  *rate = n1c_load32(p + 24);
  *bytes = (int)n1c_load16(p + 34) / 8;
  if (shape->channels < 2 || *bytes < 1 || *bytes > 4) return 0;
  shape->dtype = dtypes[*bytes];
  shape->frames = (length - N1C_WAV_HEADER) / (shape->channels * *bytes);
  return shape->frames && shape->frames * shape->channels * *bytes == length - N1C_WAV_HEADER &&
         n1c_put_wav_header(expected, shape->frames, shape->channels, (uint32_t)*rate, *bytes) &&
         !memcmp(p, expected, N1C_WAV_HEADER);
}

const char *n1c_pack_whole(const uint8_t *source, int64_t length, blob *out) {
  n1c_buffer b = {NULL, 0, 0};
  n1c_shape shape;
  double rate;
  int bytes, error;
  uint8_t *samples, *at;
  int64_t n;
  if (!is_canonical(source, length, &shape, &rate, &bytes)) return n1c_pack(source, length, out);
  n = shape.frames * shape.channels;
  if (n > MOST / n1c_sample_bytes(shape.dtype)) return "it is too long for one chunk (compress it with ./encode)";
  samples = n1c_allocate((uint64_t)(n * n1c_sample_bytes(shape.dtype)));
  at = n1c_reserve(&b, MOST_BEFORE);
  if (!samples || !at) {
    free(samples);
    free(b.bytes);
    return no_memory;
  }
  widen(source + N1C_WAV_HEADER, n, bytes, samples);
  memcpy(at, "N1C\1", 4);
  at = n1c_store_bytes(at + 8, n1c_crc32(0, source, length), 4);
  at = n1c_store_head1(at, N1C_WAV, &shape, rate);
  memcpy(at, n1c_stages(N1C_CODEC_N1_MULTI), strlen(n1c_stages(N1C_CODEC_N1_MULTI)));
  b.length = at + strlen(n1c_stages(N1C_CODEC_N1_MULTI)) - b.bytes;
  error = n1c_payload_encode(N1C_CODEC_N1_MULTI, &shape, samples, NULL, &b);
  free(samples);
  if (error) {
    free(b.bytes);
    return error == N1C_E_MEMORY ? no_memory : "it cannot be encoded";
  }
  n1c_store_bytes(b.bytes + 4, n1c_crc32(0, b.bytes + 8, b.length - 8), 4);
  out->bytes = b.bytes;
  out->length = b.length;
  return NULL;
}

/* The source of a file of version 1; 0 or a negative code. */
static int restore(const n1c_head1 *head, n1c_reader r, blob *out) {
  const int packed = head->shape.dtype == N1C_INT24 ? 3 : n1c_sample_bytes(head->shape.dtype);
  const int64_t n = head->shape.frames * head->shape.channels;
  const int64_t before = head->source == N1C_WAV ? N1C_WAV_HEADER : head->prefix;
  n1c_shape shape = head->shape;
  char stages[N1C_STAGES_MOST];
  uint8_t *samples = NULL, *whole = NULL;
  int error = n1c_payload_stages(&r, stages);
  if (shape.dtype == N1C_INT24) shape.dtype = N1C_INT32;
  if (!error && !n1c_payload_is_backed(stages, &shape, r.end - r.at)) error = N1C_E_CORRUPT;
  if (!error) {
    samples = n1c_allocate((uint64_t)(n * n1c_sample_bytes(shape.dtype)));
    whole = n1c_allocate((uint64_t)(before + n * packed + head->suffix));
    error = samples && whole ? n1c_payload_decode(stages, &shape, r, NULL, samples) : N1C_E_MEMORY;
  }
  if (!error) error = n1c_check_source(head, samples);
  if (!error) {
    if (head->source == N1C_WAV) n1c_put_wav_header(whole, shape.frames, shape.channels, (uint32_t)head->rate, packed);
    else if (before) memcpy(whole, head->around, (size_t)before);
    narrow(samples, n, packed, whole + before);
    if (head->suffix) memcpy(whole + before + n * packed, head->around + before, (size_t)head->suffix);
    out->bytes = whole;
    out->length = before + n * packed + head->suffix;
  } else {
    free(whole);
  }
  free(samples);
  return error;
}

const char *n1c_unpack_whole(const uint8_t *packed, int64_t length, blob *out) {
  const char *wrong = n1c_unpack(packed, length, out);
  n1c_head1 head;
  n1c_reader r;
  int error;
  if (!wrong) return NULL;
  if (length > 3 && !memcmp(packed, "N1C\2", 4)) return "it is a recording in chunks (restore it with ./decode)";
  if (length < 14) return wrong;
  error = n1c_read_head1(packed, length, &head, &r);
  if (!error && head.source == N1C_ARRAY) error = N1C_E_CORRUPT; /* which n1c_unpack() has told */
  if (!error) error = restore(&head, r, out);
  free(head.around);
  if (error == N1C_E_MEMORY) return no_memory;
  if (error == N1C_E_UNSUPPORTED)
    return "it was written by a codec or a profile that is not in here (restore it with ./decode)";
  return error ? wrong : NULL;
}
