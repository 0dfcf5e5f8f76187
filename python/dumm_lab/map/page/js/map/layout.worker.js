// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Runs the force layout beside the page, so that the page stays responsive.  A classic worker, because fcose is no ES module.

/* global importScripts, cytoscape, cytoscapeFcose */
importScripts("../../vendor/cytoscape.min.js", "../../vendor/layout-base.js", "../../vendor/cose-base.js", "../../vendor/cytoscape-fcose.js");
cytoscape.use(cytoscapeFcose);

/**
 * The same lab gets the same layout: chance is a sequence of numbers with a seed (mulberry32).
 * @param {number} seed
 */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {MessageEvent<{nodes: any[], edges: any[], tries: number, options: Record<string, any>, manners: object[]}>} event */
onmessage = (event) => {
  const { nodes, edges, tries, options, manners } = event.data;
  for (let n = 0; n < tries; n++) {
    Math.random = chance(n + 1);
    const graph = cytoscape({
      headless: true,
      styleEnabled: true,
      elements: { nodes: nodes.map((data) => ({ data: { ...data } })), edges: edges.map((data, at) => ({ data: { id: `edge ${at}`, ...data } })) },
      style: [{ selector: "node", style: { shape: "rectangle", width: "data(w)", height: "data(h)" } }],
    });
    graph
      .layout(/** @type {any} */ ({ name: "fcose", randomize: true, animate: false, fit: false, packComponents: true, tile: true, idealEdgeLength: (/** @type {any} */ edge) => edge.data("length"), ...options, ...manners[n % manners.length] }))
      .run();
    postMessage(graph.nodes().map((/** @type {any} */ node) => [node.id(), node.position("x"), node.position("y")]));
    graph.destroy();
  }
  postMessage(null);
};
