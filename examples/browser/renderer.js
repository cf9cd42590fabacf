/** Paints the photo below, and above it the mask, the preview, clicks and boxes. */
/** @import { App } from "./main.js" */
import { CanvasLayers } from "./web/view/canvas_layers.js";
import * as paint from "./web/view/paint.js";

const COLOUR = "#3f8cff";

export class Renderer {
  /** @type {import("./web/masks/mask.js").Mask | null} the object, no finer than a screen */
  mask = null;
  /** @type {import("./web/masks/mask.js").Mask | null} what a click at the pointer would give */
  preview = null;
  /** @type {[number, number] | null} */
  keyboardPointer = null;
  #layers;
  /** @type {App} */
  #app;

  /** @param {HTMLElement} element @param {App} app */
  constructor(element, app) {
    this.#app = app;
    this.#layers = new CanvasLayers(element, app.viewport, {
      below: (context) => this.#paintPhoto(context),
      above: (context) => this.#paintAbove(context),
    });
  }

  /** @param {"below" | "above"} [layer] both if not given */
  refresh(layer) {
    this.#layers.refresh(layer);
  }

  /** @param {Partial<Pick<Renderer, "mask" | "preview" | "keyboardPointer">>} changes */
  set(changes) {
    Object.assign(this, changes);
    this.refresh("above");
  }

  #paintPhoto(context) {
    const { photo, viewport } = this.#app;
    if (photo) paint.paintImage(context, viewport, photo.bitmap, "none");
  }

  #paintAbove(context) {
    const { photo, viewport, prompt, tool } = this.#app;
    if (!photo) return;
    if (this.mask) paint.paintMask(context, viewport, this.mask, { colour: COLOUR, strength: 0.38, width: 2 });
    if (this.preview) {
      paint.paintMask(context, viewport, this.preview, { colour: "white", strength: 0.24, dashed: true });
    }
    const { box, points, labels } = prompt.step;
    if (tool.box ?? box) paint.paintBox(context, viewport, tool.box ?? box, "white");
    points.forEach((point, place) => paint.paintClick(context, viewport, point, labels[place]));
    if (this.keyboardPointer) paint.paintCross(context, viewport, this.keyboardPointer, "white");
  }
}
