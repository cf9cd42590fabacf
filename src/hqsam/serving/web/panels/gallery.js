/** The strip of images: what is to do, what is done, and the way to more. Emits "pick" with an image. */
import { api } from "../api.js";
import { Emitter } from "../events.js";
import { find, findAll, make } from "./dom.js";

const PAGE_SIZE = 100;

/** @typedef {import("../api.js").Image} Image */

export class Gallery extends Emitter {
  /** @type {Image[]} */
  images = [];
  total = 0;
  #list = find("#gallery ol");
  /** @type {Image | null} */
  #current = null;
  #isFetching = false;

  constructor() {
    super();
    this.#list.addEventListener("scroll", () => this.#fetchIfNearTheEnd());
    this.#list.addEventListener("click", ({ target }) => this.#pick(/** @type {Element} */ (target).closest("button")));
    this.#list.addEventListener("keydown", (event) => this.#walk(event));
  }

  /** Fetches the first images, or as many as were shown before. */
  async fetch() {
    const { total, images } = await api.images(0, Math.min(1000, Math.max(PAGE_SIZE, this.images.length)));
    this.total = total;
    this.images = images;
    this.#list.replaceChildren(...images.map((image) => this.#thumbnail(image)));
    this.mark(this.#current);
  }

  /** Shows which image is open. @param {Image | null} image */
  mark(image) {
    this.#current = image;
    for (const button of findAll("button", HTMLButtonElement, this.#list)) {
      const isCurrent = image !== null && button.value === String(image.id);
      button.toggleAttribute("aria-current", isCurrent);
      if (!isCurrent) continue;
      button.setAttribute("aria-current", "true");
      button.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  /** Shows that an image has changed. @param {Image} image */
  update(image) {
    this.images = this.images.map((one) => (one.id === image.id ? image : one));
    this.#list.querySelector(`button[value="${image.id}"]`)?.parentElement.replaceWith(this.#thumbnail(image));
    this.mark(this.#current);
  }

  /** Shows how many objects an image has. @param {Image} image @param {number} annotation_count */
  count(image, annotation_count) {
    const known = this.images[this.placeOf(image)];
    if (known && known.annotation_count !== annotation_count) this.update({ ...known, annotation_count });
  }

  placeOf(image) {
    return this.images.findIndex(({ id }) => id === image.id);
  }

  /** The image so many places on, or null. @param {Image} image @param {number} far */
  async neighbour(image, far) {
    const place = this.placeOf(image) + far;
    if (place >= this.images.length) await this.#fetchMore();
    return this.images[place] ?? null;
  }

  /** The next one that is to do, from this one on and then from the beginning. */
  nextTodo(image) {
    const place = this.placeOf(image);
    return (
      [...this.images.slice(place + 1), ...this.images.slice(0, place)].find(({ status }) => status === "todo") ?? null
    );
  }

  async #fetchMore() {
    if (this.#isFetching || this.images.length >= this.total) return;
    this.#isFetching = true;
    try {
      const { images } = await api.images(this.images.length, PAGE_SIZE);
      this.images.push(...images);
      this.#list.append(...images.map((image) => this.#thumbnail(image)));
    } finally {
      this.#isFetching = false;
    }
  }

  #fetchIfNearTheEnd() {
    const { scrollLeft, clientWidth, scrollWidth } = this.#list;
    if (scrollLeft + 2 * clientWidth > scrollWidth) this.#fetchMore().catch(() => {});
  }

  #thumbnail(image) {
    const { id, name, status, annotation_count: count, problem } = image;
    const how = problem ? "cannot be opened" : `${status === "done" ? "done" : "to do"}, ${count} objects`;
    const mark = make("span", { className: "mark", textContent: status === "done" ? "✓" : String(count || "") });
    const inside = problem
      ? make("span", { className: "problem", textContent: "Cannot be opened" })
      : make("img", { src: api.thumbnailUrl(id), alt: "", loading: "lazy", decoding: "async", draggable: false });
    const button = make(
      "button",
      {
        className: "thumbnail",
        value: String(id),
        title: problem ?? name,
        data: { status },
        aria: { label: `${name}, ${how}` },
      },
      inside,
      mark,
    );
    return make("li", {}, button);
  }

  #pick(button) {
    const image = button && this.images.find(({ id }) => String(id) === button.value);
    if (image) this.emit("pick", image);
  }

  /** Arrow keys go along the strip. */
  #walk(event) {
    const far = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!far) return;
    event.preventDefault();
    const buttons = findAll("button", HTMLButtonElement, this.#list);
    buttons[buttons.findIndex((button) => button === document.activeElement) + far]?.focus();
  }
}
