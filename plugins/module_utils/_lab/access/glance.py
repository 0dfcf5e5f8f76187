# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab at a glance: all its guests, segments and devices, for who looks at hundreds of them, or again and again.

Three files, a link and four entries of ``/proc`` are read of a guest, and two dumps of the namespace.  What is stored is taken as it is
written, without the checks of ``model.definition``; whatever is not as a run leaves it (a definition that was edited, a guest that
died, a directory that was copied) is looked at ``closely``, which takes ten times as long, and its imports 0.1 s.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..guest import pulse
from ..host.rtnetlink import Link, Route
from ..model.roles import forwards, is_link
from .seen import (
    PAUSED,
    RUNNING,
    STARTING,
    STOPPED,
    SeenBridge,
    SeenDevice,
    SeenGuest,
    SeenIface,
    SeenLab,
)

# Names of docs/internals/working-directory.md.
GUESTS, BRIDGES, SCENARIOS, DISKS = "guests", "bridges", "scenarios", "disks"
IDENTITY, DEFINITION, PROCESS, MEM, KERNEL, MASTER = "lab.json", "guest.json", "process.json", "mem", "linux", "master"
SPOOL, HELLO, SAVES = "spool", "hello", "saves"
_CLAIMS = "/run/dumm/labs"
NAMESPACES = "/run/netns"
_OWN_NAMESPACE = "host"
_MARK = "dumm.lab"
_LABEL = re.compile("[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_USUAL, _LARGEST = 1 << 13, 1 << 20
_REBOOTED = "the host was rebooted"


class _Unusual(Exception):
    """Something that a run does not leave behind."""


class Glance:
    """A working directory that is looked at.

    :param workdir: its path as the user wrote it.
    """

    def __init__(self, workdir: str) -> None:
        self.path = os.path.realpath(os.path.expanduser(workdir))
        self._boot = _text("/proc/sys/kernel/random/boot_id")

    def lab(self) -> SeenLab:
        """All of it.

        :raises OSError: where the directory cannot be read.
        """
        return self.around({}) if self._identity() is None else self.around(self.guests())

    def around(self, guests: Mapping[str, SeenGuest]) -> SeenLab:
        """All but the guests, which are known.

        :raises OSError: as :meth:`lab`.
        """
        identity = self._identity()
        if identity is None:
            return SeenLab(self.path, None)
        name, netns = identity
        place, links, addresses = self._namespace(name, netns, guests.values())
        taps, devices = _devices(name, links, addresses)
        scenarios = {}
        for each, path in self.scenarios().items():
            # It may be removed meanwhile.
            with suppress(FileNotFoundError):
                scenarios[each] = os.stat(path).st_mtime_ns
        return SeenLab(self.path, name, netns, place, bool(links), guests, self.bridges(), taps, devices, scenarios)

    def guests(self, names: Iterable[str] | None = None) -> dict[str, SeenGuest]:
        """Guests by name.

        :param names: those; ``None`` for all.
        """
        found: dict[str, SeenGuest] = {}
        strange = []
        for name in self.names() if names is None else names:
            try:
                found[name] = self._guest(name)
            except (_Unusual, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
                found[name] = SeenGuest(name, STOPPED)
                strange.append(name)
        if strange:
            found.update(_closely().guests(self.path, strange))
            for name in strange:
                if found[name] is None:
                    del found[name]
        return found

    def names(self) -> list[str]:
        """Names of all guests."""
        homes = (name for name in _names(f"{self.path}/{GUESTS}") if os.path.isdir(f"{self.path}/{GUESTS}/{name}"))
        images = (name[:-4] for name in _names(f"{self.path}/{DISKS}") if name.endswith(".img"))
        return sorted(name for name in {*homes, *images} if _LABEL.fullmatch(name))

    def has(self, name: str) -> bool:
        """Whether there is a guest of that name."""
        there = os.path.isdir(f"{self.path}/{GUESTS}/{name}") or os.path.exists(f"{self.path}/{DISKS}/{name}.img")
        return there and _LABEL.fullmatch(name) is not None

    def bridges(self) -> dict[str, SeenBridge]:
        """Segments by name."""
        names = (name[:-5] for name in _names(f"{self.path}/{BRIDGES}") if name.endswith(".json"))
        return {name: self._bridge(name) for name in sorted(names) if _LABEL.fullmatch(name)}

    def scenarios(self) -> dict[str, str]:
        """Files of the scenarios that are stored, by name."""
        files = {name: f"{self.path}/{SCENARIOS}/{name}/config" for name in _names(f"{self.path}/{SCENARIOS}")}
        return {name: path for name, path in sorted(files.items()) if os.path.isfile(path)}

    def own(self, name: str) -> str:
        """Directory of the files of a guest that only the host writes."""
        outside = f"{self.path}/{DISKS}/{name}"
        return (
            outside if os.path.isdir(outside) and os.path.exists(f"{outside}.img") else f"{self.path}/{GUESTS}/{name}"
        )

    def _identity(self) -> tuple[str, str] | None:
        """Name of the lab and of its network namespace; ``None`` where there is no directory."""
        try:
            here = os.stat(self.path)
        except FileNotFoundError:
            return None
        with suppress(_Unusual, OSError, ValueError, TypeError, KeyError):
            stored = _json(f"{self.path}/{IDENTITY}")
            name, place = stored["name"], stored["place"]
            same = place["inode"] == here.st_ino and place["path"] == self.path
            if same and place["device"] == here.st_dev and self._is_holder(name):
                return name, stored.get("netns") or name
        told: tuple[str, str] = _closely().identity(self.path)
        return told

    def _is_holder(self, name: str) -> bool:
        try:
            return os.readlink(f"{_CLAIMS}/{name}") == self.path
        except FileNotFoundError:
            return True

    def _guest(self, name: str) -> SeenGuest:
        home, own = f"{self.path}/{GUESTS}/{name}", self.own(name)
        stored = _json(f"{own}/{DEFINITION}")
        loaded = stored.get("loaded")
        pid, started, state, reason = self._power(home, own)
        return SeenGuest(
            name,
            state,
            _named(os.readlink(f"{own}/{KERNEL}"), -2),
            _named(os.readlink(f"{own}/{MASTER}"), -1),
            int(_text(f"{own}/{MEM}")),
            stored.get("scenario"),
            None if loaded is None else loaded["scenario"],
            stored.get("labels") or {},
            tuple(_iface(name, key, each) for key, each in stored["interfaces"].items()),
            pid,
            started,
            reason,
            _layers(loaded),
            tuple(sorted(each for each in _names(f"{home}/{SAVES}") if _LABEL.fullmatch(each))),
            forwards((stored.get("sysctl") or {}).items()),
        )

    def _power(self, home: str, own: str) -> tuple[int | None, int | None, str, str | None]:
        """Number and start time of a guest's process, and what it does."""
        try:
            known = _json(f"{own}/{PROCESS}")
        except FileNotFoundError:
            return None, None, STOPPED, None
        pid, started = known["pid"], known["started"]
        if known["boot"] != self._boot:
            return None, None, STOPPED, _REBOOTED
        if not isinstance(pid, int) or pid < 2 or pulse.start_time(pid) != started:
            raise _Unusual
        spool = os.stat(f"{home}/{SPOOL}", follow_symlinks=False)
        # A guest is known by the spool that its process sees; see identity.
        if not os.path.samestat(os.stat(f"/proc/{pid}/root/{SPOOL}", follow_symlinks=False), spool):
            raise _Unusual
        if not os.path.lexists(f"{home}/{SPOOL}/{HELLO}"):
            return pid, started, STARTING, None
        return pid, started, PAUSED if pulse.is_paused(pid) else RUNNING, None

    def _bridge(self, name: str) -> SeenBridge:
        try:
            stored = _json(f"{self.path}/{BRIDGES}/{name}.json")
            addresses = _addresses(stored.get("addresses"))
            link = is_link(
                stored.get("group_fwd_mask") or 0, multicast_snooping=bool(stored.get("multicast_snooping", True))
            )
            stp = bool(stored.get("stp"))
            return SeenBridge(name, addresses, stored.get("mtu"), stp, stored.get("scenario"), is_link=link)
        except (_Unusual, OSError, ValueError, TypeError, AttributeError, RecursionError):
            return SeenBridge(name, readable=False)

    def _namespace(
        self, name: str, netns: str, guests: Iterable[SeenGuest]
    ) -> tuple[str | None, list[Link], Mapping[int, list[str]]]:
        """Where to enter the lab's network namespace, and what is there; its guests keep one that has lost its name."""
        by_name = None if netns == _OWN_NAMESPACE else f"{NAMESPACES}/{netns}"
        kept = (f"/proc/{guest.pid}/ns/net" for guest in guests if guest.pid is not None)
        for place in (by_name, *kept):
            # Something else may have its name for a moment, while a run makes or removes it.
            with suppress(OSError), Route(place) as route:
                links = route.links()
                if place == by_name or any(_mark(name, link) for link in links):
                    return place, links, route.addresses()
        return by_name, [], {}


def life(guest: SeenGuest) -> tuple[float | None, int | None]:
    """For how many seconds a guest has been running, and how many MB its process has; ``None`` where it has none."""
    if guest.pid is None or guest.started is None:
        return None, None
    return pulse.uptime(guest.started), pulse.resident(guest.pid)


def everywhere(*more: str) -> list[str]:
    """Working directories of this machine: those that a run has used since it booted, and others that are named.

    :param more: paths as the user wrote them.
    :raises PermissionError: for all but root.
    """
    claimed = [os.readlink(f"{_CLAIMS}/{name}") for name in _names(_CLAIMS)]
    paths = {os.path.realpath(os.path.expanduser(path)) for path in (*claimed, *more)}
    return sorted(path for path in paths if os.path.isdir(f"{path}/{GUESTS}"))


def _closely() -> Any:
    """What takes long to import, and is seldom needed."""
    return importlib.import_module(f"{__package__}.closely")


def _devices(
    lab: str, links: Iterable[Link], addresses: Mapping[int, list[str]]
) -> tuple[dict[str, SeenDevice], dict[str, SeenDevice]]:
    """TAPs and bridges that bear the lab's mark, by the name of the object that it says."""
    marked = [(*mark, link) for link in links if (mark := _mark(lab, link)) is not None]
    bridges = {link.number: name for kind, name, link in marked if kind == "bridge"}
    found: dict[str, dict[str, SeenDevice]] = {"iface": {}, "bridge": {}}
    for kind, name, link in marked:
        if kind in found:
            found[kind][name] = SeenDevice(
                link.number,
                link.name,
                bridges.get(link.master),
                link.mtu,
                link.up,
                link.carrier,
                tuple(addresses.get(link.number, ())),
            )
    return found["iface"], found["bridge"]


def _mark(lab: str, link: Link) -> tuple[str, str] | None:
    """Kind and name of the object that a device of the lab is of."""
    words = link.alias.split(" ", 3)
    return (words[2], words[3]) if len(words) == 4 and words[0] == _MARK and words[1] == lab else None


def _iface(guest: str, name: str, stored: Mapping[str, Any]) -> SeenIface:
    bridge, conditions = stored.get("bridge"), stored.get("conditions")
    if not isinstance(bridge, (str, type(None))) or not isinstance(conditions, (dict, type(None))):
        raise _Unusual
    return SeenIface(
        guest,
        name,
        bridge,
        _addresses(stored.get("addresses")),
        stored.get("mac"),
        stored.get("mtu"),
        stored.get("up", True),
        conditions,
    )


def _addresses(stored: object) -> tuple[str, ...] | None:
    if stored is None:
        return None
    if not isinstance(stored, list) or not all(isinstance(each, str) for each in stored):
        raise _Unusual
    return tuple(stored)


def _layers(loaded: Mapping[str, Any] | None) -> tuple[str, ...]:
    found: list[str] = []
    while loaded is not None:
        found.append(loaded["scenario"])
        loaded = loaded.get("under")
    return tuple(found)


def _named(target: str, place: int) -> str:
    """What the user called what a link of a guest leads to.

    :param place: which component of the path that is, unless it is absolute.
    """
    return target if target.startswith("/") else target.split("/")[place]


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _json(path: str) -> dict[str, Any]:
    found = json.loads(_read(path))
    if not isinstance(found, dict):
        raise _Unusual
    return found


def _text(path: str) -> str:
    return _read(path).decode().strip()


def _read(path: str) -> bytes:
    """A file of ours, if it is no larger than what a run writes of a usual guest."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # Python makes room for all that it may get.
        data = os.read(fd, _USUAL)
        if len(data) == _USUAL:
            data += os.read(fd, _LARGEST)
    finally:
        os.close(fd)
    if len(data) > _LARGEST:
        raise _Unusual
    return data
