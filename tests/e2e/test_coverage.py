# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No option is without a case: what the installed collection documents is held against what is tried."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import test_connection_options
import test_inventory_options
from cases import CASES
from installed import Installed

Documented = dict[str, Any]


def _documented(user: Installed, kind: str, *names: str) -> dict[str, Documented]:
    """The options of plugins by their names, as ``ansible-doc`` shows them."""
    command = [str(user.bin / "ansible-doc"), "-t", kind, "--json", *names]
    told = subprocess.run(
        command, env=user.variables(), cwd=user.place, capture_output=True, text=True, check=True, timeout=120
    )
    return {name: plugin["doc"]["options"] for name, plugin in json.loads(told.stdout).items()}


def _promised(prefix: str, options: Documented) -> Iterator[str]:
    """Options and choices of options, of suboptions too."""
    for key, option in options.items():
        yield f"{prefix}.{key}"
        for choice in option.get("choices", ()):
            yield f"{prefix}.{key}={choice}"
        yield from _promised(f"{prefix}.{key}", option.get("suboptions", {}))


def test_every_option_of_every_module_has_a_case(user: Installed) -> None:
    names = [f"dumm.lab.{path.stem}" for path in (user.collection / "plugins/modules").glob("dumm_*.py")]
    assert len(names) >= 5

    promised = {
        option
        for name, options in _documented(user, "module", *names).items()
        for option in _promised(name.removeprefix("dumm.lab.dumm_"), options)
    }

    missing = promised - {option for case in CASES for option in case.covers()}
    assert not missing, (
        f"no case sees the effect of {sorted(missing)}: add a line to tests/e2e/cases.py, whose head says how"
    )


def test_every_way_to_set_an_option_of_the_connection_has_a_case(user: Installed) -> None:
    (options,) = _documented(user, "connection", "dumm.lab.dumm").values()
    promised = {
        f"{key}: {source['name']}"
        for key, option in options.items()
        for way in ("vars", "env")
        for source in option.get(way, ())
    } | {f"{key}={choice}" for key, option in options.items() for choice in option.get("choices", ())}

    missing = promised - {covered for setting in test_connection_options.SETTINGS for covered in setting.covers()}
    assert not missing, (
        f"no case sees the effect of {sorted(missing)}: add it to SETTINGS of tests/e2e/test_connection_options.py"
    )


def test_every_option_of_the_inventory_has_a_case(user: Installed) -> None:
    (options,) = _documented(user, "inventory", "dumm.lab.dumm").values()
    ours = {
        source["name"]
        for option in options.values()
        for source in option.get("env", ())
        if source["name"].startswith("DUMM_")
    }

    missing = {*options, *ours} - {seen for source in test_inventory_options.SOURCES for seen in source.sees}
    assert not missing, (
        f"no case sees the effect of {sorted(missing)}: add it to SOURCES of tests/e2e/test_inventory_options.py"
    )
