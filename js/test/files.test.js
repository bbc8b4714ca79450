/** Files that Python wrote: read to the same bits, or refused as libn1c refuses them. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { N1CError, open } from "n1codec";

import { bytesOf, files, same } from "./cases.js";

const LARGE = new Set(["int64", "uint64"]);

for (const { file, reason, streams } of files) {
  test(file, async () => {
    const bytes = await bytesOf(file);
    if (reason) {
      const refused = (error) => error instanceof N1CError && error.reason === reason && !error.message.includes("\n");
      await assert.rejects(async () => {
        const { streams: names } = await open(bytes, { stream: 0 });
        for (const number of names.keys()) await (await open(bytes, { stream: number })).read();
      }, refused);
      return;
    }
    for (const [number, wanted] of streams.entries()) {
      const recording = await open(bytes, { stream: number });
      const { shape, dtype, rate, name, version, chunks, lossy } = recording;
      const told = { shape, dtype, rate, name, version, chunks, lossy };
      const { raw, about, ...others } = wanted;
      assert.deepEqual(told, others);
      for (const key in about) assert.equal(JSON.stringify(recording[key]), JSON.stringify(about[key]), key);
      const [frames, channels] = shape;
      const all = await recording.read();
      const samples = await bytesOf(raw);
      same(all, samples, name);
      if (frames > 4 && channels) {
        const size = all.BYTES_PER_ELEMENT * channels;
        for (const [start, stop] of [
          [1, frames - 2],
          [frames - 1, frames],
          [2, 3],
          [0, 0],
        ]) {
          same(await recording.read(start, stop), samples.slice(start * size, stop * size), `${start} to ${stop}`);
        }
        const few = [channels - 1, 0, channels - 1];
        const part = await recording.read(1, frames, { channels: few });
        assert.equal(part.length, (frames - 1) * few.length);
        const zero = LARGE.has(dtype) ? 0n : 0;
        let sum = zero;
        for (let t = 1; t < frames; t++) {
          few.forEach((channel, k) => {
            sum += Object.is(all[t * channels + channel], part[(t - 1) * few.length + k])
              ? zero
              : zero + (LARGE.has(dtype) ? 1n : 1);
          });
        }
        assert.equal(sum, zero, "some channels");
      }
      recording.close();
    }
  });
}

test("files of all kinds were there", () => {
  assert.ok(files.filter((one) => one.reason === "damaged").length > 50);
  assert.ok(files.filter((one) => one.reason === "unsupported").length > 20);
  assert.ok(files.filter((one) => one.streams?.[0]?.version === 1).length > 60);
  assert.ok(files.filter((one) => one.streams?.[0]?.version === 2).length > 6);
});

for (const { file } of files.filter((one) => one.small)) {
  test(`${file}: every cut and changed byte is refused`, async () => {
    const good = await bytesOf(file);
    const read = async (bytes) => (await open(bytes)).read();
    for (let i = 0; i < good.length; i++) {
      await assert.rejects(read(good.slice(0, i)), N1CError, `cut at ${i}`);
      const bad = good.slice();
      bad[i] ^= 1 << (i % 8);
      await assert.rejects(read(bad), N1CError, `changed at ${i}`);
    }
    await read(good);
  });
}
