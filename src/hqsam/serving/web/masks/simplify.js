/** Leaves out corners that are so near the line between those that stay (Douglas and Peucker). */

/**
 * @param {number[]} ring x, y, x, y, ..., as `rings` gives them
 * @param {number} tolerance in image pixels
 * @returns {[number, number][]} corners
 */
export function simplified(ring, tolerance) {
  /** @type {[number, number][]} */
  const points = [];
  for (let place = 0; place < ring.length; place += 2) points.push([ring[place], ring[place + 1]]);
  const far = furthest(points, 0, points.length, points[0]).place;
  const stays = new Set([0, far]);
  const parts = [
    [0, far],
    [far, points.length],
  ];
  while (parts.length) {
    const [from, to] = parts.pop();
    const { place, away } = furthest(points, from + 1, to, points[from], points[to % points.length]);
    if (away <= tolerance) continue;
    stays.add(place);
    parts.push([from, place], [place, to]);
  }
  return points.filter((_, place) => stays.has(place));
}

/** The point furthest from a line; or from a point, where the line has only one. */
function furthest(points, from, to, [x0, y0], [x1, y1] = [x0, y0]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const length = Math.hypot(dx, dy);
  let best = { place: from, away: 0 };
  for (let place = from; place < to; place++) {
    const [x, y] = [points[place][0] - x0, points[place][1] - y0];
    const away = length ? Math.abs(x * dy - y * dx) / length : Math.hypot(x, y);
    if (away > best.away) best = { place, away };
  }
  return best;
}
