/* The HDF5 filter plugin (docs/hdf5.md): chunks of (frames, channels) as n1, n1_multi or planes|arange.
 *
 * It is linked to no libhdf5, and works with any from 1.10 on: what it needs of it, it looks up in the one that calls it,
 * of which a process may have several. The declarations below are those of H5Zpublic.h and H5PLextern.h. */
#if defined(_MSC_VER)
#  include <intrin.h>
#endif
#if defined(_WIN32)
#  include <windows.h>
#else
#  define _GNU_SOURCE /* dladdr */
#  include <dlfcn.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "filter.h"
#include "payload.h"

#if defined(_WIN32)
#  define EXPORT __declspec(dllexport)
#else
#  define EXPORT __attribute__((visibility("default")))
#endif

/* -- the samples of a chunk ---------------------------------------------------------------------------------------- */

#define MOST_BYTES 0xFFFFFFFFu /* of a chunk, in HDF5 */
#define MOST_CHANNELS ((int64_t)1 << 20)

/* What a chunk begins with: what follows the checksum of its samples. */
enum { STORED = 1, CODED = 2 };
#define BEFORE 5

typedef struct {
  int codec, big_endian;
  n1c_shape shape;
} chunk;

static int is_float(int dtype) { return dtype >= N1C_FLOAT16; }

/* What the numbers beside a dataset say of its chunks; 0 if they make no sense. */
static int read_values(const unsigned *v, size_t count, chunk *c) {
  int64_t bytes;
  if (count < N1C_HDF5_VALUES || v[N1C_HDF5_VERSION] != 1) return 0;
  if (!n1c_stages((int)(v[N1C_HDF5_CODEC] & 255)) || v[N1C_HDF5_CODEC] > 255) return 0;
  c->codec = (int)v[N1C_HDF5_CODEC];
  c->big_endian = (v[N1C_HDF5_DTYPE] & N1C_HDF5_BIG_ENDIAN) != 0;
  c->shape.dtype = (int)(v[N1C_HDF5_DTYPE] & (N1C_HDF5_BIG_ENDIAN - 1));
  c->shape.channels = v[N1C_HDF5_CHANNELS];
  bytes = v[N1C_HDF5_BYTES];
  if (v[N1C_HDF5_DTYPE] >= 2 * N1C_HDF5_BIG_ENDIAN || c->shape.dtype == N1C_INT24) return 0;
  if (!n1c_sample_bytes(c->shape.dtype) || !c->shape.channels || c->shape.channels > MOST_CHANNELS) return 0;
  c->shape.frames = bytes / (c->shape.channels * n1c_sample_bytes(c->shape.dtype));
  return bytes && c->shape.frames * c->shape.channels * n1c_sample_bytes(c->shape.dtype) == bytes;
}

static int64_t bytes_of(const chunk *c) {
  return c->shape.frames * c->shape.channels * n1c_sample_bytes(c->shape.dtype);
}

static void swap(uint8_t *p, int64_t size, int bytes) {
  for (int64_t i = 0; i < size; i += bytes)
    for (int k = 0; k < bytes / 2; k++) {
      const uint8_t kept = p[i + k];
      p[i + k] = p[i + bytes - 1 - k];
      p[i + bytes - 1 - k] = kept;
    }
}

int64_t n1c_hdf5_encode(const unsigned *values, size_t count, uint8_t *samples, int64_t length, uint8_t **out) {
  n1c_buffer b = {NULL, 0, 0};
  chunk c;
  uint8_t *at;
  int error;
  if (!read_values(values, count, &c) || length != bytes_of(&c)) return N1C_E_ARGUMENT;
  if (c.big_endian) swap(samples, length, n1c_sample_bytes(c.shape.dtype));
  if (!(at = n1c_reserve(&b, BEFORE + (uint64_t)length))) return N1C_E_MEMORY;
  *at = CODED;
  n1c_store_bytes(at + 1, n1c_crc32(0, samples, length), 4);
  b.length = BEFORE;
  error = n1c_payload_encode(c.codec, &c.shape, samples, NULL, &b);
  if (error) {
    free(b.bytes);
    return error;
  }
  if (b.length > BEFORE + length) {
    *b.bytes = STORED;
    memcpy(b.bytes + BEFORE, samples, (size_t)length);
    b.length = BEFORE + length;
  }
  *out = b.bytes;
  return b.length;
}

int64_t n1c_hdf5_decode(const unsigned *values, size_t count, const uint8_t *bytes, int64_t length, uint8_t **out) {
  chunk c;
  uint8_t *samples;
  int error;
  if (!read_values(values, count, &c)) return N1C_E_ARGUMENT;
  if (length < BEFORE || (*bytes != STORED && *bytes != CODED)) return N1C_E_CORRUPT;
  const int codec = *bytes == STORED ? N1C_CODEC_COPY : c.codec;
  if (!n1c_payload_is_backed(n1c_stages(codec), &c.shape, length - BEFORE)) return N1C_E_CORRUPT;
  if (!(samples = n1c_allocate((uint64_t)bytes_of(&c)))) return N1C_E_MEMORY;
  error = n1c_payload_decode(n1c_stages(codec), &c.shape, n1c_reader_of(bytes + BEFORE, length - BEFORE), NULL, samples);
  if (!error && n1c_crc32(0, samples, bytes_of(&c)) != n1c_load32(bytes + 1)) error = N1C_E_CORRUPT;
  if (error) {
    free(samples);
    return error;
  }
  if (c.big_endian) swap(samples, bytes_of(&c), n1c_sample_bytes(c.shape.dtype));
  *out = samples;
  return bytes_of(&c);
}

/* -- what HDF5 calls ----------------------------------------------------------------------------------------------- */

typedef int64_t hid_t;
typedef int herr_t;

#define REVERSE 0x0100   /* H5Z_FLAG_REVERSE: the chunk is being read */
#define MANDATORY 0x0000 /* H5Z_FLAG_MANDATORY: a chunk that cannot be coded is an error, and is not stored as it is */
#define MOST_RANK 32     /* H5S_MAX_RANK */

enum { CLASS_INTEGER, CLASS_FLOAT };           /* H5T_class_t */
enum { ORDER_LITTLE_ENDIAN, ORDER_BIG_ENDIAN }; /* H5T_order_t */
enum { SIGN_NONE, SIGN_TWOS_COMPLEMENT };       /* H5T_sign_t */

static size_t filter(unsigned flags, size_t count, const unsigned values[], size_t length, size_t *size, void **buffer) {
  uint8_t *out = NULL;
  const int64_t result = flags & REVERSE ? n1c_hdf5_decode(values, count, *buffer, (int64_t)length, &out)
                                         : n1c_hdf5_encode(values, count, *buffer, (int64_t)length, &out);
  if (result <= 0) return 0;
  free(*buffer);
  *buffer = out;
  *size = (size_t)result;
  return (size_t)result;
}

/* What is looked up in the libhdf5 that calls. */
typedef struct {
  int (*get_chunk)(hid_t, int, uint64_t[]);
  int (*get_class)(hid_t);
  int (*get_order)(hid_t);
  int (*get_sign)(hid_t);
  size_t (*get_size)(hid_t);
  herr_t (*get_filter)(hid_t, int, unsigned *, size_t *, unsigned[], size_t, char[], unsigned *);
  herr_t (*modify_filter)(hid_t, int, unsigned, size_t, const unsigned[]);
} hdf5;

#if defined(_MSC_VER)
#  define CALLER _ReturnAddress()
#else
#  define CALLER __builtin_return_address(0)
#endif

#if defined(_WIN32)
typedef HMODULE library;

static int find(library l, const char *name, void *function) {
  const FARPROC found = GetProcAddress(l, name);
  memcpy(function, &found, sizeof found);
  return found != NULL;
}

static library library_of(const void *code) {
  library l;
  const DWORD how = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  return GetModuleHandleExA(how, (LPCSTR)code, &l) ? l : NULL;
}
#else
typedef void *library;

static int find(library l, const char *name, void *function) {
  void *found = dlsym(l, name);
  memcpy(function, &found, sizeof found); /* ISO C knows no cast from an object to a function */
  return found != NULL;
}

static library library_of(const void *code) {
  Dl_info where;
  return dladdr(code, &where) ? dlopen(where.dli_fname, RTLD_LAZY | RTLD_NOLOAD) : NULL;
}
#endif

/* The library stays open: it is the one that calls. */
static int look_up(const void *caller, hdf5 *h) {
  const library l = library_of(caller);
  return l && find(l, "H5Pget_chunk", &h->get_chunk) && find(l, "H5Tget_class", &h->get_class) &&
         find(l, "H5Tget_order", &h->get_order) && find(l, "H5Tget_sign", &h->get_sign) &&
         find(l, "H5Tget_size", &h->get_size) && find(l, "H5Pget_filter_by_id2", &h->get_filter) &&
         find(l, "H5Pmodify_filter", &h->modify_filter);
}

/* The dtype of an HDF5 type with its byte order, -1 for one that is not coded. */
static int dtype_of(const hdf5 *h, hid_t type) {
  static const int ints[2][4] = {{N1C_UINT8, N1C_UINT16, N1C_UINT32, N1C_UINT64},
                                 {N1C_INT8, N1C_INT16, N1C_INT32, N1C_INT64}};
  static const int floats[4] = {-1, N1C_FLOAT16, N1C_FLOAT32, N1C_FLOAT64};
  const int kind = h->get_class(type), order = h->get_order(type), sign = h->get_sign(type);
  const size_t size = h->get_size(type);
  const int log = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : -1;
  int dtype = -1;
  if (log < 0 || (order != ORDER_LITTLE_ENDIAN && order != ORDER_BIG_ENDIAN)) return -1;
  if (kind == CLASS_INTEGER && (sign == SIGN_NONE || sign == SIGN_TWOS_COMPLEMENT)) dtype = ints[sign][log];
  else if (kind == CLASS_FLOAT) dtype = floats[log];
  return dtype < 0 || order == ORDER_LITTLE_ENDIAN || log == 0 ? dtype : dtype | N1C_HDF5_BIG_ENDIAN;
}

/* Fill in what the dataset says: its type, how many channels its chunks have and how large they are.
 *
 * @return  0 if it can be coded; else -1, and the dataset is not created. */
static herr_t set_up(const void *caller, hid_t properties, hid_t type) {
  unsigned values[N1C_HDF5_VALUES] = {1, N1C_CODEC_N1_MULTI, 0, 0, 0}, flags = 0;
  size_t count = N1C_HDF5_VALUES;
  uint64_t extent[MOST_RANK], size, columns = 1;
  hdf5 h;
  chunk c;
  int rank, dtype;
  if (!look_up(caller, &h)) return -1;
  if (h.get_filter(properties, N1C_HDF5_FILTER, &flags, &count, values, 0, NULL, NULL) < 0) return -1;
  rank = h.get_chunk(properties, MOST_RANK, extent);
  dtype = dtype_of(&h, type);
  if (rank < 1 || dtype < 0) return -1;
  if (is_float(dtype & ~N1C_HDF5_BIG_ENDIAN)) values[N1C_HDF5_CODEC] = N1C_CODEC_PLANES_ARANGE;
  size = extent[0] * h.get_size(type);
  for (int k = 1; k < rank; k++) {
    columns *= extent[k];
    size *= extent[k];
  }
  if (rank == 1) columns = values[N1C_HDF5_CHANNELS] ? values[N1C_HDF5_CHANNELS] : 1;
  else if (columns > (uint64_t)MOST_CHANNELS) columns = extent[rank - 1];
  if (size > MOST_BYTES || columns > (uint64_t)MOST_CHANNELS) return -1;
  values[N1C_HDF5_CHANNELS] = (unsigned)columns;
  values[N1C_HDF5_DTYPE] = (unsigned)dtype;
  values[N1C_HDF5_BYTES] = (unsigned)size;
  if (!read_values(values, N1C_HDF5_VALUES, &c)) return -1;
  return h.modify_filter(properties, N1C_HDF5_FILTER, MANDATORY, N1C_HDF5_VALUES, values);
}

static herr_t set_local(hid_t properties, hid_t type, hid_t space) {
  (void)space;
  return set_up(CALLER, properties, type);
}

static const struct {
  int version, id;
  unsigned encoder_present, decoder_present;
  const char *name;
  int (*can_apply)(hid_t, hid_t, hid_t);
  herr_t (*set_local)(hid_t, hid_t, hid_t);
  size_t (*filter)(unsigned, size_t, const unsigned[], size_t, size_t *, void **);
} description = {1, N1C_HDF5_FILTER, 1, 1, "n1codec", NULL, set_local, filter};

EXPORT int H5PLget_plugin_type(void) { return 0; /* H5PL_TYPE_FILTER */ }
EXPORT const void *H5PLget_plugin_info(void) { return &description; }
