/** Moves corners of the draft's outline: drag one, or an edge for a new one; subtract to remove one. */
/** @import { App } from "../main.js" */
import { rings } from "../masks/outline.js";
import { rasterizePolygon } from "../masks/rasterize.js";
import { simplified } from "../masks/simplify.js";
import { smallestAt } from "../state/object_masks.js";

const REACH = 9; // CSS pixels from a corner or an edge
const DETAIL = 2; // CSS pixels that the corners' outline may be off; zoomed in, there are more corners

/** @typedef {import("../view/viewport.js").Point} Point @typedef {{ring: number, place: number, isNew: boolean}} Grip */

export class CornersTool {
  /** @type {App} */
  #app;
  /** @type {Point[][]} */
  #rings = [];
  #of = ""; // what the rings were made of
  #mask = null;
  #pointer = null;
  /** @type {{grip: Grip, at: Point} | null} */
  #drag = null;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  hover(at) {
    this.#pointer = at;
    this.#app.renderer.refresh("above");
  }

  /** Begins to correct an object; or removes the corner that is clicked to subtract. */
  tap(at, subtracts) {
    const { store, draftEditor } = this.#app;
    const grip = subtracts && this.#gripAt(at);
    if (grip && !grip.isNew) return this.#replace(grip, []);
    if (!draftEditor.isBlank) return;
    const object = smallestAt(at, store.objects.filter(({ visible, locked }) => visible && !locked));
    if (object) draftEditor.correct(object.key);
  }

  drag(points) {
    const grip = this.#drag?.grip ?? this.#gripAt(points[0]);
    this.#drag = grip && { grip, at: points.at(-1) };
    this.#app.renderer.refresh("above");
  }

  drop(points) {
    this.drag(points);
    const drag = this.#drag;
    this.#drag = null;
    if (drag) this.#replace(drag.grip, [drag.at]);
  }

  cancel() {
    const had = this.#drag !== null;
    this.#drag = null;
    this.#app.renderer.refresh("above");
    return had;
  }

  overlay() {
    this.#update();
    const grip = this.#pointer && !this.#drag ? this.#gripAt(this.#pointer) : null;
    const active = this.#drag?.at ?? (grip && !grip.isNew ? this.#rings[grip.ring][grip.place] : null);
    const points = this.#rings.flat();
    if (!this.#drag) return { handles: { points, active } };
    const moved = this.#moved(this.#drag.grip, [this.#drag.at]);
    return { stroke: { points: moved, closed: true }, handles: { points: [...points, this.#drag.at], active } };
  }

  /** Makes corners of the draft's outline, where the draft or the zoom is another. */
  #update() {
    const { draftEditor, viewport } = this.#app;
    const tolerance = DETAIL / 2 ** Math.floor(Math.log2(viewport.scale));
    if (this.#mask === draftEditor.mask && this.#of === String(tolerance)) return;
    this.#mask = draftEditor.mask;
    this.#of = String(tolerance);
    this.#rings = rings(this.#mask).map((ring) => simplified(ring, tolerance)).filter((ring) => ring.length > 2);
  }

  /** The corner in reach, else the edge, which will get one. @param {Point} at @returns {Grip | null} */
  #gripAt(at) {
    this.#update();
    const reach = REACH / this.#app.viewport.scale;
    let [best, least] = [null, reach];
    this.#rings.forEach((points, ring) =>
      points.forEach((point, place) => {
        const next = points[(place + 1) % points.length];
        const [corner, edge] = [distance(at, point, point), distance(at, point, next) + reach / 2];
        if (corner < least) [best, least] = [{ ring, place, isNew: false }, corner];
        if (edge < least) [best, least] = [{ ring, place: place + 1, isNew: true }, edge];
      }),
    );
    return best;
  }

  #moved({ ring, place, isNew }, points) {
    return this.#rings[ring].toSpliced(place, isNew ? 0 : 1, ...points);
  }

  /** Changes only the pixels between the outline as it was and as it is now: all other detail stays. */
  #replace(grip, points) {
    const { draftEditor, store } = this.#app;
    const { width, height } = store.image;
    const [before, after] = [this.#rings[grip.ring], this.#moved(grip, points)];
    if (after.length < 3) return;
    const [was, is] = [before, after].map((ring) => rasterizePolygon(width, height, ring));
    const [more, less] = [is.subtract(was), was.subtract(is)];
    const label = points.length ? "Move a corner" : "Remove a corner";
    if (isHole(before)) draftEditor.redraw(less, more, label);
    else draftEditor.redraw(more, less, label);
    this.#rings = this.#rings.with(grip.ring, after);
    this.#mask = draftEditor.mask; // the corners stay where they were put
  }
}

/** From a point to the line between two. @param {Point} point @param {Point} from @param {Point} to */
function distance([x, y], [x0, y0], [x1, y1]) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = dx || dy ? Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy))) : 0;
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}

/** Holes run the other way. @param {Point[]} ring */
function isHole(ring) {
  return ring.reduce((sum, [x, y], place) => sum + x * ring.at(place - 1)[1] - y * ring.at(place - 1)[0], 0) > 0;
}
