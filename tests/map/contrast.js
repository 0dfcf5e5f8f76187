// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Texts of the page, and of the map, whose contrast to what they stand on is below 4.5 (WCAG 2.2, 1.4.3).  Evaluated in the page.
() => {
  const rgba = (text) => {
    const n = text.match(/[\d.]+/g).map(Number);
    return [n[0], n[1], n[2], n[3] ?? 1];
  };
  const over = ([r, g, b, a], [x, y, z]) => [r * a + x * (1 - a), g * a + y * (1 - a), b * a + z * (1 - a), 1];
  const light = (colour) => {
    const [r, g, b] = colour.map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const bad = [];
  const judge = (what, ink, paper) => {
    const found = contrast(over(ink, paper), paper);
    if (found < 4.5) bad.push(`${what}: ${found.toFixed(2)} of ${ink.map(Math.round)} on ${paper.map(Math.round)}`);
  };
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data.trim()).join(" ").trim() || (element.matches("input") ? element.placeholder : "");
    if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest("#mirror, .unseen, :disabled, script")) continue;
    const style = element.matches("input") && !element.value ? getComputedStyle(element, "::placeholder") : getComputedStyle(element);
    judge(`${element.tagName} "${text.slice(0, 40)}"`, rgba(style.color), ground(element));
  }
  const { cy } = dummPage.map, page = rgba(getComputedStyle(document.getElementById("stage")).backgroundColor);
  for (const element of cy.elements()) {
    if (element.hasClass("faded")) continue;
    const ink = rgba(element.style("color"));
    ink[3] = Number(element.style("text-opacity")) * element.effectiveOpacity();
    if (element.isNode()) {
      const paper = rgba(element.style("background-color"));
      paper[3] = Number(element.style("background-opacity"));
      if (element.style("label")) judge(element.id(), ink, over(paper, page));
    } else if (element.style("label") || element.style("source-label") || element.style("target-label")) judge(element.id(), ink, over(rgba(element.style("text-background-color")), page));
  }
  return bad;
}
