# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm exec``: a command in a guest, without a terminal.

Exit codes are those of ssh(1) and timeout(1): the command's own, 255 where there is none to tell, 124 after ``--timeout``.
"""

from __future__ import annotations

import os
import stat
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from ..access.line import Line, quoted
from ..access.streams import Feeder, Followed, fed
from ..host.workdir import Workdir
from ..model.errors import WaitTimeout
from .usage import LONGEST, Parser, WrongUsage, complain, seconds

TIMED_OUT = 124
_ANSWER_SECONDS = 30.0
_EXAMPLES = """\
  dumm exec alice ip -br addr                       words reach the program as they are
  dumm exec alice 'ip route | grep default'         a single word is a line for the guest's shell
  dumm exec -i alice tee /etc/motd <motd            with standard input
  dumm exec alice -- tcpdump -U -w - >alice.pcap    binary output, as it comes

The exit code is the command's own, or 128+N if signal N ended it. It is 124 after the timeout, and 255 if dumm itself
fails: no such guest, the guest does not answer or ends meanwhile.
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Run a command as the words say; its exit code."""
    parser = Parser("dumm exec", "Run a command in a guest, as its root, without a terminal.", _EXAMPLES, workdir)
    parser.add_argument("-i", "--stdin", action="store_true", help="hand standard input on; without it, it is empty")
    parser.add_argument(
        "-t", "--timeout", metavar="SECONDS", type=seconds, default=LONGEST, help="kill the command after these"
    )
    parser.add_argument(
        "-r",
        "--ready",
        metavar="SECONDS",
        type=seconds,
        default=0.0,
        help="wait so long until the guest is ready, which is what its option 'ready' says (default: do not wait)",
    )
    parser.add_argument("guest", metavar="GUEST", help="name of the guest")
    parser.add_rest("command", metavar="COMMAND", help="a program and its arguments, or one line for the guest's shell")
    wanted = parser.parse_args(words)
    command = wanted.command[1:] if wanted.command[:1] == ["--"] else wanted.command
    if not command:
        raise WrongUsage("dumm exec", "there is no command", "use 'dumm attach' for a shell in a terminal")
    try:
        return _run(wanted, quoted(command))
    except WaitTimeout as exc:
        return complain(f"dumm: {exc}", TIMED_OUT)


def _run(wanted: Namespace, line: str) -> int:
    """:param line: for the guest's shell."""
    sources: list[Feeder] = []
    stdin: bytes | BinaryIO = b""
    if wanted.stdin:
        if stat.S_ISREG(os.fstat(0).st_mode):
            stdin = os.fdopen(0, "rb", closefd=False)
        else:
            line = fed(line)
            sources.append(Feeder(Workdir.at(wanted.workdir).guest(wanted.guest), 0))
    with closing(Followed(wanted.guest, 1, 2)) as outputs:

        def follow(request: Path) -> None:
            for source in sources:
                source.look(request)
            outputs.look(request)

        done = Line(wanted.workdir, wanted.guest).run(
            line,
            stdin,
            timeout=wanted.timeout,
            max_output=sys.maxsize,
            ready=wanted.ready,
            answer=_ANSWER_SECONDS,
            follow=follow,
        )
    return done.code
