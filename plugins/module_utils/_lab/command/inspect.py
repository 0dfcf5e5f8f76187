# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm inspect``: the lab in tables; its guests by default.

Each of the nouns has a file that makes records of what is seen, and says which columns they have; only that is imported.  Records have
the names of ``dumm_info``.
"""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..access.glance import Glance
from ..access.seen import SeenLab
from ..model.errors import DummError, InvalidInput, from_oserror
from .table import CSV, FORMATS, JSON, TABLE, Column, Record, as_csv, as_json, as_yaml, colourful, table
from .usage import Parser, WrongUsage, seconds

_NOUNS = {
    "guests": "inspect_guests",
    "links": "inspect_links",
    "bridges": "inspect_links",
    "scenario": "inspect_labs",
}
_EXAMPLES = """\
  dumm inspect                         the guests: state, memory, uptime, addresses
  dumm inspect links --interval 2      cables and ports, with rates over two seconds
  dumm inspect bridges --wide          segments with all that is known of them
  dumm inspect scenario                scenarios, and how many of their guests run
  dumm inspect links --watch           the same on the screen, at each change and each second
  dumm inspect --all                   each working directory of this machine
  dumm inspect --format json | jq -r '.[] | select(.state == "died") | .name'
"""


@dataclass(frozen=True)
class Noun:
    """What can be inspected.

    :ivar records: of a lab.
    :ivar columns: of the table.
    :ivar keys: columns of CSV.
    :ivar measured: whether it has rates.
    """

    records: Callable[[SeenLab, Namespace], Iterable[Record]]
    columns: Sequence[Column]
    keys: Sequence[str]
    measured: bool = False


def run(words: Sequence[str], workdir: str) -> int:
    """Print what the words name."""
    wanted = parsed(words, workdir)
    # A lab is described in any letters, and a terminal may know few.
    reconfigure: Any = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    noun = meant(wanted)
    if wanted.all:
        if wanted.watch:
            raise WrongUsage("dumm inspect", "--watch is for one lab, not for --all", "leave one of them out")
        file = importlib.import_module(f"{__package__}.inspect_labs")
        sys.stdout.write(printed(list(file.labs(wanted.workdir)), noun, wanted))
        return 0
    if wanted.watch:
        importlib.import_module(f"{__package__}.inspect_live").follow(noun, wanted)
        return 0
    sys.stdout.write(text(look(wanted.workdir), noun, wanted))
    return 0


def parsed(words: Sequence[str], workdir: str | None) -> Namespace:
    """What the words mean."""
    return _parser(workdir).parse_args(words)


def meant(wanted: Namespace) -> Noun:
    """What is to be inspected."""
    if wanted.all:
        labs: Noun = importlib.import_module(f"{__package__}.inspect_labs").LABS
        return labs
    return of(wanted.noun)


def _parser(workdir: str | None) -> Parser:
    parser = Parser("dumm inspect", "Show a lab in tables.", _EXAMPLES, workdir)
    parser.add_argument(
        "noun",
        metavar="WHAT",
        nargs="?",
        choices=list(_NOUNS),
        default="guests",
        help="guests (default), links, bridges, scenario",
    )
    parser.add_argument(
        "-a", "--all", action="store_true", help="each working directory on this machine, with its owner"
    )
    parser.add_argument("--watch", action="store_true", help="show it again whenever it changes, until Ctrl-C")
    parser.add_argument("--wide", action="store_true", help="all columns")
    parser.add_argument("-f", "--format", choices=FORMATS, default=TABLE, help="table (default), json, csv or yaml")
    parser.add_argument(
        "--interval",
        metavar="SECONDS",
        type=seconds,
        default=0.5,
        help="over how long rates of links and bridges are measured; 0 leaves them out (default: 0.5)",
    )
    parser.set_defaults(meter=None)
    return parser


def of(name: str) -> Noun:
    """What a noun means."""
    file = importlib.import_module(f"{__package__}.{_NOUNS[name]}")
    found: Noun = file.NOUNS[name]
    return found


def look(workdir: str) -> SeenLab:
    """A lab.

    :raises DummError: where there is no working directory, or it cannot be read.
    """
    glance = Glance(workdir)
    try:
        lab = glance.lab()
    except PermissionError:
        raise
    except OSError as exc:
        raise from_oserror(f"working directory {glance.path}", "read", exc) from None
    if lab.name is None:
        raise none(glance.path)
    return lab


def none(path: str) -> DummError:
    """The error for a working directory that is not there."""
    return InvalidInput(
        f"working directory {path}", "there is none", "name another with --workdir, or make a lab there"
    )


def text(lab: SeenLab, noun: Noun, wanted: Namespace) -> str:
    """What is printed of a lab."""
    return printed(list(noun.records(lab, wanted)), noun, wanted)


def printed(records: list[Record], noun: Noun, wanted: Namespace) -> str:
    """Records in the format that is wanted."""
    if wanted.format == TABLE:
        return table(records, noun.columns, wide=wanted.wide, colours=colourful(sys.stdout))
    if wanted.format == JSON:
        return as_json(records, lines=wanted.watch)
    return as_csv(records, noun.keys) if wanted.format == CSV else as_yaml(records)
