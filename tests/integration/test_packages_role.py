# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role ``packages``: a layer from which guests install packages.  That they do is in test_collections.py."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lab import BASE, Lab
from programs import Ansible, changes, read_rest, read_up_to

_FETCHED = BASE / "layers/tests/srv/packages"


class Role:
    """The role, with a master whose packages come from the tests' own repository, so that no network is needed.

    :param place: an empty directory.
    """

    def __init__(self, lab: Lab, place: Path) -> None:
        self._ansible = Ansible(lab, place)
        self.layer = lab.path / "layers/packages"
        master = lab.path / "masters/offline"
        (master / "etc/apt").mkdir(parents=True)
        self._sources = master / "etc/apt/sources.list"
        self._sources.write_text(f"deb [trusted=yes] copy:{_FETCHED} ./\n")
        (master / "var/lib/dpkg").mkdir(parents=True)
        shutil.copy(lab.path / "masters/systemd/var/lib/dpkg/status", master / "var/lib/dpkg/status")

    def add_source(self, line: str) -> None:
        """Let the master know one more repository."""
        self._sources.write_text(f"{self._sources.read_text()}{line}\n")

    def run(self, *arguments: str, code: int = 0, **variables: Any) -> str:
        """What Ansible says."""
        return self._ansible.play(self._plays(variables), *arguments, code=code)

    def start(self, **variables: Any) -> subprocess.Popen[str]:
        """The role while it runs."""
        return self._ansible.start("ansible-playbook", self._ansible.write(self._plays(variables)))

    def _plays(self, variables: dict[str, Any]) -> list[dict[str, Any]]:
        role = {"role": "dumm.lab.packages", "packages_master": "offline", "packages_list": ["sl"], **variables}
        return [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [role]}]

    @property
    def packages(self) -> set[str]:
        """Names of what is in the repository."""
        return {path.name.partition("_")[0] for path in self.layer.glob("srv/packages/*.deb")}


@pytest.fixture
def role(lab: Lab, tmp_path: Path) -> Role:
    """The role for a lab of one test's own."""
    return Role(lab, tmp_path)


def test_a_layer_is_made_once_with_all_that_is_needed(role: Role) -> None:
    assert changes(role.run("--check")) == {"localhost": 1}
    assert not role.layer.exists()

    assert changes(role.run()) == {"localhost": 1}

    assert role.packages >= {"sl", "libncurses6", "python3-apt"}
    assert "cron" not in role.packages and "libc6" not in role.packages
    assert changes(role.run()) == {"localhost": 0}
    assert changes(role.run(packages_list=["sl", "cron"])) == {"localhost": 1}
    assert "cron" in role.packages


def test_a_layer_that_a_running_guest_has_is_not_replaced(lab: Lab, role: Role) -> None:
    role.run()
    lab.guest("alice", layers=["layers/packages"])

    output = role.run(code=2, packages_revision="2")

    assert "but running guests have it: alice." in " ".join(output.split())
    assert lab.read("alice", "apt-cache policy sl | grep -c file:/srv/packages") == "1\n"
    lab.guest("alice", state="stopped")
    assert changes(role.run(packages_revision="2")) == {"localhost": 1}


def test_another_run_is_waited_for_and_named(role: Role) -> None:
    """One of an earlier version, which locks all layers."""
    role.layer.parent.mkdir()
    lock = 'exec 9<"$0"; flock 9; echo locked; exec sleep 1000'
    earlier = subprocess.Popen(["bash", "-c", lock, role.layer.parent], stdout=subprocess.PIPE, text=True)
    read_up_to(earlier, "locked")
    run = role.start()
    said = read_up_to(run, "Waiting for ")
    assert not role.layer.exists() and run.poll() is None
    earlier.terminate()
    earlier.communicate()

    said += read_rest(run)

    assert f"Waiting for pid {earlier.pid}, another run that locks all of {role.layer.parent}, as" in " ".join(
        said.split()
    )
    assert changes(said) == {"localhost": 1}
    assert changes(role.run()) == {"localhost": 0}


def _indexed(deb: Path) -> str:
    fields = subprocess.run(["dpkg-deb", "--field", deb], check=True, capture_output=True, text=True).stdout
    content = deb.read_bytes()
    return f"{fields}Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n"


def test_packages_that_conflict_are_told_in_the_words_of_apt(role: Role, tmp_path: Path) -> None:
    fields = {"Version": "1", "Architecture": "all", "Maintainer": "nobody", "Description": "a package"}
    for name, other in (("cat-lover", "dog-lover"), ("dog-lover", "cat-lover")):
        control = tmp_path / name / "DEBIAN/control"
        control.parent.mkdir(parents=True)
        lines = {"Package": name, "Conflicts": other, **fields}
        control.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", control.parents[1], tmp_path], check=True)
    (tmp_path / "Packages").write_text("\n".join(map(_indexed, tmp_path.glob("*.deb"))))
    role.add_source(f"deb [trusted=yes] copy:{tmp_path} ./")

    output = " ".join(role.run(code=2, packages_list=["cat-lover", "dog-lover"]).split())

    assert "packages packages: apt cannot fetch cat-lover dog-lover python3-apt" in output
    assert re.search(r"(cat|dog)-lover : Conflicts: (cat|dog)-lover", output)
    assert "make a layer for each set" in output
    assert not role.layer.exists()


def test_what_was_broken_off_is_made_anew(role: Role) -> None:
    role.run()
    (role.layer.parent / ".packages.key").unlink()
    (role.layer.parent / ".packages.new/state").mkdir(parents=True)

    assert changes(role.run()) == {"localhost": 1}

    assert {path.name for path in role.layer.parent.iterdir()} == {".packages.key", "packages"}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"packages_list": ["no-such-package"]}, "packages packages: apt cannot fetch no-such-package python3-apt"),
        ({"packages_master": "none"}, "packages packages: master none is not there"),
        ({"packages_name": "../x"}, "packages_name ../x is not possible"),
    ],
)
def test_what_cannot_be_is_told(role: Role, variables: dict[str, Any], message: str) -> None:
    output = role.run(code=2, **variables)

    assert message in " ".join(output.split())
    assert not role.layer.exists()
