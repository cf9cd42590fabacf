/** What tools do to the draft. Each step is on the store at once; the model's answer follows by itself. */
import { connection, NetworkError } from "../api.js";
import { settings } from "../settings.js";
import * as drafts from "./draft.js";

export class DraftEditor {
  #store;
  #predictor;
  #status;
  #question = new AbortController(); // the one under way

  constructor({ store, predictor, status }) {
    this.#store = store;
    this.#predictor = predictor;
    this.#status = status;
    store.addEventListener("draft", () => this.#answerIfNeeded());
    connection.addEventListener("online", () => this.#answerIfNeeded());
    settings.addEventListener("change", ({ detail: name }) => {
      if (name === "detail" && settings.get(name)) this.#answerIfNeeded();
      else if (["model", "source", "detail"].includes(name)) this.#predictAgain(name);
    });
  }

  /** @param {[number, number]} point a pixel @param {0 | 1} label */
  click(point, label) {
    if (label === 0 && drafts.draftMask(this.#store.draft).isEmpty) {
      return this.#status.say("There is nothing to take away from yet: first click what you want.");
    }
    this.#step(drafts.withPoint(this.#store.draft, point, label), label ? "Click" : "Click to take away");
  }

  /** @param {[number, number, number, number]} box */
  box(box) {
    this.#step(drafts.withBox(this.#store.draft, box), "Box");
  }

  /** @param {import("../masks/mask.js").Mask} mask */
  draw(mask, erase, label) {
    if (!mask.isEmpty) this.#step(drafts.withDrawn(this.#store.draft, mask, erase), label);
  }

  /** Shows another of SAM's three readings; asks for them where there is only one. */
  async reading(number) {
    const draft = this.#store.draft;
    if (!draft?.answers.length) return this.#status.say("Readings are of a click or a box: make one first.");
    const isAsked = draft.answers.length > 1;
    const readings = isAsked ? draft.answers : await this.#ask(draft, { readings: true });
    if (!readings) return;
    if (readings.length === 1) return this.#status.say("HQ alone has one reading; SAM and the sum have three.");
    this.#step(
      { ...draft, answers: readings, chosen: number, isDetailed: isAsked && draft.isDetailed },
      `Reading ${number + 1}`,
    );
  }

  #step(draft, label) {
    this.#store.changeDraft(draft, label);
  }

  /** Asks what the draft has no answer to yet; then, if that is wished, once more in detail. */
  async #answerIfNeeded() {
    const draft = this.#store.draft;
    this.#question.abort();
    if (!draft || !drafts.needsAnswer(draft)) return this.#sharpenIfWished(draft);
    const asked = drafts.promptFrom(draft);
    const answers = await this.#ask({ asked }, {}, () => this.#store.history.undo());
    if (answers) this.#store.answer(draft, drafts.withAnswers(draft, asked, answers));
  }

  /** The same prompt to another model or source, or without detail. */
  async #predictAgain(what) {
    const draft = this.#store.draft;
    if (!draft?.answers.length) return;
    const asked = what === "model" ? { ...draft.asked, refine: null, covered: 0 } : draft.asked;
    const answers = await this.#ask({ asked }, { readings: draft.answers.length > 1 });
    if (!answers) return;
    const chosen = draft.chosen < answers.length ? draft.chosen : 0;
    this.#store.answer(draft, { ...drafts.withAnswers(draft, asked, answers), chosen });
  }

  async #sharpenIfWished(draft) {
    if (!settings.get("detail") || !draft?.answers.length || draft.isDetailed) return;
    const done = this.#status.begin("Looking closer at the edge");
    const answers = await this.#ask(draft, { detail: true, readings: draft.answers.length > 1 });
    if (answers) this.#store.answer(draft, { ...draft, answers, isDetailed: true });
    done();
  }

  /** @returns {Promise<drafts.Answer[] | null>} null where something newer is asked, or where it said what failed */
  async #ask({ asked }, how = {}, refused = () => {}) {
    this.#question.abort();
    this.#question = new AbortController();
    const { signal } = this.#question;
    try {
      return await this.#predictor.ask(this.#store.image.id, asked, { signal, ...how });
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof NetworkError)) refused();
      this.#status.fail(error.message);
      return null;
    }
  }
}
