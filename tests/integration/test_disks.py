# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest may write is limited to the size of its disk, and is the same on it and without one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lab import Lab, Refused, mounts_of

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

ENGINES = ["overlay", "cowfs"]


def _image(lab: Lab, guest: str) -> Path:
    return lab.workdir.disks / f"{guest}.img"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_guest_writes_no_more_than_its_disk_has_wherever_it_writes(lab: Lab, engine: str) -> None:
    running = lab.guest("alice", union=engine, disk=32)["guest"]["running"]

    assert running["protection"]["disk"] == 32
    assert lab.run("alice", "head -c 40000000 /dev/zero >/root/much").code != 0
    assert (lab.directory("alice").diff / "root/much").stat().st_size < 32 << 20
    # It still answers, and what is kept back for that has an end, too.
    assert lab.read("alice", "echo fine") == "fine\n"
    lab.run(
        "alice",
        "head -c 40000000 /dev/zero >/.dumm/spool/much; stat -c %s /.dumm/spool/much >/run/size; rm /.dumm/spool/much",
    )
    assert int(lab.read("alice", "cat /run/size")) < 8 << 20


def test_a_guest_whose_disk_is_full_is_stopped_told_of_and_started(lab: Lab) -> None:
    lab.guest("alice", disk=16)
    lab.run("alice", "cat /dev/zero >/root/much")

    assert lab.info()["guests"]["alice"]["disk"] == 16
    lab.guest("alice", state="stopped")
    lab.guest("alice", disk=64)
    assert lab.read("alice", "rm /root/much && echo fine") == "fine\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_guest_keeps_what_it_wrote_when_its_disk_comes_grows_shrinks_and_goes(lab: Lab, engine: str) -> None:
    lab.guest("alice", union=engine)
    lab.read("alice", "echo hello >/root/file && chown 33:44 /root/file && rm /etc/issue && rm -r /srv && mkdir /srv")
    lab.guest("alice", state="stopped", save="before")
    told = []
    for disk in (32, 64, 24, 0):
        waits = lab.guest("alice", disk=disk, state="present")
        lab.guest("alice", state="restarted")
        told.append(lab.read("alice", "cat /root/file; stat -c %u:%g /root/file; ls /etc/issue /srv 2>&1 || true"))
        assert _image(lab, "alice").exists() == bool(disk)
        assert os.path.ismount(lab.directory("alice").path) == bool(disk)
        assert not waits["restart_required"] or waits["restart_required"] == {"alice": ["disk"]}

    assert told[0].startswith("hello\n33:44\n")
    assert set(told) == {told[0]}
    assert lab.info()["guests"]["alice"]["saves"] == ["before"]


def test_a_disk_that_is_too_small_for_what_is_there_is_refused_and_nothing_is_lost(lab: Lab) -> None:
    lab.guest("alice")
    lab.read("alice", "head -c 30000000 /dev/zero >/root/much")
    launch = lab.process("alice").launch

    with pytest.raises(
        Refused, match=r"guest alice: cannot put what it has into 16 MB \(disk\): that is 2[89] MB; give it"
    ):
        lab.guest("alice", disk=16, state="restarted")
    assert lab.process("alice").launch == launch
    lab.guest("alice", state="stopped")
    lab.guest("alice", disk=0)

    assert lab.read("alice", "stat -c %s /root/much") == "30000000\n"
    assert not lab.workdir.disks.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"disk": 1}, "disk: 1 MB are too few"),
        ({"disk": -5}, "disk: -5 MB are too few"),
        ({"disk": 32, "confine": False}, "and is not confined"),
    ],
)
def test_a_disk_that_cannot_be_is_refused(lab: Lab, options: dict[str, int], message: str) -> None:
    with pytest.raises(Refused, match=message):
        lab.guest("alice", **options)


def test_an_image_that_is_not_mounted_is_mounted_by_the_next_run(lab: Lab) -> None:
    lab.guest("alice", disk=32)
    lab.read("alice", "echo hello >/root/file")
    lab.guest("alice", state="stopped")
    syscalls.umount(str(lab.directory("alice").path), syscalls.MNT_DETACH)

    assert lab.info()["guests"]["alice"]["disk"] == 32
    lab.guest("alice")
    assert lab.read("alice", "cat /root/file") == "hello\n"


def test_inodes_that_a_killed_run_did_not_keep_back_are_kept_back_by_the_next(lab: Lab) -> None:
    lab.guest("alice", disk=32)
    spare = lab.directory("alice").spare
    kept_back = set(os.listdir(spare))
    for some in sorted(kept_back)[10:]:
        (spare / some).unlink()

    assert not lab.guest("alice")["changed"]

    assert kept_back and set(os.listdir(spare)) == kept_back


@pytest.mark.parametrize("disk", [32, 64, 0])
def test_a_disk_of_an_earlier_version_is_understood_and_taken_over(lab: Lab, disk: int) -> None:
    lab.guest("alice", disk=32, cmdline="dumm.test=1")
    lab.read("alice", "echo hello >/root/file")
    lab.guest("alice", state="stopped")
    # It kept everything in the image.
    outside, home = lab.workdir.disks / "alice", lab.directory("alice").path
    for each in home.iterdir():
        if each.is_symlink() and os.readlink(each).startswith("../../disks"):
            each.unlink()
    for each in outside.iterdir():
        subprocess.run(["cp", "-P", each, home], check=True)
    shutil.rmtree(outside)

    assert lab.info()["guests"]["alice"]["cmdline"] == "dumm.test=1"
    assert lab.guest("alice", disk=32, state="stopped")["changed"] is False
    lab.guest("alice", disk=disk)
    assert lab.read("alice", "cat /root/file") == "hello\n"
    assert outside.is_dir() == bool(disk)
    assert (home / "guest.json").is_symlink() == bool(disk)
    assert lab.info()["guests"]["alice"]["cmdline"] == "dumm.test=1"


def test_a_guest_takes_its_disk_with_it(lab: Lab) -> None:
    lab.guest("alice", disk=32)
    image = str(_image(lab, "alice"))

    lab.guest("alice", state="absent")

    assert not _image(lab, "alice").exists()
    assert mounts_of(lab.path) == []
    loops = subprocess.run(["losetup", "--list", "--noheadings"], capture_output=True, text=True, check=True).stdout
    assert image not in loops


@pytest.mark.parametrize("disk", [pytest.param(0, marks=pytest.mark.long), 40])
def test_a_run_that_is_killed_at_any_moment_loses_nothing(lab: Lab, disk: int) -> None:
    lab.guest("alice", disk=24)
    lab.read("alice", "echo hello >/root/file")
    lab.guest("alice", state="stopped")
    deeds = len(lab.deeds("guest", name="alice", disk=disk))
    assert deeds > 10

    for killed_at in range(1, deeds + 1, max(1, deeds // 12)):
        lab.guest("alice", state="stopped", disk=24)
        lab.guest("alice", disk=24)
        lab.guest("alice", state="stopped")
        lab.deeds("guest", killed_at, name="alice", disk=disk)
        lab.guest("alice", disk=disk)
        assert lab.read("alice", "cat /root/file") == "hello\n", killed_at
        lab.guest("alice", state="stopped")


def test_a_removal_that_is_killed_at_any_moment_is_finished_by_the_next(lab: Lab) -> None:
    config = {"guests": {"sun": {"disk": 24}}}
    lab.scenario("lab", config)
    deeds = len(lab.deeds("scenario", name="lab", state="absent"))
    nothing = lab.traces()
    # Before these the guest is stopped, which test_kills does.
    assert deeds > 20

    for killed_at in range(deeds - 20, deeds + 1):
        lab.scenario("lab", config)
        lab.deeds("scenario", killed_at, name="lab", state="absent")
        lab.scenario("lab", state="absent")
        assert not (left := lab.traces().unlike(nothing)), (killed_at, left)


def test_a_scenario_gives_its_guests_disks(lab: Lab) -> None:
    lab.scenario("small", {"defaults": {"disk": 24}, "guests": {"a": {}, "b": {"disk": 0}}})

    found = lab.info()["guests"]
    assert {name: guest["running"]["protection"]["disk"] for name, guest in found.items()} == {"a": 24, "b": 0}
    with pytest.raises(Refused, match="recorded by a scenario"):
        lab.scenario("small", {"defaults": {"disk": 24}, "guests": {"a": {}}}, state="loaded", record=True)
