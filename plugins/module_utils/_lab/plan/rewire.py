# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running guest's difference between what is found inside of it and what should be: hot unplug, hot plug, one configuration.  Pure.

The part of the plan that works on a live kernel.  All that must go is taken down in one request and unplugged, all that comes is
plugged, and one more request configures everything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from ..inside import network, settings
from ..model import conditions, rules
from ..model.errors import InvalidInput
from ..model.found import Device, DeviceKind, Inside, Link, Mark
from ..model.given import Given
from ..model.kinds import route_words
from ..model.lab import DEFAULT_MTU, UNIT_NAME, Guest, Iface, Lab, sysctl_path
from . import wording
from .guest_steps import Configure, Plug, SetCable, Unplug
from .keys import Key, Kind
from .steps import Step


def steps(
    before: Lab,
    after: Lab,
    guest: str,
    given: Given,
    inside: Inside,
    devices: Mapping[Mark, Device],
    names: Iterable[str],
    whole: bool,
    cables: bool = False,
) -> Iterator[Step]:
    """The steps for one guest.

    :param given: what the guest was last brought to.
    :param devices: the lab's devices on the host.
    :param names: interfaces that were mentioned.
    :param whole: whether the guest itself was, with its routes and kernel settings.
    :param cables: whether its kernel knows of cables.
    """
    changes = _Changes(before.guests[guest], after.guests[guest], given, inside, whole)
    for name in names:
        iface = after.guests[guest].interfaces.get(name)
        stored = before.guests[guest].interfaces.get(name)
        link = inside.links.get(name)
        if link is not None:
            lately = Iface(guest, name, addresses=given.addresses.get(name))
            link = link.counting(stored, iface, lately)
        if link is not None and link.unit is None:
            raise InvalidInput(
                f"interface {guest}:{name}",
                "the guest has an interface of that name which is not the lab's",
                "give one of them another name",
            )
        if iface is not None:
            # A unit whose TAP is gone spins until it is made anew (docs/internals/uml-kernel.md, "A deleted TAP").
            orphaned = DeviceKind.TAP.of(iface.label) not in devices
            carrier = after.carrier_of(iface) if cables else ""
            changes.want(iface, after.mac_of(iface), carrier, link, orphaned)
            if link is not None and _cable_differs(before, iface, carrier, given):
                changes.set_cable(iface, link, carrier)
        elif link is not None:
            changes.drop(name, link)
    if whole:
        for link in inside.links.values():
            # A run that was killed between plugging and naming leaves a unit under the driver's own name.
            if link.unit is not None and UNIT_NAME.fullmatch(link.name):
                changes.unplug(link, f"interface {guest}:{link.name}: unplug a left-over unit")
    changes.set_sysctl(whole)
    changes.set_routes(whole)
    yield from changes.steps()


def _cable_differs(before: Lab, iface: Iface, carrier: str, given: Given) -> bool:
    """Whether something else decided so far whether an interface has carrier, or may have."""
    bridge = given.bridges.get(iface.name, iface.bridge)
    if not carrier or bridge == iface.bridge:
        return False
    known = bridge is None or bridge in before.bridges
    return not known or before.carrier_of(dataclasses.replace(iface, bridge=bridge)) != carrier


class _Changes:
    """What is to be done to one guest, as it gathers."""

    def __init__(self, before: Guest, after: Guest, given: Given, inside: Inside, whole: bool) -> None:
        self._before = before
        self._after = after
        self._given = given
        self._inside = inside
        self._free = _free_units(inside.links.values())
        self._down: list[str] = []
        self._unplugs: list[Link] = []
        self._said_unplug: list[str] = []
        self._plugs: list[tuple[Iface, int, str, str]] = []
        self._cables: list[tuple[Iface, int, str]] = []
        self._lines: list[str] = []
        self._moved: list[Key] = []
        self._says: list[str] = []
        self._fresh: set[str] = set()
        self._without_ipv6 = settings.takes_ipv6(settings.due_sysctl(after.sysctl, inside.sysctl) if whole else ())

    def want(self, iface: Iface, mac: str, carrier: str, link: Link | None, orphaned: bool) -> None:
        """Have an interface as it should be."""
        label = f"interface {iface.label}"
        if link is None:
            self._plug(iface, mac, carrier, f"{label}: plug")
        elif orphaned or (link.mtu != iface.mtu and max(link.mtu, iface.mtu) > DEFAULT_MTU):
            # The driver takes more than Ethernet's own MTU only when a unit is made.
            self.unplug(link, f"{label}: plug anew")
            self._plug(iface, mac, carrier, None)
        else:
            loses_ipv6 = bool(self._without_ipv6 & {"all", iface.name})
            ours = self._given.addresses.get(iface.name, ())
            self._lines += network.change(link, iface, mac, ours, loses_ipv6)
            if link.mtu < rules.MIN_IPV6_MTU <= iface.mtu:
                self._fresh.add(iface.name)
            self._says += [f"{label}: {said}" for said in wording.link_differences(link, iface, mac, ours)]
            self._set_conditions(iface)
            self._forget_neighbours(iface)

    def set_cable(self, iface: Iface, link: Link, carrier: str) -> None:
        """Have something else decide whether an interface that stays has carrier."""
        if link.unit is not None and all(iface != plugged for plugged, *_rest in self._plugs):
            self._cables.append((iface, link.unit, carrier))

    def drop(self, name: str, link: Link) -> None:
        """Have an interface no more."""
        known = name in self._before.interfaces
        self.unplug(link, None if known else f"interface {self._after.name}:{name}: unplug")

    def unplug(self, link: Link, said: str | None) -> None:
        """Take a unit away."""
        self._down += network.disappear(link)
        self._unplugs.append(link)
        self._said_unplug += [said] if said else []

    def _plug(self, iface: Iface, mac: str, carrier: str, said: str | None) -> None:
        unit = next(self._free)
        self._plugs.append((iface, unit, mac, carrier))
        self._lines += network.appear(unit, iface)
        self._fresh.add(iface.name)
        if iface.conditions is not None and iface.conditions != conditions.NONE:
            self._lines.append(conditions.line(iface.name, iface.conditions))
        self._says += [said] if said else []

    def _set_conditions(self, iface: Iface) -> None:
        stored = self._before.interfaces.get(iface.name)
        wanted = iface.conditions
        if wanted is None and iface.name in self._given.conditions:
            wanted = conditions.NONE
        found = self._inside.conditions.get(iface.name)
        if wanted is None or (wanted == conditions.NONE and found is None):
            return
        # What changes is set even where it is less than can be found again.
        changes = stored is not None and stored.conditions != iface.conditions
        if changes or not conditions.is_same(wanted, found):
            self._lines.append(conditions.line(iface.name, wanted))
            if stored is not None and stored.conditions == iface.conditions:
                # Else the change of the definition says it.
                self._says.append(f"interface {iface.label}: {conditions.words(found)} → {conditions.words(wanted)}")

    def _forget_neighbours(self, iface: Iface) -> None:
        """Behind another cable the same address is somebody else's, but a TAP that moves shows its guest no loss of carrier."""
        bridge = self._given.bridges.get(iface.name, iface.bridge)
        if iface.bridge not in (None, bridge):
            self._lines.append(network.forget_neighbours(iface.name))
            self._moved.append(Kind.TAP.of(iface.label))

    def set_sysctl(self, whole: bool) -> None:
        """Have the kernel's settings as they should be, or only those of interfaces that are new."""
        for key, value in settings.due_sysctl(self._after.sysctl, self._inside.sysctl, self._fresh):
            is_fresh = settings.interface_of(key) in self._fresh
            if whole or is_fresh:
                self._lines.append(settings.set_sysctl(key, value))
            found = self._inside.sysctl.get(sysctl_path(key))
            if whole and not is_fresh and not settings.same_value(value, found):
                self._says.append(f"{self._after.label}: set {key} {found} → {value} in the guest")

    def set_routes(self, whole: bool) -> None:
        """Have the static routes as they should be; what is done to links may have cost some, which are said again."""
        if self._after.routes is None:
            return
        found = settings.routes_of(self._inside.routes)
        disturbed = bool(self._lines or self._unplugs)
        usable = settings.usable_routes(self._after)
        missing = settings.missing_routes(usable, found)
        surplus = settings.surplus_routes(self._after.routes, found) if whole else []
        # Before anything else is done, which may cost some of them.
        first = self._down if self._unplugs else self._lines
        first[:0] = [settings.drop_route(route) for route in surplus]
        self._lines += [settings.add_route(route) for route in (usable if disturbed else missing)]
        if whole:
            label = self._after.label
            self._says += [f"{label}: take route {route_words(route)} away in the guest" for route in surplus]
            self._says += [f"{label}: give route {route_words(route)} in the guest" for route in missing]

    def steps(self) -> Iterator[Step]:
        """The steps."""
        guest = self._after.name
        store, down = Kind.STORE_GUEST.of(guest), Kind.DOWN.of(guest)
        if self._unplugs:
            yield Step(down, Configure(guest, tuple(self._down)), tuple(self._said_unplug), after=(store,))
        for link in self._unplugs:
            if link.unit is not None:
                yield Step(Kind.UNPLUG.of(f"{guest}:{link.name}"), Unplug(guest, link.unit), needs=(down,))
        for iface, unit, mac, carrier in self._plugs:
            first = (Kind.TAP.of(iface.label), Kind.UNPLUG.of(iface.label), store)
            yield Step(Kind.PLUG.of(iface.label), Plug(iface, unit, mac, carrier), after=first)
        for iface, unit, carrier in self._cables:
            tap = Kind.TAP.of(iface.label)
            yield Step(Kind.CABLE.of(iface.label), SetCable(guest, unit, carrier), after=(tap, store))
        if self._lines:
            yield Step(
                Kind.CONFIGURE.of(guest),
                Configure(guest, tuple(self._lines)),
                tuple(self._says),
                needs=tuple(Kind.PLUG.of(iface.label) for iface, *_rest in self._plugs),
                after=(store, *self._moved),
            )


def _free_units(links: Iterable[Link]) -> Iterator[int]:
    used = {link.unit for link in links}
    unit = 0
    while True:
        if unit not in used:
            yield unit
        unit += 1
