/* Events of many channels over a slow radio: packets of layers that decode by themselves (docs/events.md).
 * n1c/base.h has the rules that hold for all functions.
 *
 * A packet is made of `frames` samples of each of `channels` channels, frame by frame. Encoder and decoder have a memory
 * each, which must not move once it is opened; they are opened alike. All arithmetic is of integers. */
#ifndef N1C_EVENTS_H
#define N1C_EVENTS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

#define N1C_EVENTS_SETTINGS 8
#define N1C_EVENTS_COUNTS 8
#define N1C_EVENTS_SNIPPET 32 /* samples of a waveform */
#define N1C_EVENTS_BEFORE 8   /* of them before the trough */
#define N1C_EVENTS_BLOCK 64   /* packets of a block of the local field potential, a sample of each */
#define N1C_EVENTS_MOST 256   /* events of a packet */

/* The memory of an encoder or a decoder.
 *
 * @param channels  1 to 4096, else N1C_E_ARGUMENT.
 * @param frames    8 to 32, else N1C_E_ARGUMENT.
 * @return          bytes. */
N1C_API int64_t n1c_events_memory_size(int64_t channels, int64_t frames);

/* Open an encoder or a decoder.
 *
 * @param memory    its memory, which begins anywhere and holds anything.
 * @param length    n1c_events_memory_size() or more, else N1C_E_CAPACITY.
 * @param channels  1 to 4096.
 * @param frames    8 to 32.
 * @param settings  N1C_EVENTS_SETTINGS numbers, else N1C_E_ARGUMENT:
 *                  0 shift of the two high passes, 1 to 8;
 *                  1 samples after a trough with which it is decided, 1 to 16; with `frames` at least 24;
 *                  2 samples between two spikes of a channel, 1 to 63;
 *                  3 packets of a bin, 1 to 64;
 *                  4 packets of a second, over which the budget holds, 1 to 4096;
 *                  5 the budget: bits in so many packets, 0 to 2^30;
 *                  6 the layers that are sent, bit 0 to 3; bit 4: layer 0 has levels besides counts;
 *                  7 spikes a second that a channel may send, 1 to 10000.
 * @param count     N1C_EVENTS_SETTINGS.
 * @return          the bytes of memory in use. */
N1C_API int64_t n1c_events_open(uint8_t *memory, int64_t length, int64_t channels, int64_t frames,
                                const int32_t *settings, int64_t count);

/* Encode one packet.
 *
 * @param memory    of an encoder; N1C_E_ARGUMENT if it was not opened.
 * @param length    its bytes.
 * @param x         n samples.
 * @param n         frames * channels, else N1C_E_ARGUMENT.
 * @param extra     what the packet takes along as layer 4, if there is room.
 * @param size      its bytes, at most 65535, else N1C_E_ARGUMENT.
 * @param out       the packet.
 * @param capacity  65536 + size or more, else N1C_E_CAPACITY.
 * @return          the length of the packet. */
N1C_API int64_t n1c_events_encode(uint8_t *memory, int64_t length, const int16_t *x, int64_t n, const uint8_t *extra,
                                  int64_t size, uint8_t *out, int64_t capacity);

/* The spikes that the last packet's samples had, before any were held back for want of room or as too many.
 *
 * @param memory    of an encoder; N1C_E_ARGUMENT if it was not opened.
 * @param length    its bytes.
 * @param events    pairs: samples from the packet's first one to the trough, negative before it, and the channel.
 * @param capacity  2 * N1C_EVENTS_MOST or more, else N1C_E_CAPACITY.
 * @return          how many spikes. */
N1C_API int64_t n1c_events_found(const uint8_t *memory, int64_t length, int32_t *events, int64_t capacity);

/* Decode one packet. After an error the decoder is as before.
 *
 * @param memory       of a decoder; N1C_E_ARGUMENT if it was not opened.
 * @param length       its bytes.
 * @param in           a packet; N1C_E_CORRUPT if it is damaged.
 * @param size         its bytes.
 * @param events       pairs as above, those that were sent.
 * @param event_room   2 * N1C_EVENTS_MOST or more, else N1C_E_CAPACITY.
 * @param waves        waveforms of N1C_EVENTS_SNIPPET samples.
 * @param wave_room    2 * N1C_EVENTS_MOST * N1C_EVENTS_SNIPPET or more, else N1C_E_CAPACITY.
 * @param bins         four numbers each: channel, spikes, level, which is -1 where it is not known, and what it is
 *                     told from.
 * @param bin_room     4 * channels or more, else N1C_E_CAPACITY.
 * @param field        blocks: the channel, and N1C_EVENTS_BLOCK samples.
 * @param field_room   (1 + N1C_EVENTS_BLOCK) * channels or more, else N1C_E_CAPACITY.
 * @param counts       0 events, 1 waveforms, 2 how many of those are of events of the packet before, 3 bins, 4 blocks of
 *                     the field potential, 5 where layer 4 begins in the packet, 6 its bytes, 7 the packet's number.
 * @param count_room   N1C_EVENTS_COUNTS, else N1C_E_ARGUMENT.
 * @return             how many packets before this one are missing; N1C_E_ARGUMENT if a later one came already. */
N1C_API int64_t n1c_events_decode(uint8_t *memory, int64_t length, const uint8_t *in, int64_t size, int32_t *events,
                                  int64_t event_room, int16_t *waves, int64_t wave_room, int32_t *bins,
                                  int64_t bin_room, int16_t *field, int64_t field_room, int64_t *counts,
                                  int64_t count_room);

#ifdef __cplusplus
}
#endif
#endif
