// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What may be done with guests as they are: terminal, power, logs; and with what is chosen: remove it from the scenario.

import { openLog } from "../terminal/log.js";
import { openTerminal } from "../terminal/terminals.js";
import { h } from "../ui/dom.js";
import { button } from "./dom.js";
import { counted } from "./names.js";
import { planned } from "./plan.js";
import { offered } from "./power.js";
import { mayChange, mayEdit, request, tryEdit } from "./session.js";
import { guestsHere, guestsOf, removal, subjectsOf } from "./subjects.js";
import { sentence } from "./wording.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").Subject} Subject */

const PLAN_FIRST = "dumm.planFirst";

/** @param {Page} page */
export function start(page) {
  for (const kind of /** @type {const} */ (["guest", "many"])) {
    page.section({
      id: `acts-${kind}`,
      kind,
      order: 10,
      data: (subject, model) => {
        const guests = guestsHere(model.view, subject);
        return mayEdit(page) && guests.length ? { guests, states: guests.map((each) => model.view?.guests[each]?.state ?? null) } : null;
      },
      show: (host, { guests }) => host.replaceChildren(...acts(page, guests)),
    });
  }
  for (const kind of /** @type {const} */ (["guest", "segment", "cable", "port", "many"])) {
    page.section({
      id: `remove-${kind}`,
      kind,
      order: 90,
      data: (subject, model) => (mayChange(page) && model.draft?.scenario ? { subjects: subjectsOf(subject) } : null),
      show: (host, { subjects }) => host.replaceChildren(h("div", { class: "acts" }, button(removes(subjects), () => void remove(page, subjects), { kind: "bad", hint: "Delete" }))),
    });
  }
  page.menu({ id: "terminal", kinds: ["guest"], order: 1, title: (subjects) => (isOne(page, subjects) ? "Terminal" : null), run: (subjects) => each(subjects, (name) => openTerminal(page, name)) });
  page.menu({ id: "console", kinds: ["guest"], order: 2, title: (subjects) => (isOne(page, subjects) ? "Console of its kernel" : null), run: (subjects) => each(subjects, (name) => openTerminal(page, name, { console: true })) });
  page.menu({ id: "log", kinds: ["guest"], order: 3, title: (subjects) => (isOne(page, subjects) ? "Boot log" : null), run: (subjects) => each(subjects, (name) => openLog(page, name)) });
  for (const [at, state] of ["start", "resume", "pause", "restart", "stop"].entries()) {
    const fit = (/** @type {Subject[]} */ subjects) => offered(page.model().view, guestsOf(subjects)).find(({ deed }) => deed.state === state);
    page.menu({
      id: `power-${state}`,
      kinds: ["guest"],
      order: 10 + at,
      title: (subjects) => {
        const found = mayEdit(page) ? fit(subjects) : undefined;
        return found ? `${found.deed.title}${found.names.length > 1 ? ` ${found.names.length} guests` : ""}` : null;
      },
      run: (subjects) => void power(page, state, fit(subjects)?.names ?? []),
    });
  }
  page.menu({ id: "remove", kinds: ["guest", "segment", "cable", "port"], order: 90, title: (subjects) => (mayChange(page) && page.model().draft?.scenario ? removes(subjects) : null), run: (subjects) => void remove(page, subjects) });
  page.command({ id: "remove", title: "Remove what is chosen from the scenario", key: "delete", group: 2, order: 20, when: () => mayEdit(page) && page.map.selected().length > 0, run: () => void remove(page, page.map.selected()) });
  page.command({ id: "terminal", title: "Terminal of the chosen guest", key: "t", group: 6, order: 1, when: () => mayEdit(page) && chosenHere(page).length > 0, run: () => chosenHere(page).forEach((name) => openTerminal(page, name)) });
}

/** @param {Page} page @returns {string[]} chosen guests, but those of other lab hosts */
function chosenHere(page) {
  return guestsHere(page.model().view, page.map.selected());
}

/** @param {Page} page @param {Subject[]} subjects whether they are one guest that a terminal can be had of */
function isOne(page, subjects) {
  return mayEdit(page) && subjects.length === 1 && guestsHere(page.model().view, subjects).length === 1;
}

/**
 * @param {Subject[]} subjects
 * @param {(guest: string) => void} run
 */
function each(subjects, run) {
  guestsOf(subjects).forEach(run);
}

/**
 * @param {Page} page
 * @param {string[]} guests
 */
function acts(page, guests) {
  const { view } = page.model();
  const one = guests.length === 1 ? /** @type {string} */ (guests[0]) : null;
  const state = one ? view?.guests[one]?.state : null;
  const first = one
    ? [
        button("Terminal", () => openTerminal(page, one), { kind: "main", disabled: state !== "running", hint: "Enter, or double click" }),
        button("Log", () => openLog(page, one), { label: `Boot log of ${one}`, hint: "Boot log" }),
      ]
    : [];
  const deeds = offered(view, guests).map(({ deed, names }) => {
    const all = one ? "" : ` ${names.length}`;
    return button(`${deed.title}${all}`, () => void power(page, deed.state, names), { label: one ? `${deed.title} ${one}` : `${deed.title} ${names.join(", ")}` });
  });
  const box = h("input", { type: "checkbox", onchange: () => remember(box.checked) });
  box.checked = isPlanFirst();
  return [
    h("div", { class: "acts" }, ...first, ...deeds),
    deeds.length ? h("label", { class: "check sub" }, box, "show the plan first") : "",
  ];
}

/** Whether the person wants to see what power and layers would do. */
export function isPlanFirst() {
  try {
    return localStorage.getItem(PLAN_FIRST) === "yes";
  } catch {
    return false;
  }
}

/** @param {boolean} is */
function remember(is) {
  try {
    localStorage.setItem(PLAN_FIRST, is ? "yes" : "no");
  } catch {
    // A browser that keeps nothing asks again the next time.
  }
}

const DONE = /** @type {Record<string, string>} */ ({ start: "started", stop: "stopped", restart: "restarted", pause: "paused", resume: "resumed" });

/**
 * @param {Page} page
 * @param {string} state
 * @param {string[]} names
 */
export async function power(page, state, names) {
  if (!names.length) return;
  const whom = names.length > 3 ? counted(names.length, "guest") : names.join(", ");
  const done = `${names.length > 3 ? counted(names.length, "guest") : `guest${names.length > 1 ? "s" : ""} ${names.join(", ")}`}: ${DONE[state] ?? state}.`;
  const run = () => request(page, "guest.power", { names, state });
  if (isPlanFirst()) {
    await planned(page, {
      title: `${state[0]?.toUpperCase()}${state.slice(1)} ${whom}`,
      ask: () => request(page, "guest.power", { names, state, plan: true }),
      ways: [{ title: "Do it", main: true, run, done }],
    });
    return;
  }
  try {
    await run();
    page.toast(done);
  } catch (error) {
    page.toast(sentence(error), { bad: true });
  }
}

/** @param {Subject[]} subjects */
function removes(subjects) {
  if (subjects.length !== 1) return `Remove ${subjects.length} from the scenario`;
  return { guest: "Remove the guest from the scenario", segment: "Remove the segment from the scenario", cable: "Remove the cable", port: "Unplug" }[/** @type {Subject} */ (subjects[0]).kind] ?? "Remove";
}

/**
 * @param {Page} page
 * @param {Subject[]} subjects
 */
async function remove(page, subjects) {
  if (subjects.length && (await tryEdit(page, removal(subjects)))) page.toast("Removed from the draft. Ctrl+Z brings it back.");
}
