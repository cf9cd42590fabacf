/** Work of the server that takes a while. */
import { api } from "../api.js";

/**
 * @param {{id: string}} job @param {(job: object) => void} watch called as it goes on
 * @returns {Promise<object>} the job, done
 * @throws what went wrong, in the server's words; "AbortError" where somebody cancelled it
 */
export function waitForJob(job, watch) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(api.jobEventsUrl(job.id));
    const on = (name, act) => events.addEventListener(name, ({ data }) => act(JSON.parse(data)));
    const end = (act) => (value) => {
      events.close();
      act(value);
    };
    on("progress", watch);
    on(
      "done",
      end(() => api.job(job.id).then(resolve, reject)),
    );
    on(
      "failed",
      end(({ error }) => reject(new Error(error.message))),
    );
    on(
      "cancelled",
      end(() => reject(new DOMException("Cancelled", "AbortError"))),
    );
    events.addEventListener(
      "error",
      () => events.readyState === EventSource.CLOSED && reject(new Error("The server does not answer.")),
    );
  });
}
