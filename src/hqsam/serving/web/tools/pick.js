/** @import { App } from "../main.js" */
import { objectMask } from "../state/object_masks.js";

/** Selects finished objects, and keeps proposals; dragging moves the image. */
export class PickTool {
  pans = true;
  /** @type {App} */
  #app;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  hover(at) {
    this.#app.renderer.set({ hovered: at && this.smallestAt(at, this.#app.store.proposals) });
  }

  tap(at) {
    const { store, draftEditor } = this.#app;
    const proposal = this.smallestAt(at, store.proposals);
    if (proposal) return store.keepProposals([proposal]);
    const object = this.smallestAt(
      at,
      store.objects.filter(({ visible }) => visible),
    );
    const isAgain = object && object.key === store.selected && !draftEditor.object;
    if (isAgain && !object.locked) draftEditor.correct(object.key);
    else store.select(object?.key ?? null);
  }

  /**
   * The smallest of those at a place: what is on something is smaller than it.
   * @template {import("../state/object_masks.js").Masked} T
   * @param {[number, number]} place
   * @param {T[]} all
   * @returns {T | null}
   */
  smallestAt(place, all) {
    const here = all.filter((one) => objectMask(one).has(...place));
    return here.sort((one, other) => objectMask(one).area - objectMask(other).area)[0] ?? null;
  }
}
