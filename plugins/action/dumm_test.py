# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm_test`` without the cost of a module, where it is the same; then a line is shown for each test as soon as it has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import plain
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.events import Subscriber
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.narration import TestNarrator
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.runs.body import run_tests
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.source import files_of
from ansible_collections.dumm.lab.plugins.module_utils._spec import TEST
from ansible_collections.dumm.lab.plugins.plugin_utils._files import ReadsFiles

_display = Display()


class ActionModule(ReadsFiles):
    """Action plugin of the module's name.  It reads the files of tests, which are the controller's."""

    spec = TEST
    body = staticmethod(run_tests)

    def _subscriber(self) -> Subscriber:
        return TestNarrator(
            lambda text: _display.display(f"    {plain(text)}"), lambda text: _display.v(f"    {plain(text)}")
        )

    def _arguments(self) -> dict[str, Any]:
        given = super()._arguments()
        elsewhere = boolean(given.get("remote_src") or False, strict=False)
        if not given.get("src") or elsewhere or given.get("content") is not None or given.get("format") == "strongswan":
            return given
        named = given["src"] if isinstance(given["src"], list) else str(given["src"]).split(",")
        paths = [path for src in named for path in files_of(Path(self._found(str(src), "tests")))]
        return {**given, "content": {str(path): self._text(str(path), "tests") for path in paths}}
