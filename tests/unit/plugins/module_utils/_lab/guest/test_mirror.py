# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose open file is a sign that an agent lives."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import mirror


@pytest.mark.parametrize(
    ("others", "is_open"),
    [([], False), ([os.O_RDWR], True), ([os.O_RDONLY], False), ([os.O_RDONLY, os.O_RDWR], True)],
)
def test_who_only_reads_is_no_agent(tmp_path: Path, others: list[int], is_open: bool) -> None:
    path = tmp_path / "seen"
    path.write_bytes(b"")
    with ExitStack() as stack:
        for flags in (os.O_RDONLY, *others):
            file = os.open(path, flags)
            stack.callback(os.close, file)
        mine = os.open(path, os.O_RDONLY)
        stack.callback(os.close, mine)

        assert mirror._is_open(mine) is is_open
