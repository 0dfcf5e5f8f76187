# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the collection, whose code this package calls: that of the checkout that this package is part of, or an installed one.

Nothing of the collection is imported before it is needed, so that ``import dumm_lab`` works without it: pytest loads the plugin of this
package in every run, also where nobody asks for a lab.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from ._errors import CollectionMissing

CODE = "ansible_collections.dumm.lab.plugins.module_utils._lab"
_PLACES = ("~/.ansible/collections", "/usr/share/ansible/collections")
_CHECKOUT = Path(__file__).resolve().parents[2]


def module(name: str) -> ModuleType:
    """A module of the collection's code, such as ``command.main``.

    :raises CollectionMissing: where there is no collection, or one that does not suit.
    """
    find()
    return importlib.import_module(f"{CODE}.{name}")


def find() -> None:
    """Have the collection's code importable.

    :raises CollectionMissing: where there is no collection, or one that does not suit.
    """
    if f"{CODE}.command" in sys.modules:
        return
    if not _is_importable():
        _add(_found())
    _check()


def _is_importable() -> bool:
    try:
        importlib.import_module(CODE)
    except ImportError:
        return False
    return True


def _places() -> Iterator[Path]:
    """Where collections may be, in Ansible's order."""
    named = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
    yield from (Path(place).expanduser() for place in named.split(":") if place)
    if (_CHECKOUT / "galaxy.yml").is_file():
        yield _CHECKOUT / ".collections"
    yield from (Path(place).expanduser() for place in _PLACES)


def _found() -> Path:
    for place in _places():
        if (place / CODE.replace(".", "/")).is_dir():
            return place
    remedy = f"run 'make setup' in {_CHECKOUT}" if (_CHECKOUT / "galaxy.yml").is_file() else _INSTALL
    searched = ", ".join(map(str, _places()))
    raise CollectionMissing(f"collection dumm.lab: it is not installed (searched: {searched}); {remedy}")


_INSTALL = "install it with 'ansible-galaxy collection install dumm.lab', or name its place in ANSIBLE_COLLECTIONS_PATH"


def _add(place: Path) -> None:
    sys.path.append(str(place))
    importlib.invalidate_caches()
    # A package of that name that is no namespace, as pip's "ansible" has one, hides the others.
    for name, below in (
        ("ansible_collections", "ansible_collections"),
        ("ansible_collections.dumm", "ansible_collections/dumm"),
    ):
        known = sys.modules.get(name)
        path = getattr(known, "__path__", None)
        if isinstance(path, list) and (entry := str(place / below)) not in path:
            path.append(entry)


def _check() -> None:
    """:raises CollectionMissing: where the collection is of another version than this package."""
    from . import __version__

    try:
        found = importlib.import_module(f"{CODE}.command.usage")
        version = str(found.VERSION)
    except (ImportError, AttributeError):
        version = "an older one"
    if version.split(".")[:2] != __version__.split(".")[:2]:
        place = next(iter(importlib.import_module(CODE).__path__))
        raise CollectionMissing(
            f"collection dumm.lab: its version in {place} is {version}, and that of the Python package dumm-lab is {__version__};"
            " install the same version of both"
        )
