# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm_scenario` without the cost of a module, where it is the same."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_scenario
from ansible_collections.dumm.lab.plugins.module_utils._spec import SCENARIO
from ansible_collections.dumm.lab.plugins.plugin_utils._files import ReadsFiles


class ActionModule(ReadsFiles):
    """Action plugin of the module's name.  It reads the scenario's file, which is the controller's."""

    spec = SCENARIO
    body = staticmethod(run_scenario)

    def _arguments(self) -> dict[str, Any]:
        given = super()._arguments()
        elsewhere = boolean(given.get("remote_src") or False, strict=False)
        instead = given.get("content") is not None or given.get("config") is not None
        if not given.get("src") or elsewhere or instead or given.get("state") in ("absent", "unloaded"):
            return given
        subject = f"scenario {given.get('name')}"
        path = self._found(str(given["src"]), subject)
        return {**given, "src": path, "content": self._text(path, subject)}
