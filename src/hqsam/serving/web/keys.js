/** Every key, in one table: what it does, and what `?` says of it. */
/** @import { App } from "./main.js" */
import { find, findAll } from "./panels/dom.js";
import { CLASS_KEYS } from "./state/classes.js";

/**
 * @typedef {object} Key
 * @property {string[]} keys  As `nameOf` has them; none where the row only explains.
 * @property {string} show
 * @property {string} about
 * @property {(key: string) => unknown} [act]
 */

/** Keys that act again while they are held. */
const REPEATABLE = new Set(
  ["[", "]", "j", "k", "shift+j", "shift+k", ".", "PageDown", ",", "PageUp", "+", "=", "-", "ctrl+z", "ctrl+shift+z", "ctrl+y"],
);

/** Listens to all keys, wherever nothing is being typed. */
export class KeyTable {
  /** @type {[string, Key[]][]} */
  sections;

  /** @param {App} app */
  constructor(app) {
    this.sections = sectionsOf(app);
    const acts = new Map(
      this.sections.flatMap(([, rows]) => rows.flatMap(({ keys, act }) => keys.map((key) => [key, act]))),
    );
    addEventListener("keydown", (event) => {
      if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
      const name = nameOf(event);
      const act = acts.get(name);
      if (!act) return;
      event.preventDefault();
      if (!event.repeat || REPEATABLE.has(name)) act(name);
    });
    leaveMenusAfterClicks();
  }
}

/** @param {App} app @returns {[string, Key[]][]} */
function sectionsOf(app) {
  const { commands, dialogs, draftEditor, gallery, models, navigation, notices } = app;
  const { renderer, settings, store, toolbox, viewport } = app;
  const key = (keys, about, act, show = keys[0].toUpperCase()) => ({ keys, show, about, act });
  const note = (show, about) => ({ keys: [], show, about });
  const tool = (letter, name, about) => key([letter], about, () => toolbox.select(name));
  const resize = (factor) => () => {
    const size = Math.round(settings.get("brush") * factor + Math.sign(factor - 1) * 0.5);
    settings.set("brush", Math.min(200, Math.max(1, size)));
  };
  const history = (way, word) => () => {
    const label = store.history[way]();
    notices.say(label ? `${word}: ${label}.` : `Nothing to ${way}.`);
  };
  return [
    [
      "Tools",
      [
        tool("c", "click", "Click; dragging makes a box"),
        tool("b", "box", "Box"),
        tool("l", "lasso", "Lasso"),
        tool("p", "brush", "Paint"),
        tool("e", "eraser", "Erase"),
        tool("u", "corners", "Move corners of the outline"),
        tool("v", "pick", "Select objects, move the image"),
        key(["t"], "Subtract, on or off", () => toolbox.toggleSubtracts()),
        key(["["], "Smaller brush", resize(1 / 1.25)),
        key(["]"], "Larger brush", resize(1.25)),
      ],
    ],
    [
      "The object in the making",
      [
        key(["n"], "Name it: type, then Enter keeps it", () => commands.name()),
        key(CLASS_KEYS, "Its class, by the class's key", (name) => commands.setClassByKey(name), "1–9 ⇧A–Z"),
        key(["m"], "The next of SAM's three candidates", () => draftEditor.chooseNext()),
        key(["s"], "Sum, HQ or SAM, to compare", () => models.nextSource()),
        key(["d"], "Detail, on or off", () => settings.set("detail", !settings.get("detail"))),
        key(["Enter"], "Keep it; or correct the selected object", () => commands.enter(), "⏎"),
        key(["Escape"], "Leave off; then discard", () => commands.escape(), "Esc"),
        key(["ctrl+z"], "Undo", history("undo", "Undone"), "Ctrl Z"),
        key(["ctrl+shift+z", "ctrl+y"], "Redo", history("redo", "Redone"), "Ctrl Y"),
        key(["a"], "Find everything", () => dialogs.everything.open()),
        key(['"'], "Find by words, with a detector", () => findAll(".words input")[0]?.focus()),
      ],
    ],
    [
      "Selected objects",
      [
        key(["j", "k"], "Select the next, the one before", (name) => commands.walk(name === "j" ? 1 : -1, false), "J K"),
        key(
          ["shift+j", "shift+k"],
          "Select that one too",
          (name) => commands.walk(name === "shift+j" ? 1 : -1, true),
          "⇧J ⇧K",
        ),
        key(["ctrl+a"], "Select all", () => commands.selectAll(), "Ctrl A"),
        key(["F2"], "Rename (so does N, and class keys)", () => commands.name()),
        key(["i"], "Show or hide", () => commands.toggle("visible", ["Show", "Hide"])),
        key(["o"], "Lock, or unlock", () => commands.toggle("locked", ["Lock", "Unlock"])),
        key(["Delete", "Backspace"], "Delete", () => commands.removeSelected(), "Del"),
        key(["z", "y"], "To the front, to the back", (name) => commands.restackSelected(name === "z"), "Z Y"),
        key(["g"], "Get the objects of the image before", () => navigation.copyFromPrevious()),
        key(["h"], "Hide all masks, or show them", () => renderer.set({ masksHidden: !renderer.masksHidden })),
      ],
    ],
    [
      "The image",
      [
        key([".", "PageDown"], "Next image", () => navigation.go(1)),
        key([",", "PageUp"], "Previous image", () => navigation.go(-1)),
        key(["f"], "Keep the draft; done, and on to what is to do", () => navigation.mark("done")),
        key(["r"], "To review, and on", () => navigation.mark("to_review")),
        key(["q"], "Rejected, and on", () => navigation.mark("rejected")),
        key(["/"], "Search for images", () => gallery.focusSearch()),
        key(["+", "="], "Zoom in", () => viewport.zoom(1.5)),
        key(["-"], "Zoom out", () => viewport.zoom(1 / 1.5)),
        key(["w"], "Show all of it", () => viewport.fit()),
        key(["0"], "Actual pixels", () => viewport.actualSize()),
        key(["x"], "Export", () => dialogs.export.open()),
        key(["?"], "This help", () => dialogs.help.open()),
      ],
    ],
    [
      "On the image, by keyboard",
      [
        note("← ↑ ↓ →", "Move the pointer; with Shift by one pixel"),
        note("Space", "Click; held, it draws as the pointer moves"),
        note("⇧ Space", "Click to subtract"),
      ],
    ],
    [
      "On the image, by mouse",
      [
        note("Right", "Subtract; so does Alt"),
        note("Wheel", "Zoom"),
        note("Space", "Held, dragging moves the image; so does the middle button"),
        note("⇧ ⌃", "With a click on the list, or with V: select several"),
      ],
    ],
  ];
}

/** Names a key as the table does: Shift counts for letters, whatever Caps Lock does. @param {KeyboardEvent} event */
function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (altKey) return "";
  const isLetter = /^[a-z]$/i.test(key);
  const name = isLetter ? key.toLowerCase() : key;
  return `${ctrlKey || metaKey ? "ctrl+" : ""}${isLetter && shiftKey ? "shift+" : ""}${name}`;
}

/** A menu that was worked by the mouse gives the keys back. */
function leaveMenusAfterClicks() {
  let clicked = null;
  addEventListener("pointerdown", ({ target }) => (clicked = target));
  addEventListener("keydown", () => (clicked = null));
  addEventListener("change", ({ target }) => {
    if (target === clicked && clicked.matches("select") && !document.querySelector("dialog[open]")) find("#canvas").focus();
  });
}

/** Text fields and menus take all keys; buttons take those that work them. */
function isTyping({ target, key }) {
  if (target.matches("input:not([type='checkbox'], [type='radio'], [type='range'], [type='color']), textarea, select"))
    return true;
  const works = key === "Enter" ? "button:not(.name), a, summary, label, input" : "button, a, summary, label, input";
  return ["Enter", " "].includes(key) && target.matches(works);
}
