# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tests are run, in which variants and in which order.  Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..model.errors import InvalidInput, nearest
from ..model.tests import Test
from .record import Identity


@dataclass(frozen=True)
class Case:
    """A test in one variant of its matrix.

    :ivar kernel: that all guests have; ``None`` for what each has.
    :ivar master: the same of their master root filesystems.
    """

    test: Test
    kernel: str | None = None
    master: str | None = None

    @property
    def variant(self) -> str:
        """What reports call it; empty for a test without a matrix."""
        named = {"kernel": self.kernel, "master": self.master}
        return ", ".join(f"{kind} {name}" for kind, name in named.items() if name is not None)

    @property
    def identity(self) -> Identity:
        """What it is called in results of other runs."""
        return self.test.group, self.test.name, self.variant


def select(tests: Sequence[Test], wanted: Sequence[str], tags: Sequence[str] = ()) -> tuple[Test, ...]:
    """The tests that are wanted, in their order.

    :param wanted: patterns as of a shell, for a test's name, its group and name (``vpn/tun*``), or one of its tags; all if there is none.
    :param tags: patterns for tags, one of which must match as well; any if there is none.
    :raises InvalidInput: for one that matches no test; whoever misspells a name must not believe that its test passed.
    """
    for pattern in wanted:
        if not any(_is(test, pattern) for test in tests):
            names = {name for test in tests for name in (test.name, *test.tags)}
            raise InvalidInput(
                "tests", f"no test is called {pattern}, and none has such a tag", nearest(pattern, names)
            )
    for pattern in tags:
        if not any(fnmatch.fnmatchcase(tag, pattern) for test in tests for tag in test.tags):
            raise InvalidInput(
                "tests", f"no test has tag {pattern}", nearest(pattern, {tag for test in tests for tag in test.tags})
            )
    return tuple(
        test
        for test in tests
        if (not wanted or any(_is(test, pattern) for pattern in wanted))
        and (not tags or any(fnmatch.fnmatchcase(tag, pattern) for tag in test.tags for pattern in tags))
    )


def _is(test: Test, pattern: str) -> bool:
    names = (test.name, f"{test.group}/{test.name}", *test.tags)
    return any(fnmatch.fnmatchcase(name, pattern) for name in names)


def cases(tests: Iterable[Test]) -> tuple[Case, ...]:
    """All variants of tests; those with the same kernels and masters one after the other, since a change of them restarts all guests."""
    found = [
        Case(test, kernel, master)
        for test in tests
        for kernel, master in product(test.kernels or (None,), test.masters or (None,))
    ]
    order = {variant: number for number, variant in enumerate(dict.fromkeys(case.variant for case in found))}
    return tuple(sorted(found, key=lambda case: order[case.variant]))


def longest_first(found: Iterable[Case], durations: Mapping[Identity, float]) -> tuple[Case, ...]:
    """An order in which several labs end at about the same time: what is not known to be short begins."""
    return tuple(sorted(found, key=lambda case: -durations.get(case.identity, float("inf"))))
