// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import assert from "node:assert/strict";
import { test } from "node:test";

import { found, hull, neighbour } from "../../../../python/dumm_lab/map/page/js/map/find.js";
import { idOf, isEqual, scene } from "../../../../python/dumm_lab/map/page/js/map/scene.js";

const face = (segment, addresses = [], other = {}) => ({ segment, cable: null, addresses, mac: null, up: true, conditions: null, ...other });
const guest = (interfaces = {}, other = {}) => ({ state: "running", why: null, role: "host", kernel: "k", mem: 64, scenario: "s", loaded: ["s"], saves: [], label: null, groups: [], interfaces, ...other });

/** Two guests with a cable, one of them in a segment, and a guest of another scenario. */
function lab() {
  return {
    lab: { name: null, workdir: "/w", scenario: "s" },
    guests: {
      alice: guest({ eth0: face("lan", ["10.0.0.1/24"]), eth1: face(null, ["10.9.0.1/30"], { cable: "alice:eth1--bob:eth0" }) }, { label: "The first" }),
      bob: guest({ eth0: face(null, ["10.9.0.2/30"], { cable: "alice:eth1--bob:eth0" }) }),
      other: guest({ eth0: face("lan", ["10.0.0.9/24"]) }, { scenario: "t" }),
    },
    segments: { lan: { prefix: ["10.0.0.0/24"], address: [], label: null, groups: [], scenario: "s", state: "up" } },
    cables: { "alice:eth1--bob:eth0": { a: "alice:eth1", b: "bob:eth0", prefix: ["10.9.0.0/30"], to_a: null, to_b: { delay: "5ms" }, state: "up" } },
    scenarios: {},
  };
}

const drafted = (wanted) => ({ scenario: "s", wanted });
const changes = (scene) => Object.fromEntries([...scene.nodes.values(), ...scene.lines.values()].filter((each) => each.change).map((each) => [each.id, each.change]));
const copy = (object) => JSON.parse(JSON.stringify(object));

test("guests and segments are nodes, cables and ports are lines", () => {
  const { nodes, lines } = scene(lab(), null);
  assert.deepEqual([...nodes.keys()], ["guest alice", "guest bob", "guest other", "bridge lan"]);
  assert.deepEqual([...lines.keys()], ["cable alice:eth1--bob:eth0", "port alice:eth0", "port other:eth0"]);
  const cable = lines.get("cable alice:eth1--bob:eth0");
  assert.deepEqual([cable.ends, cable.prefix, cable.to], [["eth1 .1", "eth0 .2"], "10.9.0.0/30", ["", "5 ms"]]);
  for (const line of lines.values()) assert.equal(idOf(line.subject), line.id);
  for (const node of nodes.values()) assert.equal(idOf(node.subject), node.id);
});

test("what has not changed is the same object", () => {
  const view = lab(), before = scene(view, null);
  const after = scene({ ...view, guests: { ...view.guests, bob: { ...view.guests.bob, state: "failed" } } }, null);
  assert.equal(after.nodes.get("guest alice"), before.nodes.get("guest alice"));
  assert.equal(after.lines.get("port alice:eth0"), before.lines.get("port alice:eth0"));
  assert.notEqual(after.nodes.get("guest bob"), before.nodes.get("guest bob"));
});

test("a draft that wants what is there shows no change, and leaves other scenarios alone", () => {
  const wanted = copy(lab());
  delete wanted.guests.other;
  assert.deepEqual(changes(scene(lab(), drafted(wanted))), {});
});

test("a draft shows what comes, goes and changes", () => {
  const wanted = copy(lab());
  delete wanted.guests.other;
  delete wanted.cables["alice:eth1--bob:eth0"];
  wanted.guests.carol = guest({ eth0: face("lan", ["10.0.0.3/24"]) });
  wanted.guests.bob.mem = 128;
  wanted.guests.alice.interfaces.eth0.addresses = ["10.0.0.7/24"];
  assert.deepEqual(changes(scene(lab(), drafted(wanted))), {
    "guest bob": "changed", "guest carol": "new", "cable alice:eth1--bob:eth0": "gone", "port alice:eth0": "changed", "port carol:eth0": "new",
  });
});

test("a guest that goes takes its ports with it", () => {
  const wanted = copy(lab());
  delete wanted.guests.other;
  delete wanted.guests.alice;
  wanted.cables = {};
  const found = changes(scene(lab(), drafted(wanted)));
  assert.equal(found["guest alice"], "gone");
  assert.equal(found["port alice:eth0"], "gone");
});

test("a port that moves to another segment goes from the one and comes to the other", () => {
  const view = lab();
  view.segments.wan = { ...view.segments.lan, prefix: [] };
  const wanted = copy(view);
  delete wanted.guests.other;
  wanted.guests.alice.interfaces.eth0.segment = "wan";
  assert.deepEqual(changes(scene(view, drafted(wanted))), { "port alice:eth0": "gone", "port alice:eth0 new": "new" });
});

test("layers over a guest are its badge, its own scenario is not", () => {
  const view = lab();
  view.guests.alice.loaded = ["vpn", "s"];
  view.guests.bob.loaded = ["x", "vpn", "s"];
  const { nodes } = scene(view, null);
  assert.deepEqual(["alice", "bob", "other"].map((name) => nodes.get(`guest ${name}`).badge), ["vpn", "vpn +1", "s"]);
});

test("one finds by name, label and address, the name itself first", () => {
  const drawn = scene(lab(), null);
  assert.deepEqual(found(drawn, "bob"), ["guest bob"]);
  assert.deepEqual(found(drawn, "the first"), ["guest alice"]);
  assert.deepEqual(found(drawn, "10.9.0.2"), ["guest bob"]);
  assert.deepEqual(found(drawn, "alice:eth0"), ["port alice:eth0"]);
  assert.deepEqual(found(drawn, "10.0.0")[0], "guest alice");
  assert.deepEqual(found(drawn, "nobody"), []);
  assert.deepEqual(found(drawn, "  "), []);
});

test("arrow keys lead to the nearest node in their direction", () => {
  const places = new Map([["a", { x: 0, y: 0 }], ["b", { x: 100, y: 10 }], ["c", { x: 60, y: 200 }], ["d", { x: -50, y: -5 }]]);
  assert.equal(neighbour(places, "a", "ArrowRight"), "b");
  assert.equal(neighbour(places, "a", "ArrowDown"), "c");
  assert.equal(neighbour(places, "a", "ArrowLeft"), "d");
  assert.equal(neighbour(places, "d", "ArrowLeft"), null);
});

test("a hull has all boxes inside", () => {
  const boxes = [{ x: 0, y: 0, w: 10, h: 10 }, { x: 100, y: 50, w: 10, h: 10 }, { x: 40, y: 20, w: 4, h: 4 }];
  const around = hull(boxes, 5);
  for (const { x, y } of boxes) {
    const signs = around.map((p, n) => { const q = around[(n + 1) % around.length]; return Math.sign((q.x - p.x) * (y - p.y) - (q.y - p.y) * (x - p.x)); });
    assert.equal(new Set(signs).size, 1);
  }
});

test("plain data are equal whatever the order of their keys", () => {
  assert.ok(isEqual({ a: 1, b: [1, { c: null }] }, { b: [1, { c: undefined }], a: 1 }));
  assert.ok(!isEqual({ a: 1 }, { a: 2 }));
  assert.ok(!isEqual([1], [1, 2]));
});
