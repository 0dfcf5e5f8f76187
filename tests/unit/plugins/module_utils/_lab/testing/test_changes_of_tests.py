# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What steps make of a lab, and what is taken back of that."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface, Lab, Loaded, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Interface, Link, SetPower
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Scope
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import changes
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.keeping import Changed, Note, given_back

SCENARIO = """
guests: {moon: , sun: , alice: {interfaces: {eth0: {bridge: lan, delay: 5ms}, eth1: }}}
bridges: {lan: {interfaces: ['moon:eth0', 'sun:eth0']}, duo: {interfaces: ['moon:eth1', 'sun:eth1']}}
links: [{a: 'moon:eth2', b: 'sun:eth2', name: cable}]
"""


@pytest.fixture
def lab() -> Lab:
    found = loader.load(SCENARIO, name="test", place="test.yml")
    guests = {name: dataclasses.replace(each, power=Power.RUNNING) for name, each in found.guests.items()}
    return Lab("test", "test", guests, found.bridges)


def ups(lab: Lab) -> set[str]:
    return {iface.label for iface in lab.ifaces() if not iface.up}


def test_a_link_is_changed_at_both_ends(lab: Lab) -> None:
    wish = changes.link(lab, Link("sun:eth2", {"up": False, "mtu": 1400, "loss": 100.0}))
    assert ups(wish.lab) == {"moon:eth2", "sun:eth2"}
    assert wish.scope == Scope(ifaces=frozenset({("moon", "eth2"), ("sun", "eth2")}))
    for name in ("moon", "sun"):
        assert wish.lab.guests[name].interfaces["eth2"].mtu == 1400
        assert wish.lab.guests[name].interfaces["eth2"].conditions == Conditions(loss=100.0)


@pytest.mark.parametrize("label", ["moon:eth0", "moon:eth1"])
def test_on_a_segment_only_one_interface_is(lab: Lab, label: str) -> None:
    wish = changes.link(lab, Link(label, {"up": False}))
    assert ups(wish.lab) == {label}


def test_conditions_that_are_not_given_stay(lab: Lab) -> None:
    wish = changes.link(lab, Link("alice:eth0", {"loss": 1.0}))
    assert wish.lab.guests["alice"].interfaces["eth0"].conditions == Conditions(delay=5.0, loss=1.0)


def test_a_cable_that_is_plugged_into_nothing_cannot_change(lab: Lab) -> None:
    with pytest.raises(InvalidInput, match="alice:eth1: it is plugged into nothing; plug it in first"):
        changes.link(lab, Link("alice:eth1", {"up": False}))
    with pytest.raises(InvalidInput, match="there is no such interface; did you mean alice:eth1"):
        changes.link(lab, Link("alice:eth2", {"up": False}))


def test_an_interface_comes_changes_and_goes(lab: Lab) -> None:
    made = changes.interface(lab, Interface("moon:eth7", {"bridge": "lan", "address": "10.0.0.1/24", "rate": 8000}))
    assert made.lab.guests["moon"].interfaces["eth7"] == Iface(
        "moon", "eth7", "lan", addresses=("10.0.0.1/24",), conditions=Conditions(rate=8000)
    )
    unplugged = changes.interface(made.lab, Interface("moon:eth7", {"bridge": "", "address": [], "up": False}))
    assert unplugged.lab.guests["moon"].interfaces["eth7"] == Iface(
        "moon", "eth7", None, addresses=(), up=False, conditions=Conditions(rate=8000)
    )
    gone = changes.interface(made.lab, Interface("moon:eth7", {"state": "absent"}))
    assert gone.lab == lab
    assert gone.scope == Scope(ifaces=frozenset({("moon", "eth7")}))


def test_guests_do_something_else(lab: Lab) -> None:
    wish = changes.power(lab, SetPower(("moon", "sun"), Power.PAUSED))
    assert {name: each.power for name, each in wish.lab.guests.items()} == {
        "moon": Power.PAUSED,
        "sun": Power.PAUSED,
        "alice": Power.RUNNING,
    }
    assert not wish.renew
    assert changes.power(lab, SetPower(("moon",), Power.RUNNING, again=True)).renew == {"moon"}


def test_a_layer_lies_over_what_a_guest_has_of_its_own_scenario(lab: Lab) -> None:
    own = Loaded("test", files="x")
    lab = lab.with_guest(dataclasses.replace(lab.guests["moon"], loaded=own))
    first = changes.layer(lab, "psk", ["moon"]).lab
    assert first.guests["moon"].loaded == Loaded("psk", under=own)
    assert changes.layer(first, "psk2", ["moon"]).lab.guests["moon"].loaded == Loaded("psk2", under=own)
    assert first.guests["sun"].loaded is None


# What is taken back


def changed(before: Lab, after: Lab) -> dict[str, Changed]:
    return {
        name: Changed(before.guests[name], (after.guests[name],))
        for name in before.guests
        if before.guests[name] != after.guests[name]
    }


def test_what_steps_have_changed_is_taken_back(lab: Lab) -> None:
    after = changes.link(lab, Link("moon:eth2", {"up": False})).lab
    after = changes.power(after, SetPower(("alice",), Power.STOPPED)).lab
    wish = given_back(after, changed(lab, after), ["moon", "sun", "alice"], layers=True)
    assert wish.lab == lab
    assert wish.scope.guests == {"moon", "sun", "alice"}


def test_a_guest_that_was_stopped_or_paused_is_so_again(lab: Lab) -> None:
    before = changes.power(lab, SetPower(("moon",), Power.STOPPED)).lab
    before = changes.power(before, SetPower(("sun",), Power.PAUSED)).lab
    after = changes.power(before, SetPower(("moon", "sun"), Power.RUNNING)).lab
    assert given_back(after, changed(before, after), ["alice"], layers=True).lab == before


def test_a_guest_that_has_ended_runs_again(lab: Lab) -> None:
    after = lab.with_guest(dataclasses.replace(lab.guests["moon"], power=Power.DIED))
    wish = given_back(after, {}, ["moon", "sun", "alice"], layers=True)
    assert (wish.lab, wish.scope.guests) == (lab, {"moon"})


def test_what_was_taken_back_by_half_is_looked_at_again(lab: Lab) -> None:
    after = changes.link(lab, Link("moon:eth2", {"up": False})).lab
    # The definition of one end is as before, and nobody knows whether the guest is.
    now = after.with_guest(lab.guests["moon"])
    wish = given_back(now, changed(lab, after), ["moon", "sun", "alice"], layers=True)
    assert wish.lab == lab
    assert wish.scope.guests == {"moon", "sun"}


def test_what_somebody_else_has_changed_stays(lab: Lab) -> None:
    after = changes.link(lab, Link("moon:eth2", {"up": False})).lab
    now = after.with_guest(dataclasses.replace(after.guests["moon"], mem=256)).without_guest("sun")
    wish = given_back(now, changed(lab, after), ["moon", "sun", "alice"], layers=True)
    assert wish.lab == now
    assert not wish.scope.guests


def test_what_is_loaded_is_taken_back_where_nothing_else_does(lab: Lab) -> None:
    after = changes.layer(lab, "psk", ["moon"]).lab
    known = changed(lab, after)
    assert given_back(after, known, [], layers=True).lab == lab
    assert given_back(after, known, [], layers=False).lab == after


@pytest.fixture
def note(tmp_path: Path) -> Note:
    return Note(Workdir(tmp_path))


def test_a_note_tells_the_next_run_what_a_test_has_changed(lab: Lab, note: Note, tmp_path: Path) -> None:
    assert not note.read()
    middle = changes.link(lab, Link("moon:eth2", {"up": False, "loss": 3.0})).lab
    after = changes.link(middle, Link("moon:eth0", {"mtu": 1400})).lab
    after = changes.power(after, SetPower(("moon",), Power.PAUSED)).lab
    note.begin("tunnel", ["moon", "sun"])
    note.add(lab, middle, ["moon", "sun", "new"])
    note.add(middle, after, ["moon"])
    note.add(middle, after, ["moon"])

    found = Note(Workdir(tmp_path))
    assert found.read()
    assert (found.test, found.guests) == ("tunnel", ("moon", "sun"))
    # What was before the first change counts, and what was after the last two.
    assert found.changed == {
        "moon": Changed(lab.guests["moon"], (middle.guests["moon"], after.guests["moon"])),
        "sun": Changed(lab.guests["sun"], (middle.guests["sun"],)),
    }
    # A run that was killed may have come to either of them.
    for now in (lab, middle, after):
        assert given_back(now, found.changed, [], layers=True).lab == lab
    note.forget_changes()
    assert Note(Workdir(tmp_path)).read()
    note.end()
    assert not Note(Workdir(tmp_path)).read()


def test_what_is_not_to_change_is_not_noted(lab: Lab, note: Note) -> None:
    note.add(lab, lab, ["moon"])
    assert not note.changed
    assert not note.read()


def test_a_bridge_of_a_lab_without_scenario_is_no_cable() -> None:
    assert not changes.is_cable(None)
    assert not changes.is_cable(Bridge("br0"))
    assert changes.is_cable(Bridge("x", group_fwd_mask=65528, multicast_snooping=False))
    assert changes.found(Lab("x", "x", {"a": Guest("a", interfaces={"e": Iface("a", "e")})}), "a:e") == Iface("a", "e")
