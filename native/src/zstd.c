/* Zstandard (RFC 8878; section numbers below are its own). */
#include "zstd.h"

#include <string.h>

#include "bytes.h"
#include "n1c/base.h"

#define BLOCK (128 << 10) /* bytes of a block's content at most */
#define MOST_HUFFMAN 11   /* bits of a code */
#define MOST_ACCURACY 9   /* of a table of sequences */

typedef struct {
  uint16_t next; /* state without the bits that are read */
  uint8_t symbol, bits;
} cell;

typedef struct {
  cell cells[1 << MOST_ACCURACY];
  int accuracy; /* -1: there is none yet */
} table;

typedef struct {
  uint8_t symbol, bits;
} leaf;

typedef struct {
  leaf leaves[1 << MOST_HUFFMAN];
  int bits; /* 0: there is none yet */
  table lengths, offsets, matches, weights;
  uint32_t last[3]; /* offsets */
  uint8_t literals[BLOCK];
} state;

int64_t n1c_zstd_work_size(void) { return (int64_t)sizeof(state) + N1C_SLACK; }

/* -- bits that are read from their end (4.1) ----------------------------------------------------------------------- */

typedef struct {
  const uint8_t *bytes;
  int64_t left; /* bits that were not read; negative: some that are not there, which are zeros */
} bits;

static int open_bits(bits *b, const uint8_t *p, int64_t length) {
  int top = 8;
  if (length < 1 || !p[length - 1]) return 0;
  while (!(p[length - 1] >> (top - 1) & 1)) top--;
  b->bytes = p;
  b->left = 8 * length - 9 + top;
  return 1;
}

/* At most 56 bits, which stay where they are. */
static uint64_t look(const bits *b, int count) {
  const int64_t low = b->left - count, end = (b->left + 7) >> 3;
  uint64_t v = 0;
  if (b->left <= 0 || !count) return 0;
  if (low < 0) {
    for (int64_t i = end - 1; i >= 0; i--) v = v << 8 | b->bytes[i];
    v &= ((uint64_t)1 << b->left) - 1;
    return v << -low;
  }
  for (int64_t i = end - 1; i >= low >> 3; i--) v = v << 8 | b->bytes[i];
  return v >> (low & 7) & (((uint64_t)1 << count) - 1);
}

static uint64_t take(bits *b, int count) {
  const uint64_t v = look(b, count);
  b->left -= count;
  return v;
}

/* -- finite state entropy (4.1) ------------------------------------------------------------------------------------ */

/* A table of shares; -1 is less than one. */
static void fill_table(table *t, const int16_t *share, int symbols, int accuracy) {
  const int size = 1 << accuracy, step = (size >> 1) + (size >> 3) + 3;
  uint16_t seen[256];
  int high = size - 1, at = 0;
  t->accuracy = accuracy;
  for (int s = 0; s < symbols; s++) {
    seen[s] = (uint16_t)(share[s] < 0 ? 1 : share[s]);
    if (share[s] < 0) t->cells[high--].symbol = (uint8_t)s;
  }
  for (int s = 0; s < symbols; s++)
    for (int i = 0; i < share[s]; i++) {
      t->cells[at].symbol = (uint8_t)s;
      do at = (at + step) & (size - 1);
      while (at > high);
    }
  for (int i = 0; i < size; i++) {
    cell *c = t->cells + i;
    const int v = seen[c->symbol]++;
    int width = 0;
    while (v >> (width + 1)) width++;
    c->bits = (uint8_t)(accuracy - width);
    c->next = (uint16_t)((v << c->bits) - size);
  }
}

/* Reads a table's description (4.1.1); returns its bytes, 0 if it is none. */
static int64_t read_table(table *t, const uint8_t *p, int64_t length, int symbols, int most_accuracy) {
  int16_t share[256];
  int64_t at = 4, end = 8 * length;
  int left, threshold, width, n = 0, accuracy;
  if (length < 1) return 0;
  accuracy = (p[0] & 15) + 5;
  if (accuracy > most_accuracy) return 0;
  left = (1 << accuracy) + 1;
  threshold = 1 << accuracy;
  width = accuracy + 1;
  while (left > 1 && n < symbols) {
    const int most = 2 * threshold - 1 - left;
    uint32_t v = 0;
    int value;
    for (int k = 0; k < width; k++)
      if (at + k < end) v |= (uint32_t)(p[(at + k) >> 3] >> ((at + k) & 7) & 1) << k;
    if ((int)(v & (uint32_t)(threshold - 1)) < most) {
      value = (int)(v & (uint32_t)(threshold - 1));
      at += width - 1;
    } else {
      value = (int)v;
      if (value >= threshold) value -= most;
      at += width;
    }
    value--;
    left -= value < 0 ? 1 : value;
    share[n++] = (int16_t)value;
    if (left < 1) return 0;
    while (left < threshold) threshold >>= 1, width--;
    if (!value)
      for (int again = 3; again == 3;) {
        again = 0;
        for (int k = 0; k < 2; k++)
          if (at + k < end) again |= (p[(at + k) >> 3] >> ((at + k) & 7) & 1) << k;
        at += 2;
        if (n + again > symbols) return 0;
        for (int k = 0; k < again; k++) share[n++] = 0;
      }
  }
  if (left != 1 || at > end) return 0;
  fill_table(t, share, n, accuracy);
  return (at + 7) >> 3;
}

/* -- literals (3.1.1.3.1) ------------------------------------------------------------------------------------------ */

/* Lengths of codes, as weights but for the last one (4.2.1). */
static int fill_leaves(state *z, uint8_t *weight, int n) {
  uint32_t sum = 0, rest;
  int most = 0, at = 0;
  for (int i = 0; i < n; i++) {
    if (weight[i] > MOST_HUFFMAN) return 0;
    if (weight[i]) sum += 1u << (weight[i] - 1);
  }
  if (!sum || n > 255) return 0;
  while (sum >> most) most++;
  if (most > MOST_HUFFMAN) return 0;
  rest = (1u << most) - sum;
  for (weight[n] = 1; rest > 1u << (weight[n] - 1);) weight[n]++;
  if (rest != 1u << (weight[n] - 1)) return 0;
  for (int w = 1; w <= most; w++)
    for (int i = 0; i <= n; i++)
      if (weight[i] == w)
        for (int k = 0; k < 1 << (w - 1); k++, at++) {
          z->leaves[at].symbol = (uint8_t)i;
          z->leaves[at].bits = (uint8_t)(most + 1 - w);
        }
  z->bits = most;
  return at == 1 << most;
}

/* Returns the bytes of a tree's description, 0 if it is none. */
static int64_t read_leaves(state *z, const uint8_t *p, int64_t length) {
  uint8_t weight[257];
  int n = 0;
  if (length < 1) return 0;
  if (p[0] >= 128) {
    n = p[0] - 127;
    if (length < 1 + (n + 1) / 2) return 0;
    for (int i = 0; i < n; i++) weight[i] = (uint8_t)(i & 1 ? p[1 + i / 2] & 15 : p[1 + i / 2] >> 4);
    return fill_leaves(z, weight, n) ? 1 + (n + 1) / 2 : 0;
  }
  if (length < 1 + p[0]) return 0;
  {
    const int64_t head = read_table(&z->weights, p + 1, p[0], 13, 6);
    bits b;
    uint32_t s[2];
    if (!head || !open_bits(&b, p + 1 + head, p[0] - head)) return 0;
    for (int k = 0; k < 2; k++) s[k] = (uint32_t)take(&b, z->weights.accuracy);
    if (b.left < 0) return 0;
    for (int k = 0;; k ^= 1) {
      const cell *c = z->weights.cells + s[k];
      if (n > 253) return 0;
      weight[n++] = c->symbol;
      s[k] = c->next + (uint32_t)take(&b, c->bits);
      if (b.left < 0) {
        weight[n++] = z->weights.cells[s[k ^ 1]].symbol;
        break;
      }
    }
  }
  return fill_leaves(z, weight, n) ? 1 + p[0] : 0;
}

static int read_stream(const state *z, const uint8_t *p, int64_t length, uint8_t *out, int64_t n) {
  bits b;
  if (!open_bits(&b, p, length)) return 0;
  for (int64_t i = 0; i < n; i++) {
    const leaf *l = z->leaves + look(&b, z->bits);
    out[i] = l->symbol;
    b.left -= l->bits;
  }
  return b.left == 0;
}

/* Returns the bytes of the section, or -1; *literals is where `count` of them are. */
static int64_t read_literals(state *z, const uint8_t *p, int64_t length, const uint8_t **literals, int64_t *count) {
  const int kind = p[0] & 3, format = p[0] >> 2 & 3;
  int64_t head, size = 0, n;
  const uint8_t *end = p + length;
  *literals = z->literals;
  if (kind < 2) { /* as they are, or one again and again */
    head = format == 3 ? 3 : format == 1 ? 2 : 1;
    if (length < head) return -1;
    n = (int64_t)(n1c_load_bytes(p, (int)head) >> (head == 1 ? 3 : 4));
    size = kind ? 1 : n;
    if (n > BLOCK || length - head < size) return -1;
    if (kind) memset(z->literals, p[head], (size_t)n);
    else *literals = p + head;
    *count = n;
    return head + size;
  }
  {
    const int width = format < 2 ? 10 : format == 2 ? 14 : 18, four = format > 0;
    const uint64_t mask = ((uint64_t)1 << width) - 1;
    uint64_t v;
    head = format < 2 ? 3 : format == 2 ? 4 : 5;
    if (length < head) return -1;
    v = n1c_load_bytes(p, (int)head) >> 4;
    n = (int64_t)(v & mask);
    size = (int64_t)(v >> width & mask);
    if (n > BLOCK || length - head < size) return -1;
    p += head;
    end = p + size;
    if (kind == 2) {
      const int64_t tree = read_leaves(z, p, size);
      if (!tree) return -1;
      p += tree;
    }
    if (!z->bits) return -1;
    *count = n;
    if (!four) return read_stream(z, p, end - p, z->literals, n) ? head + size : -1;
    if (end - p < 6) return -1;
    {
      const uint8_t *jump = p;
      const int64_t each = (n + 3) / 4;
      p += 6;
      for (int k = 0; k < 4; k++) {
        const int64_t part = k < 3 ? n1c_load16(jump + 2 * k) : end - p, some = k < 3 ? each : n - 3 * each;
        if (some < 0 || end - p < part || !read_stream(z, p, part, z->literals + k * each, some)) return -1;
        p += part;
      }
    }
  }
  return head + size;
}

/* -- sequences (3.1.1.3.2) ----------------------------------------------------------------------------------------- */

static const int16_t usual_lengths[36] = {4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
                                          2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1};
static const int16_t usual_matches[53] = {1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                          1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                          1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1};
static const int16_t usual_offsets[29] = {1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1,
                                          1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1};
static const uint8_t length_bits[36] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  1,  1,
                                        1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t match_bits[53] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1,
                                       2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* What the codes below one stand for together, and what the first stands for. */
static uint32_t base_of(const uint8_t *more, int code, uint32_t first) {
  for (int k = 0; k < code; k++) first += 1u << more[k];
  return first;
}

/* The table that a mode names; returns where the next begins, NULL if there is none. */
static const uint8_t *choose_table(table *t, int mode, const uint8_t *p, const uint8_t *end, const int16_t *usual,
                                   int symbols, int usual_accuracy, int most_symbols, int most_accuracy) {
  if (mode == 0) {
    fill_table(t, usual, symbols, usual_accuracy);
  } else if (mode == 1) {
    if (p == end || *p >= most_symbols) return NULL;
    t->accuracy = 0;
    t->cells[0].symbol = *p++;
    t->cells[0].bits = 0;
    t->cells[0].next = 0;
  } else if (mode == 2) {
    const int64_t used = read_table(t, p, end - p, most_symbols, most_accuracy);
    if (!used) return NULL;
    p += used;
  } else if (t->accuracy < 0) {
    return NULL;
  }
  return p;
}

/* The offset that a value stands for, beside the three last ones (3.1.1.5). */
static uint32_t offset_of(uint32_t *last, uint64_t value, int no_literals) {
  uint32_t offset;
  int k;
  if (value > 3) {
    offset = (uint32_t)(value - 3);
    k = 2;
  } else {
    k = (int)value - 1 + no_literals;
    offset = k == 3 ? last[0] - 1 : last[k];
    if (k == 3) k = 2;
  }
  for (; k; k--) last[k] = last[k - 1];
  last[0] = offset;
  return offset;
}

/* A block's content behind `done` bytes of the frame's; returns how many there are then, or -1. */
static int64_t decode_block(state *z, const uint8_t *p, int64_t length, uint8_t *out, int64_t done, int64_t n) {
  const uint8_t *end = p + length, *literals;
  int64_t left, sequences, head;
  uint32_t lengths, offsets, matches;
  uint32_t first_length[36], first_match[53];
  int modes;
  bits b;
  if (length < 2 || (head = read_literals(z, p, length, &literals, &left)) < 0) return -1;
  p += head;
  if (p == end) return -1;
  sequences = *p++;
  if (sequences > 127) {
    if (end - p < (sequences == 255 ? 2 : 1)) return -1;
    if (sequences == 255) sequences = n1c_load16(p) + 0x7F00, p += 2;
    else sequences = ((sequences - 128) << 8) + *p++;
  }
  if (sequences) {
    if (p == end) return -1;
    modes = *p++;
    if (modes & 3) return -1;
    p = choose_table(&z->lengths, modes >> 6, p, end, usual_lengths, 36, 6, 36, 9);
    if (p) p = choose_table(&z->offsets, modes >> 4 & 3, p, end, usual_offsets, 29, 5, 32, 8);
    if (p) p = choose_table(&z->matches, modes >> 2 & 3, p, end, usual_matches, 53, 6, 53, 9);
    if (!p || !open_bits(&b, p, end - p)) return -1;
    for (int k = 0; k < 36; k++) first_length[k] = base_of(length_bits, k, 0);
    for (int k = 0; k < 53; k++) first_match[k] = base_of(match_bits, k, 3);
    lengths = (uint32_t)take(&b, z->lengths.accuracy);
    offsets = (uint32_t)take(&b, z->offsets.accuracy);
    matches = (uint32_t)take(&b, z->matches.accuracy);
    for (int64_t i = 0; i < sequences; i++) {
      const cell *l = z->lengths.cells + lengths, *o = z->offsets.cells + offsets, *m = z->matches.cells + matches;
      const uint64_t value = ((uint64_t)1 << o->symbol) + take(&b, o->symbol);
      const int64_t match = first_match[m->symbol] + (int64_t)take(&b, match_bits[m->symbol]);
      const int64_t before = first_length[l->symbol] + (int64_t)take(&b, length_bits[l->symbol]);
      const uint32_t offset = offset_of(z->last, value, before == 0);
      if (b.left < 0 || before > left || match > n - done - before || !offset || offset > done + before) return -1;
      memcpy(out + done, literals, (size_t)before);
      literals += before;
      left -= before;
      done += before;
      for (int64_t k = 0; k < match; k++) out[done + k] = out[done + k - offset];
      done += match;
      if (i + 1 < sequences) {
        lengths = l->next + (uint32_t)take(&b, l->bits);
        matches = m->next + (uint32_t)take(&b, m->bits);
        offsets = o->next + (uint32_t)take(&b, o->bits);
      }
    }
    if (b.left) return -1;
  } else if (p != end) {
    return -1;
  }
  if (left > n - done) return -1;
  memcpy(out + done, literals, (size_t)left);
  return done + left;
}

/* -- frames (3.1.1) ------------------------------------------------------------------------------------------------ */

int64_t n1c_zstd_decode(const uint8_t *in, int64_t length, uint8_t *out, int64_t n, void *work, int64_t work_size) {
  static const uint8_t of_dictionary[] = {0, 1, 2, 4}, of_size[] = {0, 2, 4, 8};
  n1c_reader r = n1c_reader_of(in, length);
  state *z = n1c_align64(work);
  uint64_t flags, size;
  int64_t done = 0;
  int last = 0, bytes;
  if (n < 0) return N1C_E_ARGUMENT;
  if (work_size < n1c_zstd_work_size()) return N1C_E_CAPACITY;
  if (n1c_read_bytes(&r, 4) != 0xFD2FB528) return N1C_E_CORRUPT;
  flags = n1c_read_bytes(&r, 1);
  bytes = of_size[flags >> 6];
  if (flags & 32) bytes = bytes ? bytes : 1;
  else n1c_read_bytes(&r, 1);
  if (flags & 8 || n1c_read_bytes(&r, of_dictionary[flags & 3]) || !bytes) return N1C_E_CORRUPT;
  size = n1c_read_bytes(&r, bytes) + (bytes == 2 ? 256 : 0);
  if (r.bad || size != (uint64_t)n) return N1C_E_CORRUPT;
  z->bits = 0;
  z->lengths.accuracy = z->offsets.accuracy = z->matches.accuracy = -1;
  z->last[0] = 1, z->last[1] = 4, z->last[2] = 8;
  while (!last) {
    const uint64_t head = n1c_read_bytes(&r, 3);
    const int kind = (int)(head >> 1 & 3);
    const int64_t block = (int64_t)(head >> 3), stored = kind == 1 ? 1 : block;
    last = (int)(head & 1);
    if (r.bad || kind == 3 || r.end - r.at < stored) return N1C_E_CORRUPT;
    if (kind == 2) {
      done = decode_block(z, r.at, block, out, done, n);
      if (done < 0) return N1C_E_CORRUPT;
    } else {
      if (block > n - done) return N1C_E_CORRUPT;
      if (kind) memset(out + done, *r.at, (size_t)block);
      else memcpy(out + done, r.at, (size_t)block);
      done += block;
    }
    r.at += stored;
  }
  if (flags & 4) n1c_read_bytes(&r, 4);
  return !r.bad && r.at == r.end && done == n ? n : N1C_E_CORRUPT;
}
