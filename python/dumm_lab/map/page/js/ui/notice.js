// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// States that tell the person what to do: an empty lab, a server that does not answer, nothing known yet.

import { h, icon, the } from "./dom.js";

/** @typedef {import("../page.js").Page} Page */
/** @typedef {import("../model.js").Model} Model */

/** @param {Page} page @param {() => void} connect */
export function start(page, connect) {
  let timer = 0;
  const line = () => {
    clearTimeout(timer);
    const { link } = page.model();
    const notice = the("notice"), dot = the("link"), lost = link.state === "lost" || link.state === "refused";
    document.body.classList.toggle("lost", lost);
    const told = { new: "connecting", open: "connected: the map is live", lost: "the server does not answer", refused: "the server refuses this page" }[link.state];
    dot.className = link.state;
    dot.title = told;
    dot.setAttribute("aria-label", told);
    notice.hidden = !lost;
    if (!lost) return;
    const seconds = Math.max(0, Math.ceil(((link.retry ?? 0) - Date.now()) / 1000));
    const key = `${link.state} ${link.since}`;
    if (notice.dataset.key !== key) {
      notice.dataset.key = key;
      const at = new Date(link.since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
      notice.replaceChildren(
        h("strong", {}, link.state === "refused" ? "This page is no longer allowed in." : "The server does not answer."),
        h("span", {}, link.state === "refused" ? "Start dumm map again and follow the address that it prints." : page.model().view ? `You see the lab as it was at ${at}. If dumm map has ended, start it again and follow the address that it prints.` : "If dumm map has ended, start it again and follow the address that it prints."),
        h("span", { id: "retry", "aria-live": "off" }), h("button", { type: "button", class: "small", onclick: connect }, "Try now"),
      );
    }
    the("retry").textContent = seconds ? `Next try in ${seconds} s.` : "Trying …";
    if (!document.hidden) timer = setTimeout(line, 1000);
  };
  page.watch(["link"], line);
  document.addEventListener("visibilitychange", line);
  page.watch(["view", "draft", "hello"], (model) => emptiness(page, model));
}

/** @param {Page} page @param {Model} model */
function emptiness(page, model) {
  const host = the("empty");
  const objects = model.view ? Object.keys(model.view.guests).length + Object.keys(model.view.segments).length : 1;
  const wanted = Object.keys(model.draft?.wanted?.guests ?? {}).length + Object.keys(model.draft?.wanted?.segments ?? {}).length;
  host.hidden = objects > 0 || wanted > 0;
  if (host.hidden || host.childElementCount) return;
  const command = (/** @type {string} */ text) => h("div", { class: "shell" }, h("code", {}, text), navigator.clipboard
    ? h("button", { type: "button", class: "small quiet", onclick: async () => (await navigator.clipboard.writeText(text), page.toast("The command is in the clipboard.")) }, "Copy") : "");
  const drawing = h("div", { class: "drawing" }, icon("screen"), icon("cable"), icon("screen"));
  host.replaceChildren(
    drawing, h("h2", {}, "This lab is empty"),
    h("p", {}, "No guest and no segment is in ", h("code", {}, model.hello?.workdir ?? model.view?.lab.workdir ?? ""), ". What you or others make appears here at once."),
    page.readonly() ? h("p", {}, "This page only watches. Make guests from a shell:") : h("p", {}, "Point where the first guest goes and press ", h("kbd", {}, "G"), ", or make guests from a shell:"),
    command("ansible localhost -m dumm.lab.dumm_guest -a name=alice"), command("make lab"),
  );
}
