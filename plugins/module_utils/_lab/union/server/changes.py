# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make, remove and rename, by the rules of overlayfs: nothing below is touched, and each change takes effect in one instant."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ...host import syscalls
from . import disk
from .copyup import CopyUp, Work
from .keeping import Plain
from .owners import Owner
from .tree import Directory, Node, Tree


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Changes:
    """Changes of names."""

    def __init__(self, tree: Tree, work: Work, copyup: CopyUp, keeping: Plain) -> None:
        self.keeping = keeping
        self.tree = tree
        self.work = work
        self.copyup = copyup

    # Make

    def make(
        self, directory: Directory, name: bytes, owner: Owner, mode: int, maker: Callable[[int, bytes], int | None]
    ) -> tuple[Node, int | None]:
        """Make a file.

        :param maker: makes it of a directory and a name; what it returns, such as a descriptor, is returned too.
        """
        tree = self.tree
        above = self.copyup.directory(directory)
        try:
            made = maker(above, name)
        except FileExistsError:
            if not disk.is_whiteout(os.stat(name, dir_fd=above, follow_symlinks=False)):
                raise
            made = self._make_over_whiteout(above, name, owner, mode, maker)
        else:
            self.keeping.own(above, above, name, owner, mode)
        tree.touch(directory)
        return tree.need(directory, name), made

    def _make_over_whiteout(
        self, above: int, name: bytes, owner: Owner, mode: int, maker: Callable[[int, bytes], int | None]
    ) -> int | None:
        temporary = self.work.name()
        made = maker(self.work.fd, temporary)
        self.keeping.own(above, self.work.fd, temporary, owner, mode)
        if stat.S_ISDIR(mode):
            self._hide_below(self.work.fd, temporary)
            disk.rename(self.work.fd, temporary, above, name, syscalls.RENAME_EXCHANGE)
            self.work.remove(temporary)
        else:
            disk.rename(self.work.fd, temporary, above, name)
        return made

    @staticmethod
    def _hide_below(at: int, name: bytes) -> None:
        fd = os.open(name, disk.DIRECTORY, dir_fd=at)
        try:
            disk.set_opaque(fd)
        finally:
            os.close(fd)

    def link(self, node: Node, directory: Directory, name: bytes) -> None:
        """Give a file another name."""
        tree = self.tree
        self.copyup.file(node)
        above = self.copyup.directory(directory)
        source, follow = tree.path(node)
        try:
            os.link(source, name, dst_dir_fd=above, follow_symlinks=follow)
        except FileExistsError:
            if not disk.is_whiteout(os.stat(name, dir_fd=above, follow_symlinks=False)):
                raise
            temporary = self.work.name()
            os.link(source, temporary, dst_dir_fd=self.work.fd, follow_symlinks=follow)
            disk.rename(self.work.fd, temporary, above, name)
        tree.attach(directory, name, node)
        tree.touch(directory)

    # Remove

    def unlink(self, directory: Directory, name: bytes) -> None:
        """Remove a file."""
        tree = self.tree
        node = tree.need(directory, name)
        if isinstance(node, Directory):
            raise _error(errno.EISDIR)
        above = self.copyup.directory(directory)
        self._forget_origin(node)
        below = tree.has_below(directory, name)
        is_upper = node.layer is tree.upper
        with self._detached(directory, name):
            if is_upper and not below:
                os.unlink(name, dir_fd=above)
            elif is_upper:
                disk.rename(self.work.fd, self.work.whiteout(), above, name)
            else:
                disk.make_whiteout(above, name)
        tree.touch(directory)
        tree.drop(node)

    @contextmanager
    def _detached(self, directory: Directory, name: bytes) -> Iterator[None]:
        """Take a name from its node, unless taking it away on disk fails."""
        node = self.tree.detach(directory, name)
        try:
            yield
        except BaseException:
            if node is not None:
                self.tree.attach(directory, name, node)
            raise

    def _forget_origin(self, node: Node) -> None:
        """The number of a file that is gone for good may soon be another's."""
        if node.layer is self.tree.upper and len(node.names) == 1 and self.tree.status(node).st_nlink == 1:
            self.tree.origins.pop((node.layer.tag, node.real), None)

    def rmdir(self, directory: Directory, name: bytes) -> None:
        """Remove a directory."""
        tree = self.tree
        node = tree.need(directory, name)
        if not isinstance(node, Directory):
            raise _error(errno.ENOTDIR)
        if tree.names(node):
            raise _error(errno.ENOTEMPTY)
        above = self.copyup.directory(directory)
        below = tree.has_below(directory, name)
        is_upper = node.layers[0] is tree.upper
        with self._detached(directory, name):
            if is_upper and not below:
                disk.empty(tree.descriptor(node, 0))
                os.rmdir(name, dir_fd=above)
            elif is_upper:
                whiteout = self.work.whiteout()
                disk.rename(self.work.fd, whiteout, above, name, syscalls.RENAME_EXCHANGE)
                self.work.remove(whiteout)
            else:
                disk.make_whiteout(above, name)
        tree.touch(directory)
        tree.drop(node)

    # Rename

    def rename(self, source: Directory, name: bytes, target: Directory, new: bytes, flags: int) -> None:
        """Rename a file: to a free name, over another one, or in exchange with it."""
        tree = self.tree
        if flags & ~(syscalls.RENAME_NOREPLACE | syscalls.RENAME_EXCHANGE):
            raise _error(errno.EINVAL)
        node = tree.need(source, name)
        other = tree.find(target, new)
        if flags & syscalls.RENAME_NOREPLACE and other is not None:
            raise _error(errno.EEXIST)
        self._check_movable(node)
        if flags & syscalls.RENAME_EXCHANGE:
            if other is None:
                raise _error(errno.ENOENT)
            self._check_movable(other)
            self._exchange(source, name, node, target, new, other)
            return
        if isinstance(other, Directory) and tree.names(other):
            raise _error(errno.ENOTEMPTY)
        self.copyup.file(node)
        old_above, new_above = self.copyup.directory(source), self.copyup.directory(target)
        self._settle(node, target)
        if isinstance(other, Directory) and other.layers[0] is tree.upper:
            # Still empty, whatever its whiteouts hid; now they can go.
            fd = tree.descriptor(other, 0)
            disk.set_opaque(fd)
            disk.empty(fd)
        if other is not None and not isinstance(other, Directory):
            self._forget_origin(other)
        leaves_whiteout = tree.has_below(source, name)
        with self._detached(target, new):
            self._move(node, old_above, name, new_above, new, leaves_whiteout=leaves_whiteout)
        self._moved(node, source, name, target, new)
        tree.touch(source)
        tree.touch(target)
        if other is not None:
            tree.drop(other)

    def _check_movable(self, node: Node) -> None:
        """A directory that is merged stays where it is (redirect_dir=off); programs copy it then."""
        if isinstance(node, Directory) and (len(node.layers) > 1 or node.layers[0] is not self.tree.upper):
            raise _error(errno.EXDEV)

    def _settle(self, node: Node, parent: Directory) -> None:
        """A directory that comes into a merged one must not be merged with what is below there."""
        if isinstance(node, Directory) and len(parent.layers) > 1:
            disk.set_opaque(self.tree.descriptor(node, 0))

    def _move(self, node: Node, old: int, name: bytes, new: int, target: bytes, *, leaves_whiteout: bool) -> None:
        flags = syscalls.RENAME_WHITEOUT if leaves_whiteout else 0
        is_covered = False
        if isinstance(node, Directory):
            with suppress(FileNotFoundError):
                is_covered = disk.is_whiteout(os.stat(target, dir_fd=new, follow_symlinks=False))
        if is_covered:
            # A directory cannot take the place of a whiteout, but change places with it.
            disk.rename(old, name, new, target, syscalls.RENAME_EXCHANGE)
            if not leaves_whiteout:
                os.unlink(name, dir_fd=old)
        else:
            disk.rename(old, name, new, target, flags)

    def _moved(self, node: Node, source: Directory, name: bytes, target: Directory, new: bytes) -> None:
        source.children.pop(name, None)
        node.names.remove((source, name))
        target.children[new] = node
        node.names.append((target, new))
        node.attributes = None

    def _exchange(self, source: Directory, name: bytes, node: Node, target: Directory, new: bytes, other: Node) -> None:
        self.copyup.file(node)
        self.copyup.file(other)
        old_above, new_above = self.copyup.directory(source), self.copyup.directory(target)
        self._settle(node, target)
        self._settle(other, source)
        disk.rename(old_above, name, new_above, new, syscalls.RENAME_EXCHANGE)
        self._moved(node, source, name, target, new)
        source.children[name] = other
        other.names.remove((target, new))
        other.names.append((source, name))
        target.children[new] = node
        other.attributes = None
        self.tree.touch(source)
        self.tree.touch(target)
