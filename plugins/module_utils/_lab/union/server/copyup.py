# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copy a file from below into the layer that is written to, in one instant: made in the work directory, renamed when complete.

Whatever ends this process leaves the old file or the whole copy, and remains in the work directory that nobody reads.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import suppress

from . import disk
from .keeping import Plain
from .tree import Directory, Node, Tree

_CHUNK = 1 << 24
# What sendfile is for: no copying in the kernel between different file systems (copy_file_range(2)).
_NO_COPY_RANGE = (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


class Work:
    """The work directory: names for what is not finished.

    :param path: an empty directory on the file system of the layer that is written to.
    """

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, disk.DIRECTORY)
        self._serial = 0
        disk.empty(self.fd)

    def name(self) -> bytes:
        """A name that is free."""
        self._serial += 1
        return b"%d" % self._serial

    def whiteout(self) -> bytes:
        """Name of a whiteout that was made here."""
        name = self.name()
        disk.make_whiteout(self.fd, name)
        return name

    def remove(self, name: bytes) -> None:
        """Remove what came here by an exchange: a whiteout, or a directory of nothing but whiteouts."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except IsADirectoryError:
            inner = os.open(name, disk.DIRECTORY, dir_fd=self.fd)
            try:
                disk.empty(inner)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=self.fd)


class CopyUp:
    """Copies what is to be changed."""

    def __init__(self, tree: Tree, work: Work, keeping: Plain) -> None:
        self.keeping = keeping
        self.tree = tree
        self.work = work
        self.count = 0

    def directory(self, directory: Directory) -> int:
        """Let a directory be in the layer that is written to.

        :return: its descriptor there.
        """
        tree = self.tree
        if directory.layers[0] is tree.upper:
            return tree.descriptor(directory, 0)
        if not directory.names:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        parent, name = directory.names[0]
        above = self.directory(parent)
        source = tree.descriptor(directory, 0)
        temporary = self.work.name()
        os.mkdir(temporary, 0o700, dir_fd=self.work.fd)
        fd = os.open(temporary, disk.DIRECTORY, dir_fd=self.work.fd)
        try:
            self._like(source, fd, os.fstat(source))
            self._put(temporary, above, name)
        except BaseException:
            os.close(fd)
            self._give_up(temporary)
            raise
        directory.layers.insert(0, tree.upper)
        directory.fds.insert(0, fd)
        tree.open_directories += 1
        directory.layer, directory.real = tree.upper, os.fstat(fd).st_ino
        directory.attributes = None
        self.count += 1
        return fd

    def file(self, node: Node, *, keep: bool = True) -> None:
        """Let a file be in the layer that is written to.

        :param keep: whether its content is still wanted.
        """
        if isinstance(node, Directory):
            self.directory(node)
            return
        tree = self.tree
        if node.layer is tree.upper:
            return
        status = tree.status(node)
        above = -1 if node.orphan >= 0 else self.directory(node.names[0][0])
        source, follow = tree.path(node)
        temporary = self.work.name()
        try:
            self._copy(source, status, temporary, keep, follow)
            fd = os.open(temporary, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.work.fd)
            try:
                self._place(node, temporary, above, fd)
            finally:
                if fd != node.orphan:
                    os.close(fd)
        except BaseException:
            self._give_up(temporary)
            raise
        self.count += 1

    def _place(self, node: Node, temporary: bytes, above: int, fd: int) -> None:
        tree = self.tree
        if node.orphan >= 0:
            # Removed, or hidden by other layers, and still open: its copy has no name either.
            os.unlink(temporary, dir_fd=self.work.fd)
            os.close(node.orphan)
            node.orphan = fd
        else:
            self._put(temporary, above, node.names[0][1])
        node.layer, node.real = tree.upper, os.fstat(fd).st_ino
        tree.origins[tree.upper.tag, node.real] = node.number
        node.attributes = None
        self._switch(node)

    def _switch(self, node: Node) -> None:
        """Files that are open see the copy from now on."""
        for handle in node.handles or ():
            access = fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE
            copy = os.open(self.tree.path(node)[0], access | os.O_CLOEXEC)
            os.dup2(copy, handle, inheritable=False)
            os.close(copy)

    def _put(self, temporary: bytes, above: int, name: bytes) -> None:
        """The directory that it comes into keeps its times: nothing has changed in it."""
        before = os.fstat(above)
        os.rename(temporary, name, src_dir_fd=self.work.fd, dst_dir_fd=above)
        os.utime(above, ns=(before.st_atime_ns, before.st_mtime_ns))

    def _give_up(self, temporary: bytes) -> None:
        with suppress(FileNotFoundError):
            self.work.remove(temporary)

    def _copy(self, source: bytes, status: os.stat_result, name: bytes, keep: bool, follow: bool) -> None:
        work = self.work.fd
        if stat.S_ISREG(status.st_mode):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            fd = os.open(name, flags, 0o600, dir_fd=work)
            try:
                original = os.open(source, os.O_RDONLY | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
                try:
                    if keep:
                        copy_data(original, fd, status.st_size)
                    self._like(original, fd, status)
                    if not keep and status.st_size:
                        # To cut it off will change nothing any more, which tmpfs then takes for no change of the file.
                        os.utime(fd, ns=(status.st_atime_ns, time.time_ns()))
                finally:
                    os.close(original)
                if keep and status.st_size:
                    os.fdatasync(fd)
            finally:
                os.close(fd)
            return
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(source), name, dir_fd=work)
        else:
            os.mknod(name, status.st_mode, status.st_rdev, dir_fd=work)
        self._like(source, disk.beneath(work, name), status)

    def _like(self, source: bytes | int, target: bytes | int, status: os.stat_result) -> None:
        """Give a copy the owner, the mode, the attributes and the times of what it was copied from."""
        # A descriptor is what it is; a path may be that of a link.
        follow = isinstance(target, int)
        for name in disk.attributes(source):
            value = os.getxattr(source, name, follow_symlinks=isinstance(source, int))
            os.setxattr(target, name, value, follow_symlinks=follow)
        self.keeping.copy(status, target)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=follow)


def copy_data(source: int, target: int, size: int) -> None:
    """Copy a file's content; its holes stay holes."""
    offset = 0
    while offset < size:
        try:
            offset = os.lseek(source, offset, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:
                break
            raise
        end = os.lseek(source, offset, os.SEEK_HOLE)
        _copy_range(source, target, offset, end)
        offset = end
    os.ftruncate(target, size)


def _copy_range(source: int, target: int, offset: int, end: int) -> None:
    while offset < end:
        try:
            done = os.copy_file_range(source, target, min(_CHUNK, end - offset), offset, offset)
        except OSError as exc:
            if exc.errno not in _NO_COPY_RANGE:
                raise
            os.lseek(target, offset, os.SEEK_SET)
            done = os.sendfile(target, source, offset, min(_CHUNK, end - offset))
        if not done:
            break
        offset += done
