/** "Everything": asks how closely, shows how far it is, and lets the annotator keep what was found. */
import { api } from "../api.js";
import { find } from "./dom.js";
import { ending } from "./jobs.js";

export class EverythingDialog {
  #dialog = find("#everything-dialog");
  #bar = find("#found-bar");
  #work;
  #job = null;

  /** @param {object} work bench, models, status and toolbox */
  constructor(work) {
    this.#work = work;
    find("form", this.#dialog).addEventListener("submit", (event) => this.#start(event));
    find(".cancel", this.#dialog).addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#cancel());
    find("#keep-all").addEventListener("click", () => work.bench.keepFound(work.bench.found));
    find("#found-done").addEventListener("click", () => work.bench.setFound([]));
    work.bench.addEventListener("found", () => this.#showFound());
  }

  open() {
    if (!this.#work.bench.image) return this.#work.status.say("Open a photo first.");
    this.#showProgress(null);
    this.#dialog.showModal();
  }

  async #start(event) {
    event.preventDefault();
    const { bench, models, status } = this.#work;
    const image = bench.image;
    const side = Number(find("input[name='side']:checked", this.#dialog).value);
    this.#showProgress({ done: 0, total: 0 });
    try {
      this.#job = await api.everything(image.id, { ...models.asked, points_per_side: side });
      const { masks, model } = await ending(this.#job, (job) => this.#showProgress(job));
      this.#job = null;
      if (image === bench.image) this.#found(masks, { ...models.asked, model });
    } catch (error) {
      if (error.name === "AbortError") status.say("Cancelled.");
      else status.fail(error.message);
    }
    this.#job = null;
    this.#dialog.close();
  }

  #found(masks, origin) {
    const { bench, status, toolbox } = this.#work;
    bench.setFound(masks.map(({ rle, score }) => ({ rle, score, ...origin })));
    status.say(masks.length ? `Found ${masks.length}. Click what you want to keep.` : "Found nothing.");
    if (masks.length) toolbox.take("pick");
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
    const words = job.done ? `${job.done} of ${job.total} clicks` : "Looking at the photo";
    find(".progress p", this.#dialog).textContent = words;
  }

  #showFound() {
    const { bench, toolbox } = this.#work;
    const count = bench.found.length;
    if (!count && !this.#bar.hidden && toolbox.name === "pick") toolbox.take("click");
    this.#bar.hidden = count === 0;
    find("p", this.#bar).textContent = count === 1 ? "1 object found" : `${count} objects found`;
  }
}
