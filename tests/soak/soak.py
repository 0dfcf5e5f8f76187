# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether anything breaks it, for as long as is asked for.  Run by ``make test-soak``.

``SOAK_MINUTES`` (10) are shared by the parts: ``attacks`` of the security tests, mangled scenario ``files``, those of them that are
accepted ``applied`` for real, ``damage`` to working directories, and ``kills`` of whole playbooks.  ``SOAK_PARTS=kills,damage`` limits
them.  What is tried comes out of ``SOAK_SEED``, a random one without it; number 17 of a part is the same for the same seed, as far
as the machine takes part, and ``SOAK_FIRST=17`` begins there.  What failed is printed, files that failed are kept in ``build/soak``.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import applied
import damage
import mangle
import wrecks
from badfiles import BadFiles
from kills import killing
from lab import PREFIX, REPOSITORY, fresh_lab
from mangle import Bad

_KEPT = REPOSITORY / "build/soak"
_MAX_FILES = 10_000
# Whatever else fails then is mostly the same.
_MAX_FAILURES = 20
# Of so many files one has a template that never ends by itself.
_HEAVY = 500
_SHARES = {"files": 0.25, "applied": 0.2, "damage": 0.15, "kills": 0.4}
# They take so long on a machine with nothing else to do.
_ATTACK_SECONDS = 120


@dataclass
class Part:
    """A part of the program, as it goes on.

    :ivar seconds: how long it may take.
    :ivar remarks: what else is to be told at its end.
    """

    name: str
    seed: str
    first: int
    seconds: float
    tried: int = 0
    failed: int = 0
    remarks: str = ""
    _began: float = field(default_factory=time.monotonic)

    def goes_on(self) -> bool:
        """Whether there is time for another."""
        return time.monotonic() - self._began < self.seconds and self.failed < _MAX_FAILURES

    def numbers(self, most: int | None = None) -> Iterator[random.Random]:
        """Dice for one after the other, each of which counts as tried."""
        for number in itertools.count(self.first + self.tried):
            if not self.goes_on() or (most is not None and self.tried >= most):
                return
            self.tried += 1
            yield random.Random(f"{self.seed} {number}")

    def fail(self, what: str, bad: Bad | None = None) -> None:
        """Print what failed, and keep the file."""
        self.failed += 1
        number = self.first + max(self.tried - 1, 0)
        kept = ""
        if bad is not None:
            _KEPT.mkdir(parents=True, exist_ok=True)
            path = _KEPT / f"{self.name}-{self.seed}-{number}.yml"
            path.write_bytes(bad.content)
            kept = f" ({path}: {bad.how})"
        print(f"FAILED: {self.name} {number} of seed {self.seed}{kept}: {what}", flush=True)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Whatever comes out of it is a failure."""
        try:
            yield
        except Exception as exc:
            self.fail(str(exc) if isinstance(exc, AssertionError) else traceback.format_exc())

    def __str__(self) -> str:
        """``kills: 17 tried, 0 failed``."""
        return f"{self.name}: {self.tried} tried, {self.failed} failed{self.remarks and f' ({self.remarks})'}"


def _attacks(part: Part) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider", "tests/security"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=1800)
    # The sum of the table at the end: with the protection on, tried and refused.
    if found := re.search(r"^all +(\d+) +(\d+) ", done.stdout, re.MULTILINE):
        part.tried, part.failed = int(found[1]), int(found[1]) - int(found[2])
    if done.returncode or not part.tried:
        part.fail(done.stdout[-5000:])


def _files(part: Part) -> None:
    with fresh_lab() as lab, _place() as place:
        files = BadFiles(lab, place)
        before = lab.snapshot()
        for dice in part.numbers(_MAX_FILES):
            bad = mangle.heavy(dice) if part.tried % _HEAVY == 1 else mangle.mangled(dice)
            if wrong := files.try_one(bad).wrong:
                part.fail(wrong, bad)
        if lab.snapshot() != before:
            part.fail("check mode has changed something")
        part.remarks = (
            f"{files.refused} refused; at most {files.worst_ratio:.0f} times the CPU time of the valid file,"
            f" and {files.longest} letters in a message"
        )


def _applied(part: Part) -> None:
    labs = 0
    with _place() as place:
        while part.goes_on():
            with part.judged(), fresh_lab() as lab:
                files = BadFiles(lab, place)
                for dice in part.numbers():
                    bad = next(applied.candidates(files, dice))
                    made, wrong = applied.apply(lab, bad, files.file)
                    labs += made
                    if wrong:
                        part.fail(wrong, bad)
                        break
    part.remarks = f"{labs} made a lab"


def _damage(part: Part) -> None:
    while part.goes_on():
        with part.judged(), fresh_lab() as lab:
            damage.prepare(lab)
            for dice in part.numbers():
                how, wrong = wrecks.wreck(lab, dice)
                if wrong:
                    part.fail(f"{how}: {'; '.join(wrong)}")
                    break
    part.remarks = f"out of {len(damage.KINDS)} kinds"


def _kills(part: Part) -> None:
    working = repairs = 0
    while part.goes_on():
        with part.judged(), _place() as place, killing(place) as kills:
            try:
                for dice in part.numbers():
                    kills.turn(dice)
                kills.end()
            finally:
                working, repairs = working + kills.tally.working, repairs + kills.tally.repairs
    part.remarks = f"{working} runs killed while they worked, {repairs} of the repairs killed, too"


_PARTS: dict[str, Callable[[Part], None]] = {
    "attacks": _attacks,
    "files": _files,
    "applied": _applied,
    "damage": _damage,
    "kills": _kills,
}


@contextmanager
def _place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place:
        yield Path(place)


def main() -> int:
    """Run the parts, and tell of each how much was tried and how much failed."""
    seconds = 60 * float(os.environ.get("SOAK_MINUTES") or 10)
    seed = os.environ.get("SOAK_SEED") or str(random.SystemRandom().randrange(10**9))
    first = int(os.environ.get("SOAK_FIRST") or 0)
    names = (os.environ.get("SOAK_PARTS") or ",".join(_PARTS)).split(",")
    if "attacks" in names and len(names) > 1 and seconds < 4 * _ATTACK_SECONDS:
        print(f"soak: no attacks in less than {4 * _ATTACK_SECONDS // 60} minutes")
        names.remove("attacks")
    print(f"soak: SOAK_SEED={seed} SOAK_MINUTES={seconds / 60:g}", flush=True)
    shared = sum(_SHARES.get(name, 0) for name in names)
    parts: list[Part] = []
    end = time.monotonic() + seconds
    for name in [name for name in _PARTS if name in names]:
        share = _SHARES.get(name, 0)
        part = Part(name, seed, first, share and (end - time.monotonic()) * share / shared)
        shared -= share
        with part.judged():
            _PARTS[name](part)
        parts.append(part)
        print(part, flush=True)
    print(f"\nsoak: SOAK_SEED={seed}, {(time.monotonic() - end + seconds) / 60:.0f} minutes", *parts, sep="\n")
    return int(any(part.failed or not part.tried for part in parts) or not parts)


if __name__ == "__main__":
    sys.exit(main())
