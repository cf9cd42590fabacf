/** Takes files: images are added, COCO JSON and PNG masks become objects to correct. Emits "images" and "objects". */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { Emitter } from "../events.js";
import { find, findAll } from "./dom.js";

export class FileImport extends Emitter {
  /** @type {App["notices"]} */
  #notices;
  /** @type {App["store"]} */
  #store;

  /** @param {App} app */
  constructor({ notices, store }) {
    super();
    this.#notices = notices;
    this.#store = store;
    for (const input of findAll(".add-images", HTMLInputElement)) {
      input.addEventListener("change", () => {
        this.addAll([...input.files]);
        input.value = "";
      });
    }
    this.#listenToDrops();
  }

  /** Adds images, and imports COCO files. @param {File[]} files */
  async addAll(files) {
    await this.#each(files, "Adding", (file) => (isJson(file) ? this.#import(file) : this.#add(file)));
  }

  /** Imports COCO files, and PNG masks of the open image. @param {File[]} files */
  async importAll(files) {
    await this.#each(files, "Importing", (file) => this.#import(file));
  }

  async #each(files, doing, act) {
    for (const [place, file] of files.entries()) {
      const done = this.#notices.begin(
        files.length > 1 ? `${doing} ${place + 1} of ${files.length}` : `${doing} ${file.name}`,
      );
      try {
        await act(file);
      } catch (error) {
        this.#notices.fail(`${file.name}: ${error.message}`);
      }
      done();
    }
  }

  async #add(file) {
    const image = await api.upload(file);
    this.emit("images", image);
  }

  async #import(file) {
    const image = this.#store.image;
    const { annotations, unmatched } = await api.importFiles({
      file,
      ...(isJson(file) || !image ? {} : { image: image.id }),
    });
    const missing = unmatched.length ? ` Not here, or of another size: ${unmatched.slice(0, 3).join(", ")}.` : "";
    this.#notices.say(`${annotations} objects came from ${file.name}.${missing}`);
    this.emit("objects");
  }

  #listenToDrops() {
    const sign = find(".drop");
    const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes("Files");
    addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      sign.hidden = false;
    });
    addEventListener("dragleave", (event) => event.relatedTarget === null && (sign.hidden = true));
    addEventListener("drop", (event) => {
      sign.hidden = true;
      if (!hasFiles(event)) return;
      event.preventDefault();
      this.addAll([...event.dataTransfer.files]);
    });
  }
}

const isJson = ({ name, type }) => type === "application/json" || name.toLowerCase().endsWith(".json");
