/* Packets with n1_implant's model: one range coder for a section, a state of 24 bytes for each channel. */
#include <string.h>

#include "crc32.h"
#include "n1_implant_coder.h"
#include "n1_mapping.h"
#include "n1_stream.h"

typedef struct {
  implant_tables tables;
  implant_guesses guesses;
  implant_channel *channel;
} implants;

static int64_t bytes_of(int64_t channels, int64_t frames) {
  (void)frames;
  return N1C_ROUND64(sizeof(implants)) + N1C_ROUND64(channels * (int64_t)sizeof(implant_channel));
}

static int open_implants(stream *s, const uint8_t *profile, int64_t length) {
  implants *m = s->model;
  const implant_tables *t = n1_implant_open(profile, length == 1 && *profile == 1 ? 0 : length, &m->tables);
  if (!t || !length) return -1;
  if (t != &m->tables) m->tables = *t;
  n1_implant_guesses(&m->tables, &m->guesses);
  m->channel = (implant_channel *)(void *)((uint8_t *)s->model + N1C_ROUND64(sizeof *m));
  n1_implant_stretch(s->sample);
  for (int32_t k = 0; k < IMPLANT_CODES; k++) s->code[s->sample[k] + 32768] = (uint16_t)k;
  for (int32_t i = 0; i < s->channels; i++) implant_open(&m->tables, m->channel + i, IMPLANT_CODES / 2);
  s->seed = n1c_crc32(0, (const uint8_t *)&m->tables, (int64_t)sizeof m->tables);
  return 0;
}

/* A channel that restarts begins as a file does, with a code of 10 bits: there is nothing to tell beforehand. */
static uint8_t *restart_section(stream *s, const stream_span *v, const int16_t *x, uint8_t *out) {
  (void)s, (void)v, (void)x;
  return out;
}

static int follow_restart(stream *s, const stream_span *v, n1c_reader *in) {
  (void)s, (void)v, (void)in;
  return 1;
}

static void begin_anew(stream *s, const stream_span *v, const int16_t *x) {
  implants *m = s->model;
  const int16_t *last = x + (s->frames - 1) * (int64_t)s->channels;
  for (int32_t i = v->channel; i < v->channel + v->channels; i++)
    if (s->stored[i - v->channel]) implant_open(&m->tables, m->channel + i, n1_code_of(last[i]));
}

static int64_t encode_implants(stream *s, const stream_span *v, const int16_t *x, int key, uint8_t *out, int64_t most) {
  implants *m = s->model;
  implant_channel *channel = m->channel + v->channel;
  implant_writer w = {out - 1, out + most, 0};
  implant_coder c;
  implant_begin(&c, out[-1]);
  for (int32_t t = 0; t < s->frames && !w.full; t++) {
    const int16_t *row = x + t * (int64_t)s->channels + v->channel;
    for (int32_t i = 0; i < v->channels; i++) {
      if (s->stored[i]) continue;
      if (key && t == 0) implant_encode_first(&m->tables, channel + i, &c, &w, n1_code_of(row[i]));
      else implant_encode_next(&m->tables, channel + i, &c, &w, n1_code_of(row[i]));
    }
  }
  implant_end(&c, &w);
  begin_anew(s, v, x);
  return w.full ? -1 : w.at - out;
}

static int decode_implants(stream *s, const stream_span *v, n1c_reader *in, int key, int16_t *x) {
  implants *m = s->model;
  implant_channel *channel = m->channel + v->channel;
  implant_decoder d;
  implant_decoder_begin(&d, in->at, in->end - in->at);
  for (int32_t t = 0; t < s->frames; t++) {
    int16_t *row = x + t * (int64_t)s->channels + v->channel;
    for (int32_t i = 0; i < v->channels; i++) {
      int32_t code;
      if (s->stored[i]) continue;
      code = key && t == 0 ? implant_decode_first(&m->tables, channel + i, &d)
                           : implant_decode_next(&m->tables, &m->guesses, channel + i, &d);
      if (code < 0) return 0;
      row[i] = s->sample[code];
    }
  }
  implant_fill(&d);
  begin_anew(s, v, x);
  return d.used == d.length + 3; /* the encoder sends one byte for the four that are read ahead */
}

const stream_model n1_stream_implant = {IMPLANT_CODES,  bytes_of,   open_implants,   restart_section,
                                        follow_restart, begin_anew, encode_implants, decode_implants, NULL};
