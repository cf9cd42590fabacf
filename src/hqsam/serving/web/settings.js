/** What the annotator chose, kept in this browser. "change" tells the name of what was chosen. */

const PLACE = "hqsam.settings";
const AT_FIRST = { model: "", source: "sum", detail: false, brush: 12, theme: "system", className: "object" };

class Settings extends EventTarget {
  #values = { ...AT_FIRST, ...remembered() };

  get(name) {
    return this.#values[name];
  }

  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    localStorage.setItem(PLACE, JSON.stringify(this.#values));
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }

  /** Calls now and whenever the setting changes. */
  follow(name, listener) {
    listener(this.get(name));
    this.addEventListener("change", ({ detail }) => detail === name && listener(this.get(name)));
  }
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

export const settings = new Settings();
