/** Exports as the library does, and imports. */
import { api } from "../api.js";
import { find, make } from "./dom.js";

const FORMATS = [
  ["png", "PNG masks", "black and white, one for each object"],
  ["coco", "COCO JSON", "exact, as run lengths"],
  ["label_map", "Label map", "one gray PNG, object numbers as values"],
  ["cutout", "Cutouts", "objects on a transparent background"],
  ["yolo", "YOLO", "polygons and classes.txt"],
  ["labelme", "labelme JSON", "polygons to edit by hand"],
  ["svg", "SVG", "vector outlines with holes"],
  ["geojson", "GeoJSON", "polygons with holes, in pixels"],
];

export class ExportDialog {
  #dialog = find("#export-dialog");
  #app;

  /** @param {object} app store, saveQueue, status, and bring(files), which imports */
  constructor(app) {
    this.#app = app;
    find(".choices", this.#dialog).append(...FORMATS.map(asChoice));
    find("form", this.#dialog).addEventListener("submit", (event) => this.#download(event));
    find("input[type='file']", this.#dialog).addEventListener("change", ({ target }) => {
      this.#dialog.close();
      app.bring([...target.files]);
      target.value = "";
    });
  }

  open() {
    this.#dialog.showModal();
  }

  async #download(event) {
    event.preventDefault();
    const { store, saveQueue, status } = this.#app;
    const format = find("input[name='format']:checked", this.#dialog).value;
    const isThis = find("input[name='which']:checked", this.#dialog).value === "this";
    const done = status.begin("Exporting");
    try {
      await saveQueue.send();
      offer(await api.exportFile({ format, ...(isThis && store.image ? { images: store.image.id } : {}) }));
      this.#dialog.close();
    } catch (error) {
      status.fail(error.message);
      this.#dialog.close();
    }
    done();
  }
}

function asChoice([value, name, about], place) {
  const radio = make("input", { type: "radio", name: "format", value, checked: place === 0 });
  return make("label", {}, radio, make("span", { textContent: name }), make("small", { textContent: about }));
}

function offer({ name, blob }) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
