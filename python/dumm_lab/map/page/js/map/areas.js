// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Lab hosts are areas: what is on one lab host is laid out by itself, and what joins them stands between.  Pure.

import { spot } from "./layout.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{x: number, y: number, w: number, h: number}} Rect  x, y: its middle */

export const ROOM = 34; // of an area, around what is in it
const BETWEEN = { x: 300, y: 190 }; // areas, so that segments and texts of cables have room there

/** @param {Scene} scene @returns {string[]} names of the lab hosts that something is on */
export function areas(scene) {
  const names = new Set([...scene.nodes.values()].flatMap((node) => node.area ?? []));
  return [...names].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}

/**
 * What of a scene is on one lab host.
 * @param {Scene} scene
 * @param {string} area
 * @returns {Scene}
 */
export function part(scene, area) {
  const nodes = new Map([...scene.nodes].filter(([, node]) => node.area === area));
  return { nodes, lines: new Map([...scene.lines].filter(([, line]) => nodes.has(line.source) && nodes.has(line.target))) };
}

/**
 * The area around some nodes.
 * @param {Scene} scene
 * @param {string} area
 * @param {(id: string) => Point | undefined} place
 * @returns {Rect | null} `null` if none of them has a place
 */
export function around(scene, area, place) {
  let x1 = Infinity, x2 = -Infinity, y1 = Infinity, y2 = -Infinity;
  for (const node of scene.nodes.values()) {
    const at = node.area === area ? place(node.id) : undefined;
    if (!at) continue;
    [x1, x2] = [Math.min(x1, at.x - node.width / 2), Math.max(x2, at.x + node.width / 2)];
    [y1, y2] = [Math.min(y1, at.y - node.height / 2), Math.max(y2, at.y + node.height / 2)];
  }
  return x1 > x2 ? null : { x: (x1 + x2) / 2, y: (y1 + y2) / 2, w: x2 - x1 + 2 * ROOM, h: y2 - y1 + 2 * ROOM };
}

/**
 * One layout of several: areas in rows, and what belongs to none of them near what it is joined to, in no area.
 * @param {Scene} scene
 * @param {Map<string, Map<string, Point>>} layouts by area, each as if it were alone
 * @returns {Map<string, Point>}
 */
export function composed(scene, layouts) {
  /** @type {Map<string, Point>} */
  const places = new Map();
  const rects = [...layouts].map(([area, own]) => /** @type {Rect} */ (around(scene, area, (id) => own.get(id)) ?? { x: 0, y: 0, w: 0, h: 0 }));
  const spots = rows(rects);
  [...layouts.values()].forEach((own, n) => {
    const away = spots.filter((_, k) => k !== n).map(({ x, y }) => ({ x: x - spots[n].x, y: y - spots[n].y }));
    const centred = new Map([...own].map(([id, { x, y }]) => [id, { x: x - rects[n].x, y: y - rects[n].y }]));
    for (const [id, { x, y }] of turned(scene, centred, away)) places.set(id, { x: Math.round(x + spots[n].x), y: Math.round(y + spots[n].y) });
  });
  const boxes = rects.map(({ w, h }, n) => ({ ...spots[n], w, h }));
  for (const node of scene.nodes.values()) {
    if (node.area !== null) continue;
    const ends = [...scene.lines.values()].flatMap(({ source, target }) => (source === node.id ? (places.get(target) ?? []) : target === node.id ? (places.get(source) ?? []) : []));
    const n = ends.length || 1, from = ends.reduce((sum, end) => ({ x: sum.x + end.x / n, y: sum.y + end.y / n }), { x: 0, y: 0 });
    const at = spot(from, node, boxes, ends, []);
    places.set(node.id, at);
    boxes.push({ ...at, w: node.width, h: node.height });
  }
  return places;
}

/**
 * The mirror image of an area's layout in which the nodes with lines that lead out of it are nearest to the other areas.
 * @param {Scene} scene
 * @param {Map<string, Point>} own around 0, 0
 * @param {Point[]} away middles of the other areas
 * @returns {Map<string, Point>}
 */
function turned(scene, own, away) {
  const out = [...scene.lines.values()].flatMap(({ source, target }) => (own.has(source) === own.has(target) ? [] : (own.get(source) ?? own.get(target) ?? [])));
  let best = own, least = Infinity;
  for (const [sx, sy] of [[1, 1], [-1, 1], [1, -1], [-1, -1]]) {
    const far = out.reduce((sum, at) => sum + away.reduce((long, other) => long + Math.hypot(at.x * sx - other.x, at.y * sy - other.y), 0), 0);
    if (far >= least - 1) continue;
    least = far;
    best = new Map([...own].map(([id, { x, y }]) => [id, { x: x * sx, y: y * sy }]));
  }
  return best;
}

/**
 * Places of areas in rows, about as many beside as below each other; the last row stands in the middle.
 * @param {Rect[]} rects
 * @returns {Point[]}
 */
function rows(rects) {
  const columns = Math.ceil(Math.sqrt(rects.length));
  /** @type {Point[]} */
  const spots = [];
  let top = 0;
  for (let n = 0; n < rects.length; n += columns) {
    const row = rects.slice(n, n + columns), high = Math.max(...row.map((rect) => rect.h));
    let left = -(row.reduce((sum, rect) => sum + rect.w, 0) + (row.length - 1) * BETWEEN.x) / 2;
    for (const { w } of row) {
      spots.push({ x: left + w / 2, y: top + high / 2 });
      left += w + BETWEEN.x;
    }
    top += high + BETWEEN.y;
  }
  return spots;
}
