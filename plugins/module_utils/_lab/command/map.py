# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm map``: the companion package has it, since a web server and a page are none of what a lab host needs."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from ..model.errors import HostError, InvalidInput
from .bodies import scenario_name
from .usage import Parser, WrongUsage, whole

_NAME = "dumm map"
_PORT = 8765
_EXAMPLES = """\
  dumm map                                  print an address to open in a browser on this machine; Ctrl-C ends it
  dumm map campus.yml                       the same, to edit the lab's scenario in a file of your own
  dumm map --read-only                      a page on which nothing can be changed
  dumm map --read-only --group labusers     the same for all users of a group, by a socket
  ssh -L 8765:127.0.0.1:8765 root@labhost dumm map        a lab on another machine
"""


def run(words: Sequence[str], workdir: str) -> int:
    """Serve the map until Ctrl-C."""
    wanted = _parser(workdir).parse_args(words)
    if wanted.group is not None and not wanted.read_only:
        raise WrongUsage(_NAME, "--group is for people who may only look", "add --read-only, or leave --group out")
    if wanted.port is not None and (wanted.socket is not None or wanted.group is not None):
        raise WrongUsage(
            _NAME, "--port excludes --socket and --group, which take a unix socket", f"see '{_NAME} --help'"
        )
    try:
        program = importlib.import_module("dumm_lab.map.main")
    except ModuleNotFoundError as exc:
        if str(exc.name).partition(".")[0] != "dumm_lab":
            raise
        raise HostError(
            "map",
            "the Python package dumm_lab is not installed",
            "install 'dumm-lab[map]' with pip, and use the 'dumm' of that environment (docs/howto/map.md);"
            " in a checkout, run 'make setup-map'",
        ) from None
    port = _PORT if wanted.port is None else wanted.port
    options = program.Options(wanted.workdir, port, wanted.socket, wanted.read_only, wanted.group, _files(wanted))
    code: int = program.run(options)
    return code


def _files(wanted: argparse.Namespace) -> dict[str, Path]:
    """The scenario's file that is named, by the scenario's name.

    :raises InvalidInput: where it cannot be read.
    """
    if wanted.file is None:
        return {}
    path = Path(wanted.file).absolute()
    if not path.is_file():
        raise InvalidInput(f"file {wanted.file}", "there is none", "name the scenario's file")
    return {wanted.name or scenario_name(wanted.file): path}


def _parser(workdir: str) -> Parser:
    parser = Parser(_NAME, "Show the live lab in a browser, and change it there.", _EXAMPLES, workdir)
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="scenario file to edit (default: the one that is stored)"
    )
    parser.add_argument("-n", "--name", metavar="NAME", help="name of the scenario (default: that of the file)")
    parser.add_argument("-p", "--port", type=_port, help=f"port of loopback, 0 for any that is free (default: {_PORT})")
    parser.add_argument("--socket", metavar="PATH", help="listen on a unix socket instead of a port")
    parser.add_argument("--read-only", action="store_true", help="serve a page on which nothing can be changed")
    parser.add_argument("--group", metavar="NAME", help="let users of this group connect without a token, by a socket")
    return parser


def _port(text: str) -> int:
    number = whole(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return number
