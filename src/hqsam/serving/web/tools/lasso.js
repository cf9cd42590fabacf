/** @import { App } from "../main.js" */
import { rasterizePolygon } from "../masks/rasterize.js";

const CLOSE = 10; // CSS pixels from the first corner that close the line

/** Draws a closed line around pixels to add or to subtract: in one go, or corner by corner. */
export class LassoTool {
  /** @type {App} */
  #app;
  #points = [];
  #pointer = null;
  #subtracts = false;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  hover(at) {
    this.#pointer = at;
    if (this.#points.length) this.#refresh();
  }

  tap(at, subtracts) {
    if (this.#points.length > 2 && this.#isNearFirst(at)) return this.finish();
    if (!this.#points.length) this.#app.notices.say("Corner by corner; Enter or the first corner closes the line.");
    this.#subtracts = subtracts;
    this.#points.push(at);
    this.#refresh();
  }

  drag(points) {
    this.#points = points;
    this.#pointer = null;
    this.#refresh();
  }

  drop(points, subtracts) {
    this.#points = points;
    this.#subtracts = subtracts;
    this.finish();
  }

  finish() {
    if (this.#points.length < 3) return false;
    const { width, height } = this.#app.store.image;
    const mask = rasterizePolygon(width, height, this.#points);
    this.cancel();
    this.#app.draftEditor.draw(mask, this.#subtracts, this.#subtracts ? "Lasso to subtract" : "Lasso");
    return true;
  }

  cancel() {
    const had = this.#points.length > 0;
    if (had) this.#app.notices.clear();
    this.#points = [];
    this.#refresh();
    return had;
  }

  overlay() {
    if (!this.#points.length) return {};
    const points = this.#pointer ? [...this.#points, this.#pointer] : this.#points;
    return { stroke: { points, closed: points.length > 2 } };
  }

  #isNearFirst(at) {
    const [x, y] = this.#points[0];
    return Math.hypot(at[0] - x, at[1] - y) * this.#app.viewport.scale < CLOSE;
  }

  #refresh() {
    this.#app.renderer.refresh("above");
  }
}
