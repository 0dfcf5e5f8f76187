# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures that go on without the process that started them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, Lab, Result, capturing_processes, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture import background, pcapng
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.live import Bound
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import captures
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput

ENDS = ["alice:eth0", "bob:eth0"]
ECHOES = "icmp[icmptype] = icmp-echo"
PING = "ping -c 3 -i 0.2 -W 30 10.0.0.2"
# Starts a capture, and ends at once.
START = f"""
import sys
from {background.__name__} import Workdir, start
print(start(Workdir.at(sys.argv[1]), sys.argv[2], sys.argv[3:], only={ECHOES!r}).process)
"""


@pytest.fixture
def capturing(shared_pair: Lab) -> Iterator[Lab]:
    """The pair; its captures are gone afterwards."""
    yield shared_pair
    clear(shared_pair)


def clear(lab: Lab) -> None:
    for name in captures.look(lab.workdir):
        background.remove(lab.workdir, name)


def shown(lab: Lab, name: str) -> Result:
    """A capture as dumm_info shows it."""
    found: Result = lab.info(inside=False)["captures"][name]
    return found


def has(lab: Lab, name: str, **expected: object) -> Result:
    """The capture as soon as it is shown with these, which take a moment."""

    def look() -> Result | None:
        found = shown(lab, name)
        return found if expected.items() <= found.items() else None

    found: Result = until(look, f"capture {name} to have {expected}")
    return found


def packets(path: str | Path) -> list[pcapng.Packet]:
    file = os.open(path, os.O_RDONLY)
    try:
        return [packet for _end, packet in pcapng.packets(file)]
    finally:
        os.close(file)


def test_a_capture_goes_on_when_who_started_it_has_ended(capturing: Lab) -> None:
    command = [sys.executable, "-c", START, str(capturing.path), "cables", *ENDS]
    pid = int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout)
    capturing.run("alice", PING)

    found = has(capturing, "cables", packets=6)
    assert found == {
        "interfaces": ENDS,
        "file": str(capturing.path / "captures/cables/packets.pcapng"),
        "filter": ECHOES,
        "bound": {"bytes": 64 << 20, "packets": None, "seconds": None},
        "running": True,
        "packets": 6,
        "bytes": os.path.getsize(found["file"]),
        "dropped": 0,
        "gone": [],
        "ended": None,
    }
    assert Path(f"/proc/{pid}/status").read_text().count("\t65534") >= 2, "it is not nobody's"

    capturing.run("alice", PING)
    ended = background.stop(capturing.workdir, "cables")
    assert (ended.process, ended.packets, ended.ended) == (None, 12, "stopped")
    assert (
        not Path(f"/proc/{pid}").exists()
        or captures.holder(captures.CaptureDir(capturing.workdir.captures / "cables")) is None
    )
    assert [each.interface for each in packets(found["file"])] == ENDS * 6
    assert background.stop(capturing.workdir, "cables") == ended

    background.remove(capturing.workdir, "cables")
    assert "cables" not in capturing.info(inside=False)["captures"]
    assert not (capturing.workdir.captures / "cables").exists()


def test_everything_is_captured_that_comes_after_the_start(capturing: Lab, tmp_path: Path) -> None:
    for number in range(5):
        file = tmp_path / f"{number}.pcapng"
        background.start(capturing.workdir, f"c{number}", ["alice"], file=file, only=ECHOES)
        capturing.run("alice", "ping -c 1 -W 30 10.0.0.2")
        background.remove(capturing.workdir, f"c{number}")
        assert len(packets(file)) == 1


@pytest.mark.parametrize(
    ("bound", "ended", "count"),
    [
        (Bound(packets=2), "packets", 2),
        (Bound(size=1100), "bytes", 3),
        (Bound(seconds=0.5), "seconds", None),
    ],
    ids=["packets", "bytes", "seconds"],
)
def test_a_capture_ends_at_its_bound(capturing: Lab, bound: Bound, ended: str, count: int | None) -> None:
    background.start(capturing.workdir, "few", ENDS, only=ECHOES, bound=bound)
    if count is not None:
        capturing.run("alice", PING)

    found = has(capturing, "few", ended=ended)
    assert not found["running"]
    assert count is None or found["packets"] == len(packets(found["file"])) == count
    assert found["bytes"] == os.path.getsize(found["file"]) <= (bound.size or 1 << 20)


def test_a_capture_whose_process_was_killed_leaves_its_packets(capturing: Lab) -> None:
    process = background.start(capturing.workdir, "short", ENDS, only=ECHOES).process
    assert process is not None
    capturing.run("alice", PING)
    has(capturing, "short", packets=6)
    os.kill(process, signal.SIGKILL)

    found = has(capturing, "short", ended="killed", running=False)
    assert len(packets(found["file"])) == 6
    # What it had written of a packet goes with stop.
    with open(found["file"], "ab") as file:
        file.write(b"\6\0\0\0\0\1\0\0")
    background.stop(capturing.workdir, "short")
    assert os.path.getsize(found["file"]) == found["bytes"]


def test_a_capture_of_another_directory_is_none_of_its_copy(capturing: Lab, tmp_path: Path) -> None:
    """A copy of hard links has the very file that the process has locked."""
    process = background.start(capturing.workdir, "mine", ENDS).process
    shutil.copytree(capturing.workdir.captures, tmp_path / "captures", copy_function=os.link)

    copy = captures.read(captures.CaptureDir(tmp_path / "captures" / "mine"))
    assert (copy.process, copy.ended) == (None, "killed")
    captures.end(captures.CaptureDir(tmp_path / "captures" / "mine"))
    assert captures.look(capturing.workdir)["mine"].process == process


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"interfaces": 5}', None], ids=str)
@pytest.mark.parametrize("name", ["capture.json", "state", "lock"])
def test_a_damaged_record_is_told(capturing: Lab, name: str, damage: str | None) -> None:
    background.start(capturing.workdir, "broken", ENDS)
    background.stop(capturing.workdir, "broken")
    place = capturing.workdir.captures / "broken" / name
    if damage is None:
        place.unlink()
    else:
        place.write_text(damage)

    found = shown(capturing, "broken")
    assert not found["running"]
    assert found["ended"] in ("damaged", "killed", "stopped")


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("mine", {}, "capture mine: there is one already"),
        ("a/b", {}, "capture 'a/b': the name is not a DNS label"),
        ("other", {"bound": Bound(None)}, "capture other: it has no bound, and would fill the disk"),
        ("other", {"only": "host carol"}, "there is no such guest"),
        ("other", {"snaplen": 0}, "it is to keep 0 bytes of a packet"),
        (
            "other",
            {"file": Path("/nowhere/at/all")},
            "capture /nowhere/at/all: cannot write /nowhere/at/all: No such file",
        ),
    ],
)
def test_a_capture_that_cannot_be_leaves_nothing(capturing: Lab, name: str, options: dict[str, Any], told: str) -> None:
    background.start(capturing.workdir, "mine", ENDS)

    with pytest.raises((InvalidInput, HostError), match=told):
        background.start(capturing.workdir, name, ENDS, **options)
    assert os.listdir(capturing.workdir.captures) == ["mine"]


def test_an_unknown_capture_can_neither_be_stopped_nor_removed(capturing: Lab) -> None:
    for change in (background.stop, background.remove):
        with pytest.raises(InvalidInput, match="capture none: there is none of that name"):
            change(capturing.workdir, "none")


def test_a_capture_ends_with_its_interfaces_and_its_file_stays(pair: Lab) -> None:
    background.start(pair.workdir, "both", ENDS, only=ECHOES)
    background.start(pair.workdir, "one", ["bob:eth0"], only=ECHOES)
    pair.run("alice", PING)
    pair.guest("alice", state="restarted")
    pair.run("alice", PING)

    pair.iface("bob", "eth0", state="absent")
    # The run has waited for it.
    assert shown(pair, "one")["ended"] == "gone"
    assert has(pair, "both", gone=["bob:eth0"])["running"]
    pair.guest("alice", state="absent")
    assert shown(pair, "both")["ended"] == "gone"
    pair.teardown()

    assert not pair.leftovers()
    found = pair.info()["captures"]
    assert [(name, each["packets"], len(packets(each["file"]))) for name, each in found.items()] == [
        ("both", 12, 12),
        ("one", 6, 6),
    ]


def test_a_capture_ends_with_its_scenario(lab: Lab) -> None:
    lab.scenario(
        "cable", {"defaults": {"mem": 64}, "links": ["moon:eth0 -- sun:eth0"], "guests": {"moon": {}, "sun": {}}}
    )
    background.start(lab.workdir, "all", ["moon", "sun"])
    lab.scenario("cable", state="absent")

    found = shown(lab, "all")
    assert (found["running"], found["ended"]) == (False, "gone")
    assert sorted(found["gone"]) == ["moon:eth0", "sun:eth0"]


def test_a_starter_that_is_killed_leaves_no_capture_without_a_name(shared_pair: Lab) -> None:
    """At each of its deeds."""
    command = [sys.executable, "-c", _KILLED + START, str(shared_pair.path), "half", *ENDS]
    number, ended = 0, 1
    while ended:
        number += 1
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "KILL_AT": str(number)},
        )
        ended = done.returncode
        assert ended in (0, -signal.SIGKILL), done.stderr
        for name, found in captures.look(shared_pair.workdir).items():
            assert (name, found.ended in (None, "killed")) == ("half", True)
        clear(shared_pair)
        until(lambda: not capturing_processes(shared_pair.path), "the end of the process")
        shared_pair.workdir.sweep()
        assert os.listdir(shared_pair.workdir.captures) == []
    assert number > 5


_KILLED = """
import os, signal, sys
left = int(os.environ["KILL_AT"])
def deed(event, arguments):
    global left
    if event in ("os.mkdir", "os.rename", "subprocess.Popen", "open") and "captures" in str(arguments):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(deed)
"""


def test_the_working_directory_may_be_moved(lab: Lab, tmp_path: Path) -> None:
    lab.guest("alice", mem=64)
    lab.bridge("br0")
    lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])
    background.start(lab.workdir, "here", ["alice"])
    elsewhere = tmp_path / "elsewhere"
    lab.path.rename(elsewhere)
    try:
        moved = Workdir.at(str(elsewhere))
        assert captures.look(moved)["here"].process is not None
        assert background.stop(moved, "here").ended == "stopped"
    finally:
        elsewhere.rename(lab.path)
