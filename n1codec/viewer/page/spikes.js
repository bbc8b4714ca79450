// Threshold crossings: a raster, the rate of each channel, and the waveforms of the channel in focus.

import { drawCursor, frameAt, labelRoom, momentText, rowLabels, unit } from "./lines.js";
import { name } from "./signals.js";
import { nice, roundUp } from "./axes.js";
import { window_ } from "./state.js";

export const inTime = true;
export const picksChannels = true;
const last = {};
const LONGEST = 50; // milliseconds between crossings that the histogram of intervals shows at the most
const MOVING = 40; // waveforms that are drawn while the range moves
const REFRACTORY = 2; // milliseconds within which a neuron does not fire twice

export function draw(scene) {
  const { state, session, theme, pen, width, height } = scene;
  const [start, stop] = window_(state, session.frames);
  const narrow = width < 760;
  const wave = narrow ? 0 : Math.min(330, width * 0.3);
  const rates = narrow ? 0 : 84;
  const below = narrow ? Math.min(200, height * 0.34) : 0;
  const left = labelRoom(scene, narrow);
  const area = { x: left, y: 10, w: width - left - rates - wave - (narrow ? 8 : 30), h: height - 56 - below };
  last.area = area;
  const found = scene.ask("spikes", { level: state.level, steps: state.steps, focus: scene.focus });
  const shown = found || last.found;
  last.found = shown;
  pen.time(area, start, stop, session.rate, state.clock);
  rowLabels(scene, area, scene.shown);
  if (!shown || shown.rates.length !== session.channels) return area;
  const { head } = shown;
  const band = head.high ? `${head.low} to ${Math.round(head.high)} Hz` : `above ${head.low} Hz`;
  scene.notes.push(`Below −${state.level / 10} times the noise (median absolute deviation / 0.6745) of ${band}${head.borrowed ? ", the band of spikes, as no filter is on" : ""}. Crossings, not sorted units.`);
  if (head.sampled) scene.notes.push(`Found in ${head.seconds.toFixed(1)} s of ${(session.frames / session.rate).toFixed(0)} s, in stretches that are spread over the recording.`);
  raster(scene, area, shown);
  if (!narrow) rateBars(scene, { x: area.x + area.w + 22, y: area.y, w: rates - 28, h: area.h }, shown);
  const counts = crossings(scene, shown);
  const busiest = scene.shown.reduce((best, channel) => (counts[channel] > counts[best] ? channel : best), scene.shown[0]);
  if (state.focus < 0 && found && counts[busiest]) scene.begin = busiest;
  else if (narrow) waveforms(scene, { x: area.x, y: area.y + area.h + 66, w: area.w, h: below - 24 }, shown, counts, busiest);
  else {
    const box = { x: width - wave + 46, y: 10, w: wave - 56, h: Math.min(0.56 * area.h, 320) };
    waveforms(scene, box, shown, counts, busiest);
    intervals(scene, { ...box, y: box.y + box.h + 26, h: Math.min(area.h - box.h - 26, 250) }, shown);
  }
  drawCursor(scene, area);
  return area;
}

function raster(scene, area, found) {
  const { theme, shown, dpr, session, state } = scene;
  const [start, stop] = window_(state, session.frames);
  const rowOf = new Int32Array(session.channels).fill(-1);
  shown.forEach((channel, row) => (rowOf[channel] = row));
  const height = (area.h * dpr) / shown.length;
  const wide = Math.max(1, Math.round(2 * dpr));
  const tick = Math.max(wide, Math.floor(height * 0.8));
  const { frames, channels } = found;
  for (let i = 0; i < frames.length; i++) {
    const row = rowOf[channels[i]];
    if (row < 0 || frames[i] < start || frames[i] >= stop) continue;
    const x = Math.floor((area.x + ((frames[i] - start) / (stop - start)) * area.w) * dpr);
    scene.raster.fill(x, Math.round(area.y * dpr + row * height + (height - tick) / 2), wide, tick, channels[i] === scene.focus ? theme.pixel.second : theme.pixel.accent);
  }
  scene.pen.frame(area.x - 0.5, area.y - 0.5, area.w + 1, area.h + 1);
}

function rateBars(scene, box, found) {
  const { pen, theme, shown, state } = scene;
  const most = roundUp(Math.max(...shown.map((channel) => found.rates[channel]), 0.1));
  const height = box.h / shown.length;
  shown.forEach((channel, row) => {
    pen.box(box.x, box.y + row * height + height * 0.1, (found.rates[channel] / most) * box.w, Math.max(height * 0.8, 0.7), channel === scene.focus ? theme.second : theme.soft);
  });
  pen.below(box, 0, most, "Rate (1/s)", { found: { step: most, values: [0, most] } });
}

/** Return how many crossings in view each channel has. */
function crossings(scene, { frames, channels }) {
  const [start, stop] = window_(scene.state, scene.session.frames);
  const counts = new Int32Array(scene.session.channels);
  for (let i = 0; i < frames.length; i++) if (frames[i] >= start && frames[i] < stop) counts[channels[i]]++;
  return counts;
}

function waveforms(scene, box, found, counts, busiest) {
  const { pen, theme, session, state } = scene;
  const { head, waves } = found;
  const [count, length] = waves.shape;
  pen.text(name(session, scene.focus), box.x, box.y + 4, { colour: theme.ink, weight: 650, size: 12, most: box.w });
  const rate = found.rates[scene.focus];
  const seen = counts[scene.focus];
  const rank = seen && seen === counts[busiest] ? " (the most here)" : "";
  pen.text(`${seen.toLocaleString("en")} crossing${seen === 1 ? "" : "s"} in view${rank}, ${rate.toFixed(1)}/s`, box.x, box.y + 21, { most: box.w });
  const area = { x: box.x, y: box.y + 36, w: box.w, h: box.h - 76 };
  if (area.h < 40 || head.focus !== scene.focus) return;
  if (!count) {
    const where = counts[busiest] ? "click a channel that has some." : "nothing here falls below the threshold.";
    pen.text("No crossing to show:", area.x, area.y + 12);
    pen.text(where, area.x, area.y + 28);
    return;
  }
  const { factor, name: unitName } = unit(session, { ...state, steps: state.steps || "300-" }, scene.focus, head.scale);
  let lowest = 0;
  let highest = 0;
  for (const value of waves) {
    lowest = Math.min(lowest, value);
    highest = Math.max(highest, value);
  }
  const [low, high] = nice(lowest * factor, highest * factor);
  pen.left(area, low, high, `Amplitude (${unitName})`, { count: 5, titleAt: area.x - 54 });
  const from = (-1000 * head.before) / session.rate;
  const to = (1000 * (length - 1 - head.before)) / session.rate;
  pen.below(area, from, to, "Time from the trough (ms)", { count: 4 });
  const y = (value) => area.y + area.h - ((value - low) / (high - low)) * area.h;
  const mean = new Float64Array(length);
  const every = scene.atRest() ? 1 : Math.ceil(count / MOVING);
  pen.within(area, () => {
    pen.c.globalAlpha = Math.max(0.12, Math.min(0.6, (12 * every) / count));
    for (let i = 0; i < count; i++) {
      const wave = waves.subarray(i * length, (i + 1) * length);
      wave.forEach((value, k) => (mean[k] += (value * factor) / count));
      if (i % every === 0) pen.path(Array.from(wave, (value, k) => [area.x + (k / (length - 1)) * area.w, y(value * factor)]), theme.accent, 1);
    }
    pen.c.globalAlpha = 1;
    pen.path(Array.from(mean, (value, k) => [area.x + (k / (length - 1)) * area.w, y(value)]), theme.ink, 2);
    const threshold = -head.threshold * (factor / head.scale);
    pen.line(area.x, y(threshold), area.x + area.w, y(threshold), theme.mark, 1, [4, 3]);
  });
  if (area.h > 90) pen.tag(count < head.total ? `mean and ${count} of ${head.total.toLocaleString("en")}` : "mean and all", area.x + area.w - 4, area.y + 10, { align: "right" });
}

/** Draw how long the intervals between crossings of the channel in focus are. */
function intervals(scene, box, { frames, channels }) {
  const { pen, theme, session } = scene;
  const area = { x: box.x, y: box.y + 8, w: box.w, h: box.h - 8 };
  const bars = new Int32Array(LONGEST);
  let [before, all, short] = [NaN, 0, 0];
  for (let i = 0; i < frames.length; i++) {
    if (channels[i] !== scene.focus) continue;
    const apart = (1000 * (frames[i] - before)) / session.rate;
    before = frames[i];
    if (Number.isNaN(apart)) continue;
    all++;
    if (apart < REFRACTORY) short++;
    if (apart < LONGEST) bars[Math.floor(apart)]++;
  }
  if (!all || area.h < 60) return;
  const most = roundUp(Math.max(...bars, 1));
  pen.left(area, 0, most, "", { count: 3 });
  pen.below(area, 0, LONGEST, "Interval between crossings (ms)", { count: 5 });
  bars.forEach((count, i) => pen.box(area.x + (i / LONGEST) * area.w, area.y + area.h * (1 - count / most), area.w / LONGEST - 0.5, (area.h * count) / most, theme.accent));
  pen.tag(`${short.toLocaleString("en")} of ${all.toLocaleString("en")} shorter than ${REFRACTORY} ms`, area.x + area.w - 4, area.y + 8, { align: "right" });
}

function rowAt(scene, x, y) {
  const { area } = last;
  const right = area && scene.width >= 760 ? area.x + area.w + 80 : area && area.x + area.w;
  if (!area || x < 0 || x > right || y < area.y || y >= area.y + area.h) return -1;
  return Math.floor(((y - area.y) / area.h) * scene.shown.length);
}

export function readout(scene, x, y) {
  const row = rowAt(scene, x, y);
  const { found, area } = last;
  if (row < 0 || !found) return null;
  const channel = scene.shown[row];
  const lines = [name(scene.session, channel)];
  if (x >= area.x && x <= area.x + area.w) lines.push(momentText(scene, frameAt(scene, area, x)));
  lines.push(`${found.rates[channel].toFixed(2)} crossings a second`);
  return lines;
}

export function click(scene, x, y) {
  const row = rowAt(scene, x, y);
  if (row < 0) return null;
  const inside = x >= last.area.x && x <= last.area.x + last.area.w;
  return { focus: scene.shown[row], ...(inside ? { cursor: Math.floor(frameAt(scene, last.area, x)) } : {}) };
}

/** Return a table of the rates, the head first. */
export function rows(scene) {
  const { found } = last;
  return [["channel", "name", "crossings a second"], ...scene.shown.map((channel) => [channel, scene.session.names[channel], found ? Number(found.rates[channel].toFixed(3)) : ""])];
}
