/** Unfinished drafts, kept in this browser so that a reload loses nothing. */
import { Mask } from "../masks/mask.js";
import { decode, encode } from "../masks/rle.js";
import { isBlank, modelMask } from "./draft.js";

const WRITE_DELAY_MS = 300; // encoding at every click would be felt on large images

let pending = null;

/** Writes it in a moment, and at once if the page goes away. */
export function saveDraft(image, draft) {
  if (pending && pending.image !== image) write();
  clearTimeout(pending?.timer);
  pending = { image, draft, timer: setTimeout(write, WRITE_DELAY_MS) };
}

addEventListener("pagehide", write);

/** Reads the draft that was left on an image. @returns {import("./draft.js").Draft | null} */
export function loadDraft(image) {
  try {
    const { added, removed, start, answer, asked, objectId, ...rest } = JSON.parse(localStorage.getItem(storageKey(image)));
    const mask = (rle) => (rle ? decode(rle) : null);
    return {
      objectKey: objectId ?? null, // its name in drafts of earlier versions
      ...rest,
      added: mask(added) ?? Mask.empty(image.width, image.height),
      removed: mask(removed) ?? Mask.empty(image.width, image.height),
      start: mask(start),
      asked: asked && { ...asked, mask: mask(asked.mask) },
      answers: answer ? [{ ...answer, mask: mask(answer.mask) }] : [],
      chosen: 0,
    };
  } catch {
    return null; // there is none, or it is of another version of this page
  }
}

function write() {
  if (!pending) return;
  const { image, draft, timer } = pending;
  clearTimeout(timer);
  pending = null;
  localStorage.removeItem(storageKey(image)); // an older one must not come back
  if (isBlank(draft)) return;
  try {
    localStorage.setItem(storageKey(image), JSON.stringify(asJson(draft)));
  } catch {
    // Full: the draft lasts as long as the page.
  }
}

function asJson({ answers, added, removed, start, asked, chosen, ...rest }) {
  const rle = (mask) => (mask && !mask.isEmpty ? encode(mask) : null);
  const answer = answers.length ? { ...answers[chosen], mask: encode(modelMask({ answers, chosen })) } : null;
  return {
    ...rest,
    answer,
    added: rle(added),
    removed: rle(removed),
    start: rle(start),
    asked: asked && { ...asked, mask: rle(asked.mask) },
  };
}

/** The server may work on other images tomorrow, under the same numbers. */
function storageKey({ id, name, width, height }) {
  return `hqsam.draft ${id} ${width}x${height} ${name}`;
}
