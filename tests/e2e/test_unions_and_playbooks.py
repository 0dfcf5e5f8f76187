# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What takes more than options: a lab host without overlayfs, and the playbooks of the installed collection by their names."""

from __future__ import annotations

from dataclasses import replace

import batch
import pytest
from case import Case, host
from programs import changes
from way import Way

# A kernel without overlayfs, for those who ask it: $0 is a file to hide it behind.
_NO_OVERLAYFS = (
    'mount --make-private /proc && grep -v overlay /proc/filesystems >"$0" && '
    'mount --bind "$0" /proc/filesystems && exec "$@"'
)
_ELSEWHERE = ("unshare", "--mount", "--propagation", "unchanged", "sh", "-c")
_PICKS_COWFS = Case(
    "guest",
    {"name": "u-picked", "union": "auto", "mem": 64},
    {"union": host("awk '$2 == \"/fs\" {print $3}' /proc/$(pid u-picked)/mounts").shows("fuse.*")},
)


def _expect_well(way: Way, case: Case) -> None:
    wrong = batch.complaints(case, batch.run(way, [case])[case.name])
    if wrong:
        pytest.fail(wrong, pytrace=False)


def test_auto_is_cowfs_where_the_controller_has_no_overlayfs(local: Way) -> None:
    hidden = str(local.place / "filesystems")
    _expect_well(replace(local, controller=(*_ELSEWHERE, _NO_OVERLAYFS, hidden)), _PICKS_COWFS)


def test_auto_is_cowfs_where_another_lab_host_has_no_overlayfs(remote: Way) -> None:
    python = remote.place / "python3"
    python.write_text(
        f"#!/bin/sh\nexec {' '.join(_ELSEWHERE)} '{_NO_OVERLAYFS}' {remote.place}/filesystems /usr/bin/python3 \"$@\"\n"
    )
    python.chmod(0o755)
    _expect_well(replace(remote, hosts=f"{remote.hosts} ansible_python_interpreter={python}"), _PICKS_COWFS)


def test_the_playbooks_of_the_collection_run_by_their_names(local: Way) -> None:
    way = local.alone("playbooks")
    variables = {"DUMM_WORKDIR": str(way.lab.path)}

    first, second, gone, again = (
        changes(way.run("ansible-playbook", f"dumm.lab.{name}", variables=variables))
        for name in ("lab", "lab", "teardown", "teardown")
    )

    assert first["localhost"] > 0 and gone["localhost"] > 0
    assert second == {"localhost": 0, "alice": 0, "bob": 0}
    assert again == {"localhost": 0}
