/** Previews the mask that a click would give, while the pointer rests. Emits "change". */
/** @import { App } from "../main.js" */
import { Emitter } from "../events.js";
import { promptFrom, withPoint } from "./draft.js";

const DELAY_MS = 30; // the pointer rests so long before the model is asked

export class HoverPreview extends Emitter {
  /** @type {import("../masks/mask.js").Mask | null} perhaps smaller than the image, of the same shape */
  mask = null;
  /** @type {App} */
  #app;
  #last = "";
  #request = new AbortController();

  /** @param {App} app */
  constructor(app) {
    super();
    this.#app = app;
    app.draftEditor.on("draft", () => this.stop());
  }

  /** @param {[number, number]} point a pixel @param {0 | 1} label */
  show(point, label) {
    const key = `${point} ${label}`;
    if (key === this.#last) return;
    this.#last = key;
    this.#request.abort();
    this.#request = new AbortController();
    setTimeout((signal) => this.#fetch(point, label, signal), DELAY_MS, this.#request.signal);
  }

  stop() {
    this.#last = "";
    this.#request.abort();
    this.#set(null);
  }

  async #fetch(point, label, signal) {
    if (signal.aborted) return;
    const { draftEditor, predictor, store } = this.#app;
    const prompt = promptFrom(withPoint(draftEditor.draft, point, label));
    const mask = await predictor.preview(store.image.id, prompt, signal).catch(() => null);
    if (!signal.aborted) this.#set(mask);
  }

  #set(mask) {
    if (this.mask === mask) return;
    this.mask = mask;
    this.emit("change");
  }
}
