/** Where bytes come from, and how many of them are asked for. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { N1CError, open } from "n1codec";

import { bytesOf, far, files, raw, same } from "./cases.js";

const long = files.find((one) => one.file === "long-groups.n1c");
const [{ shape, raw: samplesName }] = long.streams;
const [frames, channels] = shape;
const file = await bytesOf(long.file);
const samples = new Int16Array((await bytesOf(samplesName)).buffer);
const part = (start, stop) => samples.subarray(start * channels, stop * channels);

let server, address, asked;

before(async () => {
  server = createServer((request, response) => {
    const kind = request.url.slice(1);
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    asked.push(range && range.slice(1).map(Number));
    if (kind === "gone") return response.writeHead(404).end("no");
    if (kind === "secret" && request.headers.authorization !== "yes") return response.writeHead(403).end();
    if (request.method === "HEAD") {
      return response.writeHead(200, kind === "nowhere" ? {} : { "Content-Length": file.length }).end();
    }
    if (kind === "whole" || !range) return response.writeHead(200).end(file);
    const [first, last] = [Number(range[1]), Math.min(Number(range[2]), file.length - 1)];
    if (first >= file.length) return response.writeHead(416).end();
    const said = { "Content-Range": `bytes ${first}-${last}/${kind === "huge" ? "9".repeat(20) : file.length}` };
    const sent = file.subarray(first, last + 1 - (kind === "short" && first ? 1 : 0));
    response.writeHead(206, kind === "hidden" || kind === "nowhere" ? {} : said).end(sent);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  address = `http://127.0.0.1:${server.address().port}/`;
  asked = [];
});

after(() => server.close());

const fetched = (ranges) => ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

test("an address: only what is needed is fetched", async () => {
  asked = [];
  const recording = await open(`${address}file`);
  assert.ok(asked.length <= 2, `${asked.length} requests`);
  assert.ok(fetched(asked) <= 2 * 16384);
  asked = [];
  same(await recording.read(100, 200), part(100, 200), "a chunk");
  assert.ok(asked.length >= 1 && fetched(asked) < file.length / 3, `${fetched(asked)} of ${file.length}`);
  const whole = fetched(asked);
  asked = [];
  same(await recording.read(150, 300), part(150, 300), "the same chunk");
  assert.deepEqual(asked, []);
  const other = await open(`${address}file`);
  asked = [];
  const one = await other.read(100, 200, { channels: [2] });
  assert.deepEqual(
    Array.from(one),
    Array.from({ length: 100 }, (_, i) => samples[(100 + i) * channels + 2]),
  );
  assert.ok(fetched(asked) < 0.6 * whole, `${fetched(asked)} of ${whole}`);
  asked = [];
  same(await other.read(100, 200), part(100, 200), "the other groups, too");
  assert.ok(asked.length && fetched(asked) < whole);
  asked = [];
  same(await other.read(), samples, "all of it");
  assert.ok(fetched(asked) <= file.length);
});

test("several reads at a time", async () => {
  const recording = await open(new URL(`${address}file`));
  const spans = [
    [9000, 9100],
    [0, 50],
    [frames - 10, frames],
    [0, frames],
    [50, 60],
  ];
  const found = await Promise.all(spans.map(([start, stop]) => recording.read(start, stop)));
  spans.forEach(([start, stop], i) => same(found[i], part(start, stop), `${start}`));
});

test("a server that hides how large the file is", async () => {
  const recording = await open(`${address}hidden`);
  same(await recording.read(0, 10), part(0, 10), "hidden");
});

for (const [kind, text] of [
  ["gone", "HTTP 404"],
  ["secret", "HTTP 403"],
  ["whole", "no ranges"],
  ["nowhere", "Content-Range"],
  ["huge", "99999"],
  ["short", "instead of"],
]) {
  test(`a server that sends something else: ${kind}`, async () => {
    await assert.rejects(
      async () => (await open(address + kind)).read(),
      (error) => error instanceof N1CError && error.reason === "unread" && error.message.includes(text),
    );
  });
}

test("a server that is not there", async () => {
  await assert.rejects(
    open("http://127.0.0.1:9/file"),
    (error) => error.reason === "unread" && /could not be fetched/.test(error),
  );
});

test("headers go with each request", async () => {
  const recording = await open(`${address}secret`, { request: { headers: { authorization: "yes" } } });
  same(await recording.read(0, 10), part(0, 10), "secret");
});

test("a read that is given up", async () => {
  const recording = await open(`${address}file`);
  await assert.rejects(recording.read(0, 10, { signal: AbortSignal.abort() }), { name: "AbortError" });
  same(await recording.read(0, 10), part(0, 10), "the next one");
});

test("Blob, ArrayBuffer, a view, a reader", async () => {
  const own = { size: file.length, read: async (offset, length) => file.slice(offset, offset + length) };
  for (const source of [
    new Blob([file]),
    file.slice().buffer,
    new DataView(file.buffer, file.byteOffset, file.length),
    own,
  ]) {
    same(await (await open(source)).read(frames - 99), part(frames - 99, frames), "the end");
  }
  await assert.rejects(open({ ...own, read: async () => new Uint8Array(3) }), /3 bytes were sent instead of/);
  await assert.rejects(open({ ...own, size: 1e12 }), N1CError);
  await assert.rejects(open(17), TypeError);
  await assert.rejects(open(new Uint8Array(0)), { reason: "damaged" });
});

test("what does not exist", async () => {
  const recording = await open(file);
  for (const [start, stop] of [
    [-1, 3],
    [3, 2],
    [0, frames + 1],
    [0.5, 2],
    ["0", 2],
  ]) {
    await assert.rejects(recording.read(start, stop), RangeError);
  }
  for (const list of [[channels], [-1], [0.5], ["1"]])
    await assert.rejects(recording.read(0, 9, { channels: list }), RangeError);
  assert.equal((await recording.read(0, 9, { channels: [] })).length, 0);
  same(await recording.read(0, 2, { channels: new Set([0]) }), Int16Array.of(samples[0], samples[channels]), "a set");
  await assert.rejects(open(file, { stream: 1 }), { reason: "argument" });
  await assert.rejects(open(file, { stream: "lf" }), /only ""/);
  const begun = recording.read(0, 10);
  recording.close();
  await assert.rejects(recording.read(0, 1), /closed/);
  same(await begun, part(0, 10), "what had begun");
});

test("several streams", async () => {
  const { file: name, streams } = files.find((one) => one.streams?.length > 1);
  const bytes = await bytesOf(name);
  await assert.rejects(open(bytes), (error) => streams.every((one) => error.message.includes(`"${one.name}"`)));
  const last = streams.at(-1);
  const recording = await open(bytes, { stream: last.name });
  assert.deepEqual(
    recording.streams,
    streams.map((one) => one.name),
  );
  same(raw(await recording.read()), await bytesOf(last.raw), last.name);
});

test("a file of more than 2^32 bytes", async () => {
  const bytes = await bytesOf(far.file);
  const size = bytes.length + far.gap;
  assert.ok(size > 2 ** 32);
  const read = async (offset, length) => {
    const some = new Uint8Array(length);
    const end = offset + length;
    some.set(bytes.subarray(Math.min(offset, far.at), Math.min(end, far.at)));
    const behind = Math.max(offset, far.at + far.gap);
    if (end > behind) some.set(bytes.subarray(behind - far.gap, end - far.gap), behind - offset);
    return some;
  };
  assert.deepEqual(Array.from(await (await open({ size, read })).read()), far.samples);
});

test("many files at a time", async () => {
  const opened = await Promise.all(Array.from({ length: 300 }, () => open(file)));
  for (const recording of opened) same(await recording.read(0, 3), part(0, 3), "one of many");
});
