// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What may be done with the power of guests, by their state.  Pure.

/** @typedef {import("./types.js").View} View */

/**
 * @typedef {object} Deed
 * @property {string} state as the server knows it
 * @property {string} title
 * @property {string[]} from states in which it makes sense
 */

/** @type {readonly Deed[]} */
export const DEEDS = Object.freeze([
  { state: "start", title: "Start", from: ["stopped", "failed"] },
  { state: "resume", title: "Resume", from: ["paused"] },
  { state: "pause", title: "Pause", from: ["running"] },
  { state: "restart", title: "Restart", from: ["running", "failed"] },
  { state: "stop", title: "Stop", from: ["running", "paused", "starting"] },
]);

/**
 * The deeds that make sense for some guests, each with those that it is for.
 * @param {View|null} view
 * @param {string[]} names
 * @returns {{deed: Deed, names: string[]}[]}
 */
export function offered(view, names) {
  return DEEDS.flatMap((deed) => {
    const fit = names.filter((name) => deed.from.includes(view?.guests[name]?.state ?? ""));
    return fit.length ? [{ deed, names: fit }] : [];
  });
}
