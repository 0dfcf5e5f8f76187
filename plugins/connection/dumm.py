# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run tasks in a guest over its control line."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dumm
short_description: Run tasks in a guest of a virtual network lab, without a network
version_added: 0.1.0
author:
  - dumm.lab contributors (@dumm-lab)
description:
  - Runs commands in a guest and moves files in and out over the guest's control line. The guest needs neither a network nor SSH.
  - The controller must be the lab host, and the user root.
options:
  remote_addr:
    description: Name of the guest.
    type: str
    default: inventory_hostname
    vars:
      - name: inventory_hostname
      - name: ansible_host
  workdir:
    description: The working directory of the lab.
    type: path
    default: /var/lib/dumm
    env:
      - name: DUMM_WORKDIR
    vars:
      - name: dumm_workdir
  # Not "timeout": an option of that name gets Ansible's own limit for making a connection, 10 seconds.
  command_timeout:
    description: Seconds that a command may take.
    type: int
    default: 3600
    vars:
      - name: dumm_timeout
"""

import shlex
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_collections.dumm.lab.plugins.module_utils._lab import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.channel import Channel, Completed
from ansible_collections.dumm.lab.plugins.module_utils._lab.errors import DummError
from ansible_collections.dumm.lab.plugins.module_utils._lab.workdir import Workdir

_display = Display()


class Connection(ConnectionBase):
    """A guest's control line."""

    transport = "dumm.lab.dumm"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def _run(self, script: str, stdin: Any = b"") -> Completed:
        guest = self.get_option("remote_addr")
        workdir = Workdir.at(self.get_option("workdir"))
        directory = workdir.guest(guest)
        try:
            process = processes.read(directory)
            if process is None or not process.alive:
                raise AnsibleConnectionFailure(
                    f"guest {guest} of {workdir.path} is not running; start it with dumm_guest"
                )
            return Channel(directory, process).run(script, stdin, timeout=float(self.get_option("command_timeout")))
        except DummError as exc:
            raise AnsibleConnectionFailure(to_text(exc)) from exc
        except PermissionError as exc:
            raise AnsibleConnectionFailure(f"cannot reach guest {guest}: {exc}; run as root") from exc

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command in the guest."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        _display.vvv(f"EXEC {cmd}", host=self.get_option("remote_addr"))
        done = self._run(to_text(cmd), to_bytes(in_data or b""))
        return done.code, done.stdout, done.stderr

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the guest; the guest itself writes it, so no path of its can lead outside."""
        super().put_file(in_path, out_path)
        source = Path(in_path)
        if not source.is_file():
            raise AnsibleFileNotFound(f"file {in_path} does not exist")
        with source.open("rb") as file:
            self._checked(f"cat >{shlex.quote(out_path)}", file, f"cannot write {out_path}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the guest."""
        super().fetch_file(in_path, out_path)
        done = self._checked(f"exec cat {shlex.quote(in_path)}", b"", f"cannot read {in_path}")
        Path(out_path).write_bytes(done.stdout)

    def _checked(self, script: str, stdin: Any, complaint: str) -> Completed:
        done = self._run(script, stdin)
        if done.code != 0:
            raise AnsibleConnectionFailure(f"{complaint}: {done.stderr.decode('utf-8', 'replace').strip()}")
        return done

    def close(self) -> None:
        """There is nothing to close."""
        self._connected = False
