# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why does a guest not reach another?  It sends a probe, looks at all cables of the way, and asks the guests of the way::

    found = why(bench, "alice", "bob")
    print(found.text)            # where the packet was seen, and one sentence
    found.verdict.hop            # "moon", or empty if all was answered

1. The way is what the guests' kernels say: ``alice`` is asked for its route, who has the next address in that segment is asked next, and so
   on; and the same from the target back.
2. The cables of all of these are captured while ``alice`` sends the probe from inside.
3. The guests are asked once more, for what they have counted meanwhile.
4. ``why_reasons`` makes a verdict of it.

Nothing is changed in a guest, and none needs a tool for it: a guest without ``ip`` is named as one that could not be asked.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..access.capture import live as capture
from ..model.checking import is_address
from ..model.errors import DummError, GuestError, InvalidInput, from_oserror, nearest, plain
from ..model.lab import Iface, Power
from . import probes, why_ask
from .bench import Bench, at_once
from .outcome import text_of
from .why_ask import Told
from .why_reasons import Case, Hop, Post, Verdict, judged
from .why_seen import Probe, sights

_COUNT = 3
_SECONDS = 30.0
_PING = re.compile(r"(\d+) packets transmitted")
_NO_TOOL = 127
# A packet is not followed further.
_LONGEST_WAY = 32
# Of a segment where nobody is defined to have an address, so many guests are asked for it.
_MOST_ASKED = 16
_SNAPLEN = 400
_PING_SCRIPT = """
tool=$(command -v ping) || exit 127
case $("$tool" -V 2>&1) in
  *iputils*) echo marked; exec "$tool" -n -c {count} -i 0.3 -W 2 -p {mark}{device} {target} ;;
esac
exec "$tool" -c {count} -W 2{device} {target}
"""


@dataclass(frozen=True)
class Found:
    """What came of the question.

    :ivar title: what was sent from where to where.
    """

    title: str
    case: Case
    verdict: Verdict

    @property
    def text(self) -> str:
        """The hops with what was seen, and one sentence."""
        return plain("\n".join([self.title, *_table(self.verdict), *_unasked(self.case), sentence(self.verdict)]))


def told(bench: Bench, source: str, target: str) -> str:
    """Where the packets from one guest to another die, in words, for a test that has failed."""
    try:
        return why(bench, source, target).text
    except OSError as exc:
        raise from_oserror(f"{source} -> {target}", "look for where packets die:", exc) from exc


def why(bench: Bench, source: str, target: str, *, family: int | None = None, port: int = 0) -> Found:
    """Find out why a guest does not reach another.

    :param source: a guest, or one of its interfaces.
    :param target: a guest, one of its interfaces, or an address.
    :param family: 4 or 6; either without.
    :param port: of TCP, to be opened; echo requests without.
    :raises DummError: where there is no such guest or address, or the first guest cannot be asked.
    """
    guest, _colon, device = source.partition(":")
    if guest not in bench.lab.guests or (device and device not in bench.lab.guests[guest].interfaces):
        raise InvalidInput(source, "it is neither a guest nor an interface of one", "name a guest of the lab")
    power = bench.power(guest)
    if power is not Power.RUNNING:
        raise GuestError(f"guest {guest}", f"it is {power.value}, and cannot send anything", "start or resume it")
    there = target.partition(":")[0]
    if there not in bench.lab.guests and not is_address(target):
        raise InvalidInput(target, "it is neither a guest nor an address", nearest(there, bench.lab.guests))
    address = bench.address_of(target, family, guest)
    return _Question(bench, guest, device, address, port).answered(target)


class _Question:
    """The edges: what is asked of guests, and heard on cables.

    :param device: interface by which the probe leaves; empty for any.
    """

    def __init__(self, bench: Bench, guest: str, device: str, address: str, port: int) -> None:
        self._bench = bench
        self._guest = guest
        self._device = device
        self._address = address
        self._port = port
        self._before: dict[str, Told] = {}
        self._unasked: dict[str, str] = {}

    def answered(self, target: str) -> Found:
        """Ask, send, and judge."""
        there = self._way(self._guest, "", self._address)
        source = there[0].route.source
        back = self._way(there[-1].guest, self._address, source) if source and there[-1].route.local else []
        self._ask_owners([*there[-1:], *back[-1:]], {self._address, source})
        guests = list(dict.fromkeys([*self._before, *(hop.guest for hop in (*there, *back))]))
        powers = {name: self._bench.power(name) for name in guests}
        mark = secrets.token_bytes(16)
        labels = [
            iface.label
            for name in guests
            if powers[name].alive
            for iface in self._bench.lab.guests[name].interfaces.values()
        ]
        with capture.started(str(self._bench.workdir.path), labels, snaplen=_SNAPLEN) as cables:
            sent, is_marked = self._send(mark)
            probe = Probe(self._address, source, self._port, mark if is_marked else b"")
            seen = tuple(sights(cables.packets(), probe))
        after = self._asked({name: why_ask.script(self._address) for name in self._before})
        case = Case(
            self._bench.lab, probe, sent, powers, self._before, after, self._unasked, tuple(there), tuple(back), seen
        )
        what = f"TCP port {self._port}" if self._port else f"{sent} echo requests"
        named = f"{target} ({self._address})" if target != self._address else target
        return Found(f"{self._guest}{f' ({source})' if source else ''} -> {named}: {what}", case, judged(case))

    def _way(self, guest: str, source: str, target: str) -> list[Hop]:
        """The way of a packet, as far as kernels know it.

        :param source: address that it has; empty for that which the first guest takes.
        """
        hops: list[Hop] = []
        iface: Iface | None = None
        wanted = ""
        while len(hops) < _LONGEST_WAY:
            device = "" if iface is None else iface.name
            script = why_ask.script(target, source=source, device=device, next_hop=wanted, own=iface is None)
            answers = self._asked({guest: script})
            if guest not in answers:
                return [*hops, Hop(guest, device)]
            found = answers[guest]
            self._before.setdefault(guest, found)
            hops.append(Hop(guest, found.dev if iface is not None else "", found.route, found.reverse))
            if not found.route.dev or found.route.local:
                return hops
            source = source or found.route.source
            wanted = found.route.via or target
            following = self._owner(guest, found.cable_of(found.route.dev), wanted)
            if following is None or any(hop.guest == following.guest for hop in hops):
                return hops
            guest, iface = following.guest, following
        return hops

    def _owner(self, guest: str, name: str, address: str) -> Iface | None:
        """The interface in the segment of another that has an address."""
        own = self._bench.lab.guests[guest].interfaces.get(name)
        if own is None or own.bridge is None:
            return None
        others = [each for each in self._bench.lab.ports(own.bridge) if each.guest != guest]
        for each in others:
            if address in _bare(each.addresses or ()):
                return each
        self._ask_more(each.guest for each in others[:_MOST_ASKED])
        for each in others:
            known = self._before.get(each.guest)
            if known is not None and known.has(address):
                return each
        return None

    def _ask_owners(self, ends: Iterable[Hop], targets: Iterable[str]) -> None:
        """Ask also those who should have the addresses at which a way ends."""
        wanted = {*targets, *(hop.route.via for hop in ends)} - {""}
        self._ask_more(iface.guest for iface in self._bench.lab.ifaces() if wanted & set(_bare(iface.addresses or ())))

    def _ask_more(self, guests: Iterable[str]) -> None:
        fresh = {name: why_ask.script(self._address) for name in guests if name not in self._before}
        self._before.update(self._asked(fresh))

    def _asked(self, scripts: Mapping[str, str]) -> dict[str, Told]:
        """What guests tell, as far as they do."""

        def ask(guest: str) -> Told | None:
            if self._bench.power(guest) is not Power.RUNNING:
                self._unasked[guest] = "it does not run"
                return None
            try:
                return why_ask.understood(text_of(self._bench.ask(guest, scripts[guest], _SECONDS).stdout))
            except DummError as exc:
                self._unasked[guest] = str(exc)
            except ValueError as exc:
                # Whoever is root in a guest may have anything printed.
                self._unasked[guest] = f"its answer cannot be understood: {exc}"
            return None

        answers = at_once(scripts, ask) if scripts else {}
        return {name: answer for name, answer in answers.items() if answer is not None}

    def _send(self, mark: bytes) -> tuple[int, bool]:
        """Send the probe: how many packets, and whether they bear the mark."""
        if self._port:
            done = self._bench.ask(self._guest, probes.port_script(self._address, self._port, self._device), _SECONDS)
            if done.code == _NO_TOOL:
                raise GuestError(
                    f"guest {self._guest}", "it has neither bash with timeout, nor python3, nor nc", "install one"
                )
            return 1, False
        device = f" -I {shlex.quote(self._device)}" if self._device else ""
        script = _PING_SCRIPT.format(count=_COUNT, mark=mark.hex(), device=device, target=self._address)
        done = self._bench.ask(self._guest, script, _SECONDS)
        if done.code == _NO_TOOL:
            raise GuestError(f"guest {self._guest}", "it has no ping", "install iputils-ping there")
        said = text_of(done.stdout)
        found = _PING.search(said)
        return (int(found[1]) if found else _COUNT), said.startswith("marked")


def _bare(addresses: Iterable[str]) -> list[str]:
    return [each.partition("/")[0] for each in addresses]


def sentence(verdict: Verdict) -> str:
    """The verdict in words: why, and what to do."""
    said = f"{verdict.reason[0].upper()}{verdict.reason[1:]}" if verdict.good else verdict.reason
    return f"{said}; {verdict.remedy}" if verdict.remedy else said


def _unasked(case: Case) -> list[str]:
    lines = [f"not asked: {name}: {why}" for name, why in sorted(case.unasked.items())]
    lacking = sorted(name for name, told in case.before.items() if "ip" not in told.tools)
    return lines + ([f"without a command ip: {', '.join(lacking)}"] if lacking else [])


def _table(verdict: Verdict) -> list[str]:
    """A line for each interface of the way: requests and replies that were seen, and which way."""
    labels = list(dict.fromkeys(post.label for post in (*verdict.there, *verdict.back)))
    width = max([len(label) for label in labels], default=0)
    lines = [f"  {'':{width}}  requests  replies"] if labels else []
    for label in labels:
        cells = [_cell(posts, label) for posts in (verdict.there, verdict.back)]
        lines.append(f"  {label:{width}}  {cells[0]:8}  {cells[1]}".rstrip())
    return lines


def _cell(posts: Iterable[Post], label: str) -> str:
    return ", ".join(f"{post.count} {'in' if post.inward else 'out'}" for post in posts if post.label == label)
