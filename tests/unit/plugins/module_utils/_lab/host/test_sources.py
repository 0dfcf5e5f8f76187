# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that run elsewhere are the same files by whichever loader the collection was imported."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import sources
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError
from ansible_collections.dumm.lab.plugins.plugin_utils import _lab_host

COLLECTIONS = Path(sources.__file__).absolute().parents[7]
OURS = "ansible_collections/dumm/lab/plugins"
PACKAGE = "ansible_collections.dumm.lab.plugins.module_utils._lab"

# Each makes what is below sys.argv[2] importable in its own way.
PYTHON = "sys.path.insert(0, sys.argv[2])"
ANSIBLE = "from ansible.plugins.loader import init_plugin_loader; init_plugin_loader([sys.argv[2]])"

# What goes to a guest and to the lab host, and the server of a union.
_PROGRAM = """
import hashlib, json, pathlib, sys
{loader}
from {package}.host import sources
from {package}.inside import home
from {package}.union import serving
agents = pathlib.Path(sys.argv[1])
places = [home.layer(agents), serving._program(agents)]
files = {{str(path.relative_to(agents)): hashlib.sha256(path.read_bytes()).hexdigest() for path in agents.rglob("*") if path.is_file()}}
print(json.dumps([type(sources.__loader__).__name__, files]))
"""


def made(agents: Path, place: Path, loader: str = PYTHON, package: str = PACKAGE) -> tuple[str, dict[str, str]]:
    """What is written by code that a loader of that kind has imported, and the loader's own name.

    :param place: what the loader is to look in.
    """
    agents.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(loader=loader, package=package), str(agents), str(place)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    name, files = json.loads(done.stdout)
    return name, files


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is written by code that Python's own loader has imported from the checkout."""
    name, written = made(tmp_path_factory.mktemp("reference") / "agents", COLLECTIONS)
    assert name == "SourceFileLoader"
    assert "serve.py" in {Path(path).name for path in written}
    return written


def test_programs_are_the_same_by_ansibles_loader_of_collections(reference: dict[str, str], tmp_path: Path) -> None:
    assert made(tmp_path / "agents", COLLECTIONS, ANSIBLE) == ("_AnsibleCollectionLoader", reference)


def test_programs_are_the_same_in_a_module_that_ansible_has_packed(reference: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "module.zip"
    packages = ["ansible_collections", *(f"ansible_collections/{name}" for name in ("dumm", "dumm/lab"))]
    packages += [OURS, f"{OURS}/module_utils", f"{OURS}/module_utils/_lab"]
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted((COLLECTIONS / OURS / "module_utils").rglob("*.py")):
            file.write(path, path.relative_to(COLLECTIONS))
        for package in packages:
            file.writestr(f"{package}/__init__.py", "")

    assert made(tmp_path / "agents", place) == ("zipimporter", reference)


def test_programs_are_the_same_under_another_name_on_a_lab_host(reference: dict[str, str], tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(_lab_host._program()[1])) as file:
        file.extractall(tmp_path / "sent")

    assert made(tmp_path / "agents", tmp_path / "sent", package="dumm_sent") == ("SourceFileLoader", reference)


def test_a_source_that_is_not_there_is_told_with_its_remedy() -> None:
    class Bare:
        """A loader of modules that have no file."""

    module = types.ModuleType("bare")
    module.__loader__ = Bare()  # type: ignore[assignment]

    with pytest.raises(HostError, match=r"^collection dumm\.lab: the source of bare cannot be read: .*; install the"):
        sources.read(module)
