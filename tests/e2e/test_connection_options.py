# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option of the connection, by each variable and environment variable that it has, with its effect.

To add one, add a line to ``SETTINGS``: the option, what it is set by, the value, a task in guest ``alice``, and a regular expression for
what the task shows, its output or its message.  Those with environment variables of the same ``run`` share one start of Ansible.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from batch import Result
from way import Way

Task = dict[str, Any]

# The process that runs a module, seen by the shell that it has started.
_RUNNER: Task = {"ansible.builtin.command": {"argv": ["sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline"]}}
_FROM_A_FILE = r".*/\.ansible/tmp/ansible-tmp-.*"
_FROM_INPUT = r"/usr/bin/python3(\.\d+)? ?"
_HOSTNAME: Task = {"ansible.builtin.raw": "cat /proc/sys/kernel/hostname"}
_SLEEP: Task = {"ansible.builtin.raw": "sleep 4321"}
_KILLED = "(?s).*a command did not end within 2 s and was killed.*"
_NOT_READY = "(?s).*guest unready.*not ready within 2 s.*"
_MUCH: Task = {"ansible.builtin.raw": "yes | head -c 200000"}
_TOO_MUCH = "(?s).*a command wrote more than 100000 bytes.*"
# LINUX_REBOOT_CMD_RESTART of reboot(2): the minimal init has no command for it.
_REBOOT: Task = {
    "ansible.builtin.raw": "(sleep 1; exec python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x01234567)') >/dev/null 2>&1 &"
}


@dataclass(frozen=True)
class Setting:
    """A value of an option and what a task shows then.

    :ivar source: the variable, in capitals that of the environment, or the keyword of a task.
    :ivar host: the host that the task is for, an alias of alice.
    :ivar run: which start of Ansible it takes part in; all that are set by variables share the first.
    :ivar reboots: whether alice reboots herself before.
    """

    option: str
    source: str
    value: Any
    task: Task
    shows: str
    host: str = "alice"
    run: int = 0
    variables: dict[str, Any] = field(default_factory=dict)
    reboots: bool = False

    @property
    def name(self) -> str:
        """A name that no other has."""
        return f"{self.option}-{self.source}={self.value}"

    def covers(self) -> Iterator[str]:
        """What it is about."""
        yield f"{self.option}: {self.source}"
        yield f"{self.option}={self.value}"


SETTINGS = (
    Setting("remote_addr", "inventory_hostname", "alice", _HOSTNAME, "alice"),
    Setting("remote_addr", "ansible_host", "alice", _HOSTNAME, "alice", host="second"),
    Setting("remote_addr", "ansible_dumm_guest", "alice", _HOSTNAME, "alice", host="third"),
    Setting("remote_user", "remote_user", "root", {"ansible.builtin.raw": "id -un"}, "root"),
    Setting("remote_user", "remote_user", "nobody", {"ansible.builtin.raw": "id -un"}, "root"),
    Setting("workdir", "dumm_workdir", "$W", _HOSTNAME, "alice"),
    Setting(
        "workdir",
        "dumm_workdir",
        "/nowhere/at/all",
        _HOSTNAME,
        "(?s).*alice: there is no working directory /nowhere/at/all.*",
    ),
    Setting("workdir", "DUMM_WORKDIR", "$W", _HOSTNAME, "alice", run=1),
    Setting("lab_host", "dumm_lab_host", "$H", _HOSTNAME, "alice"),
    Setting("lab_host", "DUMM_LAB_HOST", "$H", _HOSTNAME, "alice", run=1),
    Setting("lab_host_vars", "dumm_lab_host_vars", "{{ hostvars['$H'] }}", _HOSTNAME, "alice"),
    Setting(
        "lab_host_vars",
        "dumm_lab_host_vars",
        {"ansible_connection": "nonsense"},
        _HOSTNAME,
        "(?s).*there is no connection plugin nonsense.*",
        variables={"dumm_lab_host": "somewhere"},
    ),
    Setting("command_timeout", "dumm_timeout", 2, _SLEEP, _KILLED),
    Setting("command_timeout", "DUMM_TIMEOUT", 2, _SLEEP, _KILLED, run=2),
    Setting("ready_timeout", "dumm_ready_timeout", 2, _HOSTNAME, _NOT_READY, host="unready"),
    Setting("ready_timeout", "dumm_ready_timeout", 0, _HOSTNAME, "unready", host="unready"),
    Setting("ready_timeout", "DUMM_READY_TIMEOUT", 2, _HOSTNAME, _NOT_READY, host="unready", run=2),
    Setting("max_output", "dumm_max_output", 100000, _MUCH, _TOO_MUCH),
    Setting("max_output", "DUMM_MAX_OUTPUT", 100000, _MUCH, _TOO_MUCH, run=2),
    Setting("pipelining", "ansible_pipelining", False, _RUNNER, _FROM_A_FILE),
    Setting("pipelining", "ansible_dumm_pipelining", False, _RUNNER, _FROM_A_FILE),
    Setting("pipelining", "DUMM_PIPELINING", False, _RUNNER, _FROM_A_FILE, run=1),
    Setting("warm", "dumm_warm", True, _RUNNER, rf"(?!{_FROM_INPUT}$)(?!{_FROM_A_FILE}).+"),
    Setting("warm", "dumm_warm", False, _RUNNER, _FROM_INPUT),
    Setting("warm", "DUMM_WARM", False, _RUNNER, _FROM_INPUT, run=3),
    Setting("start", "dumm_start", "never", _HOSTNAME, "(?s).*guest alice of .*", reboots=True),
    Setting("start", "dumm_start", "rebooted", _HOSTNAME, "alice"),
    Setting("start", "DUMM_START", "never", _HOSTNAME, "(?s).*guest alice of .*", run=3, reboots=True),
)
_ALIASES = {"unready": "", "second": "ansible_host=alice", "third": "ansible_dumm_guest=alice"}


def _run(way: Way, settings: list[Setting]) -> dict[str, Result]:
    """The results of tasks, by the names of their settings."""
    told = way.new(".json")
    tasks: list[Task] = []
    for number, setting in enumerate(settings):
        tasks += _reboot(way) if setting.reboots else []
        value = _filled(way, setting.value)
        given: Task = {"vars": dict(setting.variables)}
        if setting.source == "remote_user":
            given["remote_user"] = value
        elif not setting.source.isupper() and setting.source not in (
            "inventory_hostname",
            "ansible_host",
            "ansible_dumm_guest",
        ):
            given["vars"][setting.source] = value
        tasks.append({**setting.task, **given, "delegate_to": setting.host, "register": f"r{number}"})
    content = "{{ {" + ", ".join(f"'{number}': r{number}" for number in range(len(settings))) + "} | to_json }}"
    tasks.append(
        {
            "ansible.builtin.copy": {"content": content, "dest": str(told), "mode": "0600"},
            "delegate_to": "controller",
            "no_log": True,
        }
    )
    play = {"hosts": "alice", "gather_facts": False, "ignore_errors": True, "ignore_unreachable": True, "tasks": tasks}
    environment = {setting.source: str(_filled(way, setting.value)) for setting in settings if setting.source.isupper()}
    hosts = way.inventory(
        {f"{name} {variables}".strip() for name, variables in {"alice": "", **_ALIASES}.items()},
        without=set(environment),
    )
    book = way.write([play])
    output = way.run("ansible-playbook", "-i", hosts, book, variables=environment)
    assert told.stat().st_size, output
    results = json.loads(told.read_text())
    return {setting.name: results[str(number)] for number, setting in enumerate(settings)}


def _reboot(way: Way) -> list[Task]:
    """Have alice reboot herself, which ends her process."""
    gone = f"p=$(cat {way.lab.path}/guests/alice/alice/pid); for i in $(seq 3000); do [ -e /proc/$p ] || exit 0; sleep 0.1; done; exit 1"
    ask = f"cat {way.lab.path}/guests/alice/alice/pid >{way.lab.path}/was"
    gone = gone.replace(f"{way.lab.path}/guests/alice/alice/pid", f"{way.lab.path}/was")
    return [
        {"ansible.builtin.raw": ask, "delegate_to": way.host},
        _REBOOT,
        {"ansible.builtin.raw": gone, "delegate_to": way.host},
    ]


def _filled(way: Way, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$W", str(way.lab.path)).replace("$H", way.host)
    return value


@pytest.fixture(scope="session")
def shown(request: pytest.FixtureRequest) -> Any:
    """The results of all settings of a way."""
    made: dict[str, dict[str, Result]] = {}

    def results(name: str) -> dict[str, Result]:
        if name not in made:
            way: Way = request.getfixturevalue(name)
            way.play([{"hosts": way.host, "gather_facts": False, "tasks": _guests(way)}])
            made[name] = {}
            for run in sorted({setting.run for setting in SETTINGS}):
                made[name].update(_run(way, [setting for setting in SETTINGS if setting.run == run]))
        return made[name]

    return results


def _guests(way: Way) -> list[Task]:
    """Alice, and one that runs and is never ready, about which its start complains."""
    never = {"name": "unready", "mem": 64, "ready": {"run": "false", "within": "1s"}}
    tasks: list[Task] = [
        {"dumm.lab.dumm_guest": {"workdir": str(way.lab.path), "name": "alice", "mem": 96}},
        {
            "dumm.lab.dumm_guest": {"workdir": str(way.lab.path), **never},
            "register": "made",
            "failed_when": "'not ready within 1 s' not in made.msg | default('')",
        },
    ]
    return tasks


@pytest.mark.parametrize("way_name", ["local", "remote"])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_of_the_connection_has_its_effect(setting: Setting, way_name: str, shown: Any) -> None:
    result = shown(way_name)[setting.name]

    said = str(result.get("stdout") or result.get("msg", "")).replace("\r", "").strip()
    if not re.fullmatch(setting.shows, said):
        pytest.fail(f"{setting.name} shows\n{said}\nand not {setting.shows}", pytrace=False)
