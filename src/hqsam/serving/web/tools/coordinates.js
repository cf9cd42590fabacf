/** Makes pixels and boxes, as the model takes them, of places with fractions. */

/** The pixel at a place. @returns {[number, number]} */
export function pixelAt([x, y], { width, height }) {
  const within = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value)));
  return [within(x, width), within(y, height)];
}

/** The box along pixel edges between two places. @returns {[number, number, number, number]} */
export function boxBetween([x0, y0], [x1, y1]) {
  const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)].map(Math.round);
  const [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)].map(Math.round);
  return [left, top, right, bottom];
}

export function isBox([x0, y0, x1, y1]) {
  return x1 > x0 && y1 > y0;
}
