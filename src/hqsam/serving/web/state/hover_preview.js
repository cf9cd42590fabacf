/** What a click would take, shown while the pointer rests. Tells "change". */
import { promptFrom, withPoint } from "./draft.js";

const DELAY_MS = 30; // milliseconds without movement before the model is asked

export class HoverPreview extends EventTarget {
  /** @type {import("../masks/mask.js").Mask | null} perhaps smaller than the image, of the same shape */
  mask = null;
  #store;
  #predictor;
  #last = "";
  #question = new AbortController();

  constructor({ store, predictor }) {
    super();
    this.#store = store;
    this.#predictor = predictor;
    for (const what of ["draft", "image"]) store.addEventListener(what, () => this.stop());
  }

  /** @param {[number, number]} point a pixel @param {0 | 1} label */
  at(point, label) {
    const wanted = `${point} ${label}`;
    if (wanted === this.#last) return;
    this.#last = wanted;
    this.#question.abort();
    this.#question = new AbortController();
    setTimeout((signal) => this.#look(point, label, signal), DELAY_MS, this.#question.signal);
  }

  stop() {
    this.#last = "";
    this.#question.abort();
    this.#show(null);
  }

  async #look(point, label, signal) {
    if (signal.aborted) return;
    const prompt = promptFrom(withPoint(this.#store.draft, point, label));
    const mask = await this.#predictor.peek(this.#store.image.id, prompt, signal).catch(() => null);
    if (!signal.aborted) this.#show(mask);
  }

  #show(mask) {
    if (this.mask === mask) return;
    this.mask = mask;
    this.dispatchEvent(new Event("change"));
  }
}
