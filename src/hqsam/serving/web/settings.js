/** The annotator's choices, kept in this browser. Emits "change" with the name of the setting. */
import { Emitter } from "./events.js";

const STORAGE_KEY = "hqsam.settings";
const DEFAULTS = {
  model: "",
  source: "sum",
  detail: false,
  snap: false,
  brush: 12,
  theme: "system",
  className: "object",
  project: "", // that the class is of
  colouring: "class", // or "object"
  opacity: 0.25, // of masks; from 0 to 1
  brightness: 1,
  contrast: 1,
};

/** @typedef {typeof DEFAULTS} Values */

export class Settings extends Emitter {
  #values = { ...DEFAULTS, ...readJson(STORAGE_KEY, {}) };

  /** @template {keyof Values} K @param {K} name @returns {Values[K]} */
  get(name) {
    return this.#values[name];
  }

  /** @template {keyof Values} K @param {K} name @param {Values[K]} value */
  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(this.#values));
    } catch {
      // Full: the setting lasts as long as the page.
    }
    this.emit("change", name);
  }

  /** @param {keyof Values} name */
  reset(name) {
    this.set(name, DEFAULTS[name]);
  }

  /**
   * Calls the listener now and whenever the setting changes.
   * @template {keyof Values} K @param {K} name @param {(value: Values[K]) => void} listener
   */
  watch(name, listener) {
    listener(this.get(name));
    this.on("change", (changed) => changed === name && listener(this.get(name)));
  }
}

/** Reads JSON from the browser's storage; the fallback where there is none, or it is damaged. */
export function readJson(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

export const settings = new Settings();
