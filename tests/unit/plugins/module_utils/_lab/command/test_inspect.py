# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``dumm inspect`` makes of what is seen; that it sees what is there is tested on real guests (tests/integration/test_look.py)."""

from __future__ import annotations

import re
from argparse import Namespace
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    SeenBridge,
    SeenDevice,
    SeenGuest,
    SeenIface,
    SeenLab,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.command import inspect_guests, inspect_links
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.table import table

SLOW = {"delay": 30.0, "jitter": 0.0, "loss": 1.0, "rate": 0, "slot": []}


def iface(label: str, bridge: str | None, *addresses: str, **more: Any) -> SeenIface:
    """An interface."""
    guest, name = label.split(":")
    return SeenIface(guest, name, bridge, addresses, **more)


def lab(*ifaces: SeenIface, bridges: tuple[SeenBridge, ...] = (), taps: dict[str, SeenDevice] | None = None) -> SeenLab:
    """A lab with these interfaces."""
    names = dict.fromkeys(each.guest for each in ifaces)
    guests = {
        name: SeenGuest(name, "running", interfaces=tuple(each for each in ifaces if each.guest == name))
        for name in names
    }
    return SeenLab("/lab", "dumm", guests=guests, bridges={each.name: each for each in bridges}, taps=taps or {})


def links(seen: SeenLab) -> list[dict[str, Any]]:
    """Records of its links, without rates."""
    return [dict(each) for each in inspect_links.NOUNS["links"].records(seen, Namespace(interval=0.0, meter=None))]


def ends(seen: SeenLab) -> list[tuple[str, str | None]]:
    """What is joined."""
    return [(each["a"], each["b"]) for each in links(seen)]


def test_a_segment_of_two_is_a_cable_and_a_larger_one_has_ports() -> None:
    seen = lab(
        iface("a:eth0", "x"),
        iface("a:eth1", "lan"),
        iface("b:eth0", "x"),
        iface("b:eth1", "lan"),
        iface("c:eth0", "lan"),
        iface("c:eth1", None),
        bridges=(SeenBridge("lan"), SeenBridge("x")),
    )

    assert ends(seen) == [
        *[("a:eth1", "lan"), ("b:eth1", "lan"), ("c:eth0", "lan")],
        ("a:eth0", "b:eth0"),
        ("c:eth1", None),
    ]


def test_a_segment_of_two_in_which_the_host_has_an_address_is_no_cable() -> None:
    seen = lab(iface("a:eth0", "x"), iface("b:eth0", "x"), bridges=(SeenBridge("x", ("10.0.0.9/24",)),))

    assert ends(seen) == [("a:eth0", "x"), ("b:eth0", "x")]


def test_an_interface_is_where_it_is_plugged_in_now() -> None:
    tap = SeenDevice(4, "a-eth0", "other", 1500, True, True)
    seen = lab(iface("a:eth0", "x"), bridges=(SeenBridge("x"), SeenBridge("other")), taps={"a:eth0": tap})

    assert ends(seen) == [("a:eth0", "other")]


def test_a_link_has_the_prefixes_of_both_ends_once() -> None:
    seen = lab(
        iface("a:eth0", "x", "10.0.0.1/30", "fd00::1/64"),
        iface("b:eth0", "x", "10.0.0.2/30", "what?"),
        bridges=(SeenBridge("x"),),
    )

    assert links(seen)[0]["prefix"] == ["10.0.0.0/30", "fd00::/64"]


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        (None, None, "-"),
        (SLOW, None, "-> delay 30 ms, loss 1 %"),
        (None, SLOW, "<- delay 30 ms, loss 1 %"),
        (SLOW, SLOW, "<-> delay 30 ms, loss 1 %"),
    ],
)
def test_conditions_are_told_in_the_direction_in_which_they_hold(a: Any, b: Any, text: str) -> None:
    seen = lab(iface("a:eth0", "x", conditions=a), iface("b:eth0", "x", conditions=b), bridges=(SeenBridge("x"),))
    noun = inspect_links.NOUNS["links"]

    assert re.split("  +", table(links(seen), noun.columns).splitlines()[1])[-2] == text


def test_many_addresses_are_counted_in_a_narrow_table_and_told_in_a_wide_one() -> None:
    seen = lab(iface("a:eth0", "x", *(f"10.0.0.{number}/24" for number in range(1, 6))))
    noun = inspect_guests.NOUNS["guests"]
    found = list(noun.records(seen, Namespace()))

    assert table(found, noun.columns).splitlines()[1].endswith("10.0.0.1 10.0.0.2 10.0.0.3 +2")
    assert "eth0@x 10.0.0.1/24 10.0.0.2/24" in table(found, noun.columns, wide=True)
