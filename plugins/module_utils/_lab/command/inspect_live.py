# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm inspect --watch``: the same table again whenever the lab changes; with rates, each second, too.

On a terminal it stays in one place, and no longer than the window; elsewhere one stands below the other.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from contextlib import closing

from ..access.seen import SeenLab
from ..access.stats import LabMeter, Rate
from ..access.watch import Watch
from .inspect import Noun, text
from .live import updates
from .table import TABLE

_TICK = 1.0
_HOME, _CLEAR_BELOW = "\x1b[H", "\x1b[J"


def follow(noun: Noun, wanted: Namespace) -> None:
    """Show a noun until the user or the reader goes away."""
    measured = noun.measured and wanted.interval > 0
    last: dict[str, Rate] = {}
    wanted.meter = lambda _lab: last
    with Watch(wanted.workdir) as watch, closing(LabMeter()) as meter:
        if measured:
            meter.read(watch.lab)
        shown = _show(watch.lab, noun, wanted, "")
        for update in updates(watch, max(_TICK, wanted.interval) if measured else 0.0):
            if update is None:
                last = meter.read(watch.lab)
            shown = _show(watch.lab, noun, wanted, shown)


def _show(lab: SeenLab, noun: Noun, wanted: Namespace, before: str) -> str:
    """Show what is other than before.

    :return: it.
    """
    now = text(lab, noun, wanted)
    if now != before:
        if sys.stdout.isatty():
            sys.stdout.write(f"{_HOME}{_CLEAR_BELOW}{_fitting(now)}")
        else:
            sys.stdout.write(f"\n{now}" if before and wanted.format == TABLE else now)
        sys.stdout.flush()
    return now


def _fitting(shown: str) -> str:
    """As many lines as the window has, if that is known."""
    lines = shown.splitlines(keepends=True)
    size = os.get_terminal_size(sys.stdout.fileno()).lines
    room = max(2, size - 1)
    if len(lines) <= room or not size:
        return shown
    return "".join([*lines[: room - 1], f"... and {len(lines) - room + 1} more\n"])
