/**
 * The tools, and which one is in hand. Tells "change".
 *
 * A tool may have: hover(at, takesAway), with null when the pointer leaves; tap(at, takesAway); drag(points, takesAway)
 * on the way and drop(points, takesAway) at the end; finish() and cancel(), which say whether there was anything to;
 * and marks(), what to show meanwhile. Places are x, y in the image's pixels, with fractions.
 *
 * @typedef {[number, number]} Place
 * @typedef {{points: Place[], closed: boolean}} Stroke
 * @typedef {{mask?: object, box?: number[], stroke?: Stroke, ring?: {at: Place, radius: number}}} Marks
 */
import { BoxTool } from "./box.js";
import { BrushTool } from "./brush.js";
import { ClickTool } from "./click.js";
import { LassoTool } from "./lasso.js";
import { PickTool } from "./pick.js";

export class Toolbox extends EventTarget {
  /** Clicks and strokes take away, as with the right button; for fingers and keyboards. */
  takesAway = false;
  #tools;
  #name = "click";

  /** @param {object} work bench, drafting, peeking, scene, status and viewport */
  constructor(work) {
    super();
    this.#tools = {
      click: new ClickTool(work),
      box: new BoxTool(work),
      lasso: new LassoTool(work),
      brush: new BrushTool(work, { erases: false }),
      eraser: new BrushTool(work, { erases: true }),
      pick: new PickTool(work),
    };
    work.scene.marks = () => this.inHand.marks?.();
    work.bench.addEventListener("image", () => this.inHand.cancel?.());
  }

  get name() {
    return this.#name;
  }

  get inHand() {
    return this.#tools[this.#name];
  }

  take(name) {
    this.inHand.cancel?.();
    this.inHand.hover?.(null);
    this.#name = name;
    this.#tell();
  }

  swap() {
    this.takesAway = !this.takesAway;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
