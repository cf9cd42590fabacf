/**
 * Makes and corrects one object at a time. This is a click's way through the page:
 *
 *     pointerdown, pointerup    view/gestures.js: a tap at a place of the image
 *     tap                       tools/click.js: a pixel, and whether it adds or subtracts
 *     addClick                  here: the next draft, one step of the history
 *     predict                   state/mask_predictor.js sends the click: POST /images/ID/masks (or hovering has fetched the answer)
 *     "draft"                   here, with the mask: view/renderer.js paints it, panels/draft_bar.js shows its candidates
 *
 * Emits "draft" whenever there is another one.
 */
/** @import { App } from "../main.js" */
import { ApiError, connection } from "../api.js";
import { Emitter } from "../events.js";
import { encode } from "../masks/rle.js";
import { settings } from "../settings.js";
import * as drafts from "./draft.js";
import { loadDraft, saveDraft } from "./draft_storage.js";
import { objectMask } from "./object_masks.js";

/** @typedef {drafts.Draft} Draft @typedef {import("./save_queue.js").SavedObject} SavedObject */

export class DraftEditor extends Emitter {
  /** @type {Draft} */
  draft = drafts.newDraft({ width: 1, height: 1 });
  /** @type {App["store"]} */
  #store;
  /** @type {App["predictor"]} */
  #predictor;
  /** @type {App["notices"]} */
  #notices;
  /** @type {App["saveQueue"]} */
  #saveQueue;
  #predicted = new WeakMap(); // a draft -> the same draft with the model's answer
  #request = new AbortController(); // the one under way

  /** @param {App} app */
  constructor({ store, predictor, notices, saveQueue }) {
    super();
    this.#saveQueue = saveQueue;
    this.#store = store;
    this.#predictor = predictor;
    this.#notices = notices;
    store.on("image", (image) => this.#set(loadDraft(image) ?? drafts.newDraft(image)));
    connection.on("online", () => this.#predictIfNeeded());
    settings.on("change", (name) => {
      if (name === "detail" && settings.get(name)) this.#predictIfNeeded();
      else if (["model", "source", "detail", "snap"].includes(name)) this.#predictAgain(name);
    });
  }

  /** Adds a click. @param {[number, number]} point a pixel @param {0 | 1} label */
  addClick(point, label) {
    if (label === 0 && this.mask.isEmpty) {
      return this.#notices.say("There is nothing to subtract from yet: first click what you want.");
    }
    this.#do(drafts.withPoint(this.draft, point, label), label ? "Click" : "Click to subtract");
  }

  /** Begins again from a box. @param {[number, number, number, number]} box */
  setBox(box) {
    this.#do(drafts.withBox(this.draft, box), "Box");
  }

  /** Adds pixels that were drawn by hand, or erases them. @param {import("../masks/mask.js").Mask} mask */
  draw(mask, erase, label) {
    if (!mask.isEmpty) this.#do(drafts.withDrawn(this.draft, mask, erase), label);
  }

  /** Adds some pixels and erases others, in one step. @param {import("../masks/mask.js").Mask} added */
  redraw(added, erased, label) {
    this.#do(drafts.withDrawn(drafts.withDrawn(this.draft, added, false), erased, true), label);
  }

  /** Shows another of SAM's three candidates; asks for them where there is only one. @param {number} number from 0 */
  async choose(number) {
    const draft = this.draft;
    if (!draft.answers.length) return this.#notices.say("Candidates are for a click or a box: make one first.");
    const isAsked = draft.answers.length > 1;
    const candidates = isAsked ? draft.answers : await this.#predict(draft.asked, { candidates: 3 });
    if (!candidates) return;
    if (candidates.length === 1) return this.#notices.say("HQ alone has one candidate; SAM and the sum have three.");
    const isDetailed = isAsked && draft.isDetailed;
    this.#do({ ...draft, answers: candidates, chosen: number, isDetailed }, `Candidate ${number + 1}`);
  }

  /** Shows the next of the candidates. */
  chooseNext() {
    return this.choose((this.draft.chosen + 1) % 3);
  }

  /** Begins to correct a finished object. @param {string} key */
  correct(key) {
    const start = objectMask(this.#store.object(key));
    this.#do({ ...drafts.newDraft(this.#store.image), start, objectKey: key }, "Begin to correct");
    this.#store.select(key);
  }

  discard() {
    if (!this.isBlank) this.#do(drafts.newDraft(this.#store.image), "Discard");
  }

  /** Makes the draft a finished object, or replaces the one that it corrects. @returns {boolean} whether there was a mask */
  keep() {
    const { draft, mask } = this;
    if (mask.isEmpty) return false;
    const store = this.#store;
    const before = store.object(draft.objectKey);
    /** @type {SavedObject} */
    let after = { ...(before ?? store.newObject()), ...provenance(draft), rle: encode(mask) };
    store.history.do({
      label: before ? "Correct" : "Keep",
      undo: () => [store.put([after.key], [before]), this.#set(draft)],
      redo: () => [store.put([after.key], [after]), this.#set(drafts.newDraft(store.image))],
    });
    store.select(); // or the next stroke of a brush would go on with it
    if (drafts.needsAnswer(draft)) this.#finish(draft, after, (finished) => (after = finished));
    return true;
  }

  /**
   * Brings the answer to the last click into an object that was kept before it came.
   * @param {Draft} draft @param {SavedObject} kept @param {(finished: SavedObject) => void} onFinished for a redo
   */
  async #finish(draft, kept, onFinished) {
    const { image } = this.#store;
    const prompt = drafts.promptFrom(draft);
    try {
      const answered = drafts.withAnswers(draft, prompt, await this.#predictor.predict(image.id, prompt));
      const mask = drafts.draftMask(answered);
      if (mask.isEmpty) return;
      const change = { ...provenance(answered), rle: encode(mask) };
      onFinished({ ...kept, ...change });
      const isOpen = this.#store.image.id === image.id;
      const now = isOpen ? this.#store.object(kept.key) : kept;
      if (now?.rle.counts !== kept.rle.counts) return;
      if (isOpen) this.#store.put([kept.key], [{ ...now, ...change }]);
      else this.#saveQueue.put(image, [[kept.key, { ...now, ...change }]]);
    } catch (error) {
      this.#notices.fail(`The last click is not in the object that was kept. ${error.message}`);
    }
  }

  /** The draft's mask now, hand corrections included. */
  get mask() {
    return drafts.draftMask(this.draft);
  }

  get isBlank() {
    return drafts.isBlank(this.draft);
  }

  /** The finished object that is being corrected, if any. */
  get object() {
    return this.#store.object(this.draft.objectKey);
  }

  /** The colour that the draft will have as an object. */
  get colour() {
    return this.#store.colourOf(this.object ?? this.#store.newObject());
  }

  #do(after, label) {
    const before = this.draft;
    this.#store.history.do({ label, undo: () => this.#set(before), redo: () => this.#set(after) });
  }

  /** Shows a draft with the newest answer to it, and asks for one where there is none. @param {Draft} draft */
  #set(draft) {
    while (this.#predicted.has(draft)) draft = this.#predicted.get(draft);
    this.draft = draft;
    saveDraft(this.#store.image, draft);
    this.emit("draft");
    this.#predictIfNeeded();
  }

  /** Fetches the mask that the draft has not got yet; then, if that is wished, the detailed one. */
  async #predictIfNeeded() {
    const draft = this.draft;
    this.#request.abort();
    if (!drafts.needsAnswer(draft)) return this.#addDetailIfWished(draft);
    const prompt = drafts.promptFrom(draft);
    const answers = await this.#predict(prompt, {}, () => this.#store.history.undo());
    if (answers) this.#answer(draft, drafts.withAnswers(draft, prompt, answers));
  }

  /** Asks another model or source for the same prompt, or without detail. */
  async #predictAgain(setting) {
    const draft = this.draft;
    if (!draft.answers.length) return;
    const prompt = setting === "model" ? { ...draft.asked, refine: null, covered: 0 } : draft.asked;
    const answers = await this.#predict(prompt, { candidates: draft.answers.length });
    if (!answers) return;
    const chosen = draft.chosen < answers.length ? draft.chosen : 0;
    this.#answer(draft, { ...drafts.withAnswers(draft, prompt, answers), chosen });
  }

  async #addDetailIfWished(draft) {
    if (!settings.get("detail") || !draft.answers.length || draft.isDetailed) return;
    const done = this.#notices.begin("Looking closer at the edge");
    const answers = await this.#predict(draft.asked, { detail: true, candidates: draft.answers.length });
    if (answers) this.#answer(draft, { ...draft, answers, isDetailed: true });
    done();
  }

  /** The model's answer belongs to the step that made the draft, and is no step of its own. */
  #answer(draft, predicted) {
    this.#predicted.set(draft, predicted);
    if (this.draft === draft) this.#set(draft);
  }

  /** @returns {Promise<drafts.Answer[] | null>} null where something newer is asked, or where it said what failed */
  async #predict(prompt, how = {}, onRefused = () => {}) {
    this.#request.abort();
    this.#request = new AbortController();
    const { signal } = this.#request;
    try {
      return await this.#predictor.predict(this.#store.image.id, prompt, { signal, ...how });
    } catch (error) {
      if (signal.aborted) return null;
      // What the model cannot take is undone; a click that nobody could answer now waits, also through a reload.
      if (error instanceof ApiError && error.status < 500 && error.status !== 401) onRefused();
      this.#notices.fail(error.message);
      return null;
    }
  }
}

/** Which model and which prompts an object comes from; none if it is drawn by hand. @param {Draft} draft */
function provenance({ answers, chosen, asked, points, labels, box }) {
  if (!answers.length) return { source: "hand", model: null, score: null, prompts: [] };
  const { score, source, model } = answers[chosen];
  const mask = asked.mask && encode(asked.mask);
  return { source, model, score, prompts: [{ points, labels, box, mask }] };
}
