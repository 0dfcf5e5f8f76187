# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab of a test's own: a working directory and a network namespace that nobody else has, and the modules to change them.

The modules' bodies are called in this process, as the action plugins do; ``python lab.py guest '{"name": "alice"}'`` does the same
in a process of its own, for tests that kill it, at its 17th deed with ``17`` as one more argument.  Kernels and masters come from
``DUMM_TEST_BASE`` (tests/prepare.yml makes them).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Channel, Completed
from ansible_collections.dumm.lab.plugins.module_utils._lab.host.workdir import GuestDir, Workdir
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.found import Process
from ansible_collections.dumm.lab.plugins.module_utils._lab.run import runner
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.narration import Narrator
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report, RunFailed

# Seconds for what must happen, on however slow and busy a machine.
PATIENCE = 300.0
BASE = Path(os.environ.get("DUMM_TEST_BASE") or os.environ.get("DUMM_WORKDIR") or "/var/lib/dumm")
# Of all that this run makes; another may be under way.
PREFIX = f"dumm-test-{os.getpid()}-"
MASTERS = {"default": "default", "systemd": "test-systemd", "sysvinit": "test-sysvinit"}
# As the documentation calls them.
MASTERS |= {"bookworm-bird": "test-bird", "bookworm-systemd": "test-systemd"}
# There only where the tuned kernel is.
# What an agent keeps in its spool besides requests.
OF_THE_AGENT = frozenset({"hello", "seen", ".seen"})
TUNED, SERVICES = "tuned", "test-services"
REPOSITORY = Path(__file__).resolve().parents[2]
COLLECTIONS = Path(_spec.__file__).absolute().parents[5]

Result = dict[str, Any]

_BODIES: dict[str, tuple[dict[str, Any], Callable[..., Report]]] = {
    "guest": (_spec.GUEST, runner.run_guest),
    "iface": (_spec.IFACE, runner.run_iface),
    "bridge": (_spec.BRIDGE, runner.run_bridge),
    "scenario": (_spec.SCENARIO, runner.run_scenario),
    "info": (_spec.INFO, runner.run_info),
}
# What of a lab's directory changes although no module was called: guests write, and clients ring.
# The lock tells who held it last, also if that was refused.
_LIVELY = {
    "boot.log",
    "boot.log.1",
    "cowfs.log",
    "diff",
    "scratch",
    "work",
    "spool",
    "run",
    "outbox",
    "doorbell.lock",
    "lock",
}

# What a run does to the host, as Python tells of it (audit events, PEP 578), and the beginning of a step.
_STEP = "lab.step"
_DEEDS = {
    "os.chdir",
    "os.fork",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "socket.bind",
    "socket.connect",
    _STEP,
}


class Refused(Exception):
    """A module failed.

    :ivar result: what it said, ``msg`` and ``actions``.
    """

    def __init__(self, result: Result) -> None:
        super().__init__(result["msg"])
        self.result = result


def call(module: str, arguments: dict[str, Any], check_mode: bool = False) -> Result:
    """Run a module's body, with arguments checked and completed as Ansible does.

    :raises Refused: where it fails.
    """
    spec, body = _BODIES[module]
    validated = ArgumentSpecValidator(spec).validate(arguments)
    if validated.error_messages:
        raise Refused({"warnings": [], "failed": True, "msg": validated.errors.msg})
    subscriber = Narrator(lambda _sentence: sys.audit(_STEP), lambda _line: None)
    try:
        report = body(validated.validated_parameters, check=check_mode, subscriber=subscriber)
    except RunFailed as failed:
        raise Refused({"warnings": list(failed.warnings), "failed": True, **failed.result()}) from None
    return {"warnings": list(report.warnings), **report.result()}


class Traces(NamedTuple):
    """What there is of a lab on its host.

    :ivar launches: guests that have processes, once for each of their launches.
    :ivar claims: how many claims to users of the host its guests have.
    :ivar loops: how many loop devices have files of it.
    """

    files: frozenset[str]
    devices: frozenset[str]
    launches: tuple[str, ...]
    mounts: tuple[str, ...]
    control_groups: frozenset[str]
    claims: int
    loops: int
    orphans: tuple[str, ...]

    def unlike(self, other: Traces) -> dict[str, Any]:
        """What differs from another, by its kind: what only this has, and what only the other has."""
        found: dict[str, Any] = {}
        for kind, here, there in zip(self._fields, self, other, strict=True):
            if here == there:
                continue
            if isinstance(here, frozenset) and isinstance(there, frozenset):
                found[kind] = (sorted(here - there), sorted(there - here))
            else:
                found[kind] = (here, there)
        return found


class Lab:
    """A lab and what tests do with it."""

    def __init__(self, path: Path, engine: str | None = None) -> None:
        self.path = path
        self.engine = engine
        self.workdir = Workdir.at(str(path))
        self.name = self.workdir.lab_name

    # The modules

    def guest(self, name: str, *, check: bool = False, **options: Any) -> Result:
        """``dumm_guest``."""
        return self.call("guest", {"name": name, **self._union(), **options}, check)

    def iface(self, guest: str, name: str, *, check: bool = False, **options: Any) -> Result:
        """``dumm_iface``."""
        return self.call("iface", {"guest": guest, "name": name, **options}, check)

    def bridge(self, name: str, *, check: bool = False, **options: Any) -> Result:
        """``dumm_bridge``."""
        return self.call("bridge", {"name": name, **options}, check)

    def scenario(self, name: str, config: Result | None = None, *, check: bool = False, **options: Any) -> Result:
        """``dumm_scenario``."""
        given = {}
        if config is not None:
            given = {"config": {**config, "defaults": {**self._union(), **config.get("defaults", {})}}}
        return self.call("scenario", {"name": name, **given, **options}, check)

    def _union(self) -> Result:
        """Settings that give guests the engine of this lab, where it has one."""
        return {} if self.engine is None else {"union": self.engine}

    def info(self, **options: Any) -> Result:
        """The result of ``dumm_info``."""
        told: Result = self.call("info", options, False)["lab"]
        return told

    def call(self, module: str, options: dict[str, Any], check: bool) -> Result:
        """One of the modules, in this working directory."""
        return call(module, {"workdir": str(self.path), **options}, check)

    def command(self, module: str, **options: Any) -> list[str]:
        """Command line of a process that runs a module here and prints its result as JSON."""
        return [sys.executable, __file__, module, json.dumps({"workdir": str(self.path), **options})]

    def deeds(self, module: str, killed_at: int = 0, **options: Any) -> list[str]:
        """Run a module in a process of its own, which may be killed: the deeds that it did.

        :param killed_at: number of the deed at which it gets SIGKILL, just before it is done; the first is 1.
        """
        command = [*self.command(module, **options), str(killed_at)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode in ((0, -signal.SIGKILL) if killed_at else (0,)), done.stdout + done.stderr
        return done.stderr.split()

    # Inside of guests

    def directory(self, guest: str) -> GuestDir:
        """A guest's directory."""
        return self.workdir.guest(guest)

    def process(self, guest: str) -> Process:
        """A guest's process."""
        process = processes.read(self.directory(guest))
        assert process is not None, f"guest {guest} has no process"
        return process

    def channel(self, guest: str) -> Channel:
        """A guest's control line."""
        return Channel(self.directory(guest), self.process(guest))

    def run(self, guest: str, script: str, stdin: bytes = b"", timeout: float = PATIENCE) -> Completed:
        """Run a script in a guest, whatever its exit code."""
        return self.channel(guest).run(script, stdin, timeout)

    def read(self, guest: str, script: str) -> str:
        """What a script in a guest prints; it must succeed."""
        done = self.run(guest, script)
        assert done.code == 0, f"{script!r} in {guest}: exit code {done.code}, {done.stderr!r}, {done.stdout!r}"
        return done.stdout.decode()

    def link(self, guest: str, name: str) -> Result:
        """An interface as ``ip -j addr`` in the guest shows it."""
        found: Result = json.loads(self.read(guest, f"ip -j addr show dev {name}"))[0]
        return found

    def links(self, guest: str) -> set[str]:
        """Names of all interfaces in a guest but the loopback, with those that have lost or never got their name."""
        return set(self.read(guest, "ls /sys/class/net").split()) - {"lo"}

    def addresses(self, guest: str, name: str) -> set[str]:
        """Addresses of an interface in a guest, without link-local ones."""
        return {
            f"{address['local']}/{address['prefixlen']}"
            for address in self.link(guest, name)["addr_info"]
            if address["scope"] != "link"
        }

    def reaches(self, guest: str, address: str, options: str = "-c 1 -w 60") -> bool:
        """Whether a guest gets a ping answered; it asks again, since kernels may sleep over one (docs/explanation/architecture.md)."""
        return self.run(guest, f"ping {options} {address}").code == 0

    # The host's side

    def host(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the lab's network namespace."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *command], capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    def devices(self) -> dict[str, Result]:
        """Devices of the lab's namespace by name; none where there is no namespace."""
        if not has_namespace(self.name):
            return {}
        found = json.loads(self.host("ip", "-j", "-d", "addr").stdout)
        return {device["ifname"]: device for device in found}

    def snapshot(self) -> tuple[dict[str, str], dict[str, Result], set[str]]:
        """Everything that a module may change: the directory tree, the namespace, and which guests have processes."""
        return tree(self.path), _settled(self.devices()), set(processes_of({self.name}).values())

    def traces(self) -> Traces:
        """What there is of the lab, whoever looks: the same for the same lab, however it came about."""
        processes = processes_of({self.name})
        launches = set()
        for pid, guest in processes.items():
            # A helper of a guest may end meanwhile.
            with suppress(OSError):
                launches.add((guest, json.loads(Path(f"/proc/{pid}/root/owner").read_text())["launch"]))
        return Traces(
            frozenset(tree(self.path)),
            frozenset(self.devices()),
            tuple(sorted(guest for guest, _launch in launches)),
            tuple(sorted(line.split()[4] for line in mounts_of(self.path))),
            frozenset(
                str(below) for group in self.control_groups() for below in (group, *group.iterdir()) if below.is_dir()
            ),
            len(self.claims()),
            len(loops_of(self.path)),
            tuple(map(str, self.info()["orphans"])),
        )

    # The end

    def teardown(self) -> None:
        """Take everything away by the modules, as a user does."""
        found = self.info(inside=False)
        for name in found["guests"]:
            self.guest(name, state="absent", wait_timeout=3)
        for name in found["bridges"]:
            self.bridge(name, state="absent")

    def leftovers(self) -> list[str]:
        """What is on this host of a lab that has been taken away."""
        found = [f"network namespace {self.name}"] if has_namespace(self.name) else []
        found += [f"process {pid} of guest {guest}" for pid, guest in processes_of({self.name}).items()]
        found += [f"process {pid} that keeps a log" for pid in log_keepers(self.path)]
        found += [f"process {pid} that captures" for pid in capturing_processes(self.path)]
        found += [f"mount {line}" for line in mounts_of(self.path)]
        found += [f"control group {group}" for group in self.control_groups()]
        found += [f"users {claim}" for claim in self.claims()]
        found += [f"loop device with {image}" for image in loops_of(self.path)]
        found += [f"name {name}" for name in self.names()]
        return found

    def control_groups(self) -> list[Path]:
        """The lab's control groups."""
        return [*Path("/sys/fs/cgroup").glob(f"dumm/{self.name}"), *Path("/sys/fs/cgroup").glob(f"*/dumm/{self.name}")]

    def claims(self) -> list[Path]:
        """The claims of the lab's guests to users of the host."""
        claims = Path("/run/dumm/users").glob("*")
        # Other labs, of another run of the tests too, release theirs meanwhile.
        holders = {claim: os.path.realpath(claim) for claim in claims}
        return [claim for claim, holder in holders.items() if Path(holder).is_relative_to(self.path.resolve())]

    def names(self) -> list[Path]:
        """The claims of the lab's directory to names of labs."""
        names = {name: os.path.realpath(name) for name in Path("/run/dumm/labs").glob("*")}
        return [name for name, holder in names.items() if holder == str(self.path.resolve())]

    def destroy(self) -> None:
        """Take everything away by force, so that a test that failed harms no other."""
        for pid in [*processes_of({self.name}), *capturing_processes(self.path)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if has_namespace(self.name):
            subprocess.run(["ip", "netns", "delete", self.name], check=False, timeout=PATIENCE)
        for line in mounts_of(self.path):
            subprocess.run(["umount", "-l", line.split()[4]], check=False, timeout=PATIENCE)
        for group in self.control_groups():
            for below in (*group.iterdir(), group):
                with suppress(OSError):
                    below.rmdir()
        for claim in [*self.claims(), *self.names()]:
            claim.unlink()


def prepare(path: Path, kernel: str = "default", engine: str | None = None) -> Lab:
    """Make a working directory with links to a kernel and the masters."""
    path.mkdir(mode=0o700, exist_ok=True)
    chosen = os.environ.get("DUMM_TEST_KERNEL", "default") if kernel == "default" else kernel
    for kind, names in (
        ("kernels", {"default": chosen, TUNED: TUNED}),
        ("masters", {**MASTERS, SERVICES: SERVICES}),
    ):
        (path / kind).mkdir()
        for name, source in names.items():
            if (BASE / kind / source).exists():
                (path / kind / name).symlink_to((BASE / kind / source).resolve())
    return Lab(path, engine)


@contextmanager
def fresh_lab(path: Path | None = None, kernel: str = "default", engine: str | None = None) -> Iterator[Lab]:
    """A lab that is gone afterwards, whatever happens; that its teardown leaves nothing is asserted.

    :param path: an empty directory; a temporary one without it.
    :param kernel: which of the kernels of ``tests/prepare.yml`` is the default one there.
    :param engine: union engine of all its guests.
    """
    own = path is None
    place = Path(tempfile.mkdtemp(prefix=PREFIX)) if path is None else path
    lab = prepare(place, kernel, engine)
    try:
        yield lab
        lab.teardown()
        left = lab.leftovers()
        assert not left, left
    finally:
        lab.destroy()
        if own:
            shutil.rmtree(place)


def has_namespace(name: str) -> bool:
    """Whether there is a network namespace of that name."""
    return Path("/run/netns", name).exists()


def processes_of(labs: set[str]) -> dict[int, str]:
    """Processes whose root directory names one of these labs, with their guests."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            owner = processes.owned_by(int(entry.name))
            if owner is not None and owner["lab"] in labs:
                found[int(entry.name)] = owner["guest"]
    return found


def log_keepers(path: Path) -> list[int]:
    """Processes that keep the logs of the guests of a lab short."""
    return [
        pid for pid, words in _commands() if words[0] == b"dumm-log" and words[3].startswith(os.fsencode(path) + b"/")
    ]


def capturing_processes(path: Path) -> list[int]:
    """Processes that capture in a lab."""
    return [
        pid
        for pid, words in _commands()
        for word in words
        if word.startswith(b'{"taps"') and json.loads(word)["of"].startswith(f"{path}/")
    ]


def _commands() -> Iterator[tuple[int, list[bytes]]]:
    """All processes of the host, with the words of their commands."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            # One that has ended has no words any more.
            with suppress(OSError):
                words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                yield int(entry.name), words


def mounts_of(path: Path) -> list[str]:
    """Lines of the host's mount table that mention a directory."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{path}/" in line]


def loops_of(path: Path) -> list[str]:
    """Files below a directory that are loop devices."""
    found = []
    for device in Path("/sys/block").glob("loop*/loop/backing_file"):
        with suppress(OSError):
            found.append(device.read_text().strip())
    return [image for image in found if image.startswith(f"{path}/")]


def tree(path: Path) -> dict[str, str]:
    """All files below a directory with what they are; without what changes by itself."""
    found = {}
    for directory, names, files in os.walk(path):
        names[:] = [name for name in names if name not in _LIVELY]
        for name in [*names, *files]:
            full = Path(directory, name)
            if name not in _LIVELY:
                found[str(full.relative_to(path))] = _what_it_is(full)
    return found


def _what_it_is(path: Path) -> str:
    status = path.lstat()
    kind = stat.filemode(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return f"{kind} {os.readlink(path)}"
    if stat.S_ISREG(status.st_mode):
        return f"{kind} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    return kind


def _settled(devices: dict[str, Result]) -> dict[str, Result]:
    """What a module may change of devices, without what goes on by itself: timers, and states that follow from traffic."""
    kept = ("ifindex", "altnames", "mtu", "address", "ifalias", "group", "master")
    settled = {}
    for name, device in devices.items():
        link = device.get("linkinfo", {})
        settled[name] = {
            **{key: device.get(key) for key in kept},
            "up": "UP" in device["flags"],
            "kind": link.get("info_kind"),
            "bridge": {key: link.get("info_data", {}).get(key) for key in ("stp_state", "group_fwd_mask")},
            "addresses": sorted(f"{a['local']}/{a['prefixlen']}" for a in device["addr_info"] if a["scope"] != "link"),
        }
    return settled


# Boots into something that never answers.
HANG = "init=/bin/cat"


def until(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until ``look`` returns something true, and return it."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for: {what}"
        time.sleep(0.02)
    return found


def await_empty_spool(lab: Lab, guest: str) -> None:
    """Wait until nothing is left of requests; one that was given up before the guest heard of it goes with the next."""
    spool = lab.directory(guest).spool
    until(
        lambda: lab.read(guest, "true") == "" and {entry.name for entry in os.scandir(spool)} <= OF_THE_AGENT,
        f"an empty spool of {guest}",
    )


def _tell_deeds(killed_at: int) -> None:
    """Print each deed of this process from now on to stderr, and kill it at one of them."""
    sys.dont_write_bytecode = True
    own = os.getpid()
    number = 0

    def hook(event: str, _arguments: tuple[Any, ...]) -> None:
        nonlocal number
        if event in _DEEDS and os.getpid() == own:
            number += 1
            os.write(2, f"{event}\n".encode())
            if number == killed_at:
                os.kill(own, signal.SIGKILL)

    sys.addaudithook(hook)


def main() -> None:
    """Run a module and print its result, one that failed too."""
    module, arguments, *killed_at = sys.argv[1:]
    if killed_at:
        _tell_deeds(int(killed_at[0]))
    try:
        result = call(module, json.loads(arguments))
    except Refused as refused:
        result = refused.result
    print(json.dumps(result))
    sys.exit(bool(result.get("failed")))


if __name__ == "__main__":
    main()
