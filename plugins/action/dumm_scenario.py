# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm_scenario` without the cost of a module, where it is the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.parsing.vault import is_encrypted

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.files import read_at_most
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_scenario
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.document import MAX_BYTES, decoded
from ansible_collections.dumm.lab.plugins.module_utils._spec import SCENARIO
from ansible_collections.dumm.lab.plugins.plugin_utils._action import LocalFirst


class ActionModule(LocalFirst):
    """Action plugin of the module's name.  It reads the scenario's file, which is the controller's."""

    spec = SCENARIO
    body = staticmethod(run_scenario)

    def _arguments(self) -> dict[str, Any]:
        given = super()._arguments()
        elsewhere = boolean(given.get("remote_src") or False, strict=False)
        instead = given.get("content") is not None or given.get("config") is not None
        if not given.get("src") or elsewhere or instead or given.get("state") in ("absent", "unloaded"):
            return given
        path, content = self._read(str(given["src"]), f"scenario {given.get('name')}")
        return {**given, "src": path, "content": content}

    def _read(self, src: str, subject: str) -> tuple[str, str]:
        """Path and text of a file on the controller."""
        try:
            path = self._find_needle("files", os.path.expandvars(os.path.expanduser(src)))
        except AnsibleError:
            raise InvalidInput(
                subject,
                f"{src} is not on the controller, neither beside the playbook nor in files of it or of the role",
                "write it there; if it is on the lab host, add remote_src: true",
            ) from None
        try:
            # What is encrypted is four times as large.
            raw = read_at_most(Path(path), 8 * MAX_BYTES)
            if is_encrypted(raw):
                raw = self._decrypted(path, subject)
        except OSError as exc:
            raise InvalidInput(subject, f"cannot read {path}: {exc.strerror}", "give src another path") from None
        return path, decoded(raw, path)

    def _decrypted(self, path: str, subject: str) -> bytes:
        try:
            plain = self._loader.get_real_file(path)
            try:
                return Path(plain).read_bytes()
            finally:
                self._loader.cleanup_tmp_file(plain)
        except AnsibleError as exc:
            first = str(exc).splitlines()[0]
            raise InvalidInput(
                subject, f"cannot decrypt {path}: {first}", "give its password (--vault-password-file)"
            ) from None
