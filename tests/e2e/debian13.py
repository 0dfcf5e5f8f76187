# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian 13 with the newest Ansible, on a machine that is something else.

Its root is made by role ``master`` and entered by pivot_root in mount and PID namespaces of its own: in a chroot the kernel forbids user
namespaces, which guests need.  ``/var/cache`` and the test's directory are the machine's own.  Python packages are fetched outside, with
this machine's settings of pip, for the Python inside.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installed import CACHE, held, pinned, run
from way import Way

_WORKDIR = CACHE / "debian13"
_NAME = "debian13"
_PYTHON = "3.13"
# What role host would install, and Python's venv.
_PACKAGES = [
    "ca-certificates",
    "debian-archive-keyring",
    "debootstrap",
    "e2fsprogs",
    "gcc",
    "iproute2",
    "iputils-ping",
    "kmod",
    "libc6-dev",
    "mount",
    "procps",
    "python3-apt",
    "python3-jinja2",
    "python3-pyfuse3",
    "python3-pyroute2",
    "python3-venv",
    "python3-yaml",
    "rsync",
    "zstd",
]
# $1 is Debian's root, $2 the test's directory, $3 an empty one below it. The last line waits for all whose parents have ended.
_ENTER = """
set -e
mount -t tmpfs tmpfs "$3"
mkdir "$3/upper" "$3/work" "$3/root"
mount -t overlay -o "lowerdir=$1,upperdir=$3/upper,workdir=$3/work" debian13 "$3/root"
cd "$3/root"
mkdir -p .outside var/cache "./$2"
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mount --rbind /var/cache var/cache
mount --rbind "$2" "./$2"
pivot_root . .outside
umount -l /.outside
echo entered
exec </dev/null >/dev/null
while :; do sleep 60 & wait $!; done
"""


def make_root(way: Way) -> Path:
    """Debian's root file system, made by role ``master`` as a user does."""
    settings = {
        "master_workdir": str(_WORKDIR),
        "master_name": _NAME,
        "master_suite": "trixie",
        "master_script": "sid",
        "master_packages": _PACKAGES,
    }
    with held(CACHE / "debian13.lock"):
        _WORKDIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        way.play([{"hosts": way.host, "gather_facts": False, "vars": settings, "roles": ["dumm.lab.master"]}])
    return _WORKDIR / "masters" / _NAME


@contextmanager
def entered(root: Path, place: Path) -> Iterator[tuple[str, ...]]:
    """A command that runs another in Debian 13, of which nothing is left afterwards.

    :param place: the test's directory, with the same path inside.
    """
    scratch = place / "debian13"
    scratch.mkdir()
    namespaces = ["unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--"]
    process = subprocess.Popen(
        [*namespaces, "sh", "-c", _ENTER, "sh", str(root), str(place), str(scratch)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "entered\n"
        (pid,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield ("nsenter", "--target", pid, "--mount", "--pid", f"--wdns={place}", "--")
    finally:
        process.kill()
        process.wait()


def environment(inside: tuple[str, ...]) -> Path:
    """The directory of a virtual environment for Debian 13 with the newest Ansible that there is for its Python."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    told = run(*pip, "index", "versions", "--python-version", _PYTHON, "--only-binary", ":all:", "ansible-core")
    found = re.match(r"ansible-core \((\S+)\)", told)
    assert found is not None, told
    place = CACHE / f"venv-debian13-{found[1]}"
    with held(CACHE / "venv-debian13.lock"):
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            wheels = place / "wheels"
            for_python = ("--python-version", _PYTHON, "--only-binary", ":all:")
            run(*pip, "download", "-q", *for_python, "-d", wheels, *pinned(f"ansible-core=={found[1]}"))
            run(*inside, "/usr/bin/python3", "-m", "venv", place)
            run(*inside, place / "bin/pip", "install", "-q", "--no-index", *map(str, sorted(wheels.iterdir())))
            (place / "complete").touch()
    return place
