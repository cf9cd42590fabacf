/** Buttons for what keys do, too: tools, undo, zoom, brush; and the sheets of a narrow window. */
import { settings } from "../settings.js";
import { find, press } from "./dom.js";

export class Controls {
  #work;

  /** @param {object} work toolbox, bench, viewport, scene and dialogs */
  constructor(work) {
    this.#work = work;
    this.#tools();
    this.#history();
    this.#zoom();
    this.#brush();
    this.#dialogs();
    this.#sheets();
  }

  #tools() {
    const { toolbox } = this.#work;
    const buttons = [...document.querySelectorAll("[data-tool]:not(#stage)")];
    for (const button of buttons) button.addEventListener("click", () => toolbox.take(button.dataset.tool));
    find("#takes-away").addEventListener("click", () => toolbox.swap());
    const show = () => {
      for (const button of buttons) press(button, button.dataset.tool === toolbox.name);
      press(find("#takes-away"), toolbox.takesAway);
      find("#stage").dataset.tool = toolbox.name;
      find("#brush-size").hidden = !["brush", "eraser"].includes(toolbox.name);
    };
    toolbox.addEventListener("change", show);
    show();
  }

  #history() {
    const { bench } = this.#work;
    const [undo, redo] = [find("#undo"), find("#redo")];
    undo.addEventListener("click", () => bench.history.undo());
    redo.addEventListener("click", () => bench.history.redo());
    const show = () => {
      undo.disabled = !bench.history.canUndo;
      redo.disabled = !bench.history.canRedo;
    };
    bench.addEventListener("history", show);
    bench.addEventListener("image", show);
  }

  #zoom() {
    const { viewport, scene } = this.#work;
    find("#zoom-in").addEventListener("click", () => viewport.zoom(1.5));
    find("#zoom-out").addEventListener("click", () => viewport.zoom(1 / 1.5));
    find("#zoom-level").addEventListener("click", () => viewport.actualSize());
    find("#fit").addEventListener("click", () => viewport.fit());
    viewport.addEventListener("change", () => {
      find("#zoom-level").textContent = `${Math.round(viewport.scale * devicePixelRatio * 100)}%`;
    });
    find("#bare").addEventListener("click", () => scene.set({ isBare: !scene.isBare }));
    scene.addEventListener("change", () => press(find("#bare"), scene.isBare));
  }

  #brush() {
    const slider = find("#brush-size input");
    slider.addEventListener("input", () => settings.set("brush", slider.valueAsNumber));
    settings.follow("brush", (size) => {
      slider.value = size;
      find("#brush-size output").textContent = `${size} px`;
    });
  }

  #dialogs() {
    const { dialogs } = this.#work;
    for (const name of Object.keys(dialogs)) find(`#${name}`).addEventListener("click", () => dialogs[name].open());
    for (const dialog of document.querySelectorAll("dialog")) {
      find(".close", dialog)?.addEventListener("click", () => dialog.close());
      dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it
    }
    for (const label of document.querySelectorAll("label[tabindex]")) {
      label.addEventListener("keydown", ({ key }) => ["Enter", " "].includes(key) && label.click());
    }
  }

  /** One sheet at a time; the stage closes it. */
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
    find("#stage").addEventListener("pointerdown", () => show(null));
    find("#settings .actions").addEventListener("click", () => show(null));
  }
}
