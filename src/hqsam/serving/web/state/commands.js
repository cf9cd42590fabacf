/** What Enter, Escape and the walk through the objects mean, by what is going on. */
import { isBlank } from "./draft.js";

export class Commands {
  #app;

  /** @param {object} app store, toolbox, gestures and status */
  constructor(app) {
    this.#app = app;
  }

  /** Closes a line that is being drawn, or keeps the draft, or begins to correct the selected object. */
  enter() {
    const { store, toolbox, status } = this.#app;
    if (!store.image || toolbox.active.finish?.()) return;
    if (!isBlank(store.draft)) {
      if (!store.keep()) status.say("There is nothing in it to keep.");
      return;
    }
    const object = store.object(store.selected);
    if (object?.locked) status.say("It is locked.");
    else if (object) store.correct(object.key);
  }

  /** Leaves off what is under way, else the draft, else what was found, else the selection. */
  escape() {
    const { store, toolbox, gestures } = this.#app;
    const [wasGesture, wasTool] = [gestures.cancel(), toolbox.active.cancel?.()];
    if (wasGesture || wasTool || !store.image) return;
    if (!isBlank(store.draft)) store.discard();
    else if (store.found.length) store.setCandidates([]);
    else store.select(null);
  }

  walk(far) {
    const { store, status } = this.#app;
    const { objects, selected } = store;
    if (!objects.length) return;
    const place = objects.findIndex(({ key }) => key === selected);
    const next = place < 0 ? (far > 0 ? 0 : objects.length - 1) : (place + far + objects.length) % objects.length;
    store.select(objects[next].key);
    status.say(`${objects[next].class_name}, ${next + 1} of ${objects.length}.`);
  }
}
