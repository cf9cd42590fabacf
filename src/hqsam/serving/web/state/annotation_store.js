/**
 * What is on the store: one image, its finished objects, the draft that is being made, and what "everything" found.
 * Every change goes through here, can be undone, and is kept. Tells "image", "draft", "objects", "found"
 * and, when there is more or less to undo, "history".
 */
import { encode } from "../masks/rle.js";
import { settings } from "../settings.js";
import { isBlank, draftMask, newDraft } from "./draft.js";
import { saveDraft, loadDraft } from "./draft_storage.js";
import { History } from "./history.js";
import { objectMask } from "./object_masks.js";
import { newKey } from "./save_queue.js";

/** @typedef {import("./draft.js").Draft} Draft @typedef {import("./save_queue.js").SavedObject} SavedObject */

export class AnnotationStore extends EventTarget {
  /** @type {{id: number, name: string, width: number, height: number, status: string} | null} */
  image = null;
  /** @type {SavedObject[]} */
  objects = [];
  /** @type {Draft | null} */
  draft = null;
  /** @type {{rle: object, score: number, model: string, source: string}[]} what "everything" found and nobody kept */
  found = [];
  /** @type {string | null} the key of the object that is selected */
  selected = null;
  history = new History();
  #answered = new WeakMap();
  #saveQueue;
  #classes;

  /** @param {import("./save_queue.js").SaveQueue} saveQueue @param {import("./classes.js").Classes} classes */
  constructor(saveQueue, classes) {
    super();
    this.#saveQueue = saveQueue;
    this.#classes = classes;
  }

  /** Clears the store for another image. */
  show(image) {
    Object.assign(this, { image, objects: [], found: [], selected: null, history: new History() });
    this.history.addEventListener("change", () => this.#emit("history"));
    this.draft = loadDraft(image) ?? newDraft(image);
    for (const what of ["image", "objects", "found", "draft"]) this.#emit(what);
  }

  async fetchObjects() {
    const image = this.image;
    const objects = await this.#saveQueue.objectsOf(image);
    if (image !== this.image) return;
    this.objects = objects;
    if (this.draft.objectKey && !this.object(this.draft.objectKey)) this.#setDraft({ ...this.draft, objectKey: null });
    this.#emit("objects");
  }

  // The draft

  /** @param {Draft} after */
  changeDraft(after, label) {
    const before = this.draft;
    this.history.do({ label, undo: () => this.#setDraft(before), redo: () => this.#setDraft(after) });
  }

  /** The model's answer to a draft belongs to the step that made the draft, and is no step of its own. */
  answer(draft, answered) {
    this.#answered.set(draft, answered);
    if (this.draft === draft) this.#setDraft(draft);
  }

  discard() {
    if (!isBlank(this.draft)) this.changeDraft(newDraft(this.image), "Discard");
  }

  /** Begins to correct a finished object. */
  correct(key) {
    const start = objectMask(this.object(key));
    this.changeDraft({ ...newDraft(this.image), start, objectKey: key }, "Begin to correct");
    this.select(key);
  }

  /** Makes the draft a finished object, or corrects the one it is of. @returns {boolean} if there was anything */
  keep() {
    const draft = this.draft;
    const mask = draftMask(draft);
    if (mask.isEmpty) return false;
    const before = draft.objectKey ? this.object(draft.objectKey) : null;
    const after = { ...(before ?? this.#newObject()), ...originOf(draft), rle: encode(mask) };
    this.history.do({
      label: before ? "Correct" : "Keep",
      undo: () => [this.#put(after.key, before), this.#setDraft(draft)],
      redo: () => [this.#put(after.key, after), this.#setDraft(newDraft(this.image))],
    });
    this.select(null); // or the next stroke of a brush would go on with it
    return true;
  }

  /** The colour that the draft will have as an object. */
  get draftColour() {
    return this.colourOf(this.object(this.draft.objectKey) ?? this.#newObject());
  }

  // Finished objects

  object(key) {
    return this.objects.find((object) => object.key === key) ?? null;
  }

  colourOf(object) {
    return object.colour ?? this.#classes.colourOf(object.class_name);
  }

  select(key) {
    this.selected = key;
    this.#emit("objects");
  }

  /** @param {Partial<SavedObject>} change */
  change(key, change, label) {
    const before = this.object(key);
    const after = { ...before, ...change };
    this.history.do({ label, undo: () => this.#put(key, before), redo: () => this.#put(key, after) });
  }

  /** Makes a class of a name, if it is none yet. */
  nameClass(name) {
    this.#classes.add(
      name,
      this.objects.map((object) => this.colourOf(object)),
    );
  }

  rename(key, name) {
    this.nameClass(name);
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
    this.history.do({ label: "Delete", undo: () => this.#put(key, before), redo: () => this.#put(key, null) });
  }

  // What "everything" found

  setCandidates(found) {
    this.found = found;
    this.#emit("found");
  }

  /** Keeps some of it as objects. */
  keepCandidates(chosen) {
    const taken = chosen.map((found, place) => ({ ...this.#newObject(place), ...found }));
    this.history.do({
      label: chosen.length === 1 ? "Keep" : `Keep ${chosen.length} objects`,
      undo: () => [taken.forEach(({ key }) => this.#put(key, null)), this.setCandidates([...this.found, ...chosen])],
      redo: () => [
        taken.forEach((object) => this.#put(object.key, object)),
        this.setCandidates(this.found.filter((found) => !chosen.includes(found))),
      ],
    });
  }

  #newObject(ahead = 0) {
    const class_name = settings.get("className");
    return {
      key: newKey(),
      class_name,
      colour: this.#classes.isPlain(class_name) ? this.#classes.colourNumber(this.objects.length + ahead) : null,
      visible: true,
      locked: false,
      source: null,
      model: null,
      score: null,
      prompts: [],
    };
  }

  #put(key, object) {
    const place = this.objects.findIndex((one) => one.key === key);
    const objects = [...this.objects];
    if (!object) objects.splice(place, 1);
    else if (place < 0) objects.push(object);
    else objects[place] = object;
    this.objects = objects;
    this.#saveQueue.put(this.image, key, object);
    this.#emit("objects");
  }

  #setDraft(draft) {
    while (this.#answered.has(draft)) draft = this.#answered.get(draft);
    this.draft = draft;
    saveDraft(this.image, draft);
    this.#emit("draft");
  }

  #emit(what) {
    this.dispatchEvent(new Event(what));
  }
}

/** Which model and which prompts an object comes from; none if it is drawn by hand. */
function originOf({ answers, chosen, asked, points, labels, box }) {
  if (!answers.length) return { source: "hand", model: null, score: null, prompts: [] };
  const { score, source, model } = answers[chosen];
  const mask = asked.mask && encode(asked.mask);
  return { source, model, score, prompts: [{ points, labels, box, mask }] };
}
