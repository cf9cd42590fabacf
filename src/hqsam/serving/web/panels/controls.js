/** Buttons for tools, undo, zoom and brush; and the sheets of a narrow window. */
/** @import { App } from "../main.js" */
import { settings } from "../settings.js";
import { find, findAll, press } from "./dom.js";

export class Controls {
  /** @type {App} */
  #app;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    this.#tools();
    this.#history();
    this.#zoom();
    this.#brush();
    this.#view();
    this.#dialogs();
    this.#sheets();
  }

  #tools() {
    const { toolbox } = this.#app;
    const buttons = findAll("[data-tool]:not(#canvas)", HTMLButtonElement);
    for (const button of buttons) button.addEventListener("click", () => toolbox.select(button.dataset.tool));
    find("#subtracts").addEventListener("click", () => toolbox.toggleSubtracts());
    const show = () => {
      for (const button of buttons) press(button, button.dataset.tool === toolbox.name);
      press(find("#subtracts"), toolbox.subtracts);
      find("#canvas").dataset.tool = toolbox.name;
      find("#brush-size").hidden = !["brush", "eraser"].includes(toolbox.name);
    };
    toolbox.on("change", show);
    show();
  }

  #history() {
    const { store } = this.#app;
    const [undo, redo] = [find("#undo", HTMLButtonElement), find("#redo", HTMLButtonElement)];
    undo.addEventListener("click", () => store.history.undo());
    redo.addEventListener("click", () => store.history.redo());
    const show = () => {
      undo.disabled = !store.history.canUndo;
      redo.disabled = !store.history.canRedo;
    };
    store.on(["history", "image"], show);
  }

  #zoom() {
    const { viewport, renderer } = this.#app;
    find("#zoom-in").addEventListener("click", () => viewport.zoom(1.5));
    find("#zoom-out").addEventListener("click", () => viewport.zoom(1 / 1.5));
    find("#zoom-level").addEventListener("click", () => viewport.actualSize());
    find("#fit").addEventListener("click", () => viewport.fit());
    viewport.on("change", () => {
      find("#zoom-level").textContent = `${Math.round(viewport.scale * devicePixelRatio * 100)}%`;
    });
    find("#bare").addEventListener("click", () => renderer.set({ masksHidden: !renderer.masksHidden }));
    renderer.on("change", () => press(find("#bare"), renderer.masksHidden));
  }

  #brush() {
    const slider = find("#brush-size input", HTMLInputElement);
    slider.addEventListener("input", () => settings.set("brush", slider.valueAsNumber));
    settings.watch("brush", (size) => {
      slider.value = String(size);
      find("#brush-size output").textContent = `${size} px`;
    });
  }

  #view() {
    for (const name of /** @type {const} */ (["opacity", "brightness", "contrast"])) {
      const slider = find(`#view-panel [name="${name}"]`, HTMLInputElement);
      slider.addEventListener("input", () => settings.set(name, slider.valueAsNumber));
      settings.watch(name, (value) => (slider.value = String(value)));
      find("#view-reset").addEventListener("click", () => settings.reset(name));
    }
    for (const radio of findAll("#view-panel [name='colouring']", HTMLInputElement)) {
      radio.addEventListener("change", () => settings.set("colouring", radio.value));
      settings.watch("colouring", (value) => (radio.checked = radio.value === value));
    }
  }

  #dialogs() {
    const { dialogs } = this.#app;
    for (const name of Object.keys(dialogs)) find(`#${name}`).addEventListener("click", () => dialogs[name].open());
    for (const dialog of findAll("dialog", HTMLDialogElement)) {
      dialog.querySelector(".close")?.addEventListener("click", () => dialog.close());
      dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it
    }
    for (const label of findAll("label[tabindex]")) {
      label.addEventListener("keydown", ({ key }) => ["Enter", " "].includes(key) && label.click());
    }
  }

  /** One sheet at a time; the canvas closes it. */
  #sheets() {
    const names = ["settings", "objects", "gallery"];
    const show = (open) => {
      for (const name of names) {
        find(`#${name}`).toggleAttribute("data-open", name === open);
        find(`#show-${name}`).setAttribute("aria-expanded", String(name === open));
      }
    };
    for (const name of names) {
      find(`#show-${name}`).addEventListener("click", () =>
        show(find(`#${name}`).hasAttribute("data-open") ? null : name),
      );
    }
    find("#canvas").addEventListener("pointerdown", () => show(null));
    find("#settings .actions").addEventListener("click", () => show(null));
  }
}
