# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian's OpenSSH server on the loopback of a network namespace of its own, which leaves no trace on the host.

Where the host has none, tests/prepare.yml has unpacked it, so that none is installed, which would start it for everybody.  What the
server needs of a host (a user for its unprivileged half, a root who may log in) it finds in a mount namespace of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lab import BASE, PATIENCE, PREFIX, until

_UNPACKED = BASE / "openssh"
_LIBRARIES = ":".join(
    str(path) for pattern in ("lib/*-linux-*", "usr/lib/*-linux-*") for path in _UNPACKED.glob(pattern)
)
WITH_LIBRARIES = ("env", f"LD_LIBRARY_PATH={_LIBRARIES}") if _LIBRARIES else ("env",)
_PORT = "2222"
_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {place}/key
AuthorizedKeysFile {place}/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
MaxStartups 100
"""
_START = """
set -e
mkdir -p /run/sshd
# Not the files alone: a mount on one is gone when somebody changes the host's users meanwhile, which replaces the file.
mount -t tmpfs tmpfs "$1/written"
mkdir "$1/written/upper" "$1/written/work"
mount -t overlay -o "lowerdir=$1/etc:/etc,upperdir=$1/written/upper,workdir=$1/written/work" none /etc
exec "$2" -D -e -f "$1/config"
"""


@dataclass(frozen=True)
class Server:
    """A server that runs.

    :ivar place: a directory of its own; ``home`` in it is root's home directory for who logs in, ``log`` what it says.
    :ivar namespace: its network namespace.
    :ivar pid: its process, 0 before it has one.
    """

    place: Path
    namespace: str
    pid: int = 0

    def host(self, name: str, **variables: str) -> str:
        """A line of an inventory with all that Ansible needs to log in, and nothing of this user's."""
        known = {
            "ansible_host": "127.0.0.1",
            "ansible_port": _PORT,
            "ansible_user": "root",
            "ansible_ssh_executable": tool("ssh"),
            "ansible_ssh_private_key_file": str(self.place / "key"),
            "ansible_ssh_common_args": f"'{self._options}'",
            "ansible_python_interpreter": "/usr/bin/python3",
            **variables,
        }
        return " ".join([name, *(f"{key}={value}" for key, value in known.items())])

    @property
    def _options(self) -> str:
        return f"-F none -o UserKnownHostsFile={self.place}/known -o StrictHostKeyChecking=no -o ControlPath={self.place}/cm"

    @property
    def controller(self) -> tuple[str, ...]:
        """A command that runs another on a machine from which the server is reached."""
        return (*WITH_LIBRARIES, "nsenter", f"--net=/run/netns/{self.namespace}")

    def ssh(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """The client, logged in as Ansible does."""
        login = [*self._options.split(), "-i", str(self.place / "key"), "-p", _PORT, "root@127.0.0.1"]
        return subprocess.run(
            [*self.controller, tool("ssh"), *login, *arguments], check=False, capture_output=True, timeout=PATIENCE
        )

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.place / "log").read_text()


@contextmanager
def served(place: Path) -> Iterator[Server]:
    """A server in a namespace of its own, both gone afterwards.

    :param place: an empty directory.
    """
    server = Server(place, f"dumm-{PREFIX}ssh")
    _configure(place)
    made_run = not Path("/run/sshd").exists()
    subprocess.run(["ip", "netns", "add", server.namespace], check=True)
    process = None
    try:
        subprocess.run(["ip", "-n", server.namespace, "link", "set", "lo", "up"], check=True)
        start = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", _START, "sh", str(place), tool("sshd")]
        with (place / "log").open("wb") as log:
            process = subprocess.Popen([*server.controller, *start], stderr=log)
        until(lambda: server.ssh("true").returncode == 0, f"the SSH server, which says {server.log}")
        yield replace(server, pid=process.pid)
    finally:
        # A connection that Ansible has left open keeps the server's child, which keeps the namespace.
        server.ssh("-O", "exit")
        if process is not None:
            process.terminate()
            process.wait(PATIENCE)
        subprocess.run(["ip", "netns", "delete", server.namespace], check=True)
        if made_run:
            shutil.rmtree("/run/sshd", ignore_errors=True)


def _configure(place: Path) -> None:
    (place / "config").write_text(_CONFIG.format(port=_PORT, place=place))
    (place / "home").mkdir()
    (place / "etc").mkdir()
    (place / "written").mkdir()
    (place / "etc/passwd").write_text(
        f"root:x:0:0::{place}/home:/bin/sh\nsshd:x:999:65534::/run/sshd:/usr/sbin/nologin\n"
        "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
    )
    (place / "etc/shadow").write_text("root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n")
    subprocess.run(
        [*WITH_LIBRARIES, tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", place / "key"], check=True
    )


def tool(name: str) -> str:
    """The host's own program, else the unpacked one."""
    found = shutil.which(name) or shutil.which(name, path=f"{_UNPACKED}/usr/bin:{_UNPACKED}/usr/sbin")
    assert found is not None, f"there is no {name}: run 'make integration'"
    return found
