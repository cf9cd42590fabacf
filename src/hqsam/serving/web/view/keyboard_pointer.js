/** A pointer for those who use the keyboard: arrows move it, the space bar is its button. */

/** @import { App } from "../main.js" */
const STEP = 12; // CSS pixels; with Shift one pixel of the image

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class KeyboardPointer {
  /** @type {App} */
  #app;
  #at = null;
  #points = null; // since the space bar is down

  /** @param {HTMLElement} canvas @param {App} app */
  constructor(canvas, app) {
    this.#app = app;
    canvas.addEventListener("keydown", (event) => this.#down(event));
    canvas.addEventListener("keyup", (event) => event.code === "Space" && this.#release(event));
    canvas.addEventListener("pointermove", () => this.#hide());
    canvas.addEventListener("blur", () => this.#hide());
  }

  #down(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#app.store.image) return;
    if (event.code in ARROWS) this.#step(event);
    else if (event.code === "Space") this.#press(event);
  }

  #step(event) {
    event.preventDefault();
    const { viewport } = this.#app;
    const [dx, dy] = ARROWS[event.code];
    const far = event.shiftKey ? 1 : Math.max(1, Math.round(STEP / viewport.scale));
    const [x, y] = this.#at ?? viewport.toImageInside(viewport.middle).map((value) => Math.floor(value) + 0.5);
    this.#moveTo(this.#at ? [x + dx * far, y + dy * far] : [x, y]);
  }

  #moveTo([x, y]) {
    const { viewport, renderer, toolbox } = this.#app;
    const { width, height } = viewport.image;
    this.#at = [Math.min(width - 0.5, Math.max(0.5, x)), Math.min(height - 0.5, Math.max(0.5, y))];
    viewport.reveal(this.#at);
    renderer.set({ keyboardPointer: this.#at });
    if (!this.#points) return toolbox.active.hover?.(this.#at, toolbox.subtracts);
    this.#points.push(this.#at);
    toolbox.active.drag?.(this.#points, toolbox.subtracts);
  }

  /** Held down, it draws while the arrows move; and the mouse moves the image. */
  #press(event) {
    event.preventDefault();
    if (event.repeat) return;
    this.#app.gestures.isPanning = true;
    if (this.#at) this.#points = [this.#at];
  }

  #release(event) {
    event.preventDefault();
    const { gestures, toolbox } = this.#app;
    gestures.isPanning = false;
    const points = this.#points;
    this.#points = null;
    if (!points) return;
    const subtracts = toolbox.subtracts !== event.shiftKey;
    if (points.length > 1) toolbox.active.drop?.(points, subtracts);
    else toolbox.active.tap?.(points[0], subtracts, event.shiftKey);
  }

  #hide() {
    if (!this.#at) return;
    this.#at = null;
    this.#points = null;
    this.#app.renderer.set({ keyboardPointer: null });
  }
}
