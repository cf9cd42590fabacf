/** Mouse, pen and fingers on the canvas: they pan and zoom the view, or work the active tool. */

/** @import { App } from "../main.js" */
const CLICK_SLOP = 4; // CSS pixels that a click may move
const TAP_SLOP = 10;

export class Gestures {
  /** While the space bar is down, dragging moves the image. */
  isPanning = false;
  #canvas;
  /** @type {App["viewport"]} */
  #viewport;
  /** @type {App["toolbox"]} */
  #toolbox;
  #pointers = new Map(); // where each is that is down
  #gesture = null;

  /** @param {HTMLElement} canvas @param {App} app */
  constructor(canvas, { viewport, toolbox }) {
    this.#canvas = canvas;
    this.#viewport = viewport;
    this.#toolbox = toolbox;
    const on = (name, listener) => canvas.addEventListener(name, listener.bind(this), { passive: false });
    on("pointerdown", this.#down);
    on("pointermove", this.#move);
    on("pointerup", this.#up);
    on("pointercancel", this.#cancelled);
    on("pointerleave", () => this.#toolbox.active.hover?.(null));
    on("wheel", this.#wheel);
    on("contextmenu", (event) => event.preventDefault());
  }

  /** @returns {boolean} whether a gesture was under way */
  cancel() {
    const had = this.#gesture !== null;
    this.#gesture = null;
    return had;
  }

  #down(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#place(event));
    if (this.#pointers.size > 1) return this.#pinch();
    const place = this.#place(event);
    const pans = event.button === 1 || this.isPanning || this.#toolbox.active.pans;
    const subtracts = event.button === 2 || event.altKey || this.#toolbox.subtracts;
    this.#gesture = {
      from: place,
      last: place,
      pans,
      subtracts,
      moved: false,
      points: [this.#viewport.toImageInside(place)],
    };
    if (event.pointerType === "touch") this.#gesture.pans ||= this.#toolbox.active.pansByTouch;
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) return this.#hover(event);
    this.#pointers.set(event.pointerId, this.#place(event));
    if (this.#pointers.size > 1) return this.#pinching();
    if (this.#gesture) this.#drag(event);
  }

  #hover(event) {
    if (event.pointerType === "touch") return;
    const place = this.#place(event);
    const at = this.#viewport.isOnImage(place) ? this.#viewport.toImage(place) : null;
    this.#toolbox.active.hover?.(at, event.altKey || this.#toolbox.subtracts);
  }

  #drag(event) {
    const gesture = this.#gesture;
    const place = this.#place(event);
    const still = event.pointerType === "touch" ? TAP_SLOP : CLICK_SLOP;
    gesture.moved ||= Math.hypot(place[0] - gesture.from[0], place[1] - gesture.from[1]) > still;
    if (!gesture.moved) return;
    if (gesture.pans) this.#viewport.pan(place[0] - gesture.last[0], place[1] - gesture.last[1]);
    else this.#draw(event);
    gesture.last = place;
  }

  #draw(event) {
    const { points, subtracts } = this.#gesture;
    const steps = event.getCoalescedEvents?.() ?? [];
    for (const step of steps.length ? steps : [event]) points.push(this.#viewport.toImageInside(this.#place(step)));
    this.#toolbox.active.drag?.(points, subtracts);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
    const gesture = this.#gesture;
    if (!gesture || gesture.isPinch) return this.#endPinch();
    this.#gesture = null;
    const tool = this.#toolbox.active;
    if (gesture.moved && !gesture.pans) tool.drop?.(gesture.points, gesture.subtracts);
    else if (!gesture.moved && event.button !== 1 && this.#viewport.isOnImage(gesture.from)) {
      tool.tap?.(gesture.points[0], gesture.subtracts, event.shiftKey || event.ctrlKey || event.metaKey);
    }
  }

  #cancelled(event) {
    this.#pointers.delete(event.pointerId);
    this.#toolbox.active.cancel?.();
    this.#gesture = null;
  }

  /** A second finger: what the first began is no stroke. */
  #pinch() {
    this.#toolbox.active.cancel?.();
    this.#gesture = { isPinch: true, ...this.#span() };
  }

  #pinching() {
    const { apart, middle } = this.#span();
    this.#viewport.pan(middle[0] - this.#gesture.middle[0], middle[1] - this.#gesture.middle[1]);
    this.#viewport.zoom(apart / this.#gesture.apart, middle);
    Object.assign(this.#gesture, { apart, middle });
  }

  /** The finger that stays after a pinch does nothing until it is lifted. */
  #endPinch() {
    if (!this.#pointers.size) this.#gesture = null;
  }

  #span() {
    const [[x0, y0], [x1, y1]] = [...this.#pointers.values()];
    /** @type {import("./viewport.js").Point} */
    const middle = [(x0 + x1) / 2, (y0 + y1) / 2];
    return { apart: Math.max(1, Math.hypot(x1 - x0, y1 - y0)), middle };
  }

  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey) return this.#viewport.pan(-(dx || dy), 0);
    const speed = event.ctrlKey ? 0.01 : 0.002; // two fingers on a trackpad come as wheel with Ctrl
    this.#viewport.zoom(Math.exp(-dy * speed), this.#place(event));
  }

  /** @returns {import("./viewport.js").Point} */
  #place({ clientX, clientY }) {
    const { left, top } = this.#canvas.getBoundingClientRect();
    return [clientX - left, clientY - top];
  }
}
