// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import assert from "node:assert/strict";
import { test } from "node:test";

import { bits, conditionText, endText, hostPart, lineWidth } from "../../../../python/dumm_lab/map/page/js/map/text.js";

test("the host's part of an address is what its prefix does not have", () => {
  for (const [address, part] of [["10.1.0.1/24", ".1"], ["10.1.2.3/16", ".2.3"], ["10.1.2.3/8", ".1.2.3"], ["172.16.1.1/31", ".1"], ["10.0.0.7", ".7"], ["fd00::5/64", "::5"], ["fd00:1:2:3::a:b/64", "::a:b"], ["fe80::1", "::1"]]) {
    assert.equal(hostPart(address), part, address);
  }
});

test("at an end stand the interface and its IPv4 address first", () => {
  assert.equal(endText("eth0", ["fd00::1/64", "10.0.0.1/24"]), "eth0 .1");
  assert.equal(endText("eth0", ["fd00::1/64"]), "eth0 ::1");
  assert.equal(endText("eth0", []), "eth0");
  assert.equal(endText("eth0", null), "eth0");
});

test("conditions are short, as a file has them and as numbers", () => {
  assert.equal(conditionText({ delay: "20ms", jitter: "2ms", loss: "1%", rate: "10mbit" }), "20 ms ±2 ms · 1 % loss · 10 Mbit/s");
  assert.equal(conditionText({ delay: 20, rate: 64000 }), "20 ms · 64 kbit/s");
  assert.equal(conditionText({ slot: "10ms" }), "10 ms slot");
  assert.equal(conditionText({ slot: [10, 20] }), "10–20 ms slot");
  assert.equal(conditionText({ delay: 60, jitter: 0, slot: [] }), "60 ms");
  assert.equal(conditionText({ delay: 60, slot: [0, 0] }), "60 ms");
  assert.equal(conditionText(null), "");
  assert.equal(conditionText({ delay: 0 }), "");
});

test("rates have three digits at most", () => {
  for (const [rate, text] of [[0, "0 bit/s"], [999, "999 bit/s"], [1000, "1 kbit/s"], [1540, "1.5 kbit/s"], [999_600, "1 Mbit/s"], [12_400_000, "12 Mbit/s"], [9.99e9, "10 Gbit/s"]]) assert.equal(bits(rate), text);
});

test("lines grow with traffic, within limits", () => {
  const widths = [0, 100, 1e3, 1e6, 1e9, 1e15].map(lineWidth);
  assert.equal(widths[0], 2);
  assert.deepEqual(widths, [...widths].sort((a, b) => a - b));
  assert.ok(widths.every((width) => width <= 8));
});
