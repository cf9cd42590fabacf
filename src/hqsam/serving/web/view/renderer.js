/** What is painted when: the image and finished objects below, the draft and the pointer's company above. */
import { draftMask } from "../state/draft.js";
import { objectMask } from "../state/object_masks.js";
import * as paint from "./paint.js";
import { CanvasLayers } from "./canvas_layers.js";

/** Tells "change" when something is set. */
export class Renderer extends EventTarget {
  /** @type {CanvasImageSource | null} */
  bitmap = null;
  /** Everything but the image can be hidden, to see what is below. */
  masksHidden = false;
  /** @type {object | null} what "everything" found and the pointer is on */
  hovered = null;
  /** @type {[number, number] | null} */
  keyboardPointer = null;
  /** @type {(() => import("../tools/toolbox.js").Overlay) | null} what the tool shows beside the draft */
  overlay = null;
  #layers;
  #viewport;
  #store;
  #hoverPreview;

  constructor({ element, viewport, store, hoverPreview, classes }) {
    super();
    this.#viewport = viewport;
    this.#store = store;
    this.#hoverPreview = hoverPreview;
    this.#layers = new CanvasLayers(element, viewport, {
      below: (context) => this.#paintBelow(context),
      above: (context) => this.#paintAbove(context),
    });
    for (const what of ["image", "objects", "found", "draft"]) store.addEventListener(what, () => this.refresh());
    hoverPreview.addEventListener("change", () => this.refresh("above"));
    classes.addEventListener("change", () => this.refresh());
  }

  /** @param {"below" | "above"} [layer] both if not given */
  refresh(layer) {
    this.#layers.refresh(layer);
  }

  /** @param {Partial<Pick<Renderer, "bitmap" | "masksHidden" | "hovered" | "keyboardPointer">>} changes */
  set(changes) {
    if (Object.entries(changes).every(([name, value]) => this[name] === value)) return;
    Object.assign(this, changes);
    this.refresh("keyboardPointer" in changes ? "above" : undefined);
    this.dispatchEvent(new Event("change"));
  }

  #paintBelow(context) {
    if (!this.bitmap) return;
    paint.paintImage(context, this.#viewport, this.bitmap);
    if (this.masksHidden) return;
    const { objects, found, selected, draft } = this.#store;
    for (const object of objects) {
      if (object.visible && object.key !== draft.objectKey) this.#paintObject(context, object, object.key === selected);
    }
    for (const one of found) this.#paintFound(context, one);
  }

  #paintObject(context, object, isSelected) {
    const look = isSelected ? { strength: 0.35, width: 2.5 } : { strength: 0.22, width: 1.5 };
    paint.paintMask(context, this.#viewport, objectMask(object), { colour: this.#store.colourOf(object), ...look });
  }

  #paintFound(context, one) {
    const isHovered = one === this.hovered;
    const look = isHovered ? { strength: 0.45, width: 2 } : { strength: 0, width: 1, faint: true };
    paint.paintMask(context, this.#viewport, objectMask(one), { colour: "white", ...look });
  }

  #paintAbove(context) {
    if (!this.bitmap || this.masksHidden) return;
    const overlay = this.overlay?.() ?? {};
    const { draft } = this.#store;
    const colour = this.#store.draftColour;
    paint.paintMask(context, this.#viewport, overlay.mask ?? draftMask(draft), { colour, strength: 0.38, width: 2 });
    if (this.#hoverPreview.mask)
      paint.paintMask(context, this.#viewport, this.#hoverPreview.mask, { colour: "white", strength: 0.22, dashed: true });
    this.#paintPrompts(context, draft);
    this.#paintOverlay(context, overlay);
  }

  #paintPrompts(context, { box, points, labels }) {
    if (box) paint.paintBox(context, this.#viewport, box, "white");
    points.forEach((point, place) => paint.paintClick(context, this.#viewport, point, labels[place]));
  }

  #paintOverlay(context, { box, stroke, ring }) {
    if (box) paint.paintBox(context, this.#viewport, box, "white");
    if (stroke) paint.paintStroke(context, this.#viewport, stroke.points, "white", stroke.closed);
    if (ring) paint.paintRing(context, this.#viewport, ring.at, ring.radius, "white");
    if (this.keyboardPointer) paint.paintCross(context, this.#viewport, this.keyboardPointer, "white");
  }
}
