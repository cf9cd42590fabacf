/** What tools do to the draft. Each step is on the bench at once; the model's answer follows by itself. */
import { connection, Unreachable } from "../api.js";
import { settings } from "../settings.js";
import * as drafts from "./draft.js";

export class Drafting {
  #bench;
  #asking;
  #status;
  #question = new AbortController(); // the one under way

  constructor({ bench, asking, status }) {
    this.#bench = bench;
    this.#asking = asking;
    this.#status = status;
    bench.addEventListener("draft", () => this.#answerIfNeeded());
    connection.addEventListener("online", () => this.#answerIfNeeded());
    settings.addEventListener("change", ({ detail: name }) => {
      if (name === "detail" && settings.get(name)) this.#answerIfNeeded();
      else if (["model", "source", "detail"].includes(name)) this.#askAnew(name);
    });
  }

  /** @param {[number, number]} point a pixel @param {0 | 1} label */
  click(point, label) {
    if (label === 0 && drafts.maskOf(this.#bench.draft).isEmpty) {
      return this.#status.say("There is nothing to take away from yet: first click what you want.");
    }
    this.#step(drafts.withPoint(this.#bench.draft, point, label), label ? "Click" : "Click to take away");
  }

  /** @param {[number, number, number, number]} box */
  box(box) {
    this.#step(drafts.withBox(this.#bench.draft, box), "Box");
  }

  /** @param {import("../masks/mask.js").Mask} mask */
  draw(mask, erase, label) {
    if (!mask.isEmpty) this.#step(drafts.withDrawn(this.#bench.draft, mask, erase), label);
  }

  /** Shows another of SAM's three readings; asks for them where there is only one. */
  async reading(number) {
    const draft = this.#bench.draft;
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
    this.#bench.changeDraft(draft, label);
  }

  /** Asks what the draft has no answer to yet; then, if that is wished, once more in detail. */
  async #answerIfNeeded() {
    const draft = this.#bench.draft;
    this.#question.abort();
    if (!draft || !drafts.needsAnswer(draft)) return this.#sharpenIfWished(draft);
    const asked = drafts.promptOf(draft);
    const answers = await this.#ask({ asked }, {}, () => this.#bench.history.undo());
    if (answers) this.#bench.answer(draft, drafts.withAnswers(draft, asked, answers));
  }

  /** The same prompt to another model or source, or without detail. */
  async #askAnew(what) {
    const draft = this.#bench.draft;
    if (!draft?.answers.length) return;
    const asked = what === "model" ? { ...draft.asked, refine: null, covered: 0 } : draft.asked;
    const answers = await this.#ask({ asked }, { readings: draft.answers.length > 1 });
    if (!answers) return;
    const chosen = draft.chosen < answers.length ? draft.chosen : 0;
    this.#bench.answer(draft, { ...drafts.withAnswers(draft, asked, answers), chosen });
  }

  async #sharpenIfWished(draft) {
    if (!settings.get("detail") || !draft?.answers.length || draft.isDetailed) return;
    const done = this.#status.begin("Looking closer at the edge");
    const answers = await this.#ask(draft, { detail: true, readings: draft.answers.length > 1 });
    if (answers) this.#bench.answer(draft, { ...draft, answers, isDetailed: true });
    done();
  }

  /** @returns {Promise<drafts.Answer[] | null>} null where something newer is asked, or where it said what failed */
  async #ask({ asked }, how = {}, refused = () => {}) {
    this.#question.abort();
    this.#question = new AbortController();
    const { signal } = this.#question;
    try {
      return await this.#asking.ask(this.#bench.image.id, asked, { signal, ...how });
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof Unreachable)) refused();
      this.#status.fail(error.message);
      return null;
    }
  }
}
