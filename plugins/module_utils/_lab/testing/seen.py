# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``saw``: packets that crossed an interface since the test began, heard on the host (``access/capture/live``)."""

from __future__ import annotations

from ..model import checking
from ..model.errors import DummError
from ..model.tests import Saw
from .bench import Bench
from .commands import bound
from .outcome import Outcome


def saw(bench: Bench, action: Saw, _seconds: float) -> Outcome:
    """Count packets."""
    capture = bench.captures.get(action.interface)
    if capture is None:
        return Outcome(False, f"interface {action.interface} is not there", final=True)
    try:
        since = bench.marks.get(action.interface) if action.in_stage else None
        number = capture.count(action.filter, interface=action.interface, since=since)
    except DummError as exc:
        return Outcome(False, str(exc), final=True)
    return Outcome(checking.holds(action.count, number), f"{number} packets")


def wanted(action: Saw) -> str:
    """What is expected, in words."""
    which = f" that are {action.filter!r}" if action.filter else ""
    since = " since the stage began" if action.in_stage else ""
    return f"{bound(action.count.operator, action.count.number)} packets{which} at {action.interface}{since}"
