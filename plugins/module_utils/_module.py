# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the body of a module and return its report as AnsibleModule does.  PRIVATE to the collection."""

from __future__ import annotations

from collections.abc import Callable

from ansible.module_utils.basic import AnsibleModule

from ._lab.run.report import Report, RunFailed


def run(module: AnsibleModule, body: Callable[..., Report]) -> None:
    """Run a body with a module's arguments; ends the process.

    :param body: one of the ``run_*`` of ``_lab/run/runner.py``.
    """
    try:
        report = body(module.params, check=module.check_mode)
    except RunFailed as exc:
        _warn(module, exc.warnings)
        module.fail_json(**exc.result())
    _warn(module, report.warnings)
    module.exit_json(**report.result())


def _warn(module: AnsibleModule, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        module.warn(warning)
