/** Follows jobs: work of the server that takes a while. */
import { api } from "../api.js";
import { find } from "./dom.js";

/**
 * Waits for a job's end.
 * @typedef {{id: string, done: number, total: number, model: string, masks: {rle: import("../masks/rle.js").Rle, score: number, label?: string, prompt_score?: number}[]}} Job
 * @param {Job} job @param {(job: Job) => void} watch called as it goes on
 * @returns {Promise<Job>} the job, done
 * @throws {Error} what went wrong, in the server's words; "AbortError" where somebody cancelled it
 */
export function waitForJob(job, watch) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(api.jobEventsUrl(job.id));
    const on = (name, act) =>
      events.addEventListener(name, (/** @type {MessageEvent} */ { data }) => act(data && JSON.parse(data)));
    const end = (settle) => (value) => {
      events.close();
      settle(value);
    };
    const unreachable = () => events.readyState === EventSource.CLOSED && reject(new Error("The server does not answer."));
    on("progress", watch);
    on("done", end(() => api.job(job.id).then(resolve, reject)));
    on("failed", end(({ error }) => reject(new Error(error.message))));
    on("cancelled", end(() => reject(new DOMException("Cancelled", "AbortError"))));
    on("error", unreachable);
  });
}

/** @param {HTMLElement} place @param {number} share of all; 0 where it is not known @param {string} words */
export function showProgress(place, share, words) {
  const bar = find("progress", HTMLProgressElement, place);
  if (share) bar.value = share;
  else bar.removeAttribute("value");
  find("p", HTMLElement, place).textContent = words;
}
