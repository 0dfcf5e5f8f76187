# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option of the inventory, and every variable of ours that sets one, with its effect.

To add one, add a line to ``SOURCES``: the options of a source, and for each of them what ``ansible-inventory --list`` has then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from way import Way


@dataclass(frozen=True)
class Listed:
    """What ``ansible-inventory --list`` has.

    :ivar output: what it says beside.
    """

    groups: dict[str, Any]
    output: str

    def members(self, group: str) -> set[str]:
        """The hosts of a group."""
        return set(self.groups.get(group, {}).get("hosts", ()))

    def variable(self, host: str, name: str) -> Any:
        """A variable of a host."""
        return self.groups["_meta"]["hostvars"].get(host, {}).get(name)

    def lists_the_lab(self) -> bool:
        """Whether it has the lab's guests."""
        return self.members("dumm_guests") == {"v-on", "v-off"}


@dataclass(frozen=True)
class Source:
    """Options of a source.

    :ivar options: as in its file, in which ``$W`` stands for the working directory, ``$H`` for the lab host, ``$P`` for a directory.
    :ivar sees: for options, or variables of the environment, whether their effect is there.
    :ivar variables: variables of the environment.
    :ivar late: whether it is read twice, and a guest is taken away meanwhile; the second time counts.
    """

    name: str
    options: dict[str, Any]
    sees: dict[str, Callable[[Listed], bool]]
    variables: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    late: bool = False


def _of_a_lab_host(listed: Listed) -> set[str]:
    """Guests that are in the group of a lab host."""
    return {host for group in listed.groups if group.startswith("lab_host_") for host in listed.members(group)}


_HERE = {"workdir": "$W", "lab_host": "$H"}
_CACHE = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": "$P/cache"}
SOURCES = (
    Source(
        "plain",
        _HERE,
        {
            "plugin": Listed.lists_the_lab,
            "workdir": Listed.lists_the_lab,
            "lab_host": lambda listed: listed.members("state_running") == {"v-on"},
        },
    ),
    Source(
        "environment",
        {},
        {
            "DUMM_WORKDIR": Listed.lists_the_lab,
            "DUMM_LAB_HOST": lambda listed: listed.members("state_running") == {"v-on"},
        },
        variables={"DUMM_WORKDIR": "$W", "DUMM_LAB_HOST": "$H"},
    ),
    Source(
        "several",
        {"workdir": "$W", "lab_hosts": ["$H"]},
        {"lab_hosts": lambda listed: {"v-on"} == listed.members("state_running") & _of_a_lab_host(listed)},
    ),
    Source(
        "constructed",
        {
            **_HERE,
            "compose": {"lab_mem": "dumm_mem * 2"},
            "groups": {"small": "dumm_mem < 96"},
            "keyed_groups": [{"key": "dumm_state", "separator": "_"}],
            "leading_separator": False,
        },
        {
            "compose": lambda listed: listed.variable("v-on", "lab_mem") == 128,
            "groups": lambda listed: listed.members("small") == {"v-on"},
            "keyed_groups": lambda listed: listed.members("stopped") == {"v-off"},
            "leading_separator": lambda listed: listed.members("_stopped") == set(),
        },
    ),
    Source(
        "prefix",
        {**_HERE, "prefix": "lab2-"},
        {"prefix": lambda listed: listed.members("dumm_guests") == {"lab2-v-on", "lab2-v-off"}},
    ),
    Source(
        "allowed",
        {**_HERE, "allow_vars": ["ansible_us*"]},
        {
            "allow_vars": lambda listed: (
                listed.variable("v-off", "ansible_user") == "somebody"
                and listed.variable("v-off", "ansible_port") is None
            )
        },
    ),
    Source(
        "strict",
        {**_HERE, "strict": True, "compose": {"bad": "nothing.at_all"}},
        {"strict": lambda listed: "Could not set bad for host" in listed.output and not listed.lists_the_lab()},
    ),
    Source(
        "extra",
        {**_HERE, "use_extra_vars": True, "compose": {"told": "extra"}},
        {"use_extra_vars": lambda listed: listed.variable("v-on", "told") == "word"},
        arguments=("-e", "extra=word"),
    ),
    Source(
        "cache",
        {**_HERE, **_CACHE, "cache_prefix": "mine_", "cache_timeout": 3600},
        {
            "cache": lambda listed: listed.members("state_running") == {"v-on"},
            "cache_plugin": lambda listed: listed.members("state_running") == {"v-on"},
            "cache_connection": lambda listed: listed.members("state_running") == {"v-on"},
            "cache_prefix": lambda listed: "mine_" in listed.output,
        },
        late=True,
    ),
    Source(
        "outdated",
        {**_HERE, **_CACHE, "cache_connection": "$P/outdated", "cache_timeout": 1},
        {"cache_timeout": lambda listed: listed.members("state_running") == set()},
        late=True,
    ),
)


def _listed(way: Way, source: Source) -> Listed:
    place = way.place / f"inventory-{source.name}"
    place.mkdir(exist_ok=True)
    (place / "lab.dumm.yml").write_text(
        yaml.safe_dump({"plugin": "dumm.lab.dumm", **_filled(way, place, source.options)})
    )
    told = place / "listed.json"
    variables = {key: _filled(way, place, value) for key, value in source.variables.items()}
    inventories = ("-i", way.inventory(), "-i", str(place / "lab.dumm.yml"))
    output = way.run(
        "ansible-inventory", *inventories, "--list", "--output", str(told), *source.arguments, variables=variables
    )
    cached = sorted(path.name for path in place.glob("*/*"))
    return Listed(json.loads(told.read_text()), f"{output} {cached}")


def _filled(way: Way, place: Path, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(way, place, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(way, place, item) for item in value]
    if isinstance(value, str):
        return value.replace("$W", str(way.lab.path)).replace("$H", way.host).replace("$P", str(place))
    return value


def _guest(way: Way, *guests: tuple[str, str]) -> None:
    tasks = [
        {
            "dumm.lab.dumm_guest": {
                "workdir": str(way.lab.path),
                "name": name,
                "state": state,
                "mem": 64 if name == "v-on" else 96,
            }
        }
        for name, state in guests
    ]
    way.play([{"hosts": way.host, "gather_facts": False, "tasks": tasks}])


def _with_variables(way: Way, guest: str) -> None:
    """Give a guest that is off variables that decide where its tasks run."""
    settings = {"mem": 96, "vars": {"ansible_user": "somebody", "ansible_port": 1}}
    made = {"workdir": str(way.lab.path), "name": "v", "state": "stopped", "config": {"guests": {guest: settings}}}
    task = {"dumm.lab.dumm_scenario": made}
    way.play([{"hosts": way.host, "gather_facts": False, "tasks": [task]}])


@pytest.fixture(scope="session")
def listed(request: pytest.FixtureRequest) -> Iterator[Callable[[str], dict[str, Listed]]]:
    """What the sources of a way list, by their names."""
    made: dict[str, dict[str, Listed]] = {}

    def results(name: str) -> dict[str, Listed]:
        if name not in made:
            way: Way = request.getfixturevalue(name)
            own = way.alone("inventory")
            _guest(own, ("v-on", "started"), ("v-off", "present"))
            _with_variables(own, "v-off")
            made[name] = {source.name: _listed(own, source) for source in SOURCES}
            _guest(own, ("v-on", "stopped"))
            made[name].update({source.name: _listed(own, source) for source in SOURCES if source.late})
        return made[name]

    yield results


@pytest.mark.parametrize("way_name", ["local", "remote"])
@pytest.mark.parametrize(
    ("source", "option"),
    [pytest.param(source, option, id=f"{source.name}-{option}") for source in SOURCES for option in source.sees],
)
def test_an_option_of_the_inventory_has_its_effect(
    source: Source, option: str, way_name: str, listed: Callable[[str], dict[str, Listed]]
) -> None:
    found = listed(way_name)[source.name]

    if not source.sees[option](found):
        pytest.fail(f"{option} has no effect:\n{json.dumps(found.groups, indent=1)}\n{found.output}", pytrace=False)
