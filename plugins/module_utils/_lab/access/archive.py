# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of labs: parts of a working directory in a tar file, with owners, modes and extended attributes, which a union lives by.

The first member says what the archive is (``dumm-pack.json``).  Whoever reads one trusts nobody who wrote it.  No member leaves the
directory that it is read into, by its own name or through a link that came before it, and of devices there are only whiteouts
(overlayfs).  Everything is read into a directory aside, so that an archive that is refused in its middle has changed nothing.
"""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..host import files, syscalls
from ..host.workdir import GuestDir
from ..model.errors import HostError, InvalidInput
from ..union import saves

MANIFEST, FORMAT = "dumm-pack.json", 1
# What an archive may have, beside the manifest.
PLACES = ("scenarios", "layers", "guests")
_XATTR = "SCHILY.xattr."
_CHUNK = 1 << 20
_LARGEST_MANIFEST = 16 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_RULES = syscalls.RESOLVE_BENEATH | syscalls.RESOLVE_NO_SYMLINKS | syscalls.RESOLVE_NO_MAGICLINKS
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def write(target: Path, manifest: dict[str, Any], workdir: Path, trees: Sequence[str]) -> list[str]:
    """Write an archive; one that is begun and not finished is not left.

    :param target: its name tells the compression: ``.tar.zst``, or gzip.
    :param trees: paths below the working directory.
    :return: what could not be packed, in words.
    :raises HostError: where it cannot be written.
    """
    left: list[str] = []
    fresh = target.with_name(f".new-{target.name}")
    try:
        with (
            _compressed(fresh, zstd=target.name.endswith(".zst")) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive,
        ):
            data = json.dumps(manifest, indent=1).encode() + b"\n"
            info = tarfile.TarInfo(MANIFEST)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
            for tree in trees:
                left += _add(archive, workdir, tree)
        fresh.rename(target)
    except OSError as exc:
        raise HostError(
            f"archive {target}", f"it cannot be written: {exc.strerror or exc}", "give it another place with --output"
        ) from exc
    finally:
        fresh.unlink(missing_ok=True)
    return left


def _add(archive: tarfile.TarFile, workdir: Path, tree: str) -> Iterator[str]:
    """Add a tree with all directories above it; what cannot be added."""
    parts = Path(tree).parts
    for number in range(1, len(parts)):
        yield from _add_one(archive, workdir, "/".join(parts[:number]))
    for directory, below, names in os.walk(workdir / tree):
        relative = os.path.relpath(directory, workdir)
        yield from _add_one(archive, workdir, relative)
        links = [name for name in below if os.path.islink(os.path.join(directory, name))]
        below[:] = sorted(set(below) - set(links))
        for name in sorted([*names, *links]):
            yield from _add_one(archive, workdir, f"{relative}/{name}")


def _add_one(archive: tarfile.TarFile, workdir: Path, name: str) -> Iterator[str]:
    path = workdir / name
    try:
        info = archive.gettarinfo(path, name)
        status = path.lstat()
    except OSError as exc:
        yield f"{path}: {exc.strerror}"
        return
    if info is None or (info.isdev() and not _is_whiteout(info)):
        yield f"{path}: it is a socket or a device"
        return
    # Names are those of this host.
    info.uname = info.gname = ""
    if not stat.S_ISLNK(status.st_mode):
        info.pax_headers = {
            f"{_XATTR}{key}": os.getxattr(path, key, follow_symlinks=False).decode("utf-8", "surrogateescape")
            for key in os.listxattr(path, follow_symlinks=False)
        }
    if info.isreg():
        with open(path, "rb") as file:
            archive.addfile(info, file)
    else:
        archive.addfile(info)


def _is_whiteout(info: tarfile.TarInfo) -> bool:
    return info.isfifo() or (info.ischr() and (info.devmajor, info.devminor) == (0, 0))


@contextmanager
def _compressed(path: Path, *, zstd: bool) -> Iterator[IO[bytes]]:
    """What is written to a file compressed, which only its owner may read."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    words = ["zstd", "-q", "-c"] if zstd else ["gzip", "-c"]
    try:
        with _program(words, stdin=subprocess.PIPE, stdout=file) as run:
            stream = _of(run.stdin)
            yield stream
            stream.close()
            if run.wait() != 0:
                raise OSError(0, f"{words[0]} failed")
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """An archive that is read.

    :raises InvalidInput: where it is none, or of a newer version.
    """
    subject = f"archive {path}"
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
    except OSError as exc:
        raise InvalidInput(subject, f"it cannot be read: {exc.strerror}", "name another") from None
    if not magic.startswith((_GZIP, _ZSTD)):
        raise InvalidInput(subject, "it is no archive of dumm pack", "name a file that dumm pack has written")
    words = ["zstd" if magic == _ZSTD else "gzip", "-d", "-c", "--", str(path)]
    with _program(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        try:
            with tarfile.open(
                fileobj=_of(run.stdout), mode="r|", encoding="utf-8", errors="surrogateescape"
            ) as archive:
                yield Reader(_manifest(subject, archive), archive, run)
        except (tarfile.TarError, EOFError, ValueError) as exc:
            raise InvalidInput(subject, f"it is damaged: {exc}", "copy it again, or pack it anew") from None


@contextmanager
def _program(words: Sequence[str], **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    try:
        run = subprocess.Popen(words, **streams)
    except FileNotFoundError:
        raise HostError(
            f"program {words[0]}", "it is not installed", f"install {words[0]}, or name the archive .tar.gz"
        ) from None
    try:
        yield run
    finally:
        for stream in (run.stdin, run.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        run.wait()


def _of(stream: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for."""
    if stream is None:
        raise AssertionError
    return stream


def _manifest(subject: str, archive: tarfile.TarFile) -> dict[str, Any]:
    first = archive.next()
    file = archive.extractfile(first) if first is not None and first.name == MANIFEST and first.isreg() else None
    if file is None or first is None or first.size > _LARGEST_MANIFEST:
        raise InvalidInput(subject, "it is no archive of dumm pack", "name a file that dumm pack has written")
    found = json.loads(file.read())
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise InvalidInput(subject, "it does not say what it is", "pack it anew")
    if found["format"] > FORMAT:
        raise InvalidInput(subject, "a newer version of dumm.lab has written it", "install that version")
    return found


@dataclass(frozen=True)
class Reader:
    """An archive whose first member was read.

    :ivar manifest: what it says it is.
    """

    manifest: dict[str, Any]
    _archive: tarfile.TarFile
    _run: subprocess.Popen[bytes]

    def extract(self, target: Path) -> None:
        """Read all members into an empty directory.

        :raises InvalidInput: for one that may not be in there, or where the archive has no end.
        """
        _extract(self._archive, target)
        # What was cut off between two members looks like a shorter archive.
        while self._run.stdout is not None and self._run.stdout.read(_CHUNK):
            pass
        if self._run.wait() != 0:
            raise tarfile.ReadError("its end is missing")


def _extract(archive: tarfile.TarFile, target: Path) -> None:
    top = os.open(target, _DIRECTORY | os.O_CLOEXEC)
    try:
        times = []
        while (info := archive.next()) is not None:
            _check(info)
            _extract_one(archive, info, top)
            if info.isdir():
                times.append(info)
        # What was put into them has changed those.
        for info in reversed(times):
            with _parent(top, info.name) as (parent, name), suppress(OSError):
                os.utime(name, (info.mtime, info.mtime), dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(top)


def _check(info: tarfile.TarInfo) -> None:
    """:raises InvalidInput: where a member is none that ``dumm pack`` writes."""
    parts = info.name.split("/")
    names = [info.linkname] if info.islnk() else []
    for name in (info.name, *names):
        if name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
            raise _refused(info, "its path leads out of the archive")
    if parts[0] == "guests" and len(parts) > 2 and parts[2] != "saves":
        raise _refused(info, "it is of no part of a lab")
    if parts[0] not in PLACES or (names and info.linkname.split("/")[0] not in PLACES):
        raise _refused(info, "it is of no part of a lab")
    if info.isdev() and not _is_whiteout(info):
        raise _refused(info, "it is a device")
    if not (info.isreg() or info.isdir() or info.issym() or info.islnk() or info.isdev()):
        raise _refused(info, "it is of an unknown kind")


def _refused(info: tarfile.TarInfo, cause: str) -> InvalidInput:
    return InvalidInput(f"archive member {info.name}", cause, "do not trust this archive; nothing was changed")


@contextmanager
def _parent(top: int, name: str) -> Iterator[tuple[int, str]]:
    """The directory of a member, and its name there; no link is followed."""
    above, _slash, last = name.rpartition("/")
    fd = syscalls.openat2(top, above or ".", _DIRECTORY, _RULES)
    try:
        yield fd, last
    finally:
        os.close(fd)


def _extract_one(archive: tarfile.TarFile, info: tarfile.TarInfo, top: int) -> None:
    try:
        with _parent(top, info.name) as (parent, name):
            _make(archive, info, top, parent, name)
            if not info.islnk():
                _dress(info, parent, name)
    except OSError as exc:
        raise _refused(info, f"it cannot be made: {exc.strerror}") from None


def _make(archive: tarfile.TarFile, info: tarfile.TarInfo, top: int, parent: int, name: str) -> None:
    if info.isdir():
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
        # A link may be in its place.
        os.close(syscalls.openat2(parent, name, _DIRECTORY, _RULES))
    elif info.issym():
        os.symlink(info.linkname, name, dir_fd=parent)
    elif info.islnk():
        with _parent(top, info.linkname) as (other, linked):
            os.link(linked, name, src_dir_fd=other, dst_dir_fd=parent, follow_symlinks=False)
    elif info.isdev():
        kind = stat.S_IFIFO if info.isfifo() else stat.S_IFCHR
        os.mknod(name, kind | 0o600, os.makedev(0, 0), dir_fd=parent)
    else:
        source = archive.extractfile(info)
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent)
        with os.fdopen(fd, "wb") as file:
            while source is not None and (data := source.read(_CHUNK)):
                file.write(data)


def _dress(info: tarfile.TarInfo, parent: int, name: str) -> None:
    """Owner, mode, extended attributes and time; setting the owner takes privileges of the mode away, so that comes first."""
    os.chown(name, info.uid, info.gid, dir_fd=parent, follow_symlinks=False)
    path = f"/proc/self/fd/{parent}/{name}"
    if not info.issym():
        os.chmod(path, info.mode & 0o7777)
        for key, value in info.pax_headers.items():
            if key.startswith(_XATTR):
                data = value.encode("utf-8", "surrogateescape")
                os.setxattr(path, key.removeprefix(_XATTR), data, follow_symlinks=False)
    os.utime(name, (info.mtime, info.mtime), dir_fd=parent, follow_symlinks=False)


def saved(directory: GuestDir) -> list[str]:
    """A guest's saving points."""
    return saves.names(directory)


def place(source: Path, target: Path, subject: str) -> None:
    """Move what was read to its place, where there is nothing yet; across file systems it is copied."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError:
        files.copy_tree(source, target, subject, "unpack")
