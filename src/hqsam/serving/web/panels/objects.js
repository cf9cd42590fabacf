/** The list of finished objects: select, name, colour, hide, lock, correct and delete them. */
/** @import { App } from "../main.js" */
import { areaOf } from "../masks/rle.js";
import { find, icon, make, press } from "./dom.js";

export class ObjectsPanel {
  /** @type {App} */
  #app;
  #list = find("#objects ol");
  #rows = new Map(); // by key: the object and colour that are shown, and the row

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
    app.store.on(["objects", "image"], () => this.#show());
    app.classes.on("change", () => this.#show());
    app.settings.watch("colouring", () => this.#show());
    app.saveQueue.on("change", () => this.#showSaved());
    this.#list.addEventListener("click", (event) => this.#select(event));
    this.#list.addEventListener("dblclick", ({ target }) => isName(target) && this.rename());
    this.#showSaved();
  }

  /** Puts a text field in place of the name of the object that was selected last; what is typed names all selected. */
  rename() {
    const { store } = this.#app;
    const object = store.object(store.selected.at(-1));
    if (!object || object.locked) return;
    const name = find(".name", HTMLElement, this.#rows.get(object.key).row);
    const input = make("input", { className: "name", value: object.class_name, maxLength: 200, spellcheck: false });
    input.setAttribute("aria-label", `Class of ${object.class_name}`);
    input.setAttribute("list", "class-names");
    input.autocomplete = "off";
    const leave = () => input.isConnected && input.replaceWith(name);
    input.addEventListener("change", () => this.#app.commands.renameSelected(input.value.trim()));
    input.addEventListener("blur", leave);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") input.value = object.class_name;
      if (event.key === "Enter" || event.key === "Escape") find("#canvas").focus(); // which commits
    });
    name.replaceWith(input);
    input.focus();
    input.select();
  }

  #show() {
    const { objects, selected } = this.#app.store;
    const keys = new Set(objects.map(({ key }) => key));
    for (const [key, { row }] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    objects.forEach((object, place) => this.#place(object, place));
    for (const [key, { row }] of this.#rows) {
      row.setAttribute("aria-current", String(selected.includes(key)));
      if (key === selected.at(-1)) row.scrollIntoView({ block: "nearest" });
    }
    find("#object-count").textContent = String(objects.length || "");
    find("#objects .hint").textContent = objects.length
      ? ""
      : "Nothing yet. Click on something in the image, then press Enter to keep it.";
  }

  /** Rows that did not change stay, so that focus does. */
  #place(object, place) {
    const colour = this.#app.store.colourOf(object);
    const known = this.#rows.get(object.key);
    if (known?.object === object && known.colour === colour && this.#list.children[place] === known.row) return;
    const row = this.#row(object, colour, place + 1);
    const focused = known?.row.contains(document.activeElement) ? find(":focus").dataset.part : null;
    if (known) known.row.remove();
    this.#list.insertBefore(row, this.#list.children[place] ?? null);
    if (focused) find(`[data-part="${focused}"]`, HTMLElement, row).focus();
    this.#rows.set(object.key, { object, colour, row });
  }

  #row(object, colour, number) {
    const { key, class_name: name, visible, locked } = object;
    const which = `${name} (${number})`;
    const area = `${areaOf(object.rle).toLocaleString()} pixels`;
    const row = make("li", { className: "object", title: area, data: { key } });
    row.toggleAttribute("data-hidden", !visible);
    const swatch = make("input", { type: "color", value: colour, disabled: locked, data: { part: "colour" } });
    swatch.setAttribute("aria-label", `Colour of ${which}`);
    swatch.addEventListener("change", () => this.#app.store.recolour(key, swatch.value));
    const button = make("button", { className: "name", textContent: name, data: { part: "name" } });
    button.title = `${name}: ${area}. Double click or F2 renames`;
    row.append(swatch, button, this.#buttons(object, which));
    return row;
  }

  #buttons({ key, visible, locked }, which) {
    const { store, draftEditor } = this.#app;
    const hide = button(visible ? "eye" : "eye-shut", "Hide", which, () =>
      store.change([key], { visible: !visible }, visible ? "Hide" : "Show"),
    );
    const lock = button(locked ? "lock" : "unlock", "Lock", which, () =>
      store.change([key], { locked: !locked }, locked ? "Unlock" : "Lock"),
    );
    press(hide, !visible);
    press(lock, locked);
    const correct = button("correct", "Correct", which, () => draftEditor.correct(key));
    const remove = button("delete", "Delete", which, () => store.remove([key]));
    correct.disabled = remove.disabled = locked;
    return make("div", { className: "doing" }, correct, hide, lock, remove);
  }

  /** Shift selects all rows up to this one, Ctrl this one too. @param {MouseEvent} event */
  #select({ target, shiftKey, ctrlKey, metaKey }) {
    const row = /** @type {Element} */ (target).closest(".object");
    if (!(row instanceof HTMLElement) || (target !== row && !isName(target))) return;
    const { store } = this.#app;
    if (shiftKey) store.selectThrough(row.dataset.key);
    else if (ctrlKey || metaKey) store.toggleSelected(row.dataset.key);
    else store.select(row.dataset.key);
  }

  #showSaved() {
    const { count } = this.#app.saveQueue;
    const place = find("#saved");
    place.toggleAttribute("data-waits", count > 0);
    place.textContent = count ? `${count} to be sent; kept in this browser until then.` : "Everything is saved.";
  }
}

/** @param {EventTarget} target */
const isName = (target) => target instanceof HTMLButtonElement && target.classList.contains("name");

function button(name, label, which, act) {
  const aria = { label: `${label} ${which}` };
  return make("button", { className: "icon", title: label, onclick: act, data: { part: label }, aria }, icon(name));
}
