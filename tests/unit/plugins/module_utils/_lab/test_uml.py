# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's kernel and process, without one: abilities, boot line, identity, and what became of it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab import files, prepare, uml, union
from ansible_collections.dumm.lab.plugins.module_utils._lab.errors import GuestError, HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import Guest, Iface, Power, UnionEngine
from ansible_collections.dumm.lab.plugins.module_utils._lab.uml import Kernel, Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import overlay
from ansible_collections.dumm.lab.plugins.module_utils._lab.workdir import GuestDir, Workdir

KERNEL = Kernel(Path("/srv/kernels/tuned/linux"), "6.18.5", True, True, (), None)
OLD_KERNEL = dataclasses.replace(KERNEL, release="6.1.176", seccomp=False, noreboot=False)
ETH0 = (Iface("alice", "eth0", mtu=9000), "02:00:00:00:00:01")


# The boot line.


def test_a_boot_line_says_what_a_guest_is() -> None:
    line = uml.boot_line(Guest("alice", mem=64, init="/bin/busybox", cmdline="debug a=b"), KERNEL, [ETH0])

    assert {"mem=64M", "umid=alice", "init=/.dumm/init", "dumm_init=/bin/busybox", "dumm_name=alice"} <= set(line)
    assert {"debug", "a=b"} <= set(line)
    assert line[0] == "linux"


@pytest.mark.parametrize(("init", "word"), [(None, "auto"), ("minimal", "minimal"), ("/sbin/init", "/sbin/init")])
def test_a_boot_line_says_which_init_comes_after_ours(init: str | None, word: str) -> None:
    assert f"dumm_init={word}" in uml.boot_line(Guest("alice", init=init), KERNEL, [])


def test_a_boot_line_names_no_path_of_the_host() -> None:
    guest = Guest("alice", kernel="/srv/kernels/tuned/linux", master="/srv/root", layers=("/srv/layer",))

    assert "/srv" not in " ".join(uml.boot_line(guest, KERNEL, [ETH0]))


@pytest.mark.parametrize(("kernel", "has"), [(KERNEL, True), (OLD_KERNEL, False)])
def test_a_kernel_is_asked_only_for_what_it_can(kernel: Kernel, has: bool) -> None:
    line = uml.boot_line(Guest("alice"), kernel, [])

    assert ("seccomp=on" in line) is has
    assert ("noreboot" in line) is has


def test_each_interface_is_a_unit_of_the_vector_driver_in_order() -> None:
    units = [ETH0, (Iface("alice", "lan"), "02:00:00:00:00:02")]

    line = uml.boot_line(Guest("alice"), KERNEL, units)

    assert [word for word in line if word.startswith("vec")] == [
        "vec0:transport=tap,ifname=alice-eth0,mac=02:00:00:00:00:01,mtu=9000,gro=1",
        "vec1:transport=tap,ifname=alice-lan,mac=02:00:00:00:00:02,mtu=1500,gro=1",
    ]


def test_a_unit_uses_the_short_name_of_a_long_one() -> None:
    name = uml.transport(Iface("a-rather-long-name", "eth0"), "02:00:00:00:00:01").split(",")[1]

    assert len(name.removeprefix("ifname=")) == 15


def test_a_boot_line_that_the_kernel_would_cut_is_refused() -> None:
    base = sum(len(word) + 1 for word in uml.boot_line(Guest("alice", cmdline="x"), KERNEL, []))
    room = uml.MAX_BOOT_LINE - base

    fits = uml.boot_line(Guest("alice", cmdline="x" * (1 + room)), KERNEL, [])
    assert sum(len(word) + 1 for word in fits) == uml.MAX_BOOT_LINE
    with pytest.raises(InvalidInput, match=r"guest alice: .* longer than 4095 bytes; shorten cmdline"):
        uml.boot_line(Guest("alice", cmdline="x" * (2 + room)), KERNEL, [])


# Kernels.

BANNER = b"\0User Mode Linux v%d\0Linux version 6.18.5 (root@build) #1\0"


def binary(path: Path, *parts: bytes, linked: bool = False) -> Path:
    """A file that looks like a kernel: a program of this host with a few strings more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        Path("/bin/true" if linked else shutil.which("true") or "/bin/true").read_bytes() + b"".join(parts)
    )
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def any_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the CPU of this host is does not matter."""
    monkeypatch.setattr(uml, "_too_large_registers", lambda: False)


@pytest.mark.parametrize(
    ("parts", "seccomp", "noreboot"),
    [
        ((BANNER,), False, False),
        ((BANNER, b"\nseccomp=<on/off/auto>\n"), True, False),
        ((BANNER, b"\0noreboot\n"), False, True),
        ((BANNER, b"\0xseccomp=\0"), False, False),
    ],
)
def test_what_a_kernel_can_is_read_in_it(tmp_path: Path, parts: tuple[bytes], seccomp: bool, noreboot: bool) -> None:
    kernel = uml.inspect(binary(tmp_path / "linux", *parts), "guest alice")

    assert (kernel.release, kernel.seccomp, kernel.noreboot) == ("6.18.5", seccomp, noreboot)


def test_a_kernel_brings_the_libraries_that_it_is_linked_against(tmp_path: Path) -> None:
    libraries = uml.inspect(binary(tmp_path / "linux", BANNER, linked=True), "guest alice").libraries

    assert all(Path(host).exists() and place.startswith("/") for host, place in libraries)
    assert any("/ld-linux" in place for _host, place in libraries)
    assert any("/libc.so" in place for _host, place in libraries)


def test_libraries_beside_a_kernel_go_before_the_hosts(tmp_path: Path) -> None:
    path = binary(tmp_path / "k" / "linux", BANNER, linked=True)
    loader = next(place for _host, place in uml.inspect(path, "x").libraries if "/ld-linux" in place)
    own = tmp_path / "l" / "lib"
    own.mkdir(parents=True)
    for name in (Path(loader).name, "libc.so.6"):
        (own / name).touch()

    found = uml.inspect(binary(tmp_path / "l" / "linux", BANNER, linked=True), "x").libraries

    assert set(found) == {(str(own / Path(loader).name), loader), (str(own / "libc.so.6"), "/lib/libc.so.6")}


def test_a_static_kernel_needs_no_libraries(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    source = tmp_path / "a.c"
    source.write_text("int main(void) { return 0; }")
    built = compiler and subprocess.run(
        [compiler, "-static", "-o", tmp_path / "a", source], check=False, capture_output=True
    )
    if not built or built.returncode != 0:
        pytest.skip("no compiler that links statically")
    path = tmp_path / "linux"
    path.write_bytes((tmp_path / "a").read_bytes() + BANNER)

    assert uml.inspect(path, "guest alice").libraries == ()


@pytest.mark.parametrize("modules", [True, False])
def test_modules_beside_a_kernel_are_found(tmp_path: Path, modules: bool) -> None:
    path = binary(tmp_path / "linux", BANNER)
    if modules:
        (tmp_path / "modules").mkdir()

    assert uml.inspect(path, "guest alice").modules == (tmp_path / "modules" if modules else None)


def test_a_kernel_that_was_replaced_is_looked_at_again(tmp_path: Path) -> None:
    path = binary(tmp_path / "linux", BANNER)
    assert uml.inspect(path, "x").release == "6.18.5"

    files.write(path, binary(tmp_path / "new", BANNER.replace(b"6.18.5", b"7.2.7")).read_bytes())

    assert uml.inspect(path, "x").release == "7.2.7"


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", BANNER, b"\x7fELF", b"\x7fELF Linux version 6.1 "])
def test_what_is_no_uml_kernel_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "linux").write_bytes(content)

    with pytest.raises(InvalidInput, match=r"guest alice: .*linux is no UML kernel; give kernel a binary built with"):
        uml.inspect(tmp_path / "linux", "guest alice")


def test_a_program_of_the_host_is_no_uml_kernel_and_is_not_run() -> None:
    with pytest.raises(InvalidInput, match="is no UML kernel"):
        uml.inspect(Path("/bin/true"), "guest alice")


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_kernel_that_is_not_there_is_refused_with_the_way_to_get_one(tmp_path: Path, kind: str) -> None:
    if kind == "directory":
        (tmp_path / "linux").mkdir()

    with pytest.raises(InvalidInput, match=r"guest alice: no kernel at .*; make it with role dumm\.lab\.kernel"):
        uml.inspect(tmp_path / "linux", "guest alice")


@pytest.mark.parametrize(
    ("release", "works"), [("6.1.176", False), ("6.12.3", False), ("6.13.0", True), ("7.2.7", True)]
)
def test_a_kernel_that_cannot_save_this_cpus_registers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str, works: bool
) -> None:
    monkeypatch.setattr(uml, "_too_large_registers", lambda: True)
    path = binary(tmp_path / "linux", BANNER.replace(b"6.18.5", release.encode()))

    if works:
        assert uml.inspect(path, "x").release == release
    else:
        with pytest.raises(InvalidInput, match=rf"kernel {release} .*AMX"):
            uml.inspect(path, "x")


# Processes.


def process(pid: int, **changes: object) -> Process:
    """Identity of a process of this host."""
    fields = (pid, uml.start_time(pid) or 0, uml.boot_id(), "x", "/linux", "6.18", "/master", 64, None, "")
    return dataclasses.replace(Process(*fields, "overlay", "it works"), **changes)  # type: ignore[arg-type]


@pytest.fixture
def directory(tmp_path: Path) -> GuestDir:
    """A guest's directory."""
    workdir = Workdir(tmp_path)
    workdir.create()
    workdir.store_guest(Guest("alice"))
    return workdir.guest("alice")


def test_a_process_is_alive_until_it_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        identity = process(child.pid)
        assert identity.alive
        child.kill()

    assert not identity.alive


def test_the_remains_of_a_process_are_not_alive() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert uml.start_time(child.pid) is None
    child.wait()


def test_another_process_of_the_same_number_is_not_the_guest() -> None:
    assert not process(os.getpid(), started=(uml.start_time(os.getpid()) or 0) - 1).alive


def test_a_process_of_an_earlier_boot_of_the_host_is_not_alive() -> None:
    assert not process(os.getpid(), boot="another").alive


def test_a_process_is_known_again_by_what_is_stored(directory: GuestDir) -> None:
    identity = process(os.getpid(), upper="guests/alice/diff", over=("/a", "/b"))
    files.write_json(directory.process, identity.__dict__)

    assert uml.read_process(directory) == identity


@pytest.mark.parametrize("content", [None, b"", b"{", b"{}", b"[]", b"7", b'{"pid": 1, "over": []}', b'{"over": 7}'])
def test_a_damaged_identity_is_none(directory: GuestDir, content: bytes | None) -> None:
    if content is not None:
        directory.process.write_bytes(content)

    assert uml.read_process(directory) is None


POWERED_OFF = "[    9.1] reboot: Power down\n"


@pytest.mark.parametrize(
    ("alive", "hello", "log", "power"),
    [
        (True, False, "", Power.STARTING),
        (True, True, "", Power.RUNNING),
        (False, True, POWERED_OFF, Power.STOPPED),
        (False, True, "", Power.DIED),
        (False, False, "", Power.DIED),
    ],
)
def test_what_a_guest_is_doing_is_read_from_its_process(
    directory: GuestDir, alive: bool, hello: bool, log: str, power: Power
) -> None:
    directory.boot_log.write_text(log)
    if hello:
        (directory.spool / "hello").touch()

    assert uml.power(directory, process(os.getpid(), **({} if alive else {"started": 1}))) is power


def test_a_guest_that_was_never_started_is_stopped(directory: GuestDir) -> None:
    assert uml.power(directory, None) is Power.STOPPED


def test_a_guest_that_went_with_the_host_is_stopped(directory: GuestDir) -> None:
    gone = process(os.getpid(), boot="another")

    assert uml.power(directory, gone) is Power.STOPPED
    assert uml.reason(directory, gone) == "the host was rebooted"


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (POWERED_OFF, "it powered itself off"),
        ("[    9.1] reboot: System halted\n", "it powered itself off"),
        ("[    9.1] reboot: Restarting system\n", "it rebooted itself"),
        ("Kernel panic - not syncing: sysrq triggered crash\n", "kernel panic: not syncing: sysrq triggered crash"),
        (
            "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\nCPU: 0 PID: 1\nCall Trace:\n",
            "kernel panic: not syncing: Attempted to kill init! exitcode=0x00000100",
        ),
        ("Linux version\nlast line\n\n", "its process 7 was killed; last words: last line"),
        (None, "its process 7 was killed"),
    ],
)
def test_why_a_guest_is_gone_is_read_in_its_log(directory: GuestDir, log: str | None, why: str) -> None:
    if log is not None:
        directory.boot_log.write_text(log)

    assert uml.reason(directory, process(7, started=1)) == why


def test_a_guest_that_ended_is_an_error_with_its_last_words(directory: GuestDir) -> None:
    directory.boot_log.write_text("one\ntwo\n")

    uml.check_alive("alice", process(os.getpid()), directory)
    with pytest.raises(GuestError, match=r"guest alice: it ended: .*; see .*/boot\.log; last lines: one \| two"):
        uml.check_alive("alice", process(os.getpid(), started=1), directory)


def test_what_a_process_left_is_taken_away_and_nothing_else(directory: GuestDir) -> None:
    os.mkfifo(directory.line_in)
    directory.union.symlink_to("/proc/7/root/fs")
    (directory.run / "alice").mkdir()
    (directory.spool / "request").mkdir()
    (directory.diff / "etc").mkdir()
    directory.boot_log.write_text("log")
    files.write_json(directory.process, {})

    uml.gone(directory)

    left = {path.name for path in directory.path.iterdir()}
    kept = {
        "alice",
        "boot.log",
        "diff",
        "guest.json",
        "linux",
        "master",
        "mem",
        "outbox",
        "run",
        "scratch",
        "spool",
        "view",
        "work",
    }
    assert left == kept
    assert list(directory.run.iterdir()) == list(directory.spool.iterdir()) == []
    assert (directory.diff / "etc").is_dir()
    assert stat.S_IMODE(directory.spool.stat().st_mode) == 0o700


def test_a_process_that_is_not_ours_has_no_owner() -> None:
    assert uml.owned_by(os.getpid()) is None
    assert list(uml.processes("no-such-lab")) == []


# What a definition means on this host.


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
    (root / "sbin" / "init").touch()

    assert prepare.prepare(workdir, Guest("alice", init="/sbin/init", layers=(str(layer),)))


@pytest.mark.parametrize("wanted", UnionEngine)
def test_an_engine_that_cannot_work_is_an_error_with_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: UnionEngine
) -> None:
    monkeypatch.setattr(overlay, "fault", lambda _directory: overlay.Fault("it lies on overlay", "put it on tmpfs"))

    with pytest.raises(HostError, match="guest alice: union overlay cannot work here: it lies on overlay; put it on"):
        union.choose(wanted, "guest alice", tmp_path)


@pytest.mark.parametrize("kind", ["overlay", "fuse", "nfs4"])
def test_a_file_system_that_overlayfs_does_not_write_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(overlay, "filesystem", lambda _directory: kind)
    monkeypatch.setattr(overlay, "_supported", lambda: True)

    found = overlay.fault(tmp_path / "not" / "there" / "yet")

    assert found is not None
    assert f"lies on {kind}" in found.cause


def test_each_start_has_an_empty_work_directory(tmp_path: Path) -> None:
    (tmp_path / "earlier" / "work").mkdir(parents=True)

    overlay.tidy(tmp_path)
    overlay.prepare(tmp_path, "now")

    assert os.listdir(tmp_path) == ["now"]
    assert os.listdir(tmp_path / "now") == []
