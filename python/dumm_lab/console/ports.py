# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces of a guest, or those in a bridge, as a table.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenLab
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.table import Record, column

from .rooms import Room

PORTS = [column("INTERFACE", "label"), column("BRIDGE", "bridge"), column("ADDRESSES", "addresses")]


def ports(lab: SeenLab, room: Room) -> Iterator[Record]:
    """Those of the guest or the bridge that the user is with."""
    for guest in lab.guests.values():
        for iface in guest.interfaces:
            if room.name == (guest.name if room.kind == "guest" else iface.bridge):
                yield {"label": iface.label, "bridge": iface.bridge, "addresses": list(iface.addresses or ())}
