// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What the map draws: nodes and lines, made of the lab and of what the draft makes of it.  Pure.
//
// A node or a line is made again only where one of the objects that it comes from is another object.  A change of one guest in a lab of a
// thousand therefore gives one other node, and the map (map/map.js) touches that element only.

import { conditionText, endText, nameWidth } from "./text.js";

/** @typedef {import("../model.js").View} View */
/** @typedef {import("../model.js").Guest} Guest */
/** @typedef {import("../model.js").Segment} Segment */
/** @typedef {import("../model.js").Cable} Cable */
/** @typedef {import("../model.js").Draft} Draft */
/** @typedef {"" | "new" | "gone" | "changed"} Change  what the draft does to it */
/** @typedef {{kind: "guest", name: string} | {kind: "segment", name: string} | {kind: "cable", id: string} | {kind: "port", guest: string, interface: string}} Subject */
/**
 * @typedef {{id: string, subject: Subject, kind: "guest" | "segment", name: string, text: string, role: string, state: string, badge: string, change: Change,
 *   width: number, height: number, groups: string[], area: string | null, words: string}} Node
 *   area: the lab host that it is on, where a lab has several; words: what is found, in lower case
 * @typedef {{id: string, subject: Subject, kind: "cable" | "port", source: string, target: string, ends: [string, string], prefix: string, to: [string, string],
 *   down: boolean, change: Change, interfaces: string[], words: string}} Line
 *   ends: text at source and target; to: conditions towards source and target; interfaces: "alice:eth0", at source and target
 * @typedef {{nodes: Map<string, Node>, lines: Map<string, Line>}} Scene
 */

export const NAME_SIZE = 14;
export const GUEST_HEIGHT = 40;
export const SEGMENT_HEIGHT = 30;

/** @type {WeakMap<object, {with: unknown[], made: any}>} */
const made = new WeakMap();

/**
 * What a function makes of an object, remembered as long as the object and all else that it looks at are the same.
 * @template T
 * @param {object} object
 * @param {unknown[]} others
 * @param {() => T} make
 * @returns {T}
 */
function once(object, others, make) {
  const old = made.get(object);
  if (old && old.with.length === others.length && old.with.every((other, at) => other === others[at])) return old.made;
  const now = make();
  made.set(object, { with: others, made: now });
  return now;
}

/** @param {Subject} subject @returns {string} its id on the map */
export function idOf(subject) {
  switch (subject.kind) {
    case "guest":
      return `guest ${subject.name}`;
    case "segment":
      return `bridge ${subject.name}`;
    case "cable":
      return `cable ${subject.id}`;
    case "port":
      return `port ${subject.guest}:${subject.interface}`;
  }
}

/** @param {string} end such as "alice:eth0" @returns {[string, string]} guest and interface */
export function parts(end) {
  const at = end.indexOf(":");
  return [end.slice(0, at), end.slice(at + 1)];
}

/**
 * The scene of a lab and a draft.
 * @param {View} view
 * @param {Draft | null} draft
 * @returns {Scene}
 */
export function scene(view, draft) {
  const wanted = draft?.wanted ?? null;
  const scenario = draft?.scenario ?? null;
  /** @type {Map<string, Node>} */
  const nodes = new Map();
  /** @type {Map<string, Line>} */
  const lines = new Map();
  for (const [name, guest, change] of merged(view.guests, wanted?.guests, (guest) => guest.scenario === scenario, isSameGuest)) {
    const node = once(guest, [name, change], () => guestNode(name, guest, change));
    nodes.set(node.id, node);
  }
  for (const [name, segment, change] of merged(view.segments, wanted?.segments, (segment) => segment.scenario === scenario, isSameSegment)) {
    const node = once(segment, [name, change], () => segmentNode(name, segment, change));
    nodes.set(node.id, node);
  }
  const belongs = (/** @type {Cable} */ cable) => [cable.a, cable.b].some((end) => view.guests[parts(end)[0]]?.scenario === scenario);
  for (const [id, cable, change] of merged(view.cables, wanted?.cables, belongs, isSameCable)) {
    const [a, b] = [cable.a, cable.b].map((end) => guestOf(view, wanted, parts(end)[0], change === "new"));
    if (!a || !b) continue;
    const line = once(cable, [id, change, a, b], () => cableLine(id, cable, a, b, change));
    lines.set(line.id, line);
  }
  for (const line of ports(view, wanted, scenario, nodes)) lines.set(line.id, line);
  return { nodes, lines };
}

/**
 * What is there and what the draft wants, each with what becomes of it.
 * @template T
 * @param {Record<string, T>} there
 * @param {Record<string, T> | undefined} wanted
 * @param {(object: T) => boolean} belongs whether an object is the draft's scenario's, so that it goes if the draft does not have it
 * @param {(there: T, wanted: T) => boolean} isSame
 * @returns {Iterable<[string, T, Change]>}
 */
function* merged(there, wanted, belongs, isSame) {
  for (const [name, object] of Object.entries(there)) {
    const other = wanted?.[name];
    yield [name, object, !wanted ? "" : other ? (isSame(object, other) ? "" : "changed") : belongs(object) ? "gone" : ""];
  }
  for (const [name, object] of Object.entries(wanted ?? {})) if (!(name in there)) yield [name, object, "new"];
}

/**
 * @param {View} view
 * @param {View | null} wanted
 * @param {string} name
 * @param {boolean} isNew whether it is asked for something that is in the draft only
 */
function guestOf(view, wanted, name, isNew) {
  return isNew ? (wanted?.guests[name] ?? view.guests[name]) : (view.guests[name] ?? wanted?.guests[name]);
}

/** @param {unknown} a @param {unknown} b whether both are the same plain data, whatever the order of keys */
export function isEqual(a, b) {
  if (a === b) return true;
  if (!a || !b || typeof a !== "object" || typeof b !== "object") return (a ?? null) === (b ?? null);
  const left = /** @type {Record<string, unknown>} */ (a), right = /** @type {Record<string, unknown>} */ (b);
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) if (!isEqual(left[key], right[key])) return false;
  return true;
}

/** @param {Guest} there @param {Guest} wanted */
function isSameGuest(there, wanted) {
  return ["kernel", "mem", "label", "role"].every((key) => {
    const want = wanted[/** @type {keyof Guest} */ (key)];
    return want === null || want === undefined || isEqual(there[/** @type {keyof Guest} */ (key)], want);
  });
}

/** @param {Segment} there @param {Segment} wanted */
function isSameSegment(there, wanted) {
  // What nothing is plugged into shows no prefix of its own in the lab.
  return (!there.prefix.length || isEqual(there.prefix, wanted.prefix)) && isEqual(there.address, wanted.address) && isEqual(there.label, wanted.label);
}

/** @param {Cable} there @param {Cable} wanted */
function isSameCable(there, wanted) {
  return ["to_a", "to_b", "prefix", "state"].every((key) => isEqual(there[/** @type {keyof Cable} */ (key)], wanted[/** @type {keyof Cable} */ (key)]));
}

/** @param {string} name @param {Guest} guest @param {Change} change @returns {Node} */
function guestNode(name, guest, change) {
  const badge = layers(guest);
  const addresses = Object.values(guest.interfaces).flatMap((face) => face.addresses ?? []);
  return {
    id: `guest ${name}`, subject: { kind: "guest", name }, kind: "guest", name, text: name, role: guest.role, state: guest.state, badge, change,
    width: Math.max(92, Math.round((nameWidth(name, NAME_SIZE) + 68) / 4) * 4), height: GUEST_HEIGHT, groups: guest.groups ?? [], area: guest.lab_host ?? null,
    words: [name, guest.label ?? "", ...(guest.groups ?? []), guest.lab_host ?? "", ...addresses].join("\n").toLowerCase(),
  };
}

/**
 * The badge of a guest: the scenarios whose layers lie over it, beside the one it belongs to.
 * @param {Guest} guest
 */
function layers(guest) {
  const others = (guest.loaded ?? []).filter((name) => name !== guest.scenario);
  return others.length > 1 ? `${others[others.length - 1]} +${others.length - 1}` : (others[0] ?? "");
}

/** @param {string} name @param {Segment} segment @param {Change} change @returns {Node} */
function segmentNode(name, segment, change) {
  const prefix = segment.prefix.find((each) => !each.includes(":")) ?? segment.prefix[0];
  const text = prefix ? `${name}  ${prefix}` : name;
  return {
    id: `bridge ${name}`, subject: { kind: "segment", name }, kind: "segment", name, text, role: "segment", state: segment.state ?? "up", badge: "", change,
    width: Math.round((nameWidth(text, 12.5) + 28) / 4) * 4, height: SEGMENT_HEIGHT, groups: segment.groups ?? [], area: segment.lab_hosts?.length === 1 ? segment.lab_hosts[0] : null,
    words: [name, segment.label ?? "", ...segment.prefix, ...segment.address].join("\n").toLowerCase(),
  };
}

/** @param {string} id @param {Cable} cable @param {Guest} a @param {Guest} b @param {Change} change @returns {Line} */
function cableLine(id, cable, a, b, change) {
  const [[guestA, faceA], [guestB, faceB]] = [parts(cable.a), parts(cable.b)];
  return {
    id: `cable ${id}`, subject: { kind: "cable", id }, kind: "cable", source: `guest ${guestA}`, target: `guest ${guestB}`,
    ends: [endText(faceA, a.interfaces[faceA]?.addresses ?? null), endText(faceB, b.interfaces[faceB]?.addresses ?? null)],
    prefix: cable.prefix.find((each) => !each.includes(":")) ?? cable.prefix[0] ?? "",
    to: [conditionText(cable.to_a), conditionText(cable.to_b)], down: cable.state === "down", change, interfaces: [cable.a, cable.b],
    words: [cable.a, cable.b, ...cable.prefix].join("\n").toLowerCase(),
  };
}

/**
 * The lines between guests and segments.
 * @param {View} view
 * @param {View | null} wanted
 * @param {string | null} scenario
 * @param {Map<string, Node>} nodes
 * @returns {Iterable<Line>}
 */
function* ports(view, wanted, scenario, nodes) {
  const names = wanted ? new Set([...Object.keys(view.guests), ...Object.keys(wanted.guests)]) : Object.keys(view.guests);
  for (const name of names) {
    const there = view.guests[name]?.interfaces ?? {}, want = wanted?.guests[name]?.interfaces;
    const known = want !== undefined, leaves = wanted !== null && !known && view.guests[name]?.scenario === scenario;
    for (const [face, iface] of Object.entries(there)) {
      const other = want?.[face];
      const segment = iface.segment;
      if (!segment || !nodes.has(`bridge ${segment}`)) continue;
      /** @type {Change} */
      const change = leaves || (known && other?.segment !== segment) ? "gone" : known && other && !isSamePort(iface, other) ? "changed" : "";
      const shown = change === "changed" && other ? { ...iface, addresses: other.addresses ?? iface.addresses, conditions: other.conditions } : iface;
      yield shown === iface ? once(iface, [name, face, change], () => portLine(name, face, iface, change)) : portLine(name, face, shown, change);
      if (known && other?.segment && other.segment !== segment && nodes.has(`bridge ${other.segment}`)) yield { ...portLine(name, face, other, "new"), id: `port ${name}:${face} new` };
    }
    for (const [face, iface] of Object.entries(want ?? {})) {
      if (there[face]?.segment || !iface.segment || !nodes.has(`bridge ${iface.segment}`)) continue;
      yield portLine(name, face, iface, "new");
    }
  }
}

/** @param {import("../model.js").Iface} there @param {import("../model.js").Iface} wanted */
function isSamePort(there, wanted) {
  return (wanted.addresses === null || isEqual(there.addresses, wanted.addresses)) && isEqual(there.conditions, wanted.conditions);
}

/** @param {string} guest @param {string} face @param {import("../model.js").Iface} iface @param {Change} change @returns {Line} */
function portLine(guest, face, iface, change) {
  return {
    id: `port ${guest}:${face}`, subject: { kind: "port", guest, interface: face }, kind: "port", source: `guest ${guest}`, target: `bridge ${iface.segment}`,
    ends: [endText(face, iface.addresses), ""], prefix: "", to: ["", conditionText(iface.conditions)], down: !iface.up, change, interfaces: [`${guest}:${face}`],
    words: [`${guest}:${face}`, ...(iface.addresses ?? [])].join("\n").toLowerCase(),
  };
}
