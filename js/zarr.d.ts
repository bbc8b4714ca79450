/** Codecs for zarrita.js and numcodecs.js. They decode; encoding throws an N1CError. */

import { DType, N1CError, Samples } from "./index.js";

export { N1CError };

/** Zarr 3: `{"name": "n1codec", "configuration": {"spec": "n1_multi"}}`. */
export class N1Serializer {
  private constructor();
  readonly kind: "array_to_bytes";
  static fromConfig(
    configuration: { spec?: string } | undefined,
    meta: { shape: number[]; dataType: DType },
  ): N1Serializer;
  decode(chunk: Uint8Array): Promise<{ data: Samples; shape: number[]; stride: number[] }>;
  encode(array: unknown): never;
}

/** Zarr 3: `{"name": "n1codec_filter", "configuration": {"spec": "zigzag"}}`; or planes, or bitshuffle. */
export class N1Filter {
  private constructor();
  readonly kind: "array_to_array";
  static fromConfig(configuration: { spec?: string } | undefined, meta: { shape: number[]; dataType: DType }): N1Filter;
  getEncodedMeta<Meta extends object>(meta: Meta): Meta & { shape: number[]; dataType: DType };
  decode(chunk: { data: Samples; shape: number[]; stride: number[] }): {
    data: Samples;
    shape: number[];
    stride: number[];
  };
  encode(array: unknown): never;
}

/** Zarr 2 and numcodecs: `{"id": "n1codec", "spec": "planes|zstd"}`. A chunk says itself how it is decoded. */
export class N1Codec {
  static readonly codecId: string;
  readonly kind: "bytes_to_bytes";
  static fromConfig(configuration?: object): N1Codec;
  /** The samples in the byte order and the order of axes of the array, or `out`, filled with them. */
  decode(chunk: Uint8Array, out?: Uint8Array): Promise<Uint8Array>;
  encode(data: unknown): never;
}

/** `{"id": "n1"}` */
export class N1 extends N1Codec {}
/** `{"id": "n1_implant"}` */
export class N1Implant extends N1Codec {}
/** `{"id": "n1_max"}` */
export class N1Max extends N1Codec {}
/** `{"id": "n1_multi"}` */
export class N1Multi extends N1Codec {}

/** Add the codecs to a registry, as that of zarrita: `register(zarr.registry)`. */
export function register(registry: { set(name: string, codec: () => any): unknown }): void;
