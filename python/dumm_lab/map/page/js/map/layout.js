// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Where nodes go.  Pure but for the force layout itself, which map/arrange.js runs in a worker.
//
// A force layout of hundreds of guests is a hairball.  From 60 nodes on, guests with one cable stand in rings around what they are plugged
// into, and only the rest, the core, is laid out, each of its nodes as large as its rings.  Of several layouts the best one is taken.

import { monoWidth } from "./text.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{id: string, w: number, h: number}} Box */
/** @typedef {{source: string, target: string, length: number}} Edge  length: that its texts need */
/** @typedef {{nodes: Box[], edges: Edge[], hangs: Map<string, string[]>, sizes: Map<string, Box>}} Core  hangs: leaves around a node of the core */

export const RINGS_FROM = 60; // nodes
const SLOT = 26; // room between guests of a ring, in pixels
const RING = 92; // between rings

/**
 * What a force layout has to place.
 * @param {Scene} scene
 * @returns {Core}
 */
export function core(scene) {
  /** @type {Map<string, Set<string>>} */
  const near = new Map([...scene.nodes.keys()].map((id) => [id, new Set()]));
  for (const line of scene.lines.values()) {
    near.get(line.source)?.add(line.target);
    near.get(line.target)?.add(line.source);
  }
  const sizes = new Map([...scene.nodes.values()].map((node) => [node.id, { id: node.id, w: node.width, h: node.height }]));
  /** @type {Map<string, string[]>} */
  const hangs = new Map();
  /** @type {Set<string>} */
  const leaves = new Set();
  if (scene.nodes.size >= RINGS_FROM) {
    for (const node of scene.nodes.values()) {
      const [only, ...others] = near.get(node.id) ?? [];
      if (node.kind !== "guest" || !only || others.length || (near.get(only)?.size ?? 0) < 2) continue;
      leaves.add(node.id);
      hangs.set(only, [...(hangs.get(only) ?? []), node.id]);
    }
  }
  const wide = scene.nodes.size < RINGS_FROM;
  const nodes = [...sizes.values()].filter((box) => !leaves.has(box.id)).map((box) => {
    const kids = hangs.get(box.id);
    if (!kids) return { id: box.id, w: box.w + 16, h: box.h + 16 };
    const { rx, ry } = reach(kids.map((id) => sizes.get(id)?.w ?? 88), box.w, (near.get(box.id)?.size ?? 0) - kids.length);
    return { id: box.id, w: 2 * rx + 120, h: 2 * ry + 60 };
  });
  /** @type {Edge[]} */
  const edges = [];
  for (const line of scene.lines.values()) {
    if (leaves.has(line.source) || leaves.has(line.target)) continue;
    edges.push({ source: line.source, target: line.target, length: wide ? needed(line) : 70 });
  }
  return { nodes, edges, hangs, sizes };
}

/** @param {import("./scene.js").Line} line @returns {number} how long it has to be for its texts, in pixels */
export function needed(line) {
  const texts = [...line.ends, line.to[0] || line.to[1] || line.prefix].filter(Boolean);
  return texts.reduce((sum, text) => sum + monoWidth(text, 11) + 14, 24);
}

/**
 * The radii of the outermost ring around a node.
 * @param {number[]} widths of the guests around it
 * @param {number} own width of the node
 * @param {number} ways lines that lead elsewhere and need a gap
 */
function reach(widths, own, ways) {
  const plan = rings(widths, own, ways);
  const last = plan[plan.length - 1] ?? { rx: own / 2, ry: 20 };
  return { rx: last.rx, ry: last.ry };
}

/**
 * The rings around a node: how many guests each has, and its radii.  They are wider than high, as guests are.
 * @param {number[]} widths
 * @param {number} own
 * @param {number} ways
 * @returns {{count: number, rx: number, ry: number}[]}
 */
export function rings(widths, own, ways) {
  const slot = Math.max(...widths, 88) * 0.62 + SLOT + 14;
  /** @type {{count: number, rx: number, ry: number}[]} */
  const plan = [];
  let left = widths.length;
  for (let n = 0; left > 0; n++) {
    const ry = 84 + n * RING * 0.8, rx = Math.max(ry * 1.3, own / 2 + 84 + n * RING);
    const around = Math.PI * (3 * (rx + ry) - Math.sqrt((3 * rx + ry) * (rx + 3 * ry)));
    const count = Math.min(left, Math.max(4, Math.floor(around / slot) - ways));
    plan.push({ count, rx, ry });
    left -= count;
  }
  return plan;
}

/**
 * Places of the guests around a node.
 * @param {Point} at of the node
 * @param {Box} box of the node
 * @param {Box[]} kids
 * @param {Point[]} ways where the node's other lines lead: gaps
 * @returns {Map<string, Point>}
 */
export function around(at, box, kids, ways) {
  /** @type {Map<string, Point>} */
  const places = new Map();
  const angles = ways.map((way) => Math.atan2(way.y - at.y, (way.x - at.x) / 1.3));
  const sorted = [...kids].sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
  let next = 0;
  for (const { count, rx, ry } of rings(kids.map((kid) => kid.w), box.w, ways.length)) {
    const slots = count + angles.length;
    const gap = Math.PI / slots;
    const free = [];
    for (let n = 0; n < slots * 8; n++) {
      const angle = -Math.PI / 2 + (n / (slots * 8)) * 2 * Math.PI;
      if (angles.every((taken) => Math.abs(turn(angle - taken)) > gap * 0.9)) free.push(angle);
    }
    for (let n = 0; n < count; n++, next++) {
      const angle = free[Math.floor(((n + 0.5) * free.length) / count)] ?? (n / count) * 2 * Math.PI;
      places.set(sorted[next].id, { x: Math.round(at.x + Math.cos(angle) * rx), y: Math.round(at.y + Math.sin(angle) * ry) });
    }
  }
  return places;
}

/** @param {number} angle @returns {number} the same angle between -π and π */
function turn(angle) {
  return Math.atan2(Math.sin(angle), Math.cos(angle));
}

/**
 * A layout turned so that its long side lies, because screens are wider than high.
 * @param {Map<string, Point>} places
 * @returns {Map<string, Point>}
 */
export function lying(places) {
  const points = [...places.values()];
  const n = points.length || 1;
  const mx = points.reduce((sum, p) => sum + p.x, 0) / n, my = points.reduce((sum, p) => sum + p.y, 0) / n;
  let xx = 0, yy = 0, xy = 0;
  for (const { x, y } of points) {
    xx += (x - mx) ** 2;
    yy += (y - my) ** 2;
    xy += (x - mx) * (y - my);
  }
  const angle = -0.5 * Math.atan2(2 * xy, xx - yy), cos = Math.cos(angle), sin = Math.sin(angle);
  return new Map([...places].map(([id, { x, y }]) => [id, { x: (x - mx) * cos - (y - my) * sin, y: (x - mx) * sin + (y - my) * cos }]));
}

/**
 * A layout on a grid: what nearly lies in a row does.
 * @param {Map<string, Point>} places
 * @param {number} [grid] in pixels
 * @returns {Map<string, Point>}
 */
export function snapped(places, grid = 40) {
  return new Map([...places].map(([id, { x, y }]) => [id, { x: Math.round(x / grid) * grid, y: Math.round(y / grid) * grid }]));
}

/**
 * How bad a layout is: lines that cross or run behind nodes, nodes that overlap, texts without room, and how small it must be shown.
 * @param {Map<string, Point>} places
 * @param {Core} graph
 * @param {{width: number, height: number}} stage
 * @returns {number}
 */
export function ugliness(places, graph, stage) {
  const nodes = graph.nodes.map((node) => ({ ...node, .../** @type {Point} */ (places.get(node.id)) }));
  const by = new Map(nodes.map((node) => [node.id, node]));
  const lines = graph.edges.flatMap(({ source, target, length }) => {
    const a = by.get(source), b = by.get(target);
    return a && b ? [{ a, b, length }] : [];
  });
  let bad = 0;
  lines.forEach(({ a, b, length }, n) => {
    for (const other of lines.slice(n + 1)) if (crosses(a, b, other.a, other.b)) bad += 4;
    for (const node of nodes) if (node !== a && node !== b && runsBehind(a, b, node)) bad += 6;
    const long = between(a, b);
    if (long < length) bad += 1.5 * (1 - long / length) + 0.5;
    if (long > length * 2.2) bad += 0.5;
  });
  nodes.forEach((a, n) => {
    for (const b of nodes.slice(n + 1)) if (Math.abs(a.x - b.x) < (a.w + b.w) / 2 + 8 && Math.abs(a.y - b.y) < (a.h + b.h) / 2 + 8) bad += 8;
  });
  const width = span(nodes, "x", "w"), height = span(nodes, "y", "h");
  const zoom = Math.min(stage.width / (width || 1), stage.height / (height || 1));
  return bad + (zoom < 1 ? (1 / zoom - 1) * 8 : 0) + Math.abs(Math.log(width / (height || 1) / (stage.width / stage.height))) * 3;
}

/** @param {any[]} nodes @param {"x" | "y"} axis @param {"w" | "h"} size */
function span(nodes, axis, size) {
  return Math.max(...nodes.map((node) => node[axis] + node[size] / 2)) - Math.min(...nodes.map((node) => node[axis] - node[size] / 2));
}

/** @param {Point} a @param {Point} b @param {Point} c */
function side(a, b, c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/** @param {Point} a @param {Point} b @param {Point} c @param {Point} d */
function crosses(a, b, c, d) {
  if (a === c || a === d || b === c || b === d) return false;
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

/** @param {Point} a @param {Point} b @param {Point & Box} node whether the line from a to b runs behind a node or close by */
function runsBehind(a, b, node) {
  const dx = b.x - a.x, dy = b.y - a.y, long = dx * dx + dy * dy || 1;
  const t = Math.max(0, Math.min(1, ((node.x - a.x) * dx + (node.y - a.y) * dy) / long));
  return Math.abs(a.x + t * dx - node.x) < node.w / 2 + 6 && Math.abs(a.y + t * dy - node.y) < node.h / 2 + 6;
}

/** @param {Point & Box} a @param {Point & Box} b how long a line is from border to border, about */
function between(a, b) {
  const dx = Math.abs(a.x - b.x), dy = Math.abs(a.y - b.y), long = Math.hypot(dx, dy) || 1;
  const inside = (/** @type {Box} */ box) => Math.min(box.w / 2 / (dx / long || 1e-9), box.h / 2 / (dy / long || 1e-9));
  return long - inside(a) - inside(b);
}

/**
 * Places for nodes that have come, near what they are joined to, so that nothing else has to move.
 * @param {Scene} scene
 * @param {Map<string, Point>} there
 * @param {Point} middle where what is joined to nothing goes
 * @returns {Map<string, Point>} of the new nodes
 */
export function beside(scene, there, middle) {
  /** @type {Map<string, Point>} */
  const places = new Map();
  const boxes = [...scene.nodes.values()].filter((node) => there.has(node.id)).map((node) => ({ w: node.width, h: node.height, .../** @type {Point} */ (there.get(node.id)) }));
  /** @type {Map<string, string[]>} */
  const near = new Map();
  for (const { source, target } of scene.lines.values()) {
    near.set(source, [...(near.get(source) ?? []), target]);
    near.set(target, [...(near.get(target) ?? []), source]);
  }
  const fresh = [...scene.nodes.values()].filter((node) => !there.has(node.id));
  // What is joined to most comes first, so that others find it there.
  fresh.sort((a, b) => (near.get(b.id)?.length ?? 0) - (near.get(a.id)?.length ?? 0));
  for (const node of fresh) {
    const ends = (near.get(node.id) ?? []).flatMap((id) => there.get(id) ?? places.get(id) ?? []);
    const from = ends.length ? { x: ends.reduce((sum, p) => sum + p.x, 0) / ends.length, y: ends.reduce((sum, p) => sum + p.y, 0) / ends.length } : middle;
    const at = free(from, node, boxes, ends.length === 1 ? 150 : 0);
    places.set(node.id, at);
    boxes.push({ w: node.width, h: node.height, ...at });
  }
  return places;
}

/**
 * The nearest place on growing circles that has room.
 * @param {Point} from
 * @param {{width: number, height: number}} size
 * @param {(Point & {w: number, h: number})[]} boxes
 * @param {number} distance of the first circle
 * @returns {Point}
 */
function free(from, size, boxes, distance) {
  const fits = (/** @type {Point} */ at) => boxes.every((box) => Math.abs(box.x - at.x) > (box.w + size.width) / 2 + 30 || Math.abs(box.y - at.y) > (box.h + size.height) / 2 + 30);
  for (let radius = distance; radius < distance + 4000; radius += 40) {
    const steps = radius ? Math.max(8, Math.round((2 * Math.PI * radius) / 80)) : 1;
    for (let n = 0; n < steps; n++) {
      const angle = Math.PI / 2 + (n % 2 ? 1 : -1) * Math.ceil(n / 2) * ((2 * Math.PI) / steps);
      const at = { x: Math.round(from.x + Math.cos(angle) * radius * 1.2), y: Math.round(from.y + Math.sin(angle) * radius) };
      if (fits(at)) return at;
    }
  }
  return from;
}
