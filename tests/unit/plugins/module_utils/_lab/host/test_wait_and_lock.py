# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting and locking."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import lock, wait
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.wait import Deadline, Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import LockTimeout

LONG = 300.0


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is killed."""
    with subprocess.Popen(["sleep", "1000"]) as process:
        yield process
        process.kill()


def test_a_deadline_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    deadline = Deadline(5)
    assert (deadline.left, deadline.over) == (5, False)

    now = 104.0
    assert (deadline.left, deadline.over) == (1, False)

    now = 106.0
    assert (deadline.left, deadline.over) == (0, True)


def test_polling_returns_what_is_found() -> None:
    found = iter([None, None, "it"])

    assert wait.poll_until(lambda: next(found), Deadline(LONG)) == "it"


def test_polling_looks_at_least_once() -> None:
    assert wait.poll_until(lambda: "it", Deadline(0)) == "it"


def test_polling_ends_at_the_deadline() -> None:
    deadline = Deadline(0.05)

    assert wait.poll_until(lambda: None, deadline) is None
    assert deadline.over


def test_something_falsy_is_found_too() -> None:
    assert wait.poll_until(lambda: 0, Deadline(0)) == 0


@pytest.mark.parametrize("how", ["created", "renamed", "written"])
def test_a_watch_wakes_up_when_a_file_comes(tmp_path: Path, how: str) -> None:
    path = tmp_path / "hello"
    if how == "written":
        path.touch()

    def come() -> None:
        time.sleep(0.1)
        if how == "renamed":
            (tmp_path.parent / "fresh").write_text("x")
            (tmp_path.parent / "fresh").rename(path)
        else:
            path.write_text("x")

    threading.Thread(target=come).start()
    with Watch(str(tmp_path)) as watch:
        began = time.monotonic()
        found = watch.until(lambda: (path.exists() and path.read_text()) or None, Deadline(LONG), longest=LONG)

    assert found == "x"
    assert time.monotonic() - began < LONG / 2


def test_a_watch_sees_what_was_there_before(tmp_path: Path) -> None:
    with Watch(str(tmp_path)) as watch:
        assert watch.until(lambda: "there", Deadline(0)) == "there"


def test_a_watch_ends_with_the_process(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    with Watch(str(tmp_path), child.pid) as watch:
        threading.Timer(0.1, child.kill).start()
        began = time.monotonic()

        assert watch.until(lambda: None, Deadline(LONG), longest=LONG) is None
        assert time.monotonic() - began < LONG / 2


def test_what_a_process_did_last_is_still_seen(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    answers = iter([None, "last words"])

    with Watch(str(tmp_path), gone.pid) as watch:
        assert watch.until(lambda: next(answers), Deadline(LONG), longest=LONG) == "last words"


def test_a_watch_ends_at_the_deadline(tmp_path: Path) -> None:
    with Watch(str(tmp_path)) as watch:
        assert watch.until(lambda: None, Deadline(0.05)) is None


def test_a_watch_gives_its_descriptors_back(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))

    with Watch(str(tmp_path), os.getpid()):
        assert len(os.listdir("/proc/self/fd")) == before + 2
    with pytest.raises(FileNotFoundError):
        Watch(str(tmp_path / "none"))

    assert len(os.listdir("/proc/self/fd")) == before


# The lock.

HOLD = """
import sys, time
from pathlib import Path
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import lock
with lock.hold(Path(sys.argv[1]), "working directory x", "working on moon", 5):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another run that holds the lock."""
    root = Path(lock.__file__).absolute().parents[7]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_who_waits_in_vain_is_told_who_holds_the_lock(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    with (
        pytest.raises(LockTimeout) as caught,
        lock.hold(tmp_path / "lock", "working directory x", "working on sun", 0.05),
    ):
        pytest.fail("both hold it")

    assert re.fullmatch(
        rf"working directory x: another run still held its lock after 0\.05 s: process {holder.pid} \(working on moon\), "
        r"since \d+ s; wait for that run to end, or raise lock_timeout",
        str(caught.value),
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_lock_goes_with_its_process(tmp_path: Path, holder: subprocess.Popen[bytes], number: signal.Signals) -> None:
    threading.Timer(0.1, holder.send_signal, [number]).start()

    with lock.hold(tmp_path / "lock", "x", "working on sun", LONG):
        assert json.loads((tmp_path / "lock").read_text())["purpose"] == "working on sun"


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), lock.hold(tmp_path / "lock", "x", "first", 0):
        raise RuntimeError

    with lock.hold(tmp_path / "lock", "x", "second", 0):
        pass


def test_a_lock_without_words_is_held_by_somebody(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    (tmp_path / "lock").write_text("")

    with pytest.raises(LockTimeout, match="an unknown process"), lock.hold(tmp_path / "lock", "x", "y", 0):
        pytest.fail("both hold it")


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")

    with pytest.raises(OSError), lock.hold(tmp_path / "lock", "x", "y", 0):
        pytest.fail("held")

    assert not (tmp_path / "elsewhere").exists()
