/** Client of the server's HTTP API. Failures are errors whose messages are written for people. */
import { Emitter } from "./events.js";

/** An answer that is no success. `code` is for programs, the message for people. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {number} retryAfter seconds */
  constructor(status, code, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** The server cannot be reached. */
export class NetworkError extends Error {}

/**
 * @typedef {"todo" | "done" | "to_review" | "rejected"} Status
 * @typedef {object} Image
 * @property {number} id
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {Status} status
 * @property {string} note
 * @property {number} annotation_count
 * @property {string | null} problem  Why it cannot be opened.
 */

const V1 = "/v1";
const CLIENT = crypto.randomUUID?.() ?? String(Math.random()); // the server's queue is fair among tabs

/** Emits "online" and "offline", and "unauthorized" where the server no longer knows the page's token. */
export const connection = Object.assign(new Emitter(), { isOnline: true });

export const api = {
  health: () => get("/health"),
  models: () => get("/models"),
  loadModel: (name) => send("POST", `/models/${encodeURIComponent(name)}/load`),

  project: () => get("/project"),
  changeProject: (change) => send("PATCH", "/project", change),

  images: (query) => get(`/images?${new URLSearchParams(Object.entries(query))}`),
  image: (id) => get(`/images/${id}`),
  changeImage: (id, change) => send("PATCH", `/images/${id}`, change),
  upload: (file) => send("POST", "/images", form({ file })),
  pixelsUrl: (id) => `${V1}/images/${id}/pixels`,
  thumbnailUrl: (id) => `${V1}/images/${id}/thumbnail`,
  open: (id, model, signal) => retryWhileBusy(() => send("POST", `/images/${id}/open`, { model }, signal), signal),
  masks: (id, prompts, signal) => retryWhileBusy(() => send("POST", `/images/${id}/masks`, prompts, signal), signal),
  everything: (id, options) => send("POST", `/images/${id}/everything`, options),

  job: (id) => get(`/jobs/${id}`),
  cancelJob: (id) => send("DELETE", `/jobs/${id}`),
  jobEventsUrl: (id) => `${V1}/jobs/${id}/events`,

  annotations: (imageId) => get(`/images/${imageId}/annotations`),
  annotation: (id) => get(`/annotations/${id}`),
  createAnnotation: (imageId, annotation) => send("POST", `/images/${imageId}/annotations`, annotation),
  restoreAnnotation: (id, version) => send("POST", `/annotations/${id}/restore`, { version }),
  changeAnnotation: (id, change) => send("PATCH", `/annotations/${id}`, change),
  deleteAnnotation: (id) => send("DELETE", `/annotations/${id}`),

  classes: () => get("/classes"),
  addClass: (one) => send("POST", "/classes", one),
  importClasses: (file) => send("POST", "/classes/file", form({ file })),
  changeClass: (number, change) => send("PATCH", `/classes/${number}`, change),
  mergeClass: (number, into) => send("POST", `/classes/${number}/merge`, { into }),
  deleteClass: (number, annotations) => send("DELETE", `/classes/${number}?annotations=${annotations}`),
  statistics: () => get("/statistics"),
  undoBatch: (batch) => send("POST", `/batches/${batch}/undo`),
  exportFile: (query) => download(`/export?${new URLSearchParams(query)}`),
  importFiles: (fields) => send("POST", "/import", form(fields)),
};

export const get = (path) => request("GET", path).then(content);

export function send(method, path, body, signal) {
  const isForm = body instanceof FormData;
  const headers = { "X-Hqsam": "1", "X-Hqsam-Client": CLIENT };
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  return request(method, path, { body: isForm ? body : JSON.stringify(body), headers, signal }).then(content);
}

export async function download(path) {
  const response = await request("GET", path);
  const match = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "");
  return { name: match?.[1] ?? "hqsam-export", blob: await response.blob() };
}

async function retryWhileBusy(attempt, signal) {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503) throw error;
      await sleep(1000 * (error.retryAfter || 1), signal);
    }
  }
}

/** @param {string} method @param {string} path @param {RequestInit} [options] */
async function request(method, path, options) {
  let response;
  try {
    response = await fetch(V1 + path, { ...options, method, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    setOnline(false);
    throw new NetworkError("The server does not answer. Your work is kept here and sent as soon as it is back.");
  }
  setOnline(true);
  if (response.ok) return response;
  throw await asApiError(response);
}

async function asApiError(response) {
  const { error } = await response.json().catch(() => ({}));
  if (response.status === 401) connection.emit("unauthorized");
  const message = error?.message ?? `The server answered ${response.status} ${response.statusText}.`;
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  return new ApiError(response.status, error?.code ?? "unknown", message, retryAfter);
}

const content = (response) => (response.status === 204 ? null : response.json());

function setOnline(isOnline) {
  if (connection.isOnline === isOnline) return;
  connection.isOnline = isOnline;
  connection.emit(isOnline ? "online" : "offline");
  if (!isOnline) pollUntilOnline();
}

/** Asks once a second whether the server is back; the first answer makes `request` emit "online". */
async function pollUntilOnline() {
  while (!connection.isOnline) {
    await sleep(1000);
    await api.health().catch(() => {});
  }
}

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of [value].flat()) data.append(name, item);
  }
  return data;
}

/** @param {number} milliseconds @param {AbortSignal} [signal] @returns {Promise<void>} */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
