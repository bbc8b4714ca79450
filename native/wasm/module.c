/* What js/ calls: the reader of n1c/file.h for one file, and the decoder of one chunk.
 *
 * An instance of the module has one file. Numbers that may be large are doubles, which is what JavaScript has: sizes and
 * frames are below 2^53. Results are a count >= 0 or a negative N1C_E_* code. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "n1c/file.h"
#include "payload.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define MOST_BYTES ((int64_t)1 << 30) /* of a chunk's samples; no memory here holds more */

/* Puts bytes of the file into memory: 0, or N1C_E_IO if they are not at hand yet. */
__attribute__((import_module("env"), import_name("read_at"))) int read_at(double offset, uint8_t *bytes, int32_t length);

static n1c_file *file;

static int read_bytes(void *context, int64_t offset, uint8_t *bytes, int64_t length) {
  (void)context;
  return length > INT32_MAX ? N1C_E_MEMORY : read_at((double)offset, bytes, (int32_t)length);
}

EXPORT(allocate) void *allocate(int32_t bytes) { return n1c_allocate((uint64_t)bytes); }

EXPORT(release) void release(void *memory) { free(memory); }

EXPORT(error) const char *error(int32_t code) { return n1c_error(code); }

EXPORT(open) int32_t open_file(double size) {
  n1c_close(file);
  file = NULL;
  return (int32_t)n1c_open_with(read_bytes, NULL, (int64_t)size, &file);
}

/* Tell what a stream is: frames, channels, chunks, rate, dtype, bytes of a sample, lossy, version, where its name is. */
EXPORT(info) int32_t info(int32_t stream, double *numbers) {
  n1c_stream_info found;
  const int64_t result = n1c_info(file, stream, &found);
  if (result < 0) return (int32_t)result;
  numbers[0] = (double)found.frames;
  numbers[1] = (double)found.channels;
  numbers[2] = (double)found.chunks;
  numbers[3] = found.rate;
  numbers[4] = found.dtype;
  numbers[5] = found.sample_bytes;
  numbers[6] = found.lossy;
  numbers[7] = found.version;
  numbers[8] = (double)(uintptr_t)found.name;
  return 0;
}

EXPORT(metadata) const char *metadata(void) {
  const char *text;
  n1c_metadata(file, &text);
  return text;
}

EXPORT(chunk_end) double chunk_end(int32_t stream, double frame) { return (double)n1c_chunk_end(file, stream, (int64_t)frame); }

/* Offset and length of each range, one behind the other, as far as there is room. */
EXPORT(ranges) int32_t ranges(int32_t stream, double start, double frames, const int32_t *channels, int32_t count,
                              double *pairs, int32_t capacity) {
  n1c_range *found = n1c_allocate(sizeof *found * (uint64_t)capacity);
  int64_t result;
  if (!found) return N1C_E_MEMORY;
  result = n1c_ranges(file, stream, (int64_t)start, (int64_t)frames, channels, count, found, capacity);
  for (int64_t i = 0; i < result && i < capacity; i++) {
    pairs[2 * i] = (double)found[i].offset;
    pairs[2 * i + 1] = (double)found[i].length;
  }
  free(found);
  return result > INT32_MAX ? N1C_E_MEMORY : (int32_t)result;
}

EXPORT(read) int32_t read_frames(int32_t stream, double start, double frames, const int32_t *channels, int32_t count,
                                 void *samples, int32_t capacity) {
  return (int32_t)n1c_read_channels(file, stream, (int64_t)start, (int64_t)frames, channels, count, samples, capacity);
}

/* How long the list of stages is that bytes begin with. */
EXPORT(stages) int32_t stages(const uint8_t *bytes, int32_t length) {
  char list[N1C_STAGES_MOST];
  n1c_reader r = n1c_reader_of(bytes, length);
  const int failed = n1c_payload_stages(&r, list);
  return failed ? failed : (int32_t)(r.at - bytes);
}

/* Decode a chunk of an array whose shape somebody else keeps (docs/format.md, "Chunks in other formats").
 *
 * @param bytes     the list of stages, and behind it the CRC-32 of the samples and the payload.
 * @param samples   where they are, little-endian, frame by frame; the caller's to release.
 * @return          how many bytes they have. */
EXPORT(decode) int32_t decode(const uint8_t *bytes, int32_t length, double frames, double channels, int32_t dtype,
                              uint8_t **samples) {
  const n1c_shape shape = {(int64_t)frames, (int64_t)channels, dtype};
  char list[N1C_STAGES_MOST];
  n1c_reader r = n1c_reader_of(bytes, length);
  int failed = n1c_payload_stages(&r, list);
  const uint32_t checksum = (uint32_t)n1c_read_bytes(&r, 4);
  const int sample = n1c_sample_bytes(dtype);
  int64_t size;
  if (failed) return failed;
  if (r.bad) return N1C_E_CORRUPT;
  if (!sample || dtype == N1C_INT24) return N1C_E_ARGUMENT;
  if (frames * channels > (double)(MOST_BYTES / sample)) return N1C_E_MEMORY;
  size = shape.frames * shape.channels * sample;
  if (!n1c_payload_is_backed(list, &shape, r.end - r.at)) return N1C_E_CORRUPT;
  if (!(*samples = n1c_allocate((uint64_t)size))) return N1C_E_MEMORY;
  failed = n1c_payload_decode(list, &shape, r, NULL, *samples);
  if (!failed && n1c_crc32(0, *samples, size) != checksum) failed = N1C_E_CORRUPT;
  if (!failed) return (int32_t)size;
  free(*samples);
  return failed;
}
