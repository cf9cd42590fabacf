import { lassoed } from "../masks/drawn.js";

const CLOSE = 10; // CSS pixels from the first corner that close the line

/** A line around what belongs to the object, or does not: drawn in one go, or corner by corner. */
export class LassoTool {
  #work;
  #points = [];
  #pointer = null;
  #takesAway = false;

  constructor(work) {
    this.#work = work;
  }

  hover(at) {
    this.#pointer = at;
    if (this.#points.length) this.#refresh();
  }

  tap(at, takesAway) {
    if (this.#points.length > 2 && this.#isNearFirst(at)) return this.finish();
    if (!this.#points.length) this.#work.status.say("Corner by corner; Enter or the first corner closes the line.");
    this.#takesAway = takesAway;
    this.#points.push(at);
    this.#refresh();
  }

  drag(points) {
    this.#points = points;
    this.#pointer = null;
    this.#refresh();
  }

  drop(points, takesAway) {
    this.#points = points;
    this.#takesAway = takesAway;
    this.finish();
  }

  finish() {
    if (this.#points.length < 3) return false;
    const { width, height } = this.#work.bench.image;
    const mask = lassoed(width, height, this.#points);
    this.cancel();
    this.#work.drafting.draw(mask, this.#takesAway, this.#takesAway ? "Lasso to take away" : "Lasso");
    return true;
  }

  cancel() {
    const had = this.#points.length > 0;
    if (had) this.#work.status.hush();
    this.#points = [];
    this.#refresh();
    return had;
  }

  marks() {
    if (!this.#points.length) return {};
    const points = this.#pointer ? [...this.#points, this.#pointer] : this.#points;
    return { stroke: { points, closed: points.length > 2 } };
  }

  #isNearFirst(at) {
    const [x, y] = this.#points[0];
    return Math.hypot(at[0] - x, at[1] - y) * this.#work.viewport.scale < CLOSE;
  }

  #refresh() {
    this.#work.scene.refresh("above");
  }
}
