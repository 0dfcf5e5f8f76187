# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence of a test that failed: what its guests have logged since it began, how their networks are, and the packets of the lab.

A :class:`Watch` is made when a test begins, which costs next to nothing: it notes the time and how long logs are.  Only when the test has
failed each of its guests is asked, by one command, all at the same time.

A guest's clock is its own.  The command prints it, and so what the guest's logs tell has a time in the test.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from ..access.line import Line
from ..host import files
from ..host.workdir import GuestDir, Workdir
from ..model.errors import DummError, from_oserror, plain
from ..model.lab import Lab
from .frames import described
from .logs import Clock, happenings
from .results import Happening
from .wording import slug

_SECONDS = 30.0  # for all that a guest is asked
_MOST_SAID = 8 << 20
_MOST_PACKETS = 2000  # of a timeline; the file of the capture has all
_BOOT_LINES, _BOOT_BYTES = 400, 1 << 16
_AT_ONCE = 8
# Whose length is noted when the test begins.  Of other logs only the end is shown.
_LOGS = ("/var/log/syslog", "/var/log/messages", "/var/log/daemon.log", "/var/log/auth.log", "/var/log/kern.log")
# What a section of the answer is called in the files.
_PARTS = {
    "network.txt": ("addresses", "routes", "rules", "neighbours", "xfrm", "nftables", "iptables", "sockets"),
    "processes.txt": ("processes",),
    "log.txt": ("log",),
}
_ASK = r"""exec 2>&1
begin() { printf '\n%s %s\n' "$TOKEN" "$1"; }
has() { command -v "$1" >/dev/null; }
begin clock; date '+%s.%N %z'
now=$(date +%s); since=$((now - ELAPSED))
begin addresses; ip -d addr
begin routes; ip route show table all; ip -6 route show table all
begin rules; ip rule; ip -6 rule
begin neighbours; ip neigh
begin xfrm; if [ -e /proc/net/xfrm_stat ] || [ -e /proc/net/pfkey ]; then ip -s xfrm state; ip -s xfrm policy; cat /proc/net/xfrm_stat; fi
begin nftables; if has nft; then nft list ruleset; fi
begin iptables; for t in iptables ip6tables; do if has $t-save; then echo "# $t"; $t-save -c; fi; done
begin sockets; if has ss; then ss -tuanp; fi
begin processes; ps -ef
begin log
if [ -d /run/systemd/journal ] && has journalctl; then
  journalctl --quiet --no-pager --output=short-unix --since="@$since" | tail -c 2000000
fi
for f in /var/log/syslog /var/log/messages /var/log/*.log /var/log/*/*.log; do
  [ -f "$f" ] && [ -n "$(find "$f" -newermt "@$since" 2>/dev/null)" ] || continue
  case $f in OFFSETS *) from=-200000;; esac
  printf '%s:FILE %s\n' "$TOKEN" "$f"
  tail -c "$from" "$f" | head -c 1000000
done
"""


class Packet(Protocol):
    """A packet that was captured (``access/capture/live``)."""

    @property
    def interface(self) -> str: ...

    @property
    def time(self) -> int: ...

    @property
    def data(self) -> bytes: ...

    @property
    def length(self) -> int: ...


@dataclass(frozen=True)
class Evidence:
    """What there is.

    :ivar files: in the directory of results, by what they are.
    :ivar timeline: in the order of time.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    timeline: tuple[Happening, ...] = ()


@dataclass(frozen=True)
class Watch:
    """What is noted when a test begins.

    :ivar guests: of which there will be evidence.
    :ivar began: seconds since the epoch.
    :ivar clock: the same on the clock that nobody sets.
    :ivar lengths: bytes of logs by guest and path.
    """

    workdir: Workdir
    guests: tuple[str, ...]
    began: float
    clock: float
    lengths: Mapping[tuple[str, str], int]

    @property
    def elapsed(self) -> float:
        """Seconds since the test began."""
        return time.monotonic() - self.clock

    def collect(
        self,
        results: Path,
        place: str,
        lab: Lab,
        *,
        packets: Iterable[Packet] = (),
        capture: str = "",
        commands: Iterable[Happening] = (),
    ) -> Evidence:
        """Ask the guests, and write what there is.

        :param results: the directory of results.
        :param place: a directory below it for this test (:func:`place_of`).
        :param packets: for the timeline, of all cables.
        :param capture: the file of them, below ``results``; empty if there is none.
        :param commands: what the test's steps ran, for the timeline.
        :raises HostError: where it cannot be written.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            asked = [*pool.map(self._asked, self.guests)]
        found: dict[str, str] = {"packets": capture} if capture else {}
        timeline = [*commands, *self._packets(packets, lab)]
        for guest, (texts, lines) in zip(self.guests, asked, strict=True):
            timeline += lines
            found |= _written(results, place, guest, texts)
        return Evidence(found, tuple(sorted(timeline, key=lambda each: each.at)))

    def _packets(self, packets: Iterable[Packet], lab: Lab) -> Iterator[Happening]:
        names = names_of(lab)
        # The last ones: a test fails at its end.
        for packet in deque(packets, _MOST_PACKETS):
            text = described(packet.data, packet.length, names)
            yield Happening(round(packet.time / 1e9 - self.began, 6), packet.interface, "packet", text)

    def _asked(self, guest: str) -> tuple[dict[str, str], list[Happening]]:
        """Files of a guest with their texts, and what its logs tell."""
        boot = {"boot.log": "\n".join(files.tail(self.workdir.guest(guest).boot_log, _BOOT_LINES, _BOOT_BYTES))}
        token, before = secrets.token_hex(8), self.elapsed
        try:
            done = Line(str(self.workdir.path), guest).run(
                self._script(guest, token), timeout=_SECONDS, max_output=_MOST_SAID
            )
        except DummError as exc:
            return {**boot, "unreachable.txt": str(exc)}, []
        parts = _sections(done.stdout.decode(errors="replace"), token)
        texts = {
            name: "\n".join(
                f"== {part}\n{parts[part]}" if len(wanted) > 1 else parts[part] for part in wanted if parts.get(part)
            )
            for name, wanted in _PARTS.items()
        }
        lines = [*happenings(guest, texts["log.txt"], Clock.read(parts.get("clock", ""), before))]
        # Many logs have whole seconds: what seems to be just before the test may be of its beginning.
        return {**boot, **texts}, [replace(line, at=max(line.at, 0.0)) for line in lines if line.at > -1]

    def _script(self, guest: str, token: str) -> str:
        known = {path: size for (name, path), size in self.lengths.items() if name == guest}
        offsets = "".join(f"{path}) from=+{size + 1};; " for path, size in known.items())
        script = _ASK.replace("OFFSETS ", offsets).replace("ELAPSED", str(int(self.elapsed) + 1))
        return f"TOKEN={token}\n{script}"


def watch(workdir: Workdir, guests: Iterable[str], clock: float | None = None) -> Watch:
    """Begin to watch guests, those that a test is about.

    :param clock: when the test began, as :func:`time.monotonic` tells it; by default now.
    """
    names = tuple(guests)
    lengths = {(name, path): size for name in names for path, size in _lengths(workdir.guest(name))}
    now = time.monotonic()
    began = now if clock is None else clock
    return Watch(workdir, names, time.time() - (now - began), began, lengths)


def _lengths(directory: GuestDir) -> Iterator[tuple[str, int]]:
    for path in _LOGS:
        status = files.status_in_root(directory.union, path)
        if status is not None:
            yield path, status.st_size


def names_of(lab: Lab) -> dict[str, str]:
    """Names of guests by their addresses."""
    return {
        address.partition("/")[0]: guest.name
        for guest in lab.guests.values()
        for iface in guest.interfaces.values()
        for address in iface.addresses or ()
    }


def place_of(group: str, name: str, variant: str = "", attempt: int = 1) -> str:
    """The directory of a test's evidence below that of the results."""
    parts = [slug(name, "test")]
    parts += [slug(variant.replace(", ", "-").replace(" ", "-"), "variant")] if variant else []
    parts += [f"try-{attempt}"] if attempt > 1 else []
    return f"evidence/{slug(group or 'tests', 'tests')}/{'.'.join(parts)}"


def _sections(text: str, token: str) -> dict[str, str]:
    """What stands below each heading of the answer."""
    found: dict[str, str] = {}
    for part in text.split(f"\n{token} ")[1:]:
        name, _newline, below = part.partition("\n")
        found[name.strip()] = below.strip("\n").replace(f"{token}:FILE ", "== ")
    return found


def _written(results: Path, place: str, guest: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Write a guest's files that have something in them: their places, by what they are."""
    directory = results / place / guest
    found = {}
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.items():
            if text:
                (directory / name).write_text(f"{plain(text)}\n", encoding="utf-8", errors="replace")
                found[f"{guest}: {name}"] = f"{place}/{guest}/{name}"
    except OSError as exc:
        raise from_oserror(f"results {results}", "write evidence to", exc) from exc
    return found
