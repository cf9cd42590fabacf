/** Opens images: fetches pixels and objects, has them encoded; gives images a status and a note. */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { settings } from "../settings.js";
import { newKey } from "../state/save_queue.js";
import { find, findAll, press } from "./dom.js";
import { STATUS_NAMES } from "./gallery.js";

/** @typedef {import("../api.js").Image} Image @typedef {import("../api.js").Status} Status */

export class ImageNavigation {
  /** @type {App} */
  #app;
  #opening = new AbortController();
  #isMarking = false;
  #notedImage = 0;
  #changes = 0;
  #answer = Promise.resolve();

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    find("#previous").addEventListener("click", () => this.go(-1));
    find("#next").addEventListener("click", () => this.go(1));
    find("#done").addEventListener("click", () => this.mark("done"));
    this.#listenToState();
    app.gallery.on("pick", (image) => this.show(image));
    app.gallery.on("change", () => app.store.image && this.#showTitle());
    settings.on("change", (name) => name === "model" && this.#encode());
  }

  async go(far) {
    const { store, gallery, notices } = this.#app;
    const image = store.image && (await gallery.neighbour(store.image, far));
    if (image) return this.show(image);
    notices.say(far > 0 ? "This is the last image." : "This is the first image.");
  }

  /** Opens an image, and goes on with what was begun on it. @param {Image} image */
  async show(image) {
    const { store, gallery, viewport, renderer, notices } = this.#app;
    if (image.problem) return notices.fail(`${image.name}: ${image.problem}`);
    renderer.set({ bitmap: null });
    viewport.show(image);
    store.open(image);
    gallery.mark(image);
    this.#showTitle();
    location.replace(`#${image.id}`);
    api.changeProject({ open_image: image.id }).catch(() => {}); // another day's page opens it again
    const objects = store.fetchObjects().catch((error) => notices.fail(error.message));
    const encoded = this.#encode();
    try {
      const bitmap = await fetchBitmap(image);
      if (image.id === store.image.id) renderer.set({ bitmap });
    } catch {
      notices.fail(`${image.name} cannot be shown.`);
    }
    await Promise.all([objects, encoded]);
  }

  /** Copies the objects of the image before, as one step: for images that follow each other. */
  async copyFromPrevious() {
    const { store, gallery, notices } = this.#app;
    const { image } = store;
    const previous = image && (await gallery.neighbour(image, -1));
    if (!previous) return notices.say("There is no image before this one.");
    if (previous.width !== image.width || previous.height !== image.height)
      return notices.say(`${previous.name} has another size: its objects do not fit.`);
    try {
      const objects = await this.#app.saveQueue.objectsOf(previous);
      if (image.id !== store.image?.id) return;
      const here = new Set(store.objects.map(({ rle }) => rle.counts));
      const copies = objects.filter(({ rle }) => !here.has(rle.counts));
      store.add(copies.map((object) => ({ ...object, key: newKey(), locked: false })), "Copy");
      const left = objects.length - copies.length;
      notices.say(`${copies.length} objects of ${previous.name}${left ? `; ${left} were here already` : ""}.`);
    } catch (error) {
      notices.fail(error.message);
    }
  }

  /** Keeps the draft, gives the image a status and goes on; or makes it to do again, if it has that status. @param {Status} status */
  async mark(status) {
    if (!this.#app.store.image || this.#isMarking) return; // a hasty second stroke would take it back
    this.#isMarking = true;
    try {
      await this.#mark(status);
    } finally {
      this.#isMarking = false;
    }
  }

  async #mark(status) {
    const { store, gallery, draftEditor, notices } = this.#app;
    if (!draftEditor.isBlank && !draftEditor.keep())
      return notices.fail("The object in the making has no mask yet: wait for it, or discard it with Esc first.");
    const isUndone = store.image.status === status;
    if (!(await this.#change({ status: isUndone ? "todo" : status }))) return;
    const next = isUndone ? null : await gallery.nextTodo(store.image);
    if (next) this.show(next);
    else notices.say(isUndone ? "To do again." : `${capital(STATUS_NAMES[status])}: that was the last one to do.`);
  }

  /** Sends one change after the other, so that an answer knows all before it. @param {Partial<Image>} change @returns {Promise<boolean>} whether the server took it */
  async #change(change) {
    const { store, gallery, notices } = this.#app;
    const { id } = store.image;
    const send = () => api.changeImage(id, change);
    this.#changes++;
    try {
      const image = await (this.#answer = this.#answer.then(send, send));
      if (store.image.id === id) store.image = image;
      gallery.update(image);
      return true;
    } catch (error) {
      notices.fail(error.message);
      return false;
    } finally {
      this.#changes--;
      this.#showTitle();
    }
  }

  /** The panel for what is neither to do nor done. */
  #listenToState() {
    const note = find("#note", HTMLTextAreaElement);
    for (const radio of findAll("#state-panel input", HTMLInputElement)) {
      radio.addEventListener("change", () => this.#change({ status: /** @type {Status} */ (radio.value) }));
    }
    note.addEventListener("change", () => this.#app.store.image && this.#change({ note: note.value.trim() }));
  }

  async #encode() {
    const { store, models, notices } = this.#app;
    this.#opening.abort();
    this.#opening = new AbortController();
    const { signal } = this.#opening;
    if (!store.image) return;
    const done = notices.begin(`Encoding with ${models.selection.model}; you can look around meanwhile`);
    try {
      await api.open(store.image.id, models.selection.model, signal);
    } catch (error) {
      if (!signal.aborted) notices.fail(error.message);
    }
    done();
  }

  #showTitle() {
    const { store, gallery } = this.#app;
    const { name, width, height, status, note } = store.image;
    const place = gallery.placeOf(store.image);
    const where = place < 0 ? "not in the filter" : `${place + 1} of ${gallery.total}`;
    find("#image-name").textContent = name;
    find("#image-name").title = name;
    find("#image-facts").textContent = `${width} × ${height} · ${where}`;
    find("#canvas").setAttribute("aria-label", `Image ${name}`);
    press(find("#done"), status === "done");
    find("#done span").textContent = capital(STATUS_NAMES[status === "todo" ? "done" : status]);
    find("#done").dataset.status = status;
    find("#state").toggleAttribute("data-note", note !== "");
    document.title = `${name} · hqsam`;
    if (this.#changes) return; // what was chosen and typed stays until the server knows it
    find(`#state-panel input[value="${status}"]`, HTMLInputElement).checked = true;
    const field = find("#note", HTMLTextAreaElement);
    if (document.activeElement !== field || this.#notedImage !== store.image.id) field.value = note; // what is being typed stays
    this.#notedImage = store.image.id;
  }
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);

/** Decoded away from the page's own thread; upright as the masks are. */
async function fetchBitmap({ id }) {
  const response = await fetch(api.pixelsUrl(id), { credentials: "same-origin" });
  if (!response.ok) throw new Error(response.statusText);
  return createImageBitmap(await response.blob(), { imageOrientation: "from-image" });
}
