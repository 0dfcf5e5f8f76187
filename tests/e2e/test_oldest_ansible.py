# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest Ansible that the collection supports: some of the cases, those with ``core=True``, in both ways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import batch
import pytest
import way
from cases import CASES
from installed import OLDEST, Installed, environment, install, pinned
from openssh import Server
from way import Way

CORE = [case for case in CASES if case.core]


@pytest.fixture(scope="module")
def oldest(place: Path, tarball: Path) -> Installed:
    """A user with the oldest Ansible."""
    (place / "oldest").mkdir()
    return install(place / "oldest", environment(pinned(OLDEST)) / "bin", tarball)


@pytest.fixture(scope="module", params=["local", "remote"])
def its_way(request: pytest.FixtureRequest, place: Path, oldest: Installed, server: Server) -> Iterator[Way]:
    """Both ways of that user."""
    own = place / f"oldest-{request.param}"
    own.mkdir()
    with way.local(oldest, own) if request.param == "local" else way.remote(oldest, own, server) as made:
        yield made


def test_the_oldest_ansible_does_what_the_pinned_one_does(its_way: Way) -> None:
    outcomes = batch.run(its_way, CORE)

    wrong = {case.name: wrong for case in CORE if (wrong := batch.complaints(case, outcomes[case.name]))}
    if wrong:
        pytest.fail("\n\n".join(f"{name}:\n{text}" for name, text in wrong.items()), pytrace=False)
