# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What POSIX and Linux say of the calls for files, as cases: a call, who makes it, and what comes of it.

The ground that pjdfstest covers, anew and in our words.  Each case has a tree of its own, which lies in a lower layer of the union or is
made in it (``made``), since most of what a union does differs between the two.  What a call returns, or its error, is compared with the
case's own expectation, not with another file system; where even the kernel's overlayfs does otherwise, that shows.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pickle
import resource
import signal
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT, USER, OTHER = 0, 61001, 61002
_LONG = "n" * 255
_TOO_LONG = "n" * 256
# With the slashes one byte more than PATH_MAX allows.
_FAR = "/".join(["d" * 100] * 41)
_OLD = 10**9


@dataclass(frozen=True)
class Case:
    """One call.

    :ivar call: done in the case's tree, by ``user``.
    :ivar expected: what it returns, or the name of its error.
    """

    name: str
    user: int
    call: Callable[[], Any]
    expected: Any


def plant(tree: Path) -> None:
    """Make the tree that a case begins with."""
    tree.mkdir()
    tree.chmod(0o777)
    for name, mode, owner in (
        *(("file", 0o644, ROOT), ("mine", 0o644, USER), ("theirs", 0o644, OTHER), ("secret", 0o600, ROOT)),
        *(("setid", 0o6755, USER), ("open", 0o666, ROOT), ("program", 0o755, ROOT)),
    ):
        (tree / name).write_bytes(Path("/bin/sleep").read_bytes() if name == "program" else b"0123456789")
        _own(tree / name, mode, owner)
    for name, mode, owner in (
        *(("dir", 0o755, ROOT), ("full", 0o755, USER), ("private", 0o700, ROOT), ("wide", 0o777, ROOT)),
        *(("sticky", 0o1777, ROOT), ("shared", 0o2777, ROOT), ("yours", 0o755, USER), ("deep/er/est", 0o755, ROOT)),
    ):
        (tree / name).mkdir(parents=True)
        _own(tree / name, mode, owner)
    os.chown(tree / "shared", ROOT, OTHER)
    (tree / "shared").chmod(0o2777)
    for name, owner in (
        ("full/inside", USER),
        ("private/inside", USER),
        ("sticky/mine", USER),
        ("sticky/theirs", OTHER),
    ):
        (tree / name).write_text("x")
        _own(tree / name, 0o666, owner)
    for name, owner in (("sticky/mydir", USER), ("sticky/theirdir", OTHER)):
        (tree / name).mkdir()
        _own(tree / name, 0o777, owner)
    for name, target in (
        ("link", "file"),
        ("dirlink", "dir"),
        ("dangling", "nowhere"),
        ("loop", "loop"),
        ("ping", "pong"),
        ("pong", "ping"),
    ):
        (tree / name).symlink_to(target)
    os.mkfifo(tree / "fifo", 0o644)
    os.link(tree / "file", tree / "second")
    for path in sorted(tree.rglob("*"), reverse=True):
        os.utime(path, (_OLD, _OLD), follow_symlinks=False)


def _own(path: Path, mode: int, owner: int) -> None:
    os.chown(path, owner, owner)
    path.chmod(mode)


# Calls that name something that has to be there, and calls that name something that is made.

_ON_WHAT_IS_THERE: dict[str, Callable[[str], Any]] = {
    "chmod": lambda path: os.chmod(path, 0o640),
    "chown": lambda path: os.chown(path, -1, -1),
    "lchown": lambda path: os.lchown(path, -1, -1),
    "link from": lambda path: os.link(path, "fresh", follow_symlinks=False),
    "listxattr": lambda path: os.listxattr(path) and None,
    "open": lambda path: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)),
    "open to write": lambda path: os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)),
    "opendir": lambda path: os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY)),
    "readlink": lambda path: os.readlink(path) and None,
    "rename from": lambda path: os.rename(path, "fresh"),
    "rmdir": os.rmdir,
    "stat": lambda path: os.stat(path) and None,
    "lstat": lambda path: os.lstat(path) and None,
    "truncate": lambda path: os.truncate(path, 3),
    "unlink": os.unlink,
    "utime": lambda path: os.utime(path, (1, 1)),
}
_ON_WHAT_IS_MADE: dict[str, Callable[[str], Any]] = {
    "create": lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)),
    "link to": lambda path: os.link("mine", path),
    "mkdir": os.mkdir,
    "mkfifo": os.mkfifo,
    "mknod": lambda path: os.mknod(path, stat.S_IFREG | 0o600),
    "rename to": lambda path: os.rename("mine", path),
    "symlink": lambda path: os.symlink("x", path),
}
_NOT_FOLLOWING = {"lchown", "lstat", "unlink", "rmdir", "readlink", "rename from", "link from"}


def _of_paths() -> Iterator[Case]:
    """The way to what a call is for."""
    for name, call in {**_ON_WHAT_IS_THERE, **_ON_WHAT_IS_MADE}.items():
        makes = name in _ON_WHAT_IS_MADE
        for path, error in {
            "file/x": "ENOTDIR",
            "fifo/x": "ENOTDIR",
            "nowhere/x": "ENOENT",
            "dangling/x": "ENOENT",
            "loop/x": "ELOOP",
            "ping/x": "ELOOP",
            _TOO_LONG: "ENAMETOOLONG",
            f"dir/{_TOO_LONG}": "ENAMETOOLONG",
            _FAR: "ENAMETOOLONG",
            "": "ENOENT",
        }.items():
            yield Case(f"{name} {path[:12]}", ROOT, _bound(call, path), error)
        yield Case(f"{name} in a directory that may not be searched", USER, _bound(call, "private/inside"), "EACCES")
        if not makes:
            yield Case(f"{name} nothing", ROOT, _bound(call, "dir/nothing"), "ENOENT")
            yield Case(f"{name} the longest name, not there", ROOT, _bound(call, _LONG), "ENOENT")
            loops = {
                "unlink": None,
                "readlink": None,
                "lstat": None,
                "lchown": None,
                "rename from": None,
                "link from": None,
            }
            yield Case(f"{name} a loop", ROOT, _bound(call, "loop"), {**loops, "rmdir": "ENOTDIR"}.get(name, "ELOOP"))
        else:
            yield Case(f"{name} the longest name", ROOT, _bound(call, _LONG), None)
            yield Case(f"{name} where it may not be made", USER, _bound(call, "dir/fresh"), "EACCES")
            for there in ("file", "dir", "link", "dangling", "fifo"):
                if name != "rename to":
                    yield Case(f"{name} over {there}", ROOT, _bound(call, there), "EEXIST")


def _bound(call: Callable[[str], Any], path: str) -> Callable[[], Any]:
    return lambda: call(path)


def _of_kinds() -> Iterator[Case]:
    """Calls on what is not of the right kind."""
    wrong = {
        "rmdir": {
            "file": "ENOTDIR",
            "link": "ENOTDIR",
            "dirlink": "ENOTDIR",
            "fifo": "ENOTDIR",
            "full": "ENOTEMPTY",
            ".": "EINVAL",
        },
        "unlink": {"dir": "EISDIR", "full": "EISDIR"},
        "opendir": {"file": "ENOTDIR", "fifo": "ENOTDIR", "link": "ENOTDIR"},
        "open to write": {"dir": "EISDIR", "fifo": "ENXIO"},
        "truncate": {"dir": "EISDIR"},
        "readlink": {"file": "EINVAL", "dir": "EINVAL"},
        "link from": {"dir": "EPERM"},
    }
    for name, paths in wrong.items():
        for path, error in paths.items():
            yield Case(f"{name} of {path}", ROOT, _bound(_ON_WHAT_IS_THERE[name], path), error)
    for path in ("dir", "full", "sticky", "dirlink"):
        yield Case(
            f"open {path} to create a file", ROOT, lambda path=path: os.open(path, os.O_CREAT | os.O_WRONLY), "EISDIR"
        )
    yield Case("open a link without following", ROOT, lambda: os.open("link", os.O_RDONLY | os.O_NOFOLLOW), "ELOOP")
    yield Case(
        "create through a dangling link", ROOT, lambda: os.close(os.open("dangling", os.O_CREAT | os.O_WRONLY)), None
    )
    yield Case(
        "create exclusively through a dangling link",
        ROOT,
        lambda: os.open("dangling", os.O_CREAT | os.O_EXCL),
        "EEXIST",
    )


def _of_renames() -> Iterator[Case]:
    """What may take the place of what."""
    outcomes = {
        ("file", "mine"): None,
        ("file", "link"): None,
        ("file", "fifo"): None,
        ("file", "dir"): "EISDIR",
        ("file", "full"): "EISDIR",
        ("file", "second"): None,
        ("link", "file"): None,
        ("link", "dir"): "EISDIR",
        ("fifo", "file"): None,
        ("dir", "file"): "ENOTDIR",
        ("dir", "link"): "ENOTDIR",
        ("dir", "dirlink"): "ENOTDIR",
        ("dir", "wide"): None,
        ("dir", "full"): "ENOTEMPTY",
        ("full", "dir"): None,
        ("deep", "deep/er"): "EINVAL",
        ("deep", "deep/er/est/more"): "EINVAL",
        ("deep/er", "deep"): "ENOTEMPTY",
        ("deep/er/est", "wide"): None,
        ("dir", "dir"): None,
        ("file", "file"): None,
        (".", "fresh"): "EBUSY",
        ("dir/..", "fresh"): "EBUSY",
    }
    for (old, new), error in outcomes.items():
        # Some kernels say EINVAL where POSIX has EBUSY, and the union passes on what they say.
        yield Case(f"rename {old} to {new}", ROOT, lambda old=old, new=new: os.rename(old, new), error)

    def seen(old: str, new: str) -> Any:
        before = os.lstat(old)
        os.rename(old, new)
        after = os.lstat(new)
        kept = (before.st_mode, before.st_size, before.st_uid) == (after.st_mode, after.st_size, after.st_uid)
        return kept, os.path.lexists(old)

    for old in ("file", "link", "fifo", "dir", "full", "deep", "dangling"):
        yield Case(f"rename {old} keeps it", ROOT, lambda old=old: seen(old, "fresh"), (True, False))

    def with_contents() -> Any:
        os.rename("deep", "moved")
        return os.listdir("moved"), os.listdir("moved/er"), os.path.exists("deep/er")

    yield Case("rename takes the contents along", ROOT, with_contents, (["er"], ["est"], False))

    def again() -> Any:
        os.rename("full", "moved")
        os.mkdir("full")
        return os.listdir("full"), os.listdir("moved")

    yield Case("a directory of an old name is empty", ROOT, again, ([], ["inside"]))


def _of_rights() -> Iterator[Case]:
    """Who may do what to whose."""
    for name, path, error in (
        *(("chmod", "mine", None), ("chmod", "file", "EPERM"), ("chmod", "dir", "EPERM"), ("chmod", "theirs", "EPERM")),
        *(("open", "file", None), ("open", "secret", "EACCES"), ("open to write", "file", "EACCES")),
        *(("open to write", "open", None), ("open to write", "mine", None), ("opendir", "private", "EACCES")),
        *(("truncate", "file", "EACCES"), ("truncate", "mine", None), ("truncate", "open", None)),
        *(("utime", "file", "EPERM"), ("utime", "open", "EPERM"), ("utime", "mine", None)),
        *(("unlink", "full/inside", None), ("unlink", "private/inside", "EACCES"), ("unlink", "file", None)),
        *(("unlink", "sticky/mine", None), ("unlink", "sticky/theirs", "EPERM"), ("rmdir", "sticky/mydir", None)),
        *(
            ("rmdir", "sticky/theirdir", "EPERM"),
            ("rename from", "sticky/mine", None),
            ("rename from", "sticky/theirs", "EPERM"),
        ),
        *(
            ("rename from", "sticky/mydir", None),
            ("rename from", "sticky/theirdir", "EPERM"),
            ("rmdir", "deep/er/est", "EACCES"),
        ),
        *(("rename from", "deep/er", "EACCES"), ("rmdir", "yours", None)),
    ):
        yield Case(f"{name} {path} as a user", USER, _bound(_ON_WHAT_IS_THERE[name], path), error)
    yield Case("rename over another's in a sticky directory", USER, lambda: os.rename("mine", "sticky/theirs"), "EPERM")
    yield Case("rename over one's own in a sticky directory", USER, lambda: os.rename("mine", "sticky/mine"), None)
    yield Case("give a file away", USER, lambda: os.chown("mine", OTHER, -1), "EPERM")
    yield Case("give a file to a group that one is not in", USER, lambda: os.chown("mine", -1, OTHER), "EPERM")
    yield Case("set times of another's to now", USER, lambda: os.utime("file"), "EACCES")
    yield Case("set times of what one may write to now", USER, lambda: os.utime("open"), None)
    yield Case("make a device", USER, lambda: os.mknod("wide/node", stat.S_IFCHR | 0o600, os.makedev(1, 3)), "EPERM")
    for path, mode, allowed in (
        *(("file", os.R_OK, True), ("file", os.W_OK, False), ("secret", os.R_OK, False), ("program", os.X_OK, True)),
        *(
            ("file", os.X_OK, False),
            ("wide", os.W_OK, True),
            ("dir", os.W_OK, False),
            ("private/inside", os.F_OK, False),
        ),
    ):
        yield Case(f"access {path} {mode}", USER, lambda path=path, mode=mode: os.access(path, mode), allowed)
    yield Case("root may read what is nobody's", ROOT, lambda: os.access("secret", os.R_OK | os.W_OK), True)
    yield Case("root may not run what is no program", ROOT, lambda: os.access("file", os.X_OK), False)


def _mode(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def _of_modes() -> Iterator[Case]:
    """Bits that come, stay and go."""
    for mode in (0, 0o1, 0o644, 0o777, 0o4755, 0o2755, 0o1777, 0o7777):
        for path in ("file", "dir", "fifo"):
            yield Case(
                f"chmod {mode:o} {path}", ROOT, lambda path=path, mode=mode: os.chmod(path, mode) or _mode(path), mode
            )

    def follows() -> Any:
        os.chmod("link", 0o611)
        return _mode("file"), stat.S_ISLNK(os.lstat("link").st_mode)

    yield Case("chmod follows a link", ROOT, follows, (0o611, True))

    def changed(call: Callable[[], Any], path: str = "setid") -> Callable[[], Any]:
        return lambda: call() or _mode(path)

    def write() -> None:
        fd = os.open("setid", os.O_WRONLY)
        os.write(fd, b"x")
        os.close(fd)

    def open_to_all() -> None:
        os.chmod("setid", 0o6777)

    yield Case("chown by the owner takes set-id bits", USER, changed(lambda: os.chown("setid", USER, USER)), 0o755)
    yield Case("chown by root takes set-id bits", ROOT, changed(lambda: os.chown("setid", OTHER, OTHER)), 0o755)
    yield Case("writing takes set-id bits", USER, changed(write), 0o755)
    yield Case("cutting takes set-id bits", USER, changed(lambda: os.truncate("setid", 1)), 0o755)
    yield Case("root's writing leaves set-id bits", ROOT, changed(write), 0o6755)
    yield Case("chmod sets set-id bits", USER, changed(open_to_all), 0o6777)

    def made(path: str, call: Callable[[str], Any]) -> Callable[[], Any]:
        def inner() -> Any:
            call(path)
            found = os.lstat(path)
            return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode) & 0o7000

        return inner

    makers: dict[str, Callable[[str], Any]] = {
        "file": lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)),
        "fifo": os.mkfifo,
        "link": lambda path: os.symlink("x", path),
    }
    for kind, maker in makers.items():
        yield Case(f"a {kind} belongs to who makes it", USER, made("wide/fresh", maker), (USER, USER, 0))
        yield Case(
            f"a {kind} has the group of a set-gid directory", USER, made("shared/fresh", maker), (USER, OTHER, 0)
        )
    yield Case("a directory in a set-gid one is one, too", USER, made("shared/fresh", os.mkdir), (USER, OTHER, 0o2000))
    yield Case(
        "the umask counts", USER, lambda: (os.umask(0o027), os.mkdir("wide/x", 0o777), _mode("wide/x"))[-1], 0o750
    )
    yield Case(
        "a mode that lets nobody write lets its maker",
        USER,
        lambda: os.write(os.open("wide/x", os.O_CREAT | os.O_WRONLY, 0), b"x"),
        1,
    )


def _times(path: str) -> tuple[bool, bool, bool]:
    """Which of access, change of contents, and change are of now."""
    status = os.lstat(path)
    return tuple(each > _OLD + 1000 for each in (status.st_atime, status.st_mtime, status.st_ctime))  # type: ignore[return-value]


def _of_times() -> Iterator[Case]:
    """Which times a call sets."""

    def after(call: Callable[[], Any], path: str) -> Callable[[], Any]:
        def inner() -> Any:
            was = os.lstat(path).st_ctime_ns
            time.sleep(0.02)
            call()
            status = os.lstat(path)
            return status.st_mtime > _OLD + 1000, status.st_ctime_ns > was

        return inner

    def append() -> None:
        fd = os.open("file", os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"more")
        os.close(fd)

    for name, call, path, expected in (
        ("writing", append, "file", (True, True)),
        ("cutting", lambda: os.truncate("file", 3), "file", (True, True)),
        ("chmod", lambda: os.chmod("file", 0o600), "file", (False, True)),
        ("chown", lambda: os.chown("file", 5, 5), "file", (False, True)),
        ("linking", lambda: os.link("mine", "fresh"), "mine", (False, True)),
        (
            "unlinking a second name",
            lambda: os.link("mine", "x") or time.sleep(0.02) or os.unlink("x"),
            "mine",
            (False, True),
        ),
        ("renaming", lambda: os.rename("mine", "fresh") or os.rename("fresh", "mine"), "mine", (False, True)),
        ("making in it", lambda: os.mkdir("dir/x"), "dir", (True, True)),
        ("removing from it", lambda: os.unlink("full/inside"), "full", (True, True)),
        ("renaming in it", lambda: os.rename("full/inside", "full/x"), "full", (True, True)),
        ("linking in it", lambda: os.link("mine", "dir/x"), "dir", (True, True)),
        ("a link in it", lambda: os.symlink("x", "dir/x"), "dir", (True, True)),
        ("a failed mkdir in it", lambda: _fails(lambda: os.mkdir("full/inside")), "full", (False, False)),
        ("a failed unlink in it", lambda: _fails(lambda: os.unlink("dir/nothing")), "dir", (False, False)),
    ):
        yield Case(f"times after {name}", ROOT, after(call, path), expected)
    for path in ("file", "dir", "fifo"):
        yield Case(
            f"utime to the nanosecond on {path}",
            ROOT,
            lambda path=path: (
                os.utime(path, ns=(123456789123456789, 987654321987654321))
                or (os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns)
            ),
            (123456789123456789, 987654321987654321),
        )

    def of_the_link() -> Any:
        os.utime("link", (7, 7), follow_symlinks=False)
        return os.lstat("link").st_mtime, os.stat("link").st_mtime

    yield Case("utime of a link itself", ROOT, of_the_link, (7.0, float(_OLD)))


def _fails(call: Callable[[], Any]) -> None:
    try:
        call()
    except OSError:
        return
    raise AssertionError


def _of_names() -> Iterator[Case]:
    """Names, and how many there are."""

    def links(*calls: Callable[[], Any]) -> Callable[[], Any]:
        def inner() -> Any:
            for call in calls:
                call()
            return os.stat("mine").st_nlink

        return inner

    yield Case("a file has one name", ROOT, links(), 1)
    yield Case("a link is one more", ROOT, links(lambda: os.link("mine", "x"), lambda: os.link("x", "dir/y")), 3)
    yield Case("an unlink is one less", ROOT, links(lambda: os.link("mine", "x"), lambda: os.unlink("x")), 1)

    def same() -> Any:
        os.link("mine", "dir/y")
        first, second = os.stat("mine"), os.stat("dir/y")
        fd = os.open("mine", os.O_WRONLY | os.O_APPEND)
        os.write(fd, b"!")
        os.close(fd)
        return (first.st_ino, first.st_dev) == (second.st_ino, second.st_dev), Path("dir/y").read_bytes()

    yield Case("names of one file are one file", ROOT, same, (True, b"0123456789!"))

    def outlives() -> Any:
        fd = os.open("mine", os.O_RDWR)
        os.unlink("mine")
        os.pwrite(fd, b"still", 0)
        return os.pread(fd, 5, 0), os.fstat(fd).st_nlink, os.path.exists("mine")

    yield Case("an open file outlives its name", ROOT, outlives, (b"still", 0, False))

    def replaced() -> Any:
        fd = os.open("mine", os.O_RDONLY)
        os.rename("file", "mine")
        return os.fstat(fd).st_nlink, os.stat("mine").st_uid

    yield Case("an open file outlives what takes its name", ROOT, replaced, (0, ROOT))

    def gone() -> Any:
        fd = os.open("dir", os.O_RDONLY | os.O_DIRECTORY)
        os.rmdir("dir")
        return os.listdir(fd)

    yield Case("a directory that was removed is empty", ROOT, gone, [])
    yield Case(
        "nothing is made in a directory that was removed",
        ROOT,
        lambda: os.mkdir("x", dir_fd=(os.open("dir", os.O_RDONLY | os.O_DIRECTORY), os.rmdir("dir"))[0]),
        "ENOENT",
    )
    yield Case("a directory has two names", ROOT, lambda: os.stat("dir").st_nlink in (1, 2), True)
    for name in (b"\xff\xfe", "ä".encode(), b" ", b"-", b"a\nb", b"\x01", b"...", b"x" * 255):
        yield Case(
            f"a name of the bytes {name[:4]!r}",
            ROOT,
            lambda name=name: (
                os.close(os.open(b"dir/" + name, os.O_CREAT | os.O_WRONLY, 0o600)) or os.listdir(b"dir") == [name]
            ),
            True,
        )
    for target in (b"x" * 4095, b"\xff", b"/", b" "):
        yield Case(
            f"a link to {target[:4]!r}",
            ROOT,
            lambda target=target: os.symlink(target, b"l") or os.readlink(b"l") == target,
            True,
        )
    yield Case("a link to nothing", ROOT, lambda: os.symlink("", "l"), "ENOENT")
    yield Case("a link that is too long", ROOT, lambda: os.symlink("x" * 4096, "l"), "ENAMETOOLONG")


def _of_contents() -> Iterator[Case]:
    """What a file holds."""
    for size, expected in ((0, b""), (3, b"012"), (10, b"0123456789"), (12, b"0123456789\0\0")):
        yield Case(
            f"truncate to {size}",
            ROOT,
            lambda size=size: os.truncate("file", size) or Path("file").read_bytes(),
            expected,
        )
    yield Case("truncate to less than nothing", ROOT, lambda: os.truncate("file", -1), "EINVAL")
    yield Case("ftruncate what is open to read", ROOT, lambda: os.ftruncate(os.open("file", os.O_RDONLY), 1), "EINVAL")
    yield Case("write to what is open to read", ROOT, lambda: os.write(os.open("file", os.O_RDONLY), b"x"), "EBADF")
    yield Case("read what is open to write", ROOT, lambda: os.read(os.open("file", os.O_WRONLY), 1), "EBADF")
    yield Case("read a directory", ROOT, lambda: os.read(os.open("dir", os.O_RDONLY), 1), "EISDIR")

    def beyond(size: int) -> Any:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        os.truncate("file", size)

    yield Case("truncate beyond the limit", ROOT, lambda: beyond(100), "EFBIG")

    def fallocate(offset: int, length: int) -> Any:
        fd = os.open("file", os.O_RDWR)
        os.posix_fallocate(fd, offset, length)
        return os.fstat(fd).st_size

    for offset, length, expected in ((0, 5, 10), (0, 100, 100), (50, 50, 100), (0, 0, "EINVAL"), (-1, 5, "EINVAL")):
        yield Case(f"posix_fallocate {offset} {length}", ROOT, lambda o=offset, n=length: fallocate(o, n), expected)

    def hole() -> Any:
        fd = os.open("dir/sparse", os.O_CREAT | os.O_RDWR)
        os.pwrite(fd, b"x", 10 << 20)
        return os.fstat(fd).st_size, os.fstat(fd).st_blocks < 1000, os.pread(fd, 4, 5 << 20)

    yield Case("a hole takes no room", ROOT, hole, ((10 << 20) + 1, True, b"\0\0\0\0"))

    def running(call: Callable[[], Any]) -> Callable[[], Any]:
        def inner() -> Any:
            pid = os.posix_spawn("./program", ["./program", "100"], {})
            try:
                # Spawned means that it is running: posix_spawn(3) waits for the exec.
                return call()
            finally:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

        return inner

    yield Case("write to a program that runs", ROOT, running(lambda: os.open("program", os.O_WRONLY)), "ETXTBSY")
    yield Case("remove a program that runs", ROOT, running(lambda: os.unlink("program")), None)
    yield Case("rename over a program that runs", ROOT, running(lambda: os.rename("file", "program")), None)

    def busy() -> Any:
        fd = os.open("program", os.O_WRONLY)
        try:
            os.posix_spawn("./program", ["./program", "0"], {})
        finally:
            os.close(fd)

    yield Case("run a program that is written to", ROOT, busy, "ETXTBSY")

    def locked() -> Any:
        first, second = (os.open("file", os.O_RDWR) for _number in range(2))
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)

    yield Case("lock what is locked", ROOT, locked, "EAGAIN")

    def devices() -> Any:
        os.mknod("dir/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod("dir/disk", stat.S_IFBLK | 0o600, os.makedev(7, 5))
        return os.stat("dir/null").st_rdev == os.makedev(1, 3), stat.S_ISBLK(os.stat("dir/disk").st_mode)

    yield Case("device nodes", ROOT, devices, (True, True))


CASES = [
    *(
        *_of_paths(),
        *_of_kinds(),
        *_of_renames(),
        *_of_rights(),
        *_of_modes(),
        *_of_times(),
        *_of_names(),
        *_of_contents(),
    ),
]


def _read_only() -> Iterator[Case]:
    """What a union that is mounted to be read says to all that would change it."""
    for name, call in _ON_WHAT_IS_THERE.items():
        if name not in _READING:
            yield Case(name, ROOT, _bound(call, "dir" if name == "rmdir" else "file"), "EROFS")
    for name, call in _ON_WHAT_IS_MADE.items():
        yield Case(name, ROOT, _bound(call, "dir/fresh"), "EROFS")


_READING = ("listxattr", "open", "opendir", "readlink", "stat", "lstat")
READ_ONLY = [*_read_only()]


def outcome(case: Case, tree: Path) -> Any:
    """What a case comes to in its tree, in a process of its own."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        told: Any = "it did not end"
        try:
            os.umask(0)
            os.chdir(tree)
            if case.user != ROOT:
                os.setgroups([])
                os.setgid(case.user)
                os.setuid(case.user)
            told = case.call()
        except OSError as exc:
            told = errno.errorcode.get(exc.errno or 0, str(exc))
        except BaseException as exc:
            told = repr(exc)
        finally:
            os.write(write, pickle.dumps(told))
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pickle.loads(pipe.read() or pickle.dumps("it was killed"))
    os.waitpid(pid, 0)
    return told


def names(kind: str) -> list[str]:
    """What :func:`failures` calls the cases."""
    return [f"{kind}: {case.name}" for case in CASES]


def failures(at: Path, kind: str) -> dict[str, tuple[Any, Any]]:
    """Try all cases on a union.

    :param at: where it is mounted; below ``lower`` are planted trees, as many as there are cases, which lie in its lower layers.
    :param kind: ``lower``, or ``made`` for trees that are made in it.
    :return: by name, what was expected and what came.
    """
    found = {}
    for number, case in enumerate(CASES):
        tree = at / kind / str(number)
        if kind == "made":
            tree.parent.mkdir(exist_ok=True)
            plant(tree)
        told = outcome(case, tree)
        if told != case.expected:
            found[f"{kind}: {case.name}"] = (case.expected, told)
    return found


def plant_all(layer: Path) -> None:
    """Plant a tree for each case in a lower layer."""
    (layer / "lower").mkdir()
    for number in range(len(CASES)):
        plant(layer / "lower" / str(number))
