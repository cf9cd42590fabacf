/** One object along a sequence: its name, and a strip of the frames that have its mask. */
import { make } from "../panels/dom.js";

const MARK = 3; // half the side of a keyframe's mark, in CSS pixels

/**
 * Makes a row of the list; `draw` paints its strip once it is on the page.
 * @param {object} of
 * @param {import("./panel.js").Track} of.track
 * @param {number} of.place the open frame @param {number} of.count of frames
 * @param {string} of.colour @param {boolean} of.isSelected
 * @param {boolean} of.canBe whether the selected object of this frame could be this one
 * @param {() => unknown} of.select @param {() => unknown} of.same @param {(place: number) => unknown} of.go
 */
export function trackRow({ track, place, count, colour, isSelected, canBe, select, same, go }) {
  const { track: number, class_name: name, keyframes, tracked } = track;
  const about = `${name}, object ${number}: ${tracked.length} frames followed, ${keyframes.length} by hand`;
  const label = make("button", { className: "name", textContent: `${number} ${name}`, title: about, aria: { label: about } });
  label.addEventListener("click", select);
  const isThis = make("button", {
    className: "same",
    textContent: "Selected is this",
    title: "The object that is selected on this frame is the same one",
    hidden: !canBe,
  });
  isThis.addEventListener("click", same);
  const strip = make("canvas", { className: "strip", aria: { hidden: "true" } });
  strip.addEventListener("pointerdown", ({ offsetX }) => go(Math.min(count - 1, Math.floor((offsetX / strip.clientWidth) * count))));
  const row = make("li", { aria: { current: String(isSelected) } }, label, strip, isThis);
  return { row, draw: () => paint(strip, { keyframes, tracked, place, count, colour }) };
}

/** @param {HTMLCanvasElement} strip */
function paint(strip, { keyframes, tracked, place, count, colour }) {
  const { clientWidth: width, clientHeight: height } = strip;
  strip.width = width * devicePixelRatio;
  strip.height = height * devicePixelRatio;
  const context = strip.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  const style = getComputedStyle(strip);
  const at = (frame) => (frame / count) * width;
  context.fillStyle = colour;
  context.globalAlpha = 0.45;
  for (const [first, last] of runs([...keyframes, ...tracked])) {
    context.fillRect(at(first), height / 2 - 4, Math.max(1, at(last + 1) - at(first)), 8);
  }
  context.globalAlpha = 1;
  context.strokeStyle = style.backgroundColor;
  for (const frame of keyframes) {
    const middle = at(frame + 0.5);
    context.beginPath();
    for (const [x, y] of [[0, -1], [1, 0], [0, 1], [-1, 0]]) context.lineTo(middle + 1.7 * MARK * x, height / 2 + 1.7 * MARK * y);
    context.closePath();
    context.fill();
    context.stroke();
  }
  context.fillStyle = style.color;
  context.fillRect(at(place + 0.5) - 0.75, 0, 1.5, height);
}

/** First and last of each run of numbers without a gap. @param {number[]} numbers @returns {[number, number][]} */
function runs(numbers) {
  /** @type {[number, number][]} */
  const found = [];
  for (const number of numbers.toSorted((one, other) => one - other)) {
    const last = found.at(-1);
    if (last && number <= last[1] + 1) last[1] = number;
    else found.push([number, number]);
  }
  return found;
}
