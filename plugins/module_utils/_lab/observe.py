# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The running host as a lab: definitions from the working directory, everything else from the running system.

Looking costs one dump of the namespace and a glance at each guest's process; looking inside costs one request to each guest,
so the caller names those.
"""

from __future__ import annotations

import dataclasses
import errno
import functools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from . import beneath, netlink, processes
from .channel import Channel
from .errors import DummError
from .guest import network
from .model import Guest, Iface, Lab, Power
from .netlink import Device, Network
from .processes import Process
from .union import saves
from .workdir import Workdir

READ_SECONDS = 20.0
_TRIES = 10


@dataclass(frozen=True)
class Live:
    """What is found of a guest beyond its definition.

    :ivar inside: its own network configuration; ``None`` where it was not asked for or cannot be read.
    :ivar unreadable: why it cannot.
    :ivar ready_after: seconds from its launch until it answered, where this run has started it.
    :ivar reason: why it is not running although it was started.
    :ivar saves: its saving points.
    :ivar seen: what was seen of it on its way to being ready (:func:`readiness.key`).
    :ivar booted: whether it has booted; ``None`` where it was not asked.
    :ivar uptime: seconds since its process was started.
    :ivar memory: MB that its main process has, the guest's own memory included.
    """

    process: Process | None
    inside: network.Inside | None = None
    unreadable: DummError | None = None
    reason: str | None = None
    ready_after: float | None = None
    saves: tuple[str, ...] = ()
    seen: frozenset[str] = frozenset()
    booted: bool | None = None
    uptime: float | None = None
    memory: int | None = None

    @property
    def alive(self) -> bool:
        """Whether it had a process when it was looked at."""
        return self.uptime is not None


@dataclass(frozen=True)
class Actual:
    """A lab as it was found.

    :ivar lab: definitions, with what each guest is doing.
    :ivar devices: the lab's devices on the host by owner mark.
    :ivar foreign: names of devices beside them that are not ours.
    :ivar unfinished: devices that a run has begun to make; where none is under way, what a killed one has left.
    :ivar strays: processes that bear the lab's mark and a guest's name that is not defined, or not theirs.
    """

    lab: Lab
    netns_exists: bool = False
    netns_ours: bool = False
    devices: Mapping[str, Device] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    unfinished: tuple[Device, ...] = ()
    live: Mapping[str, Live] = field(default_factory=dict)
    strays: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @functools.cached_property
    def bridge_names(self) -> Mapping[int | None, str]:
        """The lab's bridges by their index."""
        return {
            device.index: owner.removeprefix("bridge ")
            for owner, device in self.devices.items()
            if owner.startswith("bridge ")
        }


def observe(workdir: Workdir) -> Actual:
    """Look at the host, and at no guest's inside."""
    defined = workdir.load()
    known = {name: processes.read(workdir.known_guest(name)) for name in defined.guests}
    guests = {
        name: dataclasses.replace(guest, power=processes.power(workdir.known_guest(name), known[name]))
        for name, guest in defined.guests.items()
    }
    lab = dataclasses.replace(defined, guests=guests)
    place = nameless_namespace(workdir, lab.netns, known.values())
    found = _devices(lab, place)
    devices = {device.owner: device for device in found or () if device.owner is not None}
    foreign = frozenset(
        name for device in found or () if device.owner is None for name in (device.name, *device.others)
    )
    if found is not None and workdir.closed.exists():
        # What a killed run has left closed the next one opens first.
        devices = {owner: dataclasses.replace(device, querier=device.snooping) for owner, device in devices.items()}
    unfinished = netlink.unfinished(lab.name, found or ())
    return Actual(
        lab=lab,
        netns_exists=found is not None,
        netns_ours=devices.pop("netns", None) is not None,
        devices=devices,
        foreign=foreign,
        unfinished=unfinished,
        live={name: _outside(workdir, guest, known[name]) for name, guest in guests.items()},
        strays=_strays(workdir, known),
    )


def _devices(lab: Lab, place: str | None) -> list[Device] | None:
    """All devices of the lab's network namespace; ``None`` where there is none.

    :param place: where it is, if it has lost its name.
    :raises InvalidInput: where something else has its name.
    """
    for _try in range(_TRIES):
        if place is None and not netlink.exists(lab.netns):
            return None
        try:
            with Network(lab.name, lab.netns, place) as host:
                return host.devices()
        except OSError as exc:
            # A run may be about to make or to remove it: a file of that name is there a little longer.
            if exc.errno not in (errno.EINVAL, errno.ENOENT):
                raise
    raise netlink.not_a_namespace(lab.netns)


def nameless_namespace(workdir: Workdir, netns: str, known: Iterable[Process | None]) -> str | None:
    """Path of the lab's network namespace if it has lost its name and guests still run in it."""
    if netlink.exists(netns):
        return None
    return netlink.nameless(
        workdir.lab_name, netns, [each.pid for each in known if each is not None and processes.is_alive(each)]
    )


def look_inside(
    workdir: Workdir, actual: Actual, names: Iterable[str], wanted: Lab, seen: Mapping[str, network.Inside]
) -> Actual:
    """Ask guests for their own network configuration, as far as they run, all at the same time.

    :param wanted: the lab whose settings are to be compared with what is found.
    :param seen: of guests that have just told it.
    """
    running = {
        name: process
        for name in dict.fromkeys(names)
        if name in actual.lab.guests
        and actual.lab.guests[name].power is Power.RUNNING
        and (process := actual.live[name].process) is not None
    }
    told = {
        name: dataclasses.replace(actual.live[name], process=running.pop(name), inside=seen[name])
        for name in list(running)
        if name in seen
    }
    actual = dataclasses.replace(actual, live={**actual.live, **told})
    if not running:
        return actual
    with ThreadPoolExecutor(max_workers=min(32, len(running))) as pool:
        answers = list(
            pool.map(
                lambda name: _ask(workdir, name, running[name], *_managed(actual.lab, wanted, name, running[name])),
                running,
            )
        )
    told = {
        name: dataclasses.replace(actual.live[name], inside=answer.inside, unreadable=answer.unreadable)
        for name, answer in zip(running, answers, strict=True)
    }
    return dataclasses.replace(actual, live={**actual.live, **told})


def _outside(workdir: Workdir, guest: Guest, process: Process | None) -> Live:
    points = tuple(saves.names(workdir.known_guest(guest.name)))
    if process is None:
        directory = workdir.known_guest(guest.name)
        other = processes.stranger(directory)
        reason = processes.damage(directory) if other is None else f"it was copied while it ran in the lab {other}"
        return Live(process, saves=points, reason=reason)
    if guest.power.alive:
        return Live(
            process,
            saves=points,
            seen=processes.seen(workdir.known_guest(guest.name), process),
            uptime=processes.uptime(process),
            memory=processes.resident(process.pid),
        )
    return Live(process, saves=points, reason=processes.reason(workdir.known_guest(guest.name), process))


def _managed(found: Lab, wanted: Lab, name: str, process: Process) -> tuple[list[str], bool]:
    """What is to be asked for: what one of the definitions names, and what a killed run has left that none names any more."""
    sysctl, conditions = network.managed([found.guests[name], wanted.guests.get(name, found.guests[name])])
    return sysctl, conditions or (process.given is not None and bool(process.given.conditions))


def _ask(workdir: Workdir, name: str, process: Process, sysctl: list[str], conditions: bool) -> Live:
    """Read a running guest's own network configuration."""
    script, words = network.read(sysctl, conditions), network.read_words(sysctl, conditions)
    try:
        answer = Channel(workdir.guest(name), process).run(script, timeout=READ_SECONDS, words=words)
        if answer.code != 0:
            raise DummError(
                f"guest {name}",
                f"its network cannot be read: {beneath.printable(answer.stderr) or 'no ip command'}",
                "its root file system needs iproute2 with JSON output (role dumm.lab.master installs it)",
            )
        return Live(process, network.parse(name, answer.stdout))
    except DummError as exc:
        return Live(process, unreadable=exc)


def _strays(workdir: Workdir, known: Mapping[str, Process | None]) -> dict[str, tuple[int, ...]]:
    """Processes of guests that are not defined, or whose main process is gone (Linux 6.1 leaves helpers when killed)."""
    found: dict[str, tuple[int, ...]] = {}
    for each in processes.of_lab(workdir):
        guest = each.owner["guest"]
        process = known.get(guest)
        if process is None or not processes.is_alive(process):
            found[guest] = (*found.get(guest, ()), each.pid)
    return found


def found_iface(actual: Actual, iface: Iface) -> Iface:
    """An interface as it was found: the definition, with what the host and the guest show in place of it where they can."""
    device = actual.devices.get(netlink.iface_owner(iface.label))
    live = actual.live.get(iface.guest)
    link = live.inside.links.get(iface.name) if live and live.inside else None
    if device is not None:
        iface = dataclasses.replace(iface, bridge=bridge_of(actual, device))
    if link is not None:
        given = given_addresses(live, iface.name)
        found = link.counting(iface, dataclasses.replace(iface, addresses=given))
        others = network.foreign(found, iface, given)
        mine = [address for address in found.addresses if address not in others]
        addresses = iface.addresses if iface.addresses is None else ordered(mine, iface.addresses)
        iface = dataclasses.replace(iface, mac=link.mac, mtu=link.mtu, up=link.up, addresses=addresses)
    return iface


def ordered(found: Iterable[str], defined: Sequence[str]) -> tuple[str, ...]:
    """Addresses in the order of the definition, others behind: the kernel's own order is another one for each family."""
    places = {address: number for number, address in enumerate(defined)}
    return tuple(sorted(found, key=lambda address: (places.get(address, len(places)), address)))


def given_addresses(live: Live | None, name: str) -> tuple[str, ...]:
    """Addresses of an interface that the lab has given or may have given its guest since that was started."""
    record = live.process.given if live is not None and live.process is not None else None
    return () if record is None else record.addresses.get(name, ())


def bridge_of(actual: Actual, device: Device) -> str | None:
    """Name of our bridge that a device is plugged into."""
    return actual.bridge_names.get(device.master)
