# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What verbs there are, and what they read, from their own parsers: for the completion of shells, and for the manual page."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from ..access.glance import Glance
from .usage import DESCRIBE, Described, Parser

# Says that the shell is to complete names of files.
FILES = ":files"
_GUESTS = frozenset(("GUEST", "SOURCE TARGET"))
_INTERFACES = frozenset(("GUEST[:INTERFACE]|SEGMENT",))


def parser_of(verb: str) -> Parser:
    """What a verb reads its words with.

    :raises ImportError: for one that there is not.
    """
    file = importlib.import_module(f"{__package__}.{verb}")
    try:
        file.run([DESCRIBE], "")
    except Described as found:
        return found.parser
    raise ImportError(f"{verb} reads no words")


def candidates(words: Sequence[str], verbs: Mapping[str, object], workdir: str) -> Iterator[str]:
    """What the last of some words may become, each followed by a tab and what it means, where that is known.

    :param words: those after ``dumm``; the last one is being typed.
    """
    *before, current = words or [""]
    place, verb, rest = _verb(before, workdir)
    if verb is None:
        if before and before[-1] in ("-w", "--workdir"):
            yield FILES
            return
        yield from (name for name in (*verbs, "--workdir", "--lab-host", "--help") if name.startswith(current))
        return
    with suppress(ImportError):
        if verb in verbs:
            yield from _of_verb(parser_of(verb), rest, current, place)


def _verb(words: Sequence[str], workdir: str) -> tuple[str, str | None, Sequence[str]]:
    """The working directory, the verb, and the words after it."""
    left = list(words)
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option in ("-w", "--workdir", "--lab-host") and left:
            value = left.pop(0)
            workdir = workdir if option == "--lab-host" else value
    return workdir, left[0] if left else None, left[1:]


def _of_verb(parser: Parser, words: Sequence[str], current: str, workdir: str) -> Iterator[str]:
    options = {name: action for action in parser._actions for name in action.option_strings}
    positionals = [action for action in parser._actions if not action.option_strings]
    given, waiting = 0, None
    for word in words:
        if waiting is not None:
            workdir = word if waiting.dest == "workdir" else workdir
            waiting = None
        elif word in options:
            waiting = options[word] if options[word].nargs != 0 else None
        elif not word.startswith("-"):
            given += 1
    if waiting is not None:
        yield from _values(waiting, current, workdir)
    elif current.startswith("-"):
        yield from sorted(name for name in options if name.startswith(current) and name.startswith("--"))
    elif positionals:
        action = positionals[min(given, len(positionals) - 1)]
        if given < len(positionals) or action.nargs in ("*", "+"):
            yield from _values(action, current, workdir)


def _values(action: argparse.Action, current: str, workdir: str) -> Iterator[str]:
    """What an option or a place may have."""
    metavar = str(action.metavar or action.dest).upper()
    found: list[str] = []
    if action.choices is not None:
        found = list(map(str, action.choices))
    elif metavar in _INTERFACES:
        found = [*_guests(workdir), *_labels(workdir)]
    elif metavar in _GUESTS or action.dest in ("guest", "guests", "only"):
        found = _guests(workdir)
    elif any(word in metavar for word in ("FILE", "DIR", "ARCHIVE", "PICTURE", "OUTPUT")):
        yield FILES
    yield from (each for each in found if each.startswith(current))


def _guests(workdir: str) -> list[str]:
    with suppress(OSError):
        return Glance(workdir).names()
    return []


def _labels(workdir: str) -> list[str]:
    with suppress(OSError):
        return [iface.label for guest in Glance(workdir).guests().values() for iface in guest.interfaces]
    return []


def manual(parsers: Mapping[str, Parser], summaries: Mapping[str, str], version: str) -> str:
    """The manual page dumm(1), as man(7) wants it."""
    lines = [
        f'.TH DUMM 1 "" "dumm.lab {version}" "User Commands"',
        ".SH NAME",
        r"dumm \- work with a virtual network lab of dumm.lab",
        ".SH SYNOPSIS",
        ".B dumm",
        r"[\-\-workdir \fIDIRECTORY\fR] [\-\-lab\-host \fINAME\fR] \fICOMMAND\fR ...",
        ".SH COMMANDS",
    ]
    for verb, parser in parsers.items():
        lines += [f".SS dumm {_roff(verb)}", _roff(parser.description or summaries[verb]), ".PP"]
        usage = parser.format_usage().removeprefix("usage: ").split()
        lines += [_roff(" ".join(usage))]
        for action in parser._actions:
            if action.help == argparse.SUPPRESS or "--help" in action.option_strings:
                continue
            lines += [".TP", f".B {_roff(_heading(action))}", _roff(_help(parser, action))]
        lines += [".PP", "Examples:", ".PP", ".nf", *_verbatim(parser.epilog or ""), ".fi"]
    lines += [
        ".SH ENVIRONMENT",
        ".TP",
        ".B DUMM_WORKDIR",
        r"Working directory of the lab, if there is no \-\-workdir.",
        ".TP",
        ".B NO_COLOR",
        "No colours.",
    ]
    return "\n".join(lines) + "\n"


def _heading(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings)
    metavar = str(action.metavar or "") if action.nargs != 0 else ""
    if action.choices is not None and not metavar:
        metavar = "{" + ",".join(map(str, action.choices)) + "}"
    return " ".join(filter(None, [names, metavar])) or action.dest


def _help(parser: Parser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _verbatim(epilog: str) -> Iterator[str]:
    return (_roff(line) for line in epilog.removeprefix("examples:\n").rstrip("\n").split("\n"))


def _roff(text: str) -> str:
    """Text that troff takes as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
