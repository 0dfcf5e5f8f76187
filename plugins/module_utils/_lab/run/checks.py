# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run checks before it changes anything, apart from the requested lab itself (``model/rules``)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..guest import kernels
from ..host import disks, files, limits, netlink, taps
from ..host.workdir import Workdir, load_guest
from ..model.errors import HostError, Invalid, InvalidInput
from ..model.found import Actual
from ..model.lab import Power, sysctl_path
from ..plan.desired import Extra, Wish
from ..plan.guest_steps import ForgetGuest, Prepared, Start, started
from ..plan.layer_steps import UseSavePoints
from ..plan.network_steps import AddTap, MakeNamespace
from ..plan.steps import Action, Plan
from ..union import layers


def check_readable(actual: Actual, wish: Wish) -> None:
    """Interfaces of a guest that runs can only be changed if it can be asked."""
    for owner, name in sorted(wish.scope.ifaces):
        guest = actual.lab.guests.get(owner)
        if guest is not None and guest.power is Power.PAUSED and not wish.later:
            raise InvalidInput(
                f"interface {owner}:{name}", f"guest {owner} is paused", "resume it first (state: started)"
            )
        if guest is not None and guest.power is Power.STARTING:
            raise InvalidInput(
                f"interface {owner}:{name}",
                f"guest {owner} does not answer yet, a run may have been cut off while it started",
                "start it first with dumm_guest (state: started)",
            )
    for live in actual.live.values():
        # A run for many guests goes on for the others.
        if live.unreadable is not None and not wish.later:
            raise live.unreadable


def check_settings(actual: Actual, wish: Wish, prepared: Mapping[str, Prepared]) -> None:
    """Kernel settings that no kernel of these has.

    :raises Invalid: naming them.
    """
    faults = []
    for name, each in prepared.items():
        live = actual.live.get(name)
        found = live.inside.sysctl if live is not None and live.inside is not None else {}
        for key, _value in wish.lab.guests[name].sysctl:
            path = sysctl_path(key)
            # A module of its own may have brought it to one that runs.
            if path not in found and kernels.lacks_setting(each.kernel, path):
                place = wish.extras.get(name, Extra()).sysctl.get(path)
                subject = f"guest {name}" if place is None else f"{place}: guest {name}"
                cause = f"kernel {each.kernel.release} has no setting {key}"
                faults.append(InvalidInput(subject, cause, "correct its name, or leave it out"))
    if faults:
        raise Invalid(faults)


def check_host(workdir: Workdir, steps: Plan) -> None:
    """Whether the host can do what is planned, as far as that can be seen before.

    :raises DummError: where it cannot.
    """
    actions = [step.action for step in steps.steps]
    limits.check(started(steps))
    if any(isinstance(action, AddTap) for action in actions):
        taps.check()
    for action in actions:
        if isinstance(action, MakeNamespace):
            netlink.check_free(action.netns)
        _check_copies(workdir, action)
    disks.check_unmounted(workdir, [action.name for action in actions if isinstance(action, ForgetGuest)])


def _check_copies(workdir: Workdir, action: Action) -> None:
    """Whether what is to be copied has paths that are not too long for it, and room where it goes.

    :raises HostError: where it has not.
    """
    room = None
    if isinstance(action, UseSavePoints) and action.wish.save is not None:
        name = action.guest
        if not workdir.guest(name).path.is_dir():
            # It is to be made, and has written nothing.
            return
        source = workdir.path / layers.stack(workdir, load_guest(workdir.guest(name))).upper
        target, purpose = workdir.guest(name).saves / f".new-{action.wish.save}", "copy what it wrote"
    elif isinstance(action, Start) and disks.changes(workdir, action.guest.name, action.guest.disk):
        name, room = action.guest.name, action.guest.disk
        source, target, purpose = workdir.guest(name).path, workdir.disks / f".new-{name}", "change its disk"
    else:
        return
    longest, size = files.measure(source) if source.is_dir() else (0, 0)
    above = max(len(os.fsencode(path)) for path in (source, target)) + 1
    if above + longest >= files.PATH_MAX:
        raise files.too_deep(f"guest {name}", purpose)
    if room is not None and size > room << 20:
        cause = f"cannot put what it has into {room} MB (disk): that is {size >> 20} MB"
        raise HostError(f"guest {name}", cause, "give it a larger disk, or remove files in the guest")
