# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How steps on a guest are carried out: by ``lifecycle``, and by its kernel's mconsole."""

from __future__ import annotations

import functools
import time

from ..guest import channel, kernels, mconsole, processes
from ..host import namespaces, taps
from ..host.wait import Deadline, poll_until
from ..model.found import DeviceKind
from ..model.lab import Power
from ..plan import guest_steps as steps
from ..plan.network_steps import AddTap
from . import lifecycle, network_steps
from .context import Context

_POWER_SECONDS = 5.0


@functools.singledispatch
def carry_out(action: steps.GuestAction, context: Context) -> None:
    """Carry out one step on a guest."""
    raise NotImplementedError(action)


@carry_out.register
def _store_guest(action: steps.StoreGuest, context: Context) -> None:
    context.workdir.store_guest(action.guest)


@carry_out.register
def _forget_guest(action: steps.ForgetGuest, context: Context) -> None:
    lifecycle.forget(context.workdir, action.name)


@carry_out.register
def _start(action: steps.Start, context: Context) -> None:
    began = time.monotonic()
    user = context.user_of(action.guest.name)
    _hand_over_taps(action, user, context)
    place = lifecycle.Place(namespaces.path_of(context.netns), context.placement.take(action.guest), user)
    seen = lifecycle.start(context.workdir, action, place, context.timeout, context.lookout)
    context.ready[action.guest.name] = time.monotonic() - began
    if seen is not None:
        context.seen[action.guest.name] = seen


def _hand_over_taps(action: steps.Start, group: int, context: Context) -> None:
    """Make TAPs anew that are for others.

    An earlier version gave them to a user, which cannot be taken back, or the guest has lost its users to another.
    """
    ifaces = {DeviceKind.TAP.of(iface.label): iface for iface, _mac in action.units}
    for tap in action.taps:
        if tap.group != group and tap.mark in ifaces:
            context.network.delete(action.guest.label, tap)
            network_steps.carry_out(AddTap(ifaces[tap.mark], tap.port_mask), context)


@carry_out.register
def _stop(action: steps.Stop, context: Context) -> None:
    path = namespaces.path_of(context.netns)
    lifecycle.stop(context.workdir, action.name, path, context.timeout, halt=action.halt, goes=action.goes)
    if action.ends:
        taps.hint(path, action.ends)


@carry_out.register
def _clean(action: steps.Clean, context: Context) -> None:
    lifecycle.clean(context.workdir, action.name)


@carry_out.register
def _pause(action: steps.Pause, context: Context) -> None:
    _ask_kernel(action.name, "stop", context)
    _await_power(action.name, Power.PAUSED, context)


@carry_out.register
def _resume(action: steps.Resume, context: Context) -> None:
    _ask_kernel(action.name, "go", context)
    _await_power(action.name, Power.RUNNING, context)


def _await_power(name: str, wanted: Power, context: Context) -> None:
    """The kernel answers a moment before it does what it was asked; an observer would see the state before."""
    directory = context.workdir.guest(name)
    process = processes.read(directory)
    poll_until(lambda: processes.power(directory, process) is wanted or None, Deadline(_POWER_SECONDS))


@carry_out.register
def _plug(action: steps.Plug, context: Context) -> None:
    transport = kernels.transport(action.iface, action.mac, action.carrier)
    _ask_kernel(action.iface.guest, f"config vec{action.unit}:{transport}", context)


@carry_out.register
def _set_cable(action: steps.SetCable, context: Context) -> None:
    _ask_kernel(action.guest, f"config vec{action.unit}:{action.carrier}", context)


@carry_out.register
def _unplug(action: steps.Unplug, context: Context) -> None:
    _ask_kernel(action.guest, f"remove vec{action.unit}", context)


def _ask_kernel(name: str, command: str, context: Context) -> None:
    directory = context.workdir.guest(name)
    mconsole.ask(
        directory.run, name, namespaces.path_of(context.netns), command, nudge=lambda: channel.nudge(directory)
    )


@carry_out.register
def _configure(action: steps.Configure, context: Context) -> None:
    context.seen.pop(action.guest, None)
    lifecycle.configure(context.workdir, action.guest, action.lines)


@carry_out.register
def _remember(action: steps.Remember, context: Context) -> None:
    lifecycle.remember(context.workdir, action.guest, action.given)


@carry_out.register
def _run(action: steps.Run, context: Context) -> None:
    context.seen.pop(action.guest, None)
    lifecycle.run_commands(context.workdir, action.guest, action.commands, context.timeout)


@carry_out.register
def _await_ready(action: steps.AwaitReady, context: Context) -> None:
    # Its init may have changed what the guest told of its network when it came up.
    context.seen.pop(action.guest, None)
    lifecycle.await_ready(context.workdir, action.guest, action.ready, context.timeout)


@carry_out.register
def _restart_services(action: steps.RestartServices, context: Context) -> None:
    context.seen.pop(action.guest, None)
    lifecycle.restart_services(context.workdir, action.guest, action.services, context.timeout)
