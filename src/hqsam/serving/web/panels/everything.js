/** Finds every object of the image: asks how closely, shows progress, and offers the proposals. */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { find } from "./dom.js";
import { waitForJob } from "./jobs.js";

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
      this.#job = await api.everything(image.id, { ...models.selection, points_per_side: side });
      const { masks, model } = await waitForJob(this.#job, (job) => this.#showProgress(job));
      this.#job = null;
      if (image === store.image) this.#propose(masks, { ...models.selection, model });
    } catch (error) {
      if (error.name === "AbortError") notices.say("Cancelled.");
      else notices.fail(error.message);
    }
    this.#job = null;
    this.#dialog.close();
  }

  #propose(masks, origin) {
    const { store, notices, toolbox } = this.#app;
    store.setProposals(masks.map(({ rle, score }) => ({ rle, score, ...origin })));
    notices.say(masks.length ? `Found ${masks.length}. Click what you want to keep.` : "Found nothing.");
    if (masks.length) toolbox.select("pick");
  }

  #cancel() {
    if (this.#job) api.cancelJob(this.#job.id).catch(() => {});
  }

  #showProgress(job) {
    find(".progress", HTMLElement, this.#dialog).hidden = !job;
    find("button.main", HTMLButtonElement, this.#dialog).disabled = Boolean(job);
    if (!job) return;
    const bar = find("progress", HTMLProgressElement, this.#dialog);
    if (job.done) bar.value = job.done / job.total;
    else bar.removeAttribute("value");
    const words = job.done ? `${job.done} of ${job.total} clicks` : "Looking at the image";
    find(".progress p", HTMLElement, this.#dialog).textContent = words;
  }

  #showProposals() {
    const { store, toolbox } = this.#app;
    const count = store.proposals.length;
    if (!count && !this.#bar.hidden && toolbox.name === "pick") toolbox.select("click");
    this.#bar.hidden = count === 0;
    find("p", HTMLElement, this.#bar).textContent = count === 1 ? "1 object found" : `${count} objects found`;
  }
}
