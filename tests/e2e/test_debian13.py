# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All cases on Debian 13 with the newest Ansible: by the action plugins, and by the modules under Debian's Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import batch
import debian13
import pytest
import way
from cases import CASES
from installed import Installed, install
from way import Way

pytestmark = pytest.mark.debian13


@pytest.fixture(scope="module")
def inside(place: Path, local: Way) -> Iterator[tuple[str, ...]]:
    """A command that runs another in Debian 13."""
    with debian13.entered(debian13.make_root(local), place) as command:
        yield command


@pytest.fixture(scope="module")
def newest(place: Path, tarball: Path, inside: tuple[str, ...]) -> Installed:
    """A user in Debian 13 with the newest Ansible."""
    (place / "newest").mkdir()
    return install(place / "newest", debian13.environment(inside) / "bin", tarball, inside)


@pytest.mark.parametrize("python", ["{{ ansible_playbook_python }}", "/usr/bin/python3"], ids=["controller", "module"])
def test_the_newest_ansible_does_on_debian_13_what_the_pinned_one_does_here(
    place: Path, newest: Installed, inside: tuple[str, ...], python: str, request: pytest.FixtureRequest
) -> None:
    own = place / f"newest-{request.node.callspec.id}"
    own.mkdir()
    with way.local(newest, own, inside, python) as made:
        running = batch.Running(made, CASES)
        wrong = {case.name: wrong for case in CASES if (wrong := batch.complaints(case, running.of(case)))}

    if wrong:
        pytest.fail("\n\n".join(f"{name}:\n{text}" for name, text in wrong.items()), pytrace=False)
