# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cannot be gives one error that names the object, the cause and the remedy, and changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import make_pair
from lab import PATIENCE, PREFIX, Lab, Refused, fresh_lab, processes_of


@pytest.fixture(scope="module")
def built() -> Iterator[Lab]:
    """Alice and bob run on br0; carol is defined and has never run."""
    with fresh_lab() as fresh:
        make_pair(fresh)
        fresh.guest("carol", state="present")
        empty = fresh.path / "masters/empty"
        empty.mkdir()
        (fresh.path / "masters/file").write_text("no directory")
        (fresh.path / "broken").write_bytes(b"\x7fELF" + bytes(100))
        yield fresh


BAD: list[tuple[str, str, dict[str, Any], str]] = [
    # Names
    ("a guest's name with a slash", "guest", {"name": "a/b"}, r"guest 'a/b': the name is not a DNS label; use 1 to 63"),
    ("a guest's name of dots", "guest", {"name": ".."}, r"guest '\.\.': the name is not a DNS label; use"),
    ("no name", "guest", {"name": ""}, r"guest '': the name is not a DNS label; use"),
    ("a guest's name of 64 letters", "guest", {"name": "a" * 64}, r"guest 'a{64}': the name is not a DNS label; use"),
    ("a guest's name with a newline", "guest", {"name": "a\n"}, r"guest 'a\\n': the name is not a DNS label; use"),
    ("a bridge's name with a slash", "bridge", {"name": "br/0"}, r"bridge 'br/0': the name is not a DNS label; use"),
    (
        "an interface's name of 16 letters",
        "iface",
        {"guest": "alice", "name": "e" * 16},
        r"interface alice:e{16}: the name is not one that Linux takes for an interface; use 1 to 15",
    ),
    (
        "an interface's name with a slash",
        "iface",
        {"guest": "alice", "name": "eth/0"},
        r"interface alice:eth/0: the name is not one that Linux takes.*no '/'",
    ),
    ("the loopback", "iface", {"guest": "alice", "name": "lo"}, r"interface alice:lo: the name is taken.*use another"),
    ("a name of the driver's own", "iface", {"guest": "alice", "name": "vec7"}, r"interface alice:vec7: .*use another"),
    # Objects that are not there
    (
        "an unknown guest",
        "iface",
        {"guest": "alicia", "name": "eth0"},
        r"interface alicia:eth0: there is no guest alicia; make it first with dumm_guest \(did you mean alice\?",
    ),
    (
        "an unknown bridge",
        "iface",
        {"guest": "carol", "name": "eth0", "bridge": "br9"},
        r"interface carol:eth0: there is no bridge br9; make it first with dumm_bridge \(did you mean br0\?",
    ),
    (
        "an unknown interface",
        "bridge",
        {"name": "br0", "interfaces": ["alice:eth9"]},
        r"bridge br0: there is no interface alice:eth9; make it first with dumm_iface \(did you mean alice:eth0\?",
    ),
    ("an interface without a guest", "bridge", {"name": "br0", "interfaces": ["eth0"]}, r"bridge br0: .*alice:eth0"),
    (
        "a purge of everything by mistake",
        "bridge",
        {"name": "br0", "purge_interfaces": True},
        r"bridge br0: purge.*list",
    ),
    # Addresses
    (
        "an address without a prefix length",
        "iface",
        {"guest": "carol", "name": "eth0", "address": ["10.0.0.3"]},
        r"interface carol:eth0: address '10\.0\.0\.3' has no prefix length; write it as 10\.0\.0\.3/24",
    ),
    (
        "an address that is none",
        "iface",
        {"guest": "carol", "name": "eth0", "address": ["10.0.0.300/24"]},
        r"interface carol:eth0: '10\.0\.0\.300/24' is no IP address.*write it as",
    ),
    (
        "a prefix length that is none",
        "bridge",
        {"name": "br0", "address": ["10.0.0.254/33"]},
        r"bridge br0: '10\.0\.0\.254/33' is no IP address.*write it as",
    ),
    (
        "an address that another guest of the segment has",
        "iface",
        {"guest": "carol", "name": "eth0", "bridge": "br0", "address": ["10.0.0.1/16"]},
        r"interface carol:eth0: address 10\.0\.0\.1 is already that of interface alice:eth0 on bridge br0; give one",
    ),
    (
        "an address of the host's leg that a guest has",
        "bridge",
        {"name": "br0", "address": ["10.0.0.1/24"]},
        r"address 10\.0\.0\.1 is already that of .*bridge br0; give one of them another",
    ),
    (
        "a multicast MAC address",
        "iface",
        {"guest": "carol", "name": "eth0", "mac": "01:00:5e:00:00:01"},
        r"interface carol:eth0: '01:00:5e:00:00:01' is no unicast MAC address; write it as 02:00:00:00:00:01",
    ),
    # Numbers
    ("mem of 3", "guest", {"name": "dave", "mem": 3}, r"guest dave: mem: 3 MB is too little.*give it 32 or more"),
    ("negative mem", "guest", {"name": "dave", "mem": -1}, r"guest dave: mem: -1 MB is too little"),
    ("an mtu of 67", "iface", {"guest": "alice", "name": "eth0", "mtu": 67}, r"interface alice:eth0: mtu 67 is out of"),
    (
        "an mtu of 65522",
        "iface",
        {"guest": "carol", "name": "e0", "mtu": 65522},
        r"interface carol:e0: mtu .*use 68 to",
    ),
    ("a bridge's mtu of 1", "bridge", {"name": "br0", "mtu": 1}, r"bridge br0: mtu 1 is out of range; use 68 to"),
    ("reserved groups", "bridge", {"name": "br0", "group_fwd_mask": 1}, r"bridge br0: group_fwd_mask 1 is not allowed"),
    # Kernels and masters
    (
        "a kernel that is none",
        "guest",
        {"name": "dave", "kernel": "/bin/true"},
        r"guest dave: /bin/true is no UML kernel",
    ),
    ("a kernel that is a directory", "guest", {"name": "dave", "kernel": "/tmp"}, r"guest dave: .*/tmp.*kernel"),
    (
        "a kernel that is not there",
        "guest",
        {"name": "dave", "kernel": "missing"},
        r"guest dave: no kernel at .*/kernels/missing/linux .*make it with role dumm\.lab\.kernel",
    ),
    (
        "a kernel that points elsewhere",
        "guest",
        {"name": "dave", "kernel": "../../etc"},
        r"guest dave: kernel: .*is neither a name nor an absolute path; name one of the working directory",
    ),
    (
        "a master that is not there",
        "guest",
        {"name": "dave", "master": "missing"},
        r"guest dave: no master root file system at .*/masters/missing; make it with role dumm\.lab\.master.*known: ",
    ),
    (
        "a master without a shell",
        "guest",
        {"name": "dave", "master": "empty"},
        r"guest dave: master .*/masters/empty has no /bin/sh; use a root file system with a POSIX shell",
    ),
    ("a master that is a file", "guest", {"name": "dave", "master": "file"}, r"guest dave: no master root file system"),
    (
        "an init that is not there",
        "guest",
        {"name": "dave", "init": "/sbin/nothing"},
        r"guest dave: there is no /sbin/no",
    ),
    ("an init without a path", "guest", {"name": "dave", "init": "systemd"}, r"guest dave: init: 'systemd' is no path"),
    (
        "a layer that is not there",
        "guest",
        {"name": "dave", "layers": ["/none"]},
        r"guest dave: layer /none is no direct",
    ),
    (
        "a layer below the working directory that is not there",
        "guest",
        {"name": "dave", "layers": ["layers/none"]},
        r"guest dave: layer /.*/layers/none is no direct",
    ),
    (
        "a layer above the working directory",
        "guest",
        {"name": "dave", "layers": ["../none"]},
        r"guest dave: layers: '../none' is no path of a directory",
    ),
    (
        "a command line of several lines",
        "guest",
        {"name": "dave", "cmdline": "a\nb"},
        r"guest dave: cmdline: there are unprint",
    ),
    (
        "a command line that is too long",
        "guest",
        {"name": "dave", "cmdline": "x" * 4096},
        r"guest dave: .*4095.*shorten",
    ),
    *(
        (
            f"a NUL in {option}",
            module,
            {"name": "dave", option: "/a\0b"},
            r"there is a NUL in the path, which no path can",
        )
        for module, option in (("guest", "kernel"), ("guest", "master"), ("guest", "workdir"), ("scenario", "src"))
    ),
    (
        "a layer in another",
        "guest",
        {"name": "dave", "layers": ["/usr/lib", "/usr"]},
        r"guest dave: layer /usr and layer /usr/lib are one directory, or lie one in the other, which overlayfs refuses",
    ),
    (
        "an init that is no program",
        "guest",
        {"name": "dave", "init": "/etc/passwd"},
        r"init: /etc/passwd .* is no program",
    ),
    (
        "a kernel setting that cannot be, and one that can",
        "scenario",
        {
            "name": "new",
            "content": "guests:\n  dave:\n    sysctl: {net.ipv4.ip_forward: 1, net.ipv4.ip_nope: 1}\n  erin:",
        },
        r"content:3:\d+: guests.dave.sysctl\['net.ipv4.ip_nope'\]: guest dave: kernel .* has no setting net.ipv4.ip_nope",
    ),
    (
        "a kernel setting of all guests that cannot be",
        "scenario",
        {"name": "new", "content": "defaults: {sysctl: {kernel.ip_nope: 1}}\nguests: {erin: }"},
        r"content:1:37: defaults.sysctl\['kernel.ip_nope'\]: guest erin: kernel .* has no setting",
    ),
    (
        "an owner that a confined guest has not",
        "scenario",
        {"name": "new", "content": "guests: {dave: {files: {/a: {content: x, owner: 65536}}}}"},
        r"guest dave: /a: there is no owner 65536, the last is 65535; give another number, or a name",
    ),
    (
        "an owner that no guest has",
        "scenario",
        {"name": "new", "content": "guests: {dave: {files: {/a: {content: x, owner: 4294967295}}}}"},
        r"content:1:49: guests.dave.files\['/a'\].owner: 4294967295 is out of range; give an integer from 0 to 4294967294",
    ),
    # Another mind about the namespace
    (
        "another namespace for a lab that is there",
        "guest",
        {"name": "dave", "netns": "other"},
        r"network namespace other: ",
    ),
    # What Ansible itself checks
    ("an unknown state", "guest", {"name": "dave", "state": "flying"}, r"state.*must be one of.*started"),
    ("a number that is none", "guest", {"name": "dave", "mem": "much"}, r"mem"),
]
CASES = [pytest.param(*row[1:], id=row[0]) for row in BAD]


@pytest.mark.parametrize(("module", "options", "message"), CASES)
def test_bad_input_is_refused_and_changes_nothing(
    built: Lab, module: str, options: dict[str, Any], message: str
) -> None:
    before = built.snapshot()

    for check in (True, False):
        with pytest.raises(Refused, match=message) as refused:
            built.call(module, options, check)

        assert refused.value.result["actions" if "actions" in refused.value.result else "failed"] in ([], True)
        assert "Traceback" not in str(refused.value)
    assert _without_lock(built.snapshot()) == _without_lock(before)


def _without_lock(snapshot: tuple[dict[str, str], Any, Any]) -> tuple[dict[str, str], Any, Any]:
    """A snapshot but for the content of the lock file, which says who held it last."""
    return {name: what for name, what in snapshot[0].items() if name != "lock"}, *snapshot[1:]


def test_the_same_mac_address_twice_in_a_segment_is_refused(pair: Lab) -> None:
    pair.iface("alice", "eth0", mac="02:00:00:00:00:aa")

    with pytest.raises(Refused, match=r"MAC address 02:00:00:00:00:aa is already that of interface alice:eth0 on br"):
        pair.iface("bob", "eth0", mac="02:00:00:00:00:AA")

    assert pair.reaches("alice", "10.0.0.2")


def test_moving_into_a_segment_where_the_address_is_taken_is_refused(pair: Lab) -> None:
    pair.bridge("br1")
    pair.guest("carol", state="present")
    pair.iface("carol", "eth0", bridge="br1", address=["10.0.0.1/24"])

    with pytest.raises(Refused, match=r"address 10\.0\.0\.1 is already that of interface alice:eth0 on bridge br0"):
        pair.iface("carol", "eth0", bridge="br0")
    with pytest.raises(Refused, match=r"address 10\.0\.0\.1 is already that of interface alice:eth0 on bridge br0"):
        pair.bridge("br0", interfaces=["carol:eth0"])

    assert pair.info()["guests"]["carol"]["interfaces"]["eth0"]["bridge"] == "br1"


def test_several_faults_are_told_together(lab: Lab) -> None:
    lab.guest("alice", state="present")

    with pytest.raises(Refused) as refused:
        lab.iface("alice", "eth0", bridge="nowhere", mtu=1)

    assert "mtu 1 is out of range" in str(refused.value)
    assert "there is no bridge nowhere" in str(refused.value)


@contextmanager
def _mounted(*options: str) -> Iterator[Path]:
    """A directory with something mounted on it."""
    place = Path(tempfile.mkdtemp(prefix=PREFIX))
    subprocess.run(["mount", *options, place], check=True, timeout=PATIENCE)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True, timeout=PATIENCE)
        place.rmdir()


def _fill(directory: Path) -> Path:
    """A file that takes all the space there is."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return ballast


def test_a_full_disk_is_told_when_a_guest_is_defined(tmp_path: Path) -> None:
    with _mounted("-t", "tmpfs", "-o", "size=1m", "none") as place, fresh_lab(place) as lab:
        lab.guest("alice", state="present")
        ballast = _fill(place)
        before = lab.snapshot()

        for call in (
            lambda: lab.guest("bob", state="present"),
            lambda: lab.bridge("br0"),
            lambda: lab.iface("alice", "eth0"),
        ):
            with pytest.raises(Refused, match=r"No space left on device; free some space there and run again"):
                call()
        assert _without_lock(lab.snapshot())[0] == _without_lock(before)[0]

        ballast.unlink()
        assert lab.guest("bob")["guest"]["state"] == "running"


def test_a_full_disk_is_told_when_a_guest_is_started(tmp_path: Path) -> None:
    with _mounted("-t", "tmpfs", "-o", "size=1m", "none") as place, fresh_lab(place) as lab:
        lab.guest("alice", state="present")
        ballast = _fill(place)

        with pytest.raises(Refused, match=r"guest alice: .*No space left on device; free some space there and run"):
            lab.guest("alice", wait_timeout=5)
        assert processes_of({lab.name}) == {}

        ballast.unlink()
        assert lab.guest("alice")["guest"]["state"] == "running"


def test_a_full_disk_is_told_when_a_command_is_run(tmp_path: Path) -> None:
    with _mounted("-t", "tmpfs", "-o", "size=1m", "none") as place, fresh_lab(place) as lab:
        lab.guest("alice")
        ballast = _fill(place)

        with pytest.raises(Exception, match=r"guest alice: .*No space left on device; free some space there"):
            lab.run("alice", "cat", bytes(100_000))

        ballast.unlink()
        assert lab.read("alice", "echo fine") == "fine\n"


def test_a_working_directory_on_overlayfs_is_told(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work"):
        (tmp_path / name).mkdir()
    layers = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    with _mounted("-t", "overlay", "-o", layers, "none") as place, fresh_lab(place) as lab:
        before = lab.snapshot()

        with pytest.raises(Refused, match=r"guest alice: .*lies on overlay.*put the working directory.* on ext4"):
            lab.guest("alice")

        assert lab.snapshot()[1:] == before[1:]
        assert lab.info()["guests"] == {}


def test_a_working_directory_on_a_read_only_file_system_is_told(tmp_path: Path) -> None:
    with (
        _mounted("-t", "tmpfs", "-o", "ro", "none") as place,
        pytest.raises(Refused, match="Read-only file system; choose"),
    ):
        Lab(place / "below").guest("alice")


def test_a_working_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Refused, match=r"working directory .*/file: it is not a directory; give workdir another path"):
        Lab(tmp_path / "file").guest("alice")


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("guest", {"name": "alice", "state": "stopped"}),
        ("iface", {"guest": "alice", "name": "eth9"}),
        ("bridge", {"name": "br0"}),
        ("info", {}),
    ],
)
def test_who_is_not_root_is_told_to_become_root(built: Lab, module: str, options: dict[str, Any]) -> None:
    before = built.snapshot()
    _interpreter, script, *arguments = built.command(module, **options)
    # The files of Python may lie where only root can read them, so it becomes nobody when our own are imported; libraries are out of sight.
    as_nobody = (
        "import lab, os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534); del sys.path[1:]; lab.main()"
    )

    done = subprocess.run(
        [sys.executable, "-c", as_nobody, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": f"{Path(script).parent}:{os.environ['PYTHONPATH']}"},
    )

    assert done.returncode == 1, done.stderr
    message = json.loads(done.stdout)["msg"]
    assert message.startswith("this task: it is not run as root") and message.endswith("add become: true")
    assert _without_lock(built.snapshot()) == _without_lock(before)


@pytest.mark.parametrize("files", [24, 64])
def test_a_limit_of_open_files_that_no_guest_can_start_with_is_told(lab: Lab, files: int) -> None:
    before = _without_lock(lab.snapshot())
    limited = ["prlimit", f"--nofile={files}:{files}", *lab.command("guest", name="alice", mem=64)]

    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=PATIENCE)

    assert json.loads(done.stdout)["msg"] == (
        f"this task: the limit of open files is {files}, and a guest's kernel needs 128;"
        " raise the hard limit (ulimit -Hn 128) of whoever runs this task"
    )
    assert _without_lock(lab.snapshot()) == before


def test_a_limit_of_open_files_that_a_guest_can_start_with_is_enough(lab: Lab) -> None:
    limited = ["prlimit", "--nofile=128:128", *lab.command("guest", name="alice", mem=64)]

    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=PATIENCE)

    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.read("alice", "echo up") == "up\n"


def test_a_kernel_setting_that_is_refused_in_the_guest_is_told_with_its_place(shared: Lab) -> None:
    """Only the guest can know; what is made is the definition, which the next run corrects."""
    wrong = "guests:\n  dave:\n    sysctl: {vm.overcommit_memory: 99}\n"

    with pytest.raises(
        Refused, match=r"^content:3:36: guests.dave.sysctl.*overcommit_memory: Invalid argument; correct"
    ):
        shared.scenario("new", content=wrong)

    shared.scenario("new", content=wrong.replace("99", "1"))
    assert shared.read("dave", "cat /proc/sys/vm/overcommit_memory") == "1\n"
    shared.scenario("new", state="absent")
