/** The menu of models and sources; downloads models that are not here, with progress. */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { settings } from "../settings.js";
import { find, findAll, make } from "./dom.js";
import { showProgress, waitForJob } from "./jobs.js";

/** @typedef {{name: string, bytes: number, installed: boolean, default: boolean, sources: string[], origin: string, licence: string, notice: string}} Model */

export class Models {
  /** @type {Model[]} */
  #models = [];
  #menu = find("#model", HTMLSelectElement);
  #dialog = find("#model-dialog", HTMLDialogElement);
  /** @type {App["notices"]} */
  #notices;

  /** @param {import("./notices.js").Notices} notices */
  constructor(notices) {
    this.#notices = notices;
    this.#menu.addEventListener("change", () => this.#choose(this.#menu.value));
    for (const radio of findAll("#source input", HTMLInputElement)) {
      radio.addEventListener("change", () => settings.set("source", radio.value));
    }
    settings.watch("source", () => this.#show());
    for (const name of /** @type {const} */ (["detail", "snap"])) {
      const box = find(`#${name}`, HTMLInputElement);
      settings.watch(name, (isOn) => (box.checked = isOn));
      box.addEventListener("change", () => settings.set(name, box.checked));
    }
  }

  async fetch() {
    this.#models = await api.models();
    if (!this.#current?.installed) settings.set("model", this.#models.find((model) => model.default)?.name ?? "nano");
    this.#show();
  }

  /** The model and source that requests name. */
  get selection() {
    return { model: settings.get("model"), source: this.source };
  }

  /** The chosen source, or what the model has instead. */
  get source() {
    const sources = this.#current?.sources ?? ["sum"];
    return sources.includes(settings.get("source")) ? settings.get("source") : sources[0];
  }

  /** The next source, to compare. */
  nextSource() {
    const sources = this.#current?.sources ?? [];
    settings.set("source", sources[(sources.indexOf(this.source) + 1) % sources.length]);
    this.#notices.say(
      { sum: "Sum: SAM's mask and the HQ part.", hq: "HQ: the HQ part alone.", sam: "SAM as it was." }[this.source],
    );
  }

  get #current() {
    return this.#models.find(({ name }) => name === settings.get("model"));
  }

  #show() {
    this.#menu.replaceChildren(...this.#models.map(asOption));
    this.#menu.value = settings.get("model");
    for (const radio of findAll("#source input", HTMLInputElement)) {
      radio.disabled = !(this.#current?.sources ?? []).includes(radio.value);
      radio.checked = radio.value === this.source;
    }
  }

  async #choose(name) {
    const model = this.#models.find((one) => one.name === name);
    const isReady = model.installed || (await this.#download(model));
    if (isReady) settings.set("model", name);
    this.#show();
  }

  /** @returns {Promise<boolean>} whether it is here now */
  #download(model) {
    const dialog = this.#dialog;
    const [progress, button] = [find(".progress", HTMLElement, dialog), find("button.main", HTMLButtonElement, dialog)];
    find("h2", HTMLElement, dialog).textContent = model.name;
    find(".about", HTMLElement, dialog).textContent =
      `${megabytes(model.bytes)} from ${model.origin}. ${model.licence}. ${model.notice}`;
    progress.hidden = true;
    button.disabled = false;
    dialog.showModal();
    return new Promise((resolve) => {
      let job = null;
      dialog.onclose = () => resolve(model.installed);
      find(".cancel", HTMLElement, dialog).onclick = () => {
        if (job) api.cancelJob(job.id).catch(() => {});
        dialog.close();
      };
      find("form", HTMLFormElement, dialog).onsubmit = async (event) => {
        event.preventDefault();
        [progress.hidden, button.disabled] = [false, true];
        try {
          job = await api.loadModel(model.name);
          await waitForJob(job, ({ done, total }) => {
            const share = done < total ? done / total : 0;
            showProgress(progress, share, share ? `${megabytes(done)} of ${megabytes(total)}` : "Loading it into memory");
          });
          model.installed = true;
        } catch (error) {
          this.#notices.fail(error.message);
        }
        dialog.close();
      };
    });
  }
}

function asOption({ name, bytes, installed }) {
  return make("option", { value: name, textContent: installed ? name : `${name} (${megabytes(bytes)} to download)` });
}

const megabytes = (bytes) => `${Math.max(1, Math.round(bytes / 1e6)).toLocaleString()} MB`;
