// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Editing: every part registers itself with the page's frame.

import * as acts from "./acts.js";
import * as add from "./add.js";
import * as bar from "./bar.js";
import * as cable from "./cable.js";
import * as impair from "./impair.js";
import * as people from "./people.js";
import * as plan from "./plan.js";
import * as ports from "./ports.js";
import * as saves from "./saves.js";
import * as scenarios from "./scenarios.js";
import * as settings from "./settings.js";

/** @param {import("../page.js").Page} page */
export function start(page) {
  for (const part of [plan, bar, add, cable, acts, impair, ports, saves, settings, scenarios, people]) part.start(page);
}
