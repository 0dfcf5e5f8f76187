# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One thread looks for many: each that waits is told of its own file, of the end of its own process, and of nothing else."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.wait import Deadline, Lookout

_PATIENCE = 300.0


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until its standard input ends."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        yield process


def test_each_waits_for_its_own_file(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    lookout = Lookout()
    paths = [tmp_path / str(number) for number in range(8)]
    with ThreadPoolExecutor(len(paths)) as pool:
        waits = [pool.submit(lookout.until, str(path), child.pid, Deadline(_PATIENCE)) for path in paths]
        for number, path in enumerate(paths):
            path.touch()
            waits[number].result(_PATIENCE)

            assert [each.done() for each in waits[number + 1 :]] == [False] * (len(paths) - number - 1)


def test_the_end_of_a_process_ends_the_wait(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    lookout = Lookout()
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(lookout.until, str(tmp_path / "never"), child.pid, Deadline(_PATIENCE))
        child.kill()
        wait.result(_PATIENCE)


def test_a_process_that_is_gone_already_is_not_waited_for(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait(_PATIENCE)

    Lookout().until(str(tmp_path / "never"), gone.pid, Deadline(_PATIENCE))


def test_the_deadline_ends_the_wait(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    deadline = Deadline(0.01)

    Lookout().until(str(tmp_path / "never"), child.pid, deadline)

    assert deadline.over


def test_nobody_looks_when_nobody_waits(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    lookout = Lookout()
    for path in (tmp_path / "first", tmp_path / "second"):
        path.touch()
        lookout.until(str(path), child.pid, Deadline(_PATIENCE))
        for thread in threading.enumerate():
            if thread.name == "lookout":
                thread.join(_PATIENCE)

        assert "lookout" not in [thread.name for thread in threading.enumerate()]
