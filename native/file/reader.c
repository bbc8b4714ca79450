/* Files of both versions, read at random (docs/format.md). */
#if !defined(_WIN32)
#  define _FILE_OFFSET_BITS 64
#  define _XOPEN_SOURCE 700
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "format.h"
#include "inflate.h"
#include "n1c/file.h"
#include "payload.h"
#include "wav.h"

#define LEB128_BYTES 10
#define MOST_STREAMS 65536
#define MOST_CHANNELS ((uint64_t)1 << 20)
#define MOST_SAMPLES ((uint64_t)1 << 48)
#define MOST_CHUNK ((uint64_t)1 << 28) /* bytes of samples */
#define MOST_HEAD ((int64_t)1 << 24)   /* bytes of its fields, and of its metadata */
#define TAIL 17

typedef struct {
  int64_t start, frames, offset, length, model; /* of the whole section; the number of a model, 0 for none */
} chunk;

typedef struct {
  int64_t number, offset, length;
} model;

typedef struct {
  int64_t count;
  int32_t *channels;
  char stages[N1C_STAGES_MOST];
  int in_order; /* all channels, as they stand in a frame */
  chunk *chunks;
  int64_t chunk_count, chunk_room;
  model *models;
  int64_t model_count, model_room;
  n1c_buffer held; /* the model that was read last */
  int64_t held_number;
  int wanted; /* by who reads now */
  int here;   /* its columns of the stream's samples are decoded */
} group;

typedef struct {
  char *name;
  n1c_shape shape; /* frames are those of the whole stream */
  double rate;
  group *groups;
  int64_t group_count;
  int32_t *group_of;  /* of each channel; -1 before it is known */
  n1c_buffer samples; /* of the chunk that was decoded last */
  int64_t first, decoded;
} stream;

struct n1c_file {
  n1c_read_at read;
  void *context;
  void (*release)(void *context); /* what n1c_open() opened; NULL for what is the caller's */
  int64_t size;
  int version, lossy;
  stream *streams;
  int64_t stream_count;
  char *metadata;
  int64_t metadata_length;
};

const char *n1c_error(int64_t code) {
  switch (code) {
    case N1C_E_CORRUPT: return "it is damaged, or no .n1c file";
    case N1C_E_CAPACITY: return "a buffer is too small";
    case N1C_E_ARGUMENT: return "an argument is out of its range";
    case N1C_E_IO: return "the system could not read or write";
    case N1C_E_MEMORY: return "not enough memory";
    case N1C_E_UNSUPPORTED: return "it was written by another codec, with a profile, or by a later version (use n1codec)";
    default: return code < 0 ? "unknown error" : "no error";
  }
}

static int read_file(void *context, int64_t offset, uint8_t *bytes, int64_t length) {
  FILE *f = context;
#if defined(_WIN32)
  if (_fseeki64(f, offset, SEEK_SET)) return N1C_E_IO;
#else
  if (fseeko(f, (off_t)offset, SEEK_SET)) return N1C_E_IO;
#endif
  if (fread(bytes, 1, (size_t)length, f) == (size_t)length) return 0;
  return ferror(f) ? N1C_E_IO : N1C_E_CORRUPT;
}

static void close_file(void *context) { fclose(context); }

static int64_t size_of(FILE *f) {
#if defined(_WIN32)
  return _fseeki64(f, 0, SEEK_END) ? -1 : _ftelli64(f);
#else
  return fseeko(f, 0, SEEK_END) ? -1 : (int64_t)ftello(f);
#endif
}

/* Bytes of the file in memory of their own; they are there, so that no more is taken than the file has. */
static int fetch(const n1c_file *f, int64_t offset, int64_t length, uint8_t **bytes) {
  int error;
  if (offset < 0 || length < 0 || offset > f->size - length) return N1C_E_CORRUPT;
  if (!(*bytes = n1c_allocate((uint64_t)length))) return N1C_E_MEMORY;
  error = f->read(f->context, offset, *bytes, length);
  if (error) {
    free(*bytes);
    *bytes = NULL;
  }
  return error;
}

/* Room for one more in a list. */
static void *grow(void *list, int64_t count, int64_t *room, size_t size) {
  void *more;
  if (count < *room) return list;
  more = realloc(list, (size_t)(2 * count + 4) * size);
  if (more) *room = 2 * count + 4;
  return more;
}

static uint64_t take(n1c_reader *r) { return n1c_read_leb128(r, LEB128_BYTES); }

static n1c_reader take_bytes(n1c_reader *r) {
  n1c_reader some = *r;
  const uint64_t length = take(r);
  if (r->bad || length > (uint64_t)(r->end - r->at)) {
    r->bad = 1;
    some.end = some.at;
    return some;
  }
  some.at = r->at;
  some.end = r->at += length;
  return some;
}

static double no_rate(void) {
  const uint64_t bits = 0x7FF8000000000000u;
  double rate;
  memcpy(&rate, &bits, 8);
  return rate;
}

/* -- sections of version 2 ----------------------------------------------------------------------------------------- */

/* A section whose checksum holds: its bytes, and a reader of its content. `length` is that of the whole section. */
static int fetch_section(const n1c_file *f, int64_t offset, int64_t length, int tag, uint8_t **bytes, n1c_reader *r) {
  const int error = fetch(f, offset, length, bytes);
  n1c_reader all;
  uint64_t content;
  if (error) return error;
  all = n1c_reader_of(*bytes, length);
  if (n1c_read_bytes(&all, 1) == (uint64_t)tag) {
    content = take(&all);
    if (!all.bad && content <= MOST_SAMPLES && all.end - all.at == (int64_t)content + 4 &&
        N1C_SAME_SUM(n1c_crc32(0, *bytes, length - 4), n1c_load32(*bytes + length - 4))) {
      *r = n1c_reader_of(all.at, (int64_t)content);
      return 0;
    }
  }
  free(*bytes);
  *bytes = NULL;
  return N1C_E_CORRUPT;
}

/* The length of the section that begins at an offset. */
static int64_t section_length(const n1c_file *f, int64_t offset) {
  uint8_t *bytes;
  const int64_t some = f->size - offset < 11 ? f->size - offset : 11;
  const int error = fetch(f, offset, some, &bytes);
  n1c_reader r;
  uint64_t content;
  int64_t head;
  if (error) return error;
  r = n1c_reader_of(bytes + 1, some > 0 ? some - 1 : 0);
  content = take(&r);
  head = r.at - bytes;
  free(bytes);
  return r.bad || content > (uint64_t)f->size ? N1C_E_CORRUPT : head + (int64_t)content + 4;
}

/* A zlib stream of at most `most` bytes, and where it ends; a zero follows what was in it. */
static int inflate(n1c_reader *r, int64_t most, uint8_t **bytes, int64_t *length) {
  for (int64_t room = 4 * (r->end - r->at) + 256;; room *= 4) {
    int64_t used;
    room = room < most ? room : most;
    if (!(*bytes = n1c_allocate((uint64_t)room + 1))) return N1C_E_MEMORY;
    *length = n1c_inflate(r->at, r->end - r->at, *bytes, room, &used);
    if (*length >= 0) {
      (*bytes)[*length] = 0;
      r->at += used;
      return 0;
    }
    free(*bytes);
    *bytes = NULL;
    if (*length != N1C_E_CAPACITY || room == most) return N1C_E_CORRUPT;
  }
}

static int read_group(n1c_reader *r, stream *s, group *g) {
  uint64_t runs = take(r), column = 0;
  n1c_reader look = *r;
  for (uint64_t i = 0; i < runs; i++) {
    const uint64_t first = take(&look), more = take(&look);
    if (look.bad || first >= (uint64_t)s->shape.channels || more > (uint64_t)s->shape.channels - first || !more)
      return N1C_E_CORRUPT;
    column += more;
    if (column > (uint64_t)s->shape.channels) return N1C_E_CORRUPT;
  }
  if (!column) return N1C_E_CORRUPT;
  g->count = (int64_t)column;
  if (!(g->channels = n1c_allocate(sizeof *g->channels * column))) return N1C_E_MEMORY;
  column = 0;
  for (uint64_t i = 0; i < runs; i++) {
    const uint64_t first = take(r), more = take(r);
    for (uint64_t k = first; k < first + more; k++) {
      if (s->group_of[k] >= 0) return N1C_E_CORRUPT;
      s->group_of[k] = (int32_t)(g - s->groups);
      g->channels[column++] = (int32_t)k;
    }
  }
  g->in_order = g->count == s->shape.channels;
  for (int64_t j = 0; j < g->count; j++) g->in_order &= g->channels[j] == j;
  return n1c_payload_stages(r, g->stages);
}

static int read_stream(n1c_reader *r, stream *s, uint64_t *channels_left) {
  const n1c_reader name = take_bytes(r);
  const uint64_t form = n1c_read_bytes(r, 1);
  uint64_t channels, groups, seen_channels = 0;
  int error = 0;
  s->rate = n1c_take_rate(r, 0);
  channels = take(r);
  groups = take(r);
  if (r->bad || form > 63 || !n1c_sample_bytes((int)(form & 15)) || channels > *channels_left || groups > channels ||
      (form & 32 && channels != 1) || (channels && !groups))
    return N1C_E_CORRUPT;
  *channels_left -= channels;
  if (!(s->name = n1c_allocate((uint64_t)(name.end - name.at) + 1))) return N1C_E_MEMORY;
  memcpy(s->name, name.at, (size_t)(name.end - name.at));
  s->name[name.end - name.at] = 0;
  s->shape.dtype = (int)(form & 15) == N1C_INT24 ? N1C_INT32 : (int)(form & 15);
  s->shape.channels = (int64_t)channels;
  s->first = -1;
  if (!groups) return 0;
  s->group_of = n1c_allocate(sizeof *s->group_of * channels);
  s->groups = calloc((size_t)groups, sizeof *s->groups);
  if (!s->group_of || !s->groups) return N1C_E_MEMORY;
  for (uint64_t k = 0; k < channels; k++) s->group_of[k] = -1;
  while (!error && s->group_count < (int64_t)groups) {
    group *g = s->groups + s->group_count++;
    error = read_group(r, s, g);
    seen_channels += (uint64_t)g->count;
  }
  return error || seen_channels == channels ? error : N1C_E_CORRUPT;
}

static int read_head(n1c_file *f, int64_t length) {
  uint8_t *section, *fields = NULL, *metadata = NULL;
  n1c_reader content, r;
  int64_t size;
  uint64_t flags, streams, channels_left = MOST_CHANNELS;
  int error = fetch_section(f, 4, length, 'H', &section, &content);
  if (error) return error;
  error = inflate(&content, MOST_HEAD, &fields, &size);
  if (!error && content.at < content.end) {
    error = inflate(&content, MOST_HEAD, &metadata, &f->metadata_length);
    if (!error && content.at != content.end) error = N1C_E_CORRUPT;
    f->metadata = (char *)metadata;
  }
  free(section);
  if (error) {
    free(fields);
    return error;
  }
  r = n1c_reader_of(fields, size);
  flags = n1c_read_bytes(&r, 1);
  take_bytes(&r);
  streams = take(&r);
  if (r.bad || flags > 3 || streams > MOST_STREAMS || streams > (uint64_t)size) error = N1C_E_CORRUPT;
  f->lossy = (flags & 2) != 0;
  if (!error && streams && !(f->streams = calloc((size_t)streams, sizeof *f->streams))) error = N1C_E_MEMORY;
  while (!error && f->stream_count < (int64_t)streams) error = read_stream(&r, f->streams + f->stream_count++, &channels_left);
  if (r.bad) error = error ? error : N1C_E_CORRUPT;
  free(fields);
  return error;
}

static group *group_of(const n1c_file *f, uint64_t s, uint64_t g) {
  return s < (uint64_t)f->stream_count && g < (uint64_t)f->streams[s].group_count ? f->streams[s].groups + g : NULL;
}

/* What an index says of a section: it is kept, and checked when the section is read. */
static int take_entry(n1c_file *f, n1c_reader *r, int64_t offset, int64_t *length) {
  const int tag = (int)n1c_read_bytes(r, 1);
  const uint64_t size = take(r);
  group *g;
  void *more;
  if (r->bad || size < 6 || size > (uint64_t)f->size) return N1C_E_CORRUPT;
  *length = (int64_t)size;
  if (tag == 'C') {
    const uint64_t s = take(r), n = take(r), start = take(r), frames = take(r), number = take(r);
    g = group_of(f, s, n);
    if (r->bad || !g || !frames || frames > MOST_SAMPLES || start > MOST_SAMPLES || number > MOST_SAMPLES) return N1C_E_CORRUPT;
    if (frames > MOST_CHUNK / (uint64_t)(f->streams[s].shape.channels * n1c_sample_bytes(f->streams[s].shape.dtype)))
      return N1C_E_CORRUPT;
    if (!(more = grow(g->chunks, g->chunk_count, &g->chunk_room, sizeof *g->chunks))) return N1C_E_MEMORY;
    g->chunks = more;
    g->chunks[g->chunk_count].start = (int64_t)start;
    g->chunks[g->chunk_count].frames = (int64_t)frames;
    g->chunks[g->chunk_count].model = (int64_t)number;
    g->chunks[g->chunk_count].offset = offset;
    g->chunks[g->chunk_count++].length = (int64_t)size;
  } else if (tag == 'M') {
    const uint64_t s = take(r), n = take(r), number = take(r);
    g = group_of(f, s, n);
    if (r->bad || !g || !number || number > MOST_SAMPLES) return N1C_E_CORRUPT;
    if (!(more = grow(g->models, g->model_count, &g->model_room, sizeof *g->models))) return N1C_E_MEMORY;
    g->models = more;
    g->models[g->model_count].number = (int64_t)number;
    g->models[g->model_count].offset = offset;
    g->models[g->model_count++].length = (int64_t)size;
  } else if (tag == 'B') {
    take(r);
    take(r);
  } else if (tag < 'a' || tag > 'z') {
    return N1C_E_CORRUPT;
  }
  return r->bad ? N1C_E_CORRUPT : 0;
}

/* The sections of one index, which begin at `at`. */
static int read_entries(n1c_file *f, n1c_reader r, int64_t at, int64_t index) {
  const uint64_t sections = take(&r);
  int64_t length;
  for (uint64_t i = 0; i < sections; i++) {
    const int error = take_entry(f, &r, at, &length);
    if (error) return error;
    at += length;
    if (at > index) return N1C_E_CORRUPT;
  }
  for (int64_t s = 0; s < f->stream_count; s++) {
    const uint64_t frames = take(&r);
    if (frames > MOST_SAMPLES) return N1C_E_CORRUPT;
    f->streams[s].shape.frames = (int64_t)frames; /* the last index counts for the whole file */
  }
  return r.bad || at != index ? N1C_E_CORRUPT : 0;
}

/* The index at an offset and, before it, those that it goes on from. `end` is where its tail begins. */
static int read_indexes(n1c_file *f, int64_t first, int64_t offset, int64_t end) {
  int64_t *offsets = NULL, count = 0, room = 0;
  int error = 0;
  /* From the last to the first: each names the one before. */
  while (!error) {
    int64_t length = end - offset;
    uint8_t *section = NULL;
    n1c_reader r;
    void *more = grow(offsets, count, &room, sizeof *offsets);
    if (!more) {
      error = N1C_E_MEMORY;
      break;
    }
    offsets = more;
    offsets[count++] = offset;
    if (length < 0) length = section_length(f, offset);
    error = length < 0 ? (int)length : fetch_section(f, offset, length, 'I', &section, &r);
    if (!error) {
      const uint64_t before = take(&r);
      free(section);
      if (r.bad || (before && (before >= (uint64_t)offset || before < (uint64_t)first))) error = N1C_E_CORRUPT;
      if (!before) break;
      offset = (int64_t)before;
      end = -1;
    }
  }
  /* And their sections from the first to the last. */
  for (int64_t k = count - 1; !error && k >= 0; k--) {
    const int64_t length = section_length(f, offsets[k]);
    uint8_t *section = NULL, *entries = NULL;
    n1c_reader r;
    int64_t size;
    error = length < 0 ? (int)length : fetch_section(f, offsets[k], length, 'I', &section, &r);
    if (error) break;
    take(&r);
    error = inflate(&r, 16 * f->size + ((int64_t)1 << 20), &entries, &size);
    if (!error && r.at != r.end) error = N1C_E_CORRUPT;
    if (!error) error = read_entries(f, n1c_reader_of(entries, size), first, offsets[k]);
    first = offsets[k] + length + TAIL;
    free(entries);
    free(section);
  }
  free(offsets);
  return error;
}

/* All groups of a stream are cut at the same frames, without a gap. */
static int check_chunks(const stream *s) {
  for (int64_t g = 0; g < s->group_count; g++) {
    int64_t at = 0;
    if (s->groups[g].chunk_count != s->groups->chunk_count) return N1C_E_CORRUPT;
    for (int64_t i = 0; i < s->groups[g].chunk_count; i++) {
      const chunk *c = s->groups[g].chunks + i;
      if (c->start != at || c->frames != s->groups->chunks[i].frames) return N1C_E_CORRUPT;
      at += c->frames;
      if (at > (int64_t)MOST_SAMPLES) return N1C_E_CORRUPT;
    }
    if (at != s->shape.frames) return N1C_E_CORRUPT;
  }
  return s->group_count || !s->shape.frames ? 0 : N1C_E_CORRUPT;
}

static int open_version2(n1c_file *f) {
  uint8_t *tail;
  int64_t head, index;
  int error = fetch(f, f->size - TAIL, TAIL, &tail);
  if (error) return error;
  index = (int64_t)n1c_load_bytes(tail + 1, 8);
  if (tail[0] != 'T' || memcmp(tail + 13, "2C1N", 4) || !N1C_SAME_SUM(n1c_crc32(0, tail, 9), n1c_load32(tail + 9)))
    error = N1C_E_CORRUPT;
  free(tail);
  if (error) return error;
  head = section_length(f, 4);
  if (head < 0) return (int)head;
  if (index < 4 + head || index > f->size - TAIL) return N1C_E_CORRUPT;
  error = read_head(f, head);
  if (!error) error = read_indexes(f, 4 + head, index, f->size - TAIL);
  for (int64_t s = 0; !error && s < f->stream_count; s++) error = check_chunks(f->streams + s);
  return error;
}

/* -- version 1 ----------------------------------------------------------------------------------------------------- */

/* One stream of one group and one chunk, whose samples are decoded here and now: the checksum is that of the whole source. */
static int open_version1(n1c_file *f) {
  n1c_head1 head;
  n1c_reader r;
  uint8_t *bytes;
  stream *s;
  int error = fetch(f, 0, f->size, &bytes);
  if (error) return error;
  error = n1c_read_head1(bytes, f->size, &head, &r);
  if (!error && !(f->streams = s = calloc(1, sizeof *s))) error = N1C_E_MEMORY;
  if (!error) {
    char stages[N1C_STAGES_MOST];
    f->stream_count = 1;
    s->shape = head.shape;
    s->shape.dtype = head.shape.dtype == N1C_INT24 ? N1C_INT32 : head.shape.dtype;
    s->rate = head.source == N1C_OPAQUE ? no_rate() : head.rate;
    error = n1c_payload_stages(&r, stages);
    if (!error && !n1c_payload_is_backed(stages, &s->shape, r.end - r.at)) error = N1C_E_CORRUPT;
    s->decoded = s->shape.frames;
    s->samples.length = s->shape.frames * s->shape.channels * n1c_sample_bytes(s->shape.dtype);
    if (!error && !(s->samples.bytes = n1c_allocate((uint64_t)s->samples.length))) error = N1C_E_MEMORY;
    if (!error) error = n1c_payload_decode(stages, &s->shape, r, NULL, s->samples.bytes);
    if (!error) error = n1c_check_source(&head, s->samples.bytes);
  }
  free(head.around);
  free(bytes);
  return error;
}

/* -- the interface ------------------------------------------------------------------------------------------------- */

int64_t n1c_open_with(n1c_read_at read, void *context, int64_t size, n1c_file **file) {
  n1c_file *f = calloc(1, sizeof *f);
  uint8_t start[4];
  int error;
  if (!f) return N1C_E_MEMORY;
  f->read = read;
  f->context = context;
  f->size = size;
  error = size < 14 ? N1C_E_CORRUPT : read(context, 0, start, 4);
  if (!error && memcmp(start, "N1C", 3)) error = N1C_E_CORRUPT;
  if (!error) {
    f->version = start[3];
    error = f->version == 1 ? open_version1(f) : f->version == 2 ? open_version2(f) : N1C_E_UNSUPPORTED;
  }
  if (error) {
    n1c_close(f);
    return error;
  }
  *file = f;
  return f->stream_count;
}

int64_t n1c_open(const char *path, n1c_file **file) {
  FILE *own = fopen(path, "rb");
  int64_t size, found;
  if (!own) return N1C_E_IO;
  size = size_of(own);
  found = size < 0 ? N1C_E_IO : n1c_open_with(read_file, own, size, file);
  if (found < 0) {
    const int kept = errno;
    fclose(own);
    errno = kept;
  } else {
    (*file)->release = close_file;
  }
  return found;
}

void n1c_close(n1c_file *f) {
  if (!f) return;
  for (int64_t s = 0; s < f->stream_count; s++) {
    stream *one = f->streams + s;
    for (int64_t g = 0; g < one->group_count; g++) {
      free(one->groups[g].channels);
      free(one->groups[g].chunks);
      free(one->groups[g].models);
      free(one->groups[g].held.bytes);
    }
    free(one->groups);
    free(one->group_of);
    free(one->samples.bytes);
    free(one->name);
  }
  free(f->streams);
  free(f->metadata);
  if (f->release) f->release(f->context);
  free(f);
}

int64_t n1c_info(const n1c_file *f, int64_t stream_number, n1c_stream_info *info) {
  const stream *s;
  if (stream_number < 0 || stream_number >= f->stream_count) return N1C_E_ARGUMENT;
  s = f->streams + stream_number;
  info->frames = s->shape.frames;
  info->channels = s->shape.channels;
  info->chunks = f->version == 1 ? s->shape.frames > 0 : s->group_count ? s->groups->chunk_count : 0;
  info->rate = s->rate;
  info->dtype = s->shape.dtype;
  info->sample_bytes = n1c_sample_bytes(s->shape.dtype);
  info->lossy = f->lossy;
  info->version = f->version;
  info->name = s->name ? s->name : "";
  return 0;
}

int64_t n1c_metadata(const n1c_file *f, const char **text) {
  *text = f->metadata ? f->metadata : "";
  return f->metadata_length;
}

static const model *model_of(const group *g, int64_t number) {
  for (int64_t i = 0; i < g->model_count; i++)
    if (g->models[i].number == number) return g->models + i;
  return NULL;
}

/* The model of a number, kept until another is asked for. */
static int fetch_model(const n1c_file *f, uint64_t stream_number, uint64_t group_number, group *g, int64_t number) {
  const model *m = model_of(g, number);
  uint8_t *section;
  n1c_reader r;
  int error;
  if (!m) return N1C_E_CORRUPT;
  if (g->held_number == number) return 0;
  error = fetch_section(f, m->offset, m->length, 'M', &section, &r);
  if (error) return error;
  if (take(&r) != stream_number || take(&r) != group_number || take(&r) != (uint64_t)number || r.bad) error = N1C_E_CORRUPT;
  g->held.length = 0;
  g->held_number = 0;
  if (!error && !n1c_reserve(&g->held, (uint64_t)(r.end - r.at) + 1)) error = N1C_E_MEMORY;
  if (!error) {
    memcpy(g->held.bytes, r.at, (size_t)(r.end - r.at));
    g->held.length = r.end - r.at;
    g->held_number = number;
  }
  free(section);
  return error;
}

/* Chunk i of a group into its columns of the stream's samples. */
static int decode_group(const n1c_file *f, int64_t s, int64_t k, int64_t i) {
  stream *one = f->streams + s;
  group *g = one->groups + k;
  const chunk *c = g->chunks + i;
  const n1c_shape shape = {c->frames, g->count, one->shape.dtype};
  const int bytes = n1c_sample_bytes(shape.dtype);
  const int64_t size = c->frames * g->count * bytes;
  uint8_t *section, *part = NULL;
  uint32_t checksum;
  n1c_reader r;
  int error = fetch_section(f, c->offset, c->length, 'C', &section, &r);
  if (error) return error;
  if (take(&r) != (uint64_t)s || take(&r) != (uint64_t)k || take(&r) != (uint64_t)c->start ||
      take(&r) != (uint64_t)c->frames || take(&r) != (uint64_t)c->model)
    error = N1C_E_CORRUPT;
  checksum = (uint32_t)n1c_read_bytes(&r, 4);
  if (r.bad || (c->model > 0) != n1c_stages_have_models(g->stages)) error = N1C_E_CORRUPT;
  if (!error && c->model) error = fetch_model(f, (uint64_t)s, (uint64_t)k, g, c->model);
  if (!error && !n1c_payload_is_backed(g->stages, &shape, r.end - r.at)) error = N1C_E_CORRUPT;
  if (!error) part = g->in_order ? one->samples.bytes : n1c_allocate((uint64_t)size);
  if (!error && !part) error = N1C_E_MEMORY;
  if (!error) error = n1c_payload_decode(g->stages, &shape, r, c->model ? &g->held : NULL, part);
  if (!error && !N1C_SAME_SUM(n1c_crc32(0, part, size), checksum)) error = N1C_E_CORRUPT;
  if (part && !g->in_order) {
    for (int64_t t = 0; !error && t < c->frames; t++)
      for (int64_t j = 0; j < g->count; j++)
        memcpy(one->samples.bytes + (t * one->shape.channels + g->channels[j]) * bytes, part + (t * g->count + j) * bytes,
               (size_t)bytes);
    free(part);
  }
  free(section);
  return error;
}

/* The wanted groups of a chunk. What others of its groups have decoded already stays. */
static int decode_chunk(n1c_file *f, int64_t s, int64_t i) {
  stream *one = f->streams + s;
  const chunk *c = one->groups->chunks + i;
  int error = 0;
  if (one->first != c->start) {
    const int64_t size = c->frames * one->shape.channels * n1c_sample_bytes(one->shape.dtype);
    one->first = -1;
    one->samples.length = 0;
    if (!n1c_reserve(&one->samples, (uint64_t)size)) return N1C_E_MEMORY;
    for (int64_t k = 0; k < one->group_count; k++) one->groups[k].here = 0;
    one->samples.length = size;
    one->first = c->start;
    one->decoded = c->frames;
  }
  for (int64_t k = 0; !error && k < one->group_count; k++) {
    if (!one->groups[k].wanted || one->groups[k].here) continue;
    error = decode_group(f, s, k, i);
    one->groups[k].here = !error;
  }
  return error;
}

/* The chunk that a frame is in. */
static int64_t chunk_of(const group *g, int64_t frame) {
  int64_t low = 0, high = g->chunk_count - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (g->chunks[middle].start <= frame) low = middle;
    else high = middle - 1;
  }
  return low;
}

/* Whether a stream has such frames and channels; the groups that hold the channels are wanted then. NULL is all of them. */
static int want(const n1c_file *f, int64_t stream_number, int64_t start, int64_t frames, const int32_t *channels,
                int64_t count) {
  stream *s;
  if (stream_number < 0 || stream_number >= f->stream_count) return N1C_E_ARGUMENT;
  s = f->streams + stream_number;
  if (start < 0 || frames < 0 || frames > s->shape.frames || start > s->shape.frames - frames) return N1C_E_ARGUMENT;
  for (int64_t j = 0; channels && j < count; j++)
    if (channels[j] < 0 || channels[j] >= s->shape.channels) return N1C_E_ARGUMENT;
  for (int64_t k = 0; k < s->group_count; k++) s->groups[k].wanted = !channels;
  for (int64_t j = 0; channels && s->group_count && j < count; j++) s->groups[s->group_of[channels[j]]].wanted = 1;
  return 0;
}

static void copy_frames(const stream *s, int64_t first, int64_t frames, const int32_t *channels, int64_t count, uint8_t *out) {
  const int bytes = n1c_sample_bytes(s->shape.dtype);
  const int64_t row = s->shape.channels * bytes;
  const uint8_t *from = s->samples.bytes + first * row;
  if (!channels) {
    memcpy(out, from, (size_t)(frames * row));
    return;
  }
  for (int64_t t = 0; t < frames; t++, from += row)
    for (int64_t j = 0; j < count; j++, out += bytes) memcpy(out, from + channels[j] * bytes, (size_t)bytes);
}

int64_t n1c_read_channels(n1c_file *f, int64_t stream_number, int64_t start, int64_t frames, const int32_t *channels,
                          int64_t count, void *samples, int64_t capacity) {
  stream *s;
  uint8_t *out = samples;
  int64_t row;
  int bytes;
  const int error = count < 0 ? N1C_E_ARGUMENT : want(f, stream_number, start, frames, channels, count);
  if (error) return error;
  s = f->streams + stream_number;
  bytes = n1c_sample_bytes(s->shape.dtype);
  if (count > INT64_MAX / bytes) return N1C_E_CAPACITY;
  row = (channels ? count : s->shape.channels) * bytes;
  if (row && frames > capacity / row) return N1C_E_CAPACITY;
  for (int64_t at = start; at < start + frames;) {
    int64_t some;
    if (s->group_count) { /* those of version 1 are decoded */
      const int failed = decode_chunk(f, stream_number, chunk_of(s->groups, at));
      if (failed) return failed;
    }
    some = s->first + s->decoded - at;
    some = some < start + frames - at ? some : start + frames - at;
    copy_frames(s, at - s->first, some, channels, count, out);
    n1c_native_order(out, some * row, bytes);
    out += some * row;
    at += some;
  }
  return frames;
}

int64_t n1c_read(n1c_file *f, int64_t stream_number, int64_t start, int64_t frames, void *samples, int64_t capacity) {
  return n1c_read_channels(f, stream_number, start, frames, NULL, 0, samples, capacity);
}

int64_t n1c_chunk_end(const n1c_file *f, int64_t stream_number, int64_t frame) {
  const stream *s;
  const chunk *c;
  if (stream_number < 0 || stream_number >= f->stream_count) return N1C_E_ARGUMENT;
  s = f->streams + stream_number;
  if (frame < 0 || frame >= s->shape.frames) return N1C_E_ARGUMENT;
  if (!s->group_count) return s->shape.frames;
  c = s->groups->chunks + chunk_of(s->groups, frame);
  return c->start + c->frames;
}

static int64_t put_range(n1c_range *ranges, int64_t capacity, int64_t count, int64_t offset, int64_t length) {
  if (count < capacity) {
    ranges[count].offset = offset;
    ranges[count].length = length;
  }
  return count + 1;
}

int64_t n1c_ranges(const n1c_file *f, int64_t stream_number, int64_t start, int64_t frames, const int32_t *channels,
                   int64_t count, n1c_range *ranges, int64_t capacity) {
  const int error = count < 0 ? N1C_E_ARGUMENT : want(f, stream_number, start, frames, channels, count);
  const stream *s;
  int64_t found = 0;
  if (error) return error;
  s = f->streams + stream_number;
  for (int64_t k = 0; frames && k < s->group_count; k++) {
    const group *g = s->groups + k;
    int64_t held = g->held_number;
    if (!g->wanted) continue;
    for (int64_t i = chunk_of(g, start); i < g->chunk_count && g->chunks[i].start < start + frames; i++) {
      const chunk *c = g->chunks + i;
      const model *m = c->model && c->model != held ? model_of(g, c->model) : NULL;
      if (g->here && s->first == c->start && c->start <= start) continue; /* those before it would take its place */
      if (m) found = put_range(ranges, capacity, found, m->offset, m->length);
      found = put_range(ranges, capacity, found, c->offset, c->length);
      held = c->model ? c->model : held;
    }
  }
  return found;
}
