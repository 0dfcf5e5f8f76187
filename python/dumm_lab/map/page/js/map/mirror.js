// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The map for those who do not see it or use no mouse: a list that mirrors it, with one active item that arrow keys move over the map.

import { h, the } from "../ui/dom.js";
import { neighbour } from "./find.js";
import { conditionText } from "./text.js";

/** @typedef {import("./map.js").LabMap} LabMap */
/** @typedef {import("../model.js").View} View */
/** @typedef {{opened: (id: string) => void, asked: (id: string) => void, covered: () => {left: number, bottom: number} | null}} Wiring */

export class Mirror {
  #map;
  #wiring;
  #list = the("mirror");
  /** @type {string | null} */ #active = null;
  /** @type {string | null} */ #left = null; // what was active when Space took it out of what is selected
  /** @type {Map<string, HTMLElement>} */ #items = new Map();
  /** @type {Map<string, object>} */ #drawn = new Map(); // what each item was made of

  /** @param {LabMap} map @param {Wiring} wiring */
  constructor(map, wiring) {
    this.#map = map;
    this.#wiring = wiring;
    const list = this.#list;
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focus", () => {
      if (list.matches(":focus-visible")) this.#show();
    });
    list.addEventListener("blur", () => map.focus(null));
    // A click on the map is the start of work with it: the keys go on from there.
    map.cy.on("tapstart", (/** @type {any} */ event) => {
      if (event.target !== map.cy) this.#activate(event.target.id());
      list.focus({ preventScroll: true });
      map.focus(null);
    });
  }

  /** @param {View} view */
  draw(view) {
    const ids = [...this.#map.scene.nodes.keys(), ...this.#map.scene.lines.keys()];
    const there = new Set(ids);
    for (const [id, item] of this.#items) {
      if (there.has(id)) continue;
      item.remove();
      this.#items.delete(id);
      this.#drawn.delete(id);
    }
    for (const id of ids) {
      const object = this.#map.scene.nodes.get(id) ?? this.#map.scene.lines.get(id);
      const old = this.#items.get(id);
      if (old && this.#drawn.get(id) === object) continue;
      if (object) this.#drawn.set(id, object);
      const name = this.#name(id, view);
      if (old) old.textContent = name;
      else {
        const item = h("div", { role: "option", id: `item ${id}`, "aria-selected": "false" }, name);
        this.#items.set(id, item);
        this.#list.append(item);
      }
    }
    if (this.#active && !there.has(this.#active)) this.#activate(null);
  }

  /** @param {Set<string>} ids */
  selected(ids) {
    // Where one thing was chosen elsewhere on the page, the keys go on from there; what Space has let go stays where they are.
    if (ids.size === 1 && (this.#left === null || this.#left !== this.#active)) {
      this.#activate([...ids][0]);
      if (this.#list.matches(":focus-visible")) this.#show();
    }
    for (const [id, item] of this.#items) item.setAttribute("aria-selected", String(ids.has(id)));
  }

  /** @param {string} id @param {View} view @returns {string} what a screen reader says */
  #name(id, view) {
    const node = this.#map.scene.nodes.get(id), line = this.#map.scene.lines.get(id);
    const change = { new: "new in the draft", gone: "removed by the draft", changed: "changed by the draft", "": "" }[node?.change ?? line?.change ?? ""];
    if (line) return [line.interfaces.join(" to "), line.kind === "port" ? `in segment ${line.target.slice(7)}` : "cable", line.prefix, line.down && "down", ...new Set(line.to), change].filter(Boolean).join(", ");
    if (!node) return id;
    if (node.kind === "segment") return [node.name, "segment", ...(view.segments[node.name]?.prefix ?? []), change].filter(Boolean).join(", ");
    const guest = view.guests[node.name];
    const faces = Object.entries(guest?.interfaces ?? {}).map(([name, face]) => [name, ...(face.addresses ?? []), face.segment && `in ${face.segment}`, conditionText(face.conditions)].filter(Boolean).join(" "));
    return [node.name, node.role, node.state === "elsewhere" ? "" : node.state, guest?.lab_host && `on lab host ${guest.lab_host}`, guest?.why, guest?.label, ...faces, change].filter(Boolean).join(", ");
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event, active = this.#active;
    if (key === "ArrowUp" || key === "ArrowDown" || key === "ArrowLeft" || key === "ArrowRight") {
      const from = active && this.#map.scene.lines.has(active) ? this.#map.scene.lines.get(active)?.source ?? null : active;
      const next = from ? neighbour(this.#map.places(), from, key) : this.#first();
      if (next) this.#go(next, event.shiftKey);
    } else if (key === "Home" || key === "End" || key === "PageDown" || key === "PageUp") {
      const ids = [...this.#map.scene.nodes.keys()], now = active ? ids.indexOf(active) : -1;
      const to = { Home: 0, End: ids.length - 1, PageDown: Math.min(now + 1, ids.length - 1), PageUp: Math.max(now - 1, 0) }[key];
      if (ids[to]) this.#go(ids[to], event.shiftKey);
    } else if (key === "]" || key === "[") {
      this.#line(key === "]" ? 1 : -1);
    } else if (key === "Enter" && active) {
      this.#select(false);
      this.#wiring.opened(active);
    } else if (key === " " && active) {
      this.#select(true);
    } else if ((key === "ContextMenu" || (key === "F10" && event.shiftKey)) && active) {
      if (!this.#map.cy.getElementById(active).selected()) this.#select(false);
      this.#wiring.asked(active);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @returns {string | null} */
  #first() {
    const selected = this.#map.cy.$("node:selected");
    return selected.nonempty() ? selected[0].id() : ([...this.#map.scene.nodes.keys()][0] ?? null);
  }

  /** The next line of the active guest.  @param {1 | -1} by */
  #line(by) {
    const { lines } = this.#map.scene, active = this.#active;
    const node = active && lines.has(active) ? lines.get(active)?.source : active;
    const ids = [...lines.values()].filter((line) => line.source === node || line.target === node).map((line) => line.id);
    if (!ids.length) return;
    const now = active ? ids.indexOf(active) : -1;
    this.#go(ids[(now + by + ids.length) % ids.length], false);
  }

  /** @param {string} id @param {boolean} more whether it is added to what is selected */
  #go(id, more) {
    this.#activate(id);
    const element = this.#map.cy.getElementById(id);
    this.#map.select([element.data("subject")], more);
    this.#show();
    this.#map.uncover(id, this.#wiring.covered());
  }

  /** @param {boolean} toggle */
  #select(toggle) {
    const element = this.#map.cy.getElementById(this.#active ?? "");
    this.#left = toggle && element.selected() ? this.#active : null;
    if (this.#left) element.unselect();
    else this.#map.select([element.data("subject")], toggle);
  }

  /** @param {string | null} id */
  #activate(id) {
    if (id !== this.#active) this.#left = null;
    this.#active = id;
    if (id) this.#list.setAttribute("aria-activedescendant", `item ${id}`);
    else this.#list.removeAttribute("aria-activedescendant");
  }

  /** Show where the keyboard is. */
  #show() {
    this.#active ??= this.#first();
    if (this.#active) this.#activate(this.#active);
    this.#map.focus(this.#active);
  }
}
