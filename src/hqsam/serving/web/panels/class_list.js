/** The list of classes: which one the next object gets, and how many objects of the image each has. */
/** @import { App } from "../main.js" */
import { keyLabel } from "../state/classes.js";
import { find, make } from "./dom.js";

export class ClassList {
  /** @type {App} */
  #app;
  #list = find("#objects .classes ol");

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    app.classes.on("change", () => this.#show());
    app.store.on(["objects", "image"], () => this.#show());
    app.settings.watch("className", () => this.#show());
  }

  #show() {
    const { classes, store, settings } = this.#app;
    const counts = new Map();
    for (const { class_name } of store.objects) counts.set(class_name, (counts.get(class_name) ?? 0) + 1);
    const rows = classes.list.map((one) => this.#row(one, counts.get(one.name) ?? 0, one.name === settings.get("className")));
    this.#list.replaceChildren(...rows);
    find("#class-names").replaceChildren(...classes.list.map(({ name }) => make("option", { value: name })));
  }

  /** @param {import("../state/classes.js").ObjectClass} objectClass @param {number} count @param {boolean} isCurrent */
  #row({ name, colour, key }, count, isCurrent) {
    const { commands } = this.#app;
    const swatch = make("span", { className: "swatch" });
    swatch.style.background = colour;
    const button = make(
      "button",
      { title: key && `${name} (${keyLabel(key)})`, onclick: () => commands.setClass(name), aria: { pressed: String(isCurrent) } },
      swatch,
      make("span", { className: "label", textContent: name }),
      make("span", { className: "many", textContent: String(count || "") }),
      make("kbd", { textContent: keyLabel(key) }),
    );
    return make("li", {}, button);
  }
}
