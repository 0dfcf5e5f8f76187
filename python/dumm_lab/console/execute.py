# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line for a guest's shell, whose output is shown as it comes and does nothing to a terminal."""

from __future__ import annotations

import codecs
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.line import Line
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.streams import Followed
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage import LONGEST
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import plain

_CHUNK = 1 << 16
_ANSWER_SECONDS = 30.0


def execute(workdir: str, guest: str, line: str) -> int:
    """Run a line in a guest.

    :return: its exit code.
    :raises DummError: where the guest does not answer.
    """
    sys.stdout.flush()
    with ExitStack() as stack:
        out, err = (stack.enter_context(_shown(fd)) for fd in (1, 2))
        outputs = stack.enter_context(closing(Followed(guest, out, err)))
        done = Line(workdir, guest).run(
            line, b"", timeout=LONGEST, max_output=sys.maxsize, answer=_ANSWER_SECONDS, follow=outputs.look
        )
    return done.code


@contextmanager
def _shown(fd: int) -> Iterator[int]:
    """A descriptor whose bytes come out of another one: harmless on a terminal, and as they are elsewhere."""
    if not os.isatty(fd):
        yield fd
        return
    source, target = os.pipe2(os.O_CLOEXEC)
    thread = threading.Thread(target=_hand_on, args=(source, fd))
    thread.start()
    try:
        yield target
    finally:
        os.close(target)
        thread.join()
        os.close(source)


def _hand_on(source: int, fd: int) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while data := os.read(source, _CHUNK):
        text = plain(decoder.decode(data).replace("\r\n", "\n"))
        left = text.encode(sys.stdout.encoding or "utf-8", "backslashreplace")
        try:
            while left:
                left = left[os.write(fd, left) :]
        except OSError:
            # The terminal is gone; the command goes on to its end, or to the signal that tells of it.
            continue
