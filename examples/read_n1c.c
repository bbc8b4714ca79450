/* Tell what is in a .n1c file, and the mean of each channel's first second; docs/c.md says how to build it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "n1c.h"

static int fail(const char *path, int64_t code) {
  fprintf(stderr, "read_n1c: %s: %s\n", path, code == N1C_E_IO ? strerror(errno) : n1c_error(code));
  return 1;
}

int main(int argc, char **argv) {
  n1c_file *file;
  int64_t streams;
  if (argc != 2) {
    fprintf(stderr, "usage: read_n1c FILE.n1c\n");
    return 2;
  }
  streams = n1c_open(argv[1], &file);
  if (streams < 0) return fail(argv[1], streams);
  for (int64_t s = 0; s < streams; s++) {
    n1c_stream_info info;
    int64_t frames, bytes, read;
    int16_t *samples;
    n1c_info(file, s, &info);
    printf("stream %d \"%s\": %lld frames of %lld channels at %g Hz\n", (int)s, info.name, (long long)info.frames,
           (long long)info.channels, info.rate);
    if (info.dtype != N1C_INT16) continue;
    frames = info.rate >= 1 && info.rate < (double)info.frames ? (int64_t)info.rate : info.frames;
    bytes = frames * info.channels * info.sample_bytes;
    samples = malloc(bytes ? (size_t)bytes : 1);
    read = samples ? n1c_read(file, s, 0, frames, samples, bytes) : N1C_E_MEMORY;
    for (int64_t c = 0; read > 0 && c < info.channels; c++) {
      double sum = 0;
      for (int64_t t = 0; t < frames; t++) sum += samples[t * info.channels + c];
      printf("%lld: %.3f\n", (long long)c, sum / (double)frames);
    }
    free(samples);
    if (read < 0) {
      n1c_close(file);
      return fail(argv[1], read);
    }
  }
  n1c_close(file);
  return 0;
}
