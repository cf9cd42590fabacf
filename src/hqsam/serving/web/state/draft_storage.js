/** Unfinished drafts, kept in this browser so that a reload loses nothing. */
import { Mask } from "../masks/mask.js";
import { decode, encode } from "../masks/rle.js";
import { isBlank, modelMask } from "./draft.js";

const WRITE_DELAY_MS = 300; // milliseconds; encoding at every click would be felt on large images

let waiting = null;

/** Writes it in a moment, and at once if the page goes away. */
export function saveDraft(image, draft) {
  if (waiting && waiting.image !== image) write();
  clearTimeout(waiting?.timer);
  waiting = { image, draft, timer: setTimeout(write, WRITE_DELAY_MS) };
}

addEventListener("pagehide", write);

/** @returns {import("./draft.js").Draft | null} */
export function loadDraft(image) {
  try {
    const { added, removed, start, answer, asked, ...rest } = JSON.parse(localStorage.getItem(placeOf(image)));
    const mask = (rle) => (rle ? decode(rle) : null);
    return {
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
  if (!waiting) return;
  const { image, draft, timer } = waiting;
  clearTimeout(timer);
  waiting = null;
  if (isBlank(draft)) localStorage.removeItem(placeOf(image));
  else localStorage.setItem(placeOf(image), JSON.stringify(asJson(draft)));
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
function placeOf({ id, name, width, height }) {
  return `hqsam.draft ${id} ${width}x${height} ${name}`;
}
