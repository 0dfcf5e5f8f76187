#!/usr/bin/python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tell everything about a virtual network lab."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dumm_info
short_description: Tell everything about a virtual network lab
version_added: 0.1.0
description:
  - Returns what is defined in a working directory and what is found running.
  - It also returns what bears the lab's mark and belongs to nothing any more.
options:
  inside:
    description: Whether running guests are asked for their own addresses and routes, which costs one request to each.
    type: bool
    default: true
  diff:
    description: Whether to look through what each guest wrote and return what that has added, changed and deleted.
    type: bool
    default: false
extends_documentation_fragment:
  - dumm.lab.attributes
  - dumm.lab.workdir
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: full
  platform:
    platforms: linux
    support: full
author:
  - dumm.lab contributors (@dumm-lab)
"""

EXAMPLES = r"""
- name: Look at the lab
  dumm.lab.dumm_info:
  register: found

- name: Show who is running
  ansible.builtin.debug:
    msg: "{{ found.lab.guests | dict2items | selectattr('value.state', 'eq', 'running') | map(attribute='key') }}"
"""

RETURN = r"""
lab:
  description: The lab.
  returned: success
  type: dict
  contains:
    workdir:
      description: The working directory.
      type: str
      sample: /var/lib/dumm
    name:
      description: The lab's name, part of every owner mark.
      type: str
      sample: dumm
    netns:
      description: Name of its network namespace, or V(host).
      type: str
      sample: dumm
    format:
      description:
        - Version of what is on disk. 1 is what dumm.lab 0.1.0 stored; this version stores 2 at the first change.
        - A lab of a newer format is shown as far as it is known, and nothing of it is changed.
      type: int
      sample: 2
    netns_exists:
      description: Whether the namespace is there.
      type: bool
      sample: true
    guests:
      description:
        - Its guests by name, each as M(dumm.lab.dumm_guest) returns it. The V(state) of one whose definition is damaged is
          V(unreadable), V(reason) names the file, and its settings are null. With O(inside) also V(hostname), V(routes) and
          V(other_interfaces), those that the lab does not manage, or V(unreadable), the reason why a guest did not tell.
        - With O(diff) also V(diff), what it wrote against its layers and its master, as V(size) in bytes and the paths V(added),
          V(changed) and V(deleted); null while the guest's disk is not mounted. While a scenario is loaded, it is what the guest wrote
          since then, to the layer that V(running.writes_to) names. Bytes of a name that are not UTF-8 are escaped.
      type: dict
      sample: {}
    bridges:
      description:
        - Its bridges by name, each as M(dumm.lab.dumm_bridge) returns it. One whose definition is damaged has the V(state)
          V(unreadable), and V(reason) names the file.
      type: dict
      sample: {}
    captures:
      description:
        - Its captures that go on by themselves, by name; those that have ended too, until they are removed.
        - Each has the V(interfaces), such as V(alice:eth0), the path of the V(file) in the format pcapng, the V(filter), which is empty for
          all packets, and the V(bound), at how many V(bytes), V(packets) and V(seconds) it ends, null for no such bound.
        - V(running) says whether it goes on. V(packets) and V(bytes) of the file are up to 0.1 s old then. V(dropped) counts packets that
          came too fast and are not in the file. V(gone) has those of the interfaces that were removed meanwhile.
        - V(ended) says why it has ended. It is V(stopped), V(packets), V(bytes) or V(seconds) for its bounds, V(gone) since all of its
          interfaces were removed, V(full) for a full disk, V(killed), or V(damaged) where its record cannot be understood; null while it
          goes on.
      type: dict
      sample: {}
    orphans:
      description: Devices and processes that bear the lab's mark and belong to nothing that is defined.
      type: list
      elements: dict
      sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_info
from ansible_collections.dumm.lab.plugins.module_utils._module import run
from ansible_collections.dumm.lab.plugins.module_utils._spec import INFO


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=INFO, supports_check_mode=True), run_info)


if __name__ == "__main__":
    main()
