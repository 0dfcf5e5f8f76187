# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``dumm`` of an environment in which this package is installed; ``scripts/dumm`` of the collection is the same."""

from __future__ import annotations

import sys

from . import _collection
from ._errors import CollectionMissing

_WRONG_USAGE = 2


def main() -> int:
    """Be the program; its exit code."""
    try:
        command = _collection.module("command.main")
    except CollectionMissing as exc:
        sys.stderr.write(f"dumm: {exc}\n")
        return _WRONG_USAGE
    code: int = command.program()
    return code
