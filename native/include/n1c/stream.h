/* Packets of many channels, coded with a codec's model and a state for each channel (docs/streaming.md).
 * n1c/base.h has the rules that hold for all functions.
 *
 * A packet has `frames` samples of each of `channels` channels, frame by frame, all channels of each. An encoder and a
 * decoder have a memory each, which must not move once it is opened; they are opened alike. */
#ifndef N1C_STREAM_H
#define N1C_STREAM_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define N1C_STREAM_N1 0
#define N1C_STREAM_IMPLANT 2
#define N1C_STREAM_ANY 4 /* n1 for samples of any kind */
#define N1C_STREAM_MULTI 6

/* The memory of an encoder or a decoder.
 *
 * @param codec     one of N1C_STREAM_*, else N1C_E_ARGUMENT.
 * @param channels  1 to 65536, else N1C_E_ARGUMENT.
 * @param frames    1 to 128, else N1C_E_ARGUMENT.
 * @return          bytes. */
N1C_API int64_t n1c_stream_memory_size(int64_t codec, int64_t channels, int64_t frames);

/* The memory that a profile takes beside that.
 *
 * @param codec           one of N1C_STREAM_*.
 * @param profile         as n1c_stream_open() gets it; N1C_E_ARGUMENT if it is none.
 * @param profile_length  its bytes.
 * @return                bytes, 0 for all codecs but N1C_STREAM_MULTI. */
N1C_API int64_t n1c_stream_profile_size(int64_t codec, const uint8_t *profile, int64_t profile_length);

/* Open an encoder or a decoder.
 *
 * @param memory          its memory, which begins anywhere and holds anything.
 * @param length          n1c_stream_memory_size() + n1c_stream_profile_size() or more, else N1C_E_CAPACITY.
 * @param codec           one of N1C_STREAM_*.
 * @param profile         the single byte 1 for what is built in, or the bytes of a .n1p file with widths (N1C_STREAM_N1)
 *                        or of as many channels (N1C_STREAM_MULTI), or tables (N1C_STREAM_IMPLANT); N1C_E_ARGUMENT if
 *                        it is none.
 * @param profile_length  its bytes.
 * @param channels        1 to 65536.
 * @param frames          1 to 128.
 * @param period          every channel restarts every `period` packets, period * frames <= 2^30, else N1C_E_ARGUMENT.
 * @return                the bytes of memory in use. */
N1C_API int64_t n1c_stream_open(uint8_t *memory, int64_t length, int64_t codec, const uint8_t *profile,
                                int64_t profile_length, int64_t channels, int64_t frames, int64_t period);

/* What a packet takes at most.
 *
 * @param channels  1 to 65536, else N1C_E_ARGUMENT.
 * @param frames    1 to 128, else N1C_E_ARGUMENT.
 * @return          bytes. */
N1C_API int64_t n1c_stream_packet_capacity(int64_t channels, int64_t frames);

/* Encode one packet.
 *
 * @param memory    of an encoder; N1C_E_ARGUMENT if it was not opened.
 * @param length    its bytes.
 * @param x         n samples.
 * @param n         frames * channels, else N1C_E_ARGUMENT.
 * @param out       the packet.
 * @param capacity  n1c_stream_packet_capacity() or more, else N1C_E_CAPACITY.
 * @param simd      1 or 0.
 * @return          the length of the packet. */
N1C_API int64_t n1c_stream_encode(uint8_t *memory, int64_t length, const int16_t *x, int64_t n, uint8_t *out,
                                  int64_t capacity, int64_t simd);

/* Decode one packet. After an error the decoder is as before.
 *
 * @param memory    of a decoder; N1C_E_ARGUMENT if it was not opened.
 * @param length    its bytes.
 * @param in        a packet; N1C_E_CORRUPT if it is damaged, or another encoder's.
 * @param size      its bytes.
 * @param x         room for n samples.
 * @param n         frames * channels, else N1C_E_ARGUMENT.
 * @param valid     valid[c] becomes 1 where channel c came back; elsewhere its samples are 0, because packets were lost
 *                  since its last restart.
 * @param channels  the number of channels, else N1C_E_ARGUMENT.
 * @param simd      1 or 0.
 * @return          how many packets before this one are missing; N1C_E_ARGUMENT if a later one came already. */
N1C_API int64_t n1c_stream_decode(uint8_t *memory, int64_t length, const uint8_t *in, int64_t size, int16_t *x,
                                  int64_t n, uint8_t *valid, int64_t channels, int64_t simd);

/* Begin anew: an encoder restarts all channels with its next packet; a decoder takes any packet as the first.
 *
 * @param memory  of an encoder or a decoder; N1C_E_ARGUMENT if it was not opened.
 * @param length  its bytes.
 * @return        0. */
N1C_API int64_t n1c_stream_restart(uint8_t *memory, int64_t length);

#ifdef __cplusplus
}
#endif
#endif
