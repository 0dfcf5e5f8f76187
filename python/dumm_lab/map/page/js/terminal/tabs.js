// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Names of terminals, and what a terminal says about itself.  Pure.

/**
 * @param {string} guest
 * @param {boolean} isConsole
 * @param {string[]} taken titles that are there
 * @returns {string} alice, alice 2, alice console
 */
export function title(guest, isConsole, taken) {
  const stem = isConsole ? `${guest} console` : guest;
  if (!taken.includes(stem)) return stem;
  let number = 2;
  while (taken.includes(`${stem} ${number}`)) number++;
  return `${stem} ${number}`;
}

/**
 * Why a terminal ended.
 * @param {string} guest
 * @param {string | undefined} state of the guest now
 * @param {{ended?: number | null, error?: string | null} | null} told what the server said at the end
 */
export function ended(guest, state, told) {
  // Where its log is, and what is in it, the boot log shows better.
  if (told?.error) return `${told.error.split("; see ")[0]?.replace(/\.$/, "")}.`;
  if (state === undefined) return `guest ${guest}: it is gone.`;
  if (state !== "running") return `guest ${guest}: it is ${state}.`;
  if (told) return told.ended ? `The shell has ended with exit code ${told.ended}.` : "The shell has ended.";
  return "The line to the server was lost.";
}

/**
 * The address of a terminal's WebSocket.
 * @param {{protocol: string, host: string}} page
 * @param {string} guest
 * @param {boolean} isConsole
 * @param {{rows: number, columns: number}} size
 */
export function address(page, guest, isConsole, { rows, columns }) {
  const words = new URLSearchParams({ guest, rows: String(rows), columns: String(columns), ...(isConsole ? { console: "0" } : {}) });
  return `${page.protocol === "https:" ? "wss:" : "ws:"}//${page.host}/terminal?${words}`;
}

/** Colours of both themes; each has a contrast of 4.5 or more on its ground. */
export const THEMES = Object.freeze({
  dark: {
    background: "#0d1117", foreground: "#e6edf3", cursor: "#58a6ff", cursorAccent: "#0d1117", selectionBackground: "#2d4f78",
    black: "#7a8590", red: "#ff7b72", green: "#3fb950", yellow: "#d9a02f", blue: "#6cb0ff", magenta: "#d2a0ff", cyan: "#39c5cf", white: "#c9d1d9",
    brightBlack: "#8b949e", brightRed: "#ffa198", brightGreen: "#56d364", brightYellow: "#e3b341", brightBlue: "#79c0ff", brightMagenta: "#e2c5ff", brightCyan: "#56d4dd", brightWhite: "#ffffff",
  },
  light: {
    background: "#ffffff", foreground: "#18212b", cursor: "#0b6bcb", cursorAccent: "#ffffff", selectionBackground: "#b6d7fb",
    black: "#18212b", red: "#b3261e", green: "#116329", yellow: "#7d4e00", blue: "#0957b0", magenta: "#7a3db8", cyan: "#0f6a74", white: "#57606a",
    brightBlack: "#57606a", brightRed: "#c62828", brightGreen: "#14723a", brightYellow: "#855b00", brightBlue: "#0b6bcb", brightMagenta: "#8a4fc7", brightCyan: "#0e717c", brightWhite: "#424a53",
  },
});
