/** Enter, Escape and the walk through the objects, whose meaning depends on what is going on. */

/** @import { App } from "../main.js" */
export class Commands {
  /** @type {App} */
  #app;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Closes a line that is being drawn, or keeps the draft, or begins to correct the selected object. */
  enter() {
    const { store, draftEditor, toolbox, notices } = this.#app;
    if (!store.image || toolbox.active.finish?.()) return;
    if (!draftEditor.isBlank) {
      if (!draftEditor.keep()) notices.say("There is nothing in it to keep.");
      return;
    }
    const object = store.object(store.selected);
    if (object?.locked) notices.say("It is locked.");
    else if (object) draftEditor.correct(object.key);
  }

  /** Leaves off what is under way, else the draft, else the proposals, else the selection. */
  escape() {
    const { store, draftEditor, toolbox, gestures } = this.#app;
    const [wasGesture, wasTool] = [gestures.cancel(), toolbox.active.cancel?.()];
    if (wasGesture || wasTool || !store.image) return;
    if (!draftEditor.isBlank) draftEditor.discard();
    else if (store.proposals.length) store.setProposals([]);
    else store.select(null);
  }

  /** Selects the next object, or the one before. @param {1 | -1} far */
  walk(far) {
    const { store, notices } = this.#app;
    const { objects, selected } = store;
    if (!objects.length) return;
    const place = objects.findIndex(({ key }) => key === selected);
    const next = place < 0 ? (far > 0 ? 0 : objects.length - 1) : (place + far + objects.length) % objects.length;
    store.select(objects[next].key);
    notices.say(`${objects[next].class_name}, ${next + 1} of ${objects.length}.`);
  }
}
