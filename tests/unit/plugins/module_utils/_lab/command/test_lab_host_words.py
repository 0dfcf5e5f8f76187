# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How ``dumm --lab-host`` logs in; that it does is tested with a real server (tests/integration/test_dumm_lab_host.py)."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.command import lab_host
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput


def login(**known: Any) -> list[str]:
    """All words before the command."""
    return lab_host.ssh_command("lab1", known, ["exec", "alice", "true"])[:-1]


def test_a_host_without_variables_is_logged_in_to_by_its_name() -> None:
    assert login() == ["ssh", "--", "lab1"]


def test_variables_of_ansible_are_heeded() -> None:
    found = login(
        ansible_host="192.0.2.1",
        ansible_port=2222,
        ansible_user="me",
        ansible_ssh_private_key_file="/k e y",
        ansible_ssh_common_args="-o 'ProxyCommand=nc %h %p'",
        ansible_ssh_executable="/opt/ssh",
    )

    assert found == [
        *("/opt/ssh", "-i", "/k e y", "-p", "2222", "-l", "me"),
        *("-o", "ProxyCommand=nc %h %p", "--", "192.0.2.1"),
    ]


def test_words_reach_the_other_machine_as_they_are() -> None:
    words = ["exec", "alice", "printf '%s\n' \"$HOME\"", "", "a b"]

    found = shlex.split(lab_host.ssh_command("lab1", {}, words)[-1])

    assert (found[:3], found[4:]) == (["exec", "sh", "-c"], ["dumm", *words])


@pytest.mark.parametrize(("become", "root"), [(True, True), ("yes", True), (False, False), (None, False)])
def test_root_is_asked_for_where_ansible_would(become: Any, root: bool) -> None:
    assert ("sudo -n" in lab_host.ssh_command("lab1", {"ansible_become": become}, [])[-1]) == root


def test_root_needs_no_sudo_there(tmp_path: Path) -> None:
    programs = {"dumm": 'echo ran "$@"', "id": "echo 0", "sudo": "exit 1"}
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    known = {"ansible_become": True, "dumm_command": str(tmp_path / "dumm")}

    command = ["/bin/sh", "-c", lab_host.ssh_command("lab1", known, ["inspect"])[-1]]
    done = subprocess.run(command, env={"PATH": f"{tmp_path}:/bin"}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "ran inspect\n", "")


_GROUPS = {
    "_meta": {"hostvars": {"lab1": {"ansible_host": "192.0.2.1"}, "lab2": {}}},
    "all": {"children": ["ungrouped", "site"]},
    "site": {"children": ["labhosts"]},
    "labhosts": {"hosts": ["lab1", "lab2"]},
    "ungrouped": {"hosts": ["other"]},
}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("labhosts", ["lab1", "lab2"]),
        ("site", ["lab1", "lab2"]),
        ("lab2,lab1", ["lab2", "lab1"]),
        ("other,labhosts", ["other", "lab1", "lab2"]),
    ],
)
def test_groups_and_several_names_are_several_hosts(
    monkeypatch: pytest.MonkeyPatch, names: str, found: list[str]
) -> None:
    monkeypatch.setattr(lab_host, "_told", lambda *_words: json.loads(json.dumps(_GROUPS)))

    assert list(lab_host._several(names)) == found


def test_a_name_that_is_neither_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_host, "_told", lambda *_words: json.loads(json.dumps(_GROUPS)))

    with pytest.raises(
        InvalidInput, match="lab host lab9: the inventory knows neither a host nor a group of that name"
    ):
        lab_host._several("lab1,lab9")


def test_another_connection_is_refused() -> None:
    with pytest.raises(InvalidInput, match="its connection is local"):
        login(ansible_connection="local")


@pytest.mark.parametrize("verb", ["up", "pack", "unpack", "test", "plan"])
def test_a_verb_that_works_with_files_is_refused(verb: str) -> None:
    with pytest.raises(InvalidInput, match="files of this machine"):
        lab_host.run("lab1", verb, [], None)
