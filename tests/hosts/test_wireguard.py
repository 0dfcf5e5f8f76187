# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lab hosts whose sites are joined by WireGuard, as docs/howto/several-hosts.md has it.

The routers of the sites are guests of the third lab host, because not every machine that runs tests has WireGuard in its kernel.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from lab import BASE, SERVICES, TUNED
from world import World

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (BASE / "kernels" / TUNED).exists(), reason="the tuned kernel is not there"),
]
_SITES = (1, 2)


def _routers() -> str:
    guests = {
        f"wg{site}": {
            "interfaces": {
                "eth0": {"bridge": f"site{site}", "address": [f"10.8{site}.0.1/24"]},
                "eth1": {"bridge": "internet", "address": [f"198.51.100.{site}/24"]},
            }
        }
        for site in _SITES
    }
    defaults = {"mem": 96, "kernel": TUNED, "master": SERVICES, "sysctl": {"net.ipv4.ip_forward": 1}}
    return json.dumps({"defaults": defaults, "bridges": {"site1": {}, "site2": {}, "internet": {}}, "guests": guests})


def test_a_segment_goes_through_the_tunnel_of_two_sites_whole(hosts: World) -> None:
    inventory = hosts.write("hosts.ini", hosts.inventory())
    guests = hosts.write("lab.dumm.yml", "plugin: dumm.lab.dumm\nlab_hosts: [labhosts]\n")

    def do(machine: str, module: str, **options: Any) -> None:
        hosts.run("ansible", "-i", inventory, machine, "-m", f"dumm.lab.{module}", "-a", json.dumps(options))

    def inside(guest: str, script: str) -> str:
        return hosts.run("ansible", "-i", inventory, "-i", guests, guest, "-m", "raw", "-a", script)

    do("lab3", "dumm_scenario", name="routers", src=hosts.write("routers.yml", _routers()))
    keys = {}
    for site in _SITES:
        told = inside(f"wg{site}", "umask 077; wg genkey >/root/key; wg pubkey </root/key")
        found = re.search(r"^[A-Za-z0-9+/]{43}=\s*$", told, re.MULTILINE)
        assert found is not None, told
        keys[site] = found.group(0).strip()
    for site, other in ((1, 2), (2, 1)):
        inside(
            f"wg{site}",
            "ip link add wg0 type wireguard && "
            f"wg set wg0 private-key /root/key listen-port 51820 peer {keys[other]} allowed-ips 10.8{other}.0.0/24 "
            f"endpoint 198.51.100.{other}:51820 && ip link set wg0 up && ip route add 10.8{other}.0.0/24 dev wg0",
        )
        _plug(hosts, site, other)
        span = {"vni": 4711, "local": f"10.8{site}.0.2", "peers": [f"10.8{other}.0.2"]}
        do(f"lab{site}", "dumm_bridge", name="wan", span=span)
        do(f"lab{site}", "dumm_guest", name=f"g{site}", mem=64, state="present")
        do(
            f"lab{site}",
            "dumm_iface",
            guest=f"g{site}",
            name="eth0",
            bridge="wan",
            mtu=1370,
            address=[f"10.9.0.{site}/24"],
        )
        do(f"lab{site}", "dumm_guest", name=f"g{site}")

    assert "1350 bytes from 10.9.0.2" in inside("g1", "ping -c 1 -w 120 -M do -s 1342 10.9.0.2")
    told = inside("wg1", "wg show wg0 transfer; cat /proc/net/snmp")

    names, counts = (line.split() for line in told.splitlines() if line.startswith("Ip:"))
    assert dict(zip(names, counts, strict=True))["FragCreates"] == "0"
    assert re.search(rf"{re.escape(keys[2])}\s+[1-9]\d*\s+[1-9]\d*", told)
    for site in _SITES:
        do(f"lab{site}", "dumm_guest", name=f"g{site}", state="absent")
        do(f"lab{site}", "dumm_bridge", name="wan", state="absent")
        hosts.hosts[f"lab{site}"].run("ip", "link", "delete", "up0")
    do("lab3", "dumm_scenario", name="routers", state="absent")


def _plug(made: World, site: int, other: int) -> None:
    """A cable from a lab host into the segment of its site's router, whose MTU it has."""
    host, third = made.hosts[f"lab{site}"], made.hosts["lab3"]
    (name,) = third.run("ls", "/run/netns").split()
    lab = third.root / "run/netns" / name
    _ip(
        "ip",
        "link",
        "add",
        "up0",
        "netns",
        str(host.pid),
        "type",
        "veth",
        "peer",
        "name",
        f"site{site}-ext",
        "netns",
        str(lab),
    )
    _ip("nsenter", f"--net={lab}", "ip", "link", "set", f"site{site}-ext", "master", f"site{site}", "up")
    host.run("ip", "link", "set", "up0", "mtu", "1420", "up")
    host.run("ip", "address", "add", f"10.8{site}.0.2/24", "dev", "up0")
    host.run("ip", "route", "add", f"10.8{other}.0.0/24", "via", f"10.8{site}.0.1")


def _ip(*command: str) -> None:
    subprocess.run(command, check=True)
