# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process of a capture that goes on without us: it writes the file, and says what becomes of it (``host/captures``).

    python3 -c ... {"taps": [["alice:eth0", 5]], "output": 6, "state": 7, "lock": 8, "directory": 9, "go": 10, "ready": 11, ...}

The numbers are of descriptors that whoever started it has opened: the sockets hear everything from then on.  It begins when it is told to,
and ends if nobody is there any more to do so, as the capture has no name until then.  It needs no rights, and so has none.

It runs from a copy of these files: only the standard library and what reads and writes packets is imported here.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .filters import Filter
from .pcapng import Described
from .record import Bound, Heading, Namespace, Recorder
from .sockets import Tap

# nobody of Debian
_NOBODY = 65534
# How often its state is written, in seconds.
_PAUSE = 0.1


def main(argument: str) -> None:
    """Capture."""
    told = json.loads(argument)
    wakes = _ends_on_signals()
    os.pwrite(told["lock"], json.dumps({"pid": os.getpid(), "directory": told["directory"]}).encode(), 0)
    _give_up_rights()
    os.write(told["ready"], b"ready")
    os.close(told["ready"])
    if not os.read(told["go"], 1):
        return
    only = Filter(told["only"]) if told["only"] else None
    taps = [Tap(label, socket.socket(fileno=number), only) for label, number in told["taps"]]
    heading = Heading(
        [Described(*each) for each in told["interfaces"]], told["comment"], told["expression"], told["snaplen"]
    )
    place = None if told["place"] is None else Namespace(*told["place"])
    recorder = Recorder(taps, told["output"], heading, Bound(**told["bound"]), place)
    _record(recorder, wakes, told["state"])


def _record(recorder: Recorder, wakes: int, state: int) -> None:
    said, at = (0, 0), time.monotonic()
    while recorder.end is None:
        now = (recorder.packets, len(recorder.gone))
        recorder.wait(wakes, _PAUSE if now != said else None)
        if _is_asked_to_end(wakes):
            recorder.stop()
        else:
            recorder.step()
        if recorder.end is None and now != said and time.monotonic() - at >= _PAUSE:
            _say(state, recorder, None)
            said, at = now, time.monotonic()
    _say(state, recorder, recorder.end.code)


def _say(state: int, recorder: Recorder, ended: str | None) -> None:
    """Say what has become of the capture.  It never gets shorter, so that whoever reads it reads all."""
    told: Mapping[str, Any] = {
        "packets": recorder.packets,
        "size": recorder.size,
        "dropped": sum(each.dropped for each in recorder.counted.values()),
        "gone": recorder.gone,
        "ended": ended,
    }
    with suppress(OSError):
        # On a full disk nobody is told.
        os.pwrite(state, json.dumps(told).encode().ljust(256) + b"\n", 0)


def _ends_on_signals() -> int:
    """A descriptor that is readable as soon as this process has been asked to end."""
    waked, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return waked


def _is_asked_to_end(waked: int) -> bool:
    with suppress(BlockingIOError):
        return bool(os.read(waked, 64))
    return False


def _give_up_rights() -> None:
    """It reads sockets and writes a file, all open already; what it has of a full disk is not root's share."""
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)


if __name__ == "__main__":
    main(sys.argv[1])
