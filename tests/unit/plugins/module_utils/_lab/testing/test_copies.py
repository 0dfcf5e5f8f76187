# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a copy of a lab shares with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import copies


@pytest.fixture
def lab(tmp_path: Path) -> Workdir:
    """A working directory with all that a lab has."""
    workdir = Workdir(tmp_path)
    workdir.create()
    for place in (
        workdir.disks,
        workdir.captures,
        workdir.applied("lab").parent,
        tmp_path / "rendered",
        tmp_path / "layers",
    ):
        place.mkdir()
    (tmp_path / "scenarios/lab").mkdir(parents=True)
    return workdir


def test_a_copy_has_none_of_what_a_run_writes_in_common_with_its_lab(lab: Workdir) -> None:
    copy = copies.beside(lab, "2")

    own = (
        copy.guests,
        copy.bridges,
        copy.agents,
        copy.disks,
        copy.captures,
        copy.applied("lab").parent,
        copy.rendered("x").parent,
    )
    assert [place.name for place in own if place.exists()] == []
    assert (copy.path / "layers").readlink() == lab.path / "layers"
    assert (copy.path / "scenarios/lab").readlink() == lab.path / "scenarios/lab"
