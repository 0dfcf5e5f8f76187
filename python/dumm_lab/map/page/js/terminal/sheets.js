// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// xterm.js under a policy that allows no inline styles (Content-Security-Policy: style-src 'self').
//
// xterm.js makes <style> elements and style attributes, and a browser refuses both.  What it writes into a <style> becomes a constructed
// style sheet here, and a style attribute is set by the element's own style.  Both are allowed: they are no text of the page (CSP 3, 4.2).
// It takes the page's document however it is told another (CoreBrowserTerminal.ts, DomRenderer.ts of 6.0), so the document itself learns it.

/** @returns {HTMLElement} that is to xterm.js what a <style> would be */
function sheet() {
  const element = document.createElement("span");
  const rules = new CSSStyleSheet();
  element.hidden = true;
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, rules];
  Object.defineProperty(element, "textContent", { get: () => "", set: (/** @type {string} */ text) => rules.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== rules);
    Element.prototype.remove.call(element);
  };
  return element;
}

let isTame = false;

/** From now on the page's document makes style sheets and style attributes that the policy allows. */
export function tame() {
  if (isTame) return;
  isTame = true;
  const { createElement } = document;
  const { setAttribute } = Element.prototype;
  /** @type {any} */ (document).createElement = (/** @type {string} */ tag, /** @type {any} */ options) => (tag === "style" ? sheet() : createElement.call(document, tag, options));
  HTMLElement.prototype.setAttribute = function (/** @type {string} */ name, /** @type {string} */ value) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
}
