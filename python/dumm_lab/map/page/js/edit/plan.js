// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The plan before anything is done: steps at the left, the text's difference at the right, the run's progress below.

import { h } from "../ui/dom.js";
import { busy, button, dialog, difference, trouble } from "./dom.js";
import { counted } from "./names.js";
import { draftOf, fileOf, request } from "./session.js";
import { duration, lines, sentence, steps, total } from "./wording.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").Plan} Plan */

/**
 * @typedef {object} Way what may be done with a plan
 * @property {string} title
 * @property {boolean} [main]
 * @property {boolean} [empty] whether it makes sense without a step
 * @property {(plan: Plan, restart: boolean) => Promise<any>} run
 * @property {string} done what the page says then
 */

/** @type {((says: string) => void) | null} */
let running = null;

/** @param {Page} page */
export function start(page) {
  page.watch(["progress"], (model) => {
    if (model.progress) running?.(model.progress);
  });
}

/**
 * @param {Page} page
 * @param {object} options
 * @param {string} options.title
 * @param {(restart: boolean) => Promise<Plan | null | undefined>} options.ask restart: whether guests may be restarted for it
 * @param {() => string} [options.diff] the text's difference; without it there is no right side
 * @param {string} [options.file]
 * @param {string} [options.warning] said in any case
 * @param {Way[]} options.ways
 */
export async function planned(page, { title, ask, diff, file, warning, ways }) {
  const says = h("p", { class: "sub", role: "status" }, "Planning …");
  const wrong = trouble();
  const left = h("div");
  const right = diff ? h("section", { "aria-label": "Difference of the text" }, h("h3", {}, ...(file ? ["In ", h("span", { class: "path" }, file)] : ["In the text"])), difference(lines(diff()))) : null;
  const bar = h("progress", { "aria-label": "Progress" });
  const now = h("span", { class: "sub", role: "status" });
  const moving = h("div", { class: "moving" }, bar, now);
  moving.hidden = true;
  left.append(says);
  let isRunning = false;
  const restart = h("input", { type: "checkbox", onchange: () => void find() });
  const again = button("Plan again", () => void find());
  again.hidden = true;
  const doers = ways.map((way) => button(way.title, () => void run(way), { kind: way.main ? "main" : "" }));
  const box = dialog({
    title,
    kind: right ? "plan wide" : "plan",
    body: [h("div", { class: right ? "columns" : "column" }, h("section", { "aria-label": "Steps in the lab" }, h("h3", {}, "In the lab"), left), right), warning ? h("p", { class: "warning" }, warning) : null, wrong, moving],
    foot: [button("Not now", () => box.close()), again, ...doers],
    closed: () => {
      running = null;
      if (isRunning) page.toast("The run goes on. The draft bar shows how far it is.");
    },
  });
  /** @type {Plan | null} */
  let plan = null;
  await find();

  async function find() {
    busy(box, true);
    wrong.says(null);
    again.hidden = true;
    try {
      plan = (await ask(restart.checked)) ?? { steps: [], warnings: [], seconds: 0, failed: null };
      if (!box.isConnected) return;
      left.replaceChildren(...listed(plan), Object.keys(plan.restart_required ?? {}).length || restart.checked ? h("label", { class: "check" }, restart, "Restart them now") : "");
      if (plan.failed) throw new Error(plan.failed);
    } catch (error) {
      plan = null;
      says.remove();
      wrong.says(error);
      again.hidden = false;
    }
    busy(box, false);
    doers.forEach((each, at) => {
      each.disabled = plan === null || (!plan.steps.length && !ways[at]?.empty);
    });
    (doers.find((each, at) => ways[at]?.main && !each.disabled) ?? again).focus();
  }

  /** @param {Way} way */
  async function run(way) {
    const all = plan ? total(plan) : 0;
    let done = 0;
    isRunning = true;
    busy(box, true);
    wrong.says(null);
    moving.hidden = false;
    bar.max = Math.max(1, all);
    bar.value = 0;
    now.textContent = "Starting …";
    running = (step) => {
      bar.value = Math.min(all, ++done);
      now.textContent = `${Math.min(done, all)} of ${all}: ${step}`;
    };
    const began = performance.now();
    try {
      await way.run(plan ?? { steps: [], warnings: [], seconds: 0, failed: null }, restart.checked);
      isRunning = false;
      box.close();
      page.toast(`${all ? `${counted(all, "step")} done in ${duration((performance.now() - began) / 1000)}. ` : ""}${way.done}`.trim());
    } catch (error) {
      isRunning = false;
      running = null;
      if (!box.isConnected) {
        page.toast(sentence(error), { bad: true });
        return;
      }
      busy(box, false);
      moving.hidden = true;
      wrong.says(error);
      again.hidden = false;
      again.focus();
    }
  }
}

/** @param {Plan} plan */
function listed(plan) {
  const rows = steps(plan);
  const all = total(plan);
  return [
    rows.length
      ? h("ol", { class: "steps" }, ...rows.map(({ text, of, kind }) => h("li", { class: kind }, h("span", { class: "mark", "aria-hidden": "true" }, { comes: "+", goes: "−", changes: "~" }[kind]), h("span", {}, text, of ? h("span", { class: "of" }, ` ${of}`) : null))))
      : h("p", { class: "sub" }, plan.failed ? "" : "Nothing to do: the lab is as described."),
    ...Object.entries(plan.restart_required ?? {}).map(([guest, what]) => h("p", { class: "warning" }, `${guest}: ${what.join(", ")} takes effect at its next start.`)),
    ...(plan.warnings ?? []).map((each) => h("p", { class: "warning" }, each)),
    rows.length ? h("p", { class: "sub" }, `${counted(all, "step")}${plan.seconds ? `, found in ${duration(plan.seconds)}` : ""}`) : null,
  ].filter((each) => each !== null);
}

/**
 * The draft's plan.
 * @param {Page} page
 */
export function planDraft(page) {
  const draft = draftOf(page);
  const file = draft ? fileOf(draft) : "the scenario";
  const isText = Boolean(draft?.diff.trim() || draft?.new);
  /** @param {boolean} save */
  const apply = (save) => (/** @type {Plan} */ plan, /** @type {boolean} */ restart) => request(page, "draft.apply", { save, restart, number: plan.number ?? null });
  /** @type {Way[]} */
  const ways = isText
    ? [
        { title: "Apply", run: apply(false), done: `${file} is not saved yet.` },
        { title: "Apply and save", main: true, empty: true, run: apply(true), done: `${file} is saved.` },
      ]
    : [{ title: "Apply", main: true, run: apply(false), done: "" }];
  return planned(page, {
    title: "Plan",
    file,
    warning: draft?.note ?? undefined,
    diff: isText ? () => draftOf(page)?.diff ?? "" : undefined,
    ask: (restart) => request(page, "draft.plan", { restart }),
    ways,
  });
}
