// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The small pictures in the boxes of guests: what kind of guest it is, what it is doing, which layers lie over it.  They are those of
// dumm graph (access/pictures/svg.py), so that both are read the same way, and a state is told by its shape as well as by its colour.

/** @type {Record<string, string>} drawn in a square of 24 */
const ROLES = {
  host: '<rect x="3" y="4.5" width="18" height="12" rx="2"/><path d="M8 20.5h8M12 16.5v4"/>',
  router: '<circle cx="12" cy="12" r="9"/><path d="M8.7 8.8L5.8 12l2.9 3.2M15.3 8.8l2.9 3.2-2.9 3.2M6 12h12"/>',
  switch: '<rect x="2.5" y="6.5" width="19" height="11" rx="2"/><path d="M6.5 13.5v-3M10.2 13.5v-3M13.8 13.5v-3M17.5 13.5v-3"/>',
};

/** @type {Record<string, string>} drawn in a square of 20, in the colour of the state */
const STATES = {
  running: '<circle cx="10" cy="10" r="7" fill="INK"/>',
  starting: '<circle cx="10" cy="10" r="6.5" fill="none" stroke="INK" stroke-width="3.4" stroke-dasharray="27 14" stroke-linecap="round"/>',
  stopped: '<circle cx="10" cy="10" r="6" fill="none" stroke="INK" stroke-width="3"/>',
  paused: '<path d="M6.5 4v12M13.5 4v12" stroke="INK" stroke-width="4" stroke-linecap="round"/>',
  elsewhere: '<circle cx="10" cy="10" r="6" fill="none" stroke="INK" stroke-width="3" stroke-dasharray="0.1 4.612" stroke-linecap="round"/>',
  failed: '<path d="M4.5 4.5l11 11M15.5 4.5l-11 11" stroke="INK" stroke-width="4" stroke-linecap="round"/>',
};

/** @param {string} svg @returns {string} as an address for an image */
function address(svg) {
  return `data:image/svg+xml;utf8,${encodeURIComponent(svg)}`;
}

/** @param {string} role @param {string} ink */
export function roleGlyph(role, ink) {
  return address(`<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80" viewBox="0 0 24 24" fill="none" stroke="${ink}" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">${ROLES[role] ?? ROLES.host}</svg>`);
}

/** @param {string} state @param {string} ink */
export function stateGlyph(state, ink) {
  return address(`<svg xmlns="http://www.w3.org/2000/svg" width="60" height="60" viewBox="0 0 20 20">${(STATES[state] ?? STATES.stopped).replaceAll("INK", ink)}</svg>`);
}

/** @param {string} text @returns {number} width of its badge in pixels of the map */
export function badgeWidth(text) {
  return Math.round(text.length * 6.1 + 14);
}

/** @param {string} text @param {string} ink @param {string} paper @param {string} rim */
export function badgeGlyph(text, ink, paper, rim) {
  const w = badgeWidth(text);
  const safe = text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  return address(`<svg xmlns="http://www.w3.org/2000/svg" width="${w * 3}" height="48" viewBox="0 0 ${w} 16"><rect x=".6" y=".6" width="${w - 1.2}" height="14.8" rx="7.4" fill="${paper}" stroke="${rim}" stroke-width="1.2"/><text x="${w / 2}" y="11.3" text-anchor="middle" font-family="DejaVu Sans,system-ui,sans-serif" font-size="9.5" font-weight="600" textLength="${w - 13}" lengthAdjust="spacingAndGlyphs" fill="${ink}">${safe}</text></svg>`);
}
