// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Terminals of guests in tabs below the map: any number for each guest, and the console of its kernel.
//
// Keys go to the guest, all but a few: F6 goes back to the map, Ctrl+Shift+C and Ctrl+Shift+V copy and paste.

import { button, copy, later } from "../edit/dom.js";
import { sentence } from "../edit/wording.js";
import { h, the } from "../ui/dom.js";
import { tame } from "./sheets.js";
import { THEMES, address, ended, title } from "./tabs.js";

/** @typedef {import("../page.js").Page} Page */

const VENDOR = "/static/vendor";
const SCROLLBACK = 10000;
const FONT = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
const SIZES = { least: 9, usual: 13, most: 24 };

/**
 * @typedef {object} Shown
 * @property {string} guest
 * @property {string} title
 * @property {boolean} isConsole
 * @property {any} terminal of xterm.js
 * @property {() => void} fit
 * @property {WebSocket | null} socket
 * @property {HTMLElement} element
 */

/** @type {Map<string, Shown>} */
export const shown = new Map();
/** @type {Promise<{Terminal: any, FitAddon: any}> | null} */
let loading = null;
let size = SIZES.usual;

/** @param {Page} page */
export function start(page) {
  new MutationObserver(() => dress()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
  page.watch(["view"], (model) => {
    for (const each of shown.values()) each.element.classList.toggle("rests", model.view?.guests[each.guest]?.state !== "running");
  });
}

function colours() {
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  return scheme.includes("dark") && !scheme.includes("light") ? THEMES.dark : scheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches ? THEMES.dark : THEMES.light;
}

function dress() {
  for (const { terminal } of shown.values()) terminal.options.theme = colours();
}

/** xterm.js is loaded with the first terminal. */
function load() {
  loading ??= (async () => {
    tame();
    for (const name of ["xterm.js", "addon-fit.js"]) await script(`${VENDOR}/${name}`);
    const { Terminal, FitAddon } = /** @type {any} */ (globalThis);
    return { Terminal, FitAddon: FitAddon.FitAddon };
  })();
  loading.catch(() => {
    loading = null;
  });
  return loading;
}

/**
 * @param {string} address
 * @returns {Promise<void>}
 */
function script(address) {
  if (document.querySelector(`script[src="${address}"]`)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    document.head.append(h("script", { src: address, onload: () => resolve(), onerror: () => reject(new Error(`${address}: the server does not have it. Run make setup-map, and start dumm map again.`)) }));
  });
}

/**
 * Open a terminal, or show the one that is there.
 * @param {Page} page
 * @param {string} guest
 * @param {{console?: boolean, another?: boolean}} [options] another: even where there is one already
 */
export async function openTerminal(page, guest, { console: isConsole = false, another = false } = {}) {
  const old = [...shown].find(([, each]) => each.guest === guest && each.isConsole === isConsole);
  if (old && !another) {
    page.dock.show(old[0]);
    old[1].terminal.focus();
    return;
  }
  try {
    const xterm = await load();
    make(page, xterm, guest, isConsole, title(guest, isConsole, [...shown.values()].map((each) => each.title)));
  } catch (error) {
    page.toast(sentence(error), { bad: true });
  }
}

/**
 * @param {Page} page
 * @param {{Terminal: any, FitAddon: any}} xterm
 * @param {string} guest
 * @param {boolean} isConsole
 * @param {string} name
 */
function make(page, { Terminal, FitAddon }, guest, isConsole, name) {
  const terminal = new Terminal({ allowProposedApi: false, cursorBlink: true, fontFamily: FONT, fontSize: size, minimumContrastRatio: 4.5, scrollback: SCROLLBACK, theme: colours() });
  const addon = new FitAddon();
  terminal.loadAddon(addon);
  const screen = h("div", { class: "screen" });
  const says = h("span", { class: "sub", role: "status" });
  const again = button("Connect again", () => connect(), { kind: "small" });
  again.hidden = true;
  const reader = h("input", { type: "checkbox", onchange: () => { terminal.options.screenReaderMode = reader.checked; } });
  const foot = h(
    "div",
    { class: "terminalfoot" },
    says,
    again,
    h("span", { class: "grow" }),
    button("+", () => void openTerminal(page, guest, { console: isConsole, another: true }), { kind: "small", label: `Another terminal of ${guest}`, hint: `Another terminal of ${guest}` }),
    isConsole ? null : button("Console", () => void openTerminal(page, guest, { console: true }), { kind: "small", hint: "What the guest's kernel writes, console 0" }),
    button("A−", () => resize(-1), { kind: "small", label: "Smaller letters" }),
    button("A+", () => resize(1), { kind: "small", label: "Larger letters" }),
    h("label", { class: "check sub", title: "Reads the terminal's lines aloud; it costs time" }, reader, "screen reader"),
  );
  const element = h("div", { class: "terminal" }, screen, foot);
  const id = `terminal ${name}`;
  /** @type {Shown} */
  const own = { guest, title: name, isConsole, terminal, fit: () => { if (screen.clientHeight > 20 && element.isConnected) addon.fit(); }, socket: null, element };
  shown.set(id, own);
  const seen = new ResizeObserver(later(() => own.fit(), 30));
  page.dock.open({
    id,
    title: name,
    element,
    onclose: () => {
      shown.delete(id);
      seen.disconnect();
      own.socket?.close();
      terminal.dispose();
    },
    onshow: () => {
      own.fit();
      terminal.focus();
    },
  });
  terminal.open(screen);
  seen.observe(screen);
  own.fit();
  terminal.attachCustomKeyEventHandler((/** @type {KeyboardEvent} */ event) => key(terminal, event));
  const encoder = new TextEncoder();
  let typed = ""; // while it connects
  terminal.onData((/** @type {string} */ data) => {
    if (own.socket?.readyState === WebSocket.OPEN) own.socket.send(encoder.encode(data));
    else if (own.socket?.readyState === WebSocket.CONNECTING) typed += data;
    else if (data === "\r" && !again.hidden) connect();
  });
  terminal.onBinary((/** @type {string} */ data) => {
    if (own.socket?.readyState === WebSocket.OPEN) own.socket.send(Uint8Array.from(data, (each) => each.charCodeAt(0)));
  });
  terminal.onResize(() => tellSize());
  terminal.onTitleChange((/** @type {string} */ text) => { element.title = text; });
  connect();
  terminal.focus();

  function tellSize() {
    if (own.socket?.readyState === WebSocket.OPEN) own.socket.send(JSON.stringify({ rows: terminal.rows, columns: terminal.cols }));
  }

  function connect() {
    if (own.socket && own.socket.readyState <= WebSocket.OPEN) return;
    const isAgain = own.socket !== null;
    /** @type {{ended?: number | null, error?: string | null} | null} */
    let end = null;
    const hear = (/** @type {any} */ told) => {
      if (told.says) says.textContent = told.says;
      if ("ended" in told) end = told;
    };
    const socket = new WebSocket(address(location, guest, isConsole, { rows: terminal.rows, columns: terminal.cols }));
    socket.binaryType = "arraybuffer";
    own.socket = socket;
    again.hidden = true;
    says.textContent = "Connecting …";
    socket.onopen = () => {
      says.textContent = "F6 goes back to the map";
      if (isAgain) terminal.write("\r\n");
      if (typed) socket.send(encoder.encode(typed));
      typed = "";
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") hear(JSON.parse(event.data));
      else terminal.write(new Uint8Array(event.data));
    };
    socket.onclose = () => {
      if (!shown.has(id) || own.socket !== socket) return;
      const why = ended(guest, page.model().view?.guests[guest]?.state, end);
      terminal.write(`\r\n\x1b[2m— ${why} Enter connects again. —\x1b[0m\r\n`);
      says.textContent = why;
      again.hidden = false;
    };
  }
}

/** @param {number} by */
function resize(by) {
  size = Math.min(SIZES.most, Math.max(SIZES.least, size + by));
  for (const each of shown.values()) {
    each.terminal.options.fontSize = size;
    each.fit();
  }
}

/**
 * @param {any} terminal
 * @param {KeyboardEvent} event
 * @returns {boolean} whether the guest gets it
 */
function key(terminal, event) {
  if (event.type !== "keydown") return true;
  const held = event.ctrlKey && event.shiftKey && !event.altKey;
  if (event.key === "F6") {
    event.preventDefault();
    the("mirror").focus(); // what the map is to the keyboard
    return false;
  }
  if (held && event.code === "KeyC") {
    event.preventDefault();
    if (terminal.hasSelection()) void copy(terminal.getSelection());
    return false;
  }
  return !(held && event.code === "KeyV"); // the browser pastes, and xterm.js takes that
}
