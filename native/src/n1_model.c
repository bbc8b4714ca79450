/* The N1 codec's model: profiles, tables, the backward-adaptive predictor. */
#include "n1_model.h"

#include "bytes.h"
#include "n1_mapping.h"

/* 2^(i / 8) in units of 2^-16. */
static const uint32_t eighths[8] = {65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194};

#define HEAD 16
#define CELL (1 << (N1_U_BITS - 13)) /* u that a cell of `near` is wide */
#define REACH 7                      /* codes on either side, and one, that smooth a count */

int n1_profile_open(const uint8_t *b, int64_t length, n1_profile *p) {
  const uint8_t *at = b + HEAD;
  uint32_t last = 0;
  if (length < HEAD + 4 * N1_MOMENTS + 4 * (N1_SHAPE + 1) || memcmp(b, "N1P\3", 4)) return -1;
  p->stretch = b[4];
  p->floor = b[5];
  p->codes = (int32_t)n1c_load16(b + 6);
  p->first = (int32_t)n1c_load16(b + 8) - 32768;
  p->step = (int32_t)n1c_load16(b + 10);
  p->prior_weight = (int32_t)n1c_load16(b + 12);
  if (p->stretch > 1 || p->floor < 1 || p->floor > 16 || p->codes > N1_ADAPTIVE_CODES || p->codes == 1 || p->step < 1)
    return -1;
  if (p->stretch && p->codes != N1_CODES) return -1;
  if (length != HEAD + 4 * N1_MOMENTS + 4 * (N1_SHAPE + 1) + 2 * p->codes) return -1;
  for (int i = 0; i < N1_MOMENTS; i++, at += 4) {
    const uint32_t v = n1c_load32(at);
    p->prior[i] = v < 0x80000000u ? (int32_t)v : -(int32_t)(0xffffffffu - v) - 1;
    if (p->prior[i] > 1 << 28 || p->prior[i] < -(1 << 28)) return -1;
  }
  for (int i = 0; i <= N1_SHAPE; i++, at += 4) {
    p->shape[i] = n1c_load32(at);
    if (p->shape[i] < last) return -1;
    last = p->shape[i];
  }
  if (p->shape[0] != 0 || last != N1_PROB) return -1;
  p->shape[N1_SHAPE + 1] = last;
  p->widths = at;
  return 0;
}

/* -- tables -------------------------------------------------------------------------------------------------------- */

static uint32_t square_root(uint64_t v) {
  uint64_t r = 0;
  for (uint64_t bit = (uint64_t)1 << 31; bit; bit >>= 1)
    if ((r | bit) * (r | bit) <= v) r |= bit;
  return (uint32_t)r;
}

/* Thresholds, rescaled to the full scale, centres and nearest thresholds from widths of any sum. */
static void set_widths(n1_model *m, const uint8_t *stored, const uint32_t *widths) {
  const int32_t codes = m->codes, half = 1 << (N1_U_BITS - 1);
  uint64_t total = 0, sum = 0;
  int32_t k;
  for (k = 0; k < codes; k++) total += stored ? n1c_load16(stored + 2 * k) : widths ? widths[k] : 1;
  if (!total) total = 1;
  m->threshold[0] = -half;
  for (k = 0; k < codes; k++) {
    sum += stored ? n1c_load16(stored + 2 * k) : widths ? widths[k] : 1;
    m->threshold[k + 1] = (int32_t)((sum << N1_U_BITS) / total) - half;
  }
  for (k = 0; k < codes; k++) m->centre[k] = (int16_t)((m->threshold[k] + m->threshold[k + 1]) >> 6);
  for (int32_t i = 0, b = 0; i < N1_NEAR; b++) { /* cells whose middle is below that of thresholds b and b + 1 */
    int32_t stop = N1_NEAR;
    if (b < codes) stop = (m->threshold[b] + m->threshold[b + 1] + 2 * half + CELL - 1) / (2 * CELL);
    while (i < stop) m->near[i++] = (uint16_t)n1_clamp(b, 1, codes - 1);
  }
  if (m->origin)
    for (k = 0; k < codes; k++) {
      m->threshold[k] -= m->origin;
      m->centre[k] = (int16_t)n1_clamp(m->centre[k] - m->origin / 32, -32767, 32767);
    }
  m->threshold[0] = -(8 << N1_U_BITS); /* the outermost codes reach to infinity */
  m->threshold[codes] = 8 << N1_U_BITS;
}

int64_t n1_model_bytes(int32_t codes) {
  const int64_t k = codes;
  return N1C_ROUND64(4 * (k + 1)) + N1C_ROUND64(2 * k) + N1C_ROUND64(2 * N1_NEAR) + 2 * N1C_ROUND64(4 * k);
}

void n1_model_open(n1_model *m, void *memory, const n1_profile *profile, int32_t codes, int32_t origin) {
  uint8_t *at = memory;
  uint32_t mass;
  int32_t k, i;
  m->codes = codes;
  m->profile = profile;
  m->floor = profile->floor;
  m->adaptive = profile->codes == 0 && codes <= N1_ADAPTIVE_CODES;
  m->threshold = (int32_t *)at, at += N1C_ROUND64(4 * ((int64_t)codes + 1));
  m->centre = (int16_t *)at, at += N1C_ROUND64(2 * (int64_t)codes);
  m->near = (uint16_t *)at, at += N1C_ROUND64(2 * N1_NEAR);
  m->count = (uint32_t *)at, at += N1C_ROUND64(4 * (int64_t)codes);
  m->smooth = (uint32_t *)at;
  if (m->adaptive) memset(m->count, 0, (size_t)codes * sizeof *m->count);
  m->origin = 0;
  if (origin) { /* the centre of that code, at equal widths */
    const int64_t twice = (((int64_t)origin << N1_U_BITS) / codes) + (((int64_t)(origin + 1) << N1_U_BITS) / codes);
    m->origin = (int32_t)((twice >> 6) - (1 << (N1_U_BITS - 6))) * 32;
  }
  set_widths(m, profile->codes ? profile->widths : NULL, NULL);
  mass = N1_PROB - (uint32_t)(codes * m->floor);
  memset(m->shape, 0, sizeof m->shape);
  for (i = 0; i <= N1_SHAPE + N1_PAD; i++) {
    const uint32_t value = profile->shape[i < N1_SHAPE ? i : N1_SHAPE];
    const uint32_t next = profile->shape[i < N1_SHAPE ? i + 1 : N1_SHAPE];
    m->shape[N1_PAD + i][0] = (uint32_t)((uint64_t)value * mass >> N1_PROB_BITS);
    m->shape[N1_PAD + i][1] = (uint32_t)((uint64_t)next * mass >> N1_PROB_BITS) - m->shape[N1_PAD + i][0];
  }
  for (i = 0, k = 0; i < N1_GUESS; i++) {
    const uint32_t p = ((uint32_t)i << (N1_PROB_BITS - 10)) + (1 << (N1_PROB_BITS - 11));
    while (k < N1_SHAPE - 1 && profile->shape[k + 1] <= p) k++;
    const uint32_t rise = profile->shape[k + 1] - profile->shape[k];
    const uint32_t part = rise ? ((p - profile->shape[k]) << 4) / rise : 0;
    m->guess[i] = (int16_t)(((k << 4) + (int32_t)part) - (N1_Z_MAX >> 2));
  }
}

uint32_t n1_power(const n1_model *m, int32_t start) {
  const int32_t rest = start - 16 * m->scale_shift;
  const uint32_t v = (uint32_t)((uint64_t)eighths[rest & 7] << (rest >> 3) >> 12);
  return v ? v : 1;
}

void n1_model_start(n1_model *m, int32_t start) {
  const int32_t shift = start >= 96 ? start / 16 - 5 : 0;
  uint32_t first[32]; /* 2^27 / sigma in u of the first two octaves */
  int32_t i;
  m->scale_shift = shift;
  /* v = (32 + 2 mantissa + 1) 2^(octave - 5) = 16 squared sigmas; sigma in u is 8 sqrt(v) 2^shift. */
  for (i = 0; i < 32; i++) first[i] = square_root((((uint64_t)1 << 53) / (uint64_t)(33 + 2 * (i & 15))) >> (i >> 4));
  for (i = 0; i < N1_SCALES; i++) {
    const uint32_t r = first[i & 31] >> ((i >> 5) + shift);
    m->recip[i] = r > 160 ? (int32_t)r : 160; /* the outermost thresholds stay out of reach */
    m->reach[i] = ((1 << 30) + m->recip[i] - 1) / m->recip[i];
    m->sigma[i] = n1_clamp((1 << 27) / m->recip[i], 1, 1 << 17);
  }
  {
    int64_t none[N1_MOMENTS] = {0};
    n1_solve(m, start, none, m->weights, &m->shift);
  }
}

/* Widths from how often each code came, beside its neighbours: what sticks out of the smooth histogram is the
 * converter's, not the signal's. */
void n1_adapt_widths(n1_model *m) {
  const int32_t codes = m->codes;
  uint64_t sum = 0, after = 0, until = 0; /* counts around k, weighted; of the codes k + 1 .. k + 7; of k - 6 .. k */
#define COUNT(k) ((k) >= 0 && (k) < codes ? m->count[k] : 0)
  for (int32_t d = 0; d < REACH; d++) {
    sum += (uint64_t)(REACH - d) * COUNT(d);
    after += COUNT(d + 1);
  }
  until = COUNT(0);
  for (int32_t k = 0; k < codes; k++) {
    const int32_t below = n1_clamp(REACH - 1 - k, 0, REACH), above = n1_clamp(k + REACH - codes, 0, REACH);
    const uint64_t weight = (uint64_t)(REACH * REACH - (below * (below + 1) + above * (above + 1)) / 2);
    /* A division by a constant is a multiplication. */
    const uint64_t mean = weight == REACH * REACH ? (sum << 8) / (REACH * REACH) : (sum << 8) / weight;
    m->smooth[k] = (uint32_t)((((uint64_t)m->count[k] + 16) << 20) / (mean + (16 << 8))) + 1;
    sum += after - until;
    after += (uint64_t)COUNT(k + REACH + 1) - COUNT(k + 1);
    until += (uint64_t)COUNT(k + 1) - COUNT(k - REACH + 1);
  }
#undef COUNT
  set_widths(m, NULL, m->smooth);
}

/* -- predictor ----------------------------------------------------------------------------------------------------- */

#define ONE ((int64_t)1 << 22)   /* unit of weights and quotients */
#define BOUND ((int64_t)1 << 30) /* of the moments while they are solved */
#define LEAST 64                 /* of what is left of a level, else it has no weight */

static int64_t clamp64(int64_t x, int64_t most) { return x < -most ? -most : x > most ? most : x; }

/* Least squares by elimination (Gauss). Number 0 is what is to be predicted, 1 .. 7 are the levels, all less the last
 * sample: the slowest mean, which varies most, goes first. Clamps keep what is no sum of squares within 64 bits. */
void n1_solve(const n1_model *m, int32_t start, int64_t *moments, int16_t *weights, int32_t *shift) {
  int64_t a[N1_LEVELS][N1_LEVELS], w[N1_LEVELS] = {0}, widest = 1, most = 0;
  const int64_t power = n1_power(m, start);
  int32_t down = 0, fine = 13;
  for (int j = 0, n = 0; j < N1_LEVELS; j++)
    for (int i = 0; i <= j; i++, n++) {
      moments[n] += ((int64_t)m->profile->prior[n] * m->profile->prior_weight >> 10) * power >> 16;
      a[i][j] = moments[n] + (i == j ? (moments[n] >> 14) + 1 : 0);
      if (i == j && a[i][j] > widest) widest = a[i][j];
    }
  while (widest >> down >= BOUND) down++;
  while (down <= 0 && widest << -down < BOUND / 2) down--;
  for (int j = 0; j < N1_LEVELS; j++)
    for (int i = 0; i <= j; i++)
      a[i][j] = clamp64(down >= 0 ? a[i][j] >> down : a[i][j] * ((int64_t)1 << -down), BOUND);
  for (int k = N1_LEVELS - 1; k > 0; k--)
    for (int j = 0; j < k && a[k][k] >= LEAST; j++) {
      const int64_t part = clamp64(a[j][k] * ONE / a[k][k], 64 * ONE);
      for (int i = 0; i <= j; i++) a[i][j] = clamp64(a[i][j] - (part * a[i][k] >> 22), BOUND);
    }
  w[0] = ONE;
  for (int k = 1; k < N1_LEVELS; k++) {
    int64_t rest = a[0][k] * ONE;
    for (int i = 1; i < k; i++) rest -= a[i][k] * w[i];
    if (a[k][k] >= LEAST) w[k] = clamp64(rest / a[k][k], 16 * ONE);
    w[0] -= w[k];
  }
  for (int i = 0; i < N1_LEVELS; i++) most = w[i] > most ? w[i] : -w[i] > most ? -w[i] : most;
  while (most >= (int64_t)32760 << (22 - fine)) fine--;
  *shift = fine;
  weights[0] = (int16_t)(1 << fine);
  for (int i = 1; i < N1_LEVELS; i++) {
    weights[i] = (int16_t)((w[i] + ((int64_t)1 << (21 - fine))) >> (22 - fine));
    weights[0] = (int16_t)(weights[0] - weights[i]);
  }
}
