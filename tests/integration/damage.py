# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of damage to a working directory, as a table: which file, what is done to it, and what is expected then.

:data:`KINDS` has those that are tried one at a time, each on objects made for it, beside a guest that runs; :func:`attempt` tries one and
says what went wrong.  :data:`WRECKAGE` has what a start must cope with, all at once on one guest.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lab import Lab, Refused

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import hosts
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import Bridge, Guest, Iface

# What is damaged, and what runs beside it.
VICTIM, BRIDGE, KEEPER, SEGMENT = "victim", "damaged", "keeper", "br0"
_PATHS = {
    "guest.json": f"guests/{VICTIM}/guest.json",
    "mem": f"guests/{VICTIM}/mem",
    "linux": f"guests/{VICTIM}/linux",
    "master": f"guests/{VICTIM}/master",
    "process.json": f"guests/{VICTIM}/process.json",
    "bridge": f"bridges/{BRIDGE}.json",
    "lab.json": "lab.json",
    "scenario": "scenarios/damaged/config",
}

Damage = Callable[[Path], None]


class Outcome(enum.Enum):
    """What is expected of the modules."""

    # The object is unreadable: each change of it is an error that names the file, and absent takes it away.
    BLOCKED = "blocked"
    # The whole lab is not changed, the error names the file; dumm_info and the inventory work.
    REFUSED = "refused"
    # Nothing is seen of it, and it stays.
    IGNORED = "ignored"
    # The next run copes with it.
    HEALED = "healed"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of damage.

    :ivar file: a key of ``_PATHS``, or a path below the working directory.
    """

    name: str
    file: str
    do: Damage
    outcome: Outcome

    @property
    def path(self) -> str:
        """Path below the working directory."""
        return _PATHS.get(self.file, self.file)


# What can be done to a file


def holds(data: bytes) -> Damage:
    """It has another content."""

    def do(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(path)
        path.write_bytes(data)

    return do


def cut(path: Path) -> None:
    """Half of it is missing."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def sets(*keys: str, to: Any) -> Damage:
    """A value in its JSON is another."""

    def do(path: Path) -> None:
        found = json.loads(path.read_text()) if path.exists() else {}
        place = found
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = to
        path.write_text(json.dumps(found))

    return do


def leads(target: str) -> Damage:
    """It is a link."""

    def do(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(path)
        path.symlink_to(target)

    return do


def remove(path: Path) -> None:
    """It is gone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replaced(make: Damage) -> Damage:
    def do(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(path)
        make(path)

    return do


def _directory(path: Path) -> None:
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "file").touch()


def _socket(path: Path) -> None:
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"/proc/self/fd/{directory}/{path.name}")
    finally:
        os.close(directory)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


directory, fifo, a_socket, sparse = map(_replaced, (_directory, os.mkfifo, _socket, _sparse))
NO_FILE: dict[str, Damage] = {
    "missing": remove,
    "directory": directory,
    "FIFO": fifo,
    "socket": a_socket,
    "link to nothing": leads("nowhere"),
    "link to itself": _replaced(lambda path: path.symlink_to(path.name)),
    "link to a device that never ends": leads("/dev/zero"),
    "4 TB": sparse,
}
_NO_JSON: dict[str, Damage] = {
    "empty": holds(b""),
    "blank": holds(b" \n\n"),
    "cut": cut,
    "zeroes": holds(bytes(512)),
    "a list": holds(b"[1]"),
    "null": holds(b"null"),
    "a number": holds(b"7"),
    "a text": holds(b'"text"'),
    "Latin-1": holds('{"cmdline": "grün"}'.encode("latin-1")),
    "UTF-16": holds('{"a": 1}'.encode("utf-16")),
    "binary": holds(bytes(range(256))),
    "two values": holds(b"{} {}"),
    "YAML": holds(b"mem: 64\n"),
    "100 000 lists": holds(b"[" * 100_000),
    "100 000 mappings": holds(b'{"a":' * 100_000),
    "300 mappings": holds(b'{"vars": ' * 300 + b"1" + b"}" * 300),
    "a key twice": holds(b'{"stp": true, "stp": false}'),
    "NaN": holds(b'{"mtu": NaN}'),
    "Infinity": holds(b'{"mtu": Infinity}'),
    "5000 digits": holds(b'{"mtu": ' + b"9" * 5000 + b"}"),
    "half a letter": holds(b'{"cmdline": "\\ud800"}'),
}


def _blocked(file: str, ways: dict[str, Damage]) -> Iterator[Kind]:
    for name, do in ways.items():
        yield Kind(f"{file}: {name}", file, do, Outcome.BLOCKED)


_GUEST = {
    "no interfaces": sets("interfaces", to=None),
    "labels are a list": sets("labels", to=["a"]),
    "a setting is a number": sets("sysctl", to={"kernel.panic": 9}),
    "an unknown union": sets("union", to="zfs"),
    "an address is a number": sets("interfaces", "eth0", "addresses", to=5),
    "an address is none": sets("interfaces", "eth0", "addresses", to=["10.0.0.300/24"]),
    "an MTU of 10^30": sets("interfaces", "eth0", "mtu", to=10**30),
    "a bridge that leads out": sets("interfaces", "eth0", "bridge", to="../x"),
    "an interface that leads out": sets("interfaces", "../../x", to={}),
    "a MAC address is none": sets("interfaces", "eth0", "mac", to="02"),
    "a delay is a text": sets("interfaces", "eth0", "conditions", to={"delay": "1ms"}),
    "a scenario that leads out": sets("scenario", to="../../etc"),
    "loaded is a text": sets("loaded", to="site"),
    "a layer that leads out": sets("loaded", to={"scenario": "site", "files": "../../../etc"}),
    "loaded over nothing": sets("loaded", to={"scenario": "site", "under": {}}),
    "a route to nowhere": sets("routes", to=[{}]),
    "a layer above the working directory": sets("layers", to=["../etc"]),
    "NUL in a path": sets("layers", to=["/etc\0/x"]),
    "an unknown error": sets("faults", to=[{"path": "/x", "error": "__name__"}]),
    "confine is a text": sets("confine", to="no"),
    "disk of 2^64": sets("disk", to=2**64),
    "lines in cmdline": sets("cmdline", to="a\nb"),
    "an unknown readiness": sets("ready", to="soon"),
}
_BRIDGE = {
    "the name of another": sets("name", to=SEGMENT),
    "an address is none": sets("addresses", to=["nowhere"]),
    "an MTU is a text": sets("mtu", to="1500"),
    "a mask of 2^40": sets("group_fwd_mask", to=2**40),
    "stp is a number": sets("stp", to=1),
    "a scenario that leads out": sets("scenario", to="../.."),
}
_MEM = {
    "empty": holds(b""),
    "a word": holds(b"much\n"),
    "zeroes": holds(bytes(8)),
    "negative": holds(b"-64\n"),
    "5000 digits": holds(b"9" * 5000),
    "not UTF-8": holds(b"\xff\n"),
}
_LINK = {
    "elsewhere": leads("elsewhere"),
    "out": leads("../../kernels/../linux"),
    "a line of its own": leads("../../kernels/a\nb/linux"),
    "a file": holds(b"default"),
}
_LAB = {
    **_NO_JSON,
    "netns is a number": holds(b'{"netns": 5}'),
    "netns leads out": holds(b'{"netns": "../x"}'),
    "netns is empty": holds(b'{"netns": ""}'),
    "netns is not ASCII": holds('{"netns": "grün"}'.encode()),
    "a name that leads out": sets("name", to="../x"),
    "a name that is a number": sets("name", to=5),
    "a name without a place": holds(b'{"name": "dumm-x-123456"}'),
    "a place that is a text": sets("place", to="/var/lib/dumm"),
    "an inode that is a text": sets("place", "inode", to="5"),
    "format 0": holds(b'{"format": 0}'),
    **{name: do for name, do in NO_FILE.items() if name != "missing"},
}
_PROCESS = {
    **_NO_JSON,
    **{name: do for name, do in NO_FILE.items() if name != "missing"},
    "init of the host": holds(b'{"pid": 1, "started": 0}'),
    "all processes": holds(b'{"pid": -1}'),
}
_FOREIGN = {
    "guests/README": holds(b"here are the guests"),
    "guests/Weird Name": directory,
    "guests/under_score": directory,
    "guests/nothing": leads("nowhere"),
    "guests/pipe": fifo,
    "guests/mail": a_socket,
    "guests/-": directory,
    "bridges/README": holds(b"here are the bridges"),
    "bridges/x y.json": holds(b"{"),
    "bridges/br0.json.bak": holds(b"{"),
    "bridges/br0.json~": fifo,
    "disks/README": holds(b"here are the disks"),
    "disks/x y.img": holds(b"no image"),
    "scenarios/README": holds(b"here are the scenarios"),
    "kernels/README": holds(b"here are the kernels"),
    "masters/pipe": fifo,
    f"guests/{KEEPER}/notes": holds(b"mine"),
    f"guests/{KEEPER}/saves/README": holds(b"mine"),
    "notes": holds(b"mine"),
}

KINDS = [
    *_blocked("guest.json", {**_NO_JSON, **NO_FILE, **_GUEST}),
    *_blocked("bridge", {**_NO_JSON, **{name: do for name, do in NO_FILE.items() if name != "missing"}, **_BRIDGE}),
    *_blocked("mem", {**_MEM, **NO_FILE}),
    *_blocked("linux", {**_LINK, "missing": remove, "directory": directory, "FIFO": fifo}),
    *_blocked("master", {**_LINK, "missing": remove, "directory": directory, "FIFO": fifo}),
    *(Kind(f"lab.json: {name}", "lab.json", do, Outcome.REFUSED) for name, do in _LAB.items()),
    *(
        Kind(f"process.json: {name}", "process.json", do, Outcome.HEALED)
        for name, do in _PROCESS.items()
        if name != "cut"
    ),
    *(Kind(f"foreign: {path}", path, do, Outcome.IGNORED) for path, do in _FOREIGN.items()),
    Kind("closed: a directory", "closed", directory, Outcome.HEALED),
    Kind("disk: no image", f"disks/{VICTIM}.img", holds(b"no image"), Outcome.BLOCKED),
    Kind("disk: empty", f"disks/{VICTIM}.img", holds(b""), Outcome.BLOCKED),
    Kind("disk: FIFO", f"disks/{VICTIM}.img", fifo, Outcome.BLOCKED),
    Kind("disk: link to nothing", f"disks/{VICTIM}.img", leads("nowhere"), Outcome.BLOCKED),
]

# What the start of a guest that did not run must cope with: paths below its directory.
WRECKAGE: dict[str, Damage] = {
    "process.json": directory,
    "ready": directory,
    "users": holds(b"\xff\xff"),
    "in": directory,
    "out": holds(b"no FIFO"),
    "console": leads("/dev/zero"),
    "union": directory,
    "run": holds(b"no directory"),
    "spool": fifo,
    "outbox": leads("/etc"),
    "boot.log": fifo,
    "boot.log.1": directory,
    "work": holds(b"no directory"),
    "names": holds(b"no directory"),
    "view": holds(b"no directory"),
    "doorbell.lock": fifo,
    "saves": holds(b"no directory"),
    ".new-guest.json.x": fifo,
    ".gone-x": holds(b""),
}


def prepare(lab: Lab) -> None:
    """A guest that runs beside what is damaged."""
    lab.bridge(SEGMENT)
    lab.guest(KEEPER, state="present", mem=64, init="minimal")
    lab.iface(KEEPER, "eth0", bridge=SEGMENT, address=["10.0.0.1/24"])
    lab.guest(KEEPER)


def attempt(lab: Lab, kind: Kind) -> list[str]:
    """Try a kind of damage in a lab that :func:`prepare` has made: what was not as expected; the lab is as before afterwards."""
    lab.workdir.store_bridge(Bridge(BRIDGE))
    lab.workdir.store_guest(Guest(VICTIM, mem=64, interfaces={"eth0": Iface(VICTIM, "eth0", BRIDGE)}))
    path = lab.path / kind.path
    before = path.read_bytes() if kind.file == "lab.json" and path.is_file() else None
    pid = lab.process(KEEPER).pid
    wrong: list[str] = []
    try:
        kind.do(path)
        info = lab.call("info", {"inside": False}, False)
        wrong += _others_are_told(lab, info["lab"])
        wrong += _TRIED[kind.outcome](lab, kind, path, info)
    finally:
        if kind.outcome in (Outcome.REFUSED, Outcome.IGNORED):
            remove(path)
        if before is not None:
            path.write_bytes(before)
        lab.workdir.forget_guest(VICTIM)
        lab.workdir.forget_bridge(BRIDGE)
    if lab.process(KEEPER).pid != pid or not processes.is_alive(lab.process(KEEPER)):
        wrong.append("the other guest was ended")
    return wrong


def _others_are_told(lab: Lab, found: dict[str, Any]) -> Iterator[str]:
    """dumm_info and the inventory tell of the other guest what they did before."""
    if found["guests"][KEEPER]["state"] != "running":
        yield f"dumm_info: {found['guests'][KEEPER]}"
    if found["orphans"]:
        yield f"orphans: {found['orphans']}"
    expected = {"guests": {KEEPER, VICTIM}, "bridges": {SEGMENT, BRIDGE}}
    yield from (f"{key}: {set(found[key])}" for key, names in expected.items() if set(found[key]) != names)
    told = hosts.look(str(lab.path)) or {}
    if told.get(KEEPER, {}).get("variables", {}).get("dumm_state") != "running":
        yield f"the inventory: {told}"


def _change_another(lab: Lab, found: dict[str, Any]) -> dict[str, Any]:
    """Change an object that is whole."""
    return lab.bridge(SEGMENT, stp=not found["bridges"][SEGMENT]["stp"])


def _refusal(call: Callable[..., Any], *arguments: str, **options: Any) -> str | None:
    try:
        call(*arguments, **options)
    except Refused as refused:
        return str(refused)
    return None


def _names_file(said: str | None, path: Path, what: str) -> Iterator[str]:
    if said is None or str(path) not in said or not said.isprintable() or "; " not in said:
        yield f"{what}: {said}"


def _blocked_alone(lab: Lab, kind: Kind, path: Path, info: dict[str, Any]) -> Iterator[str]:
    of_bridge = kind.file == "bridge"
    found = info["lab"]["bridges"][BRIDGE] if of_bridge else info["lab"]["guests"][VICTIM]
    if found.get("state") != "unreadable":
        yield f"dumm_info says {found}"
    yield from _names_file(found.get("reason"), path, "reason of dumm_info")
    changed = _change_another(lab, info["lab"])
    if not changed["changed"]:
        yield "a change of another object"
    for warnings in (info["warnings"], changed["warnings"]):
        yield from _names_file("; ".join([*warnings, ""]), path, "warnings")
    before = path.lstat().st_mtime_ns if os.path.lexists(path) else None
    own = partial(lab.bridge, BRIDGE) if of_bridge else partial(lab.guest, VICTIM)
    changes: dict[str, Any] = {"mtu": 1300} if of_bridge else {"state": "present", "mem": 72}
    for check in (True, False):
        said = _refusal(own, check=check, **changes)
        yield from _names_file(said, path, f"a change of it, check mode {check}")
    if before != (path.lstat().st_mtime_ns if os.path.lexists(path) else None):
        yield "it was written to"
    gone = own(state="absent")
    left = [lab.workdir.bridge(BRIDGE)] if of_bridge else [lab.workdir.guest(VICTIM).path, path]
    if not gone["changed"] or any(map(os.path.lexists, left)):
        yield "absent has not removed it"


def _refused_whole(lab: Lab, _kind: Kind, path: Path, info: dict[str, Any]) -> Iterator[str]:
    yield from _names_file("; ".join([*info["warnings"], ""]), path, "warnings")
    yield from _names_file(_refusal(lab.bridge, SEGMENT, mtu=1300), path, "a change")
    yield from _names_file(_refusal(lab.guest, VICTIM, state="absent"), path, "absent")


def _passed_over(lab: Lab, _kind: Kind, path: Path, info: dict[str, Any]) -> Iterator[str]:
    if not _change_another(lab, info["lab"])["changed"]:
        yield "a change of another object"
    if not os.path.lexists(path):
        yield "it was removed"


def _coped_with(lab: Lab, kind: Kind, path: Path, info: dict[str, Any]) -> Iterator[str]:
    if kind.file == "process.json":
        found = info["lab"]["guests"][VICTIM]
        if found["state"] != "stopped":
            yield f"dumm_info says {found}"
        yield from _names_file(found["reason"], path, "reason of dumm_info")
    for state in ("stopped", "absent"):
        if (said := _refusal(lab.guest, VICTIM, state=state)) is not None:
            yield f"{state}: {said}"
    if os.path.lexists(path):
        yield "it is still there"


_TRIED = {
    Outcome.BLOCKED: _blocked_alone,
    Outcome.REFUSED: _refused_whole,
    Outcome.IGNORED: _passed_over,
    Outcome.HEALED: _coped_with,
}
