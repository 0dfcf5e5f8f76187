# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command ``dumm`` and the Python API as users have them: from the built collection, and from the built wheel beside it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from installed import Installed, companion
from lab import PATIENCE, REPOSITORY, Lab, fresh_lab

PROGRAM = """
import json, sys
from dumm_lab import CommandFailed, Lab

lab = Lab(sys.argv[1])
made = lab.apply({"guests": {"bob": {"mem": 64}}}, name="more")
bob = lab.guest("bob")
bob.copy(b"content", "/root/file")
try:
    bob.run("cat /root/file; exit 3")
except CommandFailed as failed:
    told = [failed.result.text, failed.result.code]
gone = lab.remove("more", wait_timeout=5)
print(json.dumps([made.actions, told, gone.changed, sorted(lab.guests), "ansible" in sys.modules]))
"""

# What pytest is to say of each.
TESTS = """
guests: {alice: {mem: 64}, bob: {mem: 64}}
tests:
  good: {tags: smoke, steps: [{on: alice, run: uname -n, match: alice}]}
  bad: {steps: [{on: alice, run: uname -n, match: bob, within: 1s}]}
  later: {skip: not now, steps: [{on: alice, run: uname -n, match: alice}]}
"""


@dataclass(frozen=True)
class Command:
    """A way to have the command.

    :ivar path: of the program.
    :ivar variables: all that it has of an environment.
    """

    path: Path
    variables: dict[str, str]


@pytest.fixture(scope="module")
def lab(nothing_is_left_on_the_host: None) -> Iterator[Lab]:
    """A lab with one running guest."""
    with fresh_lab() as fresh:
        fresh.guest("alice", mem=64)
        yield fresh


@pytest.fixture(scope="module")
def environment(place: Path) -> Path:
    """Where the programs of an environment with the wheel are."""
    (place / "companion").mkdir()
    return companion(place / "companion")


@pytest.fixture(params=["collection", "wheel"])
def command(request: pytest.FixtureRequest, user: Installed, environment: Path) -> Command:
    """The script of the installed collection, which runs under the distribution's Python, and the program of the wheel."""
    if request.param == "collection":
        return Command(user.collection / "scripts/dumm", {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    return Command(environment / "dumm", {"ANSIBLE_COLLECTIONS_PATH": str(user.place / "collections")})


def test_a_command_runs_in_a_guest(lab: Lab, command: Command) -> None:
    done = subprocess.run(
        [command.path, "exec", "-i", "alice", "cat; echo error >&2; exit 42"],
        env={**command.variables, "DUMM_WORKDIR": str(lab.path)},
        input=bytes(range(256)),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stdout, done.stderr) == (42, bytes(range(256)), b"error\n")


def test_it_tells_its_version_and_commands(command: Command) -> None:
    version, told = (
        subprocess.run(
            [command.path, option], env=command.variables, capture_output=True, text=True, check=True, timeout=PATIENCE
        ).stdout
        for option in ("--version", "--help")
    )

    assert version.startswith("dumm.lab ")
    assert "\n  exec " in told and "\n  attach " in told


def test_the_map_of_the_wheel_shows_the_lab(lab: Lab, user: Installed, environment: Path) -> None:
    process = subprocess.Popen(
        [environment / "dumm", "map", "--workdir", lab.path, "--port", "0"],
        env={"ANSIBLE_COLLECTIONS_PATH": str(user.place / "collections"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        try:
            # Python's own client keeps no cookies unless it is told to.
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            page = browser.open(address, timeout=PATIENCE).read().decode()
            base = address.partition("/?")[0]
            named = re.findall('(?:src|href)="(/static/[^"]+)"', page)
            loaded = {name: browser.open(base + name, timeout=PATIENCE).read() for name in named}
            picture = browser.open(f"{base}/picture.mmd", timeout=PATIENCE).read().decode()
        finally:
            process.terminate()

    assert process.returncode == 0
    assert "/static/vendor/cytoscape.min.js" in loaded and all(loaded.values())
    assert "alice" in picture


def test_the_map_of_the_collection_alone_tells_what_to_install(lab: Lab, user: Installed) -> None:
    done = subprocess.run(
        [user.collection / "scripts/dumm", "map", "--workdir", lab.path],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dumm: map: the Python package dumm_lab is not installed; install 'dumm-lab[map]'")


def test_a_program_uses_the_api_of_the_wheel(lab: Lab, user: Installed, environment: Path) -> None:
    done = subprocess.run(
        [environment / "python", "-c", PROGRAM, lab.path],
        env={"ANSIBLE_COLLECTIONS_PATH": str(user.place / "collections"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stderr
    made, told, gone, guests, with_ansible = json.loads(done.stdout)
    assert (made, told) == (["make guest bob", "start guest bob"], ["content", 3])
    assert (gone, guests, with_ansible) == (True, ["alice"], False)


def _pytest(user: Installed, environment: Path, lab: Path, where: Path, *words: str) -> tuple[int, str]:
    """Exit code and output of pytest."""
    done = subprocess.run(
        [environment / "pytest", "-p", "no:cacheprovider", "-v", "--dumm-workdir", lab, "--rootdir", where, *words],
        cwd=where,
        env={"ANSIBLE_COLLECTIONS_PATH": str(user.place / "collections"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_example_for_pytest_passes(user: Installed, environment: Path, tmp_path: Path) -> None:
    """Tests in Python and in YAML, on one lab; the inventory beside them is no file of tests."""
    where = Path(shutil.copytree(REPOSITORY / "examples/python", tmp_path / "example"))
    shutil.copy(REPOSITORY / "lab.dumm.yml", where)

    with fresh_lab() as lab:
        code, told = _pytest(user, environment, lab.path, where)

    assert code == 0, told
    assert "pair.dumm.yml::reach PASSED" in told and "4 passed" in told


def test_pytest_tells_what_came_of_tests_in_yaml(user: Installed, environment: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yml").write_text(TESTS)
    (tmp_path / "wrong.dumm.yml").write_text("tests: {wrong: {steps: [{pig: alice -> bob}]}}\n")

    with fresh_lab() as lab:
        code, told = _pytest(user, environment, lab.path, tmp_path, "own.yml")
        _code, chosen = _pytest(user, environment, lab.path, tmp_path, "own.yml", "-k", "smoke")
        refused, wrong = _pytest(user, environment, lab.path, tmp_path)

    assert code == 1, told
    for line in ("own.yml::good PASSED", "own.yml::bad FAILED", "own.yml::later SKIPPED (not now)"):
        assert line in told
    assert f"{tmp_path}/own.yml:5:" in told and "expected: 'bob' in the output, within 1 s" in told
    assert "Traceback" not in told
    assert "1 passed, 2 deselected" in chosen
    assert refused == 2 and "did you mean ping?" in wrong and "Traceback" not in wrong
