# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm --lab-host``: the lab is on another machine, which is reached by OpenSSH as the inventory says."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import PATIENCE, PREFIX, REPOSITORY, Lab, fresh_lab
from openssh import Server, served

DUMM = REPOSITORY / "scripts/dumm"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The lab host's SSH server."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place, served(Path(place)) as running:
        yield running


@pytest.fixture(scope="module")
def site() -> Iterator[Lab]:
    """A lab with a guest."""
    with fresh_lab() as lab:
        lab.guest("alice", mem=64)
        yield lab


def dumm(server: Server, lab: Lab, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """A command on the controller."""
    inventory = server.place / "hosts"
    inventory.write_text(f"{server.host('lab1', dumm_command=str(DUMM))}\n")
    return subprocess.run(
        [*server.controller, str(DUMM), "--lab-host", "lab1", "--workdir", str(lab.path), *words],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, "ANSIBLE_INVENTORY": str(inventory)},
    )


def test_commands_of_a_guest_have_their_streams_and_their_exit_code(server: Server, site: Lab) -> None:
    every = bytes(range(256))
    done = dumm(server, site, "exec", "-i", "alice", "cat; echo error >&2; exit 7", stdin=every)

    assert (done.returncode, done.stdout, done.stderr) == (7, every, b"error\n")


def test_inspect_logs_and_graph_work_there(server: Server, site: Lab) -> None:
    assert json.loads(dumm(server, site, "inspect", "--format", "json").stdout)[0]["state"] == "running"
    assert dumm(server, site, "logs", "alice").stdout == site.directory("alice").boot_log.read_bytes()
    assert b"alice" in dumm(server, site, "graph", "--format", "mermaid").stdout


def test_a_host_that_the_inventory_does_not_know_is_named(server: Server, site: Lab) -> None:
    done = subprocess.run(
        [DUMM, "--lab-host", "lab9", "inspect"], capture_output=True, text=True, check=False, timeout=PATIENCE
    )

    assert done.returncode == 1
    assert "lab host lab9: the inventory knows neither a host nor a group of that name" in done.stderr
