// Power spectral densities as lines or as an image, and the spectrogram of the channel in focus.

import { number } from "./axes.js";
import { drawCursor, frameAt, momentText, rowLabels } from "./lines.js";
import { paintCells } from "./paint.js";
import { name } from "./signals.js";
import { window_ } from "./state.js";
import { ranges } from "./tiles.js";

export let inTime = false;
export const usesTime = true;
export let picksChannels = true;
const last = {};
const NAMED = 12; // lines that are named each; of more, the one in focus is
const STROKED = 64; // lines that are drawn one by one; of more, quantiles are shown

/** Return how densities in dB of squared stored units become those of squared microvolts, and their unit. */
function unitOf(session, channels) {
  const gains = channels.map((channel) => session.gains[channel]);
  const known = gains.every((gain) => gain !== null);
  return {
    shift: channels.map((channel, row) => 20 * Math.log10(Math.abs(known ? gains[row] : session.steps[channel]) || 1)),
    title: known ? "Power density (dB re 1 µV²/Hz)" : "Power density (dB re 1 code²/Hz)",
  };
}

export function draw(scene) {
  inTime = scene.state.spectrum === "spectrogram";
  picksChannels = !inTime; // that is of the channel in focus
  last.kind = scene.state.spectrum;
  return inTime ? spectrogram(scene) : spectra(scene);
}

function spectra(scene) {
  const { state, session, theme, pen, raster, dpr, width, height } = scene;
  const [start, stop] = window_(state, session.frames);
  const channels = scene.shown.filter((channel) => !session.sync.has(channel));
  const ascending = channels.slice().sort((a, b) => a - b);
  const found = channels.length && scene.ask("spectra", { channels: ranges(ascending), start, stop });
  const narrow = width < 560;
  const area = { x: narrow ? 52 : 96, y: 10, w: width - (narrow ? 62 : 190), h: height - 56 };
  last.area = area;
  last.found = found;
  if (!found) {
    scene.empty = channels.length ? "" : "No channel with a voltage is shown.";
    return area;
  }
  if (found.head.note) scene.notes.push(found.head.note);
  const { frequencies, power } = found;
  const bins = frequencies.length;
  const high = frequencies[bins - 1] / 1000;
  const { shift, title } = unitOf(session, ascending);
  const rowOf = new Map(ascending.map((channel, row) => [channel, row]));
  Object.assign(last, { channels, rowOf, shift, bins, high });
  const lines = state.spectrum === "lines" && channels.length > STROKED;
  const values = [];
  for (let bin = 1; bin < bins - 1; bin += Math.max(1, bins >> 6)) {
    if (lines) values.push(...quantiles(power, shift, ascending.length, bins, bin, [0.05, 0.95]));
    for (let row = 0; row < ascending.length; row++)
      if (!lines || ascending[row] === scene.focus) values.push(power[row * bins + bin] + shift[row]);
  }
  values.sort((a, b) => a - b);
  const floor = values.filter((value) => value > -150);
  const low = (floor[Math.floor(0.005 * floor.length)] ?? -10) - 3;
  const top = (floor[floor.length - 1] ?? 10) + 3;
  if (state.spectrum === "image") {
    const [least, most] = [floor[Math.floor(0.02 * floor.length)] ?? 0, floor[Math.floor(0.98 * floor.length)] ?? 1];
    const table = theme.sequential;
    const rows = channels.map((channel) => rowOf.get(channel));
    paintCells(raster, Math.round(area.x * dpr), Math.round(area.y * dpr), Math.round(area.w * dpr), Math.round(area.h * dpr), channels.length, bins, (row, bin) => {
      const share = (power[rows[row] * bins + bin] + shift[rows[row]] - least) / (most - least || 1);
      return table[Math.round(Math.min(Math.max(share, 0), 1) * (table.length - 1))];
    });
    rowLabels(scene, area, channels);
    pen.below(area, 0, high, "Frequency (kHz)");
    if (!narrow) pen.colourBar(area.x + area.w + 16, area.y, Math.min(area.h, 260), table, least, most, title);
    return area;
  }
  last.range = [low, top];
  pen.left(area, low, top, title, {});
  pen.below(area, 0, high, "Frequency (kHz)");
  const x = (bin) => area.x + (frequencies[bin] / 1000 / high) * area.w;
  const y = (value) => area.y + area.h - ((value - low) / (top - low)) * area.h;
  // The first bin and the last are of one side of the spectrum alone, so that their densities stand apart.
  const line = (of) => Array.from({ length: bins }, (_, bin) => [x(bin), y(of(bin))]).slice(1, -1);
  pen.within(area, () => {
    if (channels.length <= STROKED)
      for (const channel of channels) {
        const row = rowOf.get(channel);
        pen.path(line((bin) => power[row * bins + bin] + shift[row]), theme.channelText(channel), channel === scene.focus ? 2.2 : 1);
      }
    else bands(pen, theme, power, shift, ascending.length, bins, line);
    if (channels.length > 2) pen.path(line((bin) => quantiles(power, shift, ascending.length, bins, bin, [0.5])[0]), theme.ink, 2);
    if (channels.length > STROKED && rowOf.has(scene.focus)) {
      const row = rowOf.get(scene.focus);
      pen.path(line((bin) => power[row * bins + bin] + shift[row]), theme.second, 1.6);
    }
  });
  const labels = [];
  if (channels.length > 2) labels.push(["median", theme.ink]);
  if (channels.length > STROKED) labels.push(["half of the channels", theme.dark ? "#2b6ea6" : "#7fb4d8"], ["nine tenths", theme.dark ? "#1d3f5c" : "#cfe3f2"]);
  if (channels.length <= NAMED) labels.push(...channels.map((channel) => [session.labels[channel], theme.channelText(channel), channel === scene.focus]));
  else if (rowOf.has(scene.focus)) labels.push([session.labels[scene.focus], channels.length > STROKED ? theme.second : theme.channelText(scene.focus), true]);
  labels.forEach(([text, colour, focus], index) => {
    const at = area.y + 14 + 18 * index;
    pen.box(area.x + area.w - 18, at - 5, 10, 10, colour);
    pen.text(text, area.x + area.w - 24, at, { align: "right", colour: theme.ink, weight: focus ? 650 : 400 });
  });
  return area;
}

function quantiles(power, shift, rows, bins, bin, shares) {
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row++) values[row] = power[row * bins + bin] + shift[row];
  values.sort();
  return shares.map((share) => values[Math.round(share * (rows - 1))]);
}

function bands(pen, theme, power, shift, rows, bins, line) {
  const all = Array.from({ length: bins }, (_, bin) => quantiles(power, shift, rows, bins, bin, [0.05, 0.25, 0.75, 0.95]));
  for (const [least, most, colour] of [[0, 3, theme.dark ? "#1d3f5c" : "#cfe3f2"], [1, 2, theme.dark ? "#2b6ea6" : "#7fb4d8"]])
    pen.fill([...line((bin) => all[bin][least]), ...line((bin) => all[bin][most]).reverse()], colour);
}

function spectrogram(scene) {
  const { state, session, theme, pen, raster, dpr, width, height } = scene;
  const [start, stop] = window_(state, session.frames);
  const narrow = width < 560;
  const area = { x: narrow ? 52 : 96, y: 10, w: width - (narrow ? 62 : 190), h: height - 56 };
  last.area = area;
  const found = scene.askAtRest("spectrogram", { focus: scene.focus, start, stop, columns: Math.max(16, Math.min(Math.round(area.w), 2048)) });
  last.found = found || last.gram;
  last.gram = last.found;
  const shown = last.found;
  scene.notes.push(`Channel ${session.names[scene.focus]}. The keys , and . go to another one.`);
  if (!shown) return area;
  const { frequencies, seconds, power } = shown;
  const columns = seconds.length;
  const { shift, title } = unitOf(session, [scene.focus]);
  const sorted = Float32Array.from(power.filter((_, i) => i % Math.max(1, power.length >> 13) === 0)).sort();
  const [least, most] = [0.05, 0.995].map((share) => sorted[Math.floor(share * (sorted.length - 1))] + shift[0]);
  const table = theme.sequential;
  const hop = columns > 1 ? seconds[1] - seconds[0] : 1;
  const count = Math.round(area.w * dpr);
  const rows = frequencies.length;
  paintCells(raster, Math.round(area.x * dpr), Math.round(area.y * dpr), count, Math.round(area.h * dpr), rows, count, (row, column) => {
    const at = (start + ((column + 0.5) / count) * (stop - start)) / session.rate;
    const index = Math.round((at - seconds[0]) / hop);
    if (index < -1 || index > columns) return theme.pixel.shade;
    const value = power[(rows - 1 - row) * columns + Math.min(Math.max(index, 0), columns - 1)] + shift[0];
    const share = (value - least) / (most - least || 1);
    return table[Math.round(Math.min(Math.max(share, 0), 1) * (table.length - 1))];
  });
  const high = frequencies[rows - 1] / 1000;
  last.high = high;
  pen.left(area, 0, high, "Frequency (kHz)", { grid: false });
  pen.time(area, start, stop, session.rate, state.clock);
  if (!narrow) pen.colourBar(area.x + area.w + 16, area.y, Math.min(area.h, 260), table, least, most, title);
  drawCursor(scene, area);
  return area;
}

const inside = (area, x, y) => area && x >= area.x && x <= area.x + area.w && y >= area.y && y < area.y + area.h;

export function readout(scene, x, y) {
  const { area, found, high } = last;
  if (!found || !inside(area, x, y)) return null;
  const { session } = scene;
  if (last.kind === "spectrogram") {
    const frequency = high * (1 - (y - area.y) / area.h);
    return [name(session, scene.focus), momentText(scene, frameAt(scene, area, x)), `${frequency.toFixed(3)} kHz`];
  }
  const { channels, rowOf, shift, bins, range } = last;
  const bin = Math.round(((x - area.x) / area.w) * (bins - 1));
  const value = (channel) => found.power[rowOf.get(channel) * bins + bin] + shift[rowOf.get(channel)];
  let channel = channels[Math.min(Math.floor(((y - area.y) / area.h) * channels.length), channels.length - 1)];
  if (last.kind === "lines") {
    const wanted = range[1] - ((y - area.y) / area.h) * (range[1] - range[0]);
    channel = channels.reduce((best, one) => (Math.abs(value(one) - wanted) < Math.abs(value(best) - wanted) ? one : best), channels[0]);
  }
  last.channel = channel;
  return [name(session, channel), `${number(found.frequencies[bin] / 1000)} kHz`, `${value(channel).toFixed(1)} dB`];
}

export function click(scene, x, y) {
  const lines = readout(scene, x, y);
  if (!lines) return null;
  if (last.kind === "spectrogram") return { cursor: Math.floor(frameAt(scene, last.area, x)) };
  return { focus: last.channel };
}
