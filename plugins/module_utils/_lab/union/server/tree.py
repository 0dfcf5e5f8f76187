# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is where in the layers, and what of it the kernel knows.

A file is addressed as (directory, name), a directory by one descriptor for each of its layers, opened when first needed: renaming
a directory changes no path.  What the kernel was told stays true until it is told otherwise, for only this process writes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...host import syscalls
from ...model.root import CHANGING
from . import disk
from .keeping import Plain

ROOT = 1
# The kernel knows a file by one number only: bits of the layer over those of the file in it.
_TAG_SHIFT = 48
_OWN_TAG = 0xFFFF
_PLACES = (1 << 61) - 1


class Layer:
    """A directory that is part of the union.

    :ivar changes: whether the content of its files may change meanwhile.
    """

    def __init__(self, path: str, tag: int) -> None:
        self.path = path
        self.changes = os.path.basename(path).startswith(CHANGING)
        self.tag = tag
        self.fd = os.open(path, disk.DIRECTORY)


class Node:
    """A file that the kernel knows, or has known a moment ago.

    :ivar number: inode number for the kernel; stays when the file is copied up.
    :ivar layer: where it is now.
    :ivar real: its inode number there.
    :ivar names: where it is found: (directory, name); none for a file that was removed and is still open.
    :ivar lookups: how often the kernel was told of it.
    :ivar attributes: as told to the kernel; ``None`` after a change.
    :ivar orphan: descriptor of a removed file, opened for its path only.
    :ivar handles: descriptors of its open files.
    """

    __slots__ = ("attributes", "handles", "layer", "lookups", "mode", "names", "number", "orphan", "real")

    def __init__(self, number: int, layer: Layer, status: os.stat_result) -> None:
        self.number = number
        self.layer = layer
        self.real = status.st_ino
        self.mode = status.st_mode
        self.names: list[tuple[Directory, bytes]] = []
        self.lookups = 0
        self.attributes: Any = None
        self.orphan = -1
        self.handles: set[int] | None = None


class Directory(Node):
    """A directory: the same, and what it is merged of.

    :ivar layers: topmost first.
    :ivar fds: a descriptor for each, or -1.
    :ivar children: entries that the kernel knows.
    :ivar listing: names of all entries; ``None`` after a change.
    :ivar marked: whether whiteouts of the other form may be in it.
    """

    __slots__ = ("children", "fds", "layers", "listing", "marked")

    def __init__(self, number: int, status: os.stat_result, found: Sequence[tuple[Layer, int]], marked: bool) -> None:
        super().__init__(number, found[0][0], status)
        self.layers = [layer for layer, fd in found]
        self.fds = [fd for layer, fd in found]
        self.children: dict[bytes, Node] = {}
        self.listing: list[bytes] | None = None
        self.marked = marked


class Found:
    """An entry of a merged directory as it is on disk.

    :ivar parts: the layers that it is made of, topmost first, with descriptors for directories (-1 where not opened yet).
    :ivar bottom: status of the lowest part.
    """

    __slots__ = ("bottom", "marked", "parts", "status")

    def __init__(self, status: os.stat_result, layer: Layer) -> None:
        self.status = status
        self.bottom = status
        self.parts: list[tuple[Layer, int]] = [(layer, -1)]
        self.marked = False

    @property
    def is_directory(self) -> bool:
        """Whether it is merged of all its parts; any other file has one."""
        return stat.S_ISDIR(self.status.st_mode)


def place_in_listing(name: bytes) -> int:
    """Where a name is in listings of its directory, whatever else comes and goes (as ext4 has it, d_off in readdir(3)).

    :return: more than the places of ``.`` and ``..``, 1 and 2, and less than 2**62.
    """
    return (hash(name) & _PLACES) + 3


class Tree:
    """The merged tree of a stack of layers.

    :param layers: paths, topmost first; the first is written to.
    :param describe: makes what is told to the kernel: of a status, a number, a count of links, and whether it stays true.
    :param keeping: how owners and modes are on the disk.
    """

    def __init__(
        self, layers: Sequence[str], describe: Callable[[os.stat_result, int, int, bool], Any], keeping: Plain
    ) -> None:
        self._keeping = keeping
        self._tags = 0
        self._numbers = 0
        self._describe = describe
        self.layers = [self.new_layer(path) for path in layers]
        # Numbers of files that were copied up: those that they had below.
        self.origins: dict[tuple[int, int], int] = {}
        self.nodes: dict[int, Node] = {}
        self.open_directories = 0
        self.root = self._make_root()
        self.nodes[ROOT] = self.root

    @property
    def upper(self) -> Layer:
        """The layer that is written to."""
        return self.layers[0]

    def new_layer(self, path: str) -> Layer:
        """A layer with a tag that no other has had for long."""
        self._tags = self._tags % (_OWN_TAG - 1) + 1
        return Layer(path, self._tags)

    def _make_root(self) -> Directory:
        found = [(layer, os.dup(layer.fd)) for layer in self.layers]
        root = Directory(ROOT, os.fstat(self.upper.fd), found, self.marked(self.layers))
        root.lookups = 1
        return root

    @staticmethod
    def marked(layers: Sequence[Layer]) -> bool:
        """Whether the root of one of these layers may hold whiteouts of the other form."""
        return any(disk.opaque(layer.fd) == disk.HOLDS_WHITEOUTS for layer in layers)

    # On disk

    def descriptor(self, directory: Directory, index: int) -> int:
        """One part of a directory.

        :raises OSError: where the directory is gone.
        """
        fd = directory.fds[index]
        if fd < 0:
            layer = directory.layers[index]
            if not directory.names:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            parent, name = directory.names[0]
            fd = os.open(name, disk.DIRECTORY, dir_fd=self.descriptor(parent, parent.layers.index(layer)))
            directory.fds[index] = fd
            self.open_directories += 1
        return fd

    def resolve(self, directory: Directory, name: bytes, first: int = 0) -> Found | None:
        """What a name means in a merged directory.

        :param first: the part of the directory to begin with.
        :return: ``None`` where there is nothing, or a whiteout.
        """
        if disk.is_sentinel(name):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        found: Found | None = None
        last = len(directory.layers) - 1
        for index in range(first, last + 1):
            at = self.descriptor(directory, index)
            try:
                status = os.stat(name, dir_fd=at, follow_symlinks=False)
            except FileNotFoundError:
                continue
            layer = directory.layers[index]
            if not stat.S_ISDIR(status.st_mode):
                if found is None and not self._hides(directory, at, name, status):
                    found = Found(status, layer)
                break
            if found is None:
                found = Found(status, layer)
            else:
                found.bottom = status
                found.parts.append((layer, -1))
            # The lowest layer has nothing to hide.
            if layer is not self.layers[-1]:
                mark, fd = self._mark(at, name)
                found.parts[-1] = (layer, fd)
                found.marked = found.marked or mark == disk.HOLDS_WHITEOUTS
                if mark == disk.HIDES_ALL:
                    break
        return found

    def _mark(self, at: int, name: bytes) -> tuple[bytes, int]:
        fd = os.open(name, disk.DIRECTORY, dir_fd=at)
        self.open_directories += 1
        return disk.opaque(fd), fd

    @staticmethod
    def _hides(directory: Directory, at: int, name: bytes, status: os.stat_result) -> bool:
        return disk.is_whiteout(status) or (directory.marked and disk.is_marked_whiteout(at, name, status))

    def has_below(self, directory: Directory, name: bytes) -> bool:
        """Whether a name would be seen if it were not in the layer that is written to."""
        first = 1 if directory.layers[0] is self.upper else 0
        if first == len(directory.layers):
            return False
        found = self.resolve(directory, name, first)
        if found is not None:
            self.close_parts(found)
        return found is not None

    def close_parts(self, found: Found) -> None:
        """Close what was opened to find something that is not kept."""
        for _layer, fd in found.parts:
            if fd >= 0:
                os.close(fd)
                self.open_directories -= 1

    def names(self, directory: Directory) -> list[bytes]:
        """All names in a merged directory, in the order of their places."""
        if directory.listing is None:
            known: dict[bytes, bool] = {}
            for index in range(len(directory.layers)):
                at = self.descriptor(directory, index)
                for name, shown in self._entries(directory, at, index):
                    known.setdefault(name, shown)
            directory.listing = sorted((name for name, shown in known.items() if shown), key=place_in_listing)
        return directory.listing

    def _entries(self, directory: Directory, at: int, index: int) -> Iterator[tuple[bytes, bool]]:
        """Names in one part of a directory, and whether each is more than a whiteout."""
        for entry in syscalls.entries(at):
            name = os.fsencode(entry.name)
            if disk.is_sentinel(name):
                continue
            if (
                entry.is_dir(follow_symlinks=False)
                or entry.is_symlink()
                or (entry.is_file(follow_symlinks=False) and not directory.marked)
            ):
                yield name, True
            else:
                yield name, not self._hides(directory, at, name, os.stat(name, dir_fd=at, follow_symlinks=False))

    # What the kernel knows

    def find(self, directory: Directory, name: bytes) -> Node | None:
        """The node of a name."""
        node = directory.children.get(name)
        if node is None:
            found = self.resolve(directory, name)
            if found is None:
                return None
            node = self.adopt(directory, name, found)
        return node

    def need(self, directory: Directory, name: bytes) -> Node:
        """The node of a name that must be there.

        :raises FileNotFoundError: where it is not.
        """
        node = self.find(directory, name)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return node

    def adopt(self, directory: Directory, name: bytes, found: Found) -> Node:
        """The node for an entry that was found on disk: the one that is known, or a new one."""
        layer = found.parts[0][0]
        status = found.status
        number = self._number(found.parts[-1][0], found.bottom, found)
        known = self.nodes.get(number)
        if known is not None and known.layer is layer and known.real == status.st_ino and not found.is_directory:
            node = known
            if node.orphan >= 0:
                os.close(node.orphan)
                node.orphan = -1
        else:
            if known is not None:
                number = self.fresh_number()
            node = (
                Directory(number, status, found.parts, found.marked)
                if found.is_directory
                else Node(number, layer, status)
            )
            self.nodes[number] = node
        node.names.append((directory, name))
        directory.children[name] = node
        if node.attributes is None:
            self._remember(node, status)
        return node

    def _number(self, layer: Layer, status: os.stat_result, found: Found) -> int:
        if not found.is_directory:
            origin = self.origins.get((layer.tag, status.st_ino))
            if origin is not None:
                return origin
            # Names of one file in a layer that is not written to part when one of them is copied up.
            if status.st_nlink > 1 and layer is not self.upper:
                return self.fresh_number()
        if status.st_ino >> _TAG_SHIFT:
            return self.fresh_number()
        return layer.tag << _TAG_SHIFT | status.st_ino

    def fresh_number(self) -> int:
        """A number that no file has."""
        while True:
            self._numbers += 1
            number = _OWN_TAG << _TAG_SHIFT | self._numbers
            if number not in self.nodes:
                return number

    def directory(self, number: int) -> Directory:
        """A directory that the kernel knows.

        :raises OSError: where the number is of none.
        """
        node = self.nodes.get(number)
        if not isinstance(node, Directory):
            raise OSError(errno.ESTALE if node is None else errno.ENOTDIR, "no directory of that number")
        return node

    def node(self, number: int) -> Node:
        """A file that the kernel knows.

        :raises OSError: where there is none of that number.
        """
        node = self.nodes.get(number)
        if node is None:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return node

    def place(self, node: Node) -> tuple[int, bytes]:
        """Where a file is: directory and name, for calls that take both.

        :raises OSError: where it has no name any more.
        """
        if not node.names:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        directory, name = node.names[0]
        return self.descriptor(directory, directory.layers.index(node.layer)), name

    def path(self, node: Node) -> tuple[bytes, bool]:
        """A path of a file for calls that take no directory, and whether its last part is to be followed."""
        if isinstance(node, Directory):
            return b"/proc/self/fd/%d" % self.descriptor(node, 0), True
        if node.orphan >= 0:
            return b"/proc/self/fd/%d" % node.orphan, True
        at, name = self.place(node)
        return disk.beneath(at, name), False

    def status(self, node: Node) -> os.stat_result:
        """Status of a file, from its layer."""
        if isinstance(node, Directory):
            return os.fstat(self.descriptor(node, 0))
        if node.orphan >= 0:
            return os.fstat(node.orphan)
        at, name = self.place(node)
        return os.stat(name, dir_fd=at, follow_symlinks=False)

    def told(self, node: Node) -> Any:
        """What the kernel is told of a file."""
        if node.attributes is None or node.layer.changes:
            status = self.status(node)
            node.mode = status.st_mode
            self._remember(node, status)
        return node.attributes

    def _remember(self, node: Node, status: os.stat_result) -> None:
        links = self._links(node, status)
        # Opening such a file to write parts it from its other names, and the kernel is not told by the answer to that.
        lasting = isinstance(node, Directory) or node.layer is self.upper or (links < 2 and not node.layer.changes)
        if self._keeping.reads:
            path, _follow = self.path(node)
            status = self._keeping.shown(path, status)
        node.attributes = self._describe(status, node.number, links, lasting)

    def _links(self, node: Node, status: os.stat_result) -> int:
        # The count of a directory that is or may become merged says nothing; with 1 find(1) does not rely on it.
        if isinstance(node, Directory):
            if not node.names and node.number != ROOT:
                return 0
            return status.st_nlink if node.layers == [self.upper] else 1
        if node.orphan >= 0 and node.layer is not self.upper:
            return 0
        return status.st_nlink

    @staticmethod
    def touch(directory: Directory) -> None:
        """A directory has changed."""
        directory.attributes = None
        directory.listing = None

    def detach(self, directory: Directory, name: bytes) -> Node | None:
        """Take a name away from a node that may still be in use, before that is done on disk."""
        node = directory.children.pop(name, None)
        if node is None:
            return None
        node.names.remove((directory, name))
        node.attributes = None
        if not node.names and not isinstance(node, Directory):
            at = self.descriptor(directory, directory.layers.index(node.layer))
            node.orphan = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
        elif isinstance(node, Directory):
            # Nothing opens it by its name any more.
            for index in range(len(node.layers)):
                node.fds[index] = self._kept(node, index, directory, name)
        return node

    def _kept(self, node: Directory, index: int, parent: Directory, name: bytes) -> int:
        if node.fds[index] >= 0:
            return node.fds[index]
        at = self.descriptor(parent, parent.layers.index(node.layers[index]))
        self.open_directories += 1
        return os.open(name, disk.DIRECTORY, dir_fd=at)

    def attach(self, directory: Directory, name: bytes, node: Node) -> None:
        """Give a node another name."""
        directory.children[name] = node
        node.names.append((directory, name))
        node.attributes = None
        if node.orphan >= 0:
            os.close(node.orphan)
            node.orphan = -1

    def forget(self, number: int, count: int) -> None:
        """The kernel has dropped some of its references."""
        node = self.nodes.get(number)
        if node is not None:
            node.lookups -= count
            self.drop(node)

    def drop(self, node: Node) -> None:
        """Let go of a node that nobody uses, and of directories that were only kept for it."""
        while node.lookups <= 0 and not node.handles and not (isinstance(node, Directory) and node.children):
            if self.nodes.pop(node.number, None) is None:
                return
            parents = [directory for directory, name in node.names]
            for directory, name in node.names:
                directory.children.pop(name, None)
            node.names.clear()
            if node.orphan >= 0:
                os.close(node.orphan)
                node.orphan = -1
            if isinstance(node, Directory):
                self.close(node)
            for parent in parents[1:]:
                self.drop(parent)
            if not parents:
                return
            node = parents[0]

    def close(self, directory: Directory) -> None:
        """Close the descriptors of a directory; they are opened again when needed."""
        for index, fd in enumerate(directory.fds):
            if fd >= 0:
                os.close(fd)
                self.open_directories -= 1
                directory.fds[index] = -1

    def spare(self, most: int) -> None:
        """Keep the number of open directories in bounds; between two requests only."""
        if self.open_directories > most:
            for node in list(self.nodes.values()):
                if isinstance(node, Directory) and node.names:
                    self.close(node)
