/* Packets of many channels: what all models of packets share. docs/streaming.md describes the format. */
#ifndef N1C_N1_STREAM_H
#define N1C_N1_STREAM_H

#include <stdint.h>

#include "bytes.h"

#define STREAM_FRAMES 128    /* in a packet at most */
#define STREAM_SECTION 512   /* channels that share coder states and restart together, at most */
#define STREAM_NO_CODE 0xffff

/* An encoder or a decoder. */
typedef struct {
  uint32_t magic;
  int32_t codec;
  int32_t channels, frames, sections, section_channels;
  int64_t period;    /* packets between a section's restarts */
  uint32_t sequence; /* of the packet that comes next */
  uint32_t profile;  /* checksum of a profile that is not built in, 0 if it is; packets bring it */
  uint32_t seed;     /* checksum of the settings, from which that of a packet goes on */
  int32_t restart;   /* the next packet is a key to everything */
  int32_t simd;
  uint16_t *code;    /* of each sample + 32768, or STREAM_NO_CODE */
  int16_t *sample;   /* of each code */
  uint8_t *alive;    /* of each section: its state is the encoder's */
  uint8_t *stored;   /* of each channel of a section: its samples are no codes */
  void *model;
} stream;

/* Channels of each section, the last one excepted: a multiple of 8. */
static inline int32_t stream_section_channels(int32_t channels, int32_t sections) {
  return 8 * (((channels + 7) / 8 + sections - 1) / sections);
}

/* The channels of a section; the first one's number is a multiple of 8. */
typedef struct {
  int32_t channel, channels;
} stream_span;

/* What is done with the state of each channel. x are all samples of the packet. */
typedef struct {
  int32_t codes; /* of the one converter that all channels have, at most; with 65536 each sample is one */
  int64_t (*bytes)(int64_t channels, int64_t frames); /* of its memory, a multiple of 64 */
  /* Sets code, sample and the checksum of a profile, in seed if it is built in, which one byte 1 asks for; -1 if that is
   * no profile. */
  int (*open)(stream *s, const uint8_t *profile, int64_t length);
  /* All channels of a section restart. What the decoder needs for it is written; it fails where that cannot be. */
  uint8_t *(*restart)(stream *s, const stream_span *v, const int16_t *x, uint8_t *out);
  int (*follow)(stream *s, const stream_span *v, n1c_reader *in);
  /* The section's channels that are stored begin anew after this packet. */
  void (*anew)(stream *s, const stream_span *v, const int16_t *x);
  /* The other channels' samples; -1 for more bytes than `most`, of which there is one before `out`, too. */
  int64_t (*encode)(stream *s, const stream_span *v, const int16_t *x, int key, uint8_t *out, int64_t most);
  int (*decode)(stream *s, const stream_span *v, n1c_reader *in, int key, int16_t *x);
  /* Sets which of the section's channels are stored; NULL: those of which a sample is no code of the one converter. */
  void (*refuse)(stream *s, const stream_span *v, const int16_t *x);
} stream_model;

extern const stream_model n1_stream_lanes, n1_stream_any, n1_stream_implant, n1_stream_multi;

#endif
