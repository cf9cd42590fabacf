/** Commands whose meaning depends on what is going on: a draft that is being made, or objects that are selected. */
/** @import { App } from "../main.js" */
import { keyLabel } from "./classes.js";

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
    const object = store.object(store.selected.at(-1));
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
    else store.select();
  }

  /** Selects the next object, or the one before; or that one too. @param {1 | -1} far @param {boolean} extend */
  walk(far, extend) {
    const { store, notices } = this.#app;
    const { objects, selected } = store;
    if (!objects.length) return;
    const place = objects.findIndex(({ key }) => key === selected.at(-1));
    const next = place < 0 ? (far > 0 ? 0 : objects.length - 1) : (place + far + objects.length) % objects.length;
    const { key, class_name } = objects[next];
    const others = selected.filter((one) => one !== key);
    store.select(...(extend ? others : []), key);
    const count = store.selected.length > 1 ? ` ${store.selected.length} are selected.` : "";
    notices.say(`${class_name}, ${next + 1} of ${objects.length}.${count}`);
  }

  selectAll() {
    const { store } = this.#app;
    store.select(...store.objects.map(({ key }) => key));
  }

  /** Shows or hides, locks or unlocks the selected objects: all become what the last one is not. @param {"visible" | "locked"} flag */
  toggle(flag, [on, off]) {
    const { store } = this.#app;
    const is = store.object(store.selected.at(-1))?.[flag];
    if (this.#hasSelection()) store.change(store.selected, { [flag]: !is }, is ? off : on);
  }

  /** @param {boolean} toFront */
  restackSelected(toFront) {
    if (this.#hasSelection()) this.#app.store.restack(this.#app.store.selected, toFront);
  }

  removeSelected() {
    const keys = this.#unlocked();
    if (keys.length) this.#app.store.remove(keys);
  }

  /** @param {string} name */
  renameSelected(name) {
    const { store } = this.#app;
    const keys = this.#unlocked().filter((key) => store.object(key).class_name !== name);
    if (name && keys.length) store.rename(keys, name);
  }

  /** Puts the cursor where the draft, or else the selected objects, are named. */
  name() {
    const { draftBar, draftEditor, objects } = this.#app;
    if (!draftEditor.isBlank) draftBar.focusName();
    else if (this.#unlocked().length) objects.rename();
  }

  /** Gives a class to the draft, or else to the selected objects; and to the drafts that follow. @param {string} name */
  setClass(name) {
    const { draftEditor, settings, store, notices } = this.#app;
    const { object } = draftEditor;
    if (object) return object.class_name !== name && store.rename([object.key], name);
    if (draftEditor.isBlank && store.selected.length) return this.renameSelected(name);
    store.addClass(name);
    settings.set("className", name);
    if (draftEditor.isBlank) notices.say(`The next object is ${name}.`);
  }

  /** @param {string} key */
  setClassByKey(key) {
    const { classes, notices } = this.#app;
    const found = classes.byKey(key);
    if (found) this.setClass(found.name);
    else notices.say(`No class has the key ${keyLabel(key.at(-1))}.`);
  }

  #hasSelection() {
    const { store, notices } = this.#app;
    if (!store.selected.length) notices.say("Select an object first: J and K go through them.");
    return store.selected.length > 0;
  }

  /** The selected objects that can be changed; says why where there are none. */
  #unlocked() {
    const { store, notices } = this.#app;
    const keys = store.selected.filter((key) => !store.object(key).locked);
    if (this.#hasSelection() && !keys.length) notices.say("It is locked.");
    return keys;
  }
}
