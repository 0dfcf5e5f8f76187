# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab with a guest that attacks, one that is attacked, and things of the host that a guest must not reach."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from attack import Attack, Off, Outcome
from lab import Lab
from shared import DISK, MEM

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest import processes
from ansible_collections.dumm.lab.plugins.module_utils._lab.host import cgroups, syscalls

SECRET = "the host's own"
_PRELUDE = """
mountpoint -q /mnt || mount -t hostfs none /mnt -o / || exit 99
at() { mkdir -p /at; umount /at 2>/dev/null; mount -t hostfs none /at -o "$1"; }
"""
_BRIDGE = "10.9.0.254"
# What a guest's process has in the root of its view, and nobody's in a directory of its own.
_OWN_PLACES = ("fs", "run", "tmp", "linux")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": "/dev/shm", "HOME": "/"}
# A guest of a collection from before there was the option is not confined.
CAN_CONFINE = "confine" in str(_spec.GUEST)


@dataclass
class Stage:
    """Where attacks take place.

    :ivar attacker: the attack program.
    :ivar places: what the braces of an attack's command stand for.
    :ivar outside: what some of them stand for where an attack is made by nobody's guest.
    """

    lab: Lab
    confined: bool
    attacker: Path
    secret: Path
    places: dict[str, object]
    outside: dict[str, object]

    def options(self) -> dict[str, bool]:
        """Options of a guest that attacks."""
        return {"confine": self.confined} if CAN_CONFINE else {}

    @property
    def netns(self) -> str:
        """Path of the lab's network namespace."""
        return f"/run/netns/{self.lab.name}"

    def attack(self, attack: Attack) -> tuple[Outcome, str]:
        """Have the attack program try, with the attack's protection on where guests are confined; what became of it, and what it said."""
        if not self.confined and attack.off is Off.GUEST:
            return self._nobodys(attack.command.format(**self.places | self.outside))
        return self._tried(attack.command.format(**self.places))

    def program(self, command: str, timeout: float = 60.0) -> tuple[bool, str]:
        """Have the attack program do something; whether it could."""
        outcome, said = self._tried(command, timeout)
        return outcome is Outcome.SUCCEEDED, said

    def _tried(self, command: str, timeout: float = 60.0) -> tuple[Outcome, str]:
        done = self.lab.run("evil", f"attack {command}", timeout=timeout)
        return _outcome(done.stdout.decode(), str(done))

    def _nobodys(self, command: str) -> tuple[Outcome, str]:
        """Have the attack program try as the host's root and nobody's guest, in a mount namespace whose own places are as a guest's."""
        home = self.outside["home"]
        prepare = f"mount -t tmpfs -o size=400m none {home} && mkdir {home}/fs {home}/run {home}/tmp"
        prepare += f" && mknod {home}/fs/planted-node c 1 5 && cp {self.attacker} {home}/linux"
        line = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            f'{prepare} && exec "$@"',
            "sh",
            self.attacker,
            "attack",
            *command.split(" "),
        ]
        with self.secret.open("rb") as file:
            # A descriptor that is none of its business.
            inherited = fcntl.fcntl(file, fcntl.F_DUPFD, 20)
            done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60, pass_fds=[inherited])
            os.close(inherited)
        return _outcome(done.stdout, str(done))

    def by_root(self, attack: Attack) -> tuple[Outcome, str]:
        """Have root of a guest try, which sees all of its process's files at /mnt."""
        if not self.confined and attack.off is Off.GUEST:
            return self._by_root_of_nobodys(attack.command.format(**self.places | self.outside))
        done = self.lab.run("mallory", f"{_PRELUDE}\n{attack.command.format(**self.places)}")
        assert done.code != 99, done
        return Outcome.REFUSED if done.code else Outcome.SUCCEEDED, (done.stdout + done.stderr).decode()

    def _by_root_of_nobodys(self, script: str) -> tuple[Outcome, str]:
        """Have root try in a UML that the host's root has started by hand, with the host's view.

        Its init is a shell that reads the script, and its root a copy of what the guest has.
        """
        mallory, home = self.lab.process("mallory"), self.outside["home"]
        kernel, libraries = mallory.kernel, Path(mallory.kernel).with_name("lib")
        layers = f"lowerdir={mallory.master},upperdir={home}/upper,workdir={home}/work"
        prepare = f"mount -t tmpfs none {home} && mkdir {home}/fs {home}/upper {home}/work {home}/run"
        prepare += f" && mount -t overlay -o {layers} none {home}/fs && cp {kernel} {home}/linux"
        prepare += f' && printf "%s" "$SCRIPT" >{home}/fs/attack && chmod 755 {home}/fs/attack'
        if libraries.is_dir():
            # It brings a C library newer than the host's, of which the loader has one place only.
            prepare += f" && for loader in {libraries}/ld-linux*; do mount --bind $loader /lib64/${{loader##*/}}; done"
            prepare += f" && export LD_LIBRARY_PATH={libraries}"
        line = ["setarch", "-R", "unshare", "--mount", "--net", "sh", "-c", f'{prepare} && exec "$@"', "sh", kernel]
        line += ["mem=64M", "root=none", "rootfstype=hostfs", f"rootflags={home}/fs", "rw", "quiet", "con=null"]
        line += ["con0=null,fd:1", "init=/attack", f"uml_dir={home}/run/"]
        script = f"#!/bin/sh\n(\n{_PRELUDE}\n{script}\n)\necho @@$?\n"
        # With its init the kernel ends, and be it in panic.
        done = subprocess.run(
            line, capture_output=True, text=True, check=False, timeout=60, env={**_ENVIRONMENT, "SCRIPT": script}
        )
        code = re.search(r"^@@(\d+)", done.stdout, re.MULTILINE)
        assert code and code[1] != "99", done
        return Outcome.SUCCEEDED if code[1] == "0" else Outcome.REFUSED, done.stdout


def _outcome(said: str, all_of_it: str) -> tuple[Outcome, str]:
    """What became of an attack, from what the attack program said."""
    last = re.fullmatch(r"(?:.*\n)*(succeeded|refused|absent)(: .*)?\n", said)
    assert last, all_of_it
    return Outcome(last[1]), said


def build(place: Path) -> Path:
    """Compile the attack program."""
    program = place / "linux"
    sources = sorted(Path(__file__).parent.glob("*.c"))
    subprocess.run(["cc", "-static", "-O1", "-Wall", "-Werror", "-o", program, *sources], check=True, timeout=120)
    return program


@contextmanager
def staged(lab: Lab, program: Path, place: Path, *, confined: bool) -> Iterator[Stage]:
    """Put everything in its place.

    :param place: a directory of the host's own.
    """
    with ExitStack() as stack:
        secret = place / "secret"
        secret.write_text(SECRET)
        home = place / "home"
        home.mkdir()
        outside = {"home": home, **{name: home / name for name in _OWN_PLACES}}
        stage = Stage(lab, confined, program, secret, {}, outside)
        lab.bridge("br0", address=[f"{_BRIDGE}/24"])
        for name in ("peer", "idle"):
            lab.guest(name, state="present", **stage.options())
            lab.iface(name, "eth0", bridge="br0")
        lab.guest("peer", mem=64)
        # Its TAP is there from now on, with nobody attached.
        lab.guest("idle", mem=32)
        lab.guest("idle", state="stopped")
        assert "idle-eth0" in lab.devices()
        lab.read("peer", "echo secret >/root/secret")
        limited = {"disk": DISK} if confined else {}
        lab.guest("evil", state="present", kernel=str(program), mem=MEM, **limited, **stage.options())
        lab.iface("evil", "eth0", bridge="br0")
        plant(lab)
        lab.guest("evil")
        # It has neither an init nor a kernel that could be asked to end.
        stack.callback(_kill, lab, "evil")
        victim = _victim(stack, secret)
        stage.places.update(
            victim=victim,
            host=f"/proc/{victim}/root",
            peer=lab.process("peer").pid,
            secret=secret,
            place=place,
            lab=lab.path,
            tap="idle-eth0",
            own_tap="evil-eth0",
            hostname=os.uname().nodename,
            disk=_disk(),
            **_groups(stack, lab),
            **{name: f"/{name}" for name in _OWN_PLACES},
            lab_port=_service(stack, lab, ("0.0.0.0", 0)),
            host_port=_service(stack, None, ("127.0.0.1", 0)),
            socket=_path_socket(stack, place / "socket"),
            abstract=_abstract_socket(stack),
        )
        yield stage


def _disk() -> str:
    """A device of the host's that is a disk."""
    return next(
        (f"/dev/{name}" for name in sorted(os.listdir("/sys/block")) if Path("/dev", name).is_block_device()),
        "/dev/none",
    )


def _groups(stack: ExitStack, lab: Lab) -> dict[str, object]:
    """Control groups of nobody's, the other guest's as it were."""
    mounted = cgroups._mounted().get("pids")
    if mounted is None:
        return {"group": "/no-groups", "peer_group": "/no-groups"}
    group = mounted.path / f"dumm-attack-{secrets.token_hex(6)}"
    (group / "peer").mkdir(parents=True)
    was = group.parent / _group_of(lab.process("peer").pid)

    def remove() -> None:
        with suppress(OSError):
            (was / "cgroup.procs").write_text(str(lab.process("peer").pid))
        for each in (group / "peer", group):
            each.rmdir()

    stack.callback(remove)
    return {"group": group, "peer_group": group / "peer"}


def _group_of(pid: int) -> str:
    """A process's control group for numbers of processes, relative to where these are mounted."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    own = [path for _number, controllers, path in lines if "pids" in controllers.split(",")]
    return (own or [path for _number, controllers, path in lines if not controllers])[0].lstrip("/")


def _kill(lab: Lab, guest: str) -> None:
    if not lab.directory(guest).path.exists():
        return
    process = lab.process(guest)
    if processes.is_alive(process):
        os.kill(process.pid, signal.SIGKILL)


def plant(lab: Lab) -> None:
    """Put a device node into the diff, as somebody else may have done to a diff that is passed on."""
    os.mknod(lab.directory("evil").diff / "planted-node", stat.S_IFCHR | 0o666, os.makedev(1, 5))


def _victim(stack: ExitStack, secret: Path) -> int:
    """A process of the host's root that does nothing."""
    with secret.open("rb") as file:
        process = subprocess.Popen(["sleep", "1000"], stdin=file, env={"SECRET": SECRET}, cwd="/etc")
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process.pid


def _service(stack: ExitStack, lab: Lab | None, address: tuple[str, int]) -> int:
    """Listen for TCP in a lab's network namespace or, on its loopback, the host's; the port."""
    with syscalls.network_namespace(None if lab is None else f"/run/netns/{lab.name}"):
        listener = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    listener.bind(address)
    listener.listen(8)
    return int(listener.getsockname()[1])


def _path_socket(stack: ExitStack, path: Path) -> Path:
    listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    listener.bind(str(path))
    listener.listen(8)
    return path


def _abstract_socket(stack: ExitStack) -> str:
    name = f"dumm-attack-{secrets.token_hex(6)}"
    listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    listener.bind(f"\0{name}")
    listener.listen(8)
    return name
