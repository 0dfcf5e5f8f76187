# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bottom line: the lab and what its guests are doing, as wide as the window.  Pure."""

from __future__ import annotations

from collections import Counter

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    DIED,
    PAUSED,
    RUNNING,
    STARTING,
    STOPPED,
    UNREADABLE,
    SeenLab,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.table import harmless, width

COLOURS = {
    RUNNING: "ansigreen",
    STARTING: "ansicyan",
    PAUSED: "ansiyellow",
    STOPPED: "",
    DIED: "ansired",
    UNREADABLE: "ansired",
}
Fragments = list[tuple[str, str]]


def bottom_line(lab: SeenLab, *, planning: bool, columns: int) -> Fragments:
    """Styles and texts; each guest by name where there is room, and how many there are of each state otherwise."""
    first: Fragments = [("bold", " plan ")] if planning else []
    if not lab.guests:
        return [*first, ("", f" no guests in {harmless(lab.workdir)}")]
    each = [(COLOURS.get(guest.state, ""), f" {harmless(name)} {guest.state} ") for name, guest in lab.guests.items()]
    if sum(width(text) for _style, text in [*first, *each]) <= columns:
        return [*first, *each]
    counted = Counter(guest.state for guest in lab.guests.values())
    return [*first, *((style, f" {counted[state]} {state} ") for state, style in COLOURS.items() if counted[state])]
