/** Masks and logits of any size, made of the model's small logits by SAM's two bilinear steps. */
import { Bitmap, cropToContent } from "../web/masks/mask.js";
import { resizedSize } from "../segmenter/frame.js";

/** @typedef {import("../segmenter/frame.js").About} About @typedef {import("../segmenter/frame.js").Size} Size */

/**
 * A mask of the photo, at its own size or smaller.
 * @param {Float32Array} logits @param {About} about @param {Size} photo @param {Size} [size]
 */
export function maskOf(logits, about, photo, size = photo) {
  const bitmap = new Bitmap({ x0: 0, y0: 0, x1: size.width, y1: size.height });
  eachRow(logits, about, photo, size, (row, y) => {
    const start = y * size.width;
    for (let x = 0; x < row.length; x++) if (row[x] > 0) bitmap.bits[start + x] = 1;
  });
  return cropToContent(size.width, size.height, bitmap);
}

/**
 * Gives rows of logits of that size from top to bottom; each row is overwritten by the next.
 * @param {(row: Float32Array, y: number) => void} take
 * @param {{from: number, to: number}} [rows]
 */
export function eachRow(logits, about, photo, size, take, rows = { from: 0, to: size.height }) {
  const resized = resizedSize(photo, about);
  const across = twoSteps(about.maskSize, about.imageSize, resized.width, size.width);
  const down = twoSteps(about.maskSize, about.imageSize, resized.height, size.height);
  const wide = widened(logits, about.maskSize, across);
  const row = new Float32Array(size.width);
  for (let y = rows.from; y < rows.to; y++) {
    row.fill(0);
    down[y].forEach(([place, weight]) => {
      const source = wide[place];
      for (let x = 0; x < row.length; x++) row[x] += weight * source[x];
    });
    take(row, y);
  }
}

/** The rows of the logits, each as wide as the mask will be. @returns {Float32Array[]} */
function widened(logits, side, across) {
  const firsts = Int32Array.from(across, (taps) => taps[0][0]);
  const most = Math.max(...across.map((taps) => taps.length));
  const weights = new Float32Array(most * across.length);
  across.forEach((taps, x) => taps.forEach(([place, weight]) => (weights[most * x + place - firsts[x]] += weight)));
  return Array.from({ length: side }, (_, y) => {
    const row = new Float32Array(across.length);
    const start = y * side;
    for (let x = 0; x < row.length; x++) {
      let sum = 0;
      for (let k = 0; k < most; k++) {
        const weight = weights[most * x + k];
        if (weight) sum += weight * logits[start + firsts[x] + k];
      }
      row[x] = sum;
    }
    return row;
  });
}

/**
 * Along one side: from the logits to the model's square, of which the photo fills a part, and from that to the mask.
 * @returns {[number, number][][]} for each place the logits that count, in order and without gaps, and their weights
 */
function twoSteps(side, square, filled, size) {
  const first = bilinear(side, square);
  const second = bilinear(filled, size);
  return second.map((taps) => {
    const sums = new Map();
    for (const [middle, outer] of taps) {
      for (const [place, inner] of first[middle]) sums.set(place, (sums.get(place) ?? 0) + outer * inner);
    }
    return [...sums].sort(([one], [other]) => one - other);
  });
}

/** For each place after resizing, the places before it and their weights. @returns {[number, number][][]} */
function bilinear(before, after) {
  return Array.from({ length: after }, (_, place) => {
    const at = Math.max(0, ((place + 0.5) * before) / after - 0.5);
    const low = Math.min(Math.floor(at), before - 1);
    const high = Math.min(low + 1, before - 1);
    return [
      [low, 1 - (at - low)],
      [high, at - low],
    ];
  });
}
