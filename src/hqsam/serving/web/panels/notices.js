/** Says in words what is going on and what went wrong, to eyes and to screen readers. */

const SHOWN_MS = 6000;

export class Status {
  #place;
  #busy = new Map();
  #timer = 0;

  /** @param {HTMLElement} place a live region */
  constructor(place) {
    this.#place = place;
  }

  /** Says something for some seconds. */
  say(words) {
    this.#show(words, "said");
  }

  /** Says what went wrong; it stays longer. */
  fail(words) {
    this.#show(words, "failed");
  }

  /** What was said is over. */
  hush() {
    if (this.#kind === "said") this.#rest();
  }

  /** Says what goes on until the function it returns is called. */
  begin(words) {
    const app = Symbol(words);
    this.#busy.set(app, words);
    if (this.#kind !== "failed") this.#rest();
    return () => {
      this.#busy.delete(app);
      if (this.#kind === "busy") this.#rest();
    };
  }

  get #kind() {
    return this.#place.dataset.kind;
  }

  #show(words, kind) {
    this.#write(words, kind);
    this.#timer = setTimeout(() => this.#rest(), kind === "failed" ? 3 * SHOWN_MS : SHOWN_MS);
  }

  /** Where nothing is being said, what goes on. */
  #rest() {
    const words = [...this.#busy.values()].at(-1) ?? "";
    this.#write(words, words && "busy");
  }

  #write(words, kind) {
    clearTimeout(this.#timer);
    this.#place.textContent = words;
    this.#place.dataset.kind = kind;
  }
}
