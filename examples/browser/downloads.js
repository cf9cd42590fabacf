/** The three files that one can take away: the mask, the object cut out, and its outline. */
import { rings } from "./web/masks/outline.js";
import { softEdge } from "./masks/soft_edge.js";

/** @typedef {import("./web/masks/mask.js").Mask} Mask @typedef {import("./photo.js").Photo} Photo */

/** White inside, black outside. @param {Mask} mask @returns {Promise<Blob>} PNG */
export function maskPng(mask) {
  const canvas = new OffscreenCanvas(mask.width, mask.height);
  const context = canvas.getContext("2d");
  context.fillStyle = "black";
  context.fillRect(0, 0, mask.width, mask.height);
  const { x0, y0, x1, y1 } = mask.box;
  if (!mask.isEmpty) {
    const pixels = new ImageData(x1 - x0, y1 - y0);
    mask.bits.forEach((bit, place) => pixels.data.set([255 * bit, 255 * bit, 255 * bit, 255], 4 * place));
    context.putImageData(pixels, x0, y0);
  }
  return canvas.convertToBlob({ type: "image/png" });
}

/**
 * The photo where the object is, and nothing around it; the edge is soft.
 * @param {Photo} photo @param {Mask} mask @param {Float32Array} logits @param {import("./segmenter/frame.js").About} about
 * @returns {Promise<Blob>} PNG
 */
export function cutoutPng(photo, mask, logits, about) {
  const canvas = new OffscreenCanvas(photo.width, photo.height);
  if (!mask.isEmpty) {
    const context = canvas.getContext("2d");
    const { box, alpha } = softEdge(mask, logits, about);
    context.drawImage(photo.bitmap, 0, 0);
    const pixels = context.getImageData(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0);
    alpha.forEach((share, place) => (pixels.data[4 * place + 3] = share));
    context.clearRect(0, 0, photo.width, photo.height);
    context.putImageData(pixels, box.x0, box.y0);
  }
  return canvas.convertToBlob({ type: "image/png" });
}

/** The outline along pixel edges, with holes; it lies exactly on the photo. @param {Photo} photo @param {Mask} mask */
export function svg(photo, mask) {
  const name = photo.name.replace(/[&<"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const size = `viewBox="0 0 ${mask.width} ${mask.height}" width="${mask.width}" height="${mask.height}"`;
  const path = rings(mask).map(commands).join("");
  const look = 'fill="#1d5fd1" fill-opacity="0.6" fill-rule="evenodd"';
  const text = `<svg xmlns="http://www.w3.org/2000/svg" ${size} data-image="${name}">
  <path id="object-1" data-label="object" ${look} d="${path}"><title>object</title></path>
</svg>
`;
  return new Blob([text], { type: "image/svg+xml" });
}

/** A closed line: M to the first corner, H or V along pixel edges, Z back. */
function commands(ring) {
  let path = `M${ring[0]} ${ring[1]}`;
  for (let k = 2; k < ring.length; k += 2) path += ring[k] === ring[k - 2] ? `V${ring[k + 1]}` : `H${ring[k]}`;
  return `${path}Z`;
}

/** Lets the browser save a file. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
