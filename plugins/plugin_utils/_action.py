# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a module's body inside the controller when the target is the controller.  PRIVATE to the collection.

A module costs 0.35 s of starting up, the same body in the controller's worker 0.02 s (docs/internals/ansible.md).  Where the two are
not the same (another host, another user, another interpreter, ``async``, ``environment``) the module is run.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import netlink
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, plain
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import Subscriber
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.narration import Narrator
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report, RunFailed

_display = Display()
# Ansible imports an action plugin before it forks the worker of each task, which would take 0.1 s for it otherwise.
netlink.load()


def _shown() -> Subscriber:
    """What shows how far a run is, and with -v each step."""
    return Narrator(lambda text: _display.v(plain(text)), lambda text: _display.display(f"    {plain(text)}"))


class LocalFirst(ActionBase):
    """An action plugin of the same name as a module, with the same body."""

    spec: ClassVar[dict[str, Any]]
    body: ClassVar[Callable[..., Report]]

    def _same_as_module(self, task_vars: dict[str, Any]) -> bool:
        interpreter = task_vars.get("ansible_python_interpreter") or task_vars.get("ansible_playbook_python")
        return (
            self._connection.transport in ("local", "ansible.builtin.local")
            and self._connection.become is None
            and not self._task.async_val
            and not any(self._task.environment or [])
            and interpreter == sys.executable
        )

    def _subscriber(self) -> Subscriber:
        """What shows what the body does."""
        return _shown()

    def _arguments(self) -> dict[str, Any]:
        """What the module is given; an action plugin may add what only the controller has.

        :raises DummError: where that cannot be had.
        """
        arguments: dict[str, Any] = self._task.args
        return arguments

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the body here or the module there."""
        task_vars = task_vars or {}
        self._supports_check_mode = True
        self._supports_async = True
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            arguments = self._arguments()
        except DummError as exc:
            return {**result, "failed": True, "msg": str(exc), "actions": []}
        return {**result, **self._carried_out(arguments, task_vars)}

    def _carried_out(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result of the body here or the module there."""
        if self._same_as_module(task_vars):
            return self._run_here(arguments)
        told: dict[str, Any] = self._execute_module(
            module_name=f"dumm.lab.{self._task.action.rpartition('.')[2]}",
            module_args=arguments,
            task_vars=task_vars,
            wrap_async=self._task.async_val,
        )
        return told

    def _run_here(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Run the body in this process: the result of the module."""
        validated = ArgumentSpecValidator(self.spec).validate(arguments)
        if validated.error_messages:
            unsupported = isinstance(validated.errors[0], UnsupportedError)
            what = f"Unsupported parameters for ({self._task.action}) module: " if unsupported else ""
            return {"failed": True, "msg": what + validated.errors.msg}
        try:
            report = type(self).body(
                validated.validated_parameters, check=self._task.check_mode, subscriber=self._subscriber()
            )
        except RunFailed as exc:
            return _with_warnings(exc.warnings, {"failed": True, **exc.result()})
        return _with_warnings(report.warnings, report.result())


def _with_warnings(warnings: tuple[str, ...], result: dict[str, Any]) -> dict[str, Any]:
    return {"warnings": list(warnings), **result} if warnings else result
