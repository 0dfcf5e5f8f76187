# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What console 0 of a guest has said is there, and is not without bounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import Lab, fresh_lab

from ansible_collections.dumm.lab.plugins.module_utils._lab import logs, syscalls

_FLOOD = """
i=0
while [ $i -lt 9 ]; do
    head -c 700000 /dev/zero | tr '\\0' x | fold -w 99 >/dev/console
    i=$((i + 1))
done
printf '\\nlast\\n' >/dev/console
"""


def _check(lab: Lab) -> None:
    log = lab.directory("alice").boot_log
    lab.read("alice", "echo first >/dev/console")
    lab.guest("alice")
    short = log.read_bytes()
    lab.read("alice", _FLOOD)
    long = log.stat().st_size

    result = lab.guest("alice")
    cut = log.read_bytes()
    lab.read("alice", "echo later >/dev/console")

    assert short.split()[-1] == b"first"
    assert long > logs.LARGEST > len(cut) > 1 << 20
    assert not result["changed"]
    assert cut.startswith(short)
    assert cut.count(b"bytes are missing here") == 1
    assert cut.split()[-1] == b"last"
    assert log.read_bytes() == cut + b"later\r\n"
    missing = int(cut.partition(b"[... ")[2].split()[0])
    assert missing + len(cut) == long


def test_a_log_that_is_too_long_loses_its_middle(lab: Lab) -> None:
    lab.guest("alice")
    _check(lab)


def test_a_log_is_shortened_where_the_file_system_cannot_take_parts_out(tmp_path: Path) -> None:
    place = tmp_path / "lab"
    place.mkdir()
    syscalls.mount("none", str(place), "tmpfs", 0, "size=200m")
    try:
        with fresh_lab(place) as lab:
            lab.guest("alice")
            _check(lab)
    finally:
        syscalls.umount(str(place), syscalls.MNT_DETACH)


@pytest.mark.parametrize("state", ["restarted", "stopped"])
def test_the_log_of_the_life_before_is_kept(lab: Lab, state: str) -> None:
    lab.guest("alice")
    lab.read("alice", "echo one >/dev/console")
    lab.guest("alice", state=state)
    lab.guest("alice")

    directory = lab.directory("alice")
    assert b"one" in directory.boot_log_before.read_bytes()
    assert b"one" not in directory.boot_log.read_bytes()
