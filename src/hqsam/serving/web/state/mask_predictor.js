/** Asks the server for masks. Answers are cached: going back and forth costs nothing. */
/** @import { App } from "../main.js" */
import { ApiError, api } from "../api.js";
import { decode, encode } from "../masks/rle.js";
import { settings } from "../settings.js";
import { bestOf, isAmbiguous } from "./draft.js";

const CACHE_SIZE = 64;

export class MaskPredictor {
  #answers = new Map();
  /** @type {App["models"]} */
  #models;

  /** @param {import("../panels/models.js").Models} models whose selection is asked */
  constructor(models) {
    this.#models = models;
  }

  /** Previews a click: quick, at most as fine as a screen, and not remembered by the server. */
  async preview(imageId, prompt, signal) {
    const request = { ...this.#request(prompt, {}), max_side: 1024, keep: false };
    const answers = await this.#fetch(imageId, request, prompt, signal);
    return answers[bestOf(answers)].mask;
  }

  /**
   * @param {number} imageId
   * @param {import("./draft.js").Prompt} prompt
   * @param {{signal?: AbortSignal, detail?: boolean, candidates?: number}} [how]
   * @returns {Promise<import("./draft.js").Answer[]>} SAM's three candidates for a single click, else one
   */
  async predict(imageId, prompt, { signal, ...how } = {}) {
    const request = this.#request(prompt, how);
    const key = JSON.stringify([imageId, request]);
    const known = this.#answers.get(key);
    if (known) return known;
    const answers = await this.#fetch(imageId, request, prompt, signal);
    this.#remember(key, answers);
    return answers;
  }

  async #fetch(imageId, request, prompt, signal) {
    try {
      return parse(await api.masks(imageId, request, signal));
    } catch (error) {
      if (!(error instanceof ApiError) || !prompt.refine || error.status >= 500) throw error;
      const whole = { ...request, prompts: [serializePrompt({ ...prompt, refine: null, covered: 0 })] };
      return parse(await api.masks(imageId, whole, signal)); // the server has forgotten, or another model is asked
    }
  }

  #request(prompt, { detail = false, candidates = isAmbiguous(prompt) ? 3 : 1 }) {
    const how = { candidates, detail, snap: settings.get("snap") };
    return { ...this.#models.selection, ...how, prompts: [serializePrompt(prompt)] };
  }

  #remember(key, answers) {
    this.#answers.set(key, answers);
    if (this.#answers.size > CACHE_SIZE) this.#answers.delete(this.#answers.keys().next().value);
  }
}

/** Writes a prompt as the server takes it: absent parts are left out, and covered clicks are in `refine` already. */
function serializePrompt({ points, labels, box, mask, refine, covered }) {
  const fresh = { points: points.slice(covered), labels: labels.slice(covered) };
  if (refine) return { ...fresh, refine };
  return { ...(points.length ? fresh : {}), ...(box ? { box } : {}), ...(mask ? { mask: encode(mask) } : {}) };
}

function parse({ masks, model, source }) {
  return masks.map(({ rle, score, refine }) => ({ mask: decode(rle), score, refine: refine ?? null, model, source }));
}
