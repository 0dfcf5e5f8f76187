# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab that was typed together becomes a scenario's text, and is taken over as it is."""

from __future__ import annotations

from lab import Lab
from testbed import pids

from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import describe
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.observe import look_inside, observe
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import adopt


def test_a_scenario_of_what_runs_changes_nothing_but_whose_it_is(lab: Lab) -> None:
    lab.bridge("lan", address=["10.0.0.254/24"])
    for number, name in enumerate(("alice", "bob"), 1):
        lab.guest(name, mem=64)
        lab.iface(name, "eth0", bridge="lan", address=[f"10.0.0.{number}/24", "fd00::9/64"][:number])
    lab.iface("bob", "eth1", mtu=1400, up=False)
    before = pids(lab)
    actual = observe(lab.workdir)
    found = describe.found_lab(look_inside(lab.workdir, actual, actual.lab.guests, actual.lab, {}))

    text = adopt.adopt(found)
    first = lab.scenario("mine", content=text)

    owned = ("belongs to scenario mine", "load scenario mine, discarding what it writes")
    assert [action for action in first["actions"] if not action.endswith(owned)] == []
    assert pids(lab) == before
    assert lab.scenario("mine", content=text)["actions"] == []
