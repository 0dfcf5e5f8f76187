// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Conditions in the panel: a slider and a field for each, for one direction or both, for one cable or many.

import { h } from "../ui/dom.js";
import { subjectsOf } from "./subjects.js";
import { PRESETS, RATES, ROWS, common, edits, parsed, place, placed, preset, shown } from "./conditions.js";
import { button, choice, later, text, trouble } from "./dom.js";
import { counted, port as parted } from "./names.js";
import { edit, mayChange, wanted } from "./session.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").Subject} Subject */
/** @typedef {{cables: string[], ports: string[]}} Chosen */

const QUIET = 350; // ms that a slider rests before the draft follows it
const FIRST = 4; // conditions that are always shown

/** Which direction was chosen last, for each choice of cables. */
const directions = new Map();

/** @param {Page} page */
export function start(page) {
  for (const kind of /** @type {const} */ (["cable", "port", "many"])) {
    page.section({
      id: `conditions-${kind}`,
      kind,
      order: 30,
      data: (subject, model) => {
        const chosen = chosenOf(subjectsOf(subject));
        if (!mayChange(page) || !model.draft?.scenario || !(chosen.cables.length || chosen.ports.length)) return null;
        const view = wanted(page);
        return { chosen, cables: chosen.cables.map((id) => view.cables[id] ?? null), ports: chosen.ports.map((each) => conditionsOf(view, each)) };
      },
      show: (host, { chosen }) => host.replaceChildren(...build(page, chosen)),
    });
  }
}

/**
 * @param {Subject[]} subjects
 * @returns {Chosen}
 */
function chosenOf(subjects) {
  return {
    cables: subjects.flatMap((each) => (each.kind === "cable" ? [each.id] : [])),
    ports: subjects.flatMap((each) => (each.kind === "port" ? [`${each.guest}:${each.interface}`] : [])),
  };
}

/**
 * @param {import("./types.js").View} view
 * @param {string} port
 */
function conditionsOf(view, port) {
  const [guest, name] = parted(port);
  return view.guests[guest]?.interfaces[name]?.conditions ?? null;
}

/**
 * @param {Page} page
 * @param {Chosen} chosen
 * @returns {HTMLElement[]}
 */
function build(page, chosen) {
  const view = wanted(page);
  const key = [...chosen.cables, ...chosen.ports].join(" ");
  const one = chosen.cables.length === 1 && !chosen.ports.length ? view.cables[chosen.cables[0] ?? ""] : undefined;
  const differs = one ? common([one.to_a, one.to_b]).mixed.length > 0 : false;
  const direction = one ? (directions.get(key) ?? (differs ? "to_b" : "both")) : "both";
  const all = [
    ...chosen.cables.flatMap((id) => {
      const cable = view.cables[id];
      return direction === "both" ? [cable?.to_a, cable?.to_b] : [cable?.[/** @type {"to_a" | "to_b"} */ (direction)]];
    }),
    ...chosen.ports.map((each) => conditionsOf(view, each)),
  ];
  const { same, mixed } = common(all);
  const wrong = trouble();
  /** @type {Record<string, number | string>} */
  let pending = {};
  const soon = later(() => void send(), QUIET);
  const send = async () => {
    const values = pending;
    pending = {};
    if (!Object.keys(values).length) return;
    try {
      await edit(page, edits(chosen, direction, values));
      wrong.says(null);
    } catch (error) {
      wrong.says(error);
    }
  };
  /** @param {string} name @param {number | string} value @param {boolean} [isNow] */
  const set = (name, value, isNow = false) => {
    pending[name] = value;
    if (isNow) void send();
    else soon();
  };
  const rows = ROWS.map((row) => condition(row, mixed.includes(row.name) ? null : (same[row.name] ?? 0), set, wrong));
  const isMore = ROWS.slice(FIRST).some(({ name }) => mixed.includes(name) || same[name]);
  const presets = choice([{ value: "", title: "Like …" }, ...PRESETS.map((each, at) => ({ value: String(at), title: each.name }))], "", { "aria-label": "Known lines", class: "small" });
  presets.addEventListener("change", () => {
    const found = PRESETS[Number(presets.value)];
    if (presets.value === "" || !found) return;
    pending = preset(found);
    void send();
  });
  const count = chosen.cables.length + chosen.ports.length;
  return [
    h("div", { class: "heading" }, h("h3", {}, count > 1 ? `Conditions of ${counted(count, "line")}` : "Conditions"), presets),
    ...(one ? [ways(one, direction, (to) => { directions.set(key, to); const host = /** @type {HTMLElement | null} */ (wrong.parentElement); host?.replaceChildren(...build(page, chosen)); /** @type {HTMLElement | null} */ (host?.querySelector("input[type=radio]:checked"))?.focus(); })] : []),
    ...rows.slice(0, FIRST),
    h("details", { class: "more", open: isMore }, h("summary", {}, "More conditions"), ...rows.slice(FIRST)),
    wrong,
    ...(chosen.cables.length ? [h("div", { class: "acts" }, ...states(page, chosen.cables))] : []),
  ];
}

/**
 * @param {Page} page
 * @param {string[]} cables
 */
function states(page, cables) {
  const view = wanted(page);
  return ["up", "down"].flatMap((state) => {
    const others = cables.filter((id) => (view.cables[id]?.state ?? "up") !== state);
    if (!others.length) return [];
    const title = state === "up" ? "Bring up" : "Take down";
    const put = () => edit(page, others.map((cable) => ({ do: "state.set", cable, state }))).catch((error) => page.toast(error.message, { bad: true }));
    return [button(others.length > 1 ? `${title} ${others.length}` : title, () => void put(), { label: others.length > 1 ? `${title} ${counted(others.length, "cable")}` : `${title} the cable` })];
  });
}

/**
 * @param {import("./types.js").Cable} cable
 * @param {string} chosen
 * @param {(direction: string) => void} choose
 */
function ways(cable, chosen, choose) {
  const [a] = parted(cable.a);
  const [b] = parted(cable.b);
  const group = `direction-${cable.a}`;
  const titles = { both: "both ways", to_b: `${a} → ${b}`, to_a: `${b} → ${a}` };
  return h(
    "fieldset",
    { class: "segmented" },
    h("legend", { class: "unseen" }, "Direction"),
    ...Object.entries(titles).map(([value, title]) => {
      const input = h("input", { type: "radio", name: group, value, onchange: () => choose(value) });
      input.checked = value === chosen;
      return h("label", {}, input, h("span", {}, title));
    }),
  );
}

/**
 * @param {import("./conditions.js").Row} row
 * @param {number | string | null} value null where it differs
 * @param {(name: string, value: number | string, isNow?: boolean) => void} set
 * @param {ReturnType<typeof trouble>} wrong
 */
function condition(row, value, set, wrong) {
  const input = text(row.name, value === null ? "" : shown(row.name, value), { class: "number", placeholder: value === null ? "differs" : row.name === "rate" ? "no limit" : "0", title: row.help, "aria-label": `${row.title}, ${row.unit}`, inputmode: row.name === "rate" || row.name === "slot" ? null : "decimal" });
  const range = h("input", { type: "range", min: 0, max: row.name === "rate" ? RATES.length - 1 : row.slider || 1, step: row.name === "rate" ? 1 : row.step, "aria-label": row.title, title: row.help });
  range.value = String(value === null ? 0 : place(row, value));
  if (!row.slider) range.hidden = true;
  if (row.name === "rate") range.setAttribute("aria-valuetext", value ? shown("rate", value) : "no limit");
  range.addEventListener("input", () => {
    const now = placed(row, Number(range.value));
    input.value = shown(row.name, now);
    if (row.name === "rate") range.setAttribute("aria-valuetext", input.value || "no limit");
    set(row.name, now);
  });
  input.addEventListener("change", () => {
    try {
      const now = parsed(row.name, input.value);
      range.value = String(place(row, now));
      input.removeAttribute("aria-invalid");
      wrong.says(null);
      set(row.name, now, true);
    } catch (error) {
      input.setAttribute("aria-invalid", "true");
      wrong.says(error);
    }
  });
  return h("div", { class: row.slider ? "condition" : "condition plain" }, h("span", { class: "title" }, row.title), range, h("span", { class: "value" }, input, h("span", { class: "unit" }, row.name === "rate" ? "" : row.unit)));
}
