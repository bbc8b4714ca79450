// The matrix of correlations with the clustering beside it, and two signals with their cross-correlogram.

import { number, roundUp } from "./axes.js";
import { drawCursor, gather, paintRow, scales } from "./lines.js";
import { paintCells } from "./paint.js";
import { name } from "./signals.js";
import { window_ } from "./state.js";

export const squares = true;
export const picksChannels = true;
const last = {};

/** Return r with more contrast for small correlations: the sign and the root. */
const stretched = (r) => Math.sign(r) * Math.sqrt(Math.abs(r));

export function draw(scene) {
  const { state, session, theme, pen, width, height } = scene;
  const found = scene.ask("matrix", { measure: state.measure });
  const groups = scene.ask("groups", {});
  const narrow = width < 760;
  const detail = state.other >= 0;
  const right = detail && !narrow ? Math.max(300, width * 0.42) : 0;
  const below = detail && narrow ? height * 0.42 : 0;
  const tree = scene.tree && scene.tree.linkage.shape[0] ? scene.tree : null;
  const room = { w: width - right - (narrow ? 64 : 176), h: height - below - 52 };
  const branches = tree ? Math.min(90, room.w * 0.16) : 0;
  const size = Math.max(80, Math.floor(Math.min(room.w - branches, room.h)));
  const area = { x: (narrow ? 60 : 96) + branches, y: 10, w: size, h: size };
  last.area = area;
  last.found = found;
  if (groups) scene.notes.push(aboutGroups(session, groups.groups));
  if (!found) return area;
  if (found.head.note) scene.notes.push(found.head.note);
  matrix(scene, area, found.r);
  if (groups) markGroups(scene, area, groups.groups);
  if (tree) dendrogram(scene, { x: area.x - branches, y: area.y, w: branches - 6, h: area.h }, tree);
  else labels(scene, area);
  labelsBelow(scene, area);
  if (width - right - area.x - area.w > 60) bar(scene, area);
  const row = scene.shown.indexOf(scene.focus);
  const column = scene.shown.indexOf(state.other);
  if (detail && row >= 0 && column >= 0) {
    const cell = area.w / scene.shown.length;
    const half = Math.max(cell / 2, 5);
    pen.frame(area.x + (column + 0.5) * cell - half, area.y + (row + 0.5) * cell - half, 2 * half, 2 * half, theme.ink, 2);
  }
  if (detail) {
    const box = narrow ? { x: 0, y: area.y + area.h + 46, w: width, h: height - area.y - area.h - 50 } : { x: width - right, y: 0, w: right, h: height };
    pair(scene, box);
  }
  return area;
}

function matrix(scene, area, r) {
  const { theme, raster, dpr, shown, session } = scene;
  const n = session.channels;
  const table = theme.diverging;
  const half = (table.length - 1) / 2;
  const side = Math.round(area.w * dpr);
  paintCells(raster, Math.round(area.x * dpr), Math.round(area.y * dpr), side, side, shown.length, shown.length, (row, column) => {
    const value = r[shown[row] * n + shown[column]];
    return value > 1.5 ? theme.pixel.shade : table[Math.round(half + half * stretched(value))];
  });
  scene.pen.frame(area.x - 0.5, area.y - 0.5, area.w + 1, area.h + 1);
}

/** Mark simultaneous recordings by a frame around each block of neighbours, and by small corners elsewhere. */
function markGroups(scene, area, groups) {
  const { theme, pen, shown, session } = scene;
  if (groups.length === 1 && groups[0].length === session.channels) return; // all of one recording: nothing to tell apart
  const place = new Map(shown.map((channel, row) => [channel, row]));
  const cell = area.w / shown.length;
  for (const group of groups) {
    const rows = group.map((channel) => place.get(channel)).filter((row) => row !== undefined).sort((a, b) => a - b);
    if (rows.length < 2) continue;
    if (rows[rows.length - 1] - rows[0] === rows.length - 1) {
      pen.frame(area.x + rows[0] * cell, area.y + rows[0] * cell, rows.length * cell, rows.length * cell, theme.mark, 1.5);
      continue;
    }
    const half = Math.max(cell / 2, 2.5) + 1.5;
    for (const a of rows)
      for (const b of rows)
        if (a !== b && rows.length <= 8) pen.frame(area.x + (b + 0.5) * cell - half, area.y + (a + 0.5) * cell - half, 2 * half, 2 * half, theme.mark, 1);
  }
}

function aboutGroups(session, groups) {
  if (session.channels === 1) return "There is one channel, and nothing to compare it with.";
  const members = groups.reduce((sum, group) => sum + group.length, 0);
  const alone = session.channels - members;
  if (groups.length === 1 && !alone) return "All channels are of one recording, simultaneous by construction. Click a cell to see the two.";
  if (!groups.length) return "No two of these show that they were recorded at the same time: between separate pieces, a correlation is chance.";
  const pairs = groups.every((group) => group.length === 2);
  const what = `${groups.length} simultaneous ${pairs ? "pair" : "group"}${groups.length === 1 ? "" : "s"}`;
  const rest = alone ? ` ${alone} show nothing simultaneous: if they are separate pieces, their correlations are chance.` : "";
  return `${what} (${members} of ${session.channels} recordings), framed.${rest} Click a cell to see the two.`;
}

function labels(scene, area) {
  const { pen, shown, session, state, theme } = scene;
  const cell = area.h / shown.length;
  const every = Math.max(1, Math.ceil(12 / cell));
  shown.forEach((channel, row) => {
    if (row % every && channel !== scene.focus) return;
    if (every > 1 && channel !== scene.focus && Math.abs(row - shown.indexOf(scene.focus)) < every) return;
    pen.text(session.labels[channel], area.x - 6, area.y + (row + 0.5) * cell, { align: "right", most: area.x - 10, colour: channel === scene.focus ? theme.ink : theme.soft, weight: channel === scene.focus ? 650 : 400, size: 10.5 });
  });
}

function labelsBelow(scene, area) {
  const { pen, shown } = scene;
  const cell = area.w / shown.length;
  const every = Math.max(1, roundUp(46 / cell));
  shown.forEach((channel, column) => {
    if (column % every || (column + 0.5) * cell > area.w - 18) return;
    pen.line(area.x + (column + 0.5) * cell, area.y + area.h + 1, area.x + (column + 0.5) * cell, area.y + area.h + 5, scene.theme.faint);
    pen.text(String(channel), area.x + (column + 0.5) * cell, area.y + area.h + 14, { align: "center", size: 10.5 });
  });
  pen.text("Channel (number)", area.x + area.w / 2, area.y + area.h + 29, { align: "center" });
}

function bar(scene, area) {
  const { pen, theme, state } = scene;
  const height = Math.min(area.h, 240);
  const x = area.x + area.w + 16;
  const steps = 120;
  const table = theme.diverging;
  for (let i = 0; i < steps; i++) {
    const r = 1 - (2 * i) / (steps - 1);
    const value = table[Math.round(((table.length - 1) / 2) * (1 + stretched(r)))];
    pen.box(x, area.y + (i * height) / steps, 11, height / steps + 0.7, `rgb(${value & 255}, ${(value >> 8) & 255}, ${(value >> 16) & 255})`);
  }
  for (const r of [-1, -0.5, 0, 0.5, 1]) pen.text(number(r, r % 1 ? 0.1 : 1), x + 16, area.y + ((1 - r) / 2) * height);
  const title = `${state.measure[0].toUpperCase()}${state.measure.slice(1)} correlation`;
  pen.text(title, x + 48, area.y + height / 2, { align: "center", turn: Math.PI / 2 });
}

/** Draw the clustering, each leaf at its row; heights grow to the left. */
function dendrogram(scene, box, tree) {
  const { pen, theme, session, first, last: end } = scene;
  const n = session.channels;
  const place = new Float64Array(2 * n - 1);
  const height = new Float64Array(2 * n - 1);
  tree.leaves.forEach((channel, row) => (place[channel] = row));
  const { linkage } = tree;
  let highest = 1e-9;
  for (let i = 0; i < n - 1; i++) highest = Math.max(highest, linkage[4 * i + 2]);
  const x = (h) => box.x + box.w * (1 - Math.max(h, 0) / highest);
  const y = (p) => box.y + ((p + 0.5 - first) / (end - first)) * box.h;
  pen.within(box, () => {
    for (let i = 0; i < n - 1; i++) {
      const [a, b, distance] = [linkage[4 * i], linkage[4 * i + 1], linkage[4 * i + 2]];
      place[n + i] = (place[a] + place[b]) / 2;
      height[n + i] = distance;
      pen.path([[x(height[a]), y(place[a])], [x(distance), y(place[a])], [x(distance), y(place[b])], [x(height[b]), y(place[b])]], theme.soft, 0.7);
    }
  });
  pen.line(box.x, box.y + box.h + 4, box.x + box.w, box.y + box.h + 4, theme.faint);
  pen.text(highest.toFixed(2), box.x, box.y + box.h + 14, { size: 10 });
  pen.text("0", box.x + box.w - 10, box.y + box.h + 14, { size: 10, align: "right" });
  pen.text("Distance", box.x + box.w / 2, box.y + box.h + 28, { size: 10, align: "center" });
}

function pair(scene, box) {
  const { state, session, theme, pen } = scene;
  const [start, stop] = window_(state, session.frames);
  const both = [scene.focus, state.other];
  const w = box.w - 86;
  const tall = (box.h - 120) / 3;
  const x = box.x + 66;
  const areas = [0, 1].map((i) => ({ x, y: box.y + 12 + i * (tall + 16), w, h: tall }));
  const data = gather({ ...scene, state: { ...state, steps: "" } }, both, areas[0], "");
  const rows = scales({ ...scene, state: { ...state, steps: "", scale: "own" } }, both, data, tall).rows;
  areas.forEach((area, i) => {
    const row = rows[i];
    pen.left(area, row.middle - row.half, row.middle + row.half, "", { grid: false, count: Math.max(1, Math.min(4, Math.floor(area.h / 28))), inset: 4 });
    if (row.known) paintRow(scene, data, i, row, area, area.y + area.h / 2, theme.channelPixel(both[i]));
    pen.tag(name(session, both[i]), area.x + 6, area.y + 6, { colour: theme.channelText(both[i]), weight: 650, most: w - 12 });
    drawCursor(scene, area);
  });
  pen.text(`Amplitude (${rows[0].shown.name})`, box.x + 14, areas[0].y + tall + 8, { align: "center", turn: -Math.PI / 2 });
  pen.time(areas[1], start, stop, session.rate, state.clock);
  const area = { x, y: areas[1].y + tall + 52, w, h: box.h - (areas[1].y + tall + 52) - 40 + box.y };
  const found = scene.ask("pair", { focus: both[0], other: both[1], start, stop });
  if (!found || area.h < 30) return;
  const { lags, r } = found;
  const most = 1.15 * r.reduce((top, value) => Math.max(top, Math.abs(value)), 0.04);
  pen.left(area, -most, most, "", { count: Math.max(2, Math.min(4, Math.floor(area.h / 28))) });
  const reach = 1000 * lags[lags.length - 1];
  pen.below(area, -reach, reach, `Lag of ${session.labels[both[1]]} (ms)`);
  pen.line(area.x + area.w / 2, area.y, area.x + area.w / 2, area.y + area.h, theme.soft, 1, [3, 3]);
  pen.path(Array.from(r, (value, i) => [area.x + (i / (r.length - 1)) * area.w, area.y + area.h / 2 - (value / most) * (area.h / 2)]), theme.ink, 1.3);
  const at = lags.findIndex((lag) => lag >= 0);
  pen.tag(`cross-correlation, r = ${number(r[at], 1e-4)} at lag 0`, area.x + 6, area.y + 6, { colour: theme.ink, most: w - 12 });
}

function cellAt(scene, x, y) {
  const { area, found } = last;
  if (!found || !area || x < area.x || x >= area.x + area.w || y < area.y || y >= area.y + area.h) return null;
  const n = scene.shown.length;
  return [Math.floor(((y - area.y) / area.h) * n), Math.floor(((x - area.x) / area.w) * n)];
}

export function readout(scene, x, y) {
  const cell = cellAt(scene, x, y);
  if (!cell) return null;
  const [a, b] = cell.map((at) => scene.shown[at]);
  const r = last.found.r[a * scene.session.channels + b];
  return [name(scene.session, a), name(scene.session, b), r > 1.5 ? "r is not defined: a channel is constant" : `r = ${number(r, 1e-4)}`];
}

export function click(scene, x, y) {
  const cell = cellAt(scene, x, y);
  return cell && { focus: scene.shown[cell[0]], other: scene.shown[cell[1]] };
}

