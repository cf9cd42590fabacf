import { brushed } from "../masks/drawn.js";
import { settings } from "../settings.js";
import { maskOf } from "../work/draft.js";

/** Paints pixels into the draft, or out of it. The brush is as large on the image at every zoom. */
export class BrushTool {
  #work;
  #erases;
  #stroke = null;
  #pointer = null;

  constructor(work, { erases }) {
    this.#work = work;
    this.#erases = erases;
    settings.addEventListener("change", () => this.#work.scene.refresh("above"));
  }

  hover(at) {
    this.#pointer = at;
    this.#work.scene.refresh("above");
  }

  tap(at, takesAway) {
    this.drop([at], takesAway);
  }

  drag(points, takesAway) {
    this.#beginIfNeeded();
    this.#pointer = points.at(-1);
    this.#stroke = { mask: this.#brushedOn(points), length: points.length, erases: this.#isErasing(takesAway) };
    this.#work.scene.refresh("above");
  }

  drop(points, takesAway) {
    this.#beginIfNeeded();
    const mask = this.#brushedOn(points);
    const erases = this.#isErasing(takesAway);
    this.#stroke = null;
    this.#work.drafting.draw(mask, erases, erases ? "Erase" : "Paint");
  }

  cancel() {
    const had = this.#stroke !== null;
    this.#stroke = null;
    this.#work.scene.refresh("above");
    return had;
  }

  marks() {
    const ring = this.#pointer && { at: this.#pointer, radius: this.#radius };
    return this.#stroke ? { ring, mask: this.#preview() } : { ring };
  }

  get #radius() {
    return settings.get("brush") / 2;
  }

  /** A brush on a selected object corrects it; otherwise it begins a new one. */
  #beginIfNeeded() {
    const { bench } = this.#work;
    const object = bench.object(bench.selected);
    if (object && !object.locked && !bench.draft.objectId && maskOf(bench.draft).isEmpty) bench.correct(object.key);
  }

  #isErasing(takesAway) {
    return this.#erases !== takesAway;
  }

  /** The stroke so far, and what is new of it. */
  #brushedOn(points) {
    const { width, height } = this.#work.bench.image;
    const known = this.#stroke?.length ?? 0;
    const news = brushed(width, height, points.slice(Math.max(0, known - 1)), this.#radius);
    return this.#stroke ? this.#stroke.mask.plus(news) : news;
  }

  /** Made only as often as there are frames. */
  #preview() {
    const now = maskOf(this.#work.bench.draft);
    this.#stroke.preview ??= this.#stroke.erases ? now.minus(this.#stroke.mask) : now.plus(this.#stroke.mask);
    return this.#stroke.preview;
  }
}
