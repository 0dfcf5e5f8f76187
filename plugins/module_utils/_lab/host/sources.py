# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that reads our own source files, for programs that run elsewhere: a guest's, and the server of a cowfs union.

Python's loader brings our modules, that of Ansible's collections, zipimport inside of a module that Ansible has packed (AnsiballZ), and
Python's again under another package name on a lab host (``plugin_utils/_lab_host.py``).  ``get_source`` returns text or bytes depending on
the loader, and ``open`` knows no zip; ``get_data`` of a module's own file is the same everywhere.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..model.errors import HostError


def read(module: ModuleType) -> bytes:
    """The source of one of our modules, as it lies on disk.

    :param module: imported by name where it is needed, since Ansible packs only what is imported.
    :raises HostError: where it cannot be read.
    """
    loader: Any = module.__loader__
    try:
        source: bytes = loader.get_data(module.__file__)
    except (AttributeError, OSError) as exc:
        raise HostError(
            "collection dumm.lab",
            f"the source of {module.__name__} cannot be read: {exc}",
            "install the collection again, with its sources",
        ) from exc
    return source


def place(module: ModuleType) -> str:
    """Path of one of our modules below ``_lab``, whatever that is called: ``union/server/serve.py``."""
    home, _host, _name = __name__.rsplit(".", 2)
    return module.__name__.removeprefix(f"{home}.").replace(".", "/") + ".py"
