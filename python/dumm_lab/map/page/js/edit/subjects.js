// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What is chosen on the map, and what it means for edits.  Pure.

import { isElsewhere } from "../model.js";

/** @typedef {import("./types.js").Subject} Subject */
/** @typedef {import("./types.js").Edit} Edit */

/**
 * @param {Subject | Subject[]} subject
 * @returns {Subject[]}
 */
export function subjectsOf(subject) {
  if (Array.isArray(subject)) return subject;
  const many = /** @type {any} */ (subject).subjects;
  return Array.isArray(many) ? many : [subject];
}

/**
 * @param {Subject | Subject[]} subject
 * @returns {string[]} names of guests
 */
export function guestsOf(subject) {
  return subjectsOf(subject).flatMap((each) => (each.kind === "guest" ? [each.name] : []));
}

/**
 * Those of them that this map can do something with.
 * @param {import("./types.js").View | null} view
 * @param {Subject | Subject[]} subject
 * @returns {string[]} names of guests
 */
export function guestsHere(view, subject) {
  return guestsOf(subject).filter((name) => !isElsewhere(view, name));
}

/**
 * The edits that take something out of the scenario; cables of guests that go are not named twice.
 * @param {Subject[]} subjects
 * @returns {Edit[]}
 */
export function removal(subjects) {
  const guests = new Set(guestsOf(subjects));
  const ends = (/** @type {string} */ id) => id.split("--").map((each) => each.split(":")[0] ?? "");
  return subjects.flatMap((each) => removed(each, guests, ends));
}

/**
 * @param {Subject} each
 * @param {Set<string>} guests
 * @param {(id: string) => string[]} ends
 * @returns {Edit[]}
 */
function removed(each, guests, ends) {
  if (each.kind === "cable") return ends(each.id).some((guest) => guests.has(guest)) ? [] : [{ do: "cable.remove", id: each.id }];
  if (each.kind === "port") return guests.has(each.guest) ? [] : [{ do: "unplug", guest: each.guest, interface: each.interface }];
  return [{ do: each.kind === "guest" ? "guest.remove" : "segment.remove", name: each.name }];
}
