# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What POSIX says of the calls for files holds on both engines (``posix_cases``)."""

from __future__ import annotations

from pathlib import Path

import posix_cases
import pytest
from mounts import ENGINES, Place

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

# Of a directory in a lower layer, both engines say that they cannot rename it, as overlayfs does without redirect_dir; programs then copy.
_NOT_MOVED = "EXDEV"


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[object, object]]]:
    """By engine, the cases that come out otherwise than expected."""
    found = {}
    for engine in ENGINES:
        place = Place(_open(tmp_path_factory.mktemp(engine)) / "place")
        posix_cases.plant_all(place.lower[1])
        with place.mounted(engine) as at:
            found[engine] = posix_cases.failures(at, "lower") | posix_cases.failures(at, "made")
    return found


def _open(path: Path) -> Path:
    """Let the users of the cases in."""
    for above in (path, *path.parents[:2]):
        above.chmod(0o755)
    return path


@pytest.mark.long
def test_the_cases_are_right(failures: dict[str, dict[str, tuple[object, object]]]) -> None:
    """The kernel's overlayfs is the judge of that."""
    wrong = {name: outcome for name, outcome in failures["overlay"].items() if outcome[1] != _NOT_MOVED}
    # It does not know all names of a file that it copies up.
    wrong.pop("lower: an open file outlives what takes its name", None)
    assert wrong == {}
    assert len(posix_cases.CASES) > 500


@pytest.mark.long
def test_cowfs_does_what_overlayfs_does(failures: dict[str, dict[str, tuple[object, object]]]) -> None:
    worse = {name: outcome for name, outcome in failures["cowfs"].items() if name not in failures["overlay"]}
    assert worse == {}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", posix_cases.READ_ONLY, ids=lambda case: case.name)
def test_nothing_changes_what_is_read_only(tmp_path: Path, engine: str, case: posix_cases.Case) -> None:
    place = Place(tmp_path / "place")
    posix_cases.plant(place.lower[1] / "tree")
    with place.mounted(engine) as at:
        syscalls.mount("none", str(at), None, syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY)

        assert posix_cases.outcome(case, at / "tree") == "EROFS"
