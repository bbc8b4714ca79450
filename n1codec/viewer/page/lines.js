// What all views with a time axis share: columns of the channels they show, units, rows of signals.

import { clock, nice, roundUp } from "./axes.js";
import { FrontToBack, paintOver, rowsOf } from "./paint.js";
import { window_ } from "./state.js";
import { Columns } from "./tiles.js";

/** Return {factor, offset, name}: what a stored value of a channel is in microvolts, or in codes of its file. */
export function unit(session, state, channel, scale = 1) {
  const processed = state.steps !== "";
  if (state.steps.includes("+white")) return { factor: scale, offset: 0, name: "sd" };
  const gain = session.gains[channel];
  if (gain !== null && !session.sync.has(channel))
    return { factor: gain * scale, offset: processed ? 0 : session.offsets[channel], name: "µV" };
  return { factor: session.steps[channel] * scale, offset: processed ? 0 : session.zeros[channel], name: "codes" };
}

/** Return the stored value that a channel lies around. */
export function centre(session, state, channel, scale) {
  if (/^\d/.test(state.steps) || state.steps.includes("+white")) return 0;
  return session.centres[channel] / scale;
}

/** Return the frames shown as whole columns of device pixels: {start, stop, step, count, columns}. */
function columnsOf(scene, area) {
  const [start, stop] = window_(scene.state, scene.session.frames);
  const count = Math.max(1, Math.round(area.w * scene.dpr));
  const key = `${start} ${stop} ${count}`;
  if (scene.memo.key !== key) {
    scene.memo.key = key;
    scene.memo.columns = new Columns(start, (stop - start) / count, count);
  }
  return scene.memo.columns;
}

/**
 * Return the columns of channels: {low, high, count, scale, columns, finest}, `low` and `high` of count values each
 * channel, in stored units. Tiles that are missing are asked for.
 */
export function gather(scene, channels, area, steps = scene.state.steps) {
  const { tiles, session, memo } = scene;
  const columns = columnsOf(scene, area);
  for (const number of columns.tiles) scene.wants.push({ steps, width: columns.width, number, channels });
  const key = `${memo.key} ${steps} ${tiles.version} ${channels.length} ${channels.join()}`;
  if (memo.gathered && memo.gathered.key === key) {
    tellStretches(scene, memo.gathered, steps);
    return memo.gathered;
  }
  const count = columns.count;
  const size = channels.length * count;
  const before = memo.gathered;
  const low = before && before.low.length >= size ? before.low : new Int32Array(size);
  const high = before && before.high.length >= size ? before.high : new Int32Array(size);
  const candidates = columns.candidates(tiles, steps);
  let scale = 1;
  let finest = true;
  const ranges = [];
  channels.forEach((channel, row) => {
    const found = columns.fill(channel, candidates, low, high, row * count, session.lengths[channel]);
    scale = found.scale;
    finest = finest && found.finest;
    ranges.push([found.least, found.most]);
  });
  const sampled = candidates.flat().filter(({ tile, shift }) => !shift && tile.apart).map(({ tile }) => tile);
  memo.gathered = { key, low, high, count, scale, columns, finest, sampled, ranges };
  tellStretches(scene, memo.gathered, steps);
  return memo.gathered;
}

/** Say whether every sample was looked at; where the server is about to, the picture is asked for again. */
function tellStretches(scene, { sampled, finest, columns }, steps) {
  const { session, tiles } = scene;
  if (sampled.length) scene.again(Math.max(...sampled.map((tile) => tiles.patience(tile, steps))));
  if (!session.large && !steps) return;
  if (sampled.length) {
    const apart = Math.max(...sampled.map((tile) => tile.apart)).toLocaleString("en");
    const share = Math.max(...sampled.map((tile) => tile.read ?? -1));
    const rest = share < 0 ? "" : ` ${Math.floor(100 * share)} % of the recording is ${steps ? "processed" : "read"} so far, and shown with all samples.`;
    scene.notes.push(`Overview from the first 64 of each ${apart} frames: zoom in for all samples.${rest}`);
  } else if (finest && columns.width > 64) scene.notes.push("Overview of all samples.");
}

/** Return the lowest and the highest stored value of a channel's columns, [low, high]; low above high if there are none. */
export const reach = (data, row) => data.ranges[row];

/**
 * Return how the rows of signals are scaled, each by itself or all alike: a list of {zero, factor, low, high} with the
 * stored value at the middle of the row, pixels a stored unit, and the range in display units.
 */
export function scales(scene, channels, data, height) {
  const { state, session } = scene;
  const zoom = 1.25 ** state.gain;
  const rows = channels.map((channel, row) => {
    const shown = unit(session, state, channel, data.scale);
    const [low, high] = reach(data, row);
    const zero = centre(session, state, channel, data.scale);
    return { channel, shown, low, high, zero, known: low <= high, sync: session.sync.has(channel) };
  });
  const voltages = rows.filter((row) => row.known && !row.sync);
  const deviations = voltages
    .map((row) => Math.max(row.high - row.zero, row.zero - row.low) * row.shown.factor)
    .sort((a, b) => a - b);
  // Half of the channels fit into their rows; peaks of the others reach over their neighbours, as spikes may.
  const common = roundUp(deviations.length ? deviations[deviations.length >> 1] : 1, [1, 1.5, 2, 3, 5, 7, 10]);
  for (const row of rows) {
    if (state.scale === "own" || row.sync) {
      const [low, high] = row.known
        ? nice(row.low * row.shown.factor + row.shown.offset, row.high * row.shown.factor + row.shown.offset)
        : [0, 1];
      const middle = (low + high) / 2;
      const half = (high - low) / 2 / (row.sync ? 1 : zoom);
      Object.assign(row, { zero: (middle - row.shown.offset) / row.shown.factor, half, middle });
    } else Object.assign(row, { half: common / zoom, middle: row.zero * row.shown.factor + row.shown.offset });
    row.factor = (height / 2 / row.half) * row.shown.factor;
  }
  return { rows, common: common / zoom };
}

const buffers = { top: new Int32Array(0), bottom: new Int32Array(0) };

/** Return two buffers of at least so many columns. */
export function edges(count) {
  if (buffers.top.length < count) {
    buffers.top = new Int32Array(count);
    buffers.bottom = new Int32Array(count);
  }
  return buffers;
}

/** Paint a channel's columns around a middle, within an area, in device pixels. */
export function paintRow(scene, data, row, scale, area, middle, colour, over = null) {
  const { dpr, raster } = scene;
  const { top, bottom } = edges(data.count);
  const least = Math.max(0, Math.round(area.y * dpr));
  const most = Math.min(raster.height, Math.round((area.y + area.h) * dpr)) - 1;
  const thick = Math.max(1, Math.round(dpr));
  rowsOf(data.low, data.high, row * data.count, data.count, middle * dpr + scale.zero * scale.factor * dpr, scale.factor * dpr, least, most, thick, top, bottom);
  const x = Math.round(area.x * dpr);
  if (over) over(top, bottom, colour);
  else paintOver(raster, x, data.count, top, bottom, colour);
}

export { FrontToBack };

/** Return the frame at a place in an area, and the place of a frame. */
export function frameAt(scene, area, x) {
  const [start, stop] = window_(scene.state, scene.session.frames);
  return start + ((x - area.x) / area.w) * (stop - start);
}
export function placeOf(scene, area, frame) {
  const [start, stop] = window_(scene.state, scene.session.frames);
  return area.x + ((frame - start) / (stop - start)) * area.w;
}

/** Return what a pointer's place in time is called. */
export function momentText(scene, frame) {
  const { session, state, memo } = scene;
  const at = Math.floor(frame);
  const width = memo.columns ? memo.columns.width : 1;
  const text = clock(frame / session.rate, state.clock, state.clock === "hms" ? 4 : 5);
  return `${text}${state.clock === "hms" ? "" : " s"}, ${width > 1 ? "around " : ""}sample ${at.toLocaleString("en")}`;
}

/** Return what a channel's value at a pointer's place is called: one sample, or the extremes of a pixel. */
export function valueText(scene, data, row, channel, area, x) {
  const { session, state, dpr } = scene;
  const column = Math.min(Math.max(Math.floor((x - area.x) * dpr), 0), data.count - 1);
  const low = data.low[row * data.count + column];
  const high = data.high[row * data.count + column];
  if (low > high) return "no samples here";
  const shown = unit(session, state, channel, data.scale);
  const digits = shown.factor >= 1 ? 0 : shown.factor >= 0.05 ? 1 : 2;
  const text = (value) => (value * shown.factor + shown.offset).toLocaleString("en", { maximumFractionDigits: digits }).replace("-", "−");
  const one = text(low);
  const other = text(high);
  return one === other ? `${one} ${shown.name}` : `${one} to ${other} ${shown.name}`;
}

/** Draw what lies behind the end of a channel: an area without data. */
export function shadeBehind(scene, area, channel, y, height) {
  const { session, theme, pen } = scene;
  const end = session.lengths[channel];
  const x = Math.max(placeOf(scene, area, end), area.x);
  if (x >= area.x + area.w - 0.5) return;
  pen.box(x, y, area.x + area.w - x, height, theme.shade);
  const missing = session.missing[channel];
  if (missing && height > 12) {
    pen.line(x, y, x, y + height, theme.mark, 1.5);
    pen.tag("cut off here", x + 8, y + height / 2, { colour: theme.mark, size: 10.5 });
  }
}

/** Draw the moment that is marked in every view. */
export function drawCursor(scene, area) {
  if (scene.state.cursor < 0) return;
  const x = placeOf(scene, area, scene.state.cursor + 0.5);
  if (x >= area.x && x <= area.x + area.w) scene.pen.line(x, area.y, x, area.y + area.h, scene.theme.mark, 1, [4, 3]);
}

/** Return how much room labels of rows take on the left: less in a narrow window, if they are short. */
export function labelRoom({ session, pen }, narrow) {
  const longest = session.labels.reduce((most, label) => (label.length > most.length ? label : most), "");
  return narrow ? Math.min(Math.max(58, pen.width(longest, 11, 650) + 26), 96) : 96;
}

/** Draw labels of rows on the left of an area, as many as there is room for. */
export function rowLabels(scene, area, channels, least = 12) {
  const { pen, session, theme, state } = scene;
  const height = area.h / channels.length;
  const every = Math.max(1, Math.ceil(least / height));
  const focus = channels.indexOf(scene.focus);
  channels.forEach((channel, row) => {
    const own = row === focus;
    if (row % every && !own) return;
    if (!own && every > 1 && focus >= 0 && Math.abs(row - focus) < every && focus % every) return;
    pen.text(session.labels[channel], area.x - 8, area.y + (row + 0.5) * height, {
      align: "right", most: area.x - 24, colour: own ? theme.ink : theme.soft, weight: own ? 650 : 400, size: Math.min(11, Math.max(9.5, height * every * 0.8)),
    });
    if (own) pen.box(area.x - 4, area.y + row * height, 3, Math.max(height, 3), theme.accent);
  });
}
