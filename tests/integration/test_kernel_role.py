# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role kernel builds from source: a source in miniature, so that a build takes a second.

What comes out of the real one is tried out in test_kernel_conformance.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab
from programs import Ansible, changes, read_rest, read_up_to, states

# As the kernel's own: allnoconfig gives what it can of what is asked for, a directory is a target, linux is the program.
MAKEFILE = r"""
.PHONY: allnoconfig kernel/ arch/um/ mrproper linux modules modules_install
allnoconfig:
    mkdir -p $(O)/include/config
    grep '^CONFIG_' $(KCONFIG_ALLCONFIG) | grep -v -e FLYING -e SWIMMING >$(O)/.config
    echo 1.2.3-toy >$(O)/include/config/kernel.release
kernel/:
    while [ -e HOLD ]; do sleep 0.2; done
    id -u >$(O)/builder
    [ -e $(O)/kernel.o ] || gcc -c -o $(O)/kernel.o kernel/kernel.c
arch/um/:
    true
mrproper:
    true
linux:
    [ -e $(O)/linux ] || gcc -o $(O)/linux $(O)/kernel.o
    cd $(O); touch System.map modules.builtin modules.builtin.modinfo
modules:
    gcc -g -c -o $(O)/hop.ko kernel/hop.c
modules_install: PLACE = $(INSTALL_MOD_PATH)/lib/modules/1.2.3-toy
modules_install:
    mkdir -p $(PLACE)/kernel; cp $(O)/hop.ko $(PLACE)/kernel
    cd $(PLACE); ln -s $(O) build; [ ! -e $(O)/../source/LINK ] || ln -s /etc/passwd kernel/link.ko
    cd $(PLACE); touch modules.builtin modules.builtin.modinfo; echo kernel/hop.ko >modules.order
""".replace("    ", "\t")
KCONFIG = """
config WALKING
    bool "Walking"
config FLYING
    bool "Flying"
    depends on WINGS
    depends on FEATHERS || FUEL
"""
PROGRAM = 'int main(void) { const char *says = "one"; return !says; }\n'
MODULE = """
__attribute__((section(".modinfo"), used)) static const char alias[] = "alias=rtnl-link-hop";
"""
PATCH = """--- a/kernel/kernel.c
+++ b/kernel/kernel.c
@@ -1 +1 @@
-int main(void) { const char *says = "one"; return !says; }
+int main(void) { const char *says = "two"; return !says; }
"""


class Source:
    """A source tree, and the role that builds it."""

    def __init__(self, lab: Lab, home: Path) -> None:
        home.chmod(0o755)
        self.lab, self.home, self.tree, self.cache = lab, home, home / "tree", home / "cache"
        # While it is there, compiling does not end.
        self.hold = home / "hold"
        self.ansible = Ansible(lab, home)
        for name, content in {
            "Makefile": MAKEFILE.replace("HOLD", str(self.hold)),
            "Kconfig": KCONFIG,
            "arch/um/Makefile": "",
            "kernel/kernel.c": PROGRAM,
            "kernel/hop.c": MODULE,
        }.items():
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tree / name).write_text(content)
        self.fragment = self.write("walk.config", "# Of our own\nCONFIG_WALKING=y\n")
        self.options: dict[str, Any] = {
            "kernel_source": "build",
            "kernel_build_tree": str(self.tree),
            "kernel_build_user": "nobody",
            "kernel_cache_dir": str(self.cache),
            "kernel_base_fragments": [self.fragment],
            "kernel_base_patches": [],
        }

    def write(self, name: str, content: str) -> str:
        """Write a file that is not of the source."""
        (self.home / name).write_text(content)
        return str(self.home / name)

    def plays(self, **options: Any) -> list[dict[str, Any]]:
        """A playbook with the role."""
        role = {"role": "dumm.lab.kernel", **self.options, **options}
        return [{"hosts": "localhost", "connection": "local", "gather_facts": False, "roles": [role]}]

    def start(self, **options: Any) -> subprocess.Popen[str]:
        """The role while it runs."""
        return self.ansible.start("ansible-playbook", self.ansible.write(self.plays(**options)))

    def build(self, *, code: int = 0, **options: Any) -> str:
        """What Ansible says while it runs the role."""
        return self.ansible.play(self.plays(**options), code=code)

    def refusals(self, wishes: list[dict[str, Any]]) -> list[str]:
        """Why the role fails for each of some options; it must."""
        place = self.home / "refusals"
        told = {
            "content": "{{ (ansible_failed_result.results | default([ansible_failed_result]) | selectattr('failed') | first).msg }}",
            "mode": "0644",
        }
        tasks = [
            {
                "block": [
                    {"ansible.builtin.include_role": {"name": "dumm.lab.kernel"}, "vars": {**self.options, **options}},
                    {"ansible.builtin.meta": "end_play"},
                ],
                "rescue": [{"ansible.builtin.copy": {**told, "dest": f"{place}{number}"}}],
            }
            for number, options in enumerate(wishes)
        ]
        self.ansible.play([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}])
        return [" ".join(Path(f"{place}{number}").read_text().split()) for number in range(len(wishes))]

    def kernel(self, name: str = "1.2.3-toy") -> Path:
        """A kernel's directory."""
        return self.lab.path / "kernels" / name


@pytest.fixture
def source(lab: Lab, tmp_path: Path) -> Iterator[Source]:
    """A source, and an empty lab that has no kernel yet."""
    for kernel in (lab.path / "kernels").iterdir():
        kernel.unlink()
    yield Source(lab, tmp_path)


def test_a_kernel_is_built_once_and_then_taken_from_the_cache(source: Source) -> None:
    said = source.build()

    kernel = source.kernel()
    assert "Compile kernel, after " in said
    parts = {"linux", "config", "System.map", "info.json", "lib", "modules", "agent", "agent.key"}
    assert parts == set(os.listdir(kernel))
    assert "CONFIG_WALKING=y" in (kernel / "config").read_text()
    assert json.loads((kernel / "info.json").read_text())["release"] == "1.2.3-toy"
    assert {path.name for path in (kernel / "lib").iterdir()} >= {"libc.so.6", "libgcc_s.so.1"}
    assert os.readlink(source.kernel("default")) == "1.2.3-toy"
    assert [path.name for path in source.cache.iterdir() if "build" in path.name] == []

    assert "changed=0 " in source.build()
    again = source.build(kernel_name="other", kernel_default=True)
    assert "Compile kernel, after " not in again
    assert (source.kernel("other") / "linux").read_bytes() == (kernel / "linux").read_bytes()
    assert os.readlink(source.kernel("default")) == "other"
    assert "changed=1 " in source.build(kernel_name="1.2.3-toy", kernel_default=True)
    assert os.readlink(source.kernel("default")) == "1.2.3-toy"


@pytest.mark.long
def test_modules_lie_beside_the_kernel_and_modprobe_finds_them(source: Source) -> None:
    """As files alone: what a source makes of the place where they are collected is not taken for one."""
    modular = source.write("modular.config", "CONFIG_MODULES=y\n")
    (source.tree / "LINK").touch()
    (said,) = source.refusals([{"kernel_fragments": modular}])
    assert "there is something among the modules that is no file" in said and not source.kernel().exists()
    (source.tree / "LINK").unlink()

    source.build(kernel_fragments=modular)

    modules = source.kernel() / "modules/usr/lib/modules/1.2.3-toy"
    assert (modules / "kernel/hop.ko").is_file() and not (modules / "build").exists()
    command = [
        "modprobe",
        "--dirname",
        modules.parents[2],
        "--set-version",
        "1.2.3-toy",
        "--show-depends",
        "rtnl-link-hop",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.endswith("/kernel/hop.ko \n")


@pytest.mark.long
def test_what_is_built_runs_without_privileges_and_changes_with_what_it_is_made_from(source: Source) -> None:
    source.build(kernel_build_keep=True)
    assert b"one\0" in (source.kernel() / "linux").read_bytes()
    (objects,) = source.cache.glob("kernel-build-*/objects")
    assert int((objects / "builder").read_text()) == 65534

    source.build(kernel_patches=source.write("two.patch", PATCH))
    assert b"two\0" in (source.kernel() / "linux").read_bytes()
    assert json.loads((source.kernel() / "info.json").read_text())["patches"] == ["two.patch"]

    (source.tree / "kernel/kernel.c").write_text(PROGRAM.replace("one", "three"))
    source.build(kernel_fragments=[source.write("more.config", "CONFIG_WALKING=y\nCONFIG_JUMPING=7\n")])
    assert b"three\0" in (source.kernel() / "linux").read_bytes()
    assert "CONFIG_JUMPING=7" in (source.kernel() / "config").read_text()


@pytest.mark.long
def test_a_tarball_is_built_if_it_is_what_its_checksum_says(source: Source) -> None:
    tarball = source.home / "toy.tar.xz"
    subprocess.run(["tar", "-C", source.home, "-cJf", tarball, "tree"], check=True)
    right = f"sha256:{hashlib.sha256(tarball.read_bytes()).hexdigest()}"
    given = {"kernel_build_tree": "", "kernel_build_url": f"file://{tarball}"}

    (said,) = source.refusals([{**given, "kernel_build_checksum": f"sha256:{'0' * 64}"}])
    assert "checksum" in said and not source.kernel().exists()

    source.build(**given, kernel_build_checksum=right)
    assert json.loads((source.kernel() / "info.json").read_text())["inputs"]["checksum"] == right


@pytest.mark.long
def test_a_build_that_was_killed_goes_on_and_counts_no_finished_step_as_changed(source: Source) -> None:
    source.hold.touch()
    process = source.start()
    begun = read_up_to(process, "Compile kernel, after ")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert not (source.kernel() / "linux").exists()

    source.hold.unlink()
    said = source.build()

    assert (source.kernel() / "linux").exists()
    steps = [
        "Make the scratch directory",
        "Bring the fragments of the configuration",
        "Unpack and patch the source",
        "Configure the kernel",
    ]
    before, after = states(begun), states(said)
    assert {before[step] for step in steps} == {"changed"}
    assert {after[step] for step in steps} == {"ok"}
    assert {after[step] for step in ("Link the kernel", "Put the kernel into its place")} == {"changed"}


@pytest.mark.long
def test_runs_go_side_by_side_unless_they_make_the_same(source: Source) -> None:
    """The same kernel, in this directory by the first run, under another name by the second; and one from another source."""
    source.hold.touch()
    first = source.start()
    told = read_up_to(first, "Compile kernel, after ")
    second = source.start(kernel_name="other")
    waiting = read_up_to(second, "Waiting for ")
    shutil.copytree(source.tree, source.home / "free")
    (source.home / "free/Makefile").write_text(MAKEFILE.replace("HOLD", "/nowhere").replace("1.2.3-toy", "1.2.3-free"))

    source.build(kernel_build_tree=str(source.home / "free"))
    assert (source.kernel("1.2.3-free") / "linux").exists() and first.poll() is None and second.poll() is None
    source.hold.unlink()
    told += read_rest(first)
    waited = waiting + read_rest(second)

    assert f"Waiting for pid {first.pid}, another run that makes a kernel from {source.tree} (key " in " ".join(
        waited.split()
    )
    assert changes(told)["localhost"] > 1 and "Waiting for" not in told
    assert states(waited)["Compile the kernel"] == "skipping"
    assert states(waited)["Put the kernel into its place"] == "changed" and changes(waited)["localhost"] > 0
    assert (source.kernel("other") / "linux").read_bytes() == (source.kernel() / "linux").read_bytes()
    assert [*source.cache.glob(".locks/*"), *source.cache.glob("*build*")] == []


CANNOT_BE_BUILT = {
    "CONFIG_FLYING=y is n: depends on WINGS && FEATHERS || FUEL (Kconfig)"
    " CONFIG_SWIMMING=m is n: this kernel has no such option for User Mode Linux"
    " Correct these lines": {"kernel_fragments": "fly.config"},
    "the patch 00-two.patch does not apply": {"kernel_patches": "two.patch"},
}


@pytest.mark.long
def test_what_cannot_be_built_as_asked_for_is_named(source: Source) -> None:
    (source.tree / "kernel/kernel.c").write_text(PROGRAM.replace("says", "tells"))
    source.write("fly.config", "CONFIG_FLYING=y\nCONFIG_SWIMMING=m\n")
    source.write("two.patch", PATCH)

    said = source.refusals(
        [{key: str(source.home / name) for key, name in each.items()} for each in CANNOT_BE_BUILT.values()]
    )

    for complaint, refusal in zip(CANNOT_BE_BUILT, said, strict=True):
        assert complaint in refusal
    assert os.listdir(source.lab.path / "kernels") == []


BAD_INPUT = {
    "kernel_build_url wants kernel_build_checksum": {"kernel_build_tree": "", "kernel_build_url": "file:///x.tar"},
    "a kernel has one source": {"kernel_build_url": "file:///x", "kernel_build_checksum": "sha256:0"},
    "must be an absolute path": {"kernel_build_tree": "relative"},
    "kernel_build_tree /proc holds no source of a kernel": {"kernel_build_tree": "/proc"},
    "kernel_name default is not possible": {"kernel_name": "default"},
    "There is no missing.config on the controller": {"kernel_fragments": ["missing.config"]},
    "bad.config: this sets no option: CONFIG WALKING. Write CONFIG_NAME=y": {"kernel_fragments": ["bad.config"]},
    "kernels/hand-made is there and was not built by this role": {"kernel_name": "hand-made"},
}


def test_bad_input_is_refused_with_the_remedy(source: Source) -> None:
    source.kernel("hand-made").mkdir()
    source.write("bad.config", "# Of our own\n\nCONFIG_WALKING=y\nCONFIG WALKING\n")

    said = source.refusals(list(BAD_INPUT.values()))

    for complaint, refusal in zip(BAD_INPUT, said, strict=True):
        assert complaint in refusal
    assert os.listdir(source.lab.path / "kernels") == ["hand-made"]


def test_a_kernel_that_the_cache_lacks_is_left_out_where_nothing_may_be_built(source: Source) -> None:
    assert "changed=0 " in source.build(kernel_build_cached_only=True)
    assert os.listdir(source.lab.path / "kernels") == []


def test_check_mode_builds_nothing(source: Source) -> None:
    assert changes(source.ansible.play(source.plays(), "--check")) == {"localhost": 1}

    assert os.listdir(source.lab.path / "kernels") == []
    assert not source.cache.exists()
