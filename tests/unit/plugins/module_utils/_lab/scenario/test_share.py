# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lab hosts that know the same come to the same end, nobody moves without need, and what cannot be is refused by all alike."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface, Lab, derived_mac
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.span import Span
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import lab_hosts, loader
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.lab_hosts import Answer, LabHosts, Placement
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.loader import Scenario
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.share import Share, share, vnis, whereabouts

RING = """
guests: {r1: , r2: , r3: , r4: , h1: , h2: }
bridges:
  lan: {prefix: 10.0.0.0/24, address: 10.0.0.254/24, interfaces: [r1:eth0, r2:eth0, r3:eth0, h1:eth0]}
  idle: {}
links: [r1:eth1 -- r2:eth1, r2:eth2 -- r3:eth2, r3:eth3 -- r4:eth3, r4:eth4 -- h2:eth0]
"""


def load(source: Any) -> Scenario:
    return loader.load(source, name="big", place="big.yml")


def host(number: int, **known: Any) -> dict[str, Any]:
    """What the action plugin passes on of a lab host."""
    answer = known.pop("answer", Answer(memory=1_000_000_000, mtu=1600))
    return {
        "address": f"10.99.0.{number}",
        "weight": 1,
        "workdir": "/var/lib/dumm",
        **known,
        "answer": None if answer is None else lab_hosts.plain_answer(answer),
    }


def params(hosts: Mapping[str, Any], mine: str = "", **options: Any) -> dict[str, Any]:
    given = {"lab": None, "vxlan_port": 4789, "lost": None, "move": False, **options}
    return {"lab_hosts": json.loads(json.dumps(hosts)), "lab_host": mine or next(iter(hosts)), **given}


def known(names: Iterable[str], mine: str = "", **options: Any) -> LabHosts:
    """Lab hosts that have nothing yet; options of one host by its name."""
    hosts = {name: host(number, **options.pop(name, {})) for number, name in enumerate(names, 1)}
    return lab_hosts.understood(params(hosts, mine, **options))


def with_guests(hosts: LabHosts, there: Mapping[str, str]) -> LabHosts:
    """The same lab hosts, on which guests are."""
    found = {}
    for name, each in hosts.hosts.items():
        assert each.answer is not None
        guests = {guest: 128 for guest, place in there.items() if place == name}
        found[name] = dataclasses.replace(each, answer=dataclasses.replace(each.answer, guests=guests))
    return dataclasses.replace(hosts, hosts=found)


def asked_by(hosts: LabHosts, mine: str) -> LabHosts:
    return dataclasses.replace(hosts, mine=mine)


def shares(whole: Scenario, hosts: LabHosts) -> dict[str, Share]:
    return {name: share(whole, asked_by(hosts, name)) for name in hosts.hosts}


def refusals(whole: Scenario, hosts: LabHosts) -> str:
    """The one error of all lab hosts."""
    told = set()
    for name in hosts.hosts:
        with pytest.raises(InvalidInput) as caught:
            share(whole, asked_by(hosts, name))
        told.add(str(caught.value))
    (one,) = told
    return one


def many(count: int) -> Scenario:
    names = [f"g{number}" for number in range(count)]
    return Scenario("big", {name: Guest(name, scenario="big") for name in names})


def placed(whole: Scenario, hosts: LabHosts) -> dict[str, str]:
    return dict(share(whole, hosts).placed)


# Placement

names = st.lists(
    st.from_regex("[a-z][a-z0-9]{0,8}", fullmatch=True).filter(
        lambda name: name not in ("all", "ungrouped", "localhost")
    ),
    min_size=2,
    max_size=8,
    unique=True,
)


@given(names, st.integers(1, 40))
def test_every_guest_is_on_one_lab_host(hosts: list[str], count: int) -> None:
    whole = many(count)
    found = shares(whole, known(hosts))

    assert {name for each in found.values() for name in each.scenario.guests} == set(whole.guests)
    assert sum(len(each.scenario.guests) for each in found.values()) == count
    assert len({tuple(each.placed.items()) for each in found.values()}) == 1


@given(names, st.integers(1, 30), st.integers(1, 30))
def test_a_guest_that_comes_or_goes_moves_no_other(hosts: list[str], before: int, after: int) -> None:
    first, second = placed(many(before), known(hosts)), placed(many(after), known(hosts))

    assert all(first[name] == second[name] for name in first.keys() & second.keys())


@given(names, st.integers(1, 60))
def test_a_lab_host_that_comes_takes_only_guests_that_have_no_place_yet(hosts: list[str], count: int) -> None:
    *old, new = hosts
    before = placed(many(count), known(old))
    unborn = placed(many(count), known(hosts))
    running = placed(many(count), with_guests(known(hosts), before))

    assert {unborn[name] for name in before if unborn[name] != before[name]} <= {new}
    assert running == before


@given(names, st.integers(1, 40), st.data())
def test_what_some_lab_hosts_have_done_already_changes_nothing_for_the_others(
    hosts: list[str], count: int, data: st.DataObject
) -> None:
    words = data.draw(st.lists(st.sampled_from(["", "a", "b"]), min_size=count, max_size=count))
    pins = data.draw(st.lists(st.sampled_from(["", *hosts]), min_size=count, max_size=count))
    whole = dataclasses.replace(
        many(count),
        lab_hosts={f"g{number}": pin for number, pin in enumerate(pins) if pin},
        together={f"g{number}": word for number, word in enumerate(words) if word},
    )
    first = placed(whole, known(hosts))
    done = data.draw(st.sets(st.sampled_from(hosts)))

    later = placed(whole, with_guests(known(hosts), {guest: name for guest, name in first.items() if name in done}))
    assert later == first
    assert all(first[f"g{number}"] == pin for number, pin in enumerate(pins) if pin)


def test_lab_hosts_get_as_many_guests_as_their_weights_say() -> None:
    hosts = known(["lab1", "lab2", "lab3"], lab1={"weight": 1}, lab2={"weight": 3}, lab3={"weight": 0})

    found = Counter(placed(many(2000), hosts).values())
    assert found["lab3"] == 0
    assert 1400 < found["lab2"] < 1600


def test_without_a_weight_it_is_the_memory() -> None:
    answers = [Answer(memory=memory, mtu=1600) for memory in (256_000_000, 768_000_000)]
    hosts = known(
        ["lab1", "lab2"], lab1={"weight": None, "answer": answers[0]}, lab2={"weight": None, "answer": answers[1]}
    )

    assert 1400 < Counter(placed(many(2000), hosts).values())["lab2"] < 1600


def test_guests_with_one_word_are_together() -> None:
    whole = load(
        {
            "groups": {"west": {"together": "west"}},
            "guests": {f"g{number}": {"groups": ["west"]} for number in range(20)},
        }
    )

    assert len(set(placed(whole, known(["lab1", "lab2", "lab3"])).values())) == 1


def test_one_that_comes_later_goes_where_the_others_are() -> None:
    whole = load({"guests": {f"g{number}": {"together": "west"} for number in range(3)}})
    chosen = placed(whole, known(["lab1", "lab2", "lab3"]))["g0"]
    other = "lab1" if chosen != "lab1" else "lab2"

    found = placed(whole, with_guests(known(["lab1", "lab2", "lab3"]), {"g0": other, "g1": other}))
    assert set(found.values()) == {other}


def test_a_guest_stays_where_a_lab_host_that_cannot_be_asked_is_remembered_to_have_it() -> None:
    memory = Placement(3, {"g0": "lab2"}, {"lab1": 1.0, "lab2": 2.0})
    older = Placement(2, {"g0": "lab1"}, {})
    hosts = known(
        ["lab1", "lab2", "lab3"],
        lab1={"answer": Answer(memory=8000, mtu=1600, placement=memory)},
        lab2={"answer": None, "weight": None},
        lab3={"answer": Answer(memory=8000, mtu=1600, placement=older)},
    )

    assert placed(many(1), hosts) == {"g0": "lab2"}
    assert hosts.hosts["lab2"].weight == 2


def test_what_a_lab_host_answers_counts_more_than_what_is_remembered() -> None:
    memory = Placement(3, {"g0": "lab2"}, {})
    hosts = known(["lab1", "lab2"], lab1={"answer": Answer({"g0": 128}, memory=8000, mtu=1600, placement=memory)})

    assert placed(many(1), hosts) == {"g0": "lab1"}


def test_what_is_remembered_has_the_place_until_a_guest_has_moved() -> None:
    whole = load({"guests": {"g0": {"lab_host": "lab2"}}})
    hosts = with_guests(known(["lab1", "lab2"], move=True), {"g0": "lab1"})
    found = share(whole, hosts)

    assert (found.moving, found.coming) == ({"g0": "lab1"}, {})
    assert share(whole, asked_by(hosts, "lab2")).coming == {"g0": "lab1"}
    assert found.elsewhere == {"g0"}
    assert found.placement(hosts) == Placement(1, {"g0": "lab1"}, {"lab1": 1.0, "lab2": 1.0})


def test_a_guest_that_has_left_since_its_lab_host_was_asked_is_remembered_where_it_went() -> None:
    whole = load("guests: {g0: {lab_host: lab2}, g1: {lab_host: lab1}}")
    hosts = with_guests(known(["lab1", "lab2"], move=True), {"g0": "lab1", "g1": "lab2"})

    def remembered(*here: str) -> Mapping[str, str]:
        lab = Lab("lab", "lab", {name: Guest(name) for name in here})
        return share(whole, hosts, lab).placement(hosts).guests

    assert remembered("g0") == {"g0": "lab1", "g1": "lab2"}
    assert remembered() == {"g0": "lab2", "g1": "lab2"}


def test_what_is_remembered_changes_only_with_the_placement() -> None:
    hosts = known(["lab1", "lab2"])
    first = share(many(5), hosts).placement(hosts)
    later = dataclasses.replace(hosts, placement=first)

    assert first.serial == 1
    assert share(many(5), later).placement(later) is first
    assert share(many(6), later).placement(later).serial == 2


# Moves


def answering(**known: Any) -> Answer:
    return Answer(memory=8000, mtu=1600, **known)


@pytest.mark.parametrize(
    ("source", "target", "place"),
    [
        pytest.param(
            answering(guests={"g0": 1}, leaving={"g0": "lab2"}), answering(), "lab1", id="it has left nothing yet"
        ),
        pytest.param(
            answering(guests={"g0": 1}, leaving={"g0": "lab2"}),
            answering(guests={"g0": 1}),
            "lab2",
            id="it has arrived",
        ),
        pytest.param(answering(guests={"g0": 1}, leaving={"g0": "lab2"}), None, "lab2", id="it may have arrived"),
        pytest.param(
            answering(guests={"g0": 1}, leaving={"g0": "lab9"}), answering(), "lab1", id="it was to go to nobody"
        ),
    ],
)
def test_a_move_that_was_cut_off_leaves_one_guest(source: Answer, target: Answer | None, place: str) -> None:
    faults: list[InvalidInput] = []
    hosts = known(["lab1", "lab2"], lab1={"answer": source}, lab2={"answer": target})

    assert whereabouts(many(1), hosts, faults) == {"g0": place}
    assert not faults


def test_what_has_arrived_elsewhere_may_be_removed() -> None:
    hosts = known(
        ["lab1", "lab2"],
        lab1={"answer": answering(guests={"g0": 1}, leaving={"g0": "lab2"})},
        lab2={"answer": answering(guests={"g0": 1})},
    )

    assert share(many(1), hosts).elsewhere == frozenset()


def test_a_lab_host_of_weight_0_is_emptied_by_moves() -> None:
    whole = many(10)
    there = dict.fromkeys(whole.guests, "lab3")
    hosts = with_guests(known(["lab1", "lab2", "lab3"], lab3={"weight": 0}), there)

    assert placed(whole, hosts) == there
    found = share(whole, dataclasses.replace(hosts, move=True))
    assert set(found.placed.values()) == {"lab1", "lab2"}
    assert found.moving == there


# Segments


def test_a_segment_spans_the_lab_hosts_of_its_interfaces() -> None:
    text = RING.replace("r1: ,", "r1: {lab_host: lab1},").replace("r2: ,", "r2: {lab_host: lab2},")
    whole = load(text.replace("r3: ,", "r3: {lab_host: lab2},").replace("h1: ,", "h1: {lab_host: lab3},"))
    found = shares(whole, known(["lab3", "lab2", "lab1"]))
    numbers = vnis(whole, known(["lab1", "lab2"]))

    assert found["lab1"].scenario.bridges["lan"].span == Span(
        numbers["lan"], "10.99.0.3", ("10.99.0.1", "10.99.0.2"), 4789, 1600
    )
    assert found["lab2"].scenario.bridges["r1-eth1--r2-eth1"].span == Span(
        numbers["r1-eth1--r2-eth1"], "10.99.0.2", ("10.99.0.3",), 4789, 1600
    )
    assert found["lab2"].scenario.bridges["r2-eth2--r3-eth2"].span is None
    assert "r1-eth1--r2-eth1" not in found["lab3"].scenario.bridges


@given(st.permutations(["lab1", "lab2", "lab3"]))
def test_lab_hosts_of_a_segment_are_each_others_peers_and_one_has_the_hosts_leg(order: list[str]) -> None:
    whole = load(RING)
    found = shares(whole, known(order))
    addresses = {name: each.address for name, each in known(order).hosts.items()}

    for name in whole.bridges:
        parts = {lab: each.scenario.bridges[name] for lab, each in found.items() if name in each.scenario.bridges}
        assert parts
        spans = {lab: part.span for lab, part in parts.items()}
        if len(parts) == 1:
            assert set(spans.values()) == {None}
        for lab, span in spans.items():
            if span is not None:
                assert {span.local, *span.peers} == {addresses[other] for other in parts}
                assert span.local == addresses[lab]
        assert len({span.vni for span in spans.values() if span is not None}) <= 1
        legs = [part.addresses for part in parts.values() if part.addresses]
        assert legs == ([whole.bridges[name].addresses] if whole.bridges[name].addresses else [])


def test_vnis_are_distinct_and_a_segment_that_comes_changes_no_other() -> None:
    few = {f"net{number}": None for number in range(1000)}
    more = {**few, **{f"more{number}": None for number in range(1000)}}
    hosts = known(["lab1", "lab2"])
    before, after = (vnis(load({"guests": {}, "bridges": each}), hosts) for each in (few, more))

    assert len(set(after.values())) == 2000
    assert {name: after[name] for name in few} == before


def test_a_vni_that_is_given_is_nobody_elses() -> None:
    hosts = known(["lab1", "lab2"])
    automatic = vnis(load("{guests: {}, bridges: {a: }}"), hosts)["a"]
    found = vnis(load(f"{{guests: {{}}, bridges: {{a: , b: {{vni: {automatic}}}}}}}"), hosts)

    assert found == {"a": automatic + 1, "b": automatic}


def test_labs_with_other_words_have_other_numbers_and_macs() -> None:
    whole = load(RING)
    found = [known(["lab1", "lab2"], lab=word) for word in ("one", "two")]

    numbers = [set(vnis(whole, each).values()) for each in found]
    assert not numbers[0] & numbers[1]
    macs = [
        {
            iface.mac
            for part in shares(whole, each).values()
            for guest in part.scenario.guests.values()
            for iface in guest.interfaces.values()
        }
        for each in found
    ]
    assert None not in macs[0] | macs[1]
    assert not macs[0] & macs[1]


def test_the_word_of_a_lab_is_its_working_directory() -> None:
    assert known(["lab1", "lab2"]).lab == "/var/lib/dumm"


def test_macs_do_not_tell_on_which_lab_host_a_guest_is() -> None:
    whole = load("guests: {a: {interfaces: {eth0: , eth1: {mac: '02:00:00:00:00:01'}}}}")
    macs = set()
    for place in ("lab1", "lab2"):
        part = share(whole, asked_by(with_guests(known(["lab1", "lab2"]), {"a": place}), place))
        macs.add(tuple(iface.mac for iface in part.scenario.guests["a"].interfaces.values()))

    assert macs == {(derived_mac("/var/lib/dumm/big", "a:eth0"), "02:00:00:00:00:01")}


def test_an_interface_that_has_its_labs_mac_keeps_it() -> None:
    whole = load("guests: {a: {interfaces: {eth0: , eth1: }}}")
    lab = Lab("here", "here", {"a": Guest("a", interfaces={"eth0": Iface("a", "eth0")})})
    part = share(whole, with_guests(known(["lab1", "lab2"]), {"a": "lab1"}), lab)

    found = part.scenario.guests["a"].interfaces
    assert found["eth0"].mac is None
    assert found["eth1"].mac == derived_mac("/var/lib/dumm/big", "a:eth1")


def test_a_share_has_what_is_said_of_its_guests_only() -> None:
    whole = load(
        """
        guests:
          a: {lab_host: lab1, run: [sync], files: {/etc/a: a}, restart_services: [web], sysctl: {net.ipv4.ip_forward: 1}}
          b: {lab_host: lab2, run: [sync], files: {/etc/b: b}}
        bridges: {lan: {prefix: 10.0.0.0/24, interfaces: [a:eth0, b:eth0]}}
        """
    )
    found = share(whole, known(["lab1", "lab2"])).scenario

    assert set(found.guests) == set(found.run) == set(found.files) == set(found.restart_services) == {"a"}
    assert set(found.sysctl) == {"a"}
    assert found.guests["a"].interfaces["eth0"].addresses == ("10.0.0.1/24",)
    assert set(found.automatic) == {("a", "eth0")}


# MTU

SPANNING = "{guests: {a: {lab_host: lab1}, b: {lab_host: lab2}}, bridges: {lan: {interfaces: [a:eth0, b:eth0]}}}"
SMALL = {"lab1": {"mtu": 9000}, "lab2": {"mtu": 1500}}


def test_an_mtu_that_nobody_gave_is_not_refused() -> None:
    for each in shares(load(SPANNING), known(["lab1", "lab2"], **SMALL)).values():
        assert each.scenario.bridges["lan"].span.mtu == 1500


def test_an_mtu_that_somebody_gave_is_refused() -> None:
    text = SPANNING.replace("lab_host: lab2", "lab_host: lab2, interfaces: {eth0: {mtu: 1451}}")

    said = refusals(load(text), known(["lab1", "lab2"], **SMALL))
    assert "between which packets of 1450 bytes fit, and b:eth0 has mtu 1451" in said
    assert "carry 1501 bytes" in said
    assert not shares(load(text.replace("1451", "1450")), known(["lab1", "lab2"], **SMALL))["lab1"].scenario.sized - {
        ("b", "eth0")
    }


def test_the_mtu_of_a_link_counts_as_given() -> None:
    text = "{guests: {a: {lab_host: lab1}, b: {lab_host: lab2}}, links: [{a: a:eth0, b: b:eth0, mtu: 1500}]}"

    assert "a:eth0, b:eth0 have mtu 1500" in refusals(load(text), known(["lab1", "lab2"], **SMALL))


def test_ipv6_between_lab_hosts_takes_20_bytes_more() -> None:
    text = SPANNING.replace("lab_host: lab2", "lab_host: lab2, interfaces: {eth0: {mtu: 1431}}")
    addresses = {name: {"address": f"fd00::{name[-1]}", "mtu": 1500} for name in ("lab1", "lab2")}

    said = refusals(load(text), known(["lab1", "lab2"], **addresses))
    assert "set mtu 1430, or have the network between the lab hosts carry 1501 bytes" in said


# What is refused, by all with the same words


@pytest.mark.parametrize(
    ("text", "there", "said"),
    [
        pytest.param(
            "guests: {a: {lab_host: lab9}}",
            {},
            "guest a: lab_host lab9 is not one of lab_hosts; did you mean lab1? (known: lab1, lab2)",
            id="unknown",
        ),
        pytest.param(
            "guests: {a: {lab_host: lab2}}",
            {"a": "lab1"},
            "guest a: it is on lab host lab1, and is to be on lab2, where it would begin anew; let it stay (lab_host), or take it there"
            " with all that it wrote (move: true)",
            id="moved",
        ),
    ],
)
def test_a_place_that_cannot_be(text: str, there: Mapping[str, str], said: str) -> None:
    told = refusals(load(text), with_guests(known(["lab1", "lab2"]), there))

    assert told.replace("did you mean lab2?", "did you mean lab1?") == said


def test_a_guest_that_is_on_two_lab_hosts() -> None:
    twice = answering(guests={"g0": 64})
    hosts = known(["lab1", "lab2", "lab3"], lab1={"answer": twice}, lab3={"answer": twice})

    assert refusals(many(1), hosts) == (
        "guest g0: it is on lab hosts lab1 and lab3; remove it on all but one of them (dumm_guest)"
    )


def test_a_guest_of_which_moves_to_and_fro_were_cut_off() -> None:
    names = ["lab1", "lab2", "lab3"]
    for several in (names[:2], names):
        answers = {
            name: {"answer": answering(guests={"g0": 128}, leaving={"g0": target})}
            for name, target in zip(several, [*several[1:], several[0]], strict=True)
        }
        said = refusals(load("guests: {g0: {lab_host: lab1}}"), known(names, move=True, **answers))

        assert f"guest g0: it is on lab hosts {' and '.join(several)}; remove it on all but one" in said


def test_a_guest_on_a_lab_host_that_is_not_named_any_more() -> None:
    memory = answering(placement=Placement(7, {"g0": "lab9"}, {}))
    hosts = {"lab1": {"answer": memory}}

    assert "guest g0: it is on lab host lab9, which is not one of lab_hosts" in refusals(
        many(1), known(["lab1"], **hosts)
    )
    assert placed(many(1), known(["lab1"], **hosts, lost=["lab9"])) == {"g0": "lab1"}


def test_a_move_from_a_lab_host_that_cannot_be_reached() -> None:
    whole = load("guests: {g0: {lab_host: lab1}}")
    memory = answering(placement=Placement(7, {"g0": "lab2"}, {}))
    hosts = known(["lab1", "lab2"], lab1={"answer": memory}, lab2={"answer": None}, move=True)

    assert "guest g0: it cannot be moved from lab host lab2 to lab1: lab2 cannot be reached" in refusals(whole, hosts)


def test_a_number_that_somebody_else_uses() -> None:
    whole = load(SPANNING)
    number = vnis(whole, known(["lab1"]))["lan"]

    def using(bridge: str) -> dict[str, Answer]:
        return {"answer": answering(networks={(number, 4789): bridge})}

    said = refusals(whole, known(["lab1", "lab2"], lab2=using("")))
    assert said == (
        f"bridge lan: VXLAN {number} on UDP port 4789 is in use on lab host lab2, by another lab or somebody else;"
        " give the bridge another vni, or the lab another word (lab)"
    )
    own = refusals(whole, known(["lab1", "lab2"], lab2=using("other")))
    assert own == said.replace("another lab or somebody else", "bridge other there")
    shares(whole, known(["lab1", "lab2"], lab2=using("lan")))
    shares(whole, known(["lab1", "lab2"], lab2=using(""), vxlan_port=14789))


def test_guests_for_which_there_is_not_enough_memory() -> None:
    whole = load(
        "guests: {a: {lab_host: lab1, mem: 3000}, b: {lab_host: lab2, mem: 2000}, c: {lab_host: lab1, mem: 2000}}"
    )
    answers = {name: {"answer": Answer({"x": 1000}, memory=5999, mtu=1600)} for name in ("lab1", "lab2")}
    answers["lab2"]["memory"] = 10_000

    said = refusals(whole, known(["lab1", "lab2"], **answers))
    assert (
        "lab host lab1: guests of scenario big are to have 5000 MB there, and others there 1000 MB, and it has 5999 MB"
        in said
    )
    assert "lab2" not in said
    answers["lab1"]["memory"] = 6000
    shares(whole, known(["lab1", "lab2"], **answers))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": ""}, "lab host lab2: it has no address; set dumm_address"),
        ({"address": "lab2.example.org"}, "lab host lab2: 'lab2.example.org' is no IP address"),
        ({"address": "127.0.0.1"}, "lab host lab2: no other lab host can reach it at 127.0.0.1"),
        ({"address": "10.99.0.1"}, "lab host lab2: it has address 10.99.0.1, as lab host lab1"),
        ({"address": "fd00::2"}, "lab_hosts: lab host lab1 has an IPv4 address and lab host lab2 an IPv6 address"),
        ({"answer": Answer(memory=1)}, "lab host lab2: none of its interfaces has address 10.99.0.2"),
        ({"weight": -1}, "lab host lab2: weight -1 is negative"),
        ({"answer": None, "weight": None, "why": "no route"}, "no other lab host remembers it (no route)"),
        (
            {"workdir": "/srv/dumm"},
            "lab_hosts: their working directories differ: lab2 has /srv/dumm, lab1 has /var/lib/dumm",
        ),
    ],
)
def test_lab_hosts_that_cannot_be(change: Mapping[str, Any], said: str) -> None:
    told = set()
    for mine in ("lab1", "lab2"):
        with pytest.raises(InvalidInput) as caught:
            known(["lab1", "lab2"], mine, lab2=change)
        told.add(str(caught.value))

    (one,) = told
    assert said in one


def test_a_host_that_is_not_named_is_refused() -> None:
    with pytest.raises(InvalidInput, match="lab host lab3: it is not one of lab_hosts; did you mean lab1"):
        known(["lab1"], "lab3")


def test_a_single_lab_host_needs_no_address() -> None:
    assert known(["lab1"], lab1={"address": "", "answer": Answer(memory=1)}).me.address == ""


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(InvalidInput, match=f"vxlan_port: {port} is no UDP port"):
        known(["lab1"], vxlan_port=port)


def test_names_alone_are_not_enough() -> None:
    with pytest.raises(InvalidInput, match="what is known of each lab host is missing; run dumm_scenario as a task"):
        lab_hosts.understood({**params({"lab1": host(1)}), "lab_hosts": ["lab1"]})


def test_an_answer_of_another_version_is_refused_with_its_place() -> None:
    broken = host(1)
    broken["answer"]["guests"] = ["a"]

    with pytest.raises(InvalidInput, match=r"the answer of lab host lab1\.guests is a list and must be a mapping"):
        lab_hosts.understood(params({"lab1": broken}))


# What a scenario's file says


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("guests: {a: {lab_host: ''}}", "'' is no name of a lab host"),
        ("guests: {a: {together: 'a b'}}", "'a b' is no word"),
        ("{guests: {}, bridges: {lan: {vni: 0}}}", "0"),
        ("{guests: {}, bridges: {lan: {vni: 16777216}}}", "16777216"),
        ("{guests: {}, bridges: {one: {vni: 7}, two: {vni: 7}}}", "bridge two: it has the VNI of bridge one"),
    ],
)
def test_settings_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(text)
    assert said in str(caught.value)


# Size


def calls(work: Callable[[], object]) -> int:
    """How many functions are called, Python's own among them."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_a_share_of_twice_as_many_guests_takes_twice_the_work() -> None:
    def ring(count: int) -> Scenario:
        return load(
            {
                "guests": {f"g{number}": None for number in range(count)},
                "bridges": {
                    f"lan{number}": {"interfaces": [f"g{guest}:eth0" for guest in range(number, count, count // 10)]}
                    for number in range(count // 10)
                },
                "links": [f"g{number}:eth1 -- g{(number + 1) % count}:eth2" for number in range(count)],
            }
        )

    small, large = ring(200), ring(400)
    hosts = known([f"lab{number}" for number in range(10)])
    work = [calls(lambda each=each: share(each, hosts)) for each in (small, large)]

    assert work[1] < 2.2 * work[0]
