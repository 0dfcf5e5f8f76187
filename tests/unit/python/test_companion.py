# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The companion package without a lab: how it finds the collection, and what it promises to type checkers and installers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage import VERSION

REPOSITORY = Path(__file__).resolve().parents[3]
CODE = "ansible_collections/dumm/lab/plugins/module_utils/_lab"
SAYS = "import dumm_lab, dumm_lab._collection as c; c._PLACES = ('~/own',); c.find(); from {} import VERSION; print(VERSION)"
PROGRAM = SAYS.format("ansible_collections.dumm.lab.plugins.module_utils._lab.command.usage")
MISSING = "dumm_lab._errors.CollectionMissing: collection dumm.lab: "


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The package as it is installed: beside no checkout."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(REPOSITORY / "python/dumm_lab", tmp_path / "site/dumm_lab", ignore=ignored)).parent


def collection(place: Path, version: str = VERSION) -> Path:
    """Something that looks like the collection, in a directory of collections."""
    command = place / CODE / "command"
    command.mkdir(parents=True)
    (command / "usage.py").write_text(f'VERSION = "{version}"\n')
    return place


def says(package: Path, program: str = PROGRAM, **variables: str) -> str:
    """What a program prints, or the last line of its complaint, in an environment that has nothing of ours."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(package), "HOME": str(package.parent), "PATH": os.defpath, **variables},
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return (done.stdout or done.stderr).strip().splitlines()[-1]


def test_it_imports_without_the_collection(package: Path) -> None:
    assert says(package, "import dumm_lab; print(dumm_lab.Lab.__name__)") == "Lab"


def test_a_collection_that_is_missing_is_told_with_all_places_searched(package: Path, tmp_path: Path) -> None:
    told = says(package, ANSIBLE_COLLECTIONS_PATH=f"{tmp_path}/a:{tmp_path}/b")

    assert told == (
        f"{MISSING}it is not installed (searched: {tmp_path}/a, {tmp_path}/b, {tmp_path}/own); install it with"
        " 'ansible-galaxy collection install dumm.lab', or name its place in ANSIBLE_COLLECTIONS_PATH"
    )


def test_the_command_tells_so_in_a_line(package: Path) -> None:
    program = "import dumm_lab._collection as c; c._PLACES = (); from dumm_lab._program import main; print(main())"

    assert says(package, program) == "2"


@pytest.mark.parametrize(
    ("place", "variables"),
    [("own", {}), ("named", {"ANSIBLE_COLLECTIONS_PATH": "/nowhere:{}/named"}), ("site", {})],
    ids=["by default", "by the environment", "on the path"],
)
def test_an_installed_collection_is_found(package: Path, tmp_path: Path, place: str, variables: dict[str, str]) -> None:
    collection(tmp_path / place)

    assert says(package, **{name: value.format(tmp_path) for name, value in variables.items()}) == VERSION


def test_it_is_found_beside_a_package_that_hides_other_collections(package: Path, tmp_path: Path) -> None:
    for hiding in ("ansible_collections", "ansible_collections/dumm"):
        (package / hiding).mkdir()
        (package / hiding / "__init__.py").touch()
    collection(tmp_path / "own")

    assert says(package) == VERSION


def test_a_checkout_is_used_by_the_package_in_it(tmp_path: Path) -> None:
    package = Path(shutil.copytree(REPOSITORY / "python/dumm_lab", tmp_path / "checkout/python/dumm_lab")).parent
    (tmp_path / "checkout/galaxy.yml").touch()

    missing = says(package)
    collection(tmp_path / "checkout/.collections")

    assert missing.startswith(MISSING) and missing.endswith(f"; run 'make setup' in {tmp_path}/checkout")
    assert says(package) == VERSION


def test_another_version_of_the_collection_is_refused(package: Path, tmp_path: Path) -> None:
    collection(tmp_path / "own", "7.1.0")

    assert says(package) == (
        f"{MISSING}its version in {tmp_path}/own/{CODE} is 7.1.0, and that of the Python package dumm-lab is {VERSION};"
        " install the same version of both"
    )


def test_its_version_is_the_collections() -> None:
    galaxy = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())
    found = re.search(r'^__version__ = "(.*)"$', (REPOSITORY / "python/dumm_lab/__init__.py").read_text(), re.MULTILINE)

    assert found is not None and found[1] == galaxy["version"] == VERSION


def test_what_it_needs_is_pinned_where_it_is_tested() -> None:
    project = tomllib.loads((REPOSITORY / "python/pyproject.toml").read_text())["project"]
    needed = {re.split("[>=]", line)[0] for line in project["dependencies"]}
    pinned = {line.partition("==")[0] for line in (REPOSITORY / "requirements.txt").read_text().splitlines()}

    # PyYAML comes with ansible-core, which is pinned.
    assert needed - {"PyYAML"} <= pinned
