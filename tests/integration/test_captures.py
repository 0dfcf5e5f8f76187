# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures on the cables of real guests, in this process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import testbed
from lab import PATIENCE, Lab, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture import live as capture
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture import pcapng
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.live import Bound, Capture, Direction, End
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput

ENDS = ("alice:eth0", "bob:eth0")
# Three are sent, whatever becomes of them (a guest's kernel may sleep over one, docs/explanation/architecture.md).
PING = "ping -c 3 -i 0.2 -W 30 {}"
BOB, BOB_IN_VLAN = PING.format("10.0.0.2"), PING.format("10.5.0.2")
# A frame that has a VLAN tag, as a guest with a VLAN sends it.
VLAN = "ip link add link eth0 name eth0.5 type vlan id 5; ip addr add 10.5.0.{}/24 dev eth0.5; ip link set eth0.5 up"

# A stream of TCP, in pieces that travel as one.
SERVE = """python3 -c '
import socket
listening = socket.create_server(("", 80))
print(flush=True)
stream = listening.accept()[0]
stream.sendall(stream.recv(7) * 5000)'"""
ASK = """python3 -c '
import socket
stream = socket.create_connection(("10.0.0.2", 80))
stream.sendall(b"x" * 7)
print(len(stream.makefile("rb").read()))'"""


@contextmanager
def captured(lab: Lab, *labels: str, **options: object) -> Iterator[Capture]:
    with capture.started(str(lab.path), labels or ENDS, **options) as running:  # type: ignore[arg-type]
        yield running


def pinged(lab: Lab, command: str = BOB) -> int:
    """How many of alice's three pings were answered."""
    told = lab.run("alice", command).stdout.decode()
    assert "3 packets transmitted" in told
    return int(told.partition(" received")[0].rpartition(" ")[2])


def test_what_was_sent_before_the_question_is_counted(shared_pair: Lab) -> None:
    with captured(shared_pair) as cables:
        answers = 0
        for times in range(1, 6):
            answers += pinged(shared_pair)

            assert cables.count("icmp and src alice", interface="alice:eth0") == times * 3
            assert cables.count("icmp and src alice", interface="bob:eth0") == times * 3
            assert cables.count("icmp[icmptype] = icmp-echoreply and dst alice", interface="alice:eth0") == answers
            assert cables.count("icmp and src alice") == times * 6
        assert cables.count("src alice and dst alice") == 0
        assert cables.count() >= 30
        assert (cables.dropped, cables.ended, cables.gone) == (0, None, ())


def test_packets_come_in_order_and_go_the_way_that_the_guest_sees(shared_pair: Lab) -> None:
    with captured(shared_pair) as cables:
        until(lambda: pinged(shared_pair), "an answer")
        seen = list(cables.packets("icmp"))

    ways = [
        ("alice:eth0", Direction.OUT),
        ("bob:eth0", Direction.IN),
        ("bob:eth0", Direction.OUT),
        ("alice:eth0", Direction.IN),
    ]
    # A guest may sleep over a request, and answer it after the next.
    whole = [each for each in _by_request(seen).values() if len(each) == len(ways)]
    assert whole
    assert [[(packet.interface, packet.direction) for packet in each] for each in whole] == [ways] * len(whole)
    assert [each.time for each in seen] == sorted(each.time for each in seen)
    assert {each.length for each in seen} == {len(each.data) for each in seen} == {98}


def _by_request(seen: list[pcapng.Packet]) -> dict[bytes, list[pcapng.Packet]]:
    """Echo requests and their answers, by identifier and number."""
    found: dict[bytes, list[pcapng.Packet]] = {}
    for packet in seen:
        found.setdefault(packet.data[38:42], []).append(packet)
    return found


def test_only_what_came_since_a_mark_is_counted(shared_pair: Lab) -> None:
    with captured(shared_pair, "alice") as cables:
        pinged(shared_pair)
        mark = cables.mark()
        assert cables.count("src alice and icmp", since=mark) == 0
        pinged(shared_pair)

        assert (cables.count("src alice and icmp", since=mark), cables.count("src alice and icmp")) == (3, 6)
        assert len(list(cables.packets("src alice and icmp", since=mark))) == 3


def test_a_filter_keeps_everything_else_out_of_the_file(shared_pair: Lab, tmp_path: Path) -> None:
    file = tmp_path / "pings.pcapng"
    with captured(shared_pair, file=file, only="icmp and dst host bob", snaplen=60, comment="pings") as cables:
        shared_pair.run("alice", f"ip neigh flush dev eth0; {BOB}")
        assert (cables.count(), cables.count("arp")) == (6, 0)

    found = _read(file)
    assert {(len(each.data), each.length) for each in found} == {(60, 98)}
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    assert all(text in content for text in (b"pings", b"alice:eth0", b"on br0, 10.0.0.1/24", b"icmp and dst host bob"))


def _read(file: Path) -> list[pcapng.Packet]:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        return [packet for _end, packet in pcapng.packets(descriptor)]
    finally:
        os.close(descriptor)


def test_a_file_is_understood_by_tshark(shared_pair: Lab, tmp_path: Path) -> None:
    file = tmp_path / "pings.pcapng"
    with captured(shared_pair, file=file):
        until(lambda: pinged(shared_pair), "an answer")

    fields = ("frame.interface_name", "frame.packet_flags_direction", "ip.src", "icmp.type")
    told = _tshark(file, *(word for field in fields for word in ("-e", field)), "-T", "fields", "-Y", "icmp")
    assert sorted(set(told.splitlines())) == [
        "alice:eth0\t0x00000001\t10.0.0.2\t0",
        "alice:eth0\t0x00000002\t10.0.0.1\t8",
        "bob:eth0\t0x00000001\t10.0.0.1\t8",
        "bob:eth0\t0x00000002\t10.0.0.2\t0",
    ]


def _tshark(file: Path, *arguments: str) -> str:
    """What tshark reads without a complaint; with names of users and hosts left alone."""
    done = subprocess.run(
        ["tshark", "-n", "-r", str(file), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0 and "cut short" not in done.stderr, done.stderr
    return done.stdout


def test_checksums_and_vlan_tags_are_as_on_a_wire(shared_pair: Lab, tmp_path: Path) -> None:
    file = tmp_path / "wire.pcapng"
    for guest, number in (("alice", 1), ("bob", 2)):
        shared_pair.read(guest, VLAN.format(number))
    shared_pair.read("bob", f"{SERVE} >/root/out 2>&1 & until [ -s /root/out ]; do sleep 0.1; done")
    try:
        with captured(shared_pair, file=file) as cables:
            assert shared_pair.read("alice", ASK) == "35000\n"
            pinged(shared_pair, BOB_IN_VLAN)

            assert cables.count("icmp") == 0
            assert cables.count("vlan 5 and icmp[icmptype] = icmp-echo") == 6
            assert cables.count("vlan 6") == 0
            assert cables.count("tcp port 80") > 0
        for only in ("vlan 5 and icmp[icmptype] = icmp-echo", "icmp[icmptype] = icmp-echo"):
            with captured(shared_pair, only=only) as cables:
                pinged(shared_pair)
                pinged(shared_pair, BOB_IN_VLAN)
                assert cables.count() == 6
    finally:
        for guest in ("alice", "bob"):
            shared_pair.run(guest, "ip link del eth0.5")
    check = ("-o", "tcp.check_checksum:TRUE", "-T", "fields", "-e", "tcp.checksum.status", "-Y", "tcp")
    statuses = _tshark(file, *check).split()
    assert statuses and set(statuses) == {"1"}


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["carol:eth0"], "interface carol:eth0: there is no guest carol; known: alice, bob"),
        (["alice:eth7"], "interface alice:eth7: guest alice has no interface eth7; did you mean eth0"),
        (["bobb"], r"interface bobb: there is no guest or segment bobb; did you mean bob\? .known: alice, bob, br0"),
        (["br1"], "interface br1: there is no guest or segment br1; did you mean br0"),
        (["br0:eth0"], "interface br0:eth0: there is no guest br0"),
        ([], "capture: there is no interface to capture at"),
    ],
)
def test_what_is_not_in_the_lab_is_refused(shared_pair: Lab, labels: list[str], told: str) -> None:
    with pytest.raises(InvalidInput, match=told), capture.started(str(shared_pair.path), labels):
        pass


def test_a_segment_means_all_that_is_plugged_into_it(shared_pair: Lab) -> None:
    with captured(shared_pair, "br0", "alice") as cables:
        pinged(shared_pair)

        assert set(cables.counted) == set(ENDS)
        assert cables.count("icmp and src alice") == 6


def test_a_name_of_both_a_guest_and_a_segment_is_refused(shared_pair: Lab) -> None:
    shared_pair.bridge("alice")
    try:
        refused = "interface alice: it is both a guest and a segment; name interfaces, such as alice:eth0"
        with pytest.raises(InvalidInput, match=refused), captured(shared_pair, "alice"):
            pass
    finally:
        shared_pair.bridge("alice", state="absent")
    shared_pair.bridge("lonely")
    try:
        with (
            pytest.raises(InvalidInput, match="bridge lonely: no interface is plugged"),
            captured(shared_pair, "lonely"),
        ):
            pass
    finally:
        shared_pair.bridge("lonely", state="absent")


def test_a_question_about_an_interface_that_is_not_captured_is_refused(shared_pair: Lab) -> None:
    with (
        captured(shared_pair, "alice:eth0") as cables,
        pytest.raises(InvalidInput, match="bob:eth0: it is not captured"),
    ):
        cables.count(interface="bob:eth0")


@pytest.mark.parametrize(
    ("bound", "end"),
    [(Bound(packets=4), End.PACKETS), (Bound(size=1200), End.BYTES)],
    ids=["packets", "size"],
)
def test_a_capture_ends_at_its_bound(shared_pair: Lab, tmp_path: Path, bound: Bound, end: End) -> None:
    file = tmp_path / "few.pcapng"
    with captured(shared_pair, file=file, only="icmp", bound=bound) as cables:
        pinged(shared_pair)
        assert [each.interface for each in cables.packets()][:2] == list(ENDS)
        assert cables.ended is end
        with pytest.raises(HostError, match=f"packets cannot be counted, since {end.value}"):
            cables.count()
    assert len(_read(file)) == bound.packets or 800 < file.stat().st_size <= 1200
    _tshark(file)


def test_a_capture_ends_when_its_time_is_over(shared_pair: Lab) -> None:
    with captured(shared_pair, bound=Bound(seconds=0.1)) as cables:
        until(lambda: cables.ended is End.SECONDS, "the end of the capture")


def test_a_capture_goes_on_while_a_guest_restarts_and_a_cable_is_plugged_elsewhere(pair: Lab) -> None:
    sent = "icmp and src alice"
    with captured(pair) as cables:
        pinged(pair)
        pair.guest("bob", state="restarted")
        pinged(pair)
        assert cables.count(sent) == 12
        pair.bridge("br1")
        pair.iface("bob", "eth0", bridge="br1")
        mark = cables.mark()
        assert pair.run("alice", "ping -c 1 -W 1 10.0.0.2").code != 0
        assert cables.count(interface="alice:eth0", since=mark) > 0
        assert cables.count("src alice", interface="bob:eth0", since=mark) == 0
        pair.iface("bob", "eth0", bridge="br0")
        mark = cables.mark()
        assert pair.reaches("alice", "10.0.0.2")
        assert cables.count(sent, interface="bob:eth0", since=mark) > 0

        pair.iface("bob", "eth0", state="absent")
        until(lambda: cables.gone == ("bob:eth0",), "the end of bob's interface")
        assert cables.ended is None
        pair.guest("alice", state="absent")
        until(lambda: cables.ended is End.GONE, "the end of the capture")
        assert cables.count(sent) >= 12


def test_a_guest_that_was_never_started_has_nothing_to_capture(lab: Lab) -> None:
    lab.bridge("br0")
    lab.guest("alice", state="present")
    lab.iface("alice", "eth0", bridge="br0")

    with pytest.raises(HostError, match="interface alice:eth0: its TAP alice-eth0 is not there; start its guest"):
        capture.started(str(lab.path), ["alice"]).__enter__()


def test_a_capture_ends_with_the_lab(lab: Lab) -> None:
    """Its sockets would keep the namespace and all that is in it."""
    lab.scenario("cable", testbed.pair())
    with captured(lab, "moon", "sun") as cables:
        lab.scenario("cable", state="absent")
        until(lambda: cables.ended is End.GONE, "the end of the capture")
        assert sorted(cables.gone) == ["moon:eth0", "sun:eth0"]


def test_a_capture_goes_on_while_a_guest_is_stopped_and_started(pair: Lab) -> None:
    with captured(pair, "bob") as cables:
        pair.guest("bob", state="stopped")
        pair.guest("bob")
        assert pair.reaches("alice", "10.0.0.2")

        assert cables.gone == ()
        assert cables.count("icmp and src alice") > 0
