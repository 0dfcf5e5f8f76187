// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Where nodes go.  Pure but for the force layout itself, which map/arrange.js runs in a worker.
//
// A force layout of hundreds of guests is a hairball.  From 60 nodes on, guests with one cable stand in rings around what they are plugged
// into, such a segment stands with its ring beside the only router that it has, and only the rest, the core, is laid out, each of its nodes
// as large as what goes with it.  Of several layouts the best one is taken.

import { monoWidth } from "./text.js";

/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{id: string, w: number, h: number}} Box */
/** @typedef {{source: string, target: string, length: number}} Edge  length: that its texts need */
/** @typedef {Box & {kids: Box[], rx: number, ry: number}} Cluster  a node and the guests around it; rx, ry: half of what it covers */
/** @typedef {{nodes: Box[], edges: Edge[], clusters: Map<string, Cluster>, moons: Map<string, Cluster[]>}} Core
 *   clusters: of nodes of the core, by their id; moons: clusters beside a node of the core, by its id */

export const RINGS_FROM = 60; // nodes
const AIR = 14; // between boxes, in pixels

/**
 * What a force layout has to place.
 * @param {Scene} scene
 * @returns {Core}
 */
export function core(scene) {
  const near = neighbours(scene);
  const boxes = new Map([...scene.nodes.values()].map((node) => [node.id, { id: node.id, w: node.width, h: node.height }]));
  /** @type {Map<string, Cluster>} */
  const clusters = new Map();
  /** @type {Map<string, Cluster[]>} */
  const moons = new Map();
  const isLarge = scene.nodes.size >= RINGS_FROM;
  if (isLarge) {
    const kids = pruned(near, (id) => scene.nodes.get(id)?.kind === "guest");
    for (const [id, ids] of kids) clusters.set(id, cluster(boxes, id, ids, near.get(id)?.size ?? 0));
    for (const [id, ids] of pruned(near, () => true)) {
      moons.set(id, ids.map((moon) => clusters.get(moon) ?? cluster(boxes, moon, [], 1)));
      for (const moon of ids) clusters.delete(moon);
    }
  }
  const nodes = [...near.keys()].map((id) => {
    const box = /** @type {Box} */ (boxes.get(id)), own = clusters.get(id) ?? { rx: box.w / 2, ry: box.h / 2 };
    const beside = moons.get(id);
    if (!beside) return { id, w: 2 * own.rx + (isLarge ? 40 : 16), h: 2 * own.ry + (isLarge ? 40 : 16) };
    const far = orbit(own, beside), rx = Math.max(...beside.map((moon) => moon.rx)), ry = Math.max(...beside.map((moon) => moon.ry));
    if (beside.length === 1) return { id, w: 2 * Math.max(rx, own.rx) + 40, h: 2 * (ry + own.ry) + 60 };
    return { id, w: 2 * (far.x + rx) + 40, h: 2 * (far.y + ry) + 40 };
  });
  /** @type {Edge[]} */
  const edges = [];
  for (const line of scene.lines.values()) if (near.has(line.source) && near.has(line.target)) edges.push({ source: line.source, target: line.target, length: isLarge ? 70 : needed(line) });
  return { nodes, edges, clusters, moons };
}

/** @param {Scene} scene @returns {Map<string, Set<string>>} */
function neighbours(scene) {
  /** @type {Map<string, Set<string>>} */
  const near = new Map([...scene.nodes.keys()].map((id) => [id, new Set()]));
  for (const line of scene.lines.values()) {
    near.get(line.source)?.add(line.target);
    near.get(line.target)?.add(line.source);
  }
  return near;
}

/**
 * Take the nodes off a graph that hang on one other node, which itself is joined to more.
 * @param {Map<string, Set<string>>} near changed
 * @param {(id: string) => boolean} may
 * @returns {Map<string, string[]>} by what they hang on
 */
function pruned(near, may) {
  /** @type {Map<string, string[]>} */
  const hang = new Map();
  for (const [id, others] of near) {
    const [only] = others;
    if (others.size !== 1 || !may(id) || (near.get(only)?.size ?? 0) < 2) continue;
    hang.set(only, [...(hang.get(only) ?? []), id]);
  }
  for (const [only, ids] of hang) {
    for (const id of ids) {
      near.delete(id);
      near.get(only)?.delete(id);
    }
  }
  return hang;
}

/**
 * A node and its guests, as large as they may become: where its other lines will lead is not known yet.
 * @param {Map<string, Box>} boxes
 * @param {string} id
 * @param {string[]} kids
 * @param {number} ways lines that lead elsewhere
 * @returns {Cluster}
 */
function cluster(boxes, id, kids, ways) {
  const box = /** @type {Box} */ (boxes.get(id)), around = kids.flatMap((kid) => boxes.get(kid) ?? []);
  let rx = box.w / 2, ry = box.h / 2;
  for (const first of [0, 0.25, 0.5, 0.75]) {
    const somewhere = Array.from({ length: ways }, (_, n) => ({ x: Math.cos((first + n * 0.38) * 2 * Math.PI) * 1000, y: Math.sin((first + n * 0.38) * 2 * Math.PI) * 1000 }));
    for (const [kid, { x, y }] of ringed({ x: 0, y: 0 }, box, around, somewhere)) {
      const { w, h } = /** @type {Box} */ (boxes.get(kid));
      rx = Math.max(rx, Math.abs(x) + w / 2);
      ry = Math.max(ry, Math.abs(y) + h / 2);
    }
  }
  return { ...box, kids: around, rx, ry };
}

/** @param {{rx: number, ry: number}} own @param {Cluster[]} moons @returns {Point} radii of the ellipse on which the middles of several moons stand */
function orbit(own, moons) {
  const rx = Math.max(...moons.map((moon) => moon.rx)), ry = Math.max(...moons.map((moon) => moon.ry));
  const room = moons.length / Math.PI;
  return { x: Math.max(own.rx + rx + 30, rx * room + 20), y: Math.max(own.ry + ry + 30, ry * room + 20) };
}

/**
 * Places of all nodes, of those of the core.
 * @param {Core} graph
 * @param {Map<string, Point>} middles of the nodes of the core
 */
export function unfolded(graph, middles) {
  const centre = mean([...middles.values()]);
  /** @type {Map<string, Point>} */
  const places = new Map(middles);
  const ways = (/** @type {string} */ id) => graph.edges.flatMap(({ source, target }) => (source === id ? (middles.get(target) ?? []) : target === id ? (middles.get(source) ?? []) : []));
  for (const [id, moons] of graph.moons) {
    const at = middles.get(id);
    if (!at) continue;
    const away = angleFrom(at, [...ways(id), centre]);
    const own = graph.clusters.get(id) ?? { rx: 50, ry: 22 };
    if (moons.length === 1) {
      const [moon] = moons, flat = Math.sin(away) < 0 ? -1 : 1;
      // One moon stands above or below, since boxes are wider than high and texts lie.
      places.set(id, { x: at.x, y: at.y - flat * (moon.ry + 16) });
      place(places, moon, { x: at.x, y: at.y + flat * (own.ry + 14) }, [/** @type {Point} */ (places.get(id))]);
      continue;
    }
    const far = orbit(own, moons);
    moons.forEach((moon, n) => {
      const angle = away + (n / moons.length) * 2 * Math.PI;
      place(places, moon, { x: Math.round(at.x + Math.cos(angle) * far.x), y: Math.round(at.y + Math.sin(angle) * far.y) }, [at]);
    });
  }
  for (const [id, cluster] of graph.clusters) {
    const at = places.get(id);
    if (at) place(places, cluster, at, ways(id));
  }
  return places;
}

/** @param {Map<string, Point>} places @param {Cluster} cluster @param {Point} at @param {Point[]} ways */
function place(places, cluster, at, ways) {
  places.set(cluster.id, at);
  for (const [kid, where] of ringed(at, cluster, cluster.kids, ways)) places.set(kid, where);
}

/** @param {Point[]} points @returns {Point} */
function mean(points) {
  const n = points.length || 1;
  return { x: points.reduce((sum, p) => sum + p.x, 0) / n, y: points.reduce((sum, p) => sum + p.y, 0) / n };
}

/** @param {Point} at @param {Point[]} others @returns {number} the angle that leads away from them */
function angleFrom(at, others) {
  let x = 0, y = 0;
  for (const other of others) {
    const dx = at.x - other.x, dy = at.y - other.y, long = Math.hypot(dx, dy) || 1;
    x += dx / long;
    y += dy / long;
  }
  return Math.atan2(y, x);
}

/** @param {import("./scene.js").Line} line @returns {number} how long it has to be for its texts, in pixels */
export function needed(line) {
  const [back, forth] = line.to;
  const texts = [...line.ends, back === forth ? back || line.prefix : back, back === forth ? "" : forth].filter(Boolean);
  return texts.reduce((sum, text) => sum + monoWidth(text, 12) + 14, 24);
}

/**
 * Places of guests in rings around a node, each ring as wide as it must be for none to touch another.
 * @param {Point} at of the node
 * @param {Box} box of the node
 * @param {Box[]} kids
 * @param {Point[]} ways where the node's other lines lead: gaps
 * @returns {Map<string, Point>}
 */
export function ringed(at, box, kids, ways) {
  const gaps = ways.map((way) => Math.atan2(way.y - at.y, way.x - at.x));
  const sorted = [...kids].sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
  const spots = rings(box, sorted, gaps);
  return new Map(sorted.map((kid, n) => [kid.id, { x: Math.round(at.x + spots[n].x), y: Math.round(at.y + spots[n].y) }]));
}

/** @type {Map<string, Point[]>} rings that were found: most of a lab's segments are alike */
const known = new Map();

/** @param {Box} box @param {Box[]} kids @param {number[]} gaps angles @returns {Point[]} from the middle of the node */
function rings(box, kids, gaps) {
  const key = [box.w, box.h, ...gaps.map((gap) => gap.toFixed(2)), ...kids.map((kid) => `${kid.w}x${kid.h}`)].join(" ");
  const old = known.get(key);
  if (old) return old;
  /** @type {Point[]} */
  const places = [];
  const sorted = [...kids];
  const taken = [{ x: 0, y: 0, w: box.w, h: box.h }];
  let rx = box.w / 2 + 66, ry = 100; // so that a line has room for its text
  while (sorted.length) {
    const most = Math.max(4, Math.floor((2 * (rx + ry)) / 56) - gaps.length);
    // The last ring takes what would be alone in another one.
    const count = sorted.length <= most + 2 ? sorted.length : most;
    const ring = sorted.splice(0, count);
    const widest = { w: Math.max(...ring.map((kid) => kid.w)), h: Math.max(...ring.map((kid) => kid.h)) };
    let spots = spread(ring.length, gaps, rx, ry, widest);
    while (!fit(spots, ring, taken)) {
      rx *= 1.06;
      ry *= 1.06;
      spots = spread(ring.length, gaps, rx, ry, widest);
    }
    ring.forEach((kid, n) => {
      taken.push({ ...spots[n], w: kid.w, h: kid.h });
      places.push(spots[n]);
    });
    rx += 76;
    ry += 62;
  }
  if (known.size > 5000) known.clear();
  known.set(key, places);
  return places;
}

/** @param {Point[]} spots @param {Box[]} kids @param {(Point & {w: number, h: number})[]} taken whether none touches another */
function fit(spots, kids, taken) {
  const boxes = [...taken, ...spots.map((spot, n) => ({ ...spot, w: kids[n].w, h: kids[n].h }))];
  for (let n = taken.length; n < boxes.length; n++) {
    for (let k = 0; k < n; k++) {
      const a = boxes[n], b = boxes[k];
      if (Math.abs(a.x - b.x) < (a.w + b.w) / 2 + AIR && Math.abs(a.y - b.y) < (a.h + b.h) / 2 + AIR) return false;
    }
  }
  return true;
}

/**
 * Points on an ellipse at equal steps along it, from one line that leads elsewhere to the next, and none on such a line.
 * @param {number} count
 * @param {number[]} gaps angles of those lines
 * @param {number} rx
 * @param {number} ry
 * @param {{w: number, h: number}} box that stands there
 * @returns {Point[]}
 */
function spread(count, gaps, rx, ry, box) {
  const steps = 180, start = gaps[0] ?? -Math.PI / 2;
  const points = Array.from({ length: steps }, (_, n) => {
    const angle = start + (n / steps) * 2 * Math.PI;
    return { x: Math.cos(angle) * rx, y: Math.sin(angle) * ry };
  });
  const lines = gaps.map((gap) => ({ x: Math.cos(gap) * 4000, y: Math.sin(gap) * 4000 }));
  const free = points.filter((p) => !lines.some((line) => runsBehind({ x: 0, y: 0 }, line, { id: "", ...box, ...p })));
  const way = free.length >= count ? free : points;
  let sum = 0;
  // A step over a gap counts as a short one, so that the two beside it stay close to it.
  const lengths = way.map((p, n) => (n ? (sum += Math.min(20, Math.hypot(p.x - way[n - 1].x, p.y - way[n - 1].y))) : 0));
  return Array.from({ length: count }, (_, n) => {
    const want = (count === 1 ? 0.5 : gaps.length ? n / (count - 1) : n / count) * sum;
    return way[Math.max(0, lengths.findIndex((length) => length >= want - 1e-6))];
  });
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
 * A layout whose nodes do not overlap: those that do are pushed apart, each by half, along the shorter way.
 * @param {Map<string, Point>} places
 * @param {Box[]} boxes
 * @returns {Map<string, Point>}
 */
export function apart(places, boxes) {
  const nodes = boxes.flatMap((box) => (places.has(box.id) ? { ...box, .../** @type {Point} */ (places.get(box.id)) } : []));
  for (let turns = 0, moved = true; moved && turns < 200; turns++) {
    moved = false;
    for (let n = 0; n < nodes.length; n++) {
      for (let k = n + 1; k < nodes.length; k++) {
        const a = nodes[n], b = nodes[k], dx = b.x - a.x, dy = b.y - a.y;
        const x = (a.w + b.w) / 2 - Math.abs(dx), y = (a.h + b.h) / 2 - Math.abs(dy);
        if (x <= 0.5 || y <= 0.5) continue;
        moved = true;
        const axis = x < y ? "x" : "y", by = ((x < y ? x : y) / 2 + 0.5) * ((x < y ? dx : dy) < 0 ? -1 : 1);
        a[axis] -= by;
        b[axis] += by;
      }
    }
  }
  return new Map(nodes.map(({ id, x, y }) => [id, { x, y }]));
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
  return bad + (zoom < 1 ? (1 / zoom - 1) * 18 : 0) + Math.abs(Math.log(width / (height || 1) / (stage.width / stage.height))) * 4;
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
  /** @type {[Point, Point][]} */
  const lines = [...scene.lines.values()].flatMap(({ source, target }) => {
    const a = there.get(source), b = there.get(target);
    return a && b ? [/** @type {[Point, Point]} */ ([a, b])] : [];
  });
  const fresh = [...scene.nodes.values()].filter((node) => !there.has(node.id));
  // What is joined to most comes first, so that others find it there.
  fresh.sort((a, b) => (near.get(b.id)?.length ?? 0) - (near.get(a.id)?.length ?? 0));
  for (const node of fresh) {
    const ends = (near.get(node.id) ?? []).flatMap((id) => there.get(id) ?? places.get(id) ?? []);
    const at = spot(ends.length ? mean(ends) : middle, node, boxes, ends, lines);
    for (const end of ends) lines.push([at, end]);
    places.set(node.id, at);
    boxes.push({ w: node.width, h: node.height, ...at });
  }
  return places;
}

/**
 * A place near a point that has room: of those on growing circles the one whose lines run behind and across the least.
 * @param {Point} from
 * @param {{width: number, height: number}} size
 * @param {(Point & {w: number, h: number})[]} boxes
 * @param {Point[]} ends where its lines lead
 * @param {[Point, Point][]} lines that are there
 * @returns {Point}
 */
export function spot(from, size, boxes, ends, lines) {
  const fits = (/** @type {Point} */ at) => boxes.every((box) => Math.abs(box.x - at.x) > (box.w + size.width) / 2 + 30 || Math.abs(box.y - at.y) > (box.h + size.height) / 2 + 30);
  /** @type {Point | null} */
  let best = null;
  let least = Infinity, tried = 0;
  for (let radius = ends.length === 1 ? 150 : 0; radius < 6000 && tried < 48; radius += 40) {
    const steps = radius ? Math.max(8, Math.round((2 * Math.PI * radius) / 80)) : 1;
    for (let n = 0; n < steps; n++) {
      const angle = Math.PI / 2 + (n % 2 ? 1 : -1) * Math.ceil(n / 2) * ((2 * Math.PI) / steps);
      const at = { x: Math.round((from.x + Math.cos(angle) * radius * 1.2) / 10) * 10, y: Math.round((from.y + Math.sin(angle) * radius) / 10) * 10 };
      if (!fits(at)) continue;
      tried++;
      const own = { id: "", w: size.width, h: size.height, ...at };
      let bad = radius / 60;
      for (const [a, b] of lines) if (runsBehind(a, b, own)) bad += 4;
      for (const end of ends) {
        for (const box of boxes) if ((box.x !== end.x || box.y !== end.y) && runsBehind(at, end, { id: "", ...box })) bad += 5;
        for (const [a, b] of lines) if (crosses(at, end, a, b)) bad += 2;
      }
      if (bad < least) [best, least] = [at, bad];
    }
  }
  return best ?? from;
}
