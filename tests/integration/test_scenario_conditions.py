# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditions of links, measured in the guests that send through them."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import pytest
from lab import Lab, Refused, until
from testbed import Config, pair, pids

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import conditions
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions

DELAY = 50.0
RATE = 1_000_000
SIZE = 150_000

SEND = f"python3 -c \"import socket; socket.create_connection(('{{0}}', 9)).sendall(bytes({SIZE}))\""
# From the first of the data to the last: how long Python takes to start does not matter.
RECEIVE = """python3 -c "
import socket, time
server = socket.create_server(('', 9))
open('/run/listens', 'w')
client, _ = server.accept()
count = len(client.recv(1))
began = time.monotonic()
while data := client.recv(65536):
    count += len(data)
print(count, time.monotonic() - began)
" """


@pytest.fixture(scope="module")
def _cable(shared: Lab) -> Lab:
    shared.scenario("cable", pair())
    return shared


@pytest.fixture
def cable(_cable: Lab) -> Iterator[Lab]:
    """Two running guests on a cable without conditions; nobody is restarted."""
    _cable.scenario("cable", pair())
    before = pids(_cable, "moon", "sun")
    yield _cable
    assert pids(_cable, "moon", "sun") == before


def _link(**settings: Any) -> Config:
    """The pair with settings of its link, of its end in moon (``a``) or in sun (``b``)."""
    config = pair()
    ends = {"a": ("moon", settings.pop("a", {})), "b": ("sun", settings.pop("b", {}))}
    told = {key: {"guest": guest, "interface": "eth0", **own} for key, (guest, own) in ends.items()}
    config["links"][0] |= {**told, **settings}
    return config


def _settled(lab: Lab, config: Config) -> None:
    again = lab.scenario("cable", config)
    assert (again["changed"], again["actions"]) == (False, [])


def _round_trips(lab: Lab, count: int = 5) -> list[float]:
    """Milliseconds from moon to sun and back, once they know each other."""
    said = lab.read("moon", f"ping -c {count + 1} -i 0.1 -W 5 10.0.0.2")
    return [float(found) for found in re.findall(r"time=([\d.]+) ms", said)][1:]


def _echoes(lab: Lab, guest: str) -> int:
    """How many pings have reached a guest."""
    names, values = [line.split() for line in lab.read(guest, "grep ^Icmp: /proc/net/snmp").splitlines()]
    return int(values[names.index("InEchos")])


def _queues(lab: Lab, guest: str) -> str:
    return lab.read(guest, "tc qdisc show dev eth0")


def _seconds_to_send(lab: Lab, sender: str, receiver: str, address: str) -> float:
    """How long a known size takes."""
    lab.read(
        receiver,
        f"rm -f /run/listens; ({RECEIVE}) >/run/received 2>&1 & while [ ! -e /run/listens ]; do sleep 0.01; done",
    )
    lab.read(sender, SEND.format(address))
    lab.read(receiver, "while [ ! -s /run/received ]; do sleep 0.01; done")
    count, seconds = lab.read(receiver, "cat /run/received").split()
    assert int(count) == SIZE
    return float(seconds)


def test_a_delay_of_one_end_holds_one_way_and_one_of_the_link_both(cable: Lab) -> None:
    # A guest of Debian's kernel may sleep over a packet until the next one comes (docs/explanation/architecture.md).
    without = min(_round_trips(cable))

    cable.scenario("cable", _link(a={"delay": DELAY}))
    one_way = _round_trips(cable)
    cable.scenario("cable", _link(delay=f"{DELAY:g}ms"))
    both_ways = _round_trips(cable)

    assert without < DELAY
    assert DELAY <= min(one_way) < 2 * DELAY <= min(both_ways) < 5 * DELAY


def test_jitter_varies_the_delay_around_what_is_set(cable: Lab) -> None:
    cable.scenario("cable", _link(a={"delay": DELAY, "jitter": 20}))

    trips = _round_trips(cable, 20)

    assert max(trips) - min(trips) > 5
    assert min(trips) >= DELAY - 20
    assert min(trips) < 5 * DELAY


def test_loss_of_everything_at_one_end_is_in_one_direction_only(cable: Lab) -> None:
    for guest, other, address in (("moon", "sun", "10.0.0.2"), ("sun", "moon", "10.0.0.1")):
        mac = cable.link(other, "eth0")["address"]
        cable.read(guest, f"ip neigh replace {address} lladdr {mac} dev eth0 nud permanent")
    cable.scenario("cable", _link(a={"loss": "100%"}))
    before = {guest: _echoes(cable, guest) for guest in ("moon", "sun")}

    answered = {
        "moon": cable.reaches("moon", "10.0.0.2", "-c 3 -i 0.1 -W 1"),
        "sun": cable.reaches("sun", "10.0.0.1", "-c 3 -i 0.1 -W 1"),
    }

    came = {guest: _echoes(cable, guest) - before[guest] for guest in ("moon", "sun")}
    assert answered == {"moon": False, "sun": False}
    assert came == {"moon": 3, "sun": 0}


def test_a_share_of_the_frames_is_lost_and_another_comes_twice(cable: Lab) -> None:
    cable.scenario("cable", _link(a={"loss": 30}))
    lossy = cable.run("moon", "ping -q -c 200 -i 0.005 -W 1 10.0.0.2").stdout.decode()
    cable.scenario("cable", _link(a={"duplicate": 50}))
    double = cable.run("moon", "ping -q -c 100 -i 0.005 -W 1 10.0.0.2").stdout.decode()

    lost = re.search(r"([\d.]+)% packet loss", lossy)
    twice = re.search(r"\+(\d+) duplicates", double)
    # Five standard deviations.
    assert lost and 13 < float(lost[1]) < 47, lossy
    assert twice and 25 < int(twice[1]) < 75, double


def test_a_rate_is_a_bound_in_the_direction_of_its_end(cable: Lab) -> None:
    cable.scenario("cable", _link(a={"rate": RATE}))

    there = _seconds_to_send(cable, "moon", "sun", "10.0.0.2")
    back = _seconds_to_send(cable, "sun", "moon", "10.0.0.1")

    # The first segments count before they are all there.
    assert there >= 0.8 * SIZE * 8 / RATE
    assert back < there


@pytest.mark.parametrize(
    "settings",
    [
        {"delay": 7.5, "jitter": "1ms", "loss": "0.5%", "duplicate": 1, "corrupt": 0.1, "rate": "10mbit"},
        {"delay": "10ms", "reorder": 25},
        {"rate": "512kbit"},
        {"rate": "1gbit", "loss": 33.3},
        {"delay": "500us"},
        {"delay": "1s"},
        {"delay": 0.001},
        {"loss": 0.001},
        {"slot": "20ms"},
        {"slot": "5ms 7.5ms", "delay": "10ms", "jitter": 2, "rate": "10mbit"},
        {"slot": 0.001},
    ],
)
def test_conditions_that_hold_are_left_alone(cable: Lab, settings: dict[str, Any]) -> None:
    config = _link(**settings)

    first = cable.scenario("cable", config)

    assert first["changed"]
    _settled(cable, config)
    cable.scenario("cable", config, state="stopped", check=True)


def test_conditions_are_changed_and_removed_while_the_guests_run(cable: Lab) -> None:
    steps = [_link(delay=DELAY), _link(delay=5), _link(delay=5, b={"loss": 100}), _link(delay=0), pair()]
    seen = []
    for config in steps:
        cable.scenario("cable", config)
        _settled(cable, config)
        seen.append([_queues(cable, guest) for guest in ("moon", "sun")])

    assert ["delay 50ms" in queue for queue in seen[0]] == [True, True]
    assert ["delay 5ms" in queue for queue in seen[1]] == [True, True]
    assert ["loss 100%" in queue for queue in seen[2]] == [False, True]
    assert not any("netem" in queue for queues in seen[3:] for queue in queues)
    assert min(_round_trips(cable)) < DELAY


def test_slots_come_and_go_with_other_conditions(cable: Lab) -> None:
    seen = []
    for settings in ({"slot": "20ms 30ms"}, {"slot": 40, "delay": 1}, {"delay": 1}, {"slot": 5}):
        config = _link(a=settings)
        result = cable.scenario("cable", config)
        _settled(cable, config)
        queue = json.loads(cable.read("moon", "tc -j -s qdisc show dev eth0 root"))[0]["options"].get("slot", {})
        seen.append((queue.get("min-delay"), queue.get("max-delay")))

    assert seen == [(0.02, 0.03), (0.04, 0.04), (None, None), (0.005, 0.005)]
    assert result["actions"] == ["interface moon:eth0: slot 5 ms"]


T = TypeVar("T")
VALUES: dict[str, list[float]] = {
    "delay": [0.001, 0.4, 7, 12345.678, 274_877],
    "jitter": [0.002, 3, 2147],
    "loss": [0.0000001, 0.001, 12.3456789, 100],
    "duplicate": [0.01, 50],
    "corrupt": [0.5, 99.9],
    "reorder": [1, 25],
    "rate": [8, 12_345_678, 10**10, 10**15],
}
SETS = [
    frozenset(keys)
    for count in range(len(VALUES) + 1)
    for keys in itertools.combinations(VALUES, count)
    if "reorder" not in keys or "delay" in keys
]


def _all_ordered_pairs(things: Sequence[T]) -> Iterator[T]:
    """A walk in which each thing comes directly after each other one."""
    for index, one in enumerate(things):
        for other in things[index + 1 :]:
            yield one
            yield other
        yield one


def _any_conditions(keys: frozenset[str], chance: random.Random) -> Conditions:
    drawn: dict[str, Any] = {key: chance.choice(VALUES[key]) for key in sorted(keys)}
    return Conditions(**drawn)


def test_conditions_change_from_any_set_to_any_other_in_one_line(cable: Lab) -> None:
    """What a netem is not told it keeps: tried with tc itself, over all ordered pairs of sets."""
    chance = random.Random(13)
    walk = [_any_conditions(keys, chance) for keys in _all_ordered_pairs(SETS)]
    lines = [f"{conditions.line('eth0', each)}\nqdisc show dev eth0\n" for each in walk]
    found: list[Any] = []
    # tc keeps what it has shown in memory.
    for start in range(0, len(lines), 2000):
        batch = "".join(lines[start : start + 2000])
        # At first there is nothing to delete.
        told = cable.run("moon", "tc -j -force -batch - 2>&1 | grep -v '^[EC]'", batch.encode(), timeout=300)
        found += map(json.loads, told.stdout.splitlines())

    assert len(found) == len(walk) > len(SETS) * (len(SETS) - 1)
    for number, (wanted, entries) in enumerate(zip(walk, found, strict=True)):
        seen = conditions.found([{"dev": "eth0", **entry} for entry in entries]).get("eth0")
        assert conditions.is_same(wanted, seen), f"{walk[number - 1]} → {wanted}: {entries}"
    cable.read("moon", "tc qdisc del dev eth0 root 2>/dev/null || :")


@pytest.mark.parametrize("kernel", ["default", "scripts"], indirect=True)
def test_conditions_change_from_any_set_to_any_other_in_one_run(lab: Lab) -> None:
    chance = random.Random(13)
    lab.scenario("cable", pair())
    for keys in chance.sample(SETS, 6):
        wanted = _any_conditions(keys, chance)
        config = _link(a={key: getattr(wanted, key) for key in keys} if keys else {"delay": 0})

        lab.scenario("cable", config)

        _settled(lab, config)
        queue = json.loads(lab.read("moon", "tc -j qdisc show dev eth0 root"))[0]
        shown = set(queue["options"]) & {*VALUES, "loss-random"} if queue["kind"] == "netem" else set()
        # Jitter is told as a part of the delay.
        assert shown == {{"loss": "loss-random", "jitter": "delay"}.get(key, key) for key in keys}


def test_packets_under_way_stay_when_conditions_change(cable: Lab) -> None:
    cable.scenario("cable", _link(a={"delay": "5s"}))
    mac = cable.link("sun", "eth0")["address"]
    cable.read("moon", f"ip neigh replace 10.0.0.2 lladdr {mac} dev eth0 nud permanent")
    before = _echoes(cable, "sun")
    cable.run("moon", "ping -c 3 -i 0.1 -W 0.1 10.0.0.2")

    cable.scenario("cable", _link(a={"rate": "10mbit", "corrupt": 0.001}))

    until(lambda: _echoes(cable, "sun") == before + 3, "what was under way to arrive")


def test_one_changed_delay_is_one_action(cable: Lab) -> None:
    cable.scenario("cable", _link(a={"delay": 10}))

    checked = cable.scenario("cable", _link(a={"delay": 20}), check=True)
    result = cable.scenario("cable", _link(a={"delay": 20}))

    assert checked["actions"] == result["actions"]
    assert result["actions"] == ["interface moon:eth0: delay 20 ms"]
    assert min(_round_trips(cable)) >= 20


def test_conditions_that_somebody_took_away_are_set_again(cable: Lab) -> None:
    cable.scenario("cable", _link(a={"delay": DELAY}))
    cable.read("moon", "tc qdisc del dev eth0 root")

    result = cable.scenario("cable", _link(a={"delay": DELAY}))

    assert result["actions"] == ["interface moon:eth0: no conditions → delay 50 ms"]
    assert min(_round_trips(cable)) >= DELAY


def test_conditions_that_are_not_the_scenarios_are_left_alone(cable: Lab) -> None:
    cable.read("moon", "tc qdisc add dev eth0 root netem delay 7ms")

    _settled(cable, pair())

    assert "delay 7ms" in _queues(cable, "moon")
    cable.read("moon", "tc qdisc del dev eth0 root")


def test_conditions_outlive_a_restart_and_a_hot_plug(cable: Lab, lab: Lab) -> None:
    lab.scenario("cable", _link(a={"delay": DELAY}))
    first = _queues(lab, "moon")
    lab.guest("moon", state="restarted")
    second = _queues(lab, "moon")
    config = _link(a={"delay": DELAY})
    config["links"].append({"a": "moon:eth1", "b": "sun:eth1", "prefix": "10.1.0.0/24", "delay": 30})
    lab.scenario("cable", config)

    assert "delay 50ms" in first and "delay 50ms" in second
    assert "delay 30ms" in lab.read("sun", "tc qdisc show dev eth1")
    _settled(lab, config)


def test_a_link_that_is_down_carries_nothing_and_keeps_everything_else(cable: Lab) -> None:
    config = _link(delay=5)
    config["links"][0]["prefix"] = ["10.0.0.0/24", "fd00::/64"]
    cable.scenario("cable", config)
    addresses = {guest: cable.addresses(guest, "eth0") for guest in ("moon", "sun")}
    config["links"][0]["state"] = "down"

    result = cable.scenario("cable", config)

    assert {"interface moon:eth0: set down", "interface sun:eth0: set down"} <= set(result["actions"])
    assert not cable.reaches("moon", "10.0.0.2", "-c 1 -w 1")
    assert {guest: cable.addresses(guest, "eth0") for guest in ("moon", "sun")} == addresses
    assert "cable" in cable.devices() and "delay 5ms" in _queues(cable, "moon")
    _settled(cable, config)
    del config["links"][0]["state"]
    cable.scenario("cable", config)
    assert cable.reaches("moon", "10.0.0.2") and cable.reaches("moon", "fd00::2")


def test_routes_through_a_link_that_is_down_wait_until_it_is_up_again(cable: Lab) -> None:
    config = pair()
    config["guests"]["moon"] = {"routes": ["10.9.0.0/24 via 10.0.0.2"]}
    cable.scenario("cable", config)
    config["links"][0]["state"] = "down"

    cable.scenario("cable", config)
    _settled(cable, config)
    del config["links"][0]["state"]
    cable.scenario("cable", config)

    assert "10.9.0.0/24 via 10.0.0.2" in cable.read("moon", "ip route")
    _settled(cable, config)


def test_a_guest_whose_link_is_down_starts_with_its_routes_waiting(lab: Lab) -> None:
    config = pair()
    config["guests"]["moon"] = {"routes": ["10.9.0.0/24 via 10.0.0.2", "fd09::/64 via fd00::2"]}
    config["links"][0] |= {"state": "down", "prefix": ["10.0.0.0/24", "fd00::/64"]}

    lab.scenario("cable", config)

    assert lab.links("moon") == {"eth0"}
    _settled(lab, config)


def test_conditions_that_the_guests_root_cannot_set_are_refused_before_anything_is_changed(lab: Lab) -> None:
    master = lab.path / "masters/bare"
    (master / "bin").mkdir(parents=True)
    (master / "bin/sh").touch(mode=0o755)
    config = _link(delay=5)
    config["defaults"]["master"] = "bare"

    with pytest.raises(Refused, match=r"guest moon: its root file system has no tc; put iproute2 into the master"):
        lab.scenario("cable", config)

    assert lab.info()["guests"] == {}
    assert lab.leftovers() == []
