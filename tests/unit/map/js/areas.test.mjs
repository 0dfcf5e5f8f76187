// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import assert from "node:assert/strict";
import { test } from "node:test";

import { guestsHere } from "../../../../python/dumm_lab/map/page/js/edit/subjects.js";
import { areas, around, composed, part } from "../../../../python/dumm_lab/map/page/js/map/areas.js";
import { scene } from "../../../../python/dumm_lab/map/page/js/map/scene.js";
import { isElsewhere, states } from "../../../../python/dumm_lab/map/page/js/model.js";
import { passesHere } from "../../../../python/dumm_lab/map/page/js/terminal/capture.js";

/** Some lab hosts with a router and a host each; the routers share a segment, and the first two have a cable. */
function lab(count) {
  const guests = {}, segments = { wan: { prefix: [], address: [], label: null, lab_hosts: [] } };
  for (let n = 1; n <= count; n++) {
    const lab_host = `lab${n}`, state = n === 1 ? "running" : "elsewhere";
    const face = (segment) => ({ segment, cable: null, addresses: [], up: true, conditions: null });
    const own = { state, lab_host, role: "host", scenario: "big", loaded: [], saves: [], label: null, groups: [] };
    guests[`r${n}`] = { ...own, interfaces: { eth0: face(`lan${n}`), eth1: face("wan"), eth2: face(null) } };
    guests[`h${n}`] = { ...own, interfaces: { eth0: face(`lan${n}`) } };
    segments[`lan${n}`] = { prefix: [], address: [], label: null, lab_hosts: [lab_host] };
    segments.wan.lab_hosts.push(lab_host);
  }
  const cables = { "r1:eth2--r2:eth2": { a: "r1:eth2", b: "r2:eth2", prefix: [], to_a: null, to_b: null, state: "up" } };
  return { lab: { name: null, workdir: "/w", scenario: "big", lab_host: "lab1" }, guests, segments, cables, scenarios: {} };
}

/** What is on one lab host, in a row. */
const row = (scene) => new Map([...scene.nodes.values()].map((node, n) => [node.id, { x: n * 200, y: 0 }]));

test("a lab without lab hosts has no area", () => {
  const view = lab(2);
  for (const guest of Object.values(view.guests)) guest.lab_host = null;
  for (const segment of Object.values(view.segments)) segment.lab_hosts = [];
  assert.deepEqual(areas(scene(view, null)), []);
  for (const object of [...Object.values(view.guests), ...Object.values(view.segments)]) [object.lab_host, object.lab_hosts] = [undefined, undefined];
  assert.deepEqual(areas(scene(view, null)), []);
});

test("what is on one lab host is its area, what joins them is in none", () => {
  const whole = scene(lab(11), null);
  assert.deepEqual(areas(whole), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((n) => `lab${n}`));
  const own = part(whole, "lab2");
  assert.deepEqual([...own.nodes.keys()], ["guest r2", "guest h2", "bridge lan2"]);
  assert.deepEqual([...own.lines.keys()], ["port r2:eth0", "port h2:eth0"]);
  assert.equal(whole.nodes.get("bridge wan").area, null);
});

test("an area has room around all of its nodes, and none without places", () => {
  const whole = scene(lab(2), null), places = row(part(whole, "lab1"));
  const rect = around(whole, "lab1", (id) => places.get(id));
  for (const [id, { x, y }] of places) {
    const { width, height } = whole.nodes.get(id);
    assert.ok(Math.abs(x - rect.x) + width / 2 < rect.w / 2 && Math.abs(y - rect.y) + height / 2 < rect.h / 2);
  }
  assert.equal(around(whole, "lab2", (id) => places.get(id)), null);
});

for (const count of [2, 3, 4, 7]) {
  test(`areas of ${count} lab hosts do not touch, and what joins them is in none of them`, () => {
    const whole = scene(lab(count), null);
    const places = composed(whole, new Map(areas(whole).map((name) => [name, row(part(whole, name))])));
    assert.deepEqual(new Set(places.keys()), new Set(whole.nodes.keys()));
    const rects = areas(whole).map((name) => around(whole, name, (id) => places.get(id)));
    const { width, height } = whole.nodes.get("bridge wan");
    const all = [...rects, { ...places.get("bridge wan"), w: width, h: height }];
    all.forEach((a, n) => all.slice(n + 1).forEach((b) => assert.ok(Math.abs(a.x - b.x) >= (a.w + b.w) / 2 || Math.abs(a.y - b.y) >= (a.h + b.h) / 2)));
    const { x, y } = places.get("guest r1"), lan = places.get("bridge lan1");
    assert.deepEqual({ x: Math.abs(lan.x - x), y: lan.y - y }, { x: 400, y: 0 }); // as it was laid out by itself, or its mirror image
    assert.ok(x > lan.x && places.get("guest r2").x < places.get("bridge lan2").x, "routers stand where their lines lead");
  });
}

test("what is elsewhere is counted, and offered nothing that only its own lab host can do", () => {
  const view = lab(3), guests = ["r1", "r2", "h3"].map((name) => ({ kind: "guest", name }));
  assert.deepEqual(states(view), [["running", 2], ["elsewhere", 4]]);
  assert.deepEqual(guestsHere(view, guests), ["r1"]);
  assert.deepEqual([isElsewhere(view, "r2"), isElsewhere(view, "r1"), isElsewhere(view, "nobody"), isElsewhere(null, "r2")], [true, false, false, false]);
});

test("packets are had where they pass this lab host", () => {
  const view = lab(3);
  const passes = (kind, other) => passesHere(view, { kind, ...other });
  assert.deepEqual(["r1", "r2"].map((name) => passes("guest", { name })), [true, false]);
  assert.deepEqual(["r1", "r2"].map((guest) => passes("port", { guest, interface: "eth0" })), [true, false]);
  assert.deepEqual(["lan1", "lan2", "wan", "empty"].map((name) => passes("segment", { name })), [true, false, true, true]);
  assert.deepEqual(["r1:eth2--r2:eth2", "r2:eth3--r3:eth3"].map((id) => passes("cable", { id })), [true, false]);
});
