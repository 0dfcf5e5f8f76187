# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many MAC addresses a bridge learns at the most: a guest that sends from ever new ones would fill the host's memory.

Linux has that bound from 6.7 on (``fdb_max_learned``, ip-link(8)), and versions of pyroute2 that are supported do not know it, so the
request is put together here (rtnetlink(7)).  Older kernels pass over an attribute that they do not know.
"""

from __future__ import annotations

import socket
import struct
from contextlib import closing

# As a switch of that size; a full bridge has 1023 ports.
MOST = 8192
SINCE = (6, 7)
# linux/rtnetlink.h, linux/netlink.h, linux/if_link.h
_RTM_NEWLINK, _REQUEST_AND_ACK, _ERROR = 16, 0x5, 2
_LINKINFO, _KIND, _DATA, _FDB_MAX_LEARNED = 18, 1, 2, 49
_HEADER, _LINK = struct.Struct("=IHHII"), struct.Struct("=BxHiII")


def bound(index: int, most: int = MOST) -> None:
    """Let a bridge learn so many addresses; the calling thread is in its network namespace.

    :param index: of the bridge.
    :raises OSError: where the kernel refuses.
    """
    data = _attribute(_DATA, _attribute(_FDB_MAX_LEARNED, struct.pack("=I", most)))
    body = _LINK.pack(0, 0, index, 0, 0) + _attribute(_LINKINFO, _attribute(_KIND, b"bridge\0") + data)
    with closing(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(body), _RTM_NEWLINK, _REQUEST_AND_ACK, 1, 0) + body)
        answer = kernel.recv(65536)
    kind = _HEADER.unpack_from(answer)[1]
    code = struct.unpack_from("=i", answer, _HEADER.size)[0]
    if kind == _ERROR and code:
        raise OSError(-code, "fdb_max_learned")


def _attribute(number: int, value: bytes) -> bytes:
    padded = value.ljust((len(value) + 3) & ~3, b"\0")
    return struct.pack("=HH", 4 + len(value), number) + padded
