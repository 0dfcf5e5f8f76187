# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices, addresses and counters of a namespace are the same as ip(8) shows them, and rates follow what is sent."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, PREFIX

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.stats import Meter
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.rtnetlink import Route

# More than fit into one datagram of a dump.
TAPS = 200
BRIDGES = 50
ALIAS = "dumm.lab dumm iface ärger:eth0"
FRAMES, SIZE = 100, 1000


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A namespace with many devices; ``tap0`` has an alias and two addresses."""
    name = f"{PREFIX}stats"
    lines = [f"link add br{number} type bridge" for number in range(BRIDGES)]
    for number in range(TAPS):
        lines += [
            f"tuntap add dev tap{number} mode tap",
            f"link set tap{number} up master br{number % BRIDGES} mtu {1400 + number}",
        ]
    lines += [f'link set tap0 alias "{ALIAS}"', "addr add 192.0.2.1/30 dev tap0"]
    lines += ["link add v0 type veth peer name v1", "link set v0 up", "link set v1 up"]
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=PATIENCE)
    try:
        with syscalls.network_namespace(f"/run/netns/{name}"):
            # The kernel would send frames of its own meanwhile.
            Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
        batch = "\n".join(lines).encode()
        subprocess.run(["ip", "-n", name, "-batch", "-"], input=batch, check=True, timeout=PATIENCE)
        with syscalls.network_namespace(f"/run/netns/{name}"):
            Path("/proc/sys/net/ipv6/conf/tap0/disable_ipv6").write_text("0")
        subprocess.run(["ip", "-n", name, "addr", "add", "2001:db8::1/64", "dev", "tap0"], check=True, timeout=PATIENCE)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True, timeout=PATIENCE)


@pytest.fixture
def path(namespace: str) -> str:
    """Where to enter it."""
    return f"/run/netns/{namespace}"


def shown(namespace: str, *words: str) -> list[dict[str, Any]]:
    """What ip(8) shows."""
    done = subprocess.run(
        ["ip", "-n", namespace, "-j", *words], capture_output=True, check=True, timeout=PATIENCE, text=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_devices_are_those_that_ip_shows(namespace: str, path: str) -> None:
    with Route(path) as route:
        links = route.links()

    names = {link.number: link.name for link in links}
    found = {
        link.number: (link.name, names.get(link.master), link.mtu, link.up, link.carrier, link.alias) for link in links
    }
    assert len(found) > TAPS + BRIDGES
    assert found == {
        each["ifindex"]: (
            each["ifname"],
            each.get("master"),
            each["mtu"],
            "UP" in each["flags"],
            "LOWER_UP" in each["flags"],
            each.get("ifalias", ""),
        )
        for each in shown(namespace, "link")
    }


def test_addresses_are_those_that_ip_shows_but_of_scope_link(path: str) -> None:
    with Route(path) as route:
        index = next(link.number for link in route.links() if link.name == "tap0")

        assert route.addresses() == {index: ["192.0.2.1/30", "2001:db8::1/64"]}


def test_counters_are_those_that_ip_shows(namespace: str, path: str) -> None:
    send(path, "v0")

    with Route(path) as route:
        found = route.counters()

    assert {index: each.rx_packets for index, each in found.items() if each.rx_packets}
    assert found == {
        each["ifindex"]: tuple(
            each["stats64"][side][kind] for kind in ("packets", "bytes", "errors", "dropped") for side in ("rx", "tx")
        )
        for each in shown(namespace, "-s", "link")
    }


def send(path: str, name: str) -> None:
    """Send frames out of a device."""
    with syscalls.network_namespace(path), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((name, 0))
        for _each in range(FRAMES):
            out.send(bytes(12) + b"\x88\xb5" + bytes(SIZE - 14))


def test_rates_are_what_was_sent_between_two_readings(path: str) -> None:
    with Route(path) as route:
        indexes = {link.name: link.number for link in route.links()}
    with Meter(path) as meter:
        assert meter.read() == {}
        before = meter.counters
        send(path, "v0")
        found = meter.read()

    sent, got, idle = (found[indexes[name]] for name in ("v0", "v1", "tap1"))
    assert meter.counters[indexes["v0"]].tx_packets - before[indexes["v0"]].tx_packets == FRAMES
    assert sent.tx_bits == pytest.approx(sent.tx_packets * 8 * SIZE)
    assert (got.rx_bits, got.rx_packets) == (sent.tx_bits, sent.tx_packets)
    assert idle.silent


def test_a_namespace_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        Meter("/run/netns/dumm-test-none")
