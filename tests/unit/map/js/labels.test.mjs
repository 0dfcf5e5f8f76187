// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import assert from "node:assert/strict";
import { test } from "node:test";

import { overlap, placed, upright } from "../../../../python/dumm_lab/map/page/js/map/labels.js";

const node = (x, y) => ({ x, y, w: 92, h: 40 });
const box = (x, y, w = 10, h = 10, angle = 0) => ({ x, y, w, h, cos: Math.cos(angle), sin: Math.sin(angle) });

/** Pairs of texts, and of texts and nodes, that overlap. */
function overlaps(nodes, places) {
  const texts = [...places.values()].flatMap((place) => place.boxes);
  const boxes = nodes.map((each) => upright(each));
  return texts.flatMap((a, n) => [...boxes, ...texts.slice(n + 1)].filter((b) => overlap(a, b)));
}

test("turned boxes overlap where they do", () => {
  assert.ok(overlap(box(0, 0), box(9, 0)));
  assert.ok(!overlap(box(0, 0), box(11, 0)));
  assert.ok(!overlap(box(0, 0, 100, 4, Math.PI / 4), box(30, 0, 10, 10)));
  assert.ok(overlap(box(0, 0, 100, 4, Math.PI / 4), box(30, 30, 10, 10)));
});

test("a long line has all of its texts", () => {
  const line = { id: "l", from: { x: 46, y: 0 }, to: { x: 554, y: 0 }, ends: ["eth0 .1", "eth1 .2"], middle: ["5 Mbit/s", "20 ms", "10.0.0.0/30"] };
  const place = placed([node(0, 0), node(600, 0)], [line]).get("l");
  assert.deepEqual(place.ends, ["eth0 .1", "eth1 .2"]);
  assert.equal(place.middle, "10.0.0.0/30  20 ms  5 Mbit/s");
  assert.equal(overlaps([node(0, 0), node(600, 0)], new Map([["l", place]])).length, 0);
});

test("what does not fit goes in the order prefix, conditions, rate", () => {
  const seen = new Set();
  for (let length = 520; length > 40; length -= 10) {
    const line = { id: "l", from: { x: 0, y: 0 }, to: { x: length, y: 0 }, ends: ["eth0 .1", "eth1 .2"], middle: ["5 Mbit/s", "20 ms", "10.0.0.0/30"] };
    seen.add(placed([], [line]).get("l").middle);
  }
  assert.deepEqual([...seen], ["10.0.0.0/30  20 ms  5 Mbit/s", "20 ms  5 Mbit/s", "5 Mbit/s", ""]);
});

test("lines that leave a node close together do not write on each other", () => {
  const nodes = [node(0, 0)];
  const lines = Array.from({ length: 12 }, (_, n) => {
    const angle = -0.5 + n * 0.09;
    nodes.push(node(Math.cos(angle) * 500, Math.sin(angle) * 500 * (1 + n / 6)));
    return { id: `l${n}`, from: { x: 46, y: n * 2 - 12 }, to: { x: nodes[n + 1].x - 46, y: nodes[n + 1].y }, ends: ["eth0 .100", "eth0 .1"], middle: ["", "5 ms", "10.20.30.0/24"] };
  });
  const places = placed(nodes, lines);
  assert.equal(overlaps(nodes, places).length, 0);
  assert.ok([...places.values()].filter((place) => place.ends[0]).length >= 6);
});

test("texts of a curve stand on the curve", () => {
  const line = { id: "l", from: { x: 0, y: 0 }, to: { x: 400, y: 0 }, bend: { x: 200, y: 100 }, ends: ["eth0", ""], middle: ["x"] };
  const { boxes } = placed([], [line]).get("l");
  assert.ok(boxes[0].y > 5 && boxes[0].sin > 0.2);
  assert.ok(Math.abs(boxes[1].y - 50) < 1);
});
