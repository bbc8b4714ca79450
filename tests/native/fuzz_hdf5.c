/* Feeds the HDF5 filter what it should survive, for use with sanitizers.
 *
 *   fuzz_hdf5 CHUNKS [SEED]     round trips of made-up chunks; then damaged ones
 *   clang -DN1C_LIBFUZZER -fsanitize=fuzzer,...     a libFuzzer target, the decoder alone (tools/fuzz.py)
 *
 * The target's input is five bytes codec, dtype, byte order, channels, frames, and a chunk. $N1C_SEEDS is a folder to write
 * first inputs to; $N1C_ROUND_TRIPS set means that samples follow, which are encoded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "payload.h"
#include "random.h"

#define BEFORE 5
#define MOST 4096 /* bytes of samples that are made up */

static uint8_t *copy(const uint8_t *from, size_t length) {
  uint8_t *to = malloc(length ? length : 1);
  if (!to) abort();
  if (length) memcpy(to, from, length);
  return to;
}

/* The numbers beside a dataset that five bytes stand for; most make sense. */
static void values_of(const uint8_t *p, unsigned *v) {
  const int bytes = n1c_sample_bytes(p[1] % 13) ? n1c_sample_bytes(p[1] % 13) : 1;
  v[N1C_HDF5_VERSION] = 1;
  v[N1C_HDF5_CODEC] = p[0] % 6u;
  v[N1C_HDF5_CHANNELS] = p[3];
  v[N1C_HDF5_DTYPE] = p[1] % 13u + (p[2] & 1u) * N1C_HDF5_BIG_ENDIAN;
  v[N1C_HDF5_BYTES] = (unsigned)bytes * p[3] * p[4];
}

static void unpack(const uint8_t *data, size_t length) {
  unsigned v[N1C_HDF5_VALUES];
  uint8_t *chunk, *out = NULL;
  int64_t result;
  if (length < BEFORE) return;
  values_of(data, v);
  chunk = copy(data + BEFORE, length - BEFORE);
  result = n1c_hdf5_decode(v, N1C_HDF5_VALUES, chunk, (int64_t)length - BEFORE, &out);
  if ((result >= 0) != (out != NULL) || (out && result != v[N1C_HDF5_BYTES])) abort();
  free(out);
  free(chunk);
}

/* The chunk of samples, behind the bytes that say what they are; nothing where these make no sense. */
static uint8_t *round_trip(const uint8_t *data, size_t length, size_t *size) {
  unsigned v[N1C_HDF5_VALUES];
  uint8_t *samples, *chunk = NULL, *back = NULL, *packed;
  int64_t coded;
  if (length < BEFORE) return NULL;
  values_of(data, v);
  if (length - BEFORE < v[N1C_HDF5_BYTES]) return NULL;
  samples = copy(data + BEFORE, v[N1C_HDF5_BYTES]);
  coded = n1c_hdf5_encode(v, N1C_HDF5_VALUES, samples, v[N1C_HDF5_BYTES], &chunk);
  free(samples);
  if (coded < 0) return NULL;
  if (coded > BEFORE + (int64_t)v[N1C_HDF5_BYTES]) abort();
  if (n1c_hdf5_decode(v, N1C_HDF5_VALUES, chunk, coded, &back) != v[N1C_HDF5_BYTES]) abort();
  if (memcmp(back, data + BEFORE, v[N1C_HDF5_BYTES])) abort();
  packed = malloc(BEFORE + (size_t)coded);
  if (!packed) abort();
  memcpy(packed, data, BEFORE);
  memcpy(packed + BEFORE, chunk, (size_t)coded);
  *size = BEFORE + (size_t)coded;
  free(back);
  free(chunk);
  return packed;
}

static size_t make(uint8_t *p) {
  unsigned v[N1C_HDF5_VALUES];
  const uint32_t span = 1u << below(9);
  do {
    p[0] = (uint8_t)below(5);
    p[1] = (uint8_t)below(12);
    p[2] = (uint8_t)below(2);
    p[3] = (uint8_t)(1 + below(below(2) ? 4 : 20));
    p[4] = (uint8_t)(1 + below(120));
    values_of(p, v);
  } while (v[N1C_HDF5_BYTES] > MOST);
  for (uint32_t i = 0; i < v[N1C_HDF5_BYTES]; i++) p[BEFORE + i] = (uint8_t)(i & 1 ? 0 : below(span));
  return BEFORE + v[N1C_HDF5_BYTES];
}

#ifdef N1C_LIBFUZZER

static int round_trips;

static void write_seeds(const char *folder) {
  static uint8_t source[BEFORE + MOST];
  char path[4096];
  for (int i = 0; i < 96; i++) {
    size_t length = make(source), size = 0;
    uint8_t *packed = round_trip(source, length, &size);
    FILE *file;
    if (!packed) continue; /* 24 bits, which HDF5 has not */
    snprintf(path, sizeof path, "%s/seed-%02d", folder, i);
    if (!(file = fopen(path, "wb"))) abort();
    fwrite(round_trips ? source : packed, 1, round_trips ? length : size, file);
    if (fclose(file)) abort();
    free(packed);
  }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *seeds = getenv("N1C_SEEDS");
  (void)argc;
  (void)argv;
  round_trips = getenv("N1C_ROUND_TRIPS") != NULL;
  if (seeds) write_seeds(seeds);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  size_t size;
  if (round_trips) free(round_trip(data, length, &size));
  else unpack(data, length);
  return 0;
}

#else

int main(int argc, char **argv) {
  static uint8_t source[BEFORE + MOST];
  const int chunks = argc > 1 ? atoi(argv[1]) : 100;
  int coded = 0;
  state = argc > 2 ? strtoull(argv[2], NULL, 10) * 2 + 1 : 1;
  for (int i = 0; i < chunks; i++) {
    const size_t length = make(source);
    size_t size = 0;
    uint8_t *packed = round_trip(source, length, &size);
    if (!packed) continue;
    coded++;
    for (int k = 0; k < 20; k++) {
      uint8_t *bad = copy(packed, size);
      for (uint32_t hits = 1 + below(4); hits; hits--) bad[below((uint32_t)size)] = (uint8_t)below(256);
      unpack(bad, below(4) ? size : below((uint32_t)size));
      free(bad);
    }
    free(packed);
  }
  printf("%d chunks, %d damaged ones\n", coded, 20 * coded);
  return coded > chunks / 2 ? 0 : 1;
}

#endif
