# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab becomes the text of a scenario, and that becomes the same lab."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import rules
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    ANY_CPU,
    Bridge,
    Guest,
    Iface,
    InjectedFault,
    Lab,
    Power,
    Readiness,
    ReadyCommand,
    Route,
    Stopping,
    UnionEngine,
    Userspace,
    derived_mac,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.settings import BRIDGE, GUEST, IFACE
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import adopt, loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import TRANSPARENT, Scenario
from ansible_collections.dumm.lab.tests.unit.helpers import labs, texts

# For each setting some values; a setting that is new needs a row, which the test below asks for.
OF_GUESTS: dict[str, list[Any]] = {
    "kernel": ["tuned", "/srv/linux", "6.1"],
    "master": ["bookworm", "/srv/on"],
    "mem": [32, 64],
    "init": ["minimal", "/sbin/init"],
    "cmdline": ["quiet debug", "a=b#c", "on"],
    "userspace": list(Userspace),
    "confine": [False],
    "disk": [64],
    "cpu": [3, ANY_CPU],
    "layers": [("/srv/a", "layers/b")],
    "union": list(UnionEngine),
    "stop": list(Stopping),
    "faults": [(InjectedFault("/var/*", ("read",), "EIO", 20.0), InjectedFault("*.log", delay=1.5))],
    "ready": [*Readiness, ReadyCommand("pidof bird"), ReadyCommand("true", 300.0), ReadyCommand("true", 0.5)],
    "routes": [(), (Route("default", "10.0.0.1"), Route("10.9.0.0/16", dev="eth0", metric=0))],
    "sysctl": [(("a.b", "007"), ("net.ipv4.ip_forward", "1"), ("net.ipv4.ping_group_range", "0 10"))],
    "labels": [{"role": "router", "on": "on", "rack": "12"}],
    "vars": [{"a": [1, None, {"b": "10:20"}], "c": 1.5, "d": "two\nlines\n", "e": True}],
}
OF_IFACES: dict[str, list[Any]] = {
    "mac": ["02:00:00:00:00:0a", "derived"],
    "mtu": [1400, 9000],
    "up": [False],
    "conditions": [
        Conditions(),
        Conditions(delay=20.0),
        Conditions(delay=0.0005, jitter=1.25, loss=0.1, reorder=3.0, rate=10_000_000, slot=(10.0, 30.0)),
        Conditions(rate=1234, slot=(5.0, 5.0)),
    ],
}
OF_BRIDGES: dict[str, list[Any]] = {
    "mtu": [1400],
    "stp": [True],
    "group_fwd_mask": [TRANSPARENT, 8],
    "multicast_snooping": [False],
}


def test_every_setting_is_tried() -> None:
    assert set(OF_GUESTS) == {row.name for row in GUEST}
    assert set(OF_IFACES) == {row.name for row in IFACE} - {"bridge", "address"}
    assert set(OF_BRIDGES) == {row.name for row in BRIDGE if row.in_file} - {"address"}


def some(dice: random.Random, table: dict[str, list[Any]], share: float) -> dict[str, Any]:
    """Some settings."""
    return {name: dice.choice(values) for name, values in table.items() if dice.random() < share}


def drawn(dice: random.Random) -> Lab:
    """A lab of a few guests, segments and cables, with a bit of everything."""
    share = dice.choice([0.0, 0.1, 0.4])
    lab = labs.lab()
    bridges = dice.sample(["lan", "wan", "on", "x1"], dice.randint(0, 3))
    for name in bridges:
        leg = dice.choice([None, None, (), ("10.0.0.254/24",), ("10.0.0.2/24", "fd00::fe/64")])
        lab = lab.with_bridge(Bridge(name, leg, **some(dice, OF_BRIDGES, share)))
    same = some(dice, OF_GUESTS, share)
    for name in dice.sample(["moon", "sun", "alice", "bob", "null", "v6"], dice.randint(0, 6)):
        lab = lab.with_guest(Guest(name, **{**same, **some(dice, OF_GUESTS, share / 2)}))
        for number in range(dice.randint(0, 4)):
            lab = lab.with_iface(iface(dice, lab, name, f"eth{number}", dice.choice([*bridges, None]), share))
    return cabled(dice, lab)


def iface(dice: random.Random, lab: Lab, guest: str, name: str, bridge: str | None, share: float) -> Iface:
    """An interface, most often with the next address of its segment."""
    number = len(lab.ports(bridge)) + 1 if bridge else 77
    following = (f"10.0.0.{number}/24",)
    addresses = dice.choice(
        [following] * 6 + [None, (), (f"10.0.0.{number}/24", f"fd00::{number:x}/64"), ("10.0.0.99/24",)]
    )
    made = Iface(guest, name, bridge, addresses=addresses, **some(dice, OF_IFACES, share))
    return dataclasses.replace(made, mac=derived_mac(lab.name, made.label)) if made.mac == "derived" else made


def cabled(dice: random.Random, lab: Lab) -> Lab:
    """The same with cables between interfaces that are in no segment."""
    free = [each for each in lab.ifaces() if each.bridge is None]
    dice.shuffle(free)
    for number, (one, other) in enumerate(zip(free[::2], free[1::2], strict=False)):
        name = "--".join(sorted((f"{one.guest}-{one.name}", f"{other.guest}-{other.name}")))
        if dice.random() < 0.2:
            name = f"cable{number}"
        lab = lab.with_bridge(Bridge(name, group_fwd_mask=TRANSPARENT, multicast_snooping=False))
        both = [(one, f"192.0.2.{2 * number}/31"), (other, f"192.0.2.{2 * number + 1}/31")]
        for end, address in dice.choice([both, both[::-1]]):
            given = dice.choice([(address,), (address,), end.addresses])
            lab = lab.with_iface(dataclasses.replace(end, bridge=name, addresses=given))
    return lab


def loaded(text: str) -> Scenario:
    """What a text describes."""
    return loader.load(text, name="test", place="adopted.yml")


@given(st.integers(min_value=0, max_value=2**32))
def test_what_is_read_from_the_text_of_a_lab_is_the_lab(seed: int) -> None:
    lab = drawn(random.Random(seed))
    assume(not list(rules.check(lab)))
    text = adopt.adopt(lab)
    try:
        found = loaded(text)
    except Invalid as exc:
        # What a scenario's file refuses beyond the rules of the model, whatever wrote it.
        assume(
            not any(
                each in str(exc) for each in ("next hop", "is in no prefix", "there is no interface", "own address")
            )
        )
        raise

    assert adopt.matches(found, lab), text
    assert {name: list(guest.interfaces) for name, guest in found.guests.items()} == {
        name: list(guest.interfaces) for name, guest in lab.guests.items()
    }


def test_scenarios_of_the_checkout_come_back() -> None:
    tried = 0
    for text in texts.real():
        try:
            known = loaded(text)
        except InvalidInput:
            continue
        lab = Lab("test", "test", known.guests, known.bridges)
        again = loaded(adopt.adopt(lab, known))
        assert adopt.matches(again, lab)
        assert (again.files, again.run, again.restart_services, again.hosts) == (
            *(known.files, known.run, known.restart_services),
            known.hosts,
        )
        tried += 1

    assert tried > 20


def test_the_text_is_what_a_person_would_write() -> None:
    late = Conditions(delay=20)
    moon = [
        Iface("moon", "eth0", "lan", addresses=("10.0.0.1/24", "fd00::1/64")),
        Iface("moon", "eth1", "moon-eth1--sun-eth0", addresses=("192.0.2.1/31",), conditions=late),
    ]
    guests = [
        labs.guest("moon", *moon, mem=64, sysctl=(("net.ipv4.ip_forward", "1"),)),
        labs.guest("sun", Iface("sun", "eth0", "moon-eth1--sun-eth0", addresses=("192.0.2.0/31",), conditions=late)),
        labs.guest(
            "alice", Iface("alice", "eth0", "lan", addresses=("10.0.0.2/24", "fd00::2/64")), power=Power.RUNNING
        ),
        labs.guest("bob", Iface("bob", "eth0", "lan", addresses=("10.0.0.99/24",), mtu=1400)),
    ]
    guests = [dataclasses.replace(each, master="bookworm") for each in guests]
    cable = Bridge("moon-eth1--sun-eth0", group_fwd_mask=TRANSPARENT, multicast_snooping=False)

    assert (
        adopt.adopt(labs.lab(*guests, Bridge("lan"), cable))
        == """\
defaults: {master: bookworm}

bridges:
  lan: {prefix: [10.0.0.0/24, "fd00::/64"]}

guests:
  moon:
    mem: 64
    sysctl: {net.ipv4.ip_forward: 1}
    interfaces:
      eth0: {bridge: lan}
  sun:
  alice:
    interfaces:
      eth0: {bridge: lan}
  bob:
    interfaces:
      eth0: {bridge: lan, address: 10.0.0.99/24, mtu: 1400}

links:
  - {a: sun:eth0, b: moon:eth1, prefix: 192.0.2.0/31, delay: 20ms}
"""
    )


def test_what_cannot_be_understood_is_not_written() -> None:
    lab = dataclasses.replace(
        labs.lab(Guest("moon")), damaged={"guest moon": InvalidInput("guest moon", "it is cut off", "")}
    )

    with pytest.raises(InvalidInput, match="it is cut off"):
        adopt.adopt(lab)
