# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Molecule, testinfra, galaxy-importer and ansible-builder get on with the built collection, and a release is made."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from installed import Installed, environment, install, pinned, run
from lab import PATIENCE, REPOSITORY, Lab, fresh_lab, until

pytestmark = pytest.mark.ecosystem

_LONG = 1800
_GUESTS = """
import pytest

def test_what_a_guest_has(host):
    assert host.user("root").uid == 0
    assert host.package("python3").is_installed
    assert host.check_output("uname -n") == host.backend.get_hostname()
    assert [*host.interface("eth0").addresses][0].startswith("10.0.0.")
    assert host.check_output("echo %s", "two  words; $HOME") == "two  words; $HOME"

def test_what_went_wrong(host):
    done = host.run("printf told; printf 'hör zu' >&2; exit 3")
    assert (done.rc, done.stdout, done.stderr) == (3, "told", "hör zu")
"""
_PAIR = {
    "defaults": {"mem": 64},
    "bridges": {"lan": {"prefix": "10.0.0.0/24"}},
    "guests": {name: {"interfaces": {"eth0": {"bridge": "lan"}}} for name in ("alice", "bob")},
}


def _version(package: str) -> str:
    lines = (REPOSITORY / "requirements-ecosystem.txt").read_text().splitlines()
    (found,) = (line for line in lines if line.startswith(f"{package}=="))
    return found


def _copy(source: Path, target: Path) -> Path:
    return Path(shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory, tarball: Path) -> Installed:
    """Somebody who writes roles: the collection, Molecule, testinfra and the companion package."""
    place = tmp_path_factory.mktemp("author")
    tools = environment((*pinned(), _version("molecule"), _version("pytest-testinfra"), "pytest"))
    made = install(place, tools / "bin", tarball)
    # Beside the others, which stay as they are in the cache.
    source = _copy(REPOSITORY / "python", place / "source")
    shutil.rmtree(source / "dumm_lab/map")
    run(tools / "bin/python", "-m", "pip", "-qq", "install", "--no-deps", "--target", place / "companion", source)
    return made


def _variables(author: Installed, lab: Lab) -> dict[str, str]:
    """What they have in their environment."""
    companion = author.place / "companion"
    return {
        **author.variables(),
        "DUMM_WORKDIR": str(lab.path),
        "NO_COLOR": "1",
        "PATH": f"{companion}/bin:{author.variables()['PATH']}",
        "PYTHONPATH": str(companion),
    }


def _done(command: list[str | Path], where: Path, variables: dict[str, str], seconds: float = _LONG) -> tuple[int, str]:
    done = subprocess.run(
        command, cwd=where, env=variables, capture_output=True, text=True, check=False, timeout=seconds
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def role(author: Installed, tmp_path: Path) -> Path:
    """The example, where its author has it."""
    return _copy(author.collection / "examples/role", tmp_path / "role")


def test_molecule_tests_the_role_of_the_example(author: Installed, role: Path) -> None:
    with fresh_lab() as lab:
        code, told = _done([author.bin / "molecule", "test"], role, _variables(author, lab))

        assert code == 0, told
        assert "passed  role/routed" in told and "Molecule executed 1 scenario (1 successful)" in told
        assert not lab.info()["guests"]


def test_molecule_finds_a_role_that_does_nothing(author: Installed, role: Path) -> None:
    (role / "roles/router/tasks/main.yml").write_text("---\n")

    with fresh_lab() as lab:
        code, told = _done([author.bin / "molecule", "test"], role, _variables(author, lab))

    assert code != 0
    assert "failed  role/routed" in told or "suspect role/routed" in told, told


@pytest.fixture
def created(author: Installed, role: Path) -> Iterator[Lab]:
    """The lab of the example."""
    with fresh_lab() as lab:
        code, told = _done([author.bin / "molecule", "create"], role, _variables(author, lab))
        assert code == 0, told
        yield lab


def test_molecule_logs_in(author: Installed, role: Path, created: Lab) -> None:
    own, its = pty.openpty()
    login = subprocess.Popen(
        [author.bin / "molecule", "login", "--host", "east"],
        cwd=role,
        env={**_variables(author, created), "TERM": "dumb"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    try:
        os.close(its)
        os.set_blocking(own, False)
        os.write(own, b"hostname >/root/who; exit\n")
        until(lambda: _drain(own) or created.read("east", "cat /root/who || true"), "what was typed")

        assert created.read("east", "cat /root/who").strip() == "east"
    finally:
        os.close(own)
        login.kill()
        login.wait(PATIENCE)


def _drain(terminal: int) -> bool:
    """Read what it shows, so that nobody waits for its reader; never what is looked for."""
    try:
        while os.read(terminal, 65536):
            pass
        return False
    except OSError:
        # There is nothing to read, or nobody writes any more.
        return False


def _testinfra(author: Installed, lab: Lab, where: Path, *words: str) -> tuple[int, str]:
    (where / "test_guests.py").write_text(_GUESTS)
    command: list[str | Path] = [author.bin / "pytest", "-v", "-p", "no:cacheprovider", "--rootdir", where, *words]
    return _done(command, where, _variables(author, lab))


def test_testinfra_looks_into_guests(author: Installed, tmp_path: Path) -> None:
    with fresh_lab() as lab:
        lab.scenario("pair", _PAIR)
        lab.run("alice", "useradd bert")

        code, told = _testinfra(author, lab, tmp_path, "--hosts=dumm://all")
        (tmp_path / "test_user.py").write_text(
            "def test_user(host):\n    assert host.check_output('id -un') == 'bert'\n"
        )
        as_user, who = _testinfra(author, lab, tmp_path, "--hosts=dumm://bert@a*", "test_user.py")
        other = {"DUMM_WORKDIR": "/nowhere"}
        command: list[str | Path] = [
            author.bin / "pytest",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            tmp_path,
            "test_guests.py",
        ]
        named, by_option = _done(
            [*command, "--hosts=dumm://bob", "--dumm-workdir", str(lab.path)],
            tmp_path,
            _variables(author, lab) | other,
        )
        unknown, refused = _testinfra(author, lab, tmp_path, "--hosts=dumm://carol")

    assert code == 0, told
    assert "test_what_a_guest_has[dumm://alice]" in told and "[dumm://bob]" in told and "4 passed" in told
    assert as_user == 0, who
    assert named == 0, by_option
    assert unknown != 0
    assert "host dumm://carol: no guest has such a name. Name one of those that there are (alice, bob)." in refused


def test_galaxy_importer_accepts_the_collection(tmp_path: Path, tarball: Path) -> None:
    """It wants the address of a repository, which there is none yet: one is made up."""
    tools = environment((*pinned(), _version("galaxy-importer"))) / "bin"
    (tmp_path / "source").mkdir()
    run("tar", "-xf", tarball, "-C", tmp_path / "source")
    metadata = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())
    (tmp_path / "source/galaxy.yml").write_text(yaml.safe_dump(metadata | {"repository": "https://example.org/dumm"}))
    for made in ("FILES.json", "MANIFEST.json"):
        (tmp_path / "source" / made).unlink()
    run(tools / "ansible-galaxy", "collection", "build", "--output-path", tmp_path, cwd=tmp_path / "source")

    code, told = _done(
        [tools / "python", "-m", "galaxy_importer.main", next(tmp_path.glob("*.tar.gz"))],
        tmp_path,
        {"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
    )

    assert code == 0 and "Importer processing completed successfully" in told, told
    assert not [line for line in told.splitlines() if line.startswith(("ERROR", "WARNING"))]


def test_ansible_builder_finds_what_the_collection_needs(user: Installed) -> None:
    tools = environment((*pinned(), _version("ansible-builder"))) / "bin"

    told = run(tools / "ansible-builder", "introspect", user.place / "collections", env=user.variables())

    found = yaml.safe_load(told.partition("---")[2])
    assert [each.partition("  #")[0] for each in found["python"]] == ["jmespath>=1.0", "pyroute2>=0.7.2"]
    assert found["system"] and all("openssh-client" in each for each in found["system"])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What is committed, and what is not yet, of this checkout, as a repository of its own."""
    place = tmp_path / "checkout"
    for name in run("git", "ls-files", "-z", cwd=REPOSITORY).split("\0"):
        if name and (REPOSITORY / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, place / name, follow_symlinks=False)
    (place / ".collections/ansible_collections/dumm").mkdir(parents=True)
    (place / ".collections/ansible_collections/dumm/lab").symlink_to("../../..")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        run("git", *words, cwd=place, env=_AUTHOR)
    return place


_AUTHOR = {
    **{f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "LC_ALL": "C.UTF-8",
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}


def test_a_release_is_made_of_the_fragments(checkout: Path) -> None:
    command: list[str | Path] = ["ansible-playbook", "scripts/release.yml", "-e", "release_artifacts=false"]
    variables = {**_AUTHOR, "HOME": str(checkout), "ANSIBLE_CONFIG": str(checkout / "ansible.cfg")}

    no_version, told = _done([*command, "-e", "release_version=next"], checkout, variables)
    too_old, older = _done([*command, "-e", "release_version=0.0.9"], checkout, variables)
    unchanged = run("git", "status", "--porcelain", cwd=checkout)
    code, made = _done([*command, "-e", "release_version=77.1.0"], checkout, variables)

    assert no_version != 0 and "release next: this is no version. Give one" in told, told
    assert too_old != 0 and "is there already. Give a later version." in older
    assert unchanged == ""
    assert code == 0, made
    assert run("git", "status", "--porcelain", cwd=checkout) == ""
    assert run("git", "describe", cwd=checkout).strip() == "77.1.0"
    assert "v77\\.1\\.0" in (checkout / "CHANGELOG.md").read_text()
    assert not [*(checkout / "changelogs/fragments").glob("*.yml")]
    version = "import sys; sys.path.insert(0, 'python'); import dumm_lab; print(dumm_lab.__version__)"
    assert run(sys.executable, "-c", version, cwd=checkout).strip() == "77.1.0"
    assert "version: 77.1.0\n" in (checkout / "galaxy.yml").read_text()
    assert 'VERSION = "77.1.0"\n' in (checkout / "plugins/module_utils/_lab/command/usage.py").read_text()
