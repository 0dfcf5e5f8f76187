# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab with a guest that attacks, one that is attacked, and things of the host that a guest must not reach."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from attacks import Attack
from lab import Lab

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab import syscalls

SECRET = "the host's own"
_PRELUDE = """
mountpoint -q /mnt || mount -t hostfs none /mnt -o / || exit 99
at() { mkdir -p /at; umount /at 2>/dev/null; mount -t hostfs none /at -o "$1"; }
"""
_BRIDGE = "10.9.0.254"
# A guest of a collection from before there was the option is not confined.
CAN_CONFINE = "confine" in str(_spec.GUEST)


@dataclass
class Stage:
    """Where attacks take place.

    :ivar places: what the braces of an attack's command stand for.
    """

    lab: Lab
    confined: bool
    secret: Path
    places: dict[str, object]

    def options(self) -> dict[str, bool]:
        """Options of a guest that attacks."""
        return {"confine": self.confined} if CAN_CONFINE else {}

    @property
    def netns(self) -> str:
        """Path of the lab's network namespace."""
        return f"/run/netns/{self.lab.name}"

    def attack(self, attack: Attack) -> tuple[bool, str]:
        """Have the attack program try; whether it succeeded, and what it said."""
        return self.program(attack.command.format(**self.places))

    def program(self, command: str, timeout: float = 60.0) -> tuple[bool, str]:
        """Have the attack program do something."""
        done = self.lab.run("evil", f"attack {command}", timeout=timeout)
        said = done.stdout.decode()
        assert re.fullmatch(r"(.*\n)*(succeeded|refused: .*)\n", said), f"{command}: {done}"
        return done.code == 0, said

    def by_root(self, attack: Attack) -> tuple[bool, str]:
        """Have root of a guest try, which sees all of its process's files at /mnt."""
        done = self.lab.run("mallory", f"{_PRELUDE}\n{attack.command.format(**self.places)}")
        assert done.code != 99, done
        return done.code == 0, (done.stdout + done.stderr).decode()


def build(place: Path) -> Path:
    """Compile the attack program."""
    program = place / "linux"
    source = Path(__file__).with_name("attack.c")
    subprocess.run(["cc", "-static", "-O1", "-Wall", "-Werror", "-o", program, source], check=True, timeout=120)
    return program


@contextmanager
def staged(lab: Lab, program: Path, place: Path, *, confined: bool) -> Iterator[Stage]:
    """Put everything in its place.

    :param place: a directory of the host's own.
    """
    with ExitStack() as stack:
        secret = place / "secret"
        secret.write_text(SECRET)
        stage = Stage(lab, confined, secret, {})
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
        lab.guest("evil", state="present", kernel=str(program), mem=32, **stage.options())
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
            lab_port=_service(stack, lab, ("0.0.0.0", 0)),
            host_port=_service(stack, None, ("127.0.0.1", 0)),
            socket=_path_socket(stack, place / "socket"),
            abstract=_abstract_socket(stack),
        )
        yield stage


def _kill(lab: Lab, guest: str) -> None:
    if not lab.directory(guest).path.exists():
        return
    process = lab.process(guest)
    if process.alive:
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
