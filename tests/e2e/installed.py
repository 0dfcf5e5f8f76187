# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user has: an environment with Ansible, the collection installed from its tarball, and no path into this checkout.

Environments are kept in the cache by a key of all that decides how they turn out.  The collection is built and installed anew for each
test run, from a copy of the files that git knows.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import REPOSITORY

INTEGRATION = REPOSITORY / "tests/integration"
CACHE = Path("/var/cache/dumm/e2e")
# The oldest release of Ansible that meta/runtime.yml supports.
OLDEST = "ansible-core==2.17.0"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CONFIG = """[defaults]
localhost_warning = False
nocows = True
[inventory]
inventory_unparsed_warning = False
"""


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}"
    return done.stdout


def pinned(*instead: str) -> tuple[str, ...]:
    """The requirements of requirements.txt, where ``instead`` takes the place of the same package."""
    named = {line.partition("==")[0] for line in instead}
    lines = [line.split("#")[0].strip() for line in (REPOSITORY / "requirements.txt").read_text().splitlines()]
    return (*instead, *(line for line in lines if line and line.partition("==")[0] not in named))


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock for the time being, so that two test runs make one environment."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment(requirements: tuple[str, ...]) -> Path:
    """The directory of a virtual environment with these packages, made at first use."""
    python = os.path.realpath("/usr/bin/python3")
    key = hashlib.sha256(repr((requirements, python, run(python, "-VV"))).encode()).hexdigest()[:16]
    place = CACHE / f"venv-{key}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with held(CACHE / f"venv-{key}.lock"):
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            run(python, "-m", "venv", place)
            run(place / "bin/python", "-m", "pip", "--disable-pip-version-check", "-qq", "install", *requirements)
            (place / "complete").touch()
    return place


@dataclass(frozen=True)
class Installed:
    """An environment in which the collection is installed.

    :ivar bin: where Ansible's programs are.
    :ivar place: a directory of its own: ``home``, ``collections`` and Ansible's configuration are in it.
    """

    bin: Path
    place: Path

    def variables(self) -> dict[str, str]:
        """The variables that its programs run with, nothing of this user's own among them."""
        return {
            "ANSIBLE_COLLECTIONS_PATH": str(self.place / "collections"),
            "ANSIBLE_CONFIG": str(self.place / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.place / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "HOME": str(self.place / "home"),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{self.bin}:{_PATH}",
        }

    @property
    def collection(self) -> Path:
        """Where the collection is."""
        return self.place / "collections/ansible_collections/dumm/lab"


def build(place: Path, bin_: Path) -> Path:
    """Build the collection from a copy of the files that git knows: its tarball."""
    listed = run("git", "ls-files", "-z", cwd=REPOSITORY).split("\0")
    for name in filter(None, listed):
        source, target = REPOSITORY / name, place / "copy" / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    run(bin_ / "ansible-galaxy", "collection", "build", "--output-path", place, cwd=place / "copy")
    shutil.rmtree(place / "copy")
    (tarball,) = place.glob("dumm-lab-*.tar.gz")
    return tarball


def companion(place: Path) -> Path:
    """An environment of its own, with the companion package from its wheel and what that requires: where its programs are."""
    run(
        environment(pinned()) / "bin/python",
        "-m",
        "pip",
        "-qq",
        "wheel",
        "--no-deps",
        "-w",
        place,
        REPOSITORY / "python",
    )
    (wheel,) = place.glob("dumm_lab-*.whl")
    run("/usr/bin/python3", "-m", "venv", place / "env")
    run(place / "env/bin/python", "-m", "pip", "--disable-pip-version-check", "-qq", "install", f"{wheel}[map,test]")
    return place / "env/bin"


def install(place: Path, bin_: Path, tarball: Path, inside: tuple[str, ...] = ()) -> Installed:
    """Install the collection from its tarball.

    :param place: an empty directory.
    :param inside: a command that runs another where the environment is.
    """
    made = Installed(bin_, place)
    (place / "home").mkdir()
    (place / "ansible.cfg").write_text(_CONFIG)
    run(
        *inside,
        bin_ / "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "-p",
        place / "collections",
        tarball,
        cwd=place,
        env=made.variables(),
    )
    return made
