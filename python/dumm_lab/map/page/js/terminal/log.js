// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The boot log of a guest in a tab: what its kernel and its init wrote, read anew when the guest's state changes.

import { button, copy, marked, trouble } from "../edit/dom.js";
import { h } from "../ui/dom.js";

/** @typedef {import("../page.js").Page} Page */

/** @type {Map<string, () => void>} */
const open = new Map();

/** @param {Page} page */
export function start(page) {
  /** @type {Map<string, string | undefined>} */
  const states = new Map();
  page.watch(["view"], (model) => {
    for (const [guest, read] of open) {
      const state = model.view?.guests[guest]?.state;
      if (states.has(guest) && states.get(guest) !== state) read();
      states.set(guest, state);
    }
  });
}

/**
 * @param {Page} page
 * @param {string} guest
 */
export function openLog(page, guest) {
  const id = `log ${guest}`;
  if (open.has(guest)) {
    page.dock.show(id);
    open.get(guest)?.();
    return;
  }
  const text = h("pre", { class: "log", tabindex: "0", "aria-label": `Boot log of ${guest}` });
  const wrong = trouble();
  const find = marked(h("input", { type: "search" }), { placeholder: "Lines with …", "aria-label": "Show lines with this text", spellcheck: "false" });
  const count = h("span", { class: "sub", role: "status" });
  let all = "";
  const show = () => {
    const lines = matching(all, find.value);
    const isAtEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 30;
    text.textContent = lines.join("\n");
    count.textContent = find.value ? `${lines.length} of ${all.split("\n").length} lines` : "";
    if (isAtEnd) text.scrollTop = text.scrollHeight;
  };
  const read = async () => {
    try {
      const value = await page.request("log.read", { guest });
      all = plain((value?.lines ?? []).join("\n"));
      wrong.says(all.trim() ? null : `guest ${guest}: it has written nothing yet.`);
    } catch (error) {
      wrong.says(error);
    }
    show();
  };
  find.addEventListener("input", show);
  const element = h("div", { class: "logtab" }, h("div", { class: "tabbar" }, find, count, h("span", { class: "grow" }), button("Read again", () => void read(), { kind: "small" }), button("Copy", async () => page.toast((await copy(all)) ? "The boot log is copied." : "The browser does not allow that. Mark the text and copy it."), { kind: "small" })), wrong, text);
  open.set(guest, () => void read());
  page.dock.open({ id, title: `${guest} boot log`, element, onclose: () => open.delete(guest), onshow: () => { text.scrollTop = text.scrollHeight; } });
  void read();
}

/**
 * Without what steers a terminal: colours, and lines that were written over.
 * @param {string} text
 */
export function plain(text) {
  return text
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, "")
    .replace(/\x1b[@-_]/g, "")
    .replace(/\r+\n/g, "\n")
    .replace(/[^\n]*\r(?!\n)/g, "")
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, "");
}

/**
 * @param {string} text
 * @param {string} word
 */
export function matching(text, word) {
  const lines = text.split("\n");
  const low = word.trim().toLowerCase();
  return low ? lines.filter((each) => each.toLowerCase().includes(low)) : lines;
}
