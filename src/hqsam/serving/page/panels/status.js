/** Says in words what is going on and what went wrong, to eyes and to screen readers. */

const STAYS = 6000;

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

  /** Says what goes on until the function it returns is called. */
  begin(words) {
    const work = Symbol(words);
    this.#busy.set(work, words);
    this.#rest();
    return () => {
      this.#busy.delete(work);
      this.#rest();
    };
  }

  #show(words, kind) {
    clearTimeout(this.#timer);
    this.#write(words, kind);
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#rest();
    }, kind === "failed" ? 3 * STAYS : STAYS);
  }

  /** Where nothing is being said, what goes on. */
  #rest() {
    if (this.#timer && this.#place.dataset.kind === "failed") return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    const words = [...this.#busy.values()].at(-1);
    this.#write(words ?? "", words ? "busy" : "");
  }

  #write(words, kind) {
    this.#place.textContent = words;
    this.#place.dataset.kind = kind;
  }
}
