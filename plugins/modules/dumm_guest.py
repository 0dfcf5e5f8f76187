#!/usr/bin/python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manage a guest of a virtual network lab."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dumm_guest
short_description: Manage a guest of a virtual network lab
version_added: 0.1.0
description:
  - Makes, starts, pauses, stops and removes a guest. A guest is a User Mode Linux kernel that runs as an ordinary process of the lab
    host, on a copy-on-write union over a shared master root file system.
  - An option that you omit keeps its stored value. A new guest gets the default that each option names.
  - Interfaces of a guest, see M(dumm.lab.dumm_iface), are there again after each start.
options:
  name:
    description: Name of the guest, a DNS label.
    type: str
    required: true
  state:
    description:
      - State of the guest after the task.
      - V(present) stores the settings and leaves the guest running or stopped as it is.
      - V(started) starts it and waits until it is ready (O(ready)). V(paused) halts its kernel where it is.
      - V(stopped) shuts it down, by its own init if that answers, otherwise by force.
      - V(restarted) stops and starts it in any case.
      - V(absent) stops it and removes it with everything that it wrote.
    type: str
    default: started
    choices: [absent, paused, present, restarted, started, stopped]
  kernel:
    description:
      - Name of a kernel below C(kernels/) in the working directory, or absolute path of a User Mode Linux binary.
      - A new guest gets V(default). A change needs a restart of the guest.
    type: str
  master:
    description:
      - Name of a master root file system below C(masters/) in the working directory, or absolute path of one. Guests never write to it.
      - A new guest gets V(default). A change needs a restart of the guest.
    type: str
  mem:
    description: Memory in MB, at least 32. A new guest gets 128. A change needs a restart of the guest.
    type: int
  init:
    description:
      - Absolute path in the guest of the program that becomes its init.
      - V(auto) is C(/sbin/init), or V(minimal) if the guest has none. A new guest gets V(auto).
      - V(minimal) is an init of the collection. It mounts, reaps and powers off, and starts no services.
      - A change needs a restart of the guest.
    type: str
  cmdline:
    description:
      - Additional arguments for the guest's kernel. A new guest has none. A change needs a restart of the guest.
      - Arguments that the lab itself sets are refused, such as C(mem=), C(umid=), C(root=), C(con0=), C(ssl0=) and C(vec0:).
    type: str
  userspace:
    description:
      - How the guest's kernel intercepts the system calls of its processes.
      - V(seccomp) costs about half of V(ptrace) and needs a kernel of the series 7. With it, a process in the guest can read and write
        all memory of the guest, that of its kernel too. The host's memory stays out of reach.
      - V(auto) is V(seccomp) if the kernel supports it, otherwise V(ptrace). A new guest gets V(auto).
      - A change needs a restart of the guest.
    type: str
    choices: [auto, ptrace, seccomp]
  cpu:
    description:
      - CPU of the host that the guest runs on, a number as in C(/proc/cpuinfo).
      - V(auto) is the CPU with the fewest guests of the lab. With V(any) the host's scheduler decides. A new guest gets V(auto).
      - A guest's kernel and its programs take turns. On one CPU they do that ten times as fast as on several.
      - A change needs a restart of the guest.
    type: str
  confine:
    description:
      - Whether to run the guest unprivileged. Root in the guest then has no rights on the host.
      - The guest's process has users of its own, four capabilities over files of those users, a view of the file system with nothing
        but the guest in it, and no system calls that a guest does not need (C(docs/explanation/security.md)).
      - A new guest gets V(true). With V(false), root of the guest can do all that root of the host can, and a warning is issued at each
        start.
      - A change needs a restart of the guest.
    type: bool
  disk:
    description:
      - Number of MB that the guest may write, at least 16. With V(0), only the file system of the working directory is the limit. A new
        guest gets V(0).
      - The guest's directory is then a file system of its own, in an image below C(disks/), with its C(diff), saving points, spool and
        C(boot.log). A tenth is reserved for its answers.
      - A change needs a restart of the guest, which keeps what it wrote.
    type: int
  layers:
    description:
      - Directories that lie over the master and under what the guest writes, the topmost first. Guests never write to them.
      - A path is absolute, or below O(workdir), such as V(layers/web). With paths below O(workdir) you can move or copy the lab.
      - A new guest has none. A running guest gets a change at once, see O(in_use).
    type: list
    elements: str
  union:
    description:
      - Engine that makes the guest's root from its layers.
      - V(overlay) is the kernel's overlayfs. V(cowfs) is a file system in user space with the same format on disk. It needs pyfuse3,
        which role P(dumm.lab.host#role) installs.
      - V(auto) is V(overlay) if it works in this working directory, otherwise V(cowfs); the result has the reason. A new guest gets
        V(auto).
      - A change needs a restart of the guest.
    type: str
    choices: [auto, overlay, cowfs]
  faults:
    description:
      - Faults to inject into the guest's root file system, which needs O(union=cowfs). The first rule that matches applies.
      - A new guest has none. A running guest gets a change at once. An empty list removes all faults.
    type: list
    elements: dict
    suboptions:
      path:
        description: Pattern of absolute paths in the guest, as in a shell, but C(*) matches slashes, too.
        type: str
        required: true
      during:
        description: Operations that the rule applies to. By default it applies to all.
        type: list
        elements: str
        choices: [create, open, read, remove, write]
      error:
        description: Error that the operation returns.
        type: str
        choices: [EACCES, EDQUOT, EIO, ENOSPC, EROFS]
      delay:
        description: Milliseconds that the operation is delayed by.
        type: float
  ready:
    description:
      - When a started guest counts as ready. This module waits for it, as do C(run) and C(restart_services) of a scenario and the end of
        M(dumm.lab.dumm_scenario). The first Ansible task in the guest waits by P(dumm.lab.dumm#connection).
      - With V(agent), when it answers on its control channel, before its own init has begun.
      - With V(booted), when its init has finished booting. systemd then has no jobs left, even with failed units (C(degraded)), and
        sysvinit has run its scripts. With the minimal init this is V(agent). O(wait_timeout) is the limit.
      - With a mapping of C(run), a command, and C(within), a number of seconds or text such as V(60s), when the command succeeds. It is
        retried until then. The default of C(within) is V(60s).
      - V(auto) is V(booted) if a scenario has commands or services for the guest, otherwise V(agent). A new guest gets V(auto).
      - A change takes effect at once and restarts nothing.
    type: raw
  stop:
    description:
      - How to stop the guest, also for O(state=restarted) and O(state=absent).
      - With V(clean), its own init shuts it down within O(wait_timeout). A new guest gets V(clean).
      - With V(halt), its kernel ends at once. What the guest had not written to its files yet is lost, as after a power cut; its union
        stays consistent. This suits guests that you throw away.
      - A change takes effect at the next stop.
    type: str
    choices: [clean, halt]
  save:
    description:
      - Name, a DNS label, to save a copy of what the guest wrote under. A saving point that exists stays as it is.
      - The copy is of the layer that the guest writes to, its C(diff), or the layer of a loaded scenario. O(reset) and O(restore) use
        the same layer.
      - This, O(reset) and O(restore) need a guest that does not run. O(state=stopped) and V(restarted) stop a running one.
    type: str
  remove_save:
    description:
      - Name of a saving point to remove. It is removed before anything else is done.
      - The name O(unsave) of earlier versions goes on working.
    type: str
    aliases: [unsave]
  restore:
    description: Name of a saving point to go back to, which stays. What the guest wrote since then is lost.
    type: str
  reset:
    description: Whether to throw away what the guest wrote. It then has only its layers and its master.
    type: bool
    default: false
  restart:
    description:
      - Whether to restart a running guest if a change of O(mem), O(kernel), O(master), O(init), O(cmdline), O(userspace), O(cpu),
        O(confine), O(disk) or O(union) needs it. Otherwise the change is stored, and RV(restart_required) names it until you restart
        the guest.
    type: bool
    default: false
  in_use:
    description:
      - What to do if processes in the running guest hold files open of O(layers) that come or go. These processes keep the old files.
      - V(refuse) fails, names the files and changes nothing. V(force) changes the layers anyway.
      - The name O(busy) of earlier versions goes on working.
    type: str
    default: refuse
    choices: [force, refuse]
    aliases: [busy]
  wait_timeout:
    description:
      - Seconds that the guest may take to answer when it starts, then to boot (O(ready)), and to shut itself down when it stops.
    type: int
    default: 60
extends_documentation_fragment:
  - dumm.lab.attributes
  - dumm.lab.workdir
  - dumm.lab.change
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: [With O(state=restarted) the guest is restarted each time.]
  platform:
    platforms: linux
    support: full
author:
  - dumm.lab contributors (@dumm-lab)
"""

EXAMPLES = r"""
- name: Start a guest
  dumm.lab.dumm_guest:
    name: alice

- name: Start another one with its own memory and init
  dumm.lab.dumm_guest:
    name: bob
    mem: 256
    master: bookworm-systemd
    init: /sbin/init

- name: Save what alice has installed so far
  dumm.lab.dumm_guest:
    name: alice
    state: restarted
    save: installed

- name: Make the disk of alice full for one directory
  dumm.lab.dumm_guest:
    name: alice
    union: cowfs
    restart: true
    faults:
      - path: /var/log/*
        during: [write]
        error: ENOSPC

- name: Give bob more memory now, even if that takes a restart
  dumm.lab.dumm_guest:
    name: bob
    mem: 512
    restart: true

- name: Remove alice and everything that it wrote
  dumm.lab.dumm_guest:
    name: alice
    state: absent
"""

RETURN = r"""
guest:
  description:
    - The guest as it is found afterwards. In check mode what is defined, as it would be.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: alice
    state:
      description: What it is doing, one of V(stopped), V(starting), V(running), V(paused), V(died).
      type: str
      sample: running
    reason:
      description: Why it is not running although it was started.
      type: str
      sample: "kernel panic: sysrq triggered crash"
    pid:
      description: Number of its main process on the lab host.
      type: int
      sample: 4711
    uptime:
      description: Seconds since it was started.
      type: float
      sample: 12.3
    ready_after:
      description: Seconds from its launch until it answered, if this task has started it.
      type: float
      sample: 0.052
    memory_used:
      description: Resident memory of its main process in MB, the guest's own memory included.
      type: int
      sample: 31
    mem:
      description: Its memory in MB, as defined.
      type: int
      sample: 128
    kernel:
      description: Its kernel, as defined.
      type: str
      sample: default
    master:
      description: Its master root file system, as defined.
      type: str
      sample: default
    init:
      description: Its init, as defined.
      type: str
      sample: auto
    cmdline:
      description: Its further kernel arguments, as defined.
      type: str
      sample: ""
    userspace:
      description: How its kernel runs its processes, as defined.
      type: str
      sample: auto
    ready:
      description: When it counts as ready, as defined.
      type: raw
      sample: auto
    stop:
      description: How it is stopped, as defined.
      type: str
      sample: clean
    cpu:
      description: The host's CPU that it runs on, as defined.
      type: str
      sample: auto
    confine:
      description: Whether it is confined, as defined.
      type: bool
      sample: true
    disk:
      description: How many MB it may write, as defined; 0 for no limit.
      type: int
      sample: 0
    layers:
      description: Its layers, as defined.
      type: list
      elements: str
      sample: []
    labels:
      description: What its scenario calls it besides its name.
      type: dict
      sample: {"role": "router"}
    vars:
      description: Ansible variables that its scenario gives it, which P(dumm.lab.dumm#inventory) hands on.
      type: dict
      sample: {"router_id": "192.0.2.1"}
    union:
      description: Its union engine, as defined.
      type: str
      sample: auto
    faults:
      description: What fails on purpose in it, as defined.
      type: list
      elements: dict
      sample: []
    saves:
      description: Names of the copies of what it wrote that O(save) made.
      type: list
      elements: str
      sample: [clean]
    running:
      description:
        - What the running process was started with, with resolved paths, the union engine and why it was taken.
        - RV(ignore:guest.running.limits) says in words what does not work in a guest of this kernel; nothing where it was built by role
          P(dumm.lab.kernel#role).
        - RV(ignore:guest.running.protection) says what keeps its root from being the host's, RV(ignore:guest.running.protection.gaps)
          what of that is missing on this host.
        - RV(ignore:guest.running.ready) is whether it is ready (O(ready)), with V(auto) whether it has booted; null where nobody has
          waited for that. M(dumm.lab.dumm_info) asks the guest then.
      type: dict
      sample: {"kernel": "/var/lib/dumm/kernels/7.3.4-dumm/linux", "release": "7.3.4-dumm", "userspace": "seccomp", "cpu": 1, "limits": [],
        "ready": true,
        "protection": {"confined": true, "users": [1936982016, 1937047551], "limited": ["cpu", "memory", "pids"], "disk": 64, "gaps": []}}
    interfaces:
      description: Its interfaces by name, each as M(dumm.lab.dumm_iface) returns it.
      type: dict
      sample: {}
    interface_order:
      description: Names of its interfaces in the order in which its kernel numbers them when it starts.
      type: list
      elements: str
      sample: [eth0, eth1]
actions:
  description: What was done, in check mode what would be, in words and in order.
  returned: always
  type: list
  elements: str
  sample: [start guest alice]
diff:
  description: The mentioned objects before and after.
  returned: success
  type: dict
  sample: {"before": {}, "after": {}}
durations:
  description: Seconds that each step took, the slowest first.
  returned: success
  type: list
  elements: dict
  sample: [{"step": "start guest alice", "seconds": 0.132}]
restart_required:
  description: For each guest, which of its settings take effect only when it is restarted.
  returned: success
  type: dict
  sample: {"alice": ["mem"]}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_guest
from ansible_collections.dumm.lab.plugins.module_utils._module import run
from ansible_collections.dumm.lab.plugins.module_utils._spec import GUEST


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=GUEST, supports_check_mode=True), run_guest)


if __name__ == "__main__":
    main()
