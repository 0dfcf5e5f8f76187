# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verbs that look: the whole view, what a guest itself says of its network, pictures, and a guest's boot log."""

from __future__ import annotations

from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.line import Line
from ansible_collections.dumm.lab.plugins.module_utils._lab.command import graph
from ansible_collections.dumm.lab.plugins.module_utils._lab.inside import network
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import GuestError

from .arguments import Arguments
from .room import Room

_SECONDS = 20.0
_LARGEST = 4 << 20
_SHAPES = ("svg", "mermaid", "d2", "dot", "drawio")


def view(room: Room, _arguments: Arguments, _page: int) -> object:
    """The whole view, and its number."""
    return {"number": room.number, "view": room.view}


def look(room: Room, arguments: Arguments, _page: int) -> object:
    """What a guest says of its own network: its name, links with their addresses, and routes."""
    guest = arguments.guest(room.lab).name
    done = Line(room.workdir, guest).run(network.read(), timeout=_SECONDS, max_output=_LARGEST)
    if done.code != 0:
        said = done.stderr.decode(errors="replace").strip() or "it said nothing"
        raise GuestError(f"guest {guest}", f"it cannot tell its addresses: {said}", "install iproute2 in it")
    inside = network.parse(guest, done.stdout)
    links: dict[str, Any] = {
        name: {"addresses": list(link.addresses), "up": link.up, "mac": link.mac} for name, link in inside.links.items()
    }
    return {"hostname": inside.hostname, "links": links, "routes": [_route(each) for each in inside.routes]}


def _route(told: Any) -> str:
    """``default via 10.0.0.1 dev eth0``, as ip(8) writes it."""
    words = [str(told.get("dst", "default"))]
    for key, word in (("gateway", "via"), ("dev", "dev"), ("metric", "metric")):
        if told.get(key) is not None:
            words += [word, str(told[key])]
    return " ".join(words)


def picture(room: Room, arguments: Arguments, _page: int) -> object:
    """A picture of the running lab as text."""
    shape = arguments.text("format")
    if shape not in _SHAPES:
        raise arguments.wrong("format", f"one of {', '.join(_SHAPES)}")
    return graph.picture(room.workdir, shape)
