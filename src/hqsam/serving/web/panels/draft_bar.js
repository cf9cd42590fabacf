/** The bar below the image while an object is being made: candidates, class, keep, discard. */
/** @import { App } from "../main.js" */
import { settings } from "../settings.js";
import { find, findAll, press } from "./dom.js";

export class DraftBar {
  /** @type {App} */
  #app;
  #bar = find("#draft-bar", HTMLFormElement);
  #name = find("#draft-class", HTMLInputElement);
  #candidates = findAll("#draft-bar [data-candidate]", HTMLButtonElement);

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    const { draftEditor, store } = app;
    draftEditor.on("draft", () => this.#show());
    store.on("proposals", () => this.#show());
    settings.watch("className", () => this.#showName());
    this.#listenToName();
    this.#bar.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#commitName();
      if (!draftEditor.keep()) app.notices.say("There is nothing in it to keep.");
      find("#canvas").focus();
    });
    this.#candidates.forEach((button, number) => {
      button.addEventListener("click", () => draftEditor.choose(number));
    });
    find("#discard").addEventListener("click", () => draftEditor.discard());
  }

  /** Puts the cursor into the name, all of it selected, so that typing replaces it. */
  focusName() {
    this.#name.focus();
    this.#name.select();
  }

  #listenToName() {
    this.#name.addEventListener("change", () => this.#commitName());
    this.#name.addEventListener("mousedown", (event) => {
      if (document.activeElement === this.#name) return;
      event.preventDefault(); // or the browser puts its cursor between the letters
      this.focusName();
    });
    this.#name.addEventListener("keydown", ({ key }) => {
      if (key !== "Escape") return;
      this.#name.value = this.#className;
      find("#canvas").focus();
    });
  }

  #commitName() {
    const name = this.#name.value.trim();
    if (name && name !== this.#className) this.#app.commands.setClass(name);
    this.#showName();
  }

  get #className() {
    return this.#app.draftEditor.object?.class_name ?? settings.get("className");
  }

  /** What is being typed stays. */
  #showName() {
    if (document.activeElement !== this.#name) this.#name.value = this.#className;
  }

  #show() {
    const { draft, mask, isBlank } = this.#app.draftEditor;
    this.#bar.hidden = isBlank || this.#app.store.proposals.length > 0;
    const several = draft.answers.length > 1;
    find(".candidates", HTMLElement, this.#bar).hidden = !several;
    this.#candidates.forEach((button, number) => {
      const score = draft.answers[number]?.score;
      press(button, several && number === draft.chosen);
      button.setAttribute("aria-label", `Candidate ${number + 1}${several ? `, score ${score.toFixed(2)}` : ""}`);
    });
    this.#showName();
    find("button.main", HTMLButtonElement, this.#bar).disabled = mask.isEmpty;
  }
}
