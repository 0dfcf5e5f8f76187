# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a guest may write: its directory is a file system of its own then, in an image of that size below ``disks/``.

All that it can fill is in there: its diff, its spool, its ``boot.log``.  A part is kept back (ext4(5), ``resgid``): its root file system
cannot fill that, so a guest whose disk is full still answers, and the host can write down what is to be known of it.  The image is
made, and given another size, while the guest does not run: a new one beside, that takes the old one's place when it has everything.  It
stays mounted as long as the guest is there; what a restart of the host or a killed run has unmounted is mounted again by the next run.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import files, syscalls
from .errors import HostError
from .workdir import Workdir

MIN_SIZE = 16
_MB = 1 << 20
_RESERVE_PERCENT = 10
_NEW = ".new-"


def fit(workdir: Workdir, name: str, size: int | None, group: int) -> None:
    """Give a guest that does not run as much room as it is to have, with all that it has written.

    :param size: MB; ``None`` for no limit.
    :param group: the host's group that may use what is kept back of it.
    :raises HostError: where that is not possible; it keeps what it has then.
    """
    if _size(workdir, name) != size:
        workdir.disks.mkdir(mode=0o700, exist_ok=True)
        with _alone(workdir):
            if size is None:
                _free(workdir, name)
            else:
                _enclose(workdir, name, size)
    if size is not None:
        _run(f"guest {name}", "mount", "-o", f"remount,resgid={group}", str(workdir.guest(name).path))


def attach(workdir: Workdir) -> None:
    """Mount all images that are not, and take away what a killed run left half made.

    :raises HostError: where one cannot be mounted.
    """
    if not workdir.disks.is_dir():
        return
    with _alone(workdir):
        for entry in os.scandir(workdir.disks):
            if entry.name.startswith(_NEW):
                _discard(Path(entry.path))
            elif entry.name.endswith(".img"):
                _attach(workdir, entry.name.removesuffix(".img"))


def forget(workdir: Workdir, name: str) -> None:
    """Remove a guest's image with all that is in it."""
    if _size(workdir, name) is not None:
        with _alone(workdir):
            _unmount(workdir.guest(name).path)
            _image(workdir, name).unlink()


def _image(workdir: Workdir, name: str) -> Path:
    return workdir.disks / f"{name}.img"


def _size(workdir: Workdir, name: str) -> int | None:
    try:
        return _image(workdir, name).stat().st_size // _MB
    except FileNotFoundError:
        return None


def _enclose(workdir: Workdir, name: str, size: int) -> None:
    """Put a guest's directory into an image.  That of the final name is always whole, and counts where both are there."""
    home, subject = workdir.guest(name).path, f"guest {name}"
    place = workdir.disks / f"{_NEW}{name}"
    fresh = place.with_suffix(".img")
    try:
        _make(fresh, size, subject)
        place.mkdir(mode=0o700)
        _mount(fresh, place, subject)
        files.copy_tree(home, place, subject, f"put what it has into {size} MB (disk)")
        _unmount(place)
        place.rmdir()
    except BaseException:
        _discard(place)
        _discard(fresh)
        raise
    _unmount(home)
    fresh.rename(_image(workdir, name))
    _attach(workdir, name)


def _free(workdir: Workdir, name: str) -> None:
    """Take a guest's directory out of its image."""
    home, subject = workdir.guest(name).path, f"guest {name}"
    fresh = home.with_name(f"{_NEW}{name}")
    files.remove_tree(fresh)
    files.copy_tree(home, fresh, subject, "copy what it has")
    _unmount(home)
    # What is below a mount is an empty directory.
    fresh.rename(home)
    _image(workdir, name).unlink()


def _attach(workdir: Workdir, name: str) -> None:
    home = workdir.guest(name).path
    if os.path.ismount(home):
        return
    files.remove_tree(home)
    home.mkdir(mode=0o700)
    _mount(_image(workdir, name), home, f"guest {name}")


def _make(image: Path, size: int, subject: str) -> None:
    with image.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate(size * _MB)
    # Diffs have many small files; and an image that is new needs no zeroes.
    options = (
        "-q",
        "-F",
        "-i",
        "8192",
        "-m",
        str(_RESERVE_PERCENT),
        "-E",
        "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
    )
    _run(subject, "mkfs.ext4", *options, str(image))


def _mount(image: Path, place: Path, subject: str) -> None:
    _run(subject, "mount", "-t", "ext4", "-o", "loop,nosuid,nodev", str(image), str(place))


def _run(subject: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise HostError(
            subject, f"there is no {command[0]}", "install e2fsprogs and mount (role dumm.lab.host does)"
        ) from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or "it said nothing"
        raise HostError(
            subject,
            f"cannot limit what it writes (disk): {command[0]} failed: {said}",
            "see whether the host has loop devices (modprobe loop) and room, or set disk: 0",
        )


def _unmount(place: Path) -> None:
    while os.path.ismount(place):
        syscalls.umount(str(place), syscalls.MNT_DETACH)


def _discard(path: Path) -> None:
    _unmount(path)
    with suppress(FileNotFoundError):
        path.rmdir() if path.is_dir() else path.unlink()


@contextmanager
def _alone(workdir: Workdir) -> Iterator[None]:
    """Runs that only look mount images, too, and do not hold the lab's lock."""
    directory = os.open(workdir.disks, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
