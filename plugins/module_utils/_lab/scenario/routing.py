# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The static routes of a scenario's guests: what is written, as the model has it, and whether it can be.  Pure.

The kernel refuses a route whose next hop no interface reaches (ip-route(8)); here that is found before anything is started.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ..model import notation
from ..model.addressing import Network
from ..model.errors import InvalidInput
from ..model.lab import Iface, Route
from .cabling import Settings
from .document import Document, KeyPath
from .schema import right


def routes(
    document: Document, guest: str, written: list[Settings], path: KeyPath, interfaces: Mapping[str, Iface]
) -> tuple[Route, ...]:
    """Make a guest's routes, and add to the document's faults what is wrong with them.

    :param written: as schema.check left them.
    :param path: where they are written, which may be a group's settings.
    """
    return _Routes(document, guest, path, interfaces).all(written)


class _Routes:
    def __init__(self, document: Document, guest: str, path: KeyPath, interfaces: Mapping[str, Iface]) -> None:
        self.document = document
        self.guest = guest
        self.path = path
        self.interfaces = interfaces

    def all(self, written: list[Settings]) -> tuple[Route, ...]:
        places = [((*self.path, index), route) for index, route in right(written)]
        found = [(path, made) for path, route in places if (made := self._made(path, route)) is not None]
        seen: dict[tuple[str, int, int | None], Route] = {}
        for path, made in found:
            self._check_dev(path, made)
            self._check_via(path, made, [other for _path, other in found])
            if seen.setdefault((made.to, notation.version(made), made.metric), made) is not made:
                self._blame(path, f"there is another route to {made.to}", "leave one out, or give them metrics")
        return tuple(made for _path, made in found)

    def _made(self, path: KeyPath, route: Settings) -> Route | None:
        try:
            return notation.route(route["to"], route.get("via"), route.get("dev"), route.get("metric"))
        except InvalidInput as exc:
            self._blame(path, exc.cause, exc.remedy)
            return None

    def _check_dev(self, path: KeyPath, made: Route) -> None:
        if made.dev is not None and made.dev not in self.interfaces:
            cause = f"there is no interface {made.dev}"
            self.document.blame_unknown((*path, "dev"), self._said(path, cause), made.dev, self.interfaces)

    def _check_via(self, path: KeyPath, made: Route, routes: list[Route]) -> None:
        """A next hop must be a neighbour; of an interface whose addresses are left to the guest nothing is known."""
        used = [iface for name, iface in self.interfaces.items() if made.dev in (None, name)]
        if made.via is None or any(iface.addresses is None for iface in used) or self._addresses_are_wrong():
            return
        hop = ipaddress.ip_address(made.via)
        addresses = [(address, iface) for iface in used for address in iface.addresses or ()]
        if any(notation.ip_of(address) == hop for address, _iface in addresses):
            self._blame((*path, "via"), f"{hop} is its own address", "give that of a neighbour")
            return
        prefixes = {notation.network_of(address): f" ({iface.name})" for address, iface in addresses}
        direct = [_network(route) for route in routes if route.via is None and made.dev in (None, route.dev)]
        if hop.is_link_local or any(hop in prefix for prefix in (*prefixes, *direct)):
            return
        known = [f"{prefix}{said}" for prefix, said in prefixes.items()]
        self._blame(
            (*path, "via"),
            f"{hop} is in no prefix of its interfaces",
            f"give an address in {' or '.join(known)}" if known else "give its interfaces addresses",
        )

    def _addresses_are_wrong(self) -> bool:
        """Whether a fault of its own may be why a next hop is not found."""
        return self.document.blames(("bridges",), ("links",), ("pools",), ("guests", self.guest, "interfaces"))

    def _blame(self, path: KeyPath, cause: str, remedy: str) -> None:
        self.document.blame(path, self._said(path, cause), remedy)

    def _said(self, path: KeyPath, cause: str) -> str:
        return cause if path[0] == "guests" else f"guest {self.guest}: {cause}"


def _network(route: Route) -> Network:
    everything = "::/0" if notation.version(route) == 6 else "0.0.0.0/0"
    return ipaddress.ip_network(everything if route.to == "default" else route.to)
