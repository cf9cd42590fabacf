/** Finds every object of the image: asks how closely, shows progress, and offers the proposals. */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { find } from "./dom.js";
import { showProgress, waitForJob } from "./jobs.js";

export class EverythingDialog {
  #dialog = find("#everything-dialog", HTMLDialogElement);
  #bar = find("#proposals-bar");
  /** @type {App} */
  #app;
  #job = null;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    find("form", HTMLFormElement, this.#dialog).addEventListener("submit", (event) => this.#start(event));
    find(".cancel", HTMLElement, this.#dialog).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#cancel());
    find("#keep-all").addEventListener("click", () => app.store.keepProposals(app.store.proposals));
    find("#proposals-done").addEventListener("click", () => app.store.setProposals([]));
    app.store.on(["proposals", "image"], () => this.#showProposals());
  }

  open() {
    if (!this.#app.store.image) return this.#app.notices.say("Open an image first.");
    this.#showProgress(null);
    this.#dialog.showModal();
  }

  async #start(event) {
    event.preventDefault();
    const { store, models, notices } = this.#app;
    const image = store.image;
    const side = Number(find("input[name='side']:checked", HTMLInputElement, this.#dialog).value);
    this.#showProgress({ done: 0, total: 0 });
    try {
      this.#job = api.everything(image.id, { ...models.selection, points_per_side: side });
      const { masks, model } = await waitForJob(await this.#job, (job) => this.#showProgress(job));
      this.#job = null;
      const origin = { ...models.selection, model };
      if (image.id === store.image?.id) propose(this.#app, masks.map(({ rle, score }) => ({ rle, score, ...origin })));
    } catch (error) {
      notices.failed(error);
    }
    this.#job = null;
    this.#dialog.close();
  }

  #cancel() {
    this.#job?.then(({ id }) => api.cancelJob(id)).catch(() => {});
  }

  #showProgress(job) {
    const place = find(".progress", HTMLElement, this.#dialog);
    place.hidden = !job;
    find("button.main", HTMLButtonElement, this.#dialog).disabled = Boolean(job);
    const { done, total } = job ?? {};
    showProgress(place, done && done / total, done ? `${done} of ${total} clicks` : "Looking at the image");
  }

  #showProposals() {
    const { store, toolbox } = this.#app;
    const count = store.proposals.length;
    if (!count && !this.#bar.hidden && toolbox.name === "pick") toolbox.select("click");
    this.#bar.hidden = count === 0;
    find("p", HTMLElement, this.#bar).textContent = count === 1 ? "1 object found" : `${count} objects found`;
  }
}

/** Offers masks, to be kept or not. @param {App} app @param {import("../state/annotation_store.js").Proposal[]} found */
export function propose({ store, notices, toolbox }, found) {
  store.setProposals(found);
  notices.say(found.length ? `Found ${found.length}. Click what you want to keep.` : "Found nothing.");
  if (found.length) toolbox.select("pick");
}
