# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm_scenario`` without the cost of a module, where it is the same; the controller has its files, and reaches all lab hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_scenario
from ansible_collections.dumm.lab.plugins.module_utils._spec import SCENARIO
from ansible_collections.dumm.lab.plugins.plugin_utils import _several
from ansible_collections.dumm.lab.plugins.plugin_utils._files import ReadsFiles


class ActionModule(ReadsFiles):
    """Action plugin of the module's name.  It reads the scenario's file, which is the controller's, and asks all lab hosts."""

    spec = SCENARIO
    body = staticmethod(run_scenario)
    _site: _several.Site | None = None

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the body here or the module there, after all lab hosts have been asked."""
        known = task_vars or {}
        if self._task.args.get("lab_hosts") is not None:
            self._site = self._lab_hosts(known)
        return super().run(tmp, task_vars)

    def _lab_hosts(self, known: dict[str, Any]) -> _several.Site:
        """The inventory's hosts as lab hosts; where the task runs is the one that it is for."""
        name, where, hostvars = known["inventory_hostname"], self._task.delegate_to, known["hostvars"]
        own = {key for each in (name, where) if each in hostvars for key in hostvars[each]}
        environment: dict[str, str] = {}
        for each in self._task.environment or ():
            environment.update(self._templar.template(each) or {})
        said = _several.said_by_play(self._task, self._play_context, own)
        return _several.Site(str(self._task.args.get("lab_host") or where or name), hostvars, said, environment)

    def _arguments(self) -> dict[str, Any]:
        given = self._with_source()
        if self._site is None:
            return given
        if not _needs_others(given):
            there = self._site.mine in self._site.hostvars
            return {**given, "workdir": self._site.workdir(self._site.mine, given)} if there else given
        mine, found = self._site.mine, self._site.found(given)
        # A name that is none of them is refused by the module.
        place = {"workdir": found[mine]["workdir"]} if mine in found else {}
        return {**given, "lab_hosts": found, "lab_host": mine, **place}

    def _with_source(self) -> dict[str, Any]:
        """The arguments with the text of the scenario's file."""
        given = super()._arguments()
        elsewhere = boolean(given.get("remote_src") or False, strict=False)
        instead = given.get("content") is not None or given.get("config") is not None
        if not given.get("src") or elsewhere or instead or not _needs_others(given):
            return given
        subject = f"scenario {given.get('name')}"
        path = self._found(str(given["src"]), subject)
        return {**given, "src": path, "content": self._text(path, subject)}

    def _carried_out(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        moves = boolean(arguments.get("move") or False, strict=False) and _needs_others(arguments)
        if self._site is None or not moves:
            return super()._carried_out(arguments, task_vars)
        if self._task.async_val:
            cause = "it cannot move guests in the background, since the controller takes them from one lab host to the other"
            error = InvalidInput(f"scenario {arguments.get('name')}", cause, "leave out async or move")
            return {"failed": True, "msg": str(error), "actions": []}
        # Where the lab host itself cannot be reached, Ansible tells that, as of any task.
        tried = self._tried(arguments, task_vars)
        moving = (tried.get("scenario") or {}).get("moving", {})
        if tried.get("failed") or self._task.check_mode:
            words = [f"guest {guest}: move it here from lab host {source}" for guest, source in moving.items()]
            return {
                **tried,
                "actions": [*words, *tried.get("actions", ())],
                "changed": bool(words or tried.get("changed")),
            }
        done: list[str] = []
        try:
            self._move(self._site, moving, arguments, task_vars.get("ansible_play_hosts_all"), done)
        except (DummError, AnsibleError) as exc:
            return {"failed": True, "msg": str(exc), "actions": done, "changed": bool(done)}
        told = super()._carried_out(arguments, task_vars)
        return {**told, "actions": [*done, *told.get("actions", ())], "changed": bool(done or told.get("changed"))}

    @staticmethod
    def _move(
        site: _several.Site,
        moving: dict[str, str],
        arguments: dict[str, Any],
        play: list[str] | None,
        done: list[str],
    ) -> None:
        """Take guests here.

        :param moving: those that are to come, each with the lab host that it is on.
        :param arguments: what they say of lab hosts is how these are afterwards.
        :param play: the hosts of the play.
        :param done: what was done is added to it.
        :raises DummError: where a guest cannot come.
        :raises AnsibleError: where another lab host cannot be reached.
        """
        for guest, source in moving.items():
            if play is not None and source not in play:
                raise _several.not_in_play(guest, source)
        for guest, source in moving.items():
            done.append(_several.move(site, arguments["lab_hosts"], guest, source, arguments))
        if moving:
            _several.remember_more(arguments["lab_hosts"])

    def _tried(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result in check mode."""
        before, self._task.check_mode = self._task.check_mode, True
        try:
            return super()._carried_out(arguments, task_vars)
        finally:
            self._task.check_mode = before


def _needs_others(arguments: Mapping[str, Any]) -> bool:
    """Whether the scenario's file and the other lab hosts count: not where something is only taken away."""
    return arguments.get("state") not in ("absent", "unloaded")
