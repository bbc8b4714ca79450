/** Codecs for zarrita.js and numcodecs.js, which decode chunks: docs/format.md, "Chunks in other formats". */

import { DTYPES, Kernel, N1CError, arrayOf, isUnknown } from "./kernel.js";

export { N1CError };

const BARE = 1;
const DESCRIBED = 2;
const BIG_ENDIAN = 0x10;
const BY_COLUMNS = 0x20;
const MOST_AXES = 32;
const MOST_CHANNELS = 2 ** 20;
const MOST_SAMPLES = 2 ** 48;

/** The short names, in chunks, of stages that can be decoded here. */
const STAGES = {
  copy: "c",
  n1: "n",
  n1_multi: "nu",
  n1_implant: "ni",
  n1_max: "nm",
  zstd: "z",
  zlib: "zl",
  rice: "ri",
  huffman: "hu",
  range: "ra",
  rans: "rn",
  arange: "ar",
  delta: "d",
  zigzag: "Z",
  planes: "p",
};

const damaged = (what) => new N1CError(what, "damaged");

const isKnown = (dtype) => DTYPES.includes(dtype) && dtype !== "int24";
const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
const stridesOf = (shape) => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** The list of stages of a spec, such as `planes|zstd:level=9`, as chunks would have it. */
function stagesOf(spec) {
  // A value in double quotes may have any character in it, those with a special meaning behind a backslash.
  const parts = spec.match(/(?:[^|"]|"(?:[^"\\]|\\.)*")+/gs) ?? [];
  const names = parts.map((part) => part.split(":", 1)[0].trim());
  const unknown = names.find((name) => !Object.hasOwn(STAGES, name));
  if (unknown !== undefined || !names.length || parts.join("|") !== spec) {
    throw new N1CError(`the codec ${spec} is not known here (it is read by n1codec in Python)`, "unsupported");
  }
  return Uint8Array.from(names.flatMap((name) => marked(STAGES[name])));
}

const marked = (name) => Array.from(name, (letter, i) => letter.charCodeAt(0) | (i === name.length - 1 ? 0x80 : 0));

const kernels = [];

async function kernelOf(which) {
  if (!kernels[which] || (await kernels[which]).broken) kernels[which] = Kernel.create(which);
  return kernels[which].catch((error) => {
    kernels[which] = undefined;
    throw error;
  });
}

async function withKernel(use) {
  try {
    return use(await kernelOf(0));
  } catch (error) {
    if (!isUnknown(error)) throw error;
    return use(await kernelOf(1));
  }
}

/** What a codec sees of an array: [frames, channels], or [samples, 1] where that makes no sense. */
function layoutOf(shape) {
  const channels = sizeOf(shape.slice(1));
  const frames = shape[0] ?? 1;
  return shape.length < 2 || channels < 1 || channels > MOST_CHANNELS ? [frames * channels, 1] : [frames, channels];
}

/** The samples of a payload, in memory of their own; `body` is the list of stages, the checksum and the payload. */
const samplesOf = (body, shape, dtype) =>
  withKernel((kernel) =>
    kernel.lend(body.length, (pointer) =>
      kernel.lend(4, (place) => {
        kernel.view(pointer, body.length).set(body);
        const size = kernel.call("decode", pointer, body.length, ...layoutOf(shape), DTYPES.indexOf(dtype), place);
        const samples = new DataView(kernel.view(place, 4).slice().buffer).getUint32(0, true);
        const copy = kernel.view(samples, size).slice();
        kernel.run("release", samples);
        return copy;
      }),
    ),
  );

function checkForm(chunk, form) {
  if (chunk[0] === form) return;
  if (chunk[0] === BARE || chunk[0] === DESCRIBED) {
    throw damaged("it is a chunk of the other generation of Zarr: the metadata beside it are not its own");
  }
  throw damaged("it is no chunk of n1codec, or one of a later version");
}

function bytesOf(chunk) {
  return ArrayBuffer.isView(chunk)
    ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    : new Uint8Array(chunk);
}

/** The bytes of an array as it was in memory, from a chunk that says all that decoding needs. */
async function decodeDescribed(chunk) {
  checkForm(chunk, DESCRIBED);
  let at = 2;
  const uint = () => {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      if (at >= chunk.length || value >= MOST_SAMPLES) throw damaged("its shape makes no sense");
      value += (chunk[at] & 0x7f) * weight;
      if (chunk[at++] < 0x80) return value;
    }
  };
  const kind = chunk[1];
  const dtype = DTYPES[kind & 15];
  if (!dtype || dtype === "int24" || kind >= 0x40) throw damaged("its type of samples is not known");
  const axes = uint();
  if (axes > MOST_AXES) throw damaged("its shape makes no sense");
  const shape = Array.from({ length: axes }, uint);
  if (shape.reduce((all, extent) => all * Math.max(extent, 1), 1) >= MOST_SAMPLES)
    throw damaged("its shape makes no sense");
  const bytes = await samplesOf(chunk.subarray(at), shape, dtype);
  const size = arrayOf(dtype).BYTES_PER_ELEMENT;
  const placed = kind & BY_COLUMNS ? byColumns(bytes, shape, size) : bytes;
  return kind & BIG_ENDIAN ? swapped(placed, size) : placed;
}

/** Samples whose last axis is the fastest, with the first axis as the fastest. */
function byColumns(bytes, shape, size) {
  const words = [, Uint8Array, Uint16Array, , Uint32Array, , , , BigUint64Array][size];
  const from = new words(bytes.buffer);
  const to = new words(from.length);
  const strides = stridesOf(shape);
  const index = shape.map(() => 0);
  let place = 0;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[place];
    for (let axis = 0; axis < shape.length; axis++) {
      place += strides[axis];
      if (++index[axis] < shape[axis]) break;
      place -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return new Uint8Array(to.buffer);
}

/** The same bytes with those of each sample in the other order. */
function swapped(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) {
    for (let i = at, k = at + size - 1; i < k; i++, k--) {
      const kept = bytes[i];
      bytes[i] = bytes[k];
      bytes[k] = kept;
    }
  }
  return bytes;
}

const cannotEncode = () => {
  throw new N1CError("this package decodes, and does not encode (n1codec in Python does)", "unsupported");
};

/** Zarr 3: `{"name": "n1codec", "configuration": {"spec": ...}}`, an array-to-bytes codec of zarrita. */
export class N1Serializer {
  kind = "array_to_bytes";
  #stages;
  #shape;
  #dtype;

  constructor(stages, shape, dtype) {
    this.#stages = stages;
    this.#shape = shape;
    this.#dtype = dtype;
  }

  static fromConfig(configuration, { shape, dataType }) {
    if (!isKnown(dataType)) {
      throw new N1CError(`an array of ${JSON.stringify(dataType)} is none of n1codec's`, "unsupported");
    }
    return new N1Serializer(stagesOf(configuration?.spec ?? "n1_multi"), shape, dataType);
  }

  async decode(chunk) {
    const bytes = bytesOf(chunk);
    checkForm(bytes, BARE);
    const body = new Uint8Array(this.#stages.length + bytes.length - 1);
    body.set(this.#stages);
    body.set(bytes.subarray(1), this.#stages.length);
    const samples = await samplesOf(body, this.#shape, this.#dtype);
    return { data: new (arrayOf(this.#dtype))(samples.buffer), shape: this.#shape, stride: stridesOf(this.#shape) };
  }

  encode = cannotEncode;
}

/** Filters without side information: the array that each makes of one, and how it is undone. */
const FILTERS = {
  zigzag: {
    takes: /^u?int/,
    output: ({ shape, dataType }) => ({ shape, dataType: dataType.replace(/^int/, "uint") }),
    undo(y, x) {
      if (typeof y[0] === "bigint") for (let i = 0; i < y.length; i++) x[i] = (y[i] >> 1n) ^ -(y[i] & 1n);
      else for (let i = 0; i < y.length; i++) x[i] = (y[i] >>> 1) ^ -(y[i] & 1);
    },
  },
  planes: {
    takes: /./,
    output: ({ shape, dataType }) => ({
      shape: [sizeOf(shape) * arrayOf(dataType).BYTES_PER_ELEMENT],
      dataType: "uint8",
    }),
    undo(y, x) {
      const bytes = new Uint8Array(x.buffer);
      const size = x.BYTES_PER_ELEMENT;
      for (let k = 0; k < size; k++) for (let i = 0; i < x.length; i++) bytes[i * size + k] = y[k * x.length + i];
    },
  },
  bitshuffle: {
    takes: /^int16$/,
    output: ({ shape }) => ({ shape: [16 * Math.ceil(sizeOf(shape) / 8)], dataType: "uint8" }),
    undo(y, x) {
      const plane = y.length / 16;
      for (let bit = 0; bit < 16; bit++) {
        for (let i = 0; i < x.length; i++) x[i] |= ((y[bit * plane + (i >> 3)] >> (i & 7)) & 1) << bit;
      }
    },
  },
};

/** Zarr 3: `{"name": "n1codec_filter", "configuration": {"spec": "zigzag"}}`, an array-to-array codec of zarrita. */
export class N1Filter {
  kind = "array_to_array";
  #filter;
  #meta;

  constructor(filter, meta) {
    this.#filter = filter;
    this.#meta = meta;
  }

  static fromConfig(configuration, { shape, dataType }) {
    const spec = configuration?.spec ?? "zigzag";
    if (!Object.hasOwn(FILTERS, spec)) throw new N1CError(`the filter ${spec} is not known here`, "unsupported");
    if (!isKnown(dataType) || !FILTERS[spec].takes.test(dataType)) {
      throw new N1CError(`${spec} does not take ${JSON.stringify(dataType)}`, "unsupported");
    }
    return new N1Filter(FILTERS[spec], { shape, dataType });
  }

  /** What is known of a chunk behind the filter. */
  getEncodedMeta(meta) {
    return { ...meta, ...this.#filter.output(this.#meta), fillValue: null };
  }

  decode({ data, shape, stride }) {
    const wanted = this.#filter.output(this.#meta).shape;
    if (data.length !== sizeOf(wanted)) throw damaged(`there are ${data.length} samples instead of ${sizeOf(wanted)}`);
    const samples = new (arrayOf(this.#meta.dataType))(sizeOf(this.#meta.shape));
    this.#filter.undo(data, samples);
    // Where the filter keeps the shape, each sample stays in its place.
    const isSame = wanted === this.#meta.shape;
    return isSame
      ? { data: samples, shape, stride }
      : { data: samples, shape: this.#meta.shape, stride: stridesOf(this.#meta.shape) };
  }

  encode = cannotEncode;
}

/** Zarr 2 and numcodecs: `{"id": "n1codec", "spec": ...}`, or one of our own codecs by its name. */
export class N1Codec {
  static codecId = "n1codec";
  kind = "bytes_to_bytes";

  static fromConfig() {
    return new this();
  }

  async decode(chunk, out) {
    const samples = await decodeDescribed(bytesOf(chunk));
    if (!out) return samples;
    if (out.byteLength !== samples.length)
      throw new RangeError(`there are ${samples.length} bytes, and room for ${out.byteLength}`);
    bytesOf(out).set(samples);
    return out;
  }

  encode = cannotEncode;
}

export class N1 extends N1Codec {
  static codecId = "n1";
}

export class N1Implant extends N1Codec {
  static codecId = "n1_implant";
}

export class N1Max extends N1Codec {
  static codecId = "n1_max";
}

export class N1Multi extends N1Codec {
  static codecId = "n1_multi";
}

/** Add the codecs to a registry: `register(zarr.registry)` of zarrita, or any Map of that kind. */
export function register(registry) {
  registry.set("n1codec", () => N1Serializer);
  registry.set("n1codec_filter", () => N1Filter);
  for (const codec of [N1Codec, N1, N1Implant, N1Max, N1Multi]) registry.set(`numcodecs.${codec.codecId}`, () => codec);
}
