/** Where bytes of a file come from: an address, a Blob, memory, or whatever else reads ranges. */

import { N1CError } from "./kernel.js";

/** Bytes that are read at the ends of a file at a time: the head, the index and the tail of most files fit in. */
export const WINDOW = 16384;

/**
 * Return { size, read(offset, length, signal), first }: `first` are bytes that the file begins with, as far as they are known.
 */
export async function sourceOf(source, request) {
  if (typeof source === "string" || source instanceof URL) return remote(source, request);
  if (typeof Blob === "function" && source instanceof Blob) return ofBlob(source);
  if (
    source instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer === "function" && source instanceof SharedArrayBuffer)
  ) {
    return ofBytes(new Uint8Array(source));
  }
  if (ArrayBuffer.isView(source)) return ofBytes(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  if (Number.isSafeInteger(source?.size) && source.size >= 0 && typeof source.read === "function") {
    return { size: source.size, read: async (...args) => checked(await source.read(...args), args[1], "the reader") };
  }
  throw new TypeError("a file is an address, a Blob, an ArrayBuffer, its bytes, or { size, read(offset, length) }");
}

const ofBytes = (bytes) => ({
  size: bytes.length,
  read: async (offset, length) => bytes.subarray(offset, offset + length),
});

const ofBlob = (blob) => ({
  size: blob.size,
  read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
});

async function remote(address, request) {
  const get = async (offset, length, signal) => {
    const headers = new Headers(request?.headers);
    headers.set("Range", `bytes=${offset}-${offset + length - 1}`);
    const response = await answer(address, { ...request, headers, signal: signal ?? request?.signal });
    if (response.status === 206) return response;
    await response.body?.cancel();
    if (response.ok) {
      throw new N1CError(
        `${address}: the server sends no ranges of bytes (fetch all of it, and open the bytes)`,
        "unread",
      );
    }
    throw new N1CError(`${address}: HTTP ${response.status}`, "unread");
  };
  const response = await get(0, WINDOW);
  const size = sizeOf(response) ?? (await asked(address, request));
  const first = new Uint8Array(await response.arrayBuffer());
  return {
    size,
    first: checked(first, Math.min(size, WINDOW), address),
    read: async (offset, length, signal) =>
      checked(new Uint8Array(await (await get(offset, length, signal)).arrayBuffer()), length, address),
  };
}

async function answer(address, request) {
  try {
    return await fetch(address, request);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const hint = "is the server there, and does it let pages of other origins read it?";
    throw new N1CError(`${address}: it could not be fetched (${hint})`, "unread", error);
  }
}

/** What a response says of the size of the whole file; a page of another origin may not be allowed to see it. */
function sizeOf(response) {
  const size = /^bytes 0-\d+\/(\d+)$/.exec(response.headers.get("Content-Range") ?? "")?.[1];
  return size === undefined ? undefined : whole(size);
}

async function asked(address, request) {
  const response = await answer(address, { ...request, method: "HEAD" });
  const size = response.ok ? response.headers.get("Content-Length") : null;
  if (size === null) {
    throw new N1CError(
      `${address}: the server does not say how large it is (let it expose the header Content-Range)`,
      "unread",
    );
  }
  return whole(size);
}

function whole(text) {
  const size = Number(text);
  if (!Number.isSafeInteger(size)) throw new N1CError(`a file of ${text} bytes is none`, "unread");
  return size;
}

function checked(bytes, length, name) {
  if (bytes?.length === length) return bytes;
  throw new N1CError(`${name}: ${bytes?.length} bytes were sent instead of ${length}`, "unread");
}
