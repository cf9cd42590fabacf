import { boxBetween, isBox, pixelAt } from "./places.js";

/** Clicks say what the object is; dragging makes a box around it. */
export class ClickTool {
  pansByTouch = true; // a finger that moves means the photo; boxes have a tool
  #work;
  #box = null;

  constructor(work) {
    this.#work = work;
  }

  hover(at, takesAway) {
    const { bench, peeking } = this.#work;
    if (at) peeking.at(pixelAt(at, bench.image), takesAway ? 0 : 1);
    else peeking.stop();
  }

  tap(at, takesAway) {
    const { bench, drafting } = this.#work;
    drafting.click(pixelAt(at, bench.image), takesAway ? 0 : 1);
  }

  drag(points) {
    this.#work.peeking.stop();
    this.#show(boxBetween(points[0], points.at(-1)));
  }

  drop(points) {
    const box = boxBetween(points[0], points.at(-1));
    this.cancel();
    if (isBox(box)) this.#work.drafting.box(box);
  }

  cancel() {
    const was = this.#box;
    this.#show(null);
    return was !== null;
  }

  marks() {
    return { box: this.#box };
  }

  #show(box) {
    this.#box = box;
    this.#work.scene.refresh("above");
  }
}
