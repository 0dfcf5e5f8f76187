# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The labs in examples/ hold what their tests promise.

The first one runs wherever there is a lab. The others have a master of their own, which ``make test-all`` (part ``examples``) makes;
without it that of playbooks/ospf.yml is enough for one of them. Two of them need the tuned kernel. The lab of the role runs with
Molecule, in tests/ecosystem.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from lab import BASE, REPOSITORY, TUNED, Lab, fresh_lab

MASTER = "bookworm-routing"
_HAS_MASTER = (BASE / "masters" / MASTER).is_dir()
_HAS_KERNEL = (BASE / "kernels" / TUNED).is_dir()
# Minutes, on a slow machine.
_SECONDS = 900


def _test(lab: Lab, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # Their bounds are for machines that are not busy.
        [str(REPOSITORY / "scripts/dumm"), "test", f"examples/{name}", "--retry", "2"],
        env={**os.environ, "DUMM_WORKDIR": str(lab.path), "DUMM_PYTHON": sys.executable, "LC_ALL": "C.UTF-8"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )


def _bring_master(lab: Lab) -> None:
    (lab.path / "masters" / MASTER).symlink_to((BASE / "masters" / (MASTER if _HAS_MASTER else "test-bird")).resolve())


def test_the_first_lab_passes(lab: Lab) -> None:
    done = _test(lab, "first-lab/first-lab.yml")

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_lab_without_its_master_is_refused_and_told_what_to_do(lab: Lab) -> None:
    done = _test(lab, "ospf/ospf.yml")

    assert done.returncode == 3
    assert (
        f"no master root file system at {lab.path}/masters/{MASTER}; make it with role dumm.lab.master" in done.stdout
    )
    assert not lab.info()["guests"]


# By the name that it had before it got a folder.
@pytest.mark.parametrize(
    "name",
    [
        "tests/ospf.yml",
        *(
            [
                "bgp/bgp.yml",
                "vrrp/vrrp.yml",
                "wireguard/roaming.yml",
                "strongswan/strongswan.yml",
            ]
            if _HAS_MASTER
            else []
        ),
    ],
)
def test_a_lab_with_daemons_passes(name: str, lab: Lab) -> None:
    _bring_master(lab)

    done = _test(lab, name)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not _HAS_MASTER or not _HAS_KERNEL, reason="make test-all makes the master and the tuned kernel")
@pytest.mark.parametrize("name", ["firewall/firewall.yml", "wireguard/wireguard.yml"])
def test_a_lab_for_the_tuned_kernel_passes(name: str) -> None:
    with fresh_lab(kernel=TUNED) as lab:
        _bring_master(lab)

        done = _test(lab, name)

        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not _HAS_MASTER, reason="make test-all makes the master")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("firewall/firewall.yml", "cannot forward ports; run make kernel, then dumm down firewall"),
        ("wireguard/wireguard.yml", "has no WireGuard: run make kernel, then dumm down wireguard"),
    ],
)
def test_a_lab_for_the_tuned_kernel_tells_that_it_is_missing(name: str, told: str, lab: Lab) -> None:
    _bring_master(lab)

    done = _test(lab, name)

    assert done.returncode == 3
    assert told in done.stdout
