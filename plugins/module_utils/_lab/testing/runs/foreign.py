# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of tests that are written in another format than ours, in labs as ours are run in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ...host.workdir import Workdir
from ...model.errors import InvalidInput
from ...run.events import Subscriber
from ...run.opening import Params
from ...run.runner import run_scenario
from .. import copies, source
from ..results import SuiteResult
from ..strongswan.suite import Wanted, list_suite, run_suite

_SCENARIO = "strongswan"


def wanted(params: Params, results: Path | None) -> Wanted:
    """What is to be run of strongSwan's suite.

    :param results: the directory of results.
    :raises InvalidInput: for what cannot be done with it.
    """
    if params["content"] is not None or len(params["src"] or ()) > 1:
        raise InvalidInput(
            "src", "strongSwan's suite is one directory on the lab host", "give its path, or leave src out"
        )
    if params["keep"] != "never":
        raise InvalidInput("keep", "each test of strongSwan's suite cleans up by itself", "leave keep out")
    return Wanted(
        (params["workdir"],),
        tuple(params["tests"] or ()),
        Path(params["src"][0]) if params["src"] else None,
        params["scenario"] or _SCENARIO,
        results,
        params["retry"],
        params["stop_on_failure"],
    )


def names(params: Params) -> tuple[str, ...]:
    """The tests that would be run, such as ``ikev2/rw-cert``.

    :raises InvalidInput: where there is no suite, or no such test.
    """
    return list_suite(wanted(params, None))


def run(params: Params, results: Path, publish: Subscriber) -> SuiteResult:
    """Run the tests.

    :raises DummError: where that cannot be done.
    """
    asked = wanted(params, results)
    with _labs(Workdir.at(params["workdir"]), asked.scenario, params, publish) as labs:
        return run_suite(replace(asked, labs=labs), publish)


@contextmanager
def _labs(workdir: Workdir, scenario: str, params: Params, publish: Subscriber) -> Iterator[tuple[str, ...]]:
    """The working directories of as many labs as are wanted, whose guests run."""
    copies.remove(workdir, publish=publish)
    found = [workdir]
    try:
        if params["parallel"] > 1:
            described = source.stored(workdir, scenario)
            for number in range(2, params["parallel"] + 1):
                copy = copies.copied(workdir, number, described, publish=publish)
                run_scenario({**described.params(str(copy.path), {}), "state": "present"}, subscriber=publish)
                found.append(copy)
        yield tuple(str(each.path) for each in found)
    finally:
        copies.remove(workdir, publish=publish)
