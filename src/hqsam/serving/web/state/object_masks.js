/** Masks of objects, decoded once. */
import { decode } from "../masks/rle.js";

const decoded = new WeakMap();

/** @typedef {{rle: import("../masks/rle.js").Rle}} Masked  A finished object, or a proposal. */

/** @param {Masked} object @returns {import("../masks/mask.js").Mask} */
export function objectMask({ rle }) {
  if (!decoded.has(rle)) decoded.set(rle, decode(rle));
  return decoded.get(rle);
}

/**
 * The smallest of those at a place: what is on something is smaller than it.
 * @template {Masked} T @param {[number, number]} place @param {T[]} all @returns {T | null}
 */
export function smallestAt(place, all) {
  const here = all.filter((one) => objectMask(one).has(...place));
  return here.sort((one, other) => objectMask(one).area - objectMask(other).area)[0] ?? null;
}
