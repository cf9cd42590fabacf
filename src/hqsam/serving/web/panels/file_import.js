/** Files that come in: images are added, COCO JSON and PNG masks become objects to correct. */
import { api } from "../api.js";
import { find } from "./dom.js";

export class FileImport extends EventTarget {
  #status;
  #store;

  /** Tells "images" and "objects" when some have come. */
  constructor({ status, store }) {
    super();
    this.#status = status;
    this.#store = store;
    for (const input of document.querySelectorAll(".add-images")) {
      input.addEventListener("change", () => {
        this.addAll([...input.files]);
        input.value = "";
      });
    }
    this.#listenToDrops();
  }

  /** Images and COCO files. @param {File[]} files */
  async addAll(files) {
    await this.#each(files, "Adding", (file) => (isJson(file) ? this.#import(file) : this.#add(file)));
  }

  /** COCO files, and PNG masks of the image on the canvas. @param {File[]} files */
  async importAll(files) {
    await this.#each(files, "Importing", (file) => this.#import(file));
  }

  async #each(files, doing, act) {
    for (const [place, file] of files.entries()) {
      const done = this.#status.begin(
        files.length > 1 ? `${doing} ${place + 1} of ${files.length}` : `${doing} ${file.name}`,
      );
      try {
        await act(file);
      } catch (error) {
        this.#status.fail(`${file.name}: ${error.message}`);
      }
      done();
    }
  }

  async #add(file) {
    const image = await api.upload(file);
    this.dispatchEvent(new CustomEvent("images", { detail: image }));
  }

  async #import(file) {
    const image = this.#store.image;
    const { annotations, unmatched } = await api.importFiles({
      file,
      ...(isJson(file) || !image ? {} : { image: image.id }),
    });
    const missing = unmatched.length ? ` Not here, or of another size: ${unmatched.slice(0, 3).join(", ")}.` : "";
    this.#status.say(`${annotations} objects came from ${file.name}.${missing}`);
    this.dispatchEvent(new Event("objects"));
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
