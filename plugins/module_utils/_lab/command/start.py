# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm start``: have guests run."""

from __future__ import annotations

from collections.abc import Sequence

from .power import bring

_EXAMPLES = """\
  dumm start alice bob    start these, or resume them
  dumm start --all       all guests of the lab
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Start the guests that the words name."""
    return bring(words, workdir, "dumm start", "Start guests, or resume them if they are paused.", _EXAMPLES, "started")
