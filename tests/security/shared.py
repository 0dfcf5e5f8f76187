# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attacks that use up what all of a host share.

Each takes more than a guest may have, for a moment, and far less than there is.
"""

from __future__ import annotations

from attack import SETTING, Attack, Off

# MB of the guest that attacks, and of its disk; what is taken is more than its limits allow (``confine.Limits``).
MEM, DISK = 32, 32
# Its memory, and that and as much swap.
_MORE_MEMORY, _EVEN_MORE_MEMORY = 360, 700
_MORE_DISK = 48
_MORE_FILES = 4500
_RLIMITS = {
    "core dumps": 4,
    "processes": 6,
    "open files": 7,
    "locked memory": 8,
    "pending signals": 11,
    "message queues": 12,
}
_RLIMITS |= {"priority": 13, "realtime priority": 14}

SHARED = [
    Attack("start 3000 processes", "forks"),
    Attack("start 3000 threads", "threads 3000"),
    Attack("have shared memory of nobody's", "shm"),
    Attack("have semaphores of nobody's", "sem"),
    Attack("have a message queue of nobody's", "msg"),
    Attack("have a POSIX message queue", "mq /attack"),
    Attack("attach shared memory", "call shmat"),
    Attack("control shared memory", "call shmctl"),
    Attack("detach shared memory", "call shmdt"),
    Attack("use semaphores", "call semop"),
    Attack("use semaphores with a time limit", "call semtimedop"),
    Attack("control semaphores", "call semctl"),
    Attack("send to a message queue", "call msgsnd"),
    Attack("receive from a message queue", "call msgrcv"),
    Attack("control a message queue", "call msgctl"),
    Attack("remove a POSIX message queue", "call mq_unlink"),
    Attack("have memory that not even the host's kernel sees", "memfd_secret", unless=SETTING),
    Attack("watch files: one of the host's root's few inotify instances", "inotify"),
    Attack("have 3000 timers of the host's root's", "timers 3000"),
    Attack("have 3000 pending signals of the host's root's", "signals 3000"),
    Attack("lock 64 MB into memory", "lock_memory 64"),
    Attack("lock 64 MB into memory when they are used", "lock_on_fault 64"),
    Attack("map 64 MB that are locked", "map_locked 64"),
    Attack("lock all of its memory", "lock_all"),
    Attack("use more memory than it has", f"fill_memory {_EVEN_MORE_MEMORY}"),
    Attack("use more memory by a file of no name", f"fill_memfd {_EVEN_MORE_MEMORY}"),
    Attack("use more memory by pipes", f"fill_pipes {_MORE_MEMORY}"),
    Attack("use more memory by sockets", f"fill_sockets {_MORE_MEMORY}"),
    Attack("have a pipe larger than a user may", "pipe_size", needs="CAP_SYS_RESOURCE"),
    *(
        Attack(f"raise its limit of {what}", f"raise_limit {number}", needs="CAP_SYS_RESOURCE")
        for what, number in _RLIMITS.items()
    ),
    Attack("run before everybody else by a deadline", "deadline", unless=SETTING),
    Attack("use the disk before everybody else", "io_realtime"),
    Attack("use more blocks of the disk in its files", f"fill /fs/bomb {_MORE_DISK}"),
    Attack("use more blocks of the disk in its spool", f"fill /spool/bomb {_MORE_DISK}"),
    Attack("use more blocks of the disk in its run directory", f"fill /run/bomb {_MORE_DISK}"),
    Attack("use more inodes of the disk in its files", f"files /fs {_MORE_FILES}"),
    Attack("use more inodes of the disk in its spool", f"files /spool {_MORE_FILES}"),
    Attack("use more inodes of the disk in its run directory", f"files /run {_MORE_FILES}"),
    Attack("use more inodes in the memory's place", f"files {{tmp}} {_MORE_FILES}", Off.GUEST),
    Attack("use terminals of the host", "ptys /dev/ptmx 20", Off.GUEST),
    Attack("write into the kernel's log", "open_to_write /dev/kmsg", Off.GUEST),
    Attack("take a loop device", "open /dev/loop-control", Off.GUEST, needs="/dev/loop-control"),
    Attack("fill the host's shared memory", "fill {host}/dev/shm/dumm-attack 8"),
    Attack("fill the host's temporary files", "fill {host}{place}/bomb 8"),
    Attack("use the host's terminals through a process", "ptys {host}/dev/ptmx 20"),
    Attack("leave its control group", "put {host}{group}/cgroup.procs 0", needs="{group}"),
    Attack("make a control group", "make_group {host}{group}/attack", needs="{group}"),
    Attack("limit another guest's control group", "put {host}{peer_group}/pids.max 5", needs="{group}"),
    Attack("move another guest's process", "put {host}{group}/cgroup.procs {peer}", needs="{group}"),
]
