/** Paints two layers when something changes: image and objects below, the draft and what tools show above. */
/** @import { App } from "../main.js" */
import { Emitter } from "../events.js";
import { settings } from "../settings.js";
import { objectMask } from "../state/object_masks.js";
import * as paint from "./paint.js";
import { CanvasLayers } from "./canvas_layers.js";

/** Emits "change" when something is set. */
export class Renderer extends Emitter {
  /** @type {CanvasImageSource | null} */
  bitmap = null;
  /** Everything but the image can be hidden, to see what is below. */
  masksHidden = false;
  /** @type {import("../state/annotation_store.js").Proposal | null} the one that the pointer is on */
  hovered = null;
  /** @type {[number, number] | null} */
  keyboardPointer = null;
  /** @type {(() => import("../tools/toolbox.js").Overlay) | null} what the tool shows beside the draft */
  overlay = null;
  #layers;
  /** @type {App} */
  #app;
  /** @type {App["viewport"]} */
  #viewport;

  /** @param {HTMLElement} element @param {App} app */
  constructor(element, app) {
    super();
    this.#app = app;
    this.#viewport = app.viewport;
    this.#layers = new CanvasLayers(element, app.viewport, {
      below: (context) => this.#paintBelow(context),
      above: (context) => this.#paintAbove(context),
    });
    app.store.on(["objects", "proposals"], () => this.refresh());
    app.draftEditor.on("draft", () => this.refresh());
    app.hoverPreview.on("change", () => this.refresh("above"));
    app.classes.on("change", () => this.refresh());
    settings.on("change", () => this.refresh());
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
    this.emit("change");
  }

  #paintBelow(context) {
    if (!this.bitmap) return;
    const filter = `brightness(${settings.get("brightness")}) contrast(${settings.get("contrast")})`;
    paint.paintImage(context, this.#viewport, this.bitmap, filter);
    if (this.masksHidden) return;
    const { objects, proposals, selected } = this.#app.store;
    const { objectKey } = this.#app.draftEditor.draft;
    for (const object of objects) {
      if (object.visible && object.key !== objectKey) this.#paintObject(context, object, selected.includes(object.key));
    }
    for (const proposal of proposals) this.#paintProposal(context, proposal);
  }

  #paintObject(context, object, isSelected) {
    const opacity = settings.get("opacity");
    const look = isSelected ? { strength: Math.min(1, opacity + 0.13), width: 2.5 } : { strength: opacity, width: 1.5 };
    paint.paintMask(context, this.#viewport, objectMask(object), { colour: this.#app.store.colourOf(object), ...look });
  }

  #paintProposal(context, proposal) {
    const look = proposal === this.hovered ? { strength: 0.45, width: 2 } : { strength: 0, width: 1, faint: true };
    paint.paintMask(context, this.#viewport, objectMask(proposal), { colour: "white", ...look });
  }

  #paintAbove(context) {
    if (!this.bitmap || this.masksHidden) return;
    const overlay = this.overlay?.() ?? {};
    const { draftEditor, hoverPreview } = this.#app;
    const look = { colour: draftEditor.colour, strength: Math.min(1, settings.get("opacity") + 0.16), width: 2 };
    paint.paintMask(context, this.#viewport, overlay.mask ?? draftEditor.mask, look);
    if (hoverPreview.mask)
      paint.paintMask(context, this.#viewport, hoverPreview.mask, { colour: "white", strength: 0.22, dashed: true });
    this.#paintPrompts(context, draftEditor.draft);
    this.#paintOverlay(context, overlay);
  }

  #paintPrompts(context, { box, points, labels }) {
    if (box) paint.paintBox(context, this.#viewport, box, "white");
    points.forEach((point, place) => paint.paintClick(context, this.#viewport, point, labels[place]));
  }

  /** @param {CanvasRenderingContext2D} context @param {import("../tools/toolbox.js").Overlay} overlay */
  #paintOverlay(context, { box, stroke, ring, handles }) {
    if (handles) paint.paintHandles(context, this.#viewport, handles.points, handles.active);
    if (box) paint.paintBox(context, this.#viewport, box, "white");
    if (stroke) paint.paintStroke(context, this.#viewport, stroke.points, "white", stroke.closed);
    if (ring) paint.paintRing(context, this.#viewport, ring.at, ring.radius, "white");
    if (this.keyboardPointer) paint.paintCross(context, this.#viewport, this.keyboardPointer, "white");
  }
}
