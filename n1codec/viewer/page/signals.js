// Signals: a row per channel over one time axis, or all on one axis, as lines or as density.

import { nice, number } from "./axes.js";
import { drawCursor, edges, FrontToBack, frameAt, gather, labelRoom, momentText, paintRow, placeOf, reach, rowLabels, scales, shadeBehind, unit, valueText } from "./lines.js";
import { Density, paintOver, rowsOf } from "./paint.js";
import { window_ } from "./state.js";

export const MOST_COLOURED = 48; // overlaid lines; of more the density is shown unless lines are asked for
const last = {};

export const inTime = true;
export const picksChannels = true;

export function draw(scene) {
  const { state, width, height } = scene;
  const narrow = width < 560;
  const left = labelRoom(scene, narrow);
  const area = { x: left, y: 10, w: width - left - (narrow ? 10 : 70), h: height - 56 };
  last.area = area;
  if (state.mode === "overlaid") overlaid(scene, area);
  else separate(scene, area);
  const [start, stop] = window_(state, scene.session.frames);
  scene.pen.time(area, start, stop, scene.session.rate, state.clock);
  drawCursor(scene, area);
  return area;
}

function separate(scene, area) {
  const { shown: channels, theme, pen, session, state } = scene;
  const data = gather(scene, channels, area);
  const height = area.h / channels.length;
  const { rows, common } = scales(scene, channels, data, height * 0.92);
  last.data = data;
  last.rows = rows;
  const tall = height >= 44;
  rows.forEach((row, index) => {
    const y = area.y + index * height;
    shadeBehind(scene, area, row.channel, y, height);
    if (index) pen.line(area.x, Math.round(y) + 0.5, area.x + area.w, Math.round(y) + 0.5, theme.grid);
    if (row.channel === state.focus && channels.length > 1) {
      const dpr = scene.dpr;
      scene.raster.fill(Math.round(area.x * dpr), Math.round(y * dpr), Math.round(area.w * dpr), Math.round(height * dpr), theme.pixel.chosen);
    }
  });
  rows.forEach((row, index) => {
    const middle = area.y + (index + 0.5) * height;
    if (row.known) paintRow(scene, data, index, row, area, middle, theme.channelPixel(row.channel));
  });
  if (tall)
    rows.forEach((row, index) => {
      const inner = { x: area.x, y: area.y + index * height + height * 0.04, w: area.w, h: height * 0.92 };
      if (row.known) ticksOf(scene, inner, row);
      const name = `${session.labels[row.channel]}${row.sync ? " (sync)" : ""}`;
      pen.tag(name, area.x + 8, inner.y + 8, { colour: theme.channelText(row.channel), weight: row.channel === scene.focus ? 700 : 600, most: area.w / 2 });
    });
  else rowLabels(scene, area, channels);
  if (tall) {
    const names = [...new Set(rows.filter((row) => !row.sync).map((row) => row.shown.name))];
    pen.text(title(names), 14, area.y + area.h / 2, { align: "center", turn: -Math.PI / 2 });
  }
  if (state.scale === "common" && !tall && rows.some((row) => !row.sync)) {
    const bar = scaleBar(common, height);
    const one = rows.find((row) => !row.sync);
    const x = area.x + area.w + 14;
    const y = area.y + area.h - 6;
    const length = (bar / one.half) * (height * 0.92) / 2;
    pen.line(x, y, x, y - length, theme.ink, 2);
    pen.text(number(bar, bar), x + 8, y - length / 2 - 6, { colour: theme.ink });
    pen.text(one.shown.name, x + 8, y - length / 2 + 7, { colour: theme.ink });
  }
  dots(scene, area, data, rows.map((row, index) => ({ row, index, middle: area.y + (index + 0.5) * height })));
}

const title = (names) => `Amplitude (${names.join(", ") || "codes"})`;

/** Return a round amplitude whose bar is about one to three rows long. */
function scaleBar(half, height) {
  const rough = half * Math.max(1, 26 / height);
  const unit = 10 ** Math.floor(Math.log10(rough));
  return unit * [1, 2, 5, 10].find((m) => m * unit >= rough * 0.8);
}

function ticksOf(scene, area, row) {
  const { pen } = scene;
  const low = row.middle - row.half;
  const high = row.middle + row.half;
  pen.left(area, low, high, "", { count: Math.max(1, Math.floor(area.h / 30)), grid: false, inset: 7 });
}

/** Mark every sample where there is room between them. */
function dots(scene, area, data, rows) {
  const { state, session, theme, pen } = scene;
  const [start, stop] = window_(state, session.frames);
  const apart = area.w / (stop - start);
  if (apart < 7 || rows.length > 16) return;
  const candidates = data.columns.candidates(scene.tiles, state.steps);
  pen.within(area, () => {
    for (const { row, middle } of rows) {
      const colour = theme.channelText(row.channel);
      for (let frame = start; frame < Math.min(stop, session.lengths[row.channel]); frame++) {
        const value = data.columns.sample(candidates, row.channel, frame);
        if (!Number.isNaN(value)) pen.dot(placeOf(scene, area, frame), middle - (value - row.zero) * row.factor, 2.4, colour);
      }
    }
  });
}

function overlaid(scene, area) {
  const { shown: channels, theme, pen, session, state, dpr, raster } = scene;
  const data = gather(scene, channels, area);
  last.data = data;
  const units = channels.map((channel) => unit(session, state, channel, data.scale));
  const voltages = channels.map((channel, row) => row).filter((row) => !session.sync.has(channels[row]));
  let lowest = Infinity;
  let highest = -Infinity;
  for (const row of voltages) {
    const [low, high] = reach(data, row);
    if (low > high) continue;
    lowest = Math.min(lowest, low * units[row].factor + units[row].offset);
    highest = Math.max(highest, high * units[row].factor + units[row].offset);
  }
  let [low, high] = nice(lowest <= highest ? lowest : 0, lowest <= highest ? highest : 1);
  const zoom = 1.25 ** state.gain;
  const middle = (low + high) / 2;
  [low, high] = [middle - (high - low) / 2 / zoom, middle + (high - low) / 2 / zoom];
  pen.left(area, low, high, title([...new Set(voltages.map((row) => units[row].name))]), { grid: false });
  const pixels = area.h / (high - low);
  const dense = state.look === "density" || (state.look === "auto" && channels.length > MOST_COLOURED);
  const x = Math.round(area.x * dpr);
  const least = Math.round(area.y * dpr);
  const most = Math.round((area.y + area.h) * dpr) - 1;
  const target = dense ? new Density(raster, x, data.count, least, most - least + 1) : new FrontToBack(raster, x, data.count);
  const { top, bottom } = edges(data.count);
  const thick = Math.max(1, Math.round(dpr));
  const order = voltages.filter((row) => channels[row] === scene.focus).concat(voltages.filter((row) => channels[row] !== scene.focus).reverse());
  last.overlay = { low, high, units };
  const paint = (row, over) => {
    const { factor, offset } = units[row];
    rowsOf(data.low, data.high, row * data.count, data.count, (area.y + (high - offset) * pixels) * dpr, factor * pixels * dpr, least, most, thick, top, bottom);
    over(row);
  };
  for (const row of order) paint(row, () => (dense ? target.add(top, bottom) : target.paint(top, bottom, theme.channelPixel(channels[row]))));
  if (dense) {
    target.paint(theme.density);
    const focus = channels.indexOf(scene.focus);
    if (focus >= 0 && state.focus >= 0) paint(focus, () => paintOver(raster, x, data.count, top, bottom, theme.pixel.second));
    if (scene.width >= 560) {
      const counts = [1, 10, 100, 1000, 10000].filter((lines) => lines * 2 < target.lines).concat(target.lines);
      const found = { step: 1, values: counts.map((lines) => target.share(lines)) };
      const format = (share) => counts[found.values.indexOf(share)].toLocaleString("en");
      pen.colourBar(area.x + area.w + 12, area.y + 4, Math.min(area.h - 8, 220), theme.density, 0, 1, "Channels that cross a pixel", { found, format });
    }
  }
  if (state.focus >= 0 && channels.includes(scene.focus))
    pen.tag(session.labels[scene.focus], area.x + 10, area.y + 12, { colour: dense ? theme.second : theme.channelText(scene.focus), weight: 700 });
}

function rowAt(scene, x, y) {
  const { area, data } = last;
  const { shown: channels, state, dpr } = scene;
  if (!area || x < area.x || x > area.x + area.w || y < area.y || y > area.y + area.h) return -1;
  if (state.mode === "separate") return Math.min(Math.floor(((y - area.y) / area.h) * channels.length), channels.length - 1);
  const { low, high, units } = last.overlay;
  const wanted = high - ((y - area.y) / area.h) * (high - low);
  const column = Math.min(Math.floor((x - area.x) * dpr), data.count - 1);
  let best = -1;
  let nearest = Infinity;
  channels.forEach((channel, row) => {
    const at = row * data.count + column;
    if (data.low[at] > data.high[at]) return;
    const least = data.low[at] * units[row].factor + units[row].offset;
    const most = data.high[at] * units[row].factor + units[row].offset;
    const away = wanted < least ? least - wanted : wanted > most ? wanted - most : 0.01 * (most - least);
    if (away < nearest) [best, nearest] = [row, away];
  });
  return best;
}

export function readout(scene, x, y) {
  const row = rowAt(scene, x, y);
  if (row < 0 || !last.data) return null;
  const channel = scene.shown[row];
  return [
    name(scene.session, channel),
    momentText(scene, frameAt(scene, last.area, x)),
    valueText(scene, last.data, row, channel, last.area, x),
  ];
}

export const name = (session, channel) => (session.labels[channel] === String(channel) ? `channel ${channel}` : `${channel}  ${session.labels[channel]}`);

export function click(scene, x, y) {
  const row = rowAt(scene, x, y);
  return row < 0 ? null : { focus: scene.shown[row], cursor: Math.floor(frameAt(scene, last.area, x)) };
}

/** Return a table of what is shown, the head first: for those who cannot see it. */
export function rows(scene) {
  const { area } = last;
  const { shown, session, state } = scene;
  const head = ["channel", "name", "lowest", "highest", "unit"];
  if (!area) return [head];
  const data = gather(scene, shown, area);
  return [head, ...shown.map((channel, row) => {
    const [low, high] = reach(data, row);
    const { factor, offset, name: unitName } = unit(session, state, channel, data.scale);
    const round = (value) => (low > high ? "" : Number((value * factor + offset).toFixed(2)));
    return [channel, session.names[channel], round(low), round(high), unitName];
  })];
}
