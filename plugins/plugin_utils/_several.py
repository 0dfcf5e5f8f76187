# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab hosts of one lab, as an action plugin finds them in the inventory and asks them.  PRIVATE to the collection."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import remote
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import options
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import DummError, InvalidInput, nearest
from ansible_collections.dumm.lab.plugins.plugin_utils import _lab_host

Arguments = Mapping[str, Any]

_MOST_AT_ONCE = 32
# What an inventory says of a lab host, by the keys of what the module is given.
_SAID = {"weight": "dumm_weight", "mtu": "dumm_mtu", "memory": "dumm_memory"}


@dataclass(frozen=True)
class Site:
    """Some hosts of an inventory as the lab hosts of one lab.

    :ivar mine: name of the one that the task is for.
    :ivar hostvars: variables of all hosts.
    :ivar play: how hosts are reached, as far as the play says that for all of them (:func:`said_by_play`).
    :ivar environment: of the task.
    """

    mine: str
    hostvars: Mapping[str, Mapping[str, Any]]
    play: Arguments = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    _known: dict[str, _lab_host.LabHost | None] = field(default_factory=dict, compare=False)

    def found(self, arguments: Arguments) -> dict[str, dict[str, Any]]:
        """What is known of each lab host, with its answer.

        :raises InvalidInput: where one of them is not in the inventory.
        """
        names = _names(arguments)
        for name in names:
            if name not in self.hostvars:
                raise InvalidInput(
                    "lab_hosts", f"there is no host {name} in the inventory", nearest(name, _known(self.hostvars))
                )
        # Templates in variables are for the thread that runs the task.
        self._known.update({name: self.reached(name) for name in names})
        said = {name: self._said(name, arguments) for name in names}
        with ThreadPoolExecutor(max_workers=min(_MOST_AT_ONCE, len(names))) as pool:
            jobs = {name: pool.submit(self._answer, name, str(arguments.get("name")), said[name]) for name in names}
        return {name: {**said[name], **job.result()} for name, job in jobs.items()}

    def reached(self, name: str) -> _lab_host.LabHost | None:
        """A lab host, as :func:`_lab_host.reached`; what the play says for all of its hosts counts for each."""
        own = self.hostvars[name]
        known = {key: own[key] for key in own if key.startswith("ansible_") and key not in _FACTS}
        return _lab_host.reached(name, {**self.play, **known})

    def _host(self, name: str) -> _lab_host.LabHost | None:
        return self._known[name] if name in self._known else self.reached(name)

    def workdir(self, name: str, arguments: Arguments) -> str:
        """A lab host's working directory.  What names none for the module otherwise names none here: option, then environment.

        :raises InvalidInput: where the task says another than the inventory.
        """
        said, given = self.hostvars[name].get("dumm_workdir"), arguments.get("workdir")
        if name == self.mine and said and given and os.path.normpath(said) != os.path.normpath(given):
            cause = f"workdir is {given}, and its dumm_workdir {said}, where the other lab hosts look"
            raise InvalidInput(f"lab host {name}", cause, "set only dumm_workdir in the inventory")
        default: str = options.SCENARIO["workdir"]["default"]
        around = os.environ if self._host(name) is None else {}
        environment = self.environment.get("DUMM_WORKDIR") or around.get("DUMM_WORKDIR")
        return os.path.normpath(said or given or environment or default)

    def _said(self, name: str, arguments: Arguments) -> dict[str, Any]:
        """What the inventory says of a lab host."""
        own = self.hostvars[name]
        address = own.get("dumm_address") or own.get("ansible_host") or name
        numbers = {key: _number(name, variable, own.get(variable)) for key, variable in _SAID.items()}
        return {"address": str(address), "workdir": self.workdir(name, arguments), **numbers}

    def _answer(self, name: str, scenario: str, said: Arguments) -> dict[str, Any]:
        """What a lab host answers, or why it does not."""
        try:
            found = self.ask(name, "place", path=said["workdir"], scenario=scenario, address=said["address"])[1]
        except (AnsibleError, DummError) as exc:
            return {"answer": None, "why": _shortened(" ".join(str(exc).split()))}
        return {"answer": json.loads(found)}

    def ask(self, name: str, what: str, data: bytes = b"", /, **asked: Any) -> tuple[dict[str, Any], bytes]:
        """Ask a lab host, see ``access.remote``.

        :raises DummError: as what answers it does there.
        :raises AnsibleError: where it cannot be reached.
        """
        host = self._host(name)
        return remote.answered(what, io.BytesIO(data), asked) if host is None else host.ask(what, data, **asked)


def said_by_play(task: Task, context: PlayContext, own: Iterable[str]) -> dict[str, Any]:
    """How hosts are reached as far as play, task and command line say that for all of them, in Ansible's variables for hosts.

    The context of a play has the variables of one host, too, which say nothing of the others and may be secrets.

    :param own: names of the variables of the task's host.
    """
    names = {*own}
    said: dict[str, Any] = {"ansible_connection": task.connection, "ansible_user": task.remote_user}
    if names.isdisjoint(C.MAGIC_VARIABLE_MAPPING["password"]):
        said["ansible_password"] = context.password
    if task.become:
        said |= {f"ansible_{key}": getattr(task, key) for key in _BECOME}
        if names.isdisjoint(C.MAGIC_VARIABLE_MAPPING["become_pass"]):
            said["ansible_become_password"] = context.become_pass
    return {key: value for key, value in said.items() if value}


_BECOME = ("become", "become_user", "become_method", "become_exe", "become_flags")


def _shortened(text: str) -> str:
    """Beginning and end of a long text: what failed, and the last that was said."""
    return text if len(text) <= 600 else f"{text[:200]} … {text[-400:]}"


# Long values that say nothing about how a host is reached.
_FACTS = frozenset({"ansible_facts", "ansible_local", "ansible_env"})


def _names(arguments: Arguments) -> list[str]:
    """:raises InvalidInput: where it is no list of names."""
    names = arguments["lab_hosts"]
    if not isinstance(names, (list, tuple)) or not all(isinstance(each, str) and each for each in names) or not names:
        raise InvalidInput("lab_hosts", "it is no list of names", 'write it as "{{ groups.labhosts }}"')
    return list(dict.fromkeys(map(str, names)))


def _known(hostvars: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in hostvars]


def _number(name: str, variable: str, value: object) -> float | int | None:
    """:raises InvalidInput: where it is none."""
    if value is None:
        return None
    try:
        found = float(str(value))
    except ValueError:
        found = -1
    if not 0 <= found < 1 << 40:
        raise InvalidInput(f"lab host {name}", f"{variable} {value} is no number", "give a number that is not negative")
    return found if variable == "dumm_weight" else int(found)


def move(site: Site, found: dict[str, dict[str, Any]], guest: str, source: str, arguments: Arguments) -> str:
    """Take a guest from another lab host to this one, and note that in what is known of both.

    :return: what was done, in words.
    :raises DummError: where that is not possible; one of both has it then.
    :raises AnsibleError: where the other one cannot be reached.
    """
    here, there = (
        {"path": found[site.mine]["workdir"], "name": guest},
        {"path": found[source]["workdir"], "name": guest},
    )
    seconds = float(arguments.get("wait_timeout") or options.SCENARIO["wait_timeout"]["default"])
    told = site.ask(source, "leave", **there, target=site.mine, wait_timeout=seconds)[0]["told"]
    offset = 0
    while piece := site.ask(source, "piece", **there, offset=offset)[1]:
        site.ask(site.mine, "take", piece, **here, offset=offset)
        offset += len(piece)
    site.ask(site.mine, "arrive", **here, told=told, wait_timeout=seconds)
    site.ask(source, "left", **there, target=site.mine, scenario=arguments["name"], wait_timeout=seconds)
    mine, others = found[site.mine]["answer"], found[source]["answer"]
    mine["guests"][guest] = others["guests"].pop(guest)
    others["leaving"].pop(guest, None)
    return f"guest {guest}: move it here from lab host {source}, with {told['size']} bytes packed"


def remember_more(found: dict[str, dict[str, Any]]) -> None:
    """Have what is remembered after moves count more than what runs remember that began before them."""
    for each in found.values():
        if each["answer"] is not None and each["answer"]["placement"] is not None:
            each["answer"]["placement"]["serial"] += 2


def not_in_play(guest: str, source: str) -> InvalidInput:
    """What is said of a guest that is on a lab host that the play leaves alone."""
    cause = f"it is on lab host {source}, which is not in this play, and is to come here"
    return InvalidInput(f"guest {guest}", cause, f"run it without a limit, or with {source}")
