# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role ``strongswan`` with a suite of a few files in its cache, so that no network is needed: what it makes of it, and when.

Steps are run as its tasks run them, on a shell's input; one test goes through Ansible.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from lab import BASE, PATIENCE, REPOSITORY, Lab
from programs import Ansible, changes

_HOSTS = ("alice", "bob", "carol", "dave", "moon", "sun", "venus", "winnetou")
# What the role leaves out of the suite's defaults; it must be there to be left out.
_LEFT = (
    "etc/fstab",
    "etc/inittab",
    "etc/init.d/x",
    "etc/rsyslog.conf",
    "etc/ld.so.conf.d/x",
    "etc/security/x",
    "etc/profile.d/x",
)
_WRAPPERS = tuple(f"usr/local/bin/{name}" for name in ("service", "systemctl", "init_collector", "init_tnc"))
# It proves who runs it, where, and that a failing command does not end it.
_CERTIFY = """#!/bin/bash
set -o errexit
false
cd "$(dirname "$0")/../hosts/moon/etc"
mkdir -p swanctl/rsa
echo key >swanctl/rsa/moonKey.pem
: >swanctl/rsa/emptyKey.pem
{ id -u; tail -n +3 /proc/net/dev | cut -d: -f1; ! : >/etc/written || echo wrote; } >who 2>/dev/null
"""
_LISTS = """#!/bin/bash
ROOT="/var/www"
cd /etc/ca
cat serial >${ROOT}/strongswan.crl
false
"""
_FILES = {
    **{f"hosts/{host}/etc/hostname": f"{host}\n" for host in _HOSTS},
    **{f"hosts/default/{path}": "upstream's\n" for path in (*_LEFT, *_WRAPPERS)},
    "hosts/default/etc/ssh/sshd_config": "Port 22\n",
    "hosts/default/etc/hosts": "192.168.0.1 moon\n",
    "hosts/default/usr/local/bin/expect-file": "#!/bin/sh\n",
    "hosts/moon/etc/ipsec.secrets": ": PSK secret\n",
    "hosts/winnetou/etc/ca/generate-crl": _LISTS,
    "hosts/winnetou/etc/ca/serial": "1\n",
    "hosts/winnetou/etc/bind/db.root": "\n",
    "hosts/winnetou/etc/ldap/slapd.conf": "moduleload\tback_bdb.la\ndatabase\tbdb\ncheckpoint\t32 30\n",
    "hosts/winnetou/etc/ldap/ldif.txt": "\n",
    "scripts/build-certs-chroot": _CERTIFY,
    "testing.conf": 'STRONGSWANHOSTS="moon"\n',
    "tests/ikev2/one/test.conf": "\n",
}


class Steps:
    """The role's steps, with a cache and a working directory of their own."""

    def __init__(self, place: Path, workdir: Path) -> None:
        self.workdir = workdir
        self.cache = place / "cache"
        self.tarball = self.cache / "strongswan-source/strongswan_0.1.orig.tar.bz2"
        self.tarball.parent.mkdir(parents=True)
        source = place / "strongswan-0.1"
        for name, text in _FILES.items():
            path = source / "testing" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        with tarfile.open(self.tarball, "w:bz2") as archive:
            archive.add(source, "strongswan-0.1")

    def run(self, step: str, code: int = 0, **environment: str) -> str:
        """What a step prints."""
        variables = {
            **os.environ,
            "WORKDIR": str(self.workdir),
            "CACHE": str(self.cache),
            "MASTER": "systemd",
            "SUITE": "bookworm",
            "VERSION": "0.1",
            "SHA256": "",
            "MIRROR": "",
            "CERTIFICATES": "1",
            "CHECK": "",
            "KEY": "0" * 64,
            "BASELINE": "1",
            "NOBODY": "65534",
            **environment,
        }
        done = subprocess.run(
            ["bash", "-s", step],
            input=_SCRIPT,
            env=variables,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def make(self, **environment: str) -> None:
        """All steps."""
        for step in ("fetch", "certify", "place", "layers"):
            self.run(step, **environment)

    def layer(self, host: str) -> Path:
        """The layer of a host."""
        return self.workdir / f"layers/swan-{host}"


_SCRIPTS = ("host/files/locks.sh", "strongswan/files/baseline.sh", "strongswan/files/make-suite.sh")
_SCRIPT = "\n".join((REPOSITORY / "roles" / name).read_text() for name in _SCRIPTS)


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    """Steps in a working directory with a master."""
    workdir = tmp_path / "workdir"
    (workdir / "masters").mkdir(parents=True)
    (workdir / "masters/systemd").symlink_to(BASE / "masters/test-systemd")
    return Steps(tmp_path, workdir)


def test_layers_have_the_suites_files_and_what_lean_guests_need(steps: Steps) -> None:
    steps.make()

    default, moon = steps.layer("default"), steps.layer("moon")
    assert (moon / "etc/hostname").read_text() == "moon\n"
    assert stat.S_IMODE((moon / "etc/ipsec.secrets").stat().st_mode) == 0o600
    assert (default / "etc/hosts").is_file()
    assert "tmpfs" in (default / "etc/fstab").read_text()
    assert not (default / "usr/local/bin/systemctl").exists()
    assert (default / "etc/systemd/system/systemd-udevd.service").readlink() == Path("/dev/null")
    assert "database mdb" in (steps.layer("winnetou") / "etc/ldap/slapd.conf").read_text()
    assert (steps.workdir / "strongswan/testing/tests/ikev2/one/test.conf").is_file()


def test_the_suites_scripts_run_without_rights_and_without_a_network(steps: Steps) -> None:
    steps.make()

    user, *devices = (steps.layer("moon") / "etc/who").read_text().split()
    assert user == "65534"
    assert set(devices) <= {"lo", "sit0", "tunl0", "ip6tnl0"}
    assert (steps.layer("moon") / "etc/swanctl/rsa/moonKey.pem").is_file()
    assert not (steps.layer("moon") / "etc/swanctl/rsa/emptyKey.pem").exists()
    assert (steps.layer("winnetou") / "var/www/strongswan.crl").read_text() == "1\n"


def test_another_working_directory_needs_neither_source_nor_certificates_anew(steps: Steps, tmp_path: Path) -> None:
    steps.make()
    steps.tarball.unlink()
    other = tmp_path / "other"
    other.mkdir()

    steps.make(WORKDIR=str(other), MIRROR="http://127.0.0.1:9", MASTER="../../workdir/masters/systemd")

    assert (other / "layers/swan-moon/etc/swanctl/rsa/moonKey.pem").is_file()


def test_without_certificates_no_script_of_the_suite_is_run(steps: Steps) -> None:
    steps.make(CERTIFICATES="")

    assert not (steps.layer("moon") / "etc/who").exists()
    assert not (steps.layer("winnetou") / "var/www/strongswan.crl").exists()


def test_what_is_outdated_is_said(steps: Steps) -> None:
    def states(**environment: str) -> tuple[str, str]:
        found = json.loads(steps.run("look", **environment))
        return found["suite"], found["layers"]

    assert states() == ("absent", "absent")
    steps.make()
    assert states() == ("current", "current")
    assert states(BASELINE="2") == ("current", "outdated")
    assert states(KEY="1" * 64) == ("outdated", "outdated")
    os.utime(steps.layer("winnetou") / "var/www/strongswan.crl", (0, 0))
    assert states() == ("current", "outdated")
    steps.make()
    assert states() == ("current", "current")


def test_faults_are_named(steps: Steps) -> None:
    assert "had the SHA-256" in steps.run("certify", 1, SHA256="0")
    assert not steps.tarball.exists()

    output = steps.run("fetch", 1, MIRROR="http://127.0.0.1:9")
    assert output.startswith("strongswan: Debian bookworm cannot be used at http://127.0.0.1:9: ")
    assert output.endswith("Check strongswan_suite and strongswan_mirror.\n")

    steps.tarball.write_bytes(b"nonsense")
    assert "was damaged and has been removed. Run this again." in steps.run("certify", 1)
    assert not steps.tarball.exists()


@pytest.mark.long
def test_the_role_makes_all_once_and_replaces_no_layer_of_a_running_guest(lab: Lab, tmp_path: Path) -> None:
    steps, ansible = Steps(tmp_path, lab.path), Ansible(lab, tmp_path)
    # The master is there, and has another name, so that the role need not make one.
    options = {"strongswan_version": "0.1", "strongswan_cache_dir": str(steps.cache), "strongswan_master": "systemd"}

    def play(*arguments: str, code: int = 0, **variables: Any) -> str:
        role = {"name": "dumm.lab.strongswan", "tasks_from": "suite"}
        task = {"ansible.builtin.include_role": role, "vars": {**options, **variables}}
        return ansible.play(
            [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}],
            *arguments,
            code=code,
        )

    assert changes(play("--check")) != {"localhost": 0}
    assert not (lab.path / "strongswan").exists()
    assert changes(play()) != {"localhost": 0}
    assert "test-br0" in (lab.path / "scenarios/strongswan/config").read_text()
    assert changes(play()) == {"localhost": 0}

    lab.guest("moon", layers=["layers/swan-default"])
    output = " ".join(play(code=2, strongswan_certificates=False).split())
    assert "are to be replaced, but running guests have them: moon. Stop them first" in output
