# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attacks: what is tried, and whether it succeeds where a guest is not confined.

Braces stand for what the stage has (``stage.Stage.places``): ``victim`` and ``peer`` are processes of the host and of another guest,
``host`` the host's file system as the victim sees it, ``secret`` a file of the host.
"""

from __future__ import annotations

from dataclasses import dataclass

# Unconfined guests are the host's root; whether that may do a thing depends on the host's kernel.
DEPENDS = None
_NEW_NS = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000}
_NEW_NS |= {"user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}


@dataclass(frozen=True)
class Attack:
    """Something that a guest must not be able to do.

    :ivar command: for the attack program, or a script for a guest's shell.
    :ivar unconfined: whether it succeeds where the guest is not confined; ``None`` where that depends on the host.
    """

    name: str
    command: str
    unconfined: bool | None


_HOST_FILES = [
    Attack("read a host's file through a process", "read {host}{secret}", True),
    Attack("write to a host's file through a process", "put {host}{secret} attacked", True),
    Attack("read a host's file by its path", "read {secret}", False),
    Attack("read a host's file by going up", "read /run/../../../../../..{secret}", False),
    Attack("read a host's file through the root's links", "read /proc/self/root{secret}", False),
    Attack("list the host's root", "list {host}/etc", True),
    Attack("list the working directory of a host's process", "list /proc/{victim}/cwd/", True),
    Attack("read what a host's process has open", "read /proc/{victim}/fd/0", True),
    Attack("read the environment of a host's process", "read /proc/{victim}/environ", True),
    Attack("open the memory of a host's process", "open /proc/{victim}/mem", True),
    Attack("read the memory map of a host's process", "read /proc/{victim}/maps", True),
    Attack("see a host's process", "stat /proc/{victim}", True),
    Attack("see the host's init", "stat /proc/1/exe", True),
    Attack("have a host's process killed first", "put /proc/{victim}/oom_score_adj 0", True),
    Attack("be killed last", "put /proc/self/oom_score_adj -1000", DEPENDS),
    Attack("open a file by its handle, past all directories", "by_handle /run", True),
    Attack("open the log again to read it", "open /proc/self/fd/6", True),
    Attack("open the control line's FIFO again", "open_to_write /proc/self/fd/4", True),
]

_PEERS = [
    Attack("read another guest's spool", "read /proc/{peer}/root/spool/hello", True),
    Attack("put a file into another guest's spool", "create /proc/{peer}/root/spool/planted", True),
    Attack("read another guest's files", "read /proc/{peer}/root/fs/root/secret", True),
    Attack("write to another guest's files", "create /proc/{peer}/root/fs/planted", True),
    Attack("read another guest's diff", "read {host}{lab}/guests/peer/diff/root/secret", True),
    Attack("ring another guest", "open_to_write {host}{lab}/guests/peer/in", True),
    Attack("talk to another guest's kernel", "unix dgram /proc/{peer}/root/run/peer/mconsole", True),
    Attack("list the lab by its path", "list {lab}/guests", False),
    Attack("open another guest's memory", "open /proc/{peer}/mem", True),
    Attack("see another guest's process", "stat /proc/{peer}", True),
]

_PROC = [
    Attack("open the host's memory as a core file", "open /proc/kcore", DEPENDS),
    Attack("read the kernel's symbols", "read /proc/kallsyms", DEPENDS),
    Attack("open the kernel's log", "open /proc/kmsg", DEPENDS),
    Attack("open the magic keys", "open_to_write /proc/sysrq-trigger", DEPENDS),
    Attack("open the handler of core dumps", "open_to_write /proc/sys/kernel/core_pattern", True),
    Attack("write a kernel's setting", "put_back /proc/sys/kernel/hostname", True),
    Attack("list the kernel's settings", "list /proc/sys", True),
    Attack("read the host's mounts through its init", "read /proc/1/mounts", True),
    Attack("read the host's key list", "read /proc/keys", DEPENDS),
    Attack("list the host's devices", "list /sys/class", False),
    Attack("map users anew", "put /proc/self/uid_map 0\t0\t1", False),
]

_OWN_VIEW = [
    Attack("make a file in the root of the view", "create /planted", True),
    Attack("make a file among the devices of the view", "create /dev/planted", True),
    Attack("forge the owner mark", "put /owner x", True),
    Attack("write to the kernel's binary", "open_to_write /linux", False),
    Attack("make the kernel's binary writable", "remount /linux", True),
]

_DEVICES = [
    Attack("make a character device in the spool", "mknod /spool/node char", True),
    Attack("make a character device in the run directory", "mknod /run/node char", True),
    Attack("make a character device in the union", "mknod /fs/node char", True),
    Attack("make a character device in the memory's place", "mknod /tmp/node char", True),
    Attack("make a block device in the run directory", "mknod /run/node block", True),
    Attack("make a block device in the union", "mknod /fs/node block", True),
    Attack("make and use a device in the root of the view", "use_made_node /node", True),
    Attack("make and use a device in the run directory", "use_made_node /run/node", False),
    Attack("make and use a device in the memory's place", "use_made_node /tmp/node", False),
    Attack("use a device that was planted in the diff", "read /fs/planted-node", False),
    Attack("attach to another guest's TAP", "tap {tap}", True),
    Attack("make a TAP", "tap attack9", True),
]

_MOUNTS = [
    Attack("mount a tmpfs", "mount /tmp", True),
    Attack("bind a directory", "bind /fs /tmp", True),
    Attack("mount anew what is read-only", "remount /linux", True),
    Attack("unmount", "umount /no-such-place", True),
    Attack("change the root by pivot_root", "pivot_root", True),
    Attack("change the root by chroot", "chroot /fs", True),
    Attack("open a file system", "fsopen tmpfs", True),
    Attack("copy a mount", "open_tree /fs", True),
    *(
        Attack(f"enter the host's {kind} namespace", f"setns /proc/{{victim}}/ns/{kind}", True)
        for kind in ("mnt", "net", "ipc", "uts", "cgroup")
    ),
    *(Attack(f"make a namespace of kind {kind}", f"unshare {number:#x}", True) for kind, number in _NEW_NS.items()),
    Attack("make a user namespace by clone", "clone 0x10000000", True),
    Attack("make a user namespace by clone3", "clone3 0x10000000", True),
    Attack("make a mount namespace by clone", "clone 0x20000", True),
]

_KERNEL = [
    *(
        Attack(f"hold capability {name}", f"capability {number}", True)
        for name, number in {
            "CAP_SETUID": 7,
            "CAP_NET_ADMIN": 12,
            "CAP_NET_RAW": 13,
            "CAP_SYS_MODULE": 16,
            "CAP_SYS_RAWIO": 17,
            "CAP_SYS_CHROOT": 18,
            "CAP_SYS_PTRACE": 19,
            "CAP_SYS_ADMIN": 21,
            "CAP_MKNOD": 27,
            "CAP_SETFCAP": 31,
        }.items()
    ),
    Attack("load a module", "init_module", DEPENDS),
    Attack("unload a module", "delete_module", DEPENDS),
    Attack("load another kernel", "kexec", DEPENDS),
    Attack("reboot the host", "reboot", True),
    Attack("make a BPF map", "bpf", DEPENDS),
    Attack("watch the whole machine by perf", "perf", DEPENDS),
    Attack("add a key", "key", DEPENDS),
    Attack("look for the user's keyring", "keyctl", DEPENDS),
    Attack("make an io_uring", "io_uring", DEPENDS),
    Attack("make a userfaultfd", "userfaultfd", DEPENDS),
    Attack("listen to the file system", "fanotify", DEPENDS),
    Attack("read the kernel's log by a call", "syslog", True),
    Attack("add swap", "swapon /no-such-place", DEPENDS),
    Attack("write accounts of processes", "acct /no-such-place", DEPENDS),
    Attack("ask for quotas", "quotactl /no-such-place", DEPENDS),
    Attack("name the host", "hostname", True),
    Attack("reach all I/O ports", "iopl", DEPENDS),
    Attack("reach one I/O port", "ioperm", DEPENDS),
    Attack("run before everybody else", "realtime", DEPENDS),
    Attack("be more important", "nice", True),
    Attack("raise a hard limit", "core_limit", DEPENDS),
    Attack("become another user of the host", "setuid 12345", True),
    Attack("become another group of the host", "setgid 12345", True),
    Attack("join a group of the host", "setgroups 12345", True),
    Attack("give a file to a user beyond the guest's own", "chown /run/file 100000", True),
    Attack("give a program capabilities", "setxattr /run/file security.capability", True),
    Attack("set a trusted attribute", "setxattr /run/file trusted.attack", True),
    Attack("make a file immutable", "immutable /run/file", DEPENDS),
]

_PROCESSES = [
    *(
        Attack(f"{what} {whose}", f"{command} {{{who}}}", True)
        for who, whose in {"victim": "a host's process", "peer": "another guest's process"}.items()
        for what, command in {
            "send a signal to": "kill",
            "send a signal by a descriptor to": "pidfd",
            "take a descriptor from": "steal_descriptor",
            "trace": "ptrace",
            "read the memory of": "memory",
            "see the limits of": "prlimit",
            "bind to a CPU": "affinity",
            "set the priority of": "priority",
        }.items()
    ),
]

_SOCKETS = [
    Attack("connect to a service on the bridge, beside the TAP", "tcp 10.9.0.254 {lab_port}", True),
    Attack("connect to a service on the lab's loopback", "tcp 127.0.0.1 {lab_port}", True),
    Attack("connect to a service on the host's loopback", "tcp 127.0.0.1 {host_port}", False),
    Attack("offer a service in the lab's namespace", "bind_port 0", True),
    Attack("make a UDP socket", "socket 2 2 0", True),
    Attack("make a TCP socket of IPv6", "socket 10 1 0", DEPENDS),
    Attack("make a raw socket", "socket 2 3 1", True),
    Attack("sniff the lab", "socket 17 3 0", True),
    Attack("change the lab's network by netlink", "socket 16 3 0", True),
    Attack("talk to the hypervisor", "socket 40 1 0", DEPENDS),
    Attack("have the kernel encrypt", "socket 38 5 0", DEPENDS),
    Attack("connect to a host's socket by its path", "unix stream {socket}", False),
    Attack("connect to a host's socket through a process", "unix stream {host}{socket}", True),
    Attack("connect to a host's abstract socket", "unix stream @{abstract}", False),
]

_TOO_MUCH = [
    Attack("find a descriptor that was not meant for it", "descriptors", False),
    Attack("start 3000 processes", "forks", True),
    Attack("fill the memory's place beyond its size", "fill /tmp/bomb 256", False),
]

ATTACKS = [
    *_HOST_FILES,
    *_PEERS,
    *_PROC,
    *_OWN_VIEW,
    *_DEVICES,
    *_MOUNTS,
    *_KERNEL,
    *_PROCESSES,
    *_SOCKETS,
    *_TOO_MUCH,
]

# By root in a guest with a real kernel, which has mounted all that its process sees at /mnt.  ``at DIRECTORY`` mounts one at /at:
# the process finds it by its path, so that the links of /proc lead where they lead the process.
BY_GUEST_ROOT = [
    Attack("read a host's file through a process", "at {host}{place} && cat /at/secret", True),
    Attack("write to a host's file through a process", "at {host}{place} && echo attacked >>/at/secret", True),
    Attack("make a file on the host through a process", "at {host}{place} && echo x >/at/planted", True),
    Attack("read a host's file by its path", "cat /mnt{secret}", False),
    Attack("read a host's file by mounting its directory", "at {place} && cat /at/secret", False),
    Attack("read a host's file by going up", "at /run/../../../../..{place} && cat /at/secret", False),
    Attack("read a host's file by a link in its own root", "ln -sfn {secret} /link && cat /mnt/fs/link", False),
    Attack("list the host's root", "at {host}/etc && ls /at | grep -q .", True),
    Attack("have a host's process killed first", "echo 0 >/mnt/proc/{victim}/oom_score_adj", True),
    Attack("write a kernel's setting", "cat /proc/sys/kernel/ostype >/mnt/proc/sys/kernel/ostype", False),
    Attack("list the kernel's settings", "ls /mnt/proc/sys | grep -q .", True),
    Attack("see a host's process", "ls -d /mnt/proc/{victim}", True),
    Attack("see another guest's process", "ls -d /mnt/proc/{peer}", True),
    Attack("read another guest's files", "at /proc/{peer}/root/fs/root && cat /at/secret", True),
    Attack("write to another guest's files", "at /proc/{peer}/root/fs/root && echo x >/at/planted", True),
    Attack("read another guest's spool", "at /proc/{peer}/root/spool && ls -l /at/hello", True),
    Attack("read another guest's diff", "at {host}{lab}/guests/peer/diff/root && cat /at/secret", True),
    Attack("make a file in the root of the view", "echo x >/mnt/planted && rm /mnt/planted", True),
    Attack("make a file among the devices of the view", "echo x >/mnt/dev/planted && rm /mnt/dev/planted", True),
    Attack("forge the owner mark", "printf ' ' >>/mnt/owner", True),
    Attack("write to the kernel's binary", "echo x >>/mnt/linux", False),
]
