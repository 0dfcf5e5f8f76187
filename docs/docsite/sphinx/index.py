# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the table of contents of the HTML pages: ``index.py SOURCE``.

A forge shows a directory that a page links to; HTML has no page for one, so these links become plain text.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

KINDS = {
    "Tutorial": "docs/tutorial/*.md",
    "How-to": "docs/howto/*.md",
    "Reference": "docs/reference/*.md",
    "Explanation": "docs/explanation/*.md",
    "Internals": "docs/internals/*.md",
    "Roles": "roles/*/README.md",
    "Examples": "examples/**/README.md",
    "Project": "*.md",
    "All pages": "docs/README.md",
}
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s:]+)\)")


def main(source: Path) -> None:
    """All pages, each below its kind; what is no page is left out."""
    lines = ["# dumm.lab", "", "```{include} README.md", ':start-after: "# dumm.lab"', "```", ""]
    for title, pattern in KINDS.items():
        pages = [str(page.relative_to(source)) for page in sorted(source.glob(pattern)) if page.name != "index.md"]
        lines += ["```{toctree}", ":hidden:", ":maxdepth: 1", f":caption: {title}", "", *pages, "```", ""]
    lines += [
        "```{toctree}",
        ":hidden:",
        ":maxdepth: 1",
        ":caption: Modules and plugins",
        "",
        "collection/index",
        "```",
        "",
    ]
    for page in source.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        plain = _LINK.sub(lambda found: found[1] if (page.parent / found[2]).is_dir() else found[0], text)  # noqa: B023
        page.write_text(plain, encoding="utf-8")
    (source / "index.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
