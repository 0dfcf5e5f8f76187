# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines on this machine: lab hosts with an SSH server each, a controller that has Ansible, and a network between them.

A machine has namespaces of its own: network, mounts, processes, host name, System V IPC.  A lab host also has its own disk (a layer over
this machine's root, so that a package can be installed there), ``/run``, ``/tmp``, ``/dev/shm``, ``/sys``, working directory, cache and
boot id.  It sees the checkout at ``/srv/checkout`` alone, read-only, and nothing of the other machines but the underlay.  What machines
share is the kernel with its clock, memory, loop devices and users, ``/dev``, and kernels and masters of ``DUMM_TEST_BASE``, read-only at
``/srv/base``; they have no control groups.

All is inside of one more set of namespaces, the site, whose first process ends with its standard input: whatever becomes of the test,
SIGKILL included, the kernel takes everything away.  Disks are in the memory of the site, where a machine that boots again finds its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lab import BASE, COLLECTIONS, MASTERS, PATIENCE, REPOSITORY, SERVICES, TUNED, until
from openssh import WITH_LIBRARIES, tool
from programs import BIN

_FIRST = Path(__file__).with_name("machine.sh")
_UNSHARE = ("unshare", "--fork", "--pid", "--kill-child", "--mount", "--net", "--uts", "--ipc", "--mount-proc")
# Where a lab host finds what is below DUMM_TEST_BASE.
_BASE = Path("/srv/base")
_CONFIG = """
HostKey /srv/key
AuthorizedKeysFile /srv/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
MaxStartups 100
"""
WORKDIR = Path("/var/lib/dumm")


@dataclass
class Machine:
    """A machine that can be switched on and off.

    :ivar name: its host name, and that of its cable to the underlay in the site.
    :ivar address: its address in the underlay, without the length of the prefix.
    :ivar place: its disk as a directory of this machine, also while it is off; ``/srv`` there is ``srv`` here for a lab host.
    :ivar pid: its first process; 0 while it is off.
    """

    name: str
    address: str
    place: Path
    first: tuple[str, ...]
    pid: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def boot(self) -> None:
        """Switch it on."""
        assert not self.pid, f"machine {self.name} is on"
        self._process, self.pid = _started(self.first)

    def cut(self) -> None:
        """Take its power away: each of its processes is killed, and it writes nothing more."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self.pid, self._process = 0, None

    @property
    def enter(self) -> tuple[str, ...]:
        """A command that runs another there."""
        return ("nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--uts", "--ipc")

    @property
    def root(self) -> Path:
        """Its root directory."""
        return Path(f"/proc/{self.pid}/root")

    def run(self, *command: str, code: int | None = 0) -> str:
        """What a command prints there, errors too.

        :param code: the exit code that it must have; any for ``None``.
        """
        done = subprocess.run(
            [*self.enter, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert code in (None, done.returncode), f"{self.name}: {' '.join(command)}: {done.returncode}: {done.stdout}"
        return done.stdout

    def guests(self) -> list[str]:
        """Guests that have processes there."""
        found = set()
        for owner in self.root.glob("proc/[0-9]*/root/owner"):
            # A process that has ended meanwhile.
            with suppress(OSError):
                found.add(json.loads(owner.read_text())["guest"])
        return sorted(found)

    def leftovers(self) -> list[str]:
        """What is there of a lab that has been taken away."""
        found = [f"guest {name} runs" for name in self.guests()]
        found += [f"network namespace {name}" for name in _names(self.root / "run/netns")]
        found += [
            f"claim {path.name}" for kind in ("labs", "users") for path in (self.root / "run/dumm" / kind).glob("*")
        ]
        found += [
            f"mount {line.split()[4]}" for line in _text(self.root / "proc/1/mountinfo") if f" {WORKDIR}/" in line
        ]
        found += [f"socket {line}" for line in self.run("ss", "-Huan").splitlines() if ":4789 " in line]
        found += [f"device {name}" for name in self.run("ls", "/sys/class/net").split() if name not in ("lo", "eth0")]
        found += [f"file {path.name}" for path in (self.root / "var/lib/dumm/guests").glob("*")]
        return [f"{self.name}: {each}" for each in found]


@dataclass
class World:
    """A site with its machines.

    :ivar hosts: the lab hosts by name: lab1, lab2, ...
    :ivar controller: where Ansible runs, with the checkout; its ``/srv`` is its :attr:`Machine.place`.
    """

    hosts: dict[str, Machine]
    controller: Machine
    site: int
    output: str = ""

    def inventory(self, group: str = "labhosts") -> str:
        """An inventory of all lab hosts, as text."""
        lines = [f"[{group}]", *(f"{host.name} ansible_host={host.address}" for host in self.hosts.values())]
        variables = {
            "ansible_user": "root",
            "ansible_ssh_executable": tool("ssh"),
            "ansible_ssh_private_key_file": "/srv/key",
            "ansible_ssh_common_args": f"'{' '.join(_OPTIONS)}'",
            "ansible_ssh_transfer_method": "piped",
            "ansible_pipelining": "true",
            "ansible_python_interpreter": "/usr/bin/python3",
            # As dumm is found on the lab hosts, to which the checkout is bound.
            "dumm_command": "/srv/checkout/scripts/dumm",
        }
        return "\n".join([*lines, f"[{group}:vars]", *(f"{key}={value}" for key, value in variables.items())]) + "\n"

    def write(self, name: str, text: str) -> str:
        """Write a file for the controller: its path there."""
        (self.controller.place / name).write_text(text)
        return f"/srv/{name}"

    def run(self, program: str, *arguments: str, code: int = 0, **variables: str) -> str:
        """What a program of Ansible's, or ``dumm``, prints on the controller, which is called in ``/srv``."""
        done = subprocess.run(
            self._command(program, *arguments, **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=3 * PATIENCE,
        )
        self.output = done.stdout
        assert done.returncode == code, f"exit code {done.returncode}:\n{done.stdout}"
        return done.stdout

    def begin(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin what :meth:`run` does, for a test that does not wait for its end; what is printed goes to ``begun.log`` there."""
        with (self.controller.place / "begun.log").open("wb") as log:
            return subprocess.Popen(
                self._command(program, *arguments), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def _command(self, program: str, *arguments: str, **variables: str) -> list[str]:
        path = REPOSITORY / "scripts/dumm" if program == "dumm" else BIN / program
        given = _environment(**variables)
        return [*self.controller.enter, "env", "--ignore-environment", "--chdir=/srv", *given, str(path), *arguments]

    def boot(self, machine: Machine) -> None:
        """Switch a machine on, and wait until the controller can log in to it, or where it is the controller, to all lab hosts."""
        machine.boot()
        for host in self.hosts.values() if machine is self.controller else (machine,):
            until_logged_in(self, host)

    def reinstall(self, host: Machine) -> None:
        """Boot a lab host with a working directory as at the beginning."""
        if host.pid:
            host.cut()
        shutil.rmtree(host.place / "lib")
        _furnish(host.place / "lib")
        self.boot(host)

    def clear(self) -> None:
        """Switch all lab hosts on and take every lab away by force, for the next test.

        :raises AssertionError: where a test left something on one.
        """
        left = []
        for host in self.hosts.values():
            if host.pid:
                left += host.leftovers()
        if left:
            for host in self.hosts.values():
                self.reinstall(host)
        assert not left, left


_OPTIONS = (
    "-F",
    "none",
    "-o",
    "UserKnownHostsFile=/srv/known",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "ControlPath=/srv/cm-%C",
    # So that a session learns of a machine that was switched off and on, which knows nothing of it.
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ServerAliveCountMax=60",
)


def _environment(**more: str) -> list[str]:
    variables = {
        "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{BASE / 'collections'}",
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_HOME": "/srv/ansible",
        "ANSIBLE_NOCOLOR": "1",
        "HOME": "/srv/home",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DUMM_PYTHON": str(BIN / "python"),
        "TMPDIR": "/srv/home",
        **more,
    }
    return [f"{key}={value}" for key, value in variables.items()]


@contextmanager
def world(count: int = 3) -> Iterator[World]:
    """A world whose machines are on, all gone afterwards."""
    names = [f"lab{number}" for number in range(1, count + 1)]
    process, pid = _started((*_UNSHARE, "sh", str(_FIRST), "site", *names, "controller"))
    try:
        made = World(
            {name: _lab_host(pid, name, f"10.99.0.{number}") for number, name in enumerate(names, 1)},
            _controller(pid),
            pid,
        )
        _hand_out_keys(made)
        for machine in (*made.hosts.values(), made.controller):
            machine.boot()
        for host in made.hosts.values():
            until_logged_in(made, host)
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE)


def until_logged_in(made: World, host: Machine) -> None:
    """Wait until the controller can log in to a lab host."""
    ssh = [*made.controller.enter, tool("ssh"), *_OPTIONS, "-i", "/srv/key"]
    # A session that Ansible has left open may be with what was there before.
    subprocess.run([*ssh, "-O", "exit", f"root@{host.address}"], check=False, capture_output=True, timeout=PATIENCE)
    command = [*ssh, f"root@{host.address}", "true"]
    until(
        lambda: subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE).returncode == 0,
        f"SSH server of {host.name}",
    )


def _lab_host(site: int, name: str, address: str) -> Machine:
    place = Path(f"/proc/{site}/root/srv/{name}")
    sshd = (*WITH_LIBRARIES, tool("sshd"), "-D", "-e", "-f", "/srv/sshd_config")
    sshd = tuple(word.replace(str(BASE), str(_BASE)) for word in sshd)
    first = ("lab_host", name, address, str(BASE), str(REPOSITORY), *sshd)
    (place / "srv").mkdir()
    (place / "srv/sshd_config").write_text(_CONFIG)
    _furnish(place / "lib")
    return Machine(name, address, place, _in_site(site, first))


def _controller(site: int) -> Machine:
    return Machine(
        "controller",
        "10.99.0.100",
        Path(f"/proc/{site}/root/srv/controller"),
        _in_site(site, ("controller", "controller", "10.99.0.100")),
    )


def _in_site(site: int, first: Sequence[str]) -> tuple[str, ...]:
    """A command that starts a machine in the site, from which it gets a way to the network there."""
    inside = ("nsenter", "--target", str(site), "--mount", "--net", "--pid", "--uts", "--ipc")
    return (*inside, "sh", "-c", 'exec 9</proc/self/ns/net; exec "$@"', "sh", *_UNSHARE, "sh", str(_FIRST), *first)


def _started(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start a first process: who started it, and its own number."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == b"ready\n", f"{' '.join(command)} did not come up, see its output above"
    pid = process.pid
    while _numbers(pid)[-1] != "1":
        (pid,) = _children(pid)
    return process, pid


def _numbers(pid: int) -> list[str]:
    """A process's numbers in the namespaces that it is in, its own last (proc_pid_status(5))."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in status if line.startswith("NSpid:")).split()[1:]


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # One that has ended meanwhile.
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _furnish(workdir: Path) -> None:
    """A working directory with links to kernels and masters, as :func:`lab.prepare` makes it."""
    chosen = os.environ.get("DUMM_TEST_KERNEL", "default")
    for kind, names in (
        ("kernels", {"default": chosen, TUNED: TUNED, "scripts": "scripts"}),
        ("masters", {**MASTERS, SERVICES: SERVICES}),
    ):
        (workdir / kind).mkdir(parents=True)
        for name, source in names.items():
            real = (BASE / kind / source).resolve().name
            if (BASE / kind / source).exists() and not (workdir / kind / real).is_symlink():
                (workdir / kind / real).symlink_to(_BASE / kind / real)
            if name != real:
                (workdir / kind / name).symlink_to(real)


def _hand_out_keys(made: World) -> None:
    """One key for all servers and who logs in: it opens nothing else, and goes with the site."""
    first = made.controller.place / "key"
    subprocess.run([*WITH_LIBRARIES, tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", first], check=True)
    for host in made.hosts.values():
        for name in ("key", "key.pub"):
            (host.place / "srv" / name).write_bytes(first.with_name(name).read_bytes())
        (host.place / "srv/key").chmod(0o600)


def _names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory)) if directory.is_dir() else []


def _text(path: Path) -> list[str]:
    return path.read_text().splitlines()
