/** The model as the page sees it: questions go to the worker, one at a time, and of previews only the newest. */
import { Emitter } from "../web/events.js";

/** Emits "progress" with the share that is loaded, 0 to 1. */
export class Model extends Emitter {
  /** @type {import("./frame.js").About | null} */
  about = null;
  /** @type {"webgpu" | "wasm" | null} */
  device = null;
  threads = 1;
  #worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #progress = new Map();
  #nextId = 0;
  /** @type {{question: import("../prompt.js").Question, settle: (answer: any) => void} | null} */
  #preview = null;
  #isPreviewing = false;

  constructor() {
    super();
    this.#worker.onmessage = ({ data }) => (data.progress ? this.#progressed(data.progress) : this.#answered(data));
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { fail } of this.#waiting.values()) fail(new Error(event.message || "the model's worker did not start"));
      this.#waiting.clear();
    };
  }

  /** Loads the model. @param {{device?: string, threads?: number}} [wanted] */
  async start({ device = "auto", threads = threadCount() } = {}) {
    Object.assign(this, await this.#ask("start", { device, threads }));
  }

  /** The large files that were loaded, relative to the page. */
  get files() {
    return [...this.#progress.keys()];
  }

  /** Looks at a photo; prompts are about the last one. @param {ImageData} pixels that the page no longer needs */
  encode({ data, width, height }) {
    return this.#ask("encode", { rgba: data, width, height }, [data.buffer]);
  }

  /** @param {import("../prompt.js").Question} question @returns {Promise<import("../prompt.js").Answer>} */
  decode(question) {
    return this.#ask("decode", question);
  }

  /**
   * The same for what the pointer is on: null if a newer question came before its turn.
   * @param {import("../prompt.js").Question} question @returns {Promise<import("../prompt.js").Answer | null>}
   */
  preview(question) {
    this.#preview?.settle(null);
    return new Promise((settle) => {
      this.#preview = { question, settle };
      this.#nextPreview();
    });
  }

  async #nextPreview() {
    if (this.#isPreviewing || !this.#preview) return;
    const { question, settle } = this.#preview;
    this.#preview = null;
    this.#isPreviewing = true;
    settle(await this.decode(question).catch(() => null));
    this.#isPreviewing = false;
    this.#nextPreview();
  }

  #ask(task, values, transfer = []) {
    const id = this.#nextId++;
    return new Promise((settle, fail) => {
      this.#waiting.set(id, { settle, fail });
      this.#worker.postMessage({ id, task, values }, transfer);
    });
  }

  #answered({ id, result, error }) {
    const { settle, fail } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) settle(result);
    else fail(new Error(error));
  }

  #progressed({ name, loaded, total }) {
    this.#progress.set(name, [loaded, total]);
    const sum = (place) => [...this.#progress.values()].reduce((all, each) => all + each[place], 0);
    this.emit("progress", sum(0) / sum(1));
  }
}

/** Browsers allow threads to pages that share nothing with others. */
function threadCount() {
  return crossOriginIsolated ? Math.min(8, navigator.hardwareConcurrency || 1) : 1;
}
