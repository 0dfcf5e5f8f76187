# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two parts of the map and its pages tell each other, in one place.  Pure.

A view is the lab as plain data: objects by identifiers that stay the same as long as the object exists.  Pages get it whole once, then
only the objects that differ.  docs/internals/map.md has all messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, cast

# The last one: it is on another lab host.
State = Literal["running", "starting", "stopped", "paused", "failed", "elsewhere"]
Role = Literal["router", "host", "switch"]
Message = dict[str, Any]
# Kinds of objects in a view.
KINDS = ("guests", "segments", "cables", "scenarios")


class Interface(TypedDict):
    """An interface of a guest.

    ``segment`` and ``cable``: what it is plugged into, one of them at most.  ``addresses``: ``None`` where the guest's own are left alone.
    """

    segment: str | None
    cable: str | None
    addresses: list[str] | None
    mac: str | None
    up: bool
    conditions: dict[str, Any] | None


class Guest(TypedDict):
    """A guest.

    ``why``: the reason for its state, where there is one.  ``loaded``: scenarios whose layers lie over its root.  ``lab_host``: that it is
    on, where a lab has several.
    """

    state: State
    why: str | None
    role: Role
    kernel: str | None
    mem: int | None
    scenario: str | None
    loaded: list[str]
    saves: list[str]
    label: str | None
    groups: list[str]
    lab_host: str | None
    interfaces: dict[str, Interface]


class Segment(TypedDict):
    """A segment.

    ``prefix``: networks of its addresses.  ``address``: of the host in it.  ``lab_hosts``: those of the guests in it, where a lab has
    several lab hosts.
    """

    prefix: list[str]
    address: list[str]
    label: str | None
    groups: list[str]
    lab_hosts: list[str]
    scenario: str | None
    state: Literal["up", "down"]


class Cable(TypedDict):
    """A link of a scenario.  ``segment``: name of its bridge.  ``to_a``: conditions of what travels to ``a``."""

    a: str
    b: str
    segment: str
    prefix: list[str]
    to_a: dict[str, Any] | None
    to_b: dict[str, Any] | None
    state: Literal["up", "down"]


class Scenario(TypedDict):
    """A scenario.  ``file``: whether its file is stored.  ``guests``: that belong to it.  ``loaded``: guests that its layers lie over."""

    file: bool
    guests: list[str]
    loaded: list[str]


class Lab(TypedDict):
    """The lab itself.  ``there``: whether its network namespace is.  ``lab_host``: name of this lab host, where a lab has several."""

    name: str | None
    workdir: str
    scenario: str | None
    there: bool
    lab_host: str | None


class View(TypedDict):
    """A lab as pages show it."""

    lab: Lab
    guests: dict[str, Guest]
    segments: dict[str, Segment]
    cables: dict[str, Cable]
    scenarios: dict[str, Scenario]


def difference(before: View, after: View) -> Message | None:
    """What a page needs to make the second view out of the first; ``None`` where they are equal.

    :return: ``{"set": {kind: {name: object}}, "gone": {kind: [name]}}``, and ``set`` has the ``lab`` if that differs.
    """
    old: Mapping[str, Any] = before
    new: Mapping[str, Any] = after
    put: dict[str, Any] = {}
    gone: dict[str, list[str]] = {}
    for kind in KINDS:
        if other := {name: each for name, each in new[kind].items() if old[kind].get(name) != each}:
            put[kind] = other
        if missing := [name for name in old[kind] if name not in new[kind]]:
            gone[kind] = missing
    if old["lab"] != new["lab"]:
        put["lab"] = new["lab"]
    return {"set": put, "gone": gone} if put or gone else None


def changed(view: View, change: Mapping[str, Any]) -> View:
    """A view with a :func:`difference` applied, as pages do it."""
    found: dict[str, Any] = dict(view)
    for kind in KINDS:
        left = {name: each for name, each in found[kind].items() if name not in change["gone"].get(kind, ())}
        found[kind] = left | change["set"].get(kind, {})
    found["lab"] = change["set"].get("lab", found["lab"])
    return cast(View, found)
