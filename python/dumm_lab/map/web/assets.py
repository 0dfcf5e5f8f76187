# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the page, all read at the start: the web part has no files afterwards, and a path is only a key of a mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "page"
INDEX = "index.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
# One of what npm brings; where it is missing, all are.
BROUGHT = "vendor/cytoscape.min.js"


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    data: bytes
    kind: str
    tag: str


def load(page: Path = PAGE) -> Mapping[str, Asset]:
    """All files of the page, by their path below it.

    :raises FileNotFoundError: where those that npm brings are missing.
    """
    if not (page / BROUGHT).is_file():
        raise FileNotFoundError(page / BROUGHT)
    found = {}
    for path in sorted(page.rglob("*")):
        if path.is_file() and path.suffix in _TYPES:
            data = path.read_bytes()
            tag = f'"{hashlib.sha256(data).hexdigest()[:24]}"'
            found[path.relative_to(page).as_posix()] = Asset(data, _TYPES[path.suffix], tag)
    return found
