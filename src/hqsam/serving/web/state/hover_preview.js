/** What a click would take, shown while the pointer rests. Tells "change". */
import { promptOf, withPoint } from "./draft.js";

const REST = 30; // milliseconds without movement before the model is asked

export class Peeking extends EventTarget {
  /** @type {import("../masks/mask.js").Mask | null} perhaps smaller than the image, of the same shape */
  mask = null;
  #bench;
  #asking;
  #last = "";
  #question = new AbortController();

  constructor({ bench, asking }) {
    super();
    this.#bench = bench;
    this.#asking = asking;
    for (const what of ["draft", "image"]) bench.addEventListener(what, () => this.stop());
  }

  /** @param {[number, number]} point a pixel @param {0 | 1} label */
  at(point, label) {
    const wanted = `${point} ${label}`;
    if (wanted === this.#last) return;
    this.#last = wanted;
    this.#question.abort();
    this.#question = new AbortController();
    setTimeout((signal) => this.#look(point, label, signal), REST, this.#question.signal);
  }

  stop() {
    this.#last = "";
    this.#question.abort();
    this.#show(null);
  }

  async #look(point, label, signal) {
    if (signal.aborted) return;
    const prompt = promptOf(withPoint(this.#bench.draft, point, label));
    const mask = await this.#asking.peek(this.#bench.image.id, prompt, signal).catch(() => null);
    if (!signal.aborted) this.#show(mask);
  }

  #show(mask) {
    if (this.mask === mask) return;
    this.mask = mask;
    this.dispatchEvent(new Event("change"));
  }
}
