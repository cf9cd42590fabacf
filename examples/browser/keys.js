/** The keys, beside those that move the pointer on the photo (web/view/keyboard_pointer.js). */
/** @import { App } from "./main.js" */
import { find } from "./web/panels/dom.js";

/** @param {App} app */
export function listenToKeys(app) {
  const { viewport } = app;
  const press = (id) => () => find(`#${id}`, HTMLButtonElement).click();
  const acts = {
    o: press("open"),
    "ctrl+z": press("undo"),
    "ctrl+shift+z": press("redo"),
    "ctrl+y": press("redo"),
    Escape: () => app.tool.cancel() || press("clear")(),
    m: press("save-mask"),
    c: press("save-cutout"),
    s: press("save-svg"),
    "1": () => app.setMode("object"),
    "2": () => app.setMode("other"),
    "3": () => app.setMode("box"),
    "+": () => viewport.zoom(1.5),
    "=": () => viewport.zoom(1.5),
    "-": () => viewport.zoom(1 / 1.5),
    "0": () => viewport.fit(),
    "?": press("help"),
  };
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const ctrl = event.ctrlKey || event.metaKey;
    const act = acts[`${ctrl ? "ctrl+" : ""}${ctrl && event.shiftKey ? "shift+" : ""}${letter}`];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
