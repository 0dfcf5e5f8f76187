# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles on a lab host that is another machine, where Ansible's ssh has a terminal, which mixes what a script says with what ssh says."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PREFIX, Lab
from openssh import Server, served
from programs import Ansible


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The lab host's SSH server."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place, served(Path(place)) as running:
        yield running


# For each role something that only the lab host finds out.
ROLES: dict[str, tuple[str, dict[str, Any]]] = {
    "packages packages: master none is not there": ("packages", {"packages_list": ["sl"], "packages_master": "none"}),
    "master x: the debootstrap of this host knows no suite nonsense": (
        "master",
        {"master_name": "x", "master_suite": "nonsense"},
    ),
    "master y: fetching the packages failed; the end of its log is above. Check master_suite, master_packages and master_mirror": (
        "master",
        {"master_name": "y", "master_suite": "bookworm", "master_mirror": "http://127.0.0.1:9/debian"},
    ),
    "user-mode-linux of Debian nonsense cannot be fetched from http://127.0.0.1:9: ": (
        "kernel",
        {"kernel_suite": "nonsense", "kernel_mirror": "http://127.0.0.1:9"},
    ),
    "kernel_build_tree /proc holds no source of a kernel": (
        "kernel",
        {"kernel_source": "build", "kernel_build_tree": "/proc", "kernel_build_cached_only": True},
    ),
    "Setting kernel.pid_max cannot be raised from ": (
        "host",
        {"host_packages": [], "host_sysctl_minimum": {"kernel.pid_max": 1 << 30}},
    ),
}


def test_an_error_on_another_machine_shows_its_cause(lab: Lab, server: Server, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    places = {f"{role}_workdir": str(lab.path) for role in ("host", "kernel", "master", "packages")}
    places |= {f"{role}_cache_dir": str(tmp_path / "cache") for role in ("kernel", "master")}
    tasks = [
        {
            "block": [{"include_role": {"name": f"dumm.lab.{role}"}, "vars": options}],
            "rescue": [{"set_fact": {"told": "{{ told | default([]) + [ansible_failed_result.msg] }}"}}],
        }
        for role, options in ROLES.values()
    ]
    write = {"copy": {"content": "{{ told | to_json }}", "dest": str(told)}, "delegate_to": "localhost"}
    play = {"hosts": "labs", "gather_facts": False, "vars": places, "tasks": [*tasks, write]}
    hosts = server.host("lab1", ansible_pipelining="false", ansible_become="true", ansible_become_method="su")
    local = "localhost ansible_connection=local ansible_become=false ansible_python_interpreter='{{ ansible_playbook_python }}'"
    (tmp_path / "hosts").write_text(f"[labs]\n{hosts}\n[local]\n{local}\n")
    ansible = Ansible(lab, tmp_path, server.controller)

    output = ansible.play([play], "-i", str(tmp_path / "hosts"), "-vvv")

    assert "-tt" in output
    messages = [" ".join(message.split()) for message in json.loads(told.read_text())]
    assert len(messages) == len(ROLES)
    for cause, message in zip(ROLES, messages, strict=True):
        assert cause in message and "Shared connection" not in message
