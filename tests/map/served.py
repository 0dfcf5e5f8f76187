# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm map`` as a user starts it, and labs that it shows."""

from __future__ import annotations

import http.client
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lab import PATIENCE, Lab, fresh_lab

REPOSITORY = Path(__file__).parents[2]
DUMM = REPOSITORY / "scripts/dumm"


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes


class Served:
    """A map that is served.

    :ivar process: the root part.
    :ivar address: where a browser gets in, once.
    :ivar base: the same without the token.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.address = self._line().split()[-1]
        self.base = self.address.partition("/?")[0]

    def _line(self) -> str:
        assert self.process.stdout is not None
        ready, _writable, _failed = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        assert line, "dumm map has printed no address"
        return line

    @property
    def web(self) -> int:
        """Number of the process that speaks HTTP."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def cookie(self) -> str:
        """The cookie that the address is worth, which is used up."""
        answer = self.ask("GET", self.address.removeprefix(self.base))
        assert answer.status == 303, answer
        return answer.headers["set-cookie"].partition(";")[0]

    def ask(self, method: str, path: str, **headers: str) -> Answer:
        """Ask as any program can, with just these headers; the host is the right one if there is none among them."""
        connection = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def ended(self) -> int:
        """Wait for its end; its exit code."""
        return self.process.wait(PATIENCE)


def started(workdir: Path, *options: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """``dumm map`` in a process of its own, on a port that is free."""
    words = [str(DUMM), "map", "--workdir", str(workdir), *options]
    if not {"--socket", "--port", "--group"} & {*options}:
        words += ["--port", "0"]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env={**os.environ, **(environment or {})}
    )


@contextmanager
def served(workdir: Path, *options: str) -> Iterator[Served]:
    """A map that is served, and ends as by Ctrl-C."""
    process = started(workdir, *options)
    try:
        yield Served(process)
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def lab_of(text: str, name: str = "campus") -> Iterator[Lab]:
    """A lab with real guests that a scenario's file describes, ``scenarios/NAME/config`` in its working directory."""
    with fresh_lab() as lab:
        file = lab.path / "scenarios" / name / "config"
        file.parent.mkdir(parents=True)
        file.write_text(text)
        lab.scenario(name)
        yield lab


def words(command: Sequence[str]) -> str:
    """What another program, such as dumm, prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
