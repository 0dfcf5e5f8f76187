# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where network namespaces have their names: as ip-netns(8) keeps them.  ``netlink`` makes and removes them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..model.lab import HOST_NETNS

NETNS_DIRECTORY = Path("/run/netns")


def exists(name: str) -> bool:
    """Whether the network namespace is there (and no empty file that a killed run left)."""
    if name == HOST_NETNS:
        return True
    path = NETNS_DIRECTORY / name
    try:
        return path.stat().st_dev != NETNS_DIRECTORY.stat().st_dev
    except FileNotFoundError:
        return False


def remove_name(name: str) -> None:
    """Remove the empty file that is left of a namespace whose removal was killed (:func:`exists`)."""
    if not exists(name):
        with suppress(FileNotFoundError):
            (NETNS_DIRECTORY / name).unlink()


def path_of(name: str) -> str | None:
    """Path to enter the namespace by; ``None`` for the host's own."""
    return None if name == HOST_NETNS else str(NETNS_DIRECTORY / name)
