/** Says in words what goes on and what went wrong, to eyes and to screen readers. */

const SHOWN_MS = 6000;

export class Notices {
  #place;
  /** @type {Map<symbol, string>} */
  #busy = new Map();
  #timer = 0;

  /** @param {HTMLElement} place a live region */
  constructor(place) {
    this.#place = place;
  }

  /** Says something for some seconds. @param {string} words */
  say(words) {
    this.#show(words, "said");
  }

  /** Says what went wrong; it stays longer. @param {string} words */
  fail(words) {
    this.#show(words, "failed");
  }

  /** Takes back what was said, if it is still shown. */
  clear() {
    if (this.#kind === "said") this.#showBusy();
  }

  /** Says what goes on until the function that it returns is called. @param {string} words */
  begin(words) {
    const task = Symbol(words);
    this.#busy.set(task, words);
    if (this.#kind !== "failed") this.#showBusy();
    return () => {
      this.#busy.delete(task);
      if (this.#kind === "busy") this.#showBusy();
    };
  }

  get #kind() {
    return this.#place.dataset.kind;
  }

  #show(words, kind) {
    this.#write(words, kind);
    this.#timer = setTimeout(() => this.#showBusy(), kind === "failed" ? 3 * SHOWN_MS : SHOWN_MS);
  }

  /** Shows what goes on, where nothing else is being said. */
  #showBusy() {
    const words = [...this.#busy.values()].at(-1) ?? "";
    this.#write(words, words && "busy");
  }

  #write(words, kind) {
    clearTimeout(this.#timer);
    this.#place.textContent = words;
    this.#place.dataset.kind = kind;
  }
}
