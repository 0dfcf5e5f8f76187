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
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import runner
from ansible_collections.dumm.lab.plugins.plugin_utils._action import LocalFirst

SPEC = {"name": {"type": "str", "required": True}, "mem": {"type": "int"}, "state": {"type": "str", "default": "here"}}
HERE = {"ansible_python_interpreter": sys.executable}


class Action(LocalFirst):
    """An action plugin of these tests, which reports what its body was given."""

    spec = SPEC

    @staticmethod
    def body(module: Any) -> None:
        if module.params["name"] == "broken":
            module.fail_json(msg="it broke", actions=["half of it"])
        if module.params["name"] == "warned":
            module.warn("beware")
        try:
            module.exit_json(changed=True, params=module.params, check_mode=module.check_mode)
        except Exception:  # what a body that catches everything would do
            pytest.fail("the result was taken for an error")


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

    assert result["params"] == {"name": "alice", "mem": 64, "state": "here"}


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_body_is_told_of_check_mode(check_mode: bool) -> None:
    assert run(check_mode=check_mode)["check_mode"] is check_mode


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
    assert "params" not in result


def test_a_failure_of_the_body_is_a_failed_result() -> None:
    result = run(arguments={"name": "broken"})

    assert (result["failed"], result["msg"], result["actions"]) == (True, "it broke", ["half of it"])


def test_warnings_are_part_of_the_result() -> None:
    assert run(arguments={"name": "warned"})["warnings"] == ["beware"]


@pytest.mark.parametrize("name", ["guest", "iface", "bridge", "info"])
def test_an_action_plugin_has_specification_and_body_of_its_module(name: str) -> None:
    plugin = importlib.import_module(f"ansible_collections.dumm.lab.plugins.action.dumm_{name}").ActionModule

    assert plugin.spec is getattr(_spec, name.upper())
    assert plugin.body is getattr(runner, f"run_{name}")
