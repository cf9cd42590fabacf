/** @import { App } from "../main.js" */
import { rasterizeStroke } from "../masks/rasterize.js";
import { settings } from "../settings.js";

/** Paints pixels into the draft, or out of it. The brush is as large on the image at every zoom. */
export class BrushTool {
  /** @type {App} */
  #app;
  #erases;
  #stroke = null;
  #pointer = null;

  /** @param {App} app @param {{erases: boolean}} how */
  constructor(app, { erases }) {
    this.#app = app;
    this.#erases = erases;
    settings.on("change", () => this.#app.renderer.refresh("above"));
  }

  hover(at) {
    this.#pointer = at;
    this.#app.renderer.refresh("above");
  }

  tap(at, subtracts) {
    this.drop([at], subtracts);
  }

  drag(points, subtracts) {
    this.#beginIfNeeded();
    this.#pointer = points.at(-1);
    this.#stroke = { mask: this.#brushedOn(points), length: points.length, erases: this.#isErasing(subtracts) };
    this.#app.renderer.refresh("above");
  }

  drop(points, subtracts) {
    this.#beginIfNeeded();
    const mask = this.#brushedOn(points);
    const erases = this.#isErasing(subtracts);
    this.#stroke = null;
    this.#app.draftEditor.draw(mask, erases, erases ? "Erase" : "Paint");
  }

  cancel() {
    const had = this.#stroke !== null;
    this.#stroke = null;
    this.#app.renderer.refresh("above");
    return had;
  }

  overlay() {
    const ring = this.#pointer && { at: this.#pointer, radius: this.#radius };
    return this.#stroke ? { ring, mask: this.#preview() } : { ring };
  }

  get #radius() {
    return settings.get("brush") / 2;
  }

  /** A brush on a selected object corrects it; otherwise it begins a new one. */
  #beginIfNeeded() {
    const { store, draftEditor } = this.#app;
    const object = store.selected.length === 1 && store.object(store.selected[0]);
    if (object && !object.locked && !draftEditor.object && draftEditor.mask.isEmpty) draftEditor.correct(object.key);
  }

  #isErasing(subtracts) {
    return this.#erases !== subtracts;
  }

  /** Adds to the stroke what is new of it. */
  #brushedOn(points) {
    const { width, height } = this.#app.store.image;
    const known = this.#stroke?.length ?? 0;
    const news = rasterizeStroke(width, height, points.slice(Math.max(0, known - 1)), this.#radius);
    return this.#stroke ? this.#stroke.mask.union(news) : news;
  }

  /** Computed only as often as there are frames. */
  #preview() {
    const now = this.#app.draftEditor.mask;
    this.#stroke.preview ??= this.#stroke.erases ? now.subtract(this.#stroke.mask) : now.union(this.#stroke.mask);
    return this.#stroke.preview;
  }
}
