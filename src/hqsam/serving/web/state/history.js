/** Steps that can be undone and redone, for one image. Emits "change". */
import { Emitter } from "../events.js";

/** @typedef {{label: string, undo: () => unknown, redo: () => unknown}} Step  Both may be called many times. */

const MAX_STEPS = 200;

export class History extends Emitter {
  /** @type {Step[]} */
  #done = [];
  /** @type {Step[]} */
  #undone = [];

  /** Does a step, and remembers it. @param {Step} step */
  do(step) {
    step.redo();
    this.#done = [...this.#done, step].slice(-MAX_STEPS);
    this.#undone = [];
    this.emit("change");
  }

  /** @returns {string | null} the label of the step that was undone */
  undo() {
    return this.#move(this.#done, this.#undone, "undo");
  }

  redo() {
    return this.#move(this.#undone, this.#done, "redo");
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  #move(from, to, way) {
    const step = from.pop();
    if (!step) return null;
    step[way]();
    to.push(step);
    this.emit("change");
    return step.label;
  }
}
