# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples with daemons hold: our vocabulary is enough for routing protocols, failover and tunnels.

Their master is there for ``make test-all`` (part ``examples``).  Without it that of playbooks/ospf.yml is enough for the first.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from lab import BASE, REPOSITORY, Lab

MASTER = "bookworm-routing"
_HAS_MASTER = (BASE / "masters" / MASTER).is_dir()
# Minutes, on a slow machine.
_SECONDS = 900


@pytest.mark.parametrize("name", ["ospf", *(["bgp", "vrrp", "wireguard"] if _HAS_MASTER else [])])
def test_an_example_passes(name: str, lab: Lab) -> None:
    (lab.path / "masters" / MASTER).symlink_to((BASE / "masters" / (MASTER if _HAS_MASTER else "test-bird")).resolve())

    done = subprocess.run(
        # Their bounds are for machines that are not busy.
        [str(REPOSITORY / "scripts/dumm"), "test", f"examples/tests/{name}.yml", "--retry", "2"],
        env={**os.environ, "DUMM_WORKDIR": str(lab.path), "DUMM_PYTHON": sys.executable, "LC_ALL": "C.UTF-8"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )

    assert done.returncode == 0, done.stdout + done.stderr
