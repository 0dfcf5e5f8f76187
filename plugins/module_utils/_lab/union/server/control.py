# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listen to the module: one JSON object a line in, one out, on a socket in the guest's directory.

What concerns the tree is done between two requests.  The kernel is told of it from here, for it may hold a directory for
somebody whose request waits.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ...host import syscalls
from . import faults
from .driver import Loop
from .requests import Requests
from .restack import Stale, restack
from .tree import Directory

Answer = dict[str, Any]


class Control:
    """Does what the module asks for.

    :param fuse: pyfuse3.
    """

    def __init__(self, fuse: Any, requests: Requests, loop: Loop) -> None:
        self.fuse = fuse
        self.requests = requests
        self.loop = loop
        self.rules: list[Any] = []
        self._deeds: Mapping[str, Callable[[Mapping[str, Any]], Answer]] = {
            "stats": self.stats,
            "sync": self.sync,
            "push": self.push,
            "pop": self.pop,
            "replace": self.replace,
            "fault": self.fault,
        }

    def listen(self, listener: socket.socket) -> None:
        """Serve, one client after another, in a thread of its own."""
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            client, _address = listener.accept()
            try:
                with client, client.makefile("rwb") as stream:
                    for line in stream:
                        stream.write(json.dumps(self.answer(line)).encode() + b"\n")
                        stream.flush()
            except OSError:
                # It went away.
                continue

    def answer(self, line: bytes) -> Answer:
        """Do what a line asks for; an error is an answer too."""
        try:
            asked = json.loads(line)
            return {"ok": True, **self._deeds[asked["do"]](asked)}
        except OSError as exc:
            return {"ok": False, "error": str(exc)}
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            return {"ok": False, "error": f"not understood: {exc!r}"}

    def stats(self, asked: Mapping[str, Any]) -> Answer:
        """Counts."""
        tree = self.requests.tree
        return {
            "layers": [layer.path for layer in tree.layers],
            "requests": self.requests.served,
            "copied_up": self.requests.copyup.count,
            "known": len(tree.nodes),
            "open_directories": tree.open_directories,
            "open_files": sum(len(node.handles) for node in list(tree.nodes.values()) if node.handles),
            "faults": self.rules,
        }

    def sync(self, asked: Mapping[str, Any]) -> Answer:
        """Everything that was written here is on disk."""
        syscalls.syncfs(self.requests.tree.upper.fd)
        return {}

    def push(self, asked: Mapping[str, Any]) -> Answer:
        """Put a read-only layer right below the one that is written to."""
        return self._change(lambda paths: [paths[0], asked["layer"], *paths[1:]])

    def pop(self, asked: Mapping[str, Any]) -> Answer:
        """Take a read-only layer away."""

        def without(paths: list[str]) -> list[str]:
            if asked["layer"] not in paths[1:]:
                raise ValueError(f"{asked['layer']} is no read-only layer")
            return [path for number, path in enumerate(paths) if not number or path != asked["layer"]]

        return self._change(without)

    def replace(self, asked: Mapping[str, Any]) -> Answer:
        """Have other layers, the one that is written to included."""
        return self._change(lambda paths: list(asked["layers"]))

    def _change(self, which: Callable[[list[str]], list[str]]) -> Answer:
        tree = self.requests.tree
        stale = self.loop.call(lambda: restack(tree, which([layer.path for layer in tree.layers])))
        self._forget(stale)
        return {"layers": [layer.path for layer in tree.layers]}

    def _forget(self, stale: Stale) -> None:
        for number, name in stale.names:
            self._quietly(self.fuse.invalidate_entry, number, name)
        for number in stale.directories:
            self._quietly(self.fuse.invalidate_inode, number)

    @staticmethod
    def _quietly(tell: Callable[..., None], *what: object) -> None:
        try:
            tell(*what)
        except OSError:
            # The kernel does not know it, so there is nothing to forget.
            return

    def fault(self, asked: Mapping[str, Any]) -> Answer:
        """Have other rules of what is to fail; what the kernel has cached would not meet them."""
        rules = faults.rules(asked["rules"])
        self.rules = asked["rules"]
        requests = self.requests

        def change() -> list[int]:
            requests.rules = rules
            return [number for number, node in requests.tree.nodes.items() if not isinstance(node, Directory)]

        for number in self.loop.call(change):
            self._quietly(self.fuse.invalidate_inode, number)
        return {"faults": len(rules)}


def open_socket(directory: int, name: str) -> socket.socket:
    """A socket in a directory, however long the path of that is (108 bytes are allowed)."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"/proc/self/fd/{directory}/{name}")
    os.chmod(name, 0o600, dir_fd=directory)
    listener.listen(8)
    return listener
