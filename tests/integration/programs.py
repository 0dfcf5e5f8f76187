# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's own programs, for tests that use the collection through them as a user does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from lab import BASE, COLLECTIONS, REPOSITORY, Lab, Result

BIN = Path(sys.executable).parent
# The minimal init has no command for it: LINUX_REBOOT_CMD_RESTART of reboot(2).
_REBOOT = "import ctypes, os; os.sync(); ctypes.CDLL(None).reboot(0x01234567)"
REBOOT: dict[str, Any] = {
    "reboot": {
        "reboot_command": f"/bin/sh -c '(sleep 1; exec /usr/bin/python3 -c \"{_REBOOT}\") >/dev/null 2>&1 &'",
        "reboot_timeout": 120,
    }
}


class Ansible:
    """Ansible's programs, with nothing of this user's own configuration.

    :param before: a command that runs them, elsewhere.
    """

    def __init__(self, lab: Lab, home: Path, before: tuple[str, ...] = ()) -> None:
        self._home = home
        self._before = before
        self.output = ""
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE", "DUMM"))},
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{BASE / 'collections'}",
            "ANSIBLE_ASYNC_DIR": str(home / "async"),
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "DUMM_WORKDIR": str(lab.path),
            "LC_ALL": "C.UTF-8",
        }

    def start(self, program: str, *arguments: str, typed: bool = False) -> subprocess.Popen[str]:
        """Start a program.

        :param typed: whether it is to be given input.
        """
        command = [*self._before, str(BIN / program), *arguments]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
            cwd=self._home,
        )

    def run(self, program: str, *arguments: str, code: int = 0) -> str:
        """What a program prints; it must end with the exit code."""
        process = self.start(program, *arguments)
        output = process.communicate(timeout=300)[0]
        assert process.returncode == code, output
        return output

    def play(self, plays: list[dict[str, Any]], *arguments: str, code: int = 0) -> str:
        """Run a playbook of a test's own."""
        return self.run("ansible-playbook", self.write(plays), *arguments, code=code)

    def write(self, plays: list[dict[str, Any]]) -> str:
        """Write a playbook."""
        path = self._home / f"play{len(list(self._home.iterdir()))}.yml"
        path.write_text(yaml.safe_dump(plays))
        return str(path)

    def task(self, module: str, options: dict[str, Any], environment: dict[str, str], *arguments: str) -> Result:
        """The result of one task, one that failed too."""
        told = self._home / "told.json"
        self.output = self.play(
            [
                {
                    "hosts": "localhost",
                    "connection": "local",
                    "gather_facts": False,
                    "tasks": [
                        {module: options, "environment": environment, "register": "result", "ignore_errors": True},
                        {
                            "ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(told)},
                            "check_mode": False,
                            "diff": False,
                        },
                    ],
                }
            ],
            *arguments,
        )
        result: Result = json.loads(told.read_text())
        return result


def changes(output: str) -> dict[str, int]:
    """How much was changed on each host, from the recap; nobody may have failed."""
    recap = output.partition("PLAY RECAP")[2]
    found = re.findall(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0\s", recap, re.MULTILINE)
    assert len(found) == recap.count(": ok="), output
    return {host: int(count) for host, count in found}


def states(output: str) -> dict[str, str]:
    """What each task came to on the last host that it ran on, by its name: ok, changed, skipping, fatal, included."""
    tasks = re.findall(r"^TASK \[(?:[\w.]+ : )?(.*)\] \**\n((?:(?!^(?:TASK|PLAY) ).*\n)*)", output, re.MULTILINE)
    found = {name: re.findall(r"^(ok|changed|skipping|fatal|included): ", said, re.MULTILINE) for name, said in tasks}
    return {name: said[-1] for name, said in found.items() if said}


def read_up_to(process: subprocess.Popen[str], words: str) -> str:
    """What a program prints, up to the line with these words."""
    assert process.stdout is not None
    read = []
    for line in process.stdout:
        read.append(line)
        if words in line:
            return "".join(read)
    raise AssertionError("".join(read))


def read_rest(process: subprocess.Popen[str]) -> str:
    """What it prints after that, up to its end, which must be good; its ``communicate`` would lose what is read already."""
    assert process.stdout is not None
    with process.stdout:
        rest = process.stdout.read()
    assert process.wait(300) == 0, rest
    return rest
