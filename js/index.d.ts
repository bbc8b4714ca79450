/** Reads .n1c files: in browsers, in workers, in Node (18 and newer). */

/** Types of samples. `float16` needs `Float16Array`; where JavaScript lacks it, samples are their 16 bits. */
export type DType =
  "uint8" | "int8" | "uint16" | "int16" | "uint32" | "int32" | "uint64" | "int64" | "float16" | "float32" | "float64";

export type Samples =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** What reads ranges of bytes, all of which there are. */
export interface RangeReader {
  /** Bytes of the file. */
  readonly size: number;
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/** An address (relative ones as `fetch` takes them), a Blob or File, or all bytes of a file. */
export type Source = string | URL | Blob | ArrayBuffer | ArrayBufferView | RangeReader;

export interface OpenOptions {
  /** Which stream, by its name or its number, where a file has several. */
  stream?: string | number;
  /** What goes with each request to an address: headers, credentials. */
  request?: RequestInit;
  signal?: AbortSignal;
}

export interface ReadOptions {
  /** Which channels, in any order; all if it is not given. Channels that were coded apart are not fetched. */
  channels?: Iterable<number>;
  signal?: AbortSignal;
}

/** What went wrong. */
export class N1CError extends Error {
  /**
   * "damaged": the bytes are no .n1c file, or not as they were written; "unsupported": a codec that is not here, a profile, or
   * a later version; "unread": they could not be fetched; "memory"; "argument": what was asked for does not exist.
   */
  readonly reason: "damaged" | "unsupported" | "unread" | "memory" | "argument" | "unknown";
}

/** One stream of a file. */
export class Recording {
  private constructor();
  /** "" if it has none. */
  readonly name: string;
  /** The names of all streams of the file. */
  readonly streams: readonly string[];
  /** [frames, channels] */
  readonly shape: readonly [number, number];
  readonly dtype: DType;
  /** Frames a second; null if nobody knows. */
  readonly rate: number | null;
  /** Stretches that are coded apart. */
  readonly chunks: number;
  /** Whether what is read is not quite what was written. */
  readonly lossy: boolean;
  /** The version of the format. */
  readonly version: 1 | 2;
  readonly channelNames: readonly string[];
  /** Microvolts per unit of a sample, for each channel; NaN where nobody knows. */
  readonly gains: readonly number[] | null;
  /** Microvolts at a sample of 0. */
  readonly offsets: readonly number[] | null;
  /** Where each channel is, [across, along] in micrometres. */
  readonly geometry: readonly (readonly [number, number])[] | null;
  /** Channels that hold digital lines or events. */
  readonly sync: readonly number[];

  /**
   * Read frames `start` to `stop` (not with it), all of them by default: frame by frame, in an array of the recording's type.
   * Of version 2 only the chunks that hold them are fetched; a file of version 1 was decoded when it was opened. What was
   * decoded last is kept: reading on in small steps costs no more.
   *
   * @throws N1CError, RangeError for frames and channels that are not there, and what `fetch` throws.
   */
  read(start?: number, stop?: number, options?: ReadOptions): Promise<Samples>;

  /** Let go of the decoder's memory; so does the garbage collector, later. */
  close(): void;
}

/**
 * Open a file: its head and its index are read and checked.
 *
 * @throws N1CError, and what `fetch` throws.
 */
export function open(source: Source, options?: OpenOptions): Promise<Recording>;
