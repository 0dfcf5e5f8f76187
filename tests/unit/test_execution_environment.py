# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ansible-builder takes into somebody's execution environment."""

from __future__ import annotations

from pathlib import Path

import yaml
from packaging.requirements import Requirement

_REPOSITORY = Path(__file__).resolve().parents[2]


def _requirements(path: Path) -> dict[str, Requirement]:
    lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    return {each.name.lower(): each for each in map(Requirement, filter(None, lines))}


def test_an_execution_environment_gets_ranges_that_hold_what_is_tested() -> None:
    metadata = yaml.safe_load((_REPOSITORY / "meta/execution-environment.yml").read_text())
    tested = _requirements(_REPOSITORY / "requirements.txt")

    asked = _requirements(_REPOSITORY / metadata["dependencies"]["python"])

    assert set(asked) == {"jmespath", "pyroute2"}
    for name, requirement in asked.items():
        (pinned,) = tested[name].specifier
        assert requirement.specifier.contains(pinned.version)
        assert not any(each.operator == "==" for each in requirement.specifier)
    assert "openssh-client " in (_REPOSITORY / metadata["dependencies"]["system"]).read_text()
