/* Recordings in files: their samples' types and the codecs that this library writes by itself. */
#ifndef N1C_FILE_H
#define N1C_FILE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Errors beside those of base.h. */
#define N1C_E_IO (-4)          /* the system could not read or write; errno says why */
#define N1C_E_MEMORY (-5)      /* there is no memory */
#define N1C_E_UNSUPPORTED (-6) /* another codec, a later version, or a profile that is not at hand */

/* Types of samples, by their numbers in files. Stages get samples of 24 bits as those of 32. */
enum {
  N1C_UINT8,
  N1C_INT16,
  N1C_INT24,
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

/* Codecs that are written; their specs are copy, n1, n1_multi, n1_multi:preset=fast, planes|arange. */
enum { N1C_CODEC_COPY, N1C_CODEC_N1, N1C_CODEC_N1_MULTI, N1C_CODEC_N1_MULTI_FAST, N1C_CODEC_PLANES_ARANGE };

#ifdef __cplusplus
}
#endif
#endif
