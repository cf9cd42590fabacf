/**
 * Sends finished objects to the server, in order, until it has them. Unsent ones are kept in this browser, so that
 * neither a reload nor a server that is down loses them.
 *
 * @typedef {object} SavedObject  A finished object.
 * @property {string} key  Ours, made once; with it the server takes a repeated request for what it is.
 * @property {string} class_name
 * @property {string | null} colour  Its own, or null for that of its class.
 * @property {import("../masks/rle.js").Rle} rle
 * @property {boolean} visible
 * @property {boolean} locked
 * @property {number} z  Objects are drawn from the lowest to the highest.
 * @property {string | null} source
 * @property {string | null} model
 * @property {number | null} score
 * @property {object[]} prompts
 *
 * @typedef {{id: number, version: number, isGone: boolean}} Saved  What the server has of it.
 * @typedef {Pick<import("../api.js").Image, "id" | "name" | "width" | "height">} Image
 * @typedef {{image: Image, wanted: SavedObject | null, saved: Saved | null}} Unsent
 */
import { ApiError, api, connection } from "../api.js";
import { Emitter } from "../events.js";
import { readJson } from "../settings.js";

const STORAGE_KEY = "hqsam.unsent";
const FULL =
  "This browser's storage is full: what was not sent yet is lost if this page is closed.";
const LEFT = "Some objects have not reached the server: they are not in the file.";
const RETRY_SECONDS = 5;
const FIELDS = ["class_name", "colour", "rle", "visible", "locked", "z", "source", "model", "score", "prompts"];

/** Emits "change" when something was sent or is to be sent, and "problem" with words when the server refuses. */
export class SaveQueue extends Emitter {
  /** @type {Map<string, Unsent>} by the objects' keys, oldest first */
  #unsent = new Map(readJson(STORAGE_KEY, []));
  /** @type {Map<string, Saved>} */
  #saved = new Map([...this.#unsent].flatMap(([key, { saved }]) => (saved ? [[key, saved]] : [])));
  /** Changes that are not sent for now: refused ones, or those for other images than the server has. */
  #suspended = new WeakSet();
  /** Changes of which people know that the server refused them. */
  #told = new WeakSet();
  #imagesThatAreHere = new Set();
  /** What was ever in `#unsent`: other windows store theirs beside it. @type {Set<string>} */
  #own = new Set(this.#unsent.keys());
  #sending = null;
  #isFull = false;

  constructor() {
    super();
    connection.on("online", () => this.send());
  }

  /** The number of objects that the server does not have as they are here. */
  get count() {
    return this.#unsent.size;
  }

  /** The image's objects: the server's, with what it has not got yet. @returns {Promise<SavedObject[]>} */
  async objectsOf(image) {
    const objects = new Map((await api.annotations(image.id)).map((annotation) => this.#known(annotation)));
    for (const [key, { wanted, image: its }] of this.#unsent) {
      if (!isSame(its, image)) continue;
      if (wanted) objects.set(key, wanted);
      else objects.delete(key);
    }
    return [...objects.values()];
  }

  /** Saves an image's objects as they are wanted; null deletes. @param {Image} of @param {[string, SavedObject | null][]} entries */
  put(of, entries) {
    const { id, name, width, height } = of;
    for (const [key, wanted] of entries) {
      this.#unsent.set(key, { image: { id, name, width, height }, wanted, saved: this.#saved.get(key) ?? null });
      this.#own.add(key);
    }
    this.#changed();
    this.send();
  }

  /** Sends what is to be sent. @returns {Promise<void>} when the server has it, refuses it, or cannot be reached */
  send() {
    this.#sending ??= this.#sendAll().finally(() => (this.#sending = null));
    return this.#sending;
  }

  /** Sends what is to be sent before an export, and says so if some of it will be missing. */
  async flush() {
    await this.send();
    if (this.count) this.emit("problem", LEFT);
  }

  async #sendAll() {
    try {
      for (let next; (next = this.#next());) await this.#settle(...next);
    } catch {
      // Not reachable: "online" calls again.
    }
  }

  #next() {
    return [...this.#unsent].find(([, entry]) => !this.#suspended.has(entry));
  }

  async #settle(key, entry) {
    try {
      if (!(await this.#isKnownImage(entry.image))) return this.#suspended.add(entry);
      this.#saved.set(key, await sent(key, entry, this.#saved.get(key) ?? null));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return this.#suspend(entry, error);
    }
    if (this.#unsent.get(key) === entry) this.#unsent.delete(key);
    this.#changed();
  }

  /** Keeps back what the server refuses: where it may take it later, only for a while. @param {Unsent} entry @param {ApiError} error */
  #suspend(entry, { status, message, retryAfter }) {
    this.#suspended.add(entry);
    if (!this.#told.has(entry)) this.emit("problem", message);
    this.#told.add(entry);
    const retry = () => {
      this.#suspended.delete(entry);
      this.send();
    };
    if (status >= 500 || status === 408 || status === 429) setTimeout(retry, 1000 * (retryAfter || RETRY_SECONDS));
  }

  /** After another start the server may work on another folder: what is not for it waits for its own. */
  async #isKnownImage(image) {
    const name = JSON.stringify(image);
    if (!this.#imagesThatAreHere.has(name) && isSame(await api.image(image.id), image)) {
      this.#imagesThatAreHere.add(name);
    }
    return this.#imagesThatAreHere.has(name);
  }

  #known(annotation) {
    const key = annotation.key ?? `number ${annotation.id}`; // other programs need not give keys
    this.#saved.set(key, { id: annotation.id, version: annotation.version, isGone: false });
    return [key, { key, ...only(FIELDS, annotation) }];
  }

  #changed() {
    const others = readJson(STORAGE_KEY, []).filter(([key]) => !this.#own.has(key));
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify([...others, ...this.#unsent]));
      this.#isFull = false;
    } catch {
      if (!this.#isFull) this.emit("problem", FULL);
      this.#isFull = true;
    }
    this.emit("change");
  }
}

/** @returns {string} a key for a new object */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Brings the server to what is wanted. @returns {Promise<Saved | null>} what it has now */
async function sent(key, { image, wanted }, saved) {
  if (!wanted) {
    const known = saved ?? (await savedBefore(key, image));
    return known && !known.isGone ? removed(known) : known;
  }
  const content = only(FIELDS, wanted);
  if (!saved) {
    const there = await api.createAnnotation(image.id, { ...content, key });
    return isAsWanted(there, content) ? asSaved(there) : asSaved(await changed(there, content));
  }
  const there = saved.isGone ? null : await changed(saved, content).catch(unless(404)); // 404: another window deleted it
  return asSaved(there ?? (await changed(await api.restoreAnnotation(saved.id, saved.version), content)));
}

/** What was saved without an answer. @returns {Promise<Saved | null>} */
async function savedBefore(key, image) {
  const there = (await api.annotations(image.id)).find((annotation) => annotation.key === key);
  return there ? asSaved(there) : null;
}

/** Whether the server stored this, and not an earlier request of the same key, whose answer was lost. */
function isAsWanted(there, content) {
  const isEqual = (field) => there[field] === content[field];
  return ["class_name", "colour", "visible", "locked", "z"].every(isEqual) && there.rle.counts === content.rle.counts;
}

async function removed(saved) {
  await api.deleteAnnotation(saved.id).catch(unless(404));
  return { ...saved, isGone: true };
}

/** What another window did meanwhile stays in the server's history; this change comes on top. */
async function changed({ id, version }, content) {
  try {
    return await api.changeAnnotation(id, { ...content, version });
  } catch (error) {
    if (error.status !== 409) throw error;
    return api.changeAnnotation(id, { ...content, version: (await api.annotation(id)).version });
  }
}

const asSaved = ({ id, version }) => ({ id, version, isGone: false });

const only = (fields, object) => Object.fromEntries(fields.map((field) => [field, object[field]]));

const isSame = (one, other) => ["id", "name", "width", "height"].every((field) => one[field] === other[field]);

function unless(status) {
  return (error) => {
    if (error.status !== status) throw error;
  };
}
