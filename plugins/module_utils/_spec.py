# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specifications of the modules, for module and action plugin alike.  PRIVATE to the collection."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import env_fallback

Spec = dict[str, Any]

_WORKDIR: Spec = {"type": "path", "default": "/var/lib/dumm", "fallback": (env_fallback, ["DUMM_WORKDIR"])}
_LAB: Spec = {
    "workdir": _WORKDIR,
    "netns": {"type": "str"},
    "lock_timeout": {"type": "int", "default": 300},
}

GUEST: Spec = {
    **_LAB,
    "name": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "default": "started",
        "choices": ["absent", "paused", "present", "restarted", "started", "stopped"],
    },
    "kernel": {"type": "str"},
    "master": {"type": "str"},
    "mem": {"type": "int"},
    "init": {"type": "str"},
    "cmdline": {"type": "str"},
    "cpu": {"type": "str"},
    "confine": {"type": "bool"},
    "disk": {"type": "int"},
    "userspace": {"type": "str", "choices": ["auto", "ptrace", "seccomp"]},
    "layers": {"type": "list", "elements": "str"},
    "union": {"type": "str", "choices": ["auto", "overlay", "cowfs"]},
    "faults": {
        "type": "list",
        "elements": "dict",
        "required_one_of": [["error", "delay"]],
        "options": {
            "path": {"type": "str", "required": True},
            "during": {"type": "list", "elements": "str", "choices": ["create", "open", "read", "remove", "write"]},
            "error": {"type": "str", "choices": ["EACCES", "EDQUOT", "EIO", "ENOSPC", "EROFS"]},
            "delay": {"type": "float"},
        },
    },
    "ready": {"type": "raw"},
    "save": {"type": "str"},
    "unsave": {"type": "str"},
    "restore": {"type": "str"},
    "reset": {"type": "bool", "default": False},
    "restart": {"type": "bool", "default": False},
    "busy": {"type": "str", "default": "refuse", "choices": ["force", "refuse"]},
    "wait_timeout": {"type": "int", "default": 60},
}

IFACE: Spec = {
    **_LAB,
    "guest": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "present", "choices": ["absent", "present"]},
    "bridge": {"type": "str"},
    "mac": {"type": "str"},
    "mtu": {"type": "int"},
    "address": {"type": "list", "elements": "str"},
    "up": {"type": "bool"},
}

BRIDGE: Spec = {
    **_LAB,
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "default": "present", "choices": ["absent", "present"]},
    "interfaces": {"type": "list", "elements": "str"},
    "purge_interfaces": {"type": "bool", "default": False},
    "address": {"type": "list", "elements": "str"},
    "mtu": {"type": "int"},
    "stp": {"type": "bool"},
    "group_fwd_mask": {"type": "int"},
    "multicast_snooping": {"type": "bool"},
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
    "busy": {"type": "str", "default": "refuse", "choices": ["force", "refuse"]},
    "parallel": {"type": "int", "default": 16},
    "power": {"type": "str", "default": "apply", "choices": ["apply", "keep"]},
    "prune": {"type": "bool", "default": True},
    "restart": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 60},
}

INFO: Spec = {
    "workdir": _WORKDIR,
    "inside": {"type": "bool", "default": True},
    "diff": {"type": "bool", "default": False},
}
