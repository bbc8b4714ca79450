/* Files of version 2, written from the front to the back, and arrays as files of version 1 (docs/format.md). */
#if !defined(_WIN32)
#  define _XOPEN_SOURCE 700
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !defined(_WIN32)
#  include <unistd.h>
#endif

#include "crc32.h"
#include "format.h"
#include "inflate.h"
#include "n1c/file.h"
#include "payload.h"

#define MOST_CHUNK ((int64_t)1 << 28)  /* bytes of samples */
#define USUAL_CHUNK 25165824           /* bytes of samples, where the rate says nothing else */
#define WHOLE_SECONDS 6291456          /* chunks of whole seconds begin where a second has more bytes */
#define LONGEST 10                     /* seconds of a chunk of our own codecs */
#define MODEL_SECONDS 60               /* that a model serves */
#define FIT_SECONDS 4                  /* that it is fitted to */
#define STRETCHES 4
#define ASSUMED 30000.0                /* frames a second, where nobody knows */
#define MOST_NUMBERS 64                /* bytes of the numbers before a payload, at most */
#define MOST_CHANNELS ((int64_t)1 << 20)
#define N1_GROUP 32                    /* channels that n1 codes together: reading one decodes no more */

struct n1c_writer {
  FILE *file;
  char *path, *part;
  n1c_shape shape; /* frames are those that were written */
  double rate;
  int codec, error;
  int64_t chunk, held, at, groups;
  uint8_t *samples; /* that wait for their chunk to be full */
  n1c_buffer entries, section, *models;
  int64_t entry_count, model_number, served;
};

static int is_rate(double rate) { return rate > 0; }

static int is_layout(const n1c_layout *l) {
  return l->channels >= 1 && l->channels <= MOST_CHANNELS && n1c_sample_bytes(l->dtype) && l->dtype != N1C_INT24 &&
         n1c_stages(l->codec);
}

static int64_t whole(double v) { return v < 1e15 ? (int64_t)(v + 0.5) : (int64_t)1e15; }

/* Frames of a chunk, as docs/format.md says that our writers choose them. */
static int64_t frames_of_chunk(const n1c_layout *l) {
  const int64_t block = l->channels * n1c_sample_bytes(l->dtype);
  const int own = l->codec >= N1C_CODEC_N1 && l->codec <= N1C_CODEC_N1_MULTI_FAST;
  int64_t frames = USUAL_CHUNK / block;
  if (is_rate(l->rate)) {
    const int64_t quarter = whole(l->rate / 4), second = whole(l->rate);
    frames = frames > quarter ? frames : quarter;
    if (own && frames > whole(LONGEST * l->rate)) frames = whole(LONGEST * l->rate);
    frames = frames < MOST_CHUNK / block ? frames : MOST_CHUNK / block;
    if (second && frames > second && second > WHOLE_SECONDS / block) frames -= frames % second;
  }
  frames = frames < MOST_CHUNK / block ? frames : MOST_CHUNK / block;
  return frames > 0 ? frames : 1;
}

/* -- sections ------------------------------------------------------------------------------------------------------ */

static void put(n1c_writer *w, const uint8_t *bytes, int64_t length) {
  if (w->error) return;
  if (fwrite(bytes, 1, (size_t)length, w->file) != (size_t)length) w->error = N1C_E_IO;
  w->at += length;
}

/* Room behind what a buffer has, which counts as used. */
static uint8_t *extend(n1c_writer *w, n1c_buffer *b, int64_t length) {
  uint8_t *at = w->error ? NULL : n1c_reserve(b, (uint64_t)length);
  if (at) b->length += length;
  else if (!w->error) w->error = N1C_E_MEMORY;
  return at;
}

static void append_number(n1c_writer *w, n1c_buffer *b, uint64_t v) {
  uint8_t *at = extend(w, b, 10);
  if (at) b->length -= at + 10 - n1c_store_leb128(at, v);
}

static void append_bytes(n1c_writer *w, n1c_buffer *b, const void *bytes, int64_t length) {
  uint8_t *at = extend(w, b, length);
  if (at && length) memcpy(at, bytes, (size_t)length);
}

/* Writes `w->section` as the content of a section; returns how long it is in all. */
static int64_t put_section(n1c_writer *w, int tag) {
  uint8_t head[11], sum[4];
  const int64_t length = (head[0] = (uint8_t)tag, n1c_store_leb128(head + 1, (uint64_t)w->section.length)) - head;
  uint32_t crc = n1c_crc32(0, head, length);
  crc = n1c_crc32(crc, w->section.bytes, w->section.length);
  n1c_store_bytes(sum, crc, 4);
  put(w, head, length);
  put(w, w->section.bytes, w->section.length);
  put(w, sum, 4);
  return length + w->section.length + 4;
}

/* What the index says of a section: the numbers that it begins with. */
static void remember(n1c_writer *w, int tag, int64_t length, const uint64_t *numbers, int count) {
  const uint8_t letter = (uint8_t)tag;
  append_bytes(w, &w->entries, &letter, 1);
  append_number(w, &w->entries, (uint64_t)length);
  for (int i = 0; i < count; i++) append_number(w, &w->entries, numbers[i]);
  w->entry_count++;
}

static void begin_section(n1c_writer *w, const uint64_t *numbers, int count) {
  w->section.length = 0;
  for (int i = 0; i < count; i++) append_number(w, &w->section, numbers[i]);
}

static void append_zlib(n1c_writer *w, const uint8_t *bytes, int64_t length) {
  const int64_t most = n1c_store_zlib_size(length);
  uint8_t *at = extend(w, &w->section, most);
  if (at) w->section.length -= at + most - n1c_store_zlib(at, bytes, length);
}

/* Channels that are coded together. */
static int64_t group_width(const n1c_writer *w) {
  return w->codec == N1C_CODEC_N1 && w->shape.channels > N1_GROUP ? N1_GROUP : w->shape.channels;
}

static void put_head(n1c_writer *w, const char *metadata) {
  static const uint8_t start[] = {'N', '1', 'C', 2};
  n1c_buffer f = {NULL, 0, 0};
  uint8_t rate[20];
  const char *stages = n1c_stages(w->codec);
  const uint8_t form = (uint8_t)w->shape.dtype;
  put(w, start, 4);
  append_number(w, &f, 0); /* flags */
  append_number(w, &f, 0); /* name */
  append_number(w, &f, 1); /* streams */
  append_number(w, &f, 0); /* name */
  append_bytes(w, &f, &form, 1);
  append_bytes(w, &f, rate, n1c_store_rate(rate, w->rate) - rate);
  append_number(w, &f, (uint64_t)w->shape.channels);
  append_number(w, &f, (uint64_t)w->groups);
  for (int64_t first = 0; first < w->shape.channels; first += group_width(w)) {
    const int64_t left = w->shape.channels - first, width = left < group_width(w) ? left : group_width(w);
    append_number(w, &f, 1);
    append_number(w, &f, (uint64_t)first);
    append_number(w, &f, (uint64_t)width);
    append_bytes(w, &f, stages, (int64_t)strlen(stages));
  }
  append_number(w, &f, 0); /* files */
  w->section.length = 0;
  append_zlib(w, f.bytes, f.length);
  if (metadata) append_zlib(w, (const uint8_t *)metadata, (int64_t)strlen(metadata));
  put_section(w, 'H');
  free(f.bytes);
}

/* -- chunks -------------------------------------------------------------------------------------------------------- */

/* Columns of frames; those of all channels are there already. */
static const uint8_t *columns(const n1c_writer *w, int64_t frames, int64_t first, int64_t width, uint8_t *part) {
  const int64_t bytes = n1c_sample_bytes(w->shape.dtype), row = bytes * w->shape.channels;
  if (width == w->shape.channels) return w->samples;
  for (int64_t t = 0; t < frames; t++)
    memcpy(part + t * width * bytes, w->samples + t * row + first * bytes, (size_t)(width * bytes));
  return part;
}

/* The model of the next minute, of four seconds out of the frames that are held. */
static void put_model(n1c_writer *w, int64_t frames) {
  const int64_t row = n1c_sample_bytes(w->shape.dtype) * w->shape.channels;
  const int64_t most = whole(FIT_SECONDS * (is_rate(w->rate) ? w->rate : ASSUMED));
  n1c_shape some = w->shape;
  uint8_t *stretches = NULL;
  uint64_t numbers[3] = {0, 0, 0};
  some.frames = frames;
  if (frames > most && most >= STRETCHES) {
    const int64_t length = most / STRETCHES;
    some.frames = STRETCHES * length;
    if (!(stretches = n1c_allocate((uint64_t)(some.frames * row)))) w->error = N1C_E_MEMORY;
    for (int64_t k = 0; stretches && k < STRETCHES; k++)
      memcpy(stretches + k * length * row, w->samples + k * (frames - length) / (STRETCHES - 1) * row, (size_t)(length * row));
  }
  if (w->error) return;
  w->models->length = 0;
  w->error = n1c_payload_model(w->codec, &some, stretches ? stretches : w->samples, w->models);
  free(stretches);
  numbers[2] = (uint64_t)++w->model_number;
  begin_section(w, numbers, 3);
  append_bytes(w, &w->section, w->models->bytes, w->models->length);
  remember(w, 'M', put_section(w, 'M'), numbers, 3);
  w->served = whole(MODEL_SECONDS * (is_rate(w->rate) ? w->rate : ASSUMED) / (double)w->chunk);
  w->served = w->served > 0 ? w->served : 1;
}

static void put_chunk(n1c_writer *w) {
  const int64_t frames = w->held, bytes = n1c_sample_bytes(w->shape.dtype);
  const int models = n1c_payload_has_models(w->codec);
  uint8_t *part = NULL;
  if (models && !w->served) put_model(w, frames);
  if (!w->error && group_width(w) < w->shape.channels && !(part = n1c_allocate((uint64_t)(frames * group_width(w) * bytes))))
    w->error = N1C_E_MEMORY;
  for (int64_t g = 0; !w->error && g < w->groups; g++) {
    const int64_t first = g * group_width(w), left = w->shape.channels - first;
    const n1c_shape shape = {frames, left < group_width(w) ? left : group_width(w), w->shape.dtype};
    const uint8_t *samples = columns(w, frames, first, shape.channels, part);
    const uint64_t numbers[5] = {0, (uint64_t)g, (uint64_t)w->shape.frames, (uint64_t)frames,
                                 models ? (uint64_t)w->model_number : 0};
    uint8_t sum[4];
    begin_section(w, numbers, 5);
    n1c_store_bytes(sum, n1c_crc32(0, samples, frames * shape.channels * bytes), 4);
    append_bytes(w, &w->section, sum, 4);
    if (!w->error) w->error = n1c_payload_encode(w->codec, &shape, samples, models ? w->models : NULL, &w->section);
    remember(w, 'C', put_section(w, 'C'), numbers, 5);
  }
  free(part);
  w->shape.frames += frames;
  w->held = 0;
  w->served -= models;
}

static void put_index(n1c_writer *w) {
  const int64_t index = w->at;
  n1c_buffer b = {NULL, 0, 0};
  uint8_t tail[17] = {'T'};
  append_number(w, &b, (uint64_t)w->entry_count);
  append_bytes(w, &b, w->entries.bytes, w->entries.length);
  append_number(w, &b, (uint64_t)w->shape.frames);
  w->section.length = 0;
  append_number(w, &w->section, 0); /* no index before this one */
  append_zlib(w, b.bytes, b.length);
  put_section(w, 'I');
  n1c_store_bytes(tail + 1, (uint64_t)index, 8);
  n1c_store_bytes(tail + 9, n1c_crc32(0, tail, 9), 4);
  memcpy(tail + 13, "2C1N", 4);
  put(w, tail, 17);
  free(b.bytes);
}

/* -- the interface ------------------------------------------------------------------------------------------------- */

static void release(n1c_writer *w) {
  if (w->models) free(w->models->bytes);
  free(w->models);
  free(w->entries.bytes);
  free(w->section.bytes);
  free(w->samples);
  free(w->path);
  free(w->part);
  free(w);
}

int64_t n1c_create(const char *path, const n1c_layout *l, n1c_writer **writer) {
  n1c_writer *w;
  const size_t length = strlen(path);
  if (!is_layout(l) || !length) return N1C_E_ARGUMENT;
  if (!(w = calloc(1, sizeof *w))) return N1C_E_MEMORY;
  w->shape.channels = l->channels;
  w->shape.dtype = l->dtype;
  w->rate = l->rate;
  w->codec = l->codec;
  w->chunk = frames_of_chunk(l);
  w->groups = (l->channels + group_width(w) - 1) / group_width(w);
  w->path = n1c_allocate(length + 1);
  w->part = n1c_allocate(length + 6);
  w->models = calloc(1, sizeof *w->models);
  w->samples = n1c_allocate((uint64_t)(w->chunk * l->channels * n1c_sample_bytes(l->dtype)));
  if (!w->path || !w->part || !w->models || !w->samples) {
    release(w);
    return N1C_E_MEMORY;
  }
  memcpy(w->path, path, length + 1);
  memcpy(w->part, path, length);
  memcpy(w->part + length, ".part", 6);
  if (!(w->file = fopen(w->part, "wb"))) {
    const int kept = errno;
    release(w);
    errno = kept;
    return N1C_E_IO;
  }
  put_head(w, l->metadata);
  if (w->error) {
    const int error = w->error, kept = errno;
    n1c_abandon(w);
    errno = kept;
    return error;
  }
  *writer = w;
  return w->chunk;
}

int64_t n1c_write(n1c_writer *w, const void *samples, int64_t frames) {
  const uint8_t *from = samples;
  const int bytes = n1c_sample_bytes(w->shape.dtype);
  const int64_t row = w->shape.channels * bytes;
  if (frames < 0) return N1C_E_ARGUMENT;
  while (frames && !w->error) {
    const int64_t some = frames < w->chunk - w->held ? frames : w->chunk - w->held;
    uint8_t *to = w->samples + w->held * row;
    memcpy(to, from, (size_t)(some * row));
    n1c_native_order(to, some * row, bytes);
    from += some * row;
    frames -= some;
    w->held += some;
    if (w->held == w->chunk) put_chunk(w);
  }
  return w->error ? w->error : w->shape.frames + w->held;
}

static int keep(n1c_writer *w) {
  if (fflush(w->file)) return N1C_E_IO;
#if !defined(_WIN32)
  if (fsync(fileno(w->file)) && errno != EINVAL) return N1C_E_IO;
#endif
  return 0;
}

int64_t n1c_finish(n1c_writer *w) {
  int64_t result;
  int kept;
  if (!w->error && w->held) put_chunk(w);
  put_index(w);
  if (!w->error) w->error = keep(w);
  if (fclose(w->file) && !w->error) w->error = N1C_E_IO;
#if defined(_WIN32)
  if (!w->error) remove(w->path); /* its rename() replaces nothing */
#endif
  if (!w->error && rename(w->part, w->path)) w->error = N1C_E_IO;
  result = w->error ? w->error : w->at;
  kept = errno;
  release(w);
  errno = kept;
  return result;
}

void n1c_abandon(n1c_writer *w) {
  if (!w) return;
  fclose(w->file);
  remove(w->part);
  release(w);
}

int64_t n1c_encode_array(const n1c_layout *l, const void *samples, int64_t frames, uint8_t **bytes) {
  n1c_buffer b = {NULL, 0, 0};
  n1c_shape shape;
  uint8_t *own, *at;
  int64_t size;
  int error;
  if (!is_layout(l) || frames < 0 || frames > MOST_CHUNK / (l->channels * n1c_sample_bytes(l->dtype))) return N1C_E_ARGUMENT;
  shape.frames = frames;
  shape.channels = l->channels;
  shape.dtype = l->dtype;
  size = frames * l->channels * n1c_sample_bytes(l->dtype);
  own = n1c_allocate((uint64_t)size);
  at = n1c_reserve(&b, MOST_NUMBERS);
  if (!own || !at) {
    free(own);
    free(b.bytes);
    return N1C_E_MEMORY;
  }
  if (size) memcpy(own, samples, (size_t)size);
  n1c_native_order(own, size, n1c_sample_bytes(l->dtype));
  memcpy(at, "N1C\1", 4);
  at = n1c_store_bytes(at + 8, n1c_crc32(0, own, size), 4);
  at = n1c_store_head1(at, N1C_ARRAY, &shape, l->rate);
  memcpy(at, n1c_stages(l->codec), strlen(n1c_stages(l->codec)));
  b.length = at + strlen(n1c_stages(l->codec)) - b.bytes;
  error = n1c_payload_encode(l->codec, &shape, own, NULL, &b);
  free(own);
  if (error) {
    free(b.bytes);
    return error;
  }
  n1c_store_bytes(b.bytes + 4, n1c_crc32(0, b.bytes + 8, b.length - 8), 4);
  *bytes = b.bytes;
  return b.length;
}

void n1c_free(uint8_t *bytes) { free(bytes); }
