/** From image to image: fetches the photo, has it encoded, marks it as done. */
import { api } from "../api.js";
import { settings } from "../settings.js";
import { find, press } from "./dom.js";

export class Pages {
  #work;
  #opening = new AbortController();

  /** @param {object} work bench, gallery, viewport, scene, models and status */
  constructor(work) {
    this.#work = work;
    find("#previous").addEventListener("click", () => this.go(-1));
    find("#next").addEventListener("click", () => this.go(1));
    find("#done").addEventListener("click", () => this.finish());
    work.gallery.addEventListener("pick", ({ detail }) => this.show(detail));
    settings.addEventListener("change", ({ detail }) => detail === "model" && this.#encode());
  }

  async go(far) {
    const { bench, gallery, status } = this.#work;
    const image = bench.image && (await gallery.neighbour(bench.image, far));
    if (image) return this.show(image);
    status.say(far > 0 ? "This is the last image." : "This is the first image.");
  }

  /** Shows an image, and goes on with what was begun on it. */
  async show(image) {
    const { bench, gallery, viewport, scene, status } = this.#work;
    if (image.problem) return status.fail(`${image.name}: ${image.problem}`);
    scene.set({ photo: null });
    viewport.show(image);
    bench.show(image);
    gallery.mark(image);
    this.#showTitle();
    location.replace(`#${image.id}`);
    const objects = bench.fetchObjects().catch((error) => status.fail(error.message));
    const encoded = this.#encode();
    try {
      const photo = await photoOf(image);
      if (image.id === bench.image.id) scene.set({ photo });
    } catch {
      status.fail(`${image.name} cannot be shown.`);
    }
    await Promise.all([objects, encoded]);
  }

  /** Marks it as done and goes on; or as to do, if it was done. */
  async finish() {
    const { bench, gallery, status } = this.#work;
    if (!bench.image) return;
    const isDone = bench.image.status === "done";
    try {
      const image = await api.changeImage(bench.image.id, { status: isDone ? "todo" : "done" });
      bench.image = image;
      gallery.update(image);
      this.#showTitle();
      const next = isDone ? null : gallery.nextToDo(image);
      if (next) await this.show(next);
      else status.say(isDone ? "To do again." : "Done: that was the last one to do.");
    } catch (error) {
      status.fail(error.message);
    }
  }

  async #encode() {
    const { bench, models, status } = this.#work;
    this.#opening.abort();
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    if (!bench.image) return;
    const done = status.begin(`Encoding with ${models.asked.model}; you can look around meanwhile`);
    try {
      await api.open(bench.image.id, models.asked.model, signal);
    } catch (error) {
      if (!signal.aborted) status.fail(error.message);
    }
    done();
  }

  #showTitle() {
    const { bench, gallery } = this.#work;
    const { name, width, height, status } = bench.image;
    const place = gallery.placeOf(bench.image);
    find("#image-name").textContent = name;
    find("#image-name").title = name;
    find("#image-facts").textContent = `${width} × ${height} · ${place + 1} of ${gallery.total}`;
    find("#stage").setAttribute("aria-label", `Photo ${name}`);
    press(find("#done"), status === "done");
    document.title = `${name} · hqsam`;
  }
}

/** Decoded away from the page's own thread; upright as the masks are. */
async function photoOf({ id }) {
  const response = await fetch(api.pixelsUrl(id), { credentials: "same-origin" });
  if (!response.ok) throw new Error(response.statusText);
  return createImageBitmap(await response.blob(), { imageOrientation: "from-image" });
}
