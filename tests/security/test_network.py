# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest sends from its TAP disturbs neither another segment nor the host.

Frames reach the host's bridges before the attack program goes on.  Of its own segment a guest is a part like any other.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import frames
import pytest
from attack import Outcome, Tally
from lab import Lab, until
from stage import Stage

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import confine
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import learning, syscalls

pytestmark = pytest.mark.parametrize("stage", [True], ids=["confined"], indirect=True)

_KIND = "disturb the network"
_EVIL = "02:00:00:00:ee:01"
_HOST, _PEER = "10.9.0.254", "10.9.0.1"
_PATIENCE = 300.0


@dataclass
class Wire:
    """The network of a lab with an attacker."""

    lab: Lab

    def host(self, *command: str) -> str:
        """What a command in the lab's network namespace prints; it has to succeed."""
        done = self.lab.host(*command)
        assert done.returncode == 0, done
        return done.stdout

    def send(self, frame: bytes, size: int = 0) -> None:
        """Have the attacker send a frame, filled up to a size."""
        done = self.lab.run("evil", f"attack frame evil-eth0 {frame.hex()} {size}")
        assert done.code == 0, done

    def plug(self, bridge: str) -> None:
        """Plug the attacker into a bridge, and wait until that takes its frames."""
        self.host("ip", "link", "set", "evil-eth0", "master", bridge)

        def forwards() -> bool:
            ports = json.loads(self.host("bridge", "-j", "link"))
            return any(port["ifname"] == "evil-eth0" and port.get("state") == "forwarding" for port in ports)

        until(forwards, "the port to forward", _PATIENCE)

    def mac(self, device: str) -> str:
        """A device's address."""
        return str(self.lab.devices()[device]["address"])

    def port_of(self, bridge: str, address: str) -> str:
        """Behind which port a bridge looks for an address; empty for none."""
        found = json.loads(self.host("bridge", "-j", "fdb", "show", "br", bridge))
        return next(
            (str(each["ifname"]) for each in found if each["mac"] == address and each.get("master") == bridge), ""
        )

    def peers_mac(self) -> str:
        """Address of the other guest's interface, that the host has talked to."""
        self.host("ping", "-c", "1", "-w", "60", _PEER)
        return str(json.loads(self.host("ip", "-j", "neigh", "show", _PEER))[0]["lladdr"])

    @contextmanager
    def setting(self, path: str, value: int) -> Iterator[None]:
        """A setting of the lab's kernel below ``net``, for a while."""
        name = f"/proc/sys/net/{path}"
        before = self.host("cat", name).strip()
        self.host("sh", "-c", f"echo {value} >{name}")
        try:
            yield
        finally:
            self.host("sh", "-c", f"echo {before} >{name}")


@pytest.fixture(scope="module")
def wire(stage: Stage) -> Wire:
    """The attacker is on a segment of its own, and so is not the other guest and the host's leg."""
    lab = stage.lab
    lab.bridge("br0", address=[f"{_HOST}/24", "fd09::254/64"])
    lab.bridge("br1", address=["10.8.0.254/24", "fd08::254/64"])
    lab.iface("idle", "eth0", bridge="br1")
    lab.guest("idle", mem=32)
    lab.iface("peer", "eth0", bridge="br0", address=[f"{_PEER}/24"])
    assert lab.run("evil", "attack hold evil-eth0").code == 0
    return Wire(lab)


@contextmanager
def _seen(wire: Wire, device: str) -> Iterator[Callable[[bytes], bool]]:
    """Whether a frame that begins so went out by a device, or was received by it."""
    with syscalls.network_namespace(f"/run/netns/{wire.lab.name}"):
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    with listener:
        listener.bind((device, 0))
        listener.setblocking(False)

        def seen(frame: bytes) -> bool:
            while True:
                try:
                    data = listener.recv(65536)
                except BlockingIOError:
                    return False
                if data.startswith(frame):
                    return True

        yield seen


# Attacks on another segment: the protection is that the attacker is not in it.


def _steal_mac(wire: Wire) -> bool:
    peer = wire.peers_mac()
    wire.send(frames.plain(frames.BROADCAST, peer))
    stolen = wire.port_of("br0", peer) == "evil-eth0"
    wire.peers_mac()
    return stolen


def _steal_hosts_neighbour(wire: Wire) -> bool:
    wire.peers_mac()
    # A host believes nobody for a second after it has learnt something.
    with wire.setting("ipv4/neigh/br0/locktime", 0):
        wire.send(frames.arp_reply(wire.mac("br0"), _EVIL, _PEER, _HOST))
    stolen = json.loads(wire.host("ip", "-j", "neigh", "show", _PEER))[0]["lladdr"] == _EVIL
    wire.host("ip", "neigh", "flush", "dev", "br0")
    return stolen


def _passes(frame: Callable[[Wire], bytes]) -> Callable[[Wire], bool]:
    def passes(wire: Wire) -> bool:
        sent = frame(wire)
        with _seen(wire, "peer-eth0") as seen:
            wire.send(sent)
            return seen(sent)

    return passes


def _host_hears(wire: Wire) -> bool:
    sent = frames.plain(wire.mac("br0"), _EVIL)
    with _seen(wire, "br0") as seen:
        wire.send(sent)
        return seen(sent)


def _fill_table(wire: Wire) -> bool:
    done = wire.lab.run(
        "evil", f"attack frames evil-eth0 {frames.plain(frames.BROADCAST, '02:ee:ee:00:00:00').hex()} 300"
    )
    assert done.code == 0, done
    return wire.port_of("br0", "02:ee:ee:00:00:ff") != ""


SEGMENTS: dict[str, Callable[[Wire], bool]] = {
    "take the Ethernet address of a guest of another segment": _steal_mac,
    "take the address of a guest of another segment by ARP": _steal_hosts_neighbour,
    "send a broadcast into another segment": _passes(lambda wire: frames.plain(frames.BROADCAST, _EVIL)),
    "send a multicast into another segment": _passes(lambda wire: frames.plain("01:00:5e:00:00:01", _EVIL)),
    "send to a guest of another segment": _passes(lambda wire: frames.plain(wire.peers_mac(), _EVIL)),
    "lie to a guest of another segment by ARP": _passes(
        lambda wire: frames.arp_reply(wire.peers_mac(), _EVIL, "10.9.0.77", _PEER)
    ),
    "announce a router in another segment": _passes(
        lambda wire: frames.router_advertisement(_EVIL, "fe80::ee", "fd66::")
    ),
    "send to the host's address of another segment": _host_hears,
    "fill the forwarding table of another segment": _fill_table,
}


@pytest.mark.parametrize("protected", [False, True], ids=["in its segment", "apart"])
@pytest.mark.parametrize("name", SEGMENTS)
def test_a_guest_does_not_reach_another_segment(wire: Wire, name: str, protected: bool, tally: Tally) -> None:
    wire.plug("br1" if protected else "br0")
    _judge(name, SEGMENTS[name](wire), protected, tally)


def _judge(name: str, succeeded: bool, protected: bool, tally: Tally) -> None:
    tally.note(_KIND, name, Outcome.SUCCEEDED if succeeded else Outcome.REFUSED, protected=protected)
    assert succeeded is not protected


# Attacks on the host's part in the attacker's own segment: the protection is a setting, which is changed meanwhile.


def _become_router(wire: Wire) -> bool:
    wire.send(frames.router_advertisement(_EVIL, "fe80::ee", "fd66::"))
    got = [each["local"] for each in wire.lab.devices()["br1"]["addr_info"] if each["local"].startswith("fd66:")]
    for address in got:
        wire.host("ip", "addr", "del", f"{address}/64", "dev", "br1")
    wire.host("ip", "-6", "route", "flush", "proto", "ra")
    return bool(got)


def _redirect(wire: Wire) -> bool:
    wire.host("ip", "route", "replace", "10.66.0.0/24", "via", "10.8.0.1")
    wire.host("ip", "neigh", "replace", "10.8.0.66", "lladdr", _EVIL, "dev", "br1")
    wire.host("ip", "route", "flush", "cache")
    wire.send(frames.redirect(wire.mac("br1"), _EVIL, "10.8.0.1", "10.8.0.254", "10.8.0.66", "10.66.0.1"))
    return json.loads(wire.host("ip", "-j", "route", "get", "10.66.0.1"))[0]["gateway"] == "10.8.0.66"


def _reach_loopback(wire: Wire) -> bool:
    with syscalls.network_namespace(f"/run/netns/{wire.lab.name}"):
        service = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with service:
        service.bind(("127.0.0.1", 0))
        service.setblocking(False)
        port = service.getsockname()[1]
        wire.send(frames.udp(wire.mac("br1"), _EVIL, ("10.8.0.9", "127.0.0.1"), port, b"attack"))
        try:
            return service.recv(100) == b"attack"
        except BlockingIOError:
            return False


def _send_jumbo(wire: Wire) -> bool:
    sent = frames.plain(frames.BROADCAST, _EVIL)
    with _seen(wire, "idle-eth0") as seen:
        wire.send(sent, 4000)
        return seen(sent)


def _send_link_local(wire: Wire) -> bool:
    sent = frames.plain("01:80:c2:00:00:0e", _EVIL)
    with _seen(wire, "idle-eth0") as seen:
        wire.send(sent)
        return seen(sent)


@contextmanager
def _forwarding_link_local(wire: Wire) -> Iterator[None]:
    wire.host("ip", "link", "set", "br1", "type", "bridge", "group_fwd_mask", "16384")
    try:
        yield
    finally:
        wire.host("ip", "link", "set", "br1", "type", "bridge", "group_fwd_mask", "0")


def _fill_own_table(wire: Wire) -> bool:
    sent = frames.plain(frames.BROADCAST, "02:ee:ee:00:00:00").hex()
    done = wire.lab.run("evil", f"attack frames evil-eth0 {sent} {learning.MOST + 1000}")
    assert done.code == 0, done
    learnt = len(json.loads(wire.host("bridge", "-j", "fdb", "show", "br", "br1")))
    wire.host("ip", "link", "set", "br1", "type", "bridge", "fdb_flush")
    return learnt > learning.MOST + 500


@contextmanager
def _learning_any_number(wire: Wire) -> Iterator[None]:
    index = int(wire.lab.devices()["br1"]["ifindex"])
    for most in (0, learning.MOST):
        with syscalls.network_namespace(f"/run/netns/{wire.lab.name}"):
            learning.bound(index, most)
        if most == 0:
            yield


@contextmanager
def _larger(wire: Wire) -> Iterator[None]:
    for device in ("idle-eth0", "evil-eth0"):
        wire.host("ip", "link", "set", device, "mtu", "9000")
    try:
        yield
    finally:
        for device in ("idle-eth0", "evil-eth0"):
            wire.host("ip", "link", "set", device, "mtu", "1500")


SETTINGS: dict[str, tuple[Callable[[Wire], bool], Callable[[Wire], list[object]]]] = {
    "become the host's router by an advertisement": (
        _become_router,
        lambda wire: [wire.setting("ipv6/conf/br1/accept_ra", 2), wire.setting("ipv6/conf/br1/autoconf", 1)],
    ),
    "send the host another way by a redirect": (
        _redirect,
        lambda wire: [wire.setting(f"ipv4/conf/{name}/accept_redirects", 1) for name in ("br1", "all")],
    ),
    "reach the lab's loopback from outside": (
        _reach_loopback,
        lambda wire: [wire.setting("ipv4/conf/br1/route_localnet", 1)],
    ),
    "send a guest more than its network takes at once": (_send_jumbo, lambda wire: [_larger(wire)]),
    "fill the host's memory with forwarding entries": (_fill_own_table, lambda wire: [_learning_any_number(wire)]),
    "send what is for the next bridge alone": (_send_link_local, lambda wire: [_forwarding_link_local(wire)]),
}


@pytest.mark.parametrize("protected", [False, True], ids=["switched off", "switched on"])
@pytest.mark.parametrize("name", SETTINGS)
def test_the_host_does_not_believe_what_a_guest_sends(wire: Wire, name: str, protected: bool, tally: Tally) -> None:
    attack, switches = SETTINGS[name]
    if attack is _fill_own_table and confine._release() < learning.SINCE:
        pytest.skip("the host's bridges have no bound on what they learn, which is told as a gap")
    wire.plug("br1")
    with ExitStack() as stack:
        for each in [] if protected else switches(wire):
            stack.enter_context(each)  # type: ignore[arg-type]
        succeeded = attack(wire)
    _judge(name, succeeded, protected, tally)
