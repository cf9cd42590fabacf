/** Shows all keys, from the table that works them; and sets the colours of the page itself. */
import { settings } from "../settings.js";
import { find, findAll, make } from "./dom.js";

export class HelpDialog {
  #dialog = find("#help-dialog", HTMLDialogElement);

  constructor() {
    for (const radio of findAll("#theme input", HTMLInputElement)) {
      radio.addEventListener("change", () => settings.set("theme", radio.value));
    }
    settings.watch("theme", (theme) => {
      document.documentElement.dataset.theme = theme;
      find(`#theme input[value="${theme}"]`, HTMLInputElement).checked = true;
    });
  }

  /** @param {import("../keys.js").KeyTable["sections"]} table */
  fill(table) {
    find(".keys", HTMLElement, this.#dialog).append(...table.map(([title, keys]) => asList(title, keys)));
  }

  open() {
    this.#dialog.showModal();
  }
}

function asList(title, keys) {
  const rows = keys.flatMap(({ keys: [first], show, about }) => [
    make("dt", {}, make("kbd", { textContent: show ?? first.toUpperCase() })),
    make("dd", { textContent: about }),
  ]);
  return make("section", {}, make("h3", { textContent: title }), make("dl", {}, ...rows));
}
