/**
 * The open image, its finished objects, and the proposals of "everything". Every change can be undone, and is saved.
 * Emits "image" (with it), "objects", "proposals" and, when there is more or less to undo, "history".
 */
/** @import { App } from "../main.js" */
import { Emitter } from "../events.js";
import { settings } from "../settings.js";
import { History } from "./history.js";
import { newKey } from "./save_queue.js";

/** @typedef {import("./save_queue.js").SavedObject} SavedObject @typedef {import("../api.js").Image} Image */
/** @typedef {{rle: import("../masks/rle.js").Rle, score: number, model: string, source: string}} Proposal */

export class AnnotationStore extends Emitter {
  /** @type {Image | null} */
  image = null;
  /** @type {SavedObject[]} */
  objects = [];
  /** @type {Proposal[]} what "everything" found and was not kept yet */
  proposals = [];
  /** @type {string | null} the key of the selected object */
  selected = null;
  history = new History();
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
    Object.assign(this, { image, objects: [], proposals: [], selected: null, history: new History() });
    this.history.on("change", () => this.emit("history"));
    this.emit("image", image);
  }

  async fetchObjects() {
    const image = this.image;
    const objects = await this.#saveQueue.objectsOf(image);
    if (image !== this.image) return;
    this.objects = objects;
    this.emit("objects");
  }

  /** @param {string | null} key @returns {SavedObject | null} */
  object(key) {
    return this.objects.find((object) => object.key === key) ?? null;
  }

  /** @param {SavedObject} object */
  colourOf(object) {
    return object.colour ?? this.#classes.colourOf(object.class_name);
  }

  /** @param {string | null} key */
  select(key) {
    this.selected = key;
    this.emit("objects");
  }

  /** @param {string} key @param {Partial<SavedObject>} change */
  change(key, change, label) {
    const before = this.object(key);
    const after = { ...before, ...change };
    this.history.do({ label, undo: () => this.put(key, before), redo: () => this.put(key, after) });
  }

  /** Makes a class of a name, if it is none yet. @param {string} name */
  addClass(name) {
    const taken = this.objects.map((object) => this.colourOf(object));
    this.#classes.add(name, taken);
  }

  rename(key, name) {
    this.addClass(name);
    this.change(key, { class_name: name, colour: null }, "Rename");
  }

  /** Gives an object another colour, and with it all of its class, unless it has one of its own. */
  recolour(key, colour) {
    const object = this.object(key);
    if (object.colour) this.change(key, { colour }, "Colour");
    else this.#classes.recolour(object.class_name, colour);
  }

  remove(key) {
    const before = this.object(key);
    this.history.do({ label: "Delete", undo: () => this.put(key, before), redo: () => this.put(key, null) });
  }

  setProposals(proposals) {
    this.proposals = proposals;
    this.emit("proposals");
  }

  /** Makes objects of some of them. @param {Proposal[]} chosen */
  keepProposals(chosen) {
    const kept = chosen.map((proposal, place) => ({ ...this.newObject(place), ...proposal }));
    this.history.do({
      label: chosen.length === 1 ? "Keep" : `Keep ${chosen.length} objects`,
      undo: () => [kept.forEach(({ key }) => this.put(key, null)), this.setProposals([...this.proposals, ...chosen])],
      redo: () => [
        kept.forEach((object) => this.put(object.key, object)),
        this.setProposals(this.proposals.filter((proposal) => !chosen.includes(proposal))),
      ],
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
      source: null,
      model: null,
      score: null,
      prompts: [],
    };
  }

  /** Puts an object into the list, or takes it off; without a step in the history. @param {SavedObject | null} object */
  put(key, object) {
    const place = this.objects.findIndex((one) => one.key === key);
    const objects = [...this.objects];
    if (!object) objects.splice(place, 1);
    else if (place < 0) objects.push(object);
    else objects[place] = object;
    this.objects = objects;
    this.#saveQueue.put(this.image, key, object);
    this.emit("objects");
  }
}
