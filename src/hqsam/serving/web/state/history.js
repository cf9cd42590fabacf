/** What can be undone, for one image. A step is {label, undo, redo}; both may be called many times. */

const MAX_STEPS = 200;

export class History extends EventTarget {
  #done = [];
  #undone = [];

  /** Does a step, and remembers it. */
  do(step) {
    step.redo();
    this.#done = [...this.#done, step].slice(-MAX_STEPS);
    this.#undone = [];
    this.dispatchEvent(new Event("change"));
  }

  /** @returns {string | null} what was undone, in words */
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
    this.dispatchEvent(new Event("change"));
    return step.label;
  }
}
