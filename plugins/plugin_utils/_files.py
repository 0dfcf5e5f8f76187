# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller, for action plugins whose module needs their text.  PRIVATE to the collection."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.parsing.vault import is_encrypted

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.files import read_at_most
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario.document import MAX_BYTES, decoded
from ansible_collections.dumm.lab.plugins.plugin_utils._action import LocalFirst


class ReadsFiles(LocalFirst):
    """An action plugin that reads files of the controller, those that Ansible Vault has encrypted as well."""

    def _found(self, src: str, subject: str) -> str:
        """The path of a file or directory on the controller."""
        try:
            path: str = self._find_needle("files", os.path.expandvars(os.path.expanduser(src)))
        except AnsibleError:
            raise InvalidInput(
                subject,
                f"{src} is not on the controller, neither beside the playbook nor in files of it or of the role",
                "write it there; if it is on the lab host, add remote_src: true",
            ) from None
        return path

    def _text(self, path: str, subject: str) -> str:
        """The text of a file on the controller."""
        try:
            # What is encrypted is four times as large.
            raw = read_at_most(Path(path), 8 * MAX_BYTES)
            if is_encrypted(raw):
                raw = self._decrypted(path, subject)
        except OSError as exc:
            raise InvalidInput(subject, f"cannot read {path}: {exc.strerror}", "give src another path") from None
        return decoded(raw, path)

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
