# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attacks on other processes: of the host, and of another guest."""

from __future__ import annotations

from attack import Attack

_BY_CALL = {
    "send a signal to": "kill {who}",
    "send a signal by a descriptor to": "pidfd {who}",
    "send a signal to a thread of": "tgkill {who} {who}",
    "send a signal by the old call to": "tkill {who}",
    "send a signal with a value to": "sigqueue {who}",
    "send a signal with a value to a thread of": "sigqueue_thread {who}",
    "stop and continue": "stop {who}",
    "take a descriptor from": "steal_descriptor {who}",
    "trace": "ptrace {who}",
    "stop by tracing": "attach {who}",
    "read the memory of": "memory {who}",
    "write the memory of": "write_memory {who}",
    "advise on the memory of": "advise {who}",
    "move pages of": "move_pages {who}",
    "move the memory of": "migrate_pages {who}",
    "compare descriptors with": "kcmp {who}",
    "find the locks of": "robust_list {who}",
    "see the limits of": "prlimit {who}",
    "set the limits of": "set_limit {who}",
    "bind to a CPU": "affinity {who}",
    "set the priority of": "priority {who}",
    "set the scheduling of": "scheduler {who}",
    "set the scheduling attributes of": "scheduler_attributes {who}",
    "set the disk's priority of": "io_priority {who}",
    "count what is done by": "count {who}",
}
_BY_PATH = {
    "read the I/O counters of": "read /proc/{who}/io",
    "read the auxiliary vector of": "read /proc/{who}/auxv",
    "read the system call of": "read /proc/{who}/syscall",
    "read the memory's places of": "read /proc/{who}/smaps",
    "read the page table of": "read /proc/{who}/pagemap",
    "list what is open in": "list /proc/{who}/fd",
    "list what is mapped in": "list /proc/{who}/map_files",
    "read the command line of": "read /proc/{who}/cmdline",
    "read the mounts of": "read /proc/{who}/mountinfo",
    "read the network's counters of": "read /proc/{who}/net/dev",
    "read the control groups of": "read /proc/{who}/cgroup",
    "set what a core dump has of": "put /proc/{who}/coredump_filter 0x33",
    "reset the referenced pages of": "put /proc/{who}/clear_refs 1",
    "reset the peak memory of": "put /proc/{who}/clear_refs 5",
}
_NAMESPACES = ("mnt", "net", "ipc", "uts", "pid", "cgroup")

PROCESSES = [
    *(
        Attack(f"{what} {whose}", command.format(who=f"{{{who}}}"))
        for who, whose in {"victim": "a host's process", "peer": "another guest's process"}.items()
        for what, command in {**_BY_CALL, **_BY_PATH}.items()
    ),
    *(Attack(f"enter another guest's {kind} namespace", f"setns /proc/{{peer}}/ns/{kind}") for kind in _NAMESPACES),
]
