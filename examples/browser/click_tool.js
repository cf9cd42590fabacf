/** What pointers do on the photo: clicks say what belongs to the object and what does not, dragging makes a box. */
/** @import { App } from "./main.js" */
import { boxBetween, isBox, pixelAt } from "./web/tools/coordinates.js";

export class ClickTool {
  /** The box while it is drawn. @type {[number, number, number, number] | null} */
  box = null;
  /** What a tap or a drag means: "object", "other" (what is not the object) or "box". */
  #mode = "object";
  #corner = null; // the first of a box that is made by two taps
  /** @type {App} */
  #app;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  get mode() {
    return this.#mode;
  }

  set mode(mode) {
    this.cancel();
    this.#mode = mode;
  }

  /** A finger that moves means the photo, unless a box is asked for. */
  get pansByTouch() {
    return this.#mode !== "box";
  }

  hover(at) {
    if (this.#corner && at) return this.#show(boxBetween(this.#corner, at));
    this.#app.hover(at && this.#mode === "object" ? pixelAt(at, this.#app.photo) : null);
  }

  tap(at, subtracts) {
    if (this.#mode !== "box") return this.#app.click(pixelAt(at, this.#app.photo), subtracts ? 0 : 1);
    if (this.#corner) return this.drop([this.#corner, at]);
    this.#corner = at;
    this.#app.notices.say("Now the opposite corner.");
  }

  drag(points) {
    this.#app.hover(null);
    this.#show(boxBetween(points[0], points.at(-1)));
  }

  drop(points) {
    const box = boxBetween(points[0], points.at(-1));
    this.cancel();
    if (isBox(box)) this.#app.setBox(box);
  }

  /** @returns {boolean} whether a box was being drawn */
  cancel() {
    const had = this.box !== null || this.#corner !== null;
    this.#corner = null;
    this.#show(null);
    return had;
  }

  #show(box) {
    this.box = box;
    this.#app.renderer.refresh("above");
  }
}
