# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A working directory that was copied is another lab, and one that was moved is the same, while guests run and when none does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from lab import HANG, PREFIX, Lab, Refused, fresh_lab, has_namespace, mounts_of, processes_of, until
from programs import Ansible

from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.union import serving

PATIENCE = 300
GUESTS = ("alice", "bob", "carol")
# One of each that has something of the host besides its process: an overlay, a server of its union, an image that is mounted.
SITE: dict[str, Any] = {
    "defaults": {"mem": 64, "files": {"/etc/motd": "hello\n"}, "layers": ["layers/own-{{ name }}", "layers/all"]},
    "bridges": {"lan": {"prefix": "10.1.0.0/24", "address": "10.1.0.254/24"}},
    "guests": {
        "alice": {"union": "overlay", "interfaces": {"eth0": {"bridge": "lan"}}},
        "bob": {"union": "cowfs", "interfaces": {"eth0": {"bridge": "lan"}}},
        "carol": {"disk": 32, "interfaces": {"eth0": {"bridge": "lan"}}},
    },
}


def states(lab: Lab) -> dict[str, str]:
    """What each guest of a lab is doing."""
    return {name: guest["state"] for name, guest in lab.info(inside=False)["guests"].items()}


def facts(lab: Lab) -> dict[str, Any]:
    """What nobody else may touch of a running lab."""
    return {
        "pids": {name: lab.process(name).pid for name in GUESTS},
        "server": serving.server(lab.directory("bob").path),
        "devices": {name: (device["ifindex"], device.get("master")) for name, device in lab.devices().items()},
        "claims": sorted(os.readlink(claim) for claim in lab.claims()),
        "groups": sorted(map(str, lab.control_groups())),
        "mounts": len(mounts_of(lab.path)),
        "written": {name: lab.read(name, "cat /root/mine /opt/own /opt/all") for name in GUESTS},
    }


def copy(lab: Lab, name: str) -> Lab:
    """A copy of a lab's directory beside it, as a user makes one."""
    place = lab.path.with_name(name)
    # Of an image that is mounted, what was written last is not in the file yet.
    os.sync()
    subprocess.run(["cp", "-a", str(lab.path), str(place)], check=True, timeout=PATIENCE)
    return Lab(place)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A directory for working directories; what is left of any lab in it is an error."""
    yield tmp_path
    for place in tmp_path.glob("k*"):
        Lab(place).destroy()


@pytest.fixture
def site(home: Path) -> Iterator[Lab]:
    """A lab that runs."""
    (home / "k1").mkdir(mode=0o700)
    with ExitStack() as stack:
        lab = stack.enter_context(fresh_lab(home / "k1"))
        for layer, file in (*((f"own-{name}", "own") for name in GUESTS), ("all", "all")):
            place = lab.path / "layers" / layer / "opt"
            place.mkdir(parents=True)
            (place / file).write_text(f"{layer}\n")
        lab.scenario("site", SITE, wait_timeout=PATIENCE)
        for name in GUESTS:
            lab.read(name, f"echo {name} >/root/mine; sync")
        yield lab


def test_a_copy_is_a_lab_of_its_own_and_touches_nothing_of_the_original(site: Lab) -> None:
    before = facts(site)
    second = copy(site, "k2")

    told = second.info()
    assert (told["name"], told["netns"]) == (second.name, second.name) != (site.name, site.name)
    assert {name: guest["state"] for name, guest in told["guests"].items()} == dict.fromkeys(GUESTS, "stopped")
    assert told["orphans"] == []
    assert f"the lab {site.name}" in told["guests"]["alice"]["reason"]
    for check in (True, False):
        stopped = second.guest("alice", state="stopped", check=check)
        assert stopped["changed"] is False
        assert facts(site) == before
    assert f"this is the lab {second.name} from now on" in stopped["warnings"][0]
    # As in a copy of hard links.
    sockets = [lab.directory("bob").path / serving.SOCKET for lab in (site, second)]
    sockets[1].unlink()
    os.link(*sockets)
    second.guest("bob", state="absent")
    assert facts(site) == before

    second.guest("alice", state="restarted")
    assert second.guest("alice", state="started")["warnings"] == []
    assert second.scenario("site", SITE, wait_timeout=PATIENCE)["changed"]

    assert second.reaches("alice", "10.1.0.2") and site.reaches("alice", "10.1.0.2")
    assert second.read("alice", "cat /root/mine /etc/motd") == "alice\nhello\n"
    macs = [{lab.link(name, "eth0")["address"] for name in GUESTS} for lab in (site, second)]
    assert macs[0].isdisjoint(macs[1])
    assert facts(site) == before

    third = copy(second, "k3")
    assert set(states(third).values()) == {"stopped"}
    third.scenario("site", state="absent")
    assert third.leftovers() == []
    assert set(states(second).values()) == {"running"}
    second.scenario("site", state="absent")
    assert second.leftovers() == []
    assert facts(site) == before


def test_a_moved_lab_goes_on_and_leaves_nothing_behind(site: Lab, home: Path) -> None:
    before = facts(site)
    place = home / "k3"
    site.path.rename(place)
    moved = Lab(place)

    assert moved.name == site.name
    assert set(states(moved).values()) == {"running"}
    for check in (True, False):
        told = moved.scenario("site", SITE, check=check)
        assert (told["changed"], told["actions"], told["restart_required"]) == (False, [], {})
    after = facts(moved)
    assert after == {**before, "claims": sorted(claim.replace("/k1/", "/k3/") for claim in before["claims"])}

    # Another lab where it was has another name, and nothing of it.
    home.joinpath("k1").mkdir()
    fresh = Lab(home / "k1")
    assert (fresh.name != moved.name, states(fresh)) == (True, {})
    fresh.bridge("lan", address=["10.1.0.254/24"])
    fresh.bridge("lan", state="absent")
    # Those that keep the logs of guests are told where these were when they began.
    assert [each for each in fresh.leftovers() if "keeps a log" not in each] == []
    assert facts(moved) == after

    changed = {**SITE, "defaults": {**SITE["defaults"], "files": {"/etc/motd": "changed\n"}}}
    moved.scenario("site", changed)
    assert [moved.read(name, "cat /etc/motd") for name in GUESTS] == ["changed\n"] * 3
    moved.iface("alice", "eth1", bridge="lan", address=["10.1.0.99/24"])
    assert moved.reaches("bob", "10.1.0.99")
    server = serving.server(moved.directory("bob").path)
    assert server is not None
    os.kill(server, signal.SIGKILL)
    until(lambda: serving.server(moved.directory("bob").path) is None, "the server to end", PATIENCE)
    moved.guest("bob")
    assert moved.read("bob", "cat /root/mine") == "bob\n"
    moved.guest("carol", state="restarted")
    moved.guest("alice", state="stopped")
    place.rename(home / "k4")
    again = Lab(home / "k4")
    assert again.read("carol", "cat /root/mine") == "carol\n"
    again.teardown()

    assert again.leftovers() == site.leftovers() == []
    assert [name for name in os.listdir("/run/netns") if PREFIX in name and str(home.name) in name] == []


def test_a_lab_that_was_moved_to_another_file_system_while_it_ran_is_restarted(site: Lab, home: Path) -> None:
    site.guest("carol", state="stopped", disk=0)
    site.guest("carol", state="absent")
    pid = site.process("alice").pid
    place = copy(site, "k2").path
    shutil.rmtree(site.path)
    moved = Lab(place)

    assert moved.name == site.name
    assert states(moved) == {"alice": "running", "bob": "running"}
    assert moved.process("alice").pid == pid
    with pytest.raises(Refused, match="moved to another file system, or restored, while it ran; restart the guest"):
        moved.iface("alice", "eth0", address=["10.1.0.77/24"])
    moved.guest("alice", state="restarted")
    assert moved.read("alice", "cat /root/mine") == "alice\n"
    assert pid not in processes_of({moved.name})
    moved.teardown()
    assert moved.leftovers() == []


def test_a_lab_is_the_same_by_whatever_path_and_when_it_is_restored(home: Path) -> None:
    (home / "k1").mkdir(mode=0o700)
    (home / "kbind").mkdir()
    (home / "klink").symlink_to("k1")
    with fresh_lab(home / "k1") as lab:
        lab.bridge("lan", address=["10.1.0.254/24"])
        lab.guest("alice", mem=64)
        lab.iface("alice", "eth0", bridge="lan", address=["10.1.0.1/24"])
        subprocess.run(["mount", "--bind", str(lab.path), str(home / "kbind")], check=True)
        try:
            for other in (Lab(home / "kbind"), Lab(home / "klink"), lab):
                assert other.name == lab.name
                assert other.guest("alice", mem=64)["changed"] is False
                assert other.iface("alice", "eth0", bridge="lan")["changed"] is False
                assert len(lab.claims()) + len(Lab(home / "kbind").claims()) == 1
        finally:
            subprocess.run(["umount", str(home / "kbind")], check=True)
        lab.guest("alice", state="stopped")
        mac = lab.info()["guests"]["alice"]["interfaces"]["eth0"]["mac"]
        devices = lab.devices()

        subprocess.run(["tar", "-C", home, "-cf", home / "saved.tar", "k1"], check=True)
        shutil.rmtree(lab.path)
        subprocess.run(["tar", "-C", home, "-xf", home / "saved.tar"], check=True)

        assert Lab(lab.path).name == lab.name
        assert lab.bridge("lan", address=["10.1.0.254/24"], interfaces=["alice:eth0"])["changed"] is False
        assert lab.devices().keys() == devices.keys()
        # What says when it was given its name is of an earlier boot of the host, and devices had other numbers.
        stored = json.loads(lab.workdir.identity.read_text())
        stored["place"] |= {"boot": "another", "device": 1}
        lab.workdir.identity.write_text(json.dumps(stored))
        lab.path.rename(home / "k9")
        restarted = Lab(home / "k9")
        assert restarted.name == lab.name
        assert restarted.info()["guests"]["alice"]["interfaces"]["eth0"]["mac"] == mac
        restarted.teardown()
        assert restarted.leftovers() == []
        assert not has_namespace(lab.name)


def test_a_copy_that_is_made_while_a_guest_starts_leaves_it_alone(home: Path) -> None:
    (home / "k1").mkdir(mode=0o700)
    with fresh_lab(home / "k1") as lab:
        with subprocess.Popen(
            lab.command("guest", name="alice", mem=64, cmdline=HANG), stdout=subprocess.DEVNULL
        ) as run:
            until(lambda: processes_of({lab.name}), "the guest to start", PATIENCE)
            run.kill()
        pid = lab.process("alice").pid
        second = copy(lab, "k2")

        assert (states(lab), states(second)) == ({"alice": "starting"}, {"alice": "stopped"})
        second.guest("alice", state="absent")
        assert second.leftovers() == []
        assert lab.process("alice").pid == pid and processes.is_alive(lab.process("alice"))


def test_ansible_takes_no_guest_of_another_lab_for_that_of_a_copy(site: Lab, home: Path) -> None:
    before = facts(site)
    second = copy(site, "k2")
    ansible = Ansible(second, home)
    inventory = home / "lab.dumm.yml"
    inventory.write_text("plugin: dumm.lab.dumm\n")

    listed = json.loads(ansible.run("ansible-inventory", "-i", str(inventory), "--list"))
    assert listed["_meta"]["hostvars"]["alice"]["dumm_state"] == "stopped"
    told = ansible.run("ansible", "-i", str(inventory), "alice", "-m", "raw", "-a", "poweroff", code=4)
    assert f"belongs to the lab {site.name}; this directory was copied" in " ".join(told.split())
    done = ansible.run("ansible", "localhost", "-m", "dumm.lab.dumm_scenario", "-a", "name=site state=absent")
    assert f"this is the lab {second.name} from now on" in " ".join(done.split())

    assert second.leftovers() == []
    assert facts(site) == before
