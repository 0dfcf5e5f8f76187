// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The panel's sections that only show: title, reason of a failure, what a guest says of itself, its machine, facts of segments and cables.

import { idOf } from "../map/scene.js";
import { conditionText } from "../map/text.js";
import { isElsewhere } from "../model.js";
import { h, icon } from "./dom.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../model.js").Model} Model */
/** @typedef {import("../map/scene.js").Subject} Subject */

/** @type {Record<string, string>} what one can do about a state */
const ADVICE = {
  failed: "Read its boot log for the last lines, then start it again.",
  paused: "It keeps its memory and answers nobody until it is resumed.",
  stopped: "Its files are kept. Start it to use it.",
  starting: "",
  running: "",
  elsewhere: "",
};

/** @param {Page} page */
export function start(page) {
  const guestOf = (/** @type {Subject} */ subject, /** @type {Model} */ model) =>
    subject.kind === "guest" ? (model.view?.guests[subject.name] ?? model.draft?.wanted?.guests[subject.name] ?? null) : null;

  page.section({
    id: "title", kind: "guest", order: 0,
    data: (subject, model) => {
      const guest = guestOf(subject, model), there = Boolean(model.view?.guests[subject.name]);
      return guest && { name: subject.name, label: guest.label, role: guest.role, state: there ? guest.state : "draft", scenario: guest.scenario, host: guest.lab_host };
    },
    show: (host, { name, label, role, state, scenario, host: on }) => host.replaceChildren(
      h("h2", {}, name, h("span", { class: `badge ${state}` }, state === "draft" ? "in the draft" : state)),
      h("p", { class: "sub" }, [role === "host" ? "guest" : role, scenario && `scenario ${scenario}`, on && `lab host ${on}`].filter(Boolean).join(" · ")),
      label ? h("p", {}, label) : "",
    ),
  });
  page.section({
    id: "why", kind: "guest", order: 5,
    data: (subject, model) => {
      const guest = model.view?.guests[subject.name];
      return guest && (guest.why || ADVICE[guest.state]) ? { why: guest.why, state: guest.state } : null;
    },
    show: (host, { why, state }) => host.replaceChildren(h("div", { class: `callout ${state}` }, why ? h("p", { class: "why" }, why) : "", ADVICE[state] ? h("p", {}, ADVICE[state]) : "")),
  });
  page.section({
    id: "elsewhere", kind: "guest", order: 5,
    data: (subject, model) => (isElsewhere(model.view, subject.name) ? { name: subject.name, on: model.view?.guests[subject.name]?.lab_host } : null),
    show: (host, { name, on }) => host.replaceChildren(h("div", { class: "callout" },
      h("p", { class: "why" }, `It is on lab host ${on}. Its state is not known here.`),
      h("p", {}, "For a terminal, run on ", h("b", {}, on), ": ", h("code", {}, `dumm attach ${name}`), ". For packets, power and saved states, run ", h("code", {}, "dumm map"), " there."),
    )),
  });
  page.section({ id: "inside", kind: "guest", order: 50, data: (subject, model) => (model.view?.guests[subject.name]?.state === "running" ? { name: subject.name } : null), show: (host, { name }) => inside(page, host, name) });
  page.section({
    id: "machine", kind: "guest", order: 80,
    data: (subject, model) => {
      const guest = guestOf(subject, model);
      return guest && { kernel: guest.kernel, mem: guest.mem, loaded: isElsewhere(model.view, subject.name) ? "" : guest.loaded.join(", ") || "none", saves: guest.saves, groups: guest.groups, macs: Object.entries(guest.interfaces).map(([name, face]) => [name, face.mac]) };
    },
    show: (host, guest) => host.replaceChildren(h("h3", {}, "Machine"), facts([
      ["kernel", guest.kernel ?? "default"], ["memory", guest.mem ? `${guest.mem} MB` : null], ["layers", guest.loaded], ["saved states", guest.saves.join(", ")], ["groups", guest.groups.join(", ")],
      ...guest.macs.map((/** @type {[string, string]} */ [name, mac]) => [mac && `MAC of ${name}`, mac]),
    ])),
  });
  segments(page);
  cables(page);
  page.section({
    id: "many", kind: "many", order: 0,
    data: (subject, model) => subject.subjects.map((/** @type {Subject} */ each) => ({ id: idOf(each), subject: each, state: each.kind === "guest" ? model.view?.guests[each.name]?.state ?? null : null })),
    show: (host, all) => host.replaceChildren(
      h("h2", {}, counted(all)), states(all),
      h("ul", { class: "list" }, ...all.slice(0, 60).map((/** @type {any} */ { id, subject, state }) => h("li", {}, jump(page, subject, label(subject)), state ? h("span", { class: `badge small ${state}`, "data-id": id }, state) : ""))),
      all.length > 60 ? h("p", { class: "sub" }, `and ${all.length - 60} more`) : "",
    ),
  });
}

/** @param {{subject: Subject}[]} all */
function counted(all) {
  const guests = all.filter(({ subject }) => subject.kind === "guest").length, segments = all.filter(({ subject }) => subject.kind === "segment").length, lines = all.length - guests - segments;
  return [[guests, "guest"], [segments, "segment"], [lines, "cable"]].filter(([n]) => n).map(([n, name]) => `${n} ${name}${n === 1 ? "" : "s"}`).join(", ");
}

/** @param {{state: string | null}[]} all */
function states(all) {
  /** @type {Map<string, number>} */
  const count = new Map();
  for (const { state } of all) if (state) count.set(state, (count.get(state) ?? 0) + 1);
  return h("p", { class: "sub" }, [...count].map(([state, n]) => `${n} ${state}`).join(" · "));
}

/** @param {Subject} subject @returns {string} */
export function label(subject) {
  return subject.kind === "cable" ? subject.id.replace("--", " – ") : subject.kind === "port" ? `${subject.guest}:${subject.interface}` : subject.name;
}

/** A button that leads to something on the map.  @param {Page} page @param {Subject} subject @param {string} text */
export function jump(page, subject, text) {
  return h("button", { type: "button", class: "jump", "data-key": idOf(subject), onclick: () => {
    page.map.select([subject]);
    page.map.uncover(idOf(subject), page.panel.covers());
  } }, text);
}

/** @param {(string | null)[][]} rows those without a value are left out */
export function facts(rows) {
  return h("dl", {}, ...rows.filter(([name, value]) => name && value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/** @param {Page} page */
function segments(page) {
  page.section({
    id: "title", kind: "segment", order: 0,
    data: (subject, model) => {
      const segment = model.view?.segments[subject.name] ?? model.draft?.wanted?.segments[subject.name];
      if (!segment) return null;
      const ports = Object.entries(model.view?.guests ?? {}).flatMap(([name, guest]) => Object.entries(guest.interfaces).filter(([, face]) => face.segment === subject.name).map(([face, iface]) => [name, face, (iface.addresses ?? []).join(" ")]));
      return { name: subject.name, label: segment.label, prefix: segment.prefix, address: segment.address, hosts: segment.lab_hosts ?? [], there: Boolean(model.view?.segments[subject.name]), ports };
    },
    show: (host, { name, label, prefix, address, hosts, there, ports }) => host.replaceChildren(
      h("h2", {}, name, there ? "" : h("span", { class: "badge draft" }, "in the draft")),
      h("p", { class: "sub" }, "segment"), label ? h("p", {}, label) : "",
      facts([["prefix", prefix.join(", ") || "none"], ["host's address", address.join(", ") || "none"], [hosts.length > 1 ? "joins lab hosts" : "lab host", hosts.join(", ")]]),
      h("h3", {}, ports.length === 1 ? "1 port" : `${ports.length} ports`),
      h("ul", { class: "list" }, ...ports.map((/** @type {string[]} */ [guest, face, addresses]) => h("li", {}, jump(page, { kind: "guest", name: guest }, guest), h("code", {}, `${face} ${addresses}`)))),
      ports.length ? "" : h("p", { class: "sub" }, "Nothing is plugged in."),
    ),
  });
}

/** @param {Page} page */
function cables(page) {
  page.section({
    id: "title", kind: "cable", order: 0,
    data: (subject, model) => {
      const cable = model.view?.cables[subject.id] ?? model.draft?.wanted?.cables[subject.id];
      return cable && { a: cable.a, b: cable.b, prefix: cable.prefix, state: model.view?.cables[subject.id] ? cable.state : "draft", to_a: conditionText(cable.to_a), to_b: conditionText(cable.to_b), here: here(model, [cable.a, cable.b]) };
    },
    show: (host, { a, b, prefix, state, to_a, to_b, here }) => {
      const [ga, gb] = [a, b].map((end) => end.split(":")[0]);
      host.replaceChildren(
        h("h2", {}, h("span", {}, jump(page, { kind: "guest", name: ga }, ga), " – ", jump(page, { kind: "guest", name: gb }, gb)), h("span", { class: `badge ${state === "up" ? "running" : state === "draft" ? "draft" : "failed"}` }, state === "draft" ? "in the draft" : state)),
        h("p", { class: "sub" }, `cable ${a} – ${b}`),
        facts([["prefix", prefix.join(", ")], [`to ${ga}`, to_a], [`to ${gb}`, to_b]]),
        traffic(page, here),
      );
    },
  });
  page.section({
    id: "title", kind: "port", order: 0,
    data: (subject, model) => {
      const face = (model.view?.guests[subject.guest] ?? model.draft?.wanted?.guests[subject.guest])?.interfaces[subject.interface];
      return face && { guest: subject.guest, name: subject.interface, segment: face.segment, addresses: face.addresses, up: face.up, mac: face.mac, conditions: conditionText(face.conditions), here: here(model, [`${subject.guest}:${subject.interface}`]) };
    },
    show: (host, { guest, name, segment, addresses, up, mac, conditions, here }) => host.replaceChildren(
      h("h2", {}, h("span", {}, jump(page, { kind: "guest", name: guest }, guest), `:${name}`), h("span", { class: `badge ${up ? "running" : "failed"}` }, up ? "up" : "down")),
      h("p", { class: "sub" }, "plugged into ", segment ? jump(page, { kind: "segment", name: segment }, segment) : "nothing"),
      facts([["addresses", (addresses ?? []).join(", ") || "none"], ["MAC", mac], ["conditions", conditions]]),
      traffic(page, here),
    ),
  });
}

/** The interfaces whose rates are known here.  @param {Model} model @param {string[]} interfaces */
function here(model, interfaces) {
  return interfaces.filter((each) => !isElsewhere(model.view, each.split(":")[0]));
}

/** What flows through interfaces, kept up to date by the panel.  @param {Page} page @param {string[]} interfaces */
function traffic(page, interfaces) {
  return h("div", { class: "traffic" }, ...interfaces.map((name) => h("p", {}, h("code", {}, name), h("span", { class: "rate", "data-rate": name }, page.rateText(name)))));
}

/**
 * What a guest says of itself, asked when the person wants to know: addresses and routes that programs inside have set are seen nowhere else.
 * @param {Page} page
 * @param {HTMLElement} host
 * @param {string} name
 */
function inside(page, host, name) {
  const body = h("div", { class: "inside", "aria-live": "polite" });
  const ask = h("button", { type: "button", class: "small", onclick: () => look() }, icon("find"), "Look inside");
  host.replaceChildren(h("h3", {}, "Inside ", ask), body);
  async function look() {
    ask.disabled = true;
    body.replaceChildren(h("p", { class: "sub" }, "Asking the guest …"));
    try {
      body.replaceChildren(...seen(await page.request("look", { guest: name })));
    } catch (error) {
      body.replaceChildren(h("p", { class: "bad" }, /** @type {Error} */ (error).message));
    }
    ask.disabled = false;
  }
}

/**
 * @param {{hostname: string, links: Record<string, {addresses: string[], up: boolean}>, routes: string[]}} told what `look` answers
 * @returns {Node[]}
 */
function seen({ hostname, links, routes }) {
  const faces = Object.entries(links).map(([name, { addresses, up }]) => [name, ...addresses, up ? "" : "down"].filter(Boolean).join(" "));
  const part = (/** @type {string} */ title, /** @type {string[]} */ lines) => (lines.length ? [h("h4", {}, title), h("pre", {}, lines.join("\n"))] : []);
  return [...part("host name", [hostname]), ...part("addresses", faces), ...part("routes", routes)];
}
