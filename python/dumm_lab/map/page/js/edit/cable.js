// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Cables and plugs: drawn from one guest to another or to a segment, with the mouse or with the keyboard alone.
//
// The line that is being drawn is an SVG of its own above the map, so that the map's elements stay those of the lab.

import { h } from "../ui/dom.js";
import { card, field, text } from "./dom.js";
import { both, freeInterface, freePrefix, wrongName } from "./names.js";
import { changing, edit, mayChange, mayEdit, values } from "./session.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {{x: number, y: number}} Point */

const SVG = "http://www.w3.org/2000/svg";
const FAR = 6; // pixels; less is a click

/** @param {Page} page */
export function start(page) {
  page.command({ id: "cable", title: "Cable: drag from a guest to another guest or to a segment", key: "c", icon: "cable", place: "tools", group: 2, order: 12, sticky: true, when: () => mayEdit(page), run: () => changing(page, () => begin(page)), stop: () => page.map.hint(null) });
  addEventListener("keydown", () => { isByKeyboard = true; }, true);
  addEventListener("pointerdown", () => { isByKeyboard = false; }, true);
  draw(page);
  handle(page);
}

/**
 * What C does: two chosen are joined, one is the first end, without any the map waits for a drag.
 * @param {Page} page
 */
function begin(page) {
  const ends = page.map.selected().flatMap((each) => (each.kind === "guest" || each.kind === "segment" ? [`${each.kind === "guest" ? "guest" : "bridge"} ${each.name}`] : []));
  if (ends.length === 2) join(page, /** @type {string} */ (ends[0]), /** @type {string} */ (ends[1]), null);
  else if (ends.length === 1 && isByKeyboard) choose(page, /** @type {string} */ (ends[0]));
  else page.map.hint("Drag from a guest to another guest, or to a segment");
}

let isByKeyboard = false; // what the person used last

/**
 * The other end, by its name.
 * @param {Page} page
 * @param {string} from id on the map
 */
export function choose(page, from) {
  const { view, draft } = page.model();
  const all = both(view, draft);
  const [kind, own] = split(from);
  const list = h("datalist", { id: "cable-ends" }, ...Object.keys(all.guests).filter((each) => !(kind === "guest" && each === own)).map((each) => h("option", { value: each }, "guest")), ...(kind === "guest" ? Object.keys(all.segments).map((each) => h("option", { value: each }, "segment")) : []));
  /** @type {string | null} */
  let chosen = null;
  card({
    title: kind === "guest" ? `Cable from ${own}` : `Plug into ${own}`,
    does: "Next",
    fields: [field("To", text("to", "", { list: "cable-ends", required: true }), "Type the name of a guest or of a segment, or close this and drag with the mouse."), list],
    done: ({ to = "" }) => {
      if (to in all.guests) chosen = `guest ${to}`;
      else if (to in all.segments && kind === "guest") chosen = `bridge ${to}`;
      else throw new Error(`There is no guest${kind === "guest" ? " and no segment" : ""} "${to}". Choose a name of the list.`);
    },
    closed: () => {
      if (chosen) join(page, from, chosen, null);
      else page.map.hint("Drag from a guest to another guest, or to a segment");
    },
  });
}

/**
 * @param {string} id of an element of the map
 * @returns {[string, string]} kind and name
 */
function split(id) {
  const at = id.indexOf(" ");
  return [id.slice(0, at), id.slice(at + 1)];
}

/**
 * The form for the line between two elements of the map.
 * @param {Page} page
 * @param {string} from
 * @param {string} to
 * @param {Point | null} at in the window
 */
export function join(page, from, to, at) {
  const ends = [split(from), split(to)];
  const guests = ends.filter(([kind]) => kind === "guest").map(([, name]) => name);
  const segment = ends.find(([kind]) => kind === "bridge")?.[1];
  page.map.hint(null);
  if (isByKeyboard) page.tool(""); // the mouse may draw the next one
  if (guests.length === 2) return joinGuests(page, /** @type {string} */ (guests[0]), /** @type {string} */ (guests[1]), at);
  if (guests.length === 1 && segment) return plug(page, /** @type {string} */ (guests[0]), segment, at);
  page.toast("Two segments cannot be joined by a cable. Plug a guest into both.", { bad: true });
}

/**
 * @param {Page} page
 * @param {string} a
 * @param {string} b
 * @param {Point | null} at
 */
function joinGuests(page, a, b, at) {
  const { view, draft } = page.model();
  const all = both(view, draft);
  const first = freeInterface(all, a);
  card({
    title: `Cable ${a} – ${b}`,
    at,
    does: "Add",
    fields: [
      field(`Interface of ${a}`, text("ia", first, { required: true, maxlength: 15 })),
      field(`Interface of ${b}`, text("ib", freeInterface(all, b, a === b ? [first] : []), { required: true, maxlength: 15 })),
      field("Prefix", text("prefix", freePrefix(all), { placeholder: "none" }), "Both ends get an address of it."),
    ],
    done: async ({ ia = "", ib = "", prefix = "" }) => {
      for (const [guest, name] of /** @type {[string, string][]} */ ([[a, ia], [b, ib]])) {
        const wrong = wrongName(name, "interface", joined(all, guest));
        if (wrong) throw new Error(`${guest}: ${wrong}`);
      }
      const given = values(prefix);
      await edit(page, [{ do: "cable.add", a: `${a}:${ia}`, b: `${b}:${ib}`, ...(given ? { prefix: given } : {}) }]);
    },
  });
}

/**
 * Interfaces that are taken; one that is in nothing yet may become the end of a cable.
 * @param {import("./types.js").View} view
 * @param {string} guest
 */
function joined(view, guest) {
  return Object.fromEntries(Object.entries(view.guests[guest]?.interfaces ?? {}).filter(([, each]) => each.segment || each.cable));
}

/**
 * @param {Page} page
 * @param {string} guest
 * @param {string} segment
 * @param {Point | null} at
 * @param {string} [name] of the interface, where it is there already
 */
export function plug(page, guest, segment, at, name) {
  const { view, draft } = page.model();
  const all = both(view, draft);
  card({
    title: `Plug ${guest} into ${segment}`,
    at,
    does: "Plug in",
    fields: [
      field("Interface", text("interface", name ?? freeInterface(all, guest), { required: true, maxlength: 15 })),
      field("Address", text("address", "", { placeholder: all.segments[segment]?.prefix?.length ? "next free" : "none" }), "With prefix length, such as 10.1.0.7/24. Nobody else is renumbered."),
    ],
    done: async (data) => {
      const wrong = wrongName(data.interface ?? "", "interface", name ? {} : joined(all, guest));
      if (wrong) throw new Error(wrong);
      const address = values(data.address ?? "");
      await edit(page, [{ do: "plug", guest, interface: data.interface, segment, ...(address ? { address } : {}) }]);
    },
  });
}

/**
 * The line under the pointer, from an element of the map.
 * @param {Page} page
 */
function line(page) {
  const host = /** @type {HTMLElement} */ (page.map.cy.container());
  const box = document.createElementNS(SVG, "svg");
  const stroke = document.createElementNS(SVG, "line");
  box.setAttribute("class", "drawing");
  box.setAttribute("aria-hidden", "true");
  box.append(stroke);
  host.parentElement?.append(box);
  /** @type {string | null} */
  let target = null;
  return {
    /** @param {string} from @param {Point} to in the map's pixels */
    move: (from, to) => {
      const node = page.map.cy.getElementById(from);
      const { x, y } = node.renderedPosition();
      for (const [name, value] of Object.entries({ x1: x, y1: y, x2: to.x, y2: to.y })) stroke.setAttribute(name, String(value));
      const under = page.map.under(to);
      const hit = under && under !== from && /^(guest|bridge) /.test(under) && !(from.startsWith("bridge ") && under.startsWith("bridge ")) ? under : null;
      if (hit !== target) {
        if (target) page.map.cy.getElementById(target).removeClass("target");
        if (hit) page.map.cy.getElementById(hit).addClass("target");
        target = hit;
      }
    },
    end: () => {
      if (target) page.map.cy.getElementById(target).removeClass("target");
      box.remove();
      return target;
    },
  };
}

/**
 * Drawing on the map itself: with the cable tool, or with Shift held.
 * @param {Page} page
 */
function draw(page) {
  const { cy } = page.map;
  /** @type {{from: string, drawn: ReturnType<typeof line>, begin: Point} | null} */
  let now = null;
  cy.on("tapstart", "node", (/** @type {any} */ event) => {
    if (!mayChange(page) || now) return;
    if (page.tool() !== "cable" && !event.originalEvent?.shiftKey) return;
    const id = event.target.id();
    if (!/^(guest|bridge) /.test(id)) return;
    event.target.ungrabify();
    cy.userPanningEnabled(false);
    cy.boxSelectionEnabled(false);
    now = { from: id, drawn: line(page), begin: { ...event.renderedPosition } };
  });
  cy.on("tapdrag", (/** @type {any} */ event) => {
    if (now) now.drawn.move(now.from, event.renderedPosition);
  });
  const finish = (/** @type {any} */ event) => {
    if (!now) return;
    const { from, drawn, begin: at } = now;
    const target = drawn.end();
    now = null;
    cy.getElementById(from).grabify();
    cy.userPanningEnabled(true);
    cy.boxSelectionEnabled(true);
    const { x, y } = event.renderedPosition ?? at;
    if (target && Math.hypot(x - at.x, y - at.y) > FAR) join(page, from, target, inWindow(page, { x, y }));
  };
  cy.on("tapend", finish);
}

/**
 * @param {Page} page
 * @param {Point} at in the map's pixels
 * @returns {Point}
 */
export function inWindow(page, at) {
  const { left, top } = page.map.cy.container().getBoundingClientRect();
  return { x: at.x + left, y: at.y + top };
}

/**
 * The port handle: a small button at the guest below the pointer, from which a cable can be drawn with any tool.
 * @param {Page} page
 */
function handle(page) {
  const { cy } = page.map;
  const grip = h("div", { class: "porthandle", title: "Drag to another guest or to a segment", "aria-hidden": "true" });
  grip.hidden = true;
  cy.container().parentElement?.append(grip);
  /** @type {string | null} */
  let of = null;
  let isDrawing = false;
  const hide = () => {
    if (isDrawing) return;
    grip.hidden = true;
    of = null;
  };
  cy.on("mouseover", "node", (/** @type {any} */ event) => {
    const id = event.target.id();
    if (isDrawing || !mayChange(page) || page.tool() === "cable" || !/^(guest|bridge) /.test(id) || cy.zoom() < 0.4) return;
    of = id;
    const box = event.target.renderedBoundingBox({ includeLabels: false, includeOverlays: false });
    grip.style.left = `${box.x2}px`;
    grip.style.top = `${(box.y1 + box.y2) / 2}px`;
    grip.hidden = false;
  });
  cy.on("pan zoom grab", hide);
  cy.on("mouseover", (/** @type {any} */ event) => {
    if (event.target === cy) hide();
  });
  grip.addEventListener("pointerdown", (event) => {
    if (!of) return;
    event.preventDefault();
    isDrawing = true;
    grip.setPointerCapture(event.pointerId);
    const from = of, drawn = line(page);
    const { left, top } = cy.container().getBoundingClientRect();
    const spot = (/** @type {PointerEvent} */ each) => ({ x: each.clientX - left, y: each.clientY - top });
    const move = (/** @type {PointerEvent} */ each) => drawn.move(from, spot(each));
    const up = (/** @type {PointerEvent} */ each) => {
      grip.removeEventListener("pointermove", move);
      isDrawing = false;
      hide();
      const target = drawn.end();
      if (target && each.type === "pointerup") join(page, from, target, { x: each.clientX, y: each.clientY });
    };
    grip.addEventListener("pointermove", move);
    grip.addEventListener("pointerup", up, { once: true });
    grip.addEventListener("pointercancel", up, { once: true });
  });
}
