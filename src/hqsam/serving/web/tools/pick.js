import { objectMask } from "../state/object_masks.js";

/** Picks finished objects, and keeps what "everything" found; dragging moves the image. */
export class PickTool {
  pans = true;
  #app;

  constructor(app) {
    this.#app = app;
  }

  hover(at) {
    this.#app.renderer.set({ hovered: at && this.smallestAt(at, this.#app.store.found) });
  }

  tap(at) {
    const { store } = this.#app;
    const found = this.smallestAt(at, store.found);
    if (found) return store.keepCandidates([found]);
    const object = this.smallestAt(
      at,
      store.objects.filter(({ visible }) => visible),
    );
    const isAgain = object && object.key === store.selected && !store.draft.objectKey;
    if (isAgain && !object.locked) store.correct(object.key);
    else store.select(object?.key ?? null);
  }

  /** The smallest of those at a place: what is on something is smaller than it. */
  smallestAt([x, y], all) {
    const here = all.filter((one) => objectMask(one).has(x, y));
    return here.sort((one, other) => objectMask(one).area - objectMask(other).area)[0] ?? null;
  }
}
