/** Makes masks of shapes drawn by hand: a pixel belongs to a shape if its centre does. */
import { Bitmap, cropToContent } from "./mask.js";

/** Fills a closed line by the even-odd rule. @param {[number, number][]} points in image pixels */
export function rasterizePolygon(width, height, points) {
  const bitmap = new Bitmap(boundingBox(width, height, points, 0));
  for (let row = bitmap.box.y0; row < bitmap.box.y1; row++) {
    const crossings = crossingsOf(points, row + 0.5);
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      bitmap.fill(row, Math.ceil(crossings[pair] - 0.5), Math.ceil(crossings[pair + 1] - 0.5));
    }
  }
  return cropToContent(width, height, bitmap);
}

/** Fills what a round brush covers on its way. @param {[number, number][]} points @param {number} radius in image pixels */
export function rasterizeStroke(width, height, points, radius) {
  const bitmap = new Bitmap(boundingBox(width, height, points, radius));
  if (radius <= 0.5) points.forEach(([x, y]) => bitmap.fill(Math.floor(y), Math.floor(x), Math.floor(x) + 1));
  let [from] = points;
  for (const to of points) {
    for (const [x, y] of interpolate(from, to, radius)) stamp(bitmap, x, y, radius);
    from = to;
  }
  return cropToContent(width, height, bitmap);
}

function stamp(bitmap, x, y, radius) {
  for (let row = Math.floor(y - radius); row <= y + radius; row++) {
    const half = Math.sqrt(radius * radius - (row + 0.5 - y) ** 2);
    if (half >= 0) bitmap.fill(row, Math.ceil(x - half - 0.5), Math.floor(x + half - 0.5) + 1);
  }
}

/** Places on the way, close enough that the stamps make a smooth line. */
function* interpolate([fromX, fromY], [toX, toY], radius) {
  const step = Math.max(0.5, radius / 8);
  const steps = Math.max(1, Math.ceil(Math.hypot(toX - fromX, toY - fromY) / step));
  for (let k = 0; k <= steps; k++) {
    yield [fromX + ((toX - fromX) * k) / steps, fromY + ((toY - fromY) * k) / steps];
  }
}

function crossingsOf(points, y) {
  const crossings = [];
  points.forEach(([x1, y1], place) => {
    const [x0, y0] = points[place ? place - 1 : points.length - 1];
    if (y0 < y !== y1 < y) crossings.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  });
  return crossings.sort((one, other) => one - other);
}

function boundingBox(width, height, points, margin) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const within = (value, most) => Math.min(most, Math.max(0, value));
  return {
    x0: within(Math.floor(least(xs) - margin) - 1, width),
    y0: within(Math.floor(least(ys) - margin) - 1, height),
    x1: within(Math.ceil(-least(xs.map((x) => -x)) + margin) + 1, width),
    y1: within(Math.ceil(-least(ys.map((y) => -y)) + margin) + 1, height),
  };
}

/** `Math.min(...values)` fails on very long lines. */
function least(values) {
  return values.reduce((low, value) => Math.min(low, value), Infinity);
}
