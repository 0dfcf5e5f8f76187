# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A running lab of an earlier version is taken over as it is: nothing restarted, replugged or lost.

Kept for all versions to come.  The earlier code comes from the repository's own history and makes the lab through its own
``tests/integration/lab.py``, in processes of its own.  A feature that changes what is stored, or how something is found, adds what it must
not disturb to :data:`SITE` or to :meth:`Site.facts`; what the first run may say about an untouched lab is in :data:`EXPLAINED`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import BASE, PATIENCE, PREFIX, REPOSITORY, Lab, Refused, Result, fresh_lab, tree

from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import FORMAT

# The last version whose labs have no format (workdir.FORMAT).
COMMIT = "874975c"
# The last one before the sources moved into packages, which stores what this one does.
SAME_FORMAT = "90de254"

# Neither the names of guests nor those of interfaces are in alphabetical order, which that version stored.
SITE: dict[str, Any] = {
    "defaults": {"mem": 64},
    "groups": {"router": {"sysctl": {"net.ipv4.ip_forward": 1}}},
    "pools": {"links": {"prefix": "10.255.0.0/24"}},
    "bridges": {"lan": {"prefix": ["10.1.0.0/24", "fd01::/64"], "address": "10.1.0.254/24"}},
    "guests": {
        "router": {
            "groups": ["router"],
            "union": "overlay",
            "interfaces": {"wan0": {}, "eth10": {"bridge": "lan"}, "eth2": {"bridge": "lan", "address": []}},
            "files": {"/etc/motd": {"content": "at work\n", "mode": "0600"}, "/root/name": {"template": "{{ name }}"}},
            "run": ["echo once >>/root/ran"],
            "routes": ["192.0.2.0/24 via 10.1.0.9"],
            "labels": {"role": "gateway", "area": 1},
            "vars": {"ports": {"ssh": 22, "http": 80}},
        },
        "client": {"union": "cowfs", "interfaces": {"eth0": {"bridge": "lan"}}, "routes": ["default via 10.1.0.1"]},
        "bound": {"disk": 64, "interfaces": {"eth0": {"bridge": "lan", "mtu": 1400, "mac": "02:00:00:00:00:99"}}},
    },
    "links": [{"a": "router:wan0", "b": "client:eth1", "delay": "2ms", "rate": "50mbit", "loss": "0.5%"}],
}
# Laid over a guest that belongs to no scenario.
OVER = {"guests": {"single": {"files": {"/etc/over": "over\n"}}}}
RUNNING = ("router", "client", "bound", "single")
PAUSED, STOPPED = "napping", "off"

# What is said of the lab as the earlier version left it, and why that is right.
EXPLAINED = {
    # It stored keys in alphabetical order; the file's order counts from the next start on.
    r"guest router: order interfaces wan0, eth10, eth2 from its next start on": "order",
    r"guest router: set variable ports": "order",
    # A link is a cable now: what nobody has joined passes, and the host says nothing on it.
    r"bridge client-eth1--router-wan0: switch multicast snooping off": "cable",
    r"bridge [^ ]+: switch (its|the host's) IPv6 off": "cable",
    r"interface [^ ]+: let LACP through": "cable",
    # /etc/hosts has a layer of its own now; services are not restarted for that.
    r"guest [^ ]+: change the files of scenario (site|over)": "hosts",
}

Facts = dict[str, Any]


class Site:
    """A lab that the earlier version has made, and what it was then."""

    def __init__(self, lab: Lab, earlier: Path) -> None:
        self.lab = lab
        self._earlier = earlier
        self._make()
        self.before = self.facts()

    def earlier(self, module: str, **options: Any) -> Result:
        """Run a module of the earlier version."""
        program = self._earlier / "ansible_collections/dumm/lab/tests/integration/lab.py"
        environment = {**os.environ, "PYTHONPATH": str(self._earlier), "DUMM_TEST_BASE": str(BASE)}
        command = [sys.executable, str(program), module, json.dumps({"workdir": str(self.lab.path), **options})]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=300, env=environment, cwd=self._earlier
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told: Result = json.loads(done.stdout)
        return told

    def _make(self) -> None:
        self.earlier("scenario", name="site", config=SITE)
        self.earlier("bridge", name="br0", address=["10.9.0.254/24"])
        for name in ("single", PAUSED, STOPPED):
            self.earlier("guest", name=name, state="present", mem=64)
            self.earlier("iface", guest=name, name="eth0", bridge="br0")
        self.earlier("iface", guest="single", name="eth0", address=["10.9.0.2/24", "10.9.0.1/24"])
        self.earlier("guest", name="single", save="empty")
        for name in (PAUSED, STOPPED):
            self.earlier("guest", name=name)
            self.lab.read(name, f"echo {name} >/root/mine")
        self.earlier("guest", name=STOPPED, state="stopped")
        self.earlier("guest", name=PAUSED, state="paused")
        for name in RUNNING:
            self.lab.read(name, f"echo {name} >/root/mine")
        self.earlier("scenario", name="over", config=OVER, state="loaded")

    def take_over(self) -> list[Result]:
        """All modules of this version, once each, as they were called before."""
        lab = self.lab
        return [
            lab.scenario("site", SITE),
            lab.bridge("br0", address=["10.9.0.254/24"], interfaces=["single:eth0"]),
            lab.guest("single", mem=64),
            lab.iface("single", "eth0", bridge="br0", address=["10.9.0.2/24", "10.9.0.1/24"]),
            lab.guest(PAUSED, state="paused"),
            lab.guest(STOPPED, state="stopped"),
            lab.scenario("over", OVER, state="loaded"),
        ]

    def check(self) -> list[Result]:
        """The same in check mode."""
        lab = self.lab
        return [
            lab.scenario("site", SITE, check=True),
            lab.bridge("br0", address=["10.9.0.254/24"], check=True),
            lab.guest("single", mem=64, check=True),
            lab.iface("single", "eth0", bridge="br0", address=["10.9.0.2/24", "10.9.0.1/24"], check=True),
            lab.guest(PAUSED, state="paused", check=True),
            lab.guest(STOPPED, state="stopped", check=True),
            lab.scenario("over", OVER, state="loaded", check=True),
        ]

    def facts(self) -> Facts:
        """Everything that must stay as it is."""
        lab = self.lab
        devices = lab.devices()
        return {
            "pids": {name: lab.process(name).pid for name in (*RUNNING, PAUSED)},
            "devices": {name: (each["ifindex"], each.get("address")) for name, each in devices.items()},
            "plugged": {name: each.get("master") for name, each in devices.items()},
            "links": {name: self._links(name) for name in RUNNING},
            "addresses": {name: self._addresses(name) for name in RUNNING},
            "routes": {name: lab.read(name, "ip route; ip -6 route") for name in RUNNING},
            "queues": lab.read("router", "tc qdisc show dev wan0 | sed 's/limit.*delay/delay/'"),
            "forwarding": lab.read("router", "cat /proc/sys/net/ipv4/ip_forward"),
            "written": {name: lab.read(name, "cat /root/mine") for name in RUNNING},
            "kept": {name: _mine(lab, name) for name in (PAUSED, STOPPED)},
            "files": lab.read("router", "cat /etc/motd /root/name /root/ran; stat -c %a /etc/motd"),
            "over": lab.read("single", "cat /etc/over"),
            "saves": os.listdir(lab.directory("single").saves),
        }

    def _links(self, guest: str) -> list[tuple[int, str, str]]:
        told = json.loads(self.lab.read(guest, "ip -j link"))
        return [(each["ifindex"], each["ifname"], each.get("address", "")) for each in told]

    def _addresses(self, guest: str) -> list[str]:
        told = json.loads(self.lab.read(guest, "ip -j addr"))
        return [f"{a['local']}/{a['prefixlen']}" for each in told for a in each["addr_info"] if a["scope"] != "link"]


def _mine(lab: Lab, guest: str) -> dict[str, str]:
    """What a guest has written, as the host sees it."""
    return tree(lab.directory(guest).diff / "root")


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-c", "safe.directory=*", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)


def _history(commit: str) -> bytes:
    """An earlier version as a tar file, from the history of this checkout."""
    found = _git("archive", commit)
    if found.returncode == 0:
        return found.stdout
    if _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        pytest.skip(f"this clone is shallow and lacks commit {commit}: git fetch --unshallow")
    said = found.stderr.decode(errors="replace").strip()
    pytest.fail(f"commit {commit} cannot be had from {REPOSITORY}, run this in a clone with its history: {said}")


@contextmanager
def _version(commit: str) -> Iterator[Path]:
    """A collections path with an earlier version."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as place:
        home = Path(place, "ansible_collections/dumm/lab")
        home.mkdir(parents=True)
        subprocess.run(["tar", "-x", "-C", home], input=_history(commit), check=True, timeout=PATIENCE)
        yield Path(place)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A lab of the earlier version."""
    with _version(COMMIT) as earlier, fresh_lab() as lab:
        yield Site(lab, earlier)


def test_what_is_found_is_what_the_earlier_version_made(site: Site) -> None:
    told = site.lab.info()

    states = {name: guest["state"] for name, guest in told["guests"].items()}
    assert states == {**dict.fromkeys(RUNNING, "running"), PAUSED: "paused", STOPPED: "stopped"}
    assert (told["format"], told["orphans"]) == (1, [])
    assert told["guests"]["client"]["running"]["union"] == "cowfs"
    assert told["guests"]["single"]["loaded"] == "over"


def test_check_mode_finds_nothing_that_cannot_be_explained(site: Site) -> None:
    told = site.check()

    said = [action for each in told for action in each["actions"]]
    assert [each for each in said if not any(re.fullmatch(known, each) for known in EXPLAINED)] == []
    assert [each["restart_required"] for each in told] == [{}] * len(told)
    assert site.facts() == site.before


def test_a_copy_of_an_earlier_lab_is_another_lab(site: Site) -> None:
    place = site.lab.path.with_name(f"{site.lab.path.name}-copy")
    try:
        # Of an image that is mounted, what was written last is not in the file yet.
        os.sync()
        subprocess.run(["cp", "-a", str(site.lab.path), str(place)], check=True, timeout=300)
        copy = Lab(place)

        states = {name: guest["state"] for name, guest in copy.info(inside=False)["guests"].items()}
        copy.teardown()

        assert states == dict.fromkeys((*RUNNING, PAUSED, STOPPED), "stopped")
        assert copy.leftovers() == []
        assert site.facts() == site.before
    finally:
        Lab(place).destroy()
        shutil.rmtree(place)


def test_an_earlier_lab_may_have_been_moved_while_it_ran(site: Site) -> None:
    place = site.lab.path.with_name(f"{site.lab.path.name}-moved")
    claims = len(site.lab.claims())
    site.lab.path.rename(place)
    try:
        moved = Lab(place)

        states = {name: guest["state"] for name, guest in moved.info(inside=False)["guests"].items()}
        told = moved.guest(PAUSED, state="paused")

        assert moved.name == site.lab.name
        assert states == {**dict.fromkeys(RUNNING, "running"), PAUSED: "paused", STOPPED: "stopped"}
        assert (told["changed"], told["restart_required"]) == (False, {})
        assert (len(moved.claims()), site.lab.claims()) == (claims, [])
    finally:
        place.rename(site.lab.path)
    assert site.facts() == site.before


def test_a_lab_is_taken_over_as_it_is(site: Site) -> None:
    first = site.take_over()

    said = [action for each in first for action in each["actions"]]
    assert [each for each in said if not any(re.fullmatch(known, each) for known in EXPLAINED)] == []
    assert site.facts() == site.before
    assert site.lab.info()["format"] == FORMAT
    again = site.take_over()
    assert [(each["changed"], each["actions"]) for each in again] == [(False, [])] * len(again)
    assert [each["restart_required"] for each in again] == [{}] * len(again)
    assert site.facts() == site.before


def test_changes_are_made_under_guests_that_the_earlier_version_started(site: Site) -> None:
    lab = site.lab
    site.take_over()
    router = {
        **SITE["guests"]["router"],
        "files": {"/etc/motd": "changed\n"},
        "interfaces": {**SITE["guests"]["router"]["interfaces"], "late": {"bridge": "lan", "address": "10.1.0.77/24"}},
    }
    client = {**SITE["guests"]["client"], "files": {"/etc/motd": "in cowfs\n"}}
    changed = {
        **SITE,
        "guests": {**SITE["guests"], "router": router, "client": client},
        "links": [{**SITE["links"][0], "delay": "1ms"}],
    }

    lab.scenario("site", changed)

    facts = site.facts()
    assert facts["pids"] == site.before["pids"]
    # Of a bridge the kernel may take another port's address for its own.
    index = {name: number for name, (number, _address) in facts["devices"].items()}
    assert {name: number for name, (number, _address) in site.before["devices"].items()}.items() <= index.items()
    assert lab.read("router", "cat /etc/motd; cat /root/ran") == "changed\nonce\n"
    assert lab.read("client", "cat /etc/motd") == "in cowfs\n"
    assert lab.addresses("router", "late") == {"10.1.0.77/24"}
    assert lab.reaches("client", "10.1.0.77")
    lab.guest(PAUSED)
    assert lab.read(PAUSED, "cat /root/mine") == f"{PAUSED}\n"
    assert lab.process(PAUSED).pid == site.before["pids"][PAUSED]
    lab.guest(STOPPED)
    assert lab.read(STOPPED, "cat /root/mine") == f"{STOPPED}\n"
    lab.guest("bound", state="restarted")
    assert lab.read("bound", "cat /root/mine") == "bound\n"
    lab.scenario("over", OVER, state="unloaded")
    assert lab.run("single", "test -e /etc/over").code == 1
    # A saved state is of the layer that is written to, which is the guest's own again.
    lab.guest("single", state="restarted", restore="empty")
    assert lab.run("single", "test -e /root/mine").code == 1


def test_absent_takes_everything_away(site: Site) -> None:
    lab = site.lab

    lab.scenario("site", state="absent")
    for name in ("single", PAUSED, STOPPED):
        lab.guest(name, state="absent")
    lab.bridge("br0", state="absent")

    assert lab.leftovers() == []
    assert [os.listdir(lab.path / place) for place in ("guests", "bridges", "disks")] == [[], [], []]
    assert not lab.workdir.identity.exists()


def test_a_lab_of_the_same_format_is_taken_over_with_no_more_than_lacp_let_through() -> None:
    with _version(SAME_FORMAT) as earlier, fresh_lab() as lab:
        site = Site(lab, earlier)
        stored = _definitions(lab)

        told = site.take_over()

        said = [action for each in told for action in each["actions"]]
        assert said == [f"interface {end}: let LACP through" for end in ("client:eth1", "router:wan0")]
        assert not any(each["changed"] for each in site.take_over())
        assert [each["restart_required"] for each in told] == [{}] * len(told)
        assert _definitions(lab) == stored
        assert site.facts() == site.before


def _definitions(lab: Lab) -> dict[str, Any]:
    """What is stored of the lab's guests and bridges."""
    places = [
        *lab.path.glob("bridges/*.json"),
        *(lab.directory(name).definition for name in (*RUNNING, PAUSED, STOPPED)),
    ]
    return {str(place.relative_to(lab.path)): json.loads(place.read_text()) for place in places}


def test_a_lab_of_a_newer_version_is_shown_and_not_changed(lab: Lab) -> None:
    lab.bridge("br0")
    lab.guest("alice", mem=64)
    lab.iface("alice", "eth0", bridge="br0")
    identity = json.loads(lab.workdir.identity.read_text())
    lab.workdir.identity.write_text(json.dumps({**identity, "format": FORMAT + 1, "needs": "9.1.0"}))
    bridge = lab.workdir.bridge("br0")
    bridge.write_text(json.dumps({**json.loads(bridge.read_text()), "loud": True}))
    before = lab.snapshot()
    calls: list[Callable[[bool], Result]] = [
        lambda check: lab.guest("alice", mem=128, check=check),
        lambda check: lab.guest("alice", state="absent", check=check),
        lambda check: lab.iface("alice", "eth0", state="absent", check=check),
        lambda check: lab.bridge("br0", mtu=1400, check=check),
        lambda check: lab.scenario("x", {"guests": {"bob": {}}}, check=check),
        lambda check: lab.scenario("x", state="absent", check=check),
    ]

    for call in calls:
        for check in (True, False):
            with pytest.raises(Refused, match=r"made by a newer version .*; install 9\.1\.0 or later"):
                call(check)

    assert lab.snapshot() == before
    told = lab.info()
    assert (told["format"], told["guests"]["alice"]["state"], list(told["bridges"])) == (3, "running", ["br0"])
    lab.workdir.identity.write_text(json.dumps(identity))
    bridge.write_text(
        json.dumps({key: value for key, value in json.loads(bridge.read_text()).items() if key != "loud"})
    )
