/** Shows a second of a .n1c file: `?file=ADDRESS&second=3&first=0`. Nothing but ranges of the file is asked for. */

const MOST_CHANNELS = 32;
const LEFT = 64; // pixels for the names of channels

const [form, address, file, said, canvas, back, position, on, time, first] = [
  "form",
  "address",
  "file",
  "said",
  "canvas",
  "back",
  "position",
  "on",
  "time",
  "first",
].map((id) => document.getElementById(id));

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let asked = 0;

function ask(what, ...given) {
  const number = ++asked;
  worker.postMessage({ number, what, given });
  return new Promise((resolve, reject) => waiting.set(number, { resolve, reject }));
}

worker.onmessage = ({ data: { number, result, error } }) => {
  const { resolve, reject } = waiting.get(number);
  waiting.delete(number);
  if (error === undefined) resolve(result);
  else reject(new Error(error));
};
worker.onerror = () => say("the decoder could not be loaded", true);

let recording; // what is open
let shown; // what is on the canvas
let wanted; // what should be

function say(text, isWrong = false) {
  said.textContent = text;
  said.classList.toggle("wrong", isWrong);
}

async function openSource(source, name) {
  say(`Opening ${name} ...`);
  recording = undefined;
  try {
    recording = await ask("open", source);
  } catch (error) {
    shown = undefined;
    draw();
    return say(error.message, true);
  }
  const [frames, channels] = recording.shape;
  const seconds = frames / (recording.rate ?? 1000);
  position.max = Math.max(0, Math.ceil(seconds) - 1);
  first.max = channels - 1;
  const rate = recording.rate
    ? `${recording.rate} Hz, ${seconds.toFixed(2)} s`
    : `${frames} frames, 1000 of them at a time`;
  say(`${name}: ${channels} channel${channels === 1 ? "" : "s"} of ${recording.dtype}, ${rate}`);
  await show();
}

/** Show what the controls say; while one second is on its way, only the last one that is asked for counts. */
async function show() {
  if (!recording) return;
  const isBusy = wanted !== undefined;
  wanted = { second: Number(position.value), from: Math.min(Number(first.value) || 0, recording.shape[1] - 1) };
  if (isBusy) return;
  while (wanted) {
    const now = wanted;
    try {
      await fetchSecond(now);
    } catch (error) {
      say(error.message, true);
    }
    if (wanted === now) wanted = undefined;
  }
}

async function fetchSecond({ second, from }) {
  const [frames, channels] = recording.shape;
  const rate = recording.rate ?? 1000;
  const start = Math.min(Math.round(second * rate), Math.max(0, frames - 1));
  const stop = Math.min(frames, Math.round((second + 1) * rate));
  const count = Math.max(0, Math.min(MOST_CHANNELS, channels - from));
  const list = Array.from({ length: count }, (_, i) => from + i);
  const columns = Math.max(1, Math.round((canvas.clientWidth - LEFT) * devicePixelRatio));
  const { low, high } = stop > start && count ? await ask("second", start, stop, list, columns) : { low: [], high: [] };
  // Of a last stretch that is shorter than a second the picture is so much narrower.
  shown = { low, high, list, share: (stop - start) / rate, second };
  const lane = draw();
  time.textContent = recording.rate ? `${second} to ${(stop / rate).toFixed(2)} s` : `frames ${start} to ${stop}`;
  if (lane) time.textContent += `, ${lane} from line to line`;
  const query = new URLSearchParams(location.search);
  query.set("second", second);
  query.set("first", from);
  history.replaceState(null, "", `?${query}`);
  document.documentElement.dataset.shown = `${second} ${from}`;
}

/** Draw what is shown, and tell how much the distance of two channels is. */
function draw() {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * devicePixelRatio));
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const [ink, quiet] = [canvas, time].map((element) => getComputedStyle(element).color);
  context.clearRect(0, 0, width, height);
  if (!shown?.list.length) return undefined;
  const { low, high, list, share } = shown;
  const left = LEFT * devicePixelRatio;
  const lane = height / list.length;
  const middles = low.map((least, k) => median(least.map((value, i) => (value + high[k][i]) / 2)));
  // One scale for all channels: nine tenths of them fit their lanes.
  const ranges = low.map((least, k) => largest(high[k]) + largest(least.map((value) => -value))).sort((a, b) => a - b);
  const scale = (0.95 * lane) / (ranges[Math.floor(0.9 * (ranges.length - 1))] || 1);
  const step = ((width - left) * share) / low[0].length;
  context.font = `${Math.min(12 * devicePixelRatio, Math.max(7, lane))}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  list.forEach((channel, k) => {
    const y = (k + 0.5) * lane;
    context.fillStyle = quiet;
    context.fillText(recording.channelNames[channel], 8, y, left - 12);
    context.fillStyle = ink;
    for (let i = 0; i < low[k].length; i++) {
      const top = y - (high[k][i] - middles[k]) * scale;
      const bottom = y - (low[k][i] - middles[k]) * scale;
      context.fillRect(left + i * step, top, Math.max(1, step), Math.max(devicePixelRatio, bottom - top));
    }
  });
  const gain = recording.gains?.[list[0]];
  const distance = Number(((lane / scale) * (gain > 0 ? gain : 1)).toPrecision(2));
  return `${distance} ${gain > 0 ? "\u00b5V" : "units"}`;
}

const largest = (values) => values.reduce((most, value) => Math.max(most, value), -Infinity);
const median = (values) => values.slice().sort((a, b) => a - b)[values.length >> 1];

function move(by) {
  position.value = Number(position.value) + by;
  show();
}

form.onsubmit = (event) => {
  event.preventDefault();
  position.value = first.value = 0;
  history.replaceState(null, "", `?${new URLSearchParams({ file: address.value })}`);
  openSource(address.value, address.value);
};
file.onchange = () => {
  position.value = first.value = 0;
  if (file.files[0]) openSource(file.files[0], file.files[0].name);
};
position.oninput = first.oninput = show;
back.onclick = () => move(-1);
on.onclick = () => move(1);
document.onkeydown = (event) => {
  if (event.target instanceof HTMLInputElement) return;
  if (event.key === "ArrowLeft") move(-1);
  if (event.key === "ArrowRight") move(1);
};
new ResizeObserver(() => (shown && recording ? show() : draw())).observe(canvas);

const query = new URLSearchParams(location.search);
if (query.has("file")) {
  address.value = query.get("file");
  const given = { second: query.get("second"), first: query.get("first") };
  position.max = given.second ?? 0;
  position.value = given.second ?? 0;
  first.value = given.first ?? 0;
  openSource(new URL(address.value, location.href).href, address.value);
}
