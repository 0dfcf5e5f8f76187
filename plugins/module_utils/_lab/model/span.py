# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a segment goes on on other lab hosts: a VXLAN tunnel (RFC 7348) to each of them.  Pure.

One device leads to all peers.  It floods what is for many or for an unknown address to each of them, and never sends from peer to
peer, so any number of lab hosts makes no loop (docs/internals/network.md).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

PORT = 4789
MAX_VNI = (1 << 24) - 1
# What a tunnel puts before a frame's payload: IP, UDP and VXLAN headers, and the inner Ethernet header (RFC 7348 section 5).
_BEFORE = {4: 50, 6: 70}


@dataclass(frozen=True)
class Span:
    """The other lab hosts of a segment.

    :ivar vni: number of the segment, the same on all of them, and no other segment's.
    :ivar local: address of this lab host.
    :ivar peers: addresses of the others, each once, in order.
    :ivar port: UDP port, the same on all of them.
    :ivar mtu: bytes of an IP packet that the network between them carries; ``None`` asks this host's kernel.
    """

    vni: int
    local: str
    peers: tuple[str, ...] = ()
    port: int = PORT
    mtu: int | None = None

    @classmethod
    def among(cls, vni: int, local: str, hosts: Iterable[str], port: int = PORT, mtu: int | None = None) -> Span:
        """The tunnel of one of several lab hosts.

        :param hosts: addresses of all of them; this one's own may be among them.
        """
        return cls(vni, local, tuple(sorted({*hosts} - {local})), port, mtu)

    @property
    def network(self) -> tuple[int, int]:
        """What no two tunnels of a lab host can have both: number and UDP port."""
        return self.vni, self.port

    def carries(self, mtu: int) -> int:
        """The largest MTU of interfaces whose frames need no fragments, if the network between the lab hosts has this one."""
        return mtu - _BEFORE[ipaddress.ip_address(self.local).version]

    def needs(self, mtu: int) -> int:
        """The MTU that the network between the lab hosts needs for interfaces of this one."""
        return mtu + _BEFORE[ipaddress.ip_address(self.local).version]
