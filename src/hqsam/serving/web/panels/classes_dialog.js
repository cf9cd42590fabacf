/** The project's list of classes: add, rename everywhere, merge, remove, colours, keys, counts; or from a file. */
/** @import { App } from "../main.js" */
import { ApiError, api } from "../api.js";
import { CLASS_KEYS, keyLabel } from "../state/classes.js";
import { find, findAll, icon, make } from "./dom.js";

/** @typedef {import("../state/classes.js").ObjectClass} ObjectClass */

export class ClassesDialog {
  #dialog = find("#classes-dialog", HTMLDialogElement);
  #rows = find("#classes-dialog tbody");
  #message = find("#classes-dialog .message");
  /** @type {Map<number, {images: number, annotations: number}>} */
  #counts = new Map();
  /** @type {App} */
  #app;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    const name = find("#new-class", HTMLInputElement);
    find("form", HTMLFormElement, this.#dialog).addEventListener("submit", (event) => {
      event.preventDefault();
      for (const word of name.value.split(",").map((part) => part.trim())) if (word) app.classes.add(word);
      name.value = "";
    });
    const file = find("#classes-file", HTMLInputElement);
    file.addEventListener("change", () => {
      this.#try(async () => app.classes.set(await api.importClasses(file.files[0])));
      file.value = "";
    });
    app.classes.on("change", () => this.#dialog.open && this.#show());
  }

  async open() {
    this.#say("");
    this.#show();
    this.#dialog.showModal();
    await this.#app.saveQueue.send();
    await this.#try(() => this.#fetchCounts());
  }

  async #fetchCounts() {
    const { classes } = await api.statistics();
    this.#counts = new Map(classes.map((one) => [one.number, one]));
    for (const place of findAll("[data-counts]", HTMLElement, this.#rows)) {
      place.textContent = this.#countsOf(Number(place.dataset.counts)); // in place: somebody may be typing in the row
    }
  }

  /** @param {number} number of a class */
  #countsOf(number) {
    const counts = this.#counts.get(number);
    return counts ? `${counts.annotations} in ${counts.images}` : "";
  }

  #show() {
    const typed = document.activeElement;
    if (typed instanceof HTMLInputElement && this.#rows.contains(typed) && typed.value !== typed.defaultValue) return; // its change shows all again
    this.#rows.replaceChildren(...this.#app.classes.list.map((one) => this.#row(one)));
  }

  /** @param {ObjectClass} one */
  #row(one) {
    const { number, name, colour, key } = one;
    const field = (type, value, label, change) => {
      const input = make("input", { type, defaultValue: value, maxLength: 200, aria: { label: `${label} of ${name}` } });
      input.addEventListener("change", () => {
        input.defaultValue = input.value;
        change(input.value.trim());
      });
      return input;
    };
    const counts = make("span", { textContent: this.#countsOf(number), data: { counts: String(number) } });
    const remove = make("button", { type: "button", className: "icon", title: "Remove" }, icon("delete"));
    remove.setAttribute("aria-label", `Remove ${name}`);
    remove.addEventListener("click", () => this.#remove(one));
    return make(
      "tr",
      {},
      cell(String(number ?? "")),
      cell(field("color", colour, "Colour", (value) => this.#change(one, { colour: value }))),
      cell(field("text", name, "Name", (value) => value && this.#rename(one, value))),
      cell(this.#keyMenu(one, key)),
      cell(counts),
      cell(this.#mergeMenu(one), remove),
    );
  }

  #keyMenu(one, key) {
    const free = CLASS_KEYS.map((keyName) => keyName.at(-1));
    const options = free.map((value) => make("option", { value, textContent: keyLabel(value) }));
    const menu = make("select", { aria: { label: `Key of ${one.name}` } }, make("option", { value: "" }), ...options);
    menu.value = key ?? "";
    menu.addEventListener("change", () => this.#takeKey(one, menu.value || null));
    return menu;
  }

  /** Who had the key gets none of its own. */
  async #takeKey(one, key) {
    const other = this.#app.classes.list.find((each) => each.key === key && each !== one);
    if (other) await this.#change(other, { key: null });
    await this.#change(one, { key });
  }

  /** @param {ObjectClass} one */
  #mergeMenu(one) {
    const others = this.#app.classes.list.filter(({ number }) => number !== one.number);
    const options = others.map(({ number, name }) => make("option", { value: String(number), textContent: name }));
    const first = make("option", { value: "", textContent: "Merge into …" });
    const menu = make("select", { aria: { label: `Merge ${one.name} into` } }, first, ...options);
    menu.addEventListener("change", () => this.#merge(one, Number(menu.value)));
    return menu;
  }

  /** @param {ObjectClass} one @param {Partial<ObjectClass>} change */
  #change(one, change) {
    return this.#try(async () => this.#app.classes.set((await api.changeClass(one.number, change)).classes));
  }

  #rename(one, name) {
    const other = this.#app.classes.find(name);
    if (other) return this.#ask(`There is a class ${name} already. Merge the two?`, "Merge", () => this.#merge(one, other.number));
    return this.#apply(`Rename ${one.name}`, () => api.changeClass(one.number, { name }), name, one);
  }

  #merge(one, into) {
    const { name } = this.#app.classes.list.find(({ number }) => number === into);
    return this.#apply(`Merge ${one.name}`, () => api.mergeClass(one.number, into), name, one);
  }

  /** @param {ObjectClass} one */
  async #remove(one) {
    try {
      await this.#changeEverywhere(`Remove ${one.name}`, () => api.deleteClass(one.number, "refuse"));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) return this.#say(error.message);
      const drop = () => this.#apply(`Remove ${one.name}`, () => api.deleteClass(one.number, "delete"), "object", one);
      this.#ask(`Objects have the class ${one.name}. Delete them, too?`, "Delete them", drop);
    }
  }

  /** A change that touches objects; drafts go on with the class's new name. */
  #apply(label, request, name, one) {
    const { settings } = this.#app;
    return this.#try(async () => {
      await this.#changeEverywhere(label, request);
      if (settings.get("className") === one.name) settings.set("className", name);
    });
  }

  async #changeEverywhere(label, request) {
    const { saveQueue, store } = this.#app;
    await saveQueue.send();
    const { batch, changed } = await request();
    await store.addBatches(label, [batch]);
    await this.#fetchCounts();
    this.#say(`${label}: ${changed} objects. Ctrl Z takes it back.`);
  }

  #ask(question, answer, act) {
    this.#say(question);
    this.#message.append(" ", make("button", { type: "button", textContent: answer, onclick: act }));
  }

  #say(words) {
    this.#message.textContent = words;
  }

  async #try(act) {
    try {
      await act();
    } catch (error) {
      this.#say(error.message);
    }
  }
}

const cell = (...children) => make("td", {}, ...children);
