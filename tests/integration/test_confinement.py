# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests are confined unless they are not to be, all that works unconfined works confined, and what was written is the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab import Lab, Refused, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

ENGINES = ["overlay", "cowfs"]
COUNT = 65536


def _status(lab: Lab, guest: str) -> dict[str, list[str]]:
    lines = Path(f"/proc/{lab.process(guest).pid}/status").read_text().splitlines()
    return {key: value.split() for key, _colon, value in (line.partition(":") for line in lines)}


def test_a_guest_is_confined_unless_it_is_not_to_be(lab: Lab) -> None:
    alice = lab.guest("alice")
    bob = lab.guest("bob", confine=False)

    protection = alice["guest"]["running"]["protection"]
    first, last = protection["users"]
    status = _status(lab, "alice")
    assert (protection["confined"], last - first + 1) == (True, COUNT)
    assert set(status["Uid"] + status["Gid"]) == {str(first)}
    assert int(status["CapPrm"][0], 16) == int(status["CapBnd"][0], 16) == 0b11011
    assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])
    assert not any("confine" in warning for warning in alice["warnings"])

    protection = bob["guest"]["running"]["protection"]
    assert (protection["confined"], protection["users"]) == (False, None)
    assert any("confine: false" in gap for gap in protection["gaps"])
    assert any("guest bob: not confined" in warning for warning in bob["warnings"])
    assert _status(lab, "bob")["Uid"][0] == "0"
    assert not lab.guest("bob", confine=False)["warnings"]


def test_a_change_waits_for_the_restart(lab: Lab) -> None:
    lab.guest("alice", confine=False)

    assert lab.guest("alice", confine=True)["restart_required"] == {"alice": ["confine"]}
    assert lab.guest("alice", restart=True)["guest"]["running"]["protection"]["confined"]


def test_each_guest_has_users_of_its_own_and_keeps_them(lab: Lab) -> None:
    users = [tuple(lab.guest(name)["guest"]["running"]["protection"]["users"]) for name in ("alice", "bob")]

    assert users[0] != users[1]
    assert tuple(lab.guest("alice", state="restarted")["guest"]["running"]["protection"]["users"]) == users[0]
    lab.guest("alice", state="absent")
    assert [claim.readlink() for claim in lab.claims()] == [lab.directory("bob").path]


def test_a_copy_of_a_guests_directory_gets_users_of_its_own(lab: Lab) -> None:
    first = lab.guest("alice")["guest"]["running"]["protection"]["users"]
    lab.guest("alice", state="stopped")
    shutil.copytree(lab.directory("alice").path, lab.directory("twin").path, symlinks=True)
    (lab.directory("twin").path / "alice").rename(lab.directory("twin").path / "twin")

    twin = lab.guest("twin")["guest"]["running"]["protection"]["users"]
    assert twin != first
    assert lab.guest("alice")["guest"]["running"]["protection"]["users"] == first


def test_a_tap_follows_its_guest_to_other_users(lab: Lab, tmp_path: Path) -> None:
    lab.bridge("br0", address=["10.9.0.254/24"])
    lab.guest("alice")
    lab.iface("alice", "eth0", bridge="br0", address=["10.9.0.1/24"])
    had = lab.process("alice").first_user
    lab.guest("alice", state="stopped")
    # As if the guest of another lab had been the first to come after a restart of the host.
    shutil.copy(lab.directory("alice").users, tmp_path / "users")
    (claim,) = lab.claims()
    claim.unlink()
    claim.symlink_to(tmp_path)

    try:
        lab.guest("alice")
        assert lab.reaches("alice", "10.9.0.254")
        assert lab.process("alice").first_user != had
    finally:
        claim.unlink()


@pytest.mark.parametrize("engine", ENGINES)
def test_users_of_the_guest_own_its_files_on_the_disk_with_the_numbers_that_they_have_in_it(
    lab: Lab, engine: str
) -> None:
    lab.guest("alice", union=engine)
    lab.read(
        "alice",
        "touch /root/mine /root/theirs && chown 33:44 /root/theirs && mkdir /root/place && chown 65535 /root/place",
    )
    lab.read("alice", "chmod 4755 /root/mine")

    root = lab.directory("alice").diff / "root"
    owners = {name: (os.lstat(root / name).st_uid, os.lstat(root / name).st_gid) for name in os.listdir(root)}
    first = lab.process("alice").first_user
    assert first is not None
    seen = (lab.directory("alice").union / "root/theirs").stat()
    assert owners == {"mine": (0, 0), "theirs": (33, 44), "place": (65535, 0)}
    assert (seen.st_uid, seen.st_gid) == (first + 33, first + 44)
    assert lab.read("alice", "stat -c %u:%g:%a /root/theirs /root/mine").split() == ["33:44:644", "0:0:4755"]
    assert lab.run("alice", "chown 70000 /root/mine").code != 0


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_guest_wrote_is_the_same_with_confinement_and_without(lab: Lab, engine: str) -> None:
    told = []
    for confine in (False, True, False):
        lab.guest("alice", union=engine, confine=confine, state="restarted")
        lab.read(
            "alice",
            f"echo {confine} >>/root/log; chown 5:6 /root/log; rm -f /etc/motd; mkdir -p /root/d; touch /root/d/{confine}",
        )
        told.append(lab.read("alice", "stat -c '%n %u %g %a' /root/log /root/d/*; ls /etc/motd 2>&1 || true"))

    assert told[1] == told[2]
    assert lab.read("alice", "cat /root/log").split() == ["False", "True", "False"]


@pytest.mark.parametrize("engine", ENGINES)
def test_users_programs_and_packages_work(lab: Lab, engine: str) -> None:
    lab.guest("alice", union=engine, kernel="tuned" if (lab.path / "kernels/tuned").exists() else "default")
    lab.read(
        "alice",
        "useradd -m -u 1234 eve && su eve -c 'mkdir ~/x && echo hello >~/x/y' && cp /usr/bin/id /root/id && chmod 755 /root",
    )
    lab.read("alice", "chmod 4755 /root/id")

    assert lab.read("alice", "su eve -c '/root/id -u'").strip() == "0"
    assert lab.run("alice", "su eve -c 'cat /etc/shadow'").code != 0
    assert lab.read("alice", "mkfifo /root/fifo && (echo through >/root/fifo &) ; cat /root/fifo").strip() == "through"


@pytest.mark.parametrize("engine", ENGINES)
def test_interfaces_and_layers_change_while_a_confined_guest_runs(lab: Lab, tmp_path: Path, engine: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/new").write_text("hello")
    os.chown(tmp_path / "etc/new", 33, 33)
    lab.bridge("br0", address=["10.9.0.254/24"])
    lab.guest("alice", union=engine)
    pid = lab.process("alice").pid

    lab.iface("alice", "eth0", bridge="br0", address=["10.9.0.1/24"])
    lab.guest("alice", layers=[str(tmp_path)])

    assert lab.reaches("alice", "10.9.0.254")
    assert lab.read("alice", "stat -c %u /etc/new; cat /etc/new") == "33\nhello"
    assert lab.process("alice").pid == pid
    lab.guest("alice", layers=[])
    assert lab.run("alice", "cat /etc/new").code != 0
    lab.read("alice", "echo still writable >/etc/later")
    assert (lab.directory("alice").diff / "etc/later").stat().st_uid == 0


def test_limits_are_those_of_the_guests_memory_and_go_with_it(lab: Lab) -> None:
    protection = lab.guest("alice", mem=64)["guest"]["running"]["protection"]
    if not protection["limited"]:
        pytest.skip("this host has no control groups that can be written")
    groups = [group / "alice" for group in lab.control_groups()]
    pid = str(lab.process("alice").pid)

    assert groups
    assert all(pid in (group / "cgroup.procs").read_text().split() for group in groups)
    lab.guest("alice", state="absent")
    until(lambda: not lab.control_groups(), "the groups to go")


def test_a_kernel_that_is_not_open_to_all_is_refused(lab: Lab, tmp_path: Path) -> None:
    kernel = tmp_path / "linux"
    shutil.copy((lab.path / "kernels/default/linux").resolve(), kernel)
    kernel.chmod(0o700)

    with pytest.raises(Refused, match=rf"guest alice: its kernel's file {kernel} is not open to all users"):
        lab.guest("alice", kernel=str(kernel))


def test_a_directory_whose_owners_cannot_be_mapped_leaves_a_gap_that_is_told(lab: Lab, tmp_path: Path) -> None:
    """On a file system without mapped mounts, all but the users is confined."""
    place = tmp_path / "place"
    place.mkdir()
    syscalls.mount("none", str(place), "ramfs")
    try:
        running = lab.guest("alice", layers=[str(place)], union="overlay")["guest"]["running"]
        status = _status(lab, "alice")
        lab.guest("alice", state="absent")
    finally:
        syscalls.umount(str(place), syscalls.MNT_DETACH)

    assert running["protection"]["confined"] and running["protection"]["users"] is None
    assert any(str(place) in gap for gap in running["protection"]["gaps"])
    assert int(status["CapPrm"][0], 16) == 0b11011


# No user namespace can be made in a chroot (user_namespaces(7)).  What is mounted there goes with its mount namespace.
_CHROOT = 'mkdir "$1" && mount --rbind / "$1" && exec chroot "$@"'
_PAIR = """
import json, sys
from pathlib import Path
from lab import Lab

lab = Lab(Path(sys.argv[1]))
link = {"a": "one:eth0", "b": "two:eth0", "prefix": "10.8.1.0/24"}
lab.scenario("pair", {"guests": {"one": {"disk": 16}, "two": {}}, "links": [link]})
lab.bridge("hub", address=["10.8.0.254/24"])
lab.iface("two", "eth5", bridge="hub", address=["10.8.0.1/24"])
fill = "for size in 64k 1k; do dd if=/dev/zero of=/root/$size bs=$size 2>/dev/null; done; sync; echo still there"
print(json.dumps({
    "reached": [lab.reaches("one", "two", "-c 1 -w 30"), lab.reaches("two", "10.8.0.254", "-c 1 -w 30")],
    "protection": lab.info()["guests"]["two"]["running"]["protection"],
    "full": lab.run("one", fill).stdout.decode(),
}))
lab.teardown()
"""


def test_guests_have_a_network_where_no_user_namespace_can_be_made(lab: Lab, tmp_path: Path) -> None:
    command = ("unshare", "--mount", "sh", "-c", _CHROOT, "sh", str(tmp_path / "root"), sys.executable, "-c", _PAIR)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [*command, str(lab.path)], capture_output=True, text=True, check=False, timeout=300, env=environment
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["reached"] == [True, True]
    assert told["protection"]["users"] is None
    assert any("none can be made in a chroot" in gap for gap in told["protection"]["gaps"])
    assert told["full"] == "still there\n"
