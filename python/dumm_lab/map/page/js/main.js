// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Starts the page: the line to the server, the map, its own commands, and the parts that edit and open terminals.

import { start as startEdit } from "./edit/index.js";
import { Live } from "./live.js";
import { exportItems } from "./map/export.js";
import { found } from "./map/find.js";
import { idOf } from "./map/scene.js";
import { news, states } from "./model.js";
import { Page } from "./page.js";
import { start as startTerminals } from "./terminal/index.js";
import { h, icon, keyText, the } from "./ui/dom.js";
import { start as startFacts } from "./ui/facts.js";
import { openMenu } from "./ui/menu.js";
import { start as startNotices } from "./ui/notice.js";

/** @typedef {import("./model.js").Model} Model */

const live = new Live(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
const page = new Page(live);
const { map } = page;

follow();
commands();
finder();
startFacts(page);
startNotices(page, live.connect);
startEdit(page);
startTerminals(page);
live.connect();
Object.assign(window, { dummPage: page }); // for tests, and for a look from the browser's console

/** What the server sends, onto the page. */
function follow() {
  /** @type {import("./model.js").View | null} */
  let before = null;
  page.watch(["view", "draft"], (model, topic) => {
    map.draw(model);
    if (!model.view) return;
    page.mirror.draw(model.view);
    page.panel.refresh();
    page.refresh();
    header(model);
    if (topic === "view") page.announce(news(before, model.view));
    before = model.view;
  });
  page.watch(["rates", "link"], (model) => {
    map.flow(model.rates);
    for (const element of the("panel").querySelectorAll("[data-rate]")) element.textContent = page.rateText(/** @type {HTMLElement} */ (element).dataset.rate ?? "");
  });
  page.watch(["places"], (model) => map.moved(model.places));
  page.watch(["people"], (model) => people(model));
  page.watch(["hello", "link"], (model) => {
    the("readonly").hidden = !model.hello?.readonly;
    page.refresh();
  });
  document.addEventListener("theme", () => map.restyle());
}

/** @param {Model} model */
function header(model) {
  const view = /** @type {import("./model.js").View} */ (model.view);
  const name = view.lab.scenario ?? view.lab.name ?? "";
  the("lab").textContent = name;
  the("lab").title = view.lab.workdir;
  document.title = name ? `${name} – dumm map` : "dumm map";
  const chip = (/** @type {string} */ name, /** @type {number} */ count, /** @type {() => import("./map/scene.js").Subject[]} */ subjects) =>
    h("button", { type: "button", class: `chip ${name}`, title: `Select them: ${count} ${name}`, onclick: () => map.select(subjects()) }, h("i", { "aria-hidden": "true" }), h("b", {}, count), ` ${name}`);
  const cables = Object.keys(view.cables), segments = Object.keys(view.segments);
  const key = JSON.stringify([states(view), segments.length, cables.length]);
  if (the("states").dataset.key === key) return;
  the("states").dataset.key = key;
  the("states").replaceChildren(
    ...states(view).map(([state, count]) => chip(state, count, () => Object.entries(page.model().view?.guests ?? {}).filter(([, guest]) => guest.state === state).map(([name]) => ({ kind: "guest", name })))),
    segments.length ? chip(segments.length === 1 ? "segment" : "segments", segments.length, () => Object.keys(page.model().view?.segments ?? {}).map((name) => ({ kind: "segment", name }))) : "",
    cables.length ? chip(cables.length === 1 ? "cable" : "cables", cables.length, () => Object.keys(page.model().view?.cables ?? {}).map((id) => ({ kind: "cable", id }))) : "",
  );
}

/** @param {Model} model */
function people(model) {
  const others = model.people.filter((person) => person.page !== model.hello?.page);
  the("people").replaceChildren(...others.slice(0, 5).map((person) => h("span", { class: "person", title: `${person.name} looks at this map`, role: "img", "aria-label": `${person.name} looks at this map` }, person.name[0] + (/\d+$/.exec(person.name)?.[0] ?? ""))));
  map.theirs(new Set(others.flatMap((person) => person.selected)));
}

function commands() {
  const few = () => map.scene.nodes.size > 0;
  page.command({ id: "arrange", title: "Arrange anew", key: "l", icon: "arrange", place: "tools", group: 8, order: 1, when: few, run: () => map.arrange() });
  page.command({ id: "fit", title: "Show all", key: "f", icon: "fit", place: "tools", group: 8, order: 2, when: few, run: () => map.fit() });
  page.command({ id: "nearer", title: "Nearer", key: "+", icon: "plus", place: "tools", group: 8, order: 3, run: () => map.zoomBy(1.3) });
  page.command({ id: "farther", title: "Farther", key: "-", icon: "minus", place: "tools", group: 8, order: 4, run: () => map.zoomBy(1 / 1.3) });
  page.command({ id: "find", title: "Find", key: "/", run: () => /** @type {HTMLInputElement} */ (the("find")).select() });
  page.command({ id: "all", title: "Select all guests", key: "ctrl+a", run: () => map.select([...map.scene.nodes.values()].filter((node) => node.kind === "guest").map((node) => node.subject)) });
  page.command({ id: "escape", title: "Put the tool away, select nothing", key: "escape", run: escape });
  page.command({ id: "groups", title: "Groups", icon: "groups", place: "header", group: 9, order: 5, when: () => groupsOf().length > 0, run: groups });
  page.command({ id: "export", title: "Export", icon: "export", place: "header", group: 9, order: 90, when: few, run: () => openMenu(exportItems(page), below("export"), "Export", button("export")) });
  page.command({ id: "theme", title: "Light or dark", key: "shift+d", icon: "theme", place: "header", group: 9, order: 91, run: theme });
  page.command({ id: "help", title: "Help", key: "?", icon: "help", place: "header", group: 9, order: 92, run: help });
  page.menu({ id: "fit", kinds: ["none"], order: 90, title: () => "Show all", hint: "F", run: () => map.fit() });
  page.menu({ id: "arrange", kinds: ["none"], order: 91, title: () => "Arrange anew", hint: "L", run: () => map.arrange() });
  page.menu({ id: "all", kinds: ["none"], order: 92, title: () => "Select all guests", hint: "Ctrl+A", run: () => map.select([...map.scene.nodes.values()].filter((node) => node.kind === "guest").map((node) => node.subject)) });
  page.menu({ id: "near", kinds: ["guest", "segment", "cable", "port"], order: 90, title: () => "Show from near", run: (subjects) => map.reveal(...subjects.map(idOf)) });
}

function escape() {
  if (!the("popover").hidden) return page.popover(null);
  if (page.tool()) return void page.tool("");
  const find = /** @type {HTMLInputElement} */ (the("find"));
  if (find.value) {
    find.value = "";
    find.dispatchEvent(new Event("input"));
  } else map.select([]);
}

/** @param {string} id @returns {HTMLElement} */
function button(id) {
  return /** @type {HTMLElement} */ (document.querySelector(`[data-command="${id}"]`));
}

/** @param {string} id */
function below(id) {
  const { right, bottom } = button(id).getBoundingClientRect();
  return { x: right - 190, y: bottom + 6 };
}

function theme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  // What the system prefers anyway is not kept, so that the page follows it again.
  if (next === system) localStorage.removeItem("dumm-theme");
  else localStorage.setItem("dumm-theme", next);
  document.documentElement.dataset.theme = next;
  document.dispatchEvent(new Event("theme"));
}

/** @returns {string[]} */
function groupsOf() {
  return [...new Set([...map.scene.nodes.values()].flatMap((node) => node.groups))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}

/** @type {Set<string>} */
const drawn = new Set();

function groups() {
  const items = groupsOf().map((group) => ({
    title: group, checked: drawn.has(group), keep: true,
    run: () => {
      if (!drawn.delete(group)) drawn.add(group);
      map.group(drawn);
      if (drawn.has(group)) map.select([...map.scene.nodes.values()].filter((node) => node.groups.includes(group)).map((node) => node.subject));
      groups();
    },
  }));
  openMenu(items, below("groups"), "Groups to draw", button("groups"));
}

/** The field that finds: what fits is shown, the rest fades; Enter goes from one to the next, and to the map from the only one or with the arrow key. */
function finder() {
  const field = /** @type {HTMLInputElement} */ (the("find"));
  /** @type {string[]} */
  let hits = [];
  let at = -1;
  const show = () => {
    hits = found(map.scene, field.value);
    at = -1;
    the("find-key").hidden = field.value !== "";
    the("found").textContent = field.value ? (hits.length ? String(hits.length) : "none") : "";
    map.spot(field.value.trim() ? new Set(hits) : null);
  };
  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      field.value = "";
      show();
      the("mirror").focus();
    } else if (event.key === "Enter" && hits.length) {
      at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
      the("found").textContent = hits.length > 1 ? `${at + 1} of ${hits.length}` : "1";
      map.select([map.cy.getElementById(hits[at]).data("subject")]);
      map.reveal(hits[at]);
      if (hits.length === 1) the("mirror").focus();
    } else if (event.key === "ArrowDown") the("mirror").focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  page.watch(["view", "draft"], () => field.value && at < 0 && show());
}

function help() {
  const dialog = /** @type {HTMLDialogElement} */ (the("help"));
  const row = (/** @type {string[]} */ keys, /** @type {string} */ what) => h("li", {}, h("span", { class: "keys" }, ...keys.map((key) => h("kbd", {}, key))), h("span", {}, what));
  const mouse = [["Drag", "move guests, or the map where it is empty"], ["Wheel", "nearer and farther"], ["Shift + drag", "select many"], ["Double click", "open a terminal"], ["Right click", "what can be done"]];
  const keyboard = [[["↑", "↓", "←", "→"], "from guest to guest"], [["Shift", "↑"], "add to what is selected"], [["[", "]"], "from cable to cable of a guest"], [["Enter"], "open a terminal"], [["Space"], "select or not"], [["Menu"], "what can be done"]];
  dialog.replaceChildren(
    h("form", { method: "dialog", class: "head" }, h("h2", { id: "help-title" }, "Keys and mouse"), h("button", { class: "quiet icon", "aria-label": "Close" }, icon("close"))),
    h("div", { class: "columns" },
      h("div", {}, h("h3", {}, "Commands"), h("ul", { class: "keylist" }, ...page.keys().map((command) => row([keyText(command.key ?? "")], command.title)))),
      h("div", {}, h("h3", {}, "In the map"), h("ul", { class: "keylist" }, ...keyboard.map(([keys, what]) => row(/** @type {string[]} */ (keys), String(what)))),
        h("h3", {}, "Mouse"), h("ul", { class: "keylist" }, ...mouse.map(([key, what]) => row([key], what))),
        h("h3", {}, "Signs"), h("ul", { class: "signs" }, ...["running", "starting", "paused", "stopped", "failed"].map((state) => h("li", {}, h("span", { class: `badge ${state}` }, state)))))),
  );
  dialog.showModal();
}
