# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan is made of: deeds, which ``apply`` knows how to do, and steps, which say them in words and put them in order.  Pure."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..model.errors import DummError
from ..model.found import Device, Kernel
from ..model.given import Given
from ..model.lab import Bridge, Command, Guest, Iface, UnionEngine
from ..model.readiness import Ready
from ..model.root import HostsLayer, RenderedLayer, Stack
from .desired import Keep

# As many objects as it takes to be told of together.
_MANY = 4
_ABOUT = re.compile(r"(?P<kind>guest|interface|bridge) \S+: (?P<what>.*)", re.DOTALL)


@dataclass(frozen=True)
class Prepared:
    """What a guest's definition means on this host, found out and checked before anything is changed.

    :ivar master: resolved path of the root file system.
    :ivar engine: the union engine, and why.
    :ivar stack: the layers that may change while it runs.
    :ivar busy: files that the running guest holds open of layers that would come or go.
    :ivar breaks: whether other things fail on purpose in the running guest's union than should.
    :ivar boots: whether it has an init of its own, which takes its time.
    """

    kernel: Kernel
    master: str
    engine: UnionEngine
    why: str
    stack: Stack
    busy: tuple[str, ...] = ()
    breaks: bool = False
    boots: bool = True


class Deed:
    """Something that ``apply`` knows how to do."""


@dataclass(frozen=True)
class MakeNamespace(Deed):
    """Make the lab's network namespace."""

    netns: str


@dataclass(frozen=True)
class StoreNetns(Deed):
    """Remember where the lab's network is."""

    netns: str


@dataclass(frozen=True)
class RemoveNamespace(Deed):
    """Remove it."""

    netns: str


@dataclass(frozen=True)
class StoreGuest(Deed):
    """Write a definition."""

    guest: Guest


@dataclass(frozen=True)
class ForgetGuest(Deed):
    """Remove a guest's directory."""

    name: str


@dataclass(frozen=True)
class StoreBridge(Deed):
    """Write a definition."""

    bridge: Bridge


@dataclass(frozen=True)
class ForgetBridge(Deed):
    """Remove a definition."""

    name: str


@dataclass(frozen=True)
class AddBridge(Deed):
    """Make a bridge."""

    bridge: Bridge


@dataclass(frozen=True)
class SetBridge(Deed):
    """Change a bridge."""

    bridge: Bridge
    found: Device


@dataclass(frozen=True)
class AddTap(Deed):
    """Make a TAP."""

    iface: Iface


@dataclass(frozen=True)
class SetTap(Deed):
    """Change a TAP."""

    iface: Iface
    found: Device


@dataclass(frozen=True)
class DeleteDevice(Deed):
    """Delete a device of ours.

    :ivar with_namespace: whether its network namespace goes in the same plan, and it with that.
    """

    subject: str
    found: Device
    with_namespace: bool = False


@dataclass(frozen=True)
class Start(Deed):
    """Start a guest and wait until its control line answers.

    :ivar units: its interfaces with their MAC addresses; the position is the vector driver's unit.
    :ivar taps: those of its TAPs that were there before.
    """

    guest: Guest
    prepared: Prepared
    units: tuple[tuple[Iface, str], ...]
    taps: tuple[Device, ...] = ()


@dataclass(frozen=True)
class Render(Deed):
    """Make a layer of files."""

    layer: RenderedLayer


@dataclass(frozen=True)
class WriteHosts(Deed):
    """Make a layer with /etc/hosts, or change its content under the guests that have it."""

    layer: HostsLayer


@dataclass(frozen=True)
class Freshen(Deed):
    """Let a guest's scratch layer for a scenario be empty."""

    guest: str
    scenario: str


@dataclass(frozen=True)
class Swap(Deed):
    """Give a running guest the layers that it should have."""

    guest: Guest
    prepared: Prepared


@dataclass(frozen=True)
class Break(Deed):
    """Let those things fail on purpose in a running guest's union that should."""

    guest: Guest


@dataclass(frozen=True)
class Unscratch(Deed):
    """Throw away what a guest wrote while a scenario was loaded that is not any more."""

    guest: str


@dataclass(frozen=True)
class Remember(Deed):
    """Write down what a running guest is given."""

    guest: str
    given: Given


@dataclass(frozen=True)
class Run(Deed):
    """Run a scenario's commands in a guest that was just started."""

    guest: str
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class AwaitReady(Deed):
    """Wait until a running guest is ready; that changes nothing."""

    guest: str
    ready: Ready


@dataclass(frozen=True)
class RestartServices(Deed):
    """Restart services of a guest."""

    guest: str
    services: tuple[str, ...]


@dataclass(frozen=True)
class KeepWritten(Deed):
    """Save, throw away or bring back what a guest wrote."""

    guest: str
    keep: Keep


@dataclass(frozen=True)
class Stop(Deed):
    """Stop a guest, cleanly if it lets itself."""

    name: str


@dataclass(frozen=True)
class Clean(Deed):
    """Take away what an ended or half-started guest left."""

    name: str


@dataclass(frozen=True)
class Pause(Deed):
    """Halt a guest's kernel where it is."""

    name: str


@dataclass(frozen=True)
class Resume(Deed):
    """Let it go on."""

    name: str


@dataclass(frozen=True)
class Plug(Deed):
    """Hot-plug an interface."""

    iface: Iface
    unit: int
    mac: str


@dataclass(frozen=True)
class Unplug(Deed):
    """Hot-unplug a unit whose link is down."""

    guest: str
    unit: int


@dataclass(frozen=True)
class Configure(Deed):
    """Carry out lines for ``ip -batch`` in a guest."""

    guest: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One thing to do.

    :ivar key: unique in the plan.
    :ivar says: in words; a step that only serves another says nothing.
    :ivar needs: keys of steps that come first; keys that are not in the plan do not matter.
    """

    key: str
    deed: Deed
    says: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    :ivar restart_required: for each guest, what of it takes effect only at its next start.
    :ivar waiting: guests that are paused or do not answer, in which something is to change when they can be told.
    :ivar silent: guests that go on, and do not answer.
    :ivar first: what must be done before the rest can be planned: paused guests that are to go on and to change are resumed.
    """

    steps: tuple[Step, ...]
    restart_required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    first: tuple[Step, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is changed, which waiting and our own record are not."""
        return any(not isinstance(step.deed, (AwaitReady, Remember)) for step in self.steps)

    @property
    def starts(self) -> list[Guest]:
        """The guests that are started."""
        return [step.deed.guest for step in self.steps if isinstance(step.deed, Start)]

    @property
    def actions(self) -> list[str]:
        """All steps in words, in order, see :func:`grouped`."""
        return list(dict.fromkeys(self.spoken.values()))

    @property
    def spoken(self) -> Mapping[str, str]:
        """How each sentence is told."""
        return grouped([sentence for step in self.steps for sentence in step.says])


def grouped(sentences: Iterable[str]) -> dict[str, str]:
    """How each sentence is told: one for all that say the same of many objects, such as ``8 guests: load scenario vpn``."""
    about = {sentence: found for sentence in sentences if (found := _ABOUT.fullmatch(sentence))}
    counts = Counter(found.group("kind", "what") for found in about.values())

    def told(sentence: str) -> str:
        kind, what = about[sentence].group("kind", "what") if sentence in about else ("", "")
        count = counts[kind, what]
        return f"{count} {kind}s: {what}" if count >= _MANY else sentence

    return {sentence: told(sentence) for sentence in sentences}


def digest(commands: tuple[Command, ...]) -> str:
    """Names a list of commands."""
    return hashlib.sha256(repr(commands).encode()).hexdigest()[:16] if commands else ""


def ordered(steps: list[Step]) -> tuple[Step, ...]:
    """The steps, each behind all that it needs, else in the order given.

    :raises DummError: for a circle, which would be our own fault.
    """
    places = {step.key: place for place, step in enumerate(steps)}
    missing = [{need for need in step.needs if need in places} for step in steps]
    waiting: dict[str, list[int]] = {}
    for place, needs in enumerate(missing):
        for need in needs:
            waiting.setdefault(need, []).append(place)
    ready = [place for place, needs in enumerate(missing) if not needs]
    result: list[Step] = []
    while ready:
        step = steps[heapq.heappop(ready)]
        result.append(step)
        for place in waiting.get(step.key, ()):
            missing[place].discard(step.key)
            if not missing[place]:
                heapq.heappush(ready, place)
    if len(result) < len(steps):
        circle = ", ".join(step.key for step, needs in zip(steps, missing, strict=True) if needs)
        raise DummError("plan", f"these steps wait for each other: {circle}", "report this as a fault of dumm.lab")
    return tuple(result)
