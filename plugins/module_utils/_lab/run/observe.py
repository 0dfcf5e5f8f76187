# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The running host as a lab: definitions from the working directory, everything else from the running system.

Looking costs one dump of the namespace and a glance at each guest's process; looking inside costs one request to each guest in which
something may have changed (``guest.mirror``), so the caller names those.
"""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ..guest import mirror, processes, pulse
from ..guest.channel import Channel
from ..host import beneath, namespaces, netlink
from ..host.netlink import Network
from ..host.wait import Lookout
from ..host.workdir import GuestDir, Workdir
from ..inside import boot, network
from ..model.errors import DummError, GuestError
from ..model.found import Actual, Device, DeviceKind, Inside, Live, Process
from ..model.lab import Guest, Lab, Power
from ..union import saves

READ_SECONDS = 20.0
_TRIES = 10
_MANY = 4
# Guests are asked by so many threads.  More take turns at Python's lock more often and hear nothing sooner: 16 cost half as much again.
_AT_ONCE = 8


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
    devices = {device.mark: device for device in found or () if device.mark is not None}
    foreign = frozenset(name for device in found or () if device.mark is None for name in (device.name, *device.others))
    if found is not None and workdir.closed.exists():
        # What a killed run has left closed the next one opens first.
        devices = {mark: dataclasses.replace(device, querier=device.snooping) for mark, device in devices.items()}
    unfinished = netlink.unfinished(lab.name, found or ())
    return Actual(
        lab=lab,
        netns_exists=found is not None,
        netns_ours=devices.pop(DeviceKind.NETNS.of(), None) is not None,
        devices=devices,
        foreign=foreign,
        unfinished=unfinished,
        live={name: _outside(workdir, guest, known[name]) for name, guest in guests.items()},
        strays=_strays(workdir, guests),
    )


def _devices(lab: Lab, place: str | None) -> list[Device] | None:
    """All devices of the lab's network namespace; ``None`` where there is none.

    :param place: where it is, if it has lost its name.
    :raises InvalidInput: where something else has its name.
    """
    for _try in range(_TRIES):
        if place is None and not namespaces.exists(lab.netns):
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
    if namespaces.exists(netns):
        return None
    return netlink.nameless(
        workdir.lab_name, netns, [each.pid for each in known if each is not None and processes.is_alive(each)]
    )


def look_inside(
    workdir: Workdir, actual: Actual, names: Iterable[str], wanted: Lab, seen: Mapping[str, Inside]
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
    managed = {name: _managed(actual.lab, wanted, name, process) for name, process in running.items()}
    for name in list(running):
        inside = _mirrored(workdir, name, running[name], managed[name][0])
        if inside is not None:
            told[name] = dataclasses.replace(actual.live[name], process=running.pop(name), inside=inside)
    actual = dataclasses.replace(actual, live={**actual.live, **told})
    if not running:
        return actual
    # One that is asked alone is heard of the sooner.
    lookout = Lookout() if len(running) >= _MANY else None

    def ask(name: str) -> Live:
        return _ask(workdir, name, running[name], *managed[name], lookout)

    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(running))) as pool:
        answers = list(pool.map(ask, running))
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
            uptime=pulse.uptime(process.started),
            memory=pulse.resident(process.pid),
        )
    return Live(process, saves=points, reason=processes.reason(workdir.known_guest(guest.name), process))


def _managed(found: Lab, wanted: Lab, name: str, process: Process) -> tuple[list[str], bool]:
    """What is to be asked for: what one of the definitions names, and what a killed run has left that none names any more."""
    sysctl, conditions = network.managed([found.guests[name], wanted.guests.get(name, found.guests[name])])
    return sysctl, conditions or (process.given is not None and bool(process.given.conditions))


def _mirrored(workdir: Workdir, name: str, process: Process, sysctl: list[str]) -> Inside | None:
    """A running guest's own network configuration, where nothing has changed since it told of that; ``None`` where it is to be asked."""
    # Of kernel settings a guest does not hear.
    told = None if sysctl else mirror.network(workdir.guest(name), process)
    try:
        return None if told is None else network.parse(name, told)
    except GuestError:
        return None


def _ask(
    workdir: Workdir, name: str, process: Process, sysctl: list[str], conditions: bool, lookout: Lookout | None
) -> Live:
    """Read a running guest's own network configuration."""
    script, ops = network.read(sysctl, conditions), network.read_ops(sysctl, conditions)
    try:
        answer = Channel(workdir.guest(name), process).run(script, timeout=READ_SECONDS, ops=ops, lookout=lookout)
        if answer.code != 0:
            raise DummError(
                f"guest {name}",
                f"its network cannot be read: {beneath.printable(answer.stderr) or 'no ip command'}",
                "its root file system needs iproute2 with JSON output (role dumm.lab.master installs it)",
            )
        return Live(process, network.parse(name, answer.stdout))
    except DummError as exc:
        return Live(process, unreadable=exc)


def _strays(workdir: Workdir, guests: Mapping[str, Guest]) -> dict[str, tuple[int, ...]]:
    """Processes of guests that are not defined, or whose main process is gone (Linux 6.1 leaves helpers when killed)."""
    found: dict[str, tuple[int, ...]] = {}
    for each in processes.of_lab(workdir):
        guest = each.owner["guest"]
        if guest not in guests or not guests[guest].power.alive:
            found[guest] = (*found.get(guest, ()), each.pid)
    return found


def have_booted(directories: Mapping[str, tuple[GuestDir, Process]]) -> dict[str, bool | None]:
    """Ask guests once whether they have booted, all at the same time; ``None`` for those that cannot be asked."""
    if not directories:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(directories))) as pool:
        return dict(zip(directories, pool.map(lambda asked: _has_booted(*asked), directories.values()), strict=True))


def _has_booted(directory: GuestDir, process: Process) -> bool | None:
    try:
        return Channel(directory, process).run(boot.LOOK, timeout=READ_SECONDS).code == 0
    except DummError:
        return None
