# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a test works on: the guests of a working directory, which it asks over their control lines, several at the same time.

A guest that is stopped, paused or dead is no answer: whatever is asked of it fails, and at once.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..access.line import Line
from ..guest import processes
from ..guest.channel import Completed
from ..host.workdir import Workdir
from ..model import checking
from ..model.errors import DummError, GuestError, InvalidInput, WaitTimeout, nearest
from ..model.lab import Lab, Power
from .outcome import Outcome, shown, text_of

if TYPE_CHECKING:
    from ..access.capture.live import Capture, Mark

T = TypeVar("T")
Interface: TypeAlias = "ipaddress.IPv4Interface | ipaddress.IPv6Interface"
MAX_OUTPUT = 2**20  # bytes of what a command may print
# A look is given as long as this, however little is left: on a busy machine a guest may take seconds to answer.
LEAST_SECONDS = 30.0
_ASK_SECONDS = 20.0
_PARALLEL = 16


@dataclass
class Bench:
    """A lab, as a test uses it.

    :ivar lab: its definitions; :meth:`refresh` reads them again.
    :ivar captures: by interface, what hears the packets that cross it.
    :ivar marks: by interface, what it had heard when the stage began.
    """

    workdir: Workdir
    lab: Lab
    captures: dict[str, Capture] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)

    def refresh(self) -> None:
        """Read the lab's definitions again."""
        self.lab = self.workdir.load()

    def begin_stage(self) -> None:
        """From here on packets are those of another stage."""
        self.marks = {label: capture.mark() for label, capture in self.captures.items()}

    def power(self, guest: str) -> Power:
        """What a guest is doing."""
        directory = self.workdir.guest(guest)
        return processes.power(directory, processes.read(directory))

    def ask(self, guest: str, script: str, seconds: float) -> Completed:
        """Run a script in a guest.

        :param seconds: it is killed then.
        :raises DummError: where the guest does not answer, or the script does not end, or prints too much.
        """
        if guest not in self.lab.guests:
            raise InvalidInput(f"guest {guest}", "there is no such guest", nearest(guest, self.lab.guests))
        # A line of its own: one that is used often has the guest start a Python for it, and a test changes nothing unasked.
        return Line(str(self.workdir.path), guest).run(script, timeout=seconds, max_output=MAX_OUTPUT)

    def failed(self, guest: str, error: DummError) -> Outcome:
        """What it means for a check that a guest could not be asked."""
        said = (
            f"; it had printed: {shown(text_of(error.said))}" if isinstance(error, WaitTimeout) and error.said else ""
        )
        return Outcome(False, f"{error}{said}", final=self.power(guest) is not Power.RUNNING)

    def address_of(self, target: str, family: int | None, source: str = "") -> str:
        """The address that a target means.

        :param target: an address, a guest, or one of its interfaces.
        :param source: the guest that wants to reach it.
        :raises InvalidInput: where it has none.
        """
        if checking.is_address(target):
            return target
        near = self.addresses(source) if source else []
        chosen = nearest_address(self.addresses(target), near, (4, 6) if family is None else (family,))
        if chosen is None:
            kind = "" if family is None else f"IPv{family} "
            raise InvalidInput(target, f"it has no {kind}address", "give it one, or name an address")
        return chosen

    def addresses(self, end: str) -> list[Interface]:
        """Addresses of a guest, or of one of its interfaces: those that are defined, or else those that it has."""
        name, _colon, port = end.partition(":")
        if checking.is_address(end) or name not in self.lab.guests:
            return []
        ifaces = [each for each in self.lab.guests[name].interfaces.values() if port in ("", each.name)]
        defined = [ipaddress.ip_interface(text) for each in ifaces for text in each.addresses or ()]
        return defined or self._own_addresses(name, {each.name for each in ifaces} if port else None)

    def _own_addresses(self, guest: str, only: Iterable[str] | None) -> list[Interface]:
        """Addresses that a guest got from elsewhere.

        :param only: of these interfaces.
        """
        told = self.ask(guest, "ip -j addr", _ASK_SECONDS)
        try:
            return [
                ipaddress.ip_interface(f"{each['local']}/{each['prefixlen']}")
                for link in json.loads(told.stdout or b"[]")
                if link["ifname"] != "lo" and (only is None or link["ifname"] in only)
                for each in link["addr_info"]
                if each["scope"] == "global"
            ]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise GuestError(f"guest {guest}", "it does not tell its addresses (ip -j addr)", "define them") from None


def nearest_address(found: Sequence[Interface], near: Sequence[Interface], versions: Iterable[int]) -> str | None:
    """One of the addresses of a guest: of the first version that it has, and if there is one, in a network of these.

    :param near: addresses of the guest that wants to reach it.
    """
    for version in versions:
        own = [each.ip for each in found if each.version == version]
        if own:
            return str(next((each for each in own if any(each in one.network for one in near)), own[0]))
    return None


def at_once(names: Iterable[str], do: Callable[[str], T]) -> dict[str, T]:
    """Do something with each of several guests at the same time."""
    known = list(dict.fromkeys(names))
    if len(known) == 1:
        return {known[0]: do(known[0])}
    with ThreadPoolExecutor(min(_PARALLEL, len(known)) or 1) as pool:
        return dict(zip(known, pool.map(do, known), strict=True))
