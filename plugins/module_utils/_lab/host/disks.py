# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a guest may write: its directory is a file system of its own then, in an image of that size below ``disks/``.

All that it can fill is in there: its diff, its spool, its ``boot.log``.  What only the host writes (its definition, its process) lies
beside the image, in ``disks/<name>/``, so a guest that fills its disk cannot keep the host from stopping and removing it.

A part of the space is kept back (ext4(5), ``resgid``): its root file system cannot fill that, so a guest whose disk is full still
answers.  Ext4 keeps no inodes back; ``spare/`` holds some, as empty files that are removed when a request needs them.  The image is
made, and given another size, while the guest does not run: a new one beside, that takes the old one's place when it has everything.  It
stays mounted as long as the guest is there; what a restart of the host or a killed run has unmounted is mounted again by the next run
that may change something.  One that only looks reads out of the image what it must know.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..model.errors import DummError, HostError
from . import files, syscalls
from .workdir import DISKS, GuestDir, Workdir, is_label

MIN_SIZE = 16
_MB = 1 << 20
_RESERVE_PERCENT = 10
_NEW = ".new-"
# As many as a start (its socket, its pid, its work directories) and the requests of several clients take.
_SPARES = 128
_REQUEST_INODES = 16
_DEFINITION = ("process.json", "guest.json", "mem", "linux", "master", "users", "ready")
_OWN_FILES = (*_DEFINITION, "doorbell.lock", "in", "out", "console")
# What is read out of an image; boot.log says how the guest ended.
_KNOWN = (*_DEFINITION, "boot.log")


def fit(workdir: Workdir, name: str, size: int | None, group: int) -> None:
    """Give a guest that does not run as much room as it is to have, with all that it has written.

    :param size: MB; ``None`` for no limit.
    :param group: the host's group that may use what is kept back of it.
    :raises HostError: where that is not possible; it keeps what it has then.
    """
    if size is None and _size(workdir, name) is None:
        return
    workdir.disks.mkdir(mode=0o700, exist_ok=True)
    with _alone(workdir):
        if size is None:
            _free(workdir, name)
            return
        if _size(workdir, name) != size:
            _enclose(workdir, name, size)
        # A version before this one left them in the image.
        _take_out(workdir, name)
    lend(workdir.guest(name))
    # Else it were root's, too, and a guest may have no users of its own.
    reserve = f"remount,resuid={group},resgid={group}"
    _run(f"guest {name}", "mount", "-o", reserve, str(workdir.guest(name).path))


def changes(workdir: Workdir, name: str, size: int | None) -> bool:
    """Whether a guest is to have a disk of another size, or none any more, or its first."""
    return _size(workdir, name) != size


def make_room(directory: GuestDir) -> bool:
    """Give the spare inodes of a guest's disk free, where there are too few others for a request.

    :return: whether that was so; :func:`save_spares` keeps inodes back again.
    """
    if directory.own == directory.path or os.statvfs(directory.spool).f_ffree >= _REQUEST_INODES:
        return False
    lend(directory)
    return True


def lend(directory: GuestDir) -> None:
    """Give the spare inodes of a guest's disk free, for what the host has to write there now."""
    for name in _spares(directory):
        with suppress(FileNotFoundError):
            (directory.spare / name).unlink()


def _spares(directory: GuestDir) -> list[str]:
    return os.listdir(directory.spare) if directory.spare.is_dir() else []


def save_spares(directory: GuestDir) -> None:
    """Keep inodes of a guest's disk back, as far as there are any."""
    if directory.own == directory.path:
        return
    with suppress(OSError):
        directory.spare.mkdir(mode=0o700, exist_ok=True)
        for number in range(_SPARES):
            (directory.spare / str(number)).touch(0o600)


def full(path: Path) -> str | None:
    """What is used up of the file system at ``path`` for everybody but root: ``space`` or ``inodes``; ``None`` for neither."""
    try:
        found = os.statvfs(path)
    except OSError as exc:
        return "space" if exc.errno == errno.ENOSPC else None
    # Some file systems, such as btrfs, make inodes as they need them, and say that they have none.
    if found.f_files and not found.f_favail:
        return "inodes"
    return None if found.f_bavail else "space"


def attach(workdir: Workdir) -> Workdir:
    """Mount all images that are not, take away what a killed run left half made, and keep the inodes back that it had lent.

    :return: the working directory, with the guests whose image cannot be mounted.
    """
    if not workdir.disks.is_dir():
        return workdir
    broken: dict[str, DummError] = {}
    with _alone(workdir):
        for entry in os.scandir(workdir.disks):
            if entry.name.startswith((_NEW, files.GONE)) or _is_left(workdir, entry):
                _discard(Path(entry.path))
        for name in _imaged(workdir):
            try:
                _attach(workdir, name)
            except DummError as exc:
                broken[name] = exc
                continue
            if len(_spares(workdir.guest(name))) < _SPARES:
                save_spares(workdir.guest(name))
    return dataclasses.replace(workdir, broken=broken)


def _is_left(workdir: Workdir, entry: os.DirEntry[str]) -> bool:
    """Whether that is what a killed run has not removed yet of a guest (:func:`forget`)."""
    is_own = entry.is_dir(follow_symlinks=False) and is_label(entry.name)
    return is_own and not any(map(os.path.lexists, (_image(workdir, entry.name), workdir.guest(entry.name).path)))


def _imaged(workdir: Workdir) -> list[str]:
    """Names of the guests that have an image."""
    names = (entry.name for entry in (os.scandir(workdir.disks) if workdir.disks.is_dir() else ()))
    return sorted(name.removesuffix(".img") for name in names if name.endswith(".img") and is_label(name[:-4]))


@contextmanager
def peek(workdir: Workdir) -> Iterator[Workdir]:
    """The working directory for a run that changes nothing: what is known of guests whose images are not mounted is read out of them.

    That takes no mount and no loop device, which others would meet.

    Guests whose image cannot be read are among those whose disk is broken.
    """
    names = [name for name in _imaged(workdir) if not os.path.ismount(workdir.guest(name).path)]
    if not names:
        yield workdir
        return
    if any(_has_loop(_image(workdir, name)) for name in names):
        # A guest that runs still has it mounted, out of our sight, and the kernel what is not in the image yet.
        os.sync()
    with tempfile.TemporaryDirectory(prefix="dumm-") as place:
        copies = {name: Path(place, "guests", name) for name in names}
        # What only the host writes is beside the image, and found there.
        Path(place, DISKS).symlink_to(workdir.disks)
        broken: dict[str, DummError] = {}
        for name, copy in copies.items():
            try:
                _read_out(_image(workdir, name), copy, f"guest {name}")
            except DummError as exc:
                broken[name] = exc
        yield dataclasses.replace(workdir, read_out=copies, broken=broken)


def _has_loop(image: Path) -> bool:
    """Whether a loop device has an image (loop(4))."""
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            if backing.read_text().rstrip("\n") == str(image):
                return True
    return False


def _read_out(image: Path, copy: Path, subject: str) -> None:
    """Copy what is known of a guest out of its image (debugfs(8)): of what it wrote no more than whether that is anything."""
    directory = GuestDir(copy)
    copy.mkdir(parents=True)
    if not image.is_file():
        raise HostError(
            subject, f"its disk {image} is no file", "restore that file, or remove the guest (state: absent)"
        )
    for place in (directory.saves, directory.diff):
        place.mkdir()
    # Names in diff are the guest's own, so they come last.
    commands = (f'rdump {" ".join(_KNOWN)} "{copy}"', "ls -p saves", "ls -p diff")
    said = _run(subject, "debugfs", "-f", "-", str(image), stdin="".join(f"{command}\n" for command in commands))
    # Each directory lists at least itself.
    if "\n/" not in said:
        raise HostError(
            subject,
            f"its disk {image} cannot be read while it is not mounted",
            f"start the guest with dumm_guest, which mounts it, or see what e2fsck -n {image} reports",
        )
    saves, _command, diff = said.partition(f"debugfs: {commands[-1]}\n")
    for name in _listed(saves):
        (directory.saves / name).mkdir()
    if _listed(diff):
        (directory.diff / "something").touch()


def _listed(said: str) -> list[str]:
    """Names of what debugfs has listed, as ``/inode/mode/uid/gid/name/size/``."""
    fields = [line.split("/") for line in said.splitlines() if line.startswith("/")]
    return [each[5] for each in fields if len(each) > 5 and each[5] not in (".", "..")]


def forget(workdir: Workdir, name: str) -> None:
    """Remove a guest's image with all that is in it, and the directory where it is mounted.

    The directory goes first: as long as the image is there, a run that follows a killed one knows the guest and what it belongs to;
    without both, :func:`attach` removes the rest.
    """
    if os.path.lexists(_image(workdir, name)):
        home = workdir.guest(name).path
        with _alone(workdir):
            _unmount(home)
            files.remove_tree(home)
            files.discard(_image(workdir, name))
            files.remove_tree(workdir.disks / name)


def check_unmounted(workdir: Workdir, names: Iterable[str]) -> None:
    """Whether the directories of guests can be removed.

    :raises HostError: where somebody has mounted something in one.
    """
    homes = {str(workdir.guest(name).path.resolve()): name for name in names}
    for line in Path("/proc/self/mountinfo").read_text().splitlines() if homes else ():
        place = Path(line.split()[4].encode().decode("unicode_escape"))
        for path in (place, *place.parents):
            name = homes.get(str(path))
            if name is not None and (path != place or _size(workdir, name) is None):
                raise HostError(f"guest {name}", f"something is mounted at {place}", f"unmount it (umount {place})")


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
    if _size(workdir, name) is None:
        files.remove_tree(workdir.disks / name)
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
    files.remove_tree(fresh / "spare")
    _copy_own(workdir.guest(name).own, fresh)
    _unmount(home)
    # What is below a mount is an empty directory.
    fresh.rename(home)
    # In this order: without the image, what lies beside it counts no more.
    _image(workdir, name).unlink()
    files.remove_tree(workdir.disks / name)


def _take_out(workdir: Workdir, name: str) -> None:
    """Have the files that only the host writes beside the image, and links to them in it."""
    outside, home = workdir.disks / name, workdir.guest(name).path
    if not outside.is_dir():
        fresh = workdir.disks / f"{_NEW}{name}.own"
        files.remove_tree(fresh)
        fresh.mkdir(mode=0o700)
        _copy_own(home, fresh)
        fresh.rename(outside)
    for each in _OWN_FILES:
        if not (home / each).is_symlink() or not os.readlink(home / each).startswith(f"../../{DISKS}/"):
            files.symlink(home / each, f"../../{DISKS}/{name}/{each}")


def _copy_own(source: Path, target: Path) -> None:
    """Copy the files that only the host writes, of a guest that does not run; what is there is replaced."""
    for each in _OWN_FILES:
        if (source / each).is_symlink():
            files.symlink(target / each, os.readlink(source / each))
        elif (source / each).is_file():
            files.write(target / each, (source / each).read_bytes())
        else:
            (target / each).unlink(missing_ok=True)


def _attach(workdir: Workdir, name: str) -> None:
    home, image = workdir.guest(name).path, _image(workdir, name)
    if os.path.ismount(home):
        return
    remedy = f"restore that file, repair it with e2fsck, or remove guest {name} (dumm_guest, state: absent)"
    if not image.is_file():
        # Neither a loop device nor mount(8) is to wait for a FIFO.
        raise HostError(f"guest {name}", f"its disk {image} is no file", remedy)
    try:
        if home.is_dir() and os.listdir(home):
            # Only an image that can be mounted takes the place of what is there.
            _mount(image, home, f"guest {name}")
            _unmount(home)
        files.remove_tree(home)
        home.mkdir(mode=0o700)
        _mount(image, home, f"guest {name}")
    except DummError as exc:
        raise HostError(f"guest {name}", f"its disk {image} cannot be mounted: {exc.cause}", remedy) from exc


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


def _run(subject: str, *command: str, stdin: str = "") -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, errors="replace", check=False, env=environment
        )
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
    return done.stdout


def _unmount(place: Path) -> None:
    while os.path.ismount(place):
        syscalls.umount(str(place), syscalls.MNT_DETACH)


def _discard(path: Path) -> None:
    _unmount(path)
    files.remove_tree(path)


@contextmanager
def _alone(workdir: Workdir) -> Iterator[None]:
    """Runs of dumm.lab 0.1.0 that only look mount images, too, and do not hold the lab's lock."""
    directory = os.open(workdir.disks, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
