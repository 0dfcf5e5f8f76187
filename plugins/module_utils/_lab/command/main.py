# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ``dumm``: finds the file of the verb that the user named, and turns what that raises into one line and an exit code.

A verb is a file of this package and a row of :data:`VERBS`.  The file has ``run(words, workdir)``, which gets the words after the verb and
the working directory, and returns the exit code; ``usage.Parser`` reads the words.  It is imported only when it is asked for: ``dumm
exec`` is called hundreds of times by a script, and what takes long to import (pyroute2, Jinja2) costs more than what it does.

``scripts/dumm`` runs this under the lab host's own Python, and the companion package (``python/``) has it as its entry point.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

from ..model.errors import DummError, nearest
from .usage import DEFAULT_WORKDIR, VERSION, Parser, WrongUsage, complain

WRONG_USAGE = 2
# That some verbs need, and the packages of Debian that have them.
LIBRARIES = {"jinja2": "python3-jinja2", "pyroute2": "python3-pyroute2", "yaml": "python3-yaml"}
_SHELL_SIGNAL = 128


@dataclass(frozen=True)
class Verb:
    """What the command can do.

    :ivar summary: for ``dumm --help``.
    :ivar failed: exit code where the verb itself fails.
    """

    summary: str
    failed: int = 1


VERBS = {
    "up": Verb("Make the lab what a scenario file describes"),
    "plan": Verb("Show what 'up' would do"),
    "down": Verb("Remove a scenario, or the whole lab"),
    "start": Verb("Start guests"),
    "stop": Verb("Stop guests"),
    "console": Verb("Type a lab together, a line at a time, or run such lines from a file"),
    "inspect": Verb("Show guests, links, bridges, scenarios or all labs in tables"),
    "graph": Verb("Draw the lab, or a scenario file, as SVG, Mermaid, D2, DOT or draw.io"),
    "map": Verb("Show the live lab in a browser, and change it there"),
    "attach": Verb("Open a terminal in a guest, or its console 0", failed=255),
    "exec": Verb("Run a command in a guest", failed=255),
    "logs": Verb("Print what a guest's kernel printed"),
    "reach": Verb("Ping between all guests"),
    "capture": Verb("Capture packets at interfaces of guests"),
    "events": Verb("Print each change of the lab as a line of JSON"),
    "test": Verb("Run tests in a lab", failed=3),
    "why": Verb("Find the hop where packets from one guest to another die, and the reason", failed=3),
    "pack": Verb("Pack the lab into one archive"),
    "unpack": Verb("Make a lab of an archive"),
    "completion": Verb("Print what completes dumm in a shell, or its manual page"),
}
_EXAMPLES = """\
  dumm exec alice ip -br addr
  dumm attach alice
  dumm capture alice:eth0 | tshark -r -
"""


class _Ended(BaseException):
    """A signal that asks this process to end; what it has begun elsewhere ends first."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def program() -> int:
    """Be the program ``dumm``: as :func:`main`, and end as whoever sent a signal expects."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup(1) has it ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    _keep_streams_apart()
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _end_by(signal.SIGPIPE)
    except KeyboardInterrupt:
        return _end_by(signal.SIGINT)
    except _Ended as exc:
        return _end_by(exc.number)


def main(words: Sequence[str]) -> int:
    """Do as the words after the command's name say.

    :return: the exit code.
    """
    parser = _parser()
    if not words:
        parser.print_help(sys.stderr)
        return WRONG_USAGE
    failed = WRONG_USAGE
    try:
        wanted = parser.parse_args(words)
        verb = VERBS.get(wanted.verb)
        if verb is None:
            raise WrongUsage("dumm", f"there is no command {wanted.verb}", nearest(wanted.verb, VERBS))
        failed = verb.failed
        if wanted.lab_host:
            there = None if wanted.workdir == DEFAULT_WORKDIR else wanted.workdir
            ssh = importlib.import_module(f"{__package__}.lab_host")
            return int(ssh.run(wanted.lab_host, wanted.verb, wanted.words, there))
        file = importlib.import_module(f"{__package__}.{wanted.verb}")
        code: int = file.run(wanted.words, wanted.workdir)
        sys.stdout.flush()
        return code
    except WrongUsage as exc:
        return complain(str(exc), WRONG_USAGE)
    except DummError as exc:
        return complain(f"dumm: {exc}", failed)
    except PermissionError as exc:
        return complain(f"dumm: {exc.filename}: {exc.strerror}; run as root", failed)
    except OSError as exc:
        # An error with the name of a file is not about what the verb prints.
        if exc.errno != errno.ENOSPC or exc.filename is not None:
            raise
        _drop_output()
        return complain(f"dumm: output: cannot write it: {exc.strerror}; free some space there and run again", failed)
    except ModuleNotFoundError as exc:
        if exc.name not in LIBRARIES:
            raise
        return complain(f"dumm: python library {exc.name}: it is not installed; install {LIBRARIES[exc.name]}", failed)


def _parser() -> Parser:
    width = max(map(len, VERBS))
    table = "\n".join(f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items())
    parser = Parser(
        "dumm",
        "Work with a virtual network lab of dumm.lab on this machine.",
        f"{_EXAMPLES}\ncommands ('dumm COMMAND --help' tells more):\n{table}\n",
    )
    parser.add_argument(
        "--lab-host", metavar="NAME", help="run the command on another machine of Ansible's inventory, over ssh"
    )
    parser.add_argument("--version", action="version", version=f"dumm.lab {VERSION}")
    parser.add_argument("verb", metavar="COMMAND", help="one of those below")
    parser.add_rest("words", metavar="...", help="what the command takes")
    return parser


def _keep_streams_apart() -> None:
    """Have nothing that is opened from now on taken for a stream that was closed (``>&-``)."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python has none for those.
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def _end(number: int, _frame: FrameType | None) -> None:
    raise _Ended(number)


def _drop_output() -> None:
    """Throw away what is still in the buffer of standard output: it has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _end_by(number: int) -> int:
    """Die by a signal, so that a shell's loop ends as well.

    :return: what a shell calls that, where the signal is blocked.
    """
    with suppress(OSError):
        _drop_output()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return _SHELL_SIGNAL + number
