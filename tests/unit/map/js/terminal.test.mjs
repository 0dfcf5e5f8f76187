// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Terminals, packets, logs and checks of the page, as far as they are no elements.

import assert from "node:assert/strict";
import { test } from "node:test";

const PAGE = new URL("../../../../python/dumm_lab/map/page/js/", import.meta.url);
const { THEMES, address, ended, title } = await import(new URL("terminal/tabs.js", PAGE));
const { Reader } = await import(new URL("terminal/pcapng.js", PAGE));
const { line, v6 } = await import(new URL("terminal/packets.js", PAGE));
const capture = await import(new URL("terminal/capture.js", PAGE));
const { matching, plain } = await import(new URL("terminal/log.js", PAGE));
const { colours, listed, summary } = await import(new URL("terminal/checks.js", PAGE));

test("a second terminal of a guest has a number", () => {
  assert.equal(title("alice", false, []), "alice");
  assert.equal(title("alice", false, ["alice", "alice 2"]), "alice 3");
  assert.equal(title("alice", true, ["alice"]), "alice console");
});

test("a terminal's address names guest and console", () => {
  const size = { rows: 24, columns: 80 };
  assert.equal(address({ protocol: "http:", host: "localhost:1" }, "a b", true, size), "ws://localhost:1/terminal?guest=a+b&rows=24&columns=80&console=0");
  assert.equal(address({ protocol: "https:", host: "x" }, "alice", false, size), "wss://x/terminal?guest=alice&rows=24&columns=80");
});

test("why a terminal ended: what the server says, then the guest's state", () => {
  assert.equal(ended("bob", "running", { ended: 0, error: null }), "The shell has ended.");
  assert.equal(ended("bob", "running", { ended: 3, error: null }), "The shell has ended with exit code 3.");
  assert.equal(ended("bob", "stopped", null), "guest bob: it is stopped.");
  assert.equal(ended("bob", undefined, null), "guest bob: it is gone.");
  assert.equal(ended("bob", "running", null), "The line to the server was lost.");
  assert.equal(ended("bob", "running", { ended: null, error: "guest bob: no room." }), "guest bob: no room.");
  assert.equal(ended("bob", "stopped", { ended: null, error: "guest bob: it ended: it powered itself off; see /lab/boot.log; last lines: x" }), "guest bob: it ended: it powered itself off.");
});

test("every colour of a terminal can be read on its ground", () => {
  for (const [name, theme] of Object.entries(THEMES)) {
    for (const [key, colour] of Object.entries(theme)) {
      if (/background|cursor/i.test(key)) continue;
      assert.ok(contrast(colour, theme.background) >= 4.5, `${name} ${key} ${contrast(colour, theme.background)}`);
    }
  }
});

/** The contrast of two colours (WCAG 2.2). */
function contrast(one, other) {
  const light = (colour) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

const hex = (text) => Uint8Array.from(text.replace(/\s/g, "").match(/../g) ?? [], (each) => parseInt(each, 16));
const IPV4 = "020000000002 020000000001 0800";
const ECHO = hex(`${IPV4} 4500 0054 0001 4000 4001 0000 0a000001 0a000002 0800 0000 0001 0005 0000000000000000`);

function block(type, body, isLittle) {
  const padded = new Uint8Array(Math.ceil(body.length / 4) * 4);
  padded.set(body);
  const all = new Uint8Array(padded.length + 12), view = new DataView(all.buffer);
  view.setUint32(0, type, isLittle);
  view.setUint32(4, all.length, isLittle);
  all.set(padded, 8);
  view.setUint32(all.length - 4, all.length, isLittle);
  return all;
}

function numbers(isLittle, ...given) {
  const view = new DataView(new ArrayBuffer(given.reduce((sum, [bits]) => sum + bits / 8, 0)));
  let at = 0;
  for (const [bits, value] of given) {
    view[`setUint${bits}`](at, value, isLittle);
    at += bits / 8;
  }
  return new Uint8Array(view.buffer);
}

function file(isLittle) {
  const name = new TextEncoder().encode("alice:eth0");
  const head = block(0x0a0d0d0a, numbers(isLittle, [32, 0x1a2b3c4d], [16, 1], [16, 0], [32, 0xffffffff], [32, 0xffffffff]), isLittle);
  const options = [...numbers(isLittle, [16, 2], [16, name.length]), ...name, 0, 0, ...numbers(isLittle, [16, 9], [16, 1], [8, 9], [8, 0], [16, 0], [16, 0], [16, 0])];
  const from = block(1, Uint8Array.from([...numbers(isLittle, [16, 1], [16, 0], [32, 0]), ...options]), isLittle);
  const time = 1700000000.25e9;
  const packet = block(6, Uint8Array.from([...numbers(isLittle, [32, 0], [32, Math.floor(time / 2 ** 32)], [32, time % 2 ** 32], [32, ECHO.length], [32, 98]), ...ECHO]), isLittle);
  return Uint8Array.from([...head, ...from, ...packet, ...packet]);
}

test("a stream of pcapng gives its packets, in whatever pieces and byte order it comes", () => {
  for (const isLittle of [true, false]) {
    for (const size of [1, 7, 50, 1000]) {
      const all = file(isLittle), reader = new Reader(), packets = [];
      for (let at = 0; at < all.length; at += size) packets.push(...reader.read(all.subarray(at, at + size)));
      assert.equal(packets.length, 2);
      assert.equal(packets[0].interface, "alice:eth0");
      assert.equal(packets[0].length, 98);
      assert.ok(Math.abs(packets[0].at - 1700000000.25) < 1e-5);
      assert.deepEqual(packets[0].data, ECHO);
    }
  }
});

test("what is no pcapng is refused", () => {
  assert.throws(() => new Reader().read(new TextEncoder().encode("guest alice: it is stopped.")), /no pcapng/);
});

test("a file has whole blocks only", () => {
  const all = file(true);
  const [kept] = capture.whole([all.slice(0, 20), all.slice(20, all.length - 3)]);
  assert.equal(new Reader().read(kept).length, 1);
  assert.equal(capture.whole([all])[0].length, all.length);
});

test("packets in one line each", () => {
  const packet = (text) => line({ data: hex(text), link: 1, length: 0, at: 0, interface: "" });
  assert.deepEqual(line({ data: ECHO, link: 1 }), { from: "10.0.0.1", to: "10.0.0.2", protocol: "ICMP", info: "echo request, number 5" });
  assert.deepEqual(packet("ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002"), { from: "10.0.0.1", to: "10.0.0.2", protocol: "ARP", info: "who has 10.0.0.2?" });
  assert.deepEqual(packet(`${IPV4} 4500 0028 0001 4000 4006 0000 0a000001 0a000002 c350 0016 00000001 00000000 5002 ffff 0000 0000`), { from: "10.0.0.1", to: "10.0.0.2", protocol: "SSH", info: "50000 → 22 SYN" });
  assert.equal(packet(`${IPV4} 4500 0028 0001 4000 4032 0000 0a000001 0a000002 c0ffee00 00000007`).info, "SPI 0xc0ffee00, number 7");
  assert.equal(packet("020000000002 020000000001 8100 000a 86dd 6000 0000 0008 3aff fe80 0000000000000000000000000001 ff02 0000000000000000000000000002 8500 0000 0000 0000").info, "VLAN 10 router solicitation");
  assert.equal(packet("0180c2000000 020000000001 0026 4242 03").protocol, "STP");
  assert.equal(packet(`${IPV4} 4500`).info, "it is cut off");
  assert.equal(line({ data: new Uint8Array(0), link: 1 }).info, "it is cut off");
});

test("IPv6 addresses are as short as RFC 5952 has them", () => {
  for (const [full, short] of [["20010db8000000000000000000000001", "2001:db8::1"], ["00000000000000000000000000000000", "::"], ["fe800000000000000000000000000000", "fe80::"], ["20010db8000100010001000100010001", "2001:db8:1:1:1:1:1:1"], ["20010db8000000010000000000000100", "2001:db8:0:1::100"]]) {
    assert.equal(v6(hex(full), 0), short);
  }
});

test("a capture's address leaves out what has no bound", () => {
  assert.equal(capture.address("alice:eth0", { seconds: "10", count: "", filter: "icmp and host 10.0.0.1" }), "/capture?at=alice%3Aeth0&seconds=10&filter=icmp+and+host+10.0.0.1");
});

test("the line for Wireshark survives a shell", () => {
  const { here, far } = capture.command("/var/lib/my lab", ["alice:eth0"]);
  assert.equal(here, "sudo dumm capture --workdir '/var/lib/my lab' alice:eth0 | wireshark -k -i -");
  assert.equal(far, "ssh LABHOST 'sudo dumm capture --workdir '\\''/var/lib/my lab'\\'' alice:eth0' | wireshark -k -i -");
});

test("a boot log is told without what steers a terminal", () => {
  assert.equal(plain("\x1b[32m[ OK ]\x1b[0m Started\r\n10%\r20%\r100%\nend\x07"), "[ OK ] Started\n100%\nend");
  assert.deepEqual(matching("one\nTwo\nthree", "tw"), ["Two"]);
  assert.equal(matching("one\ntwo", " ").length, 2);
});

test("checks are counted, and red wins over green", () => {
  const checks = listed([{ name: "a", verdict: "passed", guests: ["alice", "bob"], cables: [] }, { name: "b", verdict: "broken", guests: ["bob"], cables: ["x"] }, { name: "c" }]);
  assert.equal(summary(checks), "1 passed, 1 failed");
  assert.deepEqual(colours(checks), { bad: ["guest bob", "cable x"], good: ["guest alice"] });
  assert.equal(summary(listed([{ name: "a" }, { name: "b" }])), "2 checks");
});
