# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Templates in tests: what they make of the lab, when the test starts, by the sandbox that renders the files of a scenario."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ..model.errors import InvalidInput
from ..model.lab import Lab
from ..model.tests import Test
from ..run import templates
from ..scenario import tests as reading
from ..scenario.document import KeyPath


def rendered(test: Test, lab: Lab) -> Test:
    """A test with what its templates make of the lab.

    :raises InvalidInput: where a template cannot be rendered, or makes what a step must not be.
    """
    wanted = reading.templates(test)
    if not wanted:
        return reading.rendered(test, {}, lab.guests)
    if not templates.HAS_JINJA2:
        raise InvalidInput(wanted[0].place, "this is a template", "install python3-jinja2 on the lab host")
    known = variables(test, lab)
    jobs = (templates.Job(each.text, for_guest(known, lab, each.guest)) for each in wanted)
    made: dict[KeyPath, str] = {}
    for each, text in zip(wanted, templates.render(jobs, len(wanted)), strict=False):
        if isinstance(text, templates.Failure):
            line = f"line {text.line} of the template" if "\n" in each.text.strip() else "the template"
            raise InvalidInput(
                each.place, f"{line} cannot be rendered: {text.cause}", "see docs/reference/tests.md, templates"
            )
        made[each.path] = text
    return reading.rendered(test, made, lab.guests)


def variables(test: Test, lab: Lab) -> dict[str, Any]:
    """What every template of a test knows."""
    scenarios = {guest.scenario for guest in lab.guests.values()}
    return {
        "test": test.name,
        "scenario": next(iter(scenarios)) if len(scenarios) == 1 else None,
        "guests": {name: dataclasses.asdict(each) for name, each in lab.guests.items()},
        "bridges": {name: dataclasses.asdict(each) for name, each in lab.bridges.items()},
    }


def for_guest(known: Mapping[str, Any], lab: Lab, guest: str | None) -> dict[str, Any]:
    """The same for a step that is about one guest: its ``vars``, and ``name`` and ``guest``."""
    if guest is None or guest not in lab.guests:
        return dict(known)
    return {**lab.guests[guest].vars, **known, "name": guest, "guest": known["guests"][guest]}
