# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line → words, and ``key=value`` → the values of a body's options.  Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput, nearest
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.options import Spec, canonical

NONE = "none"
_TRUTH = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_OPTION = re.compile("([a-z_]+)=(.*)", re.DOTALL)
_NUMBER = re.compile("[+-]?[0-9]{1,18}", re.ASCII)


def is_nothing(line: str) -> bool:
    """Whether a line is empty, or a comment."""
    return not line.strip() or line.lstrip().startswith("#")


def head(line: str) -> tuple[str, str]:
    """The first word, and all behind it as it is typed."""
    first, _blank, rest = line.strip().partition(" ")
    return first, rest.strip()


def split(line: str) -> list[str]:
    """The words of a line, as a shell has them.

    :raises InvalidInput: where a quotation has no end.
    """
    try:
        return shlex.split(line)
    except ValueError as exc:
        raise InvalidInput("this line", str(exc).lower(), "close the quotation, or write \\' for the letter") from None


def sorted_out(
    words: Sequence[str], options: Mapping[str, Spec] | None, most: int, verb: str
) -> tuple[list[str], dict[str, Any]]:
    """Words, and options with their values.

    :param options: that there are; ``None`` where there are none at all, and ``=`` is a letter.
    :param most: how many words there may be.
    :raises InvalidInput: for an option that is unknown, a value that does not fit, and a word too many.
    """
    plain: list[str] = []
    given: dict[str, Any] = {}
    for word in words:
        found = _OPTION.fullmatch(word) if options is not None else None
        if found is None or options is None:
            plain.append(word)
            continue
        name, text = canonical(options, found[1]), found[2]
        if name not in options:
            raise InvalidInput(verb, f"there is no option {name}", nearest(name, options))
        given[name] = value(name, text, options[name])
    if len(plain) > most:
        raise InvalidInput(verb, f"{plain[most]!r} is a word too many", f"see 'help {verb}'")
    return plain, given


def value(name: str, text: str, option: Spec) -> Any:
    """The value of an option.

    :raises InvalidInput: where the text is none.
    """
    kind = option["type"]
    if kind == "int":
        if not _NUMBER.fullmatch(text):
            raise InvalidInput(f"option {name}", f"{text!r} is no whole number", f"write {name}=N")
        return int(text)
    if kind == "bool":
        if text.lower() not in _TRUTH:
            raise InvalidInput(f"option {name}", f"{text!r} is neither yes nor no", f"write {name}=yes or {name}=no")
        return _TRUTH[text.lower()]
    if kind == "list":
        return listed([text])
    if "choices" in option and text not in option["choices"]:
        raise InvalidInput(f"option {name}", f"there is no {text!r}", nearest(text, option["choices"]))
    return text


def listed(words: Sequence[str]) -> list[str]:
    """Values of a list, with commas or blanks between them; ``none`` for none at all."""
    found = [each for word in words for each in word.split(",") if each]
    return [] if found == [NONE] else found
