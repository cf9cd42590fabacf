/** The classes of all images, with their colours. Emits "change". */
import { api } from "../api.js";
import { Emitter } from "../events.js";

/** Colours that people with any kind of colour vision tell apart: Okabe and Ito's, as `hqsam.pictures` draws them. */
const PALETTE = ["#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#f0e442", "#0072b2", "#d55e00"];
const UNNAMED = "object"; // things that nobody has named are told apart by colour

export class Classes extends Emitter {
  /** @type {{name: string, colour: string}[]} */
  list = [];

  async fetch() {
    this.#set(await api.classes());
  }

  isUnnamed(name) {
    return name === UNNAMED && !this.#find(name);
  }

  paletteColour(number) {
    return PALETTE[number % PALETTE.length];
  }

  colourOf(name) {
    return this.#find(name)?.colour ?? PALETTE[0];
  }

  /** Makes a class of a name that is none yet, in a colour that nothing has, if there is one. */
  add(name, taken = []) {
    if (name === UNNAMED || this.#find(name)) return;
    const used = [...taken, ...this.list.map(({ colour }) => colour)];
    const free = PALETTE.find((colour) => !used.includes(colour));
    this.#save([...this.list, { name, colour: free ?? this.paletteColour(this.list.length) }]);
  }

  recolour(name, colour) {
    this.#save(this.list.map((one) => (one.name === name ? { name, colour } : one)));
  }

  #find(name) {
    return this.list.find((one) => one.name === name);
  }

  #save(list) {
    this.#set(list);
    api.setClasses(list).catch(() => {}); // the names are in the objects, too; the next change sends all again
  }

  #set(list) {
    this.list = list;
    this.emit("change");
  }
}
