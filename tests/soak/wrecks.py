# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several kinds of damage to a working directory at once: every module works or says what is wrong, and absent takes it all away."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress

import damage
from damage import BRIDGE, KEEPER, SEGMENT, VICTIM, Kind, Outcome
from lab import Lab, Refused

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface


def wreck(lab: Lab, dice: random.Random) -> tuple[str, list[str]]:
    """Damage what :func:`damage.prepare` has made, in one way or in several.

    :return: how, and what went wrong.
    """
    if dice.random() < 0.3:
        kind = dice.choice(damage.KINDS)
        return kind.name, damage.attempt(lab, kind)
    kinds = {kind.path: kind for kind in dice.sample(damage.KINDS, 4) if kind.outcome is not Outcome.REFUSED}
    return ", ".join(kind.name for kind in kinds.values()), _at_once(lab, list(kinds.values()), dice)


def _at_once(lab: Lab, kinds: list[Kind], dice: random.Random) -> list[str]:
    lab.workdir.store_bridge(Bridge(BRIDGE))
    lab.workdir.store_guest(Guest(VICTIM, mem=64, interfaces={"eth0": Iface(VICTIM, "eth0", BRIDGE)}))
    if dice.random() < 0.3:
        with suppress(Refused):
            lab.guest(VICTIM)
    keeper = lab.process(KEEPER)
    for kind in kinds:
        kind.do(lab.path / kind.path)
    calls: list[Callable[[], object]] = [
        lambda: lab.guest(VICTIM, mem=72),
        lambda: lab.guest(VICTIM, state="stopped", wait_timeout=5),
        lambda: lab.iface(VICTIM, "eth1"),
        lambda: lab.bridge(BRIDGE, mtu=1400),
        lab.info,
    ]
    for call in dice.sample(calls, 3):
        # An exception of any other class comes out.
        with suppress(Refused):
            call()
    wrong = []
    if lab.info(inside=False)["guests"][KEEPER]["state"] != "running":
        wrong.append("dumm_info does not see the other guest")
    mtu = 1400 if lab.info(inside=False)["bridges"][SEGMENT]["mtu"] != 1400 else 1500
    if not lab.bridge(SEGMENT, mtu=mtu)["changed"]:
        wrong.append("another object could not be changed")
    lab.guest(VICTIM, state="absent", wait_timeout=5)
    lab.bridge(BRIDGE, state="absent")
    for kind in kinds:
        if kind.outcome is Outcome.IGNORED:
            damage.remove(lab.path / kind.path)
    wrong += [
        f"absent has left {path}"
        for path in (lab.workdir.guest(VICTIM).path, lab.workdir.bridge(BRIDGE))
        if os.path.lexists(path)
    ]
    if lab.process(KEEPER).pid != keeper.pid or not processes.is_alive(keeper):
        wrong.append("the other guest was ended")
    return wrong
