// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// What the page's editing thinks: free names, conditions, the draft in words, what is removed.

import assert from "node:assert/strict";
import { test } from "node:test";

const PAGE = new URL("../../../../python/dumm_lab/map/page/js/", import.meta.url);
const { both, freeGuest, freeInterface, freePrefix, freeSegment, range, wrongName } = await import(new URL("edit/names.js", PAGE));
const { PRESETS, ROWS, common, edits, parsed, place, placed, preset, shown, words, written } = await import(new URL("edit/conditions.js", PAGE));
const { changed, faultLine, lines, list, pending, sentence, steps, total } = await import(new URL("edit/wording.js", PAGE));
const { fileOf } = await import(new URL("edit/session.js", PAGE));
const { offered } = await import(new URL("edit/power.js", PAGE));
const { removal } = await import(new URL("edit/subjects.js", PAGE));
const { changes } = await import(new URL("edit/settings.js", PAGE));
const { shared } = await import(new URL("edit/saves.js", PAGE));
const { rows } = await import(new URL("edit/scenarios.js", PAGE));

const guest = (interfaces = {}, more = {}) => ({ state: "running", interfaces, ...more });
const lab = (more = {}) => ({ lab: { name: "lab" }, guests: {}, segments: {}, cables: {}, scenarios: {}, ...more });
const draft = (more = {}) => ({ scenario: "campus", text: "", diff: "", faults: [], edits: [], can_undo: false, can_redo: false, stale: null, wanted: null, plan: null, by: "anna", ...more });

test("a new guest takes the first known name that is free, then a number", () => {
  assert.equal(freeGuest(lab()), "alice");
  assert.equal(freeGuest(lab({ guests: { alice: guest(), carol: guest() } })), "bob");
  const all = Object.fromEntries("alice bob carol dave moon sun venus mars winnetou peggy victor trent guest1".split(" ").map((name) => [name, guest()]));
  assert.equal(freeGuest(lab({ guests: all })), "guest2");
});

test("an interface's name is the first gap, and one that the draft takes is not free", () => {
  const view = lab({ guests: { alice: guest({ eth0: {}, eth2: {} }) } });
  assert.equal(freeInterface(view, "alice"), "eth1");
  assert.equal(freeInterface(view, "alice", ["eth1"]), "eth3");
  const wanted = lab({ guests: { alice: guest({ eth0: {}, eth1: {} }, { state: "stopped" }), eve: guest() } });
  const all = both(view, draft({ wanted }));
  assert.equal(freeInterface(all, "alice"), "eth3");
  assert.equal(all.guests.alice.state, "running", "the state is the lab's, not the draft's");
  assert.ok(all.guests.eve);
});

test("a segment's name and prefix touch nothing of the lab", () => {
  assert.equal(freeSegment(lab({ segments: { lan0: {} } })), "lan1");
  assert.equal(freePrefix(lab(), 30), "10.99.0.0/30");
  const view = lab({ cables: { x: { prefix: ["10.99.0.0/30"] } }, guests: { alice: guest({ eth0: { addresses: ["10.99.1.7/24", "fd00::1/64"] } }) } });
  assert.equal(freePrefix(view, 30), "10.99.2.0/30");
  assert.equal(freePrefix(lab({ segments: { lan: { prefix: ["10.1.0.0/16"] } } }), 24), "10.2.0.0/24");
  assert.equal(freePrefix(lab({ guests: { alice: guest({ eth0: { addresses: null } }) } }), 24), "10.1.0.0/24");
});

test("the range of a prefix is its whole network", () => {
  assert.deepEqual(range("10.0.0.9/30"), [10 * 2 ** 24 + 8, 10 * 2 ** 24 + 11]);
  assert.equal(range("fd00::/64"), null);
});

test("a wrong name is told with what to do", () => {
  assert.equal(wrongName("dora", "guest", {}), null);
  assert.match(wrongName("", "guest", {}), /Give the guest a name/);
  assert.match(wrongName("a b", "guest", {}), /letters, digits/);
  assert.match(wrongName("alice", "guest", { alice: 1 }), /already. Choose another/);
  assert.match(wrongName("e".repeat(16), "interface", {}), /too long/);
});

test("conditions are read with and without units, and refused with a sentence", () => {
  for (const [name, text, value] of [["delay", "60", 60], ["delay", "1.5s", 1500], ["jitter", "250us", 0.25], ["loss", "0.5 %", 0.5], ["rate", "2mbit", 2e6], ["rate", "16 Mbit/s", 16e6], ["rate", "", 0], ["delay", null, 0], ["slot", "10ms 20ms", "10ms 20ms"], ["slot", [10, 20], "10ms 20ms"]]) {
    assert.equal(parsed(name, text), value, `${name} ${text}`);
  }
  for (const [name, text] of [["delay", "soon"], ["loss", "101"], ["loss", "5ms"], ["rate", "2 parsec"], ["slot", "1 2 3"]]) {
    assert.throws(() => parsed(name, text), RangeError, `${name} ${text}`);
  }
});

test("what is written is read as the same again", () => {
  for (const [name, value, text] of [["delay", 60, "60ms"], ["loss", 0.5, "0.5%"], ["rate", 2e6, "2mbit"], ["rate", 1500, "1500bit"], ["rate", 64e3, "64kbit"], ["delay", 0, null]]) {
    assert.equal(written(name, value), text);
    assert.equal(parsed(name, text), value);
  }
  assert.equal(shown("rate", 2000000), "2mbit");
  assert.equal(shown("delay", "60ms"), "60");
  assert.equal(shown("loss", 0), "");
});

test("a slider's place and its value belong together", () => {
  const rate = ROWS.find((row) => row.name === "rate"), delay = ROWS.find((row) => row.name === "delay");
  for (let at = 0; at <= rate.slider; at++) assert.equal(place(rate, placed(rate, at)), at);
  assert.equal(place(delay, 9999), delay.slider);
  assert.equal(place(rate, 1.9e6), place(rate, 2e6));
});

test("several lines show what they share and what differs", () => {
  const { same, mixed } = common([{ delay: 60, loss: "1%" }, { delay: "60ms" }]);
  assert.equal(same.delay, 60);
  assert.deepEqual(mixed, ["loss"]);
  assert.deepEqual(common([null, undefined]).mixed, []);
});

test("conditions of several cables and a port become one list of edits", () => {
  assert.deepEqual(edits({ cables: ["a:eth0--b:eth0"], ports: ["carol:eth1"] }, "to_a", { delay: 60, loss: 0 }), [
    { do: "cable.set", id: "a:eth0--b:eth0", direction: "to_a", conditions: { delay: "60ms", loss: null } },
    { do: "guest.set", name: "carol", path: ["interfaces", "eth1", "delay"], value: "60ms" },
    { do: "guest.set", name: "carol", path: ["interfaces", "eth1", "loss"], value: null },
  ]);
});

test("a preset says something of every condition, and every preset can be written", () => {
  for (const each of PRESETS) {
    const all = preset(each);
    assert.deepEqual(Object.keys(all), ROWS.map(({ name }) => name));
    for (const [name, value] of Object.entries(all)) assert.equal(parsed(name, written(name, value)), value);
  }
});

test("conditions in words leave out what is none", () => {
  assert.equal(words({ delay: 60, loss: 1, rate: 2e6, jitter: 0 }), "delay 60 ms, loss 1 %, rate 2mbit");
  assert.equal(words(null), "");
});

const DIFF = "--- scenarios/campus/config\n+++ draft\n@@ -38,2 +38,3 @@\n   - {a: x, b: y}\n-  - gone\n+  - {a: 'carol:eth1', b: 'dave:eth1'}\n+--- not a head\n";

test("each line of a difference has its sign besides its colour", () => {
  assert.deepEqual(lines(DIFF).map(({ kind, mark, text }) => [kind, mark, text]), [
    ["place", "", "@@ -38,2 +38,3 @@"],
    ["same", "", "  - {a: x, b: y}"],
    ["removed", "−", "  - gone"],
    ["added", "+", "  - {a: 'carol:eth1', b: 'dave:eth1'}"],
    ["added", "+", "--- not a head"],
  ]);
  assert.deepEqual(lines(""), []);
  assert.deepEqual(changed(DIFF), { added: 2, removed: 1 });
});

test("the bar says what is pending: faults first, then a stale text, then the edits", () => {
  assert.equal(pending(null).show, false);
  assert.equal(pending(draft()).show, false);
  const edited = draft({ diff: DIFF, edits: ["cable carol:eth1 to dave:eth1.", "new guest eve", "remove bob", "delay 60 ms"] });
  assert.deepEqual(pending(edited), { show: true, kind: "draft", title: "4 changes", detail: "cable carol:eth1 to dave:eth1, new guest eve and 2 more" });
  assert.equal(pending(draft({ diff: DIFF, edits: ["new guest eve"] })).title, "1 change");
  assert.match(pending(draft({ diff: DIFF })).detail, /2 lines more, 1 less/);
  assert.equal(pending(draft({ new: true, text: "guests: {}\n" })).title, "Not in a file yet");
  assert.equal(pending(draft({ new: true, text: "" })).show, false);
  assert.equal(pending(draft({ new: true, text: "guests: {}\n", note: "its file is not stored here." })).show, false, "it has a file elsewhere");
  assert.equal(pending({ ...edited, ahead: DIFF.replace("draft", "lab") }).title, "Applied, not saved");
  assert.equal(pending({ ...edited, busy: "apply scenario campus" }).kind, "busy");
  assert.equal(pending(draft({ refused: "draft.json cannot be read." })).kind, "fault");
  assert.equal(pending(draft({ refused: "its guests are on lab hosts a, b", shared: true })).show, false);
  assert.equal(pending({ ...edited, stale: "x" }).kind, "stale");
  assert.deepEqual(pending({ ...edited, stale: "x", faults: ["links[0]: no guest eve."] }).kind, "fault");
});

test("steps know whether something comes or goes, and whom they are for", () => {
  const plan = { steps: [{ says: "make bridge x", guests: [], count: 1 }, { says: "8 guests: change the files of scenario campus", guests: ["a", "b"], count: 8 }, { says: "guest bob: stop", guests: ["bob"] }, { says: "interface carol:eth1: add address 10.0.0.1/30" }], warnings: [], seconds: 1 };
  assert.deepEqual(steps(plan).map(({ kind, of }) => [kind, of]), [["comes", ""], ["changes", "a, b"], ["goes", ""], ["comes", ""]]);
  assert.equal(total(plan), 11);
});

test("sentences are told as they are, and never empty", () => {
  assert.equal(sentence(new Error("guest alice: it is gone. Start it.")), "guest alice: it is gone. Start it.");
  assert.match(sentence(new Error("")), /gave no reason/);
  assert.equal(list(["a.", "b"]), "a, b");
});

test("a fault leads to its line", () => {
  assert.equal(faultLine("/lab/scenarios/campus/config:12:3: no such guest"), 12);
  assert.equal(faultLine("campus: mapping values are not allowed here, line 7"), 7);
  assert.equal(faultLine("guest alice: no kernel"), null);
});

test("only deeds that make sense are offered, each with its guests", () => {
  const view = lab({ guests: { alice: guest(), bob: guest({}, { state: "stopped" }), carol: guest({}, { state: "paused" }) } });
  assert.deepEqual(offered(view, ["alice", "bob", "carol"]).map(({ deed, names }) => [deed.state, names]), [["start", ["bob"]], ["resume", ["carol"]], ["pause", ["alice"]], ["restart", ["alice"]], ["stop", ["alice", "carol"]]]);
  assert.deepEqual(offered(view, ["nobody"]), []);
});

test("a cable of a guest that goes is not removed a second time", () => {
  const chosen = [{ kind: "guest", name: "bob" }, { kind: "cable", id: "alice:eth0--bob:eth1" }, { kind: "cable", id: "alice:eth2--carol:eth0" }, { kind: "port", guest: "bob", interface: "eth3" }, { kind: "port", guest: "dave", interface: "eth0" }, { kind: "segment", name: "lan" }];
  assert.deepEqual(removal(chosen), [
    { do: "guest.remove", name: "bob" },
    { do: "cable.remove", id: "alice:eth2--carol:eth0" },
    { do: "unplug", guest: "dave", interface: "eth0" },
    { do: "segment.remove", name: "lan" },
  ]);
});

test("only settings that differ become edits", () => {
  const before = { label: "", role: "host", groups: "", mem: "64", kernel: "default" };
  assert.deepEqual(changes("bob", before, before), []);
  assert.deepEqual(changes("bob", before, { ...before, label: "Bob", mem: "128", groups: "core, edge", kernel: "" }), [
    { do: "guest.set", name: "bob", path: ["labels", "label"], value: "Bob" },
    { do: "guest.set", name: "bob", path: ["labels", "group"], value: "core,edge" },
    { do: "guest.set", name: "bob", path: ["mem"], value: 128 },
    { do: "guest.set", name: "bob", path: ["kernel"], value: null },
  ]);
});

test("save points of several guests are those that all have", () => {
  assert.deepEqual(shared([["a", "b"], ["b", "c"]]), ["b"]);
  assert.deepEqual(shared([]), []);
});

test("the edited scenario is listed first", () => {
  const model = { view: lab({ lab: { scenario: "campus" }, scenarios: { vpn: { loaded: ["alice"] }, campus: { loaded: [] } } }), draft: null, hello: { scenarios: ["vpn", "bare"] } };
  assert.deepEqual(rows(model), [
    { name: "campus", isEdited: true, loaded: [] },
    { name: "bare", isEdited: false, loaded: [] },
    { name: "vpn", isEdited: false, loaded: ["alice"] },
  ]);
});

test("a scenario's file is called as the person knows it", () => {
  assert.equal(fileOf({ scenario: "campus", file: "/var/lib/dumm/scenarios/campus/config" }), "scenarios/campus/config");
  assert.equal(fileOf({ scenario: "campus", file: "/root/campus.yml" }), "/root/campus.yml");
  assert.equal(fileOf({ scenario: "campus" }), "scenarios/campus/config");
});
