# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way back from one state of a lab to another, in bodies of modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dumm_lab.console.undo import Call, Snapshot, objects_back, scenarios_back

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface, Lab, Power

PORT = Iface("alice", "eth0", bridge="br0", addresses=("10.0.0.1/24",))
ALICE = Guest("alice", power=Power.RUNNING, interfaces={"eth0": PORT})
BR0 = Bridge("br0")


def lab(*guests: Guest, bridges: tuple[Bridge, ...] = ()) -> Lab:
    """A lab of these."""
    return Lab("lab", "lab", {each.name: each for each in guests}, {each.name: each for each in bridges})


def back(before: Lab, now: Lab) -> list[tuple[str, dict[str, Any]]]:
    """What leads back."""
    return [(call.kind, dict(call.given)) for call in objects_back(before, now)]


def with_port(**changed: Any) -> Guest:
    """Alice, with another interface."""
    return replace(ALICE, interfaces={"eth0": replace(PORT, **changed)})


def test_nothing_leads_back_to_what_is() -> None:
    assert back(lab(ALICE, bridges=(BR0,)), lab(ALICE, bridges=(BR0,))) == []


def test_what_was_made_is_removed_the_bridge_last() -> None:
    assert back(lab(), lab(ALICE, bridges=(BR0,))) == [
        ("guest", {"name": "alice", "state": "absent"}),
        ("bridge", {"name": "br0", "state": "absent"}),
    ]


def test_what_was_removed_is_made_the_bridge_first() -> None:
    found = back(lab(ALICE, bridges=(BR0,)), lab())

    assert [kind for kind, _given in found] == ["bridge", "guest", "iface"]
    assert found[1][1]["state"] == "started"
    assert (
        found[2][1].items() >= {"guest": "alice", "name": "eth0", "bridge": "br0", "address": ["10.0.0.1/24"]}.items()
    )


def test_settings_and_states_are_as_they_were() -> None:
    assert back(lab(ALICE), lab(replace(ALICE, cpu=1, power=Power.PAUSED))) == [
        ("guest", {"name": "alice", "state": "started", "cpu": "auto"})
    ]
    assert back(lab(replace(ALICE, power=Power.STOPPED)), lab(ALICE)) == [
        ("guest", {"name": "alice", "state": "stopped"})
    ]


def test_an_interface_is_unplugged_and_has_no_addresses_again() -> None:
    assert back(lab(with_port(bridge=None, addresses=None, mac=None)), lab(with_port(mac="02:00:00:00:00:01"))) == [
        ("iface", {"guest": "alice", "name": "eth0", "bridge": "", "mac": "", "address": []})
    ]


def test_a_scenario_says_again_what_it_said() -> None:
    owned = lab(replace(ALICE, scenario="vpn"))
    before, changed = Snapshot(owned, {"vpn": "old"}), Snapshot(owned, {"vpn": "new"})
    again = Call("scenario", {"name": "vpn", "content": "old", "power": "keep", "prune": False})

    assert list(scenarios_back(before, before)) == []
    assert list(scenarios_back(before, changed)) == [again]
    assert list(scenarios_back(before, Snapshot(lab(), {"vpn": "old"}))) == [again]


def test_a_scenario_that_was_loaded_goes_unless_it_only_took_guests_over() -> None:
    loaded = Snapshot(lab(replace(ALICE, scenario="vpn")), {"vpn": "text"})

    assert list(scenarios_back(Snapshot(lab()), loaded)) == [Call("scenario", {"name": "vpn", "state": "absent"})]
    assert list(scenarios_back(Snapshot(lab(ALICE)), loaded)) == []
