// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What the page knows: the lab, the draft, the rates, and how the line to the server is.  Pure: a message and a state give a new state.
//
// Objects that a message does not name stay the same objects, so "is it another object?" is all that others need to ask (map/scene.js).

/**
 * @typedef {Record<string, string | number>} Conditions  such as {delay: "5ms", loss: "1%"}
 * @typedef {{segment: string | null, cable: string | null, addresses: string[] | null, mac?: string | null, up: boolean, conditions: Conditions | null}} Iface
 * @typedef {"running" | "starting" | "stopped" | "paused" | "failed" | "elsewhere"} GuestState  elsewhere: on another lab host
 * @typedef {{state: GuestState, why: string | null, role: string, kernel?: string | null, mem?: number | null, scenario: string | null,
 *   loaded: string[], saves: string[], label: string | null, groups: string[], lab_host?: string | null,
 *   interfaces: Record<string, Iface>}} Guest
 * @typedef {{prefix: string[], address: string[], label: string | null, groups?: string[], lab_hosts?: string[], scenario?: string | null,
 *   state?: string | null}} Segment
 * @typedef {{a: string, b: string, segment?: string, prefix: string[], to_a: Conditions | null, to_b: Conditions | null, state: "up" | "down"}} Cable
 * @typedef {{file: boolean, guests?: string[], loaded: string[]}} Scenario
 * @typedef {{name: string | null, workdir: string, scenario: string | null, there?: boolean, lab_host?: string | null}} LabFacts
 * @typedef {{lab: LabFacts, guests: Record<string, Guest>, segments: Record<string, Segment>, cables: Record<string, Cable>, scenarios: Record<string, Scenario>}} View
 * @typedef {{says: string, guests: string[], count: number}} Step
 * @typedef {{steps: Step[], warnings: string[], seconds: number, failed: string | null}} Plan
 * @typedef {{scenario: string, text: string, saved_text: string, diff: string, faults: string[], edits: string[], can_undo: boolean, can_redo: boolean,
 *   stale: string | null, wanted: View | null, plan: Plan | null, by: string, number: number, file: string, new: boolean, undo: string | null,
 *   redo: string | null, ahead: string | null, busy: string | null, refused: string | null, shared?: boolean}} Draft  shared: its guests are on several lab hosts
 * @typedef {{name: string, group: string | null, variant: string | null, description: string | null, tags: string[], skip: string | null, verdict: string | null,
 *   cause: string | null, seconds: number | null, steps: any[], guests: string[], cables: string[]}} Check
 * @typedef {{readonly: boolean, workdir: string, lab: string, scenarios: string[], version: string, me: string, page?: number}} Hello
 * @typedef {[number, number, number, number, number]} Rate  bits/s in and out, packets/s in and out, drops/s; in and out as the guest sees them
 * @typedef {{page?: number, name: string, selected: string[]}} Person
 * @typedef {{state: "new" | "open" | "lost" | "refused", since: number, retry: number | null}} Link  since and retry: ms of Date.now()
 * @typedef {{hello: Hello | null, view: View | null, number: number, draft: Draft | null, rates: Record<string, Rate>, people: Person[],
 *   places: Record<string, [number, number]>, link: Link, progress: string | null, ran: {what: string, ok: boolean, says: string[]} | null,
 *   checks: Check[]}} Model
 * @typedef {"hello" | "view" | "rates" | "draft" | "people" | "places" | "progress" | "ran" | "checks" | "link"} Topic
 */

/** @returns {Model} what a page knows before the first message */
export function nothing() {
  return { hello: null, view: null, number: 0, draft: null, rates: {}, people: [], places: {}, link: { state: "new", since: 0, retry: null }, progress: null, ran: null, checks: [] };
}

/** @type {readonly ["guests", "segments", "cables", "scenarios"]} */
const KINDS = ["guests", "segments", "cables", "scenarios"];

/**
 * A view after a change.
 * @param {View} view
 * @param {{set?: Partial<View>, gone?: Partial<Record<"guests" | "segments" | "cables" | "scenarios", string[]>>}} change
 * @returns {View}
 */
export function changed(view, change) {
  const next = { ...view, lab: change.set?.lab ?? view.lab };
  for (const kind of KINDS) {
    const set = change.set?.[kind], gone = change.gone?.[kind];
    if (!set && !gone?.length) continue;
    /** @type {Record<string, any>} */
    const objects = { ...view[kind], ...set };
    for (const name of gone ?? []) delete objects[name];
    next[kind] = objects;
  }
  return next;
}

/**
 * The rates after a message.  An interface that has come to rest is sent once with zeros and is forgotten then.
 * @param {Record<string, Rate>} old
 * @param {Record<string, Rate>} sent
 * @returns {Record<string, Rate>}
 */
export function flowing(old, sent) {
  const rates = { ...old, ...sent };
  for (const [name, rate] of Object.entries(sent)) if (rate.every((n) => n === 0)) delete rates[name];
  return rates;
}

/**
 * The state after a message of the server, and which part of it is another.  A change that does not follow the last one gives `null`:
 * the page has missed something and must ask for the whole view.
 * @param {Model} model
 * @param {any} message
 * @returns {{model: Model, topic: Topic | null} | null}
 */
export function applied(model, message) {
  switch (message.type) {
    case "hello":
      return { model: { ...model, hello: message }, topic: "hello" };
    case "view":
      return { model: { ...model, view: message.view, number: message.number }, topic: "view" };
    case "change":
      if (!model.view || message.number !== model.number + 1) return null;
      return { model: { ...model, view: changed(model.view, message), number: message.number }, topic: "view" };
    case "rates":
      return { model: { ...model, rates: flowing(model.rates, message.rates) }, topic: "rates" };
    case "draft":
      return { model: { ...model, draft: message.draft }, topic: "draft" };
    case "people":
      return { model: { ...model, people: message.people }, topic: "people" };
    case "places":
      return { model: { ...model, places: placed(model.places, message.places) }, topic: "places" };
    case "progress":
      return { model: { ...model, progress: message.says }, topic: "progress" };
    case "checks":
      return { model: { ...model, checks: message.checks }, topic: "checks" };
    case "ran":
      return { model: { ...model, progress: null, ran: message }, topic: "ran" };
    default: // of a newer server; what this page knows still works
      return { model, topic: null };
  }
}

/**
 * @param {Record<string, [number, number]>} old
 * @param {Record<string, [number, number] | null>} sent `null`: it has no place any more
 * @returns {Record<string, [number, number]>}
 */
function placed(old, sent) {
  const places = { ...old };
  for (const [id, at] of Object.entries(sent)) {
    if (at) places[id] = at;
    else delete places[id];
  }
  return places;
}

/**
 * What is announced to those who do not see the map: one sentence for each kind of change, names for a few objects, else their number.
 * @param {View | null} before
 * @param {View} after
 * @returns {string[]}
 */
export function news(before, after) {
  if (!before) return [];
  /** @type {string[]} */
  const says = [];
  /** @type {Map<string, string[]>} */
  const states = new Map();
  for (const [name, guest] of Object.entries(after.guests)) {
    const old = before.guests[name];
    if (old === guest) continue;
    if (!old) states.set("is new", [...(states.get("is new") ?? []), name]);
    else if (old.state !== guest.state) {
      const is = guest.state === "failed" && guest.why ? `failed: ${guest.why}` : `is ${guest.state}`;
      states.set(is, [...(states.get(is) ?? []), name]);
    }
  }
  for (const [is, names] of states) says.push(told("guest", names, is));
  says.push(told("guest", missing(before.guests, after.guests), "is gone"));
  says.push(told("segment", missing(after.segments, before.segments), "is new"), told("segment", missing(before.segments, after.segments), "is gone"));
  says.push(told("cable", missing(after.cables, before.cables), "is new"), told("cable", missing(before.cables, after.cables), "is gone"));
  const flipped = Object.entries(after.cables).filter(([id, cable]) => before.cables[id] && before.cables[id].state !== cable.state);
  for (const state of ["up", "down"]) says.push(told("cable", flipped.filter(([, cable]) => cable.state === state).map(([id]) => id), `is ${state}`));
  return says.filter(Boolean);
}

/**
 * @param {Record<string, unknown>} here
 * @param {Record<string, unknown>} there
 * @returns {string[]} names that are here and not there
 */
function missing(here, there) {
  return Object.keys(here).filter((name) => !(name in there));
}

/**
 * @param {string} kind
 * @param {string[]} names
 * @param {string} is
 */
function told(kind, names, is) {
  if (!names.length) return "";
  if (names.length > 4) return `${names.length} ${kind}s: each ${is}.`;
  return `${names.length === 1 ? kind : `${kind}s`} ${names.map((name) => name.replace("--", " to ")).join(", ")} ${names.length === 1 ? is : is.replace(/^is /, "are ")}.`;
}

/**
 * Whether a guest is on another lab host: nothing but its place and what its scenario says is known of it here.
 * @param {View | null} view
 * @param {string} guest
 */
export function isElsewhere(view, guest) {
  return view?.guests[guest]?.state === "elsewhere";
}

/**
 * How many guests are in which state, in the order in which people look for trouble.
 * @param {View} view
 * @returns {[GuestState, number][]}
 */
export function states(view) {
  /** @type {Map<GuestState, number>} */
  const count = new Map();
  for (const guest of Object.values(view.guests)) count.set(guest.state, (count.get(guest.state) ?? 0) + 1);
  /** @type {GuestState[]} */
  const order = ["failed", "starting", "running", "paused", "stopped", "elsewhere"];
  return order.flatMap((state) => (count.has(state) ? [/** @type {[GuestState, number]} */ ([state, count.get(state) ?? 0])] : []));
}
