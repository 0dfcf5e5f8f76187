# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings for all unit tests: as many examples as take seconds, nothing left in the checkout.

``make unit`` tries few, ``make test`` the default; ``--hypothesis-profile=thorough`` takes minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, configuration, settings

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import identity

_home = tempfile.TemporaryDirectory(prefix="dumm-hypothesis-")
configuration.set_hypothesis_home_dir(_home.name)
for name, examples in {"few": 50, "unit": 200, "thorough": 5000}.items():
    settings.register_profile(
        name,
        deadline=None,
        database=None,
        max_examples=examples,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile("unit")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take hypothesis's own files away."""
    _home.cleanup()


@pytest.fixture(scope="session", autouse=True)
def _no_names_are_taken_on_the_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(identity, "_CLAIMS", Path(tmp_path_factory.mktemp("run"), "labs"))
        yield
