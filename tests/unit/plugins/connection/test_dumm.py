# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of Ansible's commands are nothing but a Python that reads a script."""

from __future__ import annotations

import pytest

from ansible_collections.dumm.lab.plugins.connection.dumm import plain_script
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Script

PYTHON = "/usr/bin/python3"


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        (f"/bin/sh -c '{PYTHON} && sleep 0'", {}),
        (f"/bin/sh -c {PYTHON}", {}),
        (f"/bin/sh -c 'WORD=x {PYTHON} && sleep 0'", {"WORD": "x"}),
        (f"""/bin/sh -c 'WORD='"'"'a b'"'"' EMPTY= {PYTHON} && sleep 0'""", {"WORD": "a b", "EMPTY": ""}),
    ],
)
def test_a_python_that_reads_a_script_is_known(command: str, environment: dict[str, str]) -> None:
    assert plain_script(command) == Script(PYTHON, environment)


@pytest.mark.parametrize(
    "command",
    [
        "true",
        "/bin/sh -c 'unclosed",
        "/bin/sh -c 'python3 && sleep 0'",
        f"/bin/sh -c '{PYTHON} /root/module.py && sleep 0'",
        f"/bin/sh -c 'WORD=$HOME {PYTHON} && sleep 0'",
        f"/bin/sh -c '{PYTHON}; rm -r x && sleep 0'",
        f"/bin/sh -c '{PYTHON} >x'",
        f"sudo -n /bin/sh -c '{PYTHON} && sleep 0'",
        "/bin/sh -c '/usr/bin/perl && sleep 0'",
        "/bin/sh -c ' && sleep 0'",
    ],
)
def test_anything_else_is_left_to_the_shell(command: str) -> None:
    assert plain_script(command) is None
