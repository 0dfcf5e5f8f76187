// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// The map as a file or in the clipboard.  SVG and Mermaid are drawn by the server, as dumm graph draws them; the PNG is what one sees here.

/** @typedef {import("../page.js").Page} Page */

/** @param {string} address @param {string} name of the file */
function download(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

/** @param {string} kind @returns {Promise<string>} */
async function picture(kind) {
  const answer = await fetch(`/picture.${kind}`);
  if (!answer.ok) throw new Error(`map: the picture could not be drawn (${answer.status}). ${(await answer.text()).slice(0, 200)}`);
  return answer.text();
}

/**
 * @param {Page} page
 * @returns {import("../ui/menu.js").Item[]}
 */
export function exportItems(page) {
  const view = page.model().view;
  const name = view?.lab.scenario ?? view?.lab.name ?? "lab";
  const or = (/** @type {() => unknown} */ run) => async () => {
    try {
      await run();
    } catch (error) {
      page.toast(/** @type {Error} */ (error).message, { bad: true });
    }
  };
  const save = (/** @type {string} */ kind, /** @type {string} */ type) => or(async () => {
    const address = URL.createObjectURL(new Blob([await picture(kind)], { type }));
    download(address, `${name}.${kind}`);
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  });
  const copied = (/** @type {string} */ what) => page.toast(`${what} is in the clipboard.`);
  const png = async () => (await fetch(page.map.png())).blob();
  /** @type {import("../ui/menu.js").Item[]} */
  const items = [
    { title: "SVG", hint: "for documents", run: save("svg", "image/svg+xml") },
    { title: "PNG", hint: "as shown here", run: or(() => download(page.map.png(), `${name}.png`)) },
    { title: "Mermaid", hint: "for a README", run: save("mmd", "text/plain") },
  ];
  if (!navigator.clipboard) return items; // browsers have it on loopback and HTTPS only
  items.push("rule", { title: "Copy Mermaid", run: or(async () => (await navigator.clipboard.writeText(await picture("mmd")), copied("The Mermaid text"))) });
  if ("ClipboardItem" in window) {
    items.push({ title: "Copy PNG", run: or(async () => (await navigator.clipboard.write([new ClipboardItem({ "image/png": png() })]), copied("The picture"))) });
  }
  return items;
}
