# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A user of the host without any rights gets nothing of a lab; the same by the host's root, who owns it, succeeds."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack import Attack, Outcome, Tally
from lab import PREFIX
from stage import Stage

pytestmark = pytest.mark.parametrize("stage", [True], ids=["confined"], indirect=True)

_KIND = "by another user of the host"
_NOBODY = 65534

ATTACKS = [
    Attack("list the working directory", "list {lab}"),
    Attack("make a file in the working directory", "create {lab}/planted"),
    Attack("read a guest's definition", "read {lab}/guests/peer/guest.json"),
    Attack("read what a guest's kernel says", "read {lab}/guests/peer/boot.log"),
    Attack("list a guest's files", "list {lab}/guests/peer/union"),
    Attack("write to a guest's files", "create {lab}/guests/peer/diff/planted"),
    Attack("read a guest's disk", "open {lab}/disks/evil.img"),
    Attack("ring a guest", "open_to_write {lab}/guests/peer/in"),
    Attack("type at a guest's console", "open_to_write {lab}/guests/peer/console"),
    Attack("list a guest's files through its process", "list /proc/{peer}/root/fs/root"),
    Attack("talk to a guest's kernel", "unix dgram /proc/{peer}/root/run/peer/mconsole"),
    Attack("list a guest's directory through its process", "list /proc/{peer}/cwd/"),
    Attack("read a guest's environment", "read /proc/{peer}/environ"),
    Attack("read where a guest has its memory", "read /proc/{peer}/maps"),
    Attack("open a guest's memory", "open /proc/{peer}/mem"),
    Attack("list what a guest has open", "list /proc/{peer}/fd"),
    Attack("read a guest's system call", "read /proc/{peer}/syscall"),
    Attack("have a guest killed first", "open_to_write /proc/{peer}/oom_score_adj"),
    Attack("send a signal to a guest", "kill {peer}"),
    Attack("trace a guest", "ptrace {peer}"),
    Attack("read a guest's memory", "memory {peer}"),
    Attack("write a guest's memory", "write_memory {peer}"),
    Attack("take a descriptor from a guest", "steal_descriptor {peer}"),
    Attack("set the priority of a guest", "priority {peer}"),
    Attack("set the limits of a guest", "set_limit {peer}"),
    Attack("bind a guest to a CPU", "affinity {peer}"),
    Attack("enter the lab's network", "setns {netns}"),
    Attack("enter a guest's mounts", "setns /proc/{peer}/ns/mnt"),
    Attack("enter a guest's processes", "setns /proc/{peer}/ns/pid"),
    Attack("list which users are whose", "list /run/dumm/users"),
    Attack("make a control group", "make_group {group}/attack", needs="{group}"),
    Attack("move a guest into another control group", "open_to_write {group}/cgroup.procs", needs="{group}"),
]


@pytest.fixture(scope="module")
def reachable(program: Path) -> Iterator[Path]:
    """The attack program where anybody may run it."""
    place = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        place.chmod(0o755)
        yield Path(shutil.copy(program, place))
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("protected", [False, True], ids=["root", "nobody"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_another_user_cannot(stage: Stage, attack: Attack, protected: bool, reachable: Path, tally: Tally) -> None:
    places = {**stage.places, "netns": stage.netns}
    user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if protected else {}
    line = [str(reachable), "attack", *attack.command.format(**places).split()]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60, cwd="/", **user)  # type: ignore[call-overload]
    assert done.stdout, done
    outcome = Outcome(done.stdout.split("\n")[-2].partition(":")[0])
    if outcome is Outcome.REFUSED and not protected and not attack.is_possible(places):
        outcome = Outcome.ABSENT
    tally.note(_KIND, attack.name, outcome, protected=protected)
    assert (outcome is not Outcome.SUCCEEDED) if protected else (outcome is not Outcome.REFUSED), done.stdout
    assert os.path.exists(f"/proc/{stage.lab.process('peer').pid}")
