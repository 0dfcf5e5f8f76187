// Copyright (c) 2026, dumm.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Light or dark, before anything is painted: what was chosen in this browser, else what the system prefers.  A classic script for that reason.

(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    document.documentElement.dataset.theme = localStorage.getItem("dumm-theme") ?? (dark.matches ? "dark" : "light");
    document.dispatchEvent(new Event("theme"));
  };
  show();
  dark.addEventListener("change", show);
})();
