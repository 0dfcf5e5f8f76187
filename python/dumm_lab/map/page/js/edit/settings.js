// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Settings of a guest or a segment that people change on a map: label, role, groups, memory, kernel, prefix.

import { h } from "../ui/dom.js";
import { button, card, choice, field, text } from "./dom.js";
import { counted } from "./names.js";
import { isElsewhere } from "../model.js";
import { guestsHere } from "./subjects.js";
import { edit, mayChange, values, wanted } from "./session.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {import("./types.js").Edit} Edit */

const ROLES = ["host", "router", "switch"];

/** @param {Page} page */
export function start(page) {
  page.section({
    id: "settings-guest",
    kind: "guest",
    order: 70,
    data: (subject, model) => (subject.kind === "guest" && mayChange(page) && model.draft?.scenario && wanted(page).guests[subject.name] && !isElsewhere(model.view, subject.name) ? { name: subject.name } : null),
    show: (host, { name }) => host.replaceChildren(h("div", { class: "acts" }, button("Settings …", () => guest(page, name), { label: `Settings of guest ${name}` }))),
  });
  page.section({
    id: "settings-many",
    kind: "many",
    order: 70,
    data: (subject, model) => {
      const guests = guestsHere(model.view, subject).filter((each) => wanted(page).guests[each]);
      return mayChange(page) && model.draft?.scenario && guests.length > 1 ? { guests } : null;
    },
    show: (host, { guests }) => host.replaceChildren(h("div", { class: "acts" }, button("Settings …", () => many(page, guests), { label: `Settings of ${counted(guests.length, "guest")}` }))),
  });
  page.section({
    id: "settings-segment",
    kind: "segment",
    order: 70,
    data: (subject, model) => (subject.kind === "segment" && mayChange(page) && model.draft?.scenario && wanted(page).segments[subject.name] ? { name: subject.name } : null),
    show: (host, { name }) => host.replaceChildren(h("div", { class: "acts" }, button("Settings …", () => segment(page, name), { label: `Settings of segment ${name}` }))),
  });
}

/**
 * One group and one role for many.
 * @param {Page} page
 * @param {string[]} guests
 */
function many(page, guests) {
  const groups = [...new Set(Object.values(wanted(page).guests).flatMap((each) => each.groups))];
  card({
    title: `Settings of ${counted(guests.length, "guest")}`,
    does: "Change",
    fields: [
      field("Group", text("group", "", { placeholder: "as they are", list: "known-groups" }), "Guests of a group are drawn together. none takes them out of theirs."),
      field("Role", choice([{ value: "", title: "as they are" }, ...ROLES], "", { name: "role" })),
      h("datalist", { id: "known-groups" }, ...groups.map((value) => h("option", { value }))),
    ],
    done: async ({ group = "", role = "" }) => {
      const edits = guests.flatMap((name) => [
        ...(group ? [{ do: "guest.set", name, path: ["labels", "group"], value: group === "none" ? null : group }] : []),
        ...(role ? [{ do: "guest.set", name, path: ["labels", "role"], value: role }] : []),
      ]);
      if (edits.length) await edit(page, edits);
    },
  });
}

/**
 * @param {Page} page
 * @param {string} name
 */
function guest(page, name) {
  const own = wanted(page).guests[name];
  if (!own) return;
  const before = { label: own.label ?? "", role: own.role ?? "host", groups: (own.groups ?? []).join(", "), mem: own.mem ? String(own.mem) : "", kernel: own.kernel ?? "" };
  const roles = ROLES.includes(before.role) ? ROLES : [...ROLES, before.role];
  card({
    title: `Settings of ${name}`,
    does: "Change",
    fields: [
      field("Label", text("label", before.label, { placeholder: "none" })),
      field("Role", choice(roles, before.role, { name: "role" })),
      field("Groups", text("groups", before.groups, { placeholder: "none" }), "Guests of a group are drawn together. Several with commas."),
      field("Memory, MB", text("mem", before.mem, { inputmode: "numeric" }), "It takes effect at the next start, as the kernel does."),
      field("Kernel", text("kernel", before.kernel)),
    ],
    done: async (data) => {
      if (data.mem && !/^\d+$/.test(data.mem)) throw new Error(`"${data.mem}" is no amount of memory. Give it in MB, such as 64.`);
      const edits = changes(name, before, data);
      if (edits.length) await edit(page, edits);
    },
  });
}

/**
 * The edits for what differs.
 * @param {string} name
 * @param {Record<string, string>} before
 * @param {Record<string, string>} data
 * @returns {Edit[]}
 */
export function changes(name, before, data) {
  /** @type {Record<string, {path: string[], value: (text: string) => unknown}>} */
  const ways = {
    label: { path: ["labels", "label"], value: (each) => each || null },
    role: { path: ["labels", "role"], value: (each) => each || null },
    groups: { path: ["labels", "group"], value: (each) => each.split(/[\s,]+/).filter(Boolean).join(",") || null },
    mem: { path: ["mem"], value: (each) => (each ? Number(each) : null) },
    kernel: { path: ["kernel"], value: (each) => each || null },
  };
  return Object.entries(ways).flatMap(([key, { path, value }]) => {
    const now = data[key] ?? "";
    return now === (before[key] ?? "") ? [] : [{ do: "guest.set", name, path, value: value(now) }];
  });
}

/**
 * @param {Page} page
 * @param {string} name
 */
function segment(page, name) {
  const own = wanted(page).segments[name];
  if (!own) return;
  const prefix = (own.prefix ?? []).join(" "), address = (own.address ?? []).join(" ");
  card({
    title: `Settings of ${name}`,
    does: "Change",
    fields: [
      field("Prefix", text("prefix", prefix, { placeholder: "none" }), "Automatic addresses of its interfaces follow it."),
      field("Address of the host", text("address", address, { placeholder: "none" }), "With it the host itself has a leg in the segment."),
    ],
    done: async (data) => {
      /** @type {Edit[]} */
      const edits = [];
      for (const [key, before] of /** @type {const} */ ([["prefix", prefix], ["address", address]])) {
        const now = (data[key] ?? "").split(/[\s,]+/).filter(Boolean).join(" ");
        if (now !== before) edits.push({ do: "segment.set", name, path: [key], value: values(now) });
      }
      if (edits.length) await edit(page, edits);
    },
  });
}
