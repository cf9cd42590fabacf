/** @import { App } from "../main.js" */
import { smallestAt } from "../state/object_masks.js";

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
    this.#app.renderer.set({ hovered: at && smallestAt(at, this.#app.store.proposals) });
  }

  tap(at, _subtracts, isExtending) {
    const { store, draftEditor } = this.#app;
    const proposal = smallestAt(at, store.proposals);
    if (proposal) return store.keepProposals([proposal]);
    const object = smallestAt(at, store.objects.filter(({ visible }) => visible));
    if (!object) return isExtending || store.select();
    if (isExtending) return store.toggleSelected(object.key);
    const isAgain = store.selected.length === 1 && object.key === store.selected[0] && !draftEditor.object;
    if (isAgain && !object.locked) draftEditor.correct(object.key);
    else store.select(object.key);
  }
}
