# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one place that reads our own source files, for programs that run elsewhere: a guest's, and the server of a cowfs union.

Python's loader brings our modules, that of Ansible's collections, zipimport inside of a module that Ansible has packed (AnsiballZ), and
Python's again under another package name on a lab host (``plugin_utils/_lab_host.py``).  ``get_source`` returns text or bytes depending on
the loader, and ``open`` knows no zip; ``get_data`` of a module's own file is the same everywhere.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..model.errors import HostError
from . import files

# Guests of one run start at the same time.
_making = threading.Lock()


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


def unpacked(modules: Iterable[ModuleType], agents: Path, name: str) -> Path:
    """Modules of ours in a directory of their own, named by their content, for a program that outlives us: ours may be gone when we end.

    :param agents: where that directory is made.
    :param name: what its name begins with.
    """
    program = {f"_lab/{place(module)}": read(module) for module in modules}
    digest = hashlib.sha256(repr(sorted(program.items())).encode()).hexdigest()[:16]
    path = agents / f"{name}-{digest}"
    with _making:
        if not path.is_dir():
            fresh = path.with_name(f".new-{path.name}")
            files.remove_tree(fresh)
            for below, source in program.items():
                (fresh / below).parent.mkdir(parents=True, exist_ok=True)
                files.write(fresh / below, source)
            fresh.rename(path)
    return path
