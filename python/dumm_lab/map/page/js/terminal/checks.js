// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Tests of the scenario, run from the page: a list with what came of each, and red or green at the guests and cables concerned.

import { button, trouble } from "../edit/dom.js";
import { counted } from "../edit/names.js";
import { duration } from "../edit/wording.js";
import { h } from "../ui/dom.js";

/** @typedef {import("../page.js").Page} Page */
/**
 * @typedef {{text: string, verdict: string, got?: string, expected?: string, why?: string}} Step
 * @typedef {{name: string, description: string, skip: string, verdict: string | null, cause: string, seconds: number | null, steps: Step[], concerns: string[]}} Check
 *   concerns: ids of the map
 */

const MARKS = /** @type {Record<string, string>} */ ({ passed: "✓", failed: "✗", broken: "✗", suspect: "✗", flaky: "≈", skipped: "–", running: "…", waiting: "…" });
const BAD = ["failed", "broken", "suspect"];
const GOOD = ["passed", "flaky"];
const ID = "checks";

/** @type {((checks: Check[]) => void) | null} */
let take = null;

/** @param {Page} page */
export function start(page) {
  page.command({ id: "checks", title: "Checks of the scenario", key: "k", icon: "check", place: "header", group: 1, order: 7, when: () => page.model().hello !== null && !page.model().hello?.readonly, run: () => open(page) });
  page.watch(["checks"], (model) => take?.(listed(model.checks)));
}

/**
 * @param {any} value of the server
 * @returns {Check[]}
 */
export function listed(value) {
  return (Array.isArray(value) ? value : []).map((each) => ({
    name: each.name,
    description: each.description ?? "",
    skip: each.skip ?? "",
    verdict: each.verdict ?? null,
    cause: each.cause ?? "",
    seconds: each.seconds ?? null,
    steps: each.steps ?? [],
    concerns: [...(each.guests ?? []).map((/** @type {string} */ name) => `guest ${name}`), ...(each.cables ?? []).map((/** @type {string} */ id) => `cable ${id}`)],
  }));
}

/**
 * Why a check failed, in one sentence.
 * @param {Check} check
 */
export function reason(check) {
  const bad = check.steps.find((each) => BAD.includes(each.verdict));
  return check.cause || bad?.why || (bad ? `${bad.text}: ${bad.got}` : "");
}

/**
 * What is red and what is green on the map; what is in both is red.
 * @param {Check[]} checks
 * @returns {{good: string[], bad: string[]}}
 */
export function colours(checks) {
  const of = (/** @type {string[]} */ outcomes) => new Set(checks.flatMap((each) => (outcomes.includes(each.verdict ?? "") ? (each.concerns ?? []) : [])));
  const bad = of(BAD);
  return { bad: [...bad], good: [...of(GOOD)].filter((each) => !bad.has(each)) };
}

/**
 * @param {Check[]} checks
 */
export function summary(checks) {
  const count = (/** @type {string[]} */ outcomes) => checks.filter((each) => outcomes.includes(each.verdict ?? "")).length;
  const failed = count(BAD), passed = count(GOOD);
  return failed || passed ? `${passed} passed, ${failed} failed` : counted(checks.length, "check");
}

/** @param {Page} page */
export function open(page) {
  if (take) {
    page.dock.show(ID);
    return;
  }
  const wrong = trouble();
  const says = h("span", { class: "sub", role: "status" });
  const all = button("Run all", () => void run([]), { kind: "small main" });
  const rows = h("ul", { class: "checks" });
  const element = h("div", { class: "checkstab" }, h("div", { class: "tabbar" }, says, h("span", { class: "grow" }), button("Clear the map", () => light([]), { kind: "small" }), all), wrong, rows);
  /** @type {Check[]} */
  let checks = [];
  /** @type {string[]} */
  let shining = []; // what is red or green on the map
  take = (found) => {
    checks = found;
    light(checks);
    show();
  };
  page.dock.open({
    id: ID,
    title: "Checks",
    element,
    onclose: () => {
      take = null;
      light([]);
    },
  });
  void read();

  /** @param {Check[]} from */
  function light(from) {
    const { good, bad } = colours(from);
    page.map.lit(shining, null);
    shining = [...good, ...bad];
    if (good.length) page.map.lit(good, "good");
    if (bad.length) page.map.lit(bad, "bad");
  }

  async function read() {
    try {
      checks = listed(await page.request("check.list"));
      wrong.says(null);
    } catch (error) {
      wrong.says(error);
    }
    show();
  }

  function show() {
    const isRunning = checks.some((each) => each.verdict === "running" || each.verdict === "waiting");
    all.disabled = !checks.length || isRunning;
    says.textContent = checks.length ? summary(checks) : "The scenario has no tests. Add them to its text, under tests.";
    const focused = rows.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
    rows.replaceChildren(...checks.map((each) => row(each, isRunning)));
    if (focused) /** @type {HTMLElement | null} */ (rows.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {Check} check @param {boolean} isRunning */
  function row(check, isRunning) {
    const state = check.verdict ?? (check.skip ? "skipped" : "none");
    const why = BAD.includes(state) ? reason(check) : state === "skipped" ? check.skip : "";
    return h(
      "li",
      { class: state },
      h("span", { class: "mark", "aria-hidden": "true" }, MARKS[state] ?? "○"),
      h("div", { class: "what" }, h("b", {}, check.name), check.description ? h("span", { class: "sub" }, ` ${check.description}`) : null, h("span", { class: "unseen" }, state === "none" ? ", not run yet" : `, ${state}`), why ? h("p", { class: "why" }, why) : null),
      h("span", { class: "sub" }, check.seconds ? duration(check.seconds) : ""),
      check.concerns.length ? button("Show", () => light([check]), { kind: "small", label: `Show on the map what ${check.name} concerns` }) : h("span"),
      button("Run", () => void run([check.name]), { kind: "small", label: `Run check ${check.name}`, disabled: isRunning }),
    );
  }

  /** @param {string[]} names */
  async function run(names) {
    wrong.says(null);
    try {
      take?.(listed(await page.request("check.run", { names })));
    } catch (error) {
      wrong.says(error);
      await read();
    }
  }
}
