// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What others who look at the same map change in the draft and do to the lab is told at once.

import { counted } from "./names.js";
import { isOwn } from "./session.js";
import { list } from "./wording.js";

/** @typedef {import("./types.js").Page} Page */

/** @param {Page} page */
export function start(page) {
  /** @type {string | null} */
  let before = null;
  page.watch(["draft"], ({ draft, hello }) => {
    const now = draft?.text ?? null;
    if (before !== null && now !== before && draft && hello && !isOwn()) page.toast(news(draft));
    before = now;
  });
  page.watch(["ran"], ({ ran }) => {
    if (!ran || isOwn()) return;
    if (!ran.ok) page.toast(ran.says.at(-1) ?? `It failed: ${ran.what}.`, { bad: true });
    else if (ran.says.length) page.toast(`Done by somebody else: ${ran.what}, ${counted(ran.says.length, "step")}.`);
  });
}

/**
 * What somebody else did to the draft.
 * @param {import("./types.js").Draft} draft
 */
export function news(draft) {
  const last = draft.edits.slice(-1);
  const who = draft.by ?? "Somebody";
  return last.length ? `${who}: ${list(last)}.` : `${who} changed the draft.`;
}
