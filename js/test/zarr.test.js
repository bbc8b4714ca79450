/** Chunks of Zarr arrays that Python wrote. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { N1CError, N1Codec, N1Filter, N1Multi, N1Serializer, register } from "n1codec/zarr";

import { bytesOf, chunks, same } from "./cases.js";

const registry = new Map();
register(registry);

const bare = ({ spec, shape, dtype }) => registry.get("n1codec")().fromConfig({ spec }, { shape, dataType: dtype });

for (const { name, form, id, chunk, raw, reason, ...of } of chunks) {
  test(name, async () => {
    const bytes = await bytesOf(chunk);
    const decode = async () => {
      if (form === 2) return registry.get(`numcodecs.${id}`)().fromConfig({}).decode(bytes);
      const { data, shape, stride } = await bare(of).decode(bytes);
      assert.deepEqual(shape, of.shape);
      assert.deepEqual(
        stride,
        of.shape.map((_, axis) => of.shape.slice(axis + 1).reduce((a, b) => a * b, 1)),
      );
      return data;
    };
    if (reason) return assert.rejects(decode, (error) => error instanceof N1CError && error.reason === reason);
    same(await decode(), await bytesOf(raw), name);
  });
}

test("damaged chunks are refused, and do no harm", async () => {
  for (const form of [1, 2]) {
    const { chunk, raw, ...of } = chunks.find((one) => one.form === form && one.spec === "n1_multi");
    const good = await bytesOf(chunk);
    const codec = form === 1 ? bare(of) : new N1Multi();
    let refused = 0;
    for (let i = 0; i < good.length; i++) {
      await assert.rejects(codec.decode(good.subarray(0, i)), N1CError, `cut at ${i}`);
      const bad = good.slice();
      bad[i] ^= 1 << (i % 8);
      if (form === 2 && i === 1) bad[i] = 0xff; // another order of bytes is one, too
      const samples = await codec.decode(bad).catch((error) => assert.ok(error instanceof N1CError, error));
      // The checksum is that of the samples: a byte that they do not depend on may be another.
      if (samples) same(form === 1 ? samples.data : samples, await bytesOf(raw), `changed at ${i}`);
      else refused++;
    }
    assert.ok(refused > 0.9 * good.length, `${refused} of ${good.length}`);
    const found = await codec.decode(good);
    same(form === 1 ? found.data : found, await bytesOf(raw), "afterwards");
  }
});

test("chunks of the other generation", async () => {
  const first = chunks.find((one) => one.form === 1 && !one.reason);
  await assert.rejects(new N1Codec().decode(await bytesOf(first.chunk)), /other generation/);
  await assert.rejects(bare(first).decode(Uint8Array.of(2, 1, 0)), /other generation/);
  await assert.rejects(bare(first).decode(Uint8Array.of(7)), /later version/);
});

test("room for the samples", async () => {
  const { chunk, raw } = chunks.find((one) => one.form === 2 && !one.reason);
  const wanted = await bytesOf(raw);
  const out = new Uint8Array(wanted.length);
  assert.equal(await new N1Codec().decode(await bytesOf(chunk), out), out);
  same(out, wanted, "out");
  await assert.rejects(new N1Codec().decode(await bytesOf(chunk), new Uint8Array(1)), RangeError);
});

test("filters of arrays", () => {
  const made = (spec, dataType, shape = [2, 2]) => N1Filter.fromConfig({ spec }, { shape, dataType });
  const undo = (filter, data, shape = [data.length]) => filter.decode({ data, shape, stride: [1] });
  assert.deepEqual(
    undo(made("zigzag", "int64"), BigUint64Array.of(0n, 1n, 2n, 2n ** 64n - 1n)).data,
    BigInt64Array.of(0n, -1n, 1n, -(2n ** 63n)),
  );
  assert.deepEqual(undo(made("zigzag", "uint8"), Uint8Array.of(0, 1, 2, 255)).data, Uint8Array.of(0, 255, 1, 128));
  assert.deepEqual(undo(made("planes", "int16"), Uint8Array.of(1, 2, 3, 4, 0, 1, 0, 255)), {
    data: Int16Array.of(1, 258, 3, -252),
    shape: [2, 2],
    stride: [2, 1],
  });
  const planes = Uint8Array.of(0b0101, ...new Array(15).fill(0b0010));
  assert.deepEqual(undo(made("bitshuffle", "int16", [3]), planes).data, Int16Array.of(1, -2, 1));
  assert.deepEqual(made("planes", "float64").getEncodedMeta({ more: 1 }), {
    more: 1,
    shape: [32],
    dataType: "uint8",
    fillValue: null,
  });
  for (const [spec, dtype] of [
    ["delta", "int16"],
    ["zigzag|planes", "int16"],
    ["zigzag", "float32"],
    ["bitshuffle", "int32"],
    ["planes", "bool"],
  ]) {
    assert.throws(() => made(spec, dtype), { name: "N1CError", reason: "unsupported" }, spec);
  }
  assert.throws(() => undo(made("planes", "int16"), new Uint8Array(7)), { reason: "damaged" });
  assert.throws(() => made("planes", "int16").encode(), N1CError);
});

test("what is not here", () => {
  const make = (spec, dataType = "int16") => N1Serializer.fromConfig({ spec }, { shape: [4, 2], dataType });
  for (const spec of ["remap|lpc|rans", "", "|", "n1|", 'n1:profile="a|b', "constructor"]) {
    assert.throws(() => make(spec), { name: "N1CError", reason: "unsupported" }, spec);
  }
  make('n1_multi:profile="a|b\\"c.n1p"');
  for (const dtype of ["bool", "int24", "complex64", { name: "x" }]) assert.throws(() => make("n1", dtype), N1CError);
  assert.throws(() => new N1Codec().encode(), N1CError);
  assert.throws(() => make("n1").encode(), N1CError);
});
