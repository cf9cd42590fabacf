/** Says what goes on and what went wrong, to screen readers, too. */
import { icon, make } from "./dom.js";

const SHOWN_MS = 6000;

export class Notices {
  #status;
  #failures;
  /** @type {Map<symbol, string>} */
  #busy = new Map();
  #timer = 0;

  /** @param {HTMLElement} status a live region for one notice @param {HTMLElement} failures a list */
  constructor(status, failures) {
    this.#status = status;
    this.#failures = failures;
  }

  /** Says something for some seconds. @param {string} words */
  say(words) {
    this.#write(words, "said");
    this.#timer = setTimeout(() => this.#showBusy(), Math.max(SHOWN_MS, 80 * words.length));
  }

  /** Says what went wrong: longer, each failure on a line of its own, until it is closed. @param {string} words */
  fail(words) {
    const known = [...this.#failures.children].find(({ textContent }) => textContent === words);
    known?.remove();
    const item = make("li", {}, make("span", { textContent: words }));
    const close = make("button", { onclick: () => item.remove(), aria: { label: "Close" } }, icon("close"));
    item.append(close);
    this.#failures.append(item);
    setTimeout(() => item.remove(), 3 * SHOWN_MS);
  }

  /** @param {Error} error of a job */
  failed({ name, message }) {
    if (name === "AbortError") this.say("Cancelled.");
    else this.fail(message);
  }

  /** Takes back what was said, if it is still shown. */
  clear() {
    if (this.#status.dataset.kind === "said") this.#showBusy();
  }

  /** Says what goes on until the function that it returns is called. @param {string} words */
  begin(words) {
    const task = Symbol(words);
    this.#busy.set(task, words);
    this.#showBusy();
    return () => {
      this.#busy.delete(task);
      if (this.#status.dataset.kind === "busy") this.#showBusy();
    };
  }

  /** Shows what goes on, where nothing else is being said. */
  #showBusy() {
    const words = [...this.#busy.values()].at(-1) ?? "";
    this.#write(words, words && "busy");
  }

  #write(words, kind) {
    clearTimeout(this.#timer);
    this.#status.textContent = words;
    this.#status.dataset.kind = kind;
  }
}
