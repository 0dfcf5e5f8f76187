# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How owners and modes of files are on the disk: as such, or where this process is no more than a user, in an extended attribute.

An ordinary user can give files to nobody and make no devices.  Then ``user.containers.override_stat`` says what a file is to be: owner,
group, mode and kind, in the form of containers/storage, which fuse-overlayfs and Podman read and write too
(``uid:gid:mode[:kind]``, mode in octal, kinds ``file``, ``dir``, ``symlink``, ``pipe``, ``socket``, ``block-7-0``, ``char-1-3``).
What is no file or directory is an empty file on the disk.  A file without the attribute belongs to root, and so does each symbolic link:
the kernel keeps no such attributes of those.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from . import disk
from .owners import Owner

KEY = "user.containers.override_stat"
_KINDS = {b"file": stat.S_IFREG, b"dir": stat.S_IFDIR, b"pipe": stat.S_IFIFO, b"socket": stat.S_IFSOCK}
_DEVICES = {b"block": stat.S_IFBLK, b"char": stat.S_IFCHR}
_NAMES = {kind: name for name, kind in {**_KINDS, **_DEVICES}.items()}
_TIMES = ("st_atime", "st_mtime", "st_ctime")
_NAMED = (*_TIMES, *(f"{name}_ns" for name in _TIMES), "st_blksize", "st_blocks")


class Plain:
    """As such.

    :ivar reads: whether :meth:`shown` says more than the status itself.
    """

    reads = False

    def shown(self, _path: bytes, status: os.stat_result) -> os.stat_result:
        """Status of a file as the union has it."""
        return status

    def mknod(self, at: int, name: bytes, mode: int, device: int) -> None:
        """Make what is neither file nor directory."""
        os.mknod(name, mode, device, dir_fd=at)

    def mkdir(self, at: int, name: bytes, mode: int) -> None:
        """Make a directory."""
        os.mkdir(name, mode, dir_fd=at)

    def create(self, at: int, name: bytes, flags: int, mode: int) -> int:
        """Make a file, and open it."""
        return os.open(name, flags, mode, dir_fd=at)

    def chown(self, path: bytes, uid: int, gid: int, *, follow: bool) -> None:
        """Give a file to others; -1 leaves it."""
        os.chown(path, uid, gid, follow_symlinks=follow)

    def chmod(self, path: bytes, mode: int) -> None:
        """Give a file another mode."""
        os.chmod(path, mode)

    def copy(self, status: os.stat_result, target: bytes | int) -> None:
        """Give a copy the owner and the mode of what it was copied from."""
        # A descriptor is what it is; a path may be that of a link.
        follow = isinstance(target, int)
        os.chown(target, status.st_uid, status.st_gid, follow_symlinks=follow)
        if not stat.S_ISLNK(status.st_mode):
            # Not before: a change of the owner takes the set-id bits away.
            os.chmod(target, stat.S_IMODE(status.st_mode))

    def own(self, parent: int, at: int, name: bytes, owner: Owner, mode: int) -> None:
        """Give a new file its owner; in a set-gid directory that has the directory's group (inode_init_owner in fs/inode.c)."""
        above = self.shown(b"/proc/self/fd/%d/." % parent, os.fstat(parent))
        gid = owner.gid
        if above.st_mode & stat.S_ISGID:
            gid = above.st_gid
            if stat.S_ISDIR(mode):
                mode |= stat.S_ISGID
        self._give(disk.beneath(at, name), owner.uid, gid, mode)

    def _give(self, path: bytes, uid: int, gid: int, mode: int) -> None:
        status = os.lstat(path)
        if (status.st_uid, status.st_gid) != (uid, gid):
            os.chown(path, uid, gid, follow_symlinks=False)
            status = os.lstat(path)
        if not stat.S_ISLNK(mode) and stat.S_IMODE(status.st_mode) != stat.S_IMODE(mode):
            os.chmod(path, stat.S_IMODE(mode))


class Kept(Plain):
    """In the attribute."""

    reads = True

    def shown(self, path: bytes, status: os.stat_result) -> os.stat_result:
        if disk.is_whiteout(status):
            return status
        uid, gid, mode, device = 0, 0, status.st_mode, status.st_rdev
        if not stat.S_ISLNK(mode):
            with suppress(OSError, ValueError, IndexError):
                uid, gid, mode, device = _parse(os.getxattr(path, KEY), status.st_mode)
        plain = (mode, status.st_ino, status.st_dev, status.st_nlink, uid, gid, status.st_size, 0, 0, 0)
        return os.stat_result(plain, {**{key: getattr(status, key) for key in _NAMED}, "st_rdev": device})

    def mknod(self, at: int, name: bytes, mode: int, device: int) -> None:
        os.close(self.create(at, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if not stat.S_ISREG(mode):
            _write(disk.beneath(at, name), 0, 0, mode, device)

    def mkdir(self, at: int, name: bytes, mode: int) -> None:
        os.mkdir(name, _real(mode | stat.S_IFDIR), dir_fd=at)

    def create(self, at: int, name: bytes, flags: int, mode: int) -> int:
        return os.open(name, flags, _real(mode), dir_fd=at)

    def chown(self, path: bytes, uid: int, gid: int, *, follow: bool) -> None:
        status = os.stat(path, follow_symlinks=follow)
        if not stat.S_ISLNK(status.st_mode):
            is_ = self.shown(path, status)
            _write(path, is_.st_uid if uid < 0 else uid, is_.st_gid if gid < 0 else gid, is_.st_mode, is_.st_rdev)

    def chmod(self, path: bytes, mode: int) -> None:
        status = os.stat(path)
        is_ = self.shown(path, status)
        os.chmod(path, _real(stat.S_IFMT(status.st_mode) | mode))
        _write(path, is_.st_uid, is_.st_gid, stat.S_IFMT(is_.st_mode) | mode, is_.st_rdev)

    def copy(self, status: os.stat_result, target: bytes | int) -> None:
        if stat.S_ISLNK(status.st_mode):
            return
        os.chmod(target, _real(status.st_mode))
        try:
            os.getxattr(target, KEY)
        except OSError:
            _write(target, 0, 0, status.st_mode, status.st_rdev)

    def _give(self, path: bytes, uid: int, gid: int, mode: int) -> None:
        status = os.lstat(path)
        if not stat.S_ISLNK(status.st_mode):
            is_ = self.shown(path, status)
            _write(path, uid, gid, stat.S_IFMT(is_.st_mode) | stat.S_IMODE(mode), is_.st_rdev)


def _real(mode: int) -> int:
    """Mode on the disk: this process can always read and write what it serves, and nobody gains anything by running it."""
    return mode & 0o777 | (0o700 if stat.S_ISDIR(mode) else 0o600)


def _write(path: bytes | int, uid: int, gid: int, mode: int, device: int) -> None:
    kind = _NAMES.get(stat.S_IFMT(mode), b"file")
    if kind in _DEVICES:
        kind += b"-%d-%d" % (os.major(device), os.minor(device))
    os.setxattr(path, KEY, b"%d:%d:0%o:%s" % (uid, gid, stat.S_IMODE(mode), kind))


def _parse(text: bytes, real: int) -> tuple[int, int, int, int]:
    """Owner, group, mode with the kind, device.

    :param real: mode on the disk, whose kind counts where none is written.
    :raises ValueError: for what nobody writes.
    """
    uid, gid, mode, *kind = text.rstrip(b"\0").split(b":", 3)
    bits = int(mode, 8) & 0o7777
    if not kind or stat.S_ISDIR(real):
        return int(uid), int(gid), stat.S_IFMT(real) | bits, 0
    name, _dash, numbers = kind[0].partition(b"-")
    if name in _DEVICES:
        major, minor = numbers.split(b"-")
        return int(uid), int(gid), _DEVICES[name] | bits, os.makedev(int(major), int(minor))
    return int(uid), int(gid), _KINDS[name] | bits, 0
