# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules: what a body returns or raises is what AnsibleModule prints."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.dumm.lab.plugins.module_utils import _module
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import Invalid, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Diff, Duration, Report, RunFailed

REPORT = Report(
    "guest",
    {"name": "alice"},
    changed=True,
    actions=("start guest alice",),
    diff=Diff({"a": 1}, {"a": 2}),
    restart_required={"alice": ("mem",)},
    durations=(Duration("start guest alice", 0.1),),
    warnings=("beware",),
)
WHOLE = {
    "changed": True,
    "actions": ["start guest alice"],
    "diff": {"before": {"a": 1}, "after": {"a": 2}},
    "restart_required": {"alice": ["mem"]},
    "durations": [{"step": "start guest alice", "seconds": 0.1}],
    "guest": {"name": "alice"},
}
FAULTS = Invalid([InvalidInput("guest a", "it is odd", "mend it"), InvalidInput("guest b", "it is too", "mend it")])
ODD = "guest a: it is odd; mend it\nguest b: it is too; mend it"


class Module(AnsibleModule):
    """Keeps its warnings; in a controller's process AnsibleModule would display them."""

    def __init__(self) -> None:
        super().__init__({"name": {"type": "str"}}, supports_check_mode=True)
        self.warned: list[str] = []

    def warn(self, warning: str) -> None:
        self.warned.append(warning)


def _run(capsys: pytest.CaptureFixture[str], end: Report | RunFailed, check: bool = False) -> dict[str, Any]:
    def body(params: dict[str, Any], *, check: bool) -> Report:
        assert params == {"name": "alice"}
        asked.append(check)
        if isinstance(end, RunFailed):
            raise end
        return end

    asked: list[bool] = []
    with patch_module_args({"name": "alice", "_ansible_check_mode": check}), pytest.raises(SystemExit) as ended:
        module = Module()
        _module.run(module, body)
    assert asked == [check]
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert bool(ended.value.code) is printed.get("failed", False)
    printed.pop("invocation")
    return {**printed, "warnings": module.warned}


@pytest.mark.parametrize("check", [True, False])
def test_a_module_returns_its_report(capsys: pytest.CaptureFixture[str], check: bool) -> None:
    assert _run(capsys, REPORT, check) == {**WHOLE, "warnings": ["beware"]}


def test_a_run_that_only_looks_has_no_actions(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, Report("lab", {"format": 2})) == {"changed": False, "lab": {"format": 2}, "warnings": []}


def test_a_failed_run_returns_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    failed = RunFailed(FAULTS, done=["make guest alice"], warnings=["beware"])

    assert _run(capsys, failed) == {
        "failed": True,
        "msg": ODD,
        "actions": ["make guest alice"],
        "warnings": ["beware"],
    }


def test_a_run_that_left_guests_out_returns_everything_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(capsys, RunFailed(FAULTS, report=REPORT)) == {"failed": True, "msg": ODD, **WHOLE, "warnings": []}
