// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// How elements look, by theme and by how near one looks.  The colours are those of style.css, so each is written down once.

import { badgeGlyph, badgeWidth, roleGlyph, stateGlyph } from "./glyphs.js";
import { NAME_SIZE } from "./scene.js";
import { SIZE } from "./labels.js";

const SANS = 'Inter, "Helvetica Neue", Arial, "Liberation Sans", "DejaVu Sans", sans-serif';
const MONO = 'ui-monospace, "DejaVu Sans Mono", "Liberation Mono", Menlo, Consolas, monospace';

/** @typedef {0 | 1 | 2} Level  0: everything is shown; 1: names only, larger; 2: tiles, and the names of routers and segments */

/** @param {number} zoom @returns {Level} */
export function levelOf(zoom) {
  return zoom > 0.62 ? 0 : zoom > 0.3 ? 1 : 2;
}

/** @returns {(name: string) => string} the value of a colour of style.css */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  /** @type {Map<string, string>} */
  const known = new Map();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) known.set(name, (value = style.getPropertyValue(`--${name}`).trim()));
    return value;
  };
}

/** @type {Record<string, string>} */
const STATE_INK = { running: "run", starting: "wait", paused: "wait", stopped: "stop", failed: "fail" };

/**
 * @param {Level} level
 * @param {(name: string) => string} ink
 * @returns {any[]} style sheet of cytoscape
 */
export function look(level, ink) {
  const state = (/** @type {any} */ node) => ink(STATE_INK[node.data("state")] ?? "stop");
  return [...nodes(ink, state), ...lines(ink), ...(level === 1 ? farther(state) : level === 2 ? farthest(ink, state) : []), ...marks(level, ink)];
}

/** @param {(name: string) => string} ink @param {(node: any) => string} state */
function nodes(ink, state) {
  const quiet = { "background-opacity": 0.6, color: ink("dim") };
  return [
    { selector: "node", style: { "font-family": SANS, color: ink("ink"), label: "data(text)", "text-valign": "center", "text-halign": "center", "min-zoomed-font-size": 5, "overlay-opacity": 0, "outline-opacity": 0 } },
    {
      selector: "node.guest",
      style: {
        shape: "round-rectangle", "corner-radius": 9, width: "data(width)", height: "data(height)", "background-color": ink("card"), "border-width": 1.3, "border-color": ink("wire"),
        "font-size": NAME_SIZE, "font-weight": 600, "text-margin-x": 5, "bounds-expansion": 10,
        "background-image": (/** @type {any} */ node) => {
          const images = [roleGlyph(node.data("role"), node.data("role") === "router" && node.data("state") !== "elsewhere" ? ink("seg-ink") : ink("dim")), stateGlyph(node.data("state"), state(node))];
          return node.data("badge") ? [...images, badgeGlyph(node.data("badge"), ink("layer"), ink("panel"), ink("layer"))] : images;
        },
        "background-width": (/** @type {any} */ node) => ["20px", "10px", `${badgeWidth(node.data("badge"))}px`].slice(0, node.data("badge") ? 3 : 2),
        "background-height": (/** @type {any} */ node) => ["20px", "10px", "16px"].slice(0, node.data("badge") ? 3 : 2),
        "background-position-x": (/** @type {any} */ node) => ["0%", "100%", "50%"].slice(0, node.data("badge") ? 3 : 2),
        "background-position-y": (/** @type {any} */ node) => ["50%", "50%", "100%"].slice(0, node.data("badge") ? 3 : 2),
        "background-offset-x": (/** @type {any} */ node) => ["12px", "-12px", "0px"].slice(0, node.data("badge") ? 3 : 2),
        "background-offset-y": (/** @type {any} */ node) => ["0px", "0px", "9px"].slice(0, node.data("badge") ? 3 : 2),
        "background-clip": ["none", "none", "none"], "background-image-containment": ["over", "over", "over"],
      },
    },
    { selector: "node.guest[role='router']", style: { "border-color": ink("seg-ink"), "border-width": 1.8, "background-color": ink("router") } },
    { selector: "node.guest[state='stopped']", style: quiet },
    { selector: "node.guest[state='elsewhere']", style: { ...quiet, "border-style": "dotted", "border-color": ink("wire"), "border-width": 1.3 } },
    { selector: "node.guest[state='failed']", style: { "border-color": ink("fail"), "border-width": 2, "background-color": ink("fail-soft") } },
    {
      selector: "node.segment",
      style: {
        shape: "round-rectangle", "corner-radius": 15, width: "data(width)", height: "data(height)", "background-color": ink("seg"), color: ink("seg-ink"),
        "border-width": 1.3, "border-color": ink("seg-ink"), "border-opacity": 0.5, "font-size": 12.5, "font-weight": 600,
      },
    },
  ];
}

/** @param {(name: string) => string} ink */
function lines(ink) {
  return [
    {
      selector: "edge",
      style: {
        "curve-style": "straight", width: 2, "line-color": ink("wire"), "overlay-opacity": 0, "font-family": MONO, "font-size": SIZE, color: ink("dim"), "min-zoomed-font-size": 6,
        "text-rotation": "autorotate", "source-text-rotation": "autorotate", "target-text-rotation": "autorotate", "text-background-color": ink("bg"), "text-background-opacity": 1,
        "text-background-padding": 2, "text-background-shape": "round-rectangle", "text-events": "yes",
      },
    },
    { selector: "edge.twin", style: { "curve-style": "bezier", "control-point-step-size": 46 } },
    { selector: "edge[middle]", style: { label: "data(middle)", "text-margin-x": "data(shiftX)", "text-margin-y": "data(shiftY)" } },
    { selector: "edge[first]", style: { "source-label": "data(first)", "source-text-offset": "data(firstAt)" } },
    { selector: "edge[last]", style: { "target-label": "data(last)", "target-text-offset": "data(lastAt)" } },
    { selector: "edge.impaired", style: { "line-color": ink("odd"), color: ink("odd") } },
    { selector: "edge.busy", style: { "line-color": ink("accent"), width: "data(wide)", color: ink("accent") } },
    { selector: "edge.busy.impaired", style: { "line-color": ink("odd"), color: ink("odd") } },
    { selector: "edge.drops", style: { "line-color": ink("wait"), color: ink("wait") } },
    { selector: "edge.down", style: { "line-style": "dotted", "line-color": ink("stop"), color: ink("fail") } },
  ];
}

/** @param {(node: any) => string} state */
function farther(state) {
  return [
    {
      selector: "node.guest",
      style: {
        "font-size": 21, "text-margin-x": -5, "background-image": (/** @type {any} */ node) => stateGlyph(node.data("state"), state(node)), "background-width": "14px", "background-height": "14px",
        "background-position-x": "100%", "background-position-y": "50%", "background-offset-x": "-8px", "background-offset-y": "0px",
      },
    },
    { selector: "node.segment", style: { "font-size": 18, height: 38, label: "data(name)", "corner-radius": 19 } },
    { selector: "edge", style: { label: "", "source-label": "", "target-label": "", width: 2.5 } },
    { selector: "edge.busy", style: { width: (/** @type {any} */ edge) => edge.data("wide") * 1.4 } },
  ];
}

/** @param {(name: string) => string} ink @param {(node: any) => string} state */
function farthest(ink, state) {
  return [
    { selector: "node.guest", style: { "background-image": "none", "background-color": state, "background-opacity": 1, "border-width": 0, label: "", width: 74, height: 44, "corner-radius": 12 } },
    // What runs is quiet, so that the rest is seen.
    { selector: "node.guest[state='running']", style: { "background-opacity": 0.6 } },
    { selector: "node.guest[state='stopped'], node.guest[state='elsewhere']", style: { "background-opacity": 0.35 } },
    {
      selector: "node.guest[role='router']",
      style: {
        label: "data(name)", "font-size": 48, "text-margin-x": 0, width: (/** @type {any} */ node) => Math.max(120, 44 + 31 * node.data("name").length), height: 70, "background-color": ink("router"),
        "background-opacity": 1, "border-width": 5, "border-color": state, color: ink("ink"), "corner-radius": 14,
      },
    },
    { selector: "node.guest[state='failed']", style: { "background-color": ink("fail"), width: 120, height: 62 } },
    { selector: "node.segment", style: { label: "data(name)", "font-size": 42, height: 62, width: (/** @type {any} */ node) => Math.max(90, 44 + 27 * node.data("name").length), "corner-radius": 31 } },
    { selector: "edge", style: { label: "", "source-label": "", "target-label": "", width: 4 } },
    { selector: "edge.busy", style: { width: (/** @type {any} */ edge) => edge.data("wide") * 2.4 } },
  ];
}

/** What lies over all of that: the draft, a selection, a find, the keyboard's place.  @param {Level} level @param {(name: string) => string} ink */
function marks(level, ink) {
  const big = [1, 1.5, 3][level];
  const change = (/** @type {string} */ name, /** @type {string} */ colour) => [
    { selector: `node.${name}`, style: { "border-color": ink(colour), "border-style": "dashed", "border-dash-pattern": [7, 4], "border-width": 2.2 * big, "border-opacity": 1, "underlay-color": ink(colour), "underlay-opacity": 0.12, "underlay-padding": 6 * big } },
    { selector: `edge.${name}`, style: { "line-color": ink(colour), "line-style": "dashed", "line-dash-pattern": [8, 5], color: ink(colour), width: 2.6 * big, "underlay-color": ink(colour), "underlay-opacity": 0.12, "underlay-padding": 4 * big } },
  ];
  return [
    ...change("comes", "run"),
    ...change("goes", "fail"),
    ...change("changes", "wait"),
    { selector: "node.goes", style: { color: ink("dim"), "text-opacity": 0.85 } },
    { selector: "node.good", style: { "underlay-color": ink("run"), "underlay-opacity": 0.35, "underlay-padding": 7 * big } },
    // Not by its colour alone: what failed has a rim, or is broader.
    { selector: "node.bad", style: { "underlay-color": ink("fail"), "underlay-opacity": 0.4, "underlay-padding": 7 * big, "outline-color": ink("fail"), "outline-width": 3 * big, "outline-offset": 6 * big, "outline-opacity": 1, "outline-style": "solid" } },
    { selector: "edge.good", style: { "underlay-color": ink("run"), "underlay-opacity": 0.35, "underlay-padding": 4 * big } },
    { selector: "edge.bad", style: { "underlay-color": ink("fail"), "underlay-opacity": 0.4, "underlay-padding": 9 * big } },
    { selector: "node.theirs", style: { "outline-color": ink("layer"), "outline-width": 2 * big, "outline-offset": 3 * big, "outline-opacity": 0.9, "outline-style": "dotted" } },
    { selector: "node:selected, node.target", style: { "border-color": ink("accent"), "border-width": 2.6 * big, "border-style": "solid", "border-opacity": 1, "underlay-color": ink("accent"), "underlay-opacity": 0.16, "underlay-padding": 5 * big } },
    { selector: "edge:selected", style: { "line-color": ink("accent"), color: ink("accent"), "underlay-color": ink("accent"), "underlay-opacity": 0.2, "underlay-padding": 5 * big, "z-index": 9 } },
    { selector: "node.focus", style: { "outline-color": ink("accent"), "outline-width": 2.5 * big, "outline-offset": 4 * big, "outline-opacity": 1, "outline-style": "solid" } },
    { selector: "edge.focus", style: { "underlay-color": ink("accent"), "underlay-opacity": 0.45, "underlay-padding": 5 * big } },
    { selector: "node.over", style: { "border-color": ink("accent") } },
    { selector: "edge.over", style: { "underlay-color": ink("accent"), "underlay-opacity": 0.15, "underlay-padding": 5 * big } },
    { selector: ".faded", style: { opacity: 0.18 } },
    { selector: "node.ghost", style: { width: 1, height: 1, opacity: 0.01, events: "no", label: "" } },
    { selector: "edge.ghost", style: { "line-color": ink("accent"), "line-style": "dashed", width: 2.5 * big, events: "no", "curve-style": "straight", label: "", "source-label": "", "target-label": "" } },
  ];
}
