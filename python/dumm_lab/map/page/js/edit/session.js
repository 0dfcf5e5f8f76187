// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// One way to ask the server for an edit or a deed: what it refuses is told, and nothing is lost.

import { next } from "./names.js";
import { sentence } from "./wording.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").Edit} Edit */
/** @typedef {import("./types.js").Draft} Draft */

let asking = 0; // requests of this page that are under way

/** Whether what comes now may be this page's own doing. */
export function isOwn() {
  return asking > 0;
}

/**
 * @param {Page} page
 * @param {string} verb
 * @param {Record<string, unknown>} [args]
 * @returns {Promise<any>} rejects with the server's sentence
 */
export async function request(page, verb, args = {}) {
  asking++;
  try {
    return await page.request(verb, args);
  } finally {
    asking--;
  }
}

/** @param {Page} page */
export function mayEdit(page) {
  const { hello } = page.model();
  return hello !== null && !hello.readonly;
}

/**
 * Whether the scenario can be changed from this page; that of several lab hosts cannot.
 * @param {Page} page
 */
export function mayChange(page) {
  return mayEdit(page) && !page.model().draft?.shared;
}

/**
 * Do what changes the scenario, or show why that cannot be done here.
 * @param {Page} page
 * @param {() => void} act
 */
export function changing(page, act) {
  const { draft } = page.model();
  if (draft?.shared) page.toast(draft.refused ?? "", { bad: true });
  else act();
}

/**
 * The lab as it will be: the draft's where there is one.
 * @param {Page} page
 */
export function wanted(page) {
  const { view, draft } = page.model();
  return next(view, draft);
}

/**
 * What is pending.
 * @param {Page} page
 * @returns {Draft | null}
 */
export function draftOf(page) {
  return page.model().draft;
}

/**
 * The scenario's file, for people: short where it is in the working directory, as it is where it is the user's own.
 * @param {{scenario: string | null, file?: string | null}} draft
 */
export function fileOf(draft) {
  const stored = `scenarios/${draft.scenario}/config`;
  return !draft.file || draft.file.endsWith(`/${stored}`) ? stored : draft.file;
}

/**
 * One value as itself, several as a list: the way in which people write them in a scenario.
 * @param {string} text values with spaces or commas
 * @returns {string | string[] | null} null for none
 */
export function values(text) {
  const all = text.split(/[\s,]+/).filter(Boolean);
  return all.length > 1 ? all : (all[0] ?? null);
}

/**
 * @param {Page} page
 * @param {Edit[]} edits
 * @returns {Promise<any>} rejects with the server's sentence
 */
export function edit(page, edits) {
  return request(page, "draft.edit", { edits });
}

/**
 * The same for a click, where nothing shows an error but the page itself.
 * @param {Page} page
 * @param {Edit[]} edits
 * @returns {Promise<boolean>} whether it was done
 */
export async function tryEdit(page, edits) {
  return ask(page, "draft.edit", { edits });
}

/**
 * @param {Page} page
 * @param {string} verb
 * @param {Record<string, unknown>} [args]
 * @returns {Promise<boolean>} whether it was done
 */
export async function ask(page, verb, args = {}) {
  try {
    await request(page, verb, args);
    return true;
  } catch (error) {
    page.toast(sentence(error), { bad: true });
    return false;
  }
}
