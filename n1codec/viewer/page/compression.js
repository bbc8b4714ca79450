// What one codec or two make of every block of every channel, and of the channel in focus: residual, what comes back.

import { nice, number, roundUp } from "./axes.js";
import { drawCursor, frameAt, gather, labelRoom, momentText, paintRow, rowLabels, scales, valueText } from "./lines.js";
import { paintCells, paintOver, rowsOf } from "./paint.js";
import { name } from "./signals.js";
import { window_ } from "./state.js";

export const inTime = true;
export const picksChannels = true;
const last = { coded: [], panels: [] };
const ranges = new WeakMap(); // of answers

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
  const left = labelRoom(scene, narrow);
  const w = width - left - side - (narrow ? 8 : 84);
  const few = session.channels < 4;
  const top = { x: left, y: 24, w, h: Math.max(40, few ? scene.shown.length * 36 : (height - 74) * (state.against ? 0.34 : 0.4)) };
  const one = scene.ask("compression", { codec: state.codec });
  const other = state.against ? scene.ask("compression", { codec: state.against }) : null;
  last.area = top;
  Object.assign(last, { one, other });
  rowLabels(scene, top, scene.shown);
  if (one) overview(scene, top, one, other, narrow ? null : { x: top.x + w + 14, y: top.y, w: side - 18, h: top.h });
  pen.time(top, start, stop, session.rate, state.clock, false);
  details(scene, { x: left, y: top.y + top.h + 26, w, h: height - top.y - top.h - 26 - 46 }, one, other, side);
  drawCursor(scene, top);
  return top;
}

function about(scene, made) {
  const { session } = scene;
  const part = made.head.coded < made.head.block ? `the first ${made.head.coded.toLocaleString("en")} of each ${made.head.block.toLocaleString("en")} frames` : `blocks of ${made.head.block.toLocaleString("en")} frames`;
  const samples = session.lengths.reduce((sum, length) => sum + length, 0);
  return `${made.head.spec}: ${made.head.whole.toFixed(3)} bits per sample of ${samples.toLocaleString("en")} samples, in ${part}`;
}

/** Return the bits per sample between which all blocks lie but a hundredth at either end, for the colours. */
function colourRange(made) {
  if (!ranges.has(made)) {
    const values = made.bits.filter((value) => value >= 0).sort();
    const low = values[Math.floor(0.01 * values.length)] ?? 0;
    ranges.set(made, [low, Math.max(values[Math.floor(0.99 * (values.length - 1))] ?? 1, low + 0.01)]);
  }
  return ranges.get(made);
}

function overview(scene, area, one, other, side) {
  const { state, session, theme, pen, raster, dpr, shown } = scene;
  const [start, stop] = window_(state, session.frames);
  const columns = one.bits.shape[1];
  const { block } = one.head;
  const [low, high] = colourRange(one);
  const table = theme.sequential;
  const count = Math.round(area.w * dpr);
  paintCells(raster, Math.round(area.x * dpr), Math.round(area.y * dpr), count, Math.round(area.h * dpr), shown.length, count, (row, column) => {
    const frame = start + ((column + 0.5) / count) * (stop - start);
    const index = blockAt(frame, block, session.lengths[shown[row]]);
    if (index < 0) return theme.pixel.shade;
    const share = (one.bits[shown[row] * columns + index] - low) / (high - low);
    return table[Math.round(Math.min(Math.max(share, 0), 1) * (table.length - 1))];
  });
  scene.pen.text(`Bits per sample of ${one.head.spec}, block by block`, area.x, area.y - 12, { most: area.w });
  const both = other ? `${about(scene, one)}; ${about(scene, other).replace(/ of [\d,]+ samples.*/, "")}` : about(scene, one);
  scene.notes.push(`${both}, each block of each channel coded by itself, which costs more than whole files do. Click a row to see its channel below.`);
  if (!side) return;
  const most = roundUp(Math.max(...shown.map((channel) => Math.max(one.means[channel], other ? other.means[channel] : 0)), 0.1));
  const height = side.h / shown.length;
  const bars = { ...side, w: side.w - 66 };
  const made = [[one, theme.soft], [other, theme.accent]].filter(([answer]) => answer);
  made.forEach(([answer, colour], i) => {
    const x = side.x + (i * side.w) / made.length;
    pen.box(x, bars.y - 16, i ? 2 : 9, 9, colour);
    pen.text(answer.head.spec, x + (i ? 7 : 14), bars.y - 12, { most: side.w / made.length - 20 });
  });
  shown.forEach((channel, row) => {
    const y = side.y + row * height;
    pen.box(bars.x, y + height * 0.1, (one.means[channel] / most) * bars.w, Math.max(height * 0.8, 0.7), channel === scene.focus ? theme.second : theme.soft);
    if (other) pen.box(bars.x + (other.means[channel] / most) * bars.w - 1, y, 2, Math.max(height, 1), theme.accent);
  });
  pen.below(bars, 0, most, "Bits per sample", { count: 3 });
  pen.colourBar(side.x + side.w - 50, side.y, Math.min(side.h, 200), table, low, high, "Bits per sample");
}

function details(scene, box, one, other, side) {
  const { state, session, theme, pen, dpr } = scene;
  const [start, stop] = window_(state, session.frames);
  const channel = scene.focus;
  const count = Math.round(box.w * dpr);
  const codecs = [state.codec, state.against].filter(Boolean);
  const found = codecs.map((codec, i) => {
    const answer = scene.askAtRest("coded", { codec, focus: channel, start, stop, columns: Math.min(Math.max(16, count), 8192) });
    if (answer) last.coded[i] = { codec, channel, answer };
    const before = last.coded[i];
    return before && before.codec === codec && before.channel === channel ? before.answer : null;
  });
  const gap = 8;
  const h = (box.h - gap * (codecs.length + 1)) / (codecs.length + 2);
  const areas = Array.from({ length: codecs.length + 2 }, (_, i) => ({ x: box.x, y: box.y + i * (h + gap), w: box.w, h }));
  last.panels = [];
  if (h < 24) return;
  const plain = { ...scene, state: { ...state, steps: "", scale: "own", gain: 0 } };
  const data = gather(plain, [channel], areas[0], "");
  const [row] = scales(plain, [channel], data, h).rows;
  const span = [row.middle - row.half, row.middle + row.half];
  pen.left(areas[0], ...span, "", { grid: false, count: 3 });
  if (row.known) paintRow(plain, data, 0, row, areas[0], areas[0].y + h / 2, theme.channelPixel(channel));
  const tag = (area, text, colour, weight = 400) => pen.tag(text, area.x + 8, area.y + 8, { colour, weight, most: box.w - 20 });
  tag(areas[0], `${name(session, channel)}, original (${row.shown.name})`, theme.channelText(channel), 650);
  last.panels.push({ area: areas[0], text: (x) => valueText(plain, data, 0, channel, areas[0], x) });
  const shown = unitOf(state.line, row.shown);
  const lines = found.map((answer) => answer && columnsOf(scene, areas[0], answer, state.line, shown));
  const known = lines.filter((line) => line && line.lowest <= line.highest);
  const range = state.line === "decoded" ? span : nice(Math.min(...known.map((line) => line.lowest)), Math.max(...known.map((line) => line.highest)));
  lines.forEach((line, i) => {
    const area = areas[i + 1];
    if (line && known.length) {
      pen.left(area, ...range, "", { grid: false, count: 3 });
      paintLine(scene, area, line, range, theme.channelPixel(channel));
      last.panels.push({ area, text: (x) => lineText(scene, line, area, x, shown) });
    }
    tag(area, `${codecs[i]}: ${told(state.line, found[i], line, shown)}`, i ? theme.accent : theme.ink);
  });
  const lowest = areas[areas.length - 1];
  bits(scene, lowest, channel, one, other);
  pen.time(lowest, start, stop, session.rate, state.clock);
  tag(lowest, `bits per sample of ${state.codec}${other ? `, dashed: ${state.against}` : ""}`, theme.ink);
  last.panels.push({ area: lowest, text: () => null });
  for (const area of areas) drawCursor(scene, area);
  const [first, second] = found;
  if (first && side) {
    const x = box.x + box.w + 60;
    const w = side - 40;
    const y = box.y + 16; // below the axis of the bars
    const tall = (box.h - 16 - 56) / 2;
    histogram(scene, { x, y, w, h: tall }, [first.values, first.counts], null, "value");
    histogram(scene, { x, y: y + tall + 56, w, h: tall }, [first.values_left, first.counts_left], second && [second.values_left, second.counts_left], "residual");
  }
  const length = session.lengths[channel];
  const frames = (head, from, to) => `the frames ${head[from].toLocaleString("en")} to ${head[to].toLocaleString("en")}`;
  if (first && first.head.last - first.head.first < length) scene.notes.push(`Residual and histograms are of ${frames(first.head, "first", "last")}.`);
  if (first && first.head.end < Math.min(stop, length)) scene.notes.push(`${codecs.length > 1 ? "The codecs' lines are" : "The codec's line is"} of ${frames(first.head, "begin", "end")}.`);
}

/** Return what the values of a line are multiplied by, what is added, and what they are then. */
function unitOf(kind, { factor, offset, name: unit }) {
  if (kind === "residual") return { factor: 1, offset: 0, unit: "codes" };
  return { factor, offset: kind === "decoded" ? offset : 0, unit };
}

/** Return what a line of a codec is called, and how far it goes. */
function told(kind, answer, line, { unit }) {
  if (!answer) return "…";
  if (kind === "residual") return `residual of ${answer.head.filters} (${unit})`;
  if (kind === "decoded") return `decoded (${unit})${answer.head.lossless ? ", as it was" : ""}`;
  if (answer.head.lossless) return `decoded − original (${unit}): nothing, it comes back as it was`;
  const most = Math.max(Math.abs(line.lowest), Math.abs(line.highest));
  return `decoded − original (${unit}), ${Number(most.toPrecision(3)).toLocaleString("en")} at most here`;
}

/** Return the lowest and the highest value of a line that the server made, of each pixel column of an area. */
function columnsOf(scene, area, found, kind, { factor, offset }) {
  const { state, session, dpr } = scene;
  const [start, stop] = window_(state, session.frames);
  const values = found[kind];
  const bins = values.shape[0];
  const { begin, width } = found.head;
  const count = Math.round(area.w * dpr);
  const low = new Float64Array(count).fill(1);
  const high = new Float64Array(count);
  let lowest = Infinity;
  let highest = -Infinity;
  for (let i = 0; i < count; i++) {
    const at = (frame) => Math.floor((start + (frame * (stop - start)) / count - begin) / width);
    const from = Math.max(at(i), 0);
    const to = Math.max(at(i + 1), from + 1);
    if (at(i + 1) < 0 || from >= bins) continue;
    let [a, b] = [Infinity, -Infinity];
    for (let bin = from; bin < Math.min(to, bins); bin++) {
      a = Math.min(a, values[2 * bin]);
      b = Math.max(b, values[2 * bin + 1]);
    }
    [low[i], high[i]] = [a * factor + offset, b * factor + offset].sort((p, q) => p - q);
    lowest = Math.min(lowest, low[i]);
    highest = Math.max(highest, high[i]);
  }
  return { low, high, lowest, highest };
}

function paintLine(scene, area, { low, high }, [bottom, top], colour) {
  const { raster, dpr } = scene;
  const factor = (area.h / (top - bottom)) * dpr;
  const [upper, lower] = [new Int32Array(low.length), new Int32Array(low.length)];
  rowsOf(low, high, 0, low.length, (area.y + area.h) * dpr + bottom * factor, factor, Math.round(area.y * dpr), Math.round((area.y + area.h) * dpr) - 1, Math.round(dpr), upper, lower);
  paintOver(raster, Math.round(area.x * dpr), low.length, upper, lower, colour);
}

/** Return what a line's value at a pointer's place is called. */
function lineText(scene, { low, high }, area, x, { unit, factor }) {
  const column = Math.min(Math.max(Math.floor((x - area.x) * scene.dpr), 0), low.length - 1);
  if (low[column] > high[column]) return "nothing here";
  const [a, b] = [low[column], high[column]].map((value) => value.toLocaleString("en", { maximumFractionDigits: factor >= 1 ? 0 : 1 }).replace("-", "−"));
  return `${a === b ? a : `${a} to ${b}`} ${unit}`;
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

/** Draw how many samples have each value; of a second codec as a dashed line, in bins of the first one's width. */
function histogram(scene, area, one, other, what) {
  const { pen, theme } = scene;
  const drawn = [one, other].filter((bars) => bars && bars[0].length);
  if (!drawn.length || area.h < 30) return;
  const widths = drawn.map(([values]) => (values.length > 1 ? values[1] - values[0] : 1));
  const low = Math.min(...drawn.map(([values], i) => values[0] - widths[i] / 2));
  const high = Math.max(...drawn.map(([values], i) => values[values.length - 1] + widths[i] / 2));
  const most = roundUp(Math.max(1, ...drawn.map(([, counts], i) => (counts.reduce((top, count) => Math.max(top, count), 1) * widths[0]) / widths[i])));
  const short = (value) => (Math.abs(value) >= 1000 ? `${Number((value / 1000).toPrecision(3))}k`.replace("-", "−") : number(value, 1));
  pen.left(area, 0, most, "", { count: 3, format: short });
  drawn.forEach(([values, counts], i) => {
    const points = [[low, 0], [values[0] - widths[i] / 2, 0]];
    values.forEach((value, k) => points.push(...[-1, 1].map((side) => [value + (side * widths[i]) / 2, (counts[k] * widths[0]) / widths[i]])));
    points.push([values[values.length - 1] + widths[i] / 2, 0], [high, 0]);
    const path = points.map(([value, count]) => [area.x + ((value - low) / (high - low)) * area.w, area.y + area.h - (count / most) * area.h]);
    if (i) pen.path(path, theme.accent, 1.3, [4, 3]);
    else pen.fill(path, theme.channelText(scene.focus));
  });
  pen.below(area, low, high, what === "value" ? "Value (codes)" : "Residual (codes)", { count: 4, format: (value, step) => (Math.max(high, -low) >= 10000 ? short(value) : number(value, step)) });
  pen.tag(`samples of each ${what}`, area.x + 6, area.y + 8, { colour: theme.ink });
  if (drawn.length > 1) pen.tag(`dashed: ${scene.state.against}`, area.x + 6, area.y + 25, { colour: theme.accent, size: 10.5, most: 0.5 * area.w });
}

export function readout(scene, x, y) {
  const { area, one, other, panels } = last;
  const { session, shown } = scene;
  if (!area || x < area.x || x > area.x + area.w) return null;
  const frame = frameAt(scene, area, x);
  const within = (box) => y >= box.y && y < box.y + box.h;
  const inside = within(area);
  const panel = inside ? null : panels.find((one) => within(one.area));
  if (!inside && !panel) return null;
  const channel = inside ? shown[Math.floor(((y - area.y) / area.h) * shown.length)] : scene.focus;
  const value = panel && panel.text(x);
  const lines = [name(session, channel), momentText(scene, frame), ...(value ? [value] : [])];
  for (const made of [one, other].filter(Boolean)) {
    const index = blockAt(frame, made.head.block, session.lengths[channel]);
    if (index >= 0) lines.push(`${made.bits[channel * made.bits.shape[1] + index].toFixed(3)} bits per sample of ${other ? made.head.spec : "this block"}`);
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
