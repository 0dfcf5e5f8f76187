# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server of a cowfs union, seen from the module: start it, talk to it, wait for its end (the server itself is ``server``).

The mount is made here, attached nowhere, and put into the guest's private mount namespace as overlayfs is; the server gets the other end of
it.  So it ends with the guest's last process, and also when a run is killed before the guest has it.  It is found by its socket in
a directory of its own, the guest's, which answers as long as it lives.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..host import files, privileges, sources, syscalls
from ..host.wait import Deadline, poll_until
from ..model import root
from ..model.errors import HostError
from ..model.lab import ANY_CPU, InjectedFault

SOCKET = "cowfs.sock"
LOG = "cowfs.log"
LAYERS = "cowfs.json"
DEVICE = Path("/dev/fuse")
SYSTEM_PYTHON = Path("/usr/bin/python3")
_SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")
_START = "import sys; sys.path[:0] = sys.argv[2:]; from _lab.union.server.serve import main; main(sys.argv[1])"
_ANSWER_SECONDS = 60.0
_END_SECONDS = 10.0

# Descriptors of /dev/fuse, and of what keeps the mount until it is in its place.
Mounter = Callable[[], tuple[int, int]]


class Mounted:
    """A union that is attached nowhere yet, and whose server has been started.

    What is asked of it waits until it is served; :meth:`serving` waits for that too.

    :ivar mount: descriptor of the mount; the server ends when it and the last mount are gone.
    """

    def __init__(
        self, mount: int, ready: int, process: subprocess.Popen[bytes], cpu: int | None, home: Path, subject: str
    ) -> None:
        self.mount = mount
        self._ready = ready
        self._process = process
        self._cpu = cpu
        self._home = home
        self._subject = subject

    def serving(self) -> None:
        """Wait until it is served.

        :raises HostError: where its server ends instead.
        """
        if os.read(self._ready, 5) != b"ready":
            self._process.wait()
            said = " | ".join(files.tail(self._home / LOG, 3)) or "it said nothing"
            raise HostError(self._subject, f"the server of its union does not start: {said}", f"see {self._home / LOG}")
        if self._cpu not in (None, ANY_CPU):
            # Not before: until it serves, the guest's kernel has enough to do on that CPU.
            with suppress(ProcessLookupError):
                os.sched_setaffinity(self._process.pid, {self._cpu})

    def __enter__(self) -> Mounted:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self.mount)
        os.close(self._ready)
        # It is to outlive this run; where this process lives on, it is reaped when it has ended.
        threading.Thread(target=self._process.wait, daemon=True).start()


def interpreter() -> tuple[list[str], list[str]] | None:
    """A Python that has pyfuse3, with its options, and what is to be added to its path: the distribution's first."""
    # A module until 3.2, a package since.
    found = [*_SYSTEM_PACKAGES.glob("pyfuse3*.so"), *_SYSTEM_PACKAGES.glob("pyfuse3/__init__*.so")]
    if found and SYSTEM_PYTHON.exists():
        return [str(SYSTEM_PYTHON), "-I", "-S"], [str(_SYSTEM_PACKAGES)]
    if importlib.util.find_spec("pyfuse3") is not None:
        return [sys.executable, "-I"], []
    return None


def mount(*flags: str) -> tuple[int, int]:
    """Mount nothing but a connection to a server yet (:data:`Mounter`).

    :param flags: more options of the mount.
    """
    device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    options = {
        "source": "cowfs",
        "subtype": "cowfs",
        "fd": str(device),
        "rootmode": "40000",
        "user_id": "0",
        "group_id": "0",
    }
    try:
        return device, syscalls.detached_mount("fuse", options.items(), ("allow_other", *flags))
    except OSError:
        os.close(device)
        raise


@dataclass(frozen=True)
class Service:
    """What a server is to serve, and how.

    :ivar home: directory for its socket and its log.
    :ivar agents: directory for copies of the server's files.
    :ivar subject: what the union is for, for messages.
    :ivar layers: paths, topmost first; the first is written to.
    :ivar work: a directory on the same file system as that, of which all that is in it goes.
    :ivar faults: what is to fail on purpose.
    :ivar cpu: number of the host's CPU that the guest has: guest and server wait for each other in turns, too (``placement``).
    :ivar first_user: the host's user that owns what belongs to root on the disk, as those who use the mount see it.
    :ivar xattrs: whether extended attributes are served.
    :ivar for_guest: whether only a guest's kernel writes, which takes privileges away from what is written by itself.
    :ivar kept: whether owners and modes are kept in extended attributes (``server.keeping``).
    """

    home: Path
    agents: Path
    subject: str
    layers: tuple[str, ...]
    work: str
    faults: Sequence[InjectedFault] = ()
    cpu: int | None = None
    first_user: int = 0
    xattrs: bool = False
    for_guest: bool = False
    kept: bool = False

    def asked(self, *, device: int, ready: int, directory: int) -> dict[str, Any]:
        """The same as the server is told of it.

        :param device: descriptor of /dev/fuse.
        :param ready: descriptor to say on that it serves.
        :param directory: descriptor of ``home``.
        """
        return {
            "layers": list(self.layers),
            "work": self.work,
            "fuse": device,
            "ready": ready,
            "directory": directory,
            "faults": rules(self.faults),
            "first_user": self.first_user,
            "kept": self.kept,
            "socket": SOCKET,
            "xattrs": self.xattrs,
            "for_guest": self.for_guest,
        }


def start(service: Service, mounter: Mounter = mount) -> Mounted:
    """Start a server, and mount what it is going to serve.

    :raises HostError: where there is nothing to start it with.
    :raises OSError: where it cannot be mounted; nothing is left then.
    """
    found = interpreter()
    if found is None:
        raise HostError(service.subject, f"no pyfuse3 for {SYSTEM_PYTHON}", "install python3-pyfuse3")
    command, more = found
    home = service.home
    program = _program(service.agents)
    with suppress(FileNotFoundError):
        os.unlink(home / SOCKET)
    device, mounted = mounter()
    place = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    log = os.open(home / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    ready, say = os.pipe2(os.O_CLOEXEC)
    left = [ready, mounted]
    try:
        asked = json.dumps(service.asked(device=device, ready=say, directory=place))
        with syscalls.FORKING:
            server = subprocess.Popen(
                [*command, "-X", "utf8", "-c", _START, asked, str(program), *more],
                pass_fds=(device, say, place),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"HOME": "/"},
                start_new_session=True,
            )
        files.write_json(home / LAYERS, list(service.layers))
        left.clear()
        return Mounted(mounted, ready, server, service.cpu, home, service.subject)
    finally:
        for fd in (device, place, log, say, *left):
            os.close(fd)


def _program(agents: Path) -> Path:
    """The server's files in a directory of their own."""
    from .server import serve

    # The server's own, all of which it has imported, and what these need of other packages.
    own = [module for name, module in list(sys.modules.items()) if name.startswith(f"{serve.__package__}.")]
    return sources.unpacked([*own, privileges, root, syscalls], agents, "cowfs")


def replace(home: Path, layers: Sequence[str], subject: str) -> None:
    """Have a server serve other layers, which the next one would have too.

    :raises HostError: where it does not; it keeps those that it has then.
    """
    ask(home, subject, do="replace", layers=list(layers))
    files.write_json(home / LAYERS, list(layers))


def rules(faults: Sequence[InjectedFault]) -> list[dict[str, Any]]:
    """Faults as a server is told of them."""
    return [
        {"path": each.path, "during": list(each.during), "error": each.error, "delay": each.delay} for each in faults
    ]


def faults(home: Path, subject: str) -> list[dict[str, Any]]:
    """What fails on purpose now, as :func:`rules` has it."""
    found: list[dict[str, Any]] = ask(home, subject, do="stats")["faults"]
    return found


def stored_layers(home: Path, subject: str) -> list[str]:
    """What the last server served.

    :raises HostError: where that is not known.
    """
    stored = files.read_json(home / LAYERS)
    if not isinstance(stored, list):
        raise HostError(subject, f"it is not known which layers it had: {home / LAYERS}", "restart the guest")
    return stored


def server(home: Path) -> int | None:
    """Number of the server's process; ``None`` where there is none."""
    try:
        with _connect(home) as connection:
            return _peer(connection)
    except OSError:
        return None


def _peer(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[0])


def _is_elsewhere(pid: int, home: Path) -> bool:
    """Whether a server was started in another directory, of which this is a copy of hard links."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        place = next(json.loads(word)["directory"] for word in words if word.startswith(b"{"))
        return not os.path.samestat(os.stat(f"/proc/{pid}/fd/{place}"), home.stat())
    except (OSError, ValueError, LookupError, StopIteration):
        return False


def _connect(home: Path) -> socket.socket:
    """Connect by the directory's descriptor: its path may be longer than an address may be."""
    place = os.open(home, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_ANSWER_SECONDS)
        connection.connect(f"/proc/self/fd/{place}/{SOCKET}")
        if _is_elsewhere(_peer(connection), home):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "it serves another directory")
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(place)
    return connection


def ask(home: Path, subject: str, **request: object) -> Mapping[str, Any]:
    """Have a server do something (``server.control``).

    :raises HostError: where it does not, or is not there.
    """
    try:
        with _connect(home) as connection, connection.makefile("rwb") as stream:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            answer: dict[str, Any] = json.loads(stream.readline() or b'{"ok": false, "error": "it ended"}')
    except OSError as exc:
        raise HostError(subject, f"the server of its union does not answer: {exc}", f"see {home / LOG}") from exc
    if not answer["ok"]:
        raise HostError(subject, f"the server of its union refused: {answer['error']}", f"see {home / LOG}")
    return answer


def end(home: Path, subject: str) -> None:
    """Wait until the server of a guest that is gone has written everything and ended, then forget it.

    :raises HostError: where it does not end even by force.
    """
    if not os.path.lexists(home / SOCKET):
        return
    if poll_until(lambda: server(home) is None or None, Deadline(_END_SECONDS)) is None:
        _kill(home)
        if poll_until(lambda: server(home) is None or None, Deadline(_END_SECONDS)) is None:
            raise HostError(
                subject, "the server of its union does not end", "look for processes in state D, then run again"
            )
    with suppress(FileNotFoundError):
        os.unlink(home / SOCKET)


def _kill(home: Path) -> None:
    """Kill a server, and nobody who has its number after it."""
    pid = server(home)
    if pid is None:
        return
    with suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        try:
            if server(home) == pid:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        finally:
            os.close(fd)
