# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a definition means on this host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import kernels
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import mounts
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, UnionEngine
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import prepare
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import cowfs, engines, overlay, serving, works
from ansible_collections.dumm.lab.plugins.module_utils._lab.union.engine import Unusable
from ansible_collections.dumm.lab.tests.unit.helpers.binaries import BANNER, binary


@pytest.fixture(autouse=True)
def any_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the CPU of this host is does not matter."""
    monkeypatch.setattr(kernels, "_too_large_registers", lambda: False)


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workdir:
    """A working directory with a kernel and a master, on a host whose overlayfs works."""
    made = Workdir(tmp_path)
    made.create()
    binary(made.kernel("default"), BANNER)
    shell = made.master("default") / "bin" / "sh"
    shell.parent.mkdir(parents=True)
    shell.touch()
    monkeypatch.setattr(overlay, "fault", lambda _directory: None)
    return made


def test_a_definition_that_holds_is_resolved(workdir: Workdir) -> None:
    (workdir.masters / "link").symlink_to("default")

    found = prepare.prepare(workdir, Guest("alice", master="link"))

    assert found.kernel.path == workdir.kernel("default")
    assert found.master == str(workdir.master("default"))
    assert (found.engine, bool(found.why)) == (UnionEngine.OVERLAY, True)


@pytest.mark.parametrize(
    ("guest", "complaint"),
    [
        (Guest("alice", kernel="none"), r"guest alice: no kernel at .*/kernels/none/linux"),
        (Guest("alice", master="defualt"), r"guest alice: no master .*/masters/defualt; .*did you mean default\?"),
        (Guest("alice", master="/none"), r"guest alice: no master root file system at /none"),
        (Guest("alice", layers=("/none",)), r"guest alice: layer /none is no directory"),
        (Guest("alice", init="/sbin/init"), r"guest alice: there is no /sbin/init in master"),
    ],
)
def test_a_definition_that_does_not_hold_names_what_is_missing(workdir: Workdir, guest: Guest, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        prepare.prepare(workdir, guest)


@pytest.mark.parametrize(
    "layers",
    [
        ("layer", "layer/../layer"),
        ("layer", "layer/below"),
        ("layer/below", "layer"),
        ("masters/default/usr",),
        ("masters",),
        (".",),
        ("guests/alice/diff",),
        ("agents",),
    ],
)
def test_layers_that_lie_in_each_other_are_refused_where_overlayfs_would(
    workdir: Workdir, layers: tuple[str, ...]
) -> None:
    workdir.store_guest(Guest("alice"))
    for below in ("layer/below", "masters/default/usr"):
        (workdir.path / below).mkdir(parents=True)
    paths = tuple(f"{workdir.path}/{layer}" for layer in layers)

    with pytest.raises(InvalidInput, match=r"guest alice: layer .* are one directory, or lie one in the other"):
        prepare.prepare(workdir, Guest("alice", layers=paths))
    assert prepare.prepare(workdir, Guest("alice", layers=paths, union=UnionEngine.COWFS))


def test_layers_beside_each_other_are_taken_though_their_names_begin_alike(workdir: Workdir) -> None:
    paths = [workdir.path / name for name in ("layer", "layer-2", "guests-old")]
    for path in paths:
        path.mkdir()

    assert prepare.prepare(workdir, Guest("alice", layers=tuple(map(str, paths))))


@pytest.mark.parametrize("init", ["/sbin", "/etc/passwd"])
def test_an_init_that_is_no_program_is_refused(workdir: Workdir, init: str) -> None:
    for name in ("sbin", "etc"):
        (workdir.master("default") / name).mkdir()
    (workdir.master("default") / "etc" / "passwd").touch()

    with pytest.raises(InvalidInput, match=f"guest alice: init: {init} in its root is no program"):
        prepare.prepare(workdir, Guest("alice", init=init))


def test_a_guest_whose_kernel_would_take_the_host_s_memory_for_its_notes_is_refused(workdir: Workdir) -> None:
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20

    with pytest.raises(
        InvalidInput, match=rf"guest alice: mem: .*, and the host has {host}; give it {host * 32} or less"
    ):
        prepare.prepare(workdir, Guest("alice", mem=host * 33))
    assert prepare.prepare(workdir, Guest("alice", mem=host * 2))


def test_a_master_without_a_shell_is_refused(workdir: Workdir) -> None:
    (workdir.master("default") / "bin" / "sh").unlink()

    with pytest.raises(InvalidInput, match=r"guest alice: master .* has no /bin/sh; use a root file system with"):
        prepare.prepare(workdir, Guest("alice"))


@pytest.mark.parametrize("where", ["layer", "diff"])
def test_what_a_master_lacks_may_be_in_a_layer_or_in_what_the_guest_wrote(workdir: Workdir, where: str) -> None:
    layer = workdir.path / "layer"
    layer.mkdir()
    workdir.store_guest(Guest("alice"))
    root = layer if where == "layer" else workdir.guest("alice").diff
    (root / "sbin").mkdir()
    (root / "sbin" / "init").touch(0o755)

    assert prepare.prepare(workdir, Guest("alice", init="/sbin/init", layers=(str(layer),)))


_FAULT = Unusable("it lies on overlay", "put it on tmpfs")


@pytest.mark.parametrize(
    ("wanted", "broken", "named"),
    [
        (UnionEngine.OVERLAY, ("overlay",), "overlay"),
        (UnionEngine.COWFS, ("cowfs",), "cowfs"),
        (UnionEngine.AUTO, ("overlay", "cowfs"), "overlay"),
    ],
)
def test_an_engine_that_cannot_work_is_an_error_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: UnionEngine, broken: tuple[str, ...], named: str
) -> None:
    for engine in (overlay, cowfs):
        found = _FAULT if engine.__name__.rpartition(".")[2] in broken else None
        monkeypatch.setattr(engine, "fault", lambda _directory, found=found: found)

    with pytest.raises(HostError, match=f"guest alice: union {named} cannot work here: it lies on overlay; put it on"):
        engines.choose(wanted, "guest alice", tmp_path)


def test_auto_takes_the_other_engine_where_the_kernels_cannot_work_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "fault", lambda _directory: _FAULT)
    monkeypatch.setattr(cowfs, "fault", lambda _directory: None)

    choice = engines.choose(UnionEngine.AUTO, "guest alice", tmp_path)

    assert (choice.engine, choice.why) == (UnionEngine.COWFS, "overlay cannot work here: it lies on overlay")


def test_a_host_without_pyfuse3_or_its_device_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "DEVICE", Path(os.devnull))
    monkeypatch.setattr(serving, "interpreter", lambda: None)
    with pytest.raises(HostError, match=r"union cowfs cannot work here: no pyfuse3 .*; install python3-pyfuse3"):
        engines.choose(UnionEngine.COWFS, "guest alice", tmp_path)

    monkeypatch.setattr(serving, "DEVICE", tmp_path / "none")
    with pytest.raises(HostError, match=r"none cannot be opened .*; load the module \(modprobe fuse\)"):
        engines.choose(UnionEngine.COWFS, "guest alice", tmp_path)


@pytest.mark.parametrize("kind", ["overlay", "fuse", "nfs4"])
def test_a_file_system_that_overlayfs_does_not_write_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(mounts, "filesystem", lambda _directory: kind)
    monkeypatch.setattr(overlay, "_supported", lambda: True)

    found = overlay.fault(tmp_path / "not" / "there" / "yet")

    assert found is not None
    assert f"lies on {kind}" in found.cause


def test_each_start_has_an_empty_work_directory(tmp_path: Path) -> None:
    (tmp_path / "earlier" / "work").mkdir(parents=True)

    works.tidy(tmp_path)
    works.make(tmp_path, "now")

    assert os.listdir(tmp_path) == ["now"]
    assert os.listdir(tmp_path / "now") == []


@pytest.mark.parametrize(
    ("init", "links", "own"),
    [
        (None, {}, False),
        ("minimal", {"usr/sbin/init": "/bin/true"}, False),
        ("/opt/init", {}, True),
        (None, {"sbin": "usr/sbin", "usr/sbin/init": "/lib/systemd/systemd", "lib": "usr/lib"}, True),
        # Its target is in the master below.
        (None, {"lib": "usr/lib", "sbin": "usr/sbin", "usr/sbin/init": "../../nowhere"}, False),
    ],
)
def test_a_guest_has_an_init_of_its_own(tmp_path: Path, init: str | None, links: dict[str, str], own: bool) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/lib/systemd").mkdir(parents=True)
    if own:
        (tmp_path / "usr/lib/systemd/systemd").touch()
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)

    assert prepare.has_init(init, [tmp_path / "none", tmp_path]) is own
