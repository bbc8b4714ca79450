// The image: channels by time, each pixel the sample that is farthest from its channel's median.

import { drawCursor, frameAt, gather, momentText, centre, labelRoom, rowLabels, shadeBehind, unit, valueText } from "./lines.js";
import { name } from "./signals.js";
import { number, roundUp } from "./axes.js";
import { window_ } from "./state.js";

export const inTime = true;
export const picksChannels = true;
const last = {};

const quantile = (sorted, share) => (sorted.length ? sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] : 1);

export function draw(scene) {
  const { shown: channels, session, state, theme, pen } = scene;
  const narrow = scene.width < 560;
  const left = labelRoom(scene, narrow);
  const area = { x: left, y: 10, w: scene.width - left - (narrow ? 10 : 104), h: scene.height - 56 };
  const data = gather(scene, channels, area);
  Object.assign(last, { area, data });
  const zero = channels.map((channel) => centre(session, state, channel, data.scale));
  const factor = channels.map((channel) => Math.abs(unit(session, state, channel, data.scale).factor));
  if (last.amplitudesOf !== data.key) Object.assign(last, { amplitudesOf: data.key, own: channels.map((_, row) => amplitude(data, row, zero[row])) });
  const { own } = last;
  const display = own.map((value, row) => value * factor[row]).sort((a, b) => a - b);
  const most = state.colours === "full" ? largest(data, channels, zero, factor) : quantile(display, 0.75) * 1.6 || 1;
  const range = roundUp(most) / 1.25 ** state.gain;
  const table = theme.diverging;
  const reaches = channels.map((channel, row) => (state.colours === "channel" || session.sync.has(channel) ? (own[row] || 1) * 1.6 / 1.25 ** state.gain : range / factor[row]));
  paint(scene, area, data, zero, reaches);
  rowLabels(scene, area, channels);
  const height = area.h / channels.length;
  channels.forEach((channel, row) => {
    if (session.missing[channel]) shadeBehind(scene, area, channel, area.y + row * height, height);
  });
  const [start, stop] = window_(state, session.frames);
  pen.time(area, start, stop, session.rate, state.clock);
  if (!narrow) {
    const unitName = unit(session, state, channels.find((channel) => !session.sync.has(channel)) ?? channels[0]).name;
    const bar = Math.min(area.h, 260);
    if (state.colours === "channel") pen.colourBar(area.x + area.w + 16, area.y, bar, table, -1, 1, "Share of each channel's range");
    else pen.colourBar(area.x + area.w + 16, area.y, bar, table, -range, range, `From the median (${unitName})`);
  }
  drawCursor(scene, area);
  return area;
}

/** Paint a row of colours for each channel, as often as there are rows of pixels for it. */
function paint(scene, area, data, zero, reaches) {
  const { raster, theme, dpr } = scene;
  const { low, high, count } = data;
  const table = theme.diverging;
  const most = table.length - 1;
  const half = most / 2;
  const [x, y, height] = [area.x, area.y, area.h].map((value) => Math.round(value * dpr));
  const rows = zero.length;
  const line = new Uint32Array(count);
  let known = -1;
  for (let j = 0; j < height; j++) {
    const row = Math.min(Math.floor(((j + 0.5) * rows) / height), rows - 1);
    if (row !== known) {
      known = row;
      const middle = zero[row];
      const factor = half / reaches[row];
      for (let i = 0, at = row * count; i < count; i++, at++) {
        const least = low[at];
        const greatest = high[at];
        if (least > greatest) {
          line[i] = theme.pixel.shade;
          continue;
        }
        const away = greatest + least >= 2 * middle ? greatest - middle : least - middle;
        const index = (half + factor * away + 0.5) | 0;
        line[i] = table[index < 0 ? 0 : index > most ? most : index];
      }
    }
    raster.pixels.set(line, (y + j) * raster.width + x);
  }
}

/** Return how far a channel's columns reach from its middle: one and a half times the mean. */
function amplitude(data, row, zero) {
  let sum = 0;
  let count = 0;
  const step = Math.max(1, Math.floor(data.count / 200));
  for (let i = row * data.count; i < (row + 1) * data.count; i += step)
    if (data.low[i] <= data.high[i]) {
      sum += Math.max(data.high[i] - zero, zero - data.low[i]);
      count++;
    }
  return count ? (1.5 * sum) / count : 0;
}

function largest(data, channels, zero, factor) {
  let most = 0;
  channels.forEach((channel, row) => {
    for (let i = row * data.count; i < (row + 1) * data.count; i++)
      if (data.low[i] <= data.high[i]) most = Math.max(most, (data.high[i] - zero[row]) * factor[row], (zero[row] - data.low[i]) * factor[row]);
  });
  return most || 1;
}

function rowAt(scene, x, y) {
  const { area } = last;
  if (!area || x < area.x || x > area.x + area.w || y < area.y || y >= area.y + area.h) return -1;
  return Math.floor(((y - area.y) / area.h) * scene.shown.length);
}

export function readout(scene, x, y) {
  const row = rowAt(scene, x, y);
  if (row < 0) return null;
  const channel = scene.shown[row];
  return [name(scene.session, channel), momentText(scene, frameAt(scene, last.area, x)), valueText(scene, last.data, row, channel, last.area, x)];
}

export function click(scene, x, y) {
  const row = rowAt(scene, x, y);
  return row < 0 ? null : { focus: scene.shown[row], cursor: Math.floor(frameAt(scene, last.area, x)) };
}
