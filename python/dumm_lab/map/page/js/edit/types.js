// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Types of what goes to the server for an edit; the rest is the model's (../model.js).

/**
 * @typedef {import("../model.js").View} View
 * @typedef {import("../model.js").Guest} Guest
 * @typedef {import("../model.js").Cable} Cable
 * @typedef {import("../model.js").Iface} Iface
 * @typedef {import("../model.js").Step} Step
 * @typedef {import("../model.js").Model} Model
 * @typedef {import("../page.js").Page} Page
 * @typedef {import("../map/scene.js").Subject} Subject
 */

/**
 * Conditions as the server has them: milliseconds, percent and bits a second, or a scenario's own text.
 * @typedef {Record<string, number | string | number[] | null>} Conditions
 */

/**
 * The draft with what only its editing needs.  busy: what runs now; ahead: how the lab differs from the file, as it was applied; refused: why there is no draft.
 * @typedef {import("../model.js").Draft & {number?: number, new?: boolean, note?: string | null, file?: string | null, undo?: string | null, redo?: string | null, busy?: string | null, ahead?: string | null, refused?: string | null}} Draft
 * @typedef {Omit<import("../model.js").Plan, "failed"> & {failed: string | null, number?: number, restart_required?: Record<string, string[]>}} Plan
 */

/** @typedef {{do: string} & Record<string, unknown>} Edit */

export {};
