# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test of strongSwan's suite says: the lines of its files, and the shell text that upstream makes of them.  No I/O.

A test is a directory of ``testing/tests/<group>/<name>/``.  ``test.conf`` is shell; lines of ``pretest.dat`` and ``posttest.dat`` are
``host::command``, those of ``evaltest.dat`` ``host::command::pattern::expectation``.  Upstream's ``do-tests`` turns each line into shell
text with awk and has the host's shell evaluate that.  So words, quotes, redirections and patterns mean what they mean there, and the
same text is made here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

FILES = ("description.txt", "test.conf", "pretest.dat", "posttest.dat", "evaltest.dat")
TCPDUMP = "tcpdump"
_SEPARATOR = "::"
# Upstream's shell splits what awk made, and joins it with blanks.
_BLANKS = re.compile(r"[ \t\n]+")
_LIST = re.compile(r"^(\s*load\s*=)(.*)$", re.MULTILINE)


class Kind(enum.Enum):
    """What a line expects."""

    NOTHING = "nothing"
    MATCH = "YES"
    NO_MATCH = "NO"
    COUNT = "a number of lines"
    NEVER_FAILS = "nothing that could fail"


@dataclass(frozen=True)
class Line:
    """A line of a ``.dat`` file.

    :ivar host: where the command is run.
    :ivar command: as it is written.
    :ivar pattern: basic regular expression of grep, as it is written.
    :ivar count: how many lines must match, for :attr:`Kind.COUNT`.
    :ivar place: file and line, for messages.
    """

    host: str
    command: str
    kind: Kind
    place: str
    pattern: str = ""
    expectation: str = ""
    count: int = 0

    @property
    def is_capture(self) -> bool:
        """Whether it looks at what tcpdump has seen, instead of running a command."""
        return self.kind is not Kind.NOTHING and self.command == TCPDUMP

    @property
    def text(self) -> str:
        """The line for reports."""
        told = f"{self.host}: {joined(self.command)}"
        return told if self.kind is Kind.NOTHING else f"{told} | grep '{joined(self.pattern)}' [{self.expectation}]"

    def said(self, found: int) -> bool:
        """Whether the expectation holds.

        :param found: how many lines matched.
        """
        if self.kind is Kind.MATCH:
            return found > 0
        if self.kind is Kind.NO_MATCH:
            return found == 0
        # Upstream counts the lines of what it echoes, which is one line where there is nothing.
        return self.kind is not Kind.COUNT or max(found, 1) == self.count


def joined(text: str) -> str:
    """Text as upstream's shell passes it on: every run of blanks is one."""
    return _BLANKS.sub(" ", text).strip(" ")


def acts(text: str, name: str) -> tuple[Line, ...]:
    """The lines of ``pretest.dat`` or ``posttest.dat``.

    :param name: of the file, for places.
    """
    found = []
    for number, line in _lines(text):
        fields = line.split(_SEPARATOR)
        if len(fields) > 1 and fields[1]:
            found.append(Line(fields[0].strip(), fields[1], Kind.NOTHING, f"{name}:{number}"))
    return tuple(found)


def checks(text: str, name: str) -> tuple[Line, ...]:
    """The lines of ``evaltest.dat``."""
    found = []
    for number, line in _lines(text):
        fields = [*line.split(_SEPARATOR), "", "", ""][:4]
        if not fields[1]:
            continue
        kind = _kind(fields[3])
        count = int(fields[3]) if kind is Kind.COUNT else 0
        place = f"{name}:{number}"
        found.append(Line(fields[0].strip(), fields[1], kind, place, fields[2], fields[3], count))
    return tuple(found)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("#"):
            yield number, line


def _kind(expectation: str) -> Kind:
    if re.fullmatch(r"[0-9]+", expectation):
        return Kind.COUNT
    known = {"YES": Kind.MATCH, "NO": Kind.NO_MATCH}
    return known.get(expectation, Kind.NEVER_FAILS)


def act_text(line: Line) -> str:
    """Shell text for a line of ``pretest.dat``: the command is in double quotes, so it is the guest's shell that splits it."""
    return joined(f'ssh {line.host} "{line.command}"')


def check_text(line: Line) -> str:
    """Shell text for the command of a line of ``evaltest.dat``, which is not quoted."""
    return joined(f"ssh {line.host} {line.command} >out 2>err")


def grep_text(line: Line) -> str:
    """Shell text for its pattern."""
    return joined(f'grep "{line.pattern}" <out')


def placeholders(addresses: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """What is replaced in every file of a test, in this order.

    :param addresses: ``HOSTNAMEIPV4`` and ``HOSTNAMEIPV6`` of ``testing.conf``.
    """
    found: dict[str, str] = {}
    for variable, prefix in (("HOSTNAMEIPV4", "PH_IP"), ("HOSTNAMEIPV6", "PH_IP6")):
        for entry in addresses[variable].split():
            host, *given = entry.split(",")
            for index, address in enumerate(given):
                found[f"{prefix}_{host.upper()}{index or ''}"] = address
    if "PH_IP6_BOB" in found:
        found["PH_IPV6_BOB"] = found.pop("PH_IP6_BOB")
    # The second address of a host before its first one, whose name is the beginning of the other's.
    return tuple((name.encode(), found[name].encode()) for name in sorted(found, key=len, reverse=True))


def replaced(data: bytes, pairs: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """A file's content with placeholders replaced."""
    for name, value in pairs:
        if name in data:
            data = data.replace(name, value)
    return data


def plugins(configuration: str) -> frozenset[str]:
    """Plugins that ``load =`` of a ``strongswan.conf`` names."""
    named = " ".join(found.group(2) for found in _LIST.finditer(configuration)).replace("!", " ")
    return frozenset(named.split()) - {"yes", "no"}


def with_plugin(configuration: str, plugin: str) -> str:
    """The same with a plugin more in each list that has any."""
    return _LIST.sub(lambda found: _longer(found.group(1), found.group(2), plugin), configuration)


def _longer(key: str, value: str, plugin: str) -> str:
    names = value.split()
    if not names or names in (["yes"], ["no"]) or plugin in names:
        return f"{key}{value}"
    return f"{key}{value.rstrip()} {plugin}"
