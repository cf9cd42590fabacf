/** The bar below the image while an object is being made: candidates, class, keep, discard. */
/** @import { App } from "../main.js" */
import { settings } from "../settings.js";
import { find, findAll, press } from "./dom.js";

export class DraftBar {
  /** @type {App["store"]} */
  #store;
  /** @type {App["draftEditor"]} */
  #draftEditor;
  #bar = find("#draft-bar", HTMLFormElement);
  #name = find("#draft-class", HTMLInputElement);
  #candidates = findAll("#draft-bar [data-candidate]", HTMLButtonElement);

  /** @param {App} app */
  constructor({ store, draftEditor, notices }) {
    this.#store = store;
    this.#draftEditor = draftEditor;
    draftEditor.on("draft", () => this.#show());
    store.on("proposals", () => this.#show());
    settings.watch("className", (name) => (this.#name.value = name));
    this.#name.addEventListener("change", () => this.#rename());
    this.#bar.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#rename();
      if (!draftEditor.keep()) notices.say("There is nothing in it to keep.");
      find("#canvas").focus();
    });
    this.#candidates.forEach((button, number) => {
      button.addEventListener("click", () => draftEditor.choose(number));
    });
    find("#discard").addEventListener("click", () => draftEditor.discard());
  }

  #rename() {
    const name = this.#name.value.trim();
    const { object } = this.#draftEditor;
    if (!name) return;
    this.#store.addClass(name);
    if (!object) settings.set("className", name);
    else if (object.class_name !== name) this.#store.rename(object.key, name);
  }

  #show() {
    const { draft, mask, object, isBlank } = this.#draftEditor;
    this.#bar.hidden = isBlank || this.#store.proposals.length > 0;
    const several = draft.answers.length > 1;
    find(".candidates", HTMLElement, this.#bar).hidden = !several;
    this.#candidates.forEach((button, number) => {
      const score = draft.answers[number]?.score;
      press(button, several && number === draft.chosen);
      button.setAttribute("aria-label", `Candidate ${number + 1}${several ? `, score ${score.toFixed(2)}` : ""}`);
    });
    this.#name.value = object?.class_name ?? settings.get("className");
    find("button.main", HTMLButtonElement, this.#bar).disabled = mask.isEmpty;
  }
}
