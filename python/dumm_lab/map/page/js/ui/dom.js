// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Elements of the page.  Text is only ever set as text, so that nothing in a lab's names, labels or reasons can become markup.

/** @typedef {string | number | Node | null | undefined | false} Child */

/**
 * An element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [props] `class`, `data-…`, `aria-…`, `role` and the like become attributes, `on…` listeners, the rest properties
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "role" && !name.includes("-")) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
  return element;
}

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T} an element of index.html
 */
export function the(id) {
  return /** @type {T} */ (document.getElementById(id));
}

const SVG = "http://www.w3.org/2000/svg";

/** @type {Record<string, string>} paths of icons in a square of 24, drawn with a line */
export const ICONS = {
  select: "M5 3l14 8-6 1.5L10 19z",
  guest: "M3 5.5h14v10.5H3zM8 20h4M10 16v4M19 15v6M16 18h6",
  screen: "M3 4.5h18v12H3zM8 20.5h8M12 16.5v4",
  segment: "M3 12h18M7 12V6M12 12v6M17 12V6",
  cable: "M5 18m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M19 6m-2.5 0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0M7 16C11 8 13 16 17 8",
  undo: "M8 5L4 9l4 4M4 9h10a5 5 0 0 1 0 10h-4",
  redo: "M16 5l4 4-4 4M20 9H10a5 5 0 0 0 0 10h4",
  arrange: "M9 3h6v5H9zM3 16h6v5H3zM15 16h6v5h-6zM12 8v4M6 16v-4h12v4",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  help: "M9.2 9a3 3 0 1 1 4.3 2.7c-1 .5-1.5 1.1-1.5 2.3M12 17.6v.1M12 21.5a9.5 9.5 0 1 0 0-19 9.5 9.5 0 0 0 0 19z",
  export: "M12 4v11M8 11l4 4 4-4M5 19h14",
  groups: "M9 4h11v11H9zM4 9v11h11",
  layers: "M12 3l9 5-9 5-9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5",
  close: "M6 6l12 12M18 6L6 18",
  terminal: "M4 5h16v14H4zM7.5 9.5l3 2.5-3 2.5M12.5 15h4",
  find: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20",
  play: "M7 4.5v15l12-7.5z",
  stop: "M6 6h12v12H6z",
  pause: "M8 5v14M16 5v14",
  restart: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4",
  remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  capture: "M3 12h4l2.5-7 5 14 2.5-7h4",
  check: "M5 12.5l4.5 4.5L19 7",
  save: "M12 3l8 4v5c0 4.5-3.2 7.6-8 9-4.8-1.4-8-4.5-8-9V7z",
  log: "M6 3h9l4 4v14H6zM9 11h7M9 15h7",
};

/** @param {string} name of {@link ICONS} @returns {SVGSVGElement} */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name] ?? "");
  svg.append(path);
  return svg;
}

/**
 * A key as people read it: "Ctrl+Z".
 * @param {string} key
 */
export function keyText(key) {
  return key === "+" ? key : key.split("+").map((part) => (part.length === 1 ? part.toUpperCase() : part[0].toUpperCase() + part.slice(1))).join("+");
}
