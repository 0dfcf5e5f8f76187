// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Packets of an interface: a file to download, a list that grows in the page, and a line that pipes them into Wireshark.

import { button, card, copy, dialog, field, text } from "../edit/dom.js";
import { counted } from "../edit/names.js";
import { sentence } from "../edit/wording.js";
import { isElsewhere } from "../model.js";
import { h } from "../ui/dom.js";
import { line } from "./packets.js";
import { Reader } from "./pcapng.js";

/** @typedef {import("../page.js").Page} Page */

const ROWS = 500; // of the newest packets that the list keeps
const KEPT = 64 << 20; // bytes for a file
const FRAME = 200; // ms between two looks of the list

/**
 * What a menu offers for some interfaces.
 * @param {Page} page
 * @param {string[]} ports
 */
export function captureItems(page, ports) {
  const port = ports[0] ?? "";
  return [
    { title: "Watch packets", run: () => void watch(page, port) },
    { title: "Download packets …", run: () => download(page, port) },
    { title: "Into Wireshark …", run: () => wireshark(page, ports) },
  ];
}

/** @param {Page} page */
export function start(page) {
  const mayCapture = () => page.model().hello !== null && !page.model().hello?.readonly;
  /** @type {[string, string, (port: string) => void][]} */
  const ways = [
    ["watch", "Watch packets", (port) => void watch(page, port)],
    ["download", "Download packets …", (port) => download(page, port)],
    ["wireshark", "Into Wireshark …", (port) => wireshark(page, [port])],
  ];
  for (const [at, [id, title, run]] of ways.entries()) {
    page.menu({
      id: `capture-${id}`,
      kinds: ["cable", "port", "segment", "guest"],
      order: 40 + at,
      title: (subjects) => (mayCapture() && subjects.length === 1 && passesHere(page.model().view, subjects[0]) ? title : null),
      run: (subjects) => {
        const one = subjects[0];
        if (one?.kind === "port") run(`${one.guest}:${one.interface}`);
        if (one?.kind === "cable") run(one.id);
        if (one?.kind === "segment" || one?.kind === "guest") run(one.name);
      },
    });
  }
  page.section({
    id: "capture-cable",
    kind: "cable",
    order: 50,
    data: (subject, model) => (subject.kind === "cable" && mayCapture() && model.view?.cables[subject.id] && passesHere(model.view, subject) ? { port: subject.id } : null),
    show: (host, { port }) => host.replaceChildren(h("h3", {}, "Packets"), h("div", { class: "acts" }, button("Watch", () => void watch(page, port), { label: "Watch packets of the cable" }), button("Download …", () => download(page, port), { label: "Download packets of the cable" }), button("Wireshark …", () => wireshark(page, [port]), { label: "Packets of the cable into Wireshark" }))),
  });
}

/**
 * Whether packets of something pass this lab host.
 * @param {import("../model.js").View | null} view
 * @param {import("../map/scene.js").Subject} subject
 */
export function passesHere(view, subject) {
  if (subject.kind === "cable") return subject.id.split("--").some((end) => !isElsewhere(view, end.split(":")[0] ?? ""));
  if (subject.kind !== "segment") return !isElsewhere(view, subject.kind === "port" ? subject.guest : subject.name);
  const guests = Object.entries(view?.guests ?? {}).filter(([, guest]) => Object.values(guest.interfaces).some((face) => face.segment === subject.name));
  return !guests.length || guests.some(([name]) => !isElsewhere(view, name));
}

/**
 * @param {string} at such as alice:eth0
 * @param {Record<string, string>} [bounds] filter, seconds, count
 */
export function address(at, bounds = {}) {
  return `/capture?${new URLSearchParams({ at, ...Object.fromEntries(Object.entries(bounds).filter(([, value]) => value)) })}`;
}

/**
 * @param {string} workdir
 * @param {string[]} ports
 * @param {string} [filter]
 */
export function command(workdir, ports, filter = "") {
  const capture = ["sudo", "dumm", "capture", "--workdir", workdir, ...ports, ...(filter ? ["--filter", filter] : [])].map(quoted).join(" ");
  const show = "wireshark -k -i -";
  return { here: `${capture} | ${show}`, far: `ssh ${"LABHOST"} ${quoted(capture)} | ${show}` };
}

/** @param {string} word */
function quoted(word) {
  return /^[A-Za-z0-9_./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {Page} page
 * @param {string} port
 */
export function download(page, port) {
  card({
    title: `Packets of ${spoken(port)}`,
    does: "Download",
    fields: [
      field("Seconds", text("seconds", "10", { inputmode: "numeric" })),
      field("Packets at most", text("count", "", { inputmode: "numeric", placeholder: "no bound" })),
      field("Filter", text("filter", "", { placeholder: "all packets" }), "As tcpdump has it, such as icmp or tcp port 80."),
    ],
    done: ({ seconds = "", count = "", filter = "" }) => {
      for (const [what, value] of [["seconds", seconds], ["packets", count]]) if (value && !/^\d+$/.test(value)) throw new Error(`"${value}" is no number of ${what}.`);
      if (!seconds && !count) throw new Error("Give seconds or packets, or the file would never end.");
      const link = h("a", { href: address(port, { seconds, count, filter }), download: fileName(port) });
      document.body.append(link);
      link.click();
      link.remove();
      page.toast(`${spoken(port)}: packets come as a file${seconds ? ` for ${counted(Number(seconds), "second")}` : ""}.`);
    },
  });
}

/**
 * @param {Page} page
 * @param {string[]} ports
 */
export function wireshark(page, ports) {
  const { here, far } = command(page.model().hello?.workdir ?? "", ports.flatMap((each) => each.split("--")));
  const rows = /** @type {const} */ ([["On this machine", here], ["From another machine", far]]).map(([title, line]) => {
    const input = text("line", line, { readonly: true, class: "command" });
    input.addEventListener("focus", () => input.select());
    return h("div", { class: "copyrow" }, field(title, input), button("Copy", async () => {
      const isThere = await copy(line);
      if (isThere) page.toast("The command is copied.");
      else input.focus();
    }, { label: `Copy the command, ${title.toLowerCase()}` }));
  });
  const box = dialog({ title: `${ports.map(spoken).join(" and ")} in Wireshark`, kind: "wireshark", body: [h("p", { class: "sub" }, "Run one of these in a terminal. In the second, put your lab's machine for LABHOST."), ...rows], foot: [button("Close", () => box.close(), { kind: "main" })] });
}

/**
 * @param {string} port or cable
 * @returns {string} for people
 */
function spoken(port) {
  return port.replace("--", " – ");
}

/** @param {string} port */
function fileName(port) {
  return `${port.replaceAll(":", "-")}.pcapng`;
}

let number = 0;

/**
 * A list of packets that grows in a tab.
 * @param {Page} page
 * @param {string} port
 */
export async function watch(page, port) {
  const id = `capture ${++number}`;
  const rows = h("tbody");
  const scroll = h("div", { class: "packets", tabindex: "0", "aria-label": `Packets of ${spoken(port)}` }, h("table", {}, h("thead", {}, h("tr", {}, ...["Time, s", "At", "From", "To", "Protocol", "Bytes", "What"].map((each) => h("th", { scope: "col" }, each)))), rows));
  const says = h("span", { class: "sub", role: "status" }, "Starting …");
  const filter = text("filter", "", { placeholder: "Filter, such as icmp", "aria-label": "Filter, as tcpdump has it" });
  const toggle = button("Stop", () => (control ? stop() : void begin()), { kind: "small" });
  const save = button("Save", () => keep(), { kind: "small", label: `Save packets of ${port} as a file`, disabled: true });
  const element = h("div", { class: "capturetab" }, h("form", { class: "tabbar", onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); stop(); void begin(); } }, says, h("span", { class: "grow" }), filter, toggle, save, button("Wireshark …", () => wireshark(page, [port]), { kind: "small" })), scroll);
  /** @type {AbortController | null} */
  let control = null;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  let pieces = [];
  let bytes = 0, packets = 0, first = NaN;
  /** @type {HTMLTableRowElement[]} */
  let fresh = [];
  let drawn = 0;
  page.dock.open({ id, title: `${spoken(port)} packets`, element, onclose: () => control?.abort() });
  await begin();

  async function begin() {
    const own = new AbortController();
    control = own;
    pieces = [];
    bytes = packets = 0;
    first = NaN;
    fresh = [];
    rows.replaceChildren();
    toggle.textContent = "Stop";
    save.disabled = true;
    says.textContent = "Listening …";
    try {
      const answer = await fetch(address(port, { filter: filter.value.trim() }), { signal: own.signal });
      if (!answer.ok || !answer.body) throw new Error((await answer.text()).trim() || `${port}: the server refuses the capture (${answer.status}).`);
      const reader = answer.body.getReader(), pcapng = new Reader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || control !== own) break;
        if (bytes + value.length <= KEPT) pieces.push(value.slice());
        bytes += value.length;
        for (const packet of pcapng.read(value)) add(packet);
        draw();
      }
      if (control === own) ended("Ended.");
    } catch (error) {
      if (control === own && !own.signal.aborted) {
        // The browser calls it a TypeError where the server has gone, which the page tells anyway.
        const isCut = error instanceof TypeError;
        ended(isCut ? "Ended: the server does not answer." : sentence(error));
        if (!isCut) page.toast(sentence(error), { bad: true });
      }
    }
  }

  /** @param {import("./pcapng.js").Packet} packet */
  function add(packet) {
    if (Number.isNaN(first)) first = packet.at;
    const { from, to, protocol, info } = line(packet);
    packets++;
    fresh.push(h("tr", { "data-protocol": protocol }, ...[(packet.at - first).toFixed(6), packet.interface, from, to, protocol, packet.length, info].map((each) => h("td", {}, each))));
    if (fresh.length > ROWS) fresh.shift();
  }

  function draw() {
    const now = performance.now();
    if (now - drawn < FRAME) {
      setTimeout(draw, FRAME);
      return;
    }
    drawn = now;
    if (!fresh.length) return;
    const isAtEnd = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - 30;
    rows.append(...fresh);
    fresh = [];
    while (rows.rows.length > ROWS) rows.deleteRow(0);
    if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
    save.disabled = false;
    if (control) says.textContent = counted(packets, "packet");
  }

  /** @param {string} why */
  function ended(why) {
    control = null;
    drawn = 0;
    draw();
    toggle.textContent = "Start again";
    says.textContent = `${counted(packets, "packet")}. ${why}${bytes > KEPT ? " The file has the first 64 MB." : ""}`;
  }

  function stop() {
    if (!control) return;
    control.abort();
    ended("Stopped.");
  }

  function keep() {
    const link = h("a", { href: URL.createObjectURL(new Blob(whole(pieces), { type: "application/x-pcapng" })), download: fileName(port) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}

/**
 * The pieces without a block that is not whole.
 * @param {Uint8Array<ArrayBuffer>[]} pieces
 * @returns {Uint8Array<ArrayBuffer>[]}
 */
export function whole(pieces) {
  const size = pieces.reduce((sum, each) => sum + each.length, 0);
  const all = new Uint8Array(size);
  let at = 0;
  for (const each of pieces) {
    all.set(each, at);
    at += each.length;
  }
  const view = new DataView(all.buffer);
  let end = 0, isLittle = true;
  while (size - end >= 12) {
    if (view.getUint32(end, true) === 0x0a0d0d0a) isLittle = view.getUint32(end + 8, true) === 0x1a2b3c4d;
    const block = view.getUint32(end + 4, isLittle);
    if (block < 12 || block > size - end) break;
    end += block;
  }
  return [all.subarray(0, end)];
}
