# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode tells exactly what the real run then does, and changes nothing itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import make_pair
from lab import Lab, Refused, has_namespace, processes_of, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import hosts
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import serving

Call = tuple[str, dict[str, Any]]


def _nothing(lab: Lab) -> None:
    """An empty working directory."""


def _bridge(lab: Lab) -> None:
    lab.bridge("br0")


def _defined(lab: Lab) -> None:
    lab.bridge("br0")
    lab.guest("alice", state="present")
    lab.iface("alice", "eth0", bridge="br0", address=["10.0.0.1/24"])


def _started(lab: Lab) -> None:
    make_pair(lab)
    lab.bridge("br1")


def _paused(lab: Lab) -> None:
    _started(lab)
    lab.guest("alice", state="paused")


def _killed(lab: Lab) -> None:
    _started(lab)
    os.kill(lab.process("alice").pid, signal.SIGKILL)
    until(lambda: lab.info(inside=False)["guests"]["alice"]["state"] == "died", "alice to be dead")


def _spoiled(lab: Lab) -> None:
    _started(lab)
    lab.read("alice", "ip addr flush dev eth0; ip link set eth0 mtu 1300")
    lab.host("ip", "link", "set", "bob-eth0", "nomaster")
    lab.host("ip", "link", "delete", "br1")


def guest(**options: Any) -> Call:
    return "guest", {"name": "alice", **options}


def iface(**options: Any) -> Call:
    return "iface", {"guest": "alice", "name": "eth0", **options}


def bridge(**options: Any) -> Call:
    return "bridge", {"name": "br0", **options}


CASES: list[tuple[Callable[[Lab], None], Call]] = [
    (_nothing, guest()),
    (_nothing, guest(state="present", mem=96, init="minimal", cmdline="quiet")),
    (_nothing, guest(state="stopped")),
    (_nothing, guest(state="paused")),
    (_nothing, guest(state="absent")),
    (_nothing, bridge(address=["10.0.0.254/24"], stp=True, mtu=1400, group_fwd_mask=8)),
    (_nothing, bridge(state="absent")),
    (_bridge, bridge(address=["10.0.0.254/24"], stp=True, mtu=1400, group_fwd_mask=8)),
    (_bridge, bridge(state="absent")),
    (_defined, guest()),
    (_defined, guest(state="absent")),
    (_defined, iface(address=[], mtu=9000, up=False, bridge="")),
    (_defined, iface(name="eth1")),
    (_defined, iface(state="absent")),
    (_defined, bridge(state="absent")),
    (_started, guest()),
    (_started, guest(mem=160)),
    (_started, guest(mem=160, restart=True)),
    (_started, guest(state="restarted")),
    (_started, guest(state="stopped")),
    (_started, guest(state="paused")),
    (_started, guest(state="absent")),
    (_started, iface()),
    (_started, iface(name="eth1", bridge="br1", address=["10.1.0.1/24", "fd01::1/64"], mtu=9000)),
    (_started, iface(address=["10.0.0.9/24", "fd00::9/64"])),
    (_started, iface(address=[])),
    (_started, iface(mtu=1400, mac="02:00:00:00:00:01")),
    (_started, iface(mtu=9000)),
    (_started, iface(up=False)),
    (_started, iface(bridge="br1")),
    (_started, iface(bridge="")),
    (_started, iface(state="absent")),
    (_started, bridge(interfaces=["alice:eth0"], purge_interfaces=True)),
    (_started, bridge(state="absent")),
    (_paused, guest()),
    (_paused, guest(state="stopped")),
    (_killed, guest()),
    (_killed, guest(state="stopped")),
    (_killed, guest(state="absent")),
    (_killed, iface(address=["10.0.0.9/24"])),
    (_spoiled, iface()),
    (_spoiled, guest()),
    (_spoiled, bridge(interfaces=["alice:eth0", "bob:eth0"])),
    (_spoiled, bridge(name="br1")),
]


def _name(case: tuple[Callable[[Lab], None], Call]) -> str:
    arrange, (module, options) = case
    words = [
        f"{key}={value}" for key, value in options.items() if key != "name" or value not in ("alice", "br0", "eth0")
    ]
    return f"{arrange.__name__[1:]}-{module}-{','.join(words)}"


@pytest.mark.parametrize(("arrange", "act"), CASES, ids=map(_name, CASES))
def test_check_mode_tells_what_the_real_run_does_and_changes_nothing(
    lab: Lab, arrange: Callable[[Lab], None], act: Call
) -> None:
    arrange(lab)
    before = lab.snapshot()

    checked = lab.call(*act, check=True)
    between = lab.snapshot()
    real = lab.call(*act, check=False)
    settled = lab.call(*act, check=True)

    assert between == before
    for key in ("changed", "actions", "restart_required"):
        assert checked[key] == real[key], key
    assert checked["diff"] == real["diff"]
    if act[1].get("state") != "restarted":
        assert not settled["changed"], settled["actions"]
    if real["changed"]:
        assert real["actions"]


@pytest.mark.parametrize("act", [guest(), iface(state="absent"), bridge(), bridge(state="absent")])
def test_check_mode_makes_no_working_directory(lab: Lab, act: Call) -> None:
    nowhere = Lab(lab.path / "nowhere")
    kernel, master = lab.path / "kernels/default/linux", lab.path / "masters/default"
    module, options = act
    if module == "guest":
        options = {**options, "kernel": str(kernel), "master": str(master)}

    nowhere.call(module, options, check=True)
    assert nowhere.info()["guests"] == {}

    assert not nowhere.path.exists()


# Nothing at all: not what a run would mend, sweep away or mount first, either.

CONFIG = {
    "bridges": {"lan": {"prefix": "10.7.0.0/24"}},
    "guests": {
        "moon": {"mem": 64, "disk": 32, "interfaces": {"eth1": {}, "eth0": {"bridge": "lan"}}},
        "sun": {"mem": 64, "union": "cowfs", "files": {"/etc/sun": "{{ name }}"}},
    },
    "links": [{"a": "moon:eth1", "b": "sun:eth0", "delay": "1ms"}],
}
# What a guest that is asked for its addresses changes by itself, and whoever asks it.
_ASKED = ("spool", "outbox", "doorbell.lock", "in", "out", "cowfs.log")


def _running(lab: Lab) -> None:
    lab.scenario("site", CONFIG)
    lab.read("moon", "echo mine >/root/mine")
    # The first who asks a guest makes what the others find.
    lab.info()


def _loops(lab: Lab) -> list[str]:
    """Images of the lab that loop devices have."""
    backing = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    return sorted(name for name in backing if str(lab.path) in name)


def _unmount(lab: Lab) -> None:
    """Take moon's disk away; it is gone when the last who had it is."""
    syscalls.umount(str(lab.directory("moon").path), syscalls.MNT_DETACH)
    until(lambda: not _loops(lab), "the disk to be unmounted")


def _unmounted(lab: Lab) -> None:
    """Somebody has unmounted a disk, and a run was killed at its worst."""
    _running(lab)
    lab.scenario("site", CONFIG, state="stopped")
    lab.guest("moon", state="stopped", save="point")
    _unmount(lab)
    for place in (lab.workdir.guests / ".gone-x", lab.workdir.disks / ".new-x", lab.path / "rendered/0123456789abcdef"):
        place.mkdir()
    (lab.workdir.disks / ".new-x.img").touch()
    (lab.directory("sun").path / "boot.log").write_bytes(bytes(5 << 20))


def _rebooted(lab: Lab) -> None:
    """After the host's reboot there is no process, no namespace and no mount."""
    _running(lab)
    for name in CONFIG["guests"]:
        stored = lab.directory(name).process
        boot = json.loads(stored.read_text())
        stored.write_text(json.dumps({**boot, "boot": "another"}))
    for pid in processes_of({lab.name}):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not processes_of({lab.name}), "all processes to be gone")
    home = lab.directory("sun").path
    until(lambda: serving.server(home) is None, "the server to be gone")
    subprocess.run(["ip", "netns", "delete", lab.name], check=True)
    _unmount(lab)


def _unserved(lab: Lab) -> None:
    _running(lab)
    home = lab.directory("sun").path
    server = serving.server(home)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    until(lambda: serving.server(home) is None, "the server to be gone")


def _nameless(lab: Lab) -> None:
    """The namespace of running guests has lost its name."""
    _running(lab)
    subprocess.run(["ip", "netns", "delete", lab.name], check=True)


def _fingerprint(lab: Lab) -> dict[str, Any]:
    """Everything that somebody could find changed, also if it was changed back."""
    found = {}
    for directory, names, files in os.walk(lab.path):
        names[:] = [name for name in names if name not in _ASKED]
        for path in (Path(directory), *(Path(directory, name) for name in files if name not in _ASKED)):
            if path.suffix == ".img" and os.path.ismount(lab.directory(path.stem).path):
                continue
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
    table = Path("/proc/self/mountinfo").read_text()
    return {
        "files": found,
        # Other tests may run beside this one.
        "mounts": [line for line in table.splitlines() if str(lab.path) in line or lab.name in line],
        "loops": _loops(lab),
        "namespace": has_namespace(lab.name),
        "devices": lab.snapshot()[1],
        "processes": processes_of({lab.name}),
        "servers": {path: serving.server(path) for path in lab.workdir.guests.iterdir()},
        "groups": lab.control_groups(),
        "users": lab.claims(),
    }


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    found = {key: (before[key], after[key]) for key in before if key != "files" and before[key] != after[key]}
    files = {path: (before["files"].get(path), status) for path, status in after["files"].items()}
    files |= {path: (status, None) for path, status in before["files"].items() if path not in after["files"]}
    return found | {path: both for path, both in files.items() if both[0] != both[1]}


LOOKS: list[Call] = [
    ("info", {"diff": True}),
    ("guest", {"name": "moon", "mem": 64}),
    ("guest", {"name": "moon", "state": "restarted", "reset": True}),
    ("guest", {"name": "sun", "state": "absent"}),
    ("guest", {"name": "new", "union": "cowfs", "disk": 64}),
    ("iface", {"guest": "moon", "name": "eth9", "bridge": "lan"}),
    ("bridge", {"name": "lan", "state": "absent"}),
    ("scenario", {"name": "site", "config": CONFIG}),
    ("scenario", {"name": "site", "config": CONFIG, "state": "loaded"}),
    ("scenario", {"name": "site", "state": "unloaded"}),
    ("scenario", {"name": "site", "state": "absent"}),
]


@pytest.mark.parametrize("arrange", [_running, _unmounted, _rebooted, _unserved, _nameless])
def test_who_only_looks_changes_nothing_at_all(lab: Lab, arrange: Callable[[Lab], None]) -> None:
    arrange(lab)
    before = _fingerprint(lab)

    for module, options in LOOKS:
        # Some cannot be told, such as what a guest has that cannot be asked.
        with suppress(Refused):
            lab.call(module, options, check=True)
        assert _changed(before, _fingerprint(lab)) == {}, (module, options)
    hosts.look(str(lab.path))
    assert _changed(before, _fingerprint(lab)) == {}


@pytest.mark.parametrize("arrange", [_unmounted, _rebooted])
def test_what_is_on_a_disk_that_is_not_mounted_is_known(lab: Lab, arrange: Callable[[Lab], None]) -> None:
    arrange(lab)

    told = lab.info(diff=True)["guests"]["moon"]
    listed = hosts.look(str(lab.path))
    checked = lab.scenario("site", CONFIG, check=True)
    real = lab.scenario("site", CONFIG)

    assert (told["disk"], told["mem"], told["interface_order"], told["diff"]) == (32, 64, ["eth1", "eth0"], None)
    assert told["saves"] == (["point"] if arrange is _unmounted else [])
    assert told["reason"] == (None if arrange is _unmounted else "the host was rebooted")
    assert listed is not None and listed["moon"]["variables"]["dumm_mem"] == 64
    assert checked["actions"] == real["actions"]
    assert lab.read("moon", "cat /root/mine") == "mine\n"


def test_a_disk_that_cannot_be_read_is_told(lab: Lab) -> None:
    _unmounted(lab)
    image = lab.workdir.disks / "moon.img"
    whole = image.read_bytes()
    image.write_bytes(bytes(4096) + whole[4096:])

    told = lab.info()["guests"]["moon"]
    assert told["state"] == "unreadable"
    assert re.search(r"its disk .*moon\.img cannot be read while it is not mounted; start the", told["reason"])

    image.write_bytes(whole)
