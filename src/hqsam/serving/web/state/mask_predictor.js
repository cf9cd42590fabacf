/** Asks the model. Answers are cached, so that a click on what hover showed costs nothing. */
import { api, ApiError } from "../api.js";
import { encode, decode } from "../masks/rle.js";
import { bestOf, isAmbiguous } from "./draft.js";

const CACHE_SIZE = 64;

export class MaskPredictor {
  #answers = new Map();
  #who;

  /** @param {() => {model: string, source: string}} who is asked */
  constructor(who) {
    this.#who = who;
  }

  /** What a click would take: quick, at most as fine as a screen, and not cached by the server. */
  async peek(imageId, prompt, signal) {
    const quick = { max_side: 1024, keep: false };
    const answers = await this.#answered(
      imageId,
      { ...this.#question(prompt, false, isAmbiguous(prompt)), ...quick },
      prompt,
      signal,
    );
    return answers[bestOf(answers)].mask;
  }

  /**
   * @param {string} imageId
   * @param {import("./draft.js").Prompt} prompt
   * @returns {Promise<import("./draft.js").Answer[]>} SAM's three readings of a single click, else one
   */
  async ask(imageId, prompt, { signal, detail = false, readings = isAmbiguous(prompt) } = {}) {
    const question = this.#question(prompt, detail, readings);
    const key = JSON.stringify([imageId, question]);
    const known = this.#answers.get(key);
    if (known) return known;
    const answers = await this.#answered(imageId, question, prompt, signal);
    this.#remember(key, answers);
    return answers;
  }

  async #answered(imageId, question, prompt, signal) {
    try {
      return read(await api.masks(imageId, question, signal));
    } catch (error) {
      if (!(error instanceof ApiError) || !prompt.refine || error.status >= 500) throw error;
      const whole = { ...question, prompts: [serializePrompt({ ...prompt, refine: null, covered: 0 })] };
      return read(await api.masks(imageId, whole, signal)); // the server has forgotten, or another model is asked
    }
  }

  #question(prompt, detail, readings) {
    const candidates = readings ? 3 : 1;
    return { ...this.#who(), candidates, detail, prompts: [serializePrompt(prompt)] };
  }

  #remember(key, answers) {
    this.#answers.set(key, answers);
    if (this.#answers.size > CACHE_SIZE) this.#answers.delete(this.#answers.keys().next().value);
  }
}

/** A prompt in the server's words: absent parts are left out, and covered clicks are in `refine` already. */
function serializePrompt({ points, labels, box, mask, refine, covered }) {
  const fresh = { points: points.slice(covered), labels: labels.slice(covered) };
  if (refine) return { ...fresh, refine };
  return { ...(points.length ? fresh : {}), ...(box ? { box } : {}), ...(mask ? { mask: encode(mask) } : {}) };
}

function read({ masks, model, source }) {
  return masks.map(({ rle, score, refine }) => ({ mask: decode(rle), score, refine: refine ?? null, model, source }));
}
