/** Makes the encoder's input of a photo: resized as Pillow does it (antialiased bilinear), normalised and padded. */
import { filledSize, resizedSize } from "./frame.js";

/**
 * @param {Uint8ClampedArray} rgba pixels of the photo, row by row
 * @param {import("./frame.js").Size} photo
 * @param {import("./frame.js").About} about
 * @returns {{data: Float32Array, dims: number[]}} [1, 3, height, width]
 */
export function encoderInput(rgba, photo, about) {
  const resized = resizedSize(photo, about);
  const pixels = resize(rgba, photo, resized);
  const { width, height } = filledSize(resized, about);
  const data = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) {
    const [mean, deviation] = [about.mean[channel], about.deviation[channel]];
    for (let y = 0; y < resized.height; y++) {
      const start = (channel * height + y) * width;
      const row = 3 * y * resized.width + channel;
      for (let x = 0; x < resized.width; x++) data[start + x] = (pixels[row + 3 * x] - mean) / deviation;
    }
  }
  return { data, dims: [1, 3, height, width] };
}

/** First along rows, then along columns, each rounded to whole numbers. @returns {Uint8Array} RGB */
export function resize(rgba, photo, resized) {
  const across = windows(photo.width, resized.width);
  const narrow = new Uint8Array(3 * resized.width * photo.height);
  for (let y = 0, at = 0; y < photo.height; y++) {
    const row = 4 * y * photo.width;
    for (const { first, weights } of across) {
      let [red, green, blue] = [0.5, 0.5, 0.5];
      for (let k = 0, from = row + 4 * first; k < weights.length; k++, from += 4) {
        const weight = weights[k];
        red += weight * rgba[from];
        green += weight * rgba[from + 1];
        blue += weight * rgba[from + 2];
      }
      narrow[at++] = red;
      narrow[at++] = green;
      narrow[at++] = blue;
    }
  }
  const stride = 3 * resized.width;
  const found = new Uint8Array(stride * resized.height);
  const sums = new Float64Array(stride);
  windows(photo.height, resized.height).forEach(({ first, weights }, y) => {
    sums.fill(0.5);
    for (let k = 0; k < weights.length; k++) {
      const from = (first + k) * stride;
      for (let x = 0; x < stride; x++) sums[x] += weights[k] * narrow[from + x];
    }
    found.set(sums, y * stride);
  });
  return found;
}

/** For each pixel after resizing, the pixels before it that count, by a triangle as wide as the pixel is now. */
function windows(before, after) {
  if (before === after) return Array.from({ length: after }, (_, first) => ({ first, weights: new Float64Array([1]) }));
  const scale = before / after;
  const reach = Math.max(scale, 1);
  return Array.from({ length: after }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(before, Math.floor(centre + reach + 0.5));
    const weights = new Float64Array(end - first);
    for (let k = 0; k < weights.length; k++) {
      weights[k] = Math.max(0, 1 - Math.abs((first + k - centre + 0.5) / reach));
    }
    const sum = weights.reduce((one, other) => one + other, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}
