# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which lab a working directory is, and which processes are its own, also after the directory was copied or moved.

A lab has a name, which marks all that it has on the host.  The name is stored in ``lab.json``, with the directory that it was given to
(path, device, inode).  A directory that is another one is a copy as long as that one is where it was, or guests run in it; otherwise it
was moved.  ``/run/dumm/labs/NAME`` is a link to the directory that used the name last, so that no two directories of a host use the same.

A process belongs to the guest whose spool it sees: that mount follows a directory that is moved, and no copy has it.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import beneath, files

FILE = "lab.json"
OWNER_FILE = "owner"
DEFAULT = Path("/var/lib/dumm")
_CLAIMS = Path("/run/dumm/labs")
_OWNER_SIZE = 4096
_LONGEST_NAME = 64
Owner = dict[str, str]
# Names that nobody had: by the directory, with the time until which nobody else is taken to have started guests by that name.
_NAMES: dict[Path, tuple[str, float]] = {}
_NAME_SECONDS = 1.0


@dataclass(frozen=True)
class Identity:
    """Which lab a working directory is.

    :ivar name: of the lab, unique on the host.
    :ivar path: where the directory was when a run last changed the lab.
    :ivar original: name of the lab that the directory is a copy of, until a run has made it a lab of its own.
    """

    name: str
    path: Path
    original: str | None = None


@dataclass(frozen=True)
class Seen:
    """A guest's process.

    :ivar owner: its mark: lab, guest and launch.
    :ivar spool: the spool that it sees.
    """

    pid: int
    owner: Owner
    spool: os.stat_result | None

    def in_guest(self, directory: Path | str) -> bool | None:
        """Whether its guest's directory is this one; ``None`` where that cannot be told, since its own was removed or is out of sight."""
        with suppress(OSError):
            here = os.stat(f"{directory}/spool", follow_symlinks=False)
            if self.spool is not None and os.path.samestat(self.spool, here):
                return True
            if self._lives:
                return False
        return None

    def is_elsewhere(self, home: Path) -> bool:
        """Whether its guest lives in another working directory."""
        return self._lives and not self.in_guest(f"{home}/guests/{self.owner['guest']}")

    @property
    def _lives(self) -> bool:
        return self.spool is not None and self.spool.st_nlink > 0


def derived(path: Path, number: int = 0) -> str:
    """Name of the lab of a new working directory: ``dumm`` for the default one, else the directory's name and a hash of its path.

    It names the network namespace, for which pyroute2 takes ASCII only; other letters are left out.

    :param number: how many such names others have taken.
    """
    if path == DEFAULT and not number:
        return "dumm"
    name = path.name.encode("ascii", "ignore").decode()
    salt = f"//{number}".encode() if number else b""
    return f"dumm-{name[:24]}-{hashlib.sha256(os.fsencode(path) + salt).hexdigest()[:6]}"


def of(path: Path) -> Identity:
    """Which lab a working directory is, whatever is stored there.

    :param path: its real path; there need not be anything.
    """
    name, place = _stored(path)
    if name is None:
        return _of_earlier_version(path)
    if _is_held(name, path) or not (_is_at(place, path) or _was_moved(name, place, path)):
        return Identity(_fresh(path), path, name)
    return Identity(name, Path(place["path"]))


def is_stored(path: Path) -> bool:
    """Whether a directory says which lab it is."""
    return _stored(path)[0] is not None


def store(path: Path, name: str) -> dict[str, Any]:
    """What ``lab.json`` is to have of a lab's identity."""
    found = path.stat()
    place = {"path": str(path), "device": found.st_dev, "inode": found.st_ino, "boot": boot_id()}
    return {"name": name, "place": place}


def claim(path: Path, name: str) -> None:
    """Have a name for a directory that stores it; without a place for claims nobody is told."""
    claimed = _CLAIMS / name
    with suppress(OSError):
        if _holder(name) != path:
            _CLAIMS.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.symlink(claimed, str(path))


def release(path: Path, name: str) -> None:
    """Give a name back."""
    with suppress(OSError):
        if _holder(name) == path:
            (_CLAIMS / name).unlink()


@functools.cache
def boot_id() -> str:
    """Tells one boot of the host from another (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stored(path: Path) -> tuple[str | None, dict[str, Any]]:
    """Name of the lab, and the directory that it was given to, as stored; ``None`` for none, also by an earlier version."""
    try:
        found = (path / FILE).stat()
        return _read(path / FILE, (found.st_ino, found.st_mtime_ns, found.st_size))
    except OSError:
        return None, {}


@functools.lru_cache(maxsize=64)
def _read(path: Path, _version: tuple[int, ...]) -> tuple[str | None, dict[str, Any]]:
    # It is asked for each guest.
    stored = files.read_json(path)
    known = stored if isinstance(stored, dict) else {}
    name, place = known.get("name"), known.get("place")
    if not isinstance(name, str) or not isinstance(place, dict) or not isinstance(place.get("path"), str):
        return None, {}
    fits = name.startswith("dumm") and name.isprintable() and "/" not in name and len(name) <= _LONGEST_NAME
    return (name, place) if fits else (None, {})


def _is_at(place: dict[str, Any], path: Path) -> bool:
    """Whether a directory is the one that a name was given to; after a boot of the host devices may have other numbers."""
    try:
        found = path.stat()
    except OSError:
        return False
    same_device = found.st_dev == place.get("device") or place.get("boot") != boot_id()
    return found.st_ino == place.get("inode") and same_device


def _is_home(name: str, path: Path) -> bool:
    """Whether a directory is the one that a lab's name was given to, as itself says."""
    stored, place = _stored(path)
    return stored == name and _is_at(place, path)


def _was_moved(name: str, place: dict[str, Any], path: Path) -> bool:
    """Whether a directory has taken the place of the one that the name was given to: moved to another file system, or restored."""
    return not _is_home(name, Path(place["path"])) and not _runs_elsewhere(name, path)


def _holder(name: str) -> Path | None:
    try:
        return Path(os.readlink(_CLAIMS / name))
    except OSError:
        return None


def _is_held(name: str, path: Path) -> bool:
    """Whether another directory has a name."""
    holder = _holder(name)
    if holder is None or holder == path or not _is_home(name, holder):
        return False
    return not path.exists() or not os.path.samefile(holder, path)


def _fresh(path: Path) -> str:
    """A name that nobody has.

    A run asks for it ten times until it has stored it, and each answer is a look at all processes of the host.
    """
    name, until = _NAMES.get(path, ("", 0.0))
    if time.monotonic() < until and not _is_held(name, path):
        return name
    names = (derived(path, number) for number in itertools.count())
    name = next(name for name in names if not _is_held(name, path) and not _runs_elsewhere(name, path))
    _NAMES[path] = (name, time.monotonic() + _NAME_SECONDS)
    return name


def _of_earlier_version(path: Path) -> Identity:
    """Until 0.1.0 the name came from the path: what runs in the directory has it from where that was then."""
    if not path.exists():
        return Identity(derived(path), path)
    # To look at all processes of the host takes its time, and a new directory has no guests.
    seen_now = census() if any((path / "guests").glob("*")) else []
    ours = (each for each in seen_now if each.in_guest(path / "guests" / each.owner["guest"]))
    names = sorted({each.owner["lab"] for each in ours}, key=lambda name: (name != derived(path), name))
    name = next((name for name in names if not _is_held(name, path)), None)
    return Identity(_fresh(path) if name is None else name, path)


def _runs_elsewhere(name: str, path: Path) -> bool:
    """Whether guests that bear a lab's name run in another directory."""
    return any(each.owner["lab"] == name and each.is_elsewhere(path) for each in census())


def seen(pid: int) -> Seen | None:
    """What the root directory of a process says; ``None`` for a process that is not ours.

    :raises OSError: where it cannot be looked at.
    """
    # Anybody's process may have a root of its own making, with anything under that name.
    root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        owner = _owner(root)
        return None if owner is None else Seen(pid, owner, _spool(root))
    finally:
        os.close(root)


def _owner(root: int) -> Owner | None:
    try:
        with os.fdopen(beneath.open_file(root, OWNER_FILE), "rb") as file:
            # Any user of the host may have a root directory that says anything.
            is_ours = os.fstat(file.fileno()).st_uid == os.geteuid()
            owner = json.loads(file.read(_OWNER_SIZE + 1)) if is_ours else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(owner, dict) or not all(isinstance(owner.get(key), str) for key in ("lab", "guest")):
        return None
    return owner if "/" not in owner["guest"] else None


def _spool(root: int) -> os.stat_result | None:
    try:
        return os.stat("spool", dir_fd=root, follow_symlinks=False)
    except OSError:
        return None


class _Census:
    """Looks at all processes of the host, once for all threads that want to know at the same time: that takes 20 ms for a thousand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = self._done = 0
        self._found: list[Seen] = []

    def take(self) -> list[Seen]:
        """The guests' processes, as they are now or were since this was called."""
        wanted = self._begun + 1
        with self._lock:
            if self._done < wanted:
                self._begun += 1
                self._found = list(self._look())
                self._done = self._begun
            return self._found

    def _look(self) -> Iterator[Seen]:
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with suppress(OSError):
                    # Most processes of a host are nobody's, which takes one call to see.
                    os.lstat(f"/proc/{entry.name}/root/{OWNER_FILE}")
                    found = seen(int(entry.name))
                    if found is not None:
                        yield found


_CENSUS = _Census()


def census() -> list[Seen]:
    """The processes of all guests of the host, of whatever lab."""
    return _CENSUS.take()
