/**
 * A mask of an image. It never changes; what changes it returns another.
 *
 * Only the bitmap of its box is kept, row by row, one byte a pixel: a cup in an image of 12 megapixels is small.
 *
 * @typedef {{x0: number, y0: number, x1: number, y1: number}} Box  Along pixel edges: x1 and y1 are one past the last.
 */
export class Mask {
  /** @param {number} width @param {number} height of the image. @param {Box} box @param {Uint8Array} bits */
  constructor(width, height, box, bits) {
    this.width = width;
    this.height = height;
    this.box = box;
    this.bits = bits;
  }

  static empty(width, height) {
    return new Mask(width, height, { x0: 0, y0: 0, x1: 0, y1: 0 }, new Uint8Array(0));
  }

  get isEmpty() {
    return this.bits.length === 0;
  }

  get area() {
    let area = 0;
    for (const bit of this.bits) area += bit;
    return area;
  }

  /** True if a pixel belongs to the mask. @param {number} x @param {number} y may have fractions */
  has(x, y) {
    const column = Math.floor(x);
    const row = Math.floor(y);
    const { x0, y0, x1, y1 } = this.box;
    if (column < x0 || column >= x1 || row < y0 || row >= y1) return false;
    return this.bits[(row - y0) * (x1 - x0) + column - x0] === 1;
  }

  /** The pixels of either. @param {Mask} other */
  union(other) {
    if (other.isEmpty) return this;
    if (this.isEmpty) return other;
    const canvas = new Bitmap(around(this.box, other.box));
    canvas.blit(this, 1);
    canvas.blit(other, 1);
    return new Mask(this.width, this.height, canvas.box, canvas.bits);
  }

  /** The pixels of this one that are not in the other. @param {Mask} other */
  subtract(other) {
    if (other.isEmpty || this.isEmpty) return this;
    const canvas = new Bitmap(this.box);
    canvas.blit(this, 1);
    canvas.blit(other, 0);
    return cropToContent(this.width, this.height, canvas);
  }
}

/** A rectangle of the image that is being written. Its functions take image pixels and cut off what is outside. */
export class Bitmap {
  /** @param {Box} box */
  constructor(box) {
    this.box = box;
    this.stride = box.x1 - box.x0;
    this.bits = new Uint8Array(this.stride * (box.y1 - box.y0));
  }

  /** Sets the pixels x0 to x1 of a row. */
  fill(row, x0, x1, value = 1) {
    const from = Math.max(x0, this.box.x0);
    const to = Math.min(x1, this.box.x1);
    if (row < this.box.y0 || row >= this.box.y1 || from >= to) return;
    const start = (row - this.box.y0) * this.stride - this.box.x0;
    this.bits.fill(value, start + from, start + to);
  }

  /** Sets the pixels that a mask has. */
  blit(mask, value) {
    const { x0, y0, x1, y1 } = mask.box;
    const from = { x: Math.max(x0, this.box.x0), y: Math.max(y0, this.box.y0) };
    const to = { x: Math.min(x1, this.box.x1), y: Math.min(y1, this.box.y1) };
    for (let y = from.y; y < to.y; y++) {
      let there = (y - y0) * (x1 - x0) + from.x - x0;
      let here = (y - this.box.y0) * this.stride + from.x - this.box.x0;
      for (let x = from.x; x < to.x; x++, there++, here++) if (mask.bits[there]) this.bits[here] = value;
    }
  }
}

/** Makes a mask of a bitmap, its box as small as it can be. */
export function cropToContent(width, height, bitmap) {
  const box = boxOfOnes(bitmap);
  if (box === null) return Mask.empty(width, height);
  const bits = new Uint8Array((box.x1 - box.x0) * (box.y1 - box.y0));
  for (let y = box.y0; y < box.y1; y++) {
    const start = (y - bitmap.box.y0) * bitmap.stride + box.x0 - bitmap.box.x0;
    bits.set(bitmap.bits.subarray(start, start + box.x1 - box.x0), (y - box.y0) * (box.x1 - box.x0));
  }
  return new Mask(width, height, box, bits);
}

function boxOfOnes({ bits, box, stride }) {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -1, -1];
  for (let y = 0, start = 0; start < bits.length; y++, start += stride) {
    const row = bits.subarray(start, start + stride);
    const first = row.indexOf(1);
    if (first < 0) continue;
    x0 = Math.min(x0, first);
    x1 = Math.max(x1, row.lastIndexOf(1) + 1);
    y0 = Math.min(y0, y);
    y1 = y + 1;
  }
  return y1 < 0 ? null : { x0: x0 + box.x0, y0: y0 + box.y0, x1: x1 + box.x0, y1: y1 + box.y0 };
}

/** @returns {Box} the smallest box around two. */
function around(one, other) {
  return {
    x0: Math.min(one.x0, other.x0),
    y0: Math.min(one.y0, other.y0),
    x1: Math.max(one.x1, other.x1),
    y1: Math.max(one.y1, other.y1),
  };
}
