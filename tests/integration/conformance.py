# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""More than ``make test`` has time for, on each union engine side by side (``make test-union``).

Many random operations compared with the kernel's overlayfs (``differential``), the cases of POSIX (``posix_cases``), a file that is read,
written, mapped, cut and extended at random and compared with its image in memory, and the file system stressors of stress-ng with their
checks, where that is installed; and pjdfstest (github.com/pjd/pjdfstest, tried with 85a8aea), where ``PJDFSTEST_DIR`` says where its
sources are.
Fails where cowfs does not do what overlayfs does.
"""

from __future__ import annotations

import mmap
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import posix_cases
from differential import compare
from mounts import Place

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import syscalls

ENGINES = ("overlay", "cowfs", *(("fuse-overlayfs",) if shutil.which("fuse-overlayfs") else ()))
_STEPS = int(os.environ.get("DUMM_TEST_UNION_STEPS", "40000"))
_ROUNDS, _EACH = 4, 250
# Of these, only what fails is printed one by one.
_MANY = ("POSIX", "pjdfstest ")
_STRESSORS = (
    *("access", "chdir", "chmod", "chown", "copy-file", "dentry", "dir", "dirdeep", "dirmany", "fallocate", "fcntl"),
    *("filename", "flock", "fstat", "getdent", "hdd", "iomix", "link", "locka", "lockf", "mknod", "open", "rename"),
    *("seek", "symlink", "sync-file", "touch", "utime", "xattr", "mmapfixed", "msync", "readahead"),
)


@contextmanager
def mounted(engine: str, path: Path, plant: Callable[[Path], None]) -> Iterator[Path]:
    """A union by an engine, with a file below and what is planted there."""
    place = Place(path / engine)
    path.chmod(0o755)
    plant(place.lower[1])
    (place.lower[1] / "below").write_bytes(bytes(range(256)) * 1000)
    if engine != "fuse-overlayfs":
        with place.mounted(engine) as at:
            yield at
        return
    work = place.path / "work"
    options = f"lowerdir={':'.join(map(str, place.lower))},upperdir={place.upper},workdir={work}"
    subprocess.run(["fuse-overlayfs", "-o", options, str(place.at)], check=True, stderr=subprocess.DEVNULL)
    try:
        yield place.at
    finally:
        syscalls.umount(str(place.at), syscalls.MNT_DETACH)


def exercise(file: Path, chance: random.Random, steps: int) -> str:
    """Use a file in all ways at random; what it holds is known at each step."""
    image = bytearray(file.read_bytes())
    fd = os.open(file, os.O_RDWR)
    try:
        for step in range(steps):
            kind, offset, size = chance.randrange(7), chance.randrange(400_000), chance.randrange(1, 70_000)
            if kind == 0:
                os.ftruncate(fd, offset)
                image[offset:] = b""
                image += bytes(offset - len(image))
            elif kind in (1, 2):
                data = chance.randbytes(size)
                os.pwrite(fd, data, offset)
                image += bytes(max(0, offset + size - len(image)))
                image[offset : offset + size] = data
            elif kind == 3 and len(image):
                with mmap.mmap(fd, len(image)) as mapped:
                    place = offset % len(image)
                    data = chance.randbytes(min(size, len(image) - place))
                    mapped[place : place + len(data)] = data
                    image[place : place + len(data)] = data
            elif kind == 4:
                os.close(fd)
                fd = os.open(file, os.O_RDWR)
            elif kind == 5:
                with file.open("ab") as end:
                    end.write(b"end")
                image += b"end"
            if os.pread(fd, size, offset) != image[offset : offset + size] or os.fstat(fd).st_size != len(image):
                return f"differs at step {step}"
    finally:
        os.close(fd)
    return "ok" if file.read_bytes() == image else "differs at the end"


def stress(at: Path, stressor: str) -> str:
    """Run one stressor of stress-ng with its checks."""
    command = ["stress-ng", "--temp-path", str(at), "--verify", "--timeout", "3s", f"--{stressor}", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode in (3, 4):
        return "not here"
    return "ok" if done.returncode == 0 else f"failed ({done.returncode})"


def build_pjdfstest(place: Path) -> Path | None:
    """Build pjdfstest from the sources that ``PJDFSTEST_DIR`` names, beside them nothing changes; where its tests are then."""
    sources = os.environ.get("PJDFSTEST_DIR")
    if not sources:
        return None
    built = place / "pjdfstest"
    shutil.copytree(sources, built, ignore=shutil.ignore_patterns(".git"))
    place.chmod(0o755)
    for command in (["autoreconf", "-ifs"], ["./configure"], ["make", "pjdfstest"]):
        subprocess.run(command, cwd=built, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return built / "tests"


def pjdfstest(tests: Path, at: Path) -> dict[str, str]:
    """What comes of each of its files in a directory, and how many tests that are."""
    done = subprocess.run(
        ["prove", "-r", "-j2", str(tests)], cwd=at, capture_output=True, text=True, check=False, timeout=3600
    )
    found = {f"pjdfstest {path.relative_to(tests)}": "ok" for path in sorted(tests.glob("*/*.t"))}
    for file, failed in re.findall(r"^(\S+\.t) +\(Wstat: .*Failed: (\d+)\)", done.stdout, re.MULTILINE):
        if failed != "0":
            found[f"pjdfstest {Path(file).relative_to(tests)}"] = f"{failed} failed"
    total = re.search(r"Tests=(\d+)", done.stdout)
    return {**found, "pjdfstest, tests": total[1] if total else f"none: {done.stderr[-200:]}"}


def check(path: Path, engine: str, tests: Path | None) -> dict[str, str]:
    """All that is checked of an engine."""
    found: dict[str, str] = {}

    def plant(layer: Path) -> None:
        posix_cases.plant_all(layer)
        (layer / "pjdfstest").mkdir()

    with mounted(engine, path, plant) as at:
        for kind in ("lower", "made"):
            failed = posix_cases.failures(at, kind)
            found |= {f"POSIX, {name}": "ok" for name in posix_cases.names(kind)}
            found |= {f"POSIX, {name}": str(came) for name, (_expected, came) in failed.items()}
        for seed in range(4):
            found[f"random access, seed {seed}"] = exercise(at / "below", random.Random(seed), 2000)
        if tests is not None:
            found |= pjdfstest(tests, at / "pjdfstest")
        if shutil.which("stress-ng"):
            for stressor in _STRESSORS:
                found[f"stress-ng {stressor}"] = stress(at, stressor)
    return found


def main() -> int:
    """Print everything side by side."""
    with tempfile.TemporaryDirectory(prefix="dumm-test-union-") as place:
        tests = build_pjdfstest(Path(place))
        found = {engine: check(Path(place), engine, tests) for engine in ENGINES}
    print(f"{'':<76}" + "".join(f"{engine:>16}" for engine in ENGINES))
    for name in found["overlay"]:
        if not name.startswith(_MANY) or any(found[engine][name] != "ok" for engine in ENGINES):
            print(f"{name:<76}" + "".join(f"{found[engine][name]:>16.15}" for engine in ENGINES))
    cases = [name for name in found["overlay"] if name.startswith("POSIX")]
    passed = [sum(found[engine][name] == "ok" for name in cases) for engine in ENGINES]
    print(f"{f'of {len(cases)} cases of POSIX':<76}" + "".join(f"{number:>16}" for number in passed))
    worse = [name for name, said in found["cowfs"].items() if said != "ok" and found["overlay"][name] == "ok"]
    for seed in range(1, _STEPS // (_ROUNDS * _EACH) + 1):
        with tempfile.TemporaryDirectory(prefix="dumm-test-union-") as place:
            compare(Path(place), 10_000 + seed, _EACH, _ROUNDS)
    print(f"{_STEPS} random operations compared with overlayfs: no difference")
    print(f"cowfs fails where overlayfs does not: {', '.join(worse) or 'nowhere'}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
