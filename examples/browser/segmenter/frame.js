/**
 * How an image lies in the model's square: its long side fills it, and the rest is padding below or to the right.
 *
 * @typedef {object} About  The model's sizes, of `model/model.json`.
 * @property {string} name
 * @property {number} imageSize  Side of the square, in pixels.
 * @property {number} maskSize  Side of the logits.
 * @property {number} stride  Pixels for each token of the image embedding.
 * @property {number | null} padding  Tokens of padding that the model sees; null: all of the square.
 * @property {[number, number, number]} mean
 * @property {[number, number, number]} deviation
 * @property {string} licence
 * @property {string} notice
 * @property {string} version
 * @property {Record<string, number>} bytes  Sizes of the large files, by their paths.
 *
 * @typedef {{width: number, height: number}} Size
 */

/** The pixels that an image fills in the square. @param {Size} image @param {About} about @returns {Size} */
export function resizedSize({ width, height }, { imageSize }) {
  const scale = imageSize / Math.max(width, height);
  const side = (length) => Math.max(1, Math.floor(length * scale + 0.5));
  return { width: side(width), height: side(height) };
}

/** What the encoder sees: whole tokens that hold the image, and the padding. @param {Size} resized @param {About} about */
export function filledSize(resized, { imageSize, stride, padding }) {
  if (padding === null) return { width: imageSize, height: imageSize };
  const side = (length) => Math.min(imageSize, (Math.ceil(length / stride) + padding) * stride);
  return { width: side(resized.width), height: side(resized.height) };
}
