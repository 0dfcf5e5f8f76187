# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Labs for the tests.  Each lives in a working directory and a network namespace of its own, and is gone when its test ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

sys.path += [str(Path(__file__).parents[1] / name) for name in ("soak", "bench")]

from lab import Lab, fresh_lab
from surroundings import nothing_is_left_on_the_host, pytest_sessionstart, tmp_path

__all__ = ["nothing_is_left_on_the_host", "pytest_sessionstart", "tmp_path"]


def pytest_configure(config: pytest.Config) -> None:
    """Name our mark."""
    config.addinivalue_line("markers", "long: what make test leaves out, for make test-all")


# Files that run one after another, for what they have of the host in common; all others run beside each other.
_APART = {
    # The first SSH server makes /run/sshd, and removes it.
    "test_dumm_lab_host.py": "SSH server",
    "test_lab_host.py": "SSH server",
    "test_role_errors.py": "SSH server",
    "test_scenario_source.py": "SSH server",
    # Opens /dev/fuse and /dev/net/tun to all users while it runs, to which others must have no way.
    "test_unprivileged.py": "devices",
    "test_confinement.py": "devices",
}


class _ByFile(LoadFileScheduling):
    """The tests of a file, and of those that it must not meet, are for one process."""

    def _split_scope(self, nodeid: str) -> str:
        path = super()._split_scope(nodeid)
        return _APART.get(Path(path).name, path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Who runs which tests, where several processes do (``--numprocesses``)."""
    return _ByFile(config, log)


@pytest.fixture(scope="module")
def kernel(request: pytest.FixtureRequest) -> str:
    """The default kernel of the labs; guests of ``scripts`` are served by shell scripts, as where there is no compiler."""
    return str(getattr(request, "param", "default"))


@pytest.fixture
def lab(kernel: str) -> Iterator[Lab]:
    """An empty lab for one test."""
    with fresh_lab(kernel=kernel) as fresh:
        yield fresh


@pytest.fixture(scope="module")
def shared(kernel: str) -> Iterator[Lab]:
    """A lab that the tests of one file share, for promises that do not need one of their own."""
    with fresh_lab(kernel=kernel) as fresh:
        yield fresh


@pytest.fixture
def pair(lab: Lab) -> Lab:
    """Two running guests, alice and bob, on bridge br0: 10.0.0.1 and 10.0.0.2."""
    return make_pair(lab)


@pytest.fixture(scope="module")
def shared_pair(shared: Lab) -> Lab:
    """The same, shared by the tests of one file."""
    return make_pair(shared)


def make_pair(lab: Lab) -> Lab:
    """Put two guests on a bridge."""
    lab.bridge("br0")
    for name, address in (("alice", "10.0.0.1/24"), ("bob", "10.0.0.2/24")):
        lab.guest(name, state="present", mem=96)
        lab.iface(name, "eth0", bridge="br0", address=[address])
        lab.guest(name)
    return lab
