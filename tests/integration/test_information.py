# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What dumm_info reports while others change the lab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab import COLLECTIONS, Lab, Result

RUNS = 4
CONFIG: Result = {
    "defaults": {"mem": 64},
    "guests": {"moon": {}, "sun": {"interfaces": {"eth1": {"bridge": "lan"}}}, "mars": {"init": "minimal"}},
    "bridges": {"lan": {"address": "10.9.0.254/24"}},
    "links": [{"a": "moon:eth0", "b": "sun:eth0", "prefix": "10.0.0.0/24"}],
}
_CHANGES = f"""
import sys
from pathlib import Path
from lab import Lab
lab = Lab(Path(sys.argv[1]))
for _run in range({RUNS}):
    lab.scenario("lab", {CONFIG!r})
    lab.scenario("lab", state="stopped", config={CONFIG!r})
    lab.scenario("lab", {CONFIG!r})
    lab.scenario("lab", state="absent")
"""


def test_nothing_is_called_an_orphan_or_unreadable_that_a_run_is_just_making_or_removing(lab: Lab) -> None:
    looks = 0
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    with subprocess.Popen([sys.executable, "-c", _CHANGES, str(lab.path)], cwd=here, env=environment) as changes:
        try:
            while changes.poll() is None:
                found = lab.info()
                looks += 1
                assert found["orphans"] == []
                assert {
                    name: guest["unreadable"] for name, guest in found["guests"].items() if "unreadable" in guest
                } == {}
        finally:
            changes.kill()

    assert changes.returncode == 0
    assert looks > RUNS


def test_what_is_an_orphan_stays_one_at_a_second_look(shared_pair: Lab) -> None:
    lab = shared_pair
    mark = lab.devices()["alice-eth0"]["ifalias"].replace("alice", "nobody")
    assert lab.host("ip", "link", "add", "stray", "type", "bridge").returncode == 0
    assert lab.host("ip", "link", "set", "stray", "alias", mark).returncode == 0

    assert lab.info()["orphans"] == [{"kind": "device", "name": "stray", "owner": "iface nobody:eth0"}]

    assert lab.host("ip", "link", "del", "stray").returncode == 0
    assert lab.info()["orphans"] == []
