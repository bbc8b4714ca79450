/* How fast js/ decodes .n1c files from memory in Node: node tools/bench_wasm.mjs FILE.n1c...
 *
 * A time is CPU time of opening a file and reading all of it, the median of what fits five seconds, after one that warms up. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import { open } from "../js/index.js";

for (const path of process.argv.slice(2)) {
  const file = await readFile(path);
  let bytes = 0;
  const decode = async () => {
    const recording = await open(file);
    bytes = (await recording.read()).byteLength;
    recording.close();
  };
  await decode();
  const times = [];
  for (const begin = performance.now(); times.length < 3 || (performance.now() - begin < 5000 && times.length < 99);) {
    const before = process.cpuUsage();
    await decode();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1e6);
  }
  const seconds = times.sort((a, b) => a - b)[times.length >> 1];
  const speed = (bytes / seconds / 1e6).toPrecision(3);
  console.log(`${basename(path)}: ${bytes / 1e6} MB in ${seconds.toFixed(3)} s of CPU time, ${speed} MB/s`);
}
