// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What the person looks for, and where the arrow keys lead.  Pure.

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {{x: number, y: number}} Point */

/**
 * What fits a text: nodes whose name, label, group or address has all of its words, and lines of that interface or address.  The better first:
 * a name that is it, a name that begins so, the rest.
 * @param {Scene} scene
 * @param {string} query
 * @returns {string[]} ids
 */
export function found(scene, query) {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  /** @type {{id: string, rank: number, name: string}[]} */
  const hits = [];
  for (const node of scene.nodes.values()) {
    if (!words.every((word) => node.words.includes(word))) continue;
    const name = node.name.toLowerCase();
    hits.push({ id: node.id, name, rank: name === words[0] ? 0 : name.startsWith(words[0]) ? 1 : name.includes(words[0]) ? 2 : 3 });
  }
  if (!hits.length || words[0].includes(":")) {
    for (const line of scene.lines.values()) if (words.every((word) => line.words.includes(word))) hits.push({ id: line.id, name: line.words, rank: 4 });
  }
  hits.sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name, undefined, { numeric: true }));
  return hits.map((hit) => hit.id);
}

/**
 * The node that an arrow key leads to: the nearest one in that direction, where what lies aside counts as farther.
 * @param {Map<string, Point>} places
 * @param {string} from id
 * @param {"ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight"} key
 * @returns {string | null}
 */
export function neighbour(places, from, key) {
  const at = places.get(from);
  if (!at) return null;
  const [dx, dy] = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[key];
  let best = null, least = Infinity;
  for (const [id, place] of places) {
    const x = place.x - at.x, y = place.y - at.y, ahead = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (id === from || ahead <= 1 || aside > ahead * 2.5) continue;
    const far = ahead + 2 * aside;
    if (far < least) [best, least] = [id, far];
  }
  return best;
}

/**
 * The hull of a group: the corners of its boxes, the outer ones, around (Andrew's monotone chain).
 * @param {{x: number, y: number, w: number, h: number}[]} boxes
 * @param {number} room around them
 * @returns {Point[]}
 */
export function hull(boxes, room) {
  const points = boxes.flatMap(({ x, y, w, h }) => [-1, 1].flatMap((a) => [-1, 1].map((b) => ({ x: x + a * (w / 2 + room), y: y + b * (h / 2 + room) }))));
  points.sort((p, q) => p.x - q.x || p.y - q.y);
  const half = (/** @type {Point[]} */ sorted) => {
    /** @type {Point[]} */
    const chain = [];
    for (const p of sorted) {
      while (chain.length > 1 && cross(chain[chain.length - 2], chain[chain.length - 1], p) <= 0) chain.pop();
      chain.push(p);
    }
    return chain.slice(0, -1);
  };
  return [...half(points), ...half([...points].reverse())];
}

/** @param {Point} a @param {Point} b @param {Point} c */
function cross(a, b, c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}
