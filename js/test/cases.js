/** What tests/test_js.py wrote for these tests into the folder $N1C_CASES. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

export const folder = process.env.N1C_CASES;
assert.ok(folder, "these tests need files that n1codec writes: pytest tests/test_js.py");

export const { files, chunks, far } = JSON.parse(await readFile(join(folder, "cases.json"), "utf8"));
export const bytesOf = async (name) => new Uint8Array(await readFile(join(folder, name)));

/** The bytes of an array. */
export const raw = (x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);

/** Compare bytes; what differs is not printed. */
export function same(found, wanted, what) {
  assert.equal(found.byteLength, wanted.byteLength, what);
  assert.ok(Buffer.compare(raw(found), raw(wanted)) === 0, `${what}: other samples`);
}
