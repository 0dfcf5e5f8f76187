# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Captures that go on without us: start one, end it, remove it.  ``host/captures`` tells what there is.

A capture belongs to a working directory and has a name there.  It ends when it reaches a bound, when it is stopped, and when all of its
interfaces are gone, with their guests or with the lab.  Its file stays until the capture is removed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ...host import captures, files, sources, syscalls
from ...host.captures import CaptureDir, Recorded
from ...host.workdir import Workdir
from ...model import errors, reference
from ...model.errors import HostError, InvalidInput, from_oserror, nearest
from ...model.rules import check_label
from . import batch, filters, pcapng, process, record, sockets
from .filters import MAX_SNAPLEN
from .record import Bound, Heading, Namespace
from .sockets import Tap
from .taps import chosen, created, headed, opened, watched

DEFAULT = Bound()
_START = "import sys; sys.path[:0] = sys.argv[2:]; from _lab.access.capture.process import main; main(sys.argv[1])"
_MODULES = (
    process,
    record,
    sockets,
    batch,
    filters,
    pcapng,
    errors,
    reference,
)


def start(
    workdir: Workdir,
    name: str,
    interfaces: Iterable[str],
    *,
    file: Path | None = None,
    only: str = "",
    snaplen: int = MAX_SNAPLEN,
    bound: Bound = DEFAULT,
    comment: str = "",
) -> Recorded:
    """Start a capture that goes on without us.  What comes after this has returned is in it.

    :param interfaces: as for ``capture.started``, and so are the others.
    :param file: where the packets are to be; a file of the capture's own directory without, which goes with it.
    :param bound: it must have one of size, packets or time.
    :raises InvalidInput: where there is a capture of that name, or the arguments cannot be.
    :raises HostError: where it does not start; nothing is left then.
    """
    check_label("capture", name)
    directory = CaptureDir(workdir.captures / name)
    if os.path.lexists(directory.path):
        raise _taken(directory)
    if bound == Bound(None, None, None):
        raise InvalidInput(
            directory.label, "it has no bound, and would fill the disk", "give it one of size, packets or time"
        )
    lab = workdir.load()
    found = chosen(lab, interfaces)
    with ExitStack() as stack:
        taps = opened(workdir, lab, found, only, snaplen)
        for tap in taps:
            stack.callback(tap.close)
        told = comment or f"capture {name} of lab {lab.name}"
        try:
            place = stack.enter_context(watched(lab))
            _launch(workdir, directory, taps, headed(lab, found, told, only, snaplen), bound, place, file, stack)
        except OSError as exc:
            raise from_oserror(directory.label, "start it:", exc) from exc
    return captures.read(directory)


def stop(workdir: Workdir, name: str) -> Recorded:
    """End a capture with all that has come, if it goes on; its file stays.

    :raises InvalidInput: where there is none of that name.
    :raises HostError: where its process does not end.
    """
    directory = _existing(workdir, name)
    captures.end(directory)
    found = captures.read(directory)
    if found.ended == captures.KILLED and found.file is not None:
        _mend(Path(found.file))
    return found


def remove(workdir: Workdir, name: str) -> Recorded:
    """End a capture, if it goes on, and forget it; a file that is not its own stays.

    :return: what it was.
    :raises InvalidInput: where there is none of that name.
    :raises HostError: where its process does not end.
    """
    found = stop(workdir, name)
    files.remove_tree(_existing(workdir, name).path)
    return found


def _existing(workdir: Workdir, name: str) -> CaptureDir:
    known = captures.directories(workdir)
    for directory in known:
        if directory.name == name:
            return directory
    raise InvalidInput(f"capture {name}", "there is none of that name", nearest(name, [each.name for each in known]))


def _taken(directory: CaptureDir) -> InvalidInput:
    return InvalidInput(directory.label, "there is one already", "give it another name, or remove that one first")


def _mend(path: Path) -> None:
    """Take away what a process that was killed has written of a packet."""
    with suppress(OSError):
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.ftruncate(file, pcapng.whole(file))
        finally:
            os.close(file)


def _launch(
    workdir: Workdir,
    directory: CaptureDir,
    taps: Sequence[Tap],
    heading: Heading,
    bound: Bound,
    namespace: Namespace | None,
    file: Path | None,
    stack: ExitStack,
) -> None:
    """Start the process.  It begins when the capture has its name: what is killed before leaves neither a process nor a name."""
    workdir.captures.mkdir(mode=0o700, exist_ok=True)
    fresh = CaptureDir(workdir.captures / f".new-{directory.name}-{os.getpid()}")
    files.remove_tree(fresh.path)
    fresh.path.mkdir(mode=0o700)
    stack.callback(lambda: files.remove_tree(fresh.path))
    place = directory.packets if file is None else Path(os.path.abspath(file))
    bounds = {"bytes": bound.size, "packets": bound.packets, "seconds": bound.seconds}
    labels = [tap.label for tap in taps]
    files.write_json(
        fresh.definition, {"interfaces": labels, "file": str(place), "only": heading.expression, "bound": bounds}
    )
    state = _opened(fresh.state, stack)
    os.write(state, b"{}\n")
    lock = _opened(fresh.lock, stack)
    fcntl.flock(lock, fcntl.LOCK_EX)
    output = created(fresh.packets if file is None else place)
    stack.callback(os.close, output)
    log = _opened(fresh.log, stack)
    own = os.open(fresh.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, own)
    only = taps[0].only
    argument = {
        "taps": [[tap.label, tap.fileno()] for tap in taps],
        "interfaces": [[each.name, each.description, each.mac] for each in heading.interfaces],
        "comment": heading.comment,
        "expression": heading.expression,
        "only": "" if only is None else only.compiled,
        "snaplen": heading.snaplen,
        "bound": {"size": bound.size, "packets": bound.packets, "seconds": bound.seconds},
        "place": None if namespace is None else [namespace.path, namespace.watch],
        "of": str(directory.path),
        "output": output,
        "state": state,
        "lock": lock,
        "directory": own,
    }
    program = sources.unpacked(_MODULES, workdir.agents, "capture")
    _begin(directory, fresh, program, argument, log)


def _opened(path: Path, stack: ExitStack) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, file)
    return file


def _begin(directory: CaptureDir, fresh: CaptureDir, program: Path, argument: dict[str, Any], log: int) -> None:
    ready, say = os.pipe2(os.O_CLOEXEC)
    waits, go = os.pipe2(os.O_CLOEXEC)
    try:
        told = json.dumps({**argument, "ready": say, "go": waits})
        numbers = [argument[key] for key in ("output", "state", "lock", "directory")]
        numbers += [] if argument["place"] is None else argument["place"][1:]
        with syscalls.FORKING:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-X", "utf8", "-c", _START, told, str(program)],
                pass_fds=(*numbers, *(number for _label, number in argument["taps"]), say, waits),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"HOME": "/"},
                start_new_session=True,
            )
        # It is to outlive us; where this process lives on, it is reaped when it has ended.
        threading.Thread(target=process.wait, daemon=True).start()
        os.close(say)
        say = -1
        if os.read(ready, 5) != b"ready":
            said = " | ".join(files.tail(fresh.log, 3)) or "it said nothing"
            raise HostError(directory.label, f"its process does not start: {said}", "run again")
        _name(fresh, directory)
        os.write(go, b"g")
    finally:
        for fd in (ready, say, waits, go):
            if fd >= 0:
                os.close(fd)


def _name(fresh: CaptureDir, directory: CaptureDir) -> None:
    try:
        fresh.path.rename(directory.path)
    except OSError as exc:
        if exc.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise _taken(directory) from None
        raise
