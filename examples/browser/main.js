/** Read this first: makes all parts, and what happens to a photo and a click. */
import { ClickTool } from "./click_tool.js";
import { cutoutPng, maskPng, save, svg } from "./downloads.js";
import { listenToKeys } from "./keys.js";
import { maskOf } from "./masks/full_size.js";
import { offline, startServiceWorker } from "./offline.js";
import { PhotoError, fileIn, pixelsOf, readPhoto } from "./photo.js";
import { Prompt } from "./prompt.js";
import { Renderer } from "./renderer.js";
import { Model } from "./segmenter/model.js";
import { find, findAll } from "./web/panels/dom.js";
import { Notices } from "./web/panels/notices.js";
import { Gestures } from "./web/view/gestures.js";
import { KeyboardPointer } from "./web/view/keyboard_pointer.js";
import { Viewport } from "./web/view/viewport.js";

const SCREEN_PIXELS = 1600; // along the long side, of masks that are only looked at

export class App {
  notices = new Notices(find("#status"), find("#failures"));
  viewport = new Viewport();
  prompt = new Prompt();
  model = new Model();
  /** @type {import("./photo.js").Photo | null} */
  photo = null;
  /** The photo is encoded: clicks are answered at once. */
  isReady = false;
  tool = new ClickTool(this);
  renderer = new Renderer(find("#canvas"), this);
  toolbox = toolboxOf(this.tool);
  gestures = new Gestures(find("#canvas"), /** @type {any} */ (this));
  keyboardPointer = new KeyboardPointer(find("#canvas"), /** @type {any} */ (this));
  #modelLoaded = null;
  #isStarted = false;
  #hovered = "";

  /** The annotator's keyboard pointer asks for the photo by this name. */
  get store() {
    return { image: this.photo };
  }

  /** Loads the model; photos may be opened meanwhile. */
  async start() {
    this.prompt.on("change", () => this.#promptChanged());
    this.model.on("progress", (share) => (find("#loading progress", HTMLProgressElement).value = share));
    this.#listen();
    listenToKeys(this);
    this.#promptChanged();
    this.#modelLoaded = this.#load();
    await this.#modelLoaded;
    find("#loading").hidden = true;
    showAbout(this.model, await offline(this.model.files));
  }

  /** Loads the model. Until the service worker is there, the page may load itself again, which forgets a photo. */
  async #load() {
    this.#mayOpen(false);
    await startServiceWorker();
    this.#mayOpen(true);
    const device = new URL(location.href).searchParams.get("device") ?? "auto";
    await this.model.start({ device });
  }

  #mayOpen(may) {
    this.#isStarted = may;
    for (const button of findAll(".open, #example", HTMLButtonElement)) button.disabled = !may;
  }

  /** Opens a photo, and lets the model look at it. @param {Blob} file @param {string} name */
  async open(file, name) {
    if (!this.#isStarted) return this.notices.say("The page is still starting: open the photo in a moment.");
    const done = this.notices.begin("Opening the photo …");
    try {
      const photo = await readPhoto(file, name);
      this.#show(photo);
      const pixels = pixelsOf(photo);
      const looking = this.notices.begin("Looking at the photo …");
      try {
        await this.#modelLoaded;
        await this.model.encode(pixels);
      } finally {
        looking();
      }
      if (this.photo !== photo) return;
      this.isReady = true;
      this.notices.say("Click the object, or drag a box around it.");
      this.#answer();
    } catch (error) {
      this.#fail(error, "The model could not look at the photo");
    } finally {
      done();
    }
  }

  /** Shows what a click there would give. @param {import("./prompt.js").Point | null} point */
  async hover(point) {
    const key = String(point);
    if (key === this.#hovered) return;
    this.#hovered = key;
    if (!point || !this.isReady || !this.prompt.isBlank) return this.#clearPreview();
    const answer = await this.model.preview(this.prompt.questionWith(point, 1));
    if (answer && key === this.#hovered && this.prompt.isBlank) this.renderer.set({ preview: this.#onScreen(answer) });
  }

  /** @param {import("./prompt.js").Point} point @param {0 | 1} label */
  click(point, label) {
    if (label === 0 && this.prompt.isBlank) {
      return this.notices.say("There is nothing to take away from yet: first click the object.");
    }
    this.notices.clear();
    this.prompt.addClick(point, label);
  }

  /** @param {import("./prompt.js").Box} box */
  setBox(box) {
    this.notices.clear();
    this.prompt.setBox(box);
  }

  /** @param {"object" | "other" | "box"} mode */
  setMode(mode) {
    find(`#mode input[value="${mode}"]`, HTMLInputElement).checked = true;
    this.tool.mode = mode;
  }

  /** The object's mask of the photo's own size; null if there is none. */
  get mask() {
    const { answer } = this.prompt.step;
    return answer && this.photo ? maskOf(answer.logits, this.model.about, this.photo) : null;
  }

  #show(photo) {
    this.photo?.bitmap.close();
    this.photo = photo;
    this.isReady = false;
    this.renderer.set({ keyboardPointer: null });
    this.prompt.reset();
    find("#welcome").hidden = true;
    find("#tools").hidden = false;
    find("#name").textContent = `${photo.name}, ${photo.width} × ${photo.height}`;
    document.title = `${photo.name} – hqsam`;
    this.viewport.show(photo);
    this.renderer.refresh();
    find("#canvas").focus();
  }

  #promptChanged() {
    const { prompt } = this;
    this.#clearPreview();
    const { answer } = prompt.step;
    if (answer || prompt.isBlank) this.renderer.set({ mask: answer && this.#onScreen(answer) });
    else this.renderer.refresh("above");
    const enable = (id, can) => (find(`#${id}`, HTMLButtonElement).disabled = !can);
    enable("undo", prompt.canUndo);
    enable("redo", prompt.canRedo);
    enable("clear", !prompt.isBlank);
    for (const id of ["save-mask", "save-cutout", "save-svg"]) enable(id, answer);
    this.#answer();
  }

  /** Asks the model about the step, if it has not answered it. */
  async #answer() {
    const { step } = this.prompt;
    if (!this.isReady || step.answer || this.prompt.isBlank) return;
    const { photo } = this;
    try {
      const { points, labels, box, logits } = step;
      const answer = await this.model.decode({ points, labels, box, logits });
      if (this.photo === photo) this.prompt.setAnswer(step, answer);
    } catch (error) {
      this.prompt.drop(step);
      this.#fail(error, "The model could not answer");
    }
  }

  #onScreen({ logits }) {
    const { width, height } = this.photo;
    const scale = Math.min(1, SCREEN_PIXELS / Math.max(width, height));
    const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    return maskOf(logits, this.model.about, this.photo, size);
  }

  #clearPreview() {
    if (this.renderer.preview) this.renderer.set({ preview: null });
  }

  #fail(error, what) {
    console.error(error);
    this.notices.fail(error instanceof PhotoError ? error.message : `${what}: ${error.message}.`);
  }

  #listen() {
    const input = find("#file", HTMLInputElement);
    input.addEventListener("change", () => {
      const [file] = input.files;
      input.value = "";
      if (file) this.open(file, file.name);
    });
    for (const button of findAll(".open", HTMLButtonElement)) button.onclick = () => input.click();
    find("#example").onclick = () => this.#openExample();
    this.#listenToDrops();
    const on = (id, act) => (find(`#${id}`, HTMLButtonElement).onclick = act);
    on("undo", () => this.#say(this.prompt.undo(), "Undone"));
    on("redo", () => this.#say(this.prompt.redo(), "Redone"));
    on("clear", () => this.prompt.clear());
    on("save-mask", () => this.#save("_mask.png", (mask) => maskPng(mask)));
    on("save-cutout", () => this.#save("_cutout.png", (mask, logits) => cutoutPng(this.photo, mask, logits, this.model.about)));
    on("save-svg", () => this.#save(".svg", (mask) => svg(this.photo, mask)));
    on("help", () => find("#about", HTMLDialogElement).showModal());
    for (const mode of findAll("#mode input", HTMLInputElement)) {
      mode.onchange = () => this.setMode(/** @type {any} */ (mode.value));
    }
  }

  #listenToDrops() {
    const veil = find("#drop");
    const isOver = (event, is) => {
      event.preventDefault();
      veil.hidden = !is;
    };
    addEventListener("dragover", (event) => isOver(event, true));
    addEventListener("dragleave", (event) => event.relatedTarget === null && isOver(event, false));
    addEventListener("drop", (event) => {
      isOver(event, false);
      this.#take(fileIn(event.dataTransfer), "There was no file in what was dropped.");
    });
    addEventListener("paste", (event) => this.#take(fileIn(event.clipboardData), "There was no picture in what was pasted."));
  }

  #take(file, otherwise) {
    if (file) this.open(file, file.name || "pasted");
    else this.notices.say(otherwise);
  }

  async #openExample() {
    const response = await fetch("coffee.jpg").catch(() => null);
    if (response?.ok) this.open(await response.blob(), "coffee.jpg");
    else this.notices.fail("The example photo could not be loaded.");
  }

  async #save(ending, make) {
    const { answer } = this.prompt.step;
    const { photo, mask } = this;
    if (!mask) return;
    if (mask.isEmpty) return this.notices.say("The mask is empty: click the object first.");
    try {
      save(await make(mask, answer.logits), `${photo.name.replace(/\.[^.]*$/, "")}${ending}`);
    } catch (error) {
      this.#fail(error, "The file could not be made");
    }
  }

  #say(name, what) {
    if (name) this.notices.say(`${what}: ${name}.`);
  }
}

/** What the annotator's gestures ask for. */
function toolboxOf(tool) {
  return {
    active: tool,
    get subtracts() {
      return tool.mode === "other";
    },
  };
}

const OFFLINE = {
  kept: "This page works without a network from now on.",
  "not yet": "Load this page once more, and it works without a network.",
  never: "This page cannot work offline here: browsers allow that on https and on localhost only.",
};

function showAbout({ about, device, threads }, works) {
  const many = threads === 1 ? "one thread" : `${threads} threads`;
  const by = device === "webgpu" ? "your graphics processor (WebGPU)" : `your processor, with ${many}`;
  find("#device").textContent = device === "webgpu" ? "WebGPU" : many;
  find("#computes").textContent = `Masks are computed by ${by}.`;
  find("#offline").textContent = OFFLINE[works];
  find("#model-name").textContent = `${about.name}, hqsam ${about.version}`;
  find("#licence").textContent = `Licence of its weights: ${about.licence || "as you know it"}. ${about.notice}`;
}

function whyNot() {
  if (typeof WebAssembly !== "object") return "This browser has no WebAssembly, which the model needs; use a newer one.";
  if (typeof OffscreenCanvas === "undefined") return "This browser is too old for this page; use a newer one.";
  return "";
}

find("#needs-server").remove();
/** @type {App | null} */
export let app = null;
const missing = whyNot();
if (missing) find("#loading p").textContent = missing;
else {
  app = new App();
  app.start().catch((error) => {
    console.error(error);
    find("#loading").dataset.kind = "failed";
    find("#loading p").textContent = `The model could not be loaded: ${error.message}.`;
  });
}
