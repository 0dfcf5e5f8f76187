# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dumm console`` from its first line to its last."""

from __future__ import annotations

import importlib
import sys
from contextlib import ExitStack
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.watch import Watch
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.table import RED, colourful
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, plain

from . import words
from .asking import Source
from .lab import Changes, complain
from .script import Script
from .verbs import Verbs

_FAILED = 1


def run(workdir: str, *, keep_going: bool) -> int:
    """Obey lines until there are no more.

    :param workdir: path of the working directory, as the user wrote it.
    :param keep_going: whether a script goes on behind a line that failed.
    :return: the exit code: 1 where a line of a script failed.
    """
    # A terminal may know few letters, and a script may have others than UTF-8.
    for stream in (sys.stdin, sys.stdout):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    changes = Changes(workdir)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _run_script(changes, keep_going=keep_going)
    # Only who types needs it.
    terminal = importlib.import_module(f"{__package__}.terminal")
    with ExitStack() as stack:
        watch = stack.enter_context(Watch(workdir))
        source: Source = terminal.Terminal(watch, lambda: changes.known(watch.lab))
        _talk(source, changes)
    return 0


def _run_script(changes: Changes, *, keep_going: bool) -> int:
    script = Script(sys.stdin)
    verbs = Verbs(changes, script)
    code = 0
    while True:
        try:
            line = script.line(verbs.room, planning=changes.planning)
        except EOFError:
            return code
        number = script.number
        told = _obeyed(verbs, line)
        if told is _END:
            return code
        if isinstance(told, str):
            code = _FAILED
            complain(f"line {number}: {told}")
            if not keep_going:
                return code


def _talk(source: Source, changes: Changes) -> None:
    verbs = Verbs(changes, source)
    told: str | _End | None = None
    while told is not _END:
        try:
            line = source.line(verbs.room, planning=changes.planning)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if words.is_nothing(line):
            continue
        try:
            told = _obeyed(verbs, line)
        except KeyboardInterrupt:
            told = "interrupted; what was done stays, and the same line again does the rest"
        if isinstance(told, str):
            _complain_in_red(told)


def _complain_in_red(sentence: str) -> None:
    before, after = (f"\x1b[{RED}m", "\x1b[0m") if colourful(sys.stderr) else ("", "")
    sys.stdout.flush()
    sys.stderr.write(f"{before}{plain(sentence)}{after}\n")
    sys.stderr.flush()


class _End:
    """That a line was the last one."""


_END = _End()


def _obeyed(verbs: Verbs, line: str) -> str | _End | None:
    """Obey a line; what is to be said of it where that failed."""
    try:
        verbs.obey(line)
    except EOFError:
        return _END
    except DummError as exc:
        return str(exc)
    except BrokenPipeError:
        # Nobody reads any more.
        raise
    except PermissionError as exc:
        return f"{exc.filename}: {exc.strerror}; run as root"
    except (OSError, UnicodeError) as exc:
        return f"this line: {exc}; look at the path"
    return None
