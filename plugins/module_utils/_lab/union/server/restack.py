# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change the layers while files are in use.

What is the same file before and after stays known under its number.  What is not loses its name and lives on for those who have it
open, as a removed file does.  The kernel is to be told of every name that may mean something else now.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from ...host import syscalls
from . import disk
from .tree import Directory, Layer, Node, Tree


class Stale:
    """What the kernel must forget.

    :ivar names: directory's number and name.
    :ivar directories: numbers of directories whose own attributes have changed.
    """

    def __init__(self) -> None:
        self.names: set[tuple[int, bytes]] = set()
        self.directories: set[int] = set()


def restack(tree: Tree, paths: Sequence[str]) -> Stale:
    """Give a tree other layers.

    :param paths: topmost first; the first is written to.
    :raises OSError: where one cannot be opened; nothing has changed then.
    """
    return _Restack(tree, paths).run()


class _Restack:
    def __init__(self, tree: Tree, paths: Sequence[str]) -> None:
        self.tree = tree
        self.before = tree.layers
        self.after = [self._layer(path) for path in paths]
        stay = [layer for layer in self.after if layer in self.before]
        order_kept = stay == [layer for layer in self.before if layer in stay]
        self.changed = set(self.before) ^ set(self.after) if order_kept else {*self.before, *self.after}
        self.stale = Stale()

    def _layer(self, path: str) -> Layer:
        status = os.stat(path)
        for layer in self.before:
            known = os.fstat(layer.fd)
            if layer.path == path and (known.st_dev, known.st_ino) == (status.st_dev, status.st_ino):
                return layer
        return self.tree.new_layer(path)

    def run(self) -> Stale:
        tree = self.tree
        self._open_what_goes()
        upper_changes = self.before[0] is not self.after[0]
        tree.layers = self.after
        self._visit(tree.root, [(layer, -1) for layer in self.after], tree.marked(self.after))
        if upper_changes:
            self._part_hard_links()
        for layer in set(self.before) - set(self.after):
            tree.origins = {key: number for key, number in tree.origins.items() if key[0] != layer.tag}
            os.close(layer.fd)
        return self.stale

    def _open_what_goes(self) -> None:
        """Later nothing leads to it."""
        tree = self.tree
        for node in list(tree.nodes.values()):
            if isinstance(node, Directory) and not self.changed.isdisjoint(node.layers):
                for index in range(len(node.layers)):
                    tree.descriptor(node, index)

    def _visit(self, directory: Directory, parts: list[tuple[Layer, int]], marked: bool) -> None:
        tree = self.tree
        old = dict(zip(directory.layers, directory.fds, strict=True))
        if self.changed.isdisjoint(old) and self.changed.isdisjoint(layer for layer, fd in parts):
            self._close(parts)
            return
        layers, fds = [layer for layer, fd in parts], [self._fd(old, layer, fd) for layer, fd in parts]
        if directory is tree.root:
            fds = [os.dup(layer.fd) if fd < 0 else fd for layer, fd in zip(layers, fds, strict=True)]
        directory.layers, directory.fds, directory.marked = layers, fds, marked
        directory.layer = layers[0]
        directory.listing = None
        self.stale.directories.add(directory.number)
        hidden = False
        for layer in self.changed & {*old, *layers}:
            at = tree.descriptor(directory, layers.index(layer)) if layer in layers else old[layer]
            hidden = hidden or disk.opaque(at) == disk.HIDES_ALL
            self.stale.names |= {(directory.number, os.fsencode(entry.name)) for entry in syscalls.entries(at)}
        for name, child in list(directory.children.items()):
            self._child(directory, name, child, old)
        if hidden:
            self.stale.names |= {(directory.number, name) for name in tree.names(directory)}
        for layer, fd in old.items():
            if layer not in layers and fd >= 0:
                os.close(fd)
                tree.open_directories -= 1
        directory.attributes = None
        directory.real = os.fstat(tree.descriptor(directory, 0)).st_ino

    def _fd(self, old: dict[Layer, int], layer: Layer, fd: int) -> int:
        known = old.get(layer, -1)
        if known >= 0 and fd >= 0:
            os.close(fd)
            self.tree.open_directories -= 1
        return known if known >= 0 else fd

    def _close(self, parts: list[tuple[Layer, int]]) -> None:
        for _layer, fd in parts:
            if fd >= 0:
                os.close(fd)
                self.tree.open_directories -= 1

    def _child(self, directory: Directory, name: bytes, child: Node, old: dict[Layer, int]) -> None:
        found = self.tree.resolve(directory, name)
        if found is not None and isinstance(child, Directory) and found.is_directory:
            self._visit(child, found.parts, found.marked)
            return
        if (
            found is not None
            and not isinstance(child, Directory)
            and not stat.S_ISDIR(found.status.st_mode)
            and (found.parts[0][0], found.status.st_ino) == (child.layer, child.real)
        ):
            return
        if found is not None:
            self._close(found.parts)
        self._displace(directory, name, child, old)

    def _displace(self, directory: Directory, name: bytes, child: Node, old: dict[Layer, int]) -> None:
        """Something else has this name now, or nothing."""
        self.stale.names.add((directory.number, name))
        tree = self.tree
        del directory.children[name]
        child.names.remove((directory, name))
        child.attributes = None

        def part(layer: Layer) -> int:
            if old.get(layer, -1) >= 0:
                return old[layer]
            return tree.descriptor(directory, directory.layers.index(layer))

        if isinstance(child, Directory):
            for index, layer in enumerate(child.layers):
                if child.fds[index] < 0:
                    child.fds[index] = os.open(name, disk.DIRECTORY, dir_fd=part(layer))
                    tree.open_directories += 1
        elif not child.names:
            child.orphan = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=part(child.layer))
        tree.drop(child)

    def _part_hard_links(self) -> None:
        """Names of one file in a layer that is not written to any more part when one of them is copied up."""
        for node in list(self.tree.nodes.values()):
            if len(node.names) > 1 and node.layer is not self.tree.upper:
                for directory, name in node.names[1:]:
                    self.stale.names.add((directory.number, name))
                    del directory.children[name]
                del node.names[1:]
