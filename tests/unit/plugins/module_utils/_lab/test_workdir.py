# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where things are on disk, and what is read back from there."""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dumm.lab.plugins.module_utils._lab import workdir as workdir_module
from ansible_collections.dumm.lab.plugins.module_utils._lab.errors import HostError, InvalidInput
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import (
    Bridge,
    Conditions,
    Fault,
    Guest,
    Iface,
    Loaded,
    Readiness,
    ReadyCommand,
    Route,
    UnionEngine,
    Userspace,
)
from ansible_collections.dumm.lab.plugins.module_utils._lab.workdir import FORMAT, RELEASE, Workdir, check_netns
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
        faults=(Fault("/var/*", ("read", "write"), "EIO", 2.5), Fault("*.log")),
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
        faults=tuple(Fault(f"/{name}") for name in order),
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
    "stored", [Bridge("br0"), Bridge("br0", (), 9000, True, 16384), Bridge("br0", ("10.0.0.1/24", "fd00::1/64"))]
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

    monkeypatch.setattr(workdir_module, "_store_guest", killed)
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

    monkeypatch.setattr(workdir_module.files, "write", full)
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


DAMAGED = [b"", b"{", b"\0\0\0", b"[]", b"null", b"7", b'"text"', b"\xff"]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_definition_of_a_guest_is_its_default(workdir: Workdir, content: bytes) -> None:
    workdir.store_guest(GUESTS[1])
    workdir.guest("named").definition.write_bytes(content)

    assert workdir.load().guests["named"] == guest("named", kernel="tuned", master="bookworm", mem=48)


@pytest.mark.parametrize("content", [b"", b"much\n", b"\0"])
def test_a_damaged_memory_size_is_the_default(workdir: Workdir, content: bytes) -> None:
    workdir.store_guest(GUESTS[1])
    workdir.guest("named").mem.write_bytes(content)

    assert workdir.load().guests["named"].mem == 128


@pytest.mark.parametrize("link", ["linux", "master"])
def test_a_link_that_is_not_ours_is_the_default(workdir: Workdir, link: str) -> None:
    workdir.store_guest(GUESTS[1])
    (workdir.guest("named").path / link).unlink()
    (workdir.guest("named").path / link).symlink_to("elsewhere")

    found = workdir.load().guests["named"]

    assert {"linux": found.kernel, "master": found.master}[link] == "default"


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_definition_of_a_bridge_is_none(workdir: Workdir, content: bytes) -> None:
    workdir.store_bridge(Bridge("br0"))
    workdir.bridge("br0").write_bytes(content)

    assert workdir.load().bridges == {}


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_identity_is_that_of_a_new_lab(workdir: Workdir, content: bytes) -> None:
    workdir.store_netns("testbed")
    workdir.identity.write_bytes(content)

    assert workdir.load().netns == workdir.lab_name


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
    (workdir.guests / "alice").mkdir()
    workdir.guest("alice").definition.write_text(json.dumps(definition))
    workdir.bridge("br0").write_text('{"name": "br0", "stp": true, "loud": true}')
    with pytest.raises(HostError, match="cannot be understood"):
        workdir.load()

    workdir.identity.write_text(json.dumps({"format": FORMAT + 1}))
    lab = workdir.load()

    assert lab.bridges["br0"] == Bridge("br0", stp=True)
    assert lab.guests["alice"] == guest(
        "alice",
        Iface("alice", "eth0", "br0", conditions=Conditions(delay=1.0)),
        routes=(Route("default", "10.0.0.1"),),
        faults=(Fault("/x", (), "EIO"),),
        loaded=Loaded("s"),
    )


def test_a_directory_with_nothing_in_it_is_a_guest_with_the_defaults(workdir: Workdir) -> None:
    (workdir.guests / "empty").mkdir()

    assert workdir.load().guests == {"empty": guest("empty")}


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


@pytest.mark.parametrize(
    "stored", [{"union": "nonsense"}, {"interfaces": []}, {"interfaces": {"eth0": {"x": 1}}}, {"layers": 7}]
)
def test_a_definition_of_another_version_names_the_file(workdir: Workdir, stored: dict[str, object]) -> None:
    workdir.store_guest(GUESTS[0])
    workdir.guest("plain").definition.write_text(json.dumps(stored))

    with pytest.raises(HostError, match=r"guest plain: .*guest\.json"):
        workdir.load()


@pytest.mark.parametrize("stored", [{"x": 1}, {"name": "br0", "x": 1}, {}])
def test_a_definition_of_a_bridge_of_another_version_names_the_file(
    workdir: Workdir, stored: dict[str, object]
) -> None:
    workdir.bridge("br0").write_text(json.dumps(stored))

    with pytest.raises(HostError, match=r"bridge br0: .*br0\.json"):
        workdir.load()
