/** The list of finished objects: colour, class, and buttons to hide, lock, correct and delete. */
/** @import { App } from "../main.js" */
import { areaOf } from "../masks/rle.js";
import { find, findAll, icon, make, press } from "./dom.js";

export class ObjectsPanel {
  /** @type {App["store"]} */
  #store;
  /** @type {App["draftEditor"]} */
  #draftEditor;
  #list = find("#objects ol");
  #rows = new Map(); // by key: what is shown, and its row

  /** @param {App} app */
  constructor({ store, draftEditor, classes, saveQueue }) {
    this.#store = store;
    this.#draftEditor = draftEditor;
    store.on(["objects", "image"], () => this.#show());
    classes.on("change", () => this.#show());
    classes.on("change", () => this.#showNames(classes));
    saveQueue.on("change", () => this.#showSaved(saveQueue));
    for (const name of ["focusin", "pointerdown"]) {
      this.#list.addEventListener(name, ({ target }) => this.#select(/** @type {Element} */ (target)));
    }
    this.#showSaved(saveQueue);
  }

  /** Puts the cursor into the name of the selected object. */
  rename() {
    const [name] = findAll(".object[aria-current='true'] .name", HTMLInputElement, this.#list);
    name?.focus();
    name?.select();
  }

  #show() {
    const { objects, selected } = this.#store;
    const keys = new Set(objects.map(({ key }) => key));
    for (const [key, { row }] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    objects.forEach((object, place) => this.#place(object, place));
    for (const [key, { row }] of this.#rows) row.setAttribute("aria-current", String(key === selected));
    find("#object-count").textContent = String(objects.length || "");
    find("#objects .hint").textContent = objects.length
      ? ""
      : "Nothing yet. Click on something in the image, then press Enter to keep it.";
  }

  /** Rows that did not change stay, so that focus does. */
  #place(object, place) {
    const colour = this.#store.colourOf(object);
    const known = this.#rows.get(object.key);
    if (known?.object === object && known.colour === colour && this.#list.children[place] === known.row) return;
    const row = this.#row(object, colour, place + 1);
    const focused = known?.row.contains(document.activeElement) ? find(":focus").dataset.part : null;
    if (known) known.row.replaceWith(row);
    else this.#list.insertBefore(row, this.#list.children[place] ?? null);
    if (focused) find(`[data-part="${focused}"]`, HTMLElement, row).focus();
    this.#rows.set(object.key, { object, colour, row });
  }

  #row(object, colour, number) {
    const { key, class_name: name, visible, locked } = object;
    const row = make("li", { className: "object", title: `${areaOf(object.rle).toLocaleString()} pixels` });
    row.dataset.key = key;
    row.toggleAttribute("data-hidden", !visible);
    const which = `${name} (${number})`;
    const swatch = make("input", {
      type: "color",
      value: colour,
      disabled: locked,
      data: { part: "colour" },
      aria: { label: `Colour of ${which}` },
    });
    swatch.addEventListener("change", () => this.#store.recolour(key, swatch.value));
    row.append(swatch, this.#name(object, which), this.#buttons(object, which, { visible, locked }));
    return row;
  }

  #name({ key, class_name: was, locked }, which) {
    const input = make("input", {
      className: "name",
      value: was,
      disabled: locked,
      maxLength: 200,
      spellcheck: false,
      data: { part: "name" },
      aria: { label: `Class of ${which}` },
    });
    input.setAttribute("list", "class-names");
    input.autocomplete = "off";
    const commit = () => {
      const name = input.value.trim();
      input.value = name || was;
      if (name && name !== was) this.#store.rename(key, name);
    };
    input.addEventListener("change", commit);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") input.value = was;
      if (event.key === "Enter" || event.key === "Escape") find("#canvas").focus(); // which commits
    });
    return input;
  }

  #buttons({ key }, which, { visible, locked }) {
    const store = this.#store;
    const hide = this.#button(visible ? "eye" : "eye-shut", "Hide", which, () =>
      store.change(key, { visible: !visible }, visible ? "Hide" : "Show"),
    );
    const lock = this.#button(locked ? "lock" : "unlock", "Lock", which, () =>
      store.change(key, { locked: !locked }, locked ? "Unlock" : "Lock"),
    );
    press(hide, !visible);
    press(lock, locked);
    const correct = this.#button("correct", "Correct", which, () => this.#draftEditor.correct(key));
    const remove = this.#button("delete", "Delete", which, () => store.remove(key));
    correct.disabled = remove.disabled = locked;
    return make("div", { className: "doing" }, correct, hide, lock, remove);
  }

  #button(name, label, which, act) {
    const button = make(
      "button",
      { className: "icon", title: label, onclick: act, aria: { label: `${label} ${which}` } },
      icon(name),
    );
    button.dataset.part = label;
    return button;
  }

  #select(target) {
    const key = target.closest(".object")?.dataset.key;
    if (key && key !== this.#store.selected && this.#store.object(key)) this.#store.select(key);
  }

  #showNames({ list }) {
    find("#class-names").replaceChildren(...list.map(({ name }) => make("option", { value: name })));
  }

  #showSaved({ count }) {
    const place = find("#saved");
    place.toggleAttribute("data-waits", count > 0);
    place.textContent = count ? `${count} to be sent; kept in this browser until then.` : "Everything is saved.";
  }
}
