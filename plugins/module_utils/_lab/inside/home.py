# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs inside a guest, brought by a read-only layer of the collection's own: init wrapper, control line, minimal init.

POSIX sh only, so that any userland with ``/bin/sh`` and ``mount`` will do; where there is a Python, ``warm`` makes use of it, and
``terminal`` is a terminal for people.
Master and diff stay untouched.  The layer is a directory named by its content's hash: another version of the collection never
changes it under a running guest.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path

from ..host import files, sources
from . import relay, terminal, warm
from .agent import AGENT
from .init import INIT, MINIMAL

HOME = "/.dumm"
SPOOL = f"{HOME}/spool"
# Where init has a /proc with nothing over any of its files.
PROC = f"{HOME}/proc"
WARM = sources.read(warm).decode()
_TERMINAL = "#!/usr/bin/env python3\n" + sources.read(terminal).decode()
_SCRIPTS = {"init": INIT, "agent": AGENT, "minimal": MINIMAL, "warm": WARM, "terminal": _TERMINAL}
# In the program that can be a terminal, too (terminal.c); one that was compiled for an earlier version cannot.
_IS_TERMINAL = b"dumm: terminal: "
# Guests of one run start at the same time, and in a new working directory each of them would make it.
_making = threading.Lock()
_LOCALHOST = b"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


def layer(agents: Path, program: Path | None = None) -> Path:
    """The layer on the host, made where it is missing.

    :param agents: directory that holds one layer a version.
    :param program: what does the scripts' work for this guest's kernel, if there is such a program.
    """
    digest, content = _content(program, None if program is None else program.stat().st_mtime_ns)
    path = agents / digest
    if not path.is_dir():
        with _making:
            if not path.is_dir():
                _make(path, content)
    return path


def names(place: Path, name: str, master: Path) -> Path | None:
    """A layer for right above the master, made where it is missing: its /etc/hosts with a line more, by which the guest knows its own name.

    That is how Debian's installer sets it up.  Layers, scenarios and what is written in the guest lie over it.  ``None`` for a master whose
    file is not a plain one; nothing is hidden of that.

    :param place: the layer's directory.
    :param name: of the guest.
    """
    theirs, ours = master / "etc/hosts", place / "etc/hosts"
    # A layer with a directory there would hide a link, and all that is behind it.
    if theirs.parent.is_symlink() or (os.path.lexists(theirs) and not stat.S_ISREG(theirs.lstat().st_mode)):
        return None
    found = theirs.read_bytes() if theirs.exists() else _LOCALHOST
    known = {word for line in found.splitlines() for word in line.split(b"#")[0].split()[1:]}
    end = b"" if found.endswith(b"\n") or not found else b"\n"
    content = found if name.encode() in known else found + end + f"127.0.1.1 {name}\n".encode()
    if not ours.is_file() or ours.read_bytes() != content:
        ours.parent.mkdir(parents=True, exist_ok=True)
        files.write(ours, content, mode=0o644, durable=False)
        place.chmod(0o755)
    _look_like(theirs.parent, ours.parent)
    return place


def _look_like(theirs: Path, ours: Path) -> None:
    """Give a directory owner, mode and times of the one that it lies over, for all that is seen of both is the upper one's."""
    if not theirs.is_dir():
        ours.chmod(0o755)
        return
    status = theirs.stat()
    os.chown(ours, status.st_uid, status.st_gid)
    ours.chmod(stat.S_IMODE(status.st_mode))
    os.utime(ours, ns=(status.st_atime_ns, status.st_mtime_ns))


@functools.lru_cache(maxsize=8)
def _content(program: Path | None, _modified: int | None) -> tuple[str, Mapping[str, bytes]]:
    """What is in the layer, and its name."""
    content = {name: script.encode() for name, script in _SCRIPTS.items()}
    if program is not None:
        compiled = program.read_bytes()
        scripts = ("warm",) if _IS_TERMINAL in compiled else ("warm", "terminal")
        content = {"init": compiled, **{name: content[name] for name in scripts}}
    content["netlink"] = relay.program()
    parts = sorted((name, hashlib.sha256(data).hexdigest()) for name, data in content.items())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16], content


def _make(path: Path, content: Mapping[str, bytes]) -> None:
    fresh = path.with_name(f".new-{path.name}")
    files.remove_tree(fresh)
    home = fresh / HOME.lstrip("/")
    for place in (SPOOL, PROC):
        (fresh / place.lstrip("/")).mkdir(parents=True)
    for name, data in content.items():
        files.write(home / name, data, mode=0o755)
    for name in ("minimal", "terminal"):
        if name not in content:
            (home / name).symlink_to("init")
    for directory in (fresh, home):
        directory.chmod(0o755)
    fresh.rename(path)
