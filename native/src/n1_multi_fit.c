/* Fitting a model of n1_multi to a recording. docs/multi.md describes what is fitted and why.
 *
 * Sums of products are whole numbers, and everything else is done in floating point in a fixed order: all machines that
 * round as IEEE 754 says write the same model. */
#include <math.h>
#include <string.h>

#include "n1_mapping.h"
#include "n1_model.h"
#include "n1_multi.h"
#include "n1c/multi.h"

#define MOST_FITTED ((int64_t)1 << 23) /* samples that are looked at: more make a model no better, only slower to fit */
#define MOST_FITTED_FAST ((int64_t)1 << 21)
#define LEAST_ROWS 128      /* that are looked at, however many channels there are */
#define Y_SHIFT 3           /* what y is coarser than x by, in bits */
#define CLOSE 128           /* rows that tell how large samples are, and how residuals are distributed */
#define CLOSE_OF_FEW 4096   /* and of so many channels together, where they are few */
#define BLOCK 8             /* rows that tell what a channel's own past lets expect are spread in blocks of so many */
#define PROBE 64            /* rows that tell which channels belong together */
#define PROBE_PAD 4         /* rows before and after them */
#define WINDOW 128          /* earlier channels that are looked at for that */
#define MOST_PAIRS (1 << 19) /* of channels; where there are thousands, fewer earlier ones are looked at */
#define LEAST_WINDOW 16
#define MOST_VARIABLES MULTI_MOST_TAPS
#define PULL 40             /* samples that what is expected of weights counts for, by what a channel's own past leaves */
#define WIDTH_TRUST 6.0     /* samples that what is known of a width beforehand counts for */
#define WIDTH_REACH 32      /* codes on either side among which a width is relative */
#define CODE_MARGIN 64

/* What is known of a channel's samples. */
typedef struct {
  int16_t low, high, mean;
  double deviation;
} range;

/* A recording is cut into lanes, as chunks are; what is looked at are the first rows of all lanes. */
typedef struct {
  const multi_kernels *k;
  multi_lanes l;          /* with as many steps as are looked at */
  int64_t size, numbers;  /* in the rows of a channel, and of those without what is before and after them */
  int64_t close, probe;   /* the first of the rows that are looked at closely, and of those that tell of neighbours */
  int64_t close_rows, probe_rows;
  int32_t channels;
  int16_t *rows;          /* of each channel its samples, then their codes, then y: distances from the channel's mean */
  int16_t *mean;          /* y of the mean of channels */
  int16_t *one;           /* and of some rows of a channel */
  int32_t *sum, *total;   /* of one channel, and of those that are in the mean */
  multi_model *model;
  int32_t *converters;    /* of each channel */
  multi_place *place;     /* where each channel stands in the samples, and of which earlier ones it may know */
  range *range;           /* of each channel */
} fit;

/* Row 0 of a channel. */
static int16_t *rows_of(const fit *f, int32_t channel) {
  return f->rows + f->place[channel].channel * f->size + MULTI_ROW_0;
}

/* -- samples, codes and their mappings ------------------------------------------------------------------------------------- */

/* Whether samples are N1's codes of 10 bits, stretched to 16, and not all the same. */
static int is_stretched(const int16_t *x, int64_t n) {
  int32_t changes = 0;
  for (int64_t t = 0; t < n; t++) {
    if (n1_sample_of(n1_code_of(x[t])) != x[t]) return 0;
    changes |= x[t] ^ x[0];
  }
  return changes != 0;
}

/* N1's mapping is taken where all channels have it. */
static int find_stretch(const fit *f) {
  int32_t some = 0;
  for (int32_t c = 0; c < f->channels; c++) {
    const int16_t *x = rows_of(f, c);
    if (is_stretched(x, f->numbers)) some = 1;
    else if (f->range[c].low < f->range[c].high) return 0;
  }
  for (int32_t c = 0; some && c < f->channels; c++) f->model->channel[c].step = MULTI_STRETCH;
  return some;
}

/* Whether two samples side by side are as near as can be: then steps are 1. */
static int is_fine(const int16_t *x, int64_t n) {
  for (int64_t i = 1; i < n; i++)
    if (x[i] - x[i - 1] == 1 || x[i - 1] - x[i] == 1) return 1;
  return 0;
}

/* Steps of all channels, 0 where they are 1, and for now as their starts how many codes they ask for. */
static void find_steps(const fit *f, uint32_t *used) {
  if (find_stretch(f)) return;
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = f->model->channel + c;
    const int16_t *x = rows_of(f, c);
    n1_steps steps;
    int64_t margin;
    if (is_fine(x, f->numbers)) continue;
    n1_find_steps(x, f->numbers, used, &steps);
    if (steps.step == 1 << N1_STEP_BITS || steps.codes < 3) continue;
    /* So that there are codes below the lowest seen, the mapping begins some steps earlier. */
    margin = (((int64_t)(steps.first + 32768) << N1_STEP_BITS) / steps.step) - 1;
    margin = margin < CODE_MARGIN ? margin : CODE_MARGIN;
    if (margin > 0) {
      const int64_t at = steps.phase - margin * steps.step, part = 1 << N1_STEP_BITS;
      const int64_t whole = at >= 0 ? at / part : -((-at + part - 1) / part); /* rounds down */
      steps.first += (int32_t)whole;
      steps.phase = (uint32_t)(at - whole * part);
      steps.codes += (int32_t)margin;
    }
    ch->first = steps.first;
    ch->step = steps.step;
    ch->phase = steps.phase;
    ch->start = steps.codes + CODE_MARGIN;
  }
}

/* Whether the codes of a channel say nothing of its converter's: each channel has steps of its own. */
static int is_stepped(const multi_channel *c) { return c->step > MULTI_STRETCH; }

/* Channels that a converter sampled in steps of 1 share the widths of its codes, or all of them do; all others are one
 * group. Returns which group that is, or -1. */
static int32_t find_groups(const fit *f, int together) {
  multi_model *m = f->model;
  int32_t low = 32767, high = -32768, stepped = -1, last = 0; /* last: the channel before that has steps of 1 */
  m->groups = 0;
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = m->channel + c;
    int32_t same = last;
    if (is_stepped(ch)) {
      if (stepped < 0) stepped = m->groups++, m->group[stepped].codes = 2, m->group[stepped].first = 0;
      ch->group = stepped;
      if (ch->start > m->group[stepped].codes) m->group[stepped].codes = ch->start;
      continue;
    }
    if (same < c && (is_stepped(m->channel + same) || (!together && f->converters[same] != f->converters[c])))
      for (same = 0; same < c && (is_stepped(m->channel + same) || (!together && f->converters[same] != f->converters[c])); same++) continue;
    ch->group = same < c ? m->channel[same].group : m->groups++;
    last = c;
    low = f->range[c].low < low ? f->range[c].low : low;
    high = f->range[c].high > high ? f->range[c].high : high;
  }
  low = low - CODE_MARGIN - 1 > -32768 ? low - CODE_MARGIN - 1 : -32768;
  high = high + CODE_MARGIN + 1 < 32767 ? high + CODE_MARGIN + 1 : 32767;
  for (int32_t g = 0; g < m->groups; g++) {
    m->group[g].widths = NULL;
    if (g == stepped) {
      m->group[g].codes = m->group[g].codes < MULTI_MOST_CODES ? m->group[g].codes : MULTI_MOST_CODES;
    } else if (m->channel->step == MULTI_STRETCH) {
      m->group[g].first = 0;
      m->group[g].codes = N1_CODES;
    } else {
      m->group[g].first = low;
      m->group[g].codes = high - low + 1;
    }
  }
  return stepped;
}

/* The means and deviations are those of some of the rows. */
static void find_ranges(const fit *f) {
  const int64_t every = (f->l.steps + f->close_rows - 1) / f->close_rows;
  for (int32_t c = 0; c < f->channels; c++) {
    range *r = f->range + c;
    const int16_t *x = rows_of(f, c);
    int16_t low = x[0], high = x[0];
    int64_t sum = 0, squares = 0, n = 0;
    double mean, variance;
    for (int64_t i = 0; i < f->numbers; i++) {
      low = x[i] < low ? x[i] : low;
      high = x[i] > high ? x[i] : high;
    }
    for (int64_t t = 0; t < f->l.steps; t += every, n += MULTI_LANES)
      for (int lane = 0; lane < MULTI_LANES; lane++) {
        const int32_t v = x[t * MULTI_LANES + lane];
        sum += v;
        squares += v * v;
      }
    r->low = low;
    r->high = high;
    r->mean = (int16_t)(sum / n);
    mean = (double)sum / (double)n;
    variance = (double)squares / (double)n - mean * mean;
    r->deviation = variance > 0 ? sqrt(variance) : 0;
  }
}

/* Codes of all channels in place of their samples. */
static void map_samples(const fit *f) {
  for (int32_t c = 0; c < f->channels; c++) {
    const multi_channel *ch = f->model->channel + c;
    const multi_group *g = f->model->group + ch->group;
    int16_t *rows = rows_of(f, c) - MULTI_ROW_0;
    uint16_t *codes = (uint16_t *)rows;
    if (ch->step)
      for (int64_t i = 0; i < f->size; i++) codes[i] = (uint16_t)multi_code(ch, g, rows[i]);
    else
      f->k->codes(rows, g->first, g->codes, f->size / MULTI_LANES, codes);
  }
}

/* Means and shifts of all channels, from the widths of their codes. */
static void place_channels(const fit *f) {
  multi_model *m = f->model;
  m->common = MULTI_CENTRE_BITS;
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = m->channel + c;
    const multi_group *g = m->group + ch->group;
    const range *r = f->range + c;
    const int32_t mean = g->level[multi_nearest(ch, g, r->mean)].centre;
    const int32_t up = g->level[multi_nearest(ch, g, r->high)].centre - mean;
    const int32_t down = mean - g->level[multi_nearest(ch, g, r->low)].centre;
    const double most = (double)(up > down ? up : down) / (1 << MULTI_CENTRE_BITS);
    const double codes = ch->step == MULTI_STRETCH ? 1.0 / 64 : ch->step ? (double)(1 << N1_STEP_BITS) / ch->step : 1;
    const double reach = 8 * r->deviation * codes < most ? 8 * r->deviation * codes : most;
    ch->mean = mean >> MULTI_CENTRE_BITS;
    /* The finest unit in which samples so far from the mean fit 16 bits. */
    for (ch->shift = MULTI_CENTRE_BITS; ch->shift > -6 && ldexp(reach, ch->shift) > 32767;) ch->shift--;
    m->common = ch->shift < m->common ? ch->shift : m->common;
  }
}

/* y of so many rows of codes. */
static void map_codes(const fit *f, int32_t channel, const int16_t *codes, int64_t rows, int16_t *y) {
  const multi_channel *ch = f->model->channel + channel;
  multi_coder c;
  c.group = f->model->group + ch->group;
  c.x_mean = ch->mean * (1 << MULTI_CENTRE_BITS);
  c.x_shift = MULTI_CENTRE_BITS - ch->shift + Y_SHIFT;
  f->k->x(&c, (const uint16_t *)codes, rows, y);
  for (int64_t i = 0; i < rows * MULTI_LANES; i++) y[i] = (int16_t)n1_clamp(y[i], -MULTI_MOST_PRODUCT, MULTI_MOST_PRODUCT);
}

/* -- linear algebra: symmetric matrices, the upper half, row by row -------------------------------------------------------------- */

/* Cholesky decomposition: a = u' u, in place. */
static void decompose(double *a, int32_t n) {
  double least[MOST_VARIABLES];
  for (int32_t i = 0; i < n; i++) least[i] = 1e-9 * a[i * n + i] + 1e-9;
  for (int32_t k = 0; k < n; k++) {
    double *row = a + k * n;
    const double root = sqrt(row[k] > least[k] ? row[k] : least[k]), part = 1 / root;
    row[k] = root;
    for (int32_t j = k + 1; j < n; j++) row[j] *= part;
    for (int32_t i = k + 1; i < n; i++)
      for (int32_t j = i; j < n; j++) a[i * n + j] -= row[i] * row[j];
  }
}

/* Solves u' u x = b in place. */
static void solve(const double *u, int32_t n, double *b) {
  for (int32_t i = 0; i < n; i++) {
    b[i] /= u[i * n + i];
    for (int32_t j = i + 1; j < n; j++) b[j] -= u[i * n + j] * b[i];
  }
  for (int32_t i = n; i-- > 0;) {
    for (int32_t j = i + 1; j < n; j++) b[i] -= u[i * n + j] * b[j];
    b[i] /= u[i * n + i];
  }
}

/* -- each channel from its own past ------------------------------------------------------------------------------------------------ */

#define OWN 4 /* samples that tell roughly what comes next */
#define OWN_BITS 12
#define ONE ((OWN + PROBE) * MULTI_LANES)

/* to[i * stride] = sum of products of rows of a and those i before them in b, i = 0 .. lags - 1. */
static void multiply_lags(const fit *f, const int16_t *a, const int16_t *b, int32_t lags, int64_t rows, double *to,
                          int32_t stride) {
  int64_t sums[MULTI_SUMS];
  for (int32_t i = 0; i < lags; i += MULTI_SUMS) {
    if (i + MULTI_SUMS > lags && lags > MULTI_SUMS) i = lags - MULTI_SUMS;
    f->k->products(a, b - i * MULTI_LANES, MULTI_LANES, rows, sums);
    for (int32_t k = 0; k < MULTI_SUMS && i + k < lags; k++) to[(i + k) * stride] = (double)sums[k];
  }
}

static int32_t multiply_row(const int16_t *a, const int16_t *b) {
  int32_t sum = 0;
  for (int lane = 0; lane < MULTI_LANES; lane++) sum += a[lane] * b[lane];
  return sum;
}

/* Sums of products of so many rows t: those of t - low - i in a and t - other_low - k in b at to[i * stride + k]; the upper
 * half, where both are the same. Sums whose lags are both one more differ by the first and the last product. */
static void multiply(const fit *f, const int16_t *a, int32_t low, int32_t lags, const int16_t *b, int32_t other_low,
                     int32_t other_lags, int64_t rows, double *to, int32_t stride) {
  a -= low * MULTI_LANES;
  b -= other_low * MULTI_LANES;
  multiply_lags(f, a, b, other_lags, rows, to, 1);
  if (a != b) multiply_lags(f, b, a, lags, rows, to, stride);
  for (int32_t i = 1; i < lags; i++)
    for (int32_t k = a == b ? i : 1; k < other_lags; k++) {
      const int16_t *first = a - i * MULTI_LANES, *other = b - k * MULTI_LANES;
      to[i * stride + k] = to[(i - 1) * stride + k - 1] + multiply_row(first, other) -
                           multiply_row(first + rows * MULTI_LANES, other + rows * MULTI_LANES);
    }
}

/* The weights, in 2^-OWN_BITS, with which its last OWN samples predict a channel of which so many rows are here; the
 * variance of what is left, in squares of y. */
static double own_predictor(const fit *f, const int16_t *y, int64_t rows, int16_t *weights) {
  double sums[OWN + 1][OWN + 1], r[OWN * OWN], w[OWN], left;
  multiply(f, y, 0, OWN + 1, y, 0, OWN + 1, rows, *sums, OWN + 1);
  for (int i = 0; i < OWN; i++) {
    for (int k = i; k < OWN; k++) r[i * OWN + k] = sums[i + 1][k + 1];
    r[i * OWN + i] += 1e-6 * r[i * OWN + i] + 1;
    w[i] = sums[0][i + 1];
  }
  decompose(r, OWN);
  solve(r, OWN, w);
  left = sums[0][0];
  for (int i = 0; i < OWN; i++) {
    left -= w[i] * sums[0][i + 1];
    weights[i] = (int16_t)floor((w[i] > -7 ? w[i] < 7 ? w[i] : 7 : -7) * (1 << OWN_BITS) + 0.5);
  }
  left /= (double)(rows * MULTI_LANES);
  return left > 0.05 ? left : 0.05;
}

/* The sums of what these weights make of rows before so many rows. */
static void predict(const fit *f, const int16_t *weights, const int16_t *y, int64_t rows, int32_t *sum) {
  multi_taps_of taps;
  taps.count = OWN;
  for (int i = 0; i < OWN; i++) taps.row[i] = y - (i + 1) * MULTI_LANES, taps.weight[i] = weights[i];
  f->k->dot(&taps, 0, rows, sum);
}

/* -- widths of codes ------------------------------------------------------------------------------------------------------------------ */

/* A normal distribution of this variance, as three running means would smooth (Kovesi 2010), in place. */
static void smooth(double *v, double *other, int32_t n, double variance) {
  const double ideal = sqrt(12 * variance / 3 + 1);
  const int32_t low = ((int32_t)ideal - 1) / 2; /* half of the largest odd width below the ideal one */
  const double narrow = 2 * low + 1;
  const double count = (12 * variance - 3 * narrow * narrow - 12 * narrow - 9) / (-4 * narrow - 4);
  for (int pass = 0; pass < 3; pass++) {
    const int32_t half = pass < (int)(count + 0.5) ? low : low + 1;
    const double part = 1.0 / (2 * half + 1);
    double sum = 0;
    for (int32_t i = 0; i < n; i++) other[i] = sum += v[i];
    for (int32_t i = 0; i < n; i++)
      v[i] = (other[i + half < n ? i + half : n - 1] - (i > half ? other[i - half - 1] : 0)) * part;
  }
}

typedef struct {
  int32_t codes, places;  /* places: whole codes that thresholds reach */
  uint32_t *count;        /* of each group and code */
  double *density;        /* samples of each group that are expected in each place */
  double *expected;       /* of each group and code: samples expected, if it were one code wide */
  double *one, *other;    /* of one channel */
  double *width;          /* of each code, for all groups */
} histograms;

/* How often each code came. */
static void count_codes(const fit *f, const histograms *h) {
  const multi_model *m = f->model;
  memset(h->count, 0, (size_t)m->groups * (size_t)h->codes * sizeof *h->count);
  for (int32_t c = 0; c < f->channels; c++) {
    const uint16_t *codes = (const uint16_t *)rows_of(f, c);
    uint32_t *count = h->count + (int64_t)m->channel[c].group * h->codes;
    if (is_stepped(m->channel + c)) continue;
    for (int64_t i = 0; i < f->numbers; i++) count[codes[i]]++;
  }
}

/* How often samples were expected where codes are: the predictions of each channel from its own past, of some of the
 * samples, smoothed by what they are off. */
static void count_predictions(const fit *f, const histograms *h) {
  const multi_model *m = f->model;
  const int64_t block = f->l.steps < BLOCK ? f->l.steps : BLOCK, blocks = f->close_rows / block;
  const int64_t numbers = block * blocks * MULTI_LANES;
  memset(h->density, 0, (size_t)m->groups * (size_t)h->places * sizeof *h->density);
  for (int32_t c = 0; c < f->channels; c++) {
    const multi_channel *ch = m->channel + c;
    const int16_t *codes = rows_of(f, c) - OWN * MULTI_LANES;
    double *density = h->density + (int64_t)ch->group * h->places;
    const double unit = ldexp(1, Y_SHIFT - ch->shift), scale = unit / (1 << OWN_BITS);
    double left;
    int16_t weights[OWN], *y = f->one + OWN * MULTI_LANES;
    int32_t low = h->places, high = 0, reach;
    if (is_stepped(ch)) continue;
    map_codes(f, c, codes + f->probe * MULTI_LANES, OWN + f->probe_rows, f->one);
    left = own_predictor(f, y, f->probe_rows, weights) * unit * unit;
    for (int64_t k = 0; k < blocks; k++) {
      map_codes(f, c, codes + k * f->l.steps / blocks * MULTI_LANES, OWN + block, f->one);
      predict(f, weights, y, block, f->sum + k * block * MULTI_LANES);
    }
    memset(h->one, 0, (size_t)h->places * sizeof *h->one);
    for (int64_t i = 0; i < numbers; i++) {
      const int32_t place = n1_clamp((int32_t)(f->sum[i] * scale + ch->mean), 0, h->places - 1);
      h->one[place]++;
      low = place < low ? place : low;
      high = place > high ? place : high;
    }
    reach = n1_clamp((int32_t)(5 * sqrt(left)) + 4, 0, h->places);
    low = n1_clamp(low - reach, 0, h->places);
    high = n1_clamp(high + reach, 0, h->places - 1);
    smooth(h->one + low, h->other, high - low + 1, left);
    for (int32_t i = low; i <= high; i++) density[i] += h->one[i] * (double)f->numbers / (double)numbers;
  }
}

/* Where all codes nearby came more or less often than expected it was the signal that was not as expected: residuals have
 * longer tails than a normal distribution. What is expected, h->one, is levelled to what came. */
static void level_density(const histograms *h, const uint32_t *count, double *expected) {
  double came = 4, thought = 4;
  for (int32_t k = 0; k < WIDTH_REACH && k < h->codes; k++) came += count[k], thought += h->one[k];
  for (int32_t k = 0; k < h->codes; k++) {
    const int32_t last = k + WIDTH_REACH, before = k - WIDTH_REACH - 1;
    if (last < h->codes) came += count[last], thought += h->one[last];
    if (before >= 0) came -= count[before], thought -= h->one[before];
    expected[k] = h->one[k] * came / (thought > 4 ? thought : 4);
  }
}

/* Samples expected of each code: the mean of the places from its lower threshold to its upper one. */
static void expect_codes(const fit *f, const histograms *h) {
  int32_t *threshold = f->model->scratch;
  for (int32_t g = 0; g < f->model->groups; g++) {
    const multi_group *group = f->model->group + g;
    const double *density = h->density + (int64_t)g * h->places;
    if (group->codes != h->codes) continue;
    multi_thresholds(group, threshold);
    for (int32_t k = 0; k < h->codes; k++) {
      const int32_t a = n1_clamp(threshold[k] >> MULTI_CENTRE_BITS, 0, h->places - 1);
      const int32_t b = n1_clamp(threshold[k + 1] >> MULTI_CENTRE_BITS, a, h->places - 1);
      double sum = 0;
      for (int32_t i = a; i <= b; i++) sum += density[i];
      h->one[k] = sum / (b - a + 1);
    }
    level_density(h, h->count + (int64_t)g * h->codes, h->expected + (int64_t)g * h->codes);
  }
}

/* A width in eighths of an octave. One that few samples tell of stays near to what is expected. */
static int8_t stored_width(double width, double trust, int32_t guess) {
  double off, reach;
  if (!(trust > 0)) return (int8_t)guess;
  off = 8 * log2(width > 1e-3 ? width : 1e-3) - guess;
  reach = 100 / (trust + 1);
  off = off > reach ? off - reach : off < -reach ? off + reach : 0;
  return (int8_t)n1_clamp((int32_t)floor(guess + off + 0.5), -64, 32);
}

/* Sums over the groups that learn widths; `stepped` is the one that does not. */
static void widths_of_all(const fit *f, const histograms *h, int32_t stepped, double *gain) {
  double scaled = 0, expected = 0, cost = 0;
  *gain = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int32_t k = 0; k < h->codes; k++) {
      double count = 0, density = 0;
      for (int32_t g = 0; g < f->model->groups; g++) {
        if (g == stepped) continue;
        count += h->count[(int64_t)g * h->codes + k];
        density += h->expected[(int64_t)g * h->codes + k];
      }
      if (!pass) {
        h->width[k] = (2 + count) / (2 + density);
        scaled += h->width[k] * density;
        expected += density;
        continue;
      }
      h->width[k] *= expected / scaled;
      *gain += count * log2(h->width[k]) - (h->width[k] - 1) * density * 1.4426950408889634;
      if (density > 1) cost += 5;
    }
  *gain -= cost;
}

/* Sets the widths of all groups; the bits that they save less those that they take. */
static double fit_widths(const fit *f, const histograms *h, int32_t stepped, int together) {
  multi_model *m = f->model;
  double gain = 0;
  for (int32_t k = 0; k < h->codes; k++) {
    const int outermost = k == 0 || k == h->codes - 1;
    int32_t sum = 0, seen = 0;
    for (int32_t g = 0; g < m->groups; g++) {
      const double count = h->count[(int64_t)g * h->codes + k], density = h->expected[(int64_t)g * h->codes + k];
      const double width = together ? h->width[k] : (WIDTH_TRUST + count) / (WIDTH_TRUST / h->width[k] + density);
      double stored;
      if (g == stepped) continue;
      m->group[g].widths[k] =
          stored_width(outermost ? 1 : width, count + density, seen ? (int32_t)floor((double)sum / seen + 0.5) : 0);
      stored = m->group[g].widths[k] / 8.0;
      gain += count * stored - (exp2(stored) - 1) * density * 1.4426950408889634 - (density > 1 ? 3.5 : 0);
      if (seen < 100) sum += m->group[g].widths[k], seen++;
    }
  }
  return gain;
}

/* -- neighbours --------------------------------------------------------------------------------------------------------------------------- */

/* Squared correlations of what each channel's own past does not tell, lags -1 .. 1: the largest of earlier channels. */
static void find_neighbours(const fit *f, int16_t *left, double *energy, int32_t most) {
  const int64_t stride = (PROBE + 2 * PROBE_PAD) * MULTI_LANES, numbers = f->probe_rows * MULTI_LANES;
  const int32_t window = n1_clamp(MOST_PAIRS / f->channels, LEAST_WINDOW, WINDOW);
  memset(left, 0, (size_t)(2 * MULTI_SUMS * stride)); /* in front of the first channel */
  left += MULTI_SUMS * stride;
  for (int32_t c = 0; c < f->channels; c++) {
    const int16_t *y = rows_of(f, c) + f->probe * MULTI_LANES;
    int16_t *e = left + c * stride, weights[OWN];
    int64_t squares = 0;
    own_predictor(f, y, f->probe_rows, weights);
    y -= PROBE_PAD * MULTI_LANES;
    predict(f, weights, y, f->probe_rows + 2 * PROBE_PAD, f->sum);
    for (int64_t t = 0; t < f->probe_rows + 2 * PROBE_PAD; t++)
      for (int r = 0; r < MULTI_LANES; r++) {
        const int32_t expected = (f->sum[t * MULTI_LANES + r] + (1 << (OWN_BITS - 1))) >> OWN_BITS;
        const int32_t v = y[t * MULTI_LANES + multi_lane_of[r]] - expected;
        e[t * MULTI_LANES + r] = (int16_t)n1_clamp(v, -MULTI_MOST_PRODUCT, MULTI_MOST_PRODUCT);
      }
    e += PROBE_PAD * MULTI_LANES;
    for (int64_t i = 0; i < numbers; i++) squares += e[i] * e[i];
    energy[c] = (double)squares / (double)numbers + 1e-9;
  }
  left += PROBE_PAD * MULTI_LANES;
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = f->model->channel + c;
    const int32_t first = n1_clamp(c - window, f->place[c].first, c);
    double best[MULTI_MOST_NEIGHBOURS];
    ch->count = 0;
    for (int32_t last = f->place[c].known - 1; last >= first; last -= MULTI_SUMS) {
      int64_t sums[3][MULTI_SUMS];
      for (int lag = -1; lag <= 1; lag++)
        f->k->products(left + c * stride, left + last * stride - lag * MULTI_LANES, stride, f->probe_rows, sums[lag + 1]);
      for (int32_t i = 0; i < MULTI_SUMS && last - i >= first; i++) {
        double score = 0;
        int32_t at = ch->count;
        for (int lag = 0; lag < 3; lag++) score += (double)sums[lag][i] * (double)sums[lag][i];
        score /= energy[c] * energy[last - i] * (double)numbers;
        if (score < 12) continue;
        for (; at > 0 && best[at - 1] < score; at--)
          if (at < most) best[at] = best[at - 1], ch->neighbours[at] = ch->neighbours[at - 1];
        if (at < most) best[at] = score, ch->neighbours[at] = last - i;
        if (ch->count < most) ch->count++;
      }
    }
  }
}

/* -- weights --------------------------------------------------------------------------------------------------------------------------------- */

typedef struct {
  int32_t order, neighbours, reach, mean;
} shape_of_model;

/* Regressors, by their places among those of the largest shape. */
typedef struct {
  int32_t count, at[MOST_VARIABLES];
} variables;

#define MOST_SUMS (MOST_VARIABLES + 1)

/* Sums of products of a channel, which is at place 0, and of its regressors, the upper half. */
typedef struct {
  int32_t count;
  double sums[MOST_SUMS * MOST_SUMS];
  double r[MOST_VARIABLES * MOST_VARIABLES];
  double w[MOST_VARIABLES], right[MOST_VARIABLES], expected[MOST_VARIABLES];
} regression;

/* The rows of a channel's regressor: its own (-1), those of a neighbour, or those of the mean. */
static const int16_t *signal_of(const fit *f, int32_t channel, int32_t i) {
  const multi_channel *ch = f->model->channel + channel;
  return i < 0 ? rows_of(f, channel) : i < ch->count ? rows_of(f, ch->neighbours[i]) : f->mean + MULTI_ROW_0;
}

/* Sums of products of all regressors of a shape, from one row up to another: own lags, then each neighbour's, then those of
 * the mean. */
static void correlate_signals(const fit *f, int32_t channel, const shape_of_model *s, int64_t from, int64_t to,
                              regression *r) {
  const int32_t signals = f->model->channel[channel].count + s->mean, lags = 2 * s->reach + 1;
  r->count = 1 + s->order + signals * lags;
  for (int32_t a = -1, i = 0; a < signals; i += a++ < 0 ? 1 + s->order : lags)
    for (int32_t b = a, k = i; b < signals; k += b++ < 0 ? 1 + s->order : lags)
      multiply(f, signal_of(f, channel, a) + from * MULTI_LANES, a < 0 ? 0 : -s->reach, a < 0 ? 1 + s->order : lags,
               signal_of(f, channel, b) + from * MULTI_LANES, b < 0 ? 0 : -s->reach, b < 0 ? 1 + s->order : lags, to - from,
               r->sums + i * r->count + k, r->count);
}

/* The regressors of a shape that is a part of the one that sums of products are there for. */
static void list_variables(const multi_channel *ch, const shape_of_model *whole, const shape_of_model *s, variables *v) {
  v->count = 0;
  for (int32_t i = 1; i <= s->order; i++) v->at[v->count++] = i;
  for (int32_t i = 0; i < ch->count + s->mean; i++)
    for (int32_t lag = -s->reach; lag <= s->reach && (i >= ch->count || i < s->neighbours); lag++)
      v->at[v->count++] = 1 + whole->order + i * (2 * whole->reach + 1) + whole->reach + lag;
}

/* Least squares with a pull towards expected weights; what is left, in squares of y. */
static double regress(regression *r, const variables *v, double pull) {
  const int32_t n = v->count;
  double left = r->sums[0];
  for (int32_t i = 0; i < n; i++) r->w[i] = r->right[i] = r->sums[v->at[i]];
  for (int32_t i = 0; i < n; i++) {
    double *row = r->r + i * n;
    for (int32_t k = i; k < n; k++) row[k] = r->sums[v->at[i] * r->count + v->at[k]];
    r->w[i] -= row[i] * r->expected[i];
    for (int32_t k = i + 1; k < n; k++) r->w[i] -= row[k] * r->expected[k], r->w[k] -= row[k] * r->expected[i];
    row[i] += pull;
  }
  decompose(r->r, n);
  solve(r->r, n, r->w);
  for (int32_t i = 0; i < n; i++) r->w[i] += r->expected[i], left -= r->w[i] * r->right[i];
  return left > 0 ? left : 0;
}

/* Squares that these weights leave; r->r is what regress() made of the sums with this pull. */
static double left_by(const regression *r, int32_t n, double pull) {
  double left = r->sums[0];
  for (int32_t i = 0; i < n; i++) {
    double sum = 0;
    for (int32_t k = i; k < n; k++) sum += r->r[i * n + k] * r->w[k];
    left += sum * sum - r->w[i] * (2 * r->right[i] + pull * r->w[i]);
  }
  return left > 0 ? left : 0;
}

/* Weights rounded one after the other, each with what the rounding of earlier ones asks for (Babai 1986): rounding costs
 * as little as it can where regressors are much alike. */
static void round_weights(regression *r, int32_t n, int32_t bits, double variance) {
  const double unit = 1.0 / (1 << bits);
  double off[MOST_VARIABLES];
  for (int32_t i = n; i-- > 0;) {
    double at = r->w[i], reach, v;
    for (int32_t k = i + 1; k < n; k++) at += r->r[i * n + k] * off[k] / r->r[i * n + i];
    reach = 0.35 * variance / (r->r[i * n + i] * r->r[i * n + i] * unit * unit);
    reach = reach < 0.45 ? reach : 0.45;
    v = (at - r->expected[i]) / unit;
    v = v > reach ? v - reach : v < -reach ? v + reach : 0;
    v = floor(r->expected[i] / unit + v + 0.5);
    v = v > 32767 ? 32767 : v < -32768 ? -32768 : v;
    off[i] = r->w[i] - v * unit;
    r->w[i] = v * unit;
  }
}

/* -- the shape of a model ------------------------------------------------------------------------------------------------------------------- */

/* What a model may look like, the largest first: later ones are parts of it. */
static const shape_of_model few[] = {{32, 7, 8, 0}, {32, 3, 4, 0}, {32, 3, 2, 0}, {16, 2, 2, 0}, {8, 2, 1, 0}, {0}};
static const shape_of_model fast[] = {{2, 2, 1, 0}, {0}};
static const shape_of_model packets[] = {{8, 4, 2, 1}, {0}};
static const shape_of_model many[] = {{8, 4, 2, 1}, {8, 4, 1, 1}, {4, 2, 1, 1}, {0}};

/* Makes the mean of the channels that a channel may know, from one row up to another. `added`: the one behind the last that
 * is in the sum. */
static void mean_before(const fit *f, int32_t channel, int64_t from, int64_t to, int32_t *added) {
  const multi_place *p = f->place + channel;
  const int64_t start = from * MULTI_LANES, numbers = (to - from) * MULTI_LANES;
  int16_t *mean = f->mean + MULTI_ROW_0 + start;
  if (p->known == p->first) {
    memset(f->total, 0, (size_t)numbers * sizeof *f->total);
    memset(mean, 0, (size_t)numbers * sizeof *mean);
    *added = p->first;
  }
  for (; *added < p->known; ++*added)
    f->k->mean(rows_of(f, *added) + start, f->model->channel[*added].shift - f->model->common, 1, p->known - p->first,
               to - from, f->total, mean);
}

/* The bits that a weight takes, when it is as exact as so many frames ask for. */
static int32_t weight_bits(int64_t frames) {
  return n1_clamp((int32_t)(0.5 * log2((double)frames / 12) + 1.2), 5, 13);
}

/* What least squares leave of so many samples that weights are fitted to, in parts of what they leave of others. */
static double fitted_part(int32_t weights, double n) { return weights < n / 2 ? 1 - weights / n : 0.5; }

/* The shape with which samples and weights take the fewest bits, by a part of the channels and rows. */
static const shape_of_model *choose_shape(const fit *f, const shape_of_model *shapes, regression *r) {
  const int32_t every = f->channels > 32 ? f->channels / 16 : 1;
  const int64_t from = f->close, to = f->close + f->close_rows;
  const double per_weight = weight_bits(f->l.frames) - 1.5, n = (double)((to - from) * MULTI_LANES);
  double bits[8] = {0};
  int32_t best = 0, added = 0;
  memset(r->expected, 0, sizeof r->expected);
  for (int32_t c = 0; shapes[1].order && c < f->channels; c++) {
    if (shapes->mean) mean_before(f, c, from - MULTI_MOST_REACH, to + MULTI_MOST_REACH, &added);
    if (c % every < every - 1) continue;
    correlate_signals(f, c, shapes, from, to, r);
    for (int32_t i = 0; shapes[i].order; i++) {
      variables v;
      double left;
      list_variables(f->model->channel + c, shapes, shapes + i, &v);
      left = regress(r, &v, 1 + r->sums[0] / n) / n + 0.1;
      left *= fitted_part(v.count, (double)f->numbers) / fitted_part(v.count, n);
      bits[i] += 0.5 * (double)f->l.frames * log2(left) + per_weight * v.count;
    }
  }
  for (int32_t i = 0; shapes[i].order; i++)
    if (bits[i] < bits[best]) best = i;
  return shapes + best;
}

/* Neighbours as many as the shape asks for, the nearest first. */
static void sort_neighbours(multi_channel *ch, int32_t most) {
  if (ch->count > most) ch->count = most;
  for (int32_t i = 1; i < ch->count; i++) {
    const int32_t v = ch->neighbours[i];
    int32_t k = i;
    for (; k > 0 && ch->neighbours[k - 1] < v; k--) ch->neighbours[k] = ch->neighbours[k - 1];
    ch->neighbours[k] = v;
  }
}

/* -- the residual's distribution ------------------------------------------------------------------------------------------------------------ */

static const int32_t gains[] = {58, 61, 64, 67, 70}, tails[] = {1, 2, 3, 5, 8, 12, 18, 27, 40};
#define GAINS (int)(sizeof gains / sizeof *gains)
#define TAILS (int)(sizeof tails / sizeof *tails)

/* In which cells of the distribution function residuals lie, for each gain, as the running means would scale them. */
static void count_residuals(const fit *f, int32_t channel, double variance, uint32_t cells[GAINS][MULTI_SHAPE]) {
  const multi_model *m = f->model;
  const multi_channel *ch = m->channel + channel;
  const int16_t *y = rows_of(f, channel) + f->close * MULTI_LANES;
  const float unit = 1.0f / (float)(1 << m->bits);
  float a1[MULTI_LANES], a2[MULTI_LANES], a3[MULTI_LANES], z[MULTI_LANES];
  multi_taps_of taps;
  taps.count = 0;
  for (int32_t i = -1; i < ch->count + m->mean; i++)
    for (int32_t lag = i < 0 ? 1 : -m->reach; lag <= (i < 0 ? m->order : m->reach); lag++, taps.count++) {
      taps.row[taps.count] = signal_of(f, channel, i) + (f->close - lag) * MULTI_LANES;
      taps.weight[taps.count] = ch->weights[taps.count];
    }
  taps.row[taps.count] = y; /* what a pair's other half reads */
  f->k->dot(&taps, 0, f->close_rows, f->sum);
  for (int r = 0; r < MULTI_LANES; r++) a1[r] = a2[r] = a3[r] = (float)variance;
  for (int64_t t = 0; t < f->close_rows; t++) {
    const int16_t *now = y + t * MULTI_LANES;
    for (int r = 0; r < MULTI_LANES; r++) {
      const int32_t off = (int32_t)(((uint32_t)now[multi_lane_of[r]] << m->bits) - (uint32_t)f->sum[t * MULTI_LANES + r]);
      const float e = (float)off * unit, square = e * e > 0.05f ? e * e : 0.05f;
      z[r] = 0.5f * e / sqrtf((a1[r] * 0.3125f + a2[r] * 0.5625f) + a3[r] * 0.125f);
      if (m->fast) continue; /* one scale serves a whole chunk */
      a1[r] += (square - a1[r]) * (1.0f / 4096);
      a2[r] += (square - a2[r]) * (1.0f / 128);
      a3[r] += (square - a3[r]) * (1.0f / 8);
    }
    for (int i = 0; i < GAINS; i++)
      for (int r = 0; r < MULTI_LANES; r++) {
        const float cell = (float)gains[i] * z[r] + (float)(MULTI_SHAPE / 2);
        cells[i][cell > 0 ? cell < MULTI_SHAPE ? (int32_t)cell : MULTI_SHAPE - 1 : 0]++;
      }
  }
}

/* The tail and the gain with which these residuals take the fewest bits. */
static void choose_distribution(multi_model *m, uint32_t cells[GAINS][MULTI_SHAPE]) {
  double least = 0, gained[GAINS];
  for (int gain = 0; gain < GAINS; gain++) gained[gain] = log2(gains[gain]);
  for (int tail = 0; tail < TAILS; tail++) {
    double bits[GAINS] = {0};
    for (int i = 0; i < MULTI_SHAPE; i++) {
      const double rise = log2((multi_shape(tails[tail], i + 1) - multi_shape(tails[tail], i)) + 1e-3);
      for (int gain = 0; gain < GAINS; gain++) bits[gain] -= cells[gain][i] * (rise + gained[gain]);
    }
    for (int gain = 0; gain < GAINS; gain++)
      if (bits[gain] < least || (!tail && !gain)) m->tail = tails[tail], m->gain = gains[gain], least = bits[gain];
  }
}

static void fit_weights(const fit *f, const shape_of_model *s, const double *energy, regression *r) {
  const int32_t every = f->channels > 32 ? f->channels / 16 : 1;
  uint32_t cells[GAINS][MULTI_SHAPE] = {{0}};
  multi_model *m = f->model;
  multi_expected expected;
  int32_t added = 0;
  memset(&expected, 0, sizeof expected);
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = m->channel + c;
    const double unit = 1.0 / (1 << m->bits);
    int32_t guess[MULTI_MOST_TAPS];
    double variance, pull;
    variables v;
    if (s->mean) mean_before(f, c, -MULTI_PAD, f->l.steps + MULTI_PAD, &added);
    sort_neighbours(ch, s->neighbours);
    correlate_signals(f, c, s, 0, f->l.steps, r);
    list_variables(ch, s, s, &v);
    multi_expect(&expected, m, c, guess);
    for (int32_t i = 0; i < v.count; i++) r->expected[i] = guess[i] * unit;
    pull = PULL * (energy[c] + 0.1);
    variance = regress(r, &v, pull) / (double)f->numbers + 0.1;
    round_weights(r, v.count, m->bits, variance);
    for (int32_t i = 0; i < v.count; i++) ch->weights[i] = (int16_t)(r->w[i] * (1 << m->bits));
    variance = left_by(r, v.count, pull) / (double)f->numbers + 0.1;
    ch->start = (int32_t)floor(MULTI_SCALE_STEPS * (log2(variance) + 2 * (Y_SHIFT - ch->shift)) + 0.5);
    ch->start = n1_clamp(ch->start, -8 * MULTI_SCALE_STEPS, 36 * MULTI_SCALE_STEPS);
    if (c % every == every - 1) count_residuals(f, c, variance, cells);
    multi_learn(&expected, m, c);
  }
  choose_distribution(m, cells);
}

/* -- the interface --------------------------------------------------------------------------------------------------------------------------- */

#define MOST_GROUP_CODES ((int64_t)1 << 18) /* of all groups together; where it would be more, they share their widths */

/* Rows that are looked at. */
static multi_lanes rows_to_fit(int64_t frames, int64_t channels, int32_t fast) {
  multi_lanes l = multi_lanes_of(frames);
  const int64_t most = (fast ? MOST_FITTED_FAST : MOST_FITTED) / MULTI_LANES / channels;
  if (l.steps > LEAST_ROWS && l.steps > most) l.steps = most > LEAST_ROWS ? most : LEAST_ROWS;
  return l;
}

static void head_of_parts(multi_model *m, int64_t channels) {
  memset(m, 0, sizeof *m);
  m->channels = (int32_t)channels;
  m->groups = (int32_t)channels;
  m->order = MULTI_MOST_ORDER;
  m->neighbours = MULTI_MOST_NEIGHBOURS;
  m->reach = channels > MULTI_MOST_NEIGHBOURS ? 2 : MULTI_MOST_REACH;
  m->mean = 1;
  m->codes = MOST_GROUP_CODES + 2 * MULTI_MOST_CODES;
  m->cells = 32 * m->codes;
}

int64_t n1c_multi_fit_work_size(int64_t frames, int64_t channels) {
  const int64_t codes = MOST_GROUP_CODES + 2 * MULTI_MOST_CODES;
  multi_model m;
  multi_lanes l;
  int64_t size;
  if (frames < 1 || frames > (int64_t)1 << 31 || channels < 1 || channels > MULTI_MOST_CHANNELS) return N1C_E_ARGUMENT;
  head_of_parts(&m, channels);
  l = rows_to_fit(frames, channels, 0);
  size = multi_row_size(&l);
  return N1C_SLACK + N1C_ROUND64(sizeof m) + multi_parts_size(&m) + N1C_ROUND64(2 * channels * size) +
         N1C_ROUND64(2 * size) + N1C_ROUND64(2 * ONE) + 2 * N1C_ROUND64(4 * size) + N1C_ROUND64(4 * N1_STEPS_WORK) +
         N1C_ROUND64(sizeof(regression)) + N1C_ROUND64(2 * (channels + MULTI_SUMS) * (PROBE + 2 * PROBE_PAD) * MULTI_LANES) +
         N1C_ROUND64(8 * channels) + N1C_ROUND64(4 * channels) + N1C_ROUND64(channels * (int64_t)sizeof(multi_place)) +
         N1C_ROUND64(channels * (int64_t)sizeof(range)) + N1C_ROUND64(4 * codes) + 3 * N1C_ROUND64(16 * codes) +
         3 * N1C_ROUND64(8 * codes);
}

static void *take_memory(uint8_t **memory, int64_t bytes) {
  void *at = *memory;
  *memory += N1C_ROUND64(bytes);
  return at;
}

/* Thresholds and centres of all codes; 0 if a decoder's tables would be too large. */
static int set_levels(multi_model *m) {
  multi_level *level = (multi_level *)m->tables;
  m->codes = m->cells = 0;
  for (int32_t i = 0; i < m->groups; i++) {
    multi_group *g = m->group + i;
    g->level = level;
    multi_levels(g, m->scratch);
    level += g->codes + 1;
    m->codes += g->codes;
    m->cells += multi_cells(g, m->scratch);
  }
  return m->cells <= 32 * (MOST_GROUP_CODES + 2 * MULTI_MOST_CODES);
}

/* Groups of converters and the widths of their codes, as far as these save more than they take. */
static void fit_codes(const fit *f, int8_t *widths, uint8_t *memory) {
  multi_model *m = f->model;
  histograms h;
  int32_t stepped = find_groups(f, m->fast), learns;
  int together = 0, again;
  if (m->groups > (stepped >= 0) && (int64_t)m->group[stepped == 0].codes * m->groups > MOST_GROUP_CODES) {
    stepped = find_groups(f, 1);
    together = 1;
  }
  learns = !m->fast && m->groups > (stepped >= 0) ? (stepped == 0) : -1; /* a group that learns */
  set_levels(m);
  map_samples(f);
  place_channels(f);
  if (learns < 0) return;
  h.codes = m->group[learns].codes;
  h.places = 2 * h.codes + 64;
  h.count = take_memory(&memory, 4 * (int64_t)m->groups * h.codes);
  h.density = take_memory(&memory, 8 * (int64_t)m->groups * h.places);
  h.expected = take_memory(&memory, 8 * (int64_t)m->groups * h.codes);
  h.one = take_memory(&memory, 8 * (int64_t)h.places);
  h.other = take_memory(&memory, 8 * (int64_t)h.places);
  h.width = take_memory(&memory, 8 * (int64_t)h.codes);
  do {
    double shared, apart;
    again = 0;
    count_codes(f, &h);
    count_predictions(f, &h);
    expect_codes(f, &h);
    widths_of_all(f, &h, stepped, &shared);
    for (int32_t g = 0; g < m->groups; g++) m->group[g].widths = g == stepped ? NULL : widths + (int64_t)g * h.codes;
    apart = fit_widths(f, &h, stepped, together);
    if (apart <= 0 && shared <= 0) {
      find_groups(f, 1);
    } else if (!together && apart < shared) {
      stepped = find_groups(f, 1);
      together = again = 1;
    }
    if (!set_levels(m)) {
      find_groups(f, 1);
      set_levels(m);
    }
    place_channels(f);
  } while (again);
}

int64_t n1c_multi_fit(const int16_t *x, int64_t n, const int32_t *converters, int64_t channels, void *work,
                      int64_t work_size, uint8_t *out, int64_t capacity, int64_t preset, int64_t simd) {
  const int64_t frames = channels > 0 ? n / channels : 0, needed = n1c_multi_fit_work_size(frames, channels);
  const shape_of_model *shapes = preset == MULTI_FAST      ? fast
                                 : preset == MULTI_PACKETS ? packets
                                 : channels > MULTI_MOST_NEIGHBOURS ? many : few, *s;
  uint8_t *memory = n1c_align64(work);
  int8_t *widths;
  multi_model *m;
  fit f;
  regression *r;
  uint32_t *used;
  int16_t *left;
  double *energy;
  if (needed < 0 || n != frames * channels || preset < 0 || preset > MULTI_PACKETS) return N1C_E_ARGUMENT;
  if (work_size < needed) return N1C_E_CAPACITY;
  m = take_memory(&memory, sizeof *m);
  head_of_parts(m, channels);
  widths = multi_lay_out(m, memory);
  memory += N1C_ROUND64(multi_parts_size(m));
  f.k = simd && n1_avx2() ? &multi_avx2 : &multi_plain;
  f.l = rows_to_fit(frames, channels, preset == MULTI_FAST);
  f.size = multi_row_size(&f.l);
  f.numbers = f.l.steps * MULTI_LANES;
  f.close_rows = channels < CLOSE_OF_FEW / CLOSE ? CLOSE_OF_FEW / channels : CLOSE;
  f.close_rows = f.close_rows < f.l.steps ? f.close_rows : f.l.steps;
  f.probe_rows = f.l.steps < PROBE ? f.l.steps : PROBE;
  f.close = (f.l.steps - f.close_rows) / 2;
  f.probe = (f.l.steps - f.probe_rows) / 2;
  f.channels = (int32_t)channels;
  f.model = m;
  f.rows = take_memory(&memory, 2 * channels * f.size);
  f.mean = take_memory(&memory, 2 * f.size);
  f.one = take_memory(&memory, 2 * ONE);
  f.sum = take_memory(&memory, 4 * f.size);
  f.total = take_memory(&memory, 4 * f.size);
  used = take_memory(&memory, 4 * N1_STEPS_WORK);
  r = take_memory(&memory, sizeof *r);
  left = take_memory(&memory, 2 * (channels + MULTI_SUMS) * (PROBE + 2 * PROBE_PAD) * MULTI_LANES);
  energy = take_memory(&memory, 8 * channels);
  f.converters = take_memory(&memory, 4 * channels);
  f.place = take_memory(&memory, channels * (int64_t)sizeof *f.place);
  f.range = take_memory(&memory, channels * (int64_t)sizeof *f.range);
  m->preset = (int32_t)preset;
  m->fast = preset == MULTI_FAST;
  multi_places(m, f.place);
  for (int32_t c = 0; c < f.channels; c++) f.converters[c] = converters[f.place[c].channel];
  f.k->gather(x, channels, 0, channels, &f.l, f.rows);
  find_ranges(&f);
  find_steps(&f, used);
  fit_codes(&f, widths, memory);
  for (int32_t c = 0; c < f.channels; c++) {
    int16_t *rows = rows_of(&f, c) - MULTI_ROW_0;
    map_codes(&f, c, rows, f.size / MULTI_LANES, rows);
  }
  find_neighbours(&f, left, energy, shapes->neighbours);
  s = choose_shape(&f, shapes, r);
  m->order = s->order;
  m->neighbours = s->neighbours;
  m->reach = s->reach;
  m->mean = s->mean;
  m->bits = weight_bits(frames);
  {
    const int64_t taps = multi_taps(m, m->neighbours);
    int16_t *weights = m->channel[0].weights;
    for (int32_t c = 0; c < m->channels; c++) m->channel[c].weights = weights + c * taps;
  }
  fit_weights(&f, s, energy, r);
  return multi_model_store(m, out, capacity);
}
