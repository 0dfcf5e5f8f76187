# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario file, or the same as Ansible variables → the guests and bridges it describes.  Pure."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import model
from .errors import HostError
from .model import Bridge, Guest, Iface, Route

IMPORT_ERROR: str | None = None
try:
    import yaml
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

# Everything that Linux lets a bridge forward: a cable is transparent for LLDP, 802.1X and the like.
TRANSPARENT = 0xFFF8


@dataclass(frozen=True)
class Command:
    """A command that a guest runs after its boot (``sh -c``).

    :ivar creates: path in the guest; the command is left out where it exists.
    :ivar unless: command; the other one is left out where this one succeeds.
    """

    command: str
    creates: str | None = None
    unless: str | None = None


@dataclass(frozen=True)
class File:
    """A file of a guest; exactly one of ``content`` and ``template`` is given.

    :ivar path: in the guest, absolute.
    :ivar template: Jinja2 text, to be rendered with the whole lab as variables.
    :ivar owner: name or number in the guest, as text; ``None`` for root.
    """

    path: str
    content: str | None = None
    template: str | None = None
    mode: int = 0o644
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Scenario:
    """What a scenario file describes.

    :ivar guests: in the order of the file, with interfaces, routes and kernel settings; all are marked as this scenario's.
    :ivar bridges: those of the file, then one for each link.
    :ivar run: commands by guest, in order; guests without any are left out here and below.
    :ivar hosts: whether every guest's /etc/hosts knows all guests.
    :ivar restart_services: services by guest that are restarted when the layer of a running guest changes.
    :ivar vars: Ansible variables by guest.
    :ivar labels: what the user calls a guest besides its name, by guest.
    """

    name: str
    guests: Mapping[str, Guest] = field(default_factory=dict)
    bridges: Mapping[str, Bridge] = field(default_factory=dict)
    run: Mapping[str, tuple[Command, ...]] = field(default_factory=dict)
    files: Mapping[str, tuple[File, ...]] = field(default_factory=dict)
    hosts: bool = True
    restart_services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    vars: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def check_library() -> None:
    """Check that PyYAML is there.

    :raises HostError: naming the package.
    """
    if IMPORT_ERROR is not None:
        raise HostError("this task", "python3-yaml is missing", "install it (role dumm.lab.host does)")


def load(source: str | Mapping[str, Any], *, name: str, place: str) -> Scenario:
    """Understand a scenario.

    :param source: text of a file, or its content as Ansible variables.
    :param name: of the scenario.
    :param place: how messages call the source, such as the file's path.
    :raises Invalid: with everything that is wrong.
    """
    data = (yaml.safe_load(source) if isinstance(source, str) else source) or {}
    defaults = data.get("defaults") or {}
    bridges = {key: _bridge(key, value or {}, name) for key, value in (data.get("bridges") or {}).items()}
    guests = {
        key: _guest(key, {**defaults, **(value or {})}, name) for key, value in (data.get("guests") or {}).items()
    }
    for link in data.get("links") or ():
        ends = sorted(tuple(end.strip().split(":")) for end in link.split(" -- "))
        cable = "--".join("-".join(end) for end in ends)
        bridges[cable] = Bridge(cable, group_fwd_mask=TRANSPARENT, scenario=name)
        for owner, port in ends:
            guest = guests[owner]
            iface = guest.interfaces.get(port, Iface(owner, port))
            ports = {**guest.interfaces, port: Iface(**{**vars(iface), "bridge": cable})}
            guests[owner] = Guest(**{**vars(guest), "interfaces": ports})
    return Scenario(name, guests, bridges, hosts=data.get("hosts", True))


def _guest(name: str, settings: Mapping[str, Any], scenario: str) -> Guest:
    plain = {key: settings[key] for key in ("kernel", "master", "mem", "init", "cmdline") if key in settings}
    routes = settings.get("routes")
    return Guest(
        name,
        **plain,
        interfaces={key: _iface(name, key, value or {}) for key, value in (settings.get("interfaces") or {}).items()},
        routes=None if routes is None else tuple(Route(**{**route, "to": str(route["to"])}) for route in routes),
        sysctl=tuple(sorted((key, str(value)) for key, value in (settings.get("sysctl") or {}).items())),
        scenario=scenario,
    )


def _iface(guest: str, name: str, settings: Mapping[str, Any]) -> Iface:
    plain = {key: settings[key] for key in ("bridge", "mac", "mtu", "up") if key in settings}
    return Iface(guest, name, addresses=_addresses(settings, f"interface {guest}:{name}"), **plain)


def _bridge(name: str, settings: Mapping[str, Any], scenario: str) -> Bridge:
    plain = {key: settings[key] for key in ("mtu", "stp", "group_fwd_mask") if key in settings}
    return Bridge(name, addresses=_addresses(settings, f"bridge {name}"), scenario=scenario, **plain)


def _addresses(settings: Mapping[str, Any], subject: str) -> tuple[str, ...] | None:
    given = settings.get("address")
    if given is None:
        return None
    return tuple(model.parse_address(text, subject) for text in ([given] if isinstance(given, str) else given))
