/* A transform codec: modified discrete cosine transform, dependent quantisation, adaptive range coding.
 *
 * Transform: blocks of 512 samples that overlap by half, a sine window, and the DCT-IV of 256 coefficients (Princen,
 * Johnson, Bradley, "Subband/transform coding using filter bank designs based on time domain aliasing cancellation",
 * 1987), in integers, so that every machine gives back the same samples.
 *
 * Quantiser: two of them, whose values are the even multiples of half a step, and the odd ones and 0. A machine of four
 * states says which of them is next, by the parities of the numbers before; the encoder looks for the way through its
 * states that costs least (Viterbi), distortion and bits together. H. Schwarz et al., "Quantization and entropy coding in
 * the Versatile Video Coding standard", IEEE Trans. CSVT 31(10), 2021, section III.
 *
 * Coder: the size of a coefficient is expected to be a mean over earlier blocks, and over its neighbours in this one while
 * there are few of those. Adaptive counters by this size and by the quantiser code the number, bit by bit. */
#include "entropy.h"

#define BLOCK N1C_MDCT_BLOCK
#define HALF (BLOCK / 2)
#define NORM 92682 /* sqrt(2 / BLOCK), with TABLE_BITS bits below the point */
#define FRACTION 10 /* bits of a sample or coefficient below the point */
#define TABLE_BITS 20
#define STATES 4
#define MOST_COEFFICIENT ((int64_t)1 << (24 + 1 + N1C_MDCT_STEP_BITS)) /* in half steps times the step */

/* sin(pi j / 1024), j = 0..512, with TABLE_BITS bits below the point. */
static const int32_t sines[513] = {
    0, 3217, 6434, 9651, 12868, 16084, 19301, 22517, 25733, 28949, 32165, 35380,
    38595, 41810, 45024, 48238, 51451, 54664, 57876, 61088, 64299, 67510, 70720, 73929,
    77138, 80346, 83553, 86759, 89965, 93170, 96374, 99576, 102778, 105979, 109179, 112378,
    115576, 118773, 121969, 125163, 128357, 131549, 134740, 137930, 141118, 144305, 147491, 150675,
    153858, 157039, 160219, 163398, 166575, 169750, 172924, 176096, 179267, 182435, 185602, 188768,
    191931, 195093, 198253, 201411, 204567, 207721, 210873, 214024, 217172, 220318, 223462, 226604,
    229744, 232882, 236018, 239151, 242282, 245411, 248537, 251661, 254783, 257903, 261020, 264134,
    267246, 270356, 273462, 276567, 279669, 282768, 285864, 288958, 292049, 295137, 298223, 301306,
    304386, 307463, 310537, 313608, 316676, 319741, 322804, 325863, 328919, 331972, 335022, 338069,
    341113, 344153, 347190, 350224, 353255, 356282, 359306, 362326, 365343, 368357, 371367, 374374,
    377377, 380377, 383373, 386365, 389354, 392339, 395321, 398299, 401273, 404243, 407209, 410172,
    413131, 416085, 419036, 421983, 424926, 427865, 430800, 433731, 436658, 439581, 442499, 445414,
    448324, 451230, 454132, 457029, 459922, 462811, 465696, 468576, 471452, 474323, 477190, 480052,
    482910, 485763, 488612, 491456, 494295, 497130, 499960, 502786, 505606, 508422, 511233, 514040,
    516841, 519638, 522430, 525216, 527998, 530775, 533547, 536314, 539076, 541833, 544584, 547331,
    550072, 552808, 555539, 558265, 560986, 563701, 566411, 569115, 571815, 574509, 577197, 579880,
    582558, 585230, 587896, 590557, 593213, 595863, 598507, 601146, 603779, 606406, 609028, 611643,
    614254, 616858, 619456, 622049, 624636, 627217, 629792, 632361, 634924, 637482, 640033, 642578,
    645117, 647650, 650177, 652698, 655213, 657721, 660224, 662720, 665210, 667693, 670171, 672642,
    675106, 677565, 680017, 682462, 684901, 687334, 689760, 692180, 694593, 697000, 699400, 701794,
    704181, 706561, 708935, 711302, 713662, 716015, 718362, 720702, 723036, 725362, 727682, 729995,
    732301, 734600, 736892, 739177, 741455, 743726, 745991, 748248, 750498, 752741, 754977, 757206,
    759428, 761643, 763850, 766051, 768244, 770430, 772608, 774780, 776944, 779100, 781250, 783392,
    785526, 787654, 789774, 791886, 793991, 796089, 798179, 800261, 802336, 804403, 806463, 808516,
    810560, 812597, 814627, 816648, 818662, 820669, 822667, 824658, 826641, 828616, 830584, 832544,
    834495, 836439, 838376, 840304, 842224, 844137, 846041, 847937, 849826, 851706, 853579, 855443,
    857300, 859148, 860988, 862821, 864645, 866460, 868268, 870068, 871859, 873642, 875417, 877184,
    878942, 880692, 882434, 884168, 885893, 887610, 889319, 891019, 892711, 894394, 896069, 897736,
    899394, 901043, 902684, 904317, 905941, 907557, 909164, 910762, 912352, 913934, 915506, 917071,
    918626, 920173, 921711, 923241, 924761, 926274, 927777, 929272, 930758, 932235, 933703, 935163,
    936614, 938056, 939489, 940913, 942328, 943735, 945133, 946522, 947901, 949272, 950634, 951988,
    953332, 954667, 955993, 957310, 958618, 959918, 961208, 962489, 963761, 965024, 966278, 967522,
    968758, 969984, 971202, 972410, 973609, 974799, 975980, 977151, 978314, 979467, 980611, 981746,
    982871, 983987, 985094, 986192, 987281, 988360, 989429, 990490, 991541, 992583, 993616, 994639,
    995652, 996657, 997652, 998638, 999614, 1000581, 1001538, 1002486, 1003425, 1004354, 1005273, 1006184,
    1007084, 1007976, 1008857, 1009730, 1010592, 1011446, 1012289, 1013124, 1013948, 1014763, 1015569, 1016365,
    1017151, 1017928, 1018696, 1019453, 1020201, 1020940, 1021669, 1022388, 1023098, 1023798, 1024488, 1025169,
    1025840, 1026502, 1027153, 1027795, 1028428, 1029051, 1029664, 1030267, 1030861, 1031445, 1032019, 1032584,
    1033138, 1033684, 1034219, 1034745, 1035261, 1035767, 1036263, 1036750, 1037227, 1037694, 1038151, 1038599,
    1039037, 1039465, 1039883, 1040292, 1040690, 1041079, 1041458, 1041828, 1042187, 1042537, 1042877, 1043207,
    1043527, 1043837, 1044138, 1044429, 1044709, 1044981, 1045242, 1045493, 1045735, 1045967, 1046188, 1046401,
    1046603, 1046795, 1046978, 1047150, 1047313, 1047466, 1047609, 1047742, 1047865, 1047979, 1048083, 1048176,
    1048260, 1048334, 1048398, 1048453, 1048497, 1048532, 1048556, 1048571, 1048576
};

/* -- transform ------------------------------------------------------------------------------------------------------- */

/* sin and cos of pi j / 1024, 0 <= j <= 1024. */
static int64_t sine(int j) { return sines[j <= 512 ? j : 1024 - j]; }
static int64_t cosine(int j) { return j <= 512 ? sines[512 - j] : -(int64_t)sines[j - 512]; }

static int64_t scaled(int64_t v) { return (v + ((int64_t)1 << (TABLE_BITS - 1))) >> TABLE_BITS; }

typedef struct {
  int64_t re, im;
} complex_number;

/* v exp(-i pi j / 1024) */
static complex_number turned(complex_number v, int j) {
  complex_number t;
  t.re = scaled(v.re * cosine(j) + v.im * sine(j));
  t.im = scaled(v.im * cosine(j) - v.re * sine(j));
  return t;
}

/* Fourier transform of HALF numbers, in bit-reversed order, to natural order. */
static void fourier(complex_number *v) {
  for (int width = 1; width < HALF; width *= 2)
    for (int k = 0; k < width; k++)
      for (int i = k; i < HALF; i += 2 * width) {
        const complex_number a = v[i], b = turned(v[i + width], k * (1024 / width));
        v[i].re = a.re + b.re, v[i].im = a.im + b.im;
        v[i + width].re = a.re - b.re, v[i + width].im = a.im - b.im;
      }
}

/* The orthonormal DCT-IV of BLOCK numbers, which is its own inverse. */
static void cosine_transform(int64_t *x) {
  complex_number v[HALF];
  for (int n = 0; n < HALF; n++) {
    int reversed = 0;
    for (int bit = 1, i = n; bit < HALF; bit *= 2, i >>= 1) reversed = 2 * reversed | (i & 1);
    const complex_number pair = {x[2 * n], x[BLOCK - 1 - 2 * n]};
    v[reversed] = turned(pair, 4 * n + 1);
  }
  fourier(v);
  for (int k = 0; k < HALF; k++) {
    const complex_number t = turned(v[k], 4 * k);
    x[2 * k] = scaled(t.re * NORM);
    x[BLOCK - 1 - 2 * k] = -scaled(t.im * NORM);
  }
}

/* Samples of a block, windowed and folded to BLOCK numbers. */
static void fold(const int64_t *u, int64_t *x) {
  int64_t w[2 * BLOCK];
  for (int i = 0; i < BLOCK; i++) {
    w[i] = scaled(u[i] * sine(2 * i + 1));
    w[2 * BLOCK - 1 - i] = scaled(u[2 * BLOCK - 1 - i] * sine(2 * i + 1));
  }
  for (int i = 0; i < HALF; i++) {
    x[i] = -w[3 * HALF - 1 - i] - w[3 * HALF + i];
    x[HALF + i] = w[i] - w[BLOCK - 1 - i];
  }
}

/* The reverse: x unfolded and windowed, its first half added to what the block before left in `rest`. */
static void unfold(const int64_t *x, int64_t *rest, int64_t *out) {
  int64_t w[2 * BLOCK];
  for (int i = 0; i < HALF; i++) {
    w[i] = x[HALF + i];
    w[BLOCK - 1 - i] = -x[HALF + i];
    w[3 * HALF - 1 - i] = -x[i];
    w[3 * HALF + i] = -x[i];
  }
  for (int i = 0; i < BLOCK; i++) out[i] = rest[i] + scaled(w[i] * sine(2 * i + 1));
  for (int i = 0; i < BLOCK; i++) rest[BLOCK - 1 - i] = scaled(w[2 * BLOCK - 1 - i] * sine(2 * i + 1));
}

/* -- what a coefficient is expected to be ------------------------------------------------------------------------------ */
/* Sizes are multiples of half a step, means of them have SIZE_BITS bits below the point. */

#define SIZE_BITS 8
#define CLASSES N1C_MDCT_CLASSES
#define UNARY 15        /* of a number that the counters code bit by bit; the rest is an escape */
#define MOST_BITS 40    /* of an escape */
#define LIMIT 200       /* of the counters */
#define BORROWED 2      /* bits that a class counts as seen which takes over the counters of another */
#define MEAN_LIMIT 60   /* blocks over which a mean goes, about */

typedef struct {
  n1c_counter counters[CLASSES][2][UNARY];
  uint8_t used[CLASSES][2];
  int32_t mean[BLOCK];   /* of each coefficient's size */
  int32_t around[BLOCK]; /* the same, smoothed over neighbours */
  int64_t blocks;
} model;

static void start_model(model *m) {
  for (int c = 0; c < CLASSES; c++)
    for (int odd = 0; odd < 2; odd++) {
      m->used[c][odd] = 0;
      for (int i = 0; i < UNARY; i++) m->counters[c][odd][i] = N1C_COUNTER;
    }
  for (int i = 0; i < BLOCK; i++) m->mean[i] = m->around[i] = 0;
  m->blocks = 0;
}

static int32_t size_of(int64_t number, int odd) {
  const int64_t size = 2 * (number < 0 ? -number : number) - (odd && number);
  return size < 1 << 20 ? (int32_t)size : 1 << 20;
}

/* What earlier blocks expect of a coefficient, times their weight. */
static uint64_t remembered(const model *m, int i) {
  return (uint64_t)(m->blocks < MEAN_LIMIT ? m->blocks : MEAN_LIMIT) * (uint32_t)m->around[i];
}

/* The size that is expected after two others in the same block, the nearer one first; they count as one block more. */
static uint32_t expected(const model *m, uint64_t before, int32_t near, int32_t far) {
  const uint64_t sum = before + (((uint32_t)(2 * near + far) << SIZE_BITS) / 3);
  if (m->blocks >= MEAN_LIMIT) return (uint32_t)(sum / (MEAN_LIMIT + 1)); /* a constant divides fast */
  return (uint32_t)(sum / (uint64_t)(m->blocks + 1));
}

/* Four classes an octave. */
static int class_of(uint32_t size) {
  const int width = n1c_width(size);
  return width < 3 ? (int)size : 4 * (width - 2) + (int)(size >> (width - 3) & 3u);
}

/* Bits of a number that are coded as they are, below those that have counters. */
static int low_bits(uint32_t size) {
  const int width = n1c_width(size);
  return width > SIZE_BITS + 3 ? width - SIZE_BITS - 3 : 0;
}

/* The class whose counters serve for a class: itself once it is used, else the nearest that is, the smaller first. */
static int serving(const model *m, int class, int odd) {
  for (int away = 0; away < CLASSES; away++) {
    if (class - away >= 0 && m->used[class - away][odd]) return class - away;
    if (class + away < CLASSES && m->used[class + away][odd]) return class + away;
  }
  return class;
}

/* The counters of a class, which begin as those that have served for it so far. */
static n1c_counter *counters_of(model *m, int class, int odd) {
  n1c_counter *own = m->counters[class][odd];
  const int other = serving(m, class, odd);
  for (int i = 0; other != class && i < UNARY; i++) {
    const n1c_counter c = m->counters[other][odd][i];
    const uint32_t seen = c & N1C_MOST_SEEN;
    own[i] = (c & ~(n1c_counter)N1C_MOST_SEEN) | (seen < BORROWED ? seen : BORROWED);
  }
  m->used[class][odd] = 1;
  return own;
}

static void learn(model *m, const int32_t *sizes) {
  const int64_t rate = n1c_counter_rates[m->blocks < MEAN_LIMIT ? m->blocks : MEAN_LIMIT];
  for (int i = 0; i < BLOCK; i++)
    m->mean[i] += (int32_t)((((int64_t)sizes[i] << SIZE_BITS) - m->mean[i]) * rate / 65536);
  for (int i = 0; i < BLOCK; i++)
    m->around[i] = (m->mean[i ? i - 1 : 0] + 2 * m->mean[i] + m->mean[i < BLOCK - 1 ? i + 1 : i]) / 4;
  m->blocks++;
}

static const uint8_t next_state[STATES][2] = {{0, 2}, {2, 0}, {1, 3}, {3, 1}};

/* -- numbers to bits ------------------------------------------------------------------------------------------------------ */

static void encode_raw(n1c_encoder *e, uint64_t v, int bits) {
  while (bits > 0) {
    const int some = bits < 16 ? bits : 16;
    bits -= some;
    n1c_encode_interval(e, (uint32_t)(v >> bits & ((1u << some) - 1)), 1, some);
  }
}

static void encode_number(n1c_encoder *e, model *m, uint32_t size, int odd, int64_t number) {
  n1c_counter *counters = counters_of(m, class_of(size), odd);
  const int low = low_bits(size);
  const uint64_t magnitude = (uint64_t)(number < 0 ? -number : number), high = magnitude >> low;
  for (uint64_t i = 0; i < UNARY; i++) {
    n1c_encode_bit(e, counters + i, high > i, LIMIT);
    if (high == i) break;
  }
  if (high >= UNARY) {
    const uint64_t rest = high - UNARY + 1;
    int bits = 0;
    for (; rest >> (bits + 1); bits++) encode_raw(e, 0, 1);
    encode_raw(e, 1, 1);
    encode_raw(e, rest & (((uint64_t)1 << bits) - 1), bits);
  }
  encode_raw(e, magnitude & (((uint64_t)1 << low) - 1), low);
  if (magnitude) encode_raw(e, number < 0, 1);
}

static uint64_t decode_raw(n1c_decoder *d, int bits) {
  uint64_t v = 0;
  while (bits > 0) {
    const int some = bits < 16 ? bits : 16;
    const uint64_t unit = d->range >> some;
    uint64_t slot = d->code / unit;
    if (slot >> some) slot = ((uint64_t)1 << some) - 1;
    n1c_decoder_narrow(d, unit * slot, unit);
    v = v << some | slot;
    bits -= some;
  }
  return v;
}

/* Returns 0 or N1C_E_CORRUPT. */
static int decode_number(n1c_decoder *d, model *m, uint32_t size, int odd, int64_t *number) {
  n1c_counter *counters = counters_of(m, class_of(size), odd);
  const int low = low_bits(size);
  uint64_t high = 0;
  while (high < UNARY && n1c_decode_bit(d, counters + high, LIMIT)) high++;
  if (high == UNARY) {
    int bits = 0;
    while (!decode_raw(d, 1))
      if (++bits > MOST_BITS) return N1C_E_CORRUPT;
    high = UNARY - 1 + ((uint64_t)1 << bits | decode_raw(d, bits));
  }
  const uint64_t magnitude = high << low | decode_raw(d, low);
  if (magnitude >> MOST_BITS) return N1C_E_CORRUPT;
  *number = magnitude && decode_raw(d, 1) ? -(int64_t)magnitude : (int64_t)magnitude;
  return 0;
}

/* -- the way through the states --------------------------------------------------------------------------------------- */
/* Costs are in squares of half a step, with 2 * SIZE_BITS bits below the point. */

#define BIT_COST 8 /* bits of a bit below the point */

typedef struct {
  uint16_t bit[2][256]; /* what a 0 and a 1 cost, by the high bits of a counter's probability */
  int32_t number[CLASSES][2][UNARY + 2];
  int64_t known[CLASSES][2]; /* the block that they were computed for, plus 1 */
} prices;

/* -log2(p / 512) with BIT_COST bits below the point, 0 < p < 512. */
static uint16_t price(uint32_t p) {
  uint64_t v = (uint64_t)p << 22; /* p / 512 with 31 bits below the point */
  uint32_t log = 0;
  while (v < (uint64_t)1 << 31) v <<= 1, log++;
  uint32_t fraction = 0;
  for (int i = 0; i < BIT_COST; i++) {
    v = v * v >> 31;
    fraction *= 2;
    if (v >> 32) v >>= 1, fraction++;
  }
  return (uint16_t)((log << BIT_COST) - fraction);
}

static void start_prices(prices *p) {
  for (uint32_t i = 0; i < 256; i++) {
    p->bit[1][i] = price(2 * i + 1);
    p->bit[0][i] = price(511 - 2 * i);
  }
  for (int c = 0; c < CLASSES; c++) p->known[c][0] = p->known[c][1] = 0;
}

/* What the high parts of numbers of a class cost, from 0 to UNARY; more costs the escape besides. */
static const int32_t *prices_of(prices *p, const model *m, int c, int odd) {
  int32_t *sums = p->number[c][odd];
  if (p->known[c][odd] != m->blocks + 1) {
    const n1c_counter *counters = m->counters[serving(m, c, odd)][odd];
    int32_t ones = 0;
    for (int i = 0; i < UNARY; i++) {
      const uint32_t slot = counters[i] >> 24;
      sums[i] = ones + p->bit[0][slot];
      ones += p->bit[1][slot];
    }
    sums[UNARY] = ones;
    p->known[c][odd] = m->blocks + 1;
  }
  return sums;
}

/* Bits of a number that is not negative; its sign is in it. */
static int64_t price_of(const int32_t *sums, int low, int64_t number) {
  const int64_t high = number >> low;
  int64_t bits = high < UNARY ? sums[high] : sums[UNARY];
  if (high >= UNARY) {
    const int64_t rest = high - UNARY + 1;
    bits += (int64_t)(2 * n1c_width(rest >> 32 ? ~(uint32_t)0 : (uint32_t)rest) - 1) << BIT_COST;
  }
  return bits + ((int64_t)(low + (number != 0)) << BIT_COST);
}

typedef struct {
  int64_t cost;
  int32_t near, far; /* sizes of the last two numbers on this way */
} way;

typedef struct {
  int64_t number;
  int from;
} step_of_way;

typedef struct {
  int64_t cost, number;
} choice;

#define UNREACHED ((int64_t)1 << 60)

/* The cheapest even and the cheapest odd number of a coefficient for who comes along a way in a state. */
static void weigh(const model *m, prices *p, int64_t bit_price, int64_t magnitude, uint64_t before, const way *from,
                  int odd, choice *found) {
  const uint32_t size = expected(m, before, from->near, from->far);
  const int low = low_bits(size);
  const int32_t *sums = prices_of(p, m, class_of(size), odd);
  const int64_t below = ((magnitude >> SIZE_BITS) + odd) >> 1;
  for (int64_t number = below; number <= below + 1; number++) {
    const int64_t off = magnitude - ((int64_t)(2 * number - (odd && number)) << SIZE_BITS);
    found[number & 1].number = number;
    found[number & 1].cost = from->cost + off * off + price_of(sums, low, number) * bit_price;
  }
  if (below && magnitude < 6 << SIZE_BITS) {
    const int64_t cost = from->cost + magnitude * magnitude + price_of(sums, low, 0) * bit_price;
    if (cost < found[0].cost) found[0].cost = cost, found[0].number = 0;
  }
}

/* Numbers of a block's coefficients, given in half steps with SIZE_BITS bits below the point; returns the last state. */
static int choose(const model *m, prices *p, int64_t bit_price, const int64_t *x, int state, int64_t *numbers,
                  step_of_way (*steps)[STATES]) {
  static const uint8_t sources[STATES][2][2] = {{{0, 0}, {1, 1}}, {{2, 0}, {3, 1}}, {{0, 1}, {1, 0}}, {{2, 1}, {3, 0}}};
  way ways[STATES], next[STATES];
  choice choices[STATES][2]; /* by the parity of the number */
  for (int s = 0; s < STATES; s++) ways[s].cost = UNREACHED, ways[s].near = ways[s].far = 0;
  ways[state].cost = 0;
  for (int i = 0; i < BLOCK; i++) {
    const int64_t magnitude = x[i] < 0 ? -x[i] : x[i];
    const uint64_t before = remembered(m, i);
    for (int s = 0; s < STATES; s++) weigh(m, p, bit_price, magnitude, before, ways + s, s >> 1, choices[s]);
    for (int s = 0; s < STATES; s++) {
      const uint8_t(*const source)[2] = sources[s];
      const choice *const first = &choices[source[0][0]][source[0][1]], *const second = &choices[source[1][0]][source[1][1]];
      const int later = second->cost < first->cost, from = source[later][0];
      const choice *const taken = later ? second : first;
      next[s].cost = taken->cost;
      next[s].near = size_of(taken->number, from >> 1);
      next[s].far = ways[from].near;
      steps[i][s].number = taken->number;
      steps[i][s].from = from;
    }
    for (int s = 0; s < STATES; s++) ways[s] = next[s];
  }
  int best = 0;
  for (int s = 1; s < STATES; s++)
    if (ways[s].cost < ways[best].cost) best = s;
  for (int i = BLOCK, s = best; i-- > 0; s = steps[i][s].from) {
    const int64_t number = steps[i][s].number;
    numbers[i] = x[i] < 0 ? -number : number;
  }
  return best;
}

/* -- the codec -------------------------------------------------------------------------------------------------------------- */

typedef struct {
  model m;
  prices p;
  step_of_way steps[BLOCK][STATES];
} encoder_memory;

int64_t n1c_mdct_encode_work_size(void) { return (int64_t)sizeof(encoder_memory) + N1C_SLACK; }
int64_t n1c_mdct_decode_work_size(void) { return (int64_t)sizeof(model) + N1C_SLACK; }

static int64_t block_count(int64_t n) { return (n + BLOCK - 1) / BLOCK + 1; }

/* Sample i of a signal that goes on beyond its ends as its mirror image. */
static int64_t mirrored(const int32_t *x, int64_t n, int64_t i) {
  if (i >= 0 && i < n) return x[i];
  if (i < 0) i = -1 - i;
  i %= 2 * n;
  return x[i < n ? i : 2 * n - 1 - i];
}

/* A block's coefficients, 1 / 2^FRACTION of a sample. */
static void transformed(const int32_t *x, int64_t n, int64_t b, int64_t *c) {
  int64_t u[2 * BLOCK];
  for (int i = 0; i < 2 * BLOCK; i++) u[i] = mirrored(x, n, (b - 1) * BLOCK + i) * (1 << FRACTION);
  fold(u, c);
  cosine_transform(c);
}

/* The same in 1 / 2^SIZE_BITS of half a step, which has 1 / 2^(N1C_MDCT_STEP_BITS + 1). */
static void in_half_steps(int64_t *c, int64_t step) {
  for (int i = 0; i < BLOCK; i++) c[i] = c[i] * (1 << (SIZE_BITS + 1 + N1C_MDCT_STEP_BITS - FRACTION)) / step;
}

static int64_t from_half_steps(int64_t halves, int64_t step) {
  return halves * step * (1 << FRACTION) / (2 << N1C_MDCT_STEP_BITS);
}

/* The samples that block b completes, of its coefficients, which are lost; `rest` goes from block to block. */
static void put_samples(int64_t *c, int64_t *rest, int64_t b, int32_t *x, int64_t n) {
  int64_t y[BLOCK];
  cosine_transform(c);
  unfold(c, rest, y);
  for (int64_t i = 0, at = (b - 1) * BLOCK; b && i < BLOCK && at + i < n; i++)
    x[at + i] = (int32_t)((y[i] + (1 << (FRACTION - 1))) >> FRACTION);
}

static int are_allowed(const int32_t *x, int64_t n) {
  if (n < 0) return 0;
  for (int64_t i = 0; i < n; i++)
    if (x[i] > N1C_MDCT_MOST || x[i] < -N1C_MDCT_MOST) return 0;
  return 1;
}

int64_t n1c_mdct_sizes(const int32_t *x, int64_t n, int64_t *counts, int64_t classes) {
  if (classes != CLASSES || !are_allowed(x, n)) return N1C_E_ARGUMENT;
  for (int i = 0; i < CLASSES; i++) counts[i] = 0;
  for (int64_t b = 0; n && b < block_count(n); b++) {
    int64_t c[BLOCK];
    transformed(x, n, b, c);
    for (int i = 0; i < BLOCK; i++) counts[class_of((uint32_t)((c[i] < 0 ? -c[i] : c[i]) >> (FRACTION - SIZE_BITS)))]++;
  }
  return n ? block_count(n) * BLOCK : 0;
}

/* -- steering --------------------------------------------------------------------------------------------------------------- */
/* What a bit may cost goes up and down, block by block, so that noise or length come to what is wanted in the end. Each
 * block should take a part of it that a simple quantiser foretells, which makes 0 of what is below ZERO. */

#define ZERO 307           /* 0.6 of a step, which has 2^(SIZE_BITS + 1) */
#define BLOCKS_AN_OCTAVE 4 /* of the mean block's part that were taken too much, until bits cost half or twice as much */
#define SHARE_AN_OCTAVE 24 /* the same as a part of the blocks that are left, which is more at first */
#define MOST_OCTAVES 2

/* In any unit. */
static int64_t foretold(const int64_t *c, int is_noise) {
  const int64_t whole = (int64_t)2 << SIZE_BITS, most = 1 << 30;
  int64_t squares = 0, bits = 0, numbers = 0;
  for (int i = 0; i < BLOCK; i++) {
    const int64_t size = c[i] < 0 ? -c[i] : c[i], off = size - (size + whole - ZERO) / whole * whole;
    squares += off * off;
    if (size < ZERO) continue;
    const int width = n1c_width((uint32_t)(size < most ? size : most)) - SIZE_BITS + 1;
    bits += width < 4 ? 4 : width;
    numbers++;
  }
  if (!is_noise) return bits;
  /* dependent quantisation has less noise than this one, but not where most numbers are 0 */
  const int64_t range = BLOCK / 7, above = numbers - BLOCK / 5, less = above < 0 ? 0 : above < range ? above : range;
  return squares * (9 * range - 2 * less);
}

/* What block b completes of it; samples are complete half a block after their coefficients. */
static int64_t completed(int64_t before, int64_t part, int64_t b, int is_noise) {
  if (!is_noise) return part;
  return b ? before + part : 0;
}

/* bit_price times 2^octaves, about. */
static int64_t price_in(int64_t bit_price, double octaves) {
  if (octaves > MOST_OCTAVES) octaves = MOST_OCTAVES;
  if (octaves < -MOST_OCTAVES) octaves = -MOST_OCTAVES;
  const int64_t e = (int64_t)((octaves + MOST_OCTAVES) * 256);
  return ((bit_price * (256 + (e & 255))) << (e >> 8)) >> (8 + MOST_OCTAVES);
}

int64_t n1c_mdct_encode_to(const int32_t *x, int64_t n, int64_t step, int64_t bit_price, int64_t noise, int64_t length,
                           uint8_t *out, int64_t capacity, int32_t *back, int64_t room, void *work, int64_t work_size) {
  encoder_memory *w = (encoder_memory *)n1c_align64(work);
  n1c_encoder e;
  int64_t rest[BLOCK] = {0}, total = 0, done = 0, part = 0, price = bit_price;
  double lost = 0;
  int state = 0;
  if (step < 1 || step > N1C_MDCT_MOST_STEP || bit_price < 0 || bit_price > 65536) return N1C_E_ARGUMENT;
  if (noise < 0 || length < 0 || (noise && length) || !are_allowed(x, n)) return N1C_E_ARGUMENT;
  if (work_size < n1c_mdct_encode_work_size() || room < (noise ? n : 0) || (room && room < n)) return N1C_E_CAPACITY;
  if (!n) return 0;
  const double goal = (double)(noise ? noise : length), blocks = (double)block_count(n);
  for (int64_t b = 0; goal > 0 && b < block_count(n); b++) {
    int64_t c[BLOCK];
    transformed(x, n, b, c);
    in_half_steps(c, step);
    const int64_t before = part;
    part = foretold(c, noise > 0);
    total += completed(before, part, b, noise > 0);
  }
  start_model(&w->m);
  start_prices(&w->p);
  n1c_encoder_start(&e, out, capacity);
  for (int64_t b = 0; b < block_count(n); b++) {
    int64_t c[BLOCK], numbers[BLOCK];
    int32_t sizes[BLOCK];
    transformed(x, n, b, c);
    in_half_steps(c, step);
    const int first = state;
    state = choose(&w->m, &w->p, price, c, state, numbers, w->steps);
    const int64_t before = part;
    part = goal > 0 ? foretold(c, noise > 0) : 0;
    for (int i = 0, s = first; i < BLOCK; i++) {
      const int32_t near = i > 0 ? sizes[i - 1] : 0, far = i > 1 ? sizes[i - 2] : 0;
      encode_number(&e, &w->m, expected(&w->m, remembered(&w->m, i), near, far), s >> 1, numbers[i]);
      sizes[i] = size_of(numbers[i], s >> 1);
      c[i] = from_half_steps(2 * numbers[i] - (numbers[i] > 0 ? s >> 1 : numbers[i] < 0 ? -(s >> 1) : 0), step);
      s = next_state[s][numbers[i] & 1];
    }
    learn(&w->m, sizes);
    if (room) put_samples(c, rest, b, back, n);
    for (int64_t i = (b - 1) * BLOCK; noise && b && i < b * BLOCK && i < n; i++) {
      const double off = (double)x[i] - (double)back[i];
      lost += off * off;
    }
    done += completed(before, part, b, noise > 0);
    const double taken = noise ? lost : (double)(8 * e.at + 32 - n1c_width((uint32_t)(e.range >> 32))) / 8;
    if (total > 0) {
      const double over = (taken / goal - (double)done / (double)total) * blocks;
      const double share = (blocks - 1 - (double)b) / SHARE_AN_OCTAVE;
      const double octaves = over / (share > BLOCKS_AN_OCTAVE ? share : BLOCKS_AN_OCTAVE);
      price = price_in(bit_price, noise ? -octaves : octaves);
    }
  }
  int64_t written = n1c_encoder_end(&e);
  if (written < 0) return N1C_E_CAPACITY;
  while (written < n / N1C_SAMPLES_PER_BYTE && written < capacity) out[written++] = 0;
  return written < n / N1C_SAMPLES_PER_BYTE ? N1C_E_CAPACITY : written;
}

int64_t n1c_mdct_encode(const int32_t *x, int64_t n, int64_t step, int64_t bit_price, uint8_t *out, int64_t capacity,
                        void *work, int64_t work_size) {
  return n1c_mdct_encode_to(x, n, step, bit_price, 0, 0, out, capacity, 0, 0, work, work_size);
}

int64_t n1c_mdct_decode(const uint8_t *in, int64_t length, int64_t step, int32_t *x, int64_t n, void *work,
                        int64_t work_size) {
  model *m = (model *)n1c_align64(work);
  n1c_decoder d;
  int64_t rest[BLOCK] = {0};
  int state = 0;
  if (n < 0 || length < 0 || step < 1 || step > N1C_MDCT_MOST_STEP) return N1C_E_ARGUMENT;
  if (work_size < n1c_mdct_decode_work_size()) return N1C_E_CAPACITY;
  if (!n1c_is_backed(n, length)) return N1C_E_CORRUPT;
  if (!n) return 0;
  start_model(m);
  n1c_decoder_start(&d, in, length);
  for (int64_t b = 0; b < block_count(n); b++) {
    int64_t c[BLOCK];
    int32_t sizes[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      const int32_t near = i > 0 ? sizes[i - 1] : 0, far = i > 1 ? sizes[i - 2] : 0;
      int64_t number;
      if (decode_number(&d, m, expected(m, remembered(m, i), near, far), state >> 1, &number)) return N1C_E_CORRUPT;
      const int64_t sign = number < 0 ? -1 : 1, halves = 2 * number - (state >> 1 && number ? sign : 0);
      if (halves * sign > MOST_COEFFICIENT / step) return N1C_E_CORRUPT;
      c[i] = from_half_steps(halves, step);
      sizes[i] = size_of(number, state >> 1);
      state = next_state[state][number & 1];
    }
    learn(m, sizes);
    put_samples(c, rest, b, x, n);
  }
  return n1c_decoder_overrun(&d) ? N1C_E_CORRUPT : n;
}
