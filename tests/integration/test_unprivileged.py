# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An ordinary user mounts a union, boots a guest on it with an interface of its own, installs a package in it and unmounts."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import debian_package
import pytest
from lab import BASE, REPOSITORY, until

from ansible_collections.dumm.lab.plugins.module_utils._lab.union import serving

KEY = "user.containers.override_stat"
_MODULE = "ansible_collections.dumm.lab.plugins.module_utils._lab.access.user_union"
# What a host has for everybody, where udev looks after it (50-udev-default.rules).
_DEVICES = ("/dev/fuse", "/dev/net/tun")
_INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
{
    set -ex
    dpkg -i /srv/try.deb
    useradd -m eve
    chown eve:mail /etc/motd
    su eve -c 'test "$(id -u)" = 1000 && ! cat /etc/shadow'
    su eve -c '/opt/try/id -u' | grep -qx 0
    mkfifo /root/fifo
    rm /etc/issue
    rm -r /srv
    mkdir /srv
    ip link set vec0 name eth0
    ip link set eth0 up
    ip address add 10.0.0.1/24 dev eth0
    ping -c 1 -w 20 10.0.0.254
    touch /root/done
} >/root/log 2>&1
sync
echo o >/proc/sysrq-trigger
sleep 1000
"""


@dataclass
class User:
    """An ordinary user of the host, and a directory of its own."""

    name: str
    home: Path

    def run(self, *command: str, timeout: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Run a command as this user."""
        return subprocess.run(
            ["setpriv", f"--reuid={self.name}", f"--regid={self.name}", "--clear-groups", "--", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "PYTHONPATH": str(self.home / "collections")},
        )

    def union(self, *arguments: str) -> str:
        """``dumm-union``, which must succeed; what it said."""
        done = self.run("/usr/bin/python3", "-m", _MODULE, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A user who can read the collection and a kernel."""
    with ExitStack() as stack:
        name = f"dumm-test-{os.getpid()}"
        home = tmp_path_factory.mktemp("user")
        # With several workers there is one level more.
        for above in (
            home,
            *itertools.takewhile(lambda path: path.name.startswith(("pytest-", "popen-")), home.parents),
        ):
            above.chmod(0o755)
        subprocess.run(["useradd", "--no-create-home", "--home-dir", home, name], check=True)
        stack.callback(subprocess.run, ["userdel", name], check=True)
        for device in _DEVICES:
            stack.callback(os.chmod, device, os.stat(device).st_mode & 0o777)
            os.chmod(device, 0o666)
        place = home / "collections/ansible_collections/dumm/lab"
        shutil.copytree(REPOSITORY / "plugins", place / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree((BASE / "kernels/default").resolve(), home / "kernel", symlinks=True)
        subprocess.run(["tar", "-C", BASE / "masters/default/.", "-cf", home / "master.tar", "."], check=True)
        subprocess.run(["chmod", "-R", "a+rX", home], check=True)
        shutil.chown(home, name, name)
        made = User(name, home)
        made.union("unpack", "master.tar", "master")
        yield made


@pytest.fixture
def at(user: User) -> Iterator[Path]:
    """A union of the user's, mounted."""
    at = user.home / "at"
    user.run("mkdir", "at")
    user.union("mount", "--lower", "master", "upper", "at")
    yield at
    # Not even root may look into it.
    if f" {at} " in Path("/proc/self/mountinfo").read_text():
        user.union("umount", "upper", "at")
    assert (user.home / ".upper-cowfs/cowfs.log").read_text() == ""
    shutil.rmtree(user.home / "upper")


def _package(directory: Path) -> Path:
    """A package with a set-id program, which its script makes one."""
    root = directory / "try"
    (root / "opt/try").mkdir(parents=True)
    shutil.copy(BASE / "masters/default/usr/bin/id", root / "opt/try/id")
    (root / "opt/try/data").write_text("data\n")
    postinst = "useradd --system try; chown try /opt/try/data; chmod 4755 /opt/try/id"
    return debian_package.build(root, directory / "try.deb", postinst)


def _kept(path: Path) -> bytes:
    return os.getxattr(path, KEY)


def test_a_guest_of_an_ordinary_user_has_users_programs_and_a_network(user: User, at: Path, tmp_path: Path) -> None:
    package = user.home / "try.deb"
    shutil.copy(_package(tmp_path), package)
    (user.home / "init").write_text(_INIT)
    assert user.run("sh", "-c", "cp try.deb at/srv/ && cp init at/init && chmod 755 at/init").returncode == 0

    line = ("mem=128M", "init=/init", "con=null", "con0=fd:0,fd:1", "quiet", "seccomp=on", "noreboot")
    said = user.run(
        "/usr/bin/python3",
        "-m",
        _MODULE,
        "boot",
        "--kernel",
        "kernel/linux",
        "--address",
        "10.0.0.254/24",
        "at",
        "--",
        *line,
    )
    user.union("umount", "upper", "at")

    upper = user.home / "upper"
    told = said.stdout[-2000:] + said.stderr + "".join(path.read_text() for path in upper.glob("root/log"))
    assert (upper / "root/done").exists(), told
    assert _kept(upper / "etc/motd") == b"1000:8:0644:file"
    assert _kept(upper / "opt/try/id") == b"0:0:04755:file"
    assert _kept(upper / "opt/try/data").endswith(b":0:0644:file")
    assert _kept(upper / "home/eve") == b"1000:1000:0755:dir"
    assert _kept(upper / "root/fifo") == b"0:0:0644:pipe"
    assert {path.stat().st_uid for path in upper.rglob("*") if not path.is_symlink() and path.name != "issue"} == {
        at.parent.stat().st_uid
    }
    assert not (user.home / "at/etc").exists()


@pytest.mark.skipif(shutil.which("fuse-overlayfs") is None, reason="no fuse-overlayfs")
def test_fuse_overlayfs_understands_what_was_written(user: User, at: Path) -> None:
    script = """
        mkdir at/d at/home/d at/opt/d; chmod 2750 at/d; chmod 640 at/etc/motd
        rm at/etc/issue; rm -r at/opt; mkdir at/opt
    """
    assert user.run("sh", "-ec", script).returncode == 0
    user.union("umount", "upper", "at")
    look = "cd at && stat -c '%n %u %g %a %F' etc/motd etc/shadow usr/bin/passwd d tmp opt var/mail; ls etc/issue opt 2>&1 || true"

    told = []
    for mount in (
        "fuse-overlayfs -o lowerdir=master,upperdir=upper,workdir=work at",
        f"/usr/bin/python3 -m {_MODULE} mount --lower master upper at",
    ):
        done = user.run("sh", "-c", f"mkdir -p work && {mount} && ({look})")
        told.append(done.stdout)
        assert done.returncode == 0, done.stderr
        assert user.run("fusermount3", "-u", "at").returncode == 0

    assert "etc/shadow 0 42 640 regular file" in told[0]
    assert told[0] == told[1]


@pytest.mark.parametrize("mark", ["a-file-in-it", "an-attribute"])
def test_directories_that_fuse_overlayfs_has_marked_hide_what_is_below(user: User, at: Path, mark: str) -> None:
    assert user.run("sh", "-ec", "touch at/usr/own; ls at/usr/bin").returncode == 0
    user.union("umount", "upper", "at")
    if mark == "an-attribute":
        os.setxattr(user.home / "upper/usr", "user.fuseoverlayfs.opaque", b"y")
    else:
        (user.home / "upper/usr/.wh..wh..opq").touch()

    user.union("mount", "--lower", "master", "upper", "at")

    assert user.run("ls", "-A", "at/usr").stdout == "own\n"
    assert "not permitted" in user.run("touch", "at/usr/.wh..wh..opq").stderr
    assert user.run("sh", "-ec", "rm at/usr/own; rmdir at/usr; ! ls at/usr").returncode == 0


def test_a_program_with_capabilities_of_roots_can_be_changed(user: User, at: Path) -> None:
    user.union("umount", "upper", "at")
    lower = user.home / "lower"
    lower.mkdir()
    (lower / "program").write_text("old\n")
    (lower / "program").chmod(0o644)
    # cap_net_raw=ep, as ping has it (linux/capability.h, struct vfs_cap_data).
    os.setxattr(lower / "program", "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
    user.union("mount", "--lower", "lower", "--lower", "master", "upper", "at")

    changed = user.run("sh", "-ec", "echo new >>at/program; cat at/program")

    assert changed.stdout == "old\nnew\n", changed.stderr


def test_nobody_gives_a_file_away_by_the_attribute_that_keeps_its_owner(user: User, at: Path) -> None:
    """Who owns a file in a guest may set its attributes there."""
    script = f"""
import errno, os
def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as exc:
        return errno.errorcode[exc.errno]
for name in ({KEY!r}, "user.overlay.opaque", "user.fuseoverlayfs.opaque", "system.posix_acl_access"):
    print(outcome(os.setxattr, "at/root", name, b"0:0:04755"), outcome(os.getxattr, "at/root", name))
os.setxattr("at/root", "user.own", b"1")
print(os.listxattr("at/root"), os.getxattr("at/root", "user.own"))
"""

    said = user.run("/usr/bin/python3", "-c", script)

    assert said.stdout.splitlines() == [
        *["ENODATA ENODATA"] * 3,
        "ENOTSUP ENOTSUP",
        "['user.own'] b'1'",
    ], said.stdout + said.stderr


def test_a_union_whose_server_was_killed_is_mounted_again(user: User, at: Path) -> None:
    home = user.home / ".upper-cowfs"
    assert user.run("sh", "-ec", "echo kept >at/root/kept; chown 5:6 at/root/kept").returncode == 0
    server = serving.server(home)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    until(lambda: serving.server(home) is None, "it to end")

    user.union("mount", "--lower", "master", "upper", "at")

    shown = user.run("sh", "-c", "cat at/root/kept; stat -c %u:%g at/root/kept")
    assert shown.stdout == "kept\n5:6\n", shown.stderr


def test_a_union_is_not_mounted_twice(user: User, at: Path) -> None:
    again = user.run("/usr/bin/python3", "-m", _MODULE, "mount", "--lower", "master", "upper", "at")

    assert again.returncode == 1
    assert "something is mounted there" in again.stderr
    assert serving.server(user.home / ".upper-cowfs") is not None


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([("../private", tarfile.REGTYPE, "")], id="a-name-upwards"),
        pytest.param([("way", tarfile.SYMTYPE, ".."), ("way/private", tarfile.REGTYPE, "")], id="a-name-by-a-link"),
        pytest.param([("seen", tarfile.LNKTYPE, "../private")], id="a-second-name-upwards"),
        pytest.param(
            [("way", tarfile.SYMTYPE, ".."), ("seen", tarfile.LNKTYPE, "way/private")], id="a-second-name-by-a-link"
        ),
        pytest.param([("seen", tarfile.LNKTYPE, "..")], id="a-second-name-of-what-is-above"),
    ],
)
def test_an_archive_does_not_lead_out_of_its_directory(user: User, members: list[tuple[str, bytes, str]]) -> None:
    private = user.home / "private"
    private.write_text("secret")
    shutil.chown(private, user.name, user.name)
    with tarfile.open(user.home / "bad.tar", "w") as archive:
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)

    done = user.run("/usr/bin/python3", "-m", _MODULE, "unpack", "bad.tar", "bad")

    assert (done.returncode, private.read_text(), private.stat().st_nlink) == (1, "secret", 1)
    assert "cannot be unpacked" in done.stderr
    assert not [path for path in user.home.iterdir() if "bad" in path.name and path.name != "bad.tar"]


def test_what_is_unpacked_has_the_times_of_the_archive(user: User) -> None:
    with tarfile.open(user.home / "master.tar") as archive:
        times = {member.name: int(member.mtime) for member in archive if not member.islnk()}

    found = {name: int((user.home / "master" / name).lstat().st_mtime) for name in times}

    assert {name: (times[name], time) for name, time in found.items() if time != times[name]} == {}
    assert len(times) > 1000


def test_errors_name_what_is_wrong(user: User) -> None:
    missing = user.run("/usr/bin/python3", "-m", _MODULE, "mount", "--lower", "nowhere", "upper", "at2")
    again = user.run("/usr/bin/python3", "-m", _MODULE, "unpack", "master.tar", "master")
    outside = user.run("/usr/bin/python3", "-m", _MODULE, "unpack", "nowhere.tar", "fresh")

    assert (missing.returncode, missing.stderr.strip()) == (
        1,
        "dumm-union: union at2: at2 is no directory; make it first",
    )
    assert "root file system master: it is there already; give a directory that is not there yet" in again.stderr
    assert "nowhere.tar" in outside.stderr
