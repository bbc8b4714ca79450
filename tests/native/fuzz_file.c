/* Feeds the reader of .n1c files what it should survive, for use with sanitizers.
 *
 *   fuzz_file FILES [SEED]     files of both versions that are written and read again; then damaged ones
 *   clang -DN1C_LIBFUZZER -fsanitize=fuzzer,...     a libFuzzer target, the reader alone (tools/fuzz.py)
 *
 * Built with -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION no checksum is looked at. $N1C_SEEDS is a folder to write first
 * inputs to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "n1c.h"
#include "random.h"

#define MOST 3000 /* bytes of samples that are made up */

typedef struct {
  const uint8_t *bytes;
  int64_t length;
} memory;

static int read_memory(void *context, int64_t offset, uint8_t *to, int64_t length) {
  const memory *m = context;
  if (offset < 0 || length < 0 || offset > m->length - length) abort();
  if (length) memcpy(to, m->bytes + offset, (size_t)length);
  return 0;
}

/* Some of the channels again: they are the same, and what was foretold is there. */
static void look(n1c_file *file, int64_t s, int64_t at, int64_t frames, const n1c_stream_info *info) {
  const int32_t channels[] = {(int32_t)info->channels - 1, 0};
  const int64_t row = info->channels * info->sample_bytes, size = info->sample_bytes;
  uint8_t *some = malloc((size_t)(2 * frames * size)), *all = malloc((size_t)(frames * row));
  n1c_range ranges[4];
  if (n1c_chunk_end(file, s, at) <= at || n1c_ranges(file, s, 0, info->frames, channels, 2, ranges, 4) < 0) abort();
  if (some && all && n1c_read_channels(file, s, at, frames, channels, 2, some, 2 * frames * size) == frames) {
    if (n1c_read(file, s, at, frames, all, frames * row) != frames) abort();
    for (int64_t t = 0; t < frames; t++)
      for (int k = 0; k < 2; k++)
        if (memcmp(some + (2 * t + k) * size, all + t * row + channels[k] * size, (size_t)size)) abort();
  }
  free(all);
  free(some);
}

/* Reads all of a file, in memory without a byte to spare; returns the bytes of its samples, or an error. */
static int64_t unpack(const uint8_t *data, size_t length, uint8_t *samples, int64_t room) {
  uint8_t *own = malloc(length ? length : 1);
  memory m = {own, (int64_t)length};
  n1c_file *file = NULL;
  int64_t streams, total = 0;
  if (!own) abort();
  if (length) memcpy(own, data, length);
  streams = n1c_open_with(read_memory, &m, m.length, &file);
  if ((streams < 0) != (file == NULL)) abort();
  if (streams < 0) total = streams;
  for (int64_t s = 0; s < streams; s++) {
    n1c_stream_info info;
    const char *text;
    if (n1c_metadata(file, &text) < (int64_t)strlen(text)) abort();
    int64_t bytes;
    if (n1c_info(file, s, &info)) abort();
    bytes = info.channels * info.sample_bytes;
    for (int64_t at = 0; bytes && at < info.frames && total >= 0;) {
      const int64_t most = MOST / bytes ? MOST / bytes : 1, some = info.frames - at < most ? info.frames - at : most;
      uint8_t *to = samples && total + some * bytes <= room ? samples + total : malloc((size_t)(some * bytes));
      const int64_t got = to ? n1c_read(file, s, at, some, to, some * bytes) : N1C_E_MEMORY;
      if (!samples || to != samples + total) free(to);
      if (got >= 0) look(file, s, at, some, &info);
      if (got >= 0 && got != some) abort();
      total = got < 0 ? got : total + some * bytes;
      at += some;
      if (at > 100000) break;
    }
  }
  n1c_close(file);
  free(own);
  return total;
}

static uint8_t *read_all(const char *path, int64_t length) {
  uint8_t *bytes = malloc((size_t)length);
  FILE *file = fopen(path, "rb");
  if (!bytes || !file || fread(bytes, 1, (size_t)length, file) != (size_t)length) abort();
  fclose(file);
  return bytes;
}

/* A file of some samples, which are compared with what is read of it. */
static uint8_t *make(const char *path, int64_t *length) {
  static const double rates[] = {19531, 30000, 3, 0.5, 12345};
  static const int bytes[] = {1, 2, 0, 4, 1, 2, 4, 8, 8, 2, 4, 8};
  static uint8_t samples[MOST], back[MOST];
  n1c_layout layout = {0, 0, 0, 0, NULL};
  n1c_writer *writer = NULL;
  uint8_t *data = NULL;
  int64_t frames, size;
  const uint32_t span = 1u << below(9);
  do layout.dtype = (int)below(12);
  while (!bytes[layout.dtype]);
  layout.codec = (int)below(5);
  layout.channels = 1 + below(below(3) ? 4 : 40);
  layout.rate = rates[below(5)];
  layout.metadata = below(2) ? "[{\"gains\": 2}]" : NULL;
  frames = below((uint32_t)(MOST / (layout.channels * bytes[layout.dtype])));
  size = frames * layout.channels * bytes[layout.dtype];
  for (int64_t i = 0; i < size; i++) samples[i] = (uint8_t)(i & 1 ? 0 : below(span));
  if (below(2)) {
    *length = n1c_encode_array(&layout, samples, frames, &data);
    if (*length < 0) abort();
  } else {
    n1c_file *file;
    if (n1c_create(path, &layout, &writer) < 1) abort();
    n1c_abandon(writer);
    if (n1c_create(path, &layout, &writer) < 1) abort();
    for (int64_t at = 0; at < frames;) {
      const int64_t some = 1 + below((uint32_t)(frames - at));
      if (n1c_write(writer, samples + at * layout.channels * bytes[layout.dtype], some) != at + some) abort();
      at += some;
    }
    *length = n1c_finish(writer);
    if (*length < 0) abort();
    if (n1c_open(path, &file) != 1) abort();
    n1c_close(file);
    data = read_all(path, *length);
    remove(path);
  }
  if (unpack(data, (size_t)*length, back, MOST) != size || memcmp(back, samples, (size_t)size)) abort();
  return data;
}

#ifdef N1C_LIBFUZZER

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *seeds = getenv("N1C_SEEDS");
  char path[4096], part[4096];
  (void)argc;
  (void)argv;
  for (int i = 0; seeds && i < 96; i++) {
    int64_t length;
    uint8_t *data;
    FILE *file;
    snprintf(part, sizeof part, "%s/made", seeds);
    snprintf(path, sizeof path, "%s/seed-%02d", seeds, i);
    data = make(part, &length);
    if (!(file = fopen(path, "wb"))) abort();
    fwrite(data, 1, (size_t)length, file);
    if (fclose(file)) abort();
    n1c_free(data);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  unpack(data, length, NULL, 0);
  return 0;
}

#else

int main(int argc, char **argv) {
  const int files = argc > 1 ? atoi(argv[1]) : 100;
  state = argc > 2 ? strtoull(argv[2], NULL, 10) * 2 + 1 : 1;
  for (int i = 0; i < files; i++) {
    int64_t length;
    uint8_t *data = make("fuzz_file.n1c", &length);
    for (int k = 0; k < 30; k++) {
      uint8_t *bad = malloc((size_t)length);
      if (!bad) abort();
      memcpy(bad, data, (size_t)length);
      for (uint32_t hits = 1 + below(4); hits; hits--) bad[below((uint32_t)length)] = (uint8_t)below(256);
      unpack(bad, below(4) ? (size_t)length : below((uint32_t)length), NULL, 0);
      free(bad);
    }
    n1c_free(data);
  }
  printf("%d files, %d damaged ones\n", files, 30 * files);
  return 0;
}

#endif
