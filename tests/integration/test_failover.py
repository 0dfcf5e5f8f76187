# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What daemons of guests with the tuned kernel make of cables that are pulled: VRRP by keepalived, and BFD by BIRD.

Two routers, moon and sun, in the segment ``lan`` and with a link between them.  That spanning trees and bonds react is in test_carrier.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab import BASE, TUNED, Lab, until
from testbed import Config, described, restored

DAEMONS = BASE / "masters/test-bird"

pytestmark = pytest.mark.skipif(
    not (BASE / "kernels" / TUNED / "linux").exists() or not (DAEMONS / "usr/sbin/keepalived").exists(),
    reason="the tuned kernel is not in the cache: 'make kernel' builds it",
)

KEEPALIVED = """
cat >/run/keepalived.conf <<'END'
vrrp_instance lan {{
    state BACKUP
    interface eth0
    virtual_router_id 7
    priority {priority}
    advert_int 1
    {track}
    virtual_ipaddress {{
        10.1.0.100/24
    }}
}}
END
setsid keepalived -n -l -f /run/keepalived.conf </dev/null >/run/keepalived.log 2>&1 &
echo $! >/run/daemon
"""
# The way over the lan is worse than the one over the link, which BFD watches.
BIRD = """
ip address replace 10.9.{me}.1/32 dev lo
cat >/run/bird.conf <<'END'
router id 10.1.1.{me};
protocol device {{ scan time 1; }}
protocol kernel {{ ipv4 {{ export all; }}; }}
protocol bfd {{ interface "eth1" {{ interval 500 ms; multiplier 6; }}; }}
protocol static direct_way {{ ipv4 {{ preference 200; }}; route 10.9.{peer}.0/24 via 10.1.1.{peer} bfd; }}
protocol static detour {{ ipv4 {{ preference 100; }}; route 10.9.{peer}.0/24 via 10.1.0.{peer}; }}
END
bird -c /run/bird.conf -s /run/bird.ctl -P /run/daemon
"""
# One that still ends would keep the next from starting.
STOP = """
if [ -e /run/daemon ]; then
    daemon=$(cat /run/daemon)
    kill $daemon
    while kill -0 $daemon; do sleep 0.1; done 2>/dev/null
fi
rm -f /run/daemon; ip address flush dev lo scope global
"""


def _config(**link: Any) -> Config:
    """The lab.

    :param link: settings of the link between the routers.
    """
    interfaces = {"eth0": {"bridge": "lan"}}
    return {
        "defaults": {"mem": 64, "kernel": TUNED, "init": "minimal"},
        "guests": {
            "moon": {"master": str(DAEMONS), "interfaces": interfaces},
            "sun": {"master": str(DAEMONS), "interfaces": interfaces},
            "alice": {"interfaces": interfaces},
        },
        "bridges": {"lan": {"prefix": "10.1.0.0/24"}},
        "links": [{"a": "moon:eth1", "b": "sun:eth1", "name": "between", "prefix": "10.1.1.0/24", **link}],
    }


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    """The lab of all tests here."""
    with described(_config()) as lab:
        yield lab


@pytest.fixture
def lab(site: Lab) -> Iterator[Lab]:
    """The lab as it was described, and no daemon in it."""
    with restored(site, _config(), STOP):
        yield site


# How a cable is lost, and how it comes back.
Pull = tuple[Callable[[Lab], object], Callable[[Lab], object]]
LINK: Pull = (
    lambda lab: lab.scenario("site", _config(state="down")),
    lambda lab: lab.scenario("site", _config()),
)
LAN: Pull = (
    lambda lab: lab.iface("moon", "eth0", bridge=""),
    lambda lab: lab.iface("moon", "eth0", bridge="lan"),
)
SILENT: Pull = (
    lambda lab: lab.scenario("site", _config(loss="100%")),
    lambda lab: lab.scenario("site", _config()),
)


def _master(lab: Lab) -> list[str]:
    """Who has the address of the virtual router."""
    return [guest for guest in ("moon", "sun") if "10.1.0.100/24" in lab.addresses(guest, "eth0")]


@pytest.mark.parametrize(
    "pull",
    [pytest.param(LINK, marks=pytest.mark.long), LAN],
    ids=["a link that it tracks is down", "its own cable is unplugged"],
)
def test_a_virtual_router_moves_when_a_cable_is_lost_and_back(lab: Lab, pull: Pull) -> None:
    cut, mend = pull
    # Both ends of a link go down with it, so only one may mind.
    for guest, priority, track in (("moon", 150, "track_interface {\n eth1\n }"), ("sun", 100, "")):
        lab.read(guest, KEEPALIVED.format(priority=priority, track=track))
    until(lambda: _master(lab) == ["moon"], "moon to be the router")

    cut(lab)
    until(lambda: _master(lab) == ["sun"], "sun to be the router")
    # It knows from its carrier, and not from what it no longer hears.
    known = lab.read("moon", "cat /run/keepalived.log")
    until(lambda: lab.reaches("alice", "10.1.0.100"), "the virtual router to answer")
    mend(lab)

    until(lambda: _master(lab) == ["moon"], "moon to be the router again")
    assert "FAULT STATE" in known, known


@pytest.mark.parametrize("pull", [LINK, SILENT], ids=["without carrier", "with carrier"])
def test_bfd_takes_the_other_way_when_a_cable_is_lost_and_back(lab: Lab, pull: Pull) -> None:
    cut, mend = pull
    for guest, me, peer in (("moon", 1, 2), ("sun", 2, 1)):
        lab.read(guest, BIRD.format(me=me, peer=peer))

    def way() -> str:
        return lab.read("moon", "ip route get 10.9.2.1 | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p'").strip()

    until(lambda: way() == "eth1" and lab.reaches("moon", "10.9.2.1"), "the way over the link")
    cut(lab)
    until(lambda: way() == "eth0", "the way over the lan")
    until(lambda: lab.reaches("moon", "10.9.2.1 -I 10.9.1.1"), "the way over the lan in both directions")
    mend(lab)

    until(lambda: way() == "eth1", "the way over the link again")
