// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The panel at the right of the map: what is known about what is selected.  Its parts are sections that others hang in.
//
// It lies over the map and moves nothing.  A section is shown again only when its data differ, and not while the person is in a field of it.

import { idOf, isEqual } from "../map/scene.js";
import { h, icon, the } from "./dom.js";

/** @typedef {import("../model.js").Model} Model */
/** @typedef {import("../map/scene.js").Subject} Subject */
/** @typedef {{kind: "many", subjects: Subject[]}} Many */
/**
 * @typedef {{id: string, kind: Subject["kind"] | "many", order: number, data: (subject: any, model: Model) => any, show: (host: HTMLElement, data: any) => void}} Section
 *   data: plain data, or `null` if there is nothing to show
 */

export class Panel {
  /** @type {Section[]} */ #sections = [];
  /** @type {Map<string, {host: HTMLElement, data: any, section: Section}>} */ #shown = new Map();
  /** @type {Subject | Many | null} */ #subject = null;
  #key = "";
  #isPressed = false;
  #host = the("panel");
  #body = the("panel-body");
  #model;

  /** @param {() => Model} model @param {() => void} onclose */
  constructor(model, onclose) {
    this.#model = model;
    the("panel-close").append(icon("close"));
    the("panel-close").addEventListener("click", onclose);
    this.#body.addEventListener("focusout", () => queueMicrotask(() => this.refresh()));
    // A button that is built anew between a press and its release is never clicked.
    this.#body.addEventListener("pointerdown", () => (this.#isPressed = true));
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => this.#isPressed && setTimeout(() => this.#release()));
  }

  #release() {
    this.#isPressed = false;
    this.refresh();
  }

  /** @param {Section} section */
  add(section) {
    this.#sections.push(section);
    this.#sections.sort((a, b) => a.order - b.order);
    this.#key = "";
    this.refresh();
  }

  /** @param {Subject[]} subjects */
  select(subjects) {
    this.#subject = subjects.length === 0 ? null : subjects.length === 1 ? subjects[0] : { kind: "many", subjects };
    this.refresh();
  }

  /** @returns {{left: number, bottom: number} | null} what it covers of the stage, from the upper right corner, in pixels */
  covers() {
    if (this.#host.hidden) return null;
    return { left: this.#host.offsetLeft, bottom: this.#host.offsetTop + this.#host.offsetHeight };
  }

  refresh() {
    const subject = this.#subject;
    if (!subject) {
      this.#host.hidden = true;
      this.#key = "";
      this.#body.replaceChildren();
      this.#shown.clear();
      return;
    }
    const key = subject.kind === "many" ? subject.subjects.map(idOf).join("\n") : idOf(subject);
    if (key !== this.#key) {
      this.#key = key;
      this.#shown.clear();
      this.#body.replaceChildren();
      this.#body.scrollTop = 0;
    }
    const model = this.#model();
    for (const section of this.#sections.filter((each) => each.kind === subject.kind)) this.#refreshOne(section, subject, model);
    this.#host.hidden = this.#body.childElementCount === 0;
  }

  /** @param {Section} section @param {Subject | Many} subject @param {Model} model */
  #refreshOne(section, subject, model) {
    const data = model.view ? section.data(subject, model) : null;
    const old = this.#shown.get(section.id);
    if (data === null || data === undefined) {
      old?.host.remove();
      this.#shown.delete(section.id);
      return;
    }
    if (old && isEqual(old.data, data)) return;
    if (old && this.#isPressed) return;
    if (old && old.host.matches(":focus-within") && document.activeElement?.matches("input, select, textarea")) return;
    const host = old?.host ?? h("section", { "data-section": section.id });
    if (!old) {
      const after = [...this.#shown.values()].filter((each) => each.section.order <= section.order).sort((a, b) => a.section.order - b.section.order).pop();
      if (after) after.host.after(host);
      else this.#body.prepend(host);
    }
    const focused = host.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
    this.#shown.set(section.id, { host, data, section });
    section.show(host, data);
    if (focused) /** @type {HTMLElement | null} */ (host.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  }
}
