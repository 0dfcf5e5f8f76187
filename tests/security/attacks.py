# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The attacks of who runs in place of a guest's kernel, and of a guest's root, by kind.

Braces stand for what the stage has (``stage.Stage.places``): ``victim`` and ``peer`` are processes of the host and of another guest,
``host`` the host's file system as the victim sees it, ``secret`` a file of the host.
"""

from __future__ import annotations

from attack import LOCKDOWN, SETTING, Attack, Off
from neighbours import PROCESSES
from shared import SHARED

_NEW_NS = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000}
_NEW_NS |= {"user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}

# Each with arguments that are none, so that it does nothing where it is reached.
_CALLS = [
    *("fsconfig", "fsmount", "fspick", "move_mount", "mount_setattr", "statmount", "listmount", "quotactl_fd"),
    *("finit_module", "kexec_file_load", "request_key", "swapoff", "uselib", "ustat", "sysfs"),
    *("fanotify_mark", "io_uring_enter", "io_uring_register", "name_to_handle_at"),
    *("lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mbind", "set_mempolicy"),
    # Newer than the filter.
    *("setxattrat", "getxattrat", "listxattrat", "removexattrat", "open_tree_attr", "file_getattr"),
]

_HOST_FILES = [
    Attack("read a host's file through a process", "read {host}{secret}"),
    Attack("write to a host's file through a process", "put {host}{secret} attacked"),
    Attack("read a host's file by its path", "read {secret}", Off.GUEST),
    Attack("read a host's file by going up", "read {run}/../../../../../..{secret}", Off.GUEST),
    Attack("read a host's file through the root's links", "read /proc/self/root{secret}", Off.GUEST),
    Attack("list the host's root", "list {host}/etc"),
    Attack("list the working directory of a host's process", "list /proc/{victim}/cwd/"),
    Attack("read what a host's process has open", "read /proc/{victim}/fd/0"),
    Attack("read the environment of a host's process", "read /proc/{victim}/environ"),
    Attack("open the memory of a host's process", "open /proc/{victim}/mem"),
    Attack("read the memory map of a host's process", "read /proc/{victim}/maps"),
    Attack("see a host's process", "stat /proc/{victim}"),
    Attack("have a host's process killed first", "put /proc/{victim}/oom_score_adj 0"),
    Attack("be killed last", "put /proc/self/oom_score_adj -1000", needs="CAP_SYS_RESOURCE", unless=SETTING),
    Attack("open a file by its handle, past all directories", "by_handle /run"),
    Attack("open the log again to read it", "open /proc/self/fd/6"),
    Attack("open the control line's FIFO again", "open_to_write /proc/self/fd/4"),
]

_PEERS = [
    Attack("read another guest's spool", "read /proc/{peer}/root/spool/hello"),
    Attack("put a file into another guest's spool", "create /proc/{peer}/root/spool/planted"),
    Attack("read another guest's files", "read /proc/{peer}/root/fs/root/secret"),
    Attack("write to another guest's files", "create /proc/{peer}/root/fs/planted"),
    Attack("read another guest's diff", "read {host}{lab}/guests/peer/diff/root/secret"),
    Attack("ring another guest", "open_to_write {host}{lab}/guests/peer/in"),
    Attack("talk to another guest's kernel", "unix dgram /proc/{peer}/root/run/peer/mconsole"),
    Attack("list the lab by its path", "list {lab}/guests", Off.GUEST),
    Attack("open another guest's memory", "open /proc/{peer}/mem"),
    Attack("see another guest's process", "stat /proc/{peer}"),
]

_PROC = [
    Attack("open the host's memory as a core file", "open /proc/kcore", needs="/proc/kcore", unless=LOCKDOWN),
    Attack("read the kernel's symbols", "read /proc/kallsyms", unless=LOCKDOWN),
    Attack("open the kernel's log", "open /proc/kmsg", unless=LOCKDOWN),
    Attack("open the magic keys", "open_to_write /proc/sysrq-trigger", needs="/proc/sysrq-trigger", unless=SETTING),
    Attack("open the handler of core dumps", "open_to_write /proc/sys/kernel/core_pattern"),
    Attack("write a kernel's setting", "put_back /proc/sys/kernel/hostname"),
    *(
        Attack(f"write the kernel's setting {path}", f"put_back {{host}}/proc/sys/{path}")
        for path in (
            *("kernel/core_pattern", "kernel/pid_max", "kernel/printk", "kernel/threads-max", "kernel/panic"),
            *("kernel/shmmax", "kernel/perf_event_paranoid", "kernel/randomize_va_space"),
            *("vm/overcommit_memory", "vm/swappiness", "vm/nr_hugepages", "fs/file-max", "fs/pipe-max-size"),
            *("fs/inotify/max_user_instances", "fs/mqueue/queues_max", "net/core/somaxconn"),
        )
    ),
    Attack("list the kernel's settings", "list /proc/sys"),
    Attack("read the mounts of a host's process", "read /proc/{victim}/mounts"),
    Attack("read the host's key list", "read /proc/keys", unless=SETTING),
    Attack("list the host's devices", "list /sys/class", Off.GUEST),
    Attack("map the host's root anew", "map_users"),
]

_OWN_VIEW = [
    Attack("remove the owner mark", "removable /owner"),
    Attack("put another file in place of the owner mark", "exchange /owner"),
    Attack("make a file in the root of the view", "create /planted"),
    Attack("make a file among the devices of the view", "create /dev/planted"),
    Attack("forge the owner mark", "put /owner x"),
    Attack("cut the kernel's binary", "resize {linux}", Off.GUEST),
    Attack("change the mode of the kernel's binary", "mode {linux}", Off.GUEST),
    Attack("change the times of the kernel's binary", "touch {linux}", Off.GUEST),
    Attack("change the owner of the kernel's binary", "own {linux}", Off.GUEST),
    Attack("make the kernel's binary writable", "remount /linux"),
]

_DEVICES = [
    Attack("make a character device in the spool", "mknod /spool/node char"),
    Attack("make a character device in the run directory", "mknod /run/node char"),
    Attack("make a character device in the union", "mknod /fs/node char"),
    Attack("make a character device in the memory's place", "mknod /tmp/node char"),
    Attack("make a block device in the run directory", "mknod /run/node block"),
    Attack("make a block device in the union", "mknod /fs/node block"),
    Attack("make and use a device in the root of the view", "use_made_node /node"),
    Attack("make and use a device in the run directory", "use_made_node {run}/node", Off.GUEST),
    Attack("make and use a device in the memory's place", "use_made_node {tmp}/node", Off.GUEST),
    Attack("use a device that was planted in the diff", "read {fs}/planted-node", Off.GUEST),
    Attack("attach to another guest's TAP", "tap {tap}"),
    Attack("make a TAP", "tap attack9"),
    Attack("give its TAP to another user", "tap_set {own_tap} 0x400454cc 0"),
    Attack("give its TAP to another group", "tap_set {own_tap} 0x400454ce 0"),
    Attack("keep its TAP for ever", "tap_set {own_tap} 0x400454cb 1"),
    Attack("make its TAP a device of another type", "tap_set {own_tap} 0x400454cd 1"),
    Attack("set the host's address of its TAP", "tap_address {own_tap}"),
    *(
        Attack(f"open the host's /dev/{name}", f"open {{host}}/dev/{name}", needs=f"/dev/{name}")
        for name in (
            "fuse",
            "loop-control",
            "kmsg",
            "kvm",
            "vhost-net",
            "ptmx",
            "console",
        )
    ),
    Attack("open the host's disk", "open {host}{disk}", needs="/dev/loop-control"),
]

_MOUNTS = [
    Attack("mount a tmpfs", "mount /tmp"),
    Attack("bind a directory", "bind /fs /tmp"),
    Attack("mount anew what is read-only", "remount /linux"),
    Attack("unmount", "umount /no-such-place"),
    Attack("change the root by pivot_root", "pivot_root"),
    Attack("change the root by chroot", "chroot /fs"),
    Attack("open a file system", "fsopen tmpfs"),
    Attack("copy a mount", "open_tree /fs"),
    *(
        Attack(f"enter the host's {kind} namespace", f"setns /proc/{{victim}}/ns/{kind}")
        for kind in ("mnt", "net", "ipc", "uts", "cgroup")
    ),
    *(Attack(f"make a namespace of kind {kind}", f"unshare {number:#x}") for kind, number in _NEW_NS.items()),
    Attack("make a user namespace by clone", "clone 0x10000000"),
    Attack("make a user namespace by clone3", "clone3 0x10000000"),
    Attack("make a mount namespace by clone", "clone 0x20000"),
]

_KERNEL = [
    *(
        Attack(f"hold capability {name}", f"capability {number}")
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
    Attack("load a module", "init_module", unless=LOCKDOWN),
    Attack("unload a module", "delete_module", unless=LOCKDOWN),
    Attack("load another kernel", "kexec", unless=LOCKDOWN),
    Attack("reboot the host", "reboot"),
    Attack("make a BPF map", "bpf", unless=LOCKDOWN),
    Attack("watch the whole machine by perf", "perf", unless=LOCKDOWN),
    Attack("add a key", "key", unless=SETTING),
    Attack("look for the user's keyring", "keyctl", unless=SETTING),
    Attack("make an io_uring", "io_uring", unless=SETTING),
    Attack("make a userfaultfd", "userfaultfd", unless=SETTING),
    Attack("listen to the file system", "fanotify", unless=SETTING),
    Attack("read the kernel's log by a call", "syslog"),
    Attack("add swap", "swapon /no-such-place", unless=SETTING),
    Attack("write accounts of processes", "acct /no-such-place", unless=SETTING),
    Attack("ask for quotas", "quotactl /no-such-place", unless=SETTING),
    Attack("name the host", "hostname"),
    Attack("reach all I/O ports", "iopl", unless=LOCKDOWN),
    Attack("reach one I/O port", "ioperm", unless=LOCKDOWN),
    Attack("run before everybody else", "realtime", unless=SETTING),
    Attack("be more important", "nice"),
    Attack("raise a hard limit", "core_limit", needs="CAP_SYS_RESOURCE", unless=SETTING),
    Attack("become another user of the host", "setuid 12345"),
    Attack("become another group of the host", "setgid 12345"),
    Attack("join a group of the host", "setgroups 12345"),
    Attack("give a file to a user beyond the guest's own", "chown /run/file 100000"),
    Attack("give a program capabilities", "setxattr /run/file security.capability"),
    Attack("set a trusted attribute", "setxattr /run/file trusted.attack"),
    Attack("give a program in the union capabilities", "setxattr /fs/attacked security.capability"),
    Attack("set a trusted attribute in the union", "setxattr /fs/attacked trusted.attack"),
    Attack("make a file immutable", "immutable /run/file", unless=SETTING),
    Attack("use a lease on a file of somebody else", "lease {linux}", Off.GUEST),
    Attack("shorten the bounding set", "bounding_set"),
    Attack("set the secure bits", "secure_bits"),
    Attack("wake the host", "alarm_clock"),
    Attack("correct the clock", "adjust clock"),
    Attack("correct the clock by the old call", "adjust old"),
    Attack("set the time zone", "time_zone"),
    Attack("name the host's domain", "domain_name"),
    Attack("call by the numbers of 32 bits", "old_call"),
    Attack("call by the numbers of x32", "x32_call"),
    Attack("type into a terminal", "ioctl 1 0x5412"),
    Attack("paste into a terminal", "ioctl 1 0x541c"),
    *(Attack(f"call {name}", f"call {name}") for name in _CALLS),
]

_SOCKETS = [
    Attack("connect to a service on the bridge, beside the TAP", "tcp 10.9.0.254 {lab_port}"),
    Attack("connect to a service on the lab's loopback", "tcp 127.0.0.1 {lab_port}"),
    Attack("connect to a service on the host's loopback", "tcp 127.0.0.1 {host_port}", Off.GUEST),
    Attack("offer a service in the lab's namespace", "bind_port 0"),
    Attack("make a UDP socket", "socket 2 2 0"),
    Attack("make a TCP socket of IPv6", "socket 10 1 0", unless=SETTING),
    Attack("make a raw socket", "socket 2 3 1"),
    Attack("sniff the lab", "socket 17 3 0"),
    Attack("change the lab's network by netlink", "socket 16 3 0"),
    Attack("hear of new devices by netlink", "socket 16 2 15"),
    Attack("read the audit by netlink", "socket 16 3 9"),
    Attack("list sockets by netlink", "socket 16 3 4"),
    Attack("set packet filters by netlink", "socket 16 3 12"),
    Attack("set up IPsec by netlink", "socket 16 3 6"),
    Attack("reach generic netlink", "socket 16 3 16"),
    Attack("hear of processes by netlink", "socket 16 2 11"),
    Attack("make a pair of sockets of another kind", "socketpair 30"),
    Attack("make a socket of MPTCP", "socket 2 1 262"),
    Attack("make a socket of SCTP", "socket 2 1 132"),
    Attack("make a socket of UDP-Lite", "socket 2 2 136"),
    Attack("make a raw socket of IPv6", "socket 10 3 58"),
    Attack("reach the network cards by XDP", "socket 44 3 0"),
    Attack("make a socket for IPsec keys", "socket 15 3 2"),
    Attack("talk to the hypervisor", "socket 40 1 0", unless=SETTING),
    Attack("have the kernel encrypt", "socket 38 5 0", unless=SETTING),
    Attack("connect to a host's socket by its path", "unix stream {socket}", Off.GUEST),
    Attack("connect to a host's socket through a process", "unix stream {host}{socket}"),
    Attack("connect to a host's abstract socket", "unix stream @{abstract}", Off.GUEST),
]

_TOO_MUCH = [
    Attack("find a descriptor that was not meant for it", "descriptors", Off.GUEST),
    Attack("fill the memory's place beyond its size", "fill {tmp}/bomb 256", Off.GUEST),
]

# By root in a guest with a real kernel, which has mounted all that its process sees at /mnt.  ``at DIRECTORY`` mounts one at /at:
# the process finds it by its path, so that the links of /proc lead where they lead the process.
BY_GUEST_ROOT = [
    Attack("read a host's file through a process", "at {host}{place} && cat /at/secret"),
    Attack("write to a host's file through a process", "at {host}{place} && echo attacked >>/at/secret"),
    Attack("make a file on the host through a process", "at {host}{place} && echo x >/at/planted"),
    Attack("read a host's file by its path", "cat /mnt{secret}", Off.GUEST),
    Attack("read a host's file by mounting its directory", "at {place} && cat /at/secret", Off.GUEST),
    Attack("read a host's file by going up", "at {run}/../../../../..{place} && cat /at/secret", Off.GUEST),
    Attack(
        "read a host's file by a link in its own root",
        "ln -sfn {place} /link && at {fs}/link && cat /at/secret",
        Off.GUEST,
    ),
    Attack("list the host's root", "at {host}/etc && ls /at | grep -q ."),
    Attack("have a host's process killed first", "echo 0 >/mnt/proc/{victim}/oom_score_adj"),
    Attack("write a kernel's setting", "printf {hostname} >/mnt/proc/sys/kernel/hostname"),
    Attack("list the kernel's settings", "ls /mnt/proc/sys | grep -q ."),
    Attack("see a host's process", "ls -d /mnt/proc/{victim}"),
    Attack("see another guest's process", "ls -d /mnt/proc/{peer}"),
    Attack("read another guest's files", "at /proc/{peer}/root/fs/root && cat /at/secret"),
    Attack("write to another guest's files", "at /proc/{peer}/root/fs/root && echo x >/at/planted"),
    Attack("read another guest's spool", "at /proc/{peer}/root/spool && ls -l /at/hello"),
    Attack("read another guest's diff", "at {host}{lab}/guests/peer/diff/root && cat /at/secret"),
    Attack("make a file in the root of the view", "echo x >/mnt/planted && rm /mnt/planted"),
    Attack("make a file among the devices of the view", "echo x >/mnt/dev/planted && rm /mnt/dev/planted"),
    Attack("forge the owner mark", "printf ' ' >>/mnt/owner"),
    Attack("change the mode of the kernel's binary", "chmod a+r /mnt{linux}", Off.GUEST),
]

# Names of kinds, as they are printed.
ATTACKS = {
    "host's files": _HOST_FILES,
    "other guests": _PEERS,
    "/proc and /sys": _PROC,
    "its own view": [*_OWN_VIEW, *_TOO_MUCH],
    "devices": _DEVICES,
    "mounts and namespaces": _MOUNTS,
    "host's kernel": _KERNEL,
    "other processes": PROCESSES,
    "sockets": _SOCKETS,
    "use up what the host shares": SHARED,
}
