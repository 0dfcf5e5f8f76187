// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Commands and their keys: one list, from which the tools, the header, the keyboard and the help are made.

import { h, icon, keyText, the } from "./dom.js";

/**
 * @typedef {{id: string, title: string, key?: string, icon?: string, place?: "tools" | "header", group?: number, order?: number, sticky?: boolean,
 *   when?: () => boolean, run: () => void, stop?: () => void}} Command
 *   key: "c", "ctrl+z", "shift+l"; sticky: a tool that stays on until another is taken or Escape; when: whether it can be used now
 */

export class Commands {
  /** @type {Map<string, Command & {button?: HTMLButtonElement}>} */ #all = new Map();
  #tool = "";

  constructor() {
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {Command} command */
  add(command) {
    /** @type {Command & {button?: HTMLButtonElement}} */
    const entry = { ...command };
    this.#all.set(command.id, entry);
    if (command.place) {
      const title = command.key ? `${command.title} (${keyText(command.key)})` : command.title;
      entry.button = h("button", {
        class: command.place === "tools" ? "tool" : "quiet", type: "button", title, "aria-label": command.title, "aria-keyshortcuts": command.key && keyText(command.key),
        "data-command": command.id, "aria-pressed": command.sticky ? "false" : undefined, onclick: () => this.run(command.id),
      }, command.icon ? icon(command.icon) : command.title);
      if (command.place === "header" && command.icon) entry.button.classList.add("icon");
      this.#put(entry);
    }
    this.refresh();
  }

  /** @param {Command & {button?: HTMLButtonElement}} entry */
  #put(entry) {
    const place = the(entry.place === "tools" ? "tools" : "header-tools");
    const buttons = [...this.#all.values()].filter((each) => each.place === entry.place && each.button);
    buttons.sort((a, b) => (a.group ?? 0) - (b.group ?? 0) || (a.order ?? 0) - (b.order ?? 0));
    place.replaceChildren();
    buttons.forEach((each, n) => {
      if (n && entry.place === "tools" && buttons[n - 1].group !== each.group) place.append(h("hr"));
      place.append(/** @type {HTMLButtonElement} */ (each.button));
    });
  }

  /** @param {string} id */
  run(id) {
    const command = this.#all.get(id);
    if (!command || command.when?.() === false) return;
    if (command.sticky) {
      if (this.#tool === id) return this.drop();
      this.drop();
      this.#tool = id;
      command.button?.setAttribute("aria-pressed", "true");
    }
    command.run();
  }

  /** @returns {string} the tool that is on, or "" */
  tool() {
    return this.#tool;
  }

  /** Put the tool away. */
  drop() {
    const command = this.#all.get(this.#tool);
    this.#tool = "";
    command?.button?.setAttribute("aria-pressed", "false");
    command?.stop?.();
  }

  /** Ask all commands again whether they can be used. */
  refresh() {
    for (const { button, when, place } of this.#all.values()) {
      if (!button) continue;
      button.disabled = when?.() === false;
      button.hidden = place === "header" && button.disabled; // the tools keep their places
    }
  }

  /** @returns {Command[]} those with a key, for the help */
  keys() {
    return [...this.#all.values()].filter((command) => command.key);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const target = /** @type {Element} */ (event.target);
    if (event.defaultPrevented || target.closest("input, select, textarea, dialog, [contenteditable], .xterm, [role=menu]")) return;
    const ctrl = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    // Shift is part of a sign such as "?" and is named only with letters and the like.
    const shift = event.shiftKey && (key.length > 1 || /[a-z]/.test(key));
    const name = `${ctrl ? "ctrl+" : ""}${event.altKey ? "alt+" : ""}${shift ? "shift+" : ""}${key}`;
    for (const command of this.#all.values()) {
      if (command.key !== name || command.when?.() === false) continue;
      if (key === "enter" && target.closest("button, a")) return;
      event.preventDefault();
      this.run(command.id);
      return;
    }
  }
}
