# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins: the same body in the controller where that is the same, the module everywhere else."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.keys import Kind
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Action as StepAction
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Step
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import runner
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import Progress, StepBegan, Subscriber
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Diff, Report, RunFailed
from ansible_collections.dumm.lab.plugins.plugin_utils import _action
from ansible_collections.dumm.lab.plugins.plugin_utils._action import LocalFirst

SPEC = {"name": {"type": "str", "required": True}, "mem": {"type": "int"}, "state": {"type": "str", "default": "here"}}
HERE = {"ansible_python_interpreter": sys.executable}


class Action(LocalFirst):
    """An action plugin of these tests, which reports what its body was given."""

    spec = SPEC

    @staticmethod
    def body(params: dict[str, Any], *, check: bool, subscriber: Subscriber) -> Report:
        subscriber(StepBegan(Step(Kind.START.of("alice"), StepAction(), ("begin",))))
        subscriber(Progress(steps=2, done=1, starts=0, up=0, slowest=None, seconds=0.0))
        warnings = ("beware",) if "warned" in params["name"] else ()
        subject = {"params": params, "check": check}
        report = Report("guest", subject, changed=True, diff=Diff({}, {}), warnings=warnings)
        if "left out" in params["name"]:
            raise RunFailed(HostError("guest a", "it is mute", ""), warnings=warnings, report=report)
        if "broken" in params["name"]:
            raise RunFailed(HostError("guest a", "it broke", "mend it"), done=["half of it"], warnings=warnings)
        return report


def run(
    task_vars: dict[str, Any] | None = None,
    arguments: dict[str, Any] | None = None,
    transport: str = "local",
    become: object = None,
    **task: Any,
) -> dict[str, Any]:
    """Run the plugin; ``module`` is in the result where it left the work to the module."""
    defaults = {"action": "dumm_guest", "async_val": 0, "environment": None, "check_mode": False, "diff": False}
    given = SimpleNamespace(**{**defaults, "args": arguments or {"name": "alice"}, "no_log": False, **task})
    connection = MagicMock(transport=transport, become=become)
    plugin = Action(given, connection, MagicMock(), MagicMock(), MagicMock(), MagicMock())
    plugin._execute_module = lambda **handed: {"module": handed["module_name"], "async": handed["wrap_async"]}
    return plugin.run(None, HERE if task_vars is None else task_vars)


@pytest.mark.parametrize("transport", ["local", "ansible.builtin.local"])
@pytest.mark.parametrize("environment", [None, [], [{}]])
@pytest.mark.parametrize("variable", ["ansible_python_interpreter", "ansible_playbook_python"])
def test_the_body_runs_here_where_that_is_the_same(transport: str, environment: Any, variable: str) -> None:
    result = run({variable: sys.executable}, transport=transport, environment=environment)

    assert "module" not in result
    assert result["changed"] is True


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param({"transport": "ssh"}, id="another host"),
        pytest.param({"become": object()}, id="another user"),
        pytest.param({"task_vars": {"ansible_python_interpreter": "/usr/bin/other"}}, id="another interpreter"),
        pytest.param({"task_vars": {}}, id="an interpreter that nobody named"),
        pytest.param(
            {
                "task_vars": {
                    "ansible_python_interpreter": "/usr/bin/other",
                    "ansible_playbook_python": sys.executable,
                }
            },
            id="an interpreter of the host's own",
        ),
        pytest.param({"environment": [{"DUMM_WORKDIR": "/x"}]}, id="an environment"),
        pytest.param({"environment": [None, {"A": "b"}]}, id="an environment of the play"),
    ],
)
def test_the_module_runs_where_it_is_not(elsewhere: dict[str, Any]) -> None:
    assert run(**elsewhere)["module"] == "dumm.lab.dumm_guest"


def test_the_module_runs_in_the_background_where_that_was_asked() -> None:
    assert run(async_val=60)["async"] == 60


@pytest.mark.parametrize("action", ["dumm_guest", "dumm.lab.dumm_guest"])
def test_the_module_is_known_by_its_full_name_however_the_task_names_it(action: str) -> None:
    assert run(transport="ssh", action=action)["module"] == "dumm.lab.dumm_guest"


def test_the_body_is_given_arguments_as_a_module_would_be() -> None:
    result = run(arguments={"name": "alice", "mem": "64"})

    assert result["guest"]["params"] == {"name": "alice", "mem": 64, "state": "here"}


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_body_is_told_of_check_mode(check_mode: bool) -> None:
    assert run(check_mode=check_mode)["guest"]["check"] is check_mode


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"mem": 64}, "missing required arguments: name"),
        ({"name": "alice", "mem": "much"}, "'much'"),
        ({"name": "alice", "memory": 64}, "Unsupported parameters for (dumm_guest) module: memory"),
    ],
)
def test_bad_arguments_fail_as_with_a_module(arguments: dict[str, Any], complaint: str) -> None:
    result = run(arguments=arguments)

    assert result["failed"] is True
    assert complaint in result["msg"]
    assert "guest" not in result


CHANGE = {"actions": [], "diff": {"before": {}, "after": {}}, "restart_required": {}, "durations": []}
BROKEN = {"failed": True, "msg": "guest a: it broke; mend it", "actions": ["half of it"]}
MUTE = {"failed": True, "msg": "guest a: it is mute", "changed": True, **CHANGE}


@pytest.mark.parametrize("warnings", [{}, {"warnings": ["beware"]}])
def test_a_result_is_the_report_of_the_body(warnings: dict[str, Any]) -> None:
    name = "alice warned" if warnings else "alice"
    subject = {"params": {"name": name, "mem": None, "state": "here"}, "check": False}

    assert run(arguments={"name": name}) == {**warnings, "changed": True, **CHANGE, "guest": subject}


@pytest.mark.parametrize("warnings", [{}, {"warnings": ["beware"]}])
@pytest.mark.parametrize(("name", "failed"), [("broken", BROKEN), ("left out", MUTE)])
def test_a_failure_of_the_body_is_a_failed_result(name: str, failed: dict[str, Any], warnings: dict[str, Any]) -> None:
    result = run(arguments={"name": f"{name} warned" if warnings else name})
    result.pop("guest", None)

    assert result == {**warnings, **failed}


def test_what_a_body_publishes_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    display = SimpleNamespace(v=lambda text: shown.append(f"-v {text}"), display=shown.append)
    monkeypatch.setattr(_action, "_display", display)

    run()

    assert shown == ["-v begin", "    1 of 2 steps done"]


@pytest.mark.parametrize("name", ["guest", "iface", "bridge", "info"])
def test_an_action_plugin_has_specification_and_body_of_its_module(name: str) -> None:
    plugin = importlib.import_module(f"ansible_collections.dumm.lab.plugins.action.dumm_{name}").ActionModule

    assert plugin.spec is getattr(_spec, name.upper())
    assert plugin.body is getattr(runner, f"run_{name}")
