// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Saved states of guests: what a guest wrote, kept under a name, and taken back later.

import { h } from "../ui/dom.js";
import { guestsHere } from "./subjects.js";
import { button, card, field, text } from "./dom.js";
import { counted, wrongName } from "./names.js";
import { planned } from "./plan.js";
import { ask as tell, mayEdit, request } from "./session.js";

/** @typedef {import("./types.js").Page} Page */

/** @param {Page} page */
export function start(page) {
  for (const kind of /** @type {const} */ (["guest", "many"])) {
    page.section({
      id: `saves-${kind}`,
      kind,
      order: 60,
      data: (subject, model) => {
        const guests = guestsHere(model.view, subject).filter((each) => model.view?.guests[each]);
        return mayEdit(page) && guests.length ? { guests, saves: shared(guests.map((each) => model.view?.guests[each]?.saves ?? [])) } : null;
      },
      show: (host, data) => host.replaceChildren(...list(page, data)),
    });
  }
}

/**
 * The save points that all have.
 * @param {string[][]} all
 */
export function shared(all) {
  return (all[0] ?? []).filter((name) => all.every((each) => each.includes(name)));
}

/**
 * @param {Page} page
 * @param {{guests: string[], saves: string[]}} data
 */
function list(page, { guests, saves }) {
  const whom = guests.length === 1 ? /** @type {string} */ (guests[0]) : counted(guests.length, "guest");
  const remove = async (/** @type {string} */ name) => {
    if (await tell(page, "save.remove", { guests, name })) page.toast(`Saved state ${name} is removed.`);
  };
  return [
    h("h3", {}, "Saved states"),
    saves.length
      ? h(
          "ul",
          { class: "rows" },
          ...saves.map((name) =>
            h(
              "li",
              {},
              h("b", {}, name),
              h("span", { class: "grow" }),
              button("Restore", () => planSave(page, "save.restore", { guests, name }, `Restore ${name}`, `${whom}: as in saved state ${name}.`), { kind: "small", label: `Restore saved state ${name}` }),
              button("Remove", () => void remove(name), { kind: "small bad", label: `Remove saved state ${name}` }),
            ),
          ),
        )
      : h("p", { class: "sub" }, "None yet."),
    h(
      "div",
      { class: "acts" },
      button("Save …", () => ask(page, guests, whom), { label: `Make a saved state of ${whom}` }),
      button("Reset …", () => reset(page, guests, whom), { label: `Reset ${whom} to its master`, kind: "bad" }),
    ),
  ];
}

/**
 * @param {Page} page
 * @param {string[]} guests
 * @param {string} whom
 */
function ask(page, guests, whom) {
  /** @type {string | null} */
  let chosen = null;
  card({
    title: `Save ${whom}`,
    does: "Next",
    fields: [field("Name", text("name", "ready", { required: true, maxlength: 63 }), "What the guest has written so far is kept under this name. A guest that runs is restarted.")],
    done: async ({ name = "" }) => {
      const wrong = wrongName(name, "saved state", {});
      if (wrong) throw new Error(wrong);
      chosen = name;
    },
    closed: () => {
      if (chosen) planSave(page, "save.make", { guests, name: chosen }, `Save ${whom} as ${chosen}`, `${whom}: saved as ${chosen}.`);
    },
  });
}

/**
 * @param {Page} page
 * @param {string[]} guests
 * @param {string} whom
 */
function reset(page, guests, whom) {
  planSave(page, "save.reset", { guests }, `Reset ${whom}`, `${whom}: reset.`, `All that ${guests.length > 1 ? "these guests have" : "this guest has"} written is deleted. Saved states stay. This cannot be undone.`);
}

/**
 * Guests that run are restarted for it, so the plan is shown first.
 * @param {Page} page
 * @param {string} verb
 * @param {Record<string, unknown>} args
 * @param {string} title
 * @param {string} done
 * @param {string} [warning]
 */
function planSave(page, verb, args, title, done, warning) {
  void planned(page, { title, warning, ask: () => request(page, verb, { ...args, plan: true }), ways: [{ title: "Do it", main: true, run: () => request(page, verb, args), done }] });
}
