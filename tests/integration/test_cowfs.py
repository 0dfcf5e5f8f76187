# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The union engine cowfs by itself: it cannot be told from the kernel's overlayfs, and whatever happens, what was written is whole."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from differential import compare, tree_of
from lab import PATIENCE, until
from mounts import Place, file_system, run

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import serving

STEPS = int(os.environ.get("DUMM_TEST_UNION_STEPS", "4000"))
ROUNDS, EACH = 4, 250
_MNT_FORCE = 1  # umount(2)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A union of three layers, empty."""
    return Place(tmp_path)


def write(directory: Path, files: dict[str, str]) -> None:
    """Put files into a layer."""
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)


# It is overlayfs


@pytest.mark.parametrize("seed", range(1, STEPS // (ROUNDS * EACH) + 1))
def test_no_sequence_of_operations_tells_it_from_the_kernels(tmp_path: Path, seed: int) -> None:
    compare(tmp_path, seed, EACH, ROUNDS)


@pytest.mark.parametrize("seed", [42, 60])
@pytest.mark.parametrize("filesystem", ["tmpfs", "btrfs", "xfs"])
def test_nor_does_one_on_other_file_systems(tmp_path: Path, filesystem: str, seed: int) -> None:
    """What a directory lists, which times change and which errors there are differs between them."""
    place = tmp_path / "place"
    place.mkdir()
    with file_system(filesystem, tmp_path / "image", place):
        compare(place, seed, EACH, ROUNDS)


def test_a_file_over_four_gigabytes_stays_sparse_when_it_is_copied_up(place: Place) -> None:
    with (place.lower[1] / "big").open("wb") as file:
        file.truncate(6 << 30)
        file.seek(5 << 30)
        file.write(b"data")

    with place.mounted("cowfs") as at:
        (at / "big").chmod(0o600)
        with (at / "big").open("r+b") as file:
            file.seek(5 << 30)
            assert file.read(4) == b"data"
            file.seek((5 << 30) + 2)
            file.write(b"TA")

    status = (place.upper / "big").stat()
    assert (status.st_size, status.st_mode & 0o777) == (6 << 30, 0o600)
    assert status.st_blocks * 512 < 1 << 20
    assert os.pread(os.open(place.upper / "big", os.O_RDONLY), 4, 5 << 30) == b"daTA"


def test_a_directory_of_thousands_is_listed_whole_while_it_is_emptied(place: Place) -> None:
    names = {f"file-{number:05}" for number in range(3000)}
    write(place.lower[0], dict.fromkeys(names, ""))
    with place.mounted("cowfs") as at:
        assert set(os.listdir(at)) == names
        seen = set()
        with os.scandir(at) as entries:
            for entry in entries:
                os.unlink(entry.path)
                seen.add(entry.name)
        assert seen == names
        assert os.listdir(at) == []
        (at / "file-00001").write_text("again")
        assert os.listdir(at) == ["file-00001"]


def test_locks_keep_processes_apart(place: Place) -> None:
    with place.mounted("cowfs") as at:
        done = run("exec 9>lock; flock -n 9 && ! flock -n lock true && echo locked", at)
        assert done.stdout == "locked\n", done.stderr


def test_a_program_runs_and_can_be_replaced_while_it_runs(place: Place) -> None:
    with place.mounted("cowfs") as at:
        script = "cp /bin/sleep s; ./s 60 & p=$!; cp /bin/sleep new; mv new s; ./s 0 && kill $p && echo good"
        done = run(script, at)
        assert done.stdout == "good\n", done.stderr


# Layers that change in use


def test_layers_come_and_go_in_use(place: Place, tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(place.lower[1], {"same": "old", "dir/kept": "kept", "dir/covered": "old", "hidden/file": "x", "gone": "x"})
    write(top, {"same": "new", "dir/covered": "new", "dir/added": "added", "hidden/other": "y"})
    os.mknod(top / "gone", 0o020000, 0)
    os.setxattr(top / "hidden", "trusted.overlay.opaque", b"y")

    with place.mounted("cowfs") as at:
        before = tree_of(os.fsencode(at))
        for _again in range(2):
            assert not (at / "dir/added").exists()
            with (at / "same").open() as held:
                place.ask(do="push", layer=str(top))
                assert held.read() == "old"
            assert (at / "same").read_text() == (at / "dir/covered").read_text() == "new"
            assert sorted(os.listdir(at)) == ["dir", "hidden", "same"]
            assert sorted(os.listdir(at / "dir")) == ["added", "covered", "kept"]
            assert os.listdir(at / "hidden") == ["other"]
            place.ask(do="pop", layer=str(top))
            assert tree_of(os.fsencode(at)) == before
    assert os.listdir(place.upper) == []


def test_what_links_say_is_asked_for_once_and_changes_with_the_layers(place: Place, tmp_path: Path) -> None:
    top = tmp_path / "top"
    for layer, target in ((place.lower[1], "below"), (top, "above")):
        write(layer, {"file": "x"})
        (layer / "link").symlink_to(target)

    with place.mounted("cowfs") as at:
        assert os.readlink(at / "link") == "below"
        before = place.ask(do="stats")["requests"]
        assert {os.readlink(at / "link") for _again in range(100)} == {"below"}
        assert place.ask(do="stats")["requests"] == before
        for _again in range(2):
            place.ask(do="push", layer=str(top))
            assert os.readlink(at / "link") == "above"
            place.ask(do="pop", layer=str(top))
            assert os.readlink(at / "link") == "below"
        (at / "link").unlink()
        (at / "link").symlink_to("mine")
        assert os.readlink(at / "link") == "mine"


def test_what_is_written_goes_to_another_layer_from_one_moment_to_the_next(place: Place, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    write(place.lower[1], {"file": "below", "dir/file": "below"})
    with place.mounted("cowfs") as at:
        (at / "dir/file").write_text("mine")
        (at / "dir/link").hardlink_to(at / "dir/file")
        layers = [str(place.upper), *map(str, place.lower)]
        place.ask(do="replace", layers=[str(scratch), *layers])
        (at / "dir/file").write_text("scratch")
        (at / "dir/new").write_text("scratch")
        (at / "file").unlink()
        assert (at / "dir/link").read_text() == "mine"
        place.ask(do="replace", layers=layers)
        assert (at / "dir/file").read_text() == "mine"
        assert sorted(os.listdir(at)) == ["dir", "file"]
        assert sorted(os.listdir(at / "dir")) == ["file", "link"]
    assert (scratch / "dir/file").read_text() == "scratch"


def test_a_layer_that_is_not_there_changes_nothing(place: Place) -> None:
    write(place.lower[1], {"file": "x"})
    with place.mounted("cowfs") as at:
        with pytest.raises(Exception, match="No such file or directory: '/none'"):
            place.ask(do="push", layer="/none")
        assert place.ask(do="stats")["layers"] == [str(place.upper), *map(str, place.lower)]
        assert (at / "file").read_text() == "x"


def test_a_layer_that_vanishes_is_an_error_of_what_was_in_it_only(place: Place) -> None:
    write(place.lower[0], {"dir/file": "x"})
    write(place.lower[1], {"other": "y"})
    with place.mounted("cowfs") as at:
        subprocess.run(["rm", "-r", place.lower[0]], check=True)
        assert not (at / "dir").exists()
        assert (at / "other").read_text() == "y"
        (at / "new").write_text("z")
        assert sorted(os.listdir(at)) == ["new", "other"]


# What can go wrong


def _written(path: Path, text: str) -> bool:
    try:
        path.write_text(text)
    except OSError as exc:
        assert exc.errno == errno.ENOSPC
        return False
    return True


def test_a_full_disk_is_an_error_and_leaves_no_halves(place: Place, tmp_path: Path) -> None:
    write(place.lower[1], {"big": "x" * (2 << 20), "small": "y"})
    small = tmp_path / "small"
    small.mkdir()
    syscalls.mount("full", str(small), "tmpfs", 0, "size=1m")
    try:
        tight = Place(small / "place", lower=())
        tight.lower = place.lower
        with tight.mounted("cowfs") as at:
            with pytest.raises(OSError, match="No space left") as error:
                (at / "big").chmod(0o600)
            assert error.value.errno == errno.ENOSPC
            assert (at / "big").stat().st_mode & 0o777 != 0o600
            assert (at / "big").read_text() == "x" * (2 << 20)
            assert os.listdir(tight.upper) == []
            with pytest.raises(OSError, match="No space left"):
                (at / "much").write_bytes(b"z" * (2 << 20))
            (at / "much").unlink()
            # The kernel tells the server a moment later that nobody uses it any more.
            until(lambda: os.statvfs(small).f_bfree > 2, "room after the file has gone")
            (at / "small").write_text("changed")
            assert (at / "small").read_text() == "changed"
    finally:
        syscalls.umount(str(small), syscalls.MNT_DETACH)


_WRITER = """
import os, sys
at, log = sys.argv[1], os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
number = 0
while True:
    number += 1
    name = f"{at}/dir/{number % 50}"
    os.write(log, b"begin %d\\n" % number)
    with open(name + ".new", "w") as file:
        file.write(str(number) * 1000)
    os.rename(name + ".new", name)
    if number % 3 == 0:
        os.unlink(f"{at}/dir/{number % 50}")
    os.chmod(f"{at}/lower/{number % 200}", 0o600 + number % 64)
    os.write(log, b"end %d\\n" % number)
"""


@pytest.mark.parametrize("seed", range(4))
def test_what_is_written_is_whole_whenever_it_is_killed(place: Place, tmp_path: Path, seed: int) -> None:
    write(place.lower[1], {f"lower/{number}": str(number) * 5000 for number in range(200)} | {"dir/x": ""})
    log = tmp_path / "log"
    chance = random.Random(seed)
    with place.mounted("cowfs") as at:
        enough = chance.randrange(10, 150)
        with subprocess.Popen([sys.executable, "-c", _WRITER, at, log], stderr=subprocess.DEVNULL) as writer:
            until(lambda: log.exists() and log.read_text().count("end") > enough, "it to write")
            server = serving.server(place.home)
            assert server is not None
            os.kill(server, signal.SIGKILL)
            assert writer.wait(PATIENCE) != 0
        with pytest.raises(OSError, match=r"not connected|abort"):
            os.listdir(at / "dir")
    finished = log.read_text().count("end")

    found = {}
    for engine in ("cowfs", "overlay"):
        with place.mounted(engine) as at:
            found[engine] = tree_of(os.fsencode(at))
            _check_written(at, finished)
    assert found["cowfs"] == found["overlay"]


def _check_written(at: Path, finished: int) -> None:
    """Everything that was done is there, and of what was being done the old or the new state."""
    for slot in range(50):
        numbers = [number for number in range(1, finished + 1) if number % 50 == slot]
        file = at / "dir" / str(slot)
        if slot != (finished + 1) % 50 and numbers:
            assert file.exists() == (numbers[-1] % 3 != 0)
            assert not file.exists() or file.read_text() == str(numbers[-1]) * 1000
    for number in range(200):
        assert (at / "lower" / str(number)).read_text() == str(number) * 5000


def test_many_at_once_find_what_they_wrote(place: Place) -> None:
    write(place.lower[1], {f"d{number}/file": "x" * 10_000 for number in range(8)})
    failed: list[str] = []

    def work(number: int, at: Path) -> None:
        script = f"""
            for i in $(seq 60); do
                mkdir -p d{number}/a/$i && echo $i >d{number}/a/$i/f && mv d{number}/a/$i/f d{number}/g && rm -r d{number}/a
                test "$(cat d{number}/g)" = $i || exit 1
                echo more >>d{number}/file
            done
            test $(wc -c <d{number}/file) = 10300
        """
        done = run(script, at)
        if done.returncode:
            failed.append(f"{number}: {done.stderr}")

    with place.mounted("cowfs") as at:
        threads = [threading.Thread(target=work, args=(number, at)) for number in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            # Layers that come and go meanwhile must not matter.
            place.ask(do="push", layer=str(place.home))
            place.ask(do="pop", layer=str(place.home))
        for thread in threads:
            thread.join()
    assert failed == []
    assert place.log() == ""


# Faults on purpose


def test_faults_are_met_by_what_matches_and_end_when_they_are_taken_back(place: Place) -> None:
    write(place.lower[1], {"var/lib/data": "x", "etc/data": "y"})
    with place.mounted("cowfs") as at:
        assert (at / "var/lib/data").read_text() == "x"
        rules = [
            {"path": "/var/lib/*", "error": "EIO", "during": ["read"]},
            {"path": "*.log", "error": "ENOSPC", "during": ["create"]},
        ]
        place.ask(do="fault", rules=rules)
        with pytest.raises(OSError, match="Input/output error"):
            (at / "var/lib/data").read_text()
        with pytest.raises(OSError, match="No space left"):
            (at / "etc/a.log").write_text("")
        assert (at / "etc/data").read_text() == "y"
        place.ask(do="fault", rules=[])
        assert (at / "var/lib/data").read_text() == "x"
        (at / "etc/a.log").write_text("")


# The process


def test_it_ends_with_its_mount_and_complains_of_nothing(place: Place) -> None:
    with place.mounted("cowfs") as at:
        (at / "file").write_text("x")
        server = serving.server(place.home)
        assert server is not None
    assert until(lambda: not Path(f"/proc/{server}/cmdline").exists(), "the server to be gone")
    assert serving.server(place.home) is None
    assert place.log() == ""


def test_an_answer_that_nobody_waits_for_any_more_is_no_complaint(place: Place) -> None:
    """As that to the close of a file just before its union goes."""
    write(place.lower[1], {"slow": "x"})
    with place.mounted("cowfs") as at:
        server = serving.server(place.home)
        place.ask(do="fault", rules=[{"path": "/slow", "delay": 2000, "during": ["read"]}])
        with subprocess.Popen(["cat", at / "slow"], stderr=subprocess.DEVNULL) as reader:
            until(lambda: "nanosleep" in Path(f"/proc/{server}/wchan").read_text(), "the read to be delayed")
            # Ends all requests first; the mount is in use.
            with suppress(OSError):
                syscalls.umount(str(at), _MNT_FORCE)
        assert reader.returncode == 1
    until(lambda: not Path(f"/proc/{server}/cmdline").exists(), "the server to be gone")
    assert place.log() == ""


def test_sync_puts_everything_on_disk_and_stats_count(place: Place) -> None:
    write(place.lower[1], {"file": "x"})
    with place.mounted("cowfs") as at, (at / "file").open("a") as file:
        file.write("y")
        file.flush()
        place.ask(do="sync")
        stats = place.ask(do="stats")
    assert (stats["copied_up"], stats["open_files"], stats["faults"]) == (1, 1, [])
    assert (place.upper / "file").read_text() == "xy"
