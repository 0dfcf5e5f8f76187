# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work directories of a guest's unions, one a mount, by whichever engine."""

from __future__ import annotations

import os
from pathlib import Path

from ..host import beneath


def make(works: Path, name: str) -> None:
    """Make a fresh work directory: each mount of the same upper layer wants one (docs/internals/unions.md)."""
    (works / name).mkdir(mode=0o700)


def tidy(works: Path, keep: str = "") -> None:
    """Take away work directories of mounts that are gone."""
    for old in os.scandir(works):
        if old.name != keep:
            beneath.remove(Path(old.path))
