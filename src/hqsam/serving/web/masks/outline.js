/** Traces the edge of a mask along pixel edges, as a vector path: exact, and sharp at every zoom. */
import { Bitmap, Mask } from "./mask.js";

const cache = new WeakMap();

/**
 * @param {import("./mask.js").Mask} mask
 * @param {number} step pixels to a side of the blocks that it is drawn in: more than 1 where the screen shows no more
 * @returns {Path2D} in blocks; fill it by "evenodd"
 */
export function outlineOf(mask, step = 1) {
  if (!cache.has(mask)) cache.set(mask, new Map());
  const paths = cache.get(mask);
  if (!paths.has(step)) paths.set(step, asPath(rings(step === 1 ? mask : inBlocks(mask, step))));
  return paths.get(step);
}

/**
 * Closed rings of corners. Outer ones have the mask on their right, so they run clockwise; holes the other way.
 * @returns {number[][]} each x, y, x, y, ...
 */
export function rings(mask) {
  const { x0, y0, x1, y1 } = mask.box;
  const [wide, high] = [x1 - x0, y1 - y0];
  const at = (x, y) => x >= 0 && x < wide && y >= 0 && y < high && mask.bits[y * wide + x] === 1;
  const walked = new Uint8Array(wide * high); // left edges; every ring has one
  const found = [];
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const place = y * wide + x;
      if (mask.bits[place] && !walked[place] && !at(x - 1, y)) found.push(walk(x, y, at, walked, wide, x0, y0));
    }
  }
  return found;
}

const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
]; // right, down, left, up; the mask is on the right hand
const RIGHT_CELL = [
  [0, 0],
  [-1, 0],
  [-1, -1],
  [0, -1],
];
const LEFT_CELL = [
  [0, -1],
  [0, 0],
  [-1, 0],
  [-1, -1],
];
const UP = 3;

/** Follows the edge from the lower end of a pixel's left side upwards, until it is back. */
function walk(startX, startY, at, walked, wide, offsetX, offsetY) {
  const ring = [];
  let [x, y, way] = [startX, startY + 1, UP];
  do {
    if (way === UP) walked[(y - 1) * wide + x] = 1;
    x += STEPS[way][0];
    y += STEPS[way][1];
    const next = turn(x, y, way, at);
    if (next !== way) ring.push(x + offsetX, y + offsetY);
    way = next;
  } while (x !== startX || y !== startY + 1 || way !== UP);
  return ring;
}

/** Where the edge goes on: pixels that touch at a corner only are kept apart. */
function turn(x, y, way, at) {
  const [rightX, rightY] = RIGHT_CELL[way];
  if (!at(x + rightX, y + rightY)) return (way + 1) % 4;
  const [leftX, leftY] = LEFT_CELL[way];
  return at(x + leftX, y + leftY) ? (way + 3) % 4 : way;
}

/** A block is in if any of its pixels is: what is thin stays to be seen. */
function inBlocks({ width, height, box, bits }, step) {
  const down = (value) => Math.floor(value / step);
  const small = { x0: down(box.x0), y0: down(box.y0), x1: down(box.x1 - 1) + 1, y1: down(box.y1 - 1) + 1 };
  const bitmap = new Bitmap(small);
  for (let y = box.y0, place = 0; y < box.y1; y++) {
    const start = (down(y) - small.y0) * bitmap.stride - small.x0;
    for (let x = box.x0; x < box.x1; x++, place++) if (bits[place]) bitmap.bits[start + down(x)] = 1;
  }
  return new Mask(Math.ceil(width / step), Math.ceil(height / step), small, bitmap.bits);
}

function asPath(all) {
  const path = new Path2D();
  for (const ring of all) {
    path.moveTo(ring[0], ring[1]);
    for (let place = 2; place < ring.length; place += 2) path.lineTo(ring[place], ring[place + 1]);
    path.closePath();
  }
  return path;
}
