// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The draft and its plan in words: what is pending, the lines of a difference, the steps.  Pure.

import { counted } from "./names.js";

/** @typedef {import("./types.js").Draft} Draft */
/** @typedef {{show: boolean, kind: "fault" | "stale" | "draft" | "ahead" | "busy", title: string, detail: string}} Pending */
/** @typedef {import("./types.js").Plan} Plan */
/** @typedef {import("./types.js").Step} Step */

/**
 * @param {string} diff unified
 * @returns {{added: number, removed: number}} lines
 */
export function changed(diff) {
  const lines = body(diff);
  return { added: lines.filter((each) => each.startsWith("+")).length, removed: lines.filter((each) => each.startsWith("-")).length };
}

/**
 * @param {string} diff
 * @returns {string[]} its lines without the names of the two texts
 */
function body(diff) {
  const lines = diff.replace(/\n$/, "").split("\n");
  return lines.filter((line, index) => !(index < 2 && /^(---|\+\+\+)( |$)/.test(line)) && line !== "");
}

/**
 * The lines of a difference for the page.
 * @param {string} diff
 * @returns {{kind: "added"|"removed"|"place"|"same", mark: string, text: string, spoken: string}[]}
 */
export function lines(diff) {
  if (!diff.trim()) return [];
  return body(diff).map((line) => {
    const mark = line[0] ?? " ";
    if (mark === "@") return { kind: "place", mark: "", text: line, spoken: "" };
    if (mark === "+") return { kind: "added", mark: "+", text: line.slice(1), spoken: "added: " };
    if (mark === "-") return { kind: "removed", mark: "−", text: line.slice(1), spoken: "removed: " };
    return { kind: "same", mark: "", text: line.slice(1), spoken: "" };
  });
}

/**
 * What the draft bar says.
 * @param {Draft|null} draft
 * @returns {Pending}
 */
export function pending(draft) {
  /** @type {Pending} */
  const none = { show: false, kind: "draft", title: "", detail: "" };
  if (!draft) return none;
  if (draft.busy) return { show: true, kind: "busy", title: "Running", detail: draft.busy };
  // It is always so, and each try to edit shows it.
  if (draft.shared) return none;
  if (draft.refused) return { show: true, kind: "fault", title: "No draft", detail: draft.refused };
  const fault = draft.faults?.[0];
  if (fault) return { show: true, kind: "fault", title: draft.faults.length > 1 ? counted(draft.faults.length, "fault") : "Fault", detail: fault };
  if (draft.stale) return { show: true, kind: "stale", title: "The file has changed", detail: "Someone changed it after your draft began." };
  if (!draft.diff?.trim() && draft.new && !draft.note && draft.text.trim())
    return { show: true, kind: "draft", title: "Not in a file yet", detail: `scenario ${draft.scenario} describes the lab` };
  if (!draft.diff?.trim()) return none;
  const { added, removed } = changed(draft.diff);
  const edits = draft.edits ?? [];
  if (draft.ahead && same(draft.ahead, draft.diff)) return { show: true, kind: "ahead", title: "Applied, not saved", detail: list(edits) };
  if (!edits.length) return { show: true, kind: "draft", title: "Text changed", detail: `${counted(added, "line")} more, ${removed} less, not saved` };
  return { show: true, kind: "draft", title: counted(edits.length, "change"), detail: list(edits) };
}

/**
 * Whether two differences are the same but for the names of the texts.
 * @param {string} one
 * @param {string} other
 */
function same(one, other) {
  return body(one).join("\n") === body(other).join("\n");
}

/**
 * @param {string[]} sentences
 * @param {number} [most]
 */
export function list(sentences, most = 3) {
  const plain = sentences.map((each) => each.replace(/\.$/, ""));
  return plain.length <= most ? plain.join(", ") : `${plain.slice(0, most - 1).join(", ")} and ${plain.length - most + 1} more`;
}

/**
 * The steps for the page.
 * @param {Plan} plan
 * @returns {{text: string, of: string, kind: "comes"|"goes"|"changes"}[]}
 */
export function steps(plan) {
  return plan.steps.map((step) => ({ text: step.says, of: (step.guests?.length ?? 0) > 1 ? /** @type {string[]} */ (step.guests).join(", ") : "", kind: kind(step.says) }));
}

/**
 * @param {string} says
 * @returns {"comes"|"goes"|"changes"}
 */
function kind(says) {
  const text = says.replace(/^(?:\d+ )?(?:guest|interface|bridge|segment|link|cable)s?(?: [^:]+(?::[^: ]+)?)?: /, "");
  if (/^(remove|unplug|stop|kill|unload|forget|drop|pause|take )/.test(text)) return "goes";
  if (/^(make|create|add|plug|start|load|define|resume)/.test(text)) return "comes";
  return "changes";
}

/**
 * @param {Plan} plan
 * @returns {number} how many steps it has, one by one
 */
export function total(plan) {
  return plan.steps.reduce((sum, step) => sum + (step.count ?? 1), 0);
}

/**
 * @param {number} [seconds]
 */
export function duration(seconds) {
  if (seconds === undefined || seconds === null) return "";
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`;
}

/**
 * @param {unknown} error
 * @returns {string} the sentence for the user
 */
export function sentence(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim() || "It failed, and the server gave no reason. Look at its terminal.";
}

/**
 * The line that a fault names, such as campus/config:12:3.
 * @param {string} fault
 * @returns {number|null} from 1
 */
export function faultLine(fault) {
  const found = /(?:\bline |:)(\d+)(?::\d+)?(?=[:,. )]|$)/.exec(fault);
  return found ? Number(found[1]) : null;
}
