// Simulates a netlist of gates, flip-flops and clock gates with delays, and counts what toggles.
//
//     gatesim NETLIST GIVEN RETURNED COUNTS
//
// NETLIST is text, which netlist.py writes. GIVEN holds the inputs of each clock, RETURNED gets the outputs as they are at
// its end, a byte a bit; COUNTS gets unsigned 32-bit numbers, of each cell in the order of the netlist: for each of its pins
// (inputs, then the clock) and each of its states how often the pin moved, how often it moved the output, and how often the
// clock fell; then how often the output was another one at a clock's end than at its beginning. One line tells the clocks,
// and how long after a clock's edge the last event was.
//
// Delays are inertial: a pulse shorter than a gate's delay does not leave it. What an input does counts in the state after it.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GATE, FLOP, GATER, PINS = 7, WHEEL = 1 << 16 };

typedef struct {
  uint64_t lut;
  uint32_t delay[PINS][2]; // of the output, from a pin, when it falls or rises
  int in[PINS], out, clock; // nets; clock: of a gated clock the cell, -1 for the root
  int kind, inputs, cause, waits, dirty;
  uint32_t state, number, *counts, functional;
  uint8_t to, before;
} Cell;

typedef struct {
  int cell, net;
  uint32_t number;
  uint8_t value;
  int next;
} Event;

static Cell *cells;
static int cell_count, net_count, wheel[WHEEL], *fanout, *fanout_at, event_count, event_room, free_event = -1;
static uint8_t *values;
static Event *events;
static uint64_t now, last, pending;
static int *dirty, dirty_count;

static void die(const char *what) {
  fprintf(stderr, "gatesim: %s\n", what);
  exit(1);
}

static void *memory(size_t count, size_t size) {
  void *found = calloc(count + 1, size);
  if (!found) die("no memory");
  return found;
}

static void schedule(uint32_t delay, int cell, int net, uint8_t value, uint32_t number) {
  int e = free_event;
  if (delay >= WHEEL) die("a delay is too long");
  if (e >= 0) {
    free_event = events[e].next;
  } else {
    if (event_count == event_room) {
      event_room = 2 * event_room + 1024;
      events = realloc(events, event_room * sizeof *events);
      if (!events) die("no memory");
    }
    e = event_count++;
  }
  events[e] = (Event){cell, net, number, value, wheel[(now + delay) % WHEEL]};
  wheel[(now + delay) % WHEEL] = e;
  pending++;
}

static uint32_t *count(Cell *c, int plane, int pin) {
  const size_t states = (size_t)1 << (c->inputs + (c->kind != GATE));
  return c->counts + ((size_t)plane * (c->inputs + (c->kind != GATE)) + pin) * states + c->state;
}

static void set(int net, uint8_t value) {
  if (values[net] == value) return;
  values[net] = value;
  for (int i = fanout_at[net]; i < fanout_at[net + 1]; i++) {
    Cell *c = &cells[fanout[i] / PINS];
    const int pin = fanout[i] % PINS;
    c->state ^= 1u << pin;
    ++*count(c, 0, pin);
    if (c->kind != GATE) continue;
    c->cause = pin;
    if (!c->dirty) dirty[dirty_count++] = (int)(c - cells);
    c->dirty = 1;
  }
}

static void evaluate(void) {
  for (int i = 0; i < dirty_count; i++) {
    Cell *c = &cells[dirty[i]];
    const uint8_t value = c->lut >> c->state & 1;
    c->dirty = 0;
    if (value == (c->waits ? c->to : values[c->out])) continue;
    c->number++;
    c->waits = value != values[c->out];
    c->to = value;
    if (c->waits) schedule(c->delay[c->cause][value], dirty[i], c->out, value, c->number);
  }
  dirty_count = 0;
}

static void settle(void) {
  evaluate();
  while (pending) {
    int e = wheel[now % WHEEL];
    wheel[now % WHEEL] = -1;
    if (e >= 0) last = now;
    while (e >= 0) {
      const Event event = events[e];
      events[e].next = free_event;
      free_event = e;
      pending--;
      if (event.cell < 0) {
        set(event.net, event.value);
      } else if (cells[event.cell].number == event.number) {
        Cell *c = &cells[event.cell];
        c->waits = 0;
        if (c->kind == GATE) ++*count(c, 1, c->cause);
        set(event.net, event.value);
      }
      e = event.next;
    }
    evaluate();
    if (wheel[now % WHEEL] < 0) now++;
  }
}

static uint8_t *sampled; // of each flip-flop and gater what it takes up with the edge

static void edge(void) {
  for (int i = 0; i < cell_count; i++) {
    Cell *c = &cells[i];
    if (c->kind != GATE) sampled[i] = c->lut >> (c->state & ((1u << c->inputs) - 1)) & 1;
  }
  for (int i = 0; i < cell_count; i++) {
    Cell *c = &cells[i];
    if (c->kind == GATE || (c->clock >= 0 && !sampled[c->clock])) continue;
    const int pin = c->inputs;
    const uint32_t held = c->state >> pin & 1;
    ++*count(c, 0, pin);
    c->state = (c->state & ((1u << pin) - 1)) | (uint32_t)sampled[i] << pin;
    if (c->kind == GATER) {
      if (sampled[i]) ++*count(c, 1, pin);
    } else if (held != sampled[i]) {
      ++*count(c, 1, pin);
      c->number++;
      schedule(c->delay[pin][sampled[i]] + (c->clock >= 0 ? cells[c->clock].delay[cells[c->clock].inputs][1] : 0), i, c->out,
               sampled[i], c->number);
    }
  }
}

static void fall(void) {
  for (int i = 0; i < cell_count; i++) {
    Cell *c = &cells[i];
    if (c->kind != GATE && (c->clock < 0 || sampled[c->clock])) ++*count(c, 2, c->inputs);
  }
}

static size_t counts_of(const Cell *c) {
  const size_t pins = c->inputs + (c->kind != GATE);
  return 3 * pins << pins;
}

int main(int argc, char **argv) {
  int inputs, outputs, quiet;
  unsigned input_delay;
  if (argc != 5) die("four names are needed");
  FILE *netlist = fopen(argv[1], "r"), *given = fopen(argv[2], "rb"), *returned = fopen(argv[3], "wb");
  FILE *written = fopen(argv[4], "wb");
  if (!netlist || !given || !returned || !written) die("a file cannot be opened");
  if (fscanf(netlist, "%d %d %d %d %u %d", &net_count, &cell_count, &inputs, &outputs, &input_delay, &quiet) != 6) die("no head");
  int *in = memory(inputs, sizeof *in), *out = memory(outputs, sizeof *out);
  cells = memory(cell_count, sizeof *cells);
  dirty = memory(cell_count, sizeof *dirty);
  sampled = memory(cell_count, 1);
  values = memory(net_count, 1);
  fanout_at = memory(net_count + 1, sizeof *fanout_at);
  for (int i = 0; i < inputs; i++)
    if (fscanf(netlist, "%d", &in[i]) != 1) die("no input");
  for (int i = 0; i < outputs; i++)
    if (fscanf(netlist, "%d", &out[i]) != 1) die("no output");
  int total = 0;
  for (int i = 0; i < cell_count; i++) {
    Cell *c = &cells[i];
    unsigned long long lut;
    if (fscanf(netlist, "%d %d %d %d %llx", &c->kind, &c->inputs, &c->out, &c->clock, &lut) != 5) die("no cell");
    c->lut = lut;
    if (c->inputs > PINS - 1) die("a cell has too many inputs");
    for (int k = 0; k < c->inputs; k++) {
      if (fscanf(netlist, "%d", &c->in[k]) != 1) die("no net");
      fanout_at[c->in[k] + 1]++;
      total++;
    }
    for (int k = 0; k < c->inputs + (c->kind != GATE); k++)
      if (fscanf(netlist, "%u %u", &c->delay[k][0], &c->delay[k][1]) != 2) die("no delay");
    c->counts = memory(counts_of(c), sizeof *c->counts);
  }
  for (int i = 0; i < net_count; i++) fanout_at[i + 1] += fanout_at[i];
  fanout = memory(total, sizeof *fanout);
  int *filled = memory(net_count, sizeof *filled);
  for (int i = 0; i < cell_count; i++)
    for (int k = 0; k < cells[i].inputs; k++) {
      const int net = cells[i].in[k];
      fanout[fanout_at[net] + filled[net]++] = i * PINS + k;
    }
  memset(wheel, -1, sizeof wheel);

  // Nets 0 and 1 are constants; everything else begins with 0 and finds its value in the first clock.
  set(1, 1);
  for (int i = 0; i < cell_count; i++)
    if (cells[i].kind == GATE && !cells[i].dirty) {
      cells[i].dirty = 1;
      dirty[dirty_count++] = i;
    }
  settle();

  uint8_t *bits = memory(inputs + outputs, 1);
  uint64_t clocks = 0, longest = 0;
  while (fread(bits, 1, inputs, given) == (size_t)inputs) {
    if (clocks == (uint64_t)quiet) {
      for (int i = 0; i < cell_count; i++) {
        memset(cells[i].counts, 0, counts_of(&cells[i]) * sizeof *cells[i].counts);
        cells[i].functional = 0;
      }
      longest = 0;
    }
    for (int i = 0; i < cell_count; i++) cells[i].before = values[cells[i].out];
    const uint64_t begin = last = now;
    edge();
    for (int i = 0; i < inputs; i++)
      if (values[in[i]] != bits[i]) schedule(input_delay, -1, in[i], bits[i], 0);
    settle();
    fall();
    if (last - begin > longest) longest = last - begin;
    for (int i = 0; i < cell_count; i++) cells[i].functional += cells[i].before != values[cells[i].out];
    for (int i = 0; i < outputs; i++) bits[i] = values[out[i]];
    fwrite(bits, 1, outputs, returned);
    clocks++;
  }
  for (int i = 0; i < cell_count; i++) {
    fwrite(cells[i].counts, sizeof *cells[i].counts, counts_of(&cells[i]), written);
    fwrite(&cells[i].functional, sizeof cells[i].functional, 1, written);
  }
  if (fclose(written) || fclose(returned)) die("the counts cannot be written");
  printf("%llu %llu\n", (unsigned long long)clocks, (unsigned long long)longest);
  return 0;
}
