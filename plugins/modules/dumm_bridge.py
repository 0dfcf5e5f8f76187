#!/usr/bin/python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manage a segment of a virtual network lab."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dumm_bridge
short_description: Manage a segment of a virtual network lab
version_added: 0.1.0
description:
  - Makes, changes and removes a Linux bridge in the lab's network namespace, and sets which interfaces are plugged into it.
  - An option that is not given leaves what is defined. A new bridge takes the default that is named with the option.
options:
  name:
    description: Name of the bridge, a DNS label.
    type: str
    required: true
  state:
    description: Whether it should be there. With a bridge that is removed its interfaces are unplugged.
    type: str
    default: present
    choices: [absent, present]
  interfaces:
    description:
      - Interfaces that are plugged into it, as V(alice:eth0). They must exist, see M(dumm.lab.dumm_iface).
      - Others stay plugged unless O(purge_interfaces) is set.
    type: list
    elements: str
  purge_interfaces:
    description: Whether interfaces that O(interfaces) does not name are unplugged.
    type: bool
    default: false
  address:
    description:
      - All addresses that the lab gives the host's leg, each with its prefix length. It lives in the lab's network namespace.
      - An address that the lab gave before and that is not listed is removed. Those that somebody else gave are left alone.
      - An empty list means that the lab gives none, and so does a new bridge.
    type: list
    elements: str
  mtu:
    description: MTU in bytes. A new bridge takes the smallest of its ports, as Linux does.
    type: int
  stp:
    description: Whether it speaks the spanning tree protocol. A new bridge does not.
    type: bool
  group_fwd_mask:
    description:
      - Which link-local groups 01:80:c2:00:00:0X it forwards, a bit for each; 16384 is LLDP, 8 is 802.1X.
      - The three lowest bits cannot be set.
      - With 65528 and O(multicast_snooping=false) it is as transparent as a link of a scenario, and LACP passes too.
      - A new bridge forwards none.
      - 01:80:c2:00:00:00 (STP) passes without its bit where O(stp) is off.
    type: int
  multicast_snooping:
    description:
      - Whether it forwards an IPv4 or IPv6 multicast group only to those who have joined it, and asks who has (IGMP, MLD).
      - A new bridge does. Without that, the bridge floods all groups and says nothing itself, as a cable.
      - It changes in place, without interruption.
    type: bool
  span:
    description:
      - How the segment goes on on other lab hosts, by a VXLAN tunnel to each of them. Each lab host has a bridge of its own for it.
      - An empty mapping is for a segment that ends on this lab host, as a new bridge does.
      - Addresses and peers change in place. Another O(span.vni) or O(span.port) makes the tunnel anew.
      - VXLAN takes frames from anybody who reaches its UDP port. Read the page on security before you use it.
    type: dict
    suboptions:
      vni:
        description: Number of the segment, from 1 to 16777215. It is the same on all lab hosts, and no other segment's on any of them.
        type: int
      local:
        description: Address of this lab host, at which the others reach it.
        type: str
      peers:
        description:
          - Addresses of the other lab hosts that have a part of the segment, IPv4 or IPv6, all of the same family.
          - This one's own may be among them, so that all lab hosts can be given the same list.
        type: list
        elements: str
      port:
        description: UDP port, the same on all lab hosts; 4789 if not given.
        type: int
      mtu:
        description:
          - Bytes of an IP packet that the network between the lab hosts carries.
          - If not given, this host's routes tell it.
        type: int
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
    support: full
  platform:
    platforms: linux
    support: full
author:
  - dumm.lab contributors (@dumm-lab)
"""

EXAMPLES = r"""
- name: Make a segment
  dumm.lab.dumm_bridge:
    name: br0

- name: Give the host a leg in it, and plug two guests in and everybody else out
  dumm.lab.dumm_bridge:
    name: br0
    address: [10.0.0.254/24]
    interfaces: [alice:eth0, bob:eth0]
    purge_interfaces: true

- name: Join it to the same segment on other lab hosts
  dumm.lab.dumm_bridge:
    name: br0
    span:
      vni: 4711
      local: 192.0.2.1
      peers: [192.0.2.1, 192.0.2.2, 192.0.2.3]

- name: Remove it
  dumm.lab.dumm_bridge:
    name: br0
    state: absent
"""

RETURN = r"""
bridge:
  description:
    - The bridge as it is found afterwards. In check mode what is defined, as it would be. Null where it is absent.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: br0
    device:
      description: Its device in the lab's network namespace. A name over 15 bytes is shortened, the full one is an altname.
      type: str
      sample: br0
    interfaces:
      description: What is plugged into it.
      type: list
      elements: str
      sample: [alice:eth0, bob:eth0]
    address:
      description: Addresses of the host's leg.
      type: list
      elements: str
      sample: []
    other_address:
      description: Those of them that somebody else has given. They are left alone.
      type: list
      elements: str
      sample: []
    mac:
      description: Its MAC address.
      type: str
      sample: 4e:f2:34:51:c2:33
    mtu:
      description: Its MTU in bytes.
      type: int
      sample: 1500
    stp:
      description: Whether it speaks the spanning tree protocol.
      type: bool
      sample: false
    group_fwd_mask:
      description: Which link-local groups it forwards.
      type: int
      sample: 0
    multicast_snooping:
      description: Whether it forwards a multicast group only to those who have joined it.
      type: bool
      sample: true
    span:
      description: How it goes on on other lab hosts. Null where it ends on this one.
      type: dict
      sample: {"vni": 4711, "local": "192.0.2.1", "peers": ["192.0.2.2"], "port": 4789, "mtu": null}
    tunnel:
      description: The device that leads there. Null where there is none.
      type: dict
      sample: {"device": "br0-span", "mtu": 1500, "counters": {"rx_packets": 12, "rx_bytes": 1008}}
    counters:
      description: Packets and bytes of the host's leg.
      type: dict
      sample: {"rx_packets": 12, "rx_bytes": 1008}
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

from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_bridge
from ansible_collections.dumm.lab.plugins.module_utils._module import run
from ansible_collections.dumm.lab.plugins.module_utils._spec import BRIDGE


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=BRIDGE, supports_check_mode=True), run_bridge)


if __name__ == "__main__":
    main()
