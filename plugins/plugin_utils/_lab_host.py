# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab host that is another machine, reached by any connection plugin of Ansible's.  PRIVATE to the collection.

What is asked of it is answered by this collection's own code there (``module_utils/_lab/access/remote.py``), which is sent once, as a zip
file, and kept below ``~/.cache/dumm`` by the hash of its content, next to which Python leaves its byte code.  All goes through commands,
their standard input and output: ``become`` on the lab host works then, and no file transfer is needed.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader

from ansible_collections.dumm.lab.plugins.module_utils._lab.access import line, remote
from ansible_collections.dumm.lab.plugins.module_utils._lab.access.hosts import Found
from ansible_collections.dumm.lab.plugins.module_utils._lab.guest.channel import Completed, Script
from ansible_collections.dumm.lab.plugins.module_utils._lab.model import errors

Variables = Mapping[str, Any]

_LOCAL = ("local", "ansible.builtin.local")
_ABSENT = b"\ndumm.lab is absent\n"
# The home directory is that of the user who runs this: with become, $HOME may belong to somebody else.
_HOME = "import os, pwd, sys; home = pwd.getpwuid(os.geteuid()).pw_dir + '/.cache/dumm/'"
# Its package has a name that nothing else has there: the companion package is called dumm_lab.
_ANSWER = f"""{_HOME}
if not os.path.isdir(home + sys.argv[1]):
    os.write(1, {_ABSENT!r})
    sys.exit()
sys.path.insert(0, home + sys.argv[1])
from dumm_sent.access import remote
remote.main()
"""
_INSTALL = f"""{_HOME}
import io, shutil, tempfile, zipfile
os.makedirs(home, 0o700, exist_ok=True)
fresh = tempfile.mkdtemp(dir=home, prefix=".new-")
try:
    zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())).extractall(fresh)
    os.rename(fresh, home + sys.argv[1])
except OSError:
    shutil.rmtree(fresh)
    if not os.path.isdir(home + sys.argv[1]):
        raise
"""
_KINDS = {
    kind.__name__: kind
    for kind in (
        errors.GuestError,
        errors.HostError,
        errors.InvalidInput,
        errors.Unreachable,
        errors.WaitTimeout,
        line.Rebooted,
    )
}


def reached(name: str, variables: Variables) -> LabHost | None:
    """The lab host; ``None`` where it is this machine and nobody else is to be become on it.

    :param variables: what an inventory knows of it.
    """
    become = boolean(variables.get("ansible_become", False), strict=False)
    if variables.get("ansible_connection") in _LOCAL and (not become or os.geteuid() == 0):
        return None
    return LabHost(name, variables)


class LabHost:
    """A machine that has a lab.

    :param name: for messages, and its address where the variables have none.
    :param variables: how it is reached, in Ansible's own variables for hosts.
    """

    def __init__(self, name: str, variables: Variables) -> None:
        self._name = name
        self._variables = {"inventory_hostname": name, **variables}
        self._connection: Any = None

    def connected(self) -> LabHost:
        """Itself, with a connection: plugins are loaded where it is called, so that it can be asked in another thread.

        :raises AnsibleConnectionFailure: where there is no such connection plugin.
        """
        self._reached()
        return self

    def line(self, workdir: str, guest: str) -> RemoteLine:
        """A guest's control line."""
        return RemoteLine(self, workdir, guest)

    def guests(self, workdir: str) -> Found | None:
        """What an inventory tells of the lab's guests, see :func:`hosts.look`."""
        found: Found | None = json.loads(self.ask("inventory", workdir=workdir)[1])
        return found

    def ask(self, what: str, data: bytes = b"", **arguments: Any) -> tuple[dict[str, Any], bytes]:
        """Have a request answered, see ``access.remote``.

        :raises DummError: as what answers it does there.
        :raises AnsibleConnectionFailure: where the lab host cannot be reached, or has no Python.
        """
        request = json.dumps({"what": what, **arguments}).encode() + b"\n" + data
        output = self._python(_ANSWER, request)
        if _ABSENT in output:
            self._python(_INSTALL, _program()[1])
            output = self._python(_ANSWER, request)
        _noise, found, answer = output.partition(remote.MARK)
        if not found:
            raise self._strange(output, "it gave no answer")
        head, _newline, rest = answer.partition(b"\n")
        told = json.loads(head)
        if "error" in told:
            raise _KINDS.get(told["kind"], errors.DummError)(*told["error"])
        return told, rest[: told["size"]]

    def _python(self, text: str, data: bytes) -> bytes:
        connection = self._reached()
        interpreter = self._variables.get("ansible_python_interpreter", "")
        python = interpreter if str(interpreter).startswith("/") else "python3"
        command = shlex.join([python, "-I", "-c", text, _program()[0]])
        if connection.become is not None:
            command = connection.become.build_become_command(command, connection._shell)
        try:
            code, output, complaint = connection.exec_command(command, in_data=data)
        except AnsibleError as exc:
            raise AnsibleConnectionFailure(f"lab host {self._name} cannot be reached: {exc}") from exc
        if code != 0:
            raise self._strange(complaint or output, f"{python} ended with exit code {code}")
        return bytes(output)

    def _strange(self, output: bytes, what: str) -> AnsibleConnectionFailure:
        last = output.decode("utf-8", "replace").strip()[-1000:]
        return AnsibleConnectionFailure(
            f"lab host {self._name}: {what}; see that it has Python 3.11 or later as python3 (ansible_python_interpreter), "
            f"and that {self._variables.get('ansible_user') or 'the user'} can log in there: {last}"
        )

    def _reached(self) -> Any:
        """The connection to the lab host, as a task's is made for its host."""
        if self._connection is None:
            kind = self._variables.get("ansible_connection") or C.DEFAULT_TRANSPORT
            play = PlayContext()
            connection = connection_loader.get(kind, play)
            if connection is None:
                raise AnsibleConnectionFailure(f"lab host {self._name}: there is no connection plugin {kind}")
            connection.set_options(var_options=self._variables)
            connection._shell.set_options(var_options=self._variables)
            if boolean(self._variables.get("ansible_become", False), strict=False):
                become = self._become()
                # As Ansible's own tasks: whoever logs in as that user needs no sudo, which may not be installed there.
                if C.BECOME_ALLOW_SAME_USER or become.get_option("become_user") != self._variables.get("ansible_user"):
                    connection.set_become_plugin(become)
            connection._connect()
            self._connection = connection
        return self._connection

    def _become(self) -> Any:
        method = self._variables.get("ansible_become_method") or C.DEFAULT_BECOME_METHOD
        become = become_loader.get(method)
        if become is None:
            raise AnsibleConnectionFailure(f"lab host {self._name}: there is no become plugin {method}")
        become.set_options(var_options=self._variables)
        return become


class RemoteLine:
    """A guest's control line on a lab host that is another machine; does what :class:`line.Line` does.

    :param host: the lab host.
    :param workdir: path of the working directory there.
    """

    def __init__(self, host: LabHost, workdir: str, guest: str) -> None:
        self._host = host
        self._place: dict[str, Any] = {"workdir": workdir, "guest": guest}

    def run(
        self,
        script: str,
        stdin: bytes | BinaryIO = b"",
        *,
        timeout: float,
        max_output: int,
        stdout: BinaryIO | None = None,
        warm: Script | None = None,
        ready: float = 0.0,
    ) -> Completed:
        """Run a shell script in the guest, see :meth:`line.Line.run`."""
        token, data = self._given(stdin)
        told, output = self._host.ask(
            "run",
            data,
            **self._place,
            script=script,
            stdin=token,
            timeout=timeout,
            max_output=max_output,
            warm=None if warm is None else [warm.python, dict(warm.environment)],
            ready=ready,
        )
        code, complaint = told["code"], told["stderr"].encode("utf-8", "surrogateescape")
        pieces = self._rest(told["rest"]) if told["rest"] else iter([output])
        if stdout is None:
            return Completed(code, b"".join(pieces), complaint)
        for piece in pieces:
            stdout.write(piece)
        return Completed(code, b"", complaint)

    def start(self, options: Mapping[str, Any]) -> list[str]:
        """Start the guest, see :meth:`line.Line.start`."""
        warnings: list[str] = self._host.ask("start", **self._place, options=options)[0]["warnings"]
        return warnings

    def _given(self, stdin: bytes | BinaryIO) -> tuple[str, bytes]:
        """Put what is large in pieces: the token of what was put, or what is small enough to go with the request."""
        source = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        token, piece = "", source.read(remote.PIECE)
        while len(piece) == remote.PIECE or (token and piece):
            token = self._host.ask("put", piece, token=token)[0]["token"]
            piece = source.read(remote.PIECE)
        return token, piece

    def _rest(self, token: str) -> Iterator[bytes]:
        """An output that was too large for one answer."""
        offset = 0
        while piece := self._host.ask("get", token=token, offset=offset)[1]:
            yield piece
            offset += len(piece)


@functools.cache
def _program() -> tuple[str, bytes]:
    """What answers on the lab host, as a zip file, and its hash.  The same sources give the same bytes."""
    home = Path(remote.__file__).parents[1]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(home.rglob("*.py")):
            name = f"dumm_sent/{path.relative_to(home)}"
            file.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    content = packed.getvalue()
    return hashlib.sha256(content).hexdigest()[:16], content
