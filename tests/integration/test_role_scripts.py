# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts of the roles as their tasks run them, on a shell's input, without Ansible: locks, and what they read of other programs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from lab import BASE, PATIENCE, PREFIX, REPOSITORY, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

_ROLES = REPOSITORY / "roles"
_LOCKS = (_ROLES / "host/files/locks.sh").read_text() + 'die() { echo "$*" >&2; exit 1; }\n'
_BUSY = 75
# What a step does that has taken its locks: it works until it is told to end.
_WORK = "echo working; while [ ! -e end ]; do sleep 0.05; done"


class Steps:
    """Steps of roles in an empty directory."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def start(self, body: str, **environment: str) -> subprocess.Popen[str]:
        """Start a step."""
        return subprocess.Popen(
            ["bash", "-c", f"{_LOCKS}\n{body}"],
            cwd=self.place,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, body: str, code: int = 0, **environment: str) -> str:
        """What a step prints; it must end with the exit code."""
        process = self.start(body, **environment)
        output, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, (output, errors)
        return output + errors

    @contextmanager
    def working(self, body: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A step that has its locks, and works until the end of the block."""
        process = self.start(f"{body}; {_WORK}", **environment)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "working\n"
            yield process
        finally:
            (self.place / "end").touch()
            process.communicate(timeout=PATIENCE)
            (self.place / "end").unlink()

    @property
    def left(self) -> list[str]:
        """What there is in the directory."""
        return sorted(os.listdir(self.place))


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    """Steps in a directory of one test's own."""
    return Steps(tmp_path)


def test_different_things_are_made_side_by_side_and_the_same_thing_by_one_run(steps: Steps, tmp_path: Path) -> None:
    with steps.working("lock $PWD/a 'master one'") as first:
        steps.run("lock $PWD/b 'master two'")
        second, why = steps.run("lock $PWD/a 'master one'", _BUSY).splitlines()

    assert second.endswith(f" {tmp_path}/a")
    assert re.fullmatch(rf"pid {first.pid}, another run that makes master one, since 20..-..-.. ..:..:..", why)
    steps.run("lock $PWD/a 'master one'")
    assert steps.left == []


def test_a_lock_goes_with_a_step_that_is_killed(steps: Steps) -> None:
    with steps.working("lock $PWD/a 'master one'") as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()

        steps.run("lock $PWD/a 'master one'")


def test_what_a_killed_step_has_left_running_keeps_the_lock_and_is_named(steps: Steps) -> None:
    with steps.working("lock $PWD/a one; sleep 1000 & echo $! >child") as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        child = int((steps.place / "child").read_text())

        assert f"pid {child}, another run that makes one" in steps.run("lock $PWD/a one", _BUSY)

        os.kill(child, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{child}").exists(), "the child to end")
        steps.run("lock $PWD/a one")


def test_a_run_keeps_its_lock_from_step_to_step(steps: Steps) -> None:
    steps.run("lock $PWD/a one; keep_locks", RUN="first")

    assert "another run that makes one" in steps.run("lock $PWD/a one", _BUSY, RUN="second")
    assert "another run that makes one" in steps.run("lock $PWD/a one", _BUSY)
    steps.run("lock $PWD/a one; keep_locks", RUN="first")
    steps.run("lock $PWD/a one; keep_locks; lock $PWD/b two; busy 0 $PWD/b", _BUSY, RUN="first")
    assert steps.left == ["a"]
    steps.run("lock $PWD/a one", RUN="first")
    assert steps.left == []


def test_a_run_that_fails_or_pauses_for_too_long_has_lost_its_lock(steps: Steps, tmp_path: Path) -> None:
    steps.run("lock $PWD/a one; keep_locks; die failed", 1, RUN="first")
    assert steps.left == []

    steps.run("lock $PWD/a one; keep_locks", RUN="first")
    os.utime(tmp_path / "a", (time.time() - 3600,) * 2)
    steps.run("lock $PWD/a one", RUN="second")


@pytest.mark.parametrize("how", ["--shared", "--exclusive"])
def test_an_earlier_version_that_locks_the_directory_is_respected(steps: Steps, tmp_path: Path, how: str) -> None:
    with steps.working("exec 9<$PWD; flock 9") as earlier:
        said = steps.run(f"lock $PWD {how}", _BUSY)

    assert f"pid {earlier.pid}, another run that locks all of {tmp_path}, as earlier versions of dumm.lab do" in said
    with steps.working("lock $PWD --shared"):
        steps.run("lock $PWD --shared")
        steps.run("exec 9<$PWD; flock -n 9", 1)


def test_waiting_ends_when_the_lock_is_free(steps: Steps) -> None:
    with steps.working("lock $PWD/a one"):
        assert "another run that makes one" in steps.run("await 0 $PWD/a", _BUSY, LOCK_LOOK="0")
        waiting = steps.start("await 0 $PWD/a")
        (steps.place / "end").touch()
        assert waiting.communicate(timeout=PATIENCE) == ("", "")

    assert waiting.returncode == 0
    assert steps.run("await 0 $PWD/never") == ""


@pytest.mark.parametrize("lock", ["lock $PWD/a one", "exec 9<$PWD; flock 9"], ids=["file", "directory"])
def test_waiting_is_bounded_and_names_who_must_be_ended(steps: Steps, tmp_path: Path, lock: str) -> None:
    what = tmp_path / "a" if "one" in lock else tmp_path
    with steps.working(lock) as first:
        if what.is_file():
            os.utime(what, (0, 0))

        said = steps.run(f"await $(($(date +%s) - 1801)) {what}", 1)

    assert said.startswith("gave up after 30 minutes without a sign of life of pid ")
    assert f"pid {first.pid}, " in said and "End that run, then start this one again." in said


def _without_main(script: str) -> str:
    text = (_ROLES / script).read_text()
    begin, main, _end = text.rpartition('main "$@" </dev/null')
    assert main
    return begin


@pytest.mark.parametrize("indent", ["", "    ", "\t"], ids=["none", "spaces", "tab"])
def test_the_keyring_is_found_however_the_script_of_a_suite_is_indented(
    steps: Steps, tmp_path: Path, indent: str
) -> None:
    """As debootstrap of bookworm and of trixie write them."""
    keyrings = [tmp_path / "ubuntu-archive-keyring.gpg", tmp_path / "ubuntu-removed-keys.gpg"]
    branches = "\n".join(f"{indent}keyring {keyring}" for keyring in keyrings)
    (tmp_path / "noble").write_text(f"mirror_style release\nif true; then\n{branches}\nfi\n# keyring of nobody\n")
    body = _without_main("master/files/make-master.sh") + "\nfound=$(keyrings noble); distribution $found; echo $found"
    wanted = {"WORKDIR": str(tmp_path), "CACHE": str(tmp_path), "NAME": "noble", "SUITE": "noble"}

    lacking = steps.run(body, 1, **wanted)
    keyrings[0].touch()

    assert f"master noble: suite noble cannot be verified without {keyrings[0]} {keyrings[1]};" in lacking
    assert steps.run(body, **wanted) == f"Ubuntu\n{keyrings[0]}\n"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            "E: Release file for http://m/dists/forky/InRelease is expired (invalid since 2d). Updates will not be applied.\n",
            ["is expired (invalid since 2d)", "Acquire::Check-Valid-Until", "kernel_mirror"],
        ),
        (
            "W: Failed to fetch http://m/InRelease  Could not connect to m:80\nE: Some index files failed to download.\n",
            ["Could not connect to m:80", "Check kernel_suite and kernel_mirror"],
        ),
    ],
    ids=["expired", "unreachable"],
)
def test_why_a_mirror_cannot_be_used_is_told_in_the_words_of_apt(
    steps: Steps, tmp_path: Path, log: str, words: list[str]
) -> None:
    (tmp_path / "log").write_text(log)
    body = (_ROLES / "kernel/files/common.sh").read_text() + "\narchive_fault log kernel_suite"

    said = steps.run(body, WORKDIR=str(tmp_path), CACHE=str(tmp_path), MIRROR="", MAKE_DEFAULT="")

    assert [word for word in words if word not in said] == []


_GUARD = (_ROLES / "host/files/guard-spans.sh").read_text()
# The one of the tests' root file systems that has nft.
_WITH_NFT = BASE / "masters" / "test-services"


def _guard(netns: str, nft: Path, *words: str) -> str:
    done = subprocess.run(
        ["ip", "netns", "exec", netns, "sh", "-s", *words],
        input=_GUARD,
        env={**os.environ, "PATH": f"{nft}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_rule_for_tunnels_names_the_lab_hosts_of_both_families(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-s", "show", "14789", "192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.2"],
        input=_GUARD,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )

    assert [line.strip() for line in done.stdout.splitlines()[3:-2]] == [
        "udp dport != 14789 accept",
        "ip saddr { 192.0.2.1, 192.0.2.2 } accept",
        "ip6 saddr { 2001:db8::1 } accept",
        "drop",
    ]


def test_what_is_packed_for_another_lab_host_is_for_root_alone(tmp_path: Path) -> None:
    (tmp_path / "masters/m").mkdir(parents=True)
    body = "".join((_ROLES / "host/files" / name).read_text() for name in ("locks.sh", "copies.sh"))
    done = subprocess.run(
        ["bash", "-s", "pack", "masters", "m", "key"],
        input=body,
        env={**os.environ, "WORKDIR": str(tmp_path), "CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/cache/copy-key.tar.zst\n"), done.stderr
    assert (tmp_path / "cache/copy-key.tar.zst").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("address", ["lab2", "", "192.0.2.1/24", "192.0.2.1; flush ruleset"])
def test_a_rule_for_tunnels_has_addresses_only(address: str) -> None:
    done = subprocess.run(
        ["sh", "-s", "show", "4789", "192.0.2.2", address],
        input=_GUARD,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"'{address}' is no IP address; set dumm_address")


_PEERS = [sys.executable, str(_ROLES / "host/files/peers.py"), "lab1", ""]


def test_a_lab_host_without_an_address_is_named() -> None:
    command = [*_PEERS, "4789", "1", "lab2=lab2.example.org"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("lab host lab2: 'lab2.example.org' is no IP address; set dumm_address")


def test_what_anybody_sends_where_lab_hosts_try_their_ways_does_no_harm() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        place = udp.getsockname()
    command = [*_PEERS, str(place[1]), str(PATIENCE), "lab2=127.0.0.1"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as peers,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        while peers.poll() is None:
            for data in (
                b"",
                b"\xff" * 600,
                b" \xff 1.0",
                b" lab2",
                b" lab2 soon",
                f" lab2 {time.time():.6f}".encode(),
            ):
                udp.sendto(b"dumm.lab peer" + data, place)
            time.sleep(0.1)
        said, complaint = peers.communicate()

    assert complaint == ""
    assert isinstance(json.loads(said)["peers"]["lab2"]["late"], float)


@pytest.mark.skipif(not _WITH_NFT.exists(), reason="there is no nft without the tuned kernel's tests")
def test_none_but_the_lab_hosts_reach_the_tunnels_port(tmp_path: Path) -> None:
    """A socket stands for the kernel's: what it is sent from an address that is no lab host's does not arrive."""
    (tmp_path / "nft").write_text(f'#!/bin/sh\nexec chroot {_WITH_NFT.resolve()} /usr/sbin/nft "$@"\n')
    (tmp_path / "nft").chmod(0o755)
    netns = f"{PREFIX}guard"
    subprocess.run(["ip", "netns", "add", netns], check=True, timeout=PATIENCE)
    try:
        for words in (["link", "set", "lo", "up"], *(["address", "add", each, "dev", "lo"] for each in _ADDRESSES)):
            subprocess.run(["ip", "-n", netns, *words], check=True, timeout=PATIENCE)

        checked = _guard(netns, tmp_path, "check", "4789", "192.0.2.1")
        assert _arrives(netns) == {"192.0.2.1", "192.0.2.9"}
        said = _guard(netns, tmp_path, "set", "4789", "192.0.2.1")
        assert _arrives(netns) == {"192.0.2.1"}

        assert said == checked == "let none but these lab hosts send to UDP port 4789: 192.0.2.1\n"
        assert _guard(netns, tmp_path, "set", "4789", "192.0.2.1") == ""
        assert _guard(netns, tmp_path, "set", "4789", "192.0.2.1", "192.0.2.9") != ""
        assert _arrives(netns) == {"192.0.2.1", "192.0.2.9"}
    finally:
        subprocess.run(["ip", "netns", "delete", netns], check=True, timeout=PATIENCE)


_ADDRESSES = ("192.0.2.1/32", "192.0.2.9/32")


def _arrives(netns: str) -> set[str]:
    """From which addresses something arrives at the port; what is sent to another one behind it shows that all had come."""
    found = set()
    with syscalls.network_namespace(f"/run/netns/{netns}"), ExitStack() as stack:
        udp = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _each in range(4)]
        for each, port in zip(udp, (4789, 4790, 0, 0), strict=True):
            each.bind(("192.0.2.1", port) if each is not udp[3] else ("192.0.2.9", 0))
            each.settimeout(PATIENCE)
        udp[0].setblocking(False)
        for sender in udp[2:]:
            # Within one machine a datagram has arrived, or was dropped, when it is sent.
            with suppress(PermissionError):
                sender.sendto(b"frame", ("192.0.2.1", 4789))
            sender.sendto(b"last", ("192.0.2.1", 4790))
            udp[1].recv(100)
            with suppress(BlockingIOError):
                found.add(udp[0].recvfrom(100)[1][0])
    return found
