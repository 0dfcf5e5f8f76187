# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios' layers come and go over the roots of running guests."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, Refused, fresh_lab, until
from testbed import Config, pair, pids, pinging


def _write(lab: Lab, scenario: str, files: dict[str, str], guest: str = "moon") -> Path:
    """Put files into a scenario's layer for a guest."""
    layer = lab.workdir.scenario_layer(scenario, guest)
    layer.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        target = layer / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return layer


def _settled(lab: Lab, name: str, config: Config | None = None, **options: object) -> None:
    again = lab.scenario(name, config, **options)
    assert (again["changed"], again["actions"]) == (False, [])


def _loaded(lab: Lab, guest: str = "moon") -> tuple[str | None, bool]:
    """Which scenario is loaded in a guest, and whether it is recorded."""
    found = lab.info()["guests"][guest]
    return found["loaded"], found["record"]


def _has(lab: Lab, path: str, guest: str = "moon") -> bool:
    return lab.run(guest, f"test -e {path}").code == 0


@pytest.fixture(scope="module", params=["overlay", "cowfs"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each promise holds for each union engine."""
    return str(request.param)


@pytest.fixture(scope="module")
def shared(engine: str) -> Iterator[Lab]:
    """A lab that the tests of this file share, one for each engine."""
    with fresh_lab(engine=engine) as fresh:
        yield fresh


@pytest.fixture
def lab(engine: str) -> Iterator[Lab]:
    """An empty lab for one test."""
    with fresh_lab(engine=engine) as fresh:
        yield fresh


@pytest.fixture(scope="module")
def _cable(shared: Lab) -> Lab:
    shared.scenario("base", pair(), state="present")
    shared.scenario("base", state="unloaded")
    return shared


@pytest.fixture
def cable(_cable: Lab) -> Iterator[Lab]:
    """Two running guests on a cable, with nothing loaded; nobody of them is restarted, and nothing is left loaded."""
    before = pids(_cable, "moon", "sun")
    yield _cable
    for name in ("a", "b"):
        _cable.scenario(name, state="unloaded", in_use="force")
        layer = _cable.workdir.scenario_layer(name, "moon").parent
        if layer.is_dir():
            os.system(f"rm -r {layer}")
    assert pids(_cable, "moon", "sun") == before


# What is seen


def test_running_and_new_processes_see_the_files_of_the_scenario_that_is_loaded(cable: Lab) -> None:
    for name in ("a", "b"):
        _write(cable, name, {"/etc/which": name, f"/opt/only-{name}/file": name})
    cable.read("moon", "setsid sh -c 'while sleep 0.02; do cat /etc/which >/run/which; done' >/dev/null 2>&1 &")

    for name, other in (("a", "b"), ("b", "a"), ("a", "b")):
        result = cable.scenario(name, pair(), state="loaded")

        assert result["changed"]
        assert cable.read("moon", f"cat /etc/which /opt/only-{name}/file") == f"{name}{name}"
        assert not _has(cable, f"/opt/only-{other}")
        assert until(lambda name=name: cable.read("moon", "cat /run/which") == name, "a running process to see it")
        assert _loaded(cable) == (name, False)
        _settled(cable, name, pair(), state="loaded")
    cable.read("moon", "pkill -f /run/which")


def test_switching_costs_no_packet(cable: Lab) -> None:
    _write(cable, "a", {"/etc/which": "a"})
    _write(cable, "b", {"/etc/which": "b"})

    with pinging(cable, "sun", "10.0.0.1"):
        for name in ("a", "b", "a"):
            cable.scenario(name, pair(), state="loaded")
        cable.scenario("a", state="unloaded")


def test_the_guest_has_its_own_root_again_when_the_scenario_is_unloaded(cable: Lab) -> None:
    cable.read("moon", "echo own >/etc/own")
    _write(cable, "a", {"/etc/own": "a", "/etc/passwd": "a"})
    cable.scenario("a", pair(), state="loaded")
    assert cable.read("moon", "cat /etc/own /etc/passwd") == "aa"

    result = cable.scenario("a", state="unloaded")

    assert "guest moon: unload scenario a" in result["actions"]
    assert cable.read("moon", "cat /etc/own; grep -c root: /etc/passwd") == "own\n1\n"
    assert _loaded(cable) == (None, False)
    _settled(cable, "a", state="unloaded")


def test_unloading_one_scenario_leaves_the_other_loaded(cable: Lab) -> None:
    _write(cable, "b", {"/etc/which": "b"})
    cable.scenario("b", pair(), state="loaded")

    _settled(cable, "a", state="unloaded")

    assert cable.read("moon", "cat /etc/which") == "b"


def test_only_loads_and_unloads_some_guests(cable: Lab) -> None:
    for guest in ("moon", "sun"):
        _write(cable, "a", {"/etc/which": "a"}, guest)

    cable.scenario("a", pair(), state="loaded", only=["moon"])
    first = (_loaded(cable), _loaded(cable, "sun"))
    cable.scenario("a", pair(), state="loaded")
    cable.scenario("a", state="unloaded", only=["moon"])

    assert first == (("a", False), (None, False))
    assert not _has(cable, "/etc/which") and _has(cable, "/etc/which", "sun")


def test_a_scenario_lies_over_all_that_the_guest_has_of_its_own_one(lab: Lab) -> None:
    config = pair(files={"/etc/own": "file"})
    _write(lab, "own", {"/etc/layer": "own", "/etc/which": "own"})
    _write(lab, "a", {"/etc/which": "a"})
    lab.scenario("own", config)
    lab.read("moon", "echo -n written >/root/mine; " + HOLD.format("/root/mine"))

    # Once with the same files again, and once with no file but those of its layer.
    for over in (config, {"hosts": False, "guests": {"moon": {}}}):
        lab.scenario("a", over, state="loaded")
        _settled(lab, "a", over, state="loaded")
        assert lab.read("moon", "cat /etc/own /etc/layer /etc/which /root/mine; getent hosts sun") == (
            "fileownawritten10.0.0.2        sun sun-eth0\n"
        )
        lab.read("moon", "echo x >>/etc/which; echo x >/root/more; rm /etc/own")
        lab.scenario("a", state="unloaded")
        assert lab.read("moon", "cat /etc/own /etc/which /root/mine; ls /root") == "fileownwrittenmine\n"


def test_loading_starts_makes_and_changes_nothing_else(cable: Lab) -> None:
    config = pair()
    config["guests"]["venus"] = {}
    config["guests"]["moon"] = {"mem": 200, "run": ["touch /ran"], "sysctl": {"kernel.panic": 9}}
    before = cable.info()["guests"]["moon"]

    cable.scenario("a", config, state="loaded")

    found = cable.info()["guests"]
    assert set(found) == {"moon", "sun"}
    same = ("mem", "interfaces", "sysctl", "scenario", "routes")
    assert {
        key: found["moon"][key]["eth0"]["address"] if key == "interfaces" else found["moon"][key] for key in same
    } == {key: before[key]["eth0"]["address"] if key == "interfaces" else before[key] for key in same}
    assert not _has(cable, "/ran")


def test_whiteouts_and_opaque_directories_of_a_layer_hide_what_is_below(cable: Lab) -> None:
    layer = _write(cable, "a", {"/etc/apt/mine": "mine"})
    os.mknod(layer / "etc/issue", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    os.setxattr(layer / "etc/apt", "trusted.overlay.opaque", b"y")
    assert _has(cable, "/etc/issue") and _has(cable, "/etc/apt/sources.list.d")

    cable.scenario("a", pair(), state="loaded")
    hidden = cable.read("moon", "ls /etc | grep -x issue || :; ls /etc/apt")
    cable.scenario("a", state="unloaded")

    assert hidden == "mine\n"
    assert _has(cable, "/etc/issue") and _has(cable, "/etc/apt/sources.list.d")


def test_files_of_the_scenarios_file_lie_over_those_of_its_layer(cable: Lab) -> None:
    _write(cable, "a", {"/etc/one": "layer", "/etc/two": "layer"})

    cable.scenario("a", pair(files={"/etc/one": "file"}), state="loaded")

    assert cable.read("moon", "cat /etc/one /etc/two") == "filelayer"


def test_a_layer_that_is_given_to_a_loaded_scenario_appears_at_the_next_run(cable: Lab) -> None:
    cable.scenario("a", pair(), state="loaded")
    _write(cable, "a", {"/etc/which": "a"})

    result = cable.scenario("a", pair(), state="loaded")

    assert result["actions"] == ["guest moon: bring its layers up to date"]
    assert cable.read("moon", "cat /etc/which") == "a"
    _settled(cable, "a", pair(), state="loaded")


# What is written


def test_what_is_written_while_loaded_is_gone_when_unloaded(cable: Lab) -> None:
    layer = _write(cable, "a", {"/etc/which": "a"})
    cable.read("moon", "echo own >/etc/own")
    cable.scenario("a", pair(), state="loaded")
    cable.read(
        "moon", "echo x >/etc/new; echo x >>/etc/which; echo x >>/etc/own; rm -r /etc/issue /etc/apt; mkdir /etc/apt"
    )

    cable.scenario("a", state="unloaded")
    left = cable.read("moon", "ls /etc/new 2>&1 || :; cat /etc/own; ls -d /etc/issue /etc/apt/sources.list.d")
    cable.scenario("a", pair(), state="loaded")
    again = cable.read("moon", "cat /etc/which; cat /etc/own; test ! -e /etc/new")

    assert left.splitlines()[1:] == ["own", "/etc/apt/sources.list.d", "/etc/issue"]
    assert again == "aown\n"
    assert (layer / "etc/which").read_text() == "a"


def test_what_is_written_while_loaded_is_gone_when_another_scenario_is_loaded(cable: Lab) -> None:
    for name in ("a", "b"):
        _write(cable, name, {"/etc/which": name})
    cable.scenario("a", pair(), state="loaded")
    cable.read("moon", "echo x >/root/in-a; echo x >>/etc/which")

    cable.scenario("b", pair(), state="loaded")
    in_b = cable.read("moon", "cat /etc/which; ls /root; echo x >/root/in-b")
    cable.scenario("a", pair(), state="loaded")

    assert in_b == "b"
    assert cable.read("moon", "cat /etc/which; ls /root") == "a"
    assert not list(cable.directory("moon").scratch.glob("b/*"))


def test_what_is_written_while_loaded_stays_as_long_as_the_scenario_is_loaded(cable: Lab) -> None:
    _write(cable, "a", {"/etc/which": "a"})
    cable.scenario("a", pair(), state="loaded")
    cable.read("moon", "echo x >/root/written")

    cable.scenario("a", pair(files={"/etc/other": "x"}), state="loaded")

    assert cable.read("moon", "cat /root/written") == "x\n"


# Recording


def test_a_recorded_scenario_keeps_what_is_written_and_a_fresh_guest_shows_it(cable: Lab, lab: Lab) -> None:
    layer = _write(cable, "a", {"/etc/which": "a"})
    cable.scenario("a", pair(), state="loaded", record=True)
    _settled(cable, "a", pair(), state="loaded", record=True)
    loaded = _loaded(cable)
    cable.read(
        "moon",
        "echo x >>/etc/which; echo new >/root/new; chmod 640 /root/new; rm -r /etc/issue /etc/apt; mkdir /etc/apt",
    )

    cable.scenario("a", state="unloaded")
    after = cable.read("moon", "cat /root/new /etc/which 2>/dev/null; ls -d /etc/issue /etc/apt/sources.list.d")
    lab.workdir.scenario_layer("a", "moon").parent.mkdir(parents=True)
    assert os.system(f"cp -a {layer} {lab.workdir.scenario_layer('a', 'moon')}") == 0
    lab.scenario("a", pair())
    replayed = lab.read(
        "moon", "cat /etc/which; cat /root/new; stat -c %a /root/new; ls /etc/apt; ls /etc | grep -x issue || :"
    )

    assert loaded == ("a", True)
    assert after == "/etc/apt/sources.list.d\n/etc/issue\n"
    assert replayed == "ax\nnew\n640\n"


def test_what_is_recorded_is_what_the_next_load_starts_with(cable: Lab) -> None:
    cable.scenario("a", pair(), state="loaded", record=True)
    cable.read("moon", "echo recorded >/root/file; rm /etc/issue")
    cable.scenario("a", state="unloaded")

    cable.scenario("a", pair(), state="loaded")
    found = cable.read("moon", "cat /root/file; test ! -e /etc/issue; echo more >>/root/file")
    cable.scenario("a", state="unloaded")
    cable.scenario("a", pair(), state="loaded")

    assert found == "recorded\n"
    assert cable.read("moon", "cat /root/file") == "recorded\n"


def test_recording_can_be_switched_on_and_off_while_loaded(cable: Lab) -> None:
    cable.scenario("a", pair(), state="loaded")
    cable.read("moon", "echo x >/root/before")
    cable.scenario("a", pair(), state="loaded", record=True)
    cable.read("moon", "echo x >/root/recorded")
    cable.scenario("a", pair(), state="loaded")
    cable.read("moon", "echo x >/root/after")

    assert cable.read("moon", "ls /root").split() == ["after", "recorded"]
    assert os.listdir(cable.workdir.scenario_layer("a", "moon") / "root") == ["recorded"]
    _settled(cable, "a", pair(), state="loaded")


# Files that are in use

HOLD = "setsid sh -c 'exec 9<{0}; echo $$ >/run/holder; exec sleep 1000' >/dev/null 2>&1 </dev/null & sleep 0.2"


def test_files_that_are_held_open_make_a_change_of_layers_refuse_and_name_them(cable: Lab) -> None:
    _write(cable, "a", {"/etc/which": "a", "/usr/local/bin/wait": "#!/bin/sh\n"})
    _write(cable, "b", {"/etc/which": "b"})
    cable.scenario("a", pair(), state="loaded")
    cable.read("moon", HOLD.format("/etc/which"))
    before = cable.snapshot()

    for name, options in (("a", {"state": "unloaded"}), ("b", {"config": pair(), "state": "loaded"})):
        for check in (True, False):
            with pytest.raises(Refused) as refused:
                cable.scenario(name, check=check, **options)
            assert str(refused.value).startswith(
                "guest moon: its processes hold open what would change under them: /etc/which; end these processes"
            )
    after = cable.snapshot()

    assert _loaded(cable) == ("a", False)
    assert {**after[0], "lock": ""} == {**before[0], "lock": ""}
    cable.read("moon", "kill $(cat /run/holder)")
    cable.scenario("b", pair(), state="loaded")
    assert cable.read("moon", "cat /etc/which") == "b"


def test_a_program_of_the_layer_that_runs_counts_as_held_open(cable: Lab) -> None:
    layer = _write(cable, "a", {})
    (layer / "root").mkdir(mode=0o700)
    os.system(f"cp {cable.workdir.master('default')}/bin/sleep {layer}/root/nap")
    cable.scenario("a", pair(), state="loaded")
    cable.read("moon", "setsid /root/nap 1000 >/dev/null 2>&1 </dev/null & sleep 0.2")

    with pytest.raises(Refused, match="hold open what would change under them: /root/nap;"):
        cable.scenario("a", state="unloaded")

    cable.read("moon", "pkill nap")
    cable.scenario("a", state="unloaded")


def test_files_that_no_layer_of_the_change_has_may_be_held_open(cable: Lab) -> None:
    _write(cable, "a", {"/etc/which": "a"})
    cable.read("moon", "echo x >/root/mine")
    cable.read("moon", HOLD.format("/root/mine"))

    cable.scenario("a", pair(), state="loaded")
    cable.scenario("a", state="unloaded")

    cable.read("moon", "kill $(cat /run/holder)")


def test_files_that_were_opened_before_another_change_count_as_held_open(cable: Lab) -> None:
    for name in ("tool", "other"):
        (cable.path / "layers" / name / "opt").mkdir(parents=True)
        (cable.path / "layers" / name / "opt" / name).write_text(name)
    cable.guest("moon", layers=["layers/tool"])
    cable.read("moon", HOLD.format("/opt/tool"))
    # The union that it was opened in is mounted no more.
    cable.guest("moon", layers=["layers/other", "layers/tool"])

    with pytest.raises(Refused, match="hold open what would change under them: /opt/tool;"):
        cable.guest("moon", layers=["layers/other"])

    cable.read("moon", "kill $(cat /run/holder)")
    cable.guest("moon", layers=[])


def test_force_changes_layers_under_files_that_are_held_open(cable: Lab) -> None:
    _write(cable, "a", {"/etc/which": "a"})
    cable.scenario("a", pair(), state="loaded")
    cable.read("moon", HOLD.format("/etc/which"))

    cable.scenario("a", state="unloaded", busy="force")

    cable.read("moon", "kill $(cat /run/holder)")
    assert until(lambda: not _has(cable, "/etc/which"), "the file to be gone with its holder")
    assert _loaded(cable) == (None, False)


# Stopped and restarted guests


def test_layers_are_loaded_into_and_unloaded_from_stopped_guests(lab: Lab) -> None:
    lab.scenario("base", pair(), state="stopped")
    lab.scenario("base", state="unloaded")
    _write(lab, "a", {"/etc/which": "a"})

    result = lab.scenario("a", pair(), state="loaded")
    _settled(lab, "a", pair(), state="loaded")
    lab.guest("moon")
    loaded = lab.read("moon", "cat /etc/which; echo x >/root/written")
    lab.guest("moon", state="stopped")
    lab.scenario("a", state="unloaded")
    lab.guest("moon")

    assert any("load scenario a" in action for action in result["actions"])
    assert loaded == "a"
    assert not _has(lab, "/etc/which") and not _has(lab, "/root/written")
    assert list(lab.directory("moon").scratch.iterdir()) == []


def test_a_guest_that_is_restarted_keeps_its_layers_and_what_it_wrote(lab: Lab) -> None:
    _write(lab, "a", {"/etc/which": "a"})
    lab.scenario("a", pair())
    lab.read("moon", "echo x >/root/written")

    lab.guest("moon", state="restarted")
    first = lab.read("moon", "cat /etc/which /root/written; getent hosts sun")
    lab.scenario("a", pair(), state="stopped")
    lab.scenario("a", pair())

    assert first.startswith("ax\n10.0.0.2")
    assert lab.read("moon", "cat /etc/which /root/written") == "ax\n"


def test_a_paused_guest_has_the_layers_when_it_goes_on(lab: Lab) -> None:
    _write(lab, "a", {"/etc/which": "a"})
    lab.scenario("base", pair())
    lab.guest("moon", state="paused")

    result = lab.scenario("a", pair(), state="loaded")
    _settled(lab, "a", pair(), state="loaded")
    lab.guest("moon")

    assert result["warnings"] == [
        "guest moon: it is paused, and what is to change in it waits until it is resumed (state: started)"
    ]
    assert lab.read("moon", "cat /etc/which") == "a"
    _settled(lab, "a", pair(), state="loaded")


def test_a_paused_guest_that_is_to_run_goes_on_and_has_the_layers_then(lab: Lab) -> None:
    _write(lab, "a", {"/etc/which": "a"})
    lab.scenario("base", pair())
    lab.guest("moon", state="paused")

    result = lab.scenario("a", pair())

    assert result["actions"][0] == "resume guest moon"
    assert lab.read("moon", "cat /etc/which") == "a"
    _settled(lab, "a", pair())


def test_a_paused_guest_that_needs_no_change_goes_on(lab: Lab) -> None:
    lab.scenario("base", pair())
    before = pids(lab, "moon")
    lab.guest("moon", state="paused")

    result = lab.scenario("base", pair())

    assert result["actions"] == ["resume guest moon"]
    assert pids(lab, "moon") == before
    assert lab.reaches("moon", "sun")
    _settled(lab, "base", pair())


# Whole scenarios


def test_switching_whole_scenarios_keeps_the_guests_that_both_have_running(lab: Lab) -> None:
    first = pair(files={"/etc/which": "a"}, run=["echo a >>/root/ran"])
    first["guests"]["venus"] = {"interfaces": {"eth0": {"bridge": "lan"}}}
    first["bridges"] = {"lan": {"prefix": "10.1.0.0/24", "interfaces": ["moon:eth1"]}}
    second = pair(files={"/etc/which": "b"})
    second["links"][0] |= {"prefix": "10.2.0.0/24", "mtu": 1400}
    _write(lab, "a", {"/etc/layer": "a"})
    _write(lab, "b", {"/etc/layer": "b"})
    lab.scenario("a", first)
    before = pids(lab, "moon", "sun")

    with pinging(lab, "sun", "127.0.0.1"):
        lab.scenario("b", second)
        in_b = lab.read("moon", "cat /etc/which /etc/layer; ls /root")
        assert lab.links("moon") == {"eth0"} and lab.addresses("moon", "eth0") == {"10.2.0.1/24"}
        assert lab.reaches("moon", "sun")
        _settled(lab, "b", second)
        lab.scenario("a", first)

    assert in_b == "bb"
    assert lab.read("moon", "cat /etc/which /etc/layer /root/ran") == "aaa\n"
    assert lab.links("moon") == {"eth0", "eth1"}
    assert lab.reaches("moon", "venus") and lab.reaches("moon", "sun")
    assert pids(lab, "moon", "sun") == before
    assert lab.info()["orphans"] == []
    _settled(lab, "a", first)


def test_layers_of_files_that_nobody_has_any_more_are_cleaned_up(lab: Lab) -> None:
    rendered = lab.path / "rendered"
    for text in ("one", "two", "three"):
        config = pair()
        config["guests"]["moon"] = {"files": {"/etc/text": text}}
        lab.scenario("a", config)
        found = {process.over[0] for process in (lab.process("moon"), lab.process("sun"))}
        assert {str(path) for path in rendered.iterdir()} == found

    lab.scenario("a", state="unloaded")

    assert list(rendered.iterdir()) == []
