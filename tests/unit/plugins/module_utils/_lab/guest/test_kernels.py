# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kernel can is read in its binary, and what it is told on its boot line."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import kernels
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import files
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Kernel
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Guest, Iface, Userspace
from ansible_collections.dumm.lab.tests.unit.helpers.binaries import BANNER, binary

KERNEL = Kernel(
    Path("/srv/kernels/tuned/linux"), "6.18.5", True, True, True, True, True, (), (), None, xattrs=True, cables=True
)
OLD_KERNEL = dataclasses.replace(KERNEL, release="6.1.176", seccomp=False, noreboot=False, owners=False, cables=False)
ETH0 = (Iface("alice", "eth0", mtu=9000), "02:00:00:00:00:01")


# The boot line.


def test_a_boot_line_says_what_a_guest_is() -> None:
    line = kernels.boot_line(Guest("alice", mem=64, init="/bin/busybox", cmdline="debug a=b"), KERNEL, [ETH0])

    assert {"mem=64M", "umid=alice", "init=/.dumm/init", "dumm_init=/bin/busybox", "dumm_name=alice"} <= set(line)
    assert {"debug", "a=b"} <= set(line)
    assert line[0] == "linux"


@pytest.mark.parametrize(("init", "word"), [(None, "auto"), ("minimal", "minimal"), ("/sbin/init", "/sbin/init")])
def test_a_boot_line_says_which_init_comes_after_ours(init: str | None, word: str) -> None:
    assert f"dumm_init={word}" in kernels.boot_line(Guest("alice", init=init), KERNEL, [])


def test_a_boot_line_names_no_path_of_the_host() -> None:
    guest = Guest("alice", kernel="/srv/kernels/tuned/linux", master="/srv/root", layers=("/srv/layer",))

    assert "/srv" not in " ".join(kernels.boot_line(guest, KERNEL, [ETH0]))


def test_a_guest_is_born_without_devices_and_may_say_otherwise() -> None:
    """Of two words about the same the kernel and modprobe take the last."""
    line = kernels.boot_line(Guest("alice", cmdline="dummy.numdummies=2"), KERNEL, [])

    assert {"bonding.max_bonds=0", "ifb.numifbs=0"} <= set(line)
    assert [word for word in line if word.startswith("dummy.")] == ["dummy.numdummies=0", "dummy.numdummies=2"]


@pytest.mark.parametrize(("cmdline", "without"), [("", True), ("debug", True), ("ubd0=/run/image", False)])
def test_a_guest_without_disks_has_no_driver_for_them(cmdline: str, without: bool) -> None:
    line = kernels.boot_line(Guest("alice", cmdline=cmdline), KERNEL, [])

    assert ("initcall_blacklist=ubd_driver_init" in line) is without


@pytest.mark.parametrize(("kernel", "has"), [(KERNEL, True), (OLD_KERNEL, False)])
def test_a_kernel_is_asked_only_for_what_it_can(kernel: Kernel, has: bool) -> None:
    line = kernels.boot_line(Guest("alice"), kernel, [])

    assert ("seccomp=on" in line) is has
    assert ("noreboot" in line) is has


@pytest.mark.parametrize(
    ("userspace", "kernel", "seccomp"),
    [
        (Userspace.AUTO, KERNEL, True),
        (Userspace.SECCOMP, KERNEL, True),
        (Userspace.PTRACE, KERNEL, False),
        (Userspace.PTRACE, OLD_KERNEL, False),
    ],
)
def test_processes_are_run_as_asked_for(userspace: Userspace, kernel: Kernel, seccomp: bool) -> None:
    line = kernels.boot_line(Guest("alice", userspace=userspace), kernel, [])

    assert ("seccomp=on" in line) is seccomp


def test_a_kernel_that_cannot_run_processes_as_asked_for_is_refused() -> None:
    with pytest.raises(
        InvalidInput, match=r"guest alice: kernel 6\.1\.176 .* cannot .* seccomp; let userspace be auto"
    ):
        kernels.boot_line(Guest("alice", userspace=Userspace.SECCOMP), OLD_KERNEL, [])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("owners", "belongs to root"),
        ("awake", "falls asleep"),
        ("tells_time", "CPU time"),
        ("xattrs", "no ACLs"),
        ("cables", "has carrier"),
    ],
)
def test_what_a_kernel_cannot_do_is_said(what: str, words: str) -> None:
    (said,) = kernels.limits(dataclasses.replace(KERNEL, **{what: False}))

    assert kernels.limits(KERNEL) == ()
    assert words in said


def test_each_interface_is_a_unit_of_the_vector_driver_in_order() -> None:
    units = [ETH0, (Iface("alice", "lan"), "02:00:00:00:00:02")]

    line = kernels.boot_line(Guest("alice"), KERNEL, units)

    assert [word for word in line if word.startswith("vec")] == [
        "vec0:transport=tap,ifname=alice-eth0,mac=02:00:00:00:00:01,mtu=9000,gro=1",
        "vec1:transport=tap,ifname=alice-lan,mac=02:00:00:00:00:02,mtu=1500,gro=1",
    ]


def test_a_kernel_that_knows_cables_is_told_what_decides_whether_a_unit_has_carrier() -> None:
    def unit(kernel: Kernel, carrier: str) -> str:
        return kernels.boot_line(Guest("alice"), kernel, [ETH0], [carrier])[-1]

    assert unit(KERNEL, "cable=br0").endswith(",gro=1,cable=br0")
    assert unit(KERNEL, "carrier=on").endswith(",gro=1")
    assert unit(OLD_KERNEL, "cable=br0").endswith(",gro=1")


def test_a_unit_uses_the_short_name_of_a_long_one() -> None:
    name = kernels.transport(Iface("a-rather-long-name", "eth0"), "02:00:00:00:00:01").split(",")[1]

    assert len(name.removeprefix("ifname=")) == 15


def test_a_boot_line_that_the_kernel_would_cut_is_refused() -> None:
    base = sum(len(word) + 1 for word in kernels.boot_line(Guest("alice", cmdline="x"), KERNEL, []))
    room = kernels.MAX_BOOT_LINE - base

    fits = kernels.boot_line(Guest("alice", cmdline="x" * (1 + room)), KERNEL, [])
    assert sum(len(word) + 1 for word in fits) == kernels.MAX_BOOT_LINE
    with pytest.raises(InvalidInput, match=r"guest alice: .* longer than 4095 bytes; shorten cmdline"):
        kernels.boot_line(Guest("alice", cmdline="x" * (2 + room)), KERNEL, [])


# Kernels.


@pytest.fixture(autouse=True)
def any_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the CPU of this host is does not matter."""
    monkeypatch.setattr(kernels, "_too_large_registers", lambda: False)


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
    kernel = kernels.inspect(binary(tmp_path / "linux", *parts), "guest alice")

    assert (kernel.release, kernel.seccomp, kernel.noreboot) == ("6.18.5", seccomp, noreboot)


@pytest.mark.parametrize(
    ("parts", "savings"),
    [
        ((BANNER,), ()),
        ((BANNER, b"\0006raid6: using\0"), ("initcall_blacklist=raid6_select_algo,raid6_init",)),
        ((BANNER, b"\0pty.legacy_count\0"), ("pty.legacy_count=0",)),
    ],
)
def test_a_kernel_is_told_to_leave_out_what_it_has(tmp_path: Path, parts: tuple[bytes], savings: tuple[str]) -> None:
    kernel = kernels.inspect(binary(tmp_path / "linux", *parts), "guest alice")

    assert kernel.savings == savings
    assert set(savings) <= set(kernels.boot_line(Guest("alice"), kernel, []))


@pytest.mark.parametrize("has", [True, False])
def test_a_kernel_that_gives_files_to_their_makers_says_so(tmp_path: Path, has: bool) -> None:
    patched = b"    New files belong to the guest user who makes them.\n" if has else b""

    assert kernels.inspect(binary(tmp_path / "linux", BANNER, patched), "guest alice").owners is has


@pytest.mark.parametrize("has", [True, False])
def test_a_kernel_that_keeps_attributes_says_so(tmp_path: Path, has: bool) -> None:
    patched = b"    Extended attributes and ACLs are kept with the files.\n" if has else b""

    assert kernels.inspect(binary(tmp_path / "linux", BANNER, patched), "guest alice").xattrs is has


def test_a_kernel_brings_the_libraries_that_it_is_linked_against(tmp_path: Path) -> None:
    libraries = kernels.inspect(binary(tmp_path / "linux", BANNER, linked=True), "guest alice").libraries

    assert all(Path(host).exists() and place.startswith("/") for host, place in libraries)
    assert any("/ld-linux" in place for _host, place in libraries)
    assert any("/libc.so" in place for _host, place in libraries)


def test_libraries_beside_a_kernel_go_before_the_hosts(tmp_path: Path) -> None:
    path = binary(tmp_path / "k" / "linux", BANNER, linked=True)
    loader = next(place for _host, place in kernels.inspect(path, "x").libraries if "/ld-linux" in place)
    own = tmp_path / "l" / "lib"
    own.mkdir(parents=True)
    for name in (Path(loader).name, "libc.so.6"):
        (own / name).touch()

    found = kernels.inspect(binary(tmp_path / "l" / "linux", BANNER, linked=True), "x").libraries

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

    assert kernels.inspect(path, "guest alice").libraries == ()


@pytest.mark.parametrize("modules", [True, False])
def test_modules_beside_a_kernel_are_found(tmp_path: Path, modules: bool) -> None:
    path = binary(tmp_path / "linux", BANNER)
    if modules:
        (tmp_path / "modules").mkdir()

    assert kernels.inspect(path, "guest alice").modules == (tmp_path / "modules" if modules else None)


def test_a_kernel_that_was_replaced_is_looked_at_again(tmp_path: Path) -> None:
    path = binary(tmp_path / "linux", BANNER)
    assert kernels.inspect(path, "x").release == "6.18.5"

    files.write(path, binary(tmp_path / "new", BANNER.replace(b"6.18.5", b"7.2.7")).read_bytes())

    assert kernels.inspect(path, "x").release == "7.2.7"


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", BANNER, b"\x7fELF", b"\x7fELF Linux version 6.1 "])
def test_what_is_no_uml_kernel_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "linux").write_bytes(content)

    with pytest.raises(InvalidInput, match=r"guest alice: .*linux is no UML kernel; give kernel a binary built with"):
        kernels.inspect(tmp_path / "linux", "guest alice")


def test_a_program_of_the_host_is_no_uml_kernel_and_is_not_run() -> None:
    with pytest.raises(InvalidInput, match="is no UML kernel"):
        kernels.inspect(Path("/bin/true"), "guest alice")


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_kernel_that_is_not_there_is_refused_with_the_way_to_get_one(tmp_path: Path, kind: str) -> None:
    if kind == "directory":
        (tmp_path / "linux").mkdir()

    with pytest.raises(InvalidInput, match=r"guest alice: no kernel at .*; make it with role dumm\.lab\.kernel"):
        kernels.inspect(tmp_path / "linux", "guest alice")


@pytest.mark.parametrize(
    ("release", "works"), [("6.1.176", False), ("6.12.3", False), ("6.13.0", True), ("7.2.7", True)]
)
def test_a_kernel_that_cannot_save_this_cpus_registers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str, works: bool
) -> None:
    monkeypatch.setattr(kernels, "_too_large_registers", lambda: True)
    path = binary(tmp_path / "linux", BANNER.replace(b"6.18.5", release.encode()))

    if works:
        assert kernels.inspect(path, "x").release == release
    else:
        with pytest.raises(InvalidInput, match=rf"kernel {release} .*AMX"):
            kernels.inspect(path, "x")


@pytest.mark.parametrize(
    ("path", "lacks"),
    [
        ("net/ipv4/ip_forward", False),
        ("net/ipv4/conf/eth0/rp_filter", False),
        ("net/netfilter/nf_conntrack_max", False),
        ("net/ipv4/ip_forwards", True),
        ("net/ipv4/p_forwar", True),
        # The end of a string that both have, which costs no more than to be refused later.
        ("net/ipv4/forward", False),
        ("fs/binfmt_misc/python", False),
    ],
)
def test_a_setting_that_neither_a_kernel_nor_its_modules_know_is_found_out(
    tmp_path: Path, path: str, lacks: bool
) -> None:
    image = binary(tmp_path / "linux", BANNER, b"\0ip_forward\0rp_filter\0")
    kernel = kernels.inspect(image, "guest a")
    module = tmp_path / "modules" / "usr" / "lib" / "modules" / kernel.release / "nf_conntrack.ko"
    module.parent.mkdir(parents=True)
    module.write_bytes(b"\0nf_conntrack_max\0")

    kernel = dataclasses.replace(kernel, modules=tmp_path / "modules")
    assert kernels.lacks_setting(kernel, f"/proc/sys/{path}") is lacks
    module.rename(module.with_suffix(".ko.xz"))
    assert not kernels.lacks_setting(kernel, f"/proc/sys/{path}")


def test_what_a_run_has_found_the_next_one_knows_unless_the_image_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_NOTES", tmp_path / "notes")
    image = tmp_path / "linux"
    image.write_bytes(
        b"\x7fELF" + bytes(128) + b"Linux version 7.0.1 (x) User Mode Linux v \0pty.legacy_count\0 noreboot\n"
    )
    monkeypatch.setattr(kernels, "_libraries", lambda _path: ())
    first = kernels.inspect(image, "test")
    note = next((tmp_path / "notes").iterdir())
    read: list[bytes] = []
    monkeypatch.setattr(kernels, "_traits", lambda data: read.append(data) or None)

    kernels._inspect.cache_clear()
    assert kernels.inspect(image, "test") == first and not read

    for damage in (b"{}", b"no JSON", note.read_bytes().replace(b'"release": "7.0.1"', b'"release": 7')):
        note.write_bytes(damage)
        kernels._inspect.cache_clear()
        with pytest.raises(InvalidInput):
            kernels.inspect(image, "test")
    assert len(read) == 3
