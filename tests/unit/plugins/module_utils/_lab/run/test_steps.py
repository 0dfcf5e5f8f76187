# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each kind of action is carried out, in the file of its subject."""

from __future__ import annotations

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import guest_steps, layer_steps, network_steps
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import apply
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import guest_steps as on_guests
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import layer_steps as on_layers
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import network_steps as on_networks

SUBJECTS = {
    network_steps.NetworkAction: on_networks,
    guest_steps.GuestAction: on_guests,
    layer_steps.LayerAction: on_layers,
}
KINDS = [(base, kind) for base in SUBJECTS for kind in base.__subclasses__()]


def test_every_subject_is_known() -> None:
    assert {kind for kind in Action.__subclasses__() if "_lab.plan." in kind.__module__} == set(SUBJECTS)


@pytest.mark.parametrize(("base", "kind"), KINDS, ids=[kind.__name__ for _base, kind in KINDS])
def test_every_kind_is_carried_out_beside_its_subject(base: type[Action], kind: type[Action]) -> None:
    carry_out = SUBJECTS[base].carry_out

    assert apply.carry_out.dispatch(kind) is carry_out
    assert carry_out.dispatch(kind) is not carry_out.dispatch(base)
    assert carry_out.dispatch(kind).__module__ == SUBJECTS[base].__name__
    assert kind.__module__ == base.__module__


def test_a_step_waits_for_what_some_kind_of_action_does() -> None:
    assert {each for _base, kind in KINDS for each in kind.kinds} == set(Kind)


@pytest.mark.parametrize(
    ("kind", "name", "shown"),
    [
        (Kind.STORE_NETNS, "", "lab"),
        (Kind.NETNS, "", "netns"),
        (Kind.BRIDGE, "br0", "bridge br0"),
        (Kind.STORE_BRIDGE, "br0", "store bridge br0"),
        (Kind.TAP, "alice:eth0", "tap alice:eth0"),
        (Kind.START, "alice", "start guest alice"),
        (Kind.RENDER, "vpn", "render vpn"),
    ],
)
def test_a_key_is_shown_as_what_is_done_to_which_object(kind: Kind, name: str, shown: str) -> None:
    assert str(kind.of(name)) == shown
