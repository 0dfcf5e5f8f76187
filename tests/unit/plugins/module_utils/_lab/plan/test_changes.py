# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of one object of a large scenario is a plan of a few steps and a few sentences, which are about that object."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Power
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.root import HostsLayer
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan import desired, guest_steps, layer_steps
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.desired import Extra, Wish
from ansible_collections.dumm.lab.plugins.module_utils._lab.plan.steps import Plan, grouped
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import rendering
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader
from ansible_collections.dumm.lab.tests.unit.helpers import labs
from ansible_collections.dumm.lab.tests.unit.helpers.memory_host import Host

Config = dict[str, Any]
GUESTS = tuple(f"g{number}" for number in range(100))


def campus(count: int = 20) -> Config:
    """Guests on ten segments, and two cables."""
    return {
        "defaults": {"mem": 48, "files": {"/etc/motd": "hello\n"}, "restart_services": ["web"]},
        "pools": {"links": {"prefix": "10.255.0.0/16"}},
        "bridges": {f"lan{number}": {"prefix": f"10.{number}.0.0/16"} for number in range(10)},
        "guests": {
            name: {"interfaces": {"eth0": {"bridge": f"lan{number % 10}"}}}
            for number, name in enumerate(GUESTS[:count])
        },
        "links": ["g1:eth1 -- g2:eth1", "g3:eth1 -- g4:eth1"],
    }


class Site:
    """A host in memory with the scenario ``campus``, whose guests run."""

    def __init__(self, master: Path) -> None:
        self.master = master
        self.host = Host()
        self.hosts: dict[str, str] = {}

    def wish(self, config: Config, name: str = "campus", **options: Any) -> Wish:
        """What a run asks for."""
        params = labs.params("scenario", name=name, config=config, **options)
        wanted = loader.load(config, name=name, place="config")
        known = rendering.Known(wanted)
        return desired.scenario(params, self.host.observe().lab, wanted, self._extras(known))

    def _extras(self, known: rendering.Known) -> dict[str, Extra]:
        extras = {}
        for name in known.scenario.guests:
            hosts = rendering.hosts(known, name, [self.master])
            current = hosts is not None and self.hosts.get(hosts.name) == hosts.content.files[0].content
            extras[name] = Extra(
                files=rendering.render(known, name, [self.master]),
                hosts=hosts,
                hosts_current=current,
                commands=known.scenario.run.get(name, ()),
                services=known.scenario.restart_services.get(name, ()),
            )
        return extras

    def plan(self, config: Config, **options: Any) -> Plan:
        """What a run would do."""
        return self.host.plan(self.wish(config, **options))

    def apply(self, config: Config, **options: Any) -> Plan:
        """Do it."""
        what = self.plan(config, **options)
        self.host.apply(what)
        for step in what.steps:
            if isinstance(step.action, layer_steps.WriteHosts):
                self.hosts[step.action.layer.name] = step.action.layer.content.files[0].content
        return what


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Site:
    found = Site(tmp_path_factory.mktemp("master"))
    found.apply(campus())
    return found


@pytest.fixture
def site(_running: Site) -> Site:
    """The guests, running."""
    return copy.deepcopy(_running)


def touched(what: Plan) -> set[str]:
    """The objects that a plan's steps are about, as their keys name them."""
    words = {word.partition(":")[0] for step in what.steps for word in str(step.key).split()}
    return words & {*GUESTS, *(f"lan{number}" for number in range(10)), "late"}


def test_a_cable_among_a_hundred_guests_takes_a_few_steps_and_sentences(tmp_path: Path) -> None:
    site = Site(tmp_path)
    config = campus(100)
    site.apply(config)
    config["links"].append("g50:eth1 -- g60:eth1")

    found = site.apply(config)

    assert touched(found) == {"g50", "g60"}
    assert len(found.steps) <= 16
    assert len(found.actions) <= 12
    assert not site.plan(config).changed


CHANGES: dict[str, tuple[Callable[[Config], Any], set[str]]] = {
    "a label": (lambda c: c["guests"]["g7"].update(labels={"role": "x"}), {"g7"}),
    "a variable": (lambda c: c["guests"]["g7"].update(vars={"x": 1}), {"g7"}),
    "a group of labels": (
        lambda c: (c.update(groups={"web": {"labels": {"role": "x"}}}), c["guests"]["g7"].update(groups=["web"])),
        {"g7"},
    ),
    "memory": (lambda c: c["guests"]["g7"].update(mem=64), {"g7"}),
    "a file": (lambda c: c["guests"]["g7"].update(files={"/etc/issue": "x"}), {"g7"}),
    "a template of its own": (
        lambda c: c["guests"]["g7"].update(files={"/etc/issue": {"template": "{{ name }}"}}),
        {"g7"},
    ),
    "an mtu": (lambda c: c["guests"]["g7"]["interfaces"]["eth0"].update(mtu=1400), {"g7"}),
    "conditions": (lambda c: c["guests"]["g7"]["interfaces"]["eth0"].update(delay=5), {"g7"}),
    "an address": (lambda c: c["guests"]["g7"]["interfaces"]["eth0"].update(address="10.7.9.9/16"), {"g7"}),
    "no address": (lambda c: c["guests"]["g7"]["interfaces"]["eth0"].update(address=[]), {"g7"}),
    "a mac": (lambda c: c["guests"]["g7"]["interfaces"]["eth0"].update(mac="02:00:00:00:00:07"), {"g7"}),
    "another interface": (lambda c: c["guests"]["g7"]["interfaces"].update(eth9={}), {"g7"}),
    "a route": (lambda c: c["guests"]["g7"].update(routes=["default via 10.7.0.2"]), {"g7"}),
    "a kernel setting": (lambda c: c["guests"]["g7"].update(sysctl={"net.ipv4.ip_forward": 1}), {"g7"}),
    "a command": (lambda c: c["guests"]["g7"].update(run=["true"]), {"g7"}),
    "a service": (lambda c: c["guests"]["g7"].update(restart_services=["web", "mail"]), set()),
    "a guest at the end": (
        lambda c: c["guests"].update(late={"interfaces": {"eth0": {"bridge": "lan3"}}}),
        {"late", "lan3"},
    ),
    "the last guest": (lambda c: c["guests"].pop("g19"), {"g19"}),
    "a cable": (lambda c: c["links"].pop(), {"g3", "g4"}),
    "a cable's name": (
        lambda c: c["links"].__setitem__(0, {"a": "g1:eth1", "b": "g2:eth1", "name": "backbone"}),
        {"g1", "g2"},
    ),
    "a segment's mtu": (lambda c: c["bridges"]["lan3"].update(mtu=1400), {"lan3"}),
    "a segment's host": (lambda c: c["bridges"]["lan3"].update(address="10.3.255.254/16"), {"lan3"}),
    "a segment's prefix": (
        lambda c: c["bridges"]["lan3"].update(prefix="10.33.0.0/16"),
        {"g3", "g13", "lan3"},
    ),
    "another segment": (lambda c: c["bridges"].update(other={"prefix": "10.77.0.0/16"}), set()),
    "a default of the same value": (lambda c: c["defaults"].update(confine=True, kernel="default"), set()),
    "a group of the same": (
        lambda c: (
            c.update(groups={"everybody": c.pop("defaults")}),
            [guest.update(groups=["everybody"]) for guest in c["guests"].values()],
        ),
        set(),
    ),
    "a description": (lambda c: c.update(description="Another one."), set()),
    "a pool that nobody uses": (lambda c: c["pools"].update(other={"prefix": "172.16.0.0/16"}), set()),
    "the order of segments": (lambda c: c.update(bridges=dict(reversed(c["bridges"].items()))), set()),
    "the order of guests on other segments": (
        lambda c: c.update(guests=dict(sorted(c["guests"].items(), key=lambda item: int(item[0][1:]) % 10))),
        set(),
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_touches_what_it_is_about_and_is_taken_back_in_the_same_way(site: Site, what: str) -> None:
    change, about = CHANGES[what]
    config = campus()
    change(config)

    there = site.apply(config)
    settled = site.plan(config)
    back = site.apply(campus())

    assert touched(there) <= about
    assert touched(back) <= about
    assert not settled.changed and not site.plan(campus()).changed
    restarted = {step.action.guest for step in there.steps if isinstance(step.action, guest_steps.RestartServices)}
    assert restarted <= ({"g7"} if "file" in what or "template" in what else set())


def test_a_hosts_file_is_shared_and_named_by_its_place(tmp_path: Path) -> None:
    def layers(config: Config) -> dict[str, HostsLayer | None]:
        known = rendering.Known(loader.load(config, name="campus", place="config"))
        return {name: rendering.hosts(known, name, [tmp_path]) for name in known.scenario.guests}

    config = campus()
    config["guests"]["g8"]["interfaces"]["eth0"]["address"] = []
    config["guests"]["g9"]["files"] = {"/etc/hosts": "mine\n"}
    found = layers(config)
    later = copy.deepcopy(config)
    later["guests"]["late"] = {}
    renamed = {each.name for each in layers(later).values() if each is not None}

    names = {name: layer.name for name, layer in found.items() if layer is not None}
    assert "g9" not in names
    assert len({*names.values()}) == 2 and names["g8"] != names["g7"] == names["g0"]
    assert {*names.values()} < renamed and len(renamed) == 3  # late has no address
    assert found["g8"] is not None
    assert "127.0.1.1 g8\n" in found["g8"].content.files[0].content


# Sentences


def test_what_is_the_same_for_many_objects_is_one_sentence() -> None:
    many = [f"guest {name}: load scenario vpn" for name in GUESTS[:4]]
    few = [f"interface {name}:eth0: set up" for name in GUESTS[:3]]
    own = ["start guest g1", "guest g1: set mem 64 → 48", "make bridge lan"]

    told = grouped([*own, *many, *few])

    assert list(dict.fromkeys(told.values())) == [*own, "4 guests: load scenario vpn", *few]


# Numbers


def _late_first(config: Config) -> None:
    config["guests"] = {"first": {"interfaces": {"eth0": {"bridge": "lan3"}}}, **config["guests"]}


def _cable_first(config: Config) -> None:
    config["links"].insert(0, "g5:eth1 -- g6:eth1")


def test_guests_that_are_renumbered_are_named(site: Site) -> None:
    config = campus()
    _cable_first(config)

    (warning,) = site.wish(config).warnings

    assert warning == (
        "scenario campus: automatic addresses change: g1:eth1 10.255.0.0/31 → 10.255.0.2/31,"
        " g2:eth1 10.255.0.1/31 → 10.255.0.3/31, g3:eth1 10.255.0.2/31 → 10.255.0.4/31,"
        " g4:eth1 10.255.0.3/31 → 10.255.0.5/31. To keep them, give these interfaces an address in the file,"
        " or put what is new behind them."
    )


def test_of_many_guests_that_are_renumbered_some_are_named(tmp_path: Path) -> None:
    site = Site(tmp_path)
    config: Config = {
        "bridges": {"lan": {"prefix": "10.0.0.0/16"}},
        "guests": {name: {"interfaces": {"eth0": {"bridge": "lan"}}} for name in GUESTS[:30]},
    }
    site.apply(config)
    config["guests"] = {"first": {"interfaces": {"eth0": {"bridge": "lan"}}}, **config["guests"]}

    (warning,) = site.wish(config).warnings

    assert warning.count("→") == 20 and " and 10 more. To keep" in warning


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_a_change_that_is_the_users_own_is_no_warning(site: Site, what: str) -> None:
    config = campus()
    CHANGES[what][0](config)

    assert site.wish(config).warnings == ()


# States

KEPT = {
    Power.STOPPED: Power.STOPPED,
    Power.STARTING: Power.RUNNING,
    Power.RUNNING: Power.RUNNING,
    Power.PAUSED: Power.PAUSED,
    Power.DIED: Power.DIED,
}


@pytest.mark.parametrize("state", ["present", "stopped"])
@pytest.mark.parametrize("was", KEPT)
def test_power_keep_leaves_a_guest_in_the_state_that_it_is_in(site: Site, was: Power, state: str) -> None:
    site.host.runs["g7"].power = was
    config = campus()
    config["guests"]["late"] = {}

    asked = site.wish(config, power="keep", state=state).lab.guests

    assert asked["g7"].power is KEPT[was]
    assert asked["late"].power is (Power.RUNNING if state == "present" else Power.STOPPED)
