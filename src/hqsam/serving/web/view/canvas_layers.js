/** Two canvases at the screen's resolution: one that stays, one that changes with the pointer. */
import { find } from "../panels/dom.js";

export class CanvasLayers {
  #layers;
  #dirty = new Set();

  /**
   * @param {HTMLElement} element
   * @param {import("./viewport.js").Viewport} viewport
   * @param {Record<string, (context: CanvasRenderingContext2D) => void>} painters by the canvases' names, in CSS pixels
   */
  constructor(element, viewport, painters) {
    this.#layers = Object.entries(painters).map(([name, paint]) => {
      const canvas = find(`canvas.${name}`, HTMLCanvasElement, element);
      return { name, paint, canvas, context: canvas.getContext("2d") };
    });
    viewport.on("change", () => this.refresh());
    new ResizeObserver(() => this.#resize(element, viewport)).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.refresh());
  }

  /** Paints a canvas, or all, with the next frame. @param {string} [name] */
  refresh(name) {
    if (!this.#dirty.size) requestAnimationFrame(() => this.#paint());
    for (const layer of this.#layers) if (!name || layer.name === name) this.#dirty.add(layer);
  }

  #paint() {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const { paint, canvas, context } of dirty) {
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.scale(devicePixelRatio, devicePixelRatio);
      paint(context);
    }
  }

  #resize(element, viewport) {
    const { clientWidth: width, clientHeight: height } = element;
    for (const { canvas } of this.#layers) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    viewport.resize({ width, height });
    this.refresh();
  }
}
