/** Short names for what every panel does with the page's elements. */

/**
 * Finds an element that has to be there, and to be of that type.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector @param {new () => T} [type] @param {ParentNode} [within] @returns {T}
 */
export function find(selector, type, within = document) {
  const element = within.querySelector(selector);
  if (!(element instanceof (type ?? HTMLElement))) throw new Error(`no ${type?.name ?? "element"} at ${selector}`);
  return /** @type {T} */ (element);
}

/**
 * Finds all of a type.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} selector @param {new () => T} [_type] @param {ParentNode} [within] @returns {T[]}
 */
export function findAll(selector, _type, within = document) {
  return /** @type {T[]} */ ([...within.querySelectorAll(selector)]);
}

/**
 * Makes an element: its properties, `data` and `aria` attributes, and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Partial<HTMLElementTagNameMap[K]> & {data?: Record<string, string>, aria?: Record<string, string>}} [properties]
 * @param {...(Node | string)} children
 */
export function make(name, properties, ...children) {
  const { data = {}, aria = {}, ...plain } = properties ?? {};
  const element = document.createElement(name);
  Object.assign(element, plain);
  Object.assign(element.dataset, data);
  for (const [attribute, value] of Object.entries(aria)) element.setAttribute(`aria-${attribute}`, value);
  element.append(...children);
  return element;
}

/** One of the page's icons. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/** @param {Element} button @param {boolean} isPressed */
export function press(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}
