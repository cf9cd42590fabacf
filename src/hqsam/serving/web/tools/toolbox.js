/**
 * The tools, and which one is in hand. Tells "change".
 *
 * A tool may have: hover(at, subtracts), with null when the pointer leaves; tap(at, subtracts); drag(points, subtracts)
 * on the way and drop(points, subtracts) at the end; finish() and cancel(), which say whether there was anything to;
 * and overlay(), what to show meanwhile. Places are x, y in the image's pixels, with fractions.
 *
 * @typedef {[number, number]} Place
 * @typedef {{points: Place[], closed: boolean}} Stroke
 * @typedef {{mask?: object, box?: number[], stroke?: Stroke, ring?: {at: Place, radius: number}}} Overlay
 */
import { BoxTool } from "./box.js";
import { BrushTool } from "./brush.js";
import { ClickTool } from "./click.js";
import { LassoTool } from "./lasso.js";
import { PickTool } from "./pick.js";

export class Toolbox extends EventTarget {
  /** Clicks and strokes take away, as with the right button; for fingers and keyboards. */
  subtracts = false;
  #tools;
  #name = "click";

  /** @param {object} app store, draftEditor, hoverPreview, renderer, status and viewport */
  constructor(app) {
    super();
    this.#tools = {
      click: new ClickTool(app),
      box: new BoxTool(app),
      lasso: new LassoTool(app),
      brush: new BrushTool(app, { erases: false }),
      eraser: new BrushTool(app, { erases: true }),
      pick: new PickTool(app),
    };
    app.renderer.overlay = () => this.active.overlay?.();
    app.store.addEventListener("image", () => this.active.cancel?.());
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
    this.dispatchEvent(new Event("change"));
  }
}
