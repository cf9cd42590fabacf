/** The bar below the photo while an object is being made: readings, class, keep, discard. */
import { settings } from "../settings.js";
import { isBlank, maskOf } from "../work/draft.js";
import { find, press } from "./dom.js";

export class DraftBar {
  #bench;
  #bar = find("#draft-bar");
  #name = find("#draft-class");

  constructor({ bench, drafting, status }) {
    this.#bench = bench;
    for (const what of ["draft", "found", "image"]) bench.addEventListener(what, () => this.#show());
    settings.follow("className", (name) => (this.#name.value = name));
    this.#name.addEventListener("change", () => this.#rename());
    this.#bar.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#rename();
      if (!bench.keep()) status.say("There is nothing in it to keep.");
      find("#stage").focus();
    });
    for (const button of this.#bar.querySelectorAll("[data-reading]")) {
      button.addEventListener("click", () => drafting.reading(Number(button.dataset.reading)));
    }
    find("#discard").addEventListener("click", () => bench.discard());
  }

  #rename() {
    const name = this.#name.value.trim();
    const { draft } = this.#bench;
    const object = this.#bench.object(draft.objectId);
    if (!name) return;
    this.#bench.nameClass(name);
    if (!object) settings.set("className", name);
    else if (object.class_name !== name) this.#bench.rename(object.key, name);
  }

  #show() {
    const { draft, found } = this.#bench;
    this.#bar.hidden = isBlank(draft) || found.length > 0;
    const several = draft.answers.length > 1;
    find(".readings", this.#bar).hidden = !several;
    for (const button of this.#bar.querySelectorAll("[data-reading]")) {
      const number = Number(button.dataset.reading);
      const score = draft.answers[number]?.score;
      press(button, several && number === draft.chosen);
      button.setAttribute("aria-label", `Reading ${number + 1}${several ? `, score ${score.toFixed(2)}` : ""}`);
    }
    this.#name.value = this.#bench.object(draft.objectId)?.class_name ?? settings.get("className");
    find("button.main", this.#bar).disabled = maskOf(draft).isEmpty;
  }
}
