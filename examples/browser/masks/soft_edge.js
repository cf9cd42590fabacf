/** How much of each pixel belongs to the object: an edge that blends into any other picture, as in Python's cutouts. */
import { eachRow } from "./full_size.js";

const SOFTNESS = 1.6; // pixels in which the edge goes from nothing to all
const REACH = 3; // pixels to either side of the edge that may be partly transparent

/**
 * @param {import("../web/masks/mask.js").Mask} mask of the photo's size
 * @param {Float32Array} logits @param {import("../segmenter/frame.js").About} about
 * @returns {{box: import("../web/masks/mask.js").Box, alpha: Uint8ClampedArray}} 0 to 255 in a box; 0 outside
 */
export function softEdge(mask, logits, about) {
  const margin = REACH + 1;
  const box = {
    x0: Math.max(0, mask.box.x0 - margin),
    y0: Math.max(0, mask.box.y0 - margin),
    x1: Math.min(mask.width, mask.box.x1 + margin),
    y1: Math.min(mask.height, mask.box.y1 + margin),
  };
  const [wide, high] = [box.x1 - box.x0, box.y1 - box.y0];
  const values = new Float32Array(wide * high);
  const rows = { from: box.y0, to: box.y1 };
  const take = (row, y) => values.set(row.subarray(box.x0, box.x1), (y - box.y0) * wide);
  eachRow(logits, about, mask, mask, take, rows);
  const near = nearTheEdge(values, wide, high);
  const alpha = new Uint8ClampedArray(wide * high);
  for (let y = 0, place = 0; y < high; y++) {
    for (let x = 0; x < wide; x++, place++) {
      const isInside = values[place] > 0;
      if (!near[place]) alpha[place] = isInside ? 255 : 0;
      else {
        const share = 255 / (1 + Math.exp((-4 / SOFTNESS) * insideBy(values, wide, high, x, y)));
        alpha[place] = isInside ? Math.max(128, share) : Math.min(127, share);
      }
    }
  }
  return { box, alpha };
}

/** The distance to the edge in pixels: a logit divided by its slope (Scharr). */
function insideBy(values, wide, high, x, y) {
  const at = (dx, dy) =>
    values[Math.min(high - 1, Math.max(0, y + dy)) * wide + Math.min(wide - 1, Math.max(0, x + dx))];
  const across = 3 * (at(1, -1) - at(-1, -1)) + 10 * (at(1, 0) - at(-1, 0)) + 3 * (at(1, 1) - at(-1, 1));
  const down = 3 * (at(-1, 1) - at(-1, -1)) + 10 * (at(0, 1) - at(0, -1)) + 3 * (at(1, 1) - at(1, -1));
  return at(0, 0) / Math.max(Math.hypot(across, down) / 32, 1e-6);
}

/** 1 for pixels that have inside and outside no more than `REACH` away. */
function nearTheEdge(values, wide, high) {
  const near = new Uint8Array(wide * high);
  for (let y = 0, place = 0; y < high; y++) {
    for (let x = 0; x < wide; x++, place++) {
      const isInside = values[place] > 0;
      const right = x + 1 < wide && values[place + 1] > 0 !== isInside;
      const below = y + 1 < high && values[place + wide] > 0 !== isInside;
      if (right) spread(near, wide, high, x, y, 1, 0);
      if (below) spread(near, wide, high, x, y, 0, 1);
    }
  }
  return near;
}

/** Marks what is near two neighbours that differ. */
function spread(near, wide, high, x, y, dx, dy) {
  const [left, right] = [Math.max(0, x - REACH + dx), Math.min(wide - 1, x + REACH)];
  const [top, bottom] = [Math.max(0, y - REACH + dy), Math.min(high - 1, y + REACH)];
  for (let row = top; row <= bottom; row++) near.fill(1, row * wide + left, row * wide + right + 1);
}
