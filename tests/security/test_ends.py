# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest ends with its kernel, whatever runs in the kernel's place has started."""

from __future__ import annotations

import os
import signal

from attack import Outcome, Tally
from lab import processes_of, until
from stage import Stage

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes


def _left(stage: Stage) -> list[int]:
    return [pid for pid, guest in processes_of({stage.lab.name}).items() if guest == "evil"]


def test_nothing_outlives_a_kernel_that_was_killed(stage: Stage, tally: Tally) -> None:
    said = stage.program("linger")
    assert said[0], said
    kernel = stage.lab.process("evil")
    assert len(_left(stage)) > 1

    os.kill(kernel.pid, signal.SIGKILL)
    until(lambda: not processes.is_alive(kernel), "the kernel to end", 300)
    # The kernel's end comes after that of all others in its PID namespace.
    left = _left(stage)
    outcome = Outcome.SUCCEEDED if left else Outcome.REFUSED
    tally.note("what outlives the kernel", "a process in a session of its own", outcome, protected=stage.confined)
    assert bool(left) is not stage.confined

    stage.lab.guest("evil", state="absent")
    assert not _left(stage)
