/** Every key, in one table: what it does, and what `?` says of it. */

/** @typedef {{keys: string[], about: string, act?: (key: string) => unknown, show?: string}} Key  `keys` as `event.key` has them. */

/** Listens to all keys, wherever nothing is being typed. */
/** @import { App } from "./main.js" */
export class KeyTable {
  /** @type {[string, Key[]][]} */
  sections;

  /** @param {App} app */
  constructor(app) {
    this.sections = sectionsOf(app);
    const acts = new Map(
      this.sections.flatMap(([, keys]) => keys.flatMap(({ keys: names, act }) => names.map((name) => [name, act]))),
    );
    addEventListener("keydown", (event) => {
      if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
      const act = acts.get(nameOf(event));
      if (!act) return;
      event.preventDefault();
      act(event.key.toLowerCase());
    });
  }
}

/** @param {App} app @returns {[string, Key[]][]} */
function sectionsOf(app) {
  const { commands, dialogs, draftEditor, models, navigation, notices } = app;
  const { objects, renderer, settings, store, toolbox, viewport } = app;
  const tool = (key, name, about) => ({ keys: [key], about, act: () => toolbox.select(name) });
  const selected = (act) => () => {
    const object = store.object(store.selected);
    if (!object) notices.say("Select an object first: J and K go through them.");
    else act(object);
  };
  const unlocked = (act) => selected((object) => (object.locked ? notices.say("It is locked.") : act(object)));
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
        tool("v", "pick", "Pick objects, move the image"),
        { keys: ["t"], about: "Subtract, on or off", act: () => toolbox.toggleSubtracts() },
        {
          keys: ["["],
          about: "Smaller brush",
          act: () => settings.set("brush", Math.max(1, Math.round(settings.get("brush") / 1.25 - 0.5))),
        },
        {
          keys: ["]"],
          about: "Larger brush",
          act: () => settings.set("brush", Math.min(200, Math.round(settings.get("brush") * 1.25 + 0.5))),
        },
      ],
    ],
    [
      "The object in the making",
      [
        {
          keys: ["1", "2", "3"],
          show: "1 2 3",
          about: "SAM's three candidates",
          act: (key) => draftEditor.choose(Number(key) - 1),
        },
        { keys: ["s"], about: "Sum, HQ or SAM, to compare", act: () => models.nextSource() },
        { keys: ["d"], about: "Detail, on or off", act: () => settings.set("detail", !settings.get("detail")) },
        { keys: ["Enter"], show: "⏎", about: "Keep it; or correct the selected object", act: () => commands.enter() },
        { keys: ["Escape"], show: "Esc", about: "Leave off; then discard", act: () => commands.escape() },
        { keys: ["ctrl+z"], show: "Ctrl Z", about: "Undo", act: history("undo", "Undone") },
        { keys: ["ctrl+shift+z", "ctrl+y"], show: "Ctrl Y", about: "Redo", act: history("redo", "Redone") },
        { keys: ["a"], about: "Find everything", act: () => dialogs.everything.open() },
      ],
    ],
    [
      "Finished objects",
      [
        {
          keys: ["j", "k"],
          show: "J K",
          about: "Select the next, the one before",
          act: (key) => commands.walk(key === "j" ? 1 : -1),
        },
        { keys: ["r"], about: "Rename", act: unlocked(() => objects.rename()) },
        {
          keys: ["i"],
          about: "Show or hide it",
          act: selected(({ key, visible }) => store.change(key, { visible: !visible }, visible ? "Hide" : "Show")),
        },
        {
          keys: ["o"],
          about: "Lock it, or not",
          act: selected(({ key, locked }) => store.change(key, { locked: !locked }, locked ? "Unlock" : "Lock")),
        },
        { keys: ["Delete", "Backspace"], show: "Del", about: "Delete", act: unlocked(({ key }) => store.remove(key)) },
        { keys: ["h"], about: "Hide all masks, or show them", act: () => renderer.set({ masksHidden: !renderer.masksHidden }) },
      ],
    ],
    [
      "The image",
      [
        { keys: [".", "PageDown"], show: ".", about: "Next image", act: () => navigation.go(1) },
        { keys: [",", "PageUp"], show: ",", about: "Previous image", act: () => navigation.go(-1) },
        { keys: ["f"], about: "Done, and on to what is to do", act: () => navigation.finish() },
        { keys: ["+", "="], show: "+", about: "Zoom in", act: () => viewport.zoom(1.5) },
        { keys: ["-"], about: "Zoom out", act: () => viewport.zoom(1 / 1.5) },
        { keys: ["w"], about: "Show all of it", act: () => viewport.fit() },
        { keys: ["0"], about: "Actual pixels", act: () => viewport.actualSize() },
        { keys: ["x"], about: "Export", act: () => dialogs.export.open() },
        { keys: ["?"], about: "This help", act: () => dialogs.help.open() },
      ],
    ],
    [
      "On the image, by keyboard",
      [
        { keys: [], show: "← ↑ ↓ →", about: "Move the pointer; with Shift by one pixel" },
        { keys: [], show: "Space", about: "Click; held, it draws as the pointer moves" },
        { keys: [], show: "⇧ Space", about: "Click to subtract" },
      ],
    ],
    [
      "On the image, by mouse",
      [
        { keys: [], show: "Right", about: "Subtract; so does Alt" },
        { keys: [], show: "Wheel", about: "Zoom" },
        { keys: [], show: "Space", about: "Held, dragging moves the image; so does the middle button" },
      ],
    ],
  ];
}


function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (altKey) return "";
  const name = key.length === 1 ? key.toLowerCase() : key;
  return ctrlKey || metaKey ? `ctrl+${shiftKey ? "shift+" : ""}${name}` : name;
}

/** Text fields take all keys; buttons and menus take those that work them. */
function isTyping({ target, key }) {
  if (target.matches("input:not([type='checkbox'], [type='radio'], [type='range'], [type='color']), textarea"))
    return true;
  return ["Enter", " "].includes(key) && target.matches("button, a, summary, select, label, input");
}
