# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stopping and removing need no space: not on the disk that a guest fills, and not in a working directory that is full."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from pathlib import Path

import pytest
from lab import Lab, mounts_of, prepare
from mounts import file_system

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes, pulse

ENGINES = ["overlay", "cowfs"]
# In the guest: as many empty files as there can be, in a loop that takes at once what becomes free again.
_FILL = """python3 -c '
import itertools, os, sys
os.makedirs("/root/f", exist_ok=True)
for number in itertools.count():
    try:
        os.close(os.open(f"/root/f/{sys.argv[1:]}{number}", os.O_CREAT))
    except OSError:
        if len(sys.argv) < 2:
            sys.exit(print(number))
' """


def _pid(lab: Lab, guest: str) -> int:
    process = processes.read(lab.workdir.guest(guest))
    assert process is not None
    return process.pid


def _without_inodes(lab: Lab, engine: str) -> None:
    """Two guests on a link, of which evil has no inode left on its disk."""
    lab.scenario(
        "pair",
        {
            "guests": {"evil": {"disk": 32, "union": engine}, "good": {}},
            "links": [{"a": "evil:eth0", "b": "good:eth0", "prefix": "10.0.0.0/30"}],
        },
    )
    assert int(lab.run("evil", _FILL, timeout=300).stdout) > 1000


@pytest.mark.parametrize("engine", ENGINES)
def test_a_guest_without_inodes_answers_and_is_stopped_and_started(lab: Lab, engine: str) -> None:
    _without_inodes(lab, engine)

    assert os.statvfs(lab.directory("evil").diff).f_ffree < 16
    assert [lab.read("evil", "echo fine") for _time in range(3)] == ["fine\n"] * 3
    good = _pid(lab, "good")
    lab.guest("evil", state="stopped")
    assert lab.info()["guests"]["evil"]["state"] == "stopped"
    lab.guest("evil")
    assert lab.read("evil", "ls /root/f | wc -l").strip().isdigit()
    assert _pid(lab, "good") == good


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "how",
    [
        {"state": "stopped"},
        {"state": "restarted"},
        {"state": "absent"},
        {"state": "stopped", "reset": True},
        {"state": "restarted", "disk": 64},
    ],
    ids=lambda how: "-".join(map(str, how.values())),
)
def test_a_guest_that_goes_on_filling_its_disk_is_stopped_all_the_same(
    lab: Lab, engine: str, how: dict[str, object]
) -> None:
    _without_inodes(lab, engine)
    lab.run("evil", f"{_FILL} more >/dev/null 2>&1 </dev/null &")
    was = _pid(lab, "evil")

    lab.guest("evil", **how, wait_timeout=60)

    assert pulse.start_time(was) is None
    assert (lab.workdir.guest("evil").path.exists()) == (how["state"] != "absent")
    lab.scenario("pair", state="absent")
    assert mounts_of(lab.path) == []
    assert list(lab.workdir.disks.iterdir()) == []


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
@pytest.mark.parametrize("what", ["space", "inodes"])
def test_a_lab_is_taken_away_from_a_full_file_system(tmp_path: Path, kind: str, what: str) -> None:
    place = tmp_path / "small"
    place.mkdir()
    with file_system(kind, tmp_path / "image", place):
        # mkfs gives a file system's root to everybody.
        place.chmod(0o700)
        lab = prepare(place / "lab")
        try:
            lab.scenario("pair", {"guests": {"a": {}, "b": {}, "c": {}}, "links": [{"a": "a:eth0", "b": "b:eth0"}]})
            _fill(place, what)

            lab.guest("c", state="stopped")
            lab.guest("c", state="absent")
            lab.scenario("pair", state="absent")

            assert lab.info()["guests"] == {}
            assert not lab.leftovers()
        finally:
            lab.destroy()


def _fill(place: Path, what: str) -> None:
    """Take all of a file system's space, or all inodes that it has, as the host's root can."""
    with suppress(OSError):
        if what == "inodes":
            for number in itertools.count():
                (place / f"fill{number}").touch()
        with (place / "fill").open("wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass
    with pytest.raises(OSError, match="No space left"):
        (place / "more").write_bytes(b"1" * 4096)
    (place / "more").unlink(missing_ok=True)
