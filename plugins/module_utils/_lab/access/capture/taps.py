# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a capture takes of a lab: the interfaces that the user names, sockets on their TAPs, and what names in filters stand for."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ...host import namespaces, syscalls
from ...host.workdir import Workdir
from ...model.errors import DummError, HostError, InvalidInput, from_oserror, nearest
from ...model.lab import Iface, Lab, link_name
from ..line import Line
from .filters import MAX_SNAPLEN, Filter, Names
from .pcapng import Described
from .record import Heading, Namespace
from .sockets import Tap, unbound

_ASK_SECONDS = 20.0
_MOST_SAID = 1 << 20


def chosen(lab: Lab, labels: Iterable[str]) -> list[Iface]:
    """The interfaces that labels mean, each once.

    :param labels: ``alice:eth0``; ``alice`` means all interfaces of a guest, ``lan`` all that are plugged into a segment.
    :raises InvalidInput: where there is none such, or none at all.
    """
    found: dict[str, Iface] = {}
    for label in labels:
        found.update({iface.label: iface for iface in _meant(lab, label)})
    if not found:
        raise InvalidInput("capture", "there is no interface to capture at", "name some, such as alice:eth0")
    return list(found.values())


def _meant(lab: Lab, label: str) -> list[Iface]:
    name, colon, port = label.partition(":")
    subject = f"interface {label}"
    if not colon and name in lab.bridges:
        if name in lab.guests:
            raise InvalidInput(subject, "it is both a guest and a segment", f"name interfaces, such as {name}:eth0")
        plugged = [each for guest in lab.guests.values() for each in guest.interfaces.values() if each.bridge == name]
        if not plugged:
            raise InvalidInput(f"bridge {name}", "no interface is plugged into it", "plug one in, or name another")
        return plugged
    if name not in lab.guests:
        known, kinds = (lab.guests, "guest") if colon else ({**lab.guests, **lab.bridges}, "guest or segment")
        raise InvalidInput(subject, f"there is no {kinds} {name}", nearest(name, known))
    own = lab.guests[name].interfaces
    if port and port not in own:
        raise InvalidInput(subject, f"guest {name} has no interface {port}", nearest(port, own))
    return [iface for iface in own.values() if port in ("", iface.name)]


def opened(workdir: Workdir, lab: Lab, ifaces: Sequence[Iface], only: str, snaplen: int) -> list[Tap]:
    """Sockets at interfaces, from now on.

    :raises DummError: as :func:`started`.
    """
    if not 1 <= snaplen <= MAX_SNAPLEN:
        raise InvalidInput("capture", f"it is to keep {snaplen} bytes of a packet", f"give 1 to {MAX_SNAPLEN}")
    if not namespaces.exists(lab.netns):
        raise HostError(f"network namespace {lab.netns}", "it is not there", "start the lab's guests")
    chosen_ones = Filter(only, names(workdir, lab, only), snaplen) if only else None
    taps: list[Tap] = []
    try:
        with syscalls.network_namespace(namespaces.path_of(lab.netns)):
            for iface in ifaces:
                taps.append(_tap(iface, chosen_ones, snaplen))
    except DummError:
        for tap in taps:
            tap.close()
        raise
    except PermissionError as exc:
        raise from_oserror(f"network namespace {lab.netns}", "enter it:", exc) from exc
    return taps


@contextmanager
def watched(lab: Lab) -> Iterator[Namespace | None]:
    """The lab's namespace, watched meanwhile; ``None`` for the host's own, which stays."""
    path = namespaces.path_of(lab.netns)
    if path is None:
        yield None
        return
    watch = syscalls.inotify_init()
    try:
        syscalls.inotify_add_watch(watch, os.path.dirname(path), syscalls.IN_DELETE)
        yield Namespace(path, watch)
    finally:
        os.close(watch)


def _tap(iface: Iface, only: Filter | None, snaplen: int) -> Tap:
    name, subject = link_name(iface.tap_name), f"interface {iface.label}"
    try:
        tap = Tap(iface.label, unbound(only, snaplen), only)
    except OSError as exc:
        raise from_oserror(subject, "capture there:", exc) from exc
    try:
        tap.bind(name)
    except OSError as exc:
        tap.close()
        if exc.errno != errno.ENODEV:
            raise from_oserror(subject, "capture there:", exc) from exc
        raise HostError(subject, f"its TAP {name} is not there", "start its guest") from None
    return tap


def headed(lab: Lab, ifaces: Sequence[Iface], comment: str, only: str, snaplen: int) -> Heading:
    """What the file of a capture tells first."""
    described = [Described(iface.label, _described(iface), lab.mac_of(iface)) for iface in ifaces]
    return Heading(described, comment or f"lab {lab.name}", only, snaplen)


def _described(iface: Iface) -> str:
    place = f"on {iface.bridge}" if iface.bridge else "unplugged"
    return f"{place}, {', '.join(iface.addresses)}" if iface.addresses else place


def names(workdir: Workdir, lab: Lab, expression: str) -> Names:
    """What names in an expression stand for: the addresses of a guest (``moon``), or of an interface of it (``moon:eth0``).

    They are those that the lab gives.  A guest whose own the lab leaves alone is asked, if the expression has its name.
    """
    words = set(re.findall(r"[A-Za-z0-9-]+", expression))
    found: dict[str, list[str]] = {}
    for guest in lab.guests.values():
        own = {name: list(iface.addresses or ()) for name, iface in guest.interfaces.items()}
        if guest.name in words and any(iface.addresses is None for iface in guest.interfaces.values()):
            own.update(_asked(workdir, guest.name))
        for name, addresses in own.items():
            plain = [address.partition("/")[0] for address in addresses]
            found[f"{guest.name}:{name}"] = plain
            found.setdefault(guest.name, []).extend(plain)
    return {name: tuple(dict.fromkeys(addresses)) for name, addresses in found.items()}


def _asked(workdir: Workdir, guest: str) -> dict[str, list[str]]:
    """The addresses that a guest has now, by interface; none where it cannot be asked."""
    with suppress(DummError, ValueError, KeyError):
        done = Line(str(workdir.path), guest).run("ip -j addr", timeout=_ASK_SECONDS, max_output=_MOST_SAID)
        return {
            link["ifname"]: [each["local"] for each in link["addr_info"] if each["scope"] == "global"]
            for link in json.loads(done.stdout)
        }
    return {}


def created(path: Path) -> int:
    """Descriptor of the file of a capture, empty.

    :raises HostError: where it cannot be written.
    """
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as exc:
        raise from_oserror(f"capture {path}", "write", exc) from exc
