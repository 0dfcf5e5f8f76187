# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of the output of ping and its like, and the scripts themselves: each tool that this machine has, over loopback."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Completed
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface, Lab
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Http, Ping, Port, Reach, Throughput
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import probes
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.bench import Bench, nearest_address
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.outcome import Outcome

# What every guest has.
BASIC = ("cat", "grep", "readlink", "sh", "tail", "sleep", "env", "rm")
# Seconds that a script may take here.
PATIENCE = 120.0

IPUTILS = """PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.1 ms

--- 10.0.0.2 ping statistics ---
{sent} packets transmitted, {got} received, {loss}% packet loss, time 0ms
"""
BUSYBOX = """PING 10.0.0.2 (10.0.0.2): 56 data bytes

--- 10.0.0.2 ping statistics ---
{sent} packets transmitted, {got} packets received, {loss}% packet loss
"""
ROUTE = "--dumm--\n10.0.0.2 dev eth0 src 10.0.0.1 uid 0 \n    cache\n"


def pinged(action: Ping, stdout: str, code: int = 0, stderr: str = "") -> Outcome:
    return probes.pinged(action, "10.0.0.2", Completed(code, stdout.encode(), stderr.encode()))


@pytest.mark.parametrize("output", [IPUTILS, BUSYBOX])
@pytest.mark.parametrize(
    ("sent", "got", "loss", "good"),
    [(1, 1, 0.0, True), (4, 3, 0.0, False), (4, 3, 25.0, True), (4, 2, 25.0, False), (4, 0, 99.0, False)],
)
def test_a_ping_may_lose_as_much_as_it_says(output: str, sent: int, got: int, loss: float, good: bool) -> None:
    text = output.format(sent=sent, got=got, loss=0)
    found = pinged(Ping("alice", "bob", sent, loss), text + ROUTE)
    assert found.good is good
    assert found.got.startswith(f"{got} of {sent} answered: alice (10.0.0.1, eth0) -> bob (10.0.0.2)")


@pytest.mark.parametrize(("got", "good"), [(0, True), (1, False), (2, False)])
def test_a_ping_that_must_fail_has_no_answer_at_all(got: int, good: bool) -> None:
    assert pinged(Ping("alice", "bob", 2, fails=True), IPUTILS.format(sent=2, got=got, loss=0)).good is good


def test_a_ping_that_tells_nonsense_was_not_answered() -> None:
    many = "9" * 5000
    assert not pinged(Ping("alice", "bob"), f"{many} packets transmitted, {many} received").good
    assert not pinged(Ping("alice", "bob"), "0 packets transmitted, 0 received").good


def test_a_ping_without_a_way_is_lost_and_tells_why() -> None:
    said = ("--dumm--\nRTNETLINK answers: Network is unreachable\n", 2, "ping: connect: Network is unreachable")
    found = pinged(Ping("alice", "10.0.0.2"), *said)
    assert not found.good
    assert found.got == (
        "0 of 1 answered: alice (RTNETLINK answers: Network is unreachable) -> 10.0.0.2\n"
        "ping: connect: Network is unreachable"
    )
    assert pinged(Ping("alice", "10.0.0.2", fails=True), *said).good


@pytest.mark.parametrize("fails", [True, False])
def test_a_guest_without_tools_fails_a_check_that_must_fail_too(fails: bool) -> None:
    found = pinged(Ping("alice:eth0", "bob", fails=fails), "", 127)
    assert found == Outcome(False, "guest alice has neither ping nor python3", final=True)


@pytest.mark.parametrize(
    ("action", "stdout", "good"),
    [
        (Http("a", "http://b/"), "x\n--dumm-- 200", True),
        (Http("a", "http://b/"), "x\n--dumm-- 302", True),
        (Http("a", "http://b/"), "x\n--dumm-- 404", False),
        (Http("a", "http://b/", 404), "x\n--dumm-- HTTP/1.1 404\n", True),
        (Http("a", "http://b/", 200, ("^x$",)), "x\n--dumm-- 200", True),
        (Http("a", "http://b/", 200, ("y",)), "x\n--dumm-- 200", False),
        (Http("a", "http://b/"), "x --dumm-- 500\n--dumm-- 200", True),
        (Http("a", "http://b/"), "\n--dumm-- 000", False),
        (Http("a", "http://b/", fails=True), "\n--dumm-- 000", True),
        (Http("a", "http://b/", fails=True), "\n--dumm-- 200", False),
        (Http("a", "http://b/"), "", False),
    ],
)
def test_an_answer_is_what_it_must_be(action: Http, stdout: str, good: bool) -> None:
    assert probes.answered(action, "10.0.0.2", Completed(0, stdout.encode(), b"")).good is good


@pytest.mark.parametrize(
    ("stdout", "rate"),
    [
        ('{"bytes": 1000, "seconds": 2}', 4000.0),
        ('{"end": {"sum_received": {"bits_per_second": 5e6}}}', 5e6),
        ('{"error": "busy"}', None),
        ("", None),
        ('{"bytes": 1, "seconds": 0}', None),
        ('{"bytes": ' + "9" * 4000 + ', "seconds": 1}', None),
        ('{"bytes": "x", "seconds": []}', None),
        ("[" * 100_000, None),
        ("[1]", None),
    ],
)
def test_a_rate_is_measured(stdout: str, rate: float | None) -> None:
    assert probes.measured(Completed(0, stdout.encode(), b"")) == rate


@pytest.mark.parametrize(
    ("rate", "words"), [(12.0, "12 bit"), (1500.0, "1.5 kbit"), (94.14e6, "94.1 mbit"), (2e9, "2 gbit")]
)
def test_a_rate_is_told_with_its_unit(rate: float, words: str) -> None:
    assert probes.spoken(rate) == words


# Addresses


def bench(**addresses: dict[str, tuple[str, ...]]) -> Bench:
    guests = {
        name: Guest(name, interfaces={each: Iface(name, each, addresses=own) for each, own in ifaces.items()})
        for name, ifaces in addresses.items()
    }
    return Bench(Workdir(Path("/nowhere")), Lab("x", "x", guests))


LAB = bench(
    alice={"eth0": ("10.1.0.10/16",)},
    moon={"eth0": ("192.168.0.1/24", "fec0::1/64"), "eth1": ("10.1.0.1/16",)},
    sun={"eth0": ("fec0::2/64", "192.168.0.2/24")},
)


@pytest.mark.parametrize(
    ("target", "family", "source", "expected"),
    [
        ("moon", None, "", "192.168.0.1"),
        ("moon", None, "alice", "10.1.0.1"),
        ("moon", None, "sun", "192.168.0.1"),
        ("moon", 6, "alice", "fec0::1"),
        ("moon:eth1", None, "sun", "10.1.0.1"),
        ("sun", None, "", "192.168.0.2"),
        ("10.9.9.9", 6, "", "10.9.9.9"),
    ],
)
def test_a_guest_is_reached_by_an_address_that_is_near(
    target: str, family: int | None, source: str, expected: str
) -> None:
    assert LAB.address_of(target, family, source) == expected


def test_no_address_is_none() -> None:
    assert nearest_address([], [], (4, 6)) is None


# The scripts


@pytest.fixture
def tools(tmp_path: Path):
    """Runs a script with a shell that finds some tools only."""

    def run(script: str, *names: str) -> Completed:
        for name in names:
            if shutil.which(name) is None:
                pytest.skip(f"there is no {name} here")
        for name in (*BASIC, *names):
            link = tmp_path / name
            if not link.exists():
                link.symlink_to(os.path.realpath(str(shutil.which(name))))
        done = subprocess.run(
            ["/bin/sh", "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, timeout=PATIENCE, check=False
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    return run


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        right = self.path == "/page?x=1" and self.headers["Host"].startswith("bob:")
        self.send_response(200 if right else 404)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"welcome\n" if right else b"nothing\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def served() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def closed() -> Iterator[int]:
    """A port that nobody listens to."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        yield line.getsockname()[1]


@pytest.mark.parametrize("tool", ["curl", "wget", "python3"])
def test_each_tool_sends_a_request_with_the_name_to_the_address(tools, served: int, closed: int, tool: str) -> None:
    def answered(path: str, port: int, status: int | None = None, match: tuple[str, ...] = ()) -> Outcome:
        action = Http("alice", f"http://bob:{port}{path}", status, match)
        return probes.answered(action, "127.0.0.1", tools(probes.http_script(action.url, "127.0.0.1", 60), tool))

    assert answered("/page?x=1", served, 200, ("welcome",)).good
    assert answered("/none", served, 404).good
    assert not answered("/none", served).good
    found = answered("/", closed)
    assert not found.good
    assert found.got.startswith("no answer from bob (127.0.0.1): ")


def test_without_a_tool_no_request_is_sent(tools) -> None:
    assert tools(probes.http_script("http://bob/", "127.0.0.1", 60)).code == 127


@pytest.mark.parametrize("names", [("bash", "timeout"), ("python3",), ("nc",)])
def test_each_tool_knows_an_open_port(tools, served: int, closed: int, names: tuple[str, ...]) -> None:
    assert tools(probes.port_script("127.0.0.1", served, ""), *names).code == 0
    done = tools(probes.port_script("127.0.0.1", closed, ""), *names)
    assert done.code == 1
    if names != ("nc",):
        assert b"refused" in done.stderr


def test_without_a_tool_no_port_is_asked(tools) -> None:
    assert tools(probes.port_script("127.0.0.1", 9, "")).code == 127


@pytest.mark.parametrize("tool", ["ping", "python3"])
def test_each_tool_pings(tools, tool: str) -> None:
    if tool == "python3" and os.geteuid() != 0:
        pytest.skip("raw sockets are for root")
    action = Ping("alice", "bob", 2, size=100)
    found = probes.pinged(action, "127.0.0.1", tools(probes.ping_script("127.0.0.1", action, ""), tool))
    assert (found.good, found.got) == (True, "2 of 2 answered: alice -> bob (127.0.0.1)")


def test_without_a_tool_nothing_is_pinged(tools) -> None:
    assert tools(probes.ping_script("127.0.0.1", Ping("a", "b"), "")).code == 127
    assert tools(probes.reach_script(["127.0.0.1"])).code == 127


def test_all_addresses_are_pinged_and_those_that_answer_are_told(tools) -> None:
    addresses = [f"127.0.0.{number}" for number in range(1, 40)]
    assert sorted(tools(probes.reach_script(addresses), "ping").stdout.decode().split()) == sorted(addresses)


# In words


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Ping("a", "b", 3), "3 answered"),
        (Ping("a", "b", 3, 50), "at most 50 % of 3 lost"),
        (Ping("a", "b", fails=True), "no answer"),
        (Port("a", "b", 22), "port 22 opens"),
        (Port("a", "b", 22, fails=True), "port 22 does not open"),
        (Http("a", "http://b/"), "a status below 400"),
        (Http("a", "http://b/", 404, ("x",)), "status 404, 'x' in the answer"),
        (Http("a", "http://b/", fails=True), "no answer"),
        (Reach(), "each of all guests reaches every other"),
        (Reach(("a", "b"), fails=True), "none of a, b reaches another"),
        (Throughput("a", "b", 1e7), "at least 10 mbit from a to b"),
    ],
)
def test_what_is_expected_is_told_in_words(action, words: str) -> None:
    assert probes.wanted(action) == words
