/** The masks of objects, decoded once. */
import { decode } from "../masks/rle.js";

const decoded = new WeakMap();

/** @param {{rle: object}} object finished, or found by "everything" @returns {import("../masks/mask.js").Mask} */
export function objectMask({ rle }) {
  if (!decoded.has(rle)) decoded.set(rle, decode(rle));
  return decoded.get(rle);
}
