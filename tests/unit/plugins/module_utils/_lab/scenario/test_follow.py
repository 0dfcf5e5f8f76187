# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab changes, and the text of its scenario follows with few changes of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import functools
import random
from collections.abc import Callable

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import rules
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface, Lab
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import adopt, follow, loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import TRANSPARENT
from ansible_collections.dumm.lab.tests.unit.helpers import texts

TEXT = """\
# The lab of the course.
defaults: {mem: 64}
groups:
  router: {sysctl: {net.ipv4.ip_forward: 1}, mem: 96}

bridges:
  lan: {prefix: 10.0.0.0/24}  # clients
  wan:
    interfaces: [moon:eth1, sun:eth0]

guests:
  moon:
    groups: [router]  # the gateway
    interfaces:
      eth0: {bridge: lan}
  sun:
    files: {/etc/motd: "hello\\n"}
  alice:
    interfaces:
      eth0: {bridge: lan}
links:
  - moon:eth2 -- sun:eth2   # direct
  - {a: moon:eth3, b: alice:eth3, prefix: 192.0.2.0/31}
"""


def lab_of(text: str) -> Lab:
    """The lab that a text describes."""
    found = loader.load(text, name="test", place="lab.yml")
    return Lab("test", "test", found.guests, found.bridges)


def followed(text: str, lab: Lab) -> str:
    """The text afterwards, which describes the lab."""
    after = follow.follow(text, lab, name="test", place="lab.yml")
    assert adopt.matches(loader.load(after, name="test", place="after.yml"), lab, in_order=False), after
    return after


def guest(lab: Lab, name: str, **changes: object) -> Lab:
    """A lab with another setting of a guest."""
    return lab.with_guest(dataclasses.replace(lab.guests[name], **changes))  # type: ignore[arg-type]


def iface(lab: Lab, name: str, port: str, **changes: object) -> Lab:
    """A lab with another setting of an interface."""
    return lab.with_iface(dataclasses.replace(lab.guests[name].interfaces[port], **changes))  # type: ignore[arg-type]


def cable(lab: Lab) -> Lab:
    """A lab with one more cable."""
    name = "alice-eth7--sun-eth7"
    lab = lab.with_bridge(Bridge(name, group_fwd_mask=TRANSPARENT, multicast_snooping=False))
    return lab.with_iface(Iface("alice", "eth7", name)).with_iface(Iface("sun", "eth7", name))


def test_a_cable_of_guests_with_two_hyphens_in_their_names_is_taken_out() -> None:
    text = "# mine\nguests:\n  x--y:\n  x--z:\nlinks:\n  - x--y:eth0 -- x--z:eth0\n  - x--z:eth1 -- x--y:eth1  # kept\n"
    lab = lab_of(text).without_bridge("x--y-eth0--x--z-eth0")
    lab = lab.without_iface("x--y", "eth0").without_iface("x--z", "eth0")
    assert followed(text, lab) == text.replace("  - x--y:eth0 -- x--z:eth0\n", "")


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (lambda lab: guest(lab, "alice", mem=128), ["+    mem: 128"]),
        (lambda lab: guest(lab, "moon", mem=128), ["+    mem: 128"]),
        (lambda lab: guest(lab, "sun", sysctl=(("a.b", "1"),)), ["+    sysctl: {a.b: 1}"]),
        (
            lambda lab: lab.with_guest(
                Guest("bob", mem=64, interfaces={"eth0": Iface("bob", "eth0", "lan", addresses=("10.0.0.3/24",))})
            ),
            ["+  bob:", "+    interfaces:", "+      eth0: {bridge: lan}"],
        ),
        (
            lambda lab: iface(lab, "alice", "eth0", addresses=("10.0.0.9/24",)),
            ["-      eth0: {bridge: lan}", "+      eth0: {bridge: lan, address: 10.0.0.9/24}"],
        ),
        (cable, ["+  - sun:eth7 -- alice:eth7"]),
        (
            lambda lab: lab.without_iface("sun", "eth0"),
            ["-    interfaces: [moon:eth1, sun:eth0]", "+    interfaces: [moon:eth1]"],
        ),
        (
            lambda lab: (
                lab.without_iface("moon", "eth2").without_iface("sun", "eth2").without_bridge("moon-eth2--sun-eth2")
            ),
            ["-  - moon:eth2 -- sun:eth2   # direct"],
        ),
        (lambda lab: lab.with_bridge(Bridge("dmz", stp=True)), ["+  dmz:", "+    stp: true"]),
    ],
)
def test_a_change_of_the_lab_is_one_of_the_text(change: Callable[[Lab], Lab], lines: list[str]) -> None:
    after = followed(TEXT, change(lab_of(TEXT)))

    diff = difflib.unified_diff(TEXT.splitlines(), after.splitlines(), n=0, lineterm="")
    assert sorted(line for line in diff if not line.startswith(("---", "+++", "@@"))) == sorted(lines)


def test_what_a_prefix_would_number_anew_keeps_its_address() -> None:
    lab = lab_of(TEXT)
    moved = lab.without_iface("moon", "eth0")

    after = followed(TEXT, moved)

    assert "eth0: {bridge: lan, address: 10.0.0.2/24}" in after
    assert "# clients" in after


@functools.cache
def scenarios() -> tuple[str, ...]:
    """All texts of the checkout that describe a lab."""
    found = [TEXT]
    for text in texts.real():
        with contextlib.suppress(InvalidInput):
            lab_of(text)
            found.append(text)
    return tuple(found)


def test_a_guest_that_is_plugged_in_before_others_leaves_them_their_addresses() -> None:
    # Alone, the text would number all of them anew (docs/reference/scenario.md, "What a change touches").
    text = TEXT.replace("guests:\n", "guests:\n  first:\n    interfaces:\n      eth0:\n")
    lab = iface(lab_of(text), "first", "eth0", bridge="lan", addresses=("10.0.0.3/24",))

    after = followed(text, lab)

    assert after.count("{bridge: lan, address: 10.0.0.") == 3
    assert len(after.splitlines()) == len(text.splitlines())


def test_a_lab_that_has_not_changed_leaves_every_byte() -> None:
    for text in scenarios():
        assert follow.follow(text, lab_of(text), name="test", place="lab.yml") == text


def test_tests_stay_where_the_text_is_written_anew_and_are_never_lost() -> None:
    text = f"{TEXT}tests:\n  ping:\n    steps:\n      - {{on: alice, run: ping -c 1 moon, code: 0}}\n"
    # One port is written for two guests, so that the text cannot follow a change of one of them.
    text = text.replace("eth0: {bridge: lan}", "eth0: &port {bridge: lan}", 1).replace(
        "eth0: {bridge: lan}", "eth0: *port", 1
    )

    after = followed(text, iface(lab_of(text), "moon", "eth0", mtu=1400))

    assert "&port" not in after
    assert "run: ping -c 1 moon" in after
    with pytest.raises(Invalid, match="alice"):
        follow.follow(text, lab_of(text).without_guest("alice"), name="test", place="lab.yml")


@given(st.integers(min_value=0, max_value=2**32))
def test_any_text_follows_any_change(seed: int) -> None:
    dice = random.Random(seed)
    text = dice.choice(scenarios())
    lab = lab_of(text)
    for _change in range(dice.randint(1, 3)):
        lab = changed(dice, lab)
    assume(not list(rules.check(lab)))
    try:
        after = followed(text, lab)
    except Invalid as exc:
        # What a scenario's file refuses beyond the rules of the model, whatever wrote it.
        told = ("is in no prefix", "own address", "there is no interface", ": tests.")
        assume(not any(each in str(exc) for each in told))
        raise
    kept = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    event("anew" if kept and not any(line in after.splitlines() for line in kept) else "followed")


def changed(dice: random.Random, lab: Lab) -> Lab:
    """A lab after somebody has typed something."""
    names = sorted(lab.guests)
    what = dice.choice(["guest", "gone", "mem", "sysctl", "plug", "unplug", "address", "cable", "bridge", "mtu"])
    if what == "guest" or not names:
        bridge = dice.choice([None, *lab.bridges])
        return lab.with_guest(
            Guest("new", mem=dice.choice([64, 128]), interfaces={"eth0": Iface("new", "eth0", bridge)})
        )
    name = dice.choice(names)
    owner = lab.guests[name]
    if what == "gone":
        return lab.without_guest(name)
    if what == "mem":
        return guest(lab, name, mem=dice.choice([64, 128, 200]))
    if what == "sysctl":
        return guest(lab, name, sysctl=dice.choice([(), (("a.b", "2"),), (("net.ipv4.ip_forward", "0"),)]))
    if what == "bridge":
        bridge = dice.choice([Bridge("new-lan"), *lab.bridges.values()])
        return lab.with_bridge(dataclasses.replace(bridge, stp=not bridge.stp))
    if what == "cable":
        other = dice.choice(names)
        made = "--".join(sorted((f"{name}-x1", f"{other}-x2")))
        lab = lab.with_bridge(Bridge(made, group_fwd_mask=TRANSPARENT, multicast_snooping=False))
        return lab.with_iface(Iface(name, "x1", made)).with_iface(Iface(other, "x2", made))
    if what == "plug" or not owner.interfaces:
        return lab.with_iface(
            Iface(
                name, "y1", dice.choice([None, *lab.bridges]), addresses=dice.choice([None, (), ("198.51.100.7/24",)])
            )
        )
    port = dice.choice(list(owner.interfaces))
    if what == "unplug":
        return dice.choice([lab.without_iface(name, port), iface(lab, name, port, bridge=None)])
    if what == "mtu":
        return iface(lab, name, port, mtu=1400)
    return iface(lab, name, port, addresses=dice.choice([(), ("198.51.100.9/24",)]))
