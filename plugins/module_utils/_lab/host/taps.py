# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TAPs of guests' interfaces on the host."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress

from ..model.errors import HostError
from ..model.found import DeviceKind
from ..model.lab import Iface, link_name
from . import rtnetlink, syscalls
from .netlink import Network, index_here, refusals

# linux/if_tun.h
_TUNSETIFF, _TUNSETPERSIST, _TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CE
_IFF_TAP, _IFF_NO_PI, _IFF_TUN_EXCL = 0x0002, 0x1000, 0x8000
_TUN, _TUN_NUMBER = "/dev/net/tun", (10, 200)


def add(network: Network, iface: Iface, group: int, bridge: int | None, mask: int = 0, closed: bool = False) -> None:
    """Make a persistent TAP, up, marked and plugged.

    :param group: the one group whose members may attach to it.
    :param bridge: index of the bridge.
    :param mask: link-local groups that it forwards as the bridge's port, beyond those of the bridge.
    :param closed: whether it exchanges frames with the bridge alone until :func:`bridges.open_segments`.
    """
    name = link_name(iface.tap_name)
    label = f"interface {iface.label}"
    with refusals(label, "add"):
        index = network.inside(lambda: _open(network, name, iface, group, bridge, mask, closed))
    network.add_altname(index, name, iface.tap_name)


def change(network: Network, index: int, iface: Iface, bridge: int | None, mask: int = 0) -> None:
    """Give an existing TAP its bridge and MTU.

    :param mask: as for :func:`add`.
    """
    subject = f"interface {iface.label}"
    network.change(subject, "set", rtnetlink.set_link(index, master=bridge or 0, mtu=iface.mtu, up=True))
    if bridge is not None:
        network.change(subject, "set", rtnetlink.set_port(index, group_fwd_mask=mask))


def hint(netns_path: str | None, names: Iterable[str]) -> None:
    """Have guests look whether interfaces have carrier, which they do by themselves only once a second, or when they wake up.

    Each interface of the tuned kernel has a socket for that (roles/kernel/files/patches, um-vector-carrier); others have none.

    :param names: the interfaces' TAPs.
    """
    with syscalls.network_namespace(netns_path):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with sender:
        for name in names:
            with suppress(OSError):
                sender.sendto(b"", f"\0uml-vector/{name}")


def check() -> None:
    """Whether this host can make TAPs.

    :raises HostError: where it cannot.
    """
    try:
        status = os.stat(_TUN)
        cause = None if status.st_rdev == os.makedev(*_TUN_NUMBER) else "it is another file"
        if cause is None:
            os.close(os.open(_TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as exc:
        cause = exc.strerror or str(exc)
    if cause is not None:
        remedy = f"modprobe tun, and if it is still missing: mknod {_TUN} c {' '.join(map(str, _TUN_NUMBER))}"
        raise HostError(_TUN, f"TAPs are made by it, and it cannot be used: {cause}", remedy)


def _open(network: Network, name: str, iface: Iface, group: int, bridge: int | None, mask: int, closed: bool) -> int:
    """Until it has all that makes it ours it goes with its descriptor, so that a killed run leaves none without a mark."""
    if index_here(name) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    with syscalls.FORKING:
        tap = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
        try:
            # Without IFF_TUN_EXCL this would open one that somebody else has made meanwhile.
            fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_TUN_EXCL))
            index = socket.if_nametoindex(name)
            network.keep_silent(name)
            alias, to = network.alias(DeviceKind.TAP.of(iface.label)), bridge or 0
            changes = [rtnetlink.set_link(index, alias=alias, group=network.group, mtu=iface.mtu, master=to)]
            if bridge is not None and (closed or mask):
                changes.append(rtnetlink.set_port(index, isolated=closed, group_fwd_mask=mask))
            # At last: a port that comes up is asked by its bridge, and says things.
            network.route.change([*changes, rtnetlink.set_link(index, up=True)])
            fcntl.ioctl(tap, _TUNSETGROUP, group)
            fcntl.ioctl(tap, _TUNSETPERSIST, 1)
        finally:
            os.close(tap)
    return index
