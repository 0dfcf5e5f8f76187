// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Lays out a whole map: several tries of fcose in a worker, the best of them, and the rings around it.

import { around, core, lying, snapped, ugliness } from "./layout.js";

/** @typedef {import("./layout.js").Point} Point */
/** @typedef {import("./scene.js").Scene} Scene */

/**
 * Places for all nodes of a scene.
 * @param {Scene} scene
 * @param {{width: number, height: number}} stage
 * @returns {Promise<Map<string, Point>>}
 */
export async function arranged(scene, stage) {
  const graph = core(scene);
  const count = graph.nodes.length;
  const tries = count < 30 ? 14 : count < 80 ? 6 : count < 160 ? 2 : 1;
  const ringed = graph.hangs.size > 0;
  const options = {
    quality: "default", nodeRepulsion: ringed ? 12000 : 22000, nodeSeparation: ringed ? 60 : 130, edgeElasticity: 0.3, gravity: 0.2, numIter: count < 100 ? 1800 : 2500,
  };
  /** @type {Map<string, Point> | null} */
  let best = null;
  let least = Infinity;
  for await (const places of fcose({ nodes: graph.nodes, edges: graph.edges, tries, options })) {
    const turned = lying(places);
    for (const candidate of ringed ? [turned] : [snapped(turned), turned]) {
      const bad = tries > 1 ? ugliness(candidate, graph, stage) : 0;
      if (bad >= least) continue;
      least = bad;
      best = candidate;
    }
  }
  const places = best ?? new Map();
  for (const [id, kids] of graph.hangs) {
    const at = places.get(id), box = graph.sizes.get(id);
    if (!at || !box) continue;
    const ways = graph.edges.flatMap(({ source, target }) => (source === id ? (places.get(target) ?? []) : target === id ? (places.get(source) ?? []) : []));
    const boxes = kids.flatMap((kid) => graph.sizes.get(kid) ?? []);
    for (const [kid, place] of around(at, box, boxes, ways)) places.set(kid, place);
  }
  return places;
}

/**
 * The layouts that a worker finds, one after the other.
 * @param {{nodes: object[], edges: object[], tries: number, options: object}} task
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
