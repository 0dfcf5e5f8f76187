# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the modules: types, choices and defaults, as data.

``_spec`` gives them to Ansible.  Who calls a module's body without it completes its arguments here::

    run_guest(options.completed(options.GUEST, name="alice", state="stopped"))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import settings

Spec = dict[str, Any]

_WORKDIR: Spec = {"type": "path", "default": "/var/lib/dumm"}
_LAB: Spec = {
    "workdir": _WORKDIR,
    "netns": {"type": "str"},
    "lock_timeout": {"type": "int", "default": 300},
}


def _options(rows: Iterable[settings.Setting]) -> Spec:
    return {row.name: row.kind.argument for row in rows if row.option}


GUEST: Spec = {
    **_LAB,
    "name": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "default": "started",
        "choices": ["absent", "paused", "present", "restarted", "started", "stopped"],
    },
    **_options(settings.GUEST),
    "save": {"type": "str"},
    "remove_save": {"type": "str", "aliases": ["unsave"]},
    "restore": {"type": "str"},
    "reset": {"type": "bool", "default": False},
    "restart": {"type": "bool", "default": False},
    "in_use": {"type": "str", "default": "refuse", "choices": ["force", "refuse"], "aliases": ["busy"]},
    "wait_timeout": {"type": "int", "default": 60},
}

IFACE: Spec = {
    **_LAB,
    "guest": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "present", "choices": ["absent", "present"]},
    **_options(settings.IFACE),
}

BRIDGE: Spec = {
    **_LAB,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "present", "choices": ["absent", "present"]},
    "interfaces": {"type": "list", "elements": "str"},
    "purge_interfaces": {"type": "bool", "default": False},
    **_options(settings.BRIDGE),
}

SCENARIO: Spec = {
    **_LAB,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "present", "choices": ["absent", "loaded", "present", "stopped", "unloaded"]},
    "src": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "content": {"type": "str", "no_log": True},
    "config": {"type": "dict"},
    "only": {"type": "list", "elements": "str"},
    "record": {"type": "bool", "default": False},
    "in_use": {"type": "str", "default": "refuse", "choices": ["force", "refuse"], "aliases": ["busy"]},
    "parallel": {"type": "int", "default": 16},
    "power": {"type": "str", "default": "apply", "choices": ["apply", "keep"]},
    "prune": {"type": "bool", "default": True},
    "restart": {"type": "bool", "default": False},
    "clean": {"type": "str", "choices": ["network", "restart"]},
    "lab_hosts": {"type": "raw"},
    "lab_host": {"type": "str"},
    "lab": {"type": "str"},
    "vxlan_port": {"type": "int", "default": 4789},
    "move": {"type": "bool", "default": False},
    "lost": {"type": "list", "elements": "str"},
    "wait_timeout": {"type": "int", "default": 60},
}

TEST: Spec = {
    **_LAB,
    "src": {"type": "list", "elements": "path"},
    "remote_src": {"type": "bool", "default": False},
    "content": {"type": "dict", "no_log": True},
    "format": {"type": "str", "default": "dumm", "choices": ["dumm", "strongswan"]},
    "scenario": {"type": "str"},
    "tests": {"type": "list", "elements": "str"},
    "parallel": {"type": "int", "default": 1},
    "retry": {"type": "int", "default": 0},
    "stop_on_failure": {"type": "bool", "default": False},
    "keep": {"type": "str", "default": "never", "choices": ["always", "failed", "never"]},
    "results": {"type": "path"},
    "wait_timeout": {"type": "int", "default": 60},
}

CAPTURE: Spec = {
    "workdir": _WORKDIR,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "started", "choices": ["absent", "started", "stopped"]},
    "interfaces": {"type": "list", "elements": "str"},
    "filter": {"type": "str", "default": ""},
    "packets": {"type": "int"},
    "bytes": {"type": "int", "default": 64 << 20},
    "seconds": {"type": "float"},
    "dest": {"type": "path"},
}

INFO: Spec = {
    "workdir": _WORKDIR,
    "inside": {"type": "bool", "default": True},
    "diff": {"type": "bool", "default": False},
}


def completed(spec: Spec, **given: object) -> dict[str, Any]:
    """The arguments of a module's body: what is given, and the defaults of all other options.

    :param given: of the right types; that is not checked.  Names of earlier versions are understood.
    :raises TypeError: for an option that there is not, as of a function.
    """
    known = {canonical(spec, name): value for name, value in given.items()}
    for name in known.keys() - spec.keys():
        raise TypeError(f"there is no option {name}")
    return {name: known.get(name, option.get("default")) for name, option in spec.items()}


def canonical(spec: Mapping[str, Spec], name: str) -> str:
    """The name of an option today; what no option was ever called stays as it is."""
    return next((today for today, option in spec.items() if name in option.get("aliases", ())), name)
