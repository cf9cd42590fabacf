/**
 * The open image, its finished objects, and the proposals of "everything". Every change can be undone, and is saved.
 * Emits "image" (with it), "objects", "proposals", "history" when there is more or less to undo,
 * "refetched" when the server changed much, and "problem" with words.
 */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { Emitter } from "../events.js";
import { settings } from "../settings.js";
import { History } from "./history.js";
import { newKey } from "./save_queue.js";

/** @typedef {import("./save_queue.js").SavedObject} SavedObject @typedef {import("../api.js").Image} Image */
/** @typedef {{rle: import("../masks/rle.js").Rle, score: number, model: string, source: string, class_name?: string}} Proposal */

export class AnnotationStore extends Emitter {
  /** @type {Image | null} */
  image = null;
  /** @type {SavedObject[]} */
  objects = [];
  /** @type {Proposal[]} what "everything" found and was not kept yet */
  proposals = [];
  /** @type {string[]} the keys of the selected objects, the last one selected last */
  selected = [];
  history = new History();
  /** @type {Map<string, number>} the objects' keys, numbered as they came, so that a deleted one comes back to its place */
  #places = new Map();
  /** @type {App["saveQueue"]} */
  #saveQueue;
  /** @type {App["classes"]} */
  #classes;

  /** @param {App} app */
  constructor({ saveQueue, classes }) {
    super();
    this.#saveQueue = saveQueue;
    this.#classes = classes;
  }

  /** Replaces all by another image, with nothing on it yet. @param {Image} image */
  open(image) {
    Object.assign(this, { image, objects: [], proposals: [], selected: [], history: this.history.forNextImage() });
    this.history.on("change", () => this.emit("history"));
    this.emit("image", image);
  }

  /**
   * Makes a step in the history of what the server did to objects of any image.
   * @param {string} label @param {number[]} batches as the server numbered them
   */
  async addBatches(label, batches) {
    let numbers = batches.filter((batch) => batch !== null);
    const flip = async () => {
      try {
        await this.#saveQueue.send();
        const undone = [];
        for (const number of numbers.reverse()) undone.push(await api.undoBatch(number));
        numbers = undone.map(({ batch }) => batch);
        const skipped = undone.reduce((sum, one) => sum + one.skipped, 0);
        if (skipped) this.emit("problem", `${skipped} objects were changed since then, and stay as they are.`);
      } catch (error) {
        this.emit("problem", error.message);
      }
      await this.refetch();
    };
    if (numbers.length) this.history.add({ label, undo: flip, redo: flip, isGlobal: true });
    await this.refetch();
  }

  /** Fetches what the server may have changed: classes, and the objects of the open image. */
  async refetch() {
    await this.#saveQueue.send();
    await Promise.all([this.#classes.fetch(), this.image && this.fetchObjects()]);
    this.emit("refetched");
  }

  async fetchObjects() {
    const image = this.image;
    const objects = await this.#saveQueue.objectsOf(image);
    if (image.id !== this.image?.id) return;
    this.#places.clear();
    this.objects = this.#inOrder(objects);
    this.emit("objects");
    const isUnknown = ({ class_name }) => !this.#classes.isUnnamed(class_name) && !this.#classes.find(class_name);
    if (objects.some(isUnknown)) await this.#classes.fetch(); // they came by the API
  }

  /** @param {string | null} key @returns {SavedObject | null} */
  object(key) {
    return this.objects.find((object) => object.key === key) ?? null;
  }

  /** @param {SavedObject} object */
  colourOf(object) {
    const place = settings.get("colouring") === "object" ? this.objects.findIndex(({ key }) => key === object.key) : -1;
    if (place >= 0) return this.#classes.paletteColour(place);
    return object.colour ?? this.#classes.colourOf(object.class_name);
  }

  /** Selects these objects and no others. @param {string[]} keys */
  select(...keys) {
    this.selected = keys;
    this.emit("objects");
  }

  /** Selects an object too, or no longer. @param {string} key */
  toggleSelected(key) {
    const others = this.selected.filter((one) => one !== key);
    this.select(...others, ...(others.length === this.selected.length ? [key] : []));
  }

  /** Selects also what is between the object that was selected last and this one. @param {string} key */
  selectThrough(key) {
    const keys = this.objects.map((object) => object.key);
    const [from, to] = [keys.indexOf(this.selected.at(-1)), keys.indexOf(key)];
    if (from < 0) return this.select(key);
    const between = keys.slice(Math.min(from, to), Math.max(from, to) + 1);
    this.select(...this.selected.filter((one) => !between.includes(one)), ...(from > to ? between.reverse() : between));
  }

  /** Moves objects before all others, or behind them. @param {string[]} keys @param {boolean} toFront */
  restack(keys, toFront) {
    const moved = this.objects.filter(({ key }) => keys.includes(key));
    const levels = this.objects.map(({ z }) => z);
    const start = toFront ? Math.max(...levels) + 1 : Math.min(...levels) - moved.length;
    const after = moved.map((object, place) => ({ ...object, z: start + place }));
    this.#replace(toFront ? "To the front" : "To the back", moved.map(({ key }) => key), moved, after);
  }

  /** Changes several objects in one step; null deletes them. @param {string[]} keys @param {Partial<SavedObject> | null} change */
  change(keys, change, label) {
    const before = keys.map((key) => this.object(key));
    const after = before.map((object) => change && { ...object, ...change });
    this.#replace(label, keys, before, after);
  }

  /** Adds objects in one step. @param {SavedObject[]} objects */
  add(objects, label) {
    const keys = objects.map(({ key }) => key);
    this.#replace(label, keys, objects.map(() => null), objects);
  }

  /** Makes a class of a name, if it is none yet. @param {string} name */
  addClass(name) {
    const taken = this.objects.map((object) => this.colourOf(object));
    this.#classes.add(name, taken);
  }

  /** @param {string[]} keys @param {string} name */
  rename(keys, name) {
    this.addClass(name);
    this.change(keys, { class_name: name, colour: null }, "Rename");
  }

  /** Gives an object another colour, and with it all of its class, unless it has one of its own. */
  recolour(key, colour) {
    const object = this.object(key);
    if (object.colour) this.change([key], { colour }, "Colour");
    else this.#classes.recolour(object.class_name, colour);
  }

  /** @param {string[]} keys */
  remove(keys) {
    this.change(keys, null, keys.length === 1 ? "Delete" : `Delete ${keys.length} objects`);
  }

  setProposals(proposals) {
    this.proposals = proposals;
    this.emit("proposals");
  }

  /** Makes objects of some of them. @param {Proposal[]} chosen */
  keepProposals(chosen) {
    const kept = chosen.map((proposal, place) => ({ ...this.newObject(place), ...proposal }));
    const keys = kept.map(({ key }) => key);
    for (const { class_name } of chosen) if (class_name) this.addClass(class_name);
    this.history.do({
      label: chosen.length === 1 ? "Keep" : `Keep ${chosen.length} objects`,
      undo: () => [this.put(keys, keys.map(() => null)), this.setProposals([...this.proposals, ...chosen])],
      redo: () => [this.put(keys, kept), this.setProposals(this.proposals.filter((one) => !chosen.includes(one)))],
    });
  }

  /** An object of the class in use, still without a mask. @param {number} ahead how many come before it @returns {SavedObject} */
  newObject(ahead = 0) {
    const class_name = settings.get("className");
    return {
      key: newKey(),
      class_name,
      rle: null,
      colour: this.#classes.isUnnamed(class_name) ? this.#classes.paletteColour(this.objects.length + ahead) : null,
      visible: true,
      locked: false,
      z: Math.max(0, ...this.objects.map(({ z }) => z)),
      source: null,
      model: null,
      score: null,
      prompts: [],
    };
  }

  /**
   * Puts objects into the list, or takes them off where there is null; without a step in the history.
   * @param {string[]} keys @param {(SavedObject | null)[]} objects
   */
  put(keys, objects) {
    const all = new Map(this.objects.map((object) => [object.key, object]));
    keys.forEach((key, place) => {
      if (objects[place]) all.set(key, objects[place]);
      else all.delete(key);
    });
    /** @type {[string, SavedObject | null][]} */
    const entries = keys.map((key, place) => [key, objects[place]]);
    this.#saveQueue.put(this.image, entries);
    this.objects = this.#inOrder([...all.values()]);
    this.selected = this.selected.filter((key) => all.has(key));
    this.emit("objects");
  }

  /** From back to front. @param {SavedObject[]} objects */
  #inOrder(objects) {
    for (const { key } of objects) if (!this.#places.has(key)) this.#places.set(key, this.#places.size);
    return objects.toSorted((one, other) => one.z - other.z || this.#places.get(one.key) - this.#places.get(other.key));
  }

  #replace(label, keys, before, after) {
    if (keys.length) this.history.do({ label, undo: () => this.put(keys, before), redo: () => this.put(keys, after) });
  }
}
