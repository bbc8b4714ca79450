/** The decoder: instances of native/wasm/module.c. */

// A file that n1_max wrote needs the second one, which is larger; it is loaded when such a file is met.
const ADDRESSES = [new URL("n1c.wasm", import.meta.url), new URL("n1c_max.wasm", import.meta.url)];
const NODE_FILES = "node:fs/promises"; // by a name, so that bundlers for browsers do not look for it
const REASONS = { "-1": "damaged", "-3": "argument", "-4": "unread", "-5": "memory", "-6": "unsupported" };
const UNREAD = -4;

/** What went wrong: `reason` is "damaged", "unsupported", "memory", "argument" or "unread". */
export class N1CError extends Error {
  constructor(message, reason, cause) {
    super(message, cause && { cause });
    this.name = "N1CError";
    this.reason = reason;
  }
}

const modules = [];

async function bytesOf(address) {
  if (address.protocol === "file:") {
    const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ NODE_FILES);
    return readFile(address);
  }
  const response = await fetch(address);
  if (!response.ok) throw new N1CError(`${address}: HTTP ${response.status}`, "unread");
  return response.arrayBuffer();
}

/** The compiled module; one that could not be loaded is tried again. */
function compiled(which) {
  modules[which] ??= bytesOf(ADDRESSES[which])
    .then((bytes) => WebAssembly.compile(bytes))
    .catch((error) => {
      modules[which] = undefined;
      throw error;
    });
  return modules[which];
}

/** An instance with memory of its own, which goes when it is no longer referred to. */
export class Kernel {
  #wasm;
  #broken = false;

  constructor(module, readAt) {
    const read_at = (offset, pointer, length) => {
      const bytes = readAt(offset, length);
      if (!bytes) return UNREAD;
      this.view(pointer, length).set(bytes);
      return 0;
    };
    this.#wasm = new WebAssembly.Instance(module, { env: { read_at, emscripten_notify_memory_growth() {} } }).exports;
    this.#wasm._initialize();
  }

  /** Make an instance; `readAt(offset, length)` returns bytes of the file, or nothing if they are not at hand. */
  static async create(which, readAt = () => undefined) {
    return new Kernel(await compiled(which), readAt);
  }

  get broken() {
    return this.#broken;
  }

  /** Call a function; its result is a count, or N1C_E_IO where bytes were not at hand: all else is thrown. */
  call(name, ...args) {
    const result = this.run(name, ...args);
    if (result >= 0 || result === UNREAD) return result;
    throw new N1CError(this.text(this.run("error", result)), REASONS[result] ?? "unknown");
  }

  /** Call a function. One that fails in a way that no code describes has left the instance in no state to be used. */
  run(name, ...args) {
    if (this.#broken) throw new N1CError("the decoder failed before (open the file again)", "damaged");
    try {
      return this.#wasm[name](...args);
    } catch (error) {
      this.#broken = true;
      throw new N1CError("the decoder failed", "damaged", error);
    }
  }

  /** Memory, as it is until the next call. */
  view(pointer, length) {
    return new Uint8Array(this.#wasm.memory.buffer, pointer, length);
  }

  allocate(length) {
    const pointer = length < 2 ** 31 ? this.run("allocate", length) : 0;
    if (!pointer) throw new N1CError("not enough memory", "memory");
    return pointer;
  }

  /** Call a function with memory that is released afterwards. */
  lend(length, use) {
    const pointer = this.allocate(length);
    try {
      return use(pointer);
    } finally {
      if (!this.#broken) this.run("release", pointer);
    }
  }

  text(pointer) {
    const all = new Uint8Array(this.#wasm.memory.buffer, pointer);
    return new TextDecoder().decode(all.subarray(0, all.indexOf(0)));
  }
}

/** Whether the larger module may know what this one does not. */
export const isUnknown = (error) => error instanceof N1CError && error.reason === "unsupported";

// Half precision is new in JavaScript; where it is missing, the samples are their 16 bits.
const TYPES = {
  uint8: Uint8Array,
  int16: Int16Array,
  int24: undefined,
  int32: Int32Array,
  int8: Int8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: globalThis.Float16Array ?? Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** The names of types of samples, in the order of their numbers in files. */
export const DTYPES = Object.keys(TYPES);

/** What holds samples of a type. */
export const arrayOf = (dtype) => TYPES[dtype];
