/** Draws what the canvas shows, in CSS pixels; masks are vectors, so edges stay sharp. */
import { outlineOf } from "../masks/outline.js";

const HALO = "rgb(0 0 0 / 50%)"; // around every line, so that it is seen on any image
const GRID_SCALE = 18; // CSS pixels a pixel, from which a grid is of use

/** @param {string} filter a CSS filter, for brightness and contrast */
export function paintImage(context, viewport, bitmap, filter) {
  const { x, y, scale, image } = viewport;
  context.imageSmoothingEnabled = scale * devicePixelRatio < 2;
  context.imageSmoothingQuality = "high";
  context.filter = filter;
  context.drawImage(bitmap, x, y, image.width * scale, image.height * scale);
  context.filter = "none";
  if (scale >= GRID_SCALE) paintGrid(context, viewport);
}

/**
 * A mask's edge, and its inside in some colour. `dashed` for what is not yet an object, `faint` for many of these.
 * @param {CanvasRenderingContext2D} context @param {import("./viewport.js").Viewport} viewport
 * @param {import("../masks/mask.js").Mask} mask
 * @param {{colour: string, strength: number, width?: number, dashed?: boolean, faint?: boolean}} look
 */
export function paintMask(context, viewport, mask, { colour, strength, width = 1.5, dashed = false, faint = false }) {
  if (mask.isEmpty || !isVisible(viewport, mask)) return;
  const path = onScreen(viewport, mask);
  context.save();
  context.globalAlpha = strength;
  context.fillStyle = colour;
  context.fill(path, "evenodd");
  context.globalAlpha = faint ? 0.55 : 1;
  context.lineJoin = "round";
  line(context, path, colour, width, dashed ? [5, 4] : []);
  context.restore();
}

export function paintBox(context, viewport, [x0, y0, x1, y1], colour) {
  const [left, top] = viewport.toScreen([x0, y0]);
  const [right, bottom] = viewport.toScreen([x1, y1]);
  const path = new Path2D();
  path.rect(left, top, right - left, bottom - top);
  line(context, path, colour, 1.5, [6, 4]);
}

/** A line that is being drawn by hand. */
export function paintStroke(context, viewport, points, colour, closed) {
  const path = new Path2D();
  for (const [x, y] of points.map((point) => viewport.toScreen(point))) path.lineTo(x, y);
  if (closed) path.closePath();
  line(context, path, colour, 1.5, []);
}

/** A click: green with a plus where the object is, orange with a minus where it is not. */
export function paintClick(context, viewport, [x, y], label) {
  const [left, top] = viewport.toScreen([x + 0.5, y + 0.5]);
  const dot = new Path2D();
  dot.arc(left, top, 6.5, 0, 7);
  context.save();
  context.fillStyle = label ? "#007a58" : "#b84d00";
  context.fill(dot);
  line(context, dot, "white", 1.5, []);
  const sign = new Path2D(label ? "M-3 0h6M0-3v6" : "M-3 0h6");
  context.translate(left, top);
  context.strokeStyle = "white";
  context.lineWidth = 1.5;
  context.stroke(sign);
  context.restore();
}

/** Corners of an outline that can be moved; one may be under the pointer. */
export function paintHandles(context, viewport, points, active) {
  const path = new Path2D();
  for (const point of points) {
    const [x, y] = viewport.toScreen(point);
    const size = String(point) === String(active) ? 9 : 6;
    path.rect(x - size / 2, y - size / 2, size, size);
  }
  context.fillStyle = "white";
  context.fill(path);
  line(context, path, "#1d5fd1", 1.5, []);
}

/** Where the brush would paint. */
export function paintRing(context, viewport, point, radius, colour) {
  const [x, y] = viewport.toScreen(point);
  const path = new Path2D();
  path.arc(x, y, Math.max(1, radius * viewport.scale), 0, 7);
  line(context, path, colour, 1, []);
}

/** The pointer of those who use the keyboard. */
export function paintCross(context, viewport, point, colour) {
  const [x, y] = viewport.toScreen(point).map((value) => Math.round(value) + 0.5);
  const path = new Path2D(`M${x - 14} ${y}h10M${x + 4} ${y}h10M${x} ${y - 14}v10M${x} ${y + 4}v10`);
  line(context, path, colour, 1.5, []);
}

function line(context, path, colour, width, dashes) {
  context.strokeStyle = HALO;
  context.lineWidth = width + 1.5;
  context.setLineDash([]);
  context.stroke(path);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dashes);
  context.stroke(path);
  context.setLineDash([]);
}

function paintGrid(context, { x, y, scale, image, canvas }) {
  const path = new Path2D();
  const [left, right] = [Math.max(0, x), Math.min(canvas.width, x + image.width * scale)];
  const [top, bottom] = [Math.max(0, y), Math.min(canvas.height, y + image.height * scale)];
  for (let k = Math.ceil((left - x) / scale); k * scale + x <= right; k++)
    path.rect(k * scale + x, top, 0, bottom - top);
  for (let k = Math.ceil((top - y) / scale); k * scale + y <= bottom; k++)
    path.rect(left, k * scale + y, right - left, 0);
  context.strokeStyle = "rgb(128 128 128 / 25%)";
  context.lineWidth = 1 / devicePixelRatio;
  context.stroke(path);
}

/** A mask may be smaller than the image, for a quick look. Zoomed out, it is drawn no finer than the screen is. */
function onScreen({ x, y, scale, image }, mask) {
  const [across, down] = [(scale * image.width) / mask.width, (scale * image.height) / mask.height];
  const step = 2 ** Math.max(0, Math.floor(-Math.log2(across * devicePixelRatio)));
  const path = new Path2D();
  path.addPath(outlineOf(mask, step), new DOMMatrix([across * step, 0, 0, down * step, x, y]));
  return path;
}

function isVisible({ x, y, scale, image, canvas }, { box, width, height }) {
  const [across, down] = [(scale * image.width) / width, (scale * image.height) / height];
  const isLeftOrAbove = box.x1 * across + x < 0 || box.y1 * down + y < 0;
  return !isLeftOrAbove && box.x0 * across + x < canvas.width && box.y0 * down + y < canvas.height;
}
