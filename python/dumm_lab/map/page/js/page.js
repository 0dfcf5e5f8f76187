// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The page: what its parts share, and where js/edit and js/terminal hook in their commands, sections of the panel, menu entries and tabs.

import { LabMap } from "./map/map.js";
import { Mirror } from "./map/mirror.js";
import { idOf } from "./map/scene.js";
import { bits, conditionText } from "./map/text.js";
import { isElsewhere } from "./model.js";
import { Commands } from "./ui/commands.js";
import { Dock } from "./ui/dock.js";
import { h, the } from "./ui/dom.js";
import { openMenu, readyMenu } from "./ui/menu.js";
import { Panel } from "./ui/panel.js";

/** @typedef {import("./map/scene.js").Subject} Subject */
/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").Topic} Topic */
/** @typedef {{x: number, y: number}} Point */
/**
 * @typedef {{id: string, kinds: (Subject["kind"] | "none")[], order: number, title: (subjects: Subject[]) => string | null, run: (subjects: Subject[]) => void, hint?: string, bad?: boolean}} Entry
 *   of the context menu; kinds: all that is selected must be one of them, "none" is the menu of the empty map
 */

const UNCOVER = 450; // ms: longer than a double click, so that its second click still meets what the first one met

const TOASTS = 3; // at once, beside those that tell of a failure

export class Page {
  /** @type {LabMap & {hint: (text: string | null) => void}} */ map;
  /** @type {Mirror} */ mirror;
  /** @type {Panel} */ panel;
  dock = new Dock();
  bar = the("bar");
  #live;
  #commands = new Commands();
  /** @type {Entry[]} */ #entries = [];
  /** @type {(subject: Subject) => void} */ #opens = () => {};
  #peek = 0;
  #hover = 0;
  #said = 0;

  /** @param {import("./live.js").Live} live */
  constructor(live) {
    this.#live = live;
    const map = new LabMap(the("map"), /** @type {HTMLCanvasElement} */ (the("ground")), {
      moved: (places) => this.#keepPlaces(places),
      selected: (subjects) => this.#selected(subjects),
      opened: (subject) => this.#opens(subject),
      asked: (subjects, at) => this.contextMenu(subjects, this.#inWindow(at)),
      over: (subject, at) => this.#tip(subject, at),
      covered: () => this.panel?.covers() ?? null,
      keep: (places) => this.#store(places),
      kept: () => this.#stored(),
    });
    this.map = Object.assign(map, { hint: (/** @type {string | null} */ text) => void (the("hint").textContent = text ?? "") });
    this.panel = new Panel(this.model, () => this.map.select([]));
    this.mirror = new Mirror(map, {
      opened: (id) => this.#opens(map.cy.getElementById(id).data("subject")),
      asked: (id) => this.contextMenu(map.selected(), this.#inWindow(middle(map.cy.getElementById(id)))),
      covered: () => this.panel.covers(),
    });
    readyMenu();
  }

  // What the server knows

  /** @returns {Model} */
  model = () => this.#live.model();

  /** @param {Topic[]} topics @param {(model: Model, topic: Topic) => void} watcher */
  watch(topics, watcher) {
    this.#live.watch(topics, watcher);
  }

  /** @param {string} verb @param {Record<string, unknown>} [args] @returns {Promise<any>} rejects with the server's sentence */
  request(verb, args) {
    return this.#live.request(verb, args);
  }

  /** Ask for something, and show the server's sentence if it fails.  @param {string} verb @param {Record<string, unknown>} [args] @returns {Promise<any>} `undefined` if it fails */
  async try(verb, args) {
    try {
      return await this.request(verb, args);
    } catch (error) {
      this.toast(/** @type {Error} */ (error).message, { bad: true });
      return undefined;
    }
  }

  /** @returns {boolean} whether this page may only watch */
  readonly() {
    return this.model().hello?.readonly ?? false;
  }

  // Where others hook in

  /** @param {import("./ui/commands.js").Command} command */
  command(command) {
    this.#commands.add(command);
  }

  /** @param {string} [id] of a command to run, "" to put the tool away @returns {string} the tool that is on */
  tool(id) {
    if (id === "") this.#commands.drop();
    else if (id) this.#commands.run(id);
    return this.#commands.tool();
  }

  /** Ask all commands again whether they can be used. */
  refresh() {
    this.#commands.refresh();
  }

  keys() {
    return this.#commands.keys();
  }

  /** @param {import("./ui/panel.js").Section} section */
  section(section) {
    this.panel.add(section);
  }

  /** @param {Entry} entry */
  menu(entry) {
    this.#entries.push(entry);
    this.#entries.sort((a, b) => a.order - b.order);
  }

  /** @param {(subject: Subject) => void} opens what a double click and Enter do */
  opens(opens) {
    this.#opens = opens;
  }

  // What is shown

  /** @param {Subject[]} subjects @param {Point} at in pixels of the window */
  contextMenu(subjects, at) {
    const entries = this.#entries.filter((entry) => (subjects.length ? subjects.every((subject) => entry.kinds.includes(subject.kind)) : entry.kinds.includes("none")));
    const items = entries.flatMap((entry) => {
      const title = entry.title(subjects);
      return title === null ? [] : [{ title, hint: entry.hint, bad: entry.bad, run: () => entry.run(subjects) }];
    });
    if (items.length) openMenu(items, at, "What can be done", the("mirror"));
  }

  /**
   * @param {string} text
   * @param {{bad?: boolean}} [how]
   */
  toast(text, { bad = false } = {}) {
    const close = h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => note.remove() }, "×");
    const note = h("div", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : undefined }, h("span", {}, text), close);
    the("toasts").append(note);
    // Where others are busy, the newest are enough; what went wrong stays.
    const plain = the("toasts").querySelectorAll(".toast:not(.bad)");
    if (plain.length > TOASTS) plain[0].remove();
    setTimeout(() => note.remove(), bad ? 15000 : 5000);
  }

  /**
   * A small card at a place of the stage; it goes with Escape, or with `popover(null)`.
   * @param {Point | null} at in pixels of the stage
   * @param {HTMLElement} [element]
   */
  popover(at, element) {
    const host = the("popover");
    host.hidden = !at;
    if (!at || !element) return host.replaceChildren();
    host.replaceChildren(element);
    const { width, height } = the("stage").getBoundingClientRect();
    host.style.left = `${Math.max(8, Math.min(at.x + 14, width - host.offsetWidth - 12))}px`;
    host.style.top = `${Math.max(8, Math.min(at.y + 14, height - host.offsetHeight - 12))}px`;
    /** @type {HTMLElement | null} */ (element.querySelector("[autofocus], input, select, button"))?.focus();
  }

  /** @param {string[]} sentences for those who do not see the map */
  announce(sentences) {
    if (!sentences.length) return;
    const says = the("says");
    says.append(h("p", {}, sentences.join(" ")));
    clearTimeout(this.#said);
    this.#said = setTimeout(() => says.replaceChildren(), 4000);
  }

  /** @param {string} name of an interface @returns {string} what flows through it now */
  rateText(name) {
    const rate = this.model().rates[name];
    if (!rate) return "idle";
    const [inward, outward, , , drops] = rate;
    return `↓ ${bits(inward)}  ↑ ${bits(outward)}${drops ? `  ${Math.round(drops)} drops/s` : ""}`;
  }

  // Inside

  /** @param {Point} at in pixels of the stage */
  #inWindow(at) {
    const { left, top } = the("map").getBoundingClientRect();
    return { x: left + at.x, y: top + at.y };
  }

  /** @param {Subject[]} subjects */
  #selected(subjects) {
    const panel = the("panel"), wasHidden = panel.hidden;
    this.panel.select(subjects);
    if (wasHidden) {
      panel.classList.add("fresh");
      setTimeout(() => panel.classList.remove("fresh"), UNCOVER);
    }
    this.mirror.selected(new Set(subjects.map(idOf)));
    this.#commands.refresh();
    clearTimeout(this.#peek);
    if (subjects.length === 1) this.#peek = setTimeout(() => this.map.uncover(idOf(subjects[0]), this.panel.covers()), UNCOVER);
    if (this.model().link.state === "open") this.request("people.select", { selected: subjects.slice(0, 50).map(idOf) }).catch(() => {});
  }

  /** A few facts of what the mouse rests on.  @param {Subject | null} subject @param {Point} at in pixels of the stage */
  #tip(subject, at) {
    clearTimeout(this.#hover);
    const host = the("tip");
    host.hidden = true;
    if (!subject) return;
    this.#hover = setTimeout(() => {
      const lines = this.#facts(subject);
      if (!lines.length) return;
      host.replaceChildren(h("b", {}, lines[0]), ...lines.slice(1).map((line) => h("p", {}, line)));
      host.hidden = false;
      const { width, height } = the("stage").getBoundingClientRect();
      host.style.left = `${Math.max(6, Math.min(at.x + 18, width - host.offsetWidth - 8))}px`;
      host.style.top = `${Math.max(6, at.y + 20 + host.offsetHeight > height ? at.y - host.offsetHeight - 14 : at.y + 20)}px`;
    }, 350);
  }

  /** @param {Subject} subject @returns {string[]} in lines, the name first */
  #facts(subject) {
    const { view, draft } = this.model();
    const guestOf = (/** @type {string} */ name) => view?.guests[name] ?? draft?.wanted?.guests[name];
    if (subject.kind === "segment") {
      const segment = view?.segments[subject.name] ?? draft?.wanted?.segments[subject.name];
      return segment ? [subject.name, segment.label ?? "", segment.prefix.join(", "), (segment.lab_hosts?.length ?? 0) > 1 ? `joins lab hosts ${segment.lab_hosts?.join(", ")}` : ""].filter(Boolean) : [];
    }
    if (subject.kind === "guest") {
      const guest = guestOf(subject.name);
      if (!guest) return [];
      const faces = Object.entries(guest.interfaces).slice(0, 6).map(([name, face]) => [name, ...(face.addresses ?? [])].join(" "));
      return [subject.name, guest.label ?? "", guest.why ? `${guest.state}: ${guest.why}` : guest.state === "elsewhere" ? `on lab host ${guest.lab_host}` : guest.state, ...faces].filter(Boolean);
    }
    const cable = subject.kind === "cable" ? (view?.cables[subject.id] ?? draft?.wanted?.cables[subject.id]) : null;
    const ends = cable ? [cable.a, cable.b] : subject.kind === "port" ? [`${subject.guest}:${subject.interface}`] : [];
    return [
      ends.join(" – "), cable?.prefix.join(", ") ?? "",
      ...ends.map((end) => {
        const [name, face] = end.split(":"), iface = guestOf(name)?.interfaces[face];
        return [end, ...(iface?.addresses ?? []), conditionText(iface?.conditions), isElsewhere(view, name) ? "" : this.rateText(end)].filter(Boolean).join("  ");
      }),
    ].filter(Boolean);
  }

  /** Save places without waiting for it.  @param {Record<string, [number, number]>} places */
  #keepPlaces(places) {
    if (this.readonly() || this.model().link.state !== "open") return;
    this.request("places.move", { places }).catch((error) => this.toast(error.message, { bad: true }));
  }

  /** @returns {string} where places that nobody chose by hand are kept in this browser: one lab, one scenario */
  #shelf() {
    const { hello, view } = this.model();
    return `dumm-places ${hello?.workdir ?? view?.lab.workdir} ${view?.lab.scenario ?? ""}`;
  }

  /** @param {Map<string, Point>} places */
  #store(places) {
    try {
      localStorage.setItem(this.#shelf(), JSON.stringify([...places].map(([id, { x, y }]) => [id, Math.round(x), Math.round(y)])));
    } catch {
      // Full or forbidden: the next page then lays the lab out anew.
    }
  }

  /** @returns {Map<string, Point>} */
  #stored() {
    try {
      return new Map(JSON.parse(localStorage.getItem(this.#shelf()) ?? "[]").map((/** @type {[string, number, number]} */ [id, x, y]) => [id, { x, y }]));
    } catch {
      return new Map();
    }
  }
}

/** @param {any} element @returns {Point} */
function middle(element) {
  return element.isNode() ? element.renderedPosition() : element.renderedMidpoint();
}
