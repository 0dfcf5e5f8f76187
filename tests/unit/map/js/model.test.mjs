// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import assert from "node:assert/strict";
import { test } from "node:test";

import { applied, changed, flowing, news, nothing, states } from "../../../../python/dumm_lab/map/page/js/model.js";

const guest = (state = "running", why = null) => ({ state, why, role: "host", scenario: "s", loaded: [], saves: [], label: null, groups: [], interfaces: {} });
const view = (guests = {}) => ({ lab: { name: null, workdir: "/w", scenario: "s" }, guests, segments: {}, cables: {}, scenarios: {} });

test("a change leaves objects that it does not name as they are", () => {
  const before = view({ alice: guest(), bob: guest() });
  const after = changed(before, { set: { guests: { bob: guest("failed", "killed") } }, gone: { guests: [] } });
  assert.equal(after.guests.alice, before.guests.alice);
  assert.equal(after.guests.bob.state, "failed");
  assert.equal(before.guests.bob.state, "running");
  assert.equal(after.segments, before.segments);
});

test("what is gone is gone", () => {
  const after = changed(view({ alice: guest(), bob: guest() }), { set: {}, gone: { guests: ["bob"] } });
  assert.deepEqual(Object.keys(after.guests), ["alice"]);
});

test("a change that does not follow the last one asks for the whole view", () => {
  const model = applied(nothing(), { type: "view", number: 4, view: view() }).model;
  assert.equal(applied(model, { type: "change", number: 6, set: {}, gone: {} }), null);
  assert.equal(applied(model, { type: "change", number: 5, set: {}, gone: {} }).model.number, 5);
  assert.equal(applied(nothing(), { type: "change", number: 1, set: {}, gone: {} }), null);
});

test("messages of a newer server change nothing", () => {
  const model = nothing();
  assert.deepEqual(applied(model, { type: "tomorrow" }), { model, topic: null });
});

test("an interface that has come to rest is forgotten", () => {
  const rates = flowing({ "a:eth0": [1, 2, 3, 4, 0], "b:eth0": [1, 1, 1, 1, 0] }, { "a:eth0": [0, 0, 0, 0, 0] });
  assert.deepEqual(rates, { "b:eth0": [1, 1, 1, 1, 0] });
});

test("news name few guests and count many", () => {
  const before = view({ alice: guest(), bob: guest(), carol: guest() });
  assert.deepEqual(news(before, view({ ...before.guests, bob: guest("failed", "it was killed") })), ["guest bob failed: it was killed."]);
  assert.deepEqual(news(before, view({ ...before.guests, bob: guest("paused"), carol: guest("paused") })), ["guests bob, carol are paused."]);
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`g${n}`, guest()]));
  assert.deepEqual(news(view(), view(many)), ["9 guests: each is new."]);
  assert.deepEqual(news(null, view(many)), []);
});

test("states are counted, trouble first", () => {
  assert.deepEqual(states(view({ a: guest(), b: guest("stopped"), c: guest("failed"), d: guest() })), [["failed", 1], ["running", 2], ["stopped", 1]]);
});
