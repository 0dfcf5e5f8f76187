# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a scenario's file is read, and what messages call it, by ``ansible-playbook`` on the lab host and on another machine."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PREFIX, Lab
from openssh import Server, served
from programs import BIN, Ansible

SECRET = "what-nobody-is-to-see"
GOOD = f"description: {SECRET}\nguests:\n  alice: {{mem: 64}}\n"
BAD = "guests:\n  alice:\n    memory: 64\n"
# An environment has the module itself run, instead of its body in the action plugin.
WAYS = pytest.mark.parametrize(
    "environment", [{}, pytest.param({"A": "b"}, marks=pytest.mark.long)], ids=["action plugin", "module"]
)
# What a controller that is another machine does not have, and what only it has.
_ELSEWHERE = 'mount -t tmpfs tmpfs "$0" && cp "$1" "$0/only-here.yml" && shift && exec "$@"'


@pytest.fixture
def ansible(shared: Lab, tmp_path: Path) -> Ansible:
    """Ansible on the lab host; playbooks lie in ``tmp_path``."""
    return Ansible(shared, tmp_path)


def _checked(ansible: Ansible, environment: dict[str, str], *arguments: str, **options: Any) -> dict[str, Any]:
    """The result of the module in check mode, which reads and understands the file all the same."""
    return ansible.task("dumm.lab.dumm_scenario", {"name": "vpn", **options}, environment, "--check", *arguments)


@WAYS
@pytest.mark.parametrize("place", ["lab.yml", "files/lab.yml"])
def test_a_relative_file_is_beside_the_playbook(
    ansible: Ansible, tmp_path: Path, environment: dict[str, str], place: str
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / place).write_text(GOOD)

    result = _checked(ansible, environment, src="lab.yml")

    assert "start guest alice" in result["actions"]


@WAYS
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BAD.encode(), "{}/lab.yml:3:5: guests.alice.memory: unknown key memory; did you mean mem?"),
        (
            "guests: {}\ndescription: grün\n".encode("latin1"),
            "{}/lab.yml:2:16: the byte 0xfc is not UTF-8; save the file as",
        ),
        ("guests: {}\n".encode("utf-16"), "{}/lab.yml:1:1: the byte 0xff is not UTF-8; save the file as UTF-8"),
    ],
    ids=["a fault", "Latin-1", "UTF-16"],
)
def test_messages_have_the_path_and_the_line(
    ansible: Ansible, tmp_path: Path, environment: dict[str, str], content: bytes, message: str
) -> None:
    (tmp_path / "lab.yml").write_bytes(content)

    result = _checked(ansible, environment, src="lab.yml")

    assert result["failed"] and result["msg"].startswith(message.format(tmp_path))


@WAYS
def test_a_file_that_is_not_there_is_told(ansible: Ansible, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "files").mkdir()

    missing = _checked(ansible, environment, src="none.yml")
    directory = _checked(ansible, environment, src="files")

    assert missing["msg"] == (
        "scenario vpn: none.yml is not on the controller, neither beside the playbook nor in files of it or of the role; "
        "write it there; if it is on the lab host, add remote_src: true"
    )
    assert directory["msg"] == f"scenario vpn: cannot read {tmp_path}/files: Is a directory; give src another path"


@WAYS
def test_a_file_is_not_read_where_it_is_not_needed(ansible: Ansible, environment: dict[str, str]) -> None:
    for options in ({"state": "absent"}, {"state": "unloaded"}, {"config": {"guests": {"alice": {}}}}):
        assert not _checked(ansible, environment, src="none.yml", **options).get("failed")


@WAYS
def test_a_file_may_be_encrypted(ansible: Ansible, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "lab.yml").write_text(GOOD)
    (tmp_path / "password").write_text("42\n")
    given = f"--vault-password-file={tmp_path}/password"
    subprocess.run([BIN / "ansible-vault", "encrypt", given, tmp_path / "lab.yml"], check=True, capture_output=True)

    result = _checked(ansible, environment, given, src="lab.yml")
    refused = _checked(ansible, environment, src="lab.yml")

    assert "start guest alice" in result["actions"]
    assert refused["msg"].startswith(f"scenario vpn: cannot decrypt {tmp_path}/lab.yml: ")
    assert refused["msg"].endswith("; give its password (--vault-password-file)")


@WAYS
def test_the_text_itself_may_be_given(ansible: Ansible, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "lab.yml.j2").write_text(
        "guests:\n{% for number in range(2) %}\n  g{{ number }}: {mem: {{ mem }}}\n{% endfor %}\n"
    )
    made = "{{ lookup('ansible.builtin.template', 'lab.yml.j2', template_vars={'mem': %s}) }}"

    good = _checked(ansible, environment, content=made % 64)
    bad = _checked(ansible, environment, content=made % 1)
    named = _checked(ansible, environment, content=made % 1, src="lab.yml.j2")
    both = _checked(ansible, environment, content=made % 64, config={"guests": {}})

    assert {"start guest g0", "start guest g1"} <= set(good["actions"])
    assert [line.split(": ")[0] for line in bad["msg"].splitlines()] == ["content:2:13", "content:3:13"]
    assert named["msg"].startswith("lab.yml.j2:2:13: guests.g0.mem: ")
    assert both["msg"] == "scenario vpn: config and content cannot both be given; give one of them"


def test_the_text_of_a_file_is_not_among_the_arguments_that_are_shown(ansible: Ansible, tmp_path: Path) -> None:
    (tmp_path / "lab.yml").write_text(GOOD)

    _checked(ansible, {"A": "b"}, "-vvv", src="lab.yml")

    assert "AnsiballZ_dumm_scenario" in ansible.output and SECRET not in ansible.output


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The SSH server of a lab host that is another machine."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place, served(Path(place)) as running:
        yield running


def test_the_file_for_another_machine_is_the_controllers(shared: Lab, server: Server, tmp_path: Path) -> None:
    (tmp_path / "here.yml").write_text(GOOD)
    (shared.path / "only-there.yml").write_text(BAD)
    (tmp_path / "hosts").write_text(f"{server.host('lab1')}\n")
    before = (
        *server.controller,
        "unshare",
        "--mount",
        "sh",
        "-c",
        _ELSEWHERE,
        str(shared.path),
        str(tmp_path / "here.yml"),
    )
    ansible = Ansible(shared, tmp_path, before)
    there = {"workdir": str(shared.path), "name": "vpn"}
    asked = [
        {"src": str(shared.path / "only-here.yml")},
        {"src": str(shared.path / "only-there.yml")},
        {"src": str(shared.path / "only-there.yml"), "remote_src": True},
        {"src": str(shared.path / "only-here.yml"), "remote_src": True},
        {},
    ]
    tasks = [{"dumm.lab.dumm_scenario": {**there, **each}, "ignore_errors": True, "check_mode": True} for each in asked]

    output = ansible.play(
        [{"hosts": "lab1", "gather_facts": False, "tasks": tasks}], "-i", str(tmp_path / "hosts"), "-v"
    )

    read, missing, faulty, not_there, default = " ".join(output.split()).split("TASK [")[1:]
    assert "changed: [lab1]" in read and "start guest alice" in read
    assert f"scenario vpn: {shared.path}/only-there.yml is not on the controller, " in missing
    assert "if it is on the lab host, add remote_src: true" in missing
    assert f"{shared.path}/only-there.yml:3:5: guests.alice.memory: unknown key memory" in faulty
    assert f"scenario vpn: cannot read {shared.path}/only-here.yml on the lab host: No such file" in not_there
    assert f"scenario vpn: cannot read {shared.path}/scenarios/vpn/config on the lab host: No such file" in default
    assert SECRET not in output
