/**
 * Maps between the image and the screen, which means CSS pixels from the canvas's upper left corner. Emits "change".
 *
 * @typedef {[number, number]} Point  x, y
 */
import { Emitter } from "../events.js";

const MAX_SCALE = 64; // CSS pixels for one pixel of the image
const MARGIN = 24;
const BOTTOM_BAR = 62; // CSS pixels that bars cover at the canvas's lower edge

export class Viewport extends Emitter {
  /** The sizes of the image and of the canvas. */
  image = { width: 1, height: 1 };
  canvas = { width: 1, height: 1 };
  scale = 1;
  x = 0; // where the image's corner is on the screen
  y = 0;
  #fitted = true;

  /** Shows another image, whole. @param {{width: number, height: number}} image */
  show(image) {
    this.image = image;
    this.fit();
  }

  /** The canvas has another size: a fitted image stays fitted, else the middle stays. */
  resize(canvas) {
    const was = this.canvas;
    this.canvas = canvas;
    if (this.#fitted) return this.fit();
    this.#move(this.scale, this.x + (canvas.width - was.width) / 2, this.y + (canvas.height - was.height) / 2);
  }

  fit() {
    const scale = this.fittingScale;
    this.#move(
      scale,
      (this.canvas.width - this.image.width * scale) / 2,
      (this.canvas.height - this.#bottom - this.image.height * scale + this.#margin) / 2,
    );
    this.#fitted = true;
  }

  get fittingScale() {
    const across = (this.canvas.width - 2 * this.#margin) / this.image.width;
    const down = (this.canvas.height - this.#margin - this.#bottom) / this.image.height;
    return Math.max(0.001, Math.min(across, down, MAX_SCALE));
  }

  /** Around an image that is shown whole: less on small screens. */
  get #margin() {
    return Math.min(MARGIN, this.canvas.width / 40);
  }

  get #bottom() {
    return Math.min(BOTTOM_BAR, this.canvas.height / 5);
  }

  /** Zooms by a factor about a place on the screen. @param {number} factor @param {Point} at */
  zoom(factor, at = this.middle) {
    const least = Math.min(this.fittingScale / 2, 1);
    const scale = Math.min(MAX_SCALE, Math.max(least, this.scale * factor));
    const [x, y] = this.toImage(at);
    this.#move(scale, at[0] - x * scale, at[1] - y * scale);
  }

  /** One pixel of the image for one pixel of the screen. */
  actualSize() {
    this.zoom(1 / devicePixelRatio / this.scale);
  }

  pan(dx, dy) {
    this.#move(this.scale, this.x + dx, this.y + dy);
  }

  /** Pans just enough that a place of the image is on the canvas. @param {Point} point */
  reveal([imageX, imageY]) {
    const [x, y] = this.toScreen([imageX, imageY]);
    const beyond = (value, size) => Math.max(0, MARGIN - value) - Math.max(0, value - size + MARGIN);
    const [dx, dy] = [beyond(x, this.canvas.width), beyond(y, this.canvas.height)];
    if (dx || dy) this.pan(dx, dy);
  }

  /** @returns {Point} */
  get middle() {
    return [this.canvas.width / 2, this.canvas.height / 2];
  }

  /** @param {Point} point @returns {Point} */
  toImage([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  /** @param {Point} point @returns {Point} */
  toScreen([x, y]) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  /** Maps to the image, no further out than its border. @param {Point} at @returns {Point} */
  toImageInside(at) {
    const [x, y] = this.toImage(at);
    return [Math.min(this.image.width, Math.max(0, x)), Math.min(this.image.height, Math.max(0, y))];
  }

  /** True if a place on the screen is on the image. @param {Point} at */
  isOnImage(at) {
    const [x, y] = this.toImage(at);
    return x >= 0 && y >= 0 && x < this.image.width && y < this.image.height;
  }

  /** Some of the image always stays on the canvas. */
  #move(scale, x, y) {
    const keep = (place, size, canvas) => Math.min(canvas - MARGIN, Math.max(MARGIN - size * scale, place));
    this.scale = scale;
    this.x = keep(x, this.image.width, this.canvas.width);
    this.y = keep(y, this.image.height, this.canvas.height);
    this.#fitted = false;
    this.emit("change");
  }
}
