# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps → the system.  Steps that do not need each other are done at the same time.

A step that fails stops what has not begun; what runs is finished.  Every step can be done again, so the next run does what is
left.  The error names the object, and what was done is reported with it.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from ..guest import channel, kernels, mconsole, processes
from ..guest.placement import Placement
from ..guest.sandbox import Swapper
from ..host import netlink, uids
from ..host.netlink import Network
from ..host.wait import Deadline, poll_until
from ..host.workdir import Workdir, load_guest
from ..model.errors import DummError, from_oserror, together
from ..model.found import Inside, iface_owner
from ..model.lab import Power
from ..plan.steps import (
    AddBridge,
    AddTap,
    AwaitReady,
    Break,
    Clean,
    Configure,
    Deed,
    DeleteDevice,
    ForgetBridge,
    ForgetGuest,
    Freshen,
    KeepWritten,
    MakeNamespace,
    Pause,
    Plan,
    Plug,
    Remember,
    RemoveNamespace,
    Render,
    RestartServices,
    Resume,
    Run,
    SetBridge,
    SetTap,
    Start,
    Step,
    Stop,
    StoreBridge,
    StoreGuest,
    StoreNetns,
    Swap,
    Unplug,
    Unscratch,
    WriteHosts,
    grouped,
)
from ..union import cowfs, layers, saves
from . import lifecycle, rendering
from .quiet import Segments

_PROGRESS_SECONDS = 3.0
_POWER_SECONDS = 5.0


@dataclass
class Context:
    """What the deeds work on.

    :ivar netns: name of the lab's network namespace.
    :ivar timeout: seconds that a guest may take to come up or go down.
    :ivar tell: told of each step that begins.
    :ivar progress: told now and then how far it is, when it takes long.
    :ivar parallel: how many steps are done at the same time.
    :ivar durations: seconds that each step took.
    :ivar ready: seconds from its launch until a guest answered.
    :ivar spoken: how each sentence of the plan is told.
    :ivar said: what was told so far.
    :ivar segments: those of the plan that is carried out.
    :ivar seen: what guests told of their network when they came up, as long as nothing was done to them since.
    """

    workdir: Workdir
    netns: str
    timeout: float
    tell: Callable[[str], None]
    progress: Callable[[str], None]
    parallel: int
    durations: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    seen: dict[str, Inside] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    spoken: Mapping[str, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    segments: Segments | None = None
    _network: Network | None = None
    _swapper: Swapper | None = None
    _placement: Placement | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)

    @property
    def lab(self) -> str:
        """The lab's name."""
        return self.workdir.lab_name

    def closes(self, bridge: str | None) -> bool:
        """Whether a bridge and its ports are made closed."""
        return self.segments is not None and self.segments.closes(bridge)

    @property
    def network(self) -> Network:
        """The lab's network, opened when it is first needed."""
        with self._opening:
            if self._network is None:
                self._network = Network(self.lab, self.netns)
            return self._network

    @property
    def swapper(self) -> Swapper:
        """What gives guests other unions, made when it is first needed."""
        with self._opening:
            if self._swapper is None:
                self._swapper = Swapper()
            return self._swapper

    @property
    def placement(self) -> Placement:
        """What gives guests their CPUs, made when the first is started."""
        with self._opening:
            if self._placement is None:
                self._placement = Placement(self.lab, lifecycle.cpus(self.workdir))
            return self._placement

    def close(self) -> None:
        """Give the network and the swapper back."""
        if self._swapper is not None:
            self._swapper.close()
            self._swapper = None
        if self._network is not None:
            self._network.close()
            self._network = None


class Failed(Exception):
    """A plan that was not carried out to its end.

    :param done: in words.
    :param errors: of the steps that failed.
    """

    def __init__(self, done: list[str], errors: list[DummError]) -> None:
        super().__init__(str(together(errors)))
        self.done = done
        self.errors = errors


def apply(plan: Plan, context: Context) -> None:
    """Carry a plan out.

    :raises Failed: with what was done.
    """
    waiting = _Waiting(plan)
    done: dict[str, Step] = {}
    errors: list[DummError] = []
    running: dict[Future[None], Step] = {}
    told = Deadline(_PROGRESS_SECONDS)
    context.spoken, context.said = plan.spoken, set()
    segments = context.segments = Segments(plan, context.workdir, lambda: context.network)
    try:
        with ThreadPoolExecutor(max_workers=context.parallel) as pool:
            while running or (waiting.left and not errors):
                for step in [] if errors else waiting.take(segments.allow):
                    running[pool.submit(_do, step, context)] = step
                for future in wait(running, timeout=_PROGRESS_SECONDS, return_when=FIRST_COMPLETED).done:
                    step = running.pop(future)
                    try:
                        future.result()
                        done[step.key] = step
                        waiting.done(step)
                        segments.done(step)
                    except DummError as exc:
                        errors.append(exc)
                if told.over:
                    context.progress(_how_far(plan, done, running.values(), context))
                    told = Deadline(_PROGRESS_SECONDS)
            try:
                # Some may be up, although not all are.
                segments.open()
            except DummError as exc:
                errors.append(exc)
    finally:
        context.close()
    if errors:
        said = grouped([sentence for step in done.values() for sentence in step.says])
        raise Failed(list(dict.fromkeys(said.values())), errors)


class _Waiting:
    """The steps of a plan that have not begun.

    :ivar left: how many they are.
    """

    def __init__(self, plan: Plan) -> None:
        self.left = len(plan.steps)
        keys = {step.key for step in plan.steps}
        self._missing = {step.key: {need for need in step.needs if need in keys} for step in plan.steps}
        self._after: dict[str, list[Step]] = defaultdict(list)
        for step in plan.steps:
            for need in self._missing[step.key]:
                self._after[need].append(step)
        self._ready = [step for step in plan.steps if not self._missing[step.key]]

    def take(self, allow: Callable[[Step], bool]) -> list[Step]:
        """Those that may begin now; they do not wait any more."""
        taken = [step for step in self._ready if allow(step)]
        self._ready = [step for step in self._ready if not allow(step)]
        self.left -= len(taken)
        return taken

    def done(self, step: Step) -> None:
        """Take notice of a step that is done."""
        for later in self._after[step.key]:
            self._missing[later.key].discard(step.key)
            if not self._missing[later.key]:
                self._ready.append(later)


def _how_far(plan: Plan, done: Mapping[str, Step], running: Iterable[Step], context: Context) -> str:
    """One line: how much is done, how many guests are up, and what has taken the longest so far."""
    starts = [step.key for step in plan.steps if isinstance(step.deed, Start)]
    up = f", {sum(key in done for key in starts)} of {len(starts)} guests up" if starts else ""
    now = time.monotonic()
    waits = sorted((context.begun[step.key], step.key) for step in running if step.key in context.begun)
    slow = f"; {waits[0][1]} has taken {now - waits[0][0]:.0f} s so far" if waits else ""
    return f"{len(done)} of {len(plan.steps)} steps done{up}{slow}"


def _do(step: Step, context: Context) -> None:
    began = context.begun[step.key] = time.monotonic()
    for sentence in step.says:
        told = context.spoken.get(sentence, sentence)
        if told not in context.said:
            context.said.add(told)
            context.tell(told)
    try:
        carry_out(step.deed, context)
    except OSError as exc:
        raise from_oserror(step.key, "do what is planned at", exc) from exc
    context.durations[step.key] = time.monotonic() - began


@functools.singledispatch
def carry_out(deed: Deed, context: Context) -> None:
    """Do one deed."""
    raise NotImplementedError(deed)


@carry_out.register
def _store_netns(deed: StoreNetns, context: Context) -> None:
    context.workdir.store_netns(deed.netns)


@carry_out.register
def _make_namespace(deed: MakeNamespace, context: Context) -> None:
    netlink.create_namespace(context.lab, deed.netns)


@carry_out.register
def _remove_namespace(deed: RemoveNamespace, context: Context) -> None:
    context.close()
    netlink.delete_namespace(context.lab, deed.netns)
    context.workdir.forget()


@carry_out.register
def _store_guest(deed: StoreGuest, context: Context) -> None:
    context.workdir.store_guest(deed.guest)


@carry_out.register
def _forget_guest(deed: ForgetGuest, context: Context) -> None:
    lifecycle.forget(context.workdir, deed.name)


@carry_out.register
def _store_bridge(deed: StoreBridge, context: Context) -> None:
    context.workdir.store_bridge(deed.bridge)


@carry_out.register
def _forget_bridge(deed: ForgetBridge, context: Context) -> None:
    context.workdir.forget_bridge(deed.name)


@carry_out.register
def _add_bridge(deed: AddBridge, context: Context) -> None:
    context.network.add_bridge(deed.bridge, context.closes(deed.bridge.name))


@carry_out.register
def _set_bridge(deed: SetBridge, context: Context) -> None:
    context.network.set_bridge(deed.found, deed.bridge, context.closes(deed.bridge.name))


@carry_out.register
def _add_tap(deed: AddTap, context: Context) -> None:
    bridge = _bridge_index(deed.iface.bridge, context)
    group = uids.claim(context.workdir.guest(deed.iface.guest))
    context.network.add_tap(deed.iface, group, bridge, context.closes(deed.iface.bridge))


@carry_out.register
def _set_tap(deed: SetTap, context: Context) -> None:
    context.network.set_tap(deed.found.index, deed.iface, _bridge_index(deed.iface.bridge, context))


def _bridge_index(name: str | None, context: Context) -> int | None:
    return None if name is None else context.network.bridge_index(name)


@carry_out.register
def _delete_device(deed: DeleteDevice, context: Context) -> None:
    if not deed.with_namespace:
        context.network.delete(deed.subject, deed.found)


@carry_out.register
def _start(deed: Start, context: Context) -> None:
    began = time.monotonic()
    user = uids.claim(context.workdir.guest(deed.guest.name))
    _hand_over_taps(deed, user, context)
    place = lifecycle.Place(netlink.path_of(context.netns), context.placement.take(deed.guest), user)
    seen = lifecycle.start(context.workdir, deed, place, context.timeout)
    context.ready[deed.guest.name] = time.monotonic() - began
    if seen is not None:
        context.seen[deed.guest.name] = seen


def _hand_over_taps(deed: Start, group: int, context: Context) -> None:
    """Make TAPs anew that are for others.

    An earlier version gave them to a user, which cannot be taken back, or the guest has lost its users to another.
    """
    ifaces = {iface_owner(iface.label): iface for iface, _mac in deed.units}
    for tap in deed.taps:
        if tap.group != group and tap.owner in ifaces:
            context.network.delete(deed.guest.label, tap)
            carry_out(AddTap(ifaces[tap.owner]), context)


@carry_out.register
def _stop(deed: Stop, context: Context) -> None:
    lifecycle.stop(context.workdir, deed.name, netlink.path_of(context.netns), context.timeout)


@carry_out.register
def _clean(deed: Clean, context: Context) -> None:
    lifecycle.clean(context.workdir, deed.name)


@carry_out.register
def _pause(deed: Pause, context: Context) -> None:
    _ask_kernel(deed.name, "stop", context)
    _await_power(deed.name, Power.PAUSED, context)


@carry_out.register
def _resume(deed: Resume, context: Context) -> None:
    _ask_kernel(deed.name, "go", context)
    _await_power(deed.name, Power.RUNNING, context)


def _await_power(name: str, wanted: Power, context: Context) -> None:
    """The kernel answers a moment before it does what it was asked; an observer would see the state before."""
    directory = context.workdir.guest(name)
    process = processes.read(directory)
    poll_until(lambda: processes.power(directory, process) is wanted or None, Deadline(_POWER_SECONDS))


@carry_out.register
def _plug(deed: Plug, context: Context) -> None:
    _ask_kernel(deed.iface.guest, f"config vec{deed.unit}:{kernels.transport(deed.iface, deed.mac)}", context)


@carry_out.register
def _unplug(deed: Unplug, context: Context) -> None:
    _ask_kernel(deed.guest, f"remove vec{deed.unit}", context)


def _ask_kernel(name: str, command: str, context: Context) -> None:
    directory = context.workdir.guest(name)
    mconsole.ask(directory.run, name, netlink.path_of(context.netns), command, nudge=lambda: channel.nudge(directory))


@carry_out.register
def _configure(deed: Configure, context: Context) -> None:
    context.seen.pop(deed.guest, None)
    lifecycle.configure(context.workdir, deed.guest, deed.lines)


@carry_out.register
def _render(deed: Render, context: Context) -> None:
    rendering.write(deed.layer, context.workdir.rendered(deed.layer.name))


@carry_out.register
def _write_hosts(deed: WriteHosts, context: Context) -> None:
    rendering.write_hosts(deed.layer, context.workdir.rendered(deed.layer.name))


@carry_out.register
def _freshen(deed: Freshen, context: Context) -> None:
    lifecycle.freshen(context.workdir, deed.guest, deed.scenario)


@carry_out.register
def _keep_written(deed: KeepWritten, context: Context) -> None:
    directory, keep = context.workdir.guest(deed.guest), deed.keep
    layer = context.workdir.path / layers.stack(context.workdir, load_guest(directory)).upper
    if keep.remove is not None:
        saves.remove(directory, keep.remove)
    if keep.save is not None:
        saves.save(directory, layer, keep.save)
    if keep.reset:
        saves.reset(directory, layer)
    if keep.restore is not None:
        saves.restore(directory, layer, keep.restore)


@carry_out.register
def _swap(deed: Swap, context: Context) -> None:
    lifecycle.swap(context.workdir, deed.guest, deed.prepared, context.swapper)


@carry_out.register
def _break(deed: Break, context: Context) -> None:
    cowfs.ask(
        context.workdir.guest(deed.guest.name).path, deed.guest.label, do="fault", rules=cowfs.rules(deed.guest.faults)
    )


@carry_out.register
def _unscratch(deed: Unscratch, context: Context) -> None:
    lifecycle.unscratch(context.workdir, deed.guest)


@carry_out.register
def _remember(deed: Remember, context: Context) -> None:
    lifecycle.remember(context.workdir, deed.guest, deed.given)


@carry_out.register
def _run(deed: Run, context: Context) -> None:
    context.seen.pop(deed.guest, None)
    lifecycle.run_commands(context.workdir, deed.guest, deed.commands, context.timeout)


@carry_out.register
def _await_ready(deed: AwaitReady, context: Context) -> None:
    # Its init may have changed what the guest told of its network when it came up.
    context.seen.pop(deed.guest, None)
    lifecycle.await_ready(context.workdir, deed.guest, deed.ready, context.timeout)


@carry_out.register
def _restart_services(deed: RestartServices, context: Context) -> None:
    context.seen.pop(deed.guest, None)
    lifecycle.restart_services(context.workdir, deed.guest, deed.services, context.timeout)
