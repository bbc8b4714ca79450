/** Reads .n1c files, of which only the bytes that are needed are fetched. */

import { DTYPES, Kernel, N1CError, arrayOf, isUnknown } from "./kernel.js";
import { WINDOW, sourceOf } from "./source.js";

export { N1CError };

/** Bytes that are fetched before the next ones are decoded, where a chunk is not larger. */
const STEP = 1 << 22;
const MOST_RANGES = 1 << 16;

/** Open a file: see index.d.ts. */
export async function open(source, { stream, request, signal } = {}) {
  const file = new File(await sourceOf(source, request));
  const streams = await file.open(signal);
  const named = typeof stream === "string" ? streams.findIndex((one) => one.name === stream) : (stream ?? 0);
  const names = streams.map((one) => `"${one.name}"`).join(", ");
  if (stream === undefined && streams.length > 1) {
    throw new N1CError(`there are several streams: ${names} (name one: open(file, { stream: ... }))`, "argument");
  }
  if (!streams[named]) {
    throw new N1CError(
      streams.length ? `there is no such stream, only ${names}` : "there are no samples in it",
      "argument",
    );
  }
  return new Recording(file, streams, named);
}

/** A file: what is fetched for a while, and the decoder that reads it. */
class File {
  #source;
  #pieces;
  #missing;
  #kernel;
  #turn = Promise.resolve();

  constructor(source) {
    this.#source = source;
    this.#pieces = source.first ? [{ offset: 0, bytes: source.first }] : [];
  }

  async open(signal) {
    if (!this.#source.first) await this.#fetch(0, Math.min(this.#source.size, WINDOW), signal);
    let count;
    try {
      count = await this.#opened(0, signal);
    } catch (error) {
      if (!isUnknown(error)) throw error;
      count = await this.#opened(1, signal);
    }
    this.#pieces = [];
    const metadata = parsed(this.#kernel.text(this.#kernel.run("metadata")));
    return Array.from({ length: count }, (_, number) => this.#info(number, metadata[number]));
  }

  async #opened(which, signal) {
    this.#kernel = await Kernel.create(which, (offset, length) => this.#at(offset, length));
    return this.#retried(() => this.#kernel.call("open", this.#source.size), signal);
  }

  #info(number, metadata) {
    const [frames, channels, chunks, rate, dtype, , lossy, version, name] = this.#kernel.lend(72, (numbers) => {
      this.#kernel.call("info", number, numbers);
      return new Float64Array(this.#kernel.view(numbers, 72).slice().buffer);
    });
    return {
      name: this.#kernel.text(name),
      shape: [frames, channels],
      dtype: DTYPES[dtype],
      rate: rate || null,
      chunks,
      lossy: lossy === 1,
      version,
      ...described(metadata ?? {}, channels),
    };
  }

  /** Bytes that were fetched, or nothing; then they are what is missing. */
  #at(offset, length) {
    for (const { offset: first, bytes } of this.#pieces) {
      if (offset >= first && offset + length <= first + bytes.length)
        return bytes.subarray(offset - first, offset - first + length);
    }
    this.#missing = { offset, length };
  }

  async #fetch(offset, length, signal) {
    this.#pieces.push({ offset, bytes: await this.#source.read(offset, length, signal) });
  }

  /** Call what reads the file, again and again until all bytes that it asks for are there. */
  async #retried(call, signal) {
    for (;;) {
      const result = call();
      if (result >= 0) return result;
      // An index names the one before it, and the tail is the very end: what is before the bytes is wanted next.
      const { offset, length } = this.#missing;
      const first = Math.max(0, Math.min(offset, offset + length - WINDOW));
      await this.#fetch(first, offset + length - first, signal);
    }
  }

  /** Read frames; reads follow each other, since each leaves what it decoded last to the next. */
  read(...args) {
    const done = this.#turn.then(() => this.#read(...args));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #read(number, { dtype, shape }, start, stop, channels, signal) {
    if (!this.#kernel) throw new N1CError("the file is closed", "argument");
    const kernel = this.#kernel;
    const count = channels ? channels.length : shape[1];
    const list = channels ? kernel.allocate(4 * count) : 0;
    const known = new Set();
    const steps = this.#steps(number, start, stop, list, count, known);
    let coming;
    try {
      if (list) kernel.view(list, 4 * count).set(new Uint8Array(Int32Array.from(channels).buffer));
      const begin = () => {
        const { value } = steps.next();
        coming = value && this.#fetched(value, signal);
        coming?.catch(() => {});
      };
      let samples;
      begin();
      while (coming) {
        const { spans, pieces } = await coming;
        begin();
        this.#pieces = pieces;
        for (const [from, to] of spans) {
          const bytes = await this.#decoded(number, from, to, list, count, dtype, signal);
          // A file that was forged fails before it is believed how much there is.
          samples ??= new (arrayOf(dtype))((stop - start) * count);
          new Uint8Array(samples.buffer).set(bytes, (from - start) * count * samples.BYTES_PER_ELEMENT);
        }
      }
      return samples ?? new (arrayOf(dtype))(0);
    } finally {
      this.#pieces = [];
      if (list && !kernel.broken) kernel.run("release", list);
    }
  }

  async #decoded(number, from, to, list, count, dtype, signal) {
    const size = (to - from) * count * arrayOf(dtype).BYTES_PER_ELEMENT;
    const kernel = this.#kernel;
    const samples = kernel.allocate(size);
    try {
      await this.#retried(() => kernel.call("read", number, from, to - from, list, count, samples, size), signal);
      return kernel.view(samples, size).slice();
    } finally {
      if (!kernel.broken) kernel.run("release", samples);
    }
  }

  /** Chunks, some at a time, with the ranges of bytes that they take. */
  *#steps(number, start, stop, list, count, known) {
    let spans = [];
    let ranges = [];
    let bytes = 0;
    for (let from = start; from < stop;) {
      const to = Math.min(stop, this.#kernel.call("chunk_end", number, from));
      for (const range of this.#ranges(number, from, to, list, count)) {
        if (known.has(range.offset)) continue;
        known.add(range.offset); // a model, which several chunks refer to
        ranges.push(range);
        bytes += range.length;
      }
      spans.push([from, to]);
      from = to;
      if (bytes < STEP && from < stop) continue;
      yield { spans, ranges };
      [spans, ranges, bytes] = [[], [], 0];
    }
  }

  #ranges(number, from, to, list, count) {
    const kernel = this.#kernel;
    const ask = (capacity) =>
      kernel.lend(16 * capacity, (pairs) => {
        const found = kernel.call("ranges", number, from, to - from, list, count, pairs, capacity);
        return [found, new Float64Array(kernel.view(pairs, 16 * Math.min(found, capacity)).slice().buffer)];
      });
    let [found, pairs] = ask(64);
    if (found > 64) [found, pairs] = ask(Math.min(found, MOST_RANGES));
    return Array.from({ length: pairs.length / 2 }, (_, i) => ({ offset: pairs[2 * i], length: pairs[2 * i + 1] }));
  }

  async #fetched({ spans, ranges }, signal) {
    const pieces = await Promise.all(
      merged(ranges).map(async ({ offset, length }) => ({
        offset,
        bytes: await this.#source.read(offset, length, signal),
      })),
    );
    return { spans, pieces };
  }

  /** Let go of the decoder, after the reads that have begun. */
  close() {
    this.#turn = this.#turn.then(() => (this.#kernel = undefined));
  }
}

/** Ranges that touch each other are one. */
function merged(ranges) {
  const found = [];
  for (const { offset, length } of ranges.sort((a, b) => a.offset - b.offset)) {
    const last = found.at(-1);
    if (last && last.offset + last.length === offset) last.length += length;
    else found.push({ offset, length });
  }
  return found;
}

/** Metadata that are none are left out: nothing that decoding needs is in them. */
function parsed(text) {
  try {
    const found = JSON.parse(text);
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** What metadata say of each channel, as far as it makes sense: a null is no number, and one number stands for all. */
function described(about, channels) {
  const number = (value) => (value === null ? NaN : typeof value === "number" ? value : undefined);
  const place = (value) => (Array.isArray(value) && value.length === 2 ? whole(value.map(number)) : undefined);
  const whole = (list) => (list.includes(undefined) ? undefined : list);
  const each = (list, read) => (Array.isArray(list) && list.length === channels ? whole(list.map(read)) : undefined);
  const numbers = (key) => {
    const one = about[key] === null ? undefined : number(about[key]);
    return (one === undefined ? each(about[key], number) : new Array(channels).fill(one)) ?? null;
  };
  const isChannel = (value) => Number.isInteger(value) && value >= 0 && value < channels;
  return {
    channelNames:
      each(about.channel_names, (name) => (typeof name === "string" ? name : undefined)) ??
      Array.from({ length: channels }, (_, channel) => `${channel}`),
    gains: numbers("gains"),
    offsets: numbers("offsets"),
    geometry: each(about.geometry, place) ?? null,
    sync: Array.isArray(about.sync) && about.sync.every(isChannel) ? about.sync : [],
  };
}

/** One stream of a file: see index.d.ts. */
export class Recording {
  #file;
  #number;

  constructor(file, streams, number) {
    this.#file = file;
    this.#number = number;
    Object.assign(this, streams[number], { streams: streams.map((one) => one.name) });
  }

  async read(start = 0, stop = this.shape[0], { channels, signal } = {}) {
    const [frames, all] = this.shape;
    if (![start, stop].every(Number.isSafeInteger) || start < 0 || stop < start || stop > frames) {
      throw new RangeError(`frames ${start} to ${stop} are not all there: there are ${frames}`);
    }
    const wrong = channels && Array.from(channels).find((one) => !Number.isInteger(one) || one < 0 || one >= all);
    if (wrong !== undefined) throw new RangeError(`there is no channel ${wrong}: there are ${all}`);
    return this.#file.read(this.#number, this, start, stop, channels && Array.from(channels), signal);
  }

  close() {
    this.#file.close();
  }
}
