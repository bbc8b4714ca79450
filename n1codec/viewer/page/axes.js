// Axes, numbers and text, drawn with a pen: the context of a canvas, or one that writes SVG.

export const FONT = '"Inter", "Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, sans-serif';

/** Return round numbers between two, about `count` of them, and their distance. */
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0) || !Number.isFinite(rough)) return { step: 1, values: [] };
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((m) => m * unit >= rough * 0.999) || 10);
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) values.push(i * step);
  return { step, values };
}

/** Return about `count` ticks, more where fewer than two are inside of what is shown: one number tells no scale. */
function two(low, high, count, most, inside = () => true) {
  let found = ticks(low, high, count);
  for (let more = count + 1; more < most && found.values.filter(inside).length < 2; more++) found = ticks(low, high, more);
  return found;
}

/** Return the smallest of 1, 2, 5 (or others) times a power of ten that is not below a number. */
export function roundUp(value, steps = [1, 2, 5, 10]) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * steps.find((m) => m * unit >= value * 0.9999);
}

/** Return a range around two numbers that ends at round ones, so that it stays while little changes. */
export function nice(low, high) {
  if (!(high > low)) return low === high ? nice(low - 1, high + 1) : [0, 1];
  const span = high - low;
  const unit = 10 ** Math.floor(Math.log10(span));
  const step = unit * ([0.1, 0.2, 0.5].find((part) => span / (part * unit) <= 12) || 1);
  return [Math.floor((low - 0.03 * span) / step) * step, Math.ceil((high + 0.03 * span) / step) * step];
}

/** Return a number as people read it, with as many decimals as ticks of a distance need. */
export function number(value, step = 0) {
  const size = Math.max(Math.abs(value), step);
  if (size >= 1e5) return `${trim((value / 1e6).toFixed(size >= 1e6 ? 2 : 3))}M`;
  const decimals = step > 0 ? Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) : 3;
  const text = value.toFixed(Math.min(decimals, 8));
  const digits = Math.min(decimals, 8);
  const shown = Math.abs(value) >= 1e3 ? Number(text).toLocaleString("en", step > 0 ? { minimumFractionDigits: digits, maximumFractionDigits: digits } : {}) : text.replace(/^-(0(\.0*)?)$/, "$1");
  return shown.replace("-", "−");
}
const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** Return a moment in seconds, or as hours, minutes and seconds, with so many decimals. */
export function clock(seconds, kind, decimals = 3) {
  if (kind !== "hms") return seconds.toFixed(decimals);
  const whole = 10 ** decimals;
  const rounded = Math.round(seconds * whole) / whole;
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor(rounded / 60) % 60;
  const rest = (rounded % 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0");
  return `${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}:${rest}`;
}

const MINUTES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

/** Return ticks of a time axis: {step, values}. */
export function timeTicks(low, high, count, kind) {
  const rough = (high - low) / Math.max(count, 1);
  if (kind !== "hms" || rough < 1) return ticks(low, high, count);
  const step = MINUTES.find((s) => s >= rough) || 3600 * Math.ceil(rough / 3600);
  const values = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(i * step);
  return { step, values };
}

export class Pen {
  constructor(context, theme) {
    this.c = context;
    this.theme = theme;
  }

  text(text, x, y, { size = 11, colour = this.theme.soft, align = "left", base = "middle", weight = 400, turn = 0, most = 0 } = {}) {
    const { c } = this;
    c.font = `${weight} ${size}px ${FONT}`;
    c.fillStyle = colour;
    c.textAlign = align;
    c.textBaseline = base;
    let shown = text;
    for (let kept = text.length - 1; most && kept > 0 && c.measureText(shown).width > most; kept--) shown = `${text.slice(0, kept)}…`;
    if (turn) {
      c.save();
      c.translate(x, y);
      c.rotate(turn);
      c.fillText(shown, 0, 0);
      c.restore();
    } else c.fillText(shown, x, y);
  }

  /** Text on a background of the paper's colour, so that it stays legible over what is drawn. */
  tag(text, x, y, options = {}) {
    const { c } = this;
    const { size = 11, weight = 400, align = "left", most = 0 } = options;
    c.font = `${weight} ${size}px ${FONT}`;
    const width = Math.min(c.measureText(text).width, most || Infinity) + 8;
    const left = align === "right" ? x - width + 4 : align === "center" ? x - width / 2 : x - 4;
    c.globalAlpha = 0.86;
    c.fillStyle = this.theme.paper;
    c.fillRect(left, y - size / 2 - 3, width, size + 6);
    c.globalAlpha = 1;
    this.text(text, x, y, options);
  }

  width(text, size = 11, weight = 400) {
    this.c.font = `${weight} ${size}px ${FONT}`;
    return this.c.measureText(text).width;
  }

  line(x0, y0, x1, y1, colour = this.theme.grid, width = 1, dash = []) {
    const { c } = this;
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.setLineDash(dash);
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(x1, y1);
    c.stroke();
    c.setLineDash([]);
  }

  /** A line through points; a gap where a coordinate is no number. */
  path(points, colour, width = 1.25, dash = []) {
    const { c } = this;
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.lineJoin = "round";
    c.setLineDash(dash);
    c.beginPath();
    let open = false;
    for (const [x, y] of points) {
      if (Number.isNaN(x) || Number.isNaN(y)) open = false;
      else if (open) c.lineTo(x, y);
      else {
        c.moveTo(x, y);
        open = true;
      }
    }
    c.stroke();
    c.setLineDash([]);
  }

  /** The area that points enclose. */
  fill(points, colour) {
    const { c } = this;
    c.fillStyle = colour;
    c.beginPath();
    points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)));
    c.closePath();
    c.fill();
  }

  box(x, y, width, height, colour) {
    this.c.fillStyle = colour;
    this.c.fillRect(x, y, width, height);
  }

  frame(x, y, width, height, colour = this.theme.faint, line = 1) {
    this.c.strokeStyle = colour;
    this.c.lineWidth = line;
    this.c.strokeRect(x, y, width, height);
  }

  dot(x, y, radius, colour) {
    this.c.fillStyle = colour;
    this.c.beginPath();
    this.c.arc(x, y, radius, 0, 2 * Math.PI);
    this.c.fill();
  }

  within(area, work) {
    this.c.save();
    this.c.beginPath();
    this.c.rect(area.x, area.y, area.w, area.h);
    this.c.clip();
    work();
    this.c.restore();
  }

  /** The axis below an area. `scale` maps values to x. */
  below(area, low, high, title, { format = number, count = Math.max(2, Math.floor(area.w / 90)), found = ticks(low, high, count), grid = false, labels = true } = {}) {
    const bottom = area.y + area.h;
    this.line(area.x, bottom + 0.5, area.x + area.w, bottom + 0.5, this.theme.faint);
    for (const value of found.values) {
      const x = Math.round(area.x + ((value - low) / (high - low)) * area.w) + 0.5;
      if (grid) this.line(x, area.y, x, bottom);
      this.line(x, bottom, x, bottom + 4, this.theme.faint);
      if (labels) this.text(format(value, found.step), x, bottom + 13, { align: "center" });
    }
    if (title && labels) this.text(title, area.x + area.w / 2, bottom + 29, { align: "center" });
  }

  /** The time axis below an area of frames. */
  time(area, start, stop, rate, kind, labels = true) {
    const [low, high] = [start / rate, stop / rate];
    const found = timeTicks(low, high, Math.max(2, Math.floor(area.w / (kind === "hms" ? 130 : 96))), kind);
    const decimals = Math.min(6, Math.max(0, Math.ceil(-Math.log10(found.step) - 1e-9)));
    const format = (value) => clock(value, kind, decimals);
    this.below(area, low, high, kind === "hms" ? "Time (hh:mm:ss)" : "Time (s)", { format, found, labels });
  }

  /** The axis on the left of an area. */
  left(area, low, high, title, { format = number, count = Math.max(1, Math.floor(area.h / 34)), grid = true, titleAt = 14, inset = 0 } = {}) {
    const place = (value) => Math.round(area.y + area.h - ((value - low) / (high - low)) * area.h) + 0.5;
    const inside = (value) => place(value) >= area.y + inset && place(value) <= area.y + area.h - inset;
    const found = two(low, high, count, area.h / 12, inside);
    for (const value of found.values.filter(inside)) {
      const y = place(value);
      if (grid) this.line(area.x, y, area.x + area.w, y);
      this.line(area.x - 4, y, area.x, y, this.theme.faint);
      this.text(format(value, found.step), area.x - 7, y, { align: "right" });
    }
    if (title) this.text(title, titleAt, area.y + area.h / 2, { align: "center", turn: -Math.PI / 2 });
  }

  /** A bar of the colours of a table, beside an area, with its numbers. */
  colourBar(x, y, height, table, low, high, title, { format = number, found = two(low, high, Math.max(2, Math.floor(height / 60)), height / 14) } = {}) {
    const steps = Math.min(128, Math.round(height));
    for (let i = 0; i < steps; i++) {
      const value = table[Math.round((1 - i / (steps - 1)) * (table.length - 1))];
      this.box(x, y + (i * height) / steps, 11, height / steps + 0.7, `rgb(${value & 255}, ${(value >> 8) & 255}, ${(value >> 16) & 255})`);
    }
    this.frame(x + 0.5, y + 0.5, 10, height - 1);
    let wide = 0;
    for (const value of found.values) {
      const text = format(value, found.step);
      wide = Math.max(wide, text ? this.width(text) + 6 : 0);
      this.text(text, x + 16, y + height - ((value - low) / (high - low)) * height);
    }
    this.text(title, x + 22 + wide, y + height / 2, { align: "center", turn: Math.PI / 2 });
  }
}
