/** A pointer for those who use the keyboard: arrows move it, the space bar is its button. */

const STEP = 12; // CSS pixels; with Shift one pixel of the image

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class KeyboardPointer {
  #work;
  #at = null;
  #points = null; // since the space bar is down

  /** @param {HTMLElement} stage @param {object} work viewport, scene, bench, toolbox, gestures and status */
  constructor(stage, work) {
    this.#work = work;
    stage.addEventListener("keydown", (event) => this.#down(event));
    stage.addEventListener("keyup", (event) => event.code === "Space" && this.#release(event));
    stage.addEventListener("pointermove", () => this.#hide());
    stage.addEventListener("blur", () => this.#hide());
  }

  #down(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#work.bench.image) return;
    if (event.code in WAYS) this.#step(event);
    else if (event.code === "Space") this.#press(event);
  }

  #step(event) {
    event.preventDefault();
    const { viewport } = this.#work;
    const [dx, dy] = WAYS[event.code];
    const far = event.shiftKey ? 1 : Math.max(1, Math.round(STEP / viewport.scale));
    const [x, y] = this.#at ?? viewport.toImageInside(viewport.middle).map((value) => Math.floor(value) + 0.5);
    this.#moveTo(this.#at ? [x + dx * far, y + dy * far] : [x, y]);
  }

  #moveTo([x, y]) {
    const { viewport, scene, toolbox } = this.#work;
    const { width, height } = viewport.image;
    this.#at = [Math.min(width - 0.5, Math.max(0.5, x)), Math.min(height - 0.5, Math.max(0.5, y))];
    viewport.reveal(this.#at);
    scene.set({ keyboardPointer: this.#at });
    if (!this.#points) return toolbox.inHand.hover?.(this.#at, toolbox.takesAway);
    this.#points.push(this.#at);
    toolbox.inHand.drag?.(this.#points, toolbox.takesAway);
  }

  /** Held down, it draws while the arrows move; and the mouse moves the photo. */
  #press(event) {
    event.preventDefault();
    if (event.repeat) return;
    this.#work.gestures.isPanning = true;
    if (this.#at) this.#points = [this.#at];
  }

  #release(event) {
    event.preventDefault();
    const { gestures, toolbox } = this.#work;
    gestures.isPanning = false;
    const points = this.#points;
    this.#points = null;
    if (!points) return;
    const takesAway = toolbox.takesAway !== event.shiftKey;
    if (points.length > 1) toolbox.inHand.drop?.(points, takesAway);
    else toolbox.inHand.tap?.(points[0], takesAway);
  }

  #hide() {
    if (!this.#at) return;
    this.#at = null;
    this.#points = null;
    this.#work.scene.set({ keyboardPointer: null });
  }
}
