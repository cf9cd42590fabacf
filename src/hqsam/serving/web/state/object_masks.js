/** Masks of objects, decoded once. */
import { decode } from "../masks/rle.js";

const decoded = new WeakMap();

/** @typedef {{rle: import("../masks/rle.js").Rle}} Masked  A finished object, or a proposal. */

/** @param {Masked} object @returns {import("../masks/mask.js").Mask} */
export function objectMask({ rle }) {
  if (!decoded.has(rle)) decoded.set(rle, decode(rle));
  return decoded.get(rle);
}
