# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is found out of guests when a test has failed."""

from __future__ import annotations

from pathlib import Path

from lab import Lab

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import evidence

_SAY = "date '+%b %e %H:%M:%S alice prog: hello' >>/var/log/syslog"


def test_evidence_is_what_guests_logged_since_the_test_began_and_how_their_networks_are(
    shared_pair: Lab, tmp_path: Path
) -> None:
    lab = shared_pair
    lab.read(
        "alice", "mkdir -p /var/log; echo of another test >/var/log/syslog; printf '\\033[31mred' >/var/log/own.log"
    )
    watch = evidence.watch(lab.workdir, ("alice", "bob", "carol"))
    lab.read("alice", f"{_SAY}; echo said on the console >/dev/console")

    found = watch.collect(tmp_path, "evidence/vpn/tunnel", lab.workdir.load())

    def text(what: str) -> str:
        return (tmp_path / found.files[what]).read_text()

    assert "of another test" not in text("alice: log.txt")
    assert "alice prog: hello" in text("alice: log.txt")
    # Written in the second before the test: better too much of a log than too little, and nothing that colours a terminal.
    assert "\\x1b[31mred" in text("alice: log.txt")
    assert "10.0.0.2/24" in text("bob: network.txt")
    assert "== routes" in text("bob: network.txt")
    assert "ps -ef" in text("bob: processes.txt")
    assert "said on the console" in text("alice: boot.log")
    assert "there is no such guest" in text("carol: unreachable.txt")
    assert [(each.where, each.kind, each.text) for each in found.timeline] == [("alice", "log", "prog: hello")]
    assert evidence.names_of(lab.workdir.load()) == {"10.0.0.1": "alice", "10.0.0.2": "bob"}
