# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are on disk, and what is read back from there."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab.host import workdir as workdir_module
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import FORMAT, RELEASE, Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.conditions import Conditions
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.errors import HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import (
    Bridge,
    Guest,
    Iface,
    InjectedFault,
    Loaded,
    Readiness,
    ReadyCommand,
    Route,
    UnionEngine,
    Userspace,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.rules import check_netns
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.span import Span
from ansible_collections.dumm.lab.tests.unit.helpers.labs import guest


@pytest.fixture
def workdir(tmp_path: Path) -> Workdir:
    """A working directory that was just made."""
    made = Workdir.at(str(tmp_path / "lab"))
    made.create()
    return made


GUESTS = [
    guest("plain"),
    guest(
        "named",
        Iface("named", "eth0", "br0", "02:00:00:00:00:01", 1400, ("10.0.0.1/24", "fd00::1/64"), up=False),
        Iface("named", "eth1", addresses=()),
        kernel="tuned",
        master="bookworm",
        mem=48,
        init="minimal",
        cmdline="a b=c",
        userspace=Userspace.SECCOMP,
        cpu=3,
        confine=False,
        disk=64,
        layers=("/srv/a", "/srv/b"),
        union=UnionEngine.OVERLAY,
        faults=(InjectedFault("/var/*", ("read", "write"), "EIO", 2.5), InjectedFault("*.log")),
    ),
    guest("booting", ready=Readiness.BOOTED),
    guest("served", ready=ReadyCommand("curl -f http://localhost/", 2.5)),
    guest("paths", kernel="/opt/linux-7/linux", master="/srv/root"),
    guest("called", labels={"role": "router"}, vars={"ä": [1, 1.5, None, {"b": "c"}], "on": True}),
    # To Python the same as the one before.
    guest("renamed", labels={"role": "router"}, vars={"ä": [1, 1.5, None, {"b": "c"}], "on": 1}),
]


@pytest.mark.parametrize("stored", GUESTS, ids=lambda each: each.name)
def test_a_guest_comes_back_as_it_was_stored(workdir: Workdir, stored: Guest) -> None:
    workdir.store_guest(stored)

    assert workdir.load().guests == {stored.name: stored}


@given(st.permutations(["eth0", "eth1", "eth2", "eth10", "wan0", "a-b.c_d"]))
def test_a_guest_comes_back_with_the_order_of_its_file(order: list[str]) -> None:
    wanted = guest(
        "alice",
        *(Iface("alice", name) for name in order),
        routes=tuple(Route("10.0.0.0/8", dev=name) for name in order),
        faults=tuple(InjectedFault(f"/{name}") for name in order),
        layers=tuple(f"/{name}" for name in order),
        labels=dict.fromkeys(order, "x"),
        vars={"v": [dict.fromkeys(order)]},
    )
    with tempfile.TemporaryDirectory() as place:
        workdir = Workdir(Path(place))
        workdir.create()
        workdir.store_guest(wanted)
        found = workdir.load().guests["alice"]

    assert found == wanted
    assert list(found.interfaces) == list(found.labels) == list(found.vars["v"][0]) == order


@pytest.mark.parametrize("before", GUESTS, ids=lambda each: each.name)
@pytest.mark.parametrize("after", GUESTS, ids=lambda each: each.name)
def test_a_guest_that_is_stored_again_is_the_new_one(workdir: Workdir, before: Guest, after: Guest) -> None:
    workdir.store_guest(Guest(**{**vars(before), "name": "x", "interfaces": {}}))
    new = Guest(**{**vars(after), "name": "x", "interfaces": {}})
    workdir.store_guest(new)

    assert workdir.load().guests == {"x": new}
    assert type(workdir.load().guests["x"].vars.get("on")) is type(new.vars.get("on"))


@pytest.mark.parametrize(
    "stored",
    [
        Bridge("br0"),
        Bridge("br0", (), 9000, True, 16384),
        Bridge("br0", ("10.0.0.1/24", "fd00::1/64")),
        Bridge("br0", span=Span(4711, "192.0.2.1")),
        Bridge("br0", span=Span(1, "2001:db8::1", ("2001:db8::2", "2001:db8::3"), 14789, 1600)),
    ],
)
def test_a_bridge_comes_back_as_it_was_stored(workdir: Workdir, stored: Bridge) -> None:
    workdir.store_bridge(stored)

    assert workdir.load().bridges == {"br0": stored}


def test_what_the_original_kept_by_name_is_there_under_that_name(workdir: Workdir) -> None:
    workdir.store_guest(GUESTS[1])
    home = workdir.path / "guests" / "named"

    assert (home / "mem").read_text() == "48\n"
    assert os.readlink(home / "linux") == "../../kernels/tuned/linux"
    assert os.readlink(home / "master") == "../../masters/bookworm"
    assert os.readlink(home / "named") == "run/named"


def test_links_by_name_lead_to_the_kernel_and_the_master(workdir: Workdir) -> None:
    workdir.store_guest(GUESTS[1])

    assert Path(os.path.realpath(workdir.guest("named").linux)) == workdir.kernel("tuned")
    assert Path(os.path.realpath(workdir.guest("named").master)) == workdir.master("bookworm")


def test_a_path_of_a_kernel_or_a_master_is_itself(workdir: Workdir) -> None:
    assert workdir.kernel("/opt/linux") == Path("/opt/linux")
    assert workdir.master("/srv/root") == Path("/srv/root")


def test_a_lab_is_private(workdir: Workdir) -> None:
    workdir.store_guest(GUESTS[0])
    home = workdir.guest("plain")

    assert [stat.S_IMODE(p.stat().st_mode) for p in (workdir.path, home.path, home.spool, home.run)] == [0o700] * 4


def test_a_guests_root_is_open_to_its_own_users_whatever_the_umask(workdir: Workdir) -> None:
    before = os.umask(0o077)
    try:
        workdir.store_guest(GUESTS[0])
    finally:
        os.umask(before)

    assert stat.S_IMODE(workdir.guest("plain").diff.stat().st_mode) == 0o755


def test_storing_the_same_again_writes_nothing(workdir: Workdir) -> None:
    workdir.store_guest(GUESTS[1])
    home = workdir.guest("named").path
    before = {path.name: path.lstat().st_mtime_ns for path in home.iterdir()}

    workdir.store_guest(GUESTS[1])

    assert {path.name: path.lstat().st_mtime_ns for path in home.iterdir()} == before


def test_a_half_made_guest_is_not_there_and_does_not_stand_in_the_way(
    workdir: Workdir, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workdir_module, "_store_fresh", killed)
    with pytest.raises(KeyboardInterrupt):
        workdir.store_guest(GUESTS[0])
    monkeypatch.undo()
    assert os.listdir(workdir.guests) == [".new-plain"]
    assert workdir.load().guests == {}

    workdir.store_guest(GUESTS[0])

    assert os.listdir(workdir.guests) == ["plain"]


def test_a_guest_that_cannot_be_stored_leaves_nothing(workdir: Workdir, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workdir_module.files, "write_all", full)
    with pytest.raises(OSError, match="No space"):
        workdir.store_guest(GUESTS[0])

    assert os.listdir(workdir.guests) == []


def test_a_guest_that_is_forgotten_is_gone_with_all_it_wrote(workdir: Workdir) -> None:
    workdir.store_guest(GUESTS[0])
    (workdir.guest("plain").diff / "etc").mkdir()

    workdir.forget_guest("plain")
    workdir.forget_guest("plain")

    assert os.listdir(workdir.guests) == []


def test_a_bridge_that_is_forgotten_is_gone(workdir: Workdir) -> None:
    workdir.store_bridge(Bridge("br0"))

    workdir.forget_bridge("br0")
    workdir.forget_bridge("br0")

    assert workdir.load().bridges == {}


DAMAGED = [
    b"",
    b" \n",
    b"{",
    b"\0\0\0",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"\xff",
    b"[" * 100_000,
    b'{"a": ' * 100_000,
    b'{"a": ' * 300 + b"1" + b"}" * 300,
    b'{"x": 1, "x": 2}',
    b'{"x": NaN}',
    b'{"x": -Infinity}',
    b'{"x": ' + b"9" * 5000 + b"}",
    b'{"x": "\\ud800"}',
]


def _check_damaged(workdir: Workdir, label: str, path: Path) -> None:
    """The object is there, and known to be damaged by its own file; others are what they were."""
    lab = workdir.load()
    assert list(lab.damaged) == [label]
    said = str(lab.damaged[label])
    assert said.startswith(f"{label}: {path} ")
    assert said.isprintable() and len(said) < 600
    assert lab.guests["plain"] == GUESTS[0] and lab.bridges["other"] == Bridge("other", stp=True)


@pytest.fixture
def others(workdir: Workdir) -> Workdir:
    """The same with a guest and a bridge that nothing happens to, and one of each that something is done to."""
    workdir.store_guest(GUESTS[0])
    workdir.store_bridge(Bridge("other", stp=True))
    workdir.store_guest(GUESTS[1])
    workdir.store_bridge(Bridge("br0"))
    return workdir


@pytest.mark.parametrize("content", DAMAGED, ids=lambda each: ascii(each[:20]))
def test_a_damaged_definition_is_an_error_of_its_object_alone(others: Workdir, content: bytes) -> None:
    for label, path in (("guest named", others.guest("named").definition), ("bridge br0", others.bridge("br0"))):
        before = path.read_bytes()
        path.write_bytes(content)
        _check_damaged(others, label, path)
        path.write_bytes(before)

    assert others.load().damaged == {}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("init", "sbin/init", "a path in the guest, or minimal"),
        ("init", 7, "a text"),
        ("cmdline", "a\nb", "a line of text"),
        ("cmdline", None, "a text"),
        ("userspace", "zfs", "one of auto, seccomp, ptrace"),
        ("union", "zfs", "one of auto, overlay, cowfs"),
        ("union", ["overlay"], "one of auto, overlay, cowfs"),
        ("cpu", -2, "a whole number from -1 to"),
        ("cpu", True, "a whole number"),
        ("confine", "yes", "true or false"),
        ("confine", 0, "true or false"),
        ("disk", 0, "a whole number from 1"),
        ("disk", 2**63, "a whole number"),
        ("disk", 64.5, "a whole number"),
        ("layers", "/srv", "a list"),
        ("layers", ["../srv"], "a path below the working directory"),
        ("layers", ["/a\0b"], "a text"),
        ("routes", {}, "a list"),
        ("routes", [{"via": "10.0.0.1"}], "has no to"),
        ("routes", [{"to": "10.0.0.1/8"}], "default or a prefix"),
        ("routes", [{"to": "default", "via": "here"}], "an IP address"),
        ("routes", [{"to": "default", "dev": "a b"}], "a name of an interface"),
        ("routes", [{"to": "default", "metric": 2**32}], "a whole number"),
        ("sysctl", [], "a mapping"),
        ("sysctl", {"kernel.panic": 9}, "a text"),
        ("scenario", "../../etc", "a name of letters"),
        ("scenario", 5, "a text"),
        ("labels", ["a"], "a mapping"),
        ("labels", {"a": 1}, "a text"),
        ("vars", [], "a mapping"),
        ("vars", None, "a mapping"),
        ("loaded", "s", "a mapping"),
        ("loaded", {}, "has no scenario"),
        ("loaded", {"scenario": "../x"}, "a name of letters"),
        ("loaded", {"scenario": "s", "record": 1}, "true or false"),
        ("loaded", {"scenario": "s", "files": "../../etc"}, "a name"),
        ("loaded", {"scenario": "s", "hosts": ".."}, "a name"),
        ("loaded", {"scenario": "s", "under": {"scenario": 1}}, "a text"),
        ("ready", "soon", "one of agent, booted"),
        ("ready", {"within": 3}, "has no run"),
        ("ready", {"run": "x", "within": "1"}, "a number"),
        ("faults", [{}], "has no path"),
        ("faults", [{"path": "/x", "error": "__doc__"}], "a name of an error"),
        ("faults", [{"path": "/x", "delay": -1}], "a number"),
        ("faults", [{"path": "/x", "during": "read"}], "a list"),
        ("interfaces", None, "a mapping"),
        ("interfaces", [], "a mapping"),
        ("interfaces", {"eth0": []}, "a mapping"),
        ("interfaces", {"../x": {}}, "a name of an interface"),
        ("interfaces", {"eth0": {"bridge": "a/b"}}, "a name of letters"),
        ("interfaces", {"eth0": {"mac": "02:00"}}, "a unicast MAC"),
        ("interfaces", {"eth0": {"mtu": "1500"}}, "a whole number"),
        ("interfaces", {"eth0": {"mtu": 10**30}}, "a whole number"),
        ("interfaces", {"eth0": {"addresses": 5}}, "a list"),
        ("interfaces", {"eth0": {"addresses": ["10.0.0.1"]}}, "an IP address with prefix length"),
        ("interfaces", {"eth0": {"addresses": ["nowhere/24"]}}, "an IP address with prefix length"),
        ("interfaces", {"eth0": {"up": None}}, "true or false"),
        ("interfaces", {"eth0": {"conditions": {"delay": "1"}}}, "a number"),
        ("interfaces", {"eth0": {"conditions": {"rate": 1.5}}}, "a whole number"),
        ("interfaces", {"eth0": {"conditions": {"slot": [1]}}}, "a list of two numbers"),
        ("interfaces", {"eth0": {"conditions": []}}, "a mapping"),
    ],
)
def test_a_setting_of_a_guest_that_cannot_be_is_named(others: Workdir, key: str, value: object, said: str) -> None:
    definition = others.guest("named").definition
    stored = json.loads(definition.read_text())
    definition.write_text(json.dumps({**stored, key: value}))

    _check_damaged(others, "guest named", definition)

    message = str(others.load().damaged["guest named"])
    assert key in message and said in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "other"),
        ("name", 5),
        ("addresses", "10.0.0.1/24"),
        ("addresses", ["10.0.0.1"]),
        ("retired", None),
        ("mtu", "1500"),
        ("mtu", 2**64),
        ("stp", "yes"),
        ("group_fwd_mask", 65536),
        ("scenario", "a/b"),
        ("multicast_snooping", 1),
        ("span", {}),
        ("span", {"vni": 1}),
        ("span", {"vni": 2**24, "local": "192.0.2.1"}),
        ("span", {"vni": 1, "local": "lab1"}),
        ("span", {"vni": 1, "local": "192.0.2.1", "peers": ["x"]}),
        ("span", {"vni": 1, "local": "192.0.2.1", "port": 0}),
    ],
)
def test_a_setting_of_a_bridge_that_cannot_be_is_named(others: Workdir, key: str, value: object) -> None:
    path = others.bridge("br0")
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    _check_damaged(others, "bridge br0", path)


def _as_directory(path: Path) -> None:
    path.mkdir()


def _as_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # Its path may be longer than an address may be.
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        server.bind(f"/proc/self/fd/{directory}/{path.name}")
        os.close(directory)


def _as_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


IN_ITS_PLACE: dict[str, Callable[[Path], None]] = {
    "nothing": lambda path: None,
    "directory": _as_directory,
    "FIFO": os.mkfifo,
    "socket": _as_socket,
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "sparse": _as_sparse,
}


@pytest.mark.parametrize(
    ("which", "kind"),
    [
        (which, kind)
        for which in ("definition", "mem", "linux", "master")
        for kind in IN_ITS_PLACE
        # A kernel may have any absolute path.
        if kind != "device" or which in ("definition", "mem")
    ],
)
def test_what_is_no_file_is_neither_waited_for_nor_read(others: Workdir, kind: str, which: str) -> None:
    path: Path = getattr(others.guest("named"), which)
    path.unlink()
    IN_ITS_PLACE[kind](path)

    _check_damaged(others, "guest named", path)


@pytest.mark.parametrize("kind", [kind for kind in IN_ITS_PLACE if kind != "nothing"])
def test_what_is_no_file_is_no_definition_of_a_bridge(others: Workdir, kind: str) -> None:
    path = others.bridge("br0")
    path.unlink()
    IN_ITS_PLACE[kind](path)

    _check_damaged(others, "bridge br0", path)
    others.forget_bridge("br0")
    assert others.load().damaged == {} and not os.path.lexists(path)


def test_an_empty_mapping_defines_anew(others: Workdir) -> None:
    others.guest("named").definition.write_text("{}")
    others.bridge("br0").write_text("{}")

    lab = others.load()

    assert (lab.damaged, lab.bridges["br0"]) == ({}, Bridge("br0"))
    assert lab.guests["named"] == guest("named", kernel="tuned", master="bookworm", mem=48)


@pytest.mark.parametrize("content", [b"", b"much\n", b"\0", b"-64", b"1e3", b"0", b"9" * 40, b"\xc2\xb2"])
def test_a_damaged_memory_size_is_an_error(others: Workdir, content: bytes) -> None:
    others.guest("named").mem.write_bytes(content)

    _check_damaged(others, "guest named", others.guest("named").mem)


@pytest.mark.parametrize("link", ["linux", "master"])
@pytest.mark.parametrize("target", ["elsewhere", "../../kernels/../linux", "../../x/y/z", "../../masters/", "a/b/c/d"])
def test_a_link_that_is_not_ours_is_an_error(others: Workdir, link: str, target: str) -> None:
    path = others.guest("named").path / link
    path.unlink()
    path.symlink_to(target)

    _check_damaged(others, "guest named", path)


@pytest.mark.parametrize("name", ["Weird Name", "-a", "a.b", "x_y", "ä", "a" * 64])
def test_what_nobody_can_have_made_is_no_guest_and_no_bridge(others: Workdir, name: str) -> None:
    (others.guests / name).mkdir()
    (others.bridges / f"{name}.json").write_text("{")
    (others.bridges / "br0.json.bak").write_text("{")
    (others.guests / "README").write_text("here are the guests")
    (others.guests / "link").symlink_to("nowhere")
    os.mkfifo(others.guests / "fifo")

    lab = others.load()
    others.sweep()

    assert (lab.damaged, sorted(lab.guests), sorted(lab.bridges)) == ({}, ["named", "plain"], ["br0", "other"])
    assert (others.guests / "README").is_file() and (others.guests / name).is_dir()


@pytest.mark.parametrize(
    "place", ["guests", "guests/named", "guests/named/names/etc", "bridges", "rendered", "applied"]
)
def test_what_a_killed_run_left_half_written_is_swept_and_nothing_else(others: Workdir, place: str) -> None:
    directory = others.path / place
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".new-hosts.4jxdgw4g").write_text("127.0.0")
    (directory / "hosts").write_text("127.0.0.1 localhost\n")

    others.sweep()

    assert not (directory / ".new-hosts.4jxdgw4g").exists() and (directory / "hosts").is_file()


def test_a_guest_is_not_made_where_something_else_is(others: Workdir) -> None:
    (others.guests / "README").write_text("here are the guests")

    with pytest.raises(HostError, match=r"guest README: .*/README is in its place and no directory; move it away"):
        others.store_guest(Guest("README"))


# What another version knows


def test_what_only_another_version_knows_stays(others: Workdir) -> None:
    iface = Iface("named", "eth0", "br0", conditions=Conditions(delay=1.0))
    wanted = guest(
        "named",
        iface,
        routes=(Route("default", "10.0.0.1"), Route("10.1.0.0/16", "10.0.0.2")),
        faults=(InjectedFault("/x"), InjectedFault("/y")),
        loaded=Loaded("s", under=Loaded("t")),
        ready=ReadyCommand("true"),
        labels={"a": "b"},
        sysctl=(("kernel.panic", "9"),),
    )
    others.store_guest(wanted)
    path = others.guest("named").definition
    stored = json.loads(path.read_text())
    stored["mood"] = {"good": [1, None]}
    places = (
        stored["interfaces"]["eth0"],
        stored["interfaces"]["eth0"]["conditions"],
        stored["routes"][1],
        stored["faults"][1],
        stored["loaded"],
        stored["loaded"]["under"],
        stored["ready"],
    )
    for place in places:
        place["newer"] = [place.get("to")]
    path.write_text(json.dumps(stored))
    bridge = others.bridge("br0")
    bridge.write_text(json.dumps({**json.loads(bridge.read_text()), "loud": True}))

    assert others.load().guests["named"] == wanted
    others.store_bridge(Bridge("br0", mtu=1400))
    changed = dataclasses.replace(iface, mtu=1400, conditions=Conditions(delay=2.0))
    others.store_guest(
        dataclasses.replace(
            wanted,
            interfaces={"eth1": Iface("named", "eth1"), "eth0": changed},
            routes=tuple(reversed(wanted.routes or ())),
            labels={},
            sysctl=(),
            mem=64,
        )
    )

    assert json.loads(bridge.read_text())["loud"] is True
    kept = json.loads(path.read_text())
    assert (kept["mood"], kept["labels"], kept["sysctl"]) == ({"good": [1, None]}, {}, {})
    assert (kept["interfaces"]["eth0"]["newer"], kept["interfaces"]["eth0"]["mtu"]) == ([None], 1400)
    conditions = {**dataclasses.asdict(changed.conditions), "slot": [], "newer": [None]}
    assert kept["interfaces"]["eth0"]["conditions"] == conditions
    assert "newer" not in kept["interfaces"]["eth1"]
    assert [route.get("newer") for route in kept["routes"]] == [["10.1.0.0/16"], None]
    assert [fault.get("newer") for fault in kept["faults"]] == [None, [None]]
    assert (kept["loaded"]["newer"], kept["loaded"]["under"]["newer"], kept["ready"]["newer"]) == ([None],) * 3


def test_what_another_version_knows_of_a_scenario_goes_with_that(others: Workdir) -> None:
    others.store_guest(guest("named", loaded=Loaded("s"), ready=ReadyCommand("true")))
    path = others.guest("named").definition
    stored = json.loads(path.read_text())
    stored["loaded"]["newer"] = stored["ready"]["newer"] = 1
    path.write_text(json.dumps(stored))

    others.store_guest(guest("named", loaded=Loaded("t")))

    kept = json.loads(path.read_text())
    assert "newer" not in kept["loaded"] and "ready" not in kept


# The lab as a whole


@pytest.mark.parametrize(
    "content",
    [
        *DAMAGED,
        *(
            json.dumps({"netns": each}).encode()
            for each in (5, None, "", "../x", "a/b", ".x", "a b\0", "x" * 300, ["lab"], "ä")
        ),
        *(json.dumps({"format": each}).encode() for each in (0, -1, True, 2.5)),
    ],
    ids=lambda each: ascii(each[:24]),
)
def test_a_damaged_identity_is_an_error_that_names_the_file(others: Workdir, content: bytes) -> None:
    others.identity.write_bytes(content)

    for check in (others.check_identity, others.check_format):
        with pytest.raises(HostError, match=r"^working directory .*: .*/lab\.json cannot be understood \(") as caught:
            check()
        assert "ip netns" in str(caught.value) and str(caught.value).isprintable()
    assert others.load().netns == others.lab_name
    assert list(others.load().guests) == ["named", "plain"]


@pytest.mark.parametrize("kind", [kind for kind in IN_ITS_PLACE if kind != "nothing"])
def test_an_identity_that_is_no_file_is_an_error(others: Workdir, kind: str) -> None:
    IN_ITS_PLACE[kind](others.identity)

    with pytest.raises(HostError, match=r"/lab\.json cannot be understood"):
        others.check_format()
    others.forget()
    assert not os.path.lexists(others.identity)


def test_a_lab_that_says_no_format_has_the_first(workdir: Workdir) -> None:
    workdir.store_netns("testbed")

    assert workdir.format == 1
    workdir.check_format()


def test_a_lab_that_is_changed_has_this_versions_format_and_keeps_what_another_stored(workdir: Workdir) -> None:
    workdir.identity.write_text('{"netns": "testbed", "ours": [1]}')

    workdir.store_format()

    stored = json.loads(workdir.identity.read_text())
    assert stored == {"netns": "testbed", "ours": [1], "format": FORMAT, "needs": RELEASE}
    workdir.store_netns("other")
    assert json.loads(workdir.identity.read_text()) == {**stored, "netns": "other"}


@pytest.mark.parametrize(
    ("identity", "remedy"),
    [
        ({"format": FORMAT + 1, "needs": "9.1.0"}, "install 9.1.0 or later"),
        ({"format": FORMAT + 1}, "install the version that made it, or a later one"),
        ({"format": "next"}, "install the version that made it, or a later one"),
    ],
)
def test_a_lab_of_a_newer_format_is_refused_with_the_version_that_is_needed(
    workdir: Workdir, identity: dict[str, object], remedy: str
) -> None:
    workdir.identity.write_text(json.dumps(identity))

    with pytest.raises(HostError, match=f"made by a newer version of dumm.lab .*; {remedy}$"):
        workdir.check_format()


def test_of_a_newer_lab_is_read_what_is_known(workdir: Workdir) -> None:
    iface = {"bridge": "br0", "colour": "red", "conditions": {"delay": 1.0, "smell": 2}}
    definition = {
        "mood": "good",
        "union": "glue",
        "routes": [{"to": "default", "via": "10.0.0.1", "why": "so"}],
        "faults": [{"path": "/x", "during": [], "error": "EIO", "delay": 0.0, "when": "never"}],
        "loaded": {"scenario": "s", "record": False, "files": None, "depth": 3},
        "interfaces": {"eth0": iface},
    }
    workdir.store_guest(Guest("alice"))
    workdir.guest("alice").definition.write_text(json.dumps(definition))
    workdir.bridge("br0").write_text('{"name": "br0", "stp": true, "loud": true}')
    assert list(workdir.load().damaged) == ["guest alice"]

    workdir.identity.write_text(json.dumps({"format": FORMAT + 1}))
    lab = workdir.load()

    assert (lab.damaged, lab.bridges["br0"]) == ({}, Bridge("br0", stp=True))
    assert lab.guests["alice"] == guest(
        "alice",
        Iface("alice", "eth0", "br0", conditions=Conditions(delay=1.0)),
        routes=(Route("default", "10.0.0.1"),),
        faults=(InjectedFault("/x", (), "EIO"),),
        loaded=Loaded("s"),
    )


def test_a_directory_with_nothing_in_it_is_a_guest_whose_definition_is_missing(workdir: Workdir) -> None:
    (workdir.guests / "empty").mkdir()

    lab = workdir.load()

    assert list(lab.guests) == ["empty"]
    assert re.match(
        r"guest empty: .*guest\.json is missing; restore that file, write \{\} to it", str(lab.damaged["guest empty"])
    )


def test_a_working_directory_that_is_not_there_is_an_empty_lab(tmp_path: Path) -> None:
    lab = Workdir.at(str(tmp_path / "none")).load()

    assert (lab.guests, lab.bridges) == ({}, {})


def test_the_place_of_the_network_is_remembered_until_it_is_forgotten(workdir: Workdir) -> None:
    workdir.store_netns("testbed")
    assert workdir.load().netns == "testbed"

    workdir.forget()
    workdir.forget()

    assert workdir.load().netns == workdir.lab_name


def test_a_working_directory_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HostError, match=rf"working directory {tmp_path}/file/lab: cannot make"):
        Workdir.at(str(tmp_path / "file" / "lab")).create()


# Names.


def test_the_default_directorys_lab_has_the_short_name() -> None:
    assert Workdir(Path("/var/lib/dumm")).lab_name == "dumm"


def test_a_lab_is_named_after_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    assert Workdir.at(f"{tmp_path}/link/").lab_name == Workdir.at(str(tmp_path / "real")).lab_name


def test_directories_of_one_name_are_different_labs() -> None:
    assert Workdir(Path("/a/lab")).lab_name != Workdir(Path("/b/lab")).lab_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/my lab", "dumm-my lab-4572d9"),
        ("/srv/grün", "dumm-grn-"),
        ("/srv/汉语", "dumm--"),
        ("/srv/a" + "ü" * 30 + "b", "dumm-ab-"),
    ],
)
def test_a_labs_name_is_the_ascii_in_that_of_its_directory(path: str, name: str) -> None:
    """The hash keeps it unique; the first is what earlier versions made of it."""
    assert re.fullmatch(re.escape(name) + ("" if name[-1] != "-" else "[0-9a-f]{6}"), Workdir(Path(path)).lab_name)


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\x7f", "a\u2028b", os.fsdecode(b"gr\xfcn")])
def test_a_directory_whose_name_no_message_could_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput) as told:
        Workdir.at(str(tmp_path / name / "lab"))

    assert "its path has control characters, or bytes that are not UTF-8; give it another path" in str(told.value)
    assert str(told.value).isprintable() and str(told.value).isascii()


@pytest.mark.parametrize(
    "name", ["my lab", "a,b", "a:b", "back\\slash", "grün%20", 'it\'s "q"', "汉语", "a\u3000b", "😀"]
)
def test_a_directory_with_an_odd_name_is_taken(tmp_path: Path, name: str) -> None:
    assert Workdir.at(str(tmp_path / name)).path.name == name


@given(st.text("ab/.- é汉ü", min_size=1, max_size=80))
def test_a_labs_name_can_be_that_of_a_namespace(path: str) -> None:
    check_netns(Workdir(Path("/", path.lstrip("/"))).lab_name)


@pytest.mark.parametrize("name", ["host", "lab", "a.b", "a" * 200])
def test_a_namespace_can_be_named_so(name: str) -> None:
    check_netns(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/", "a" * 201])
def test_a_namespace_cannot_be_named_so(name: str) -> None:
    with pytest.raises(InvalidInput, match="network namespace"):
        check_netns(name)
