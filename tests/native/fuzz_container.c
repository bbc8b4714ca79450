/* Feeds the containers of n1enc and n1dec what they should survive, for use with sanitizers.
 *
 *   fuzz_container FILES [SEED]     round trips of made-up files; then damaged .n1c files with a checksum that holds
 *   clang -DN1C_LIBFUZZER -fsanitize=fuzzer,...     a libFuzzer target, the reader alone (tools/fuzz.py)
 *
 * The target's input is a .n1c file whose first eight bytes are put right. $N1C_SEEDS is a folder to write first inputs to;
 * $N1C_ROUND_TRIPS set means that the input is a file to pack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container.h"
#include "random.h"

static uint32_t crc(const uint8_t *p, size_t length) {
  uint32_t v = 0xffffffffu;
  while (length--) {
    v ^= *p++;
    for (int k = 0; k < 8; k++) v = v >> 1 ^ (v & 1 ? 0xedb88320u : 0);
  }
  return ~v;
}

static uint32_t get(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t *copy(const uint8_t *from, size_t length) {
  uint8_t *to = malloc(length ? length : 1);
  if (!to) abort();
  if (length) memcpy(to, from, length);
  return to;
}

/* Bytes as a .n1c file whose first checksum holds, in memory without a byte to spare. */
static void unpack(const uint8_t *data, size_t length) {
  uint8_t *packed = copy(data, length);
  blob out = {NULL, -1};
  if (length >= 14) {
    const uint32_t sum = crc(packed + 8, length - 8);
    memcpy(packed, "N1C\1", 4);
    for (int i = 0; i < 4; i++) packed[4 + i] = (uint8_t)(sum >> 8 * i);
  }
  if ((n1c_unpack(packed, (int64_t)length, &out) == NULL) != (out.length >= 0)) abort();
  free(out.bytes);
  free(packed);
}

static blob round_trip(const uint8_t *data, size_t length) {
  uint8_t *source = copy(data, length);
  blob packed = {NULL, -1}, restored = {NULL, -1};
  if (n1c_pack(source, (int64_t)length, &packed)) abort();
  if (packed.length < 14 || crc(packed.bytes + 8, (size_t)packed.length - 8) != get(packed.bytes + 4)) abort();
  if (n1c_unpack(packed.bytes, packed.length, &restored)) abort();
  if (restored.length != (int64_t)length || (length && memcmp(restored.bytes, source, length))) abort();
  free(restored.bytes);
  free(source);
  return packed;
}

static void put(uint8_t *p, uint32_t v, int bytes) {
  for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}

/* A canonical WAV file of fewer than `most` frames, or one with a byte of its header wrong. */
static size_t make(uint8_t *p, uint32_t most) {
  const uint32_t bytes = 1 + below(4), channels = 1 + below(below(4) ? 2 : 9), block = bytes * channels;
  const uint32_t frames = below(below(4) ? most / 20 : most), size = frames * block, rate = below(3) ? 19531 : below(300000);
  const uint32_t span = 1u << below(9);
  memcpy(p, "RIFF....WAVEfmt ", 16);
  put(p + 4, 36 + size, 4);
  put(p + 16, 16, 4);
  put(p + 20, 1, 2);
  put(p + 22, channels, 2);
  put(p + 24, rate, 4);
  put(p + 28, rate * block, 4);
  put(p + 32, block, 2);
  put(p + 34, 8 * bytes, 2);
  memcpy(p + 36, "data", 4);
  put(p + 40, size, 4);
  for (uint32_t i = 0; i < size; i++)
    p[44 + i] = (uint8_t)(i % bytes == bytes - 1 ? below(span) - span / 2 : below(256));
  if (!below(8)) p[below(44)] ^= (uint8_t)(1u << below(8));
  return below(16) ? 44 + size : below(44 + size);
}

#ifdef N1C_LIBFUZZER

static int round_trips;

static void write_seeds(const char *folder) {
  static uint8_t source[44 + 160 * 9 * 4];
  char path[4096];
  for (int i = 0; i < 96; i++) {
    const size_t length = make(source, 160);
    blob packed = round_trip(source, length);
    FILE *file;
    snprintf(path, sizeof path, "%s/seed-%02d", folder, i);
    if (!(file = fopen(path, "wb"))) abort();
    if (round_trips) fwrite(source, 1, length, file);
    else fwrite(packed.bytes, 1, (size_t)packed.length, file);
    if (fclose(file)) abort();
    free(packed.bytes);
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
  if (round_trips) free(round_trip(data, length).bytes);
  else unpack(data, length);
  return 0;
}

#else

int main(int argc, char **argv) {
  static uint8_t file[44 + 6000 * 9 * 4];
  const int files = argc > 1 ? atoi(argv[1]) : 100;
  state = argc > 2 ? strtoull(argv[2], NULL, 10) * 2 + 1 : 1;
  for (int i = 0; i < files; i++) {
    blob packed = round_trip(file, make(file, 6000));
    for (int k = 0; k < 30; k++) {
      size_t length = (size_t)packed.length;
      uint8_t *bad = copy(packed.bytes, length);
      for (uint32_t hits = below(4); hits; hits--) bad[8 + below((uint32_t)length - 8)] = (uint8_t)below(256);
      for (uint32_t hits = below(3); hits; hits--)
        bad[12 + below(length < 40 ? (uint32_t)length - 12 : 28)] = (uint8_t)below(256);
      if (!below(4)) length = below((uint32_t)length);
      unpack(bad, length);
      free(bad);
    }
    free(packed.bytes);
  }
  printf("%d files, %d damaged ones\n", files, 30 * files);
  return 0;
}

#endif
