// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Where the texts of lines go, so that none lies on another or on a node.  Pure.
//
// A text slides along its line to where it is free.  What finds no place is left out: of the middle first the prefix, then the conditions,
// then the rate; of an end first the address.  Ends go before middles, because what an interface is called is asked for most.

import { monoWidth } from "./text.js";

export const SIZE = 12; // of the font, in pixels of the map
const HEIGHT = 17; // of a text with the room above and below it
const PAD = 4; // before and behind a text
const GAP = 7; // between a node and the first text of a line

/** @typedef {{x: number, y: number}} Point */
/** @typedef {Point & {w: number, h: number, cos: number, sin: number}} Box  by its middle, turned */
/**
 * @typedef {{id: string, from: Point, to: Point, bend?: Point | null, ends: [string, string], middle: string[], least?: string}} Text
 *   from, to: where the line leaves its nodes; bend: control point of a curve; middle: most important first; least: if none of it fits
 * @typedef {{ends: [string, string], offsets: [number, number], middle: string, shift: Point, boxes: Box[]}} Placed
 *   offsets: of the middles of the end's texts along the line; shift: of the middle's text from the middle of the line
 */

/** Boxes by the squares of a grid that they touch. */
export class Boxes {
  /** @type {Map<number, Box[]>} */ #cells = new Map();

  /** @param {Box} box */
  add(box) {
    for (const cell of this.#touched(box)) {
      const there = this.#cells.get(cell);
      if (there) there.push(box);
      else this.#cells.set(cell, [box]);
    }
  }

  /** @param {Box} box @returns {boolean} whether it touches none of the boxes */
  isFree(box) {
    for (const cell of this.#touched(box)) for (const other of this.#cells.get(cell) ?? []) if (overlap(box, other)) return false;
    return true;
  }

  /** @param {Box} box @returns {Iterable<number>} */
  *#touched(box) {
    const dx = (Math.abs(box.w * box.cos) + Math.abs(box.h * box.sin)) / 2, dy = (Math.abs(box.w * box.sin) + Math.abs(box.h * box.cos)) / 2;
    for (let x = Math.floor((box.x - dx) / 128); x <= Math.floor((box.x + dx) / 128); x++) {
      for (let y = Math.floor((box.y - dy) / 128); y <= Math.floor((box.y + dy) / 128); y++) yield x * 65536 + y;
    }
  }
}

/**
 * Whether two turned boxes overlap: they do not if a side of one of them lies between them.
 * @param {Box} a
 * @param {Box} b
 */
export function overlap(a, b) {
  const dx = b.x - a.x, dy = b.y - a.y;
  for (const [cos, sin] of [[a.cos, a.sin], [-a.sin, a.cos], [b.cos, b.sin], [-b.sin, b.cos]]) {
    if (Math.abs(dx * cos + dy * sin) >= extent(a, cos, sin) + extent(b, cos, sin)) return false;
  }
  return true;
}

/** @param {Box} box @param {number} cos @param {number} sin half its extent along a direction */
function extent(box, cos, sin) {
  return (box.w * Math.abs(box.cos * cos + box.sin * sin) + box.h * Math.abs(box.cos * sin - box.sin * cos)) / 2;
}

/** @param {Point & {w: number, h: number}} rectangle @param {number} [room] @returns {Box} */
export function upright(rectangle, room = 0) {
  return { x: rectangle.x, y: rectangle.y, w: rectangle.w + 2 * room, h: rectangle.h + 2 * room, cos: 1, sin: 0 };
}

/**
 * A line as what is asked of it: how long it is, and the point and direction at a length.
 * @param {Text} line
 * @returns {{length: number, at: (length: number) => Point & {cos: number, sin: number}}}
 */
export function path(line) {
  const { from, to, bend } = line;
  if (!bend) {
    const dx = to.x - from.x, dy = to.y - from.y, length = Math.hypot(dx, dy) || 1;
    return { length, at: (at) => ({ x: from.x + (dx * at) / length, y: from.y + (dy * at) / length, cos: dx / length, sin: dy / length }) };
  }
  const steps = 24;
  const points = Array.from({ length: steps + 1 }, (_, n) => {
    const t = n / steps, u = 1 - t;
    return { x: u * u * from.x + 2 * u * t * bend.x + t * t * to.x, y: u * u * from.y + 2 * u * t * bend.y + t * t * to.y };
  });
  const lengths = points.slice(1).map((point, n) => Math.hypot(point.x - points[n].x, point.y - points[n].y));
  const length = lengths.reduce((sum, each) => sum + each, 0) || 1;
  return {
    length,
    at(at) {
      let n = 0, rest = at;
      while (n < steps - 1 && rest > lengths[n]) rest -= lengths[n++];
      const a = points[n], b = points[n + 1], part = lengths[n] || 1;
      return { x: a.x + ((b.x - a.x) * rest) / part, y: a.y + ((b.y - a.y) * rest) / part, cos: (b.x - a.x) / part, sin: (b.y - a.y) / part };
    },
  };
}

/**
 * Places for all texts of a map.
 * @param {(Point & {w: number, h: number})[]} nodes
 * @param {Text[]} lines
 * @returns {Map<string, Placed>}
 */
export function placed(nodes, lines) {
  const taken = new Boxes();
  for (const node of nodes) taken.add(upright(node, 1));
  /** @type {Map<string, Placed>} */
  const places = new Map();
  const paths = lines.map((line) => ({ line, path: path(line) }));
  for (const { line, path } of paths) {
    /** @type {Placed} */
    const place = { ends: ["", ""], offsets: [0, 0], middle: "", shift: { x: 0, y: 0 }, boxes: [] };
    for (const end of /** @type {const} */ ([0, 1])) putEnd(taken, line, path, place, end);
    places.set(line.id, place);
  }
  for (const { line, path } of paths) putMiddle(taken, line, path, /** @type {Placed} */ (places.get(line.id)));
  return places;
}

/**
 * @param {Boxes} taken
 * @param {Text} line
 * @param {ReturnType<typeof path>} way
 * @param {Placed} place
 * @param {0 | 1} end
 */
function putEnd(taken, line, way, place, end) {
  const text = line.ends[end];
  if (!text) return;
  const share = line.ends[1 - end] ? way.length / 2 : way.length;
  for (const shown of [text, text.split(" ")[0]]) {
    const w = monoWidth(shown, SIZE) + 2 * PAD;
    for (let offset = GAP + w / 2; offset + w / 2 <= share - 2 && offset < GAP + w / 2 + 90; offset += 10) {
      const box = { w, h: HEIGHT, ...way.at(end ? way.length - offset : offset) };
      if (!taken.isFree(box)) continue;
      taken.add(box);
      place.ends[end] = shown;
      place.offsets[end] = offset;
      place.boxes.push(box);
      return;
    }
  }
}

/**
 * @param {Boxes} taken
 * @param {Text} line
 * @param {ReturnType<typeof path>} way
 * @param {Placed} place
 */
function putMiddle(taken, line, way, place) {
  const parts = line.middle.filter(Boolean);
  const middle = way.at(way.length / 2);
  const texts = parts.map((_, n) => parts.slice(0, parts.length - n).reverse().join("  "));
  for (const text of line.least ? [...texts, line.least] : texts) {
    const w = monoWidth(text, SIZE) + 2 * PAD;
    for (const shift of [0, 12, -12, 24, -24, 40, -40, 60, -60]) {
      if (w / 2 + Math.abs(shift) > way.length / 2 - GAP) continue;
      const box = { w, h: HEIGHT, ...way.at(way.length / 2 + shift) };
      if (!taken.isFree(box)) continue;
      taken.add(box);
      place.middle = text;
      place.shift = { x: box.x - middle.x, y: box.y - middle.y };
      place.boxes.push(box);
      return;
    }
  }
}
