# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file system of ours in user space as a union engine: a process for each guest serves it (``serving``, ``server``)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..host import files, mounts
from ..host.workdir import GuestDir, Workdir
from ..model.lab import Guest
from ..model.root import Stack
from . import serving
from .engine import Change, Client, MountedUnion, Parts, Union, Unusable

_NO_WHITEOUTS = ("overlay", "fuse", "nfs", "nfs4", "vfat", "9p")


def fault(directory: Path) -> Unusable | None:
    """Why cowfs cannot keep what a guest writes below ``directory`` (which need not be there yet); ``None`` where it can."""
    kind = mounts.filesystem(next(place for place in (directory, *directory.parents) if place.exists()))
    if kind in _NO_WHITEOUTS:
        return Unusable(
            f"{directory} lies on {kind}, which takes no whiteouts (character devices 0/0)",
            "put the working directory (workdir) on ext4, xfs, btrfs or tmpfs, for example by a tmpfs mounted there",
        )
    try:
        os.close(os.open(serving.DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as exc:
        return Unusable(
            f"{serving.DEVICE} cannot be opened ({exc.strerror})",
            "load the module (modprobe fuse), and give the device to the container where this is one",
        )
    if serving.interpreter() is None:
        return Unusable(
            f"no pyfuse3 for {serving.SYSTEM_PYTHON}",
            "install python3-pyfuse3 (role dumm.lab.host does), or use union: overlay",
        )
    return None


def trial(_works: Path) -> Unusable | None:
    """There is nothing to try: :func:`fault` knows it all."""
    return None


def check(_workdir: Workdir, _guest: Guest, _master: Path, _stack: Stack) -> None:
    """It takes all layers, and faults."""


def mapped(_parts: Parts) -> Sequence[str]:
    """None: the server tells a confined guest other owners by itself."""
    return ()


@contextmanager
def union(client: Client, parts: Parts) -> Iterator[Union]:
    """It is mounted before the guest's process begins, and served while that one sets itself up."""
    with serving.start(_service(client, tuple(parts.paths), parts.work_path)) as mounted:
        yield MountedUnion(mounted.mount)
        # The guest's kernel begins meanwhile.
        mounted.serving()


def _service(client: Client, layers: tuple[str, ...], work: str) -> serving.Service:
    return serving.Service(
        client.directory.path,
        client.agents,
        client.subject,
        layers,
        work,
        faults=client.faults,
        cpu=client.cpu,
        first_user=client.first_user,
        xattrs=client.xattrs,
        for_guest=True,
    )


def replace(directory: GuestDir, parts: Parts, change: Change) -> None:
    """Have the server serve other layers; the mount stays."""
    with change.noted():
        serving.replace(directory.path, parts.paths, f"guest {directory.name}")


def is_lost(directory: GuestDir) -> bool:
    """Where a server was, and is not any more."""
    return os.path.lexists(directory.path / serving.SOCKET) and serving.server(directory.path) is None


def serve_again(client: Client, work: Path, change: Change) -> None:
    """Start another server.  Files that the guest's programs held open stay lost to them."""
    layers = serving.stored_layers(client.directory.path, client.subject)
    with serving.start(_service(client, tuple(layers), str(work))) as mounted:
        mounted.serving()
        with change.noted():
            change.put(MountedUnion(mounted.mount))


def fails_otherwise(directory: GuestDir, guest: Guest) -> bool:
    """As its server says; where it is not served, it gets its faults with its next server."""
    home = directory.path
    return serving.server(home) is not None and serving.faults(home, guest.label) != serving.rules(guest.faults)


def fail(directory: GuestDir, guest: Guest) -> None:
    """Tell the server."""
    serving.ask(directory.path, guest.label, do="fault", rules=serving.rules(guest.faults))


def follow(directory: GuestDir, before: Path) -> None:
    """Of the layers that the last server had."""
    home, now = directory.path, directory.workdir
    stored = files.read_json(home / serving.LAYERS)
    if isinstance(stored, list):
        moved = [
            f"{now}{layer.removeprefix(str(before))}" if _is_below(layer, before, now) else layer for layer in stored
        ]
        if moved != stored:
            files.write_json(home / serving.LAYERS, moved)


def _is_below(layer: str, before: Path, now: Path) -> bool:
    return layer.startswith(f"{before}/") and not layer.startswith(f"{now}/")


def end(directory: GuestDir, subject: str) -> None:
    """Wait until the server has written everything and ended, then forget it."""
    serving.end(directory.path, subject)
