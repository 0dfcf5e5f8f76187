# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's side of a line of strongSwan's tests: one unprivileged bash that evaluates it as upstream's ``do-tests`` does.

Upstream's lines are shell text for the host, in which ``ssh`` reaches a guest.  Here ``ssh`` is a function that asks this process to
run the command over the guest's control channel, and replays what came of it.  Redirections, pipes and ``grep`` of a line act on the
host.  So the shell runs as nobody, with an environment of its own, in namespaces without a network and an empty directory that is
removed with it.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ...host.wait import Deadline
from ...model.errors import HostError, InvalidInput, WaitTimeout, listed

_NOBODY = 65534
_SUBJECT = "strongSwan's tests"
_PREFIX = "dumm-suite-"
_CHUNK = 1 << 16
_MOST = 1 << 24
_LOOP = r"""
readonly dumm_from dumm_to
ssh() {
    local code out err
    printf '%s\0' ssh "$#" "$@" >&"$dumm_to"
    IFS= read -r _ <&"$dumm_from"
    { IFS= read -r -d '' code; IFS= read -r -d '' out; IFS= read -r -d '' err; } <answer
    printf '%s' "$out"
    printf '%s' "$err" >&2
    return "$code"
}
while IFS= read -r _ <&"$dumm_from"; do
    status=0
    . ./job || status=$?
    printf '%s\0' end 1 "$status" >&"$dumm_to"
done
"""

Remote = Callable[[str, str], "tuple[int, bytes, bytes]"]


class HostShell:
    """A shell on the host.

    :param remote: runs a command in a guest: called with its name and the command, returns exit code and both outputs.
    :param limit: seconds that the host's side of a line may take.
    """

    def __init__(self, remote: Remote, limit: float = 60.0) -> None:
        self._remote = remote
        self._limit = limit
        _sweep()
        self._directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._pending = b""
        os.chown(self._directory, _NOBODY, _NOBODY)
        to_shell, self._write = os.pipe()
        self._read, from_shell = os.pipe()
        try:
            self._process = self._start(to_shell, from_shell)
        finally:
            os.close(to_shell)
            os.close(from_shell)

    def _start(self, to_shell: int, from_shell: int) -> subprocess.Popen[bytes]:
        plumbing = f"dumm_from={to_shell} dumm_to={from_shell}\n"
        confined = [
            "unshare", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child",
            "setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--no-new-privs", "--inh-caps=-all",
            "--bounding-set=-all",
        ]  # fmt: skip
        try:
            return subprocess.Popen(
                [*confined, "bash", "--noprofile", "--norc", "-c", plumbing + _LOOP, "tests"],
                cwd=self._directory,
                env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(to_shell, from_shell),
                start_new_session=True,
            )
        except OSError as exc:
            self._forget()
            raise HostError(_SUBJECT, f"no shell can be started ({exc})", "install bash and util-linux") from exc

    def evaluate(self, text: str) -> int:
        """Evaluate shell text.

        :return: its exit status.
        :raises WaitTimeout: where the host's side of it does not end.
        """
        self.put("job", f"{text}\n".encode())
        self._ring()
        while True:
            kind, values = self._record()
            if kind == "end":
                return int(values[0])
            self._answer(*self._remote(values[0] if values else "", " ".join(values[1:])))

    def get(self, name: str) -> bytes:
        """What the text has written to a file; nothing where there is none."""
        try:
            descriptor = os.open(self._directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_MOST)

    def variables(self, text: str, names: Sequence[str]) -> dict[str, str]:
        """Values of variables after shell text, such as ``test.conf``, was evaluated in a shell of its own.

        :raises InvalidInput: where it cannot be evaluated.
        """
        shown = " ".join(f'"${{{name}-}}"' for name in names)
        self.put("values", b"")
        self.evaluate(f"( {{ :\n{text}\n}} >/dev/null; printf '%s\\0' {shown} ) >values")
        values = self.get("values").decode(errors="replace").split("\0")
        if len(values) <= len(names):
            raise InvalidInput(_SUBJECT, f"bash cannot evaluate what sets {listed(names)}", "look at test.conf")
        return dict(zip(names, values, strict=False))

    def _answer(self, code: int, out: bytes, err: bytes) -> None:
        parts = (str(code).encode(), out.replace(b"\0", b""), err.replace(b"\0", b""))
        self.put("answer", b"\0".join(parts) + b"\0")
        self._ring()

    def put(self, name: str, data: bytes) -> None:
        """Write a file that the text can read."""
        # The directory is the shell's, which may have put anything there.
        path = self._directory / name
        with suppress(FileNotFoundError):
            path.unlink()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(descriptor, _NOBODY, _NOBODY)
            file.write(data)

    def _ring(self) -> None:
        try:
            os.write(self._write, b"\n")
        except BrokenPipeError as exc:
            raise self._ended() from exc

    def _record(self) -> tuple[str, list[str]]:
        deadline = Deadline(self._limit)
        kind = self._word(deadline)
        count = int(self._word(deadline))
        return kind, [self._word(deadline) for _each in range(count)]

    def _word(self, deadline: Deadline) -> str:
        while b"\0" not in self._pending:
            with selectors.DefaultSelector() as selector:
                selector.register(self._read, selectors.EVENT_READ)
                if not selector.select(max(deadline.left, 0)):
                    raise WaitTimeout(
                        _SUBJECT, f"the host's side of a line did not end within {self._limit:g} s", "look at the line"
                    )
            data = os.read(self._read, _CHUNK)
            if not data:
                raise self._ended()
            self._pending += data
        word, _end, self._pending = self._pending.partition(b"\0")
        return word.decode(errors="replace")

    def _ended(self) -> HostError:
        return HostError(
            _SUBJECT, "the host's shell ended while it evaluated a line", "look at the line, which must not exit"
        )

    def close(self) -> None:
        """End the shell and what it has started, and remove its directory."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for descriptor in (self._read, self._write):
            os.close(descriptor)
        self._forget()

    def _forget(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)


def _sweep() -> None:
    """Remove the directories of shells whose runs were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        with suppress(OSError):
            if path.lstat().st_uid == _NOBODY and not Path("/proc", pid).exists():
                shutil.rmtree(path)
