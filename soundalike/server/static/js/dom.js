// Building elements. Text goes in as text, never as markup: there is no way here to do otherwise.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Attributes: `class`, `on...` (listeners), `data` (an object), `style` (an object of
 * properties, set one by one: the content policy allows no style attribute); true sets an empty
 * attribute, null and false set none. Children: elements, text, numbers, lists; null is left out.
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "style") setStyle(made, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  fill(made, ...children);
  return made;
}

export function setStyle(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
}

/** Replace what is in an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return element;
}

/** A symbol of `icons.svg`, which says nothing to a screen reader. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(svg, name) {
  const href = `/static/icons.svg#${name}`;
  const use = svg.querySelector("use");
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}

/** A round button with an icon alone; the label is what it is called, and its tooltip. */
export const iconButton = (name, label, onclick, attributes = {}) =>
  el("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...attributes }, icon(name));

/** A button with text, and an icon where one is named. `kind`: "", "primary" or "quiet". */
export const button = (text, onclick, { kind = "", symbol = null, ...attributes } = {}) =>
  el("button", { type: "button", class: `button ${kind}`, onclick, ...attributes }, symbol && icon(symbol), el("span", {}, text));

/** Call it once the calls have paused for so long; `.cancel()` forgets a call. */
export function debounced(call, ms) {
  let timer;
  const wait = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), ms);
  };
  wait.cancel = () => clearTimeout(timer);
  return wait;
}

export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
