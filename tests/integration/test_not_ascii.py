# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Letters beyond ASCII wherever a user may write them: directories, files, contents, labels and variables."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import Lab, Refused, call, fresh_lab
from programs import Ansible
from testbed import pids

TEXT = "Grüße aus 汉语 😀\n"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab in a directory whose name is not ASCII."""
    (tmp_path / "grün").mkdir(mode=0o700)
    with fresh_lab(tmp_path / "grün") as fresh:
        yield fresh


def _odd(place: Path, master: Path, **settings: Any) -> dict[str, Any]:
    """A scenario with such letters in all that may have them."""
    (place / "schicht ö/srv").mkdir(parents=True)
    (place / "schicht ö/srv/größe").write_text(TEXT)
    (place / "stamm ü").symlink_to(master)
    return {
        "guests": {
            "alice": {
                "mem": 96,
                "layers": [str(place / "schicht ö")],
                "master": str(place / "stamm ü"),
                "files": {
                    "/srv/straße/ключ": TEXT,
                    "/srv/vorlage": {"template": "{{ strasse }} {{ guest.labels['größe'] }}\n"},
                },
                "run": ["echo 'fertig für 汉语' >/srv/fertig"],
                "vars": {"strasse": TEXT.strip()},
                "labels": {"größe": "mäßig"},
                **settings,
            },
            "bob": {"mem": 64},
        },
        "links": [{"a": "alice:eth0", "b": "bob:eth0", "prefix": "10.0.0.0/24"}],
    }


@pytest.mark.parametrize("union", ["overlay", "cowfs"])
def test_a_lab_may_be_full_of_letters_that_are_not_ascii(lab: Lab, tmp_path: Path, union: str) -> None:
    config = _odd(tmp_path, lab.workdir.masters / "default", union=union, disk=64)

    lab.scenario("vpn", config)
    before = pids(lab, "alice", "bob")
    again = lab.scenario("vpn", config)

    assert lab.name.startswith("dumm-grn-") and (again["changed"], pids(lab, "alice", "bob")) == (False, before)
    assert lab.reaches("alice", "10.0.0.2")
    assert lab.read("alice", "cat /srv/straße/ключ /srv/größe") == TEXT * 2
    assert lab.read("alice", "cat /srv/vorlage /srv/fertig") == f"{TEXT.strip()} mäßig\nfertig für 汉语\n"
    lab.guest("alice", save="vorher", state="stopped")
    lab.guest("alice", restore="vorher", state="started")
    assert lab.read("alice", "cat /srv/fertig") == "fertig für 汉语\n"


def test_ansible_reaches_its_guests(lab: Lab, tmp_path: Path) -> None:
    ansible = Ansible(lab, tmp_path)
    (tmp_path / "büro").mkdir()
    source, inventory = tmp_path / "büro/netz für alle.yml", tmp_path / "büro/übung.dumm.yml"
    source.write_text(yaml.safe_dump(_odd(tmp_path, lab.workdir.masters / "default"), allow_unicode=True))
    inventory.write_text("plugin: dumm.lab.dumm\n")

    ansible.run("ansible", "localhost", "-m", "dumm.lab.dumm_scenario", "-a", f"name=vpn src='{source}'")
    graph = ansible.run("ansible-inventory", "-i", str(inventory), "--graph")
    told = ansible.run("ansible", "-i", str(inventory), "alice", "-m", "debug", "-a", "msg='{{ strasse }}.'")
    ansible.run("ansible", "-i", str(inventory), "alice", "-m", "copy", "-a", "content='ß汉' dest=/srv/ä")

    assert "  |--@label_größe_mäßig:\n  |  |--alice\n" in graph and "Grüße aus 汉语" in told and "WARNING" not in told
    assert lab.read("alice", "cat /srv/ä") == "ß汉"


def test_a_program_without_a_locale_does_the_same(lab: Lab, tmp_path: Path) -> None:
    """As what cron, or a lab host's SSH server without AcceptEnv, starts."""
    source = tmp_path / "wörter.yml"
    source.write_text(yaml.safe_dump(_odd(tmp_path, lab.workdir.masters / "default"), allow_unicode=True))
    for name in ("C", "POSIX"):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
        command = lab.command("scenario", name="vpn", src=str(source))
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=300, env={**environment, "LC_ALL": name}
        )
        assert done.returncode == 0, done.stdout + done.stderr

    assert not call("scenario", {"workdir": str(lab.path), "name": "vpn", "src": str(source)})["changed"]
    assert lab.read("alice", "cat /srv/straße/ключ /srv/größe") == TEXT * 2


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", os.fsdecode(b"gr\xfcn")])
def test_a_directory_that_no_message_can_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused) as refused:
        call("guest", {"workdir": str(tmp_path / name), "name": "alice"})

    message = refused.value.result["msg"]
    assert "its path has control characters, or bytes that are not UTF-8; give it another path" in message
    assert message.isprintable() and not list(tmp_path.iterdir())
