// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Lays out a whole map: several tries of fcose in a worker, the best of them, and the rings around it.

import { areas, composed, part } from "./areas.js";
import { apart, core, lying, snapped, ugliness, unfolded } from "./layout.js";

/** @typedef {import("./layout.js").Point} Point */
/** @typedef {import("./scene.js").Scene} Scene */

/**
 * Places for all nodes of a scene.
 * @param {Scene} scene
 * @param {{width: number, height: number}} stage
 * @returns {Promise<Map<string, Point>>}
 */
export async function arranged(scene, stage) {
  const names = areas(scene);
  if (names.length < 2) return laidOut(scene, stage);
  /** @type {Map<string, Map<string, Point>>} */
  const layouts = new Map();
  for (const name of names) layouts.set(name, await laidOut(part(scene, name), stage));
  return composed(scene, layouts);
}

/**
 * @param {Scene} scene
 * @param {{width: number, height: number}} stage
 * @returns {Promise<Map<string, Point>>}
 */
async function laidOut(scene, stage) {
  const graph = core(scene);
  const count = graph.nodes.length;
  const tries = count < 30 ? 12 : count < 80 ? 9 : count < 200 ? 3 : 1;
  const ringed = graph.clusters.size + graph.moons.size > 0;
  const options = { quality: "default", nodeSeparation: ringed ? 60 : 100, edgeElasticity: 0.35, numIter: count < 100 ? 1800 : 2500 };
  // From loose to dense: which one suits depends on the lab.
  const manners = [{ nodeRepulsion: 14000, gravity: 0.2 }, { nodeRepulsion: 6000, gravity: 0.5 }, { nodeRepulsion: 4500, gravity: 1.2 }];
  /** @type {Map<string, Point> | null} */
  let best = null;
  let least = Infinity;
  for await (const places of fcose({ nodes: graph.nodes, edges: graph.edges, tries, options, manners })) {
    const turned = lying(places);
    for (const candidate of ringed ? [apart(turned, graph.nodes)] : [snapped(turned), turned]) {
      const bad = tries > 1 ? ugliness(candidate, graph, stage) : 0;
      if (bad >= least) continue;
      least = bad;
      best = candidate;
    }
  }
  return unfolded(graph, best ?? new Map());
}

/**
 * The layouts that a worker finds, one after the other.
 * @param {{nodes: object[], edges: object[], tries: number, options: object, manners: object[]}} task
 * @returns {AsyncIterable<Map<string, Point>>}
 */
async function* fcose(task) {
  if (!task.nodes.length) return;
  const worker = new Worker(new URL("./layout.worker.js", import.meta.url));
  try {
    /** @type {((value: [string, number, number][] | null) => void)[]} */
    const waiting = [];
    /** @type {([string, number, number][] | null)[]} */
    const come = [];
    worker.onmessage = (event) => (waiting.shift() ?? ((found) => come.push(found)))(event.data);
    worker.onerror = () => (waiting.shift() ?? ((found) => come.push(found)))(null);
    worker.postMessage(task);
    for (;;) {
      /** @type {[string, number, number][] | null} */
      const found = come.length ? (come.shift() ?? null) : await new Promise((resolve) => waiting.push(resolve));
      if (!found) return;
      yield new Map(found.map(([id, x, y]) => [id, { x, y }]));
    }
  } finally {
    worker.terminate();
  }
}
