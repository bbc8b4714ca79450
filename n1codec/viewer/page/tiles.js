// Minima and maxima of the signals in tiles of 512 bins, as they are needed, and columns of pixels made of them.

import { AGAIN, ask } from "./api.js";

export const BINS = 512;
const AT_ONCE = 3; // requests under way
const MOST_BYTES = 256 << 20;
const PROVISIONAL = 700; // milliseconds after which a tile that the server could only sample is asked for again
const READING = 3000; // the same where the server reads a large recording, which takes minutes

/** Return the ranges of ascending numbers, such as 0-3,7. */
export function ranges(numbers) {
  const pieces = [];
  for (let i = 0; i < numbers.length; i++) {
    let last = i;
    while (last + 1 < numbers.length && numbers[last + 1] === numbers[last] + 1) last++;
    pieces.push(last > i ? `${numbers[i]}-${numbers[last]}` : `${numbers[i]}`);
    i = last;
  }
  return pieces.join(",");
}

/** Return the widest bins, a power of 2, that are no wider than a pixel. */
export const widthFor = (framesPerPixel) => 2 ** Math.max(0, Math.floor(Math.log2(framesPerPixel) + 1e-9));

export class Tiles {
  constructor(session, arrived) {
    this.session = session;
    this.arrived = arrived;
    // "steps|width|number" -> {rows: [values of each channel], scale, apart, read, bytes, used, time}; `apart` is how many
    // frames there are from one stretch that was looked at to the next, 0 where all samples were; `read` is how much the
    // server has for an overview of all samples, null where it has not all and gets no more.
    this.tiles = new Map();
    this.flying = new Map();
    this.failed = new Map(); // name -> when it may be asked for again
    this.bytes = 0;
    this.clock = 0;
    this.version = 0;
    this.trouble = "";
  }

  /** Return after how many milliseconds a sampled tile may be better, 0 where it gets no better. */
  patience(tile, steps) {
    const { large } = this.session;
    if (!large && !steps) return PROVISIONAL;
    if (tile.read === null || tile.read >= 1) return 0;
    return large ? READING : PROVISIONAL;
  }

  get(steps, width, number) {
    const tile = this.tiles.get(`${steps}|${width}|${number}`);
    if (tile) tile.used = ++this.clock;
    return tile;
  }

  /** Ask for tiles that are not there, the most wanted first; requests that nobody wants any more are given up. */
  want(list) {
    const wanted = new Set();
    const now = performance.now();
    const todo = [];
    for (const { steps, width, number, channels } of list) {
      const name = `${steps}|${width}|${number}`;
      const tile = this.tiles.get(name);
      const patience = tile && tile.apart && this.patience(tile, steps);
      const old = patience && now - tile.time > patience;
      const missing = tile && !old ? channels.filter((channel) => !tile.rows[channel]) : channels;
      if (!missing.length || this.failed.get(name) > now) continue;
      wanted.add(name);
      if (!this.flying.has(name)) todo.push({ name, steps, width, number, missing });
    }
    for (const [name, flight] of this.flying) if (!wanted.has(name)) flight.abort();
    for (const item of todo) {
      if (this.flying.size >= AT_ONCE) break;
      this.load(item);
    }
    return todo.length + this.flying.size;
  }

  async load({ name, steps, width, number, missing }) {
    const flight = new AbortController();
    this.flying.set(name, flight);
    try {
      const channels = ranges(missing.slice().sort((a, b) => a - b));
      const answer = await ask("tile", { data: this.session.key, steps, width, tile: number, channels }, { signal: flight.signal });
      this.trouble = "";
      this.failed.clear();
      this.put(name, answer, missing.slice().sort((a, b) => a - b));
    } catch (error) {
      if (error.name !== "AbortError") {
        this.trouble = error.message;
        this.failed.set(name, error.lost ? performance.now() + AGAIN : Infinity);
      }
    }
    if (this.flying.get(name) === flight) this.flying.delete(name);
    this.arrived();
  }

  put(name, answer, channels) {
    let tile = this.tiles.get(name);
    if (!tile || (tile.apart && !answer.head.apart)) {
      if (tile) this.bytes -= tile.bytes;
      tile = { rows: new Array(this.session.channels), bytes: 0, scale: 1, apart: 0, read: null };
      this.tiles.set(name, tile);
    }
    tile.used = ++this.clock;
    tile.time = performance.now();
    this.version++;
    tile.scale = answer.head.scale;
    tile.apart = answer.head.apart;
    tile.read = answer.head.read;
    const size = 2 * answer.values.shape[1];
    channels.forEach((channel, row) => {
      const more = 2 * size - (tile.rows[channel] ? tile.rows[channel].byteLength : 0);
      tile.bytes += more;
      this.bytes += more;
      tile.rows[channel] = answer.values.subarray(row * size, (row + 1) * size);
    });
    if (this.bytes > MOST_BYTES) this.evict();
  }

  evict() {
    const oldest = [...this.tiles.entries()].sort((a, b) => a[1].used - b[1].used);
    for (const [name, tile] of oldest) {
      if (this.bytes < 0.75 * MOST_BYTES) break;
      this.tiles.delete(name);
      this.bytes -= tile.bytes;
    }
  }
}

/** The bins of each pixel column of a view: made once, used for every channel. */
export class Columns {
  /**
   * @param {number} start first frame, may be a fraction
   * @param {number} framesPerPixel
   * @param {number} count pixel columns
   */
  constructor(start, framesPerPixel, count) {
    this.start = start;
    this.step = framesPerPixel;
    this.count = count;
    this.width = widthFor(framesPerPixel);
    this.first = Math.floor(start / this.width);
    // Bins are counted from the first tile's first one, so that they stay small in recordings of days.
    const firstTile = Math.floor(Math.max(start, 0) / this.width / BINS);
    this.base = firstTile * BINS;
    this.edges = new Int32Array(count + 1);
    for (let i = 0; i <= count; i++) this.edges[i] = Math.floor((start + i * framesPerPixel) / this.width) - this.base;
    this.tiles = [];
    for (let tile = 0; tile <= Math.max(this.edges[count], 0) >> 9; tile++) this.tiles.push(firstTile + tile);
  }

  /** Return for each of the view's tiles those that may stand for it, the finest first: {tile, shift}. */
  candidates(tiles, steps) {
    return this.tiles.map((number) => {
      const found = [];
      for (let shift = 0; shift < 24; shift++) {
        const tile = tiles.get(steps, this.width * 2 ** shift, Math.floor(number / 2 ** shift));
        if (tile) found.push({ tile, shift, offset: (number % 2 ** shift) * BINS });
      }
      return found;
    });
  }

  /**
   * Write the lowest and the highest value of each column of a channel into `low` and `high` from `at` on. Where
   * nothing is known the lowest is above the highest. Returns the scale of the values, whether all are the finest, and
   * the lowest and the highest of all columns.
   */
  fill(channel, candidates, low, high, at, length) {
    let known = -1;
    let rows = null;
    let shift = 0;
    let offset = 0;
    let scale = 1;
    let finest = true;
    let least = 32767;
    let most = -32768;
    const { edges, count } = this;
    const interpolate = this.width === 1 && this.step < 1;
    for (let i = 0; i < count; i++) {
      const from = edges[i] < 0 ? 0 : edges[i];
      const to = edges[i + 1] > from ? edges[i + 1] : from + 1;
      let lowest = 32767;
      let highest = -32768;
      for (let bin = from; bin < to; bin++) {
        const number = bin >> 9;
        if (number !== known) {
          known = number;
          rows = null;
          for (const choice of candidates[number] || [])
            if (choice.tile.rows[channel]) {
              ({ shift, offset } = choice);
              rows = choice.tile.rows[channel];
              scale = choice.tile.scale;
              break;
            }
          if (!rows || shift) finest = false;
        }
        if (!rows) continue;
        const index = ((offset + (bin & 511)) >> shift) << 1;
        if (index >= rows.length) continue;
        if (rows[index] < lowest) lowest = rows[index];
        if (rows[index + 1] > highest) highest = rows[index + 1];
      }
      if (interpolate && rows && !shift) [lowest, highest] = this.between(candidates, channel, i, length, lowest, highest);
      low[at + i] = lowest;
      high[at + i] = highest;
      if (lowest > highest) continue;
      if (lowest < least) least = lowest;
      if (highest > most) most = highest;
    }
    return { scale, finest, least, most };
  }

  /** Return the extremes of the straight lines between samples that cross a column. */
  between(candidates, channel, i, length, lowest, highest) {
    const from = Math.max(this.start + i * this.step, 0);
    const to = Math.min(from + this.step, length - 1);
    if (from > length - 1) return [32767, -32768];
    const a = this.value(candidates, channel, from);
    const b = this.value(candidates, channel, Math.max(from, to));
    if (Number.isNaN(a) || Number.isNaN(b)) return [lowest, highest];
    const inner = Math.ceil(from);
    const c = inner < to ? this.value(candidates, channel, inner) : a;
    return [Math.min(a, b, c), Math.max(a, b, c)];
  }

  /** Return a channel's value at a moment, between two frames too; NaN where it is not known. */
  value(candidates, channel, time) {
    const frame = Math.floor(time);
    const a = this.sample(candidates, channel, frame);
    const share = time - frame;
    return share ? a + share * (this.sample(candidates, channel, frame + 1) - a) : a;
  }

  sample(candidates, channel, frame) {
    const bin = frame - this.base;
    const choice = (candidates[bin >> 9] || [])[0];
    const rows = choice && !choice.shift && choice.tile.rows[channel];
    const index = 2 * (bin & 511);
    return rows && index < rows.length ? rows[index] : NaN;
  }
}
