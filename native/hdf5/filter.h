/* What stands beside a dataset that the HDF5 filter codes, and how its chunks are coded (docs/hdf5.md). */
#ifndef N1C_HDF5_FILTER_H
#define N1C_HDF5_FILTER_H

#include <stddef.h>
#include <stdint.h>

/* The number of the filter in files: "N1" in ASCII, and the highest bit of 16. It stays. */
#define N1C_HDF5_FILTER 52785

/* The numbers beside a dataset, cd_values in HDF5. Users may give the first three; the plugin fills in the others. */
enum {
  N1C_HDF5_VERSION,  /* 1 */
  N1C_HDF5_CODEC,    /* N1C_CODEC_... */
  N1C_HDF5_CHANNELS, /* samples of a frame */
  N1C_HDF5_DTYPE,    /* N1C_INT16, ...; plus N1C_HDF5_BIG_ENDIAN */
  N1C_HDF5_BYTES,    /* of a chunk's samples */
  N1C_HDF5_VALUES
};
#define N1C_HDF5_BIG_ENDIAN 256

/* Code the samples of a chunk, or undo it.
 *
 * @param values   the numbers beside the dataset, `count` of them.
 * @param samples  `length` bytes as HDF5 has them; they are changed.
 * @param bytes    a coded chunk, `length` bytes.
 * @param out      memory from malloc() for the caller to free, if all went well.
 * @return         its bytes, or a negative N1C_E_* code. */
int64_t n1c_hdf5_encode(const unsigned *values, size_t count, uint8_t *samples, int64_t length, uint8_t **out);
int64_t n1c_hdf5_decode(const unsigned *values, size_t count, const uint8_t *bytes, int64_t length, uint8_t **out);

#endif
