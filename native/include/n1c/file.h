/* Recordings in .n1c files (docs/format.md, versions 1 and 2), read and written a stretch at a time.
 *
 * Unlike the kernels of the other headers these functions allocate memory and keep state. What an open function gives
 * belongs to the caller, who closes it; pointers that a file hands out are its own, and end with it. One file is used by one
 * thread at a time; different files know nothing of each other. Functions return a count >= 0 or a negative N1C_E_* code:
 * N1C_E_CORRUPT for bytes that are damaged or no .n1c file, N1C_E_ARGUMENT for what does not exist, and those below. */
#ifndef N1C_FILE_H
#define N1C_FILE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define N1C_E_IO (-4)          /* the system could not read or write; errno says why */
#define N1C_E_MEMORY (-5)      /* there is no memory */
#define N1C_E_UNSUPPORTED (-6) /* a codec that this library has not, a later version, or a profile, which is not at hand */

/* What a code means, in words without a full stop, for any number. The text is constant. */
N1C_API const char *n1c_error(int64_t code);

/* Types of samples, by their numbers in files. */
enum {
  N1C_UINT8,
  N1C_INT16,
  N1C_INT24, /* in files alone: they are read and written as int32 */
  N1C_INT32,
  N1C_INT8,
  N1C_UINT16,
  N1C_UINT32,
  N1C_INT64,
  N1C_UINT64,
  N1C_FLOAT16,
  N1C_FLOAT32,
  N1C_FLOAT64
};

/* Codecs that are written; their specs are copy, n1, n1_multi, n1_multi:preset=fast, planes|arange. Files of further ones are
 * read: n1_implant, n1_max, zstd, zlib, rice, huffman, range, rans, arange, behind delta, zigzag and planes. */
enum { N1C_CODEC_COPY, N1C_CODEC_N1, N1C_CODEC_N1_MULTI, N1C_CODEC_N1_MULTI_FAST, N1C_CODEC_PLANES_ARANGE };

/* -- reading ------------------------------------------------------------------------------------------------------- */

typedef struct n1c_file n1c_file;

/* A stream: samples that were taken together. A file has one, or several with rates or types of their own. */
typedef struct {
  int64_t frames;
  int64_t channels; /* samples of a frame */
  int64_t chunks;   /* stretches that are coded apart: reading one frame decodes one of them */
  double rate;      /* frames a second; not a number if it is not known */
  int dtype;        /* N1C_INT16, ...; never N1C_INT24 */
  int sample_bytes; /* of the dtype */
  int lossy;        /* 1 if what is read is not quite what was written */
  int version;      /* of the file's format: 1 or 2 */
  const char *name; /* "" if it has none */
} n1c_stream_info;

/* Open a file for reading. Heads and the index are read and checked, no samples.
 *
 * @param path  its name, as fopen() takes it.
 * @param file  the open file; untouched after an error.
 * @return      the number of its streams. */
N1C_API int64_t n1c_open(const char *path, n1c_file **file);

/* Reads `length` bytes at `offset`, all of which there are. Returns 0, or a negative N1C_E_* code, which goes to who asked. */
typedef int (*n1c_read_at)(void *context, int64_t offset, uint8_t *bytes, int64_t length);

/* Open what a function reads, such as memory or a file on a server.
 *
 * @param read     is called while the file is open, with no more bytes at a time than a head, an index or a chunk has.
 * @param context  what it gets first.
 * @param size     of the file, in bytes.
 * @param file     the open file; untouched after an error.
 * @return         the number of its streams. */
N1C_API int64_t n1c_open_with(n1c_read_at read, void *context, int64_t size, n1c_file **file);

/* Tell what a stream is.
 *
 * @param stream  0 and up.
 * @param info    what it is.
 * @return        0. */
N1C_API int64_t n1c_info(const n1c_file *file, int64_t stream, n1c_stream_info *info);

/* Channel names, gains and the like: JSON, a list of an object for each stream; "" if the file has none.
 *
 * @param text  the file's own, and ends with it.
 * @return      its length in bytes, without the zero behind it. */
N1C_API int64_t n1c_metadata(const n1c_file *file, const char **text);

/* Read frames of all channels. The chunk that was decoded last is kept: to go through a file in small steps costs no more.
 *
 * @param stream    0 and up.
 * @param start     the first frame.
 * @param frames    how many; start + frames is at most those that there are.
 * @param samples   frame by frame, in this machine's byte order.
 * @param capacity  bytes of room, frames * channels * sample_bytes or more, else N1C_E_CAPACITY.
 * @return          frames. */
N1C_API int64_t n1c_read(n1c_file *file, int64_t stream, int64_t start, int64_t frames, void *samples, int64_t capacity);

/* Read frames of some channels. Channels that are coded together are decoded together, and no others.
 *
 * @param channels  which ones, 0 and up, in any order; NULL is all of them.
 * @param count     how many.
 * @param samples   frame by frame, the channels of each in the order of the list; otherwise as n1c_read().
 * @return          frames. */
N1C_API int64_t n1c_read_channels(n1c_file *file, int64_t stream, int64_t start, int64_t frames, const int32_t *channels,
                                  int64_t count, void *samples, int64_t capacity);

/* Tell where a chunk ends.
 *
 * @param frame  one of the chunk.
 * @return       the frame behind its last one. */
N1C_API int64_t n1c_chunk_end(const n1c_file *file, int64_t stream, int64_t frame);

/* Bytes of a file. */
typedef struct {
  int64_t offset, length;
} n1c_range;

/* Tell which bytes n1c_read_channels() would read, for who fetches them beforehand: from a server, say.
 *
 * @param ranges    those of chunks and of their models, in no order; a part that the file holds decoded is left out.
 * @param capacity  how many there is room for.
 * @return          how many there are; where these are more, those that fit were written. */
N1C_API int64_t n1c_ranges(const n1c_file *file, int64_t stream, int64_t start, int64_t frames, const int32_t *channels,
                           int64_t count, n1c_range *ranges, int64_t capacity);

/* Close a file and free what it has. NULL is none. */
N1C_API void n1c_close(n1c_file *file);

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* What is written. */
typedef struct {
  int64_t channels;     /* 1 to 2^20 */
  double rate;          /* frames a second; not a number if it is not known */
  int dtype;            /* any but N1C_INT24 */
  int codec;            /* N1C_CODEC_... */
  const char *metadata; /* JSON as n1c_metadata() gives it, or NULL */
} n1c_layout;

typedef struct n1c_writer n1c_writer;

/* Begin a file of version 2. While it is written it is called PATH.part; the chunks that are in it can be recovered
 * (n1codec recover) whatever happens.
 *
 * @param path    the name that it gets at the end; a file of this name is replaced then.
 * @param layout  what it will hold.
 * @param writer  the begun file; untouched after an error.
 * @return        frames of a chunk: so many are held in memory at most. */
N1C_API int64_t n1c_create(const char *path, const n1c_layout *layout, n1c_writer **writer);

/* Add frames. A model (n1_multi) is fitted to the first chunk of each minute.
 *
 * @param samples  frame by frame, in this machine's byte order.
 * @param frames   how many.
 * @return         frames that were written so far. */
N1C_API int64_t n1c_write(n1c_writer *writer, const void *samples, int64_t frames);

/* Write what is held and the index, and give the file its name; or, after an error of it or of n1c_write(), leave PATH.part.
 * The writer is freed in any case.
 *
 * @return  bytes of the file. */
N1C_API int64_t n1c_finish(n1c_writer *writer);

/* Give up a file: PATH.part is removed, the writer freed. NULL is none. */
N1C_API void n1c_abandon(n1c_writer *writer);

/* Code an array in memory as a file of version 1, which is one chunk and costs some 20 bytes more than its payload.
 *
 * @param layout   what the samples are; it has no metadata.
 * @param samples  frame by frame, in this machine's byte order.
 * @param frames   how many; all samples have 2^28 bytes at most.
 * @param bytes    the file, which the caller frees with n1c_free().
 * @return         its length. */
N1C_API int64_t n1c_encode_array(const n1c_layout *layout, const void *samples, int64_t frames, uint8_t **bytes);

/* Free what n1c_encode_array() gave. NULL is nothing. */
N1C_API void n1c_free(uint8_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
