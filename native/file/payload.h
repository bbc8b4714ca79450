/* What the stages of a codec make of an array: the payload of docs/format.md, in memory that grows as it is needed. */
#ifndef N1C_PAYLOAD_H
#define N1C_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "n1c/base.h"
#include "n1c/file.h"

#define N1C_TEXT_END 0x80 /* marks the last character of a stage's short name */

/* Samples frame by frame, each little-endian in `n1c_sample_bytes(dtype)` bytes. */
typedef struct {
  int64_t frames, channels; /* fewer than 2^48 samples */
  int dtype;                /* N1C_INT16, ... */
} n1c_shape;

typedef struct {
  uint8_t *bytes;
  int64_t length, room;
} n1c_buffer;

/* Make room for `more` bytes behind those that are there.
 *
 * @return  where they begin, or NULL if there is no memory; then the buffer is as it was. */
uint8_t *n1c_reserve(n1c_buffer *buffer, uint64_t more);

/* Memory of any size from malloc(), NULL if there is none. */
void *n1c_allocate(uint64_t bytes);

/* Bytes of a sample as the stages get it, 4 of int24; 0 for what is no dtype. */
int n1c_sample_bytes(int dtype);

/* The short names of a codec's stages.
 *
 * @return  text, or NULL if there is no such codec. */
const char *n1c_stages(int codec);

/* Append a payload of samples.
 *
 * @param codec    N1C_CODEC_...
 * @param shape    that of the samples.
 * @param samples  them.
 * @param model    what n1c_payload_model() appended; NULL where the payload holds all that decoding needs.
 * @param out      where the payload goes.
 * @return         0, or a negative N1C_E_* code. */
int n1c_payload_encode(int codec, const n1c_shape *shape, const uint8_t *samples, const n1c_buffer *model,
                       n1c_buffer *out);

/* Whether chunks of a codec have a model beside them. */
int n1c_payload_has_models(int codec);

/* Append the model of samples; of a codec that has models. */
int n1c_payload_model(int codec, const n1c_shape *shape, const uint8_t *samples, n1c_buffer *out);

/* Read the list of stages; `r` then stands behind it.
 *
 * @param stages  room for N1C_STAGES_MOST bytes; the list, with its marks, and a zero behind it.
 * @return        0, N1C_E_CORRUPT, or N1C_E_UNSUPPORTED for a stage that this library does not know. */
#define N1C_STAGES_MOST 64
int n1c_payload_stages(n1c_reader *r, char *stages);

/* Whether the chunks of these stages refer to models: the coder has them, and stands alone. */
int n1c_stages_have_models(const char *stages);

/* Undo n1c_payload_encode(), or what another writer's stages did.
 *
 * @param stages   what n1c_payload_stages() found.
 * @param shape    that of the samples.
 * @param payload  all of it.
 * @param model    what stands beside it, or NULL.
 * @param samples  room for them.
 * @return         0, N1C_E_CORRUPT, N1C_E_UNSUPPORTED for a profile or a stage that is not there, N1C_E_MEMORY. */
int n1c_payload_decode(const char *stages, const n1c_shape *shape, n1c_reader payload, const n1c_buffer *model,
                       uint8_t *samples);

/* Whether a payload has as many bytes as its samples need at least: only then memory for them should be asked for. */
int n1c_payload_is_backed(const char *stages, const n1c_shape *shape, int64_t length);

#endif
