// The result store: ratio against speed of every codec, those that none beats in both joined and named.

import { number } from "./axes.js";
import { oklch, css } from "./theme.js";

const last = {};
const SPEED = { encode: "average_compression_speed_xRT", decode: "average_decompression_speed_xRT" };
const FAMILIES = ["n1", "numeric", "entropy", "predictive", "dictionary", "blosc", "audio", "baseline"];

const HUES = ["predictive", "numeric", "entropy", "others", "dictionary", "blosc", "audio"]; // from blue on; n1 has its own

const colour = (theme, family) => {
  const at = HUES.includes(family) ? HUES.indexOf(family) : HUES.indexOf("others");
  return family === "n1" ? theme.second : css(oklch(theme.dark ? 0.77 : 0.52, family === "baseline" ? 0.01 : 0.13, 4.3 + at * 0.83));
};

/** Return the numbers of the points that none beats in both, by rising x. */
export function front(points) {
  const order = points.map((_, i) => i).sort((a, b) => points[b].x - points[a].x || points[b].y - points[a].y);
  const found = [];
  let best = -Infinity;
  for (const i of order)
    if (points[i].y > best) {
      best = points[i].y;
      found.push(i);
    }
  return found.reverse();
}

/** Return the name of a tick at the logarithm of a speed. */
export const speed = (power) => (power >= 5 ? Number((10 ** power).toPrecision(2)).toLocaleString("en") : number(10 ** power, 10 ** Math.min(Math.floor(power) - (Number.isInteger(power) ? 0 : 1), 0)));

export function draw(scene) {
  const { state, theme, pen, width, height } = scene;
  const { results } = scene.session;
  const found = results.length ? scene.ask("results", { results: state.results || results[0] }) : null;
  const narrow = width < 760;
  const area = { x: 64, y: 34, w: width - 64 - (narrow ? 12 : besides(width)), h: height - 84 };
  last.area = area;
  last.points = [];
  if (!found) {
    if (!results.length) scene.empty = "There are no results.\nRun n1codec grid, or name a folder with --results.";
    return area;
  }
  const column = SPEED[state.speed];
  const hidden = new Set(state.hidden.split(",").filter(Boolean));
  const rows = found.rows.filter((row) => row[column] > 0 && row.compression_ratio > 0);
  const families = [...new Set(rows.map((row) => row.family))].sort((a, b) => (FAMILIES.indexOf(a) + 99) % 99 - ((FAMILIES.indexOf(b) + 99) % 99));
  const more = legend(scene, families, hidden);
  area.y += more;
  area.h -= more;
  const points = rows.filter((row) => !hidden.has(row.family)).map((row) => ({ row, x: Math.log10(row[column]), y: row.compression_ratio }));
  scene.notes.push(`${found.name}: ${points.length} verified codecs. Up and to the right is better; the line joins those that none beats in both.`);
  if (!points.length) return area;
  const reach = (values, pad) => [Math.min(...values) - pad, Math.max(...values) + pad];
  const [left, right] = reach(points.map((p) => p.x), 0.15);
  const [low, high] = reach(points.map((p) => p.y), 0.08);
  const x = (value) => area.x + ((value - left) / (right - left)) * area.w;
  const y = (value) => area.y + area.h - ((value - low) / (high - low)) * area.h;
  pen.left(area, low, high, "Compression ratio", { titleAt: 14 });
  const decades = [];
  for (let power = Math.ceil(left); power <= right; power++) decades.push(power);
  if (decades.length < 2) for (let i = 1; i <= 3; i++) decades.push(left + ((right - left) * i) / 4);
  pen.below(area, left, right, `Speed of the ${state.speed === "encode" ? "encoder" : "decoder"} (${narrow ? "" : "seconds of recording a second of work, "}xRT)`, {
    found: { step: 1, values: decades.sort((a, b) => a - b) }, format: speed, grid: true,
  });
  const best = front(points);
  const steps = [];
  best.forEach((i, k) => {
    if (k) steps.push([x(points[best[k - 1]].x), y(points[i].y)]);
    steps.push([x(points[i].x), y(points[i].y)]);
  });
  pen.path(steps, theme.soft, 1.3, [3, 3]);
  const onFront = new Set(best);
  points.forEach((point, i) => {
    point.px = x(point.x);
    point.py = y(point.y);
    const paint = colour(theme, point.row.family);
    pen.dot(point.px, point.py, onFront.has(i) ? 5.5 : 4, theme.paper);
    pen.dot(point.px, point.py, onFront.has(i) ? 4.6 : 3.1, paint);
  });
  last.points = points;
  (narrow ? namesInside : names)(scene, area, best.map((i) => points[i]));
  return area;
}

/** Return how wide the column is that names the front. */
const besides = (width) => Math.min(370, Math.max(250, 0.28 * width));

/** Name the front in a column on the right, where no names can overlap. */
function names(scene, area, best) {
  const { pen, theme } = scene;
  const x = area.x + area.w + 22;
  const room = 16;
  const ys = [];
  best.slice().sort((a, b) => a.py - b.py).forEach((point) => ys.push({ point, y: Math.max(point.py, (ys.length ? ys[ys.length - 1].y : area.y - 20) + room) }));
  const over = ys.length ? ys[ys.length - 1].y - (area.y + area.h) : 0;
  if (over > 0) {
    let limit = area.y + area.h;
    for (let i = ys.length - 1; i >= 0; i--) {
      ys[i].y = Math.min(ys[i].y, limit);
      limit = ys[i].y - room;
    }
  }
  for (const { point, y } of ys) {
    pen.path([[point.px + 5, point.py], [x - 12, y], [x - 4, y]], theme.faint, 1);
    pen.text(point.row.mode, x, y, { colour: theme.ink, most: besides(scene.width) - 84, size: 11 });
    pen.text(point.y.toFixed(3), x + besides(scene.width) - 28, y, { align: "right", size: 11 });
  }
  pen.text("none beats these in both", x, area.y - 14, { size: 11 });
}

/** Name those of the front that have room above them on the right, where no other point can be; high ratios first. */
function namesInside(scene, area, best) {
  const { pen, theme } = scene;
  const placed = [];
  for (const { row, px, py } of best) {
    const room = area.x + area.w - px - 12;
    const wide = pen.width(row.mode, 10.5);
    const right = px + 12 + Math.min(wide, room);
    if (room < Math.min(wide, 60) || py - 16 < area.y || placed.some((one) => px < one.right && right > one.px && Math.abs(py - one.py) < 16)) continue;
    pen.tag(row.mode, px + 8, py - 9, { colour: theme.ink, size: 10.5, most: room });
    placed.push({ px, py, right });
  }
}

/** Draw the families in rows, and return how much room those beyond the first one take. */
function legend(scene, families, hidden) {
  const { pen, theme, width } = scene;
  let x = 64;
  let y = 12;
  last.legend = [];
  for (const family of families) {
    const wide = pen.width(family, 12) + 30;
    if (x + wide > width - 10) {
      x = 64;
      y += 18;
    }
    const off = hidden.has(family);
    if (off) pen.frame(x + 0.5, y - 4.5, 9, 9, theme.soft);
    else pen.box(x, y - 5, 10, 10, colour(theme, family));
    pen.text(family, x + 15, y, { size: 12, colour: off ? theme.soft : theme.ink });
    last.legend.push({ family, x, y: y - 9, w: wide - 6, h: 18 });
    x += wide;
  }
  return y - 12;
}

const nearest = (x, y) => last.points.reduce((best, point) => {
  const away = (point.px - x) ** 2 + (point.py - y) ** 2;
  return away < best.away ? { point, away } : best;
}, { away: 500 }).point;

export function readout(scene, x, y) {
  const over = (last.legend || []).find((one) => x >= one.x && x <= one.x + one.w && y >= one.y && y <= one.y + one.h);
  if (over) return [over.family, "a click hides or shows it"];
  const point = last.points.length && nearest(x, y);
  if (!point) return null;
  const { row } = point;
  const figure = (value, unit) => (value === null || value === undefined ? null : `${Number(value.toPrecision(4)).toLocaleString("en")} ${unit}`);
  return [
    row.mode, ...(row.spec !== row.mode ? [row.spec] : []), `ratio ${row.compression_ratio.toFixed(4)}`, figure(row.bits_per_sample, "bits per sample"),
    figure(row.average_compression_speed_xRT, "xRT encoding"), figure(row.average_decompression_speed_xRT, "xRT decoding"), row.family,
  ].filter(Boolean);
}

export function click(scene, x, y) {
  const over = (last.legend || []).find((one) => x >= one.x && x <= one.x + one.w && y >= one.y && y <= one.y + one.h);
  if (over) {
    const hidden = new Set(scene.state.hidden.split(",").filter(Boolean));
    if (!hidden.delete(over.family)) hidden.add(over.family);
    return { hidden: [...hidden].sort().join(",") };
  }
  const point = last.points.length && nearest(x, y);
  return point ? { view: "compression", codec: point.row.spec } : null;
}

/** Return a table of the codecs, the head first. */
export function rows(scene) {
  const points = last.points.slice().sort((a, b) => b.y - a.y);
  return [["codec", "family", "ratio", "encoder xRT", "decoder xRT"], ...points.map(({ row }) => [row.mode, row.family, Number(row.compression_ratio.toFixed(4)), Number(Number(row[SPEED.encode]).toPrecision(3)), Number(Number(row[SPEED.decode] || 0).toPrecision(3))])];
}
