# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The captures of a lab that go on without us, as they are on disk: ``captures/NAME/``.

A process of its own writes each (``access/capture/process``).  It holds a lock as long as it lives, flock(2) on ``lock``, and that file
says which process it is.  So none that has its number after it is taken for it, and none in a directory that is a copy, be it one of hard
links: the process has the directory itself open.

``capture.json`` has what was requested, ``state`` what has become of it until now, and ``packets.pcapng`` the packets if no other file
was requested.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model import stored
from ..model.errors import HostError
from . import files
from .wait import Deadline, poll_until
from .workdir import Workdir, is_label

_END_SECONDS = 10.0
_STATE_BYTES = 1 << 20
KILLED, DAMAGED = "killed", "damaged"


@dataclass(frozen=True)
class CaptureDir:
    """The directory of one capture."""

    path: Path

    @property
    def name(self) -> str:
        """The capture's name."""
        return self.path.name

    @property
    def label(self) -> str:
        """For messages."""
        return f"capture {self.name}"

    @property
    def definition(self) -> Path:
        """What was requested."""
        return self.path / "capture.json"

    @property
    def state(self) -> Path:
        """What has become of it until now."""
        return self.path / "state"

    @property
    def lock(self) -> Path:
        """Held by its process."""
        return self.path / "lock"

    @property
    def log(self) -> Path:
        """What its process complains of."""
        return self.path / "log"

    @property
    def packets(self) -> Path:
        """The file, if no other was requested."""
        return self.path / "packets.pcapng"


@dataclass(frozen=True)
class Recorded:
    """A capture, as it is now.

    :ivar interfaces: labels, ``alice:eth0``.
    :ivar file: where the packets are; ``None`` for a damaged record.
    :ivar only: its filter, as the user wrote it.
    :ivar bound: ``bytes``, ``packets`` and ``seconds``; ``None`` for no bound.
    :ivar process: number of its process; ``None`` after its end.
    :ivar gone: those of the interfaces that were removed while it went on.
    :ivar ended: why it has ended: a name of ``access.capture.record.End`` in small letters, :data:`KILLED` or :data:`DAMAGED`;
        ``None`` while it goes on.
    """

    name: str
    interfaces: tuple[str, ...] = ()
    file: str | None = None
    only: str = ""
    bound: Mapping[str, float | None] | None = None
    process: int | None = None
    packets: int = 0
    size: int = 0
    dropped: int = 0
    gone: tuple[str, ...] = ()
    ended: str | None = None

    def told(self) -> dict[str, Any]:
        """The same as the modules document it."""
        return {
            "interfaces": list(self.interfaces),
            "file": self.file,
            "filter": self.only,
            "bound": None if self.bound is None else dict(self.bound),
            "running": self.process is not None,
            "packets": self.packets,
            "bytes": self.size,
            "dropped": self.dropped,
            "gone": list(self.gone),
            "ended": self.ended,
        }


def directories(workdir: Workdir) -> list[CaptureDir]:
    """The directories of all captures of a lab, ordered by name."""
    try:
        found = [entry.name for entry in os.scandir(workdir.captures) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [CaptureDir(workdir.captures / name) for name in sorted(found) if is_label(name)]


def look(workdir: Workdir) -> dict[str, Recorded]:
    """All captures of a lab, by name."""
    return {directory.name: read(directory) for directory in directories(workdir)}


_COUNT = stored.whole
_LABELS = stored.texts(stored.text)
_REQUESTED: Mapping[str, stored.Reader] = {
    "interfaces": _LABELS,
    "file": stored.absolute,
    "only": stored.text,
    "bound": stored.mapping,
}
_BOUNDS: Mapping[str, stored.Reader] = {
    **dict.fromkeys(("bytes", "packets"), stored.optional(_COUNT)),
    "seconds": stored.optional(stored.number),
}
_BECOME: Mapping[str, stored.Reader] = {
    **dict.fromkeys(("packets", "size", "dropped"), _COUNT),
    "gone": _LABELS,
    "ended": stored.optional(stored.text),
}


def read(directory: CaptureDir) -> Recorded:
    """A capture as it is now."""
    # Whose process has ended before has said its last word.
    process = holder(directory)
    try:
        requested = stored.table(stored.parse(files.read(directory.definition)), "", _REQUESTED)
        become = stored.table(stored.parse(files.read(directory.state, _STATE_BYTES)), "", _BECOME)
        bound = stored.table(requested.pop("bound", {}), "bound", _BOUNDS)
    except (OSError, stored.Unfit):
        return Recorded(directory.name, process=process, ended=None if process is not None else DAMAGED)
    ended = None if process is not None else become.pop("ended", None) or KILLED
    return Recorded(directory.name, **requested, **{**become, "bound": bound, "process": process, "ended": ended})


def holder(directory: CaptureDir) -> int | None:
    """Number of the process of a capture; ``None`` where it has ended."""
    try:
        lock = os.open(directory.lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(lock, directory)
    except OSError:
        return None
    finally:
        os.close(lock)
    return None


def _named(lock: int, directory: CaptureDir) -> int | None:
    """The process that a lock names, unless it is that of another directory, of which this is a copy of hard links."""
    try:
        told = json.loads(os.pread(lock, 4096, 0))
        pid, place = int(told["pid"]), int(told["directory"])
        own = os.path.samestat(os.stat(f"/proc/{pid}/fd/{place}"), directory.path.stat())
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return pid if own else None


def end(directory: CaptureDir) -> None:
    """Have a capture end with all that has come, and wait for that.

    :raises HostError: where it does not end even by force.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        _send(directory, number)
        if await_end(directory, _END_SECONDS):
            return
    raise HostError(directory.label, "its process does not end", "look for processes in state D, then run again")


def await_end(directory: CaptureDir, seconds: float) -> bool:
    """Whether a capture has ended, after some time at the latest."""
    return poll_until(lambda: holder(directory) is None or None, Deadline(seconds)) is not None


def _send(directory: CaptureDir, number: signal.Signals) -> None:
    """Send a signal to the process of a capture, and to nobody who has its number after it."""
    pid = holder(directory)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        try:
            if holder(directory) == pid:
                signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)


def end_all_without(workdir: Workdir, labels: Collection[str]) -> None:
    """End the captures none of whose interfaces is there any more; they do that by themselves, and this waits for it.

    :param labels: of the interfaces that are there.
    :raises HostError: as :func:`end`.
    """
    for directory in directories(workdir):
        found = read(directory)
        is_over = found.process is not None and not set(found.interfaces) & set(labels)
        if is_over and not await_end(directory, _END_SECONDS):
            end(directory)
