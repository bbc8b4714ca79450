/* Fitting a model of n1_multi to a recording. docs/multi.md describes what is fitted and why.
 *
 * Sums of products are whole numbers and everything else is done in double in a fixed order: all machines that round as
 * IEEE 754 says write the same model. */
#include <math.h>
#include <string.h>

#include "avx2.h"
#include "n1_mapping.h"
#include "n1_model.h"
#include "n1_multi.h"
#include "n1c/multi.h"

#define SPAN 256            /* products that are summed up in 32 bits */
#define MOST_Y 2895         /* of the numbers whose products they are: SPAN of their squares are below 2^31 */
#define Y_SHIFT 3           /* what they are coarser than x by, in bits */
#define Y_PAD 64            /* zeros before and after a channel's numbers */
#define PROBE 1024          /* frames that tell which channels belong together */
#define WINDOW 512          /* earlier channels that are looked at for that; fewer where there are thousands */
#define LEAST_WINDOW 16
#define MOST_VARIABLES MULTI_MOST_TAPS
#define WIDTH_TRUST 6.0     /* samples that what is known of a width beforehand counts for */
#define WIDTH_ROUNDS 2
#define WIDTH_REACH 32      /* codes on either side among which a width is relative */
#define MEANT 4096          /* samples of a channel that tell its mean and how far it reaches */
#define EXPECTED 4096       /* samples of a channel that tell how often each code is expected */
#define RESIDUALS 4096      /* of a channel, that tell how residuals are distributed */
#define CODE_MARGIN 64

/* -- sums of products ------------------------------------------------------------------------------------------------------ */

#define LAGS 4 /* at a time */

/* For LAGS lags from `lag` on the sums of a[t] b[t - lag] of SPAN numbers. */
static inline void products_of(const int16_t *a, const int16_t *b, int32_t *sums) {
  int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (int k = 0; k < SPAN; k++) {
    s0 += a[k] * b[k];
    s1 += a[k] * b[k - 1];
    s2 += a[k] * b[k - 2];
    s3 += a[k] * b[k - 3];
  }
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

static void products_plain(const int16_t *a, const int16_t *b, int32_t *sums) { products_of(a, b, sums); }

#ifdef N1C_AVX2
AVX2 static void products_avx2(const int16_t *a, const int16_t *b, int32_t *sums) { products_of(a, b, sums); }
#else
#  define products_avx2 products_plain
#endif

typedef struct {
  int64_t frames, stride; /* of y */
  int32_t channels;
  int32_t simd;
  int16_t *y;             /* of each channel, then that of the mean; distances from a channel's mean */
  uint16_t *codes;        /* of each channel */
  multi_model *model;
  int32_t *converters;    /* of each channel */
  multi_place *place;     /* where each channel stands in the samples, and of which earlier ones it may know */
  int16_t *low, *high;    /* least and greatest sample of each channel */
} fit;

static int16_t *y_of(const fit *f, int64_t channel) { return f->y + channel * f->stride + Y_PAD; }

/* sums[i] += sum of a[t] b[t - low - i] for all t, i = 0 .. lags - 1; lags up to a multiple of LAGS are written. */
static void correlate(const fit *f, const int16_t *a, const int16_t *b, int32_t low, int32_t lags, int64_t frames,
                      int64_t *sums) {
  for (int32_t i = 0; i < lags; i += LAGS) {
    int64_t total[LAGS] = {0};
    for (int64_t t = 0; t < frames; t += SPAN) {
      int32_t part[LAGS];
      (f->simd ? products_avx2 : products_plain)(a + t, b + t - low - i, part);
      for (int k = 0; k < LAGS; k++) total[k] += part[k];
    }
    for (int k = 0; k < LAGS; k++) sums[i + k] = total[k];
  }
}

/* -- samples, codes and their mappings ------------------------------------------------------------------------------------- */

#define BLOCK 32 /* frames and channels that are turned at a time: they stay in the cache */

/* Samples channel by channel, where their codes will be. */
static void turn_samples(const fit *f, const int16_t *x) {
  int16_t *out = (int16_t *)f->codes;
  for (int64_t start = 0; start < f->frames; start += BLOCK)
    for (int64_t first = 0; first < f->channels; first += BLOCK)
      for (int64_t c = first; c < first + BLOCK && c < f->channels; c++)
        for (int64_t t = start; t < start + BLOCK && t < f->frames; t++)
          out[c * f->frames + t] = x[t * f->channels + f->place[c].channel];
}

static const int16_t *samples_of(const fit *f, int64_t channel) {
  return (const int16_t *)f->codes + channel * f->frames;
}

/* Whether samples are N1's codes of 10 bits, stretched to 16, and not all the same. */
static int is_stretched(const int16_t *x, int64_t n) {
  int32_t changes = 0;
  for (int64_t t = 0; t < n; t++) {
    if (n1_sample_of(n1_code_of(x[t])) != x[t]) return 0;
    changes |= x[t] ^ x[0];
  }
  return changes != 0;
}

static int is_constant(const int16_t *x, int64_t n) {
  for (int64_t t = 1; t < n; t++)
    if (x[t] != x[0]) return 0;
  return 1;
}

/* N1's mapping is taken where all channels have it. */
static int find_stretch(const fit *f) {
  int32_t some = 0;
  for (int32_t c = 0; c < f->channels; c++) {
    const int16_t *x = samples_of(f, c);
    if (is_stretched(x, f->frames)) some = 1;
    else if (!is_constant(x, f->frames)) return 0;
  }
  for (int32_t c = 0; some && c < f->channels; c++) f->model->channel[c].step = MULTI_STRETCH;
  return some;
}

/* Steps of all channels, 0 where they are 1, and for now as their starts how many codes they ask for. */
static void find_steps(const fit *f, uint32_t *used) {
  if (find_stretch(f)) return;
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = f->model->channel + c;
    n1_steps steps;
    int64_t margin;
    n1_find_steps(samples_of(f, c), f->frames < PROBE ? f->frames : PROBE, used, &steps);
    if (steps.step == 1 << N1_STEP_BITS) continue;
    n1_find_steps(samples_of(f, c), f->frames, used, &steps);
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
    low = f->low[c] < low ? f->low[c] : low;
    high = f->high[c] > high ? f->high[c] : high;
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

static void find_ranges(const fit *f) {
  for (int32_t c = 0; c < f->channels; c++) {
    const int16_t *x = samples_of(f, c);
    int16_t low = x[0], high = x[0];
    for (int64_t t = 0; t < f->frames; t++) {
      low = x[t] < low ? x[t] : low;
      high = x[t] > high ? x[t] : high;
    }
    f->low[c] = low;
    f->high[c] = high;
  }
}

/* Codes of all channels in place of their samples. */
static void map_samples(const fit *f) {
  for (int32_t c = 0; c < f->channels; c++) {
    const multi_channel *ch = f->model->channel + c;
    const multi_group *g = f->model->group + ch->group;
    uint16_t *codes = f->codes + c * f->frames;
    if (ch->step)
      for (int64_t t = 0; t < f->frames; t++) codes[t] = (uint16_t)multi_code(ch, g, (int16_t)codes[t]);
    else
      for (int64_t t = 0; t < f->frames; t++) codes[t] = (uint16_t)((int16_t)codes[t] - g->first);
  }
}

/* Means, shifts and y of all channels, from the centres of their codes. */
static void map_codes(const fit *f) {
  multi_model *m = f->model;
  m->common = MULTI_CENTRE_BITS;
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = m->channel + c;
    const multi_group *g = m->group + ch->group;
    const multi_level *level = g->level;
    const uint16_t *codes = f->codes + c * f->frames;
    const int64_t every = f->frames / MEANT + 1;
    int16_t *y = y_of(f, c);
    int64_t sum = 0, n = 0;
    double squares = 0, reach, most;
    int32_t mean, down;
    for (int64_t t = 0; t < f->frames; t += every, n++) sum += level[codes[t]].centre;
    ch->mean = (int32_t)((sum / n) >> MULTI_CENTRE_BITS);
    mean = ch->mean * (1 << MULTI_CENTRE_BITS);
    for (int64_t t = 0; t < f->frames; t += every) {
      const double d = level[codes[t]].centre - mean;
      squares += d * d;
    }
    most = level[multi_nearest(ch, g, f->high[c])].centre - mean;
    reach = mean - level[multi_nearest(ch, g, f->low[c])].centre;
    most = most > reach ? most : reach;
    reach = 8 * sqrt(squares / (double)n);
    reach = (reach < most ? reach : most) / (1 << MULTI_CENTRE_BITS);
    /* The finest unit in which samples so far from the mean fit 16 bits. */
    for (ch->shift = MULTI_CENTRE_BITS; ch->shift > -6 && ldexp(reach, ch->shift) > 32767;) ch->shift--;
    m->common = ch->shift < m->common ? ch->shift : m->common;
    down = MULTI_CENTRE_BITS - ch->shift + Y_SHIFT;
    for (int64_t t = 0; t < f->frames; t++)
      y[t] = (int16_t)n1_clamp((level[codes[t]].centre - mean) >> down, -MOST_Y, MOST_Y);
  }
}

/* -- linear algebra: symmetric matrices, the lower half, row by row -------------------------------------------------------------- */

/* Cholesky decomposition: a = l l', in place. */
static void decompose(double *a, int32_t n) {
  for (int32_t i = 0; i < n; i++)
    for (int32_t k = 0; k <= i; k++) {
      const double least = 1e-9 * a[i * n + i] + 1e-9;
      double sum = a[i * n + k];
      for (int32_t j = 0; j < k; j++) sum -= a[i * n + j] * a[k * n + j];
      a[i * n + k] = k < i ? sum / a[k * n + k] : sqrt(sum > least ? sum : least);
    }
}

/* Solves l l' x = b in place. */
static void solve(const double *l, int32_t n, double *b) {
  for (int32_t i = 0; i < n; i++) {
    for (int32_t j = 0; j < i; j++) b[i] -= l[i * n + j] * b[j];
    b[i] /= l[i * n + i];
  }
  for (int32_t i = n; i-- > 0;) {
    for (int32_t j = i + 1; j < n; j++) b[i] -= l[j * n + i] * b[j];
    b[i] /= l[i * n + i];
  }
}

/* -- each channel from its own past ------------------------------------------------------------------------------------------------ */

#define OWN 4 /* samples that tell roughly what comes next */

/* Weights that predict a channel from its last OWN samples; the variance of what is left, in squares of y. */
static double own_predictor(const fit *f, const int16_t *y, double *w) {
  int64_t sums[OWN + LAGS];
  double r[OWN * OWN], left;
  correlate(f, y, y, 0, OWN + 1, f->frames, sums);
  for (int i = 0; i < OWN; i++) {
    for (int k = 0; k <= i; k++) r[i * OWN + k] = (double)sums[i - k];
    r[i * OWN + i] = (double)sums[0] * (1 + 1e-6) + 1;
    w[i] = (double)sums[i + 1];
  }
  decompose(r, OWN);
  solve(r, OWN, w);
  left = (double)sums[0];
  for (int i = 0; i < OWN; i++) left -= w[i] * (double)sums[i + 1];
  left /= (double)f->frames;
  return left > 0.05 ? left : 0.05;
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
    for (int32_t i = 0; i < half && i < n; i++) sum += v[i];
    for (int32_t i = 0; i < n; i++) {
      if (i + half < n) sum += v[i + half];
      if (i - half - 1 >= 0) sum -= v[i - half - 1];
      other[i] = sum * part;
    }
    memcpy(v, other, (size_t)n * sizeof *v);
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

/* How often each code came, and how often samples were expected where it is: the predictions of each channel from its own
 * past, of some of the samples, smoothed by what they are off. */
static void count_codes(const fit *f, const histograms *h) {
  const multi_model *m = f->model;
  const int64_t every = f->frames / EXPECTED + 1;
  memset(h->count, 0, (size_t)m->groups * (size_t)h->codes * sizeof *h->count);
  memset(h->density, 0, (size_t)m->groups * (size_t)h->places * sizeof *h->density);
  for (int32_t c = 0; c < f->channels; c++) {
    const multi_channel *ch = m->channel + c;
    const uint16_t *codes = f->codes + c * f->frames;
    const int16_t *y = y_of(f, c);
    uint32_t *count = h->count + (int64_t)ch->group * h->codes;
    double *density = h->density + (int64_t)ch->group * h->places;
    const double unit = ch->shift > Y_SHIFT ? 1.0 / (1 << (ch->shift - Y_SHIFT)) : 1 << (Y_SHIFT - ch->shift);
    double w[OWN], left;
    int32_t low = h->places, high = 0, reach;
    if (is_stepped(ch)) continue;
    left = own_predictor(f, y, w) * unit * unit;
    memset(h->one, 0, (size_t)h->places * sizeof *h->one);
    for (int64_t t = 0; t < f->frames; t += every) {
      const double at = (w[0] * y[t - 1] + w[1] * y[t - 2] + w[2] * y[t - 3] + w[3] * y[t - 4]) * unit + ch->mean;
      const int32_t place = n1_clamp((int32_t)at, 0, h->places - 1);
      h->one[place] += (double)every;
      low = place < low ? place : low;
      high = place > high ? place : high;
    }
    for (int64_t t = 0; t < f->frames; t++) count[codes[t]]++;
    reach = n1_clamp((int32_t)(5 * sqrt(left)) + 4, 0, h->places);
    low = n1_clamp(low - reach, 0, h->places);
    high = n1_clamp(high + reach, 0, h->places - 1);
    smooth(h->one + low, h->other, high - low + 1, left);
    for (int32_t i = low; i <= high; i++) density[i] += h->one[i];
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

static int8_t stored_width(double width, double trust, int32_t guess) {
  const double exact = 8 * log2(width > 1e-3 ? width : 1e-3), reach = 100 / (trust + 1);
  double off = exact - guess; /* a width that few samples tell of stays near to what is expected */
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
      stored = exp2(m->group[g].widths[k] / 8.0);
      gain += count * log2(stored) - (stored - 1) * density * 1.4426950408889634 - (density > 1 ? 3.5 : 0);
      if (seen < 100) sum += m->group[g].widths[k], seen++;
    }
  }
  return gain;
}

/* -- neighbours --------------------------------------------------------------------------------------------------------------------------- */

/* Squared correlations of what each channel's own past does not tell, lags -1 .. 1: the largest of earlier channels. */
static void find_neighbours(const fit *f, int16_t *left, double *energy, int32_t most) {
  const int64_t frames = f->frames < PROBE ? f->frames : PROBE, first = (f->frames - frames) / 2;
  const int64_t stride = PROBE + 2 * Y_PAD + SPAN;
  const int32_t window = n1_clamp(WINDOW * 1024 / f->channels, LEAST_WINDOW, WINDOW);
  for (int32_t c = 0; c < f->channels; c++) {
    const int16_t *y = y_of(f, c) + first;
    int16_t *e = left + c * stride;
    double w[OWN];
    own_predictor(f, y_of(f, c), w);
    memset(e, 0, (size_t)stride * sizeof *e);
    e += Y_PAD;
    energy[c] = 1e-9;
    for (int64_t t = 0; t < frames; t++) {
      const double v = y[t] - (w[0] * y[t - 1] + w[1] * y[t - 2] + w[2] * y[t - 3] + w[3] * y[t - 4]);
      e[t] = (int16_t)n1_clamp((int32_t)floor(v + 0.5), -MOST_Y, MOST_Y);
      energy[c] += (double)e[t] * e[t];
    }
  }
  for (int32_t c = 0; c < f->channels; c++) {
    multi_channel *ch = f->model->channel + c;
    double best[MULTI_MOST_NEIGHBOURS];
    ch->count = 0;
    for (int32_t other = n1_clamp(c - window, f->place[c].first, c); other < f->place[c].known; other++) {
      int64_t sums[LAGS];
      double score = 0;
      int32_t at;
      correlate(f, left + c * stride + Y_PAD, left + other * stride + Y_PAD, -1, 3, frames, sums);
      for (int i = 0; i < 3; i++) score += (double)sums[i] * (double)sums[i];
      score /= energy[c] * energy[other];
      if (score < 12.0 / (double)frames) continue;
      for (at = ch->count; at > 0 && best[at - 1] < score; at--)
        if (at < most) best[at] = best[at - 1], ch->neighbours[at] = ch->neighbours[at - 1];
      if (at < most) best[at] = score, ch->neighbours[at] = other;
      if (ch->count < most) ch->count++;
    }
  }
}

/* -- weights --------------------------------------------------------------------------------------------------------------------------------- */

#define MOST_SIGNALS (MULTI_MOST_NEIGHBOURS + 2)
#define MOST_DISTANCE (MULTI_MOST_ORDER + 2 * MULTI_MOST_REACH)

typedef struct {
  int32_t order, neighbours, reach, mean;
} shape_of_model;

typedef struct {
  int32_t count;
  int32_t signal[MOST_VARIABLES], lag[MOST_VARIABLES];
} variables;

/* Sums of products of a channel, its neighbours and the mean: a[t] b[t - d] at sums[a][b][d + MOST_DISTANCE]. */
typedef struct {
  int64_t sums[MOST_SIGNALS][MOST_SIGNALS][2 * MOST_DISTANCE + 1 + LAGS];
  double r[MOST_VARIABLES * MOST_VARIABLES];
  double w[MOST_VARIABLES], right[MOST_VARIABLES], expected[MOST_VARIABLES];
} regression;

/* Signals: 0 the channel, 1 .. its neighbours, the last one the mean. Lags reach as far as `s` asks for. */
static void correlate_signals(const fit *f, int32_t channel, const shape_of_model *s, regression *r) {
  const multi_channel *ch = f->model->channel + channel;
  const int16_t *y[MOST_SIGNALS];
  const int32_t signals = 1 + ch->count + s->mean;
  y[0] = y_of(f, channel);
  for (int32_t i = 0; i < ch->count; i++) y[1 + i] = y_of(f, ch->neighbours[i]);
  if (s->mean) y[signals - 1] = y_of(f, f->channels);
  for (int32_t a = 0; a < signals; a++)
    for (int32_t b = a; b < signals; b++) {
      const int32_t low = a == b ? 0 : a ? -2 * s->reach : -s->reach - s->order;
      const int32_t high = a == b ? (a ? 2 * s->reach : s->order) : a ? 2 * s->reach : s->reach;
      int64_t *to = r->sums[a][b] + MOST_DISTANCE;
      /* a[t] b[t - d]: from the own sample b is later by its lag, earlier by the own one's. */
      correlate(f, y[a], y[b], low, high - low + 1, f->frames, to + low);
      for (int32_t d = low; d <= high; d++) r->sums[b][a][MOST_DISTANCE - d] = to[d];
    }
}

static void list_variables(const multi_channel *ch, const shape_of_model *s, variables *v) {
  int32_t n = 0;
  for (int32_t i = 1; i <= s->order; i++) v->signal[n] = 0, v->lag[n++] = i;
  for (int32_t i = 0; i < ch->count + s->mean; i++) {
    if (i < ch->count && i >= s->neighbours) continue;
    for (int32_t lag = -s->reach; lag <= s->reach; lag++) v->signal[n] = 1 + i, v->lag[n++] = lag;
  }
  v->count = n;
}

static double product(const regression *r, const variables *v, int32_t i, int32_t k) {
  return (double)r->sums[v->signal[i]][v->signal[k]][MOST_DISTANCE + v->lag[k] - v->lag[i]];
}

/* Least squares with a pull towards expected weights; what is left, in squares of y, of all frames. */
static double regress(regression *r, const variables *v, double pull) {
  double left = (double)r->sums[0][0][MOST_DISTANCE];
  const int32_t n = v->count;
  for (int32_t i = 0; i < v->count; i++) {
    r->right[i] = (double)r->sums[0][v->signal[i]][MOST_DISTANCE + v->lag[i]];
    for (int32_t k = 0; k <= i; k++) r->r[i * n + k] = product(r, v, i, k);
    r->r[i * n + i] += pull;
  }
  for (int32_t i = 0; i < v->count; i++) {
    double sum = r->right[i];
    for (int32_t k = 0; k < v->count; k++) sum -= (i >= k ? r->r[i * n + k] : r->r[k * n + i]) * r->expected[k];
    r->w[i] = sum + pull * r->expected[i];
  }
  decompose(r->r, v->count);
  solve(r->r, v->count, r->w);
  for (int32_t i = 0; i < v->count; i++) r->w[i] += r->expected[i], left -= r->w[i] * r->right[i];
  return left > 0 ? left : 0;
}

/* Squares that given weights leave. */
static double left_by(const regression *r, const variables *v, const double *w) {
  double left = (double)r->sums[0][0][MOST_DISTANCE];
  for (int32_t i = 0; i < v->count; i++) {
    double sum = -2 * r->right[i];
    for (int32_t k = 0; k < v->count; k++) sum += w[k] * product(r, v, i, k);
    left += w[i] * sum;
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
    for (int32_t k = i + 1; k < n; k++) at += r->r[k * n + i] * off[k] / r->r[i * n + i];
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

/* Makes the mean of the channels that a channel may know. `added`: the one behind the last that is in the sum. */
static void mean_before(const fit *f, int32_t channel, int32_t *sum, int32_t *added) {
  const multi_place *p = f->place + channel;
  int16_t *mean = y_of(f, f->channels);
  float part;
  if (p->known == p->first) {
    memset(sum, 0, (size_t)f->frames * sizeof *sum);
    memset(mean, 0, (size_t)f->frames * sizeof *mean);
    *added = p->first;
  }
  if (*added == p->known) return;
  part = 1.0f / (float)(p->known - p->first);
  for (; *added < p->known; ++*added) {
    const int16_t *y = y_of(f, *added);
    const int32_t shift = f->model->channel[*added].shift - f->model->common;
    for (int64_t t = 0; t < f->frames; t++) sum[t] += y[t] >> shift;
  }
  for (int64_t t = 0; t < f->frames; t++) mean[t] = (int16_t)(int32_t)((float)sum[t] * part);
}

/* The bits that a weight takes, when it is as exact as so many frames ask for. */
static int32_t weight_bits(int64_t frames) {
  return n1_clamp((int32_t)(0.5 * log2((double)frames / 12) + 1.2), 5, 13);
}

/* The shape with which samples and weights take the fewest bits, by a part of the channels. */
static const shape_of_model *choose_shape(const fit *f, const shape_of_model *shapes, regression *r, int32_t *sum) {
  const int32_t every = f->channels > 32 ? f->channels / 16 : 1;
  const double per_weight = weight_bits(f->frames) - 1.5;
  double bits[8] = {0};
  int32_t best = 0, added = 0;
  memset(r->expected, 0, sizeof r->expected);
  for (int32_t c = 0; c < f->channels; c++) {
    if (shapes->mean) mean_before(f, c, sum, &added);
    if (c % every == every - 1 || every == 1) {
      correlate_signals(f, c, shapes, r);
      for (int32_t i = 0; shapes[i].order; i++) {
        variables v;
        double left;
        list_variables(f->model->channel + c, shapes + i, &v);
        left = regress(r, &v, 1 + (double)r->sums[0][0][MOST_DISTANCE] / (double)f->frames) / (double)f->frames;
        bits[i] += 0.5 * (double)f->frames * log2(left + 0.1) + per_weight * v.count;
      }
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
static void count_residuals(const fit *f, int32_t channel, const variables *v, const double *w, double variance,
                            uint32_t cells[GAINS][MULTI_SHAPE]) {
  const multi_channel *ch = f->model->channel + channel;
  const int64_t frames = f->frames < RESIDUALS ? f->frames : RESIDUALS;
  double a1 = variance, a2 = variance, a3 = variance;
  for (int64_t t = 0; t < frames; t++) {
    double e = y_of(f, channel)[t], sigma;
    for (int32_t i = 0; i < v->count; i++) {
      const int32_t s = v->signal[i];
      e -= w[i] * y_of(f, s == 0 ? channel : s <= ch->count ? ch->neighbours[s - 1] : f->channels)[t - v->lag[i]];
    }
    sigma = sqrt(0.3125 * a1 + 0.5625 * a2 + 0.125 * a3);
    for (int i = 0; i < GAINS; i++)
      cells[i][n1_clamp((int32_t)floor(0.5 * gains[i] * e / sigma) + MULTI_SHAPE / 2, 0, MULTI_SHAPE - 1)]++;
    e = e * e > 0.05 ? e * e : 0.05;
    if (f->model->fast) continue; /* one scale serves a whole chunk */
    a1 += (e - a1) / 4096;
    a2 += (e - a2) / 128;
    a3 += (e - a3) / 8;
  }
}

/* The tail and the gain with which these residuals take the fewest bits. */
static void choose_distribution(multi_model *m, uint32_t cells[GAINS][MULTI_SHAPE]) {
  double least = 0;
  for (int tail = 0; tail < TAILS; tail++)
    for (int gain = 0; gain < GAINS; gain++) {
      double bits = 0;
      for (int i = 0; i < MULTI_SHAPE; i++) {
        const uint32_t rise = multi_shape(tails[tail], i + 1) - multi_shape(tails[tail], i);
        bits -= cells[gain][i] * log2((rise + 1e-3) * gains[gain]);
      }
      if (bits < least || (!tail && !gain)) m->tail = tails[tail], m->gain = gains[gain], least = bits;
    }
}

static void fit_weights(const fit *f, const shape_of_model *s, regression *r, int32_t *sum) {
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
    double variance;
    variables v;
    if (s->mean) mean_before(f, c, sum, &added);
    sort_neighbours(ch, s->neighbours);
    correlate_signals(f, c, s, r);
    list_variables(ch, s, &v);
    multi_expect(&expected, m, c, guess);
    for (int32_t i = 0; i < v.count; i++) r->expected[i] = guess[i] * unit;
    variance = regress(r, &v, 1) / (double)f->frames + 0.1; /* then with a pull as strong as a hundred samples */
    variance = regress(r, &v, 100 * variance) / (double)f->frames + 0.1;
    round_weights(r, v.count, m->bits, variance);
    for (int32_t i = 0; i < v.count; i++) ch->weights[i] = (int16_t)(r->w[i] * (1 << m->bits));
    variance = left_by(r, &v, r->w) / (double)f->frames + 0.1;
    ch->start = (int32_t)floor(MULTI_SCALE_STEPS * (log2(variance) + 2 * (Y_SHIFT - ch->shift)) + 0.5);
    ch->start = n1_clamp(ch->start, -8 * MULTI_SCALE_STEPS, 36 * MULTI_SCALE_STEPS);
    if (c % every == every - 1) count_residuals(f, c, &v, r->w, variance, cells);
    multi_learn(&expected, m, c);
  }
  choose_distribution(m, cells);
}

/* -- the interface --------------------------------------------------------------------------------------------------------------------------- */

#define MOST_GROUP_CODES ((int64_t)1 << 18) /* of all groups together; where it would be more, they share their widths */

static int64_t stride_of(int64_t frames) { return (frames + SPAN - 1) / SPAN * SPAN + 2 * Y_PAD; }

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
  if (frames < 1 || frames > (int64_t)1 << 31 || channels < 1 || channels > MULTI_MOST_CHANNELS) return N1C_E_ARGUMENT;
  head_of_parts(&m, channels);
  return N1C_SLACK + N1C_ROUND64(sizeof m) + multi_parts_size(&m) + N1C_ROUND64(2 * (channels + 1) * stride_of(frames)) +
         N1C_ROUND64(2 * channels * frames) + N1C_ROUND64(4 * N1_STEPS_WORK) + N1C_ROUND64(4 * frames) +
         N1C_ROUND64(sizeof(regression)) + N1C_ROUND64(2 * channels * (PROBE + 2 * Y_PAD + SPAN)) +
         N1C_ROUND64(8 * channels) + N1C_ROUND64(4 * channels) +
         N1C_ROUND64(channels * (int64_t)sizeof(multi_place)) + 2 * N1C_ROUND64(2 * channels) + N1C_ROUND64(4 * codes) + 3 * N1C_ROUND64(16 * codes) + 3 * N1C_ROUND64(8 * codes);
}

static void *take_memory(uint8_t **memory, int64_t bytes) {
  void *at = *memory;
  *memory += N1C_ROUND64(bytes);
  return at;
}

static int set_tables(multi_model *m) {
  m->codes = m->cells = 0;
  for (int32_t i = 0; i < m->groups; i++) {
    multi_thresholds(m->group + i, m->scratch);
    m->codes += m->group[i].codes;
    m->cells += multi_cells(m->group + i, m->scratch);
  }
  return m->cells <= 32 * (MOST_GROUP_CODES + 2 * MULTI_MOST_CODES) && multi_model_tables(m);
}

/* Groups of converters and the widths of their codes, as far as these save more than they take. */
static void fit_codes(const fit *f, int8_t *widths, uint8_t *memory) {
  multi_model *m = f->model;
  histograms h;
  int32_t stepped = find_groups(f, m->fast), learns;
  int together = 0;
  if (m->groups > (stepped >= 0) && (int64_t)m->group[stepped == 0].codes * m->groups > MOST_GROUP_CODES) {
    stepped = find_groups(f, 1);
    together = 1;
  }
  learns = !m->fast && m->groups > (stepped >= 0) ? (stepped == 0) : -1; /* a group that learns */
  set_tables(m);
  map_samples(f);
  map_codes(f);
  if (learns < 0) return;
  h.codes = m->group[learns].codes;
  h.places = 2 * h.codes + 64;
  h.count = take_memory(&memory, 4 * (int64_t)m->groups * h.codes);
  h.density = take_memory(&memory, 8 * (int64_t)m->groups * h.places);
  h.expected = take_memory(&memory, 8 * (int64_t)m->groups * h.codes);
  h.one = take_memory(&memory, 8 * (int64_t)h.places);
  h.other = take_memory(&memory, 8 * (int64_t)h.places);
  h.width = take_memory(&memory, 8 * (int64_t)h.codes);
  for (int round = 0; round < WIDTH_ROUNDS; round++) {
    double shared, apart;
    count_codes(f, &h);
    expect_codes(f, &h);
    widths_of_all(f, &h, stepped, &shared);
    for (int32_t g = 0; g < m->groups; g++) m->group[g].widths = g == stepped ? NULL : widths + (int64_t)g * h.codes;
    apart = fit_widths(f, &h, stepped, together);
    if (apart <= 0 && shared <= 0) {
      find_groups(f, 1);
      round = WIDTH_ROUNDS;
    } else if (!together && apart < shared) {
      stepped = find_groups(f, 1);
      together = 1;
      round = -1;
    }
    if (!set_tables(m)) {
      find_groups(f, 1);
      round = WIDTH_ROUNDS;
      set_tables(m);
    }
    map_codes(f);
  }
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
  int32_t *sum;
  uint32_t *used;
  int16_t *left;
  double *energy;
  if (needed < 0 || n != frames * channels || preset < 0 || preset > MULTI_PACKETS) return N1C_E_ARGUMENT;
  if (work_size < needed) return N1C_E_CAPACITY;
  m = take_memory(&memory, sizeof *m);
  head_of_parts(m, channels);
  widths = multi_lay_out(m, memory);
  memory += N1C_ROUND64(multi_parts_size(m));
  f.frames = frames;
  f.stride = stride_of(frames);
  f.channels = (int32_t)channels;
  f.simd = simd && n1_avx2();
  f.model = m;
  f.y = take_memory(&memory, 2 * (channels + 1) * f.stride);
  f.codes = take_memory(&memory, 2 * channels * frames);
  used = take_memory(&memory, 4 * N1_STEPS_WORK);
  sum = take_memory(&memory, 4 * frames);
  r = take_memory(&memory, sizeof *r);
  left = take_memory(&memory, 2 * channels * (PROBE + 2 * Y_PAD + SPAN));
  energy = take_memory(&memory, 8 * channels);
  f.converters = take_memory(&memory, 4 * channels);
  f.place = take_memory(&memory, channels * (int64_t)sizeof *f.place);
  f.low = take_memory(&memory, 2 * channels);
  f.high = take_memory(&memory, 2 * channels);
  memset(f.y, 0, (size_t)(2 * (channels + 1) * f.stride));
  m->preset = (int32_t)preset;
  m->fast = preset == MULTI_FAST;
  multi_places(m, f.place);
  for (int32_t c = 0; c < f.channels; c++) f.converters[c] = converters[f.place[c].channel];
  m->tail = 3; /* for the tables until residuals are known */
  m->gain = 64;
  turn_samples(&f, x);
  find_steps(&f, used);
  find_ranges(&f);
  fit_codes(&f, widths, memory);
  find_neighbours(&f, left, energy, shapes->neighbours);
  s = choose_shape(&f, shapes, r, sum);
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
  fit_weights(&f, s, r, sum);
  return multi_model_store(m, out, capacity);
}
