/** The project's classes, with fixed numbers, colours and keys. Emits "change". */
import { ApiError, api, connection } from "../api.js";
import { Emitter } from "../events.js";

/**
 * @typedef {object} ObjectClass
 * @property {number} [number]  Given by the server, once and for all.
 * @property {string} name
 * @property {string} colour
 * @property {string | null} key  One character; a letter means that letter with Shift.
 * @property {number} [annotation_count]
 * @typedef {{classes: ObjectClass[], changed: number, batch: number | null}} ClassChange
 */

/** Colours for any kind of colour vision (Okabe and Ito), as exports have them. */
const PALETTE = ["#56b4e9", "#e69f00", "#cc79a7", "#009e73", "#f0e442", "#0072b2", "#d55e00"];
const UNNAMED = "object"; // things that have no name yet are told apart by colour
const KEYS = [..."123456789abcdefghilmnopqrstuvwxyz"]; // J and K select
/** The keys that classes can have, as `keys.js` names them. */
export const CLASS_KEYS = KEYS.map(keyName);

export class Classes extends Emitter {
  /** @type {ObjectClass[]} */
  list = [];
  /** Changes that the server has not got yet, oldest first. @type {(() => Promise<ObjectClass[]>)[]} */
  #unsent = [];
  #isSending = false;

  constructor() {
    super();
    connection.on("online", () => this.#send());
  }

  async fetch() {
    this.#take(await api.classes());
  }

  /** @param {ObjectClass[]} list as the server has it */
  set(list) {
    this.list = withKeys(list);
    this.emit("change");
  }

  isUnnamed(name) {
    return name === UNNAMED;
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

  /** @param {string} key as `keys.js` names it */
  byKey(key) {
    return this.list.find((one) => one.key && keyName(one.key) === key);
  }

  /** Makes a class of a name that is none yet, in a colour that nothing has, if there is one. */
  add(name, taken = []) {
    if (name === UNNAMED || this.find(name)) return;
    const used = [...taken, ...this.list.map(({ colour }) => colour)];
    const free = PALETTE.find((colour) => !used.includes(colour));
    this.set([...this.list, { name, colour: free ?? this.paletteColour(this.list.length), key: null }]);
    const { key, colour } = this.find(name);
    this.#save(() => api.addClass({ name, colour, key }));
  }

  recolour(name, colour) {
    this.set(this.list.map((one) => (one.name === name ? { ...one, colour } : one)));
    this.#save(async () => (await api.changeClass(this.find(name)?.number, { colour })).classes);
  }

  /** Sends a change that is shown already, after those before it. @param {() => Promise<ObjectClass[]>} change */
  #save(change) {
    this.#unsent.push(change);
    this.#send();
  }

  /** What cannot be sent now is sent when the server is back; what it refuses is shown as others have it. */
  async #send() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#unsent.length) {
        const list = await this.#unsent[0]().catch(listInstead);
        this.#unsent.shift();
        this.#take(list);
      }
    } catch {
      // Not reachable: "online" calls again.
    }
    this.#isSending = false;
  }

  /** Takes the server's list, with the classes that it has not got yet. @param {ObjectClass[]} list */
  #take(list) {
    const isNew = (one) => !one.number && !list.some(({ name }) => name === one.name);
    this.set(this.#unsent.length ? [...list, ...this.list.filter(isNew)] : list);
  }
}

/** @param {Error} error @returns {Promise<ObjectClass[]>} the list, after a change that was refused */
function listInstead(error) {
  if (!(error instanceof ApiError)) throw error;
  return api.classes();
}

/** Shows a class's key to people. @param {string | null} key */
export const keyLabel = (key) => (key ? (/\d/.test(key) ? key : `⇧${key.toUpperCase()}`) : "");

/** @param {string} key */
function keyName(key) {
  return /\d/.test(key) ? key : `shift+${key.toLowerCase()}`;
}

/** Gives a key to each class that has none: the next digit, else a letter of its name, else any letter. */
function withKeys(list) {
  const free = new Set(KEYS.filter((key) => !list.some((one) => one.key?.toLowerCase() === key)));
  return list.map((one) => {
    if (one.key) return one;
    const key = [..."123456789", ...one.name.toLowerCase(), ...KEYS].find((letter) => free.has(letter)) ?? null;
    free.delete(key);
    return { ...one, key };
  });
}
