# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is refused has changed nothing, although what it is refused for is on the host and not in its arguments."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, Refused, Result

NEW: Result = {"guests": {"carol": {"mem": 64, "interfaces": {"eth0": {"bridge": "lan"}}}}, "bridges": {"lan": {}}}


@contextmanager
def _without_mark(lab: Lab, device: str) -> Iterator[None]:
    mark = lab.devices()[device]["ifalias"]
    assert lab.host("ip", "link", "set", device, "alias", "").returncode == 0
    yield
    assert lab.host("ip", "link", "set", device, "alias", mark).returncode == 0


@contextmanager
def _foreign_device(lab: Lab, name: str, *altname: str) -> Iterator[None]:
    assert lab.host("ip", "link", "add", name, "type", "bridge").returncode == 0
    for each in altname:
        assert lab.host("ip", "link", "property", "add", "dev", name, "altname", each).returncode == 0
    yield
    assert lab.host("ip", "link", "del", name).returncode == 0


@contextmanager
def _mount(lab: Lab, place: str) -> Iterator[None]:
    (lab.path / place).mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", lab.path / place], check=True)
    yield
    subprocess.run(["umount", lab.path / place], check=True)
    (lab.path / place).rmdir()


def _devices_in_the_way() -> list[Any]:
    return [
        pytest.param(
            lambda lab: _without_mark(lab, "alice-eth0"),
            lambda lab: lab.guest("alice"),
            "interface alice:eth0: a device alice-eth0 that is not ours is in the way",
            id="a TAP whose mark is gone, in a run for its guest",
        ),
        pytest.param(
            lambda lab: _without_mark(lab, "alice-eth0"),
            lambda lab: lab.iface("alice", "eth0", mtu=1400),
            "interface alice:eth0: a device alice-eth0 that is not ours is in the way",
            id="a TAP whose mark is gone, in a run for its interface",
        ),
        pytest.param(
            lambda lab: _without_mark(lab, "br0"),
            lambda lab: lab.bridge("br0"),
            "bridge br0: a device br0 that is not ours is in the way",
            id="a bridge whose mark is gone",
        ),
        pytest.param(
            lambda lab: _foreign_device(lab, "lan"),
            lambda lab: lab.scenario("new", NEW),
            "bridge lan: a device lan that is not ours is in the way",
            id="a device with the name of a new bridge",
        ),
        pytest.param(
            lambda lab: _foreign_device(lab, "other", "carol-eth0"),
            lambda lab: lab.scenario("new", NEW),
            "interface carol:eth0: a device carol-eth0 that is not ours is in the way",
            id="a device that has the name of a new TAP beside its own",
        ),
        pytest.param(
            lambda lab: _mount(lab, "guests/alice/mine"),
            lambda lab: lab.guest("alice", state="absent"),
            "guest alice: something is mounted at .*/guests/alice/mine; unmount it",
            id="a mount in the directory of a guest that is to go",
        ),
    ]


@pytest.mark.parametrize(("in_the_way", "run", "said"), _devices_in_the_way())
def test_what_is_in_the_way_is_seen_before_anything_is_changed(
    shared_pair: Lab, in_the_way: Callable[[Lab], AbstractContextManager[None]], run: Callable[[Lab], Any], said: str
) -> None:
    lab = shared_pair
    launch = lab.process("alice").launch

    with in_the_way(lab):
        before = lab.snapshot()
        with pytest.raises(Refused, match=said) as refused:
            run(lab)
        assert refused.value.result["actions"] == []
        assert lab.snapshot() == before

    # What worked works.
    assert lab.process("alice").launch == launch
    assert lab.reaches("alice", "10.0.0.2")


def test_a_directory_in_the_place_of_the_namespace_is_seen_before_anything_is_made(lab: Lab) -> None:
    place = Path("/run/netns") / lab.name
    place.mkdir()
    try:
        with pytest.raises(Refused, match=f"{place} is a directory"):
            lab.scenario("new", NEW)
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
        with pytest.raises(Refused, match=f"what is mounted at {place} is no network namespace"):
            lab.scenario("new", NEW)
    finally:
        subprocess.run(["umount", place], check=False)
        place.rmdir()
    assert (list(lab.workdir.guests.iterdir()), list(lab.workdir.bridges.iterdir())) == ([], [])


@pytest.mark.parametrize("kind", ["missing", "a file", "another device"])
def test_a_host_that_cannot_make_taps_is_told_so_before_anything_is_made(lab: Lab, kind: str) -> None:
    """In a mount namespace of its own, since others need the device."""
    make = {"missing": "true", "a file": "touch /dev/net/tun", "another device": "mknod /dev/net/tun c 1 3"}[kind]
    nodes = "mkdir /dev/net && mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9"
    hide = f"mount -t tmpfs none /dev && {nodes} && {make} && exec "
    command = " ".join(f"'{word}'" for word in lab.command("scenario", name="new", config=NEW))
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", hide + command], capture_output=True, text=True, check=False, timeout=300
    )

    said = json.loads(done.stdout)
    assert said["msg"].startswith("/dev/net/tun: TAPs are made by it, and it cannot be used: "), said
    assert "mknod /dev/net/tun c 10 200" in said["msg"]
    assert said["actions"] == []
    assert lab.leftovers() == []
    assert list(lab.workdir.guests.iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (
            "--nofile=8",
            "the limit of open files is 8, and a guest's kernel needs 128; raise the hard limit .ulimit -Hn 128",
        ),
        ("--nofile=64", "the limit of open files is 64, and a guest's kernel needs 128"),
        (
            "--nproc=100",
            "the limit of processes is 100, and a guest's kernel needs 256; raise the hard limit .ulimit -Hu 256",
        ),
        ("--sigpending=0", "the limit of pending signals is 0, and a guest's kernel needs 16"),
        ("--fsize=1000000", "the limit of kB of a file is 976, and a guest's kernel needs 196608"),
        ("--as=150000000", "the limit of kB of address space is 146484, and a guest's kernel needs 196608"),
        ("--data=180000000", "the limit of kB of data is 175781, and a guest's kernel needs 196608"),
    ],
)
def test_a_limit_that_is_too_low_for_a_guest_is_named_before_anything_is_made(lab: Lab, limit: str, said: str) -> None:
    done = subprocess.run(
        ["prlimit", limit, *lab.command("scenario", name="new", config=NEW)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert result.get("failed"), result
    with pytest.raises(Refused, match=said):
        raise Refused(result)
    assert result["actions"] == []
    assert lab.leftovers() == []
    assert not lab.workdir.guests.exists() or list(lab.workdir.guests.iterdir()) == []


def test_limits_that_may_be_raised_are(lab: Lab) -> None:
    """The soft ones, and what is less than the guest may have at the most."""
    command = lab.command("scenario", name="new", config=NEW)
    low = ["--nofile=32:4096", "--fsize=1000000:", "--as=300000000:", "--cpu=100:", "--nproc=300", "--sigpending=2:"]

    subprocess.run(["prlimit", *low, *command], check=True, timeout=300, stdout=subprocess.DEVNULL)

    limits = Path(f"/proc/{lab.process('carol').pid}/limits").read_text().splitlines()
    found = {line[:26].strip(): line[26:].split()[:2] for line in limits}
    assert found["Max open files"] == ["4096", "4096"]
    assert found["Max processes"] == ["300", "300"]
    for unlimited in ("Max file size", "Max address space", "Max cpu time"):
        assert found[unlimited] == ["unlimited", "unlimited"]
    assert lab.read("carol", "echo yes") == "yes\n"


def test_a_guest_may_have_more_memory_than_whoever_starts_it_may_have_processes(lab: Lab) -> None:
    """A limit that only the host's root may raise is not raised by a guest's."""
    lab.guest("carol", mem=100 * 1024)

    assert lab.info()["guests"]["carol"]["state"] == "running"
