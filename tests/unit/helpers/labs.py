# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of the collection make of their arguments: wishes, with the argument specifications' own defaults."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface, Lab, Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import desired
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Wish

_MODULES = {
    "guest": (_spec.GUEST, desired.guest),
    "iface": (_spec.IFACE, desired.iface),
    "bridge": (_spec.BRIDGE, desired.bridge),
}
_SPECS = {"scenario": _spec.SCENARIO, **{kind: spec for kind, (spec, _understand) in _MODULES.items()}}


def params(kind: str, **arguments: Any) -> dict[str, Any]:
    """A module's parameters as Ansible hands them over."""
    validated = ArgumentSpecValidator(_SPECS[kind]).validate(arguments)
    assert not validated.error_messages, validated.error_messages
    told: dict[str, Any] = validated.validated_parameters
    return told


def wish(kind: str, lab: Lab, **arguments: Any) -> Wish:
    """What a call of ``dumm_<kind>`` asks for."""
    return _MODULES[kind][1](params(kind, **arguments), lab)


def guest(name: str, *ifaces: Iface, power: Power = Power.STOPPED, **settings: Any) -> Guest:
    """A guest with interfaces."""
    return Guest(name, power=power, interfaces={iface.name: iface for iface in ifaces}, **settings)


def lab(*objects: Guest | Bridge, netns: str = "dumm-test") -> Lab:
    """A lab of guests and bridges."""
    return Lab(
        "dumm-test",
        netns,
        {each.name: each for each in objects if isinstance(each, Guest)},
        {each.name: each for each in objects if isinstance(each, Bridge)},
    )
