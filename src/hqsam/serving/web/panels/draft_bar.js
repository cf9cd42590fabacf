/** The bar below the image while an object is being made: readings, class, keep, discard. */
import { settings } from "../settings.js";
import { isBlank, draftMask } from "../state/draft.js";
import { find, press } from "./dom.js";

export class DraftBar {
  #store;
  #bar = find("#draft-bar");
  #name = find("#draft-class");

  constructor({ store, draftEditor, status }) {
    this.#store = store;
    for (const what of ["draft", "found", "image"]) store.addEventListener(what, () => this.#show());
    settings.follow("className", (name) => (this.#name.value = name));
    this.#name.addEventListener("change", () => this.#rename());
    this.#bar.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#rename();
      if (!store.keep()) status.say("There is nothing in it to keep.");
      find("#canvas").focus();
    });
    for (const button of this.#bar.querySelectorAll("[data-reading]")) {
      button.addEventListener("click", () => draftEditor.reading(Number(button.dataset.reading)));
    }
    find("#discard").addEventListener("click", () => store.discard());
  }

  #rename() {
    const name = this.#name.value.trim();
    const { draft } = this.#store;
    const object = this.#store.object(draft.objectKey);
    if (!name) return;
    this.#store.nameClass(name);
    if (!object) settings.set("className", name);
    else if (object.class_name !== name) this.#store.rename(object.key, name);
  }

  #show() {
    const { draft, found } = this.#store;
    this.#bar.hidden = isBlank(draft) || found.length > 0;
    const several = draft.answers.length > 1;
    find(".readings", this.#bar).hidden = !several;
    for (const button of this.#bar.querySelectorAll("[data-reading]")) {
      const number = Number(button.dataset.reading);
      const score = draft.answers[number]?.score;
      press(button, several && number === draft.chosen);
      button.setAttribute("aria-label", `Reading ${number + 1}${several ? `, score ${score.toFixed(2)}` : ""}`);
    }
    this.#name.value = this.#store.object(draft.objectKey)?.class_name ?? settings.get("className");
    find("button.main", this.#bar).disabled = draftMask(draft).isEmpty;
  }
}
