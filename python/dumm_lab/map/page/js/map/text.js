// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// How addresses, conditions and rates are written on the map.  Pure.

/** @typedef {import("../model.js").Conditions} Conditions */

/**
 * The host's part of an address, as dumm graph writes it: ".1" of 10.1.0.1/24, "::5" of fd00::5/64.
 * @param {string} address with or without the length of its prefix
 * @returns {string}
 */
export function hostPart(address) {
  const [ip, length] = address.split("/");
  if (ip.includes(":")) {
    const words = expanded(ip);
    const host = words.slice(Math.floor((length === undefined ? 64 : Number(length)) / 16)).map((word) => word.toString(16));
    while (host.length > 1 && host[0] === "0") host.shift();
    return `::${host.join(":")}`;
  }
  const bytes = ip.split(".");
  const whole = length === undefined ? 24 : Number(length);
  return `.${bytes.slice(Math.min(3, Math.floor(whole / 8))).join(".")}`;
}

/**
 * The eight words of an IPv6 address.
 * @param {string} ip
 * @returns {number[]}
 */
function expanded(ip) {
  const [head, tail] = ip.split("::");
  const left = head ? head.split(":") : [], right = tail ? tail.split(":") : [];
  const middle = tail === undefined ? [] : Array(Math.max(0, 8 - left.length - right.length)).fill("0");
  return [...left, ...middle, ...right].map((word) => Number.parseInt(word, 16) || 0);
}

/**
 * What stands at the end of a line: the interface, and the host's part of its first address.
 * @param {string} name
 * @param {string[] | null} addresses
 * @returns {string}
 */
export function endText(name, addresses) {
  const first = addresses?.find((address) => !address.includes(":")) ?? addresses?.[0];
  return first ? `${name} ${hostPart(first)}` : name;
}

/** @type {Record<string, (value: number) => string>} */
const UNITS = {
  delay: (n) => `${n} ms`,
  jitter: (n) => `±${n} ms`,
  loss: (n) => `${n} % loss`,
  duplicate: (n) => `${n} % twice`,
  corrupt: (n) => `${n} % corrupt`,
  reorder: (n) => `${n} % reorder`,
  rate: (n) => bits(n),
};
/** @type {Record<string, string>} */
const WORDS = { jitter: "±", loss: " loss", duplicate: " twice", corrupt: " corrupt", reorder: " reorder" };

/**
 * Conditions in one line: "5 ms ±1 ms · 1 % loss · 10 Mbit/s".
 * @param {Conditions | null | undefined} conditions
 * @returns {string}
 */
export function conditionText(conditions) {
  /** @type {string[]} */
  const parts = [];
  for (const [name, value] of Object.entries(conditions ?? {})) {
    const times = Array.isArray(value) ? [...new Set(value)] : null; // of a slot
    if (!value || times?.every((each) => !each)) continue;
    const text = times ? `${times.join("–")} ms ${name}` : typeof value === "number" ? (UNITS[name]?.(value) ?? `${name} ${value}`) : written(name, value);
    if (name === "jitter" && parts.length) parts[parts.length - 1] += ` ${text}`;
    else parts.push(text);
  }
  return parts.join(" · ");
}

/**
 * A condition that is written with its unit, as in a scenario file.
 * @param {string} name
 * @param {string} value
 */
function written(name, value) {
  const [, number, unit] = /^([\d.]+)\s*(.*)$/.exec(value) ?? [];
  if (number === undefined) return `${name} ${value}`;
  const word = WORDS[name] ?? (name === "delay" || name === "rate" ? "" : ` ${name}`);
  const pretty = unit.replace(/^([kmgt])bit$/, (_, letter) => `${letter === "k" ? "k" : letter.toUpperCase()}bit/s`);
  const text = unit ? `${number} ${pretty}` : number;
  return name === "jitter" ? `±${text}` : text + word;
}

/**
 * A rate: three digits at most.
 * @param {number} rate in bits/s
 * @returns {string}
 */
export function bits(rate) {
  for (const [size, letter] of /** @type {[number, string][]} */ ([[1e9, "G"], [1e6, "M"], [1e3, "k"]])) {
    if (rate >= size * 0.9995) return `${short(rate / size)} ${letter}bit/s`;
  }
  return `${Math.round(rate)} bit/s`;
}

/** @param {number} n */
function short(n) {
  return n < 9.95 ? n.toFixed(1).replace(/\.0$/, "") : String(Math.round(n));
}

/**
 * How wide a line is drawn for what flows through it: 2 at rest, 8 from 10 Gbit/s on.
 * @param {number} rate in bits/s
 * @returns {number} in pixels
 */
export function lineWidth(rate) {
  return rate <= 0 ? 2 : Math.min(8, 2.5 + Math.log10(1 + rate / 100) * 0.7);
}

/**
 * Width of a text of the map's fixed-width font, of its font for names.
 * @param {string} text
 * @param {number} size of the font in pixels
 * @returns {number} in pixels
 */
export function monoWidth(text, size) {
  return text.length * size * 0.605;
}

/**
 * @param {string} text
 * @param {number} size of the font in pixels
 * @returns {number} in pixels: an upper bound for names in a semibold sans serif
 */
export function nameWidth(text, size) {
  let em = 0;
  for (const letter of text) em += "ijlI.:|".includes(letter) ? 0.38 : "mwMW".includes(letter) ? 1.02 : letter > "\u024f" ? 1.1 : 0.69;
  return em * size;
}
