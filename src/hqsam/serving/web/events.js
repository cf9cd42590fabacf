/** A typed and shorter EventTarget: `on` takes one event's name or several, and listeners get the value itself. */
export class Emitter {
  /** @type {Map<string, ((value: any) => void)[]>} */
  #listeners = new Map();

  /** @param {string | string[]} events @param {(value: any) => void} listener */
  on(events, listener) {
    for (const event of [events].flat()) this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  /** @param {string} event @param {any} [value] */
  emit(event, value) {
    for (const listener of this.#listeners.get(event) ?? []) listener(value);
  }
}
