// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Fields, forms and dialogs of the page.

import { h } from "../ui/dom.js";
import { sentence } from "./wording.js";

/** @typedef {import("../ui/dom.js").Child} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined>} Attributes */

/**
 * @param {string} title
 * @param {(event: MouseEvent) => void} run
 * @param {{kind?: string, label?: string, disabled?: boolean, hint?: string}} [options] label: what a screen reader says, where the title is too short
 */
export function button(title, run, { kind = "", label, disabled = false, hint } = {}) {
  return h("button", { type: "button", class: kind || null, "aria-label": label, title: hint, disabled, "data-key": label ?? title, onclick: run }, title);
}

let last = 0;

/** @param {string} stem */
export function id(stem) {
  return `${stem}-${++last}`;
}

/**
 * A label and its field.
 * @param {string} title
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 * @param {string} [help]
 */
export function field(title, control, help) {
  control.id ||= id("field");
  const note = help ? h("small", { id: `${control.id}-help`, class: "sub" }, help) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, title), control, note);
}

/**
 * @param {(string | {value: string, title: string})[]} values
 * @param {string} chosen
 * @param {Attributes} [attributes]
 */
export function choice(values, chosen, attributes) {
  const select = marked(h("select"), attributes);
  for (const each of values) {
    const { value, title } = typeof each === "string" ? { value: each, title: each } : each;
    select.append(h("option", { value, selected: value === chosen }, title));
  }
  return select;
}

/**
 * A text field.
 * @param {string} name
 * @param {string} value
 * @param {Attributes} [attributes]
 */
export function text(name, value, attributes) {
  const input = marked(h("input", { type: "text", name, value }), { autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  return marked(input, attributes);
}

/**
 * @template {HTMLElement} Element
 * @param {Element} element
 * @param {Attributes} [attributes] true is one without a value; false and null leave it out
 * @returns {Element}
 */
export function marked(element, attributes = {}) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  return element;
}

/**
 * A line for what went wrong; it speaks up when it is filled.
 * @returns {HTMLParagraphElement & {says: (what: unknown) => void}}
 */
export function trouble() {
  const line = h("p", { class: "trouble", role: "alert" });
  line.hidden = true;
  return Object.assign(line, {
    says: (/** @type {unknown} */ what) => {
      line.textContent = what ? sentence(what) : "";
      line.hidden = !what;
    },
  });
}

/**
 * A dialog that keeps the focus, closes with Escape and gives the focus back.  It is taken out of the page when it closes.
 * @param {{title: string, sub?: string, kind?: string, body: Child[], foot: Child[], at?: {x: number, y: number} | null, leaves?: () => boolean, closed?: () => void}} options
 *   at: where it stands, in the window's pixels; leaves: whether Escape may close it now
 * @returns {HTMLDialogElement}
 */
export function dialog({ title, sub, kind = "", body, foot, at, leaves, closed }) {
  const heading = id("title");
  const before = document.activeElement;
  const box = h(
    "dialog",
    { class: `dialog ${kind}`.trim(), "aria-labelledby": heading },
    h("div", { class: "head" }, h("h2", { id: heading }, title), sub ? h("span", { class: "sub" }, sub) : null),
    h("div", { class: "body" }, ...body),
    h("div", { class: "foot" }, ...foot),
  );
  box.addEventListener("keydown", (event) => event.stopPropagation()); // the map's keys rest while a dialog is open
  box.addEventListener("cancel", (event) => {
    if (leaves && !leaves()) event.preventDefault();
  });
  box.addEventListener("close", () => {
    box.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    closed?.();
  });
  document.body.append(box);
  box.showModal();
  if (at) stand(box, at);
  return box;
}

/**
 * @param {HTMLElement} box
 * @param {{x: number, y: number}} at
 */
function stand(box, at) {
  const { width, height } = box.getBoundingClientRect();
  box.classList.add("placed");
  box.style.left = `${Math.max(8, Math.min(at.x + 12, innerWidth - width - 12))}px`;
  box.style.top = `${Math.max(8, Math.min(at.y + 12, innerHeight - height - 12))}px`;
}

/**
 * A small form that stands beside what it is about.
 * @param {object} options
 * @param {string} options.title
 * @param {Child[]} options.fields
 * @param {string} options.does what its button says
 * @param {{x: number, y: number} | null} [options.at]
 * @param {(data: Record<string, string>) => Promise<unknown> | unknown} options.done it closes when this is through; what this throws is shown
 * @param {() => void} [options.closed]
 * @param {string} [options.sub]
 * @returns {HTMLDialogElement}
 */
export function card({ title, sub, fields, does, at, done, closed }) {
  const wrong = trouble();
  const form = h("form", { class: "fields", method: "dialog" }, ...fields, wrong);
  form.id = id("form");
  const box = dialog({
    title,
    sub,
    kind: "card",
    body: [form],
    foot: [button("Cancel", () => box.close()), marked(h("button", { class: "main", type: "submit" }, does), { form: form.id })],
    at,
    closed,
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const data = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
    busy(box, true);
    try {
      await done(data);
      box.close();
    } catch (error) {
      wrong.says(error);
    } finally {
      busy(box, false);
    }
  });
  const first = form.querySelector("input, select, textarea");
  if (first instanceof HTMLElement) first.focus();
  if (first instanceof HTMLInputElement) first.select();
  return box;
}

/**
 * @param {HTMLElement} box
 * @param {boolean} is its buttons rest while something runs
 */
export function busy(box, is) {
  box.toggleAttribute("data-busy", is);
  for (const each of box.querySelectorAll(".foot button")) if (each instanceof HTMLButtonElement) each.disabled = is;
}

/**
 * A unified difference, each line with its sign as well as its colour.
 * @param {{kind: string, mark: string, text: string, spoken: string}[]} lines
 */
export function difference(lines) {
  if (!lines.length) return h("p", { class: "sub" }, "No line is another.");
  return h(
    "pre",
    { class: "diff", tabindex: "0", "aria-label": "Difference of the text" },
    ...lines.map(({ kind, mark, text: line, spoken }) =>
      h("span", { class: `line ${kind}` }, h("span", { class: "mark", "aria-hidden": "true" }, mark || " "), spoken ? h("span", { class: "unseen" }, spoken) : null, h("span", { class: "text" }, line || " ")),
    ),
  );
}

/**
 * Put a text on the clipboard; where the browser does not allow that, the text is shown selected.
 * @param {string} what
 * @returns {Promise<boolean>} whether it is there
 */
export async function copy(what) {
  try {
    await navigator.clipboard.writeText(what);
    return true;
  } catch {
    return false;
  }
}

/**
 * Something that people see when it is quiet for a while.
 * @template {unknown[]} Given
 * @param {(...given: Given) => void} run
 * @param {number} wait ms
 * @returns {(...given: Given) => void}
 */
export function later(run, wait) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), wait);
  };
}
