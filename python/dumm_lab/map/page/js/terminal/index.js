// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Below the map: terminals, boot logs, packets and checks in tabs.

import { isElsewhere } from "../model.js";
import * as capture from "./capture.js";
import * as checks from "./checks.js";
import * as log from "./log.js";
import * as terminals from "./terminals.js";

/** @param {import("../page.js").Page} page */
export function start(page) {
  for (const part of [terminals, log, capture, checks]) part.start(page);
  page.opens((subject) => {
    if (subject.kind !== "guest" || page.model().hello?.readonly) return;
    const { view } = page.model(), guest = view?.guests[subject.name];
    if (guest && isElsewhere(view, subject.name)) page.toast(`guest ${subject.name}: it is on lab host ${guest.lab_host}. Run there: dumm attach ${subject.name}`);
    else if (guest) void terminals.openTerminal(page, subject.name);
  });
}
