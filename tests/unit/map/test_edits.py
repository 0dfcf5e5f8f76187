# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clicks become edits of the scenario's text: what was meant, few lines, and nobody else's address."""

from __future__ import annotations

import difflib
import functools
import random
import re
from collections import Counter
from typing import Any

import pytest
from dumm_lab.map.root.described import Described
from dumm_lab.map.root.edits import ends_of, given_of, understood
from dumm_lab.map.root.steady import edited
from hypothesis import assume, event, given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Iface
from ansible_collections.dumm.lab.tests.unit.helpers import texts

TEXT = """\
# The campus.
pools:
  links: {prefix: 10.255.0.0/24}

bridges:
  lan: {prefix: 10.1.0.0/24}   # the office
  lan-b: {prefix: 10.2.0.0/24}
  wan:
    interfaces: [moon:wan0, sun:eth5]  # listed here

guests:
  moon:
    interfaces:
      eth0: {bridge: lan}
  sun:
    interfaces:
      eth0: {bridge: lan}
      eth1: {bridge: lan-b}
  bob:   # a user
    interfaces:
      eth0: {bridge: lan-b}
  dave:
    interfaces:
      eth0: {bridge: lan-b, delay: 5ms}
  carol:

links:
  - moon:eth1 -- sun:eth2   # the first
  - bob:eth1 -- dave:eth1
  - {a: bob:eth2, b: carol:eth0, delay: 10ms}
  - dave:eth2 -- carol:eth1
"""


def described(text: str = TEXT) -> Described:
    """A text understood."""
    return Described.of(text, name="campus", place="campus.yml")


def after(*edits: dict[str, Any], text: str = TEXT) -> str:
    """A text after edits."""
    state = described(text)
    for each in edits:
        state, made = edited(state, understood(each))
        # What is stored of an edit means the same.
        assert given_of(understood(given_of(made))) == given_of(made)
    return state.text


def changed(*edits: dict[str, Any], text: str = TEXT) -> list[str]:
    """The lines that go and come."""
    lines = difflib.unified_diff(text.splitlines(), after(*edits, text=text).splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def refused(*edits: dict[str, Any], text: str = TEXT) -> str:
    """The sentence with which edits are refused."""
    with pytest.raises(DummError) as caught:
        after(*edits, text=text)
    return str(caught.value)


# Cables


def test_a_cable_is_a_line() -> None:
    told = {"do": "cable.add", "a": "carol:eth7", "b": "moon:eth9", "prefix": "10.9.0.0/30"}
    assert changed(told) == ["+  - {a: carol:eth7, b: moon:eth9, prefix: 10.9.0.0/30}"]


def test_a_cable_between_guests_gets_the_next_free_interfaces_and_a_pool_gives_its_prefix() -> None:
    assert changed({"do": "cable.add", "a": "carol", "b": "moon", "prefix": "auto"}) == ["+  - carol:eth2 -- moon:eth2"]


def test_cables_without_a_pool_get_prefixes_one_after_the_other() -> None:
    text = "guests:\n  alice:\n  bob:\nlinks:\n  - {a: alice:eth0, b: bob:eth0, prefix: 10.7.0.0/31}\n"
    told = {"do": "cable.add", "a": "alice", "b": "bob", "prefix": "auto"}
    assert changed(told, told, text=text) == [
        "+  - {a: alice:eth1, b: bob:eth1, prefix: 10.7.0.2/31}",
        "+  - {a: alice:eth2, b: bob:eth2, prefix: 10.7.0.4/31}",
    ]


def test_a_guest_may_have_a_cable_to_itself() -> None:
    told = {"do": "cable.add", "a": "carol", "b": "carol", "prefix": "auto"}
    assert changed(told) == ["+  - carol:eth2 -- carol:eth3"]


def test_a_cable_that_goes_leaves_the_addresses_of_those_behind_it() -> None:
    assert changed({"do": "cable.remove", "id": "moon:eth1--sun:eth2"}) == [
        "-  - moon:eth1 -- sun:eth2   # the first",
        "-  - bob:eth1 -- dave:eth1",
        "+  - {a: bob:eth1, b: dave:eth1, prefix: 10.255.0.2/31}",
    ]


def test_of_a_pool_with_a_name_the_ends_keep_their_addresses() -> None:
    text = (
        "pools:\n  p: {prefix: 10.3.0.0/24}\nguests:\n  a:\n  b:\nlinks:\n"
        "  - {a: a:eth0, b: b:eth0, pool: p}\n  - {a: a:eth1, b: b:eth1, pool: p}\n"
    )
    now = described(after({"do": "cable.remove", "id": "a:eth0--b:eth0"}, text=text))
    assert now.iface(("a", "eth1")) == described(text).iface(("a", "eth1"))
    assert [link.get("pool") for link in now.links] == ["p"]


@pytest.mark.parametrize(
    "given_, line",
    [
        ({"direction": "both", "conditions": {"delay": "60ms"}}, "  - {a: bob:eth1, b: dave:eth1, delay: 60ms}"),
        ({"direction": "to_b", "conditions": {"loss": "1%"}}, "  - a: {guest: bob, interface: eth1, loss: 1%}"),
    ],
)
def test_conditions_of_a_cable(given_: dict[str, Any], line: str) -> None:
    text = after({"do": "cable.set", "id": "bob:eth1--dave:eth1", **given_})
    assert line in text.splitlines()


def test_conditions_are_taken_away_where_they_are_written() -> None:
    both = {"do": "cable.set", "id": "bob:eth2--carol:eth0", "direction": "both", "conditions": {"delay": None}}
    assert changed(both)[1] == "+  - {a: bob:eth2, b: carol:eth0}"
    one = {**both, "direction": "to_a"}
    state = described(after(one))
    sent = {
        label: state.lab.guests[label[0]].interfaces[label[1]].conditions
        for label in (("bob", "eth2"), ("carol", "eth0"))
    }
    assert [each.delay if each else 0 for each in sent.values()] == [10.0, 0.0]


def test_a_condition_that_an_end_has_of_its_own_is_set_there() -> None:
    text = "guests:\n  a:\n    interfaces:\n      e0: {delay: 5ms}\n  b:\nlinks:\n  - {a: {guest: b, interface: e0, loss: 1%}, b: a:e0}\n"
    told = {"do": "cable.set", "id": "a:e0--b:e0", "direction": "to_b", "conditions": {"delay": "7ms"}}
    assert changed(told, text=text) == ["-      e0: {delay: 5ms}", "+      e0: {delay: 7ms}"]
    told = {"do": "cable.set", "id": "a:e0--b:e0", "direction": "to_a", "conditions": {"loss": "2%"}}
    assert "loss: 2%" in changed(told, text=text)[1]


def test_a_cable_goes_down_and_up() -> None:
    down = {"do": "state.set", "cable": "bob:eth1--dave:eth1", "state": "down"}
    assert changed(down)[1] == "+  - {a: bob:eth1, b: dave:eth1, state: down}"
    state = described(after(down, {**down, "state": "up"}))
    assert all(iface.up for iface in state.lab.ifaces())


def test_names_with_two_hyphens_are_understood() -> None:
    text = "guests:\n  x--y:\n  z:\nlinks:\n  - x--y:eth0 -- z:eth0\n  - z:eth1 -- x--y:eth1\n"
    assert changed({"do": "cable.remove", "id": "x--y:eth0--z:eth0"}, text=text) == ["-  - x--y:eth0 -- z:eth0"]
    assert ends_of("x--y:eth0--z:eth0") == ("x--y:eth0", "z:eth0")


# Segments


def test_who_comes_before_others_leaves_them_their_addresses() -> None:
    """F3: automatic addresses follow the order of the file."""
    assert changed({"do": "plug", "guest": "moon", "segment": "lan-b"}) == [
        "+      eth2: {bridge: lan-b, address: 10.2.0.4/24}",
        "-      eth1: {bridge: lan-b}",
        "+      eth1: {bridge: lan-b, address: 10.2.0.1/24}",
        "-      eth0: {bridge: lan-b}",
        "+      eth0: {bridge: lan-b, address: 10.2.0.2/24}",
        "-      eth0: {bridge: lan-b, delay: 5ms}",
        "+      eth0: {bridge: lan-b, delay: 5ms, address: 10.2.0.3/24}",
    ]


def test_who_comes_last_is_a_line() -> None:
    text = TEXT.replace("  carol:\n", "  carol:\n    interfaces:\n      eth9: {}\n")
    told = {"do": "plug", "guest": "carol", "interface": "eth9", "segment": "lan-b"}
    assert changed(told, text=text) == ["-      eth9: {}", "+      eth9: {bridge: lan-b}"]


def test_who_goes_away_leaves_one_address_to_be_written() -> None:
    assert changed({"do": "unplug", "guest": "sun", "interface": "eth1"}) == [
        "-      eth1: {bridge: lan-b}",
        "+      eth1: {}",
        "-      eth0: {bridge: lan-b}",
        "+      eth0: {bridge: lan-b, address: 10.2.0.2/24}",
    ]


def test_a_cable_is_to_be_removed_before_its_interface_is_plugged_elsewhere() -> None:
    said = refused({"do": "plug", "guest": "bob", "interface": "eth1", "segment": "lan"})
    assert said == "interface bob:eth1: it has a cable to dave:eth1; remove that first"


def test_an_interface_is_not_plugged_in_twice() -> None:
    said = refused({"do": "plug", "guest": "moon", "interface": "wan0", "segment": "wan"})
    assert said == "interface moon:wan0: it is plugged into wan already; choose another segment"


def test_an_address_of_another_segment_does_not_come_along() -> None:
    set_ = {"do": "address.set", "guest": "sun", "interface": "eth1", "address": "10.2.0.9/24"}
    state = described(after(set_, {"do": "plug", "guest": "sun", "interface": "eth1", "segment": "lan"}))
    assert state.iface(("sun", "eth1")) == Iface("sun", "eth1", "lan", addresses=("10.1.0.3/24",))


def test_an_interface_in_the_list_of_a_segment_is_unplugged_there() -> None:
    assert changed({"do": "interface.remove", "guest": "moon", "interface": "wan0"}) == [
        "-    interfaces: [moon:wan0, sun:eth5]  # listed here",
        "+    interfaces: [sun:eth5]  # listed here",
    ]
    state = described(after({"do": "unplug", "guest": "moon", "interface": "wan0"}))
    assert state.iface(("moon", "wan0")) == Iface("moon", "wan0")


def test_a_segment_goes_and_its_interfaces_stay() -> None:
    state = described(after({"do": "segment.remove", "name": "lan"}))
    assert "lan" not in state.scenario.bridges
    assert state.iface(("moon", "eth0")) == Iface("moon", "eth0")


def test_a_new_segment_has_the_next_free_prefix() -> None:
    text = "guests:\n  a:\nbridges:\n  lan: {prefix: 10.2.0.0/24}\n"
    told = {"do": "segment.add", "name": "dmz", "prefix": "auto"}
    assert changed(told, text=text) == ["+  dmz: {prefix: 10.2.1.0/24}"]


def test_another_prefix_numbers_the_segment_anew() -> None:
    state = described(after({"do": "segment.set", "name": "lan", "path": ["prefix"], "value": "10.8.0.0/24"}))
    assert [port.addresses for port in state.lab.ports("lan")] == [("10.8.0.1/24",), ("10.8.0.2/24",)]


# Guests


def test_the_first_guest_makes_the_scenario() -> None:
    text = after(
        {"do": "guest.add", "name": "alice"},
        {"do": "guest.add", "name": "bob", "settings": {"mem": 64}},
        {"do": "cable.add", "a": "alice", "b": "bob", "prefix": "auto"},
        text="",
    )
    assert text == (
        "guests:\n  alice:\n  bob: {mem: 64}\nlinks:\n  - {a: alice:eth0, b: bob:eth0, prefix: 10.255.0.0/30}\n"
    )


def test_a_guest_goes_with_its_cables() -> None:
    text = after({"do": "guest.remove", "name": "bob"})
    assert "bob" not in text
    state, before = described(text), described()
    assert state.iface(("dave", "eth0")) == before.iface(("dave", "eth0"))
    assert state.iface(("dave", "eth2")) == before.iface(("dave", "eth2"))
    assert state.iface(("carol", "eth0")) is None


def test_the_last_guest_goes() -> None:
    assert described(after({"do": "guest.remove", "name": "a"}, text="guests:\n  a:\n")).scenario.guests == {}


def test_a_setting_is_given_and_taken_away() -> None:
    told = {"do": "guest.set", "name": "carol", "path": ["mem"], "value": 96}
    assert changed(told) == ["+    mem: 96"]
    assert described(after(told, {**told, "value": None})).scenario == described().scenario


@pytest.mark.parametrize(
    "given_, said",
    [
        ({"do": "guest.add", "name": "bob"}, "guest bob: there is one already; choose another name"),
        ({"do": "guest.add", "name": "a b"}, "guests['a b']: the name is not a DNS label"),
        ({"do": "guest.remove", "name": "bbo"}, "guest bbo: scenario campus has no such guest; did you mean bob?"),
        ({"do": "guest.set", "name": "bob", "path": ["mem"], "value": "x"}, "guests.bob.mem: 'x' is text"),
        ({"do": "guest.set", "name": "bob", "path": ["mem"]}, "guest bob: the text does not set mem there"),
        ({"do": "segment.remove", "name": "dmz"}, "segment dmz: scenario campus has no such segment"),
        ({"do": "cable.add", "a": "bob:eth0", "b": "carol"}, "bob:eth0 is already plugged in by its guest"),
        ({"do": "cable.add", "a": "bob:e9", "b": "bob:e9"}, "a cable has two ends"),
        ({"do": "cable.remove", "id": "bob:eth1--carol:eth1"}, "scenario campus has no such cable"),
        ({"do": "cable.set", "id": "bob:eth1--dave:eth1", "conditions": {"dely": 1}}, "did you mean delay?"),
        ({"do": "unplug", "guest": "bob", "interface": "eth7"}, "interface bob:eth7: there is no such interface"),
        ({"do": "address.set", "guest": "bob", "interface": "eth0", "address": "10.2.0.1/24"}, "10.2.0.1"),
        ({"do": "fly"}, "edit 'fly': there is no such edit"),
        ({"do": "guest.add"}, "edit guest.add: 'name' is not text; reload the page"),
        ("guest.add", "edit: it is no object; reload the page"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(given_: Any, said: str) -> None:
    assert said in refused(given_)


def test_a_test_that_needs_a_guest_keeps_it() -> None:
    text = "guests:\n  a:\n  b:\ntests:\n  t: {steps: [{ping: a -> b}]}\n"
    assert "campus.yml:" in refused({"do": "guest.remove", "name": "a"}, text=text)


# Anchors


ANCHORS = """\
guests:
  a:
    interfaces: &two
      eth0: {bridge: lan}
      eth1: {mtu: 1400}
  b: {interfaces: *two}
  c: &c {mem: 64}
  d: {<<: *c, cmdline: x}
bridges:
  lan:
"""


@pytest.mark.parametrize(
    "given_, said",
    [
        ({"do": "plug", "guest": "b", "interface": "eth1", "segment": "lan"}, "it is an alias, *two"),
        (
            {"do": "plug", "guest": "a", "interface": "eth1", "segment": "lan"},
            "it belongs to the anchor two, which line 6",
        ),
        ({"do": "guest.set", "name": "d", "path": ["mem"]}, "it comes from an anchor by <<"),
    ],
)
def test_what_an_anchor_repeats_is_refused_with_its_line(given_: dict[str, Any], said: str) -> None:
    found = refused(given_, text=ANCHORS)
    assert said in found and "campus.yml:" in found


def test_what_an_anchor_brings_is_overridden() -> None:
    told = {"do": "guest.set", "name": "d", "path": ["mem"], "value": 96}
    assert changed(told, text=ANCHORS)[1] == "+  d: {<<: *c, cmdline: x, mem: 96}"


# Random edits of random labs


@functools.cache
def scenarios() -> tuple[str, ...]:
    """Texts that are scenarios with something in them."""
    found = []
    for text in (TEXT, ANCHORS, *texts.real()):
        try:
            if described(text).scenario.guests:
                found.append(text)
        except DummError:
            continue
    return tuple(found)


def drawn(dice: random.Random, state: Described) -> dict[str, Any]:
    """Some edit of what there is."""
    guests, segments = [*state.scenario.guests] or ["zoe"], [*state.own("bridges")]
    ports = [(iface.guest, iface.name) for iface in state.lab.ifaces()] or [("none", "eth0")]
    cables = [f"{one[0]}:{one[1]}--{other[0]}:{other[1]}" for one, other in state.pairs()] or ["x:e--y:e"]
    guest, interface = dice.choice(ports)
    conditions = dice.choice([{"delay": "7ms"}, {"loss": "2%", "delay": 3}, {"rate": "1mbit"}, {"delay": None}])
    return dice.choice(
        [
            {"do": "guest.add", "name": "zoe", "settings": dice.choice([{}, {"mem": 96}])},
            {"do": "guest.remove", "name": dice.choice(guests)},
            {"do": "guest.set", "name": dice.choice(guests), "path": ["mem"], "value": dice.choice([96, 97, None])},
            {"do": "segment.add", "name": "zone", "prefix": dice.choice([None, "auto", "10.77.0.0/24"])},
            {"do": "segment.remove", "name": dice.choice(segments or ["zone"])},
            {
                "do": "cable.add",
                "a": dice.choice(guests),
                "b": dice.choice(guests),
                "prefix": dice.choice([None, "auto"]),
            },
            {"do": "cable.remove", "id": dice.choice(cables)},
            {
                "do": "cable.set",
                "id": dice.choice(cables),
                "direction": dice.choice(["both", "to_a", "to_b"]),
                "conditions": conditions,
            },
            {"do": "plug", "guest": dice.choice(guests), "segment": dice.choice(segments or ["zone"])},
            {"do": "plug", "guest": guest, "interface": interface, "segment": dice.choice(segments or ["zone"])},
            {"do": "unplug", "guest": guest, "interface": interface},
            {"do": "interface.remove", "guest": guest, "interface": interface},
            {"do": "address.set", "guest": guest, "interface": interface, "address": "10.123.0.9/24"},
            {"do": "state.set", "iface": f"{guest}:{interface}", "state": dice.choice(["up", "down"])},
            {"do": "state.set", "cable": dice.choice(cables), "state": dice.choice(["up", "down"])},
        ]
    )


def check(given_: dict[str, Any], before: Described, now: Described) -> None:
    """What an edit means, said once more."""
    what = given_["do"]
    if what == "guest.add":
        assert now.scenario.guests["zoe"].mem == given_["settings"].get("mem", now.scenario.guests["zoe"].mem)
    elif what == "guest.remove":
        assert given_["name"] not in now.scenario.guests
    elif what == "guest.set" and given_["value"] is not None:
        assert now.scenario.guests[given_["name"]].mem == given_["value"]
    elif what.startswith("segment."):
        assert (given_["name"] in now.scenario.bridges) == (what == "segment.add")
    elif what in ("cable.add", "plug"):
        was = {(i.guest, i.name): i.bridge for i in before.lab.ifaces()}
        new = [i for i in now.lab.ifaces() if i.bridge != was.get((i.guest, i.name))]
        assert len(new) == (2 if what == "cable.add" else int(bool(new)))
        if what == "cable.add":
            assert new[0].bridge == new[1].bridge and {i.guest for i in new} == {given_["a"], given_["b"]}
        elif new:
            assert (new[0].guest, new[0].bridge) == (given_["guest"], given_["segment"])
    elif what == "cable.set":
        a, b = before.cable(given_["id"])
        senders = {"both": (a, b), "to_a": (b,), "to_b": (a,)}[given_["direction"]]
        for port in senders:
            sent = now.known_iface(port).conditions
            wanted = {"delay": {"7ms": 7.0, 3: 3.0}, "loss": {"2%": 2.0}, "rate": {"1mbit": 10**6}}
            for key, value in given_["conditions"].items():
                assert (getattr(sent, key) if sent else 0) == (0 if value is None else wanted[key][value])
    elif what == "address.set":
        assert now.known_iface((given_["guest"], given_["interface"])).addresses == (given_["address"],)
    elif what == "unplug":
        left = now.iface((given_["guest"], given_["interface"]))
        assert left is None or left.bridge is None
    elif what == "state.set":
        ports = before.cable(given_["cable"]) if "cable" in given_ else [tuple(given_["iface"].split(":"))]
        assert all(now.known_iface(port).up == (given_["state"] == "up") for port in ports)


REMOVING = ("guest.remove", "segment.remove", "cable.remove", "unplug", "interface.remove")


def comments(text: str) -> Counter[str]:
    """The comments of a text, roughly."""
    return Counter(re.findall(r"(?:^|\s)#.*", text, re.MULTILINE))


@given(seed=st.integers(0, 2**32))
def test_random_edits_mean_what_they_say_and_leave_all_else(seed: int) -> None:
    dice = random.Random(seed)
    state = described(dice.choice(scenarios()))
    made = 0
    for _time in range(2):
        given_ = drawn(dice, state)
        try:
            now, settled = edited(state, understood(given_))
        except InvalidInput as exc:
            event(f"refused {given_['do']}")
            assert str(exc).count("\n") < 25
            continue
        check(given_, state, now)
        about = {given_.get("guest"), given_.get("name"), *re.findall(r"[A-Za-z0-9-]+(?=:)", str(given_of(settled)))}
        moved = [
            iface.label
            for iface in state.lab.ifaces()
            if iface.guest not in about
            and not (given_["do"].startswith("segment") and iface.bridge == given_["name"])
            and (other := now.iface((iface.guest, iface.name))) is not None
            # The other end of a cable that goes has lost that.
            and (other.bridge is not None or iface.bridge is None)
            and other.addresses != iface.addresses
        ]
        assert moved == []
        # A value that goes takes the comment behind it along.
        goes = None in (given_.get("value", 0), *(given_.get("conditions") or {}).values())
        if given_["do"] not in REMOVING and not goes:
            assert comments(now.text) == comments(state.text)
            lines = Counter(state.text.splitlines()) - Counter(now.text.splitlines())
            pins = sum(text.count("address") + text.count("prefix") for text in (now.text,))
            assert lines.total() <= 4 + max(0, pins - state.text.count("address") - state.text.count("prefix"))
        state, made = now, made + 1
    event(f"{made} edits")
    assume(made)
