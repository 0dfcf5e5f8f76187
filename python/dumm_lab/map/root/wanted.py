# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a draft describes, as the same view that pages have of the lab, with the same identifiers.  Pure."""

from __future__ import annotations

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import SeenLab

from ..messages import View
from .described import Described, seen_bridge, seen_guest
from .view import view_of


def wanted_view(state: Described, workdir: str) -> View:
    """A text as a view, of guests that are stopped."""
    scenario = state.scenario
    bridges = {name: seen_bridge(scenario, bridge) for name, bridge in scenario.bridges.items()}
    guests = {name: seen_guest(guest) for name, guest in scenario.guests.items()}
    view = view_of(SeenLab(workdir, scenario.name, guests=guests, bridges=bridges), scenario.name)
    # It has no devices; its segments are up, and its cables as their ends are.
    for name, segment in view["segments"].items():
        segment["state"] = "up"
        # Where nothing is plugged in, there is no address that it could be known from.
        segment["prefix"] = segment["prefix"] or _listed(state.own("bridges", name).get("prefix"))
    for cable in view["cables"].values():
        cable["state"] = "up" if all(_is_up(view, end) for end in (cable["a"], cable["b"])) else "down"
    return view


def _listed(prefix: object) -> list[str]:
    return [str(each) for each in prefix] if isinstance(prefix, list) else [str(prefix)] if prefix else []


def _is_up(view: View, end: str) -> bool:
    guest, _colon, name = end.partition(":")
    return view["guests"][guest]["interfaces"][name]["up"]
