// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import assert from "node:assert/strict";
import { test } from "node:test";

import { apart, beside, core, lying, ringed, snapped, ugliness, unfolded } from "../../../../python/dumm_lab/map/page/js/map/layout.js";

/** A scene of offices: a router, a segment and hosts each, routers in a ring. */
function offices(count, hosts) {
  const nodes = new Map(), lines = new Map();
  const put = (id, kind) => nodes.set(id, { id, kind, width: 92, height: 40 });
  const join = (source, target) => lines.set(`${source} ${target}`, { id: `${source} ${target}`, source, target, ends: ["eth0 .1", ""], to: ["", ""], prefix: "" });
  for (let n = 0; n < count; n++) {
    put(`guest r${n}`, "guest");
    put(`bridge lan${n}`, "segment");
    join(`guest r${n}`, `bridge lan${n}`);
    for (let h = 0; h < hosts; h++) {
      put(`guest pc${n}-${h}`, "guest");
      join(`guest pc${n}-${h}`, `bridge lan${n}`);
    }
  }
  for (let n = 0; n < count; n++) join(`guest r${n}`, `guest r${(n + 1) % count}`);
  return { nodes, lines };
}

/** Boxes that overlap. */
function overlaps(scene, places) {
  const boxes = [...places].map(([id, at]) => ({ ...at, w: scene.nodes.get(id).width, h: scene.nodes.get(id).height }));
  return boxes.flatMap((a, n) => boxes.slice(n + 1).filter((b) => Math.abs(a.x - b.x) < (a.w + b.w) / 2 && Math.abs(a.y - b.y) < (a.h + b.h) / 2));
}

test("small labs are laid out as a whole", () => {
  const scene = offices(4, 3), graph = core(scene);
  assert.equal(graph.nodes.length, scene.nodes.size);
  assert.equal(graph.clusters.size + graph.moons.size, 0);
});

test("of large labs only the routers are laid out, and everything gets a place of its own", () => {
  for (const hosts of [7, 1, 40]) {
    const scene = offices(37, hosts), graph = core(scene);
    assert.deepEqual(graph.nodes.map((node) => node.id), Array.from({ length: 37 }, (_, n) => `guest r${n}`));
    const middles = apart(new Map(graph.nodes.map((node, n) => [node.id, { x: Math.cos(n / 6) * 2500, y: Math.sin(n / 6) * 2500 }])), graph.nodes);
    const places = unfolded(graph, middles);
    assert.equal(places.size, scene.nodes.size);
    assert.equal(overlaps(scene, places).length, 0, `${hosts} hosts`);
  }
});

test("guests of a ring leave room for the line that leads elsewhere", () => {
  const kids = Array.from({ length: 9 }, (_, n) => ({ id: `k${n}`, w: 92, h: 40 }));
  const places = ringed({ x: 0, y: 0 }, { id: "lan", w: 140, h: 30 }, kids, [{ x: 0, y: 500 }]);
  assert.equal(places.size, 9);
  for (const { x, y } of places.values()) assert.ok(y < 0 || Math.abs(x) > 46, `${x} ${y}`);
});

test("the same lab gives the same rings", () => {
  const graph = () => core(offices(20, 5));
  assert.deepEqual(graph(), graph());
});

test("a layout that stands is laid down", () => {
  const places = lying(new Map(Array.from({ length: 10 }, (_, n) => [`n${n}`, { x: n % 2, y: n * 100 }])));
  const xs = [...places.values()].map(({ x }) => x), ys = [...places.values()].map(({ y }) => y);
  assert.ok(Math.max(...xs) - Math.min(...xs) > 800);
  assert.ok(Math.max(...ys) - Math.min(...ys) < 5);
});

test("what nearly lies in a row does on the grid", () => {
  assert.deepEqual([...snapped(new Map([["a", { x: 3, y: 38 }], ["b", { x: 119, y: 43 }]])).values()], [{ x: 0, y: 40 }, { x: 120, y: 40 }]);
});

test("crossings, hidden lines and overlaps are ugly", () => {
  const graph = { nodes: ["a", "b", "c", "d"].map((id) => ({ id, w: 92, h: 40 })), edges: [["a", "b"], ["c", "d"]].map(([source, target]) => ({ source, target, length: 150 })), clusters: new Map(), moons: new Map() };
  const stage = { width: 1200, height: 700 };
  const score = (...points) => ugliness(new Map(points.map(([x, y], n) => ["abcd"[n], { x, y }])), graph, stage);
  const fine = score([0, 0], [400, 0], [0, 230], [400, 230]);
  assert.ok(score([0, 0], [400, 230], [0, 230], [400, 0]) > fine + 3); // crossed
  assert.ok(score([0, 0], [400, 0], [200, 10], [400, 230]) > fine + 3); // c on the line of a and b
  assert.ok(score([0, 0], [400, 0], [10, 20], [400, 230]) > fine + 3); // c on a
});

test("nodes that overlap are pushed apart, others stay", () => {
  const boxes = ["a", "b", "c"].map((id) => ({ id, w: 100, h: 40 }));
  const places = apart(new Map([["a", { x: 0, y: 0 }], ["b", { x: 90, y: 5 }], ["c", { x: 1000, y: 0 }]]), boxes);
  assert.deepEqual(places.get("c"), { x: 1000, y: 0 });
  assert.ok(Math.abs(places.get("a").x - places.get("b").x) >= 99 || Math.abs(places.get("a").y - places.get("b").y) >= 39);
});

test("new nodes find a place beside what they are joined to, and nothing else moves", () => {
  const scene = offices(6, 2);
  const there = new Map([...scene.nodes.keys()].filter((id) => !id.includes("pc0")).map((id, n) => [id, { x: (n % 5) * 260, y: Math.floor(n / 5) * 160 }]));
  const before = new Map(there);
  const places = beside(scene, there, { x: 0, y: 0 });
  assert.deepEqual([...places.keys()], ["guest pc0-0", "guest pc0-1"]);
  assert.deepEqual(there, before);
  assert.equal(overlaps(scene, new Map([...there, ...places])).length, 0);
  const lan = there.get("bridge lan0");
  for (const at of places.values()) assert.ok(Math.hypot(at.x - lan.x, at.y - lan.y) < 500);
});
