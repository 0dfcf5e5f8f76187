#!/usr/bin/env python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write the pages of docs/reference that follow from the code; a unit test fails if they are out of date.

PYTHONPATH=.collections .venv/bin/python scripts/write_reference.py
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.dumm.lab.plugins.module_utils._lab.command import words
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.main import VERBS
from ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage import Parser
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import errors, settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import schema, spec

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE = REPOSITORY / "docs/reference"
ENGINE = REPOSITORY / "plugins/module_utils/_lab"
HEAD = """\
<!--
Copyright (c) 2026, dumm.lab contributors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
<!-- Written by scripts/write_reference.py from the code. Change the code, and run it again. -->

"""
# Classes of errors in the order of the page: what a user does about each in general.
CLASSES = {
    "InvalidInput": (
        "What you asked for cannot be. Nothing was changed.",
        "Change your file, options or command as the message names.",
    ),
    "HostError": (
        "The lab host refused or lacks something.",
        "Change the host, or run as root. Then run again: the run goes on where it ended.",
    ),
    "GuestError": (
        "A guest did not do what it should.",
        "Read the end of its `boot.log`, or of the command's output, in the message.",
    ),
    "Unreachable": ("A guest does not answer on its control channel.", "Start it, or see what occupies it."),
    "WaitTimeout": (
        "Something did not happen in time.",
        "Raise the limit that the message names, or find out what is slow.",
    ),
}


def pages() -> dict[Path, str]:
    """The pages with what they should hold."""
    return {
        REFERENCE / "keys.md": HEAD + keys(),
        REFERENCE / "command.md": HEAD + command(),
        REFERENCE / "errors.md": HEAD + index(),
    }


def cell(text: str) -> str:
    """Text as it stands in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def sentence(text: str) -> str:
    """Text that begins and ends as a sentence does."""
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text.endswith((".", "?", ":")) else ".")


# Keys of a scenario file


def keys() -> str:
    """All keys of a scenario file, from its spec."""
    lines = [
        "# Keys of a scenario file",
        "",
        "You can look up here what each key takes. [The scenario file](scenario.md) explains with examples how the keys work together, and",
        "[Tests](tests.md) has the keys of `tests`.",
        "",
    ]
    restart = {row.name for row in settings.GUEST if row.restart}
    for title, struct in _structs():
        lines += [f"## {title}", ""]
        if struct.description:
            lines += [sentence(struct.description), ""]
        guest = title in {"Guest", "Settings of several guests"}
        lines += [
            "| key | takes | what it is |" + (" a change needs |" if guest else ""),
            "|---|---|---|" + ("---|" if guest else ""),
        ]
        for name, field in struct.fields.items():
            must = " Required." if name in struct.required else ""
            row = f"| `{name}` | {cell(_takes(field))} | {cell(sentence(_about(field)) + must)} |"
            lines.append(row + (f" {'a restart' if name in restart else ''} |" if guest else ""))
        if struct.one_of:
            lines += ["", f"Give exactly one of {' and '.join(f'`{each}`' for each in struct.one_of)}."]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _structs() -> list[tuple[str, schema.Struct]]:
    fields = spec.SCENARIO.fields
    guest, bridge, link = (_first(fields[name]) for name in ("guests", "bridges", "links"))
    found = [
        ("The file", spec.SCENARIO),
        ("Guest", guest),
        ("Interface of a guest", _first(guest.fields["interfaces"])),
        ("File of a guest", _first(guest.fields["files"])),
        ("Command of a guest", _first(guest.fields["run"])),
        ("Route of a guest", _first(guest.fields["routes"])),
        ("Fault of a guest", _first(guest.fields["faults"])),
        ("Segment", bridge),
        ("Link", link),
        ("End of a link", _first(link.fields["a"])),
        ("Pool", _first(fields["pools"])),
    ]
    return found


def _first(each: schema.Spec) -> schema.Struct:
    """The first mapping with keys of its own in a spec."""
    return next(_inside(each))


def _inside(each: schema.Spec) -> Iterator[schema.Struct]:
    if isinstance(each, schema.Struct):
        yield each
    elif isinstance(each, (schema.ListOf, schema.MappingOf)):
        yield from _inside(each.item)
    elif isinstance(each, schema.Either):
        for one in each.specs:
            yield from _inside(one)


def _takes(each: schema.Spec) -> str:
    if isinstance(each, schema.Text) and each.choices:
        return ", ".join(f"`{choice}`" for choice in each.choices)
    if isinstance(each, schema.ListOf):
        return f"list of {_takes(each.item)}"
    if isinstance(each, schema.MappingOf):
        return f"mapping of names to {_takes(each.item)}"
    if isinstance(each, schema.Either):
        return ", or ".join(dict.fromkeys(map(_takes, each.specs)))
    if isinstance(each, schema.Struct):
        return f"mapping ({each.name})" if each.name else "mapping"
    return each.expects


def _about(each: schema.Spec) -> str:
    if each.description:
        return each.description
    return next((found.description for found in _inside(each) if found.description), "")


# The command dumm


def command() -> str:
    """All verbs and options of ``dumm``, from what reads them."""
    lines = [
        "# Verbs and options of dumm",
        "",
        "You can look up here what each verb of [`dumm`](dumm.md) takes. `dumm VERB --help` prints the same. Each verb also takes",
        "`-w DIRECTORY` (`--workdir`), the working directory of the lab; `DUMM_WORKDIR` sets it for all of them.",
        "",
        "| verb | does |",
        "|---|---|",
        *(f"| [`{name}`](#dumm-{name}) | {cell(sentence(verb.summary))} |" for name, verb in VERBS.items()),
        "",
    ]
    for name, verb in VERBS.items():
        lines += [*_verb(name, sentence(verb.summary), words.parser_of(name)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _verb(name: str, summary: str, parser: Parser) -> Iterator[str]:
    yield from (f"## dumm {name}", "", sentence(parser.description or summary), "")
    actions = [
        each
        for each in parser._actions
        if each.help != argparse.SUPPRESS and not {"--help", "--workdir"} & set(each.option_strings)
    ]
    if actions:
        yield from ("| argument | meaning |", "|---|---|")
        yield from (
            f"| `{words._heading(each)}` | {cell(sentence(words._help(parser, each)))} |".replace("\\-", "-")
            for each in actions
        )
        yield ""
    yield from (
        "```",
        *(line.strip() for line in (parser.epilog or "").removeprefix("examples:\n").rstrip("\n").split("\n")),
        "```",
    )


# Errors


def index() -> str:
    """All errors of the engine whose words are in its source, by class."""
    lines = [
        "# Index of errors",
        "",
        "Every error has the form `object: what failed; what to do`. You can look up here what kind of error you have, and what else you",
        "can do. Words in capitals stand for what the message names. If that does not help, read [what to do when something does not",
        "work](../howto/troubleshooting.md).",
        "",
        "| class | meaning | what to do |",
        "|---|---|---|",
        *(f"| [{name}](#{name.lower()}) | {meaning} | {remedy} |" for name, (meaning, remedy) in CLASSES.items()),
        "",
        "Modules of Ansible return the message as `msg`. `dumm` prints it on standard error; the exit code is 2 if you type a command",
        "that `dumm` does not understand.",
        "",
    ]
    found = _errors()
    for name in CLASSES:
        about = sentence((inspect.getdoc(getattr(errors, name)) or "").partition("\n")[0])
        lines += [f"## {name}", "", about, "", "| what failed | what to do |", "|---|---|"]
        lines += [
            f"| {cause} | {remedy} |" for cause, remedy in sorted(found[name], key=lambda row: (row[0].lower(), row))
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _errors() -> Mapping[str, set[tuple[str, str]]]:
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in CLASSES}
    for path in sorted(ENGINE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in found
                and len(node.args) >= 3
            ):
                cause, remedy = (_words(each) for each in node.args[1:3])
                if _says(cause):
                    found[node.func.id].add((cell(cause), cell(remedy) if _says(remedy) else "see the message"))
    return found


def _says(text: str) -> bool:
    """Whether there is more in it than what a message fills in."""
    return len(re.findall(r"[a-z]{2,}", text)) > 1


def _words(node: ast.expr) -> str:
    """The words of a literal, with names in capitals for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(each) if isinstance(each, ast.Constant) else _blank(each) for each in node.values)
    return ""


def _blank(node: ast.expr) -> str:
    inner = node.value if isinstance(node, ast.FormattedValue) else node
    names = [
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(inner)
        if isinstance(each, (ast.Name, ast.Attribute))
    ]
    plain: Iterable[str] = (name.strip("_") for name in names)
    return next(
        (
            name.upper()
            for name in plain
            if name not in {"str", "sorted", "listed", "join", "self", "len", "repr", "map"}
        ),
        "…",
    )


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
