// What is asked of the server, and how its answers are unpacked.

const ARRAYS = { int16: Int16Array, int32: Int32Array, float32: Float32Array, float64: Float64Array, uint8: Uint8Array };

/** What went wrong, in a line that a person can read; `lost` if the server did not answer, which it may do later. */
export class Trouble extends Error {
  constructor(message, lost = false) {
    super(message);
    this.lost = lost;
  }
}

export const AGAIN = 3000; // milliseconds after which a server that did not answer is asked again

/** Return {head, name: array, ...} of an answer in bytes; arrays are little-endian, as all browsers' are. */
export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const found = { head };
  let at = 4 + length;
  for (const [name, dtype, shape] of head.arrays) {
    at += -at & 7;
    const count = shape.reduce((product, size) => product * size, 1);
    found[name] = new ARRAYS[dtype](buffer, at, count);
    found[name].shape = shape;
    at += found[name].byteLength;
  }
  return found;
}

function address(path, values) {
  const known = Object.entries(values).filter(([, value]) => value !== "" && value !== undefined);
  return `/api/${path}?${new URLSearchParams(known)}`;
}

/** Ask once. Returns the answer's JSON or arrays; `waiting` is set in what is not ready yet. */
export async function ask(path, values, options = {}) {
  let answer;
  try {
    answer = await fetch(address(path, values), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The viewer does not answer: it may have been stopped where it was started.", true);
  }
  if (!answer.ok) throw new Trouble(await answer.text());
  if (answer.status === 202) return { waiting: await answer.json() };
  const kind = answer.headers.get("Content-Type") || "";
  return kind.startsWith("application/octet-stream") ? unpack(await answer.arrayBuffer()) : answer.json();
}

export const download = (values) => address("csv", values);

/** Answers that views ask for while they draw: each question is asked once, and drawn again when its answer is there. */
export class Answers {
  constructor(arrived) {
    this.arrived = arrived;
    this.asked = new Map();
    this.pending = 0;
  }

  /** Return {value}, {error}, or {waiting} as far as it is known now; `lost` is when the server did not answer. */
  get(path, values) {
    const name = address(path, values);
    let found = this.asked.get(name);
    if (!found || performance.now() - found.lost > AGAIN) {
      found = {};
      this.asked.set(name, found);
      if (this.asked.size > 60) this.asked.delete(this.asked.keys().next().value);
      this.follow(name, path, values, found);
    }
    return found;
  }

  /** Return the answer if it is there; nothing is asked. */
  known(path, values) {
    const found = this.asked.get(address(path, values));
    return (found && found.value) || null;
  }

  async follow(name, path, values, found) {
    this.pending += 1;
    try {
      for (;;) {
        const answer = await ask(path, values);
        if (!answer.waiting) {
          found.value = answer;
          found.waiting = null;
          break;
        }
        found.waiting = answer.waiting;
        if (!answer.waiting.running) break;
        this.arrived();
        await new Promise((done) => setTimeout(done, 200));
        if (this.asked.get(name) !== found) break; // nobody looks at it any more
      }
    } catch (error) {
      found.error = error.message;
      if (error.lost) found.lost = performance.now();
    }
    this.pending -= 1;
    this.arrived();
  }

  /** Forget what was cancelled or failed, so that it is asked for again. */
  retry() {
    for (const [name, found] of this.asked) if (!found.value) this.asked.delete(name);
  }

  clear() {
    this.asked.clear();
  }
}
