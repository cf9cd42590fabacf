/**
 * The object that is being made: its clicks and box, the model's answer, and all steps before, which can be undone.
 *
 * @typedef {[number, number]} Point  A pixel, x and y.
 * @typedef {[number, number, number, number]} Box  Along pixel edges: x0, y0, x1, y1.
 * @typedef {{logits: Float32Array, score: number}} Answer
 *
 * @typedef {object} Question  What the model is asked.
 * @property {Point[]} points
 * @property {(0 | 1)[]} labels  1 where the object is, 0 where it is not.
 * @property {Box | null} box
 * @property {Float32Array | null} logits  The answer before, which new clicks correct.
 *
 * @typedef {Question & {answer: Answer | null, name: string}} Step
 */
import { Emitter } from "./web/events.js";

/** @type {Step} */
const NOTHING = { points: [], labels: [], box: null, logits: null, answer: null, name: "" };

/** Emits "change" when there is another step, or an answer to it. */
export class Prompt extends Emitter {
  /** @type {Step[]} */
  #steps = [NOTHING];
  #place = 0;

  get step() {
    return this.#steps[this.#place];
  }

  get isBlank() {
    return !this.step.points.length && !this.step.box;
  }

  get canUndo() {
    return this.#place > 0;
  }

  get canRedo() {
    return this.#place < this.#steps.length - 1;
  }

  /** The question that a further click would ask. @param {Point} point @param {0 | 1} label @returns {Question} */
  questionWith(point, label) {
    const { points, labels, box, answer } = this.step;
    return { points: [...points, point], labels: [...labels, label], box, logits: answer?.logits ?? null };
  }

  /** @param {Point} point @param {0 | 1} label */
  addClick(point, label) {
    this.#add({ ...this.questionWith(point, label), answer: null, name: label ? "click" : "click beside the object" });
  }

  /** Begins anew from a box. @param {Box} box */
  setBox(box) {
    this.#add({ ...NOTHING, box, name: "box" });
  }

  /** Begins anew; this can be undone, too. */
  clear() {
    if (!this.isBlank) this.#add({ ...NOTHING, name: "starting over" });
  }

  /** Forgets all, for another photo. */
  reset() {
    this.#steps = [NOTHING];
    this.#place = 0;
    this.emit("change");
  }

  /** @param {Step} step @param {Answer} answer */
  setAnswer(step, answer) {
    const place = this.#steps.indexOf(step);
    if (place < 0) return; // it was undone, and others came in its place
    this.#steps[place] = { ...step, answer };
    if (place === this.#place) this.emit("change");
  }

  /** Takes back a step that the model could not answer. @param {Step} step */
  drop(step) {
    const place = this.#steps.indexOf(step);
    if (place < 1) return;
    this.#steps.splice(place);
    this.#place = Math.min(this.#place, place - 1);
    this.emit("change");
  }

  /** @returns {string | null} the name of what was undone */
  undo() {
    if (!this.canUndo) return null;
    const { name } = this.step;
    this.#place--;
    this.emit("change");
    return name;
  }

  /** @returns {string | null} */
  redo() {
    if (!this.canRedo) return null;
    this.#place++;
    this.emit("change");
    return this.step.name;
  }

  #add(step) {
    this.#steps = [...this.#steps.slice(0, this.#place + 1), step];
    this.#place++;
    this.emit("change");
  }
}
