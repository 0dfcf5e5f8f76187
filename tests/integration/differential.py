# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same random operations on two unions, which must not be told apart: each result, the trees, and what is written on disk.

The kernel's overlayfs is the model.  Run as a program it does more of it: ``python differential.py DIRECTORY STEPS [SEED]``.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from mounts import Place

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

NAMES = (b"a", b"b", b"c", b"d", b"\xff\xfe odd\n", b"n" * 255)
# Times before this are those that were set; others are of the run.
_SET_TIMES = 10**9
_OPAQUE = "trusted.overlay.opaque"
Outcome = Any


class Side:
    """One of the two unions: its tree, and the files that are open in it."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        self.open: dict[int, int] = {}

    def path(self, *parts: bytes) -> bytes:
        """A path in it."""
        return b"/".join((self.root, *parts))

    def close(self) -> None:
        """Close what is open."""
        for fd in self.open.values():
            os.close(fd)
        self.open.clear()


def outcome(deed: Callable[[Side], Outcome], side: Side) -> Outcome:
    """What a deed returns on a side, or the name of its error."""
    try:
        return deed(side)
    except OSError as exc:
        return errno.errorcode.get(exc.errno or 0, str(exc))


class Operations:
    """Random operations; each method draws its arguments once and returns what is to be done on a side."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.serial = 0
        self.root = Side(Path("/nowhere"))

    def draw(self) -> tuple[str, Callable[[Side], Outcome]]:
        """One of them, in words, and as a deed."""
        names = [name for name in dir(self) if name.startswith("op_")]
        name = self.chance.choice(names)
        return getattr(self, name)()

    def _where(self) -> tuple[bytes, ...]:
        """A path, more often than not of something that is there."""
        path: list[bytes] = []
        for _level in range(self.chance.choice((0, 1, 1, 2, 2, 3))):
            names: list[bytes] = []
            with suppress(OSError):
                names = sorted(os.listdir(self.root.path(*path)))
            path.append(self.chance.choice(names or NAMES[:4]))
        return (*path, self.chance.choice(NAMES)) if not path or self.chance.random() < 0.4 else tuple(path)

    def _mode(self) -> int:
        return self.chance.choice((0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0o444))

    def _data(self) -> bytes:
        return bytes([self.chance.randrange(256)]) * self.chance.choice((0, 1, 100, 5000, 200_000))

    def op_create(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, mode, data = self._where(), self._mode(), self._data()
        flags = self.chance.choice((0, os.O_EXCL, os.O_TRUNC, os.O_APPEND))

        def deed(side: Side) -> Outcome:
            fd = os.open(side.path(*where), os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | flags, mode)
            try:
                return os.write(fd, data), stat_of(os.fstat(fd))
            finally:
                os.close(fd)

        return f"create {where} {mode:o} {flags} {len(data)}", deed

    op_create_again = op_create_once_more = op_create

    def op_pwrite(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, data, offset = self._where(), self._data(), self.chance.choice((0, 10, 4096, 1 << 20, 5 << 30))

        def deed(side: Side) -> Outcome:
            fd = os.open(side.path(*where), os.O_RDWR | os.O_NONBLOCK)
            try:
                return os.pwrite(fd, data, offset), os.pread(fd, 100, max(0, offset - 50))
            finally:
                os.close(fd)

        return f"pwrite {where} {len(data)}@{offset}", deed

    def op_truncate(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, size = self._where(), self.chance.choice((0, 1, 5000, 1 << 20))
        return f"truncate {where} {size}", lambda side: os.truncate(side.path(*where), size)

    def op_read(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()

        def deed(side: Side) -> Outcome:
            fd = os.open(side.path(*where), os.O_RDONLY | os.O_NONBLOCK)
            try:
                return os.read(fd, 1 << 20)
            finally:
                os.close(fd)

        return f"read {where}", deed

    def op_mkdir(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, mode = self._where(), self._mode()
        return f"mkdir {where} {mode:o}", lambda side: os.mkdir(side.path(*where), mode)

    op_mkdir_again = op_mkdir_once_more = op_mkdir

    def op_rmdir(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()
        return f"rmdir {where}", lambda side: os.rmdir(side.path(*where))

    def op_unlink(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()
        return f"unlink {where}", lambda side: os.unlink(side.path(*where))

    def op_empty(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()

        def deed(side: Side) -> Outcome:
            for name in sorted(os.listdir(side.path(*where))):
                with suppress(OSError):
                    os.unlink(side.path(*where, name))
                with suppress(OSError):
                    os.rmdir(side.path(*where, name))
            return os.rmdir(side.path(*where))

        return f"empty {where}", deed

    def op_rename(self) -> tuple[str, Callable[[Side], Outcome]]:
        old, new = self._where(), self._where()
        flags = self.chance.choice((0, 0, 0, syscalls.RENAME_NOREPLACE, syscalls.RENAME_EXCHANGE))

        def deed(side: Side) -> Outcome:
            try:
                return syscalls.renameat2(-100, side.path(*old), -100, side.path(*new), flags)
            except FileExistsError:
                if flags & syscalls.RENAME_NOREPLACE:
                    raise
                # Either will do (rename(2)); overlayfs passes on what the file system below says.
                raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY)) from None

        return f"rename {old} {new} {flags}", deed

    op_rename_again = op_rename

    def op_link(self) -> tuple[str, Callable[[Side], Outcome]]:
        old, new = self._where(), self._where()
        return f"link {old} {new}", lambda side: os.link(side.path(*old), side.path(*new), follow_symlinks=False)

    def op_symlink(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, target = self._where(), self.chance.choice((b"a", b"../b", b"nowhere/at/all", b"x" * 200))
        return f"symlink {where} {target!r}", lambda side: os.symlink(target, side.path(*where))

    def op_readlink(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()
        return f"readlink {where}", lambda side: os.readlink(side.path(*where))

    def op_mknod(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()
        kind, device = self.chance.choice(
            (
                (stat.S_IFIFO, 0),
                (stat.S_IFCHR, os.makedev(1, 3)),
                (stat.S_IFCHR, 0),
                (stat.S_IFSOCK, 0),
                (stat.S_IFBLK, 0),
            )
        )
        return f"mknod {where} {kind:o} {device}", lambda side: os.mknod(side.path(*where), kind | 0o640, device)

    def op_chmod(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, mode = self._where(), self._mode()
        return f"chmod {where} {mode:o}", lambda side: os.chmod(side.path(*where), mode)

    def op_chown(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, uid, gid = self._where(), self.chance.choice((-1, 0, 1000)), self.chance.choice((-1, 0, 50))
        return f"chown {where} {uid} {gid}", lambda side: os.lchown(side.path(*where), uid, gid)

    def op_utime(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, when = (
            self._where(),
            (self.chance.randrange(10**8) * 10**9 + 7, self.chance.randrange(10**8) * 10**9 + 9),
        )

        def deed(side: Side) -> Outcome:
            os.utime(side.path(*where), ns=when, follow_symlinks=False)
            return os.lstat(side.path(*where)).st_mtime_ns

        return f"utime {where} {when}", deed

    def op_stat(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()
        return f"stat {where}", lambda side: stat_of(os.lstat(side.path(*where)))

    def op_list(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()[:-1]
        return f"list {where}", lambda side: sorted(os.listdir(side.path(*where)))

    def op_setxattr(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, value = self._where(), self._data()[:100]
        name = self.chance.choice(("user.one", "trusted.two"))

        def deed(side: Side) -> Outcome:
            return os.setxattr(side.path(*where), name, value, follow_symlinks=False)

        return f"setxattr {where} {name}", deed

    def op_removexattr(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()
        return (
            f"removexattr {where}",
            lambda side: os.removexattr(side.path(*where), "user.one", follow_symlinks=False),
        )

    def op_as_user(self) -> tuple[str, Callable[[Side], Outcome]]:
        where, mode = self._where(), self._mode()
        deeds: tuple[Callable[[bytes], Outcome], ...] = (
            lambda path: os.mkdir(path, mode),
            os.unlink,
            lambda path: os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, mode)),
            lambda path: os.chmod(path, mode),
        )
        chosen = self.chance.choice(deeds)

        def deed(side: Side) -> Outcome:
            os.setegid(50)
            os.seteuid(1000)
            try:
                return chosen(side.path(*where))
            finally:
                os.seteuid(0)
                os.setegid(0)

        return f"as a user, {deeds.index(chosen)} {where} {mode:o}", deed

    def op_hold(self) -> tuple[str, Callable[[Side], Outcome]]:
        where = self._where()
        self.serial += 1
        number = self.serial

        def deed(side: Side) -> Outcome:
            fd = os.open(side.path(*where), os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW)
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                return None
            side.open[number] = fd
            if len(side.open) > 4:
                os.close(side.open.pop(min(side.open)))
            return None

        return f"hold {where} as {number}", deed

    def op_use_held(self) -> tuple[str, Callable[[Side], Outcome]]:
        pick, data, what = self.chance.random(), self._data()[:3000], self.chance.randrange(4)

        def deed(side: Side) -> Outcome:
            if not side.open:
                return None
            fd = sorted(side.open.items())[int(pick * len(side.open))][1]
            if what == 0:
                os.pwrite(fd, data, 10)
            elif what == 1:
                os.ftruncate(fd, len(data))
            elif what == 2:
                os.fchmod(fd, 0o640)
            return os.pread(fd, 5000, 0), stat_of(os.fstat(fd))

        return f"use held {pick:.3f} {what} {len(data)}", deed

    op_use_held_again = op_use_held


def stat_of(status: os.stat_result) -> tuple[object, ...]:
    """What of a status must be equal on both sides."""
    is_directory = stat.S_ISDIR(status.st_mode)
    set_time = status.st_mtime_ns if status.st_mtime < _SET_TIMES else None
    # Neither means much for a directory that is merged.
    size, links = (None, None) if is_directory else (status.st_size, status.st_nlink)
    if stat.S_ISCHR(status.st_mode) and not status.st_rdev:
        # The kernel links its whiteouts to each other.
        return ("whiteout",)
    return (oct(status.st_mode), status.st_uid, status.st_gid, size, links, status.st_rdev, set_time)


def tree_of(root: bytes, below: tuple[Path, ...] = ()) -> dict[bytes, Outcome]:
    """All that can be seen below a directory.

    :param below: the layers below it, where it is a layer itself: then with the mark of opaque directories that have anything to hide.
        The kernel also marks others, such as one whose renaming has failed.
    """
    found: dict[bytes, Outcome] = {}
    for place, directories, files in os.walk(root):
        for name in (*directories, *files, b"."):
            path = os.path.normpath(os.path.join(place, name))
            status = os.lstat(path)
            content: object = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                content = content_of(path)
            name = path.removeprefix(root)
            found[name] = (stat_of(status), content, xattrs_of(path, is_directory_in(below, name)))
    return found


def is_directory_in(layers: tuple[Path, ...], path: bytes) -> bool:
    """Whether a path is a directory in layers, merged."""
    merged = [os.fsencode(layer) for layer in layers]
    for part in path.strip(b"/").split(b"/"):
        candidates, merged = [directory + b"/" + part for directory in merged], []
        for candidate in candidates:
            if os.path.lexists(candidate) and (os.path.islink(candidate) or not os.path.isdir(candidate)):
                break
            if os.path.isdir(candidate):
                merged.append(candidate)
                if _OPAQUE in os.listxattr(candidate):
                    break
    return bool(merged)


def content_of(path: bytes) -> tuple[int, list[bytes]]:
    """A file's data without its holes, however long these are."""
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        blocks = [os.pread(fd, 300_000, offset) for offset in (0, 4096, (1 << 20) - 10, (5 << 30) - 10)]
        return size, [block.rstrip(b"\0") for block in blocks]
    finally:
        os.close(fd)


def xattrs_of(path: bytes, hides: bool) -> dict[str, bytes]:
    """Extended attributes; of the union's own only the one that both engines write."""
    return {
        name: os.getxattr(path, name, follow_symlinks=False)
        for name in os.listxattr(path, follow_symlinks=False)
        if not name.startswith("trusted.overlay.") or (hides and name == _OPAQUE)
    }


def fill(place: Place, chance: random.Random) -> None:
    """Layers to begin with: files, directories, links, whiteouts and opaque directories, the same for the same seed."""
    serial = 0
    for number, layer in enumerate(reversed(place.lower)):
        root = os.fsencode(layer)
        for _attempt in range(40):
            serial += 1
            path = b"/".join((root, *chance.choices(NAMES[:4], k=chance.choice((0, 1, 1, 2))), chance.choice(NAMES)))
            kind = chance.randrange(9)
            with suppress(OSError):
                if kind < 3:
                    os.mkdir(path, 0o755)
                    if number and kind == 0:
                        os.setxattr(path, _OPAQUE, b"y")
                elif kind < 6:
                    with open(path, "xb") as file:
                        file.write(b"%d " % serial * chance.choice((1, 1000, 50_000)))
                elif kind == 6:
                    os.symlink(b"a", path)
                elif kind == 7 and number and is_directory_in(place.lower, os.path.dirname(path.removeprefix(root))):
                    _whiteout(path, root, os.fsencode(place.lower[-1]))
                else:
                    os.link(b"/".join((root, chance.choice(NAMES))), path, follow_symlinks=False)
    for layer in place.lower:
        for directory, names, files in os.walk(os.fsencode(layer)):
            for name in (*names, *files):
                with suppress(OSError):
                    os.utime(os.path.join(directory, name), ns=(10**15, 10**15), follow_symlinks=False)


def _whiteout(path: bytes, root: bytes, below: bytes) -> None:
    """Where it hides something only, as engines make them: the kernel lists others that can then not be found."""
    parent = os.path.dirname(path)
    hides = os.path.lexists(below + path.removeprefix(root))
    while parent != root:
        hides = hides and _OPAQUE not in os.listxattr(parent)
        parent = os.path.dirname(parent)
    if hides:
        os.mknod(path, stat.S_IFCHR, 0)


def compare(path: Path, seed: int, steps: int, rounds: int) -> None:
    """Do the same on both engines, and remount each union by the other engine between rounds.

    :raises AssertionError: with the seed and the last steps, at the first difference.
    """
    places = [Place(path / name) for name in ("one", "two")]
    for place in places:
        fill(place, random.Random(seed))
    operations = Operations(random.Random(seed))
    told: list[str] = []
    engines = ["overlay", "cowfs"]
    for _round in range(rounds):
        with ExitStack() as stack:
            roots = [stack.enter_context(place.mounted(engine)) for place, engine in zip(places, engines, strict=True)]
            sides = [Side(root) for root in roots]
            operations.root = sides[0]
            for side in sides:
                stack.callback(side.close)
            for _step in range(steps):
                words, deed = operations.draw()
                results = [outcome(deed, side) for side in sides]
                told.append(f"{words} → {str(results[0])[:200]}")
                _same(results, engines, seed, told)
            for side in sides:
                side.close()
            _same([tree_of(side.root) for side in sides], engines, seed, told)
        logs = [place.log() for place, engine in zip(places, engines, strict=True) if engine == "cowfs"]
        _same([logs[0], ""], ["log of cowfs", "silence"], seed, told)
        _same([tree_of(os.fsencode(place.upper), place.lower) for place in places], engines, seed, told)
        engines.reverse()


def _same(results: list[Outcome], names: list[str], seed: int, told: list[str]) -> None:
    one, two = results
    if one == two:
        return
    if isinstance(one, dict):
        keys = [key for key in {*one, *two} if one.get(key) != two.get(key)]
        one, two = ({key: side.get(key) for key in keys} for side in results)
    history = "\n".join(told[-int(os.environ.get("HISTORY", "25")) :]).replace("n" * 255, "N")
    raise AssertionError(
        f"seed {seed}, step {len(told)}:\n{history}\n{names[0]}: {str(one)[:3000]}\n{names[1]}: {str(two)[:3000]}"
    )


def main() -> None:
    """Many runs with seeds one after another."""
    base, steps, seed = Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rounds, each = 4, 250
    for number in range(max(1, steps // (rounds * each))):
        with tempfile.TemporaryDirectory(dir=base) as path:
            compare(Path(path), seed + number, each, rounds)
    print(f"{steps} steps, no difference")


if __name__ == "__main__":
    main()
