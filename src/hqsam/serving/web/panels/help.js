/** All keys on a page, from the table that works them; and the colours of the page itself. */
import { settings } from "../settings.js";
import { find, make } from "./dom.js";

export class HelpDialog {
  #dialog = find("#help-dialog");

  constructor() {
    for (const radio of document.querySelectorAll("#theme input")) {
      radio.addEventListener("change", () => settings.set("theme", radio.value));
    }
    settings.follow("theme", (theme) => {
      document.documentElement.dataset.theme = theme;
      find(`#theme input[value="${theme}"]`).checked = true;
    });
  }

  /** @param {ReturnType<import("../keys.js").keyTable>} table */
  fill(table) {
    find(".keys", this.#dialog).append(...table.map(([title, keys]) => asList(title, keys)));
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
