// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Conditions of a cable: delay, loss and their like, as fields and as text.  Pure.

/** @typedef {import("./types.js").Conditions} Conditions */
/** @typedef {import("./types.js").Cable} Cable */
/** @typedef {import("./types.js").Edit} Edit */

/**
 * @typedef {object} Row
 * @property {string} name as a scenario has it
 * @property {string} title
 * @property {string} unit that a number without one has
 * @property {number} slider the slider's end; 0 where there is none
 * @property {number} step
 * @property {string} help
 */

/** @type {readonly Row[]} */
export const ROWS = Object.freeze([
  { name: "delay", title: "Delay", unit: "ms", slider: 400, step: 1, help: "How long each frame is held back." },
  { name: "jitter", title: "Jitter", unit: "ms", slider: 100, step: 1, help: "How much the delay varies, to either side." },
  { name: "loss", title: "Loss", unit: "%", slider: 30, step: 0.1, help: "Share of the frames that is lost." },
  { name: "rate", title: "Rate", unit: "bit/s", slider: 12, step: 1, help: "Limit, such as 2mbit. Empty for none." },
  { name: "duplicate", title: "Duplicate", unit: "%", slider: 30, step: 0.1, help: "Share of the frames that is sent twice." },
  { name: "reorder", title: "Reorder", unit: "%", slider: 50, step: 0.1, help: "Share of the frames that overtakes the delayed ones. It needs a delay." },
  { name: "corrupt", title: "Corrupt", unit: "%", slider: 30, step: 0.1, help: "Share of the frames that gets an error in one bit." },
  { name: "slot", title: "Slot", unit: "ms", slider: 0, step: 1, help: "Frames are gathered for so long and sent at once: a time, or two, such as 10ms 20ms." },
]);

/** The slider's places for the rate: 0 is no limit. */
export const RATES = Object.freeze([0, 64e3, 128e3, 256e3, 512e3, 1e6, 2e6, 5e6, 10e6, 25e6, 100e6, 500e6, 1e9]);

/** Lines that people know. */
export const PRESETS = Object.freeze([
  { name: "No conditions", conditions: {} },
  { name: "Fibre: 3 ms, 500 Mbit/s", conditions: { delay: 3, rate: 500e6 } },
  { name: "DSL: 20 ms, 16 Mbit/s", conditions: { delay: 20, jitter: 2, rate: 16e6 } },
  { name: "Mobile: 50 ms, 0.5 % loss, 25 Mbit/s", conditions: { delay: 50, jitter: 15, loss: 0.5, rate: 25e6 } },
  { name: "Satellite: 300 ms, 10 Mbit/s", conditions: { delay: 300, jitter: 5, loss: 0.2, rate: 10e6 } },
  { name: "Bad radio: 80 ms, 8 % loss, 1 Mbit/s", conditions: { delay: 80, jitter: 40, loss: 8, rate: 1e6 } },
]);

const RATE_UNITS = /** @type {Record<string, number>} */ ({
  "": 1,
  bit: 1,
  kbit: 1e3,
  mbit: 1e6,
  gbit: 1e9,
  tbit: 1e12,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  bps: 8,
  kbps: 8e3,
  mbps: 8e6,
  gbps: 8e9,
});
const TIME_UNITS = /** @type {Record<string, number>} */ ({ "": 1, ms: 1, s: 1000, us: 0.001, µs: 0.001 });

/**
 * A field's text as a number in the row's unit.
 * @param {string} name
 * @param {string|number|number[]|null|undefined} value
 * @returns {number|string} 0 for none; the text itself for a slot
 * @throws {RangeError} with a sentence for the user
 */
export function parsed(name, value) {
  if (value === null || value === undefined) return 0;
  if (Array.isArray(value)) return value.map((each) => `${each}ms`).join(" ");
  const text = String(value)
    .trim()
    .toLowerCase()
    .replace(/bit\/s$/, "bit");
  if (text === "" || text === "0") return 0;
  if (name === "slot") {
    if (text.split(/\s+/).length <= 2 && text.split(/\s+/).every((each) => /^[\d.]+(ms|us|s)?$/.test(each))) return text;
    throw new RangeError(`Slot: "${text}" is not a time, or two. Write, for example, 10ms or 10ms 20ms.`);
  }
  const found = /^([\d.]+(?:e\d+)?)\s*([a-zµ%]*)$/.exec(text);
  const number = found ? Number(found[1]) : NaN;
  const unit = found?.[2] ?? "";
  const row = ROWS.find((each) => each.name === name);
  const title = row?.title ?? name;
  if (row?.unit === "%") {
    if (!Number.isFinite(number) || (unit && unit !== "%") || number > 100) throw new RangeError(`${title}: "${text}" is no share. Write a number from 0 to 100.`);
    return number;
  }
  const units = name === "rate" ? RATE_UNITS : TIME_UNITS;
  if (!Number.isFinite(number) || !(unit in units)) {
    throw new RangeError(`${title}: "${text}" is ${name === "rate" ? "no rate. Write, for example, 2mbit" : "no time. Write, for example, 60 or 60ms"}.`);
  }
  return Number((number * /** @type {number} */ (units[unit])).toPrecision(12));
}

/**
 * A number as a scenario's file has it, without a unit that goes without saying in the page.
 * @param {string} name
 * @param {number|string} value
 * @returns {string|null} null for none
 */
export function written(name, value) {
  if (!value) return null;
  if (typeof value === "string") return value;
  const row = ROWS.find((each) => each.name === name);
  if (name === "rate") {
    for (const [size, unit] of /** @type {[number, string][]} */ ([
      [1e9, "gbit"],
      [1e6, "mbit"],
      [1e3, "kbit"],
    ]))
      if (value % size === 0) return `${value / size}${unit}`;
    return `${value}bit`;
  }
  return `${value}${row?.unit === "%" ? "%" : "ms"}`;
}

/**
 * As a field shows it.
 * @param {string} name
 * @param {string|number|number[]|null|undefined} value
 */
export function shown(name, value) {
  let number;
  try {
    number = parsed(name, value);
  } catch {
    return String(value);
  }
  if (!number) return "";
  if (name === "rate" || typeof number === "string") return written(name, number) ?? "";
  return String(number);
}

/**
 * The slider's place of a value.
 * @param {Row} row
 * @param {number|string} value
 */
export function place(row, value) {
  if (typeof value === "string") return 0;
  if (row.name !== "rate") return Math.min(value, row.slider);
  if (!value) return 0;
  let best = 1;
  RATES.forEach((rate, index) => {
    if (index && Math.abs(Math.log(rate / value)) < Math.abs(Math.log(/** @type {number} */ (RATES[best]) / value))) best = index;
  });
  return best;
}

/**
 * The value of a slider's place.
 * @param {Row} row
 * @param {number} at
 */
export function placed(row, at) {
  return row.name === "rate" ? (RATES[at] ?? 0) : at;
}

/**
 * The conditions of some directions as one: what is the same in all, and the names of what differs.
 * @param {(Conditions|null|undefined)[]} all
 * @returns {{same: Record<string, number|string>, mixed: string[]}}
 */
export function common(all) {
  /** @type {Record<string, number|string>} */
  const same = {};
  /** @type {string[]} */
  const mixed = [];
  for (const { name } of ROWS) {
    const values = new Set(all.map((each) => quietly(name, each?.[name])));
    if (values.size > 1) mixed.push(name);
    else same[name] = [...values][0] ?? 0;
  }
  return { same, mixed };
}

/**
 * @param {string} name
 * @param {string|number|number[]|null|undefined} value
 */
function quietly(name, value) {
  try {
    return parsed(name, value);
  } catch {
    return String(value);
  }
}

/**
 * In a few words, for a list.
 * @param {Conditions|null|undefined} conditions
 */
export function words(conditions) {
  if (!conditions) return "";
  return ROWS.flatMap(({ name, title, unit }) => {
    const text = shown(name, conditions[name]);
    return text ? [`${title.toLowerCase()} ${text}${name === "rate" || name === "slot" ? "" : ` ${unit}`}`] : [];
  }).join(", ");
}

/**
 * The edits that give cables and ports a condition.
 * @param {{cables: string[], ports: string[]}} chosen
 * @param {string} direction both, to_a or to_b
 * @param {Record<string, number|string>} values 0 takes one away
 * @returns {Edit[]}
 */
export function edits(chosen, direction, values) {
  const conditions = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, written(name, value)]));
  return [
    ...chosen.cables.map((id) => ({ do: "cable.set", id, direction, conditions })),
    ...chosen.ports.flatMap((port) => {
      const at = port.indexOf(":");
      return Object.entries(conditions).map(([name, value]) => ({ do: "guest.set", name: port.slice(0, at), path: ["interfaces", port.slice(at + 1), name], value }));
    }),
  ];
}

/**
 * @param {typeof PRESETS[number]} preset
 * @returns {Record<string, number|string>} all conditions, with 0 for those that the preset does not name
 */
export function preset(preset) {
  const wanted = /** @type {Record<string, number>} */ (preset.conditions);
  return Object.fromEntries(ROWS.map(({ name }) => [name, wanted[name] ?? 0]));
}
