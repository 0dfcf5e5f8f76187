// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Scenarios: which one is edited, which lie over guests as layers, and making one of a lab that has none.

import { h } from "../ui/dom.js";
import { guestsHere } from "./subjects.js";
import { button, card, dialog, field, marked, text, trouble } from "./dom.js";
import { isPlanFirst } from "./acts.js";
import { counted, wrongName } from "./names.js";
import { planned } from "./plan.js";
import { mayEdit, request } from "./session.js";
import { list, pending } from "./wording.js";

/** @typedef {import("./types.js").Page} Page */

/** @type {(() => void) | null} */
let refresh = null;

/** @param {Page} page */
export function start(page) {
  page.command({ id: "scenarios", title: "Scenarios and layers", key: "y", icon: "layers", place: "header", group: 1, order: 6, when: () => mayEdit(page), run: () => open(page) });
  page.watch(["view", "draft", "hello"], () => refresh?.());
}

/**
 * @param {import("./types.js").Model} model
 * @returns {{name: string, isEdited: boolean, loaded: string[]}[]} all scenarios, the edited one first
 */
export function rows(model) {
  const { view, draft, hello } = model;
  const names = new Set([...Object.keys(view?.scenarios ?? {}), ...(hello?.scenarios ?? [])]);
  const edited = draft?.scenario ?? view?.lab.scenario ?? null;
  return [...names]
    .map((name) => ({ name, isEdited: name === edited, loaded: view?.scenarios[name]?.loaded ?? [] }))
    .sort((one, other) => Number(other.isEdited) - Number(one.isEdited) || one.name.localeCompare(other.name));
}

/** @param {Page} page */
export function open(page) {
  const wrong = trouble();
  const says = h("p", { class: "sub", role: "status" });
  const table = h("div");
  const box = dialog({
    title: "Scenarios and layers",
    kind: "scenarios",
    body: [h("p", { class: "sub" }, "One scenario is edited on the map. Others can lie over guests as layers, with files of their own."), table, wrong, says],
    foot: [button("Make one of this lab …", () => adopt(page, box), { hint: "Writes what there is as a scenario" }), button("Take over the lab's changes", () => void does("draft.adopt", {}, "What others changed in the lab is in the draft."), { hint: "Writes what others changed in the running lab into the draft" }), h("span", { class: "grow" }), marked(button("Close", () => box.close(), { kind: "main" }), { autofocus: true })],
    closed: () => {
      refresh = null;
    },
  });
  /** @param {string} verb @param {Record<string, unknown>} args @param {string} done */
  const does = async (verb, args, done) => {
    wrong.says(null);
    says.textContent = "Running …";
    try {
      await request(page, verb, args);
      says.textContent = done;
    } catch (error) {
      says.textContent = "";
      wrong.says(error);
    }
  };
  /** @param {"load" | "unload"} way @param {string} name @param {string[]} guests */
  const layer = async (way, name, guests) => {
    const verb = `layer.${way}`, args = { scenario: name, ...(guests.length ? { guests } : {}) }, done = `${name} is ${way}ed.`;
    if (!isPlanFirst()) return does(verb, args, done);
    await planned(page, { title: `${way === "load" ? "Load" : "Unload"} ${name}`, ask: () => request(page, verb, { ...args, plan: true }), ways: [{ title: "Do it", main: true, run: () => request(page, verb, args), done }] });
  };
  const show = () => {
    const model = page.model();
    const isPending = pending(model.draft).show;
    const chosen = guestsHere(page.model().view, page.map.selected());
    const all = rows(model);
    const focused = document.activeElement?.getAttribute("data-key");
    table.replaceChildren(
      all.length
        ? h(
            "table",
            { class: "layers" },
            h("thead", {}, h("tr", {}, ...["Scenario", "Over", ""].map((each) => h("th", { scope: "col" }, each)))),
            h(
              "tbody",
              {},
              ...all.map(({ name, isEdited, loaded }) =>
                h(
                  "tr",
                  {},
                  h("th", { scope: "row" }, name, isEdited ? h("span", { class: "badge" }, "edited") : null),
                  h("td", { class: "sub" }, loaded.length ? (loaded.length > 3 ? counted(loaded.length, "guest") : list(loaded)) : "not loaded"),
                  h(
                    "td",
                    { class: "acts" },
                    isEdited ? null : key(button("Edit", () => void does("scenario.choose", { name }, `${name} is on the map now.`), { kind: "small", label: `Edit scenario ${name}`, disabled: isPending, hint: isPending ? "Apply or discard the draft first" : undefined }), `edit ${name}`),
                    key(button(chosen.length ? `Load over ${chosen.length}` : "Load", () => void layer("load", name, chosen), { kind: "small", label: `Load scenario ${name}`, hint: chosen.length ? `over ${chosen.join(", ")}` : "over all guests that it has files for" }), `load ${name}`),
                    loaded.length ? key(button("Unload", () => void layer("unload", name, chosen), { kind: "small", label: `Unload scenario ${name}` }), `unload ${name}`) : null,
                  ),
                ),
              ),
            ),
          )
        : h("p", {}, "There is no scenario yet. Make one of what there is, and the map can change it."),
    );
    if (focused) /** @type {HTMLElement | null} */ (table.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  };
  refresh = show;
  show();
}

/**
 * @template {HTMLElement} Element
 * @param {Element} element
 * @param {string} name what keeps the focus when the table is built anew
 */
function key(element, name) {
  element.dataset.key = name;
  return element;
}

/**
 * @param {Page} page
 * @param {HTMLDialogElement} box
 */
function adopt(page, box) {
  const { view, hello } = page.model();
  const taken = Object.fromEntries(rows(page.model()).map(({ name }) => [name, true]));
  card({
    title: "A scenario of this lab",
    does: "Make it",
    fields: [field("Name", text("name", hello?.lab && !(hello.lab in taken) ? hello.lab : "lab", { required: true, maxlength: 63 }), `${counted(Object.keys(view?.guests ?? {}).length, "guest")} and what joins them are written as a draft. The file is made when you save.`)],
    done: async ({ name = "" }) => {
      const wrong = wrongName(name, "scenario", taken);
      if (wrong) throw new Error(wrong);
      await request(page, "scenario.choose", { name });
      box.close();
    },
  });
}
