/** Reads a photo from a file: upright, within what a browser can hold, or says in words why not. */

const MOST_PIXELS = 100e6;

/** @typedef {{name: string, bitmap: ImageBitmap, width: number, height: number}} Photo */

/** An error whose message is for the person at the page. */
export class PhotoError extends Error {}

/** @param {Blob} file @param {string} name @returns {Promise<Photo>} */
export async function readPhoto(file, name) {
  if (file.size === 0) throw new PhotoError(`${name} is empty.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    const kind = file.type && !file.type.startsWith("image/") ? "It is no image." : "It may be damaged, or of a kind that this browser does not know.";
    throw new PhotoError(`${name} cannot be read. ${kind} JPEG, PNG and WebP are read everywhere.`);
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    bitmap.close();
    const size = Math.round((width * height) / 1e6);
    throw new PhotoError(`${name} has ${size} megapixels; this page takes up to ${MOST_PIXELS / 1e6}. Make it smaller first.`);
  }
  return { name, bitmap, width, height };
}

/** The photo's pixels, on white where it is transparent. @param {Photo} photo @returns {ImageData} */
export function pixelsOf({ name, bitmap, width, height }) {
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch {
    throw new PhotoError(`This browser cannot hold ${name}, ${width} x ${height} pixels, in memory. Make it smaller first.`);
  }
}

/** The first image of what was dropped or pasted. @param {DataTransfer | null} data @returns {File | null} */
export function fileIn(data) {
  const files = [...(data?.files ?? [])];
  return files.find(({ type }) => type.startsWith("image/")) ?? files[0] ?? null;
}
