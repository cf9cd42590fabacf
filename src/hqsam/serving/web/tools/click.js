/** @import { App } from "../main.js" */
import { boxBetween, isBox, pixelAt } from "./coordinates.js";

/** Clicks add to the object or subtract from it; dragging makes a box around it. */
export class ClickTool {
  pansByTouch = true; // a finger that moves means the image; boxes have a tool
  /** @type {App} */
  #app;
  #box = null;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  hover(at, subtracts) {
    const { store, hoverPreview } = this.#app;
    if (at) hoverPreview.show(pixelAt(at, store.image), subtracts ? 0 : 1);
    else hoverPreview.stop();
  }

  tap(at, subtracts) {
    const { store, draftEditor } = this.#app;
    draftEditor.addClick(pixelAt(at, store.image), subtracts ? 0 : 1);
  }

  drag(points) {
    this.#app.hoverPreview.stop();
    this.#show(boxBetween(points[0], points.at(-1)));
  }

  drop(points) {
    const box = boxBetween(points[0], points.at(-1));
    this.cancel();
    if (isBox(box)) this.#app.draftEditor.setBox(box);
  }

  cancel() {
    const was = this.#box;
    this.#show(null);
    return was !== null;
  }

  overlay() {
    return { box: this.#box };
  }

  #show(box) {
    this.#box = box;
    this.#app.renderer.refresh("above");
  }
}
