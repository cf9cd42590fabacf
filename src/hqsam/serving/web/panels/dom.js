/** Two short names for what every panel does with the page's elements. */

/** @param {string} selector @param {ParentNode} [within] @returns {HTMLElement} */
export const find = (selector, within = document) => within.querySelector(selector);

/** Makes an element: its properties, `data` and `aria` attributes, and children. */
export function make(name, { data = {}, aria = {}, ...properties } = {}, ...children) {
  const element = document.createElement(name);
  Object.assign(element, properties);
  Object.assign(element.dataset, data);
  for (const [attribute, value] of Object.entries(aria)) element.setAttribute(`aria-${attribute}`, value);
  element.append(...children);
  return element;
}

/** One of the page's icons. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export function press(button, isPressed) {
  button.setAttribute("aria-pressed", String(isPressed));
}
