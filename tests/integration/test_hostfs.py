# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's root file system keeps what ext4 keeps: attributes, capabilities, ACLs, times, and the upper layer of an overlayfs.

With the tuned kernel, on both unions.  On the host all of it is data: nothing there has more rights than before.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BASE, TUNED, Lab, fresh_lab

pytestmark = pytest.mark.skipif(
    not (BASE / "kernels" / TUNED / "linux").exists(),
    reason="the tuned kernel is not in the cache: 'make kernel' builds it",
)
# In a guest: as root, and as somebody else.
_HELPERS = """
import errno, json, os, struct, subprocess, sys
NOBODY = 65534

def acl(*entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)

def anyone_else(call, *arguments):
    # What a call comes to that nobody makes.
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.write(writing, outcome(call, *arguments).encode())
        os._exit(0)
    os.wait()
    return os.read(reading, 4096).decode()

def outcome(call, *arguments):
    try:
        return repr(call(*arguments))
    except OSError as exc:
        return errno.errorcode[exc.errno]

def make(path, text="x", mode=0o644, owner=0):
    with open(path, "w") as file:
        file.write(text)
    os.chown(path, owner, owner)
    os.chmod(path, mode)
    return path
"""
_OWNER, _GROUP, _MASK, _OTHER, _USER = 0x01, 0x04, 0x10, 0x20, 0x02
_UNNAMED = 0xFFFFFFFF


@pytest.fixture(scope="module", params=["overlay", "cowfs"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A guest ``alice``."""
    with fresh_lab(kernel=TUNED, engine=request.param) as made:
        made.guest("alice", init="minimal", mem=128)
        yield made


def inside(lab: Lab, script: str) -> dict[str, object]:
    """Run Python in the guest, in a fresh directory that the host has at ``diff/srv``.

    :return: ``told`` of the script.
    """
    lab.read("alice", "rm -rf /srv/*; chmod 755 /srv")
    code = f"{_HELPERS}\ntold = {{}}\nos.chdir('/srv')\n{textwrap.dedent(script)}\nprint(json.dumps(told))"
    done = lab.run("alice", "python3 -", code.encode())
    assert done.code == 0, done.stderr.decode()
    found: dict[str, object] = json.loads(done.stdout)
    return found


def on_the_host(lab: Lab, name: str) -> Path:
    """A file of the guest's, in the layer that it writes to."""
    return lab.directory("alice").diff / "srv" / name


def test_attributes_of_users_are_those_of_the_hosts_files(lab: Lab) -> None:
    told = inside(
        lab,
        """
        make("file")
        os.mkdir("directory")
        os.symlink("file", "link")
        for name in ("file", "directory"):
            os.setxattr(name, "user.one", b"1")
            os.setxattr(name, "user.gone", b"1")
            os.removexattr(name, "user.gone")
            told[name] = [os.listxattr(name), os.getxattr(name, "user.one").decode()]
        told["again"] = outcome(os.setxattr, "file", "user.one", b"2", os.XATTR_CREATE)
        told["none"] = outcome(os.getxattr, "file", "user.gone")
        told["large"] = outcome(os.setxattr, "file", "user.large", bytes(65000))
        told["others"] = anyone_else(os.setxattr, "file", "user.two", b"2")
        told["link"] = outcome(lambda: os.setxattr("link", "user.one", b"1", follow_symlinks=False))
        """,
    )

    assert told["file"] == told["directory"] == [["user.one"], "1"]
    assert (told["again"], told["none"], told["others"], told["link"]) == ("EEXIST", "ENODATA", "EACCES", "EPERM")
    assert told["large"] in ("ENOSPC", "None")
    assert os.getxattr(on_the_host(lab, "file"), "user.one") == b"1"


def test_what_only_root_may_set_is_data_on_the_host(lab: Lab) -> None:
    told = inside(
        lab,
        """
        make("file", owner=NOBODY)
        for name in ("trusted.t", "security.s", "user.overlay.o", "user.uml.u"):
            os.setxattr("file", name, name.encode())
        told["names"] = sorted(os.listxattr("file"))
        told["values"] = [os.getxattr("file", name).decode() for name in told["names"]]
        told["others"] = json.loads(anyone_else(os.listxattr, "file").replace("'", '"'))
        told["read"] = anyone_else(os.getxattr, "file", "trusted.t")
        told["set"] = [anyone_else(os.setxattr, "file", name, b"") for name in ("trusted.t", "security.s")]
        # The name that it has on the host is another one here.
        caps = struct.pack("<5I", 0x02000001, 1, 0, 0, 0)
        told["round"] = [anyone_else(os.setxattr, "file", "user.uml.security.capability", caps)]
        told["caps"] = outcome(os.getxattr, "file", "security.capability")
        os.removexattr("file", "security.s")
        told["left"] = sorted(os.listxattr("file"))
        """,
    )

    names = ["security.s", "trusted.t", "user.overlay.o", "user.uml.u"]
    assert told["names"] == told["values"] == names
    assert sorted(told["others"]) == [name for name in names if name != "trusted.t"]  # type: ignore[call-overload]
    assert told["read"] == "ENODATA"
    assert told["set"] == ["EPERM", "EPERM"]
    assert told["caps"] == "ENODATA"
    assert told["left"] == ["trusted.t", "user.overlay.o", "user.uml.security.capability", "user.uml.u"]
    assert sorted(os.listxattr(on_the_host(lab, "file"))) == [
        "user.uml.trusted.t",
        "user.uml.user.overlay.o",
        "user.uml.user.uml.security.capability",
        "user.uml.user.uml.u",
    ]


def test_programs_have_capabilities(lab: Lab) -> None:
    told = inside(
        lab,
        """
        run = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout.strip()
        make("mine")
        run("cp", "/usr/bin/chown", "own")
        told["before"] = anyone_else(lambda: subprocess.call(["./own", "65534", "mine"], stderr=subprocess.DEVNULL))
        told["set"] = run("setcap", "cap_chown+ep", "own") + run("getcap", "own")
        told["with"] = anyone_else(lambda: subprocess.call(["./own", "65534", "mine"]))
        told["owner"] = os.stat("mine").st_uid
        told["others"] = anyone_else(lambda: subprocess.call(["setcap", "cap_chown+ep", "mine"], stderr=subprocess.DEVNULL))
        run("cp", "own", "copy")
        os.chmod("own", 0o777)
        told["still"] = run("getcap", "own")
        # Whoever writes to it, root too, takes them away.
        with open("own", "ab") as file:
            file.write(b"x")
        told["written"] = run("getcap", "own", "copy")
        """,
    )

    assert told["before"] == "1"
    assert told["set"] == "own cap_chown=ep" == told["still"]
    assert told["with"] == "0"
    assert told["owner"] == 65534
    assert told["others"] == "1"
    assert told["written"] == ""
    assert "security.capability" not in os.listxattr(on_the_host(lab, "copy"))


def test_capabilities_that_the_master_has_count_until_they_are_taken_away(lab: Lab) -> None:
    """``ping`` of Debian has one."""
    lab.read("alice", "sysctl -qw net.ipv4.ping_group_range='1 0'")
    ping = "setpriv --reuid=65534 --regid=65534 --clear-groups ping -c 1 -w 60 127.0.0.1"

    assert "cap_net_raw=ep" in lab.read("alice", "getcap /usr/bin/ping")
    assert lab.run("alice", ping).code == 0
    lab.read("alice", "setcap -r /usr/bin/ping")
    assert lab.read("alice", "getcap /usr/bin/ping") == ""
    assert lab.run("alice", ping).code != 0
    lab.read("alice", "setcap cap_net_raw+p /usr/bin/ping")
    assert "cap_net_raw=p" in lab.read("alice", "getcap /usr/bin/ping")
    assert os.getxattr(lab.path / "masters/default/usr/bin/ping", "security.capability")


def test_acls_say_who_may_do_what(lab: Lab) -> None:
    told = inside(
        lab,
        f"""
        ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
        rights = lambda user, mask: acl(({_OWNER}, 6, {_UNNAMED}), ({_USER}, user, NOBODY), ({_GROUP}, 0, {_UNNAMED}),
                                        ({_MASK}, mask, {_UNNAMED}), ({_OTHER}, 0, {_UNNAMED}))
        read = lambda path: anyone_else(lambda: open(path).read())
        make("file", "text", mode=0o600)
        told["before"] = read("file")
        os.setxattr("file", ACCESS, rights(4, 4))
        told["with"] = [read("file"), anyone_else(lambda: open("file", "a").close() or 0), oct(os.stat("file").st_mode)]
        told["kept"] = os.getxattr("file", ACCESS) == rights(4, 4)
        told["others"] = anyone_else(os.setxattr, "file", ACCESS, rights(6, 6))
        os.chmod("file", 0o600)
        told["masked"] = read("file")
        os.chmod("file", 0o640)
        os.removexattr("file", ACCESS)
        told["without"] = read("file")
        os.mkdir("directory", 0o755)
        os.setxattr("directory", DEFAULT, rights(7, 7))
        os.umask(0o077)
        make("directory/file", "text", mode=0o640)
        os.close(os.open("directory/umask", os.O_CREAT, 0o666))
        os.mkdir("directory/below")
        told["inherited"] = [read("directory/file"), os.getxattr("directory/below", DEFAULT) == rights(7, 7)]
        told["modes"] = [oct(os.stat("directory/umask").st_mode & 0o777), oct(os.stat(make("plain", mode=0o600)).st_mode & 0o777)]
        os.close(os.open("mask", os.O_CREAT, 0o666))
        told["modes"].append(oct(os.stat("mask").st_mode & 0o777))
        """,
    )

    assert told["before"] == told["masked"] == told["without"] == "EACCES"
    assert told["with"] == ["'text'", "EACCES", "0o100640"]
    assert told["kept"] is True
    assert told["others"] == "EPERM"
    assert told["inherited"] == ["'text'", True]
    assert told["modes"] == ["0o660", "0o600", "0o600"]
    # As the host's own tools read them.
    assert os.getxattr(on_the_host(lab, "directory"), "system.posix_acl_default")[14:20] == b"\7\0\xfe\xff\0\0"


def test_what_the_host_gives_a_file_is_seen(lab: Lab) -> None:
    """Though the guest has asked before, and remembers that there was nothing."""
    inside(lab, "make('file', 'text', mode=0o640); told['none'] = anyone_else(lambda: open('file').read())")
    process = lab.process("alice")
    read = "setpriv --reuid=65534 --regid=65534 --clear-groups cat /srv/file"
    assert lab.run("alice", read).code != 0
    path = f"/proc/{process.pid}/root/fs/srv/file"
    entries = [(_OWNER, 6, _UNNAMED), (_USER, 4, (process.first_user or 0) + 65534), (_GROUP, 4, _UNNAMED)]
    entries += [(_MASK, 4, _UNNAMED), (_OTHER, 0, _UNNAMED)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(path, "user.host", b"1")
    os.setxattr(path, "system.posix_acl_access", acl)

    assert lab.read("alice", read) == "text"
    assert lab.read("alice", 'python3 -c \'import os; print(os.getxattr("/srv/file", "user.host"))\'') == "b'1'\n"


def test_times_are_kept_to_the_nanosecond(lab: Lab) -> None:
    told = inside(
        lab,
        """
        make("file")
        os.symlink("file", "link")
        when = (1_600_000_000_123_456_789, 1_600_000_001_987_654_321)
        os.utime("file", ns=when)
        os.utime("link", ns=when[::-1], follow_symlinks=False)
        os.lchown("link", 1000, 1000)
        told["file"] = [os.stat("file").st_atime_ns, os.stat("file").st_mtime_ns]
        told["link"] = [os.lstat("link").st_mtime_ns, os.lstat("link").st_uid, os.stat("link").st_uid]
        os.utime("file", ns=(0, 0))
        os.utime("file")
        told["now"] = os.stat("file").st_mtime_ns
        """,
    )

    assert told["file"] == [1_600_000_000_123_456_789, 1_600_000_001_987_654_321]
    assert told["link"] == [1_600_000_000_123_456_789, 1000, 0]
    assert told["now"] != 0
    assert os.stat(on_the_host(lab, "file")).st_mtime_ns == told["now"]


def test_names_that_come_and_go_are_counted(lab: Lab) -> None:
    told = inside(
        lab,
        """
        make("file")
        held, other = os.open("file", os.O_RDONLY), os.open(make("other"), os.O_RDONLY)
        told["links"] = [os.fstat(held).st_nlink]
        os.link("file", "second")
        told["links"].append(os.fstat(held).st_nlink)
        os.unlink("file")
        os.unlink("second")
        told["links"].append(os.fstat(held).st_nlink)
        os.rename(make("third"), "other")
        told["replaced"] = os.fstat(other).st_nlink
        """,
    )

    assert told["links"] == [1, 2, 0]
    assert told["replaced"] == 0


OVERLAY = r"""
cd /srv; mkdir -p low/d/deep upper work merged
echo low | tee low/file low/gone low/moved low/d/inner low/d/deep/x >/dev/null
mkdir low/whole; echo low >low/whole/file
on() { mount -t overlay -o lowerdir=low,upperdir=upper,workdir=work none merged; }
on
cd merged
rm gone; mv moved new; ln -s /proc/mounts mtab; ln file hard; echo high >>file
rm -r whole; mkdir whole; echo high >whole/other
mkfifo fifo; chown 1000:1000 d; cp -a d d2; mv d2 d3
cd ..; umount merged; on
cd merged
[ "$(find . -mindepth 1 | sort | tr '\n' ' ')" = \
"./d ./d/deep ./d/deep/x ./d/inner ./d3 ./d3/deep ./d3/deep/x ./d3/inner ./fifo ./file ./hard ./mtab ./new ./whole ./whole/other " ]
[ ! -e gone ]; [ ! -e moved ]; [ "$(cat new)" = low ]; [ "$(readlink mtab)" = /proc/mounts ]
[ "$(cat hard)" = "low
high" ]; [ "$(stat -c %u d d/inner)" = "1000
0" ]; [ -p fifo ]
cd ..
[ "$(stat -c '%F %t:%T' upper/gone)" = "character special file 0:0" ]
[ "$(ls -A low | tr '\n' ' ')" = "d file gone moved whole " ]
umount merged
"""


def test_it_takes_the_upper_layer_of_an_overlayfs(lab: Lab) -> None:
    """What docker's overlay2 and podman do: whiteouts, opaque directories, renames, links."""
    inside(lab, "")
    done = lab.run("alice", f"set -ex\n{OVERLAY}")

    assert done.code == 0, done.stderr.decode()
    complaints = lab.read("alice", "dmesg --level=err,warn").splitlines()
    assert [line for line in complaints if "overlay" in line and "tmpfile" not in line] == []
    # It hides nothing in the layers of the host.
    whiteout = on_the_host(lab, "upper/gone").lstat()
    assert (stat.S_IFMT(whiteout.st_mode), stat.S_IMODE(whiteout.st_mode)) == (stat.S_IFIFO, stat.S_ISVTX)
    assert os.getxattr(on_the_host(lab, "upper/whole"), "user.uml.trusted.overlay.opaque") == b"y"


def test_it_lasts_until_the_next_start(lab: Lab) -> None:
    inside(lab, "os.setxattr(make('file'), 'trusted.kept', b'1'); os.mknod('white', 0o020000, 0)")
    lab.guest("alice", state="restarted")

    assert lab.read("alice", "stat -c %F /srv/white") == "character special file\n"
    assert lab.read("alice", 'python3 -c \'import os; print(os.getxattr("/srv/file", "trusted.kept"))\'') == "b'1'\n"


def test_a_kernel_that_keeps_no_attributes_is_known_for_it(lab: Lab) -> None:
    """Debian's; what it refuses stands in ``running.limits``."""
    said = lab.guest("old", kernel=str((BASE / "kernels/default").resolve() / "linux"), init="minimal", mem=128)
    limits = [said["guest"]["running"]["limits"], lab.info(inside=False)["guests"]["alice"]["running"]["limits"]]

    assert [any("no extended attributes" in each for each in found) for found in limits] == [True, False]
    assert b"not supported" in lab.run("old", "setcap cap_chown+ep /usr/bin/chown").stderr
    lab.guest("old", state="absent")
