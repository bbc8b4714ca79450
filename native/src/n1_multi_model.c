/* The model of n1_multi: what is written of it, and the tables that coding takes. */
#include "n1_multi.h"

#include <string.h>

#include "n1_multi_numbers.h"
#include "n1_stream.h"

static const uint8_t preset_bytes[] = {1, 2, 4}; /* first byte of each preset's models; 3 is the name of a profile */
#define PRESETS (int32_t)sizeof preset_bytes
#define MOST_CODES MULTI_MOST_CODES
#define ENOUGH 100     /* groups whose widths tell what the next one has */
#define LEAST_WIDTH (-64)
#define MOST_WIDTH 32
#define RECENT 12      /* channels that the mean of earlier weights goes back */

const uint8_t multi_lane_of[MULTI_LANES] = {0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15};

/* 2^(i / 8) in units of 2^-16. */
static const uint32_t eighths[8] = {65536, 71468, 77936, 84990, 92682, 101070, 110218, 120194};

/* Distribution functions at 0, 1/32, .. 8 sigmas, in 2^-24: of a normal residual, and of the mixture of two, 2 and 4 times
 * as wide, that its tails are made of. */
static const uint32_t normal[MULTI_SHAPE / 2 + 1] = {
    8388608, 8597735, 8806657, 9015172, 9223077, 9430171, 9636257, 9841139, 10044625, 10246528, 10446664, 10644856,
    10840930, 11034720, 11226065, 11414812, 11600815, 11783934, 11964039, 12141006, 12314719, 12485073, 12651970,
    12815319, 12975040, 13131062, 13283321, 13431763, 13576342, 13717022, 13853774, 13986578, 14115423, 14240303,
    14361223, 14478195, 14591237, 14700374, 14805638, 14907067, 15004707, 15098606, 15188821, 15275410, 15358439,
    15437976, 15514093, 15586867, 15656377, 15722704, 15785932, 15846147, 15903437, 15957891, 16009598, 16058649,
    16105135, 16149147, 16190777, 16230114, 16267250, 16302272, 16335268, 16366327, 16395532, 16422968, 16448717,
    16472858, 16495471, 16516631, 16536412, 16554887, 16572123, 16588190, 16603151, 16617069, 16630005, 16642015,
    16653155, 16663478, 16673035, 16681874, 16690040, 16697578, 16704530, 16710933, 16716827, 16722246, 16727224,
    16731792, 16735979, 16739815, 16743324, 16746531, 16749461, 16752133, 16754568, 16756786, 16758803, 16760636,
    16762301, 16763810, 16765178, 16766416, 16767535, 16768547, 16769459, 16770282, 16771024, 16771691, 16772291,
    16772830, 16773313, 16773746, 16774135, 16774482, 16774792, 16775069, 16775316, 16775537, 16775733, 16775907,
    16776062, 16776200, 16776322, 16776430, 16776525, 16776610, 16776685, 16776751, 16776809, 16776860, 16776905,
    16776945, 16776979, 16777010, 16777037, 16777060, 16777081, 16777099, 16777114, 16777128, 16777140, 16777150,
    16777159, 16777167, 16777174, 16777179, 16777185, 16777189, 16777193, 16777196, 16777199, 16777201, 16777203,
    16777205, 16777207, 16777208, 16777209, 16777210, 16777211, 16777212, 16777213, 16777213, 16777214, 16777214,
    16777214, 16777214, 16777215, 16777215, 16777215, 16777215, 16777215, 16777215, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216, 16777216,
    16777216, 16777216, 16777216,
};

static const uint32_t tails[MULTI_SHAPE / 2 + 1] = {
    8388608, 8468869, 8549116, 8629333, 8709507, 8789621, 8869662, 8949616, 9029467, 9109201, 9188805, 9268263,
    9347561, 9426686, 9505624, 9584360, 9662881, 9741174, 9819225, 9897021, 9974548, 10051795, 10128748, 10205394,
    10281722, 10357719, 10433374, 10508674, 10583608, 10658165, 10732335, 10806105, 10879466, 10952408, 11024920,
    11096993, 11168617, 11239783, 11310483, 11380706, 11450446, 11519694, 11588442, 11656682, 11724408, 11791613,
    11858289, 11924431, 11990032, 12055087, 12119589, 12183535, 12246919, 12309737, 12371984, 12433655, 12494749,
    12555260, 12615186, 12674525, 12733272, 12791427, 12848987, 12905951, 12962316, 13018082, 13073248, 13127813,
    13181776, 13235138, 13287898, 13340057, 13391615, 13442574, 13492934, 13542695, 13591861, 13640432, 13688411,
    13735799, 13782598, 13828811, 13874442, 13919491, 13963964, 14007862, 14051188, 14093948, 14136143, 14177779,
    14218858, 14259385, 14299364, 14338799, 14377695, 14416056, 14453887, 14491192, 14527977, 14564246, 14600004,
    14635256, 14670008, 14704264, 14738030, 14771311, 14804113, 14836440, 14868299, 14899695, 14930632, 14961118,
    14991156, 15020754, 15049916, 15078648, 15106956, 15134844, 15162320, 15189388, 15216053, 15242323, 15268201,
    15293693, 15318806, 15343544, 15367912, 15391917, 15415564, 15438858, 15461803, 15484406, 15506672, 15528606,
    15550212, 15571497, 15592464, 15613119, 15633467, 15653513, 15673261, 15692717, 15711884, 15730767, 15749372,
    15767701, 15785761, 15803555, 15821088, 15838363, 15855385, 15872158, 15888686, 15904974, 15921024, 15936841,
    15952429, 15967791, 15982930, 15997852, 16012558, 16027053, 16041340, 16055423, 16069303, 16082986, 16096473,
    16109769, 16122876, 16135796, 16148534, 16161092, 16173472, 16185677, 16197711, 16209576, 16221273, 16232807,
    16244179, 16255393, 16266449, 16277351, 16288101, 16298700, 16309153, 16319460, 16329623, 16339645, 16349528,
    16359274, 16368884, 16378361, 16387707, 16396923, 16406011, 16414972, 16423810, 16432525, 16441119, 16449594,
    16457951, 16466191, 16474317, 16482331, 16490232, 16498023, 16505706, 16513282, 16520751, 16528116, 16535378,
    16542538, 16549597, 16556557, 16563419, 16570184, 16576854, 16583429, 16589911, 16596301, 16602599, 16608808,
    16614929, 16620961, 16626907, 16632768, 16638544, 16644237, 16649847, 16655376, 16660824, 16666193, 16671483,
    16676696, 16681832, 16686893, 16691879, 16696791, 16701630, 16706397, 16711092, 16715718, 16720274, 16724761,
    16729180, 16733532, 16737819, 16742040, 16746196, 16750288, 16754318, 16758285, 16762191, 16766037, 16769822,
    16773548, 16777216,
};


uint32_t multi_shape(int32_t tail, int32_t i) {
  const int32_t at = i - MULTI_SHAPE / 2, k = at < 0 ? -at : at;
  const uint32_t v = (uint32_t)(((uint64_t)normal[k] * (uint32_t)(256 - tail) + (uint64_t)tails[k] * (uint32_t)tail) >> 8);
  return at < 0 ? MULTI_PROB - v : v;
}

/* -- numbers of a model, read and written by the same code ----------------------------------------------------------- */

typedef struct {
  n1c_encoder *out; /* NULL when reading */
  n1c_decoder in;
  int8_t *widths;      /* where those of the next group go */
  int64_t codes_left;  /* that all groups may still have */
  int bad;
} channel_of_numbers;

/* Codes *value, which lies in low .. high, as its distance from a guess. */
static void number(channel_of_numbers *n, number_model *m, int32_t *value, int32_t guess, int32_t low, int32_t high) {
  if (n->out) {
    number_put(n->out, m, *value - guess);
    return;
  }
  {
    const int64_t v = (int64_t)number_take(&n->in, m) + guess;
    if (v < low || v > high || n1c_decoder_overrun(&n->in)) n->bad = 1;
    *value = n->bad ? low : (int32_t)v;
  }
}

/* -- what is expected of weights ---------------------------------------------------------------------------------------- */

/* Where the mean weights of neighbours at a distance are, and how many of them went into it. */
static int32_t *near_of(multi_expected *e, int32_t distance, int32_t **seen) {
  const int32_t i = distance < MULTI_KNOWN ? distance : 0;
  *seen = e->near_seen + i;
  return e->near[i];
}

void multi_expect(multi_expected *e, const multi_model *m, int32_t channel, int32_t *guess) {
  const multi_channel *c = m->channel + channel;
  const int32_t lags = 2 * m->reach + 1;
  int32_t *seen;
  for (int32_t i = 0; i < m->order; i++) *guess++ = (e->own[i] + 128) >> 8;
  for (int32_t i = 0; i < c->count + m->mean; i++) {
    const int32_t *mean = i < c->count ? near_of(e, channel - c->neighbours[i], &seen) : e->mean;
    for (int32_t k = 0; k < lags; k++) *guess++ = (mean[k] + 128) >> 8;
  }
}

static const int16_t *learn_weights(const int16_t *w, int32_t count, int32_t *mean, int32_t *seen) {
  if (*seen < RECENT) ++*seen;
  for (int32_t i = 0; i < count; i++) mean[i] += (w[i] * 256 - mean[i]) / *seen;
  return w + count;
}

void multi_learn(multi_expected *e, const multi_model *m, int32_t channel) {
  const multi_channel *c = m->channel + channel;
  const int32_t lags = 2 * m->reach + 1;
  const int16_t *w = learn_weights(c->weights, m->order, e->own, &e->own_seen);
  for (int32_t i = 0; i < c->count; i++) {
    int32_t *seen, *mean = near_of(e, channel - c->neighbours[i], &seen);
    w = learn_weights(w, lags, mean, seen);
  }
  if (m->mean) learn_weights(w, lags, e->mean, &e->mean_seen);
}

/* -- a model ---------------------------------------------------------------------------------------------------------- */

enum {
  N_SHAPE, N_GROUP, N_FIRST, N_CODES, N_WIDTH, N_STEP = N_WIDTH + 7, N_PHASE, N_SHIFT, N_MEAN, N_START, N_COUNT, N_DISTANCE,
  N_OWN = N_DISTANCE + MULTI_MOST_NEIGHBOURS, N_NEAR = N_OWN + MULTI_MOST_ORDER,
  N_MEAN_WEIGHT = N_NEAR + 2 * MULTI_MOST_REACH + 1,
  N_ALL = N_MEAN_WEIGHT + 2 * MULTI_MOST_REACH + 1
};

static void group_numbers(channel_of_numbers *n, number_model *m, multi_model *model, int32_t index) {
  multi_group *g = model->group + index, *last = g - (index > 0);
  int16_t *sum = (int16_t *)model->scratch, *seen = sum + MOST_CODES; /* widths of earlier groups, by sample */
  int8_t *widths = n->widths;
  int32_t has = g->widths != NULL, off = 0; /* off: how far the last width was from the guess */
  number(n, m + N_FIRST, &g->first, index ? last->first : 0, -32768, 32767);
  number(n, m + N_CODES, &g->codes, index ? last->codes : 1024, 2, MOST_CODES);
  number(n, m + N_WIDTH, &has, index ? last->widths != NULL : 1, 0, 1);
  n->codes_left -= g->codes;
  if (!has || n->bad) return;
  if (n->codes_left < 0) {
    n->bad = 1;
    return;
  }
  if (n->out) widths = g->widths;
  g->widths = widths;
  n->widths = widths + g->codes;
  for (int32_t k = 0; k < g->codes; k++) {
    const int32_t at = (k + g->first + 32768) & (MOST_CODES - 1), others = seen[at];
    const int32_t guess = others ? (2 * sum[at] + (sum[at] < 0 ? -others : others)) / (2 * others) : 0;
    int32_t v = widths[k];
    number(n, m + N_WIDTH + 1 + 3 * (others > 0) + (off != 0) + (off * off > 4), &v, guess, LEAST_WIDTH, MOST_WIDTH);
    off = v - guess;
    widths[k] = (int8_t)v;
    if (others < ENOUGH) sum[at] = (int16_t)(sum[at] + v), seen[at]++;
  }
}

static void channel_numbers(channel_of_numbers *n, number_model *m, multi_model *model, multi_expected *mean,
                            int32_t index) {
  multi_channel *c = model->channel + index, *last = c - (index > 0);
  const int32_t lags = 2 * model->reach + 1, most = index < model->neighbours ? index : model->neighbours;
  int32_t step = (int32_t)c->step, phase = (int32_t)c->phase, nearer = 0, guess[MULTI_MOST_TAPS];
  number(n, m + N_GROUP, &c->group, index ? last->group + (model->groups > 1) : 0, 0, model->groups - 1);
  number(n, m + N_STEP, &step, index ? (int32_t)last->step : 0, 0, 65535 << MULTI_STEP_BITS);
  c->step = (uint32_t)step;
  if (step) {
    number(n, m + N_FIRST, &c->first, index ? last->first : 0, -32768, 32767);
    number(n, m + N_PHASE, &phase, index ? (int32_t)last->phase : 0, 0, (1 << MULTI_STEP_BITS) - 1);
  }
  c->phase = (uint32_t)phase;
  number(n, m + N_SHIFT, &c->shift, index ? last->shift : 4, -6, MULTI_CENTRE_BITS);
  number(n, m + N_MEAN, &c->mean, index ? last->mean : 0, 0, MULTI_MOST_MEAN);
  number(n, m + N_START, &c->start, index ? last->start : 32, -8 * MULTI_SCALE_STEPS, 36 * MULTI_SCALE_STEPS);
  number(n, m + N_COUNT, &c->count, most, 0, most);
  if (n->bad) return;
  for (int32_t i = 0; i < c->count; i++) {
    int32_t distance = index - c->neighbours[i];
    number(n, m + N_DISTANCE + i, &distance, nearer + 1, 1, index);
    c->neighbours[i] = index - distance;
    nearer = distance;
  }
  multi_expect(mean, model, index, guess);
  for (int32_t i = 0, taps = multi_taps(model, c->count); i < taps; i++) {
    const int32_t kind = i < model->order ? N_OWN + i : i < taps - model->mean * lags ? N_NEAR + (i - model->order) % lags
                                                                                      : N_MEAN_WEIGHT + i - (taps - lags);
    int32_t v = c->weights[i];
    number(n, m + kind, &v, guess[i], -32768, 32767);
    c->weights[i] = (int16_t)v;
  }
  multi_learn(mean, model, index);
}

/* The numbers of all groups and channels, once those that say how many there are stand. */
static void model_numbers(channel_of_numbers *n, multi_model *model) {
  number_model m[N_ALL];
  multi_expected mean;
  number_open(m, N_ALL);
  memset(&mean, 0, sizeof mean);
  memset(model->scratch, 0, 4 * MOST_CODES);
  n->codes_left = model->codes;
  number(n, m + N_SHAPE, &model->tail, 0, 0, 255);
  number(n, m + N_SHAPE, &model->gain, 64, 16, 255);
  for (int32_t i = 0; i < model->groups && !n->bad; i++) group_numbers(n, m, model, i);
  for (int32_t i = 0; i < model->channels && !n->bad; i++) channel_numbers(n, m, model, &mean, i);
}

static int64_t head_of(const multi_model *m, uint8_t *out) {
  uint8_t *at = out;
  *at++ = preset_bytes[m->preset];
  at = n1c_store_leb128(at, (uint64_t)m->channels);
  at = n1c_store_leb128(at, (uint64_t)m->groups);
  at = n1c_store_leb128(at, (uint64_t)m->codes);
  at = n1c_store_leb128(at, (uint64_t)m->cells);
  *at++ = (uint8_t)m->order;
  *at++ = (uint8_t)(m->neighbours << 4 | m->reach);
  *at++ = (uint8_t)(m->bits << 1 | m->mean);
  return at - out;
}

static int read_head(n1c_reader *r, multi_model *m) {
  uint64_t channels, groups, codes, cells, reach, bits, most;
  const uint64_t preset = n1c_read_bytes(r, 1);
  for (m->preset = 0; m->preset < PRESETS && preset_bytes[m->preset] != preset;) m->preset++;
  if (m->preset == PRESETS) return 0;
  m->fast = m->preset == MULTI_FAST;
  channels = n1c_read_leb128(r, 3);
  groups = n1c_read_leb128(r, 3);
  codes = n1c_read_leb128(r, 5);
  cells = n1c_read_leb128(r, 5);
  m->order = (int32_t)n1c_read_bytes(r, 1);
  reach = n1c_read_bytes(r, 1);
  bits = n1c_read_bytes(r, 1);
  m->channels = (int32_t)channels;
  m->groups = (int32_t)groups;
  m->codes = (int64_t)codes;
  m->cells = (int64_t)cells;
  m->neighbours = (int32_t)(reach >> 4);
  m->reach = (int32_t)(reach & 15);
  m->bits = (int32_t)(bits >> 1);
  m->mean = (int32_t)(bits & 1);
  /* A few bytes cannot claim a sea of memory. */
  most = MOST_CODES + 8192 * (uint64_t)(r->end - r->at);
  return !r->bad && codes <= most && cells <= 8 * most
         && channels >= 1 && channels <= MULTI_MOST_CHANNELS && groups >= 1 && groups <= channels &&
         channels <= 64 * (uint64_t)(r->end - r->at) + 64 && m->order <= MULTI_MOST_ORDER &&
         m->neighbours <= MULTI_MOST_NEIGHBOURS && m->reach <= MULTI_MOST_REACH && m->bits <= 14;
}

/* A row of a section of packets is cut out of the section like a comb: lane k has a channel of its k-th part. */
void multi_places(const multi_model *m, multi_place *place) {
  const int32_t sections = (m->channels + STREAM_SECTION - 1) / STREAM_SECTION;
  const int32_t each = m->preset == MULTI_PACKETS ? stream_section_channels(m->channels, sections) : m->channels;
  for (int32_t start = 0, i = 0; start < m->channels; start += each) {
    const int32_t end = start + each < m->channels ? start + each : m->channels;
    const int32_t rows = m->preset == MULTI_PACKETS ? multi_rows(end - start) : end - start;
    for (int32_t row = 0; row < rows; row++)
      for (int32_t channel = start + row, known = i; channel < end; channel += rows, i++)
        place[i].channel = channel, place[i].first = start, place[i].known = known;
  }
}

int64_t multi_model_store(multi_model *m, uint8_t *out, int64_t capacity) {
  n1c_encoder encoder;
  channel_of_numbers n;
  int64_t head, length;
  if (capacity < 32) return N1C_E_CAPACITY;
  head = head_of(m, out);
  n1c_encoder_start(&encoder, out + head, capacity - head);
  memset(&n, 0, sizeof n);
  n.out = &encoder;
  model_numbers(&n, m);
  length = n1c_encoder_end(&encoder);
  return length < 0 ? N1C_E_CAPACITY : head + length;
}

/* -- tables ------------------------------------------------------------------------------------------------------------ */

void multi_thresholds(const multi_group *g, int32_t *threshold) {
  uint64_t sum = 0;
  for (int32_t k = 0; k < g->codes; k++) {
    const int32_t w = g->widths ? g->widths[k] - LEAST_WIDTH : -LEAST_WIDTH; /* 2^(w / 8 + 8) in 2^-16 */
    threshold[k] = (int32_t)(sum >> (24 - MULTI_CENTRE_BITS));
    sum += (uint64_t)eighths[w & 7] << (w >> 3);
  }
  threshold[g->codes] = (int32_t)(sum >> (24 - MULTI_CENTRE_BITS));
}

static void *take_memory(uint8_t **memory, int64_t bytes) {
  void *at = *memory;
  *memory += N1C_ROUND64(bytes);
  return at;
}

int64_t multi_parts_size(const multi_model *m) {
  const int64_t taps = multi_taps(m, m->neighbours);
  return N1C_ROUND64(m->groups * (int64_t)sizeof *m->group) + N1C_ROUND64(m->channels * (int64_t)sizeof *m->channel) +
         N1C_ROUND64(2 * m->channels * taps) + N1C_ROUND64(4 * (MOST_CODES + 1)) + N1C_ROUND64(m->codes) +
         m->groups * (2 * 64 + N1C_ROUND64(8 * (MULTI_SHAPE + 1))) + 8 * (m->codes + m->groups) +
         4 * m->cells;
}

int8_t *multi_lay_out(multi_model *m, uint8_t *memory) {
  const int64_t taps = multi_taps(m, m->neighbours);
  int16_t *weights;
  int8_t *widths;
  m->group = take_memory(&memory, m->groups * (int64_t)sizeof *m->group);
  m->channel = take_memory(&memory, m->channels * (int64_t)sizeof *m->channel);
  weights = take_memory(&memory, 2 * m->channels * taps);
  m->scratch = take_memory(&memory, 4 * (MOST_CODES + 1));
  widths = take_memory(&memory, m->codes);
  m->tables = memory;
  memset(m->group, 0, (size_t)m->groups * sizeof *m->group);
  memset(m->channel, 0, (size_t)m->channels * sizeof *m->channel);
  memset(weights, 0, (size_t)(2 * m->channels * taps));
  for (int32_t i = 0; i < m->channels; i++) m->channel[i].weights = weights + i * taps;
  return widths;
}

int64_t multi_cells(const multi_group *g, const int32_t *threshold) {
  return g->widths ? ((int64_t)threshold[g->codes] * 8 >> MULTI_CENTRE_BITS) + 1 : g->codes;
}

void multi_levels(multi_group *g, int32_t *threshold) {
  multi_thresholds(g, threshold);
  for (int32_t k = 0; k <= g->codes; k++) {
    g->level[k].threshold = (float)threshold[k] * (1.0f / (1 << MULTI_CENTRE_BITS));
    g->level[k].centre = k < g->codes ? (threshold[k] + threshold[k + 1]) >> 1 : 0;
  }
}

static void open_group(const multi_model *m, multi_group *g, uint8_t **memory) {
  const uint32_t mass = (uint32_t)(MULTI_PROB - g->codes);
  g->level = take_memory(memory, 8 * ((int64_t)g->codes + 1));
  g->near = take_memory(memory, 4 * (int64_t)g->cells);
  g->shape = take_memory(memory, 8 * (MULTI_SHAPE + 1));
  multi_levels(g, m->scratch);
  g->cells_per_code = g->widths ? 8.0f : 1.0f;
  for (int32_t i = 0, b = 1; i < g->cells; i++) {
    const float middle = ((float)i + 0.5f) / g->cells_per_code;
    while (b < g->codes - 1 && g->level[b].threshold + g->level[b + 1].threshold <= 2 * middle) b++;
    g->near[i] = b;
  }
  g->level[0].threshold = -1e30f;
  g->level[g->codes].threshold = 1e30f;
  for (int32_t i = 0; i <= MULTI_SHAPE; i++)
    g->shape[i][0] = (float)(int32_t)((uint64_t)multi_shape(m->tail, i) * mass >> MULTI_PROB_BITS);
  for (int32_t i = 0; i < MULTI_SHAPE; i++) g->shape[i][1] = g->shape[i + 1][0] - g->shape[i][0];
  g->shape[MULTI_SHAPE][1] = 0;
}

/* The middle of each cell of probability, in sigmas. */
static void open_guess(multi_model *m) {
  int32_t k = 0;
  for (int32_t i = 0; i < MULTI_GUESS; i++) {
    const uint32_t p = ((uint32_t)i << (MULTI_PROB_BITS - MULTI_GUESS_BITS)) + (1 << (MULTI_PROB_BITS - MULTI_GUESS_BITS - 1));
    uint32_t low, high;
    while (k < MULTI_SHAPE - 1 && multi_shape(m->tail, k + 1) <= p) k++;
    low = multi_shape(m->tail, k);
    high = multi_shape(m->tail, k + 1);
    m->guess[i] = ((float)(k - MULTI_SHAPE / 2) + (high > low ? (float)(p - low) / (float)(high - low) : 0.5f)) /
                  (0.5f * (float)m->gain);
  }
}

/* Sets up the tables of a model whose numbers are set; 0 if they are more than its head says. */
static int open_tables(multi_model *m) {
  int64_t codes = 0, cells = 0;
  uint8_t *memory = m->tables;
  m->common = MULTI_CENTRE_BITS;
  for (int32_t i = 0; i < m->channels; i++)
    if (m->channel[i].shift < m->common) m->common = m->channel[i].shift;
  for (int32_t i = 0; i < m->groups; i++) {
    multi_group *g = m->group + i;
    multi_thresholds(g, m->scratch);
    g->cells = (int32_t)multi_cells(g, m->scratch);
    codes += g->codes;
    cells += g->cells;
    if (codes > m->codes || cells > m->cells) return 0;
    open_group(m, g, &memory);
  }
  open_guess(m);
  return 1;
}

int multi_model_head(const uint8_t *bytes, int64_t length, multi_model *m) {
  n1c_reader r = n1c_reader_of(bytes, length);
  return read_head(&r, m);
}

int64_t multi_model_size(const uint8_t *bytes, int64_t length) {
  n1c_reader r = n1c_reader_of(bytes, length);
  multi_model m;
  if (!read_head(&r, &m)) return N1C_E_CORRUPT;
  return N1C_ROUND64(sizeof m) + multi_parts_size(&m);
}

multi_model *multi_model_open(const uint8_t *bytes, int64_t length, void *memory) {
  n1c_reader r = n1c_reader_of(bytes, length);
  multi_model *m = memory;
  channel_of_numbers n;
  if (!read_head(&r, m)) return NULL;
  memset(&n, 0, sizeof n);
  n.widths = multi_lay_out(m, (uint8_t *)memory + N1C_ROUND64(sizeof *m));
  n1c_decoder_start(&n.in, r.at, r.end - r.at);
  model_numbers(&n, m);
  return !n.bad && open_tables(m) ? m : NULL;
}
