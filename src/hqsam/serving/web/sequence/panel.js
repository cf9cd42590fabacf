/**
 * The bar of a sequence: goes through its frames, shows which objects have masks where, and follows them on.
 * Loaded only where the server says that its images are sequences.
 */
/** @import { App } from "../main.js" */
import { api, download, get, send } from "../api.js";
import { find, make } from "../panels/dom.js";
import { save } from "../panels/export.js";
import { waitForJob } from "../panels/jobs.js";
import { trackRow } from "./track_row.js";

const FORMATS = {
  davis: "DAVIS label maps",
  ytvis: "YTVIS JSON",
  coco: "COCO, video ids",
  csv: "Table (CSV)",
  overlay: "Overlay (mp4)",
  cutout: "Cutout (webm)",
  cutout_png: "Cutouts (PNG)",
};
const UNFINISHED = "The object in the making has no mask yet: wait for it, or discard it with Esc first.";

/** @typedef {{track: number, class_name: string, keyframes: number[], tracked: number[]}} Track */
/** @typedef {{name: string, place: number, images: number[], tracks: Track[]}} Sequence */
/** @typedef {{batch: number, images: number[], lost: {track: number, class_name: string, image_id: number}[]}} Followed */

/** Puts the bar onto the page. @param {App} app */
export function openSequences(app) {
  document.head.append(make("link", { rel: "stylesheet", href: "web/sequence/sequence.css" }));
  find("#gallery").before(new SequencePanel(app).element);
}

class SequencePanel {
  /** @type {App} */
  #app;
  /** @type {Sequence | null} */
  #sequence = null;
  /** @type {{id: number, key: string | null, track: number | null}[]} annotations of the open frame */
  #here = [];
  #job = null;
  #place = make("output", { className: "place" });
  #slider = make("input", { type: "range", min: "1", step: "1", aria: { label: "Frame" } });
  #preview = make("img", { className: "preview", alt: "", hidden: true });
  #count = make("input", { type: "number", min: "1", max: "100000", value: "20", aria: { label: "Number of frames to follow into" } });
  #on = make("button", { className: "main", textContent: "Carry on", title: "Follow the objects of this frame into the next ones" });
  #back = make("button", { textContent: "Carry back", title: "Follow the objects of this frame into the ones before" });
  #stop = make("button", { textContent: "Stop", hidden: true });
  #progress = make("progress", { hidden: true, aria: { label: "Frames followed" } });
  #format = make("select", { aria: { label: "Format of the sequence" } }, ...Object.entries(FORMATS).map(asOption));
  #export = make("button", { textContent: "Export sequence" });
  #rows = make("ol", { className: "tracks", aria: { label: "Objects along the sequence" } });
  element = make(
    "section",
    { className: "sequence", hidden: true, aria: { label: "Sequence" } },
    make("div", { className: "scrub" }, this.#preview, this.#slider, this.#place),
    make(
      "div",
      { className: "follow" },
      this.#back,
      this.#on,
      make("label", {}, "for ", this.#count, " frames"),
      this.#progress,
      this.#stop,
      make("span", { className: "gap" }),
      this.#format,
      this.#export,
    ),
    this.#rows,
  );

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#on.addEventListener("click", () => this.#follow(false));
    this.#back.addEventListener("click", () => this.#follow(true));
    this.#stop.addEventListener("click", () => this.#job && api.cancelJob(this.#job.id).catch(() => {}));
    this.#export.addEventListener("click", () => this.#download());
    this.#slider.addEventListener("input", () => this.#showPlace(Number(this.#slider.value) - 1, true));
    this.#slider.addEventListener("change", () => this.go(Number(this.#slider.value) - 1));
    this.#slider.addEventListener("blur", () => (this.#preview.hidden = true));
    app.store.on("image", () => this.#fetch());
    app.store.on("objects", () => this.#showTracks());
    app.store.on("refetched", () => this.#fetch());
    app.saveQueue.on("change", () => app.saveQueue.count === 0 && this.#fetch());
    addEventListener("resize", () => this.#showTracks());
  }

  /** Opens a frame. @param {number} place */
  async go(place) {
    const { store, navigation, gallery, notices } = this.#app;
    const id = this.#sequence?.images[place];
    if (!id || id === store.image?.id) return;
    try {
      const image = await api.image(id);
      const shown = navigation.show(image);
      gallery.reach(image).then(() => gallery.mark(store.image), () => {});
      await shown;
    } catch (error) {
      notices.fail(error.message);
    }
  }

  async #fetch() {
    const { image } = this.#app.store;
    if (!image) return;
    try {
      const [sequence, here] = await Promise.all([get(`/images/${image.id}/sequence`), api.annotations(image.id)]);
      if (image.id !== this.#app.store.image.id) return;
      this.#sequence = sequence;
      this.#here = here;
    } catch {
      this.#sequence = null; // an upload, which has no folder
    }
    this.element.hidden = !this.#sequence;
    if (!this.#sequence) return;
    this.#slider.max = String(this.#sequence.images.length);
    this.#slider.value = String(this.#sequence.place + 1);
    this.#showPlace(this.#sequence.place, false);
    this.#showTracks();
  }

  /** @param {number} place @param {boolean} isMoving whether the slider is on its way, and shows where it would go */
  #showPlace(place, isMoving) {
    const { images, name } = this.#sequence;
    const words = `Frame ${place + 1} of ${images.length}`;
    this.#place.textContent = name ? `${words} · ${name}` : words;
    this.#slider.setAttribute("aria-valuetext", words);
    this.#preview.hidden = !isMoving;
    if (isMoving) this.#preview.src = api.thumbnailUrl(images[place]);
    const share = images.length > 1 ? place / (images.length - 1) : 0;
    this.#preview.style.insetInlineStart = `${100 * share}%`;
  }

  #showTracks() {
    if (!this.#sequence) return;
    const { store } = this.#app;
    const { place, images, tracks } = this.#sequence;
    const chosen = this.#annotationOf(store.selected.at(-1));
    const rows = tracks.map((track) => {
      const here = this.#here.find((one) => one.track === track.track);
      const object = here && store.object(keyOf(here));
      return trackRow({
        track,
        place,
        count: images.length,
        colour: object ? store.colourOf(object) : this.#app.classes.colourOf(track.class_name),
        isSelected: Boolean(object) && store.selected.includes(object.key),
        canBe: !here && chosen?.track === null,
        select: () => (object ? store.select(object.key) : this.go(nearest(track, place))),
        same: () => this.#setTrack(chosen, track.track),
        go: (there) => this.go(there),
      });
    });
    this.#rows.replaceChildren(...rows.map(({ row }) => row));
    for (const { draw } of rows) draw();
  }

  #annotationOf(key) {
    return this.#here.find((one) => keyOf(one) === key);
  }

  async #setTrack(annotation, track) {
    try {
      await send("PUT", `/annotations/${annotation.id}/track`, { track });
      this.#app.notices.say(`It is object ${track} now.`);
    } catch (error) {
      this.#app.notices.fail(error.message);
    }
    await this.#fetch();
  }

  /** @param {boolean} reverse */
  async #follow(reverse) {
    const { store, saveQueue, draftEditor, models, notices } = this.#app;
    if (this.#job || !store.image) return;
    if (!draftEditor.isBlank && !draftEditor.keep()) return notices.fail(UNFINISHED);
    const frames = Math.max(1, Math.round(Number(this.#count.value)) || 1);
    this.#showJob({ done: 0, total: 0 });
    let job = null;
    try {
      await saveQueue.send();
      job = this.#job = await send("POST", `/images/${store.image.id}/follow`, { ...models.selection, frames, reverse });
      await waitForJob(job, (now) => this.#showJob(now));
    } catch (error) {
      if (error.name === "AbortError") notices.say("Stopped; the frames that are done stay.");
      else notices.fail(error.message);
    }
    this.#job = null;
    this.#showJob(null);
    if (job) await this.#showFollowed(job.id);
  }

  /** Makes a step of what was followed, and goes where the user has to look: where one is lost, else to the last frame. */
  async #showFollowed(id) {
    const { store, notices } = this.#app;
    /** @type {Followed | null} */
    const followed = await api.job(id).then((job) => job.followed, () => null);
    if (!followed?.images.length) return;
    await store.addBatches(`Follow into ${followed.images.length} frames`, [followed.batch]);
    const [first] = followed.lost;
    await this.go(this.#sequence.images.indexOf(first?.image_id ?? followed.images.at(-1)));
    if (!first) return notices.say(`Followed into ${followed.images.length} frames.`);
    const more = followed.lost.length > 1 ? ` and ${followed.lost.length - 1} more` : "";
    notices.say(`${first.class_name}${more} not found from this frame on. If it is there, draw it and say which object it is.`);
  }

  /** @param {{done: number, total: number} | null} job */
  #showJob(job) {
    this.#on.disabled = this.#back.disabled = Boolean(job);
    this.#progress.hidden = this.#stop.hidden = !job;
    if (job?.total) Object.assign(this.#progress, { max: job.total, value: job.done });
    else this.#progress.removeAttribute("value");
  }

  async #download() {
    const { store, saveQueue, notices } = this.#app;
    const done = notices.begin("Exporting");
    try {
      await saveQueue.flush();
      save(await download(`/images/${store.image.id}/sequence/export?format=${this.#format.value}`));
    } catch (error) {
      notices.fail(error.message);
    }
    done();
  }
}

const keyOf = ({ key, id }) => key ?? `number ${id}`; // as the save queue has it

const asOption = ([value, textContent]) => make("option", { value, textContent });

/** The frame nearest to a place on which an object has a mask. @param {Track} track @param {number} place */
function nearest({ keyframes, tracked }, place) {
  return [...keyframes, ...tracked].reduce((best, one) => (Math.abs(one - place) < Math.abs(best - place) ? one : best));
}
