// What a codec makes of every block of every channel, and of the channel in focus: its residual, what comes back of it.

import { nice, number, roundUp } from "./axes.js";
import { drawCursor, frameAt, gather, momentText, paintRow, rowLabels, scales } from "./lines.js";
import { paintCells, paintOver, rowsOf } from "./paint.js";
import { name } from "./signals.js";
import { window_ } from "./state.js";

export const inTime = true;
export const picksChannels = true;
const last = {};
const TITLES = { residual: "residual", decoded: "decoded", difference: "decoded − original" };

/** Return the frames [start, stop) of a block of a channel; what is left at the end joins the last block. */
export function blockOf(index, block, length) {
  const blocks = Math.max(Math.floor(length / block), 1);
  if (index >= blocks) return null;
  return [index * block, index === blocks - 1 ? length : (index + 1) * block];
}

/** Return the number of the block of a channel that holds a frame; -1 behind its end. */
export function blockAt(frame, block, length) {
  if (frame < 0 || frame >= length) return -1;
  return Math.min(Math.floor(frame / block), Math.max(Math.floor(length / block), 1) - 1);
}

export function draw(scene) {
  const { state, session, pen, width, height } = scene;
  const [start, stop] = window_(state, session.frames);
  const narrow = width < 760;
  const side = narrow ? 0 : Math.min(300, width * 0.26);
  const left = narrow ? 58 : 96;
  const w = width - left - side - (narrow ? 8 : 84);
  const few = session.channels < 4;
  const top = { x: left, y: 10, w, h: Math.max(40, few ? scene.shown.length * 36 : (height - 60) * 0.4) };
  const one = scene.ask("compression", { codec: state.codec });
  const other = state.against ? scene.ask("compression", { codec: state.against }) : null;
  last.area = top;
  last.one = one;
  rowLabels(scene, top, scene.shown);
  if (one) overview(scene, top, one, other, narrow ? null : { x: top.x + w + 14, y: top.y, w: side - 18, h: top.h });
  pen.time(top, start, stop, session.rate, state.clock, false);
  details(scene, { x: left, y: top.y + top.h + 26, w, h: height - top.y - top.h - 26 - 46 }, one, other, narrow ? 0 : side);
  drawCursor(scene, top);
  return top;
}

function about(scene, made) {
  const { session } = scene;
  const part = made.head.coded < made.head.block ? `the first ${made.head.coded.toLocaleString("en")} of each ${made.head.block.toLocaleString("en")} frames` : `blocks of ${made.head.block.toLocaleString("en")} frames`;
  const samples = session.lengths.reduce((sum, length) => sum + length, 0);
  return `${made.head.spec}: ${made.head.whole.toFixed(3)} bits per sample of ${samples.toLocaleString("en")} samples, in ${part}`;
}

function overview(scene, area, one, other, side) {
  const { state, session, theme, pen, raster, dpr, shown } = scene;
  const [start, stop] = window_(state, session.frames);
  const columns = one.bits.shape[1];
  const { block } = one.head;
  const values = Array.from(one.bits.filter((value) => value >= 0)).sort((a, b) => a - b);
  const low = values[Math.floor(0.01 * values.length)] ?? 0;
  const high = Math.max(values[Math.floor(0.99 * (values.length - 1))] ?? 1, low + 0.01);
  const table = theme.sequential;
  const count = Math.round(area.w * dpr);
  paintCells(raster, Math.round(area.x * dpr), Math.round(area.y * dpr), count, Math.round(area.h * dpr), shown.length, count, (row, column) => {
    const frame = start + ((column + 0.5) / count) * (stop - start);
    const index = blockAt(frame, block, session.lengths[shown[row]]);
    if (index < 0) return theme.pixel.shade;
    const share = (one.bits[shown[row] * columns + index] - low) / (high - low);
    return table[Math.round(Math.min(Math.max(share, 0), 1) * (table.length - 1))];
  });
  const both = other ? `${about(scene, one)}; ${about(scene, other).replace(/ of [\d,]+ samples.*/, "")}` : about(scene, one);
  scene.notes.push(`${both}, each block of each channel coded by itself, which costs more than whole files do. Click a row to see its channel below.`);
  if (!side) return;
  const most = roundUp(Math.max(...shown.map((channel) => Math.max(one.means[channel], other ? other.means[channel] : 0)), 0.1));
  const height = side.h / shown.length;
  const bars = { ...side, w: side.w - 66 };
  shown.forEach((channel, row) => {
    const y = side.y + row * height;
    pen.box(bars.x, y + height * 0.1, (one.means[channel] / most) * bars.w, Math.max(height * 0.8, 0.7), channel === state.focus ? theme.second : theme.soft);
    if (other) pen.box(bars.x + (other.means[channel] / most) * bars.w - 1, y, 2, Math.max(height, 1), theme.accent);
  });
  pen.below(bars, 0, most, "Bits per sample", { count: 3 });
  pen.colourBar(side.x + side.w - 50, side.y, Math.min(side.h, 200), table, low, high, "Bits per sample");
}

function details(scene, box, one, other, side) {
  const { state, session, theme, pen, dpr } = scene;
  const [start, stop] = window_(state, session.frames);
  const channel = state.focus;
  const count = Math.round(box.w * dpr);
  const found = scene.ask("coded", { codec: state.codec, focus: channel, start, stop, columns: Math.min(Math.max(16, count), 8192) });
  const second = state.against && state.line !== "residual" ? scene.ask("coded", { codec: state.against, focus: channel, start, stop, columns: Math.min(Math.max(16, count), 8192) }) : null;
  const shown = found || last.coded;
  last.coded = shown;
  const gap = 8;
  const h = (box.h - 2 * gap) / 3;
  const areas = [0, 1, 2].map((i) => ({ x: box.x, y: box.y + i * (h + gap), w: box.w, h }));
  if (h < 24) return;
  const plain = { ...scene, state: { ...state, steps: "", scale: "own", gain: 0 } };
  const data = gather(plain, [channel], areas[0], "");
  const [row] = scales(plain, [channel], data, h * 0.92).rows;
  last.detail = { area: { x: box.x, y: box.y, w: box.w, h: box.h } };
  pen.left(areas[0], row.middle - row.half, row.middle + row.half, "", { grid: false, count: 3 });
  if (row.known) paintRow(plain, data, 0, row, areas[0], areas[0].y + h / 2, theme.channelPixel(channel));
  if (shown) {
    line(scene, areas[1], shown, channel, state.line, theme.channelPixel(channel));
    if (second && state.line === "difference") pen.tag(`${state.against}: ${second.head.lossless ? "no difference" : "differs"}`, areas[1].x + 8, areas[1].y + 24, { colour: theme.accent });
  }
  bits(scene, areas[2], channel, one, other);
  pen.time(areas[2], start, stop, session.rate, state.clock);
  const tag = (area, text, bold) => pen.tag(text, area.x + 8, area.y + 8, { colour: bold ? theme.channelText(channel) : theme.ink, weight: bold ? 650 : 400, most: box.w - 20 });
  tag(areas[0], `${name(session, channel)}, original (${row.shown.name})`, true);
  tag(areas[1], state.line === "residual" ? `residual of ${shown ? shown.head.filters : "…"}` : `${TITLES[state.line]}${shown && state.line === "difference" ? (shown.head.lossless ? ": nothing, it comes back as it was" : "") : ""} (codes)`);
  tag(areas[2], `bits per sample of ${state.codec}${other ? `, dashed: ${state.against}` : ""}`);
  for (const area of areas) drawCursor(scene, area);
  if (shown && side) {
    const x = box.x + box.w + 60;
    const w = side - 40;
    const y = box.y + 16; // below the axis of the bars
    const tall = (box.h - 16 - 56) / 2;
    histogram(scene, { x, y, w, h: tall }, shown.values, shown.counts, "values");
    histogram(scene, { x, y: y + tall + 56, w, h: tall }, shown.values_left, shown.counts_left, "residual");
  }
  if (shown && shown.head.last - shown.head.first < session.lengths[channel])
    scene.notes.push(`Residual and histograms are of the frames ${shown.head.first.toLocaleString("en")} to ${shown.head.last.toLocaleString("en")}.`);
}

/** Paint the extremes of bins of a line that the server made. */
function line(scene, area, found, channel, kind, colour) {
  const { state, session, pen, raster, dpr } = scene;
  const [start, stop] = window_(state, session.frames);
  const values = found[kind];
  const bins = values.shape[0];
  if (!bins) return;
  const { begin, width } = found.head;
  const count = Math.round(area.w * dpr);
  const low = new Float64Array(count);
  const high = new Float64Array(count);
  let lowest = Infinity;
  let highest = -Infinity;
  for (let i = 0; i < count; i++) {
    const at = (frame) => Math.floor((start + (frame * (stop - start)) / count - begin) / width);
    const from = Math.max(at(i), 0);
    const to = Math.max(at(i + 1), from + 1);
    [low[i], high[i]] = [1, 0];
    if (at(i + 1) < 0 || from >= bins) continue;
    let [a, b] = [Infinity, -Infinity];
    for (let bin = from; bin < Math.min(to, bins); bin++) {
      a = Math.min(a, values[2 * bin]);
      b = Math.max(b, values[2 * bin + 1]);
    }
    [low[i], high[i]] = [a, b];
    lowest = Math.min(lowest, a);
    highest = Math.max(highest, b);
  }
  if (lowest > highest) return;
  const [bottom, top] = nice(lowest, highest);
  pen.left(area, bottom, top, "", { grid: false, count: 3 });
  const factor = (area.h / (top - bottom)) * dpr;
  const [upper, lower] = [new Int32Array(count), new Int32Array(count)];
  rowsOf(low, high, 0, count, (area.y + area.h) * dpr + bottom * factor, factor, Math.round(area.y * dpr), Math.round((area.y + area.h) * dpr) - 1, Math.round(dpr), upper, lower);
  paintOver(raster, Math.round(area.x * dpr), count, upper, lower, colour);
}

function bits(scene, area, channel, one, other) {
  const { state, session, theme, pen } = scene;
  const [start, stop] = window_(state, session.frames);
  const made = [[one, theme.ink, []], [other, theme.accent, [5, 3]]].filter(([answer]) => answer);
  if (!made.length) return;
  const most = roundUp(1.1 * Math.max(...made.flatMap(([answer]) => {
    const columns = answer.bits.shape[1];
    return Array.from(answer.bits.subarray(channel * columns, (channel + 1) * columns));
  })));
  pen.left(area, 0, most, "", { count: 3 });
  const x = (frame) => area.x + ((frame - start) / (stop - start)) * area.w;
  pen.within(area, () => {
    for (const [answer, colour, dash] of made) {
      const columns = answer.bits.shape[1];
      const points = [];
      for (let index = 0; index < columns; index++) {
        const span = blockOf(index, answer.head.block, session.lengths[channel]);
        if (!span) break;
        const y = area.y + area.h * (1 - answer.bits[channel * columns + index] / most);
        points.push([x(span[0]), y], [x(span[1]), y]);
      }
      pen.path(points, colour, 1.5, dash);
    }
  });
}

function histogram(scene, area, values, counts, title) {
  const { pen, theme, state } = scene;
  if (!values.length || area.h < 30) return;
  const width = values.length > 1 ? values[1] - values[0] : 1;
  const [low, high] = [values[0] - width / 2, values[values.length - 1] + width / 2];
  const most = roundUp(counts.reduce((top, count) => Math.max(top, count), 1));
  const short = (value) => (Math.abs(value) >= 1000 ? `${Number((value / 1000).toPrecision(3))}k` : number(value, 1));
  pen.left(area, 0, most, "", { count: 3, format: short });
  const { c } = pen;
  c.fillStyle = theme.channelText(state.focus);
  c.beginPath();
  c.moveTo(area.x, area.y + area.h);
  for (let i = 0; i < values.length; i++) {
    const y = area.y + area.h - (counts[i] / most) * area.h;
    for (const edge of [values[i] - width / 2, values[i] + width / 2]) c.lineTo(area.x + ((edge - low) / (high - low)) * area.w, y);
  }
  c.lineTo(area.x + area.w, area.y + area.h);
  c.closePath();
  c.fill();
  pen.below(area, low, high, title === "values" ? "Value (codes)" : "Residual", { count: 4, format: (value, step) => (Math.abs(high) >= 10000 ? short(value) : number(value, step)) });
  pen.tag(`samples of each ${title === "values" ? "value" : "residual"}`, area.x + 6, area.y + 8, { colour: theme.ink });
}

export function readout(scene, x, y) {
  const { area, one, detail } = last;
  const { session, state, shown } = scene;
  if (!area || x < area.x || x > area.x + area.w) return null;
  const frame = frameAt(scene, area, x);
  const inside = y >= area.y && y < area.y + area.h;
  if (!inside && !(detail && y >= detail.area.y && y < detail.area.y + detail.area.h)) return null;
  const channel = inside ? shown[Math.floor(((y - area.y) / area.h) * shown.length)] : state.focus;
  const lines = [name(session, channel), momentText(scene, frame)];
  if (one) {
    const index = blockAt(frame, one.head.block, session.lengths[channel]);
    if (index >= 0) lines.push(`${one.bits[channel * one.bits.shape[1] + index].toFixed(3)} bits per sample in this block`);
  }
  return lines;
}

export function click(scene, x, y) {
  const { area } = last;
  if (!area || y < area.y || y >= area.y + area.h || x > area.x + area.w + 300) return area && x >= area.x && x <= area.x + area.w ? { cursor: Math.floor(frameAt(scene, area, x)) } : null;
  const channel = scene.shown[Math.floor(((y - area.y) / area.h) * scene.shown.length)];
  const inside = x >= area.x && x <= area.x + area.w;
  return { focus: channel, ...(inside ? { cursor: Math.floor(frameAt(scene, area, x)) } : {}) };
}

/** Return a table of the bits per sample, the head first. */
export function rows(scene) {
  const { one } = last;
  return [["channel", "name", "bits per sample"], ...scene.shown.map((channel) => [channel, scene.session.names[channel], one ? Number(one.means[channel].toFixed(4)) : ""])];
}
