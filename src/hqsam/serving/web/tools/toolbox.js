/**
 * The tools, one of which is active. Emits "change".
 *
 * Places are x, y in the image's pixels, with fractions.
 *
 * @typedef {import("../view/viewport.js").Point} Point
 * @typedef {import("../masks/mask.js").Mask} Mask
 * @typedef {[number, number, number, number]} BoxXyxy
 * @typedef {object} Overlay  Drawn over the draft while a tool is at work; a mask is drawn instead of the draft's.
 * @property {Mask} [mask]
 * @property {BoxXyxy} [box]
 * @property {{points: Point[], closed: boolean}} [stroke]
 * @property {{at: Point, radius: number}} [ring]
 * @property {{points: Point[], active: Point | null}} [handles]
 *
 * @typedef {object} Tool
 * @property {boolean} [pans]  Dragging moves the image.
 * @property {boolean} [pansByTouch]
 * @property {(at: Point | null, subtracts?: boolean) => void} [hover]  null when the pointer leaves.
 * @property {(at: Point, subtracts: boolean, isExtending: boolean) => void} [tap]  Extending means with Shift or Ctrl.
 * @property {(points: Point[], subtracts: boolean) => void} [drag]  On the way; the points so far.
 * @property {(points: Point[], subtracts: boolean) => void} [drop]  At the end of a drag.
 * @property {() => boolean} [finish]  Whether there was anything to finish.
 * @property {() => boolean} [cancel]  Whether there was anything to cancel.
 * @property {() => Overlay} [overlay]
 */
/** @import { App } from "../main.js" */
import { Emitter } from "../events.js";
import { BoxTool } from "./box.js";
import { BrushTool } from "./brush.js";
import { ClickTool } from "./click.js";
import { CornersTool } from "./corners.js";
import { LassoTool } from "./lasso.js";
import { PickTool } from "./pick.js";

export class Toolbox extends Emitter {
  /** Clicks and strokes subtract, as with the right button; for fingers and keyboards. */
  subtracts = false;
  /** @type {Record<string, Tool>} */
  #tools;
  #name = "click";

  /** @param {App} app */
  constructor(app) {
    super();
    this.#tools = {
      click: new ClickTool(app),
      box: new BoxTool(app),
      lasso: new LassoTool(app),
      brush: new BrushTool(app, { erases: false }),
      eraser: new BrushTool(app, { erases: true }),
      corners: new CornersTool(app),
      pick: new PickTool(app),
    };
    app.renderer.overlay = () => this.active.overlay?.() ?? {};
    app.store.on("image", () => this.active.cancel?.());
  }

  get name() {
    return this.#name;
  }

  get active() {
    return this.#tools[this.#name];
  }

  select(name) {
    this.active.cancel?.();
    this.active.hover?.(null);
    this.#name = name;
    this.#changed();
  }

  toggleSubtracts() {
    this.subtracts = !this.subtracts;
    this.#changed();
  }

  #changed() {
    this.emit("change");
  }
}
