# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run tasks in a guest over its control channel."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dumm
short_description: Run tasks in a guest of a virtual network lab, without a network
version_added: 0.1.0
author:
  - dumm.lab contributors (@dumm-lab)
description:
  - Runs commands in a guest and moves files in and out over the guest's control channel. The guest needs neither a network nor SSH.
  - The user is the guest's C(root); others by C(become), which asks for no password.
  - Where the lab host is another machine (O(lab_host)), the commands go there through whatever connection reaches it. Needs root there.
options:
  remote_addr:
    description: Name of the guest.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
      - name: ansible_dumm_guest
  remote_user:
    description:
      - User in the guest before C(become). There is no login, so it is always C(root), whatever a play says.
    type: str
    choices: [root]
    default: root
  workdir:
    description: The working directory of the lab.
    type: path
    default: /var/lib/dumm
    env:
      - name: DUMM_WORKDIR
    vars:
      - name: dumm_workdir
  lab_host:
    description:
      - The machine that has the lab, where the controller is another one.
      - Its name in the inventory, or one that C(ssh) knows.
    type: str
    default: ""
    env:
      - name: DUMM_LAB_HOST
    vars:
      - name: dumm_lab_host
  lab_host_vars:
    description:
      - How O(lab_host) is reached, in the variables that Ansible has for a host, C(ansible_connection), C(ansible_host), C(ansible_user),
        C(ansible_become) and so on, with those of the connection plugin that they name.
      - Without them it is reached by P(ansible.builtin.ssh#connection).
      - The inventory plugin P(dumm.lab.dumm#inventory) takes them from the inventory. Without it, V({{ hostvars[dumm_lab_host]
        }}) is all that the inventory has for that host.
      - Where C(ansible_connection) is V(local), the lab host is taken for the controller itself, unless another user asks for
        C(ansible_become).
    type: dict
    default: {}
    vars:
      - name: dumm_lab_host_vars
  # Not "timeout": an option of that name gets Ansible's own limit for making a connection, 10 seconds.
  command_timeout:
    description: Seconds that a command may take; it is killed then, with all of its process group.
    type: int
    default: 3600
    env:
      - name: DUMM_TIMEOUT
    vars:
      - name: dumm_timeout
  ready_timeout:
    description:
      - Seconds that the first task after a guest's start waits until the guest is ready. Later tasks do not ask again.
      - What ready means is the option O(dumm.lab.dumm_guest#module:ready) of the guest. With V(auto), as with V(booted), the task waits
        until the guest has booted.
      - With V(0), and with V(agent) in the guest, tasks do not wait. As long as the guest was not seen booted, they then get
        C(TMPDIR=/var/tmp), since the init of the guest empties C(/tmp).
    type: int
    default: 300
    env:
      - name: DUMM_READY_TIMEOUT
    vars:
      - name: dumm_ready_timeout
  max_output:
    description:
      - Bytes that a command may write to each of its outputs; it is killed when it has written more.
      - Files that are fetched count, too.
    type: int
    default: 1073741824
    env:
      - name: DUMM_MAX_OUTPUT
    vars:
      - name: dumm_max_output
  pipelining:
    description:
      - Whether modules are sent to the interpreter's standard input instead of being copied to files first.
      - Other connection plugins leave it off for the sake of C(sudo) configurations that need a terminal.
    type: bool
    default: true
    vars:
      - name: ansible_pipelining
      - name: ansible_dumm_pipelining
    env:
      - name: DUMM_PIPELINING
  warm:
    description:
      - Whether modules are run by a Python that is kept running in the guest, with what modules import loaded already.
      - It is started when the first module is run and needs about 15 MB of the guest's memory.
      - What does not suit it is run by an interpreter of its own all the same, as with V(false)
        (modules under C(become), C(async) or without pipelining, a locale or an option of Python in C(environment), another interpreter).
    type: bool
    default: true
    env:
      - name: DUMM_WARM
    vars:
      - name: dumm_warm
  start:
    description:
      - Which guests are started when a task finds them stopped.
      - With V(rebooted) one that rebooted itself, which ends its process; M(ansible.builtin.reboot) needs that.
    type: str
    choices: [rebooted, never]
    default: rebooted
    env:
      - name: DUMM_START
    vars:
      - name: dumm_start
notes:
  - Binary output, exit codes, standard input and files of any size pass unchanged.
"""

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import copies
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.line import Line, Rebooted
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Completed, Script
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError

if TYPE_CHECKING:
    from ansible_collections.dumm.lab.plugins.plugin_utils._lab_host import LabHost, RemoteLine

_display = Display()
# Of what a shell would do more with than to take it as it is, nothing may be in a command that goes without one.
_SHELL_SYNTAX = re.compile(r"[$`\\|;<>()*?\[\]#~{}!\n]")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


class Connection(ConnectionBase):
    """A guest's control channel."""

    transport = "dumm.lab.dumm"
    has_pipelining = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept: Line | RemoteLine | None = None

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Take all options but the keyword ``remote_user`` of a play that is for other machines as well."""
        kept = {key: value for key, value in (task_keys or {}).items() if key != "remote_user"}
        super().set_options(task_keys=kept, var_options=var_options, direct=direct)

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def _line(self) -> Line | RemoteLine:
        """What runs scripts in the guest, here or on the lab host."""
        if self._kept is None:
            workdir, guest = self.get_option("workdir"), self.get_option("remote_addr")
            lab_host = self._lab_host()
            self._kept = Line(workdir, guest) if lab_host is None else lab_host.line(workdir, guest)
        return self._kept

    def _lab_host(self) -> LabHost | None:
        name = self.get_option("lab_host")
        if not name:
            return None
        # Most labs are on the controller, and each task is a process that imports anew.
        from ansible_collections.dumm.lab.plugins.plugin_utils import _lab_host

        return _lab_host.reached(name, self.get_option("lab_host_vars"))

    def _run(
        self, script: str, stdin: bytes | BinaryIO = b"", stdout: BinaryIO | None = None, warm: Script | None = None
    ) -> Completed:
        bounds: dict[str, Any] = {
            "timeout": float(self.get_option("command_timeout")),
            "max_output": self.get_option("max_output"),
            "ready": float(self.get_option("ready_timeout")),
        }
        try:
            try:
                return self._line().run(script, stdin, stdout=stdout, warm=warm, **bounds)
            except Rebooted:
                if self.get_option("start") != "rebooted":
                    raise
            self._start()
            return self._line().run(script, stdin, stdout=stdout, warm=warm, **bounds)
        except DummError as exc:
            raise AnsibleConnectionFailure(to_text(exc)) from exc

    def _start(self) -> None:
        _display.vvv("it rebooted itself: starting it", host=self.get_option("remote_addr"))
        for warning in self._line().start(_how_to_start(self.get_option("remote_addr"))):
            _display.warning(warning)

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command in the guest."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        _display.vvv(f"EXEC {cmd}", host=self.get_option("remote_addr"))
        warm = plain_script(to_text(cmd)) if in_data and self.get_option("warm") else None
        done = self._run(to_text(cmd, errors="surrogateescape"), to_bytes(in_data or b""), warm=warm)
        return done.code, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the guest; the guest itself writes it, so no path of its can lead outside."""
        super().put_file(in_path, out_path)
        _display.vvv(f"PUT {in_path} TO {out_path}", host=self.get_option("remote_addr"))
        try:
            with Path(in_path).open("rb") as file:
                self._checked(copies.to_write(out_path), f"cannot write {out_path}", stdin=file)
        except (FileNotFoundError, IsADirectoryError) as exc:
            raise AnsibleFileNotFound(f"file {in_path} does not exist, or is no file") from exc
        except OSError as exc:
            raise AnsibleError(f"cannot copy {in_path} to guest {self.get_option('remote_addr')}: {exc}") from exc

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the guest, which itself reads it; the file here is replaced only by a whole one."""
        super().fetch_file(in_path, out_path)
        _display.vvv(f"FETCH {in_path} TO {out_path}", host=self.get_option("remote_addr"))
        target = Path(out_path)
        try:
            with copies.replacing(target) as file:
                self._checked(copies.to_read(in_path), f"cannot read {in_path}", stdout=file)
        except OSError as exc:
            raise AnsibleError(f"cannot write {out_path}: {exc}") from exc

    def _checked(self, script: str, complaint: str, **streams: Any) -> None:
        done = self._run(script, **streams)
        if done.code != 0:
            raise AnsibleError(f"{complaint}: {done.stderr.decode('utf-8', 'replace').strip()}")

    def reset(self) -> None:
        """Forget the guest's process; the next task looks for it anew."""
        self.close()
        self._connect()

    def close(self) -> None:
        """Forget the line; nothing of it is kept open between two tasks."""
        self._kept = None
        self._connected = False


def plain_script(command: str) -> Script | None:
    """What a command says that is nothing but a Python, which reads a script from its standard input.

    Ansible asks for pipelined modules in this form: ``/bin/sh -c 'NAME=value /usr/bin/python3 && sleep 0'``.
    """
    try:
        outer = shlex.split(command)
        if len(outer) != 3 or outer[:2] != ["/bin/sh", "-c"] or _SHELL_SYNTAX.search(outer[2]):
            return None
        words = shlex.split(outer[2])
    except ValueError:
        return None
    if words[-3:] == ["&&", "sleep", "0"]:
        del words[-3:]
    environment = {}
    while words and (assignment := _ASSIGNMENT.fullmatch(words[0])):
        environment[assignment[1]] = assignment[2]
        del words[0]
    if len(words) != 1 or not words[0].startswith("/") or "python" not in words[0].rpartition("/")[2]:
        return None
    return Script(words[0], environment)


def _how_to_start(guest: str) -> dict[str, Any]:
    """All options of dumm_guest for a guest that is to be started as it is."""
    # Each task is a process that imports this plugin anew, and hardly ever needs these.
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    from ansible_collections.dumm.lab.plugins.module_utils import _spec

    validated = ArgumentSpecValidator(_spec.GUEST).validate({"name": guest, "state": "started"})
    options: dict[str, Any] = validated.validated_parameters
    return options
