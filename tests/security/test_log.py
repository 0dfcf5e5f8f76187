# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a guest says at its console does not fill the host's disk, also while nobody runs anything."""

from __future__ import annotations

import os
import signal

import pytest
from attack import Outcome, Tally
from lab import until
from stage import Stage

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import logs

pytestmark = pytest.mark.parametrize("stage", [True], ids=["confined"], indirect=True)

_MB = 1 << 20
_SAID = 12
_PATIENCE = 300.0


@pytest.mark.parametrize("protected", [True, False], ids=["kept", "let go"])
def test_a_console_does_not_fill_the_hosts_disk(stage: Stage, protected: bool, tally: Tally) -> None:
    directory = stage.lab.directory("evil")
    if not protected:
        os.kill(logs._STARTED[str(directory.path)], signal.SIGKILL)
        until(lambda: not logs.is_kept(directory), "the end of who keeps its log", _PATIENCE)
    assert stage.program(f"flood 6 {_SAID}")[0]

    if protected:
        until(lambda: directory.boot_log.stat().st_size < 2 * logs.LARGEST, "the log to be shortened", _PATIENCE)
    filled = directory.boot_log.stat().st_size >= 2 * logs.LARGEST

    outcome = Outcome.SUCCEEDED if filled else Outcome.REFUSED
    tally.note("use up what the host shares", "fill the log of its console", outcome, protected=protected)
    assert filled is not protected
