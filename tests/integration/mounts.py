# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Unions without a guest, mounted on the host by each engine over the same kind of layers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import overlay, serving

ENGINES = ("overlay", "cowfs")


class Place:
    """A directory for a union: layers, what is written, and where it is mounted.

    :param lower: names of the read-only layers, topmost first.
    """

    def __init__(self, path: Path, lower: tuple[str, ...] = ("middle", "bottom")) -> None:
        self.path = path
        self.at = path / "at"
        self.upper = path / "upper"
        self.home = path / "home"
        self.lower = tuple(path / name for name in lower)
        self._serial = 0
        for directory in (self.at, self.upper, self.home, path / "work", path / "agents", *self.lower):
            directory.mkdir(parents=True)

    @contextmanager
    def mounted(self, engine: str) -> Iterator[Path]:
        """The union at its place, by one of the engines; served like a file system of the host, with all its checks."""
        if engine == "overlay":
            mount = overlay.mount([str(layer) for layer in self.lower], str(self.upper), str(self._work()))
            syscalls.move_mount(mount, str(self.at), 0)
            os.close(mount)
        else:
            with self._served() as served:
                served.serving()
                syscalls.move_mount(served.mount, str(self.at), 0)
        try:
            yield self.at
        finally:
            syscalls.umount(str(self.at), syscalls.MNT_DETACH)
            if engine == "cowfs":
                serving.end(self.home, "the test's union")

    def _served(self) -> serving.Mounted:
        layers = (str(self.upper), *map(str, self.lower))
        work, subject = str(self._work()), "the test's union"
        service = serving.Service(self.home, self.path / "agents", subject, layers, work, xattrs=True)
        # With all checks, as a file system of the host has them.
        return serving.start(service, lambda: serving.mount("default_permissions"))

    def _work(self) -> Path:
        self._serial += 1
        work = self.path / "work" / str(self._serial)
        work.mkdir()
        return work

    def ask(self, **request: object) -> dict[str, object]:
        """Ask the server of cowfs."""
        return dict(serving.ask(self.home, "the test's union", **request))

    def log(self) -> str:
        """What the server complained of."""
        return (self.home / serving.LOG).read_text()


def run(script: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a directory."""
    return subprocess.run(["sh", "-c", script], cwd=at, capture_output=True, text=True, check=False, timeout=300)


@contextmanager
def file_system(kind: str, image: Path, place: Path) -> Iterator[None]:
    """A file system, empty."""
    if kind not in Path("/proc/filesystems").read_text().split():
        pytest.skip(f"the host's kernel has no {kind}")
    if kind == "tmpfs":
        # As many inodes as ext4 has below: a tmpfs has millions on a large machine, which take minutes to use up.
        syscalls.mount("none", str(place), "tmpfs", 0, "size=200m,nr_inodes=32768")
    else:
        with image.open("wb") as file:
            file.truncate(512 << 20)
        subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)
