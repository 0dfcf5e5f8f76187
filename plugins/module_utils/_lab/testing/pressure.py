# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How busy the machine was while a test ran: a failure of a check with a deadline may be the machine's, not the lab's.

The kernel counts the time in which at least one task waited for a CPU (Documentation/accounting/psi.rst).
"""

from __future__ import annotations

import re
import time
from pathlib import Path

# Percent of the time; from here on a failure is marked as suspect.
THRESHOLD = 90.0
_SOURCE = Path("/proc/pressure/cpu")
_SOME = re.compile(r"^some .*total=(\d+)", re.MULTILINE)


def waited() -> int | None:
    """Microseconds since the boot in which some task waited for a CPU; ``None`` where the kernel does not count them."""
    try:
        found = _SOME.search(_SOURCE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return int(found[1]) if found else None


class Gauge:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self._waited, self._began = waited(), time.monotonic()

    @property
    def percent(self) -> float | None:
        """Share of the time in which some task waited; ``None`` where that is not known."""
        now, seconds = waited(), time.monotonic() - self._began
        if now is None or self._waited is None or seconds <= 0:
            return None
        return round(min(100.0, (now - self._waited) / 1e4 / seconds), 1)


def is_suspect(percent: float | None) -> bool:
    """Whether a failure may be the machine's."""
    return percent is not None and percent >= THRESHOLD
