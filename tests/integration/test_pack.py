# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab that was packed runs elsewhere, with its layers and saving points; an archive of somebody's making harms nobody."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, REPOSITORY, Lab, fresh_lab, tree

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import archive as packs
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput

DUMM = REPOSITORY / "scripts/dumm"
SCENARIO = """\
guests:
  # The one that is saved.
  alice: {mem: 64, files: {/etc/note: {content: "from the file\\n"}}}
  bob: {mem: 64, layers: [layers/tools]}
links:
  - {a: alice:eth0, b: bob:eth0, prefix: 10.7.0.0/30}
"""


def dumm(lab: Lab, *words: str, code: int = 0) -> str:
    """What a command prints; of one that fails, what it complains about."""
    done = subprocess.run(
        [DUMM, words[0], "-w", lab.path, *words[1:]], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stderr if code else done.stdout + done.stderr


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A lab with layers and a saving point, packed."""
    with fresh_lab() as lab:
        layer = lab.path / "layers/tools/usr/local"
        layer.mkdir(parents=True)
        (layer / "tool").write_text("#!/bin/sh\necho tool\n")
        os.chown(layer / "tool", 33, 44)
        (layer / "tool").chmod(0o4755)
        own = lab.path / "scenarios/pair/diff/bob/etc"
        own.mkdir(parents=True)
        (own / "own").write_text("of the layer\n")
        file = lab.path / "pair.yml"
        file.write_text(SCENARIO)
        dumm(lab, "up", str(file))
        lab.read(
            "alice",
            "echo hello >/root/saved && rm /etc/issue && rm -rf /etc/apt && mkdir /etc/apt && touch /etc/apt/new; sync",
        )
        lab.guest("alice", state="stopped", save="first")
        target = Path(str(tmp_path_factory.mktemp("pack")), "pair.tar.gz")
        assert "pair, 2 guests" in dumm(lab, "pack", str(file), "-o", str(target))
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        (target.parent / "saved.json").write_text(json.dumps(tree(lab.directory("alice").saves)))
        yield target


def test_a_lab_runs_elsewhere_as_it_was_packed(archive: Path, lab: Lab) -> None:
    assert "scenario pair" in dumm(lab, "unpack", "--list", str(archive))
    dumm(lab, "unpack", str(archive))

    assert {name: each["state"] for name, each in lab.info()["guests"].items()} == {
        "alice": "stopped",
        "bob": "stopped",
    }
    assert lab.workdir.scenario("pair").read_text() == SCENARIO
    # That a directory hides the master's is an attribute of it, as a guest sees below.
    assert tree(lab.directory("alice").saves) == json.loads((archive.parent / "saved.json").read_text())
    lab.guest("alice", state="present", restore="first")
    dumm(lab, "start", "--all")
    assert lab.read("alice", "cat /root/saved /etc/note; ls /etc/apt; test ! -e /etc/issue && echo gone").split() == [
        *("hello", "from", "the", "file", "new", "gone")
    ]
    assert lab.read("bob", "tool=/usr/local/tool; $tool; stat -c %u:%g:%a $tool; cat /etc/own").splitlines() == [
        *("tool", "33:44:4755", "of the layer")
    ]
    assert dumm(lab, "plan", "--name", "pair", "--no-diff") == "nothing to do\n"
    assert "there is one already" in dumm(lab, "unpack", str(archive), code=1)


def test_what_came_from_variables_is_packed_as_it_was_applied(lab: Lab, tmp_path: Path) -> None:
    lab.scenario("vars", {"guests": {"dave": {"mem": 64, "files": {"/etc/note": "hello"}}}}, state="stopped")
    lab.guest("dave", state="stopped", mem=80)
    said = dumm(lab, "pack", "-o", str(tmp_path / "lab.tar.gz"))
    assert "left out" not in said
    with tarfile.open(tmp_path / "lab.tar.gz") as archive:
        manifest = json.load(next(file for name in archive.getnames() if (file := archive.extractfile(name))))
    assert "/etc/note: hello" in manifest["scenarios"]["vars"] and "mem: 80" in manifest["scenarios"]["vars"]


def test_what_is_missing_is_named_with_how_to_get_it(archive: Path, lab: Lab) -> None:
    for kind in ("kernels", "masters"):
        (lab.path / kind / "default").unlink()
    before = tree(lab.path)

    told = dumm(lab, "unpack", str(archive), code=1)

    assert "kernel default: build it with role dumm.lab.kernel" in told
    assert "master default: build it with role dumm.lab.master" in told
    assert tree(lab.path) == before


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"x"
) -> tuple[tarfile.TarInfo, bytes]:
    """A member of an archive of somebody's making."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data) if kind == tarfile.REGTYPE else 0
    return info, data


def made(target: Path, *members: tuple[tarfile.TarInfo, bytes], **manifest: Any) -> Path:
    """An archive of somebody's making."""
    told = {
        "format": 1,
        "scenarios": {"evil": "guests: {x: }\n"},
        "kernels": {},
        "masters": {},
        "saves": {},
        **manifest,
    }
    data = json.dumps(told).encode()
    with gzip.open(target, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for info, content in (member("dumm-pack.json", data=data), member("layers", tarfile.DIRTYPE), *members):
            archive.addfile(info, io.BytesIO(content))
    return target


@pytest.mark.parametrize(
    "members",
    [
        [member("/etc/evil")],
        [member("layers/../../evil")],
        [member("layers/a/../b")],
        [member("../evil")],
        [member("etc/evil")],
        [member("guests/x/process.json")],
        [member("layers/a", tarfile.SYMTYPE, "/tmp"), member("layers/a/evil")],
        [member("layers/a", tarfile.SYMTYPE, ".."), member("layers/a/evil")],
        [member("layers/a", tarfile.SYMTYPE, "/tmp"), member("layers/a", tarfile.DIRTYPE)],
        [member("layers/a", tarfile.LNKTYPE, "/etc/passwd")],
        [member("layers/a", tarfile.LNKTYPE, "layers/../../../etc/passwd")],
        [member("layers/l", tarfile.SYMTYPE, "/etc"), member("layers/a", tarfile.LNKTYPE, "layers/l/passwd")],
        [member("layers/a", tarfile.BLKTYPE)],
        [member("layers/a"), member("layers/a")],
        [member("layers/a\n/b")],
    ],
    ids=lambda members: " ".join(info.name for info, _data in members),
)
def test_a_member_that_would_leave_its_place_is_refused(
    members: list[tuple[tarfile.TarInfo, bytes]], tmp_path: Path
) -> None:
    if members[0][0].type == tarfile.BLKTYPE:
        members[0][0].devmajor, members[0][0].devminor = 8, 0
    place = tmp_path / "place"
    place.mkdir()

    with (
        pytest.raises(InvalidInput, match="archive member "),
        packs.opened(made(tmp_path / "evil.tar.gz", *members)) as reader,
    ):
        reader.extract(place)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.tar.gz", "place"]
    assert not any(path.name in ("evil", "passwd") for path in place.rglob("*"))


def test_an_archive_that_is_refused_in_its_middle_leaves_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    lab.path.mkdir()
    target = made(tmp_path / "evil.tar.gz", member("layers/a"), member("layers/b\x1b", tarfile.BLKTYPE))

    told = dumm(lab, "unpack", str(target), code=1)

    assert told.startswith(r"dumm: archive member layers/b\x1b: ")
    assert not any(path.is_file() for path in lab.path.rglob("*"))


@pytest.mark.parametrize(
    "manifest",
    [{"format": 9}, {"scenarios": {"../x": ""}}, {"saves": {"../x": []}}, {"scenarios": []}, {"kernels": {"a": 1}}],
)
def test_a_manifest_that_is_none_is_refused(manifest: dict[str, Any], tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    lab.path.mkdir()

    assert dumm(lab, "unpack", str(made(tmp_path / "evil.tar.gz", **manifest)), code=1).count("\n") == 1
    assert list(lab.path.iterdir()) == []


def test_what_is_no_archive_or_is_cut_off_is_told(archive: Path, tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    lab.path.mkdir()
    other = tmp_path / "other"
    other.write_text("hello")
    assert "it is no archive of dumm pack" in dumm(lab, "unpack", str(other), code=1)
    assert "cannot be read" in dumm(lab, "unpack", str(tmp_path / "none"), code=1)
    whole = made(tmp_path / "whole", *(member(f"layers/{number}", data=os.urandom(5000)) for number in range(9)))
    for number, size in enumerate(range(1000, whole.stat().st_size - 1, 4999)):
        other.write_bytes(whole.read_bytes()[:size])
        (tmp_path / f"place{number}").mkdir()
        with pytest.raises(InvalidInput, match="it is damaged"), packs.opened(other) as reader:
            reader.extract(tmp_path / f"place{number}")
    assert not any(path.is_file() for path in lab.path.rglob("*"))
