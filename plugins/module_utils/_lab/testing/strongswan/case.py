# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A test's directory, read: its lines, its hosts, and its files for them, with placeholders replaced and adapted to stock packages."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...model.errors import InvalidInput
from ...model.tests import Test
from . import format, known
from .format import Line
from .shell import HostShell

_VARIABLES = ("TCPDUMPHOSTS", "IPSECHOSTS", "RADIUSHOSTS", "DBHOSTS", "IPV6", "SWANCTL")
_TAGS = re.compile(r"<[^>]*>")
_CONF = "etc/strongswan.conf"
_SETTINGS = (".conf", ".secrets")
# Content and mode by path.
Files = Mapping[str, "tuple[bytes, int]"]


@dataclass(frozen=True)
class Suite:
    """The suite, ``testing`` of strongSwan's source.

    :ivar hosts: names of all of its hosts.
    :ivar pairs: placeholders and what is put in their place.
    """

    path: Path
    hosts: tuple[str, ...]
    pairs: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Case:
    """A test.

    :ivar captures: interface by host on which tcpdump is to run.
    :ivar ipsec: hosts that IPsec is looked at on.
    :ivar radius: hosts with a RADIUS server.
    :ivar databases: hosts with a database of strongSwan's.
    :ivar files: its files by host.
    :ivar adapted: how its configuration was adapted.
    :ivar skip: why it is not run.
    :ivar there: hosts of the suite.
    """

    group: str
    name: str
    path: Path
    description: str = ""
    before: tuple[Line, ...] = ()
    checks: tuple[Line, ...] = ()
    after: tuple[Line, ...] = ()
    captures: Mapping[str, str] = field(default_factory=dict)
    ipsec: tuple[str, ...] = ()
    radius: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    uses_swanctl: bool = True
    ipv6: bool = False
    files: Mapping[str, Files] = field(default_factory=dict)
    adapted: tuple[str, ...] = ()
    skip: str = ""
    there: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that the test uses.  Names that are misspelt in a line are none, as upstream's ssh finds none."""
        named = {line.host for line in (*self.before, *self.checks, *self.after)}
        named |= {*self.captures, *self.ipsec, *self.radius, *self.files}
        return tuple(host for host in self.there if host in named)


def open_suite(path: Path, shell: HostShell) -> Suite:
    """Read what the suite says of its network.

    :raises InvalidInput: where there is none.
    """
    _check(path)
    said = shell.variables((path / "testing.conf").read_text(), ("STRONGSWANHOSTS", "HOSTNAMEIPV4", "HOSTNAMEIPV6"))
    return Suite(path, tuple(said["STRONGSWANHOSTS"].split()), format.placeholders(said))


def _check(path: Path) -> None:
    if not (path / "tests").is_dir() or not (path / "testing.conf").is_file():
        raise InvalidInput(
            f"suite {path}",
            "there is no tests/ and testing.conf in it",
            "run role strongswan, or give the directory testing of strongSwan's source (src)",
        )


def tests(path: Path) -> list[Test]:
    """The tests of a suite, without looking into more than their descriptions.

    :raises InvalidInput: where there is no suite.
    """
    _check(path)
    return [
        Test(test.name, group.name, _description(test), place=str(test))
        for group in sorted((path / "tests").iterdir())
        if group.is_dir()
        for test in sorted(group.iterdir())
        if test.is_dir()
    ]


def _description(path: Path) -> str:
    try:
        text = (path / "description.txt").read_text(errors="replace")
    except OSError:
        return ""
    return " ".join(_TAGS.sub(" ", text).split())


def read(suite: Suite, group: str, name: str, shell: HostShell, there: frozenset[str]) -> Case:
    """Read a test.

    :param there: what the guests have, see :data:`known.PROBE`.
    """
    path = suite.path / "tests" / group / name
    lost = [each for each in format.FILES if not (path / each).is_file()]
    if lost:
        return Case(group, name, path, skip=f"It has no {lost[0]}.")
    texts = {each: _text(suite, path / each) for each in format.FILES}
    said = shell.variables(texts["test.conf"], _VARIABLES)
    files, how = _files(suite, group, path)
    case = Case(
        group,
        name,
        path,
        description=_description(path),
        before=format.acts(texts["pretest.dat"], f"{group}/{name}/pretest.dat"),
        checks=format.checks(texts["evaltest.dat"], f"{group}/{name}/evaltest.dat"),
        after=format.acts(texts["posttest.dat"], f"{group}/{name}/posttest.dat"),
        captures=dict(_capture(word) for word in said["TCPDUMPHOSTS"].split()),
        ipsec=tuple(said["IPSECHOSTS"].split()),
        radius=tuple(said["RADIUSHOSTS"].split()),
        databases=tuple(said["DBHOSTS"].split()),
        uses_swanctl=bool(said["SWANCTL"]),
        ipv6=bool(said["IPV6"]),
        files=files,
        adapted=how,
        there=suite.hosts,
    )
    return _judged(case, there)


def _text(suite: Suite, path: Path) -> str:
    return format.replaced(path.read_bytes(), suite.pairs).decode(errors="replace")


def _capture(word: str) -> tuple[str, str]:
    host, _colon, interface = word.partition(":")
    return host, interface or "eth0"


def _files(suite: Suite, group: str, path: Path) -> tuple[dict[str, dict[str, tuple[bytes, int]]], tuple[str, ...]]:
    """A test's files by host, and how they were adapted."""
    found: dict[str, dict[str, tuple[bytes, int]]] = {}
    how: dict[str, None] = {}
    top = path / "hosts"
    for directory, _below, names in os.walk(top):
        for name in names:
            file = Path(directory, name)
            host, _slash, inside = str(file.relative_to(top)).partition("/")
            data = format.replaced(file.read_bytes(), suite.pairs)
            if inside == _CONF:
                changed = known.adapted(group, data.decode(errors="replace"))
                data = changed.text.encode() if changed.how else data
                how |= dict.fromkeys(changed.how)
            if inside:
                found.setdefault(host, {})[inside] = data, file.stat().st_mode & 0o777
    return found, tuple(how)


def _judged(case: Case, there: frozenset[str]) -> Case:
    """The same with the reason to skip it, if there is one."""
    lines: Iterable[Line] = (*case.before, *case.checks, *case.after)
    commands = "\n".join([*(line.command for line in lines), *_of_databases(case)])
    conf = [files[_CONF][0].decode(errors="replace") for files in case.files.values() if _CONF in files]
    told = [case.name, *(_configured(files) for files in case.files.values())]
    reason = known.reason_to_skip(there, commands, conf, "\n".join(told))
    return dataclasses.replace(case, skip=reason)


def _configured(files: Files) -> str:
    """What the daemons of a host are told, without their lists of plugins."""
    return "\n".join(
        data.decode(errors="replace")
        for path, (data, _mode) in files.items()
        if path.endswith(_SETTINGS) and path != _CONF
    )


def _of_databases(case: Case) -> tuple[str, ...]:
    return ("sqlite3",) if case.databases else ()
