/** What is painted when: the photo and finished objects below, the draft and the pointer's company above. */
import { maskOf } from "../work/draft.js";
import { maskOfObject } from "../work/masks_of.js";
import * as paint from "./paint.js";
import { Stage } from "./stage.js";

/** Tells "change" when something is set. */
export class Scene extends EventTarget {
  /** @type {CanvasImageSource | null} */
  photo = null;
  /** Everything but the photo can be hidden, to see what is below. */
  isBare = false;
  /** @type {object | null} what "everything" found and the pointer is on */
  pointed = null;
  /** @type {[number, number] | null} */
  keyboardPointer = null;
  /** @type {(() => import("../tools/tools.js").Marks) | null} what the tool shows beside the draft */
  marks = null;
  #stage;
  #viewport;
  #bench;
  #peeking;

  constructor({ element, viewport, bench, peeking, classes }) {
    super();
    this.#viewport = viewport;
    this.#bench = bench;
    this.#peeking = peeking;
    this.#stage = new Stage(element, viewport, {
      below: (context) => this.#paintBelow(context),
      above: (context) => this.#paintAbove(context),
    });
    for (const what of ["image", "objects", "found", "draft"]) bench.addEventListener(what, () => this.refresh());
    peeking.addEventListener("change", () => this.refresh("above"));
    classes.addEventListener("change", () => this.refresh());
  }

  /** @param {"below" | "above"} [layer] both if not given */
  refresh(layer) {
    this.#stage.refresh(layer);
  }

  /** @param {Partial<Pick<Scene, "photo" | "isBare" | "pointed" | "keyboardPointer">>} changes */
  set(changes) {
    if (Object.entries(changes).every(([name, value]) => this[name] === value)) return;
    Object.assign(this, changes);
    this.refresh("keyboardPointer" in changes ? "above" : undefined);
    this.dispatchEvent(new Event("change"));
  }

  #paintBelow(context) {
    if (!this.photo) return;
    paint.paintPhoto(context, this.#viewport, this.photo);
    if (this.isBare) return;
    const { objects, found, selected, draft } = this.#bench;
    for (const object of objects) {
      if (object.visible && object.key !== draft.objectId) this.#paintObject(context, object, object.key === selected);
    }
    for (const one of found) this.#paintFound(context, one);
  }

  #paintObject(context, object, isSelected) {
    const look = isSelected ? { strength: 0.35, width: 2.5 } : { strength: 0.22, width: 1.5 };
    paint.paintMask(context, this.#viewport, maskOfObject(object), { colour: this.#bench.colourOf(object), ...look });
  }

  #paintFound(context, one) {
    const isPointed = one === this.pointed;
    const look = isPointed ? { strength: 0.45, width: 2 } : { strength: 0, width: 1, faint: true };
    paint.paintMask(context, this.#viewport, maskOfObject(one), { colour: "white", ...look });
  }

  #paintAbove(context) {
    if (!this.photo || this.isBare) return;
    const marks = this.marks?.() ?? {};
    const { draft } = this.#bench;
    const colour = this.#bench.draftColour;
    paint.paintMask(context, this.#viewport, marks.mask ?? maskOf(draft), { colour, strength: 0.38, width: 2 });
    if (this.#peeking.mask)
      paint.paintMask(context, this.#viewport, this.#peeking.mask, { colour: "white", strength: 0.22, dashed: true });
    this.#paintPrompts(context, draft);
    this.#paintMarks(context, marks);
  }

  #paintPrompts(context, { box, points, labels }) {
    if (box) paint.paintBox(context, this.#viewport, box, "white");
    points.forEach((point, place) => paint.paintClick(context, this.#viewport, point, labels[place]));
  }

  #paintMarks(context, { box, stroke, ring }) {
    if (box) paint.paintBox(context, this.#viewport, box, "white");
    if (stroke) paint.paintStroke(context, this.#viewport, stroke.points, "white", stroke.closed);
    if (ring) paint.paintRing(context, this.#viewport, ring.at, ring.radius, "white");
    if (this.keyboardPointer) paint.paintCross(context, this.#viewport, this.keyboardPointer, "white");
  }
}
