# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an object of a lab is for, by its settings alone, for pictures, tables and maps.  Pure, and imported in no time."""

from __future__ import annotations

from collections.abc import Iterable

_FORWARDING = frozenset(("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding"))


def forwards(settings: Iterable[tuple[str, str]]) -> bool:
    """Whether kernel settings make a router; their names may be written with slashes (sysctl(8))."""
    return any(key.replace("/", ".") in _FORWARDING and value not in ("0", "") for key, value in settings)


def is_link(group_fwd_mask: int, *, multicast_snooping: bool) -> bool:
    """Whether a bridge is a link of a scenario, which carries everything as a cable does."""
    return group_fwd_mask != 0 and not multicast_snooping
