/** Takes files: images are added, annotations become objects to correct, in one step. Emits "image" for each that came. */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { Emitter } from "../events.js";
import { find, findAll } from "./dom.js";

/**
 * @typedef {object} Imported
 * @property {number | null} batch
 * @property {number} annotations
 * @property {number} duplicates
 * @property {string[]} unmatched
 * @property {{reason: string, count: number, examples: string[]}[]} left_out
 */

export class FileImport extends Emitter {
  /** @type {App} */
  #app;

  /** @param {App} app */
  constructor(app) {
    super();
    this.#app = app;
    for (const input of findAll(".add-images", HTMLInputElement)) {
      input.addEventListener("change", () => {
        this.addAll([...input.files]);
        input.value = "";
      });
    }
    this.#listenToDrops();
  }

  /** Adds images, and imports annotations of any image. @param {File[]} files */
  async addAll(files) {
    const images = files.filter((file) => !isAnnotations(file));
    for await (const image of this.#each(images, "Adding", (file) => api.upload(file))) this.emit("image", image);
    const annotations = files.filter(isAnnotations);
    if (annotations.length) await this.importAll(annotations);
  }

  /** Imports annotations, and PNG masks of the open image, as one step. @param {File[]} files */
  async importAll(files) {
    const { store, notices, saveQueue } = this.#app;
    await saveQueue.send(); // what is here already has to be there, to be told from what is new
    /** @type {Imported[]} */
    const results = [];
    const fields = (file) => ({ file, ...(isAnnotations(file) || !store.image ? {} : { image: store.image.id }) });
    for await (const result of this.#each(files, "Importing", (file) => api.importFiles(fields(file)))) results.push(result);
    if (!results.length) return;
    await store.addBatches("Import", results.map(({ batch }) => batch));
    notices.say(summary(results, files.length === 1 ? files[0].name : `${files.length} files`));
  }

  /** Yields what comes of each file; says which failed, and goes on. */
  async *#each(files, doing, act) {
    const { notices } = this.#app;
    for (const [place, file] of files.entries()) {
      const done = notices.begin(
        files.length > 1 ? `${doing} ${place + 1} of ${files.length}` : `${doing} ${file.name}`,
      );
      try {
        yield await act(file);
      } catch (error) {
        notices.fail(`${file.name}: ${error.message}`);
      }
      done();
    }
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

const isAnnotations = ({ name }) => /\.(json|zip)$/i.test(name);

/** Says what came, what was here already and what was left out, and why. @param {Imported[]} results @param {string} origin */
function summary(results, origin) {
  const sum = (name) => results.reduce((total, result) => total + result[name], 0);
  const some = (list) => list.slice(0, 3).join(", ") + (list.length > 3 ? `, and ${list.length - 3} more` : "");
  const duplicates = sum("duplicates");
  const unmatched = [...new Set(results.flatMap((result) => result.unmatched))];
  const left = results.flatMap((result) => result.left_out);
  return [
    `${sum("annotations")} objects came from ${origin}.`,
    duplicates && `${duplicates} were here already.`,
    ...left.map(({ reason, count, examples }) => `${count} left out: ${reason} (${some(examples)}).`),
    unmatched.length && `Not here, of another size, or several of one name: ${some(unmatched)}.`,
    sum("annotations") && "Ctrl Z takes it back.",
  ]
    .filter(Boolean)
    .join(" ");
}
