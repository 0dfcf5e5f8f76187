# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dumm --lab-host NAME``: the same command on another machine, over ssh(1), as Ansible's inventory says how to log in.

``dumm --lab-host GROUP inspect`` asks all lab hosts of a group (``inspect_hosts``).

Nothing is done here: the lab host's own ``dumm`` runs there, and its streams and exit code are this one's.  So a verb that reads or writes
files would find them there, and only those that need none are allowed.
"""

from __future__ import annotations

import importlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..model.errors import HostError, InvalidInput, listed

ALLOWED = ("attach", "capture", "events", "exec", "graph", "inspect", "logs", "reach", "start", "stop", "why")
# Where a lab host has it, beside the PATH and what the inventory says.
_PLACES = (
    '"$HOME"/.ansible/collections/ansible_collections/dumm/lab/scripts/dumm',
    "/usr/share/ansible/collections/ansible_collections/dumm/lab/scripts/dumm",
)
_MISSING = 127
_SECONDS = 120.0


def run(host: str, verb: str, words: Sequence[str], workdir: str | None) -> int:
    """Become ssh(1), which runs the command there.

    :param workdir: of the lab there; ``None`` for its default.
    :raises DummError: where the inventory does not know the host, or the verb needs files.
    """
    if verb not in ALLOWED:
        raise InvalidInput(
            f"dumm {verb}",
            "it works with files of this machine, and --lab-host runs it on another",
            f"run it there, or use a playbook (with --lab-host: {listed(ALLOWED)})",
        )
    try:
        known = variables(host)
    except InvalidInput:
        if verb != "inspect":
            raise
        table: Any = importlib.import_module(f"{__package__}.inspect_hosts")
        return int(table.run(_several(host), words, workdir))
    command = ssh_command(host, known, [*([] if workdir is None else ["--workdir", workdir]), verb, *words])
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)
    except OSError as exc:
        raise HostError(
            f"program {command[0]}", f"it cannot be run: {exc.strerror}", "install openssh-client"
        ) from None


def _several(names: str) -> dict[str, dict[str, Any]]:
    """Variables of each host of a group, or of several names with commas between them.

    :raises DummError: where the inventory knows neither such a host nor such a group, or there is no Ansible.
    """
    groups = _told("--list", f"lab host {names}")
    known = groups.pop("_meta", {}).get("hostvars", {})
    hosts = {host for group in groups.values() for host in group.get("hosts", ())}
    found: dict[str, dict[str, Any]] = {}
    for name in names.split(","):
        members = list(_members(groups, name)) if name in groups else [name]
        for host in members:
            if host not in hosts:
                cause = "the inventory knows neither a host nor a group of that name"
                raise InvalidInput(f"lab host {host}", cause, "set ANSIBLE_INVENTORY")
            found[host] = known.get(host, {})
    return found


def _members(groups: Mapping[str, Any], name: str) -> Iterator[str]:
    """Hosts of a group and of the groups in it."""
    group = groups.get(name, {})
    yield from group.get("hosts", ())
    for child in group.get("children", ()):
        yield from _members(groups, child)


def variables(host: str) -> dict[str, Any]:
    """What the inventory says of a host.

    :raises DummError: where it does not know the host, or there is no Ansible.
    """
    return _told("--host", f"lab host {host}", host)


def _told(option: str, subject: str, *words: str) -> dict[str, Any]:
    """What ``ansible-inventory`` tells."""
    beside = Path(sys.executable).with_name("ansible-inventory")
    program = str(beside) if beside.exists() else shutil.which("ansible-inventory")
    if program is None:
        raise HostError("ansible-inventory", "it is not installed", "install ansible-core, or use ssh HOST dumm")
    done = subprocess.run(
        [program, option, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    try:
        found = json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        said = (done.stderr.strip().splitlines() or ["it told nothing"])[-1]
        raise InvalidInput(subject, f"the inventory does not know it: {said}", "set ANSIBLE_INVENTORY")
    return found


def ssh_command(host: str, known: Mapping[str, Any], words: Sequence[str]) -> list[str]:
    """Words of ssh(1) that run the lab host's own ``dumm``.

    :param known: variables of the host.
    :raises InvalidInput: where Ansible would not use ssh either.
    """
    connection = str(known.get("ansible_connection", "ssh"))
    if connection.rpartition(".")[2] not in ("ssh", "smart"):
        raise InvalidInput(f"lab host {host}", f"its connection is {connection}, and not ssh", "run dumm there")
    return [
        str(known.get("ansible_ssh_executable") or "ssh"),
        *_options(known),
        *(["-t"] if _is_terminal() else []),
        "--",
        str(known.get("ansible_host") or known.get("ansible_ssh_host") or host),
        f"exec sh -c {shlex.quote(_script(known))} dumm {shlex.join(words)}",
    ]


def _options(known: Mapping[str, Any]) -> Iterator[str]:
    """As Ansible gives them to ssh(1); the first of several counts there."""
    if key := known.get("ansible_ssh_private_key_file") or known.get("ansible_private_key_file"):
        yield from ("-i", os.path.expanduser(str(key)))
    if port := known.get("ansible_port") or known.get("ansible_ssh_port"):
        yield from ("-p", str(port))
    if user := known.get("ansible_user") or known.get("ansible_ssh_user"):
        yield from ("-l", str(user))
    for name in ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"):
        yield from shlex.split(str(known.get(name) or ""))


def _is_terminal() -> bool:
    return os.isatty(0) and os.isatty(1)


def _script(known: Mapping[str, Any]) -> str:
    """What finds ``dumm`` on the lab host and becomes it, as root."""
    named = shlex.quote(str(known.get("dumm_command") or ""))
    become = str(known.get("ansible_become", "")).lower() in ("true", "yes", "1")
    # As Ansible's own tasks: root needs no sudo, which may not be installed there.
    root = '[ "$(id -u)" = 0 ] || root="sudo -n --"; ' if become else ""
    places = " ".join([named, '"$(command -v dumm)"', *_PLACES])
    return (
        f'root=; {root}for each in {places}; do [ ! -x "$each" ] || exec $root "$each" "$@"; done; '
        "echo 'dumm: this lab host has no dumm; install the collection dumm.lab there, or set dumm_command in the inventory' >&2; "
        f"exit {_MISSING}"
    )
