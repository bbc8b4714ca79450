/* The codec n1_implant: the format of files. */
#include <string.h>

#include "bytes.h"
#include "n1_implant_coder.h"
#include "n1_mapping.h"
#include "n1c/codec.h"
#include "n1c/train.h"

#define BACKING 2048 /* a payload byte may stand for so many samples at most */

enum { MODE_N1 = 1, MODE_OTHER };

#define OTHER_ORDER 8
#define OTHER_STEP 2

void n1_implant_stretch(int16_t *table) {
  for (int32_t k = 0; k < IMPLANT_CODES; k++) table[k] = n1_sample_of(k);
}

static int is_n1(const int16_t *table, const int16_t *x, int64_t n) {
  int32_t wrong = 0;
  for (int64_t i = 0; i < n && !(wrong && (i & 255) == 0); i++) wrong |= table[n1_code_of(x[i])] ^ x[i];
  return !wrong;
}

const implant_tables *n1_implant_open(const uint8_t *bytes, int64_t length, implant_tables *own) {
  if (length == 0) return &n1_implant_n1;
  if (length != (int64_t)sizeof *own) return NULL;
  memcpy(own, bytes, sizeof *own);
  for (int i = 0; i < IMPLANT_CELLS; i++)
    if (own->shape[i] > own->shape[i + 1]) return NULL;
  if (own->shape[IMPLANT_CELLS] > IMPLANT_TOTAL - IMPLANT_CODES) return NULL;
  for (int i = 0; i < IMPLANT_CODES; i++)
    if (own->edges[i] > own->edges[i + 1]) return NULL;
  for (int i = 0; i < 32; i++)
    if (own->recip[i] < 1 << 5) return NULL;
  for (int i = 0; i < IMPLANT_TAPS; i++)
    if (own->weights[i] < -32767) return NULL;
  return own;
}

/* -- samples of N1 ------------------------------------------------------------------------------------------------- */

static int64_t encode_n1(const implant_tables *t, const int16_t *x, int64_t n, uint8_t *out, int64_t capacity) {
  implant_writer w = {out, out + capacity, 0};
  implant_coder c;
  implant_channel s;
  implant_begin(&c, MODE_N1);
  implant_encode_first(t, &s, &c, &w, n1_code_of(x[0]));
  for (int64_t i = 1; i < n && !w.full; i++) implant_encode_next(t, &s, &c, &w, n1_code_of(x[i]));
  implant_end(&c, &w);
  while (w.at - out < n / BACKING + 1) implant_send(&w, 0);
  return w.full ? N1C_E_CAPACITY : w.at - out;
}

void n1_implant_guesses(const implant_tables *t, implant_guesses *g) {
  int32_t i, k, part;
  for (i = 0, k = 0; i < 1024; i++) {
    const uint32_t p = ((uint32_t)i << 12) + (1u << 11);
    uint32_t rise;
    while (k < IMPLANT_CELLS - 1 && t->shape[k + 1] <= p) k++;
    rise = t->shape[k + 1] - t->shape[k];
    part = rise && p > t->shape[k] ? (int32_t)((uint64_t)(p - t->shape[k]) * 64 / rise) : 0;
    g->quantile[i] = (int16_t)((k << 6) + implant_clamp(part, 0, 63) - (1 << 14));
  }
  for (i = 0, k = 0; i < 4096; i++) {
    while (k < IMPLANT_CODES - 1 && t->edges[k + 1] <= (i << 4) + 8) k++;
    g->near[i] = (uint16_t)k;
  }
  for (i = 0; i < 32; i++) g->sigma[i] = (1 << 19) / t->recip[i];
}

static int64_t decode_n1(const implant_tables *t, const uint8_t *in, int64_t length, int16_t *x, int64_t n) {
  int16_t table[IMPLANT_CODES];
  implant_guesses g;
  implant_channel s;
  implant_decoder d;
  int32_t code;
  if (n / BACKING >= length) return N1C_E_CORRUPT;
  n1_implant_stretch(table);
  n1_implant_guesses(t, &g);
  implant_decoder_begin(&d, in + 1, length - 1);
  code = implant_decode_first(t, &s, &d);
  for (int64_t i = 0; code >= 0; code = implant_decode_next(t, &g, &s, &d)) {
    x[i] = table[code];
    if (++i == n) break;
  }
  if (code < 0) return N1C_E_CORRUPT;
  implant_fill(&d);
  /* The encoder sends one byte for the four that are read ahead. */
  return d.used == length + 2 || (d.used < length + 2 && length == n / BACKING + 1) ? n : N1C_E_CORRUPT;
}

/* -- kernels ------------------------------------------------------------------------------------------------------- */

int64_t n1c_n1_implant_state_size(void) { return (int64_t)sizeof(implant_channel); }
int64_t n1c_n1_implant_coder_size(void) { return (int64_t)sizeof(implant_coder); }
int64_t n1c_n1_implant_tables_size(void) { return (int64_t)sizeof(implant_tables); }

int64_t n1c_n1_implant_work_size(int64_t n) {
  return n < 0 || n > (int64_t)1 << 60 ? N1C_E_ARGUMENT : 2 * n + N1C_SLACK;
}

int64_t n1c_n1_implant_tables(uint8_t *out, int64_t capacity) {
  if (capacity < (int64_t)sizeof n1_implant_n1) return N1C_E_CAPACITY;
  memcpy(out, &n1_implant_n1, sizeof n1_implant_n1);
  return (int64_t)sizeof n1_implant_n1;
}

int64_t n1c_n1_implant_encode(const int16_t *x, int64_t n, const uint8_t *tables, int64_t tables_length, void *work,
                              int64_t work_size, uint8_t *out, int64_t capacity) {
  implant_tables own;
  const implant_tables *t = n1_implant_open(tables, tables_length, &own);
  int16_t stretch[IMPLANT_CODES];
  int16_t *const residuals = (int16_t *)n1c_align64(work);
  const int64_t needed = n1c_n1_implant_work_size(n);
  int64_t length = -1, other;
  if (!t || n < 1 || needed < 0) return N1C_E_ARGUMENT;
  if (capacity < 2 * n + 1 || work_size < needed) return N1C_E_CAPACITY;
  n1_implant_stretch(stretch);
  if (is_n1(stretch, x, n)) {
    length = encode_n1(t, x, n, out, 2 * n);
    if (length >= 0 && length <= n + n / 4) return length;
  }
  *out = MODE_OTHER;
  other = n1c_slms_encode(x, n, OTHER_ORDER, OTHER_STEP, residuals, n);
  if (other >= 0) other = n1c_rice_encode(residuals, n, out + 1, 2 * n);
  if (length >= 0 && length <= other + 1) return encode_n1(t, x, n, out, 2 * n);
  return other < 0 ? other : other + 1;
}

int64_t n1c_n1_implant_decode(const uint8_t *in, int64_t length, const uint8_t *tables, int64_t tables_length,
                              void *work, int64_t work_size, int16_t *x, int64_t n) {
  implant_tables own;
  const implant_tables *t = n1_implant_open(tables, tables_length, &own);
  int16_t *const residuals = (int16_t *)n1c_align64(work);
  const int64_t needed = n1c_n1_implant_work_size(n);
  if (!t || n < 1 || needed < 0) return N1C_E_ARGUMENT;
  if (work_size < needed) return N1C_E_CAPACITY;
  if (length < 1) return N1C_E_CORRUPT;
  if (*in == MODE_N1) return decode_n1(t, in, length, x, n);
  if (*in != MODE_OTHER) return N1C_E_CORRUPT;
  {
    const int64_t count = n1c_rice_decode(in + 1, length - 1, residuals, n);
    return count < 0 ? count : n1c_slms_decode(residuals, n, OTHER_ORDER, OTHER_STEP, x, n);
  }
}

int64_t n1c_n1_implant_trace(const int16_t *x, int64_t n, const uint8_t *tables, int64_t tables_length, int32_t *out,
                             int64_t size, int16_t *state, int64_t state_size) {
  implant_tables own;
  const implant_tables *t = n1_implant_open(tables, tables_length, &own);
  int16_t stretch[IMPLANT_CODES];
  implant_channel s;
  if (!t || n < 1) return N1C_E_ARGUMENT;
  if (size < 6 * n || state_size != (int64_t)(sizeof s / sizeof *state)) return N1C_E_CAPACITY;
  n1_implant_stretch(stretch);
  if (!is_n1(stretch, x, n)) return N1C_E_ARGUMENT;
  implant_open(t, &s, n1_code_of(x[0]));
  for (int64_t i = 1; i < n; i++, out += 6) {
    const int32_t code = n1_code_of(x[i]);
    implant_prediction p;
    implant_predict(&s, &p);
    out[0] = code;
    out[1] = p.level;
    out[2] = 32 * p.exponent + p.mantissa;
    out[3] = code == 0 ? 0 : implant_place(t, &p, code);
    out[4] = code == IMPLANT_CODES - 1 ? 1 << 12 : implant_place(t, &p, code + 1);
    out[5] = (int32_t)(implant_below(t, &p, code + 1) - implant_below(t, &p, code));
    implant_learn(&s, &p, implant_centre(t, code));
  }
  memcpy(state, &s, sizeof s);
  return n - 1;
}
