# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What console 0 of a guest has said is there, and is not without bounds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, fresh_lab, log_keepers, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import keeper, logs, processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

PATIENCE = 300.0
_FLOOD = """
i=0
while [ $i -lt 7 ]; do
    head -c 700000 /dev/zero | tr '\\0' x | fold -w 99 >/dev/console
    i=$((i + 1))
done
printf '\\nlast\\n' >/dev/console
"""


@pytest.fixture(params=["a file system that can take parts out of files", "one that cannot"])
def somewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    """A lab on a file system of either kind, with a guest."""
    place = tmp_path / "lab"
    place.mkdir()
    mounted = request.param == "one that cannot"
    if mounted:
        syscalls.mount("none", str(place), "tmpfs", 0, "size=200m")
    try:
        with fresh_lab(place) as lab:
            lab.guest("alice", mem=64)
            yield lab
    finally:
        if mounted:
            syscalls.umount(str(place), syscalls.MNT_DETACH)


def _said_at_first(lab: Lab) -> bytes:
    lab.read("alice", "echo first >/dev/console")
    short = lab.directory("alice").boot_log.read_bytes()
    assert short.split()[-1] == b"first"
    return short


def _check_cut(lab: Lab, short: bytes) -> int:
    """How many bytes are missing."""
    log = lab.directory("alice").boot_log
    cut = log.read_bytes()
    assert keeper.LARGEST > len(cut) > keeper.END
    assert cut.startswith(short)
    assert cut.count(b"bytes are missing here") == 1
    assert cut.split()[-1] == b"last"
    lab.read("alice", "echo later >/dev/console")
    assert log.read_bytes() == cut + b"later\r\n"
    return int(cut.partition(b"[... ")[2].split()[0])


def test_a_log_that_becomes_too_long_loses_its_middle_while_nobody_runs_anything(somewhere: Lab) -> None:
    log = somewhere.directory("alice").boot_log
    short = _said_at_first(somewhere)

    somewhere.read("alice", _FLOOD)
    until(lambda: log.stat().st_size < keeper.LARGEST, "the log to be shortened", PATIENCE)

    first = _check_cut(somewhere, short)
    assert not somewhere.guest("alice", mem=64)["changed"]
    somewhere.read("alice", _FLOOD)
    until(lambda: log.stat().st_size < keeper.LARGEST, "the log to be shortened again", PATIENCE)
    assert _check_cut(somewhere, short) > first


def test_a_log_whose_keeper_was_killed_is_shortened_by_the_next_run_which_has_it_kept_again(somewhere: Lab) -> None:
    log = somewhere.directory("alice").boot_log
    short = _said_at_first(somewhere)
    (killed,) = log_keepers(somewhere.path)
    os.kill(killed, signal.SIGKILL)
    until(lambda: not logs.is_kept(somewhere.directory("alice")), "the keeper to end", PATIENCE)
    somewhere.read("alice", _FLOOD)
    long = log.stat().st_size
    assert long > keeper.LARGEST

    assert not somewhere.guest("alice", mem=64)["changed"]
    missing = int(log.read_bytes().partition(b"[... ")[2].split()[0])
    assert missing + log.stat().st_size == long

    (kept,) = log_keepers(somewhere.path)
    assert kept != killed
    somewhere.read("alice", _FLOOD)
    until(lambda: log.stat().st_size < keeper.LARGEST, "the log to be shortened", PATIENCE)
    assert _check_cut(somewhere, short) > missing


def test_who_keeps_a_log_is_nobody_and_ends_with_the_guest(lab: Lab) -> None:
    """However it ends; and nothing of what its kernel said last is lost."""
    lab.guest("alice", mem=64)
    (kept,) = log_keepers(lab.path)
    status = Path(f"/proc/{kept}/status").read_text()
    assert "CapPrm:\t0000000000000000" in status
    assert "Uid:\t0\t" not in status

    lab.read("alice", "(sleep 0.2; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &")
    until(lambda: not processes.is_alive(lab.process("alice")), "the panic", PATIENCE)
    until(lambda: not log_keepers(lab.path), "the keeper to end", PATIENCE)
    assert b"Kernel panic" in lab.directory("alice").boot_log.read_bytes()

    lab.guest("alice", mem=64)
    os.kill(lab.process("alice").pid, signal.SIGKILL)
    until(lambda: not log_keepers(lab.path), "the keeper to end", PATIENCE)


@pytest.mark.parametrize("state", ["restarted", "stopped"])
def test_the_log_of_the_life_before_is_kept(lab: Lab, state: str) -> None:
    lab.guest("alice")
    lab.read("alice", "echo one >/dev/console")
    lab.guest("alice", state=state)
    lab.guest("alice")

    directory = lab.directory("alice")
    assert b"one" in directory.boot_log_before.read_bytes()
    assert b"one" not in directory.boot_log.read_bytes()
