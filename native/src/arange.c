/* Adaptive range coding of int16 samples, no table.
 *
 * A zigzagged sample is cut into its width in bits and the bits below its highest, and each binary decision has an
 * adaptive counter, in the manner of Howard and Vitter, "Practical implementations of arithmetic coding", 1992. The width
 * is seen in the context of a running mean of the samples before it, in half octaves; the bits have a full tree for each
 * width, so that any alphabet is learned, however uneven. */
#include "entropy.h"

#define CONTEXTS 40
#define WINDOW 2 /* the mean is over some 2^WINDOW samples */
#define WIDTH_LIMIT 1000
#define BITS_LIMIT 1000

typedef struct {
  n1c_counter width[CONTEXTS][32];
  n1c_counter bits[N1C_SYMBOLS]; /* those of width w from 2^(w-1) on */
} model;

int64_t n1c_arange_work_size(void) { return (int64_t)sizeof(model) + N1C_SLACK; }

static void start_counters(model *m) {
  for (int i = 0; i < CONTEXTS; i++)
    for (int j = 0; j < 32; j++) m->width[i][j] = N1C_COUNTER;
  for (int i = 0; i < N1C_SYMBOLS; i++) m->bits[i] = N1C_COUNTER;
}

/* The sum stays below 2^(16 + WINDOW), so the context below 2 * 18 + 2. */
static uint32_t context_of(uint32_t sum) {
  const int width = n1c_width(sum);
  return width < 2 ? (uint32_t)width : 2 * (uint32_t)width + (sum >> (width - 2) & 1u);
}

static uint32_t updated_sum(uint32_t sum, uint32_t u) { return sum - (sum >> WINDOW) + u; }

int64_t n1c_arange_encode(const int16_t *x, int64_t n, uint8_t *out, int64_t capacity, void *work, int64_t work_size) {
  model *m = (model *)n1c_align64(work);
  n1c_encoder e;
  uint32_t sum = 0;
  if (n < 0) return N1C_E_ARGUMENT;
  if (capacity / 2 < n || work_size < n1c_arange_work_size()) return N1C_E_CAPACITY;
  if (!n) return 0;
  start_counters(m);
  n1c_encoder_start(&e, out, 2 * n);
  for (int64_t i = 0; i < n; i++) {
    const uint32_t u = n1c_zigzag(x[i]);
    const int width = n1c_width(u);
    n1c_encode_tree(&e, m->width[context_of(sum)], (uint32_t)width, 5, WIDTH_LIMIT);
    if (width > 1) n1c_encode_tree(&e, m->bits + (1 << (width - 1)), u - (1u << (width - 1)), width - 1, BITS_LIMIT);
    sum = updated_sum(sum, u);
  }
  return n1c_finish_payload(x, n, out, n1c_encoder_end(&e));
}

int64_t n1c_arange_decode(const uint8_t *in, int64_t length, int16_t *x, int64_t n, void *work, int64_t work_size) {
  model *m = (model *)n1c_align64(work);
  n1c_decoder d;
  uint32_t sum = 0;
  if (n < 0 || length < 0) return N1C_E_ARGUMENT;
  if (work_size < n1c_arange_work_size()) return N1C_E_CAPACITY;
  if (!n1c_is_backed(n, length)) return N1C_E_CORRUPT;
  if (n1c_is_stored(n, length)) return n1c_load_samples(in, x, n);
  start_counters(m);
  n1c_decoder_start(&d, in, length);
  for (int64_t i = 0; i < n; i++) {
    const int width = (int)n1c_decode_tree(&d, m->width[context_of(sum)], 5, WIDTH_LIMIT);
    if (width > 16) return N1C_E_CORRUPT;
    uint32_t u = (uint32_t)width;
    if (width > 1) {
      u = 1u << (width - 1);
      u += n1c_decode_tree(&d, m->bits + u, width - 1, BITS_LIMIT);
    }
    x[i] = n1c_unzigzag(u);
    sum = updated_sum(sum, u);
  }
  return n1c_decoder_overrun(&d) ? N1C_E_CORRUPT : n;
}
