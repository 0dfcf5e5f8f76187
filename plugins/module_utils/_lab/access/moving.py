# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest goes from one lab host to another, with all that it wrote and its saving points, in steps that the controller asks for.

1. :func:`leave`: the old lab host stops the guest, notes where it goes, and packs it.
2. The controller takes pieces of the archive there (:func:`piece`) to the new one (:func:`put`).
3. :func:`arrive`: the new lab host unpacks it aside, compares every file with what the old one saw, writes all of it to its disk, and
   gives it its name in one step.
4. :func:`left`: the old one removes the guest.

Whichever of the three dies at whatever moment, one lab host has the whole guest.  Until the third step is done that is the old one; from
then on the new one, and what the old one has still counts no more (``scenario.share``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..host import files, lock
from ..host.workdir import Workdir, load_guest
from ..model import definition, options, stored
from ..model.errors import HostError, InvalidInput
from ..model.lab import Guest, Loaded
from ..run import runner, sharing
from ..run.report import RunFailed
from ..scenario.lab_hosts import Placement

FORMAT = 1
# Also of what is sent at a time.
PIECE = 4 << 20
_LOCK_SECONDS = 300.0
# What of a guest's directory goes with it, and what it has recorded into its scenario.
_TREES, _RECORDED = ("diff", "scratch", "saves"), "recorded"
_TAR = ("--xattrs", "--xattrs-include=*", "--numeric-owner", "--format=posix", "--sparse", "--sort=name")


def leave(path: str, name: str, target: str, wait_timeout: float) -> dict[str, Any]:
    """Stop a guest, and pack it for another lab host.

    :param target: the lab host that it goes to.
    :return: ``size`` of the archive in bytes, its ``digest``, and what is in it.
    :raises DummError: where that is not possible; the guest is still here then.
    """
    workdir = Workdir.at(path)
    _done(workdir, name, "stopped", wait_timeout)
    guest = load_guest(workdir.guest(name))
    files.write(workdir.guest(name).leaving, f"{target}\n".encode())
    trees = _trees(workdir, guest)
    archive = _place(workdir, f"{name}.tar.gz")
    _pack(archive, trees, guest.label)
    return {
        "format": FORMAT,
        "size": archive.stat().st_size,
        "digest": _digest_of(archive),
        "trees": {key: digest(tree) for key, tree in trees.items()},
        "guest": definition.plain_guest(guest, None),
        "rest": {"mem": guest.mem, "kernel": guest.kernel, "master": guest.master},
    }


def piece(path: str, name: str, offset: int) -> bytes:
    """The next piece of what was packed; empty at its end."""
    with _place(Workdir.at(path), f"{name}.tar.gz").open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)


def put(path: str, name: str, offset: int, data: bytes) -> None:
    """Take a piece of what another lab host has packed."""
    workdir = Workdir.at(path)
    workdir.create()
    with _place(workdir, f"{name}.in").open("ab" if offset else "wb") as file:
        file.truncate(offset)
        file.write(data)


def arrive(path: str, name: str, told: dict[str, Any], wait_timeout: float) -> None:
    """Have a guest that another lab host has packed; when this returns, it is here for good.

    :param told: what :func:`leave` returned there.
    :raises DummError: where it is not what has left, or cannot be here; nothing of it is here then.
    """
    workdir, subject = Workdir.at(path), f"guest {name}"
    if told.get("format") != FORMAT:
        raise InvalidInput(subject, "another version of dumm.lab packed it", "install the same one on all lab hosts")
    archive, aside = _place(workdir, f"{name}.in"), _place(workdir, f"{name}.tree")
    _remove_stale(workdir, name, wait_timeout)
    files.remove_tree(aside)
    aside.mkdir(mode=0o700)
    try:
        if archive.stat().st_size != told["size"] or _digest_of(archive) != told["digest"]:
            raise HostError(subject, "what came here is not what was packed", "run again")
        _tar(subject, "unpack", "-x", "-p", "--same-owner", "--delay-directory-restore", "-f", archive, "-C", aside)
        archive.unlink()
        if found := [key for key, wanted in told["trees"].items() if digest(aside / key) != wanted]:
            cause = f"its {', '.join(found)} is not the same here as where it comes from"
            raise HostError(
                subject, cause, "see that the file system of the working directory keeps owners and attributes"
            )
        os.sync()
        _settle(workdir, name, aside, told)
        os.sync()
    finally:
        sharing.forget_packed(workdir, [name])


def _settle(workdir: Workdir, name: str, aside: Path, told: dict[str, Any]) -> None:
    """Give what has come its place."""
    try:
        found = definition.guest(name, stored.parse(json.dumps(told["guest"]).encode()), newer=True)
    except stored.Unfit as exc:
        cause = f"its definition cannot be understood ({exc})"
        raise InvalidInput(f"guest {name}", cause, "install the same version of dumm.lab on all lab hosts") from None
    # Its interfaces and rendered files are made by the run that comes next, for this lab host.
    guest = dataclasses.replace(found, **told["rest"], interfaces={}, loaded=_bare(found.loaded))
    with lock.hold(workdir.lock, workdir.label, f"taking {guest.label}", _LOCK_SECONDS):
        if workdir.guest(name).path.exists():
            raise InvalidInput(guest.label, "this lab host has one of that name", "remove one of them (dumm_guest)")
        if (recorded := aside / _RECORDED).is_dir() and guest.loaded is not None:
            _put_recorded(workdir.scenario_layer(guest.loaded.scenario, name), recorded, guest.label)
        workdir.store_guest(guest, {key: aside / key for key in _TREES if (aside / key).is_dir()})


def _put_recorded(target: Path, source: Path, subject: str) -> None:
    """Give what a guest has recorded its place, where the same may be already."""
    if target.exists():
        if digest(target) == digest(source):
            return
        raise InvalidInput(subject, f"{target} is there and is not what it has recorded", "move that directory away")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source.rename(target)


def _remove_stale(workdir: Workdir, name: str, wait_timeout: float) -> None:
    """Remove what a move from here has not removed yet, of a guest that comes back."""
    if workdir.guest(name).leaving.exists():
        _done(workdir, name, "absent", wait_timeout)


def left(path: str, name: str, target: str, scenario: str, wait_timeout: float) -> None:
    """Remove a guest that has arrived elsewhere.

    :raises DummError: where it was not to go there, or cannot be removed.
    """
    workdir = Workdir.at(path)
    with suppress(FileNotFoundError):
        if files.read(workdir.guest(name).leaving).decode().strip() != target:
            raise InvalidInput(f"guest {name}", f"it was not to go to lab host {target}", "run again")
        _done(workdir, name, "absent", wait_timeout)
    sharing.forget_packed(workdir, [name])
    before = sharing.remembered(workdir, scenario)
    if before is not None:
        # More than what runs that began before this one note.
        later = Placement(before.serial + 2, {**before.guests, name: target}, before.weights)
        sharing.remember(workdir, scenario, later)


def _done(workdir: Workdir, name: str, state: str, wait_timeout: float) -> None:
    """Have a guest stopped or removed."""
    given = {"workdir": str(workdir.path), "name": name, "state": state, "wait_timeout": wait_timeout}
    try:
        runner.run_guest(options.completed(options.GUEST, **given))
    except RunFailed as exc:
        raise exc.error from None


def _place(workdir: Workdir, name: str) -> Path:
    """Where archives are, and what is unpacked of them."""
    workdir.moving.mkdir(mode=0o700, exist_ok=True)
    return workdir.moving / name


def _trees(workdir: Workdir, guest: Guest) -> dict[str, Path]:
    """What goes with a guest."""
    directory = workdir.guest(guest.name).path
    found = {key: directory / key for key in _TREES if (directory / key).is_dir()}
    if guest.loaded is not None and guest.loaded.record:
        recorded = workdir.scenario_layer(guest.loaded.scenario, guest.name)
        if recorded.is_dir():
            found[_RECORDED] = recorded
    return found


def _bare(loaded: Loaded | None) -> Loaded | None:
    """The layers of a scenario without those that are made for each lab host."""
    if loaded is None:
        return None
    return dataclasses.replace(loaded, files=None, hosts=None, under=_bare(loaded.under))


def _pack(archive: Path, trees: dict[str, Path], subject: str) -> None:
    words: list[str | Path] = []
    for key, tree in trees.items():
        words += ["-C", tree.parent, tree.name if tree.name == key else f"./{tree.name}"]
    renamed = [f"--transform=flags=rh;s,^\\./{tree.name},{key}," for key, tree in trees.items() if tree.name != key]
    _tar(subject, "pack", "-c", "--use-compress-program=gzip -1", *renamed, "-f", archive, *words)


def _tar(subject: str, doing: str, *words: str | Path) -> None:
    command = ["tar", *_TAR, *map(str, words)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, env={**os.environ, "LC_ALL": "C"}
        )
    except FileNotFoundError:
        raise HostError(subject, "there is no tar", "install tar on the lab host") from None
    # Of a socket, which nobody listens at any more, it only warns.
    if done.returncode:
        said = " ".join(done.stderr.split())[-500:] or "it said nothing"
        raise HostError(
            subject, f"cannot {doing} what it wrote: tar failed: {said}", "see whether there is room on the disk"
        )


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(top: Path) -> str:
    """A digest of all that counts in a tree: names, kinds, owners, modes, times, attributes, links and content."""
    total = hashlib.sha256()
    linked: dict[tuple[int, int], str] = {}
    for path, relative in _walk(top):
        status = path.lstat()
        if stat.S_ISSOCK(status.st_mode):
            continue
        told: list[object] = [relative, status.st_mode, status.st_uid, status.st_gid]
        if stat.S_ISLNK(status.st_mode):
            told.append(os.readlink(path))
        elif not stat.S_ISDIR(status.st_mode):
            told += [status.st_size, status.st_mtime_ns, status.st_rdev]
        names = sorted(os.listxattr(path, follow_symlinks=False))
        told += [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]
        if stat.S_ISREG(status.st_mode):
            # Of other files that is nobody's business: overlayfs has one whiteout for all, with a name in its work directory, too.
            first = linked.setdefault((status.st_dev, status.st_ino), relative)
            told += [first] if first != relative else [_digest_of(path)]
        total.update(repr(told).encode("utf-8", "surrogateescape") + b"\n")
    return total.hexdigest()


def _walk(top: Path) -> Iterator[tuple[Path, str]]:
    """A tree, each directory before what is in it, by name."""
    left = [(top, "")]
    while left:
        path, relative = left.pop()
        yield path, relative
        if path.is_dir() and not path.is_symlink():
            left += [(path / name, f"{relative}/{name}") for name in sorted(os.listdir(path), reverse=True)]
