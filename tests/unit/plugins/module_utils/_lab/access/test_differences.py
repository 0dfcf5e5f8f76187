# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An event for each object that differs, with all that is known of it, and what it was before."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.differences import changes, present
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    SeenBridge,
    SeenDevice,
    SeenGuest,
    SeenIface,
    SeenLab,
)

ALICE = SeenGuest(
    "alice",
    "running",
    "default",
    mem=96,
    scenario="vpn",
    loaded="vpn",
    interfaces=(SeenIface("alice", "eth0", "lan", ("10.0.0.1/24",)),),
    pid=7,
    started=1,
)
TAP = SeenDevice(4, "alice-eth0", "lan", 1500, True, True)
LAB = SeenLab(
    "/lab",
    "dumm",
    "dumm",
    "/run/netns/dumm",
    True,
    {"alice": ALICE},
    {"lan": SeenBridge("lan")},
    {"alice:eth0": TAP},
    {"lan": SeenDevice(3, "lan", None, 1500, True, False)},
    {"vpn": 1},
)


def with_guest(**changed: Any) -> SeenLab:
    """The lab with another alice."""
    return dataclasses.replace(LAB, guests={"alice": dataclasses.replace(ALICE, **changed)})


def test_nothing_is_told_of_what_stays() -> None:
    assert list(changes(LAB, LAB)) == []


def test_a_change_tells_what_is_other_and_what_it_was() -> None:
    (event,) = changes(LAB, with_guest(state="died", reason="it was killed", pid=None, started=None))

    assert event == {
        "event": "guest",
        "name": "alice",
        "change": "changed",
        "state": "died",
        "reason": "it was killed",
        "pid": None,
        "kernel": "default",
        "master": None,
        "mem": 96,
        "scenario": "vpn",
        "loaded": "vpn",
        "labels": {},
        "changed": ["state", "reason", "pid"],
        "before": {"state": "running", "reason": None, "pid": 7},
    }


def test_a_guest_that_was_restarted_has_another_process() -> None:
    (event,) = changes(LAB, with_guest(pid=8, started=2))

    assert (event["state"], event["changed"]) == ("running", ["pid"])


def test_a_cable_that_is_moved_is_an_event_of_the_link() -> None:
    moved = dataclasses.replace(LAB, taps={"alice:eth0": dataclasses.replace(TAP, bridge=None, carrier=False)})

    (event,) = changes(LAB, moved)

    assert (event["event"], event["name"], event["guest"], event["interface"]) == (
        *("link", "alice:eth0"),
        *("alice", "eth0"),
    )
    assert event["before"] == {"bridge": "lan", "carrier": True}


def test_a_scenario_whose_file_was_edited_is_told_without_a_number() -> None:
    (event,) = changes(LAB, dataclasses.replace(LAB, scenarios={"vpn": 2}))

    assert event == {
        "event": "scenario",
        "name": "vpn",
        "change": "changed",
        "guests": ["alice"],
        "loaded": ["alice"],
        "changed": ["file"],
        "before": {},
    }


def test_a_scenario_is_loaded_and_unloaded() -> None:
    told = {event["event"]: event for event in changes(with_guest(loaded=None), LAB)}

    assert (told["scenario"]["loaded"], told["scenario"]["before"]) == (["alice"], {"loaded": []})


def test_what_comes_and_goes_is_added_and_removed() -> None:
    empty = SeenLab("/lab", None)
    there = [(event["event"], event["name"]) for event in changes(empty, LAB)]

    assert there == [
        ("lab", "dumm"),
        ("bridge", "lan"),
        ("guest", "alice"),
        ("link", "alice:eth0"),
        ("scenario", "vpn"),
    ]
    assert {event["change"] for event in changes(empty, LAB)} == {"added"}
    assert list(changes(empty, LAB)) == list(present(LAB))
    assert list(changes(LAB, empty)) == [{"event": kind, "name": name, "change": "removed"} for kind, name in there]
