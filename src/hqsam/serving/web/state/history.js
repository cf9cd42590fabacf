/** Steps that can be undone and redone, for one image. Emits "change". */
import { Emitter } from "../events.js";

/**
 * @typedef {object} Step
 * @property {string} label
 * @property {() => unknown} undo  May be called many times, as redo may.
 * @property {() => unknown} redo
 * @property {boolean} [isGlobal]  It concerns all images: it can be undone when another image is open, too.
 */

const MAX_STEPS = 200;

export class History extends Emitter {
  /** @type {Step[]} */
  #done = [];
  /** @type {Step[]} */
  #undone = [];

  /** Does a step, and remembers it. @param {Step} step */
  do(step) {
    step.redo();
    this.add(step);
  }

  /** Remembers a step that is done already. @param {Step} step */
  add(step) {
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

  /** The history of another image: only global steps go with it. */
  forNextImage() {
    const next = new History();
    next.#done = this.#done.filter(({ isGlobal }) => isGlobal);
    next.#undone = this.#undone.filter(({ isGlobal }) => isGlobal);
    return next;
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
