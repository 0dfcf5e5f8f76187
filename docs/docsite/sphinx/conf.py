# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How ``make docs`` builds the pages: scripts/docs.sh puts them and this file into build/docs/source."""

project = "dumm.lab"
author = copyright = "dumm.lab contributors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "alabaster"
html_theme_options = {
    "fixed_sidebar": True,
    "page_width": "70em",
    "sidebar_width": "17em",
    "description": "Network labs of real kernels",
}
html_title = "dumm.lab"
html_show_sourcelink = False
# Anchors of headings as forges make them.
myst_heading_anchors = 4
# Pages that only say where they are now.
exclude_patterns = ["docs/[!R]*.md"]
highlight_language = "none"
smartquotes = False
# Modules of ansible-core that ours mention are not part of this build.
suppress_warnings = ["ref.ref"]
