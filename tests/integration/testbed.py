# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios that the tests of dumm_scenario share, and what they look at in them.

Three routers in a row, each with a segment of two hosts: r1 has h1 and h2, r2 has h3 and h4, r3 has h5 and h6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab import Lab, Result, fresh_lab, until

Config = dict[str, Any]

ROUTERS = ("r1", "r2", "r3")
HOSTS = {f"h{number}": f"10.{(number + 1) // 2}.0.{3 - number % 2}" for number in range(1, 7)}
_ROUTES = {
    "r1": ["10.2.0.0/24 via 10.255.0.1", "10.3.0.0/24 via 10.255.0.1", "192.0.2.0/30 via 10.255.0.1"],
    "r2": ["10.1.0.0/24 via 10.255.0.0", "10.3.0.0/24 via 192.0.2.2"],
    "r3": ["10.1.0.0/24 via 192.0.2.1", "10.2.0.0/24 via 192.0.2.1", "10.255.0.0/31 via 192.0.2.1"],
}


def three_routers() -> Config:
    """The testbed as Ansible variables: addresses from prefixes, one link out of a pool and one with a prefix of its own."""
    return {
        "defaults": {"mem": 64},
        "groups": {"router": {"sysctl": {"net.ipv4.ip_forward": 1}}},
        "pools": {"links": {"prefix": "10.255.0.0/24"}},
        "bridges": {f"lan{number}": {"prefix": f"10.{number}.0.0/24"} for number in (1, 2, 3)},
        "guests": {
            **{
                name: {"groups": ["router"], "interfaces": {"eth0": {"bridge": f"lan{name[1]}"}}, "routes": routes}
                for name, routes in _ROUTES.items()
            },
            **{
                name: {
                    "interfaces": {"eth0": {"bridge": f"lan{address.split('.')[1]}"}},
                    "routes": [f"default via {address.rpartition('.')[0]}.1"],
                }
                for name, address in HOSTS.items()
            },
        },
        "links": ["r1:eth1 -- r2:eth1", {"a": "r2:eth2", "b": "r3:eth1", "prefix": "192.0.2.0/30"}],
    }


def pair(**guest: Any) -> Config:
    """Two guests, moon and sun, 10.0.0.1 and 10.0.0.2 on a cable.

    :param guest: settings of both.
    """
    return {
        "defaults": {"mem": 64, **guest},
        "guests": {"moon": {}, "sun": {}},
        "links": [{"a": "moon:eth0", "b": "sun:eth0", "prefix": "10.0.0.0/24", "name": "cable"}],
    }


@contextmanager
def described(config: Config) -> Iterator[Lab]:
    """A lab that is as described, as scenario ``site``."""
    with fresh_lab() as lab:
        lab.scenario("site", config)
        yield lab


@contextmanager
def restored(lab: Lab, config: Config, forget: str) -> Iterator[None]:
    """A lab of :func:`described` for one test, whatever became of it before.

    :param forget: run in moon and sun afterwards.
    """
    lab.scenario("site", config)
    yield
    for guest in ("moon", "sun"):
        lab.read(guest, forget)


def pids(lab: Lab, *guests: str) -> dict[str, int]:
    """The guests' processes: the same ones after a run tell that nobody was restarted."""
    return {name: lab.process(name).pid for name in guests}


def states(result: Result) -> dict[str, str]:
    """What the guests of a scenario do, from its result."""
    return {name: guest["state"] for name, guest in result["scenario"]["guests"].items()}


@contextmanager
def pinging(lab: Lab, guest: str, address: str) -> Iterator[None]:
    """Ping all the time, and assert that every single answer has come."""
    ping = f"ping -i 0.02 {address}"
    lab.read(guest, f"setsid {ping} >/run/{address} 2>&1 &")

    def answered() -> list[int]:
        return [
            int(number) for number in re.findall(r"icmp_seq=(\d+) .* time=", lab.read(guest, f"cat /run/{address}"))
        ]

    try:
        until(answered, f"{guest} to get an answer from {address}")
        yield
        before = len(answered())
        until(lambda: len(answered()) > before + 2, f"{guest} to get answers from {address} still")
    finally:
        lab.read(guest, f"pkill -f '^{ping}$'")
    found = answered()
    assert found == list(range(1, found[-1] + 1)), f"{guest} got from {address} only {found}"
