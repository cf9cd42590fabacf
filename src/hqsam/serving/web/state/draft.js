/**
 * The object that is being made: its prompts, the model's answers, and corrections by hand.
 *
 * Drafts never change; every function returns another. Hand corrections lie over the model's mask, so that they stay
 * when another click brings another mask.
 *
 * @typedef {{mask: Mask, score: number, refine: string | null, model: string, source: string}} Answer
 * @typedef {object} Draft
 * @property {[number, number][]} points  Pixels that were clicked.
 * @property {(0 | 1)[]} labels  1 where the object is, 0 where it is not.
 * @property {[number, number, number, number] | null} box
 * @property {Mask | null} start  The finished object's mask that is being corrected.
 * @property {Prompt | null} asked  The prompt that `answers` are for.
 * @property {Answer[]} answers  SAM's three candidates, or one mask.
 * @property {number} chosen
 * @property {boolean} [isDetailed]  The answers are those of a closer look.
 * @property {Mask} added  By hand.
 * @property {Mask} removed
 * @property {string | null} objectKey  The finished object that this will replace.
 *
 * @typedef {object} Prompt  As the server takes it, with what is needed to ask again from the beginning.
 * @property {[number, number][]} points
 * @property {(0 | 1)[]} labels
 * @property {[number, number, number, number] | null} box
 * @property {Mask | null} mask
 * @property {string | null} refine  An earlier answer, which the first `covered` points led to.
 * @property {number} covered
 */
import { Mask } from "../masks/mask.js";

/** @returns {Draft} */
export function newDraft({ width, height }) {
  const nothing = Mask.empty(width, height);
  return {
    points: [],
    labels: [],
    box: null,
    start: null,
    asked: null,
    answers: [],
    chosen: 0,
    added: nothing,
    removed: nothing,
    objectKey: null,
  };
}

const masks = new WeakMap();

/** @returns {Mask} what the object is now; the same one each time */
export function draftMask(draft) {
  if (!masks.has(draft)) masks.set(draft, modelMask(draft).union(draft.added).subtract(draft.removed));
  return masks.get(draft);
}

export function modelMask(draft) {
  return draft.answers[draft.chosen]?.mask ?? draft.start ?? Mask.empty(draft.added.width, draft.added.height);
}

/** True if the draft has no prompts and no drawing, and corrects no object. */
export function isBlank(draft) {
  return !draft.points.length && !draft.box && draft.added.isEmpty && draft.removed.isEmpty && !draft.objectKey;
}

export function withPoint(draft, point, label) {
  return { ...draft, points: [...draft.points, point], labels: [...draft.labels, label] };
}

/** Begins the object again from a box; what was done by hand stays. */
export function withBox(draft, box) {
  return { ...draft, points: [], labels: [], box, start: null, asked: null, answers: [], chosen: 0 };
}

/** @param {Prompt} asked @param {Answer[]} answers */
export function withAnswers(draft, asked, answers) {
  return { ...draft, asked, answers, chosen: bestOf(answers), isDetailed: false };
}

/** @param {Mask} mask that was drawn */
export function withDrawn(draft, mask, erase) {
  return erase
    ? { ...draft, added: draft.added.subtract(mask), removed: draft.removed.union(mask) }
    : { ...draft, added: draft.added.union(mask), removed: draft.removed.subtract(mask) };
}

/** The request to the model for this draft: new clicks go on from the answer that is shown. @returns {Prompt} */
export function promptFrom(draft) {
  const answer = draft.answers[draft.chosen];
  const canRefine = Boolean(answer?.refine) && draft.asked.points.length < draft.points.length;
  return {
    points: draft.points,
    labels: draft.labels,
    box: draft.box,
    mask: draft.answers.length ? null : draft.start,
    refine: canRefine ? answer.refine : null,
    covered: canRefine ? draft.asked.points.length : 0,
  };
}

/** True if the draft got clicks or a box since the model answered. */
export function needsAnswer({ points, box, asked, answers }) {
  if (!points.length && !box) return false;
  return !answers.length || asked.points.length !== points.length || String(asked.box) !== String(box);
}

/** One click can mean a button, a shirt or a person; more say which. */
export function isAmbiguous(prompt) {
  return prompt.points.length === 1 && !prompt.box && !prompt.mask;
}

export function bestOf(answers) {
  return answers.reduce((best, answer, place) => (answer.score > answers[best].score ? place : best), 0);
}
