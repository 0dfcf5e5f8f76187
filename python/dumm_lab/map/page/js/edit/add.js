// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// New guests and segments.  Names and prefixes are proposed, everything that has a default may stay empty.

import { inWindow } from "./cable.js";
import { card, choice, field, text } from "./dom.js";
import { both, counted, freeGuest, freeInterface, freePrefix, freeSegment, wrongName } from "./names.js";
import { changing, edit, mayChange, mayEdit, values } from "./session.js";

/** @typedef {import("./types.js").Page} Page */
/** @typedef {{x: number, y: number}} Point */

/** @param {Page} page */
export function start(page) {
  const { cy } = page.map;
  /** @type {{place: Point, at: Point} | null} */
  let pointer = null;
  cy.on("mousemove cxttapstart", (/** @type {any} */ event) => {
    pointer = { place: { ...event.position }, at: inWindow(page, event.renderedPosition) };
  });
  cy.container().addEventListener("pointerleave", () => {
    pointer = null;
  });
  // Where the pointer is on the map; nowhere for those who use the keyboard alone.
  const here = () => /** @type {[Point | null, Point | null]} */ ([pointer?.place ?? null, pointer?.at ?? null]);
  page.command({ id: "guest", title: "New guest", key: "g", icon: "guest", place: "tools", group: 2, order: 10, when: () => mayEdit(page), run: () => changing(page, () => newGuest(page, ...here())) });
  page.command({ id: "segment", title: "New segment", key: "s", icon: "segment", place: "tools", group: 2, order: 11, when: () => mayEdit(page), run: () => changing(page, () => newSegment(page, ...here())) });
  page.menu({ id: "new-guest", kinds: ["none"], order: 1, title: () => (mayChange(page) ? "New guest here …" : null), run: () => newGuest(page, ...here()) });
  page.menu({ id: "new-segment", kinds: ["none", "guest"], order: 2, title: (subjects) => (!mayChange(page) ? null : subjects.length ? "New segment for these …" : "New segment here …"), run: () => newSegment(page, ...here()) });

}

/**
 * @param {Page} page
 * @param {Point | null} place where it stands on the map, in its own coordinates; null for anywhere
 * @param {Point | null} [at] where the form stands in the window
 */
export function newGuest(page, place, at = null) {
  const { view, draft } = page.model();
  const all = both(view, draft);
  const segments = Object.keys(all.segments);
  return card({
    title: "New guest",
    at,
    does: "Add",
    fields: [
      field("Name", text("name", freeGuest(all), { required: true, maxlength: 63 })),
      field("Role", choice(["host", "router", "switch"], "host", { name: "role" })),
      field("Plug into", choice([{ value: "", title: "nothing yet" }, ...segments], "", { name: "segment" })),
      field("Memory, MB", text("mem", "", { inputmode: "numeric", placeholder: "default" })),
      field("Kernel", text("kernel", "", { placeholder: "default" })),
      field("Root file system", text("master", "", { placeholder: "default" })),
    ],
    done: async (data) => {
      const name = data.name ?? "";
      const wrong = wrongName(name, "guest", all.guests) ?? wrongMemory(data.mem ?? "");
      if (wrong) throw new Error(wrong);
      /** @type {Record<string, unknown>} */
      const settings = {};
      if (data.mem) settings.mem = Number(data.mem);
      if (data.kernel) settings.kernel = data.kernel;
      if (data.master) settings.master = data.master;
      if (data.role && data.role !== "host") settings.labels = { role: data.role };
      if (place) page.map.wait(`guest ${name}`, place);
      const edits = [{ do: "guest.add", name, settings }];
      if (data.segment) await edit(page, [...edits, { do: "plug", guest: name, interface: "eth0", segment: data.segment }]);
      else await edit(page, edits);
      page.map.select([{ kind: "guest", name }]);
    },
  });
}

/** @param {string} mem */
function wrongMemory(mem) {
  return mem === "" || (/^\d+$/.test(mem) && Number(mem) > 0) ? null : `"${mem}" is no amount of memory. Give it in MB, such as 64.`;
}

/**
 * @param {Page} page
 * @param {Point | null} place
 * @param {Point | null} [at]
 */
export function newSegment(page, place, at = null) {
  const { view, draft } = page.model();
  const all = both(view, draft);
  const guests = page.map.selected().flatMap((each) => (each.kind === "guest" ? [each.name] : []));
  return card({
    title: "New segment",
    sub: guests.length ? `for ${counted(guests.length, "chosen guest")}` : "",
    at,
    does: "Add",
    fields: [
      field("Name", text("name", freeSegment(all), { required: true, maxlength: 63 })),
      field("Prefix", text("prefix", freePrefix(all, 24), { placeholder: "none" }), "Interfaces without an address of their own get one of it."),
    ],
    done: async (data) => {
      const name = data.name ?? "";
      const wrong = wrongName(name, "segment", all.segments);
      if (wrong) throw new Error(wrong);
      if (place) page.map.wait(`bridge ${name}`, place);
      await edit(page, [
        { do: "segment.add", name, prefix: values(data.prefix ?? "") },
        ...guests.map((guest) => ({ do: "plug", guest, interface: freeInterface(all, guest), segment: name })),
      ]);
      if (!guests.length) page.map.select([{ kind: "segment", name }]);
    },
  });
}
