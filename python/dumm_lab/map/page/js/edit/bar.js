// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The draft bar: what is pending, and what may be done with it.  Its buttons stay the same elements, so that none loses the focus.

import { h, icon } from "../ui/dom.js";
import { button, dialog, difference, trouble } from "./dom.js";
import { planDraft } from "./plan.js";
import { ask, changing, draftOf, fileOf, mayEdit, request } from "./session.js";
import { openText } from "./text.js";
import { lines, pending } from "./wording.js";

/** @typedef {import("./types.js").Page} Page */

/** @param {Page} page */
export function start(page) {
  const title = h("strong");
  const detail = h("span", { class: "detail" });
  const note = h("small", { class: "note" });
  const undo = h("button", { type: "button", class: "icon", "aria-label": "Undo", onclick: () => void ask(page, "draft.undo") }, icon("undo"));
  const redo = h("button", { type: "button", class: "icon", "aria-label": "Redo", onclick: () => void ask(page, "draft.redo") }, icon("redo"));
  const discard = button("Discard", () => void throwAway(page));
  const text = button("Text …", () => openText(page));
  const look = button("Difference …", () => openStale(page));
  const save = button("Save", () => void saveOnly(page), { hint: "Write the file; the lab has it already" });
  const plan = button("Plan …", () => void planDraft(page), { kind: "main" });
  const box = h("div", { class: "draftbar" }, h("div", { class: "says", role: "status" }, title, detail), undo, redo, discard, text, look, save, plan, note);
  box.hidden = true;
  page.bar.append(box);
  page.watch(["progress"], (model) => {
    if (model.progress && model.draft?.busy) detail.textContent = `${model.draft.busy}: ${model.progress}`;
  });
  page.watch(["draft", "hello"], (model) => {
    const { show, kind, title: head, detail: more } = pending(model.draft);
    const canUndo = Boolean(model.draft?.can_undo), canRedo = Boolean(model.draft?.can_redo);
    box.hidden = !mayEdit(page) || !(show || canRedo);
    box.dataset.kind = kind;
    title.textContent = show ? head : "No change";
    detail.textContent = more;
    note.textContent = draftOf(page)?.note ?? "";
    note.hidden = !show || !note.textContent;
    detail.title = (model.draft?.edits ?? []).join("\n");
    const { undo: last, redo: next } = draftOf(page) ?? {};
    undo.disabled = !canUndo || kind === "busy";
    redo.disabled = !canRedo || kind === "busy";
    undo.title = last ? `Undo: ${last} (Ctrl+Z)` : "Undo (Ctrl+Z)";
    redo.title = next ? `Redo: ${next} (Ctrl+Shift+Z)` : "Redo (Ctrl+Shift+Z)";
    discard.hidden = !show || kind === "busy" || !model.draft?.diff.trim();
    text.hidden = kind === "busy";
    undo.hidden = redo.hidden = kind === "busy";
    look.hidden = kind !== "stale";
    save.hidden = kind !== "ahead";
    plan.hidden = !show || kind === "stale" || kind === "ahead" || kind === "busy";
    plan.disabled = kind === "fault";
  });
  const isDraft = () => mayEdit(page) && pending(page.model().draft).show;
  page.command({ id: "draft.undo", title: "Undo", key: "ctrl+z", group: 5, order: 1, when: () => mayEdit(page), run: () => void ask(page, "draft.undo") });
  page.command({ id: "draft.redo", title: "Redo", key: "ctrl+shift+z", group: 5, order: 2, when: () => mayEdit(page), run: () => void ask(page, "draft.redo") });
  page.command({ id: "draft.plan", title: "Plan what is pending", key: "p", group: 5, order: 3, when: () => mayEdit(page), run: () => changing(page, () => void planDraft(page)) });
  page.command({ id: "draft.text", title: "Text of the scenario", key: "e", group: 5, order: 4, when: () => mayEdit(page), run: () => changing(page, () => openText(page)) });
  page.command({ id: "draft.discard", title: "Discard the draft", group: 5, order: 5, when: isDraft, run: () => void throwAway(page) });
}

/** @param {Page} page */
async function saveOnly(page) {
  const draft = draftOf(page);
  if (await ask(page, "draft.apply", { save: true, number: draft?.number })) page.toast(draft ? `${fileOf(draft)} is saved.` : "It is saved.");
}

/**
 * It can be undone, so it is not asked for again.
 * @param {Page} page
 */
async function throwAway(page) {
  if (await ask(page, "draft.discard")) page.toast(page.model().draft?.can_undo ? "The draft is discarded. Undo brings it back." : "The draft is discarded.");
}

/**
 * The text on the disk is another than the one that the draft began with.
 * @param {Page} page
 */
export function openStale(page) {
  const draft = page.model().draft;
  if (!draft?.stale) return;
  const wrong = trouble();
  /** @param {string} verb @param {string} done */
  const take = async (verb, done) => {
    try {
      await request(page, verb);
      box.close();
      page.toast(done);
    } catch (error) {
      wrong.says(error);
    }
  };
  const box = dialog({
    title: "The file has changed",
    sub: fileOf(draft),
    kind: "wide",
    body: [
      h("p", {}, "Someone changed the text on disk after your draft began. Take your changes over to the new text, or discard them. Until then the draft cannot be applied."),
      h("div", { class: "columns" }, h("section", {}, h("h3", {}, "Changed on disk"), difference(lines(draft.stale))), h("section", {}, h("h3", {}, "Changed in the draft"), difference(lines(draft.diff)))),
      wrong,
    ],
    foot: [
      button("Not now", () => box.close()),
      button("Discard my changes", () => void take("draft.discard", "The draft is discarded. The text is the one on disk."), { kind: "bad" }),
      button("Take my changes over", () => void take("draft.rebase", "Your changes are in the new text."), { kind: "main" }),
    ],
  });
}
