# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of settings: what is written by hand beside it (documentation, the model's fields) agrees with it."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import definition, settings
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    ANY_CPU,
    Bridge,
    Guest,
    Iface,
    InjectedFault,
    Lab,
    ReadyCommand,
    Route,
    Stopping,
    UnionEngine,
    Userspace,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.span import Span
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import describe, wording
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import spec

DOCS = Path(__file__).resolve().parents[6] / "docs"
ROWS = {row.name: row for row in settings.GUEST}
# What a guest has that nobody sets as such.
BESIDE = {"name", "power", "interfaces", "scenario", "loaded"}
# A value of each setting that is not its default.
VALUES: dict[str, Any] = {
    "kernel": "other",
    "master": "/srv/root",
    "mem": 64,
    "init": "/bin/sh",
    "cmdline": "quiet",
    "userspace": Userspace.PTRACE,
    "confine": False,
    "disk": 32,
    "cpu": ANY_CPU,
    "layers": ("/a", "b/c"),
    "union": UnionEngine.COWFS,
    "faults": (InjectedFault("/x", ("read",), "EIO", 2.0),),
    "ready": ReadyCommand("true", 5.0),
    "stop": Stopping.HALT,
    "routes": (Route("default", "10.0.0.1", metric=3),),
    "sysctl": (("net.ipv4.ip_forward", "1"),),
    "labels": {"role": "router"},
    "vars": {"port": [1, None]},
}


IFACE_VALUES: dict[str, Any] = {
    "bridge": "lan",
    "mac": "02:00:00:00:00:01",
    "mtu": 1400,
    "address": ("10.0.0.1/24",),
    "up": False,
    "conditions": Conditions(delay=5.0, rate=1000, slot=(10.0, 30.0)),
}
BRIDGE_VALUES: dict[str, Any] = {
    "address": ("10.0.0.254/24",),
    "mtu": 1400,
    "stp": True,
    "group_fwd_mask": 8,
    "multicast_snooping": False,
    "span": Span(4711, "192.0.2.1", ("192.0.2.2", "192.0.2.3"), 14789, 1600),
}


def documented(module: str) -> dict[str, Any]:
    """The options of a module's DOCUMENTATION."""
    found = importlib.import_module(f"ansible_collections.dumm.lab.plugins.modules.{module}")
    options: dict[str, Any] = yaml.safe_load(found.DOCUMENTATION)["options"]
    return options


def shape_of(option: dict[str, Any]) -> dict[str, Any]:
    """What an option's documentation and its argument spec have in common."""
    parts = option.get("suboptions", option.get("options", {}))
    told = {
        "type": option.get("type", "str"),
        "elements": option.get("elements"),
        "required": option.get("required", False),
        "default": option.get("default"),
        "choices": option.get("choices"),
    }
    return {**told, "parts": {name: shape_of(each) for name, each in parts.items()}}


def test_every_setting_is_a_field_of_a_guest_and_every_field_a_setting() -> None:
    assert set(ROWS) | BESIDE == {field.name for field in dataclasses.fields(Guest)}
    assert not set(ROWS) & BESIDE
    assert {row.field for row in settings.IFACE} | {"guest", "name"} == {
        each.name for each in dataclasses.fields(Iface)
    }
    beside = {"name", "scenario", "retired"}
    assert {row.field for row in settings.BRIDGE} | beside == {each.name for each in dataclasses.fields(Bridge)}


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("dumm_guest", _spec.GUEST),
        ("dumm_iface", _spec.IFACE),
        ("dumm_bridge", _spec.BRIDGE),
        ("dumm_scenario", _spec.SCENARIO),
        ("dumm_info", _spec.INFO),
    ],
)
def test_a_modules_documentation_is_that_of_its_arguments(module: str, arguments: dict[str, Any]) -> None:
    # plugins/doc_fragments/workdir.py has those of the working directory.
    shared = {"workdir", "netns", "lock_timeout"}

    told = {name: shape_of(option) for name, option in documented(module).items() if name not in shared}

    assert told == {name: shape_of(option) for name, option in arguments.items() if name not in shared}


def test_what_needs_a_restart_is_named_where_the_user_looks_it_up() -> None:
    needs = {name for name, row in ROWS.items() if row.restart}

    description = " ".join(documented("dumm_guest")["restart"]["description"]).partition(" needs it")[0]
    assert set(re.findall(r"O\((\w+)\)", description)) == needs

    table = (
        (DOCS / "explanation" / "architecture.md").read_text().partition("| option | running guest |\n|---|---|\n")[2]
    )
    lines = [line.split("|")[1:3] for line in table.partition("\n\n")[0].splitlines()]
    told = {name.strip(): said for names, said in lines for name in names.split(":")[-1].split(",")}
    options = {name for name, row in ROWS.items() if row.option}
    assert {name for name in told if "restart_required" in told[name]} == needs
    assert {name for name in options if "changed at once" in told.get(name, "")} == options - needs


def test_the_scenarios_page_names_every_setting() -> None:
    table = (DOCS / "reference" / "scenario.md").read_text().partition("| setting | what it is |\n|---|---|\n")[2]
    names = {
        name for line in table.partition("\n\n")[0].splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }

    assert names == {*ROWS, "interfaces", "files", "run", "restart_services", "lab_host", "together"}


@pytest.mark.parametrize("name", ROWS)
def test_a_setting_is_stored_shown_and_said(name: str) -> None:
    row, value = ROWS[name], VALUES[name]
    before, after = Guest("alice"), dataclasses.replace(Guest("alice"), **{name: value})

    written = json.loads(json.dumps(definition.plain_guest(after, None)))
    shown = [describe.guest(Lab("lab", "lab", {"alice": each}), each) for each in (before, after)]
    said = wording.guest_differences(before, after)

    if row.stored:
        assert definition.guest("alice", written) == after
    assert {key for key in shown[0] if shown[0][key] != shown[1][key]} == {row.key}
    json.dumps(shown)
    assert len(said) == 1 and said[0].startswith("guest alice: ")
    assert wording.guest_differences(after, after) == ()


@pytest.mark.parametrize("name", ROWS)
def test_a_setting_is_a_key_of_a_scenarios_file(name: str) -> None:
    guest = spec.schema()["$defs"]["guest"]["properties"]

    assert guest[name]["description"] == ROWS[name].description


@pytest.mark.parametrize("row", settings.IFACE, ids=lambda row: row.name)
def test_an_interfaces_setting_is_stored_shown_and_said(row: settings.Setting) -> None:
    before = Iface("alice", "eth0")
    after = dataclasses.replace(before, **{row.field: IFACE_VALUES[row.name]})
    guest = Guest("alice", interfaces={"eth0": after})
    lab = Lab("lab", "lab", {"alice": guest})

    written = json.loads(json.dumps(definition.plain_guest(guest, None)))
    shown = [describe.iface(lab, each) for each in (before, after)]
    said = wording.iface_differences(before, after)

    assert definition.guest("alice", written) == guest
    assert {key for key in shown[0] if shown[0][key] != shown[1][key]} == {row.name}
    assert len(said) == 1 and said[0].startswith("interface alice:eth0: ")


@pytest.mark.parametrize("row", settings.BRIDGE, ids=lambda row: row.name)
def test_a_bridges_setting_is_stored_and_shown(row: settings.Setting) -> None:
    before = Bridge("lan")
    after = dataclasses.replace(before, **{row.field: BRIDGE_VALUES[row.name]})
    lab = Lab("lab", "lab")

    written = json.loads(json.dumps(definition.plain_bridge(after, None)))
    shown = [describe.bridge(lab, each) for each in (before, after)]

    assert definition.bridge("lan", written) == after
    assert {key for key in shown[0] if shown[0][key] != shown[1][key]} == {row.name}
    if row.in_file:
        assert spec.schema()["$defs"]["bridge"]["properties"][row.name]["description"] == row.description
