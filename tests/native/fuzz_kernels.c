/* Feeds every kernel of libn1c what it should survive, in buffers without a byte to spare, for use with sanitizers.
 *
 *   fuzz_kernels ITERATIONS [SEED [KERNEL]]     round trips, short capacities, mutated and random bytes
 *   clang -DN1C_LIBFUZZER -fsanitize=fuzzer,...     a libFuzzer target, one decoder alone (tools/fuzz.py)
 *
 * The target's input is four bytes variant, two bytes count, a packet. $N1C_KERNEL names the decoder. $N1C_SEEDS is a folder
 * to write first inputs to, made by the encoder; $N1C_ROUND_TRIPS set means that the packet is samples to encode.
 *
 * A new kernel needs a pair of functions like those below and a line in `kernels`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef N1C_LIBFUZZER
#  include <sanitizer/asan_interface.h>
#endif

#include "crc32.h"
#include "n1c.h"
#include "n1_model.h"

typedef struct {
  uint8_t *bytes;
  int64_t length; /* or an error code */
} packet;

/* What a kernel is to be called with: a source of parameters, and how much too small its output is. */
typedef struct {
  uint32_t variant;
  int64_t shortage;
} setting;

static void *allocate(int64_t size) {
  void *block = malloc(size > 0 ? (size_t)size : 1);
  if (!block) abort();
  return block;
}

static void *copy(const void *from, int64_t size) {
  void *block = allocate(size);
  if (size > 0) memcpy(block, from, (size_t)size);
  return block;
}

/* Scratch memory of a decoder. The target keeps it, because to get it afresh takes longer than to decode a few bytes; it
 * ends where the block does, and bytes before it are poisoned. */
#ifdef N1C_LIBFUZZER
static void *workspace(int64_t size) {
  static uint8_t *block, *last;
  static int64_t capacity;
  if (size > capacity || !block) {
    free(block);
    block = (uint8_t *)allocate(capacity = size);
    last = NULL;
  }
  if (last) ASAN_UNPOISON_MEMORY_REGION(block, last - block);
  last = block + capacity - size;
  ASAN_POISON_MEMORY_REGION(block, last - block);
  return last;
}

static void leave(void *work) { (void)work; }
#else
static void *workspace(int64_t size) { return allocate(size); }
static void leave(void *work) { free(work); }
#endif

static int64_t less(int64_t size, setting s) { return size > s.shortage ? size - s.shortage : 0; }

/* Residuals and side information of a filter as one packet, and apart again. */
static packet join(int16_t *y, int64_t n, uint8_t *side, int64_t length, int64_t result) {
  packet p = {NULL, result < 0 ? result : 2 * n + length};
  if (result >= 0) {
    p.bytes = (uint8_t *)allocate(p.length);
    memcpy(p.bytes, y, (size_t)(2 * n));
    if (length) memcpy(p.bytes + 2 * n, side, (size_t)length);
  }
  free(y);
  free(side);
  return p;
}

static int cut(const uint8_t *in, int64_t length, int64_t n, int16_t **y, uint8_t **side) {
  if (length < 2 * n) return 0;
  *y = (int16_t *)copy(in, 2 * n);
  *side = (uint8_t *)copy(in + 2 * n, length - 2 * n);
  return 1;
}

/* -- entropy ------------------------------------------------------------------------------------------------------ */

#define CODER(NAME, ENCODE_WORK, DECODE_WORK)                                                     \
  static packet pack_##NAME(const int16_t *x, int64_t n, setting s) {                             \
    const int64_t capacity = less(2 * n, s), room = ENCODE_WORK();                                \
    void *work = allocate(room);                                                                  \
    packet p = {(uint8_t *)allocate(capacity), 0};                                                \
    p.length = n1c_##NAME##_encode(x, n, p.bytes, capacity, work, room);                          \
    if (n1c_##NAME##_encode(x, n, p.bytes, capacity, work, room - 1) >= 0) abort();               \
    free(work);                                                                                   \
    return p;                                                                                     \
  }                                                                                               \
  static int64_t unpack_##NAME(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) { \
    const int64_t room = DECODE_WORK();                                                           \
    void *work = workspace(room);                                                                 \
    const int64_t result = n1c_##NAME##_decode(in, length, x, n, work, room);                     \
    (void)s;                                                                                      \
    leave(work);                                                                                  \
    return result;                                                                                \
  }

CODER(huffman, n1c_huffman_encode_work_size, n1c_huffman_decode_work_size)
CODER(range, n1c_range_encode_work_size, n1c_range_decode_work_size)
CODER(rans, n1c_rans_encode_work_size, n1c_rans_decode_work_size)
CODER(arange, n1c_arange_work_size, n1c_arange_work_size)

static packet pack_rice(const int16_t *x, int64_t n, setting s) {
  const int64_t capacity = less(2 * n, s);
  packet p = {(uint8_t *)allocate(capacity), 0};
  p.length = n1c_rice_encode(x, n, p.bytes, capacity);
  return p;
}

static int64_t unpack_rice(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  (void)s;
  return n1c_rice_decode(in, length, x, n);
}

/* -- predictive --------------------------------------------------------------------------------------------------- */

static int64_t block_of(setting s) { return 1 + s.variant % 300; }

static packet pack_fixed(const int16_t *x, int64_t n, setting s) {
  const int64_t blocks = (n + block_of(s) - 1) / block_of(s);
  int16_t *y = (int16_t *)allocate(2 * n);
  uint8_t *orders = (uint8_t *)allocate(blocks);
  const int64_t result = n1c_fixed_encode(x, n, block_of(s), orders, less(blocks, s), y, n);
  return join(y, n, orders, blocks, result);
}

static int64_t unpack_fixed(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  int16_t *y;
  uint8_t *orders;
  if (!cut(in, length, n, &y, &orders)) return N1C_E_CORRUPT;
  const int64_t result = n1c_fixed_decode(y, n, block_of(s), orders, length - 2 * n, x, n);
  free(y);
  free(orders);
  return result;
}

static packet pack_lpc(const int16_t *x, int64_t n, setting s) {
  const int64_t block = block_of(s), room = n1c_lpc_encode_work_size(n, block), most = 70 * ((n + block - 1) / block);
  void *work = allocate(room);
  int16_t *y = (int16_t *)allocate(2 * n);
  uint8_t *side = (uint8_t *)allocate(most);
  const int64_t length = n1c_lpc_encode(x, n, block, s.variant / 300 % 33, 5 + s.variant / 7 % 11, work, room, side,
                                        less(most, s), y, n);
  free(work);
  return join(y, n, side, length < 0 ? 0 : length, length);
}

static int64_t unpack_lpc(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  int16_t *y;
  uint8_t *side;
  if (!cut(in, length, n, &y, &side)) return N1C_E_CORRUPT;
  const int64_t result = n1c_lpc_decode(y, n, block_of(s), side, length - 2 * n, x, n);
  free(y);
  free(side);
  return result;
}

#define ADAPTIVE_FILTER(NAME, ORDERS, STEPS)                                                                     \
  static packet pack_##NAME(const int16_t *x, int64_t n, setting s) {                                            \
    int16_t *y = (int16_t *)allocate(2 * n);                                                                     \
    const int64_t result =                                                                                       \
        n1c_##NAME##_encode(x, n, 1 + s.variant % (ORDERS), 1 + s.variant / 128 % (STEPS), y, less(n, s));       \
    return join(y, n, NULL, 0, result);                                                                          \
  }                                                                                                              \
  static int64_t unpack_##NAME(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {            \
    int16_t *y;                                                                                                  \
    uint8_t *side;                                                                                               \
    if (!cut(in, length, n, &y, &side)) return N1C_E_CORRUPT;                                                    \
    const int64_t result =                                                                                       \
        n1c_##NAME##_decode(y, n, 1 + s.variant % (ORDERS), 1 + s.variant / 128 % (STEPS), x, n);                \
    free(y);                                                                                                     \
    free(side);                                                                                                  \
    return result;                                                                                               \
  }

ADAPTIVE_FILTER(slms, 32, 16)
ADAPTIVE_FILTER(nlms, 128, 16)

static packet pack_kbit(const int16_t *x, int64_t n, setting s) {
  const int64_t bits = 2 + s.variant % 7, capacity = less((n * (bits + 16) + 7) / 8, s);
  packet p = {(uint8_t *)allocate(capacity), 0};
  p.length = n1c_kbit_encode(x, n, bits, p.bytes, capacity);
  return p;
}

static int64_t unpack_kbit(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  return n1c_kbit_decode(in, length, 2 + s.variant % 7, x, n);
}

/* -- transform ---------------------------------------------------------------------------------------------------- */

static packet pack_bitshuffle(const int16_t *x, int64_t n, setting s) {
  const int64_t capacity = less(16 * ((n + 7) / 8), s);
  packet p = {(uint8_t *)allocate(capacity), 0};
  p.length = n1c_bitshuffle16(x, n, p.bytes, capacity);
  return p;
}

static int64_t unpack_bitshuffle(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  (void)s;
  return n1c_bitunshuffle16(in, length, x, n);
}

/* -- n1 ------------------------------------------------------------------------------------------------------------ */

/* No profile, the built-in one by its number, or its bytes, some of them changed: whatever profile an encoder takes, the
 * decoder must undo, with the same instructions or others. */
static uint8_t *profile_of(setting s, int64_t *length) {
  uint8_t *profile;
  *length = s.variant % 4 == 0 ? 0 : s.variant % 4 == 1 ? 1 : n1_profile_n1_length;
  profile = (uint8_t *)copy(n1_profile_n1, *length);
  if (*length == 1) profile[0] = 1;
  for (uint32_t i = 0, v = s.variant; *length > 1 && i < s.variant % 3; i++) {
    v = v * 1664525u + 1013904223u; /* Knuth, The Art of Computer Programming, volume 2, section 3.3.4 */
    profile[(v >> 8) % (uint32_t)(v & 64 ? *length : 40)] = (uint8_t)(v >> 24);
  }
  return profile;
}

static packet pack_n1(const int16_t *x, int64_t n, setting s) {
  const int64_t capacity = less(2 * n + 1, s), room = n1c_n1_work_size(n);
  int64_t profile_length;
  uint8_t *profile = profile_of(s, &profile_length), *work = (uint8_t *)allocate(room);
  packet p = {(uint8_t *)allocate(capacity), 0};
  if (n1c_n1_profile(s.variant % 3, p.bytes, capacity) > capacity) abort();
  p.length = n1c_n1_encode(x, n, profile, profile_length, work, room, p.bytes, capacity, s.variant >> 8 & 1);
  if (p.length < 0 && s.variant % 4 > 1 && s.variant % 3) { /* the profile is refused: without it then */
    p.bytes = (uint8_t *)realloc(p.bytes, (size_t)(2 * n + 1));
    if (!p.bytes) abort();
    p.length = n1c_n1_encode(x, n, profile, 0, work, room, p.bytes, 2 * n + 1, s.variant >> 8 & 1);
  }
  if (n >= 4096 && s.variant % 4 > 1) {
    int32_t *trace = (int32_t *)allocate(6 * n * (int64_t)sizeof *trace);
    n1c_n1_trace(x, n, profile, profile_length, work, room, trace, 6 * n);
    free(trace);
  }
  free(work);
  free(profile);
  return p;
}

static int64_t unpack_n1(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  const int64_t room = n1c_n1_work_size(n);
  int64_t profile_length;
  uint8_t *profile = profile_of(s, &profile_length), *work = (uint8_t *)workspace(room);
  const int64_t result = n1c_n1_decode(in, length, profile, profile_length, work, room, x, n, s.variant >> 9 & 1);
  leave(work);
  free(profile);
  return result;
}

/* -- n1_implant ---------------------------------------------------------------------------------------------------- */

/* The built-in tables by no bytes, or as bytes, some of them changed: refused, or good for both ways. */
static uint8_t *tables_of(setting s, int64_t *length) {
  const int64_t size = n1c_n1_implant_tables_size();
  uint8_t *tables = (uint8_t *)allocate(size);
  if (n1c_n1_implant_tables(tables, size) != size || n1c_n1_implant_tables(tables, size - 1) >= 0) abort();
  for (uint32_t i = 0, v = s.variant; i < s.variant % 3; i++) {
    v = v * 1664525u + 1013904223u;
    tables[(v >> 8) % (uint32_t)size] = (uint8_t)(v >> 24);
  }
  *length = s.variant % 4 ? size : 0;
  return tables;
}

static packet pack_n1_implant(const int16_t *x, int64_t n, setting s) {
  const int64_t capacity = less(2 * n + 1, s), room = n1c_n1_implant_work_size(n), state_size = n1c_n1_implant_state_size() / (int64_t)sizeof(int16_t);
  int64_t length;
  uint8_t *tables = tables_of(s, &length);
  int16_t *state = (int16_t *)allocate(2 * state_size);
  void *work = allocate(room);
  int32_t *trace = (int32_t *)allocate(6 * n * (int64_t)sizeof *trace);
  packet p = {(uint8_t *)allocate(capacity), 0};
  p.length = n1c_n1_implant_encode(x, n, tables, length, work, room, p.bytes, capacity);
  n1c_n1_implant_trace(x, n, tables, length, trace, 6 * n, state, state_size);
  if (p.length == N1C_E_ARGUMENT && length && s.variant % 3) { /* the tables are refused: the built-in ones then */
    p.bytes = (uint8_t *)realloc(p.bytes, (size_t)(2 * n + 1));
    if (!p.bytes) abort();
    p.length = n1c_n1_implant_encode(x, n, tables, 0, work, room, p.bytes, 2 * n + 1);
  }
  free(trace);
  free(state);
  free(work);
  free(tables);
  return p;
}

static int64_t unpack_n1_implant(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  int64_t tables_length;
  uint8_t *tables = tables_of(s, &tables_length);
  const int64_t room = n1c_n1_implant_work_size(n);
  void *work = allocate(room);
  int64_t result = n1c_n1_implant_decode(in, length, tables, tables_length, work, room, x, n);
  if (result == N1C_E_ARGUMENT) result = n1c_n1_implant_decode(in, length, tables, 0, work, room, x, n);
  free(work);
  free(tables);
  return result;
}

/* -- n1_max -------------------------------------------------------------------------------------------------------- */

/* Training on anything, from the built-in tables, some of their bytes changed. */
static void learn_n1_max(const int16_t *x, int64_t n, setting s) {
  const int64_t files = 1 + s.variant % 3, length = n / files, room = n1c_n1_max_learn_work_size(files), most = 1 << 16, parameters = 6968;
  uint8_t *tables = (uint8_t *)allocate(most), *work = (uint8_t *)allocate(room);
  uint16_t *codes = (uint16_t *)allocate(2 * n);
  float *net = (float *)allocate(2 * parameters * (int64_t)sizeof *net);
  const int64_t size = n1c_n1_max_tables(tables, most);
  if (size < 0 || n1c_n1_max_tables(tables, size - 1) >= 0) abort();
  for (uint32_t i = 0, v = s.variant; i < s.variant % 5; i++) {
    v = v * 1664525u + 1013904223u;
    tables[(v >> 8) % (uint32_t)size] = (uint8_t)(v >> 24);
  }
  for (int64_t i = 0; i < n; i++) codes[i] = (uint16_t)x[i] & 1023;
  for (int64_t i = 0; i < 2 * parameters; i++) net[i] = 0.01f;
  n1c_n1_max_learn(codes, files * length, tables, size, net, 2 * parameters, work, room, files,
                   s.variant & 16 ? 100000 : 0);
  free(net);
  free(codes);
  free(work);
  free(tables);
}

static packet pack_n1_max(const int16_t *x, int64_t n, setting s) {
  const int64_t capacity = less(2 * n + 1, s), room = n1c_n1_max_work_size(n);
  uint8_t *work = (uint8_t *)allocate(room);
  packet p = {(uint8_t *)allocate(capacity), 0};
  p.length = n1c_n1_max_encode(x, n, work, room, p.bytes, capacity, s.variant >> 8 & 1);
  free(work);
  if (n < 1000 && !s.shortage) learn_n1_max(x, n, s);
  return p;
}

static int64_t unpack_n1_max(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  const int64_t room = n1c_n1_max_work_size(n);
  uint8_t *work = (uint8_t *)workspace(room);
  const int64_t result = n1c_n1_max_decode(in, length, work, room, x, n, s.variant >> 9 & 1);
  leave(work);
  return result;
}

/* -- n1_multi ------------------------------------------------------------------------------------------------------- */

/* How many channels n samples are of. */
static int64_t channels_of(int64_t n, setting s) {
  int64_t channels = 1 + s.variant % 12;
  while (n % channels) channels--;
  return channels;
}

/* Encodes with either kind of instructions: the bytes are the same. */
static int64_t encode_multi(const int16_t *x, int64_t n, const uint8_t *model, int64_t model_length, int64_t frames,
                            uint8_t *out, int64_t capacity) {
  const int64_t room = n1c_multi_encode_work_size(model, model_length, frames);
  uint8_t *work = (uint8_t *)allocate(room), *other = (uint8_t *)allocate(capacity);
  const int64_t length = n1c_multi_encode(x, n, model, model_length, frames, work, room, out, capacity, 1);
  if (n1c_multi_encode(x, n, model, model_length, frames, work, room, other, capacity, 0) != length) abort();
  if (length > 0 && memcmp(out, other, (size_t)length)) abort();
  if (n1c_multi_encode(x, n, model, model_length, frames, work, room - 1, other, capacity, 0) >= 0) abort();
  free(work);
  free(other);
  return length;
}

/* The same for decoders, with good bytes and bad ones. */
static int64_t decode_multi(const uint8_t *in, int64_t length, const uint8_t *model, int64_t model_length, int16_t *x,
                            int64_t n, int64_t frames) {
  const int64_t room = n1c_multi_decode_work_size(model, model_length, frames);
  int16_t *other;
  uint8_t *work;
  int64_t result;
  if (room < 0) return room;
#ifdef N1C_LIBFUZZER
  if (room > 1 << 23) return N1C_E_CORRUPT; /* a model may ask for some memory for each of its bytes, but that takes time */
#endif
  other = (int16_t *)allocate(2 * n);
  work = (uint8_t *)workspace(room);
  result = n1c_multi_decode(in, length, model, model_length, frames, work, room, x, n, 1);
  if (n1c_multi_decode(in, length, model, model_length, frames, work, room, other, n, 0) != result) abort();
  if (result >= 0 && memcmp(x, other, (size_t)(2 * n))) abort();
  if (n1c_multi_decode(in, length, model, model_length, frames, work, room - 1, other, n, 0) >= 0) abort();
  leave(work);
  free(other);
  return result;
}

/* A model behind its length, and a chunk. */
static packet pack_n1_multi(const int16_t *x, int64_t n, setting s) {
  const int64_t channels = channels_of(n, s), frames = n / channels, capacity = less(2 * n + 1, s);
  const int64_t most = 2 * n + 64 * channels + 1024, room = n1c_multi_fit_work_size(frames, channels);
  const int64_t fast = s.variant >> 9 & 1;
  int32_t *converters = (int32_t *)allocate(4 * channels);
  uint8_t *model = (uint8_t *)allocate(most), *other = (uint8_t *)allocate(most), *work = (uint8_t *)allocate(room);
  packet p = {NULL, 0};
  int64_t length;
  for (int64_t i = 0; i < channels; i++) converters[i] = (int32_t)(i % (1 + (s.variant >> 10) % 3));
  length = n1c_multi_fit(x, n, converters, channels, work, room, model, most, fast, 1);
  if (length < 0 || n1c_multi_fit(x, n, converters, channels, work, room, other, most, fast, 0) != length) abort();
  if (memcmp(model, other, (size_t)length)) abort();
  if (n1c_multi_fit(x, n, converters, channels, work, room - 1, other, most, fast, 0) >= 0) abort();
  if (n1c_multi_fit(x, n, converters, channels, work, room, other, length - 1, fast, 0) >= 0) abort();
  p.bytes = (uint8_t *)allocate(2 + length + capacity);
  p.bytes[0] = (uint8_t)length;
  p.bytes[1] = (uint8_t)(length >> 8);
  memcpy(p.bytes + 2, model, (size_t)length);
  p.length = encode_multi(x, n, model, length, frames, p.bytes + 2 + length, capacity);
  if (p.length >= 0) p.length += 2 + length;
  free(converters);
  free(model);
  free(other);
  free(work);
  return p;
}

/* Whatever bytes a decoder takes as a model, an encoder can code with; a stored chunk's model is not looked at. */
static int64_t unpack_n1_multi(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  const int64_t frames = n / channels_of(n, s), model_length = length < 2 ? 0 : in[0] | in[1] << 8;
  uint8_t *model, *chunk;
  int64_t result;
  if (length < 2 + model_length) return N1C_E_CORRUPT;
  model = (uint8_t *)copy(in + 2, model_length);
  length -= 2 + model_length;
  chunk = (uint8_t *)copy(in + 2 + model_length, length);
  result = decode_multi(chunk, length, model, model_length, x, n, frames);
  if (result >= 0 && chunk[0]) {
    uint8_t *again = (uint8_t *)allocate(2 * n + 1);
    int16_t *y = (int16_t *)allocate(2 * n);
    const int64_t size = encode_multi(x, n, model, model_length, frames, again, 2 * n + 1);
    if (again[0] && decode_multi(again, size, model, model_length, y, n, frames) < 0) abort();
    if (again[0] && memcmp(x, y, (size_t)(2 * n))) abort();
    free(again);
    free(y);
  }
  free(model);
  free(chunk);
  return result;
}

/* -- streaming ----------------------------------------------------------------------------------------------------- */

typedef struct {
  int64_t codec, channels, frames, period, bytes, simd;
  uint8_t *memory;
} link;

#define SHAPES 32

/* Makes a profile of n1_multi for packets of some noise. Its length. */
static int64_t make_profile(int64_t channels, uint8_t **profile) {
  const int64_t frames = 96, n = frames * channels, room = n1c_multi_fit_work_size(frames, channels);
  const int64_t most = 2 * n + 64 * channels + 1024;
  int16_t *x = (int16_t *)allocate(2 * n);
  int32_t *converters = (int32_t *)allocate(4 * channels);
  uint8_t *work = (uint8_t *)allocate(room);
  uint32_t seed = 1;
  int64_t length;
  *profile = (uint8_t *)allocate(most + 5);
  memcpy(*profile, "N1P\2", 5); /* and no model for files */
  for (int64_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (int16_t)((i < 1 ? 0 : x[i - 1] / 2) + (int32_t)(seed >> 26) - 32);
  }
  for (int64_t i = 0; i < channels; i++) converters[i] = (int32_t)(i % 3);
  length = n1c_multi_fit(x, n, converters, channels, work, room, *profile + 5, most, 2, 1);
  if (length < 0) abort();
  free(work);
  free(converters);
  free(x);
  return 5 + length;
}

/* Such a profile, made once for each number of channels. */
static uint8_t *channels_profile(int64_t channels, int64_t *length) {
  static uint8_t *kept[1024];
  static int64_t lengths[1024];
  if (!kept[channels]) lengths[channels] = make_profile(channels, kept + channels);
  *length = lengths[channels];
  return (uint8_t *)copy(kept[channels], *length);
}

static link open_link(setting s) {
#ifdef N1C_LIBFUZZER
  const uint32_t shape = s.variant % SHAPES; /* all codecs, tables of both kinds, and one section or two */
  const uint32_t v = shape * 2749 % 32768 + (shape % 8 == 4 ? 1u << 16 : 0) + ((shape & 3) << 20) +
                     (shape / 4 % 4 == 3 ? 3u << 22 : shape / 4 % 4 == 1 ? 2u << 22 : 0);
#else
  const uint32_t v = s.variant;
#endif
  const int implant = v >> 20 & 1, any = (v >> 22 & 3) == 3, multi = (v >> 22 & 3) == 2;
  const int own = !any && v >> 21 & 1; /* tables or a profile by its bytes, or the built-in one */
  link k = {any ? N1C_STREAM_ANY : multi ? N1C_STREAM_MULTI : implant ? N1C_STREAM_IMPLANT : N1C_STREAM_N1, 1 + v % 37, 1 + (v >> 6) % 24,
            1 + (v >> 11) % 9, 0, s.variant >> 15 & 1, NULL};
  int64_t length = !own ? 1 : implant ? n1c_n1_implant_tables_size() : n1_profile_n1_length;
  uint8_t *profile;
  if (v >> 16 & 1) k.channels += 500; /* two sections or one */
  if (multi) {
    profile = channels_profile(k.channels, &length);
  } else {
    profile = (uint8_t *)allocate(length);
    if (!own) profile[0] = 1;
    else if (implant) n1c_n1_implant_tables(profile, length);
    else memcpy(profile, n1_profile_n1, (size_t)length);
  }
  k.bytes = n1c_stream_memory_size(k.codec, k.channels, k.frames) + n1c_stream_profile_size(k.codec, profile, length);
  k.memory = (uint8_t *)allocate(k.bytes);
  if (n1c_stream_open(k.memory, k.bytes - 1, k.codec, profile, length, k.channels, k.frames, k.period) >= 0) abort();
  if (n1c_stream_open(k.memory, k.bytes, k.codec, profile, multi ? length / 2 : length - 1, k.channels, k.frames,
                      k.period) >= 0)
    abort();
  if (n1c_stream_open(k.memory, k.bytes, k.codec, profile, length, k.channels, k.frames, k.period) < 0) abort();
  free(profile);
  return k;
}

/* The decoder of a link. The target opens one of each of a few shapes and restarts it with every input. */
#ifdef N1C_LIBFUZZER
static link open_receiver(setting s) {
  static link kept[SHAPES];
  link *k = &kept[s.variant % SHAPES];
  if (!k->memory) *k = open_link(s);
  k->simd = s.variant >> 15 & 1;
  if (n1c_stream_restart(k->memory, k->bytes)) abort();
  return *k;
}

static void close_receiver(link k) { (void)k; }
#else
static link open_receiver(setting s) { return open_link(s); }
static void close_receiver(link k) { free(k.memory); }
#endif

/* Packets one after the other, each behind its length. */
static packet pack_stream(const int16_t *x, int64_t n, setting s) {
  link k = open_link(s);
  const int64_t size = k.channels * k.frames, most = n1c_stream_packet_capacity(k.channels, k.frames);
  packet p = {(uint8_t *)allocate((n + size - 1) / size * (most + 4)), 0};
  for (int64_t i = 0; i < n && p.length >= 0; i += size) {
    const int64_t room = less(most, s);
    int16_t *frames = (int16_t *)allocate(2 * size);
    uint8_t *out = (uint8_t *)allocate(room);
    int64_t length;
    memset(frames, 0, (size_t)(2 * size));
    memcpy(frames, x + i, (size_t)(2 * (n - i < size ? n - i : size)));
    if ((s.variant >> 17) % 5 == 0 && n1c_stream_restart(k.memory, k.bytes)) abort();
    length = n1c_stream_encode(k.memory, k.bytes, frames, size, out, room, k.simd);
    if (length < 0) {
      p.length = length;
    } else {
      for (int b = 0; b < 4; b++) p.bytes[p.length++] = (uint8_t)(length >> 8 * b);
      memcpy(p.bytes + p.length, out, (size_t)length);
      p.length += length;
    }
    free(out);
    free(frames);
  }
  free(k.memory);
  return p;
}

static int64_t unpack_stream(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  link k = open_receiver(s);
  const int64_t size = k.channels * k.frames;
  int16_t *frames = (int16_t *)allocate(2 * size);
  uint8_t *valid = (uint8_t *)allocate(k.channels);
  int64_t result = 0;
  for (int64_t i = 0; i < n && length >= 4; i += size) {
    const int64_t told = in[0] | in[1] << 8 | in[2] << 16, bytes = told < length - 4 ? told : length - 4;
    uint8_t *one = (uint8_t *)copy(in + 4, bytes);
    const int64_t missing = n1c_stream_decode(k.memory, k.bytes, one, bytes, frames, size, valid, k.channels, !k.simd);
    if (missing) result = -1;
    if (missing >= 0) memcpy(x + i, frames, (size_t)(2 * (n - i < size ? n - i : size)));
    free(one);
    in += 4 + bytes;
    length -= 4 + bytes;
  }
  free(valid);
  free(frames);
  close_receiver(k);
  return result;
}

/* -- correlation --------------------------------------------------------------------------------------------------- */

/* Both ways to count pairs of samples agree, whatever the ranks are; what is out of range is refused. */
static void correlate(const uint16_t *ranks, int64_t size, setting s) {
  const int64_t channels = 1 + s.variant % 3, frames = size / channels, values = 1 + (s.variant >> 2 & 255);
  const int64_t room = n1c_kendall_table_work_size(values, values), x = s.variant >> 10 & 1;
  uint16_t *few = (uint16_t *)allocate(2 * channels * frames);
  const int64_t tree_room = n1c_kendall_tree_work_size(values);
  void *table = allocate(room), *work = allocate(tree_room);
  uint32_t *first = (uint32_t *)allocate(4 * frames), *second = (uint32_t *)allocate(4 * frames);
  int64_t levels[3] = {values, values, values}, others[3], out[3], one[1], result;
  for (int64_t i = 0; i < channels * frames; i++) few[i] = (uint16_t)(ranks[i] % values);
  for (int64_t i = 0; i < 3; i++) others[i] = i;

  result = n1c_kendall_table(few, channels * frames, levels, channels, x, others, channels, table, room, out, channels);
  if (result != (x < channels ? channels : N1C_E_ARGUMENT)) abort();
  if (result > 0) {
    int64_t at = 0;
    const uint16_t *a = few + x * frames, *b = few + (channels - 1) * frames;
    for (int64_t v = 0; v < values; v++)
      for (int64_t i = 0; i < frames; i++)
        if (a[i] == v) first[at] = (uint32_t)v, second[at++] = b[i];
    if (n1c_kendall_tree(first, frames, second, frames, values, work, tree_room, one, 1) != 1) abort();
    if (one[0] != out[channels - 1]) abort();
  }

  n1c_kendall_table(few, channels * frames, levels, channels, x, others, channels, table, room - 1, out, channels);
  n1c_kendall_table(ranks, channels * frames, levels, channels, 0, others, channels, table, room, out, channels);
  n1c_kendall_table(few, size, levels, channels, 0, others, channels, table, room, out, channels - 1);
  levels[s.variant >> 11 & 1] -= (int64_t)(s.variant >> 13 & 511);
  others[s.variant >> 12 & 1] += (int64_t)(s.variant >> 22 & 7) - 3;
  n1c_kendall_table(few, channels * frames, levels, channels, x, others, channels, table, room, out, channels);
  for (int64_t i = 0; i < frames; i++) {
    first[i] = (uint32_t)i / 2 + ranks[i] / 60000;
    second[i] = ranks[i] % (values + (ranks[i] > 65000));
  }
  n1c_kendall_tree(first, frames, second, frames, values, work, tree_room, one, 1);
  n1c_kendall_tree(first, frames, second, frames, values, work, tree_room - 1, one, 1);
  n1c_kendall_tree(first, frames, second, frames, values, work, tree_room, one, 0);
  free(second);
  free(first);
  free(work);
  free(table);
  free(few);
}

static packet pack_kendall(const int16_t *x, int64_t n, setting s) {
  packet p = {(uint8_t *)copy(x, 2 * n), 2 * n};
  correlate((const uint16_t *)x, n < 3000 ? n : 3000, s);
  return p;
}

static int64_t unpack_kendall(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  uint16_t *ranks = (uint16_t *)copy(in, length / 2 * 2);
  correlate(ranks, length < 6000 ? length / 2 : 3000, s);
  free(ranks);
  if (length != 2 * n) return N1C_E_CORRUPT;
  memcpy(x, in, (size_t)length);
  return n;
}

/* -- mdct ------------------------------------------------------------------------------------------------------------ */

/* A packet begins with its step, of two bytes. The finest steps give back every sample; with a coarser one the encoder
 * says what comes back. */

static packet pack_mdct(const int16_t *x, int64_t n, setting s) {
  const int64_t capacity = less(16 * (n + 512), s), room = n1c_mdct_encode_work_size();
  const int64_t step = 16 + s.variant % 49;
  void *work = allocate(room);
  int32_t *wide = (int32_t *)allocate(4 * n);
  packet p = {(uint8_t *)allocate(2 + capacity), 0};
  for (int64_t i = 0; i < n; i++) wide[i] = x[i];
  int32_t *back = (int32_t *)allocate(4 * n), *again = (int32_t *)allocate(4 * n);
  const int64_t noise = s.variant % 2 ? n : 0, wanted = s.variant % 2 ? 0 : n / 4;
  p.length = n1c_mdct_encode_to(wide, n, 50 * step, 90, noise, wanted, p.bytes + 2, capacity, back, n, work, room);
  if (p.length > 0) {
    void *kept = allocate(n1c_mdct_decode_work_size());
    if (n1c_mdct_decode(p.bytes + 2, p.length, 50 * step, again, n, kept, n1c_mdct_decode_work_size()) != n) abort();
    for (int64_t i = 0; i < n; i++)
      if (back[i] != again[i]) abort();
    free(kept);
  }
  free(back);
  free(again);
  int64_t counts[N1C_MDCT_CLASSES], numbers = n1c_mdct_sizes(wide, n, counts, N1C_MDCT_CLASSES);
  for (int i = 0; i < N1C_MDCT_CLASSES; i++) numbers -= counts[i];
  if (numbers) abort();
  p.bytes[0] = (uint8_t)step, p.bytes[1] = 0;
  p.length = n1c_mdct_encode(wide, n, step, 0, p.bytes + 2, capacity, work, room);
  if (p.length >= 0) p.length += 2;
  if (n1c_mdct_encode(wide, n, step, 0, p.bytes + 2, capacity, work, room - 1) >= 0) abort();
  free(wide);
  free(work);
  return p;
}

static int64_t unpack_mdct(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  const int64_t room = n1c_mdct_decode_work_size();
  if (length < 2) return N1C_E_CORRUPT;
  void *work = workspace(room);
  int32_t *wide = (int32_t *)allocate(4 * n);
  const int64_t result = n1c_mdct_decode(in + 2, length - 2, in[0] | in[1] << 8, wide, n, work, room);
  (void)s;
  for (int64_t i = 0; result >= 0 && i < n; i++) x[i] = (int16_t)wide[i];
  free(wide);
  leave(work);
  return result;
}

/* -- events ---------------------------------------------------------------------------------------------------------- */

/* A packet of events is the last one of its samples, behind its length; the samples stand behind it, which no packet of
 * events gives back. The decoder gets it with the right checksum, whatever is in it. */

static uint8_t *open_events(setting s, int64_t *channels, int64_t *frames, int64_t *room) {
  const int32_t settings[N1C_EVENTS_SETTINGS] = {1 + (int32_t)(s.variant >> 8) % 8, 8, 20, 1 + (int32_t)(s.variant >> 12) % 64,
                                                 100, (int32_t)(s.variant >> 18) % 500 * 1000, s.variant % 5 ? 31 : 15,
                                                 1000};
  *channels = 1 + s.variant % 9, *frames = 16 + (s.variant >> 4) % 17;
  *room = n1c_events_memory_size(*channels, *frames);
  uint8_t *memory = (uint8_t *)allocate(*room);
  if (n1c_events_open(memory, *room - 1, *channels, *frames, settings, N1C_EVENTS_SETTINGS) != N1C_E_CAPACITY) abort();
  if (n1c_events_open(memory, *room, *channels, *frames, settings, N1C_EVENTS_SETTINGS) != *room) abort();
  return memory;
}

static int64_t receive_events(uint8_t *memory, int64_t room, int64_t channels, const uint8_t *in, int64_t length) {
  const int64_t wave_room = 2 * N1C_EVENTS_MOST * N1C_EVENTS_SNIPPET, field_room = (1 + N1C_EVENTS_BLOCK) * channels;
  int32_t *events = (int32_t *)allocate(4 * 2 * N1C_EVENTS_MOST), *bins = (int32_t *)allocate(4 * 4 * channels);
  int16_t *waves = (int16_t *)allocate(2 * wave_room), *field = (int16_t *)allocate(2 * field_room);
  int64_t counts[N1C_EVENTS_COUNTS];
  const int64_t result = n1c_events_decode(memory, room, in, length, events, 2 * N1C_EVENTS_MOST, waves, wave_room, bins,
                                           4 * channels, field, field_room, counts, N1C_EVENTS_COUNTS);
  free(events), free(bins), free(waves), free(field);
  return result;
}

static packet pack_events(const int16_t *x, int64_t n, setting s) {
  int64_t channels, frames, room;
  uint8_t *encoder = open_events(s, &channels, &frames, &room), *decoder = open_events(s, &channels, &frames, &room);
  const int64_t size = channels * frames, capacity = 65536 + 3;
  uint8_t *out = (uint8_t *)allocate(capacity);
  int32_t *found = (int32_t *)allocate(4 * 2 * N1C_EVENTS_MOST);
  int64_t length = 0;
  for (int64_t i = 0; i < n; i += size) {
    int16_t *some = (int16_t *)allocate(2 * size);
    memset(some, 0, (size_t)(2 * size));
    memcpy(some, x + i, (size_t)(2 * (n - i < size ? n - i : size)));
    if (n1c_events_encode(encoder, room, some, size, out, 3, out, capacity - 1) != N1C_E_CAPACITY) abort();
    length = n1c_events_encode(encoder, room, some, size, (const uint8_t *)"abc", 3, out, capacity);
    if (length < 0 || receive_events(decoder, room, channels, out, length)) abort();
    if (n1c_events_found(encoder, room, found, 2 * N1C_EVENTS_MOST - 1) != N1C_E_CAPACITY) abort();
    if ((uint64_t)n1c_events_found(encoder, room, found, 2 * N1C_EVENTS_MOST) > N1C_EVENTS_MOST) abort();
    free(some);
  }
  packet p = {(uint8_t *)allocate(3 + length + 2 * n), 3 + length + 2 * n};
  for (int b = 0; b < 3; b++) p.bytes[b] = (uint8_t)(length >> 8 * b);
  memcpy(p.bytes + 3, out, (size_t)length);
  memcpy(p.bytes + 3 + length, x, (size_t)(2 * n));
  free(out), free(found), free(encoder), free(decoder);
  return p;
}

static int64_t unpack_events(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s) {
  if (length < 3) return N1C_E_CORRUPT;
  const int64_t told = in[0] | in[1] << 8 | in[2] << 16, bytes = told < length - 3 ? told : length - 3;
  int64_t channels, frames, room;
  uint8_t *decoder = open_events(s, &channels, &frames, &room), *one = (uint8_t *)copy(in + 3, bytes);
  if (bytes >= 5) {
    const uint32_t checksum = n1c_crc32(n1c_crc32(0, one, 3), one + 5, bytes - 5);
    one[3] = (uint8_t)checksum, one[4] = (uint8_t)(checksum >> 8);
  }
  receive_events(decoder, room, channels, one, bytes);
  free(decoder), free(one);
  if (length - 3 - bytes != 2 * n) return N1C_E_CORRUPT;
  memcpy(x, in + 3 + bytes, (size_t)(2 * n));
  return n;
}

/* -- all of them -------------------------------------------------------------------------------------------------- */

typedef struct {
  const char *name;
  packet (*pack)(const int16_t *x, int64_t n, setting s);
  int64_t (*unpack)(const uint8_t *in, int64_t length, int16_t *x, int64_t n, setting s);
  int64_t most; /* samples that the target decodes at a time: what matters happens to the first ones */
} kernel;

#define SLOW_KERNEL(NAME, MOST) {#NAME, pack_##NAME, unpack_##NAME, MOST}
#define KERNEL(NAME) SLOW_KERNEL(NAME, 1024)

static const kernel kernels[] = {
    KERNEL(huffman), KERNEL(range), KERNEL(rans), KERNEL(arange), KERNEL(rice), KERNEL(fixed),
    KERNEL(lpc),     KERNEL(slms),  KERNEL(nlms), KERNEL(kbit),   KERNEL(bitshuffle), SLOW_KERNEL(n1, 256),
    KERNEL(n1_implant), KERNEL(stream), SLOW_KERNEL(n1_max, 24), SLOW_KERNEL(n1_multi, 256),
    KERNEL(kendall), SLOW_KERNEL(mdct, 300), KERNEL(events),
};
static const int kernel_count = (int)(sizeof kernels / sizeof *kernels);

static void fail(const kernel *k, setting s, int64_t n, const char *what, int64_t result) {
  fprintf(stderr, "%s, variant %lu, %ld samples: %s (%ld)\n", k->name, (unsigned long)s.variant, (long)n, what,
          (long)result);
  abort();
}

static packet round_trip(const kernel *k, const int16_t *x, int64_t n, setting s) {
  packet p = k->pack(x, n, s);
  if (p.length < 0) {
    if (!s.shortage) fail(k, s, n, "its encoder refuses samples", p.length);
    return p;
  }
  uint8_t *in = (uint8_t *)copy(p.bytes, p.length);
  int16_t *y = (int16_t *)allocate(2 * n);
  const int64_t result = k->unpack(in, p.length, y, n, s);
  if (result < 0) fail(k, s, n, "its decoder refuses its encoder's bytes", result);
  if (memcmp(x, y, (size_t)(2 * n))) fail(k, s, n, "other samples come back", result);
  free(in);
  free(y);
  return p;
}

static uint32_t state = 1;

static uint32_t below(uint32_t bound) { /* xorshift (Marsaglia, 2003) */
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % bound;
}

static int16_t *samples(int64_t n) {
  int16_t *x = (int16_t *)allocate(2 * n);
  const uint32_t kind = below(9), spread = 1u << below(16), step = below(3) ? 1 : 64;
  int32_t last = 0;
  for (int64_t i = 0; i < n; i++) {
    int32_t v = 0;
    switch (kind) {
      case 0: v = (int32_t)below(65536) - 32768; break;
      case 1: v = 777; break;
      case 2: v = i & 1 ? 32767 : -32768; break;
      case 3: v = below(40) ? 0 : (int32_t)below(65536) - 32768; break;
      case 4: last += (int32_t)below(7) - 3; v = last * (int32_t)step; break;
      case 5: v = (int32_t)i; break;
      case 6: /* N1's 10 bits stretched to 16 */
        v = 512 + (int32_t)below(spread) + (int32_t)below(spread) - (int32_t)spread;
        v = ((v < 0 ? 0 : v > 1023 ? 1023 : v) * 65535 - 32768 * 1023) / 1023;
        break;
      default: v = ((int32_t)below(spread) + (int32_t)below(spread) - (int32_t)spread) * (int32_t)step; break;
    }
    x[i] = (int16_t)(v > 32767 ? 32767 : v < -32768 ? -32768 : v);
  }
  return x;
}

#ifdef N1C_LIBFUZZER

#define HEAD 6

static const kernel *chosen;
static int round_trips;

/* What the encoder makes of some samples: everything that a decoder is to get past, in small. */
static void write_seeds(const char *folder) {
  char path[4096];
  for (int i = 0; i < 96; i++) {
    const int64_t n = 1 + below(i % 8 && chosen->most > 48 ? 48 : (uint32_t)chosen->most);
    const setting s = {below(0x7FFFFFFF), 0};
    int16_t *x = samples(n);
    packet p = round_trip(chosen, x, n, s);
    const uint8_t head[HEAD] = {(uint8_t)s.variant, (uint8_t)(s.variant >> 8), (uint8_t)(s.variant >> 16),
                                (uint8_t)(s.variant >> 24), (uint8_t)(n - 1), (uint8_t)((n - 1) >> 8)};
    FILE *file;
    snprintf(path, sizeof path, "%s/seed-%02d", folder, i);
    if (!(file = fopen(path, "wb"))) abort();
    fwrite(head, 1, sizeof head, file);
    if (round_trips) fwrite(x, 2, (size_t)n, file);
    else fwrite(p.bytes, 1, (size_t)p.length, file);
    if (fclose(file)) abort();
    free(p.bytes);
    free(x);
  }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  const char *name = getenv("N1C_KERNEL"), *seeds = getenv("N1C_SEEDS");
  (void)argc;
  (void)argv;
  for (int i = 0; name && i < kernel_count; i++)
    if (!strcmp(name, kernels[i].name)) chosen = &kernels[i];
  if (!chosen) {
    fprintf(stderr, "N1C_KERNEL is no kernel\n");
    exit(1);
  }
  round_trips = getenv("N1C_ROUND_TRIPS") != NULL;
  if (seeds) write_seeds(seeds);
  return 0;
}

/* As libFuzzer mutates, but seldom towards a payload of n1 with thousands of codes, all of which get their table entries. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (!strncmp(chosen->name, "n1", 3 + (chosen->name[2] == '_')) && size > HEAD + 8 && seed % 64) data[HEAD + 8] &= 1;
  return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < HEAD + (round_trips ? 2 : 0)) return 0;
  const setting s = {data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24, 0};
  const int64_t length = (int64_t)size - HEAD, n = 1 + (data[4] | data[5] << 8) % chosen->most;
  if (round_trips) {
    int16_t *x = (int16_t *)copy(data + HEAD, length / 2 * 2);
    free(round_trip(chosen, x, length / 2, s).bytes);
    free(x);
  } else {
    int16_t *x = (int16_t *)allocate(2 * n);
    chosen->unpack(data + HEAD, length, x, n, s); /* the input ends where its block does */
    free(x);
  }
  return 0;
}

#else

static void decode_anything(const kernel *k, const uint8_t *bytes, int64_t length, int64_t n, setting s) {
  uint8_t *in = (uint8_t *)copy(bytes, length);
  int16_t *x = (int16_t *)allocate(2 * n);
  k->unpack(in, length, x, n, s);
  free(in);
  free(x);
}

static void mutate(uint8_t **bytes, int64_t *length) {
  const int64_t longer = *length + below(9);
  uint8_t *b = (uint8_t *)allocate(longer);
  if (*length) memcpy(b, *bytes, (size_t)*length);
  for (int64_t i = *length; i < longer; i++) b[i] = (uint8_t)below(256);
  free(*bytes);
  *bytes = b;
  if (below(3)) *length = longer;
  if (!below(3)) *length = below((uint32_t)*length + 1);
  for (uint32_t i = below(6); i > 0 && *length; i--) {
    const uint32_t reach = below(2) ? (uint32_t)*length : (*length < 32 ? (uint32_t)*length : 32);
    b[below(reach)] = below(4) ? (uint8_t)below(256) : below(2) ? 0xFF : 0;
  }
}

int main(int argc, char **argv) {
  const long iterations = argc > 1 ? atol(argv[1]) : 1000;
  state = argc > 2 ? (uint32_t)atol(argv[2]) | 1u : 1u;
  if (n1c_version() != N1C_VERSION || n1c_n1_implant_coder_size() > 16) abort();
  for (int i = 0; i < kernel_count; i++) {
    const kernel *k = &kernels[i];
    if (argc > 3 && strcmp(argv[3], k->name)) continue;
    for (long round = 0; round < iterations; round++) {
      const int64_t n = 1 + below(round % 50 ? 300 : 20000);
      setting s = {below(0x7FFFFFFF), 0};
      int16_t *x = samples(n);
      packet p = round_trip(k, x, n, s);
      s.shortage = 1 + below(16);
      free(round_trip(k, x, n, s).bytes);
      s.shortage = 0;
      for (int j = 0; j < 4; j++) {
        mutate(&p.bytes, &p.length);
        decode_anything(k, p.bytes, p.length, below(3) ? n : 1 + (int64_t)below(70000), s);
      }
      for (int64_t at = 0; at < p.length; at++) p.bytes[at] = (uint8_t)below(256);
      decode_anything(k, p.bytes, p.length, n, s);
      free(p.bytes);
      free(x);
    }
    printf("%s: %ld rounds\n", k->name, iterations);
  }
  return 0;
}

#endif
