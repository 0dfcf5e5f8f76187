// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Interfaces in the panel: where each is plugged in, its addresses, whether it is up, and what may be done with it.

import { captureItems } from "../terminal/capture.js";
import { isElsewhere } from "../model.js";
import { h } from "../ui/dom.js";
import { openMenu } from "../ui/menu.js";
import { plug } from "./cable.js";
import { words } from "./conditions.js";
import { button, card, choice, field, text } from "./dom.js";
import { port as parted } from "./names.js";
import { edit, mayChange, mayEdit, tryEdit, values, wanted } from "./session.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").View} View */

/**
 * What a port's row needs, plain, so that it is built anew only when it is another.
 * @typedef {{port: string, addresses: string[], where: string, up: boolean, conditions: string, segment: string | null, cable: string | null, elsewhere: boolean}} Row
 */

/** @param {Page} page */
export function start(page) {
  /** @type {[import("../ui/panel.js").Section["kind"], (subject: any, view: View) => string[]][]} */
  const kinds = [
    ["guest", (subject, view) => Object.keys(view.guests[subject.name]?.interfaces ?? {}).sort((one, other) => one.localeCompare(other, "en", { numeric: true })).map((each) => `${subject.name}:${each}`)],
    ["cable", (subject, view) => ends(view, subject.id)],
    ["port", (subject) => [`${subject.guest}:${subject.interface}`]],
  ];
  for (const [kind, ports] of kinds) {
    page.section({
      id: `ports-${kind}`,
      kind,
      order: 40,
      data: (subject, model) => {
        const view = wanted(page);
        const rows = ports(subject, view).map((each) => row(each, model.view, view));
        return rows.length || kind === "guest" ? { rows, title: kind === "guest" ? "Interfaces" : kind === "port" ? "Interface" : "Ends", own: kind !== "guest", edits: mayEdit(page) } : null;
      },
      show: (host, data) => host.replaceChildren(h("h3", {}, data.title), ...list(page, data)),
    });
  }
}

/**
 * @param {View} view
 * @param {string} id
 */
function ends(view, id) {
  const cable = view.cables[id];
  return cable ? [cable.a, cable.b] : id.split("--");
}

/**
 * @param {string} port
 * @param {View | null} live
 * @param {View} view
 * @returns {Row}
 */
function row(port, live, view) {
  const [guest, name] = parted(port);
  const own = view.guests[guest]?.interfaces[name] ?? live?.guests[guest]?.interfaces[name];
  const cable = own?.cable ? view.cables[own.cable] : undefined;
  const far = cable ? (cable.a === port ? cable.b : cable.a) : null;
  return {
    port,
    addresses: own?.addresses ?? [],
    where: far ? `to ${far}` : own?.segment ? `in ${own.segment}` : "not plugged in",
    up: own?.up !== false,
    conditions: words(own?.conditions),
    segment: own?.segment ?? null,
    cable: own?.cable ?? null,
    elsewhere: isElsewhere(live, guest),
  };
}

/**
 * @param {Page} page
 * @param {{rows: Row[], own: boolean, edits: boolean}} data
 */
function list(page, { rows, own, edits }) {
  if (!rows.length) return [h("p", { class: "sub" }, edits ? "None yet. Press C, or drag from the handle at the guest." : "None.")];
  return [
    h(
      "ul",
      { class: "ports" },
      ...rows.map((each) => {
        const title = own ? each.port : parted(each.port)[1];
        const more = button("⋯", () => openMenu(items(page, each), below(more), `More for ${each.port}`, more), { kind: "icon small", label: `More for ${each.port}` });
        more.setAttribute("aria-haspopup", "menu");
        return h(
          "li",
          { class: each.up ? "" : "down" },
          h("div", { class: "name" }, h("b", {}, title), h("span", { class: "sub" }, `${each.where}${each.up ? "" : ", down"}`)),
          edits && !each.elsewhere ? more : null,
          h("code", {}, each.addresses.join(" ") || "no address"),
          own || each.elsewhere ? null : h("output", { class: "rate", "data-rate": each.port }, page.rateText(each.port)),
          each.conditions ? h("span", { class: "conditions" }, each.conditions) : null,
        );
      }),
    ),
  ];
}

/** @param {HTMLElement} opener */
function below(opener) {
  const { left, bottom } = opener.getBoundingClientRect();
  return { x: left, y: bottom + 2 };
}

/**
 * @param {Page} page
 * @param {Row} row
 */
function items(page, row) {
  const [guest, name] = parted(row.port);
  const packets = captureItems(page, [row.port]);
  if (!mayChange(page)) return packets;
  return [
    { title: "Change the address …", run: () => address(page, row) },
    row.segment ? { title: `Unplug from ${row.segment}`, run: () => void tryEdit(page, [{ do: "unplug", guest, interface: name }]) } : null,
    row.cable ? { title: "Remove the cable", run: () => void tryEdit(page, [{ do: "cable.remove", id: row.cable }]), bad: true } : null,
    row.segment || row.cable ? null : { title: "Plug into a segment …", run: () => into(page, guest, name) },
    { title: row.up ? "Take down" : "Bring up", run: () => void tryEdit(page, [{ do: "state.set", iface: row.port, state: row.up ? "down" : "up" }]) },
    row.cable ? null : { title: "Remove the interface", run: () => void tryEdit(page, [{ do: "interface.remove", guest, interface: name }]), bad: true },
    ...packets,
  ].filter((each) => each !== null);
}

/**
 * @param {Page} page
 * @param {Row} row
 */
function address(page, row) {
  const [guest, name] = parted(row.port);
  card({
    title: `Address of ${row.port}`,
    does: "Change",
    fields: [field("Addresses", text("address", row.addresses.join(" "), { placeholder: "by the prefix" }), "With prefix length, several with spaces, such as 10.1.0.7/24 fd00::7/64. Empty for what the prefix gives, none for none.")],
    done: async (data) => {
      const given = (data.address ?? "").split(/[\s,]+/).filter((each) => each && each !== "none");
      const wrong = given.find((each) => !/^[0-9a-fA-F:.]+\/\d{1,3}$/.test(each));
      if (wrong) throw new Error(`"${wrong}" is no address with a prefix length. Write, for example, 10.1.0.7/24.`);
      await edit(page, [{ do: "address.set", guest, interface: name, address: data.address === "none" ? [] : values(given.join(" ")) }]);
    },
  });
}

/**
 * @param {Page} page
 * @param {string} guest
 * @param {string} name
 */
function into(page, guest, name) {
  const segments = Object.keys(wanted(page).segments);
  if (!segments.length) return page.toast("There is no segment yet. Press S to make one.", { bad: true });
  /** @type {string | null} */
  let chosen = null;
  card({
    title: `Plug ${guest}:${name} in`,
    does: "Next",
    fields: [field("Segment", choice(segments, segments[0] ?? "", { name: "segment" }))],
    done: ({ segment = "" }) => {
      chosen = segment;
    },
    closed: () => {
      if (chosen) plug(page, guest, chosen, null, name);
    },
  });
}
