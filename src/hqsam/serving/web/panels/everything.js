/** "Everything": asks how closely, shows how far it is, and lets the annotator keep what was found. */
import { api } from "../api.js";
import { find } from "./dom.js";
import { waitForJob } from "./jobs.js";

export class EverythingDialog {
  #dialog = find("#everything-dialog");
  #bar = find("#found-bar");
  #app;
  #job = null;

  /** @param {object} app store, models, status and toolbox */
  constructor(app) {
    this.#app = app;
    find("form", this.#dialog).addEventListener("submit", (event) => this.#start(event));
    find(".cancel", this.#dialog).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#cancel());
    find("#keep-all").addEventListener("click", () => app.store.keepCandidates(app.store.found));
    find("#found-done").addEventListener("click", () => app.store.setCandidates([]));
    app.store.addEventListener("found", () => this.#showFound());
  }

  open() {
    if (!this.#app.store.image) return this.#app.status.say("Open an image first.");
    this.#showProgress(null);
    this.#dialog.showModal();
  }

  async #start(event) {
    event.preventDefault();
    const { store, models, status } = this.#app;
    const image = store.image;
    const side = Number(find("input[name='side']:checked", this.#dialog).value);
    this.#showProgress({ done: 0, total: 0 });
    try {
      this.#job = await api.everything(image.id, { ...models.selection, points_per_side: side });
      const { masks, model } = await waitForJob(this.#job, (job) => this.#showProgress(job));
      this.#job = null;
      if (image === store.image) this.#found(masks, { ...models.selection, model });
    } catch (error) {
      if (error.name === "AbortError") status.say("Cancelled.");
      else status.fail(error.message);
    }
    this.#job = null;
    this.#dialog.close();
  }

  #found(masks, origin) {
    const { store, status, toolbox } = this.#app;
    store.setCandidates(masks.map(({ rle, score }) => ({ rle, score, ...origin })));
    status.say(masks.length ? `Found ${masks.length}. Click what you want to keep.` : "Found nothing.");
    if (masks.length) toolbox.select("pick");
  }

  #cancel() {
    if (this.#job) api.cancelJob(this.#job.id).catch(() => {});
  }

  #showProgress(job) {
    find(".progress", this.#dialog).hidden = !job;
    find("button.main", this.#dialog).disabled = Boolean(job);
    if (!job) return;
    const bar = find("progress", this.#dialog);
    if (job.done) bar.value = job.done / job.total;
    else bar.removeAttribute("value");
    const words = job.done ? `${job.done} of ${job.total} clicks` : "Looking at the image";
    find(".progress p", this.#dialog).textContent = words;
  }

  #showFound() {
    const { store, toolbox } = this.#app;
    const count = store.found.length;
    if (!count && !this.#bar.hidden && toolbox.name === "pick") toolbox.select("click");
    this.#bar.hidden = count === 0;
    find("p", this.#bar).textContent = count === 1 ? "1 object found" : `${count} objects found`;
  }
}
