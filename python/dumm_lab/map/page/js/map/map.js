// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The map itself: elements of cytoscape that follow a scene, their places, their texts, and what is selected.
//
// Only what differs is touched, in one batch.  Texts of lines are placed again when something has moved or another text has come, once for
// all that happens within a frame (map/labels.js).  A hidden tab draws nothing until it is seen again.

import { areas, around, ROOM } from "./areas.js";
import { arranged } from "./arrange.js";
import { placed } from "./labels.js";
import { beside } from "./layout.js";
import { levelOf, look, palette } from "./look.js";
import { idOf, scene as sceneOf } from "./scene.js";
import { bits, lineWidth } from "./text.js";
import { hull } from "./find.js";

/** @typedef {import("../model.js").Model} Model */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("./scene.js").Subject} Subject */
/** @typedef {import("./scene.js").Line} Line */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{moved: (places: Record<string, [number, number]>) => void, selected: (subjects: Subject[]) => void, opened: (subject: Subject) => void,
 *   asked: (subjects: Subject[], at: Point) => void, over: (subject: Subject | null, at: Point) => void, covered: () => {left: number} | null, keep: (places: Map<string, Point>) => void, kept: () => Map<string, Point>}} Wiring
 *   moved: by hand; asked: for a context menu; covered: by the panel, from there to the right; keep, kept: places of this browser, which nobody chose by hand */

const MANY = 160; // elements from which on texts are placed only where one looks
const MARGIN = { top: 56, right: 48, bottom: 64, left: 76 }; // of the stage, around what is fitted in

/** @type {Record<string, string>} */
const CHANGES = { new: "comes", gone: "goes", changed: "changes" };

export class LabMap {
  /** @type {any} */ cy;
  /** @type {Scene} */ scene = { nodes: new Map(), lines: new Map() };
  /** @type {Wiring} */ #wiring;
  /** @type {import("./look.js").Level} */ #level = 0;
  /** @type {Map<string, Point>} */ #waiting = new Map();
  /** @type {Set<string>} */ #saved = new Set(); // ids whose places the server has
  /** @type {Map<string, Point>} */ #chosen = new Map(); // places that somebody chose
  /** @type {Record<string, import("../model.js").Rate>} */ #rates = {};
  /** @type {Set<string>} */ #groups = new Set();
  /** @type {string[]} */ #areas = [];
  /** @type {string | null} */ #here = null; // the area of this lab host
  /** @type {Model | null} */ #late = null; // what came while nobody looked
  /** @type {Map<string, string>} */ #checks = new Map();
  #fitted = true;
  #first = true;
  #telling = false;
  #pending = 0;
  #timer = 0;
  #ground;
  #ink = palette();
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param {HTMLElement} container
   * @param {HTMLCanvasElement} ground the canvas below, for groups
   * @param {Wiring} wiring
   */
  constructor(container, ground, wiring) {
    this.#wiring = wiring;
    this.#ground = ground;
    cytoscape.use(cytoscapeFcose);
    this.cy = cytoscape({ container, minZoom: 0.04, maxZoom: 3, boxSelectionEnabled: true, selectionType: "single" });
    this.#listen();
    this.restyle();
  }

  #listen() {
    const { cy } = this;
    cy.on("zoom", () => {
      const level = levelOf(cy.zoom());
      if (level !== this.#level) {
        this.#level = level;
        this.restyle();
      }
    });
    cy.on("viewport", () => {
      this.#drawGround();
      if (this.scene.lines.size > MANY && this.#level === 0) this.#soon(150);
    });
    cy.on("scrollzoom dragpan pinchzoom", () => (this.#fitted = false));
    cy.on("position", "node", () => this.#soon());
    cy.on("dragfree", "node", (/** @type {any} */ event) => this.#dropped(event.target));
    cy.on("select unselect", () => this.#selectedSoon());
    // The browser knows how fast this person's double clicks are; cytoscape's own are lost on a busy machine.
    let tapped = cy;
    cy.on("tap", (/** @type {any} */ event) => (tapped = event.target));
    container(cy).addEventListener("dblclick", () => tapped !== cy && tapped.inside() && this.#wiring.opened(tapped.data("subject")));
    cy.on("cxttap", (/** @type {any} */ event) => {
      if (event.target === cy) return this.#wiring.asked([], event.renderedPosition);
      if (!event.target.selected()) this.select([event.target.data("subject")]);
      this.#wiring.asked(this.selected(), event.renderedPosition);
    });
    cy.on("mouseover", "node, edge", (/** @type {any} */ event) => {
      event.target.addClass("over");
      this.#wiring.over(event.target.data("subject") ?? null, event.renderedPosition);
    });
    cy.on("mouseout", "node, edge", (/** @type {any} */ event) => {
      event.target.removeClass("over");
      this.#wiring.over(null, event.renderedPosition);
    });
    cy.on("tapstart viewport", () => this.#wiring.over(null, { x: 0, y: 0 }));
    new ResizeObserver(() => this.#resized()).observe(/** @type {Element} */ (cy.container()));
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || !this.#late) return;
      const model = this.#late;
      this.#late = null;
      this.draw(model);
    });
  }

  // What is drawn

  /** @param {Model} model */
  draw(model) {
    if (document.hidden) {
      this.#late = model;
      return;
    }
    if (!model.view) return;
    const next = sceneOf(model.view, model.draft);
    const { nodes, lines } = next, { cy } = this;
    const twins = doubled(lines);
    /** @type {string[]} */
    const fresh = [];
    let other = false;
    cy.batch(() => {
      for (const id of [...this.scene.lines.keys()]) if (!lines.has(id)) other = Boolean(cy.getElementById(id).remove());
      for (const id of [...this.scene.nodes.keys()]) if (!nodes.has(id)) other = Boolean(cy.getElementById(id).remove());
      for (const node of nodes.values()) {
        const old = this.scene.nodes.get(node.id);
        if (old === node) continue;
        other = true;
        const { id, subject, kind, name, text, role, state, badge, width, height } = node;
        const data = { id, subject, name, text, role, state, badge, width, height };
        if (old) {
          const element = cy.getElementById(id);
          element.data(data);
          if (old.change !== node.change) element.removeClass("comes goes changes").addClass(CHANGES[node.change] ?? "");
        } else {
          cy.add({ group: "nodes", data, classes: `${kind} ${CHANGES[node.change] ?? ""}`, position: { x: 0, y: 0 } });
          fresh.push(id);
        }
      }
      for (const line of lines.values()) {
        const old = this.scene.lines.get(line.id);
        const classes = this.#lineClasses(line, twins);
        if (old && (old.source !== line.source || old.target !== line.target)) cy.getElementById(line.id).remove();
        else if (old) {
          const element = cy.getElementById(line.id);
          if (old !== line) other = true;
          if (old !== line || element.scratch("dumm") !== classes) this.#reclass(element, classes);
          continue;
        }
        other = true;
        cy.add({ group: "edges", data: { id: line.id, source: line.source, target: line.target, subject: line.subject, wide: 2 }, classes });
        cy.getElementById(line.id).scratch("dumm", classes);
      }
    });
    this.scene = next;
    this.#areas = areas(next);
    this.#here = model.view.lab.lab_host ?? null;
    if (fresh.length) this.#place(fresh, model);
    if (other) this.#soon();
  }

  /** @param {Line} line @param {Set<string>} twins */
  #lineClasses(line, twins) {
    return [line.kind, CHANGES[line.change], line.down && "down", (line.to[0] || line.to[1]) && "impaired", twins.has(line.id) && "twin"].filter(Boolean).join(" ");
  }

  /** @param {any} element @param {string} classes */
  #reclass(element, classes) {
    element.scratch("dumm", classes);
    const keep = ["busy", "drops", "faded", "good", "bad", "focus"].filter((name) => element.hasClass(name));
    element.classes([...classes.split(" "), ...keep].join(" "));
  }

  /** @param {Record<string, import("../model.js").Rate>} rates */
  flow(rates) {
    this.#rates = rates;
    if (document.hidden) return;
    let texts = false;
    this.cy.batch(() => {
      for (const line of this.scene.lines.values()) {
        const { rate, drops } = this.#rateOf(line), element = this.cy.getElementById(line.id);
        const wide = Math.round(lineWidth(rate) * 2) / 2, text = rate > 0 ? bits(rate) : "";
        if (element.data("rate") === text && element.hasClass("drops") === drops > 0) continue;
        texts = true;
        element.data({ wide, rate: text });
        element.toggleClass("busy", rate > 0).toggleClass("drops", drops > 0);
      }
    });
    if (texts) this.#soon();
  }

  /** @param {Line} line @returns {{rate: number, drops: number}} of the busier direction */
  #rateOf(line) {
    let rate = 0, drops = 0;
    for (const name of line.interfaces) {
      const at = this.#rates[name];
      if (at) [rate, drops] = [Math.max(rate, at[0], at[1]), drops + at[4]];
    }
    return { rate, drops };
  }

  // Texts of lines

  /** Place the texts again, once for all that happens now.  @param {number} [wait] in ms */
  #soon(wait = 0) {
    if (wait) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#soon(), wait);
      return;
    }
    if (this.#pending) return;
    this.#pending = requestAnimationFrame(() => {
      this.#pending = 0;
      if (this.#level === 0) this.#letter();
      this.#drawGround();
    });
  }

  #letter() {
    const { cy } = this;
    const all = this.scene.lines.size <= MANY, { x1, x2, y1, y2 } = cy.extent();
    const near = (/** @type {Point} */ p) => all || (p.x > x1 - 200 && p.x < x2 + 200 && p.y > y1 - 200 && p.y < y2 + 200);
    const nodes = [], texts = [];
    for (const node of this.scene.nodes.values()) {
      const p = cy.getElementById(node.id).position();
      if (!near(p)) continue;
      nodes.push({ x: p.x, y: p.y, w: node.width, h: node.height });
      if (node.badge) nodes.push({ x: p.x, y: p.y + node.height / 2 + 2, w: node.badge.length * 6.1 + 14, h: 16 });
    }
    for (const line of this.scene.lines.values()) {
      const element = cy.getElementById(line.id);
      const [a, b] = [element.source().position(), element.target().position()];
      if (!near(a) && !near(b)) continue;
      const from = element.sourceEndpoint(), to = element.targetEndpoint();
      if (!from || !to || Number.isNaN(from.x)) continue;
      const bend = element.hasClass("twin") ? element.controlPoints()?.[0] : null;
      texts.push({ id: line.id, from, to, bend, ends: line.ends, middle: [element.data("rate") ?? "", this.#conditions(line, a, b), line.down ? "down" : "", line.prefix], least: line.to[0] || line.to[1] ? "…" : "" });
    }
    const places = placed(nodes, texts);
    cy.batch(() => {
      for (const [id, { ends, offsets, middle, shift }] of places) {
        const element = cy.getElementById(id), old = element.scratch("text");
        const now = [ends[0], offsets[0], ends[1], offsets[1], middle, Math.round(shift.x), Math.round(shift.y)];
        if (old?.every((/** @type {unknown} */ each, /** @type {number} */ n) => each === now[n])) continue;
        element.scratch("text", now);
        element.data({ first: now[0], firstAt: now[1], last: now[2], lastAt: now[3], middle: now[4], shiftX: now[5], shiftY: now[6] });
      }
    });
  }

  /** Conditions of a line, with arrows where its directions differ.  @param {Line} line @param {Point} a @param {Point} b */
  #conditions(line, a, b) {
    const [back, forth] = line.to;
    if (line.kind === "port") return forth;
    if (back === forth) return forth;
    const [left, right] = a.x <= b.x ? ["←", "→"] : ["→", "←"]; // texts are never upside down
    return [forth && `${right} ${forth}`, back && `${left} ${back}`].filter(Boolean).join("  ");
  }

  /** Boxes of all texts that are shown, in pixels of the stage, as cytoscape draws them: for tests. */
  boxes() {
    const { cy } = this, zoom = cy.zoom(), pan = cy.pan();
    /** @type {({id: string} & import("./labels.js").Box)[]} */
    const found = [];
    const push = (/** @type {string} */ id, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ w, /** @type {number} */ h, /** @type {number} */ angle) =>
      found.push({ id, x: x * zoom + pan.x, y: y * zoom + pan.y, w: w * zoom, h: h * zoom, cos: Math.cos(angle), sin: Math.sin(angle) });
    for (const node of cy.nodes()) push(node.id(), node.position("x"), node.position("y"), node.width(), node.height(), 0);
    for (const edge of cy.edges()) {
      const at = edge._private.rscratch;
      for (const [kind, prefix] of [["middle", ""], ["first", "source"], ["last", "target"]]) {
        if (!edge.data(kind) || this.#level) continue;
        const style = edge.pstyle(prefix ? `${prefix}-label` : "label").strValue;
        if (!style) continue;
        const [x, y] = [at[prefix ? `${prefix}LabelX` : "labelX"], at[prefix ? `${prefix}LabelY` : "labelY"]];
        const width = at[prefix ? `${prefix}LabelWidth` : "labelWidth"], height = at[prefix ? `${prefix}LabelHeight` : "labelHeight"], angle = at[prefix ? `${prefix}LabelAngle` : "labelAngle"] ?? 0;
        push(`${edge.id()} ${kind}`, x + (prefix ? 0 : edge.data("shiftX")), y + (prefix ? 0 : edge.data("shiftY")), width, height, angle);
      }
    }
    return found;
  }

  // Places

  /**
   * Places for nodes that have come.  A lab without any places is laid out as a whole; later nothing moves that is there.
   * @param {string[]} fresh
   * @param {Model} model
   */
  #place(fresh, model) {
    const kept = this.#first ? this.#wiring.kept() : new Map();
    /** @type {string[]} */
    const left = [];
    this.cy.batch(() => {
      for (const id of fresh) {
        const at = this.#waiting.get(id) ?? (model.places[id] ? { x: model.places[id][0], y: model.places[id][1] } : kept.get(id));
        if (at) this.cy.getElementById(id).position(at);
        else left.push(id);
      }
    });
    for (const id of fresh) this.#waiting.delete(id);
    this.noted(model.places);
    const first = this.#first;
    this.#first = false;
    if (first && left.length > 2 && left.length > fresh.length / 2) return void this.arrange(false);
    this.#beside(left);
    if (first) {
      this.fit(false);
      container(this.cy).dataset.arranged = "yes";
    }
    if (left.length) this.#wiring.keep(this.places());
  }

  /** @param {string[]} left */
  #beside(left) {
    if (!left.length) return;
    const there = this.places();
    for (const id of left) there.delete(id);
    const { x1, x2, y1, y2 } = this.cy.extent();
    const places = beside(this.scene, there, { x: (x1 + x2) / 2, y: (y1 + y2) / 2 });
    this.cy.batch(() => places.forEach((at, id) => this.cy.getElementById(id).position(at)));
  }

  /** @returns {Map<string, Point>} */
  places() {
    return new Map([...this.scene.nodes.keys()].map((id) => [id, { ...this.cy.getElementById(id).position() }]));
  }

  /** @param {Record<string, [number, number]>} places that the server has */
  noted(places) {
    for (const [id, [x, y]] of Object.entries(places)) {
      this.#saved.add(id);
      this.#chosen.set(id, { x, y });
    }
  }

  /** Places that others have chosen.  @param {Record<string, [number, number]>} places */
  moved(places) {
    this.noted(places);
    this.cy.batch(() => {
      for (const [id, [x, y]] of Object.entries(places)) {
        const element = this.cy.getElementById(id);
        if (element.nonempty() && !element.grabbed()) element.position({ x, y });
      }
    });
  }

  /** @param {any} target */
  #dropped(target) {
    const moved = target.selected() ? this.cy.$("node:selected") : target;
    /** @type {Record<string, [number, number]>} */
    const places = {};
    for (const [id, at] of this.places()) if (!this.#saved.has(id)) places[id] = [Math.round(at.x), Math.round(at.y)];
    moved.forEach((/** @type {any} */ node) => {
      places[node.id()] = [Math.round(node.position("x")), Math.round(node.position("y"))];
    });
    this.noted(places);
    this.#wiring.moved(places);
    this.#wiring.keep(this.places());
  }

  /** Lay the whole map out anew.  @param {boolean} [byHand] whether the places are to be saved for everybody */
  async arrange(byHand = true) {
    const stage = this.#stage(), stand = container(this.cy);
    if (!byHand) stand.dataset.arranged = "no"; // nothing to see until then: all lies on one spot
    const places = await arranged(this.scene, { width: stage.width / 0.9, height: stage.height / 0.9 });
    // Places that came meanwhile hold; where most nodes have one, the rest goes beside those.
    const chosen = byHand ? [] : [...this.#chosen].filter(([id]) => this.scene.nodes.has(id));
    if (chosen.length > this.scene.nodes.size / 2) places.clear();
    for (const [id, at] of chosen) places.set(id, at);
    const gone = [...this.scene.nodes.keys()].filter((id) => !places.has(id));
    const positions = (/** @type {any} */ node) => places.get(node.id()) ?? node.position();
    const animate = byHand && !this.#still.matches && this.scene.nodes.size < 300;
    const layout = this.cy.layout({ name: "preset", positions, fit: false, animate, animationDuration: 350 });
    const done = layout.promiseOn("layoutstop");
    layout.run();
    await done;
    this.#beside(gone);
    this.fit(animate);
    this.#wiring.keep(this.places());
    if (byHand) this.#wiring.moved(Object.fromEntries([...this.places()].map(([id, at]) => [id, [Math.round(at.x), Math.round(at.y)]])));
    stand.dataset.arranged = "yes";
  }

  /** Where a node that will come is to stand.  @param {string} id @param {Point} at */
  wait(id, at) {
    this.#waiting.set(id, at);
  }

  // What is seen

  #stage() {
    const width = (this.#wiring.covered()?.left ?? this.cy.width()) - MARGIN.left - MARGIN.right, height = this.cy.height() - MARGIN.top - MARGIN.bottom;
    return { width: Math.max(80, width), height: Math.max(80, height) };
  }

  /** Show all of the map.  @param {boolean} [glide] */
  fit(glide = true) {
    this.#fitted = true;
    this.#show(this.cy.elements(), 1.15, glide, this.#areas.length ? ROOM + 12 : 0);
  }

  /** @param {any} elements @param {number} most zoom @param {boolean} glide @param {number} [room] around them */
  #show(elements, most, glide, room = 0) {
    if (elements.empty()) return;
    const box = elements.boundingBox({ includeLabels: false, includeUnderlays: false, includeOverlays: false, includeOutlines: false });
    const stage = this.#stage();
    const zoom = Math.max(this.cy.minZoom(), Math.min(most, stage.width / (box.w + 2 * room || 1), stage.height / (box.h + 2 * room || 1)));
    const pan = { x: MARGIN.left + stage.width / 2 - ((box.x1 + box.x2) / 2) * zoom, y: MARGIN.top + stage.height / 2 - ((box.y1 + box.y2) / 2) * zoom };
    this.#go({ zoom, pan }, glide);
  }

  /** @param {{zoom: number, pan: Point}} to @param {boolean} glide */
  #go(to, glide) {
    this.cy.stop();
    if (glide && !this.#still.matches && this.scene.nodes.size < 400) this.cy.animate({ ...to, duration: 220, easing: "ease-out" });
    else this.cy.viewport(to);
  }

  /** Show elements from near.  @param {string[]} ids */
  reveal(...ids) {
    this.#fitted = false;
    this.#show(this.cy.collection(ids.map((id) => this.cy.getElementById(id))), 1.1, true);
  }

  /**
   * Bring an element into sight, if it is not; nothing else.
   * @param {string} id
   * @param {{left: number, bottom: number} | null} [covered] what a panel covers, from the upper right corner
   */
  uncover(id, covered = null) {
    const element = this.cy.getElementById(id);
    if (element.empty()) return;
    const box = element.renderedBoundingBox({ includeLabels: false, includeUnderlays: false });
    const right = covered && box.y1 < covered.bottom + 8 ? covered.left - 16 : this.cy.width() - 16, bottom = this.cy.height() - 16;
    const x = box.x2 > right ? right - box.x2 : box.x1 < 64 ? 64 - box.x1 : 0, y = box.y2 > bottom ? bottom - box.y2 : box.y1 < 16 ? 16 - box.y1 : 0;
    if (!x && !y) return;
    this.#fitted = false;
    const pan = this.cy.pan();
    this.#go({ zoom: this.cy.zoom(), pan: { x: pan.x + x, y: pan.y + y } }, true);
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.#fitted = false;
    this.cy.zoom({ level: this.cy.zoom() * factor, renderedPosition: { x: this.cy.width() / 2, y: this.cy.height() / 2 } });
  }

  #resized() {
    this.cy.resize();
    if (this.#fitted) this.fit(false);
    this.#drawGround();
  }

  restyle() {
    this.#ink = palette();
    this.cy.style().fromJson(look(this.#level, this.#ink)).update();
    this.#soon();
  }

  // Groups and lab hosts

  /** @param {Iterable<string>} groups that are drawn around their guests */
  group(groups) {
    this.#groups = new Set(groups);
    this.#drawGround();
  }

  #drawGround() {
    const canvas = this.#ground, ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.cy.width() * ratio), height = Math.round(this.cy.height() * ratio);
    const some = this.#groups.size + this.#areas.length > 0;
    if (!some && !canvas.dataset.drawn) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const at = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    at.setTransform(1, 0, 0, 1, 0, 0);
    at.clearRect(0, 0, width, height);
    canvas.dataset.drawn = some ? "yes" : "";
    const zoom = this.cy.zoom(), pan = this.cy.pan();
    at.setTransform(ratio * zoom, 0, 0, ratio * zoom, ratio * pan.x, ratio * pan.y);
    for (const area of this.#areas) this.#drawArea(at, area);
    [...this.#groups].forEach((group, n) => this.#drawGroup(at, group, n));
  }

  /** @param {CanvasRenderingContext2D} at @param {string} area */
  #drawArea(at, area) {
    const rect = around(this.scene, area, (id) => this.cy.getElementById(id).position());
    if (!rect) return;
    const left = rect.x - rect.w / 2, top = rect.y - rect.h / 2;
    this.#drawShape(at, this.#ink(area === this.#here ? "accent" : "stop"), () => at.roundRect(left, top, rect.w, rect.h, 18));
    at.textAlign = "left";
    at.fillText(`lab host ${area}${area === this.#here ? " (this one)" : ""}`, left + 6, top - 8);
  }

  /** @param {CanvasRenderingContext2D} at @param {string} group @param {number} n */
  #drawGroup(at, group, n) {
    const boxes = [...this.scene.nodes.values()].filter((node) => node.groups.includes(group)).map((node) => ({ ...this.cy.getElementById(node.id).position(), w: node.width, h: node.height }));
    if (!boxes.length) return;
    const corners = hull(boxes, 22), ink = this.#ink(`group-${n % 5}`);
    this.#drawShape(at, ink, () => corners.forEach((p, k) => {
      const q = corners[(k + 1) % corners.length], middle = { x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 };
      if (k === 0) at.moveTo((corners[corners.length - 1].x + p.x) / 2, (corners[corners.length - 1].y + p.y) / 2);
      at.arcTo(p.x, p.y, middle.x, middle.y, 18);
      at.lineTo(middle.x, middle.y);
    }));
    const top = boxes.reduce((best, box) => (box.y - box.h / 2 < best.y - best.h / 2 ? box : best));
    at.textAlign = "center";
    at.fillText(group, top.x, top.y - top.h / 2 - 28);
  }

  /** A shape that is filled a little, and its colour and letters for what is written on it.  @param {CanvasRenderingContext2D} at @param {string} ink @param {() => void} shape */
  #drawShape(at, ink, shape) {
    at.beginPath();
    shape();
    at.closePath();
    at.globalAlpha = 0.1;
    at.fillStyle = ink;
    at.fill();
    at.globalAlpha = 0.7;
    at.strokeStyle = ink;
    at.lineWidth = 1.5;
    at.stroke();
    at.globalAlpha = 1;
    at.font = `600 ${Math.max(12, 12 / this.cy.zoom())}px "DejaVu Sans", system-ui, sans-serif`;
  }

  // What is selected

  /** @returns {Subject[]} */
  selected() {
    return this.cy.$(":selected").map((/** @type {any} */ element) => element.data("subject")).filter(Boolean);
  }

  /** @param {Subject[]} subjects @param {boolean} [more] whether what is selected stays so */
  select(subjects, more = false) {
    this.cy.batch(() => {
      if (!more) this.cy.$(":selected").unselect();
      for (const subject of subjects) this.cy.getElementById(idOf(subject)).select();
    });
    this.#selectedSoon();
  }

  /** Tell what is selected, once for all that happens now. */
  #selectedSoon() {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      this.#wiring.selected(this.selected());
    });
  }

  /** @param {Point} at in pixels of the stage @returns {string | null} id of the node there */
  under(at) {
    const zoom = this.cy.zoom(), pan = this.cy.pan(), x = (at.x - pan.x) / zoom, y = (at.y - pan.y) / zoom;
    for (const node of [...this.scene.nodes.values()].reverse()) {
      const p = this.cy.getElementById(node.id).position();
      if (Math.abs(p.x - x) < node.width / 2 + 8 && Math.abs(p.y - y) < node.height / 2 + 8) return node.id;
    }
    return null;
  }

  /** @param {string | null} id the element that the keyboard is at */
  focus(id) {
    this.cy.batch(() => {
      this.cy.$(".focus").removeClass("focus");
      if (id) this.cy.getElementById(id).addClass("focus");
    });
  }

  /** Let all else fade.  @param {Set<string> | null} ids `null`: nothing fades */
  spot(ids) {
    this.cy.batch(() => {
      this.cy.elements().removeClass("faded");
      if (!ids) return;
      for (const id of this.scene.nodes.keys()) if (!ids.has(id)) this.cy.getElementById(id).addClass("faded");
      for (const line of this.scene.lines.values()) if (!ids.has(line.id) && !(ids.has(line.source) && ids.has(line.target))) this.cy.getElementById(line.id).addClass("faded");
    });
  }

  /** What checks say.  @param {string[]} ids @param {"good" | "bad" | null} how */
  lit(ids, how) {
    this.cy.batch(() => {
      for (const id of ids) {
        if (how) this.#checks.set(id, how);
        else this.#checks.delete(id);
        this.cy.getElementById(id).removeClass("good bad").addClass(how ?? "");
      }
    });
  }

  /** What others have selected.  @param {Set<string>} ids */
  theirs(ids) {
    this.cy.batch(() => {
      this.cy.$(".theirs").removeClass("theirs");
      for (const id of ids) this.cy.getElementById(id).addClass("theirs");
    });
  }

  /** @returns {string} the map as a PNG: the address of its data */
  png() {
    return this.cy.png({ full: true, scale: this.scene.nodes.size > 200 ? 1 : 2, bg: this.#ink("bg"), maxWidth: 8000, maxHeight: 8000 });
  }
}

/** @param {any} cy @returns {HTMLElement} */
function container(cy) {
  return cy.container();
}

/** @param {Map<string, Line>} lines @returns {Set<string>} ids of lines that join the same two nodes as another one */
function doubled(lines) {
  /** @type {Map<string, string[]>} */
  const pairs = new Map();
  for (const { id, source, target } of lines.values()) {
    const pair = [source, target].sort().join("\n");
    pairs.set(pair, [...(pairs.get(pair) ?? []), id]);
  }
  return new Set([...pairs.values()].filter((ids) => ids.length > 1).flat());
}
