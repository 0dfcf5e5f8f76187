// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The scenario's text, to be edited freely.  What others change meanwhile is not overwritten unasked.

import { h } from "../ui/dom.js";
import { busy, button, dialog, marked, trouble } from "./dom.js";
import { counted } from "./names.js";
import { draftOf, fileOf, request } from "./session.js";
import { faultLine } from "./wording.js";

/** @typedef {import("./types.js").Page} Page */

/** @param {Page} page */
export function openText(page) {
  const draft = draftOf(page);
  if (!draft?.scenario) {
    page.toast("This lab has no scenario yet. Choose one, or make one of what is there, by Scenarios.", { bad: true });
    return;
  }
  let base = draft.text;
  let insists = false;
  let leaving = false;
  const wrong = trouble();
  const area = marked(h("textarea"), { spellcheck: "false", autocomplete: "off", autocapitalize: "off", wrap: "off", "aria-label": `Text of scenario ${draft.scenario}` });
  area.value = base;
  const gutter = h("pre", { class: "gutter", "aria-hidden": "true" });
  const where = h("span", { class: "sub", role: "status" });
  const number = () => {
    const count = area.value.split("\n").length;
    gutter.textContent = Array.from({ length: count }, (_, at) => at + 1).join("\n");
    where.textContent = area.value === base ? counted(count, "line") : `${counted(count, "line")}, changed`;
    leaving = false;
  };
  area.addEventListener("input", number);
  area.addEventListener("scroll", () => {
    gutter.scrollTop = area.scrollTop;
  });
  const use = button("Take into the draft", () => void take(), { kind: "main" });
  const box = dialog({
    title: `Text of ${draft.scenario}`,
    sub: fileOf(draft),
    kind: "text wide",
    body: [h("div", { class: "editor" }, gutter, area), wrong],
    foot: [where, h("span", { class: "grow" }), button("Cancel", () => box.close()), use],
    leaves: () => {
      if (area.value === base || leaving) return true;
      leaving = true;
      where.textContent = "The text is changed. Press Escape again to leave it.";
      return false;
    },
  });
  number();
  showFaults(draft.faults);
  area.focus();
  area.setSelectionRange(0, 0);
  area.scrollTop = 0;

  /** @param {string[]} faults */
  function showFaults(faults) {
    const fault = faults[0];
    if (!fault) return;
    wrong.says(faults.length > 1 ? `${fault} (and ${counted(faults.length - 1, "more fault", "more faults")})` : fault);
    const line = faultLine(fault);
    const before = line ? area.value.split("\n").slice(0, line - 1) : [];
    if (!line || before.length + 1 !== line) return;
    const from = before.reduce((sum, each) => sum + each.length + 1, 0);
    area.focus();
    area.setSelectionRange(from, from + (area.value.split("\n")[line - 1]?.length ?? 0));
    area.scrollTop = Math.max(0, (line - 6) * 20);
  }

  async function take() {
    const newest = draftOf(page);
    if (newest && newest.text !== base && !insists) {
      insists = true;
      wrong.says(`The draft was changed${newest.by ? ` by ${newest.by}` : ""} while you wrote. Take yours again to replace that, or cancel.`);
      return;
    }
    if (area.value === newest?.text) {
      box.close();
      return;
    }
    busy(box, true);
    try {
      const value = await request(page, "draft.text", { text: area.value, ...(insists || newest?.number === undefined ? {} : { number: newest.number }) });
      base = area.value;
      const faults = /** @type {string[]} */ (value?.faults ?? draftOf(page)?.faults ?? []);
      if (faults.length) {
        number();
        showFaults(faults);
      } else box.close();
    } catch (error) {
      wrong.says(error);
    } finally {
      busy(box, false);
    }
  }
}
