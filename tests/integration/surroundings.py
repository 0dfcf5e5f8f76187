# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests on real guests need of the machine and leave as they found it; for each ``conftest.py``, which cannot import another."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BASE, MASTERS, PREFIX


def pytest_sessionstart() -> None:
    """Say at once what is missing, instead of in every test."""
    if os.geteuid() != 0:
        pytest.exit("the integration tests start real guests: run them as root", returncode=2)
    needed = [
        *(BASE / "kernels" / name / "linux" for name in ("default", "scripts")),
        *(BASE / "masters" / name / "bin/sh" for name in MASTERS.values()),
    ]
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        pytest.exit(f"{', '.join(missing)} missing: run 'make integration', or set DUMM_TEST_BASE", returncode=2)


def _namespaces() -> set[str]:
    directory = Path("/run/netns")
    return set(os.listdir(directory)) if directory.is_dir() else set()


def _host_devices() -> set[str]:
    return set(os.listdir("/sys/class/net"))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_on_the_host() -> Iterator[None]:
    """The machine's own namespace has the devices that it had, and there is no namespace, process or mount of a test."""
    devices = _host_devices()
    yield
    assert _host_devices() == devices
    assert [name for name in _namespaces() if name.startswith(f"dumm-{PREFIX}")] == []
    assert [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(PREFIX)] == []
    assert [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if PREFIX in line] == []


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory that is gone afterwards, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place:
        yield Path(place)
