# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules and roles that nobody here wrote run in a guest as they are, by inventory and connection, and find all done the second time.

They are of PyPI's package ``ansible`` (tests/collections.txt); the Debian packages that they install are in a layer of the guest
(role ``packages``), since it has no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import BASE, REPOSITORY, Lab, fresh_lab
from programs import Ansible, changes

OURS = str(REPOSITORY / "lab.dumm.yml")
PACKAGES = str(BASE / "layers/tests")


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    """Alice, a Debian with systemd."""
    with fresh_lab() as fresh:
        # What a package does to services wants the init's own start to be over.
        fresh.guest("alice", mem=256, master="systemd", layers=[PACKAGES], ready="booted", wait_timeout=300)
        yield fresh


@pytest.fixture
def ansible(site: Lab, tmp_path: Path) -> Ansible:
    """Ansible with all collections."""
    return Ansible(site, tmp_path)


def converge(ansible: Ansible, **play: Any) -> None:
    """Run a play in alice, which changes something, and again, which does not."""
    book = ansible.write([{"hosts": "alice", "gather_facts": False, **play}])
    first, second = (changes(ansible.run("ansible-playbook", "-i", OURS, book)) for _time in range(2))
    assert first["alice"] > 0
    assert second == {"alice": 0}


def test_packages_are_installed_without_a_network(site: Lab, ansible: Ansible) -> None:
    converge(
        ansible,
        tasks=[
            # As the first task of so many roles.
            {"apt": {"name": "sl", "update_cache": True, "cache_valid_time": 3600}},
            {"package": {"name": ["cron", "sudo"]}},
            {"service": {"name": "cron", "state": "started", "enabled": True}},
        ],
    )

    assert site.read("alice", "dpkg-query -W -f '${Status}' sl") == "install ok installed"
    assert site.read("alice", "systemctl is-active cron") == "active\n"
    assert not Path(PACKAGES, "usr").exists()


def test_ansible_posix(site: Lab, ansible: Ansible) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGWcfgg0lLAWB9wUOpXsRKpXj8FRfFUqXmQdDKdN5Xlz lab"
    converge(
        ansible,
        tasks=[
            {"ansible.posix.sysctl": {"name": "net.ipv4.ip_forward", "value": "1", "sysctl_set": True}},
            {"ansible.posix.authorized_key": {"user": "root", "key": key, "exclusive": True}},
            {"ansible.posix.mount": {"src": "tmpfs", "path": "/srv/fast", "fstype": "tmpfs", "state": "mounted"}},
        ],
    )

    assert site.read("alice", "cat /proc/sys/net/ipv4/ip_forward") == "1\n"
    assert site.read("alice", "cat /root/.ssh/authorized_keys") == f"{key}\n"
    assert site.read("alice", "stat -f -c %T /srv/fast") == "tmpfs\n"


@pytest.mark.long
def test_community_general(site: Lab, ansible: Ansible) -> None:
    converge(
        ansible,
        tasks=[
            {"package": {"name": ["cron", "sudo"]}},
            {"community.general.ini_file": {"path": "/etc/x.ini", "section": "a", "option": "b", "value": "ü '\"$c"}},
            {
                "community.general.pam_limits": {
                    "domain": "*",
                    "limit_type": "soft",
                    "limit_item": "nofile",
                    "value": 4096,
                }
            },
            {"community.general.sudoers": {"name": "lab", "user": "nobody", "commands": "/usr/bin/true"}},
            {"community.general.cronvar": {"name": "MAILTO", "value": "root", "cron_file": "lab"}},
            {"community.general.filesize": {"path": "/root/sized", "size": "3MiB"}},
            {"community.general.archive": {"path": "/etc/apt", "dest": "/root/apt.tar.gz"}},
            {"community.general.dpkg_divert": {"path": "/usr/bin/foobar"}},
            {"community.general.modprobe": {"name": "dummy", "state": "absent"}},
            {"community.general.ip_netns": {"name": "inner"}},
        ],
    )

    assert site.read("alice", "grep -A1 '\\[a\\]' /etc/x.ini") == "[a]\nb = ü '\"$c\n"
    assert site.read("alice", "stat -c %s /root/sized") == f"{3 << 20}\n"
    assert site.read("alice", "ip netns list").split()[0] == "inner"


@pytest.mark.long
def test_community_crypto(site: Lab, ansible: Ansible) -> None:
    csr = {"path": "/root/lab.csr", "privatekey_path": "/root/lab.key", "common_name": "alice.lab"}
    certificate = {
        "path": "/root/lab.crt",
        "privatekey_path": "/root/lab.key",
        "csr_path": "/root/lab.csr",
        "provider": "selfsigned",
    }
    converge(
        ansible,
        tasks=[
            {"package": {"name": ["openssh-client", "python3-cryptography"]}},
            {"community.crypto.openssl_privatekey": {"path": "/root/lab.key", "type": "ECC", "curve": "secp256r1"}},
            {"community.crypto.openssl_csr": csr},
            {"community.crypto.x509_certificate": certificate},
            {"community.crypto.x509_certificate_info": {"path": "/root/lab.crt"}, "register": "found"},
            {"assert": {"that": "found.subject.commonName == 'alice.lab'"}},
            {"community.crypto.openssh_keypair": {"path": "/root/lab", "type": "ed25519"}},
        ],
    )

    assert site.read("alice", "ssh-keygen -l -f /root/lab").endswith("(ED25519)\n")


def test_ansible_utils(ansible: Ansible) -> None:
    """Its action plugin asks the connection itself for a command's output."""
    parse = {"command": "ip -j link show lo", "parser": {"name": "ansible.utils.json"}, "set_fact": "links"}
    tasks = [
        {"ansible.utils.cli_parse": parse},
        {"assert": {"that": "links[0].ifname == 'lo'"}},
        {
            "ansible.utils.cli_parse": {**parse, "command": "echo why >&2; exit 3"},
            "register": "failed",
            "ignore_errors": True,
        },
        {"assert": {"that": "'why' in failed.msg"}},
    ]

    ansible.play([{"hosts": "alice", "gather_facts": False, "tasks": tasks}], "-i", OURS)


@pytest.mark.long
def test_a_role_of_community_zabbix(site: Lab, ansible: Ansible) -> None:
    """It installs and starts a monitoring agent, and becomes root by sudo for every task of its."""
    converge(
        ansible,
        gather_facts=True,
        vars={
            "zabbix_agent2": True,
            "zabbix_agent_server": "192.0.2.1",
            "zabbix_agent_install_agent_only": True,
            "zabbix_agent_version_check": False,
            "zabbix_agent_version": "6.0",
            "zabbix_manage_repo": False,
            "zabbix_agent_logtype": "system",
        },
        pre_tasks=[{"package": {"name": "sudo"}}],
        roles=["community.zabbix.zabbix_agent"],
    )

    assert site.read("alice", "systemctl is-active zabbix-agent2") == "active\n"
    assert "Server=192.0.2.1\n" in site.read("alice", "cat /etc/zabbix/zabbix_agent2.conf")


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "files"])
def test_sudo_is_a_way_to_become_another_user(ansible: Ansible, pipelining: bool) -> None:
    as_nobody = {"become": True, "become_user": "nobody"}
    tasks: list[dict[str, Any]] = [
        {"package": {"name": "sudo"}},
        # On hostfs only root can make files (docs/explanation/architecture.md, "Users in the guest").
        {"raw": "mountpoint -q /tmp || mount -t tmpfs -o mode=1777 tmpfs /tmp"},
        {"command": "id -un", **as_nobody, "register": "module"},
        {"raw": "id -un; cat", **as_nobody, "register": "raw"},
        {"command": "id -un", "become": True, "register": "root"},
        {"assert": {"that": "(module.stdout, raw.stdout, root.stdout) == ('nobody', 'nobody\n', 'root')"}},
    ]
    settings = {
        "ansible_pipelining": pipelining,
        "ansible_remote_tmp": "/tmp/.ansible",
        "ansible_shell_allow_world_readable_temp": True,
    }

    ansible.play([{"hosts": "alice", "gather_facts": False, "vars": settings, "tasks": tasks}], "-i", OURS)
