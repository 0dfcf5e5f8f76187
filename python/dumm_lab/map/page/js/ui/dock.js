// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Tabs below the map, for terminals and logs.  Its height is kept in this browser.

import { h, icon, the } from "./dom.js";

/** @typedef {{id: string, title: string, element: HTMLElement, onclose?: () => void, onshow?: () => void}} Tab */

const LEAST = 120; // px

export class Dock {
  /** @type {Map<string, Tab & {button: HTMLElement}>} */ #tabs = new Map();
  #shown = "";
  #host = the("dock");
  #bar = the("dock-tabs");
  #body = the("dock-body");

  constructor() {
    const grip = the("dock-grip");
    this.#size(Number(localStorage.getItem("dumm-dock")) || innerHeight * 0.34);
    grip.addEventListener("pointerdown", (event) => this.#drag(event, grip));
    grip.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 24, ArrowDown: -24 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.#size(this.#host.offsetHeight + by);
    });
    this.#bar.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      const ids = [...this.#tabs.keys()];
      this.show(ids[(ids.indexOf(this.#shown) + by + ids.length) % ids.length]);
      this.#tabs.get(this.#shown)?.button.focus();
    });
  }

  /** @param {string} id @returns {boolean} */
  has(id) {
    return this.#tabs.has(id);
  }

  /** @param {Tab} tab */
  open(tab) {
    if (this.#tabs.has(tab.id)) return this.show(tab.id);
    const close = h("span", { class: "x", title: "Close", onclick: (/** @type {Event} */ event) => (event.stopPropagation(), this.close(tab.id)) }, icon("close"));
    const button = h("button", {
      role: "tab", id: `tab ${tab.id}`, "aria-selected": "false", onclick: () => this.show(tab.id),
      onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Delete" && this.close(tab.id),
    }, tab.title, close);
    tab.element.classList.add("dock-page");
    tab.element.setAttribute("role", "tabpanel");
    tab.element.setAttribute("aria-label", tab.title);
    this.#bar.append(button);
    this.#body.append(tab.element);
    this.#tabs.set(tab.id, { ...tab, button });
    this.#host.hidden = false;
    this.show(tab.id);
  }

  /** @param {string} id */
  show(id) {
    this.#shown = id;
    for (const [other, { element, button }] of this.#tabs) {
      element.hidden = other !== id;
      button.setAttribute("aria-selected", String(other === id));
      button.tabIndex = other === id ? 0 : -1;
    }
    this.#tabs.get(id)?.onshow?.();
  }

  /** @param {string} id */
  close(id) {
    const tab = this.#tabs.get(id);
    if (!tab) return;
    this.#tabs.delete(id);
    tab.onclose?.();
    tab.element.remove();
    tab.button.remove();
    const [next] = [...this.#tabs.keys()].slice(-1);
    if (next === undefined) this.#host.hidden = true;
    else if (this.#shown === id) this.show(next);
  }

  /** @param {string} id @param {string} title */
  rename(id, title) {
    const text = this.#tabs.get(id)?.button.firstChild;
    if (text) text.textContent = title;
  }

  /** @param {PointerEvent} event @param {HTMLElement} grip */
  #drag(event, grip) {
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ to) => this.#size(innerHeight - to.clientY);
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", () => grip.removeEventListener("pointermove", move), { once: true });
  }

  /** @param {number} height */
  #size(height) {
    const px = Math.round(Math.max(LEAST, Math.min(innerHeight * 0.75, height)));
    this.#host.style.height = `${px}px`;
    localStorage.setItem("dumm-dock", String(px));
    this.#tabs.get(this.#shown)?.onshow?.();
  }
}
