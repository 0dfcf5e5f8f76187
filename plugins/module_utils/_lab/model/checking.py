# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the values of tests are written, what the model makes of them, and which of them could not make a check fail.  Pure.

Each function takes text and raises InvalidInput; the subject of that error is the text alone, for the caller knows the place.
"""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from . import notation, rules
from .errors import InvalidInput
from .tests import Bound

MAX_NAME = 100  # letters of a test's name
MAX_PATTERN = 10_000  # letters
MAX_PORT = 65535
_ARROW = re.compile(r"\s*(\S+)\s*->\s*(\S+)\s*")
_BOUND = re.compile(r"\s*(==|!=|<=|>=|<|>|=)?\s*([0-9]{1,15})\s*")
_TIME = re.compile(r"\s*0+(\.0+)?\s*[a-z]*\s*", re.IGNORECASE)
_FLAGS = re.MULTILINE
# Of a command's last words: what succeeds whatever came before.
_FORGIVING = re.compile(
    r"(?:\|\||;|\n|^)\s*(?:true|/bin/true|/usr/bin/true|:|exit\s+0|return\s+0)\s*(?:[;)}]\s*)*(?:#[^\n]*)?\s*\Z"
)

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(bound: Bound, number: float) -> bool:
    """Whether a number is as a bound says."""
    return OPERATORS[bound.operator](number, bound.number)


def bound(text: str) -> Bound:
    """``>=2``, ``<3``, ``0``: how many there are to be."""
    found = _BOUND.fullmatch(text)
    if found is None:
        raise InvalidInput(text, f"{text!r} is no number to compare with", 'write it as 2, ">=1" or "<5"')
    made = Bound({"=": "==", None: "=="}.get(found[1], found[1]), float(found[2]))
    check_bound(made, text)
    return made


def check_bound(made: Bound, text: str) -> None:
    """:raises InvalidInput: where every number of things is as a bound says, or none is."""
    tried = {holds(made, number) for number in (0.0, max(0.0, made.number - 1), made.number, made.number + 1)}
    if tried == {True}:
        raise InvalidInput(text, f"every number is {text.strip()}, so this cannot fail", "give a bound that can fail")
    if tried == {False}:
        raise InvalidInput(text, f"no number is {text.strip()}", "give a bound that can hold")


def seconds(text: str) -> float:
    """Seconds that something may take; ``0s`` for none."""
    return 0.0 if _TIME.fullmatch(text) else notation.within(text)


def duration(text: str) -> float:
    """Seconds that something lasts."""
    return notation.within(text)


def pattern(text: str) -> str:
    """A regular expression (:mod:`re`) that can be found in some output and not in another."""
    if len(text) > MAX_PATTERN:
        raise InvalidInput(text[:40], f"it is longer than {MAX_PATTERN} letters", "write a shorter one")
    try:
        found = re.compile(text, _FLAGS)
    except (re.error, RecursionError, OverflowError) as exc:
        cause = f"{text!r} is no regular expression: {exc}".replace("\n", " ")
        raise InvalidInput(text, cause, "see the documentation of Python's module re") from None
    if found.search(""):
        cause = (
            f"{text!r} is found in every output, even in none" if text else "an empty pattern is found in every output"
        )
        raise InvalidInput(text, cause, "write what must be there, or set empty: true for no output at all")
    return text


def searched(text: str, output: str) -> bool:
    """Whether a pattern is found in an output."""
    return re.search(text, output, _FLAGS) is not None


def is_forgiving(command: str) -> bool:
    """Whether a command succeeds whatever happens in it, such as ``ping bob || true``."""
    return _FORGIVING.search(command) is not None


def name(text: str) -> str:
    """Name of a test."""
    if not text.strip() or text != text.strip() or not text.isprintable() or len(text) > MAX_NAME:
        raise InvalidInput(
            text[:MAX_NAME],
            f"{text[:MAX_NAME]!r} is no name of a test",
            f"give it up to {MAX_NAME} letters in one line",
        )
    return text


def reason(text: str) -> str:
    """Why a test is skipped."""
    if not text.strip():
        raise InvalidInput(text, "there is no reason", "write why it is skipped, or leave it out")
    return " ".join(text.split())


def guest(text: str) -> str:
    """Name of a guest."""
    rules.check_label("guest", text)
    return text


def label(text: str) -> str:
    """An interface of a guest: ``alice:eth0``."""
    return ":".join(notation.end(text))


def layer(text: str) -> str:
    """Name of a scenario in the working directory."""
    rules.check_label("scenario", text)
    return text


def source(text: str) -> str:
    """A guest, or one of its interfaces: ``alice``, ``alice:eth0``."""
    return label(text) if ":" in text else guest(text)


def target(text: str) -> str:
    """A guest, one of its interfaces, or an address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return source(text)


def arrow(text: str) -> tuple[str, str]:
    """``alice -> bob``: from a guest to another, or to an address."""
    left, right = _sides(text, "alice -> bob")
    return source(left), target(right)


def request(text: str) -> tuple[str, str]:
    """``alice -> http://bob/``: from a guest to a URL."""
    left, right = _sides(text, "alice -> http://bob/")
    try:
        parts = urlsplit(right)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise InvalidInput(text, f"{right!r} is no URL", "write it as http://bob/ or https://[fd00::1]:8443/path")
    return source(left), right


def connection(text: str) -> tuple[str, str, int]:
    """``alice -> bob:22``: from a guest to a TCP port."""
    left, right = _sides(text, "alice -> bob:22")
    host, colon, number = right.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", number) or not 0 < int(number) <= MAX_PORT:
        raise InvalidInput(text, f"{right!r} has no port", "write it as bob:22, 10.0.0.1:22 or [fd00::1]:22")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return source(left), target(bare), int(number)


def _sides(text: str, example: str) -> tuple[str, str]:
    found = _ARROW.fullmatch(text)
    if found is None:
        raise InvalidInput(text, f"{text!r} does not say from where to where", f"write it as {example}")
    return found[1], found[2]


def guest_of(end: str) -> str:
    """The guest of a source or a target."""
    return end.partition(":")[0]


def is_address(end: str) -> bool:
    """Whether a target is an address."""
    try:
        ipaddress.ip_address(end)
    except ValueError:
        return False
    return True


def version(address: str) -> int:
    """IP version of an address."""
    return ipaddress.ip_address(address).version


def host_of(url: str) -> str:
    """The host of a URL as it is written; ``urlsplit`` itself makes its letters small."""
    place = urlsplit(url).netloc.rpartition("@")[2]
    return place[1:].partition("]")[0] if place.startswith("[") else place.partition(":")[0]
