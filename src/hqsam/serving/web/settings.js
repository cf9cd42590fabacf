/** What the annotator chose, kept in this browser. "change" tells the name of what was chosen. */

const STORAGE_KEY = "hqsam.settings";
const DEFAULTS = { model: "", source: "sum", detail: false, brush: 12, theme: "system", className: "object" };

class Settings extends EventTarget {
  #values = { ...DEFAULTS, ...loadStored() };

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    localStorage.setItem(STORAGE_KEY, JSON.stringify(this.#values));
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }

  /** Calls now and whenever the setting changes. */
  follow(name, listener) {
    listener(this.get(name));
    this.addEventListener("change", ({ detail }) => detail === name && listener(this.get(name)));
  }
}

function loadStored() {
  try {
    return JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {};
  } catch {
    return {};
  }
}

export const settings = new Settings();
