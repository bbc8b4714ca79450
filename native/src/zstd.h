/* Zstandard frames (RFC 8878), as the coder zstd of .n1c files writes them: decoding alone. */
#ifndef N1C_ZSTD_H
#define N1C_ZSTD_H

#include <stdint.h>

/* Undo a frame that states its content's size and uses no dictionary.
 *
 * @param in         a frame, nothing behind it.
 * @param length     its bytes.
 * @param out        the content.
 * @param n          its bytes, else N1C_E_CORRUPT. The frame's checksum is not looked at.
 * @param work       scratch memory.
 * @param work_size  n1c_zstd_work_size() or more, else N1C_E_CAPACITY.
 * @return           n, or N1C_E_CORRUPT. */
int64_t n1c_zstd_decode(const uint8_t *in, int64_t length, uint8_t *out, int64_t n, void *work, int64_t work_size);
int64_t n1c_zstd_work_size(void);

#endif
