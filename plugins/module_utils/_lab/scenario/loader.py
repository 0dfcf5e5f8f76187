# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario file, or the same as Ansible variables → the guests and bridges it describes.  Pure.

The file goes through small transformations, each in a room of its own: ``document`` (text to values that know their place), ``schema``
with ``spec`` (is it written right), ``cabling`` (who is plugged into what), ``numbering`` (addresses) and ``routing``; here are
the settings of guests, and the model's objects.  Each goes on after a fault, so that all are told at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model import notation, rules, settings
from ..model.addressing import Network
from ..model.conditions import CONDITIONS, MIN_RATE, Conditions
from ..model.errors import Invalid, InvalidInput
from ..model.lab import (
    TRANSPARENT,
    Bridge,
    Command,
    Guest,
    Iface,
    InjectedFault,
    Lab,
    Route,
    sysctl_path,
)
from ..model.reference import BridgeRef, GuestRef, IfaceRef, LegRef
from ..model.tests import Test
from . import cabling, numbering, routing, schema, tests
from .cabling import Cabling, Label, Port, Segment, Settings
from .document import Document, KeyPath, Scalar, Table, TooManyFaults, read
from .numbering import Addresses
from .spec import SCENARIO

# Settings that are as they are written; where a cable leads and addresses are found out.
_IFACE = [row.name for row in settings.IFACE if row.name not in ("bridge", "address", "conditions")]
_BRIDGE = [row.name for row in settings.BRIDGE if row.in_file and row.name != "address"]
_MAX_SHARED = 3_000_000  # values that guests have in all: settings of many guests are written once
_LETTERS = 1000  # of a text, that count as a value
_MERGED = ("sysctl", "files", "vars", "labels")  # by key, where others replace


@dataclass(frozen=True)
class File:
    """A file of a guest; exactly one of ``content`` and ``template`` is given.

    :ivar path: in the guest, absolute.
    :ivar template: Jinja2 text, to be rendered with the whole lab as variables.
    :ivar owner: name or number in the guest, as text; ``None`` for root.
    :ivar place: where it is written, or its template, for messages; empty where that has no lines.
    """

    path: str
    content: str | None = None
    template: str | None = None
    mode: int = 0o644
    owner: str | None = None
    group: str | None = None
    place: str = field(default="", compare=False)


@dataclass(frozen=True)
class Scenario:
    """What a scenario file describes.

    :ivar guests: in the order of the file, with all their settings but those below; marked as this scenario's.
    :ivar bridges: those of the file, then one for each link.
    :ivar run: commands by guest, in order; guests without any are left out here and below.
    :ivar hosts: whether every guest's /etc/hosts knows all guests.
    :ivar restart_services: services by guest that are restarted when the layer of a running guest changes.
    :ivar automatic: addresses by interface that nobody gave explicitly, each with the prefix that it was taken from.
    :ivar sysctl: by guest, where the kernel settings are written, by their files; for messages.
    :ivar layers: by guest, where its layers are written, if one of them is a template that is still to be rendered.
    :ivar tests: in the order of the file; loading the scenario ignores them.
    :ivar lab_hosts: by guest, the lab host that it is to be on, where there are several (``share``); guests without one are left out
        here and below.
    :ivar together: by guest, a word; all guests with the same one are on one lab host.
    :ivar vnis: by bridge, the number that it is given as a segment of several lab hosts.
    :ivar sized: interfaces and bridges whose MTU is given explicitly.
    :ivar without_guests: the place, where the file says nothing of guests, not even that there are none; else empty.
    """

    name: str
    guests: Mapping[str, Guest] = field(default_factory=dict)
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    run: Mapping[str, tuple[Command, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[File, ...]] = field(default_factory=dict)
    hosts: bool = True
    restart_services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    automatic: Mapping[Label, Mapping[str, Network]] = field(default_factory=dict)
    sysctl: Mapping[str, Mapping[str, str]] = field(default_factory=dict, compare=False)
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    without_guests: str = ""
    tests: tuple[Test, ...] = field(default=(), compare=False)
    lab_hosts: Mapping[str, str] = field(default_factory=dict)
    together: Mapping[str, str] = field(default_factory=dict)
    vnis: Mapping[str, int] = field(default_factory=dict)
    sized: frozenset[Label | str] = frozenset()


def load(source: str | Mapping[str, Any], *, name: str, place: str) -> Scenario:
    """Understand a scenario.

    :param source: text of a file, or its content as Ansible variables.
    :param name: of the scenario.
    :param place: how messages call the source, such as the file's path.
    :raises Invalid: with everything that is wrong.
    """
    rules.check_label("scenario", name)
    document = read(source, place)
    found = None
    with contextlib.suppress(TooManyFaults):
        _check_not_empty(document)
        data = schema.check(SCENARIO, document)
        found = None if data is schema.WRONG else _Loader(name, document, data).scenario()
    if document.faults or found is None:
        raise Invalid(document.sorted_faults(), all_known=not document.gave_up)
    return found


def _check_not_empty(document: Document) -> None:
    """A file that was cut off must not take the whole lab away."""
    root = document.root
    nothing = (isinstance(root, Scalar) and root.value is None) or (isinstance(root, Table) and not root.entries)
    if not document.faults and (root is None or nothing):
        document.blame((), "there is nothing in it", "describe guests (guests: {} is for none)")


@dataclass(frozen=True)
class _Given:
    """What a guest's settings are, after defaults and groups, and where each is written.

    :ivar files: where each file is.
    :ivar sysctl: where each kernel setting is.
    """

    settings: Settings
    origins: Mapping[str, KeyPath]
    files: Mapping[str, KeyPath]
    sysctl: Mapping[str, KeyPath]

    def get(self, key: str, default: Any = None) -> Any:
        return self.settings.get(key, default)


class _Loader:
    def __init__(self, name: str, document: Document, data: Settings) -> None:
        self.name = name
        self.document = document
        self.data = data
        self.weight = 0
        self.weights: dict[KeyPath, int] = {}

    def scenario(self) -> Scenario:
        cables = cabling.cable(self.data, self.document)
        self._check_number(cables)
        numbers = numbering.number(cables, self.data.get("pools", {}), self.document)
        given = {name: self._given(name, guest) for name, guest in self.data.get("guests", {}).items()}
        guests = {name: self._guest(name, given[name], cables, numbers.addresses) for name in given}
        bridges = {segment.name: self._bridge(segment) for segment in cables.segments.values()}
        self._check_lab(guests, bridges, cables, given)
        return Scenario(
            self.name,
            guests,
            bridges,
            automatic=numbers.automatic,
            without_guests=self._without_guests(),
            tests=self._tests(guests),
            run=_some({name: tuple(map(_command, cabling.listed(own.get("run", [])))) for name, own in given.items()}),
            files=_some({name: tuple(self._files(own)) for name, own in given.items()}),
            hosts=self.data.get("hosts", True),
            sysctl=_some({name: self._sysctl_places(own) for name, own in given.items()}),
            layers=_some({name: self._template_places(own) for name, own in given.items()}),
            restart_services=_some(
                {name: tuple(cabling.listed(own.get("restart_services", []))) for name, own in given.items()}
            ),
            lab_hosts=_some({name: own.get("lab_host") for name, own in given.items()}),
            together=_some({name: own.get("together") for name, own in given.items()}),
            vnis=self._vnis(cables),
            sized=frozenset(_sized(cables)),
        )

    def _vnis(self, cables: Cabling) -> dict[str, int]:
        """The numbers that segments are given, each to one of them."""
        found: dict[int, Segment] = {}
        for segment in cables.segments.values():
            vni = segment.settings.get("vni")
            if vni in found:
                cause = f"bridge {segment.name}: it has the VNI of bridge {found[vni].name}"
                self.document.blame((*segment.path, "vni"), cause, "give one of them another, or leave it out")
            elif vni is not None:
                found[vni] = segment
        return {segment.name: vni for vni, segment in found.items()}

    def _tests(self, guests: Mapping[str, Guest]) -> tuple[Test, ...]:
        known = None if self.document.blames(("guests",), ("links",)) else guests
        return tests.understood(self.document, self.data.get("tests", {}), self.name, known)

    def _without_guests(self) -> str:
        root = self.document.root
        told = root.entries.get("guests") if isinstance(root, Table) else None
        return "" if isinstance(told, Table) else str(self.document.place(("guests",)))

    def _check_number(self, cables: Cabling) -> None:
        """:raises TooManyFaults: where a guest has so many interfaces that there is no point in looking at them."""
        for name, ports in cables.by_guest.items():
            if len(ports) > rules.MAX_IFACES:
                cause = f"guest {name} has {len(ports)} interfaces"
                self.document.blame(("guests", name), cause, f"give it {rules.MAX_IFACES} or fewer")
                raise TooManyFaults

    # Settings

    def _given(self, name: str, guest: Settings) -> _Given:
        """Defaults, then groups in their order, then the guest's own: the later wins."""
        settings: dict[str, Any] = {}
        origins: dict[str, KeyPath] = {}
        files: dict[str, KeyPath] = {}
        sysctl: dict[str, KeyPath] = {}
        for path, layer in self._layers(name, guest):
            self._count(path, layer)
            files.update({each: (*path, "files", each) for each in layer.get("files", ())})
            sysctl.update({each: (*path, "sysctl", each) for each in layer.get("sysctl", ())})
            for key, value in layer.items():
                settings[key] = {**settings.get(key, {}), **value} if key in _MERGED else value
                origins[key] = (*path, key)
        return _Given(settings, origins, files, sysctl)

    def _count(self, path: KeyPath, layer: Settings) -> None:
        """What is written once may be given to thousands of guests.

        :raises TooManyFaults: where that is more than a host is to keep.
        """
        if path not in self.weights:
            self.weights[path] = _weight(layer)
        self.weight += self.weights[path]
        if self.weight > _MAX_SHARED:
            remedy = "shorten what is shared, or put it in a layer (layers)"
            self.document.blame(path, f"guests have more than {_MAX_SHARED} values in all", remedy)
            raise TooManyFaults

    def _layers(self, name: str, guest: Settings) -> Iterator[tuple[KeyPath, Settings]]:
        yield ("defaults",), self.data.get("defaults", {})
        groups = self.data.get("groups", {})
        there = cabling.names(self.document, "groups")
        for index, group in schema.right(guest.get("groups", [])):
            if group in groups:
                yield ("groups", group), groups[group]
            elif there is not None and group not in there:
                path = ("guests", name, "groups", index)
                self.document.blame_unknown(path, f"there is no group {group}", group, groups)
        yield ("guests", name), guest

    # Objects

    def _guest(self, name: str, given: _Given, cables: Cabling, addresses: Mapping[Label, Addresses | None]) -> Guest:
        ports = cables.by_guest.get(name, ())
        interfaces = {port.name: self._iface(port, addresses[(name, port.name)]) for port in ports}
        checked: dict[str, Any] = {
            "faults": tuple(self._faults(given)),
            "routes": self._routes(name, given, interfaces),
        }
        plain = {
            row.name: row.kind.made(_right(given.settings[row.name]))
            for row in settings.GUEST
            if row.name in given.settings and row.name not in checked
        }
        return Guest(name, **plain, **checked, interfaces=interfaces, scenario=self.name)

    def _faults(self, given: _Given) -> Iterator[InjectedFault]:
        for index, fault in schema.right(given.get("faults", [])):
            where = (*given.origins["faults"], index)
            wrong = any(self.document.blames((*where, key)) for key in ("error", "delay"))
            if not fault.get("error") and not fault.get("delay") and not wrong:
                self.document.blame(where, "it neither fails nor takes time", "give error, delay or both")
            during = tuple(word for _index, word in schema.right(fault.get("during", [])))
            yield InjectedFault(fault["path"], during, fault.get("error"), float(fault.get("delay", 0)))

    def _files(self, given: _Given) -> Iterator[File]:
        for path, own in given.get("files", {}).items():
            above = (path[:end] for end, letter in enumerate(path) if letter == "/")
            within = next((each for each in above if each in given.files), None)
            if within is not None:
                self.document.blame(
                    given.files[path], f"{path} lies in {within}, which is a file, too", "give one of them another path"
                )
            if isinstance(own, str):
                yield File(path, content=own, place=self._written(given.files[path]))
                continue
            owners = {key: str(own[key]) for key in ("owner", "group") if key in own}
            template = ("template",) if "template" in own else ()
            place = self._written((*given.files[path], *template))
            yield File(path, **{**own, **owners}, place=place)

    def _written(self, path: KeyPath) -> str:
        """Where something is written; empty where that has no lines."""
        place = self.document.place(path)
        return "" if place.line is None else str(place)

    def _sysctl_places(self, given: _Given) -> dict[str, str]:
        return {sysctl_path(key): str(self.document.place(path)) for key, path in given.sysctl.items()}

    def _template_places(self, given: _Given) -> tuple[str, ...]:
        own = given.get("layers", [])
        if not any(notation.is_template(layer) for _index, layer in schema.right(own)):
            return ()
        return tuple(str(self.document.place((*given.origins["layers"], index))) for index, _layer in schema.right(own))

    def _routes(self, name: str, given: _Given, interfaces: Mapping[str, Iface]) -> tuple[Route, ...] | None:
        if "routes" not in given.settings:
            return None
        return routing.routes(self.document, name, given.settings["routes"], given.origins["routes"], interfaces)

    def _iface(self, port: Port, addresses: Addresses | None) -> Iface:
        plain = {key: port.settings[key] for key in _IFACE if key in port.settings}
        return Iface(
            port.guest, port.name, port.segment, addresses=addresses, conditions=self._conditions(port), **plain
        )

    def _conditions(self, port: Port) -> Conditions | None:
        given = {key: port.settings[key] for key in CONDITIONS if key in port.settings}
        if given.get("reorder") and not given.get("delay") and not self.document.blames(port.where("delay")):
            # tc-netem(8): what is not sent at once must be delayed.
            self.document.blame(port.where("reorder"), "reorder without delay", "give a delay too")
        if 0 < given.get("rate", 0) < MIN_RATE:
            few = f"the kernel keeps no rate of {given['rate']} bit/s"
            self.document.blame(port.where("rate"), few, f"give {MIN_RATE} or more, or 0 for no limit")
        made = {key: CONDITIONS[key].made(value) for key, value in given.items()}
        return Conditions(**made) if given else None

    def _bridge(self, segment: Segment) -> Bridge:
        if segment.is_link:
            return Bridge(segment.name, group_fwd_mask=TRANSPARENT, multicast_snooping=False, scenario=self.name)
        plain = {key: segment.settings[key] for key in _BRIDGE if key in segment.settings}
        return Bridge(segment.name, numbering.leg_of(segment), scenario=self.name, **plain)

    # What the model says of the whole

    def _check_lab(
        self,
        guests: Mapping[str, Guest],
        bridges: Mapping[str, Bridge],
        cables: Cabling,
        given: Mapping[str, _Given],
    ) -> None:
        for fault in rules.check(Lab(self.name, self.name, guests, bridges)):
            path = _where(fault, cables, given)
            self.document.blame(path, f"{fault.subject}: {fault.cause}", fault.remedy)


def _sized(cables: Cabling) -> Iterator[Label | str]:
    """What has an MTU of its own."""
    yield from (label for label, port in cables.ports.items() if "mtu" in port.settings)
    yield from (name for name, segment in cables.segments.items() if "mtu" in segment.settings)


def _where(fault: InvalidInput, cables: Cabling, given: Mapping[str, _Given]) -> KeyPath:
    """Where that is written, or would be, which one of the model's faults is about."""
    about, setting = fault.about, fault.setting
    path: KeyPath
    if isinstance(about, IfaceRef):
        port = cables.ports[(about.guest, about.name)]
        return port.path if setting is None else port.where(setting)
    if isinstance(about, GuestRef):
        path = ("guests", about.name)
        return path if setting is None else given[about.name].origins.get(setting, (*path, setting))
    if isinstance(about, LegRef):
        about = BridgeRef(about.bridge)
    path = () if about is None else cables.segments[about.name].path
    return path if setting is None else (*path, setting)


def _weight(value: Any) -> int:
    """How many values there are in a value."""
    if isinstance(value, Mapping):
        return 1 + sum(map(_weight, value.values()))
    if isinstance(value, (list, tuple)):
        return 1 + sum(map(_weight, value))
    return 1 + len(value) // _LETTERS if isinstance(value, str) else 1


def _some(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value}


def _command(given: Any) -> Command:
    return Command(given) if isinstance(given, str) else Command(**given)


def _right(value: Any) -> Any:
    """A value, of a list what is right."""
    return cabling.listed(value) if isinstance(value, list) else value
