# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm stop``: have guests stop."""

from __future__ import annotations

from collections.abc import Sequence

from .power import bring

_EXAMPLES = """\
  dumm stop alice bob     stop these
  dumm stop --all       all guests of the lab
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Stop the guests that the words name."""
    return bring(
        words, workdir, "dumm stop", "Stop guests. They shut down as their option 'stop' says.", _EXAMPLES, "stopped"
    )
