/** Which part of the image is on the screen. Screen means CSS pixels from the canvas's upper left corner. */

const MAX_SCALE = 64; // CSS pixels for one pixel of the image
const MARGIN = 24;
const BOTTOM_BAR = 62; // what floats over the canvas's lower edge

export class Viewport extends EventTarget {
  /** The image's and the canvas's sizes. */
  image = { width: 1, height: 1 };
  canvas = { width: 1, height: 1 };
  scale = 1;
  x = 0; // where the image's corner is on the screen
  y = 0;
  #fitted = true;

  /** Shows another image, whole. */
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
      (this.canvas.height - this.#below - this.image.height * scale + this.#room) / 2,
    );
    this.#fitted = true;
  }

  get fittingScale() {
    const across = (this.canvas.width - 2 * this.#room) / this.image.width;
    const down = (this.canvas.height - this.#room - this.#below) / this.image.height;
    return Math.max(0.001, Math.min(across, down, MAX_SCALE));
  }

  /** Around an image that is shown whole: less on small screens. */
  get #room() {
    return Math.min(MARGIN, this.canvas.width / 40);
  }

  get #below() {
    return Math.min(BOTTOM_BAR, this.canvas.height / 5);
  }

  /** Zooms by a factor; what is under `at` (the middle if not given) stays there. */
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

  /** Pans just enough that a place of the image is on the canvas. */
  reveal([imageX, imageY]) {
    const [x, y] = this.toScreen([imageX, imageY]);
    const beyond = (value, size) => Math.max(0, MARGIN - value) - Math.max(0, value - size + MARGIN);
    const [dx, dy] = [beyond(x, this.canvas.width), beyond(y, this.canvas.height)];
    if (dx || dy) this.pan(dx, dy);
  }

  get middle() {
    return [this.canvas.width / 2, this.canvas.height / 2];
  }

  toImage([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  toScreen([x, y]) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  /** The same, no further out than the image's border. */
  toImageInside(at) {
    const [x, y] = this.toImage(at);
    return [Math.min(this.image.width, Math.max(0, x)), Math.min(this.image.height, Math.max(0, y))];
  }

  /** Whether a place on the screen is on the image. */
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
    this.dispatchEvent(new Event("change"));
  }
}
