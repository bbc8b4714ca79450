// A context that writes SVG: the part of CanvasRenderingContext2D that the pen uses.

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const short = (value) => String(Math.round(value * 100) / 100);

export class SvgContext {
  constructor(width, height, measure) {
    Object.assign(this, { width, height, measure, parts: [], d: "", dash: [], depth: 0, clips: 0 });
    Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "", textAlign: "left", textBaseline: "middle" });
    this.open = [0];
  }

  measureText(text) {
    this.measure.font = this.font;
    return this.measure.measureText(text);
  }

  save() {
    this.open.push(0);
  }

  restore() {
    for (let i = this.open.pop(); i > 0; i--) this.parts.push("</g>");
  }

  group(attributes) {
    this.parts.push(`<g ${attributes}>`);
    this.open[this.open.length - 1]++;
  }

  translate(x, y) {
    this.group(`transform="translate(${short(x)} ${short(y)})"`);
  }

  rotate(angle) {
    this.group(`transform="rotate(${short((angle * 180) / Math.PI)})"`);
  }

  beginPath() {
    this.d = "";
  }

  moveTo(x, y) {
    this.d += `M${short(x)} ${short(y)}`;
  }

  lineTo(x, y) {
    this.d += `L${short(x)} ${short(y)}`;
  }

  closePath() {
    this.d += "Z";
  }

  rect(x, y, width, height) {
    this.d += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`;
  }

  arc(x, y, r) {
    this.d += `M${short(x - r)} ${short(y)}a${short(r)} ${short(r)} 0 1 0 ${short(2 * r)} 0a${short(r)} ${short(r)} 0 1 0 ${short(-2 * r)} 0Z`;
  }

  clip() {
    const name = `clip${++this.clips}`;
    this.parts.push(`<clipPath id="${name}"><path d="${this.d}"/></clipPath>`);
    this.group(`clip-path="url(#${name})"`);
  }

  setLineDash(dash) {
    this.dash = dash;
  }

  stroke() {
    const dash = this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : "";
    this.parts.push(`<path d="${this.d}" fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${short(this.lineWidth)}"${dash} opacity="${this.globalAlpha}"/>`);
  }

  fill() {
    this.parts.push(`<path d="${this.d}" fill="${escaped(this.fillStyle)}" opacity="${this.globalAlpha}"/>`);
  }

  fillRect(x, y, width, height) {
    this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${escaped(this.fillStyle)}" opacity="${this.globalAlpha}"/>`);
  }

  strokeRect(x, y, width, height) {
    this.parts.push(`<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="none" stroke="${escaped(this.strokeStyle)}" stroke-width="${short(this.lineWidth)}"/>`);
  }

  fillText(text, x, y) {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const [, weight, size, family] = /^(\d+) ([\d.]+)px (.*)$/.exec(this.font);
    const down = this.textBaseline === "middle" ? 0.36 * size : this.textBaseline === "top" ? 0.8 * size : 0;
    this.parts.push(`<text x="${short(x)}" y="${short(y + down)}" text-anchor="${anchor}" font-family="${escaped(family)}" font-size="${size}" font-weight="${weight}" fill="${escaped(this.fillStyle)}">${escaped(text)}</text>`);
  }

  /** Put a picture behind all that is drawn. */
  picture(address, width, height) {
    this.parts.unshift(`<image href="${address}" width="${width}" height="${height}" style="image-rendering:pixelated"/>`);
  }

  toString() {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}">${this.parts.join("")}</svg>`;
  }
}
