// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Names and numbers that are free: of guests, segments, interfaces and prefixes.  Pure.

/** @typedef {import("./types.js").View} View */
/** @typedef {import("./types.js").Draft} Draft */

const GUESTS = ["alice", "bob", "carol", "dave", "moon", "sun", "venus", "mars", "winnetou", "peggy", "victor", "trent"];
/** @type {View} */
const EMPTY = { lab: { name: "", workdir: "", scenario: null }, guests: {}, segments: {}, cables: {}, scenarios: {} };

/**
 * The lab as it is and as the draft wants it, in one: whatever either has is taken.
 * @param {View|null} view
 * @param {Draft|null} [draft]
 * @returns {View}
 */
export function both(view, draft) {
  const have = view ?? EMPTY;
  const wanted = draft?.wanted;
  if (!wanted) return have;
  /** @type {View["guests"]} */
  const guests = { ...have.guests };
  for (const [name, guest] of Object.entries(wanted.guests)) {
    const old = guests[name];
    guests[name] = old ? { ...old, ...guest, state: old.state, interfaces: { ...old.interfaces, ...guest.interfaces } } : guest;
  }
  return { ...have, guests, segments: { ...have.segments, ...wanted.segments }, cables: { ...have.cables, ...wanted.cables } };
}

/**
 * What the next state of the lab is: the draft where there is one, otherwise the lab itself.
 * @param {View|null} view
 * @param {Draft|null} [draft]
 * @returns {View}
 */
export function next(view, draft) {
  return draft?.wanted ?? view ?? EMPTY;
}

/**
 * @param {View} view
 * @returns {string} a guest's name that nobody has
 */
export function freeGuest(view) {
  const taken = view.guests;
  const name = GUESTS.find((each) => !(each in taken));
  return name ?? numbered("guest", taken, 1);
}

/**
 * @param {View} view
 * @returns {string} a segment's name that nobody has
 */
export function freeSegment(view) {
  return numbered("lan", view.segments, 0);
}

/**
 * @param {View} view
 * @param {string} guest
 * @param {string[]} [more] interfaces that are taken as well, such as the other end of the same cable
 * @returns {string} the first ethN that the guest does not have
 */
export function freeInterface(view, guest, more = []) {
  const taken = Object.fromEntries([...Object.keys(view.guests[guest]?.interfaces ?? {}), ...more].map((name) => [name, true]));
  return numbered("eth", taken, 0);
}

/**
 * @param {View} view
 * @param {number} [length] 30 for a cable, 24 for a segment
 * @returns {string} a prefix in 10.0.0.0/8 that touches none of the lab's addresses and prefixes
 */
export function freePrefix(view, length = 30) {
  const taken = networks(view);
  const [first, last] = length > 24 ? [99, 255] : [1, 98];
  for (let high = first; high <= last; high++) {
    for (let low = 0; low < 256; low++) {
      const base = 10 * 2 ** 24 + high * 2 ** 16 + low * 2 ** 8;
      if (taken.every(([from, to]) => base + 255 < from || base > to)) return `10.${high}.${low}.0/${length}`;
    }
  }
  return "";
}

/**
 * The IPv4 ranges that the lab uses.
 * @param {View} view
 * @returns {[number, number][]} first and last address
 */
function networks(view) {
  const texts = [
    ...Object.values(view.guests).flatMap((guest) => Object.values(guest.interfaces ?? {}).flatMap((each) => each.addresses ?? [])),
    ...Object.values(view.segments).flatMap((each) => [...(each.prefix ?? []), ...(each.address ?? [])]),
    ...Object.values(view.cables).flatMap((each) => each.prefix ?? []),
  ];
  return texts.flatMap((text) => {
    const found = range(text);
    return found ? [found] : [];
  });
}

/**
 * @param {string} text such as 10.0.0.1/24
 * @returns {[number, number]|null} the first and last address of its network; null if it is not IPv4
 */
export function range(text) {
  const found = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text);
  if (!found) return null;
  const number = found.slice(1, 5).reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(found[5] ?? 32));
  const first = Math.floor(number / size) * size;
  return [first, first + size - 1];
}

/**
 * @param {string} stem
 * @param {object} taken
 * @param {number} from
 */
function numbered(stem, taken, from) {
  let number = from;
  while (`${stem}${number}` in taken) number++;
  return `${stem}${number}`;
}

/**
 * @param {string} name
 * @param {string} what guest, segment or interface
 * @param {object} taken names that are there
 * @returns {string|null} what is wrong with it; null if nothing is
 */
export function wrongName(name, what, taken) {
  if (!name) return `Give the ${what} a name.`;
  const longest = what === "interface" ? 15 : 63;
  if (name.length > longest) return `The name "${name}" is too long. Use at most ${longest} characters.`;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return `"${name}" cannot be the name of a ${what}. Use letters, digits and hyphens.`;
  if (name in taken) return `There is a ${what} ${name} already. Choose another name.`;
  return null;
}

/**
 * @param {string} id such as port:alice:eth0
 * @returns {{kind: string, name: string}}
 */
export function parted(id) {
  const at = id.indexOf(":");
  return { kind: id.slice(0, at), name: id.slice(at + 1) };
}

/**
 * @param {string[]} ids
 * @param {string} kind
 * @returns {string[]} names of one kind in a selection
 */
export function names(ids, kind) {
  return ids
    .map(parted)
    .filter((each) => each.kind === kind)
    .map((each) => each.name);
}

/**
 * @param {string} port such as alice:eth0
 * @returns {[string, string]} guest and interface
 */
export function port(port) {
  const at = port.indexOf(":");
  return [port.slice(0, at), port.slice(at + 1)];
}

/**
 * @param {number} number
 * @param {string} one
 * @param {string} [many]
 */
export function counted(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}
