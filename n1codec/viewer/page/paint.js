// Pixels: columns from a lowest to a highest value, written into an image's buffer. It is what is fast without a GPU.

/** A picture of 32-bit pixels. */
export class Raster {
  constructor(width, height, paper) {
    this.image = new ImageData(Math.max(width, 1), Math.max(height, 1));
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.width = this.image.width;
    this.height = this.image.height;
    this.clear(paper);
  }

  clear(paper) {
    this.paper = paper;
    this.pixels.fill(paper);
  }

  fill(x, y, width, height, colour) {
    const right = Math.min(x + width, this.width);
    for (let row = Math.max(y, 0); row < Math.min(y + height, this.height); row++)
      if (right > x) this.pixels.fill(colour, row * this.width + Math.max(x, 0), row * this.width + right);
  }
}

/**
 * Turn values into pixel rows, in place in `top` and `bottom`: each column also reaches to the one before, so that a
 * line has no gaps. A column without values gets a top below its bottom.
 */
export function rowsOf(low, high, at, count, zero, factor, least, most, thick, top, bottom) {
  let before0 = 0;
  let before1 = -1;
  for (let i = 0; i < count; i++) {
    const lowest = low[at + i];
    const highest = high[at + i];
    if (lowest > highest) {
      top[i] = 1;
      bottom[i] = 0;
      before1 = -1;
      before0 = 0;
      continue;
    }
    const y0 = Math.floor(zero - highest * factor + 0.5);
    const y1 = Math.floor(zero - lowest * factor + 0.5) + thick - 1;
    let upper = y0;
    let lower = y1;
    if (before1 >= before0) {
      if (before1 < upper - 1) upper = before1 + 1;
      if (before0 > lower + 1) lower = before0 - 1;
    }
    before0 = y0;
    before1 = y1;
    top[i] = upper < least ? least : upper;
    bottom[i] = lower > most ? most : lower;
  }
}

/** Paint a line over what is there. */
export function paintOver(raster, x, count, top, bottom, colour) {
  const { pixels, width } = raster;
  for (let i = 0; i < count; i++) {
    let at = top[i] * width + x + i;
    for (let y = top[i]; y <= bottom[i]; y++, at += width) pixels[at] = colour;
  }
}

/**
 * Paint lines front to back: each pixel column remembers one covered stretch, and only what lies outside it is painted,
 * where the paper is still bare. The picture is that of the painter's order, in a tenth of the time.
 */
export class FrontToBack {
  constructor(raster, x, count) {
    this.raster = raster;
    this.x = x;
    this.from = new Int32Array(count).fill(1);
    this.to = new Int32Array(count);
    this.count = count;
  }

  paint(top, bottom, colour) {
    const { pixels, width, paper } = this.raster;
    for (let i = 0; i < this.count; i++) {
      const upper = top[i];
      const lower = bottom[i];
      if (upper > lower) continue;
      const from = this.from[i];
      const to = this.to[i];
      const column = this.x + i;
      if (from > to) {
        for (let y = upper, at = upper * width + column; y <= lower; y++, at += width) pixels[at] = colour;
        this.from[i] = upper;
        this.to[i] = lower;
      } else if (upper > to + 1 || lower < from - 1) {
        for (let y = upper, at = upper * width + column; y <= lower; y++, at += width)
          if (pixels[at] === paper) pixels[at] = colour;
        if (lower - upper > to - from) {
          this.from[i] = upper;
          this.to[i] = lower;
        }
      } else {
        for (let y = upper, at = upper * width + column; y < from; y++, at += width)
          if (pixels[at] === paper) pixels[at] = colour;
        for (let y = to + 1, at = y * width + column; y <= lower; y++, at += width)
          if (pixels[at] === paper) pixels[at] = colour;
        if (upper < from) this.from[i] = upper;
        if (lower > to) this.to[i] = lower;
      }
    }
  }
}

let counts = new Int32Array(0);

/** How many lines cover each pixel: the cost does not depend on how much they overlap. */
export class Density {
  constructor(raster, x, count, y, height) {
    Object.assign(this, { raster, x, count, y, height });
    const size = count * (height + 1);
    if (counts.length < size) counts = new Int32Array(size);
    this.steps = counts.fill(0, 0, size); // where lines begin, and where they end, row by row
    this.lines = 0;
  }

  add(top, bottom) {
    const { steps, count, y } = this;
    this.lines++;
    for (let i = 0; i < count; i++) {
      if (top[i] > bottom[i]) continue;
      steps[(top[i] - y) * count + i]++;
      steps[(bottom[i] + 1 - y) * count + i]--;
    }
  }

  /** Return where the colour of so many lines is in a table of colours, from 0 to 1. */
  share(lines) {
    return 0.12 + 0.88 * (Math.log(lines) / Math.log(Math.max(this.lines, 2)));
  }

  /** Paint it with a table of colours, from none to all lines, by the logarithm. */
  paint(table) {
    const { steps, count, height } = this;
    const { pixels, width } = this.raster;
    const shade = new Uint32Array(this.lines + 1);
    for (let n = 1; n <= this.lines; n++)
      shade[n] = table[Math.round(this.share(n) * (table.length - 1))];
    const sums = new Int32Array(count);
    for (let row = 0; row < height; row++) {
      const from = row * count;
      const to = (this.y + row) * width + this.x;
      for (let i = 0; i < count; i++) {
        const sum = (sums[i] += steps[from + i]);
        if (sum > 0) pixels[to + i] = shade[sum];
      }
    }
  }
}

/**
 * Paint a table of colour indices, nearest neighbour.
 *
 * @param {(row: number, column: number) => number} colourOf a pixel's colour by row and column of the table
 */
export function paintCells(raster, x, y, width, height, rows, columns, colourOf) {
  const columnOf = new Int32Array(width);
  for (let i = 0; i < width; i++) columnOf[i] = Math.min(Math.floor(((i + 0.5) * columns) / width), columns - 1);
  const line = new Uint32Array(width);
  let known = -1;
  for (let j = 0; j < height; j++) {
    const row = Math.min(Math.floor(((j + 0.5) * rows) / height), rows - 1);
    if (row !== known) {
      known = row;
      let before = -1;
      let colour = 0;
      for (let i = 0; i < width; i++) {
        if (columnOf[i] !== before) {
          before = columnOf[i];
          colour = colourOf(row, before);
        }
        line[i] = colour;
      }
    }
    if (y + j >= 0 && y + j < raster.height) raster.pixels.set(line, (y + j) * raster.width + x);
  }
}
