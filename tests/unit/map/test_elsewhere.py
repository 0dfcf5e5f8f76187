# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario of several lab hosts on the map of one of them: what is elsewhere is shown, and nobody edits it from here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dumm_lab.map.messages import View
from dumm_lab.map.root.captures import Captures
from dumm_lab.map.root.drafts import Drafts
from dumm_lab.map.root.elsewhere import NOTHING, Placed, Shared, elsewhere
from dumm_lab.map.root.room import Room
from dumm_lab.map.root.view import view_of

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.seen import (
    SeenBridge,
    SeenDevice,
    SeenGuest,
    SeenIface,
    SeenLab,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

# Each lab host has a router and a host; the routers share a segment, and those of lab2 and lab3 have a cable as well.
TEXT = """\
guests:
  h1: {interfaces: {eth0: {bridge: lan1}}}
  h2: {interfaces: {eth0: {bridge: lan2}}}
  r1: {interfaces: {eth0: {bridge: lan1}, eth1: {bridge: wan}}}
  r2: {mem: 256, labels: {role: router}, interfaces: {eth0: {bridge: lan2}, eth1: {bridge: wan}}}
  r3: {interfaces: {eth1: {bridge: wan}}}
bridges:
  lan1: {prefix: 10.1.0.0/24}
  lan2: {prefix: 10.2.0.0/24}
  wan: {prefix: 10.9.0.0/24}
links:
  - {a: 'r1:eth2', b: 'r2:eth2', prefix: 172.16.0.0/30}
  - {a: 'r2:eth3', b: 'r3:eth3', prefix: 172.16.0.4/30, state: down}
"""
PLACES = {"h1": "lab1", "r1": "lab1", "h2": "lab2", "r2": "lab2", "r3": "lab3"}
WEIGHTS = {"lab1": 1.0, "lab2": 1.0, "lab3": 1.0, "lab4": 0.0}
PLACEMENT = {"format": 1, "serial": 3, "guests": PLACES, "weights": WEIGHTS}


def _guest(name: str, **bridges: str) -> SeenGuest:
    ifaces = tuple(SeenIface(name, iface, bridge, ("10.1.0.1/24",)) for iface, bridge in bridges.items())
    return SeenGuest(name, "running", scenario="big", interfaces=ifaces)


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """What lab1 has stored."""
    for kind, told in (("placed", PLACEMENT), ("applied", {"format": 1, "place": "big.yml", "text": TEXT})):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "big.json").write_text(json.dumps(told))
    return tmp_path


def lab(workdir: Path) -> SeenLab:
    """What lab1 has of it."""
    link = next(name for name in _placed(workdir).shared["big"].bridges if name not in ("lan1", "lan2", "wan"))
    own = {"h1": _guest("h1", eth0="lan1"), "r1": _guest("r1", eth0="lan1", eth1="wan", eth2=link)}
    bridges = {name: SeenBridge(name, scenario="big", is_link=name == link) for name in ("lan1", "wan", link)}
    devices = {name: SeenDevice(7, name, None, 1500, True, True) for name in bridges}
    return SeenLab(str(workdir), "lab", present=True, guests=own, bridges=bridges, devices=devices)


def _placed(workdir: Path) -> Placed:
    found = Placed(str(workdir))
    found.look()
    return found


def view(workdir: Path, seen: SeenLab | None = None) -> View:
    """What pages get."""
    seen = seen or lab(workdir)
    return view_of(seen, "big", elsewhere(seen, _placed(workdir).shared.values()))


def test_guests_of_other_lab_hosts_are_shown_as_their_scenario_describes_them(workdir: Path) -> None:
    found = view(workdir)

    states = {name: (guest["state"], guest["lab_host"]) for name, guest in found["guests"].items()}
    assert states == {
        "h1": ("running", "lab1"),
        "r1": ("running", "lab1"),
        "h2": ("elsewhere", "lab2"),
        "r2": ("elsewhere", "lab2"),
        "r3": ("elsewhere", "lab3"),
    }
    assert found["lab"]["lab_host"] == "lab1"
    router = found["guests"]["r2"]
    assert (router["mem"], router["role"], router["scenario"]) == (256, "router", "big")
    assert router["interfaces"]["eth0"]["addresses"] == ["10.2.0.2/24"]
    assert found["scenarios"]["big"]["guests"] == ["h1", "r1"]


def test_segments_tell_which_lab_hosts_they_join(workdir: Path) -> None:
    found = {name: (each["lab_hosts"], each["state"]) for name, each in view(workdir)["segments"].items()}
    assert found == {
        "lan1": (["lab1"], "up"),
        "wan": (["lab1", "lab2", "lab3"], "up"),
        "lan2": (["lab2"], "up"),
    }


def test_a_link_to_another_lab_host_is_a_cable(workdir: Path) -> None:
    found = {name: each["state"] for name, each in view(workdir)["cables"].items()}
    assert found == {"r1:eth2--r2:eth2": "up", "r2:eth3--r3:eth3": "down"}


def test_without_the_applied_text_guests_have_a_place_only(workdir: Path) -> None:
    whole = lab(workdir)
    for text in ("guests: [", "{}"):
        (workdir / "applied/big.json").write_text(text)
        found = view(workdir, whole)
        assert {name for name, guest in found["guests"].items() if guest["state"] == "elsewhere"} == {"h2", "r2", "r3"}
        assert found["guests"]["r2"]["interfaces"] == {}
        assert found["segments"].keys() >= {"lan1", "wan"}


def test_a_guest_that_is_here_counts_as_here_wherever_it_is_to_go(workdir: Path) -> None:
    seen = lab(workdir)
    leaving = replace(seen, guests={**seen.guests, "r3": _guest("r3", eth1="wan")})
    guest = view(workdir, leaving)["guests"]["r3"]
    assert (guest["state"], guest["lab_host"]) == ("running", "lab1")


def test_a_guest_that_is_missing_here_is_not_elsewhere() -> None:
    seen = SeenLab("/lab", "lab", guests={"r1": _guest("r1")})
    assert elsewhere(seen, [Shared("big", ("lab1", "lab2"), PLACES)]).places.keys() == {"h2", "r2", "r3"}


def test_a_lab_host_without_guests_shows_all_of_them_elsewhere() -> None:
    found = elsewhere(SeenLab("/lab", "lab"), [Shared("big", ("lab1", "lab2"), PLACES)])
    assert (found.here, dict(found.places)) == (None, PLACES)


@pytest.mark.parametrize(
    "told",
    [
        None,
        "{",
        "[]",
        json.dumps({**PLACEMENT, "weights": {"lab1": 1.0}}),
        json.dumps({**PLACEMENT, "format": 99}),
        json.dumps({**PLACEMENT, "guests": 7}),
    ],
    ids=["none", "torn", "a list", "one lab host", "another version", "damaged"],
)
def test_where_no_other_lab_host_is_known_nothing_is_elsewhere(workdir: Path, told: str | None) -> None:
    seen = lab(workdir)
    place = workdir / "placed/big.json"
    if told is None:
        place.unlink()
        place.parent.rmdir()
    else:
        place.write_text(told)
    shared = _placed(workdir).shared
    assert shared == {}
    assert elsewhere(seen, shared.values()) == NOTHING
    assert view_of(seen, "big", elsewhere(seen, shared.values())) == view_of(seen, "big")


def test_what_has_changed_on_disk_is_read_again_and_only_that(workdir: Path) -> None:
    placed = Placed(str(workdir))
    assert (placed.look(), placed.look()) == (True, False)
    before = placed.shared
    (workdir / "placed/new.json").write_text(json.dumps({**PLACEMENT, "guests": {"r3": "lab2"}}))
    (workdir / "placed/new.json").rename(workdir / "placed/big.json")
    assert (placed.look(), placed.look()) == (True, False)
    assert before["big"].places == PLACES
    assert placed.shared["big"].places == {"r3": "lab2"}
    (workdir / "placed/big.json").unlink()
    assert (placed.look(), placed.shared) == (True, {})


def test_packets_of_a_cable_to_another_lab_host_are_had_at_the_end_that_is_here(workdir: Path) -> None:
    room = Room(str(workdir), lab(workdir), read_only=False, me="me")
    captures = Captures(room)
    assert captures._labels("r1:eth2--r2:eth2") == ["r1:eth2"]
    room.lab = replace(room.lab, guests={"r2": _guest("r2")})
    assert captures._labels("r1:eth2--r2:eth2") == ["r2:eth2"]


ACTS: list[Callable[[Drafts], Any]] = [
    lambda drafts: drafts.edit([{"do": "guest.add", "name": "zoe"}], "me"),
    lambda drafts: drafts.write("guests: {}", None, "me"),
    lambda drafts: drafts.undo(None),
    lambda drafts: drafts.plan(restart=False),
    lambda drafts: drafts.apply(None, save=False, restart=False),
]


@pytest.mark.parametrize("act", ACTS, ids=["edit", "text", "undo", "plan", "apply"])
def test_editing_is_refused_with_the_way_to_do_it(workdir: Path, act: Callable[[Drafts], Any]) -> None:
    says = (
        "scenario big: its guests are on lab hosts lab1, lab2, lab3, lab4, and this map changes one lab host only;"
        " change the scenario's file, and run the playbook that gives lab_hosts"
    )

    async def done() -> Any:
        room = Room(str(workdir), lab(workdir), read_only=False, me="me")
        room.scenario = "big"
        drafts = room.of(Drafts)
        told = drafts._message()["draft"]
        assert (told["refused"], told["shared"]) == (says, True)
        return act(drafts)

    with pytest.raises(InvalidInput) as refused:
        asyncio.run(done())
    assert str(refused.value) == says
    assert not (workdir / "scenarios").exists()
