/** The classes of all images, with their colours and keys. Emits "change". */
import { api } from "../api.js";
import { Emitter } from "../events.js";

/** @typedef {{name: string, colour: string, key: string}} ObjectClass  The key as `keys.js` names it, or "". */

/** Colours that people with any kind of colour vision tell apart: Okabe and Ito's, as exports draw them. */
const PALETTE = ["#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#f0e442", "#0072b2", "#d55e00"];
const UNNAMED = "object"; // things that have no name yet are told apart by colour
const LETTERS = [..."abcdefghilmnopqrstuvwxyz"]; // with Shift; J and K select
/** The keys that classes can have: digits first, then Shift and a letter. */
export const CLASS_KEYS = [..."123456789", ...LETTERS.map((letter) => `shift+${letter}`)];

export class Classes extends Emitter {
  /** @type {ObjectClass[]} */
  list = [];

  async fetch() {
    this.#set(await api.classes());
  }

  isUnnamed(name) {
    return name === UNNAMED && !this.find(name);
  }

  paletteColour(number) {
    return PALETTE[number % PALETTE.length];
  }

  colourOf(name) {
    return this.find(name)?.colour ?? PALETTE[0];
  }

  /** @param {string} name @returns {ObjectClass | undefined} */
  find(name) {
    return this.list.find((one) => one.name === name);
  }

  /** Makes a class of a name that is none yet, in a colour that nothing has, if there is one. */
  add(name, taken = []) {
    if (name === UNNAMED || this.find(name)) return;
    const used = [...taken, ...this.list.map(({ colour }) => colour)];
    const free = PALETTE.find((colour) => !used.includes(colour));
    this.#save([...this.list, { name, colour: free ?? this.paletteColour(this.list.length), key: "" }]);
  }

  recolour(name, colour) {
    this.#save(this.list.map((one) => (one.name === name ? { ...one, colour } : one)));
  }

  #save(list) {
    this.#set(list);
    const sent = list.map(({ name, colour }) => ({ name, colour }));
    api.setClasses(sent).catch(() => {}); // the names are in the objects, too; the next change sends all again
  }

  #set(list) {
    this.list = withKeys(list);
    this.emit("change");
  }
}

/** Shows a class's key to people. @param {string} key */
export const keyLabel = (key) => key.replace("shift+", "⇧").toUpperCase();

/** Gives a key to each class that has none: the next digit, else a letter of its name, else any letter. */
function withKeys(list) {
  const free = new Set(CLASS_KEYS.filter((key) => !list.some((one) => one.key === key)));
  return list.map((one) => {
    if (one.key) return one;
    const wished = [...one.name.toLowerCase()].map((letter) => `shift+${letter}`);
    const key = [...CLASS_KEYS.slice(0, 9), ...wished, ...CLASS_KEYS].find((name) => free.has(name)) ?? "";
    free.delete(key);
    return { ...one, key };
  });
}
