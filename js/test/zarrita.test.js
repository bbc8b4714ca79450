/** Arrays that zarr-python wrote, read by zarrita. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import FileSystemStore from "@zarrita/storage/fs";
import { register } from "n1codec/zarr";
import * as zarr from "zarrita";

import { bytesOf, folder, same } from "./cases.js";

register(zarr.registry);

const arrays = (await readdir(folder)).filter((name) => name.endsWith(".zarr"));
assert.ok(arrays.length > 5);

for (const name of arrays) {
  test(name, async () => {
    const array = await zarr.open(new FileSystemStore(join(folder, name)), { kind: "array" });
    const { data, shape, stride } = await zarr.get(array);
    const [frames, channels] = array.shape;
    assert.deepEqual(shape, [frames, channels]);
    const at = (t, c) => data[t * stride[0] + c * stride[1]];
    const rows = data.constructor.from({ length: data.length }, (_, i) => at(Math.floor(i / channels), i % channels));
    same(rows, await bytesOf(`${name}.raw`), name);
    const column = await zarr.get(array, [zarr.slice(3, 9), 1]);
    assert.deepEqual(
      Array.from(column.data),
      Array.from({ length: 6 }, (_, i) => at(3 + i, 1)),
    );
  });
}
