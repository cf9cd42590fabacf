/**
 * COCO's run lengths: down the columns, background first. The server's masks travel as such, in both directions.
 *
 * A number is written in groups of 5 bits, lowest first, as characters from "0" on; the sixth bit says that more
 * follow, and bit five of the last group is the sign. From the fourth number on, it is the difference to the number
 * two before.
 */
import { Bitmap, Mask, cropToContent } from "./mask.js";

/** @typedef {{size: [number, number], counts: string}} Rle  Height and width, and the runs. */

/** @param {Rle} rle @returns {Mask} */
export function decode(rle) {
  const [height, width] = rle.size;
  const runs = insideRuns(runLengths(rle.counts));
  if (runs.length === 0) return Mask.empty(width, height);
  const bitmap = new Bitmap(boxOfRuns(runs, height));
  const { x0, y0 } = bitmap.box;
  for (const [start, end] of runs) {
    for (let place = start; place < end; place++) {
      const column = Math.floor(place / height);
      bitmap.bits[(place - column * height - y0) * bitmap.stride + column - x0] = 1;
    }
  }
  return cropToContent(width, height, bitmap);
}

/** @param {Mask} mask @returns {Rle} */
export function encode(mask) {
  const { x0, y0, x1, y1 } = mask.box;
  const stride = x1 - x0;
  const runs = [0];
  const add = (bit, length) => {
    if (length === 0) return;
    if (runs.length % 2 === bit) runs.push(0); // runs of the background have odd numbers, counted from 1
    runs[runs.length - 1] += length;
  };
  add(0, x0 * mask.height);
  for (let x = 0; x < stride; x++) {
    add(0, y0);
    for (let place = x; place < mask.bits.length; place += stride) add(mask.bits[place], 1);
    add(0, mask.height - y1);
  }
  add(0, (mask.width - x1) * mask.height);
  return { size: [mask.height, mask.width], counts: written(runs) };
}

/** @param {string} counts @returns {number[]} background, mask, background, ... */
export function runLengths(counts) {
  const runs = [];
  for (let place = 0; place < counts.length;) {
    let [number, shift, group] = [0, 1, 0x20];
    while (group & 0x20) {
      group = counts.charCodeAt(place++) - 48;
      number += (group & 0x1f) * shift; // no shift operator: runs may pass 31 bits
      shift *= 32;
    }
    if (group & 0x10) number -= shift;
    runs.push(runs.length > 2 ? number + runs[runs.length - 2] : number);
  }
  return runs;
}

/** Counts the pixels of an encoding without decoding it. @param {Rle} rle */
export function areaOf(rle) {
  return insideRuns(runLengths(rle.counts)).reduce((sum, [start, end]) => sum + end - start, 0);
}

function insideRuns(runs) {
  const inside = [];
  let place = 0;
  runs.forEach((run, index) => {
    if (index % 2 === 1 && run > 0) inside.push([place, place + run]);
    place += run;
  });
  return inside;
}

function boxOfRuns(runs, height) {
  const x0 = Math.floor(runs[0][0] / height);
  const x1 = Math.ceil(runs[runs.length - 1][1] / height);
  let [y0, y1] = [height, 0];
  for (const [start, end] of runs) {
    const column = Math.floor(start / height) * height;
    const crosses = end > column + height;
    y0 = Math.min(y0, crosses ? 0 : start - column);
    y1 = Math.max(y1, crosses ? height : end - column);
  }
  return { x0, y0, x1, y1 };
}

function written(runs) {
  let text = "";
  runs.forEach((run, index) => {
    let number = index > 2 ? run - runs[index - 2] : run;
    for (let more = true; more;) {
      const group = ((number % 32) + 32) % 32;
      number = Math.floor(number / 32);
      more = group & 0x10 ? number !== -1 : number !== 0;
      text += String.fromCharCode(48 + group + (more ? 0x20 : 0));
    }
  });
  return text;
}
