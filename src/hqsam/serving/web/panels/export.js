/** Downloads annotations in the library's formats, and takes files to import. */
/** @import { App } from "../main.js" */
import { api } from "../api.js";
import { find, make } from "./dom.js";

const FORMATS = [
  ["png", "PNG masks", "black and white, one for each object"],
  ["coco", "COCO JSON", "exact, as run lengths"],
  ["label_map", "Label map", "one gray PNG, object numbers as values"],
  ["semantic_map", "Semantic map", "one gray PNG, class numbers as values"],
  ["cutout", "Cutouts", "objects on a transparent background"],
  ["yolo", "YOLO", "polygons and classes.txt"],
  ["labelme", "labelme JSON", "polygons to edit by hand"],
  ["svg", "SVG", "vector outlines with holes"],
  ["pixel_geojson", "GeoJSON in pixels", "polygons with holes, in pixels"],
];

export class ExportDialog {
  #dialog = find("#export-dialog", HTMLDialogElement);
  /** @type {App} */
  #app;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    find(".choices", HTMLElement, this.#dialog).append(...FORMATS.map(asChoice));
    find("form", HTMLFormElement, this.#dialog).addEventListener("submit", (event) => this.#download(event));
    const files = find("input[type='file']", HTMLInputElement, this.#dialog);
    files.addEventListener("change", () => {
      this.#dialog.close();
      app.fileImport.importAll([...files.files]);
      files.value = "";
    });
  }

  open() {
    this.#dialog.showModal();
  }

  async #download(event) {
    event.preventDefault();
    const { store, gallery, saveQueue, notices } = this.#app;
    const format = find("input[name='format']:checked", HTMLInputElement, this.#dialog).value;
    const which = find("input[name='which']:checked", HTMLInputElement, this.#dialog).value;
    const chosen = { this: store.image && { images: String(store.image.id) }, filter: gallery.query }[which];
    const done = notices.begin("Exporting");
    try {
      await saveQueue.flush();
      save(await api.exportFile({ format, ...chosen }));
    } catch (error) {
      notices.fail(error.message);
    }
    this.#dialog.close();
    done();
  }
}

function asChoice([value, name, about], place) {
  const radio = make("input", { type: "radio", name: "format", value, checked: place === 0 });
  return make("label", {}, radio, make("span", { textContent: name }), make("small", { textContent: about }));
}

export function save({ name, blob }) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
