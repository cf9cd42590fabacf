/** @import { App } from "../main.js" */
import { boxBetween, isBox } from "./coordinates.js";

/** Draws a box around the object: dragged, or by two taps on its corners. */
export class BoxTool {
  /** @type {App} */
  #app;
  #corner = null;
  #other = null;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  hover(at) {
    if (this.#corner && at) this.#show(this.#corner, at);
  }

  tap(at) {
    if (this.#corner) return this.drop([this.#corner, at]);
    this.#show(at, at);
    this.#app.notices.say("Now the opposite corner.");
  }

  drag(points) {
    this.#show(points[0], points.at(-1));
  }

  drop(points) {
    const box = boxBetween(points[0], points.at(-1));
    this.cancel();
    if (isBox(box)) this.#app.draftEditor.setBox(box);
  }

  cancel() {
    const had = this.#corner !== null;
    if (had) this.#app.notices.clear();
    this.#show(null, null);
    return had;
  }

  overlay() {
    return this.#corner ? { box: boxBetween(this.#corner, this.#other) } : {};
  }

  #show(corner, other) {
    this.#corner = corner;
    this.#other = other;
    this.#app.renderer.refresh("above");
  }
}
