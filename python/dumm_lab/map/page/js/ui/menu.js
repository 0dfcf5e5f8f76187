// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// A menu at a place: by right click, by the menu key, or below a button of the header.  Arrow keys, Home, End, letters, Escape.

import { h, the } from "./dom.js";

/** @typedef {{title: string, run?: () => void, hint?: string, bad?: boolean, checked?: boolean, keep?: boolean} | "rule"} Item  keep: the menu stays open */

/** @type {HTMLElement | null} */
let from = null;

/**
 * @param {Item[]} items
 * @param {{x: number, y: number}} at in pixels of the window
 * @param {string} name for those who do not see it
 * @param {HTMLElement | null} [opener] that gets the focus back
 */
export function openMenu(items, at, name, opener = null) {
  const menu = the("menu");
  from = opener ?? /** @type {HTMLElement | null} */ (document.activeElement);
  menu.replaceChildren(...items.map((item) => (item === "rule" ? h("hr") : entry(item))));
  menu.setAttribute("aria-label", name);
  menu.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = menu;
  menu.style.left = `${Math.max(6, Math.min(at.x, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(6, at.y + height > innerHeight - 8 ? Math.max(6, innerHeight - height - 8) : at.y)}px`;
  rows()[0]?.focus();
}

/** @param {Exclude<Item, "rule">} item */
function entry(item) {
  const tick = item.checked === undefined ? null : h("span", { class: "tick", "aria-hidden": "true" }, item.checked ? "✓" : "");
  return h("button", {
    type: "button", role: item.checked === undefined ? "menuitem" : "menuitemcheckbox", "aria-checked": item.checked === undefined ? undefined : String(item.checked), class: item.bad ? "bad" : "",
    tabIndex: -1, disabled: !item.run,
    onclick: () => {
      if (!item.keep) closeMenu();
      item.run?.();
    },
  }, tick, h("span", {}, item.title), item.hint ? h("kbd", {}, item.hint) : null);
}

/** @returns {HTMLButtonElement[]} */
function rows() {
  return [...the("menu").querySelectorAll("button:not(:disabled)")].map((row) => /** @type {HTMLButtonElement} */ (row));
}

export function closeMenu() {
  const menu = the("menu");
  if (menu.hidden) return;
  menu.hidden = true;
  from?.focus();
}

/** To be called once. */
export function readyMenu() {
  const menu = the("menu");
  document.addEventListener("pointerdown", (event) => {
    if (!menu.hidden && !menu.contains(/** @type {Node} */ (event.target))) menu.hidden = true;
  }, true);
  menu.addEventListener("contextmenu", (event) => event.preventDefault());
  menu.addEventListener("keydown", (event) => {
    const all = rows(), now = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") closeMenu();
    else if (to !== undefined) all[(to + all.length) % all.length]?.focus();
    else if (event.key.length === 1) all.find((row, n) => n !== now && row.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    else return;
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
    event.stopPropagation();
  });
}
