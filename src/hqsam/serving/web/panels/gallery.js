/** The strip of images, filtered and searched. Emits "pick" with an image, and "change". */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { Emitter } from "../events.js";
import { find, findAll, make } from "./dom.js";

const PAGE_SIZE = 100;
const TYPING_MS = 250;
/** @type {Record<import("../api.js").Status, string>} */
export const STATUS_NAMES = { todo: "to do", done: "done", to_review: "to review", rejected: "rejected" };
const MARKS = { todo: "", done: "✓", to_review: "?", rejected: "✕" };

/** @typedef {import("../api.js").Image} Image */

export class Gallery extends Emitter {
  /** @type {Image[]} the filter's, as far as fetched */
  images = [];
  total = 0;
  /** @type {Record<import("../api.js").Status, number>} of all images */
  counts = { todo: 0, done: 0, to_review: 0, rejected: 0 };
  #list = find("#gallery ol");
  #search = find("#search", HTMLInputElement);
  #status = find("#filter-status", HTMLSelectElement);
  #class = find("#filter-class", HTMLSelectElement);
  /** @type {Image | null} */
  #current = null;
  #isFetching = false;
  #asked = 0;
  #typing = 0;

  /** @param {App["classes"]} classes */
  constructor(classes) {
    super();
    this.#list.addEventListener("scroll", () => this.#fetchNearEnd());
    this.#list.addEventListener("click", ({ target }) => this.#pick(/** @type {Element} */ (target).closest("button")));
    this.#list.addEventListener("keydown", (event) => this.#walkByArrows(event));
    for (const menu of [this.#status, this.#class]) menu.addEventListener("change", () => this.#filter());
    this.#listenToSearch();
    classes.on("change", () => this.#showClasses(classes.list));
  }

  /** Fetches the filter's first images, or as many as there were. */
  async fetch() {
    const limit = Math.min(500, Math.max(PAGE_SIZE, this.images.length));
    const asked = ++this.#asked;
    const { total, counts, images } = await api.images({ ...this.query, offset: 0, limit });
    if (asked !== this.#asked) return;
    Object.assign(this, { total, counts, images });
    this.#list.replaceChildren(...images.map((image) => this.#thumbnail(image)));
    this.mark(this.#current);
    this.#showProgress();
  }

  focusSearch() {
    this.#search.focus();
    this.#search.select();
  }

  /** As the API takes it. */
  get query() {
    const [search, status, name] = [this.#search.value.trim(), this.#status.value, this.#class.value];
    return { ...(search && { search }), ...(status && { status }), ...(name && { class_name: name }) };
  }

  async #filter() {
    this.images = [];
    await this.fetch().catch(() => {});
    this.emit("change");
  }

  /** Enter goes to the first image that was found, Escape back to all. */
  #listenToSearch() {
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#filter(), TYPING_MS);
    });
    this.#search.addEventListener("keydown", async ({ key }) => {
      if (key !== "Enter" && key !== "Escape") return;
      clearTimeout(this.#typing);
      if (key === "Escape") this.#search.value = "";
      await this.#filter();
      if (key === "Enter" && this.images.length) this.emit("pick", this.images[0]);
      find("#canvas").focus();
    });
  }

  #showClasses(list) {
    const chosen = this.#class.value;
    const options = list.map(({ name }) => make("option", { value: name, textContent: name }));
    this.#class.replaceChildren(make("option", { value: "", textContent: "Any class" }), ...options);
    this.#class.value = list.some(({ name }) => name === chosen) ? chosen : "";
  }

  #showProgress() {
    const all = Object.values(this.counts).reduce((sum, count) => sum + count, 0);
    const { done, to_review, rejected } = this.counts;
    const more = [to_review && `${to_review} to review`, rejected && `${rejected} rejected`].filter(Boolean);
    const isFiltered = Object.keys(this.query).length > 0;
    find("#progress-text").textContent =
      [`${done} of ${all} done`, ...more].join(", ") + (isFiltered ? ` · ${this.total} shown` : "");
    find("#progress-bar", HTMLProgressElement).value = all ? (done + rejected) / all : 0;
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
    const before = this.images.find(({ id }) => id === image.id);
    if (before && before.status !== image.status) {
      this.counts[before.status] -= 1;
      this.counts[image.status] += 1;
    }
    this.images = this.images.map((one) => (one.id === image.id ? image : one));
    this.#list.querySelector(`button[value="${image.id}"]`)?.parentElement.replaceWith(this.#thumbnail(image));
    this.mark(this.#current);
    this.#showProgress();
  }

  /** @param {Image} image @param {number} annotation_count */
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

  /** The next one to do, from this one on, then from the beginning. @param {Image} image */
  async nextTodo(image) {
    const isNext = ({ id, status, problem }) => status === "todo" && !problem && id !== image.id;
    for (let from = this.placeOf(image) + 1; ; from = this.images.length) {
      const found = this.images.slice(from).find(isNext);
      if (found) return found;
      if (this.images.length >= this.total || !(await this.#fetchMore())) return this.images.find(isNext) ?? null;
    }
  }

  /** Fetches until the strip has this one, if the filter lets it through. @param {Image} image */
  async reach(image) {
    while (this.placeOf(image) < 0 && this.images.length < this.total && (await this.#fetchMore()));
  }

  /** @returns {Promise<boolean>} whether there were more */
  async #fetchMore() {
    if (this.#isFetching || this.images.length >= this.total) return false;
    this.#isFetching = true;
    try {
      const [{ query }, asked] = [this, this.#asked]; // images that were marked since may have left the query
      const offset = this.images.filter(({ status }) => !query.status || status === query.status).length;
      const { images } = await api.images({ ...query, offset, limit: PAGE_SIZE });
      if (asked !== this.#asked) return false;
      this.images.push(...images);
      this.#list.append(...images.map((image) => this.#thumbnail(image)));
      return images.length > 0;
    } finally {
      this.#isFetching = false;
    }
  }

  #fetchNearEnd() {
    const { scrollLeft, clientWidth, scrollWidth } = this.#list;
    if (scrollLeft + 2 * clientWidth > scrollWidth) this.#fetchMore().catch(() => {});
  }

  #thumbnail(image) {
    const { id, name, status, note, annotation_count: count, problem } = image;
    const how = problem ? "cannot be opened" : `${STATUS_NAMES[status]}, ${count} objects${note && `: ${note}`}`;
    const mark = make("span", { className: "mark", textContent: MARKS[status] || String(count || "") });
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

  #walkByArrows(event) {
    const far = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!far) return;
    event.preventDefault();
    const buttons = findAll("button", HTMLButtonElement, this.#list);
    buttons[buttons.findIndex((button) => button === document.activeElement) + far]?.focus();
  }
}
