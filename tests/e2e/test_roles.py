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

_PACKAGES = "dumm.lab.packages"
_BOOK: list[dict[str, Any]] = [
    {"role": "dumm.lab.host", "host_workdir": "$W"},
    {"role": "dumm.lab.kernel", "kernel_workdir": "$W"},
    {"role": "dumm.lab.master", "master_workdir": "$W", "master_name": "bookworm"},
    {"role": _PACKAGES, "packages_workdir": "$W", "packages_name": "tests", "packages_list": ["sl"]},
]
_INSTALL = "apt-get -qq update && apt-get -qq -y install sl >/dev/null 2>&1; dpkg-query -W -f '${Status}' sl"


def _roles(way: Way) -> list[dict[str, Any]]:
    """The roles with the lab's directory; the lab host of the tests that is another machine has no network to fetch packages from."""
    return [
        {key: str(way.lab.path) if value == "$W" else value for key, value in role.items()}
        for role in _BOOK
        if not (way.remote and role["role"] == _PACKAGES)
    ]


@pytest.mark.parametrize("way_name", ["local", "remote"])
def test_the_roles_bring_all_that_a_guest_needs_once(way_name: str, request: pytest.FixtureRequest) -> None:
    way: Way = request.getfixturevalue(way_name).bare("roles")
    told = way.new(".json")
    guest = {
        "workdir": str(way.lab.path),
        "name": "r-guest",
        "layers": [] if way.remote else [f"{way.lab.path}/layers/tests"],
    }
    tasks: list[dict[str, Any]] = [
        {"dumm.lab.dumm_guest": guest},
        {
            "ansible.builtin.raw": "echo alive" if way.remote else _INSTALL,
            "delegate_to": "r-guest",
            "register": "said",
            "changed_when": False,
        },
        {
            "ansible.builtin.copy": {"content": "{{ said | to_json }}", "dest": str(told), "mode": "0600"},
            "delegate_to": "controller",
            "changed_when": False,
        },
    ]
    plays = [{"hosts": way.host, "gather_facts": False, "roles": _roles(way), "tasks": tasks}]

    first = changes(way.play(plays, ["r-guest"]))
    second = changes(way.play(plays, ["r-guest"]))

    assert first[way.host] > 3
    assert second == {way.host: 0}
    assert json.loads(told.read_text())["stdout"].strip() == ("alive" if way.remote else "install ok installed")
