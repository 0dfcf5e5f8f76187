# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every role by a playbook of a user's own, in both ways: a working directory that has nothing gets all that a guest needs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from programs import changes
from way import Way

_BOOK: list[dict[str, Any]] = [
    {"role": "dumm.lab.host", "host_workdir": "$W"},
    {"role": "dumm.lab.kernel", "kernel_workdir": "$W"},
    {"role": "dumm.lab.master", "master_workdir": "$W", "master_name": "bookworm"},
    {"role": "dumm.lab.packages", "packages_workdir": "$W", "packages_name": "tests", "packages_list": ["sl"]},
]


@pytest.mark.parametrize("way_name", ["local", "remote"])
def test_the_roles_bring_all_that_a_guest_needs_once(way_name: str, request: pytest.FixtureRequest) -> None:
    way: Way = request.getfixturevalue(way_name).bare("roles")
    told = way.new(".json")
    roles = [
        {
            key: value.replace("$W", str(way.lab.path)) if isinstance(value, str) else value
            for key, value in role.items()
        }
        for role in _BOOK
    ]
    guest = {"workdir": str(way.lab.path), "name": "r-guest", "layers": [f"{way.lab.path}/layers/tests"]}
    tasks: list[dict[str, Any]] = [
        {"dumm.lab.dumm_guest": guest, "register": "made"},
        {
            "ansible.builtin.raw": "apt-get -qq update && apt-get -qq -y install sl >/dev/null 2>&1; dpkg-query -W -f '${Status}' sl",
            "delegate_to": "r-guest",
            "register": "installed",
            "changed_when": False,
        },
        {
            "ansible.builtin.copy": {"content": "{{ [made, installed] | to_json }}", "dest": str(told), "mode": "0600"},
            "delegate_to": "controller",
            "delegate_facts": False,
            "changed_when": False,
        },
    ]
    plays = [{"hosts": way.host, "gather_facts": False, "roles": roles, "tasks": tasks}]

    first = changes(way.play(plays, ["r-guest"]))
    second = changes(way.play(plays, ["r-guest"]))

    made, installed = json.loads(told.read_text())
    assert first[way.host] > 3
    assert second == {way.host: 0}
    assert made["guest"]["running"] and installed["stdout"].strip() == "install ok installed"
    assert {path.name for path in way.lab.path.iterdir()} >= {"kernels", "masters", "layers"}
