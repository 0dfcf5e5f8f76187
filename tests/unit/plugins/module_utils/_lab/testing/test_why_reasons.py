# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``why`` makes of what was seen and told, where a real lab would take long to be brought to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface, Lab, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.why_ask import Device, Route, Rule, Told
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.why_reasons import Case, Hop, judged
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.why_seen import Probe, Sight, What

ALICE, MOON, BOB = "10.1.0.10", "10.1.0.1", "10.2.0.10"
MACS = {
    "alice:eth0": "02:00:00:00:00:01",
    "moon:eth0": "02:00:00:00:00:02",
    "moon:eth1": "02:00:00:00:00:03",
    "bob:eth0": "02:00:00:00:00:04",
}
ADDRESSES = {
    "alice:eth0": f"{ALICE}/24",
    "moon:eth0": f"{MOON}/24",
    "moon:eth1": "10.2.0.1/24",
    "bob:eth0": f"{BOB}/24",
}
PLUGGED = {"alice:eth0": "lan-a", "moon:eth0": "lan-a", "moon:eth1": "lan-b", "bob:eth0": "lan-b"}
WAY = [
    ("alice:eth0", False, "moon:eth0"),
    ("moon:eth0", True, ""),
    ("moon:eth1", False, "bob:eth0"),
    ("bob:eth0", True, ""),
]
# Whom replies are sent to.
BACK = {"bob:eth0": "moon:eth1", "moon:eth0": "alice:eth0"}


def told(guest: str, **more: Any) -> Told:
    own = [label for label in MACS if label.startswith(f"{guest}:")]
    return dataclasses.replace(
        Told(
            tools=frozenset({"ip"}),
            addresses={label.partition(":")[2]: (ADDRESSES[label],) for label in own},
            devices={label.partition(":")[2]: Device(label.partition(":")[2], True, MACS[label]) for label in own},
            settings={"ipv4/ip_forward": "1"},
        ),
        **more,
    )


def lab() -> Lab:
    guests = {
        name: Guest(
            name,
            interfaces={
                port: Iface(name, port, PLUGGED[f"{name}:{port}"], addresses=(ADDRESSES[f"{name}:{port}"],))
                for label in MACS
                for owner, _colon, port in [label.partition(":")]
                if owner == name
            },
        )
        for name in ("alice", "moon", "bob")
    }
    return Lab("dumm", "dumm", guests, {name: Bridge(name) for name in ("lan-a", "lan-b")})


def case(seen: dict[str, int], replies: dict[str, int] | None = None, **more: Any) -> Case:
    """A case in which requests and replies were seen so often.

    :param seen: by the label of an interface; the way is all of ``WAY``.
    """
    found: list[Sight] = []
    for label, inward, following in WAY:
        mac = MACS[following or label]
        found += [Sight(What.REQUEST, label, inward, mac)] * seen.get(label, 0)
        found += [Sight(What.REPLY, label, not inward, MACS[BACK.get(label, label)])] * (replies or {}).get(label, 0)
    powers = dict.fromkeys(("alice", "moon", "bob"), Power.RUNNING)
    facts = {name: told(name) for name in powers}
    basic = Case(
        lab(),
        Probe(BOB, ALICE),
        3,
        powers,
        facts,
        facts,
        {},
        [
            Hop("alice", "", Route("eth0", MOON, ALICE)),
            Hop("moon", "eth0", Route("eth1")),
            Hop("bob", "eth0", Route("lo", local=True)),
        ],
        [
            Hop("bob", "", Route("eth0", "10.2.0.1")),
            Hop("moon", "eth1", Route("eth0")),
            Hop("alice", "eth0", Route("lo", local=True)),
        ],
        found,
    )
    return dataclasses.replace(basic, **more)


ALL = dict.fromkeys(MACS, 3)


def test_a_probe_that_was_answered_is_good() -> None:
    verdict = judged(case(ALL, ALL))

    assert (verdict.good, verdict.reason) == (True, "3 of 3 answered")


@pytest.mark.parametrize(
    ("replies", "hop"),
    [
        ({"bob:eth0": 3, "moon:eth1": 2, "moon:eth0": 2, "alice:eth0": 2}, "lan-b"),
        ({"bob:eth0": 3, "moon:eth1": 3, "moon:eth0": 1, "alice:eth0": 1}, "moon"),
        ({"bob:eth0": 2, "moon:eth1": 2, "moon:eth0": 2, "alice:eth0": 2}, "bob"),
    ],
)
def test_where_some_replies_were_lost_is_told(replies: dict[str, int], hop: str) -> None:
    verdict = judged(case(ALL, replies))

    assert (verdict.hop, verdict.good) == (hop, False), verdict


def test_packets_that_are_hidden_in_a_tunnel_on_the_way_are_no_loss() -> None:
    """Between the guests that encrypt, they are not seen."""
    hidden = {"alice:eth0": 3, "bob:eth0": 3}

    assert judged(case(hidden, ALL)).good
    assert judged(case(hidden)).hop == "bob"


def test_a_guest_that_only_sends_encrypted_packets_on_is_told() -> None:
    basic = case({"alice:eth0": 3, "moon:eth0": 3})
    verdict = judged(dataclasses.replace(basic, sights=[*basic.sights, Sight(What.ENCRYPTED, "moon:eth1", False)]))

    assert (verdict.hop, "encrypted (ESP)" in verdict.reason) == ("moon", True)


def test_what_counters_of_ipsec_tell_is_a_reason() -> None:
    before = {name: told(name) for name in ("alice", "moon", "bob")}
    after = {**before, "moon": told("moon", counters={"XfrmOutNoStates": 3})}
    verdict = judged(case({"alice:eth0": 3, "moon:eth0": 3}, before=before, after=after))

    assert "IPsec of moon drops it: XfrmOutNoStates has grown" in verdict.reason


@pytest.mark.parametrize(
    ("hook", "packets", "said"),
    [
        ("forward", 3, "a filter of moon drops it"),
        ("input", 3, "nothing that it tells says why"),
        ("forward", 0, "nothing that it tells says why"),
    ],
)
def test_a_rule_is_a_reason_if_it_has_dropped_something_on_the_way(hook: str, packets: int, said: str) -> None:
    before = {name: told(name, rules=(Rule("drop it", hook, 0),)) for name in ("alice", "moon", "bob")}
    after = {name: told(name, rules=(Rule("drop it", hook, packets),)) for name in before}
    verdict = judged(case({"alice:eth0": 3, "moon:eth0": 3}, before=before, after=after))

    assert (verdict.hop, said in verdict.reason) == ("moon", True), verdict


def test_a_rule_of_nftables_is_the_same_rule_after_it_has_counted() -> None:
    text = "icmp type echo-request counter packets {} bytes {} drop (table inet f, chain c)"
    before = {name: told(name, rules=(Rule(text.format(5, 420), "forward", 5),)) for name in ("alice", "moon", "bob")}
    verdict = judged(case({"alice:eth0": 3, "moon:eth0": 3}, before=before, after=before))

    assert "a filter" not in verdict.reason


def test_a_guest_that_cannot_be_asked_is_named() -> None:
    facts = {name: told(name) for name in ("alice", "bob")}
    hidden = {"before": facts, "after": facts, "unasked": {"moon": "its line does not answer"}}
    verdict = judged(case({"alice:eth0": 3, "moon:eth0": 3}, **hidden))

    assert (verdict.hop, "cannot be asked why: its line does not answer" in verdict.reason) == ("moon", True)


def test_a_guest_that_stopped_on_the_way_is_named() -> None:
    verdict = judged(
        case(
            {"alice:eth0": 3, "moon:eth0": 3}, powers={"alice": Power.RUNNING, "moon": Power.DIED, "bob": Power.RUNNING}
        )
    )

    assert verdict.reason == "guest moon is died"


def test_a_source_that_has_the_address_itself_is_told() -> None:
    verdict = judged(case({}, there=[Hop("alice", "", Route("lo", local=True))], back=[]))

    assert (verdict.hop, verdict.reason) == ("alice", "it has that address itself")


def test_what_a_segment_swallows_is_told() -> None:
    verdict = judged(case({"alice:eth0": 3}))

    assert (verdict.hop, verdict.reason) == ("lan-a", "alice:eth0 sends it, and it does not come to moon:eth0")
