# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""strongSwan in guests as role ``strongswan`` makes them: a tunnel on any kernel, and a test of its own suite where the tuned kernel is.

``make test-strongswan`` runs more of the suite.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab import BASE, PATIENCE, TUNED, Lab, fresh_lab

from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import RunFailed
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.runs.body import TestReport, run_tests

_MASTER = "strongswan"
pytestmark = pytest.mark.skipif(
    not (BASE / "masters" / _MASTER).exists(), reason="there is no master with strongSwan: run 'make integration'"
)

# Waits as long as a busy machine may need.
_DAEMON = """charon-systemd {
  load = random nonce aes sha1 sha2 hmac kdf pem curve25519 gmp openssl kernel-netlink socket-default vici
}
charon {
  retransmit_timeout = 30
}
"""
_TUNNEL = """connections {
  gw {
    version = 2
    local_addrs = %(local)s
    remote_addrs = %(remote)s
    local { auth = psk }
    remote { auth = psk }
    children { net { esp_proposals = aes128gcm128 } }
  }
}
secrets { ike { secret = "between moon and sun" } }
"""
_FILES = {
    "description.txt": "A tunnel between <b>moon</b> and <b>sun</b>.\n",
    "test.conf": 'TCPDUMPHOSTS="sun"\nIPSECHOSTS="moon sun"\nSWANCTL=1\n',
    "pretest.dat": "moon::systemctl start strongswan\nsun::systemctl start strongswan\nmoon::expect-connection gw 60\n"
    "sun::expect-connection gw 60\nmoon::swanctl --initiate --child net 2> /dev/null\n",
    "evaltest.dat": "moon::swanctl --list-sas --raw 2> /dev/null::gw.*state=ESTABLISHED.*net.*state=INSTALLED::YES\n"
    "moon::ping -c 1 -w 60 PH_IP_SUN::64 bytes from PH_IP_SUN: icmp_.eq=1::YES\n"
    "sun::cat /var/log/daemon.log::charon-systemd.*CHILD_SA net.*established::YES\n"
    "sun::tcpdump::IP moon.strongswan.org > sun.strongswan.org: ESP::YES\n"
    "sun::tcpdump::IP sun.strongswan.org > moon.strongswan.org: ESP::YES\n",
    "posttest.dat": "moon::swanctl --terminate --ike gw 2> /dev/null\nmoon::systemctl stop strongswan\n"
    "sun::systemctl stop strongswan\n",
    "hosts/moon/etc/strongswan.conf": _DAEMON,
    "hosts/sun/etc/strongswan.conf": _DAEMON,
    "hosts/moon/etc/swanctl/swanctl.conf": _TUNNEL % {"local": "PH_IP_MOON", "remote": "PH_IP_SUN"},
    "hosts/sun/etc/swanctl/swanctl.conf": _TUNNEL % {"local": "PH_IP_SUN", "remote": "PH_IP_MOON"},
}


@contextmanager
def _suite_lab(hosts: tuple[str, ...], kernel: str) -> Iterator[Lab]:
    """A lab with some hosts of the suite's network."""
    with fresh_lab() as lab:
        (lab.path / "masters" / _MASTER).symlink_to((BASE / "masters" / _MASTER).resolve())
        for shared in ("layers", "strongswan"):
            (lab.path / shared).symlink_to(BASE / shared)
        config = yaml.safe_load((BASE / "scenarios/strongswan/config").read_text())
        config["defaults"]["kernel"] = kernel
        config["guests"] = {name: guest for name, guest in config["guests"].items() if name in hosts}
        (lab.path / "scenarios/strongswan").mkdir(parents=True)
        (lab.path / "scenarios/strongswan/config").write_text(yaml.safe_dump(config, sort_keys=False))
        yield lab


def _run(lab: Lab, **given: Any) -> dict[str, Any]:
    """What came of the only test."""
    wanted = options.completed(
        options.TEST, workdir=str(lab.path), format="strongswan", wait_timeout=PATIENCE, retry=2, **given
    )
    try:
        run_tests(wanted)
    except RunFailed as failed:
        assert isinstance(failed.report, TestReport), failed
    record: dict[str, Any] = json.loads((lab.path / "results/results.json").read_text())
    (test,) = record["tests"]
    return dict(test)


def _expect_well(test: dict[str, Any]) -> None:
    bad = [(step["text"], step["attempts"]) for step in test["steps"] if step["result"] != "passed"]
    assert (bad, test["cause"], test["result"] in ("passed", "flaky")) == ([], test["cause"], True)


def test_a_tunnel_between_two_guests(tmp_path: Path) -> None:
    shutil.copy(BASE / "strongswan/testing/testing.conf", tmp_path)
    for name, text in _FILES.items():
        path = tmp_path / "tests/ours/tunnel" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    with _suite_lab(("moon", "sun"), "default") as lab:
        _expect_well(_run(lab, src=[str(tmp_path)]))


@pytest.mark.skipif(not (BASE / "kernels" / TUNED).exists(), reason="there is no tuned kernel")
def test_a_test_of_strongswans_own_suite() -> None:
    with _suite_lab(("alice", "moon", "sun", "bob"), TUNED) as lab:
        _expect_well(_run(lab, tests=["ikev2/net2net-psk"]))
