/* What n1enc and n1dec share: .n1c files of the codec n1 in memory (docs/codec.md, n1codec/container.py), and files. */
#ifndef N1C_CONTAINER_H
#define N1C_CONTAINER_H

#include <stdint.h>

typedef struct {
  uint8_t *bytes; /* from malloc */
  int64_t length;
} blob;

/* A file's bytes <-> .n1c bytes. Both return NULL, or in one line what is wrong; then `out` is untouched.
 * A canonical WAV file (a header of 44 bytes, samples of 8, 16, 24 or 32 bits, nothing else) is coded with n1, as
 * ./encode does it; any other file is stored as it is. */
const char *n1c_pack(const uint8_t *source, int64_t length, blob *out);
const char *n1c_unpack(const uint8_t *packed, int64_t length, blob *out);

/* The same with all of libn1c (tools/whole.c): canonical WAV files of several channels are coded with n1_multi, and sources
 * of version 1 are restored whatever codec of libn1c coded them. */
const char *n1c_pack_whole(const uint8_t *source, int64_t length, blob *out);
const char *n1c_unpack_whole(const uint8_t *packed, int64_t length, blob *out);

/* The command `program IN OUT`, where "-" is standard input or output. OUT is there whole or not at all. Errors are one
 * line on stderr. Returns the exit code: 0 done, 1 the input or the machine is at fault, 2 wrong usage. */
int n1c_main(int argc, char **argv, const char *program, const char *help,
             const char *(*convert)(const uint8_t *, int64_t, blob *));

#endif
