import { maskOfObject } from "../work/masks_of.js";

/** Picks finished objects, and keeps what "everything" found; dragging moves the photo. */
export class PickTool {
  pans = true;
  #work;

  constructor(work) {
    this.#work = work;
  }

  hover(at) {
    this.#work.scene.set({ pointed: at && this.at(at, this.#work.bench.found) });
  }

  tap(at) {
    const { bench } = this.#work;
    const found = this.at(at, bench.found);
    if (found) return bench.keepFound([found]);
    const object = this.at(
      at,
      bench.objects.filter(({ visible }) => visible),
    );
    const isAgain = object && object.key === bench.selected && !bench.draft.objectId;
    if (isAgain && !object.locked) bench.correct(object.key);
    else bench.select(object?.key ?? null);
  }

  /** The smallest of those at a place: what is on something is smaller than it. */
  at([x, y], all) {
    const here = all.filter((one) => maskOfObject(one).has(x, y));
    return here.sort((one, other) => maskOfObject(one).area - maskOfObject(other).area)[0] ?? null;
  }
}
