#!/usr/bin/python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manage an interface of a guest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dumm_iface
short_description: Manage an interface of a guest
version_added: 0.1.0
description:
  - Makes, changes and removes an interface of a guest, with a TAP on the lab host.
  - On a running guest it takes effect at once, by hot plug. On a stopped one it does at its next start.
  - An option that is not given leaves what is defined. A new interface takes the default that is named with the option.
options:
  guest:
    description: The guest, which must exist.
    type: str
    required: true
  name:
    description: Name of the interface in the guest.
    type: str
    required: true
  state:
    description: Whether it should be there.
    type: str
    default: present
    choices: [absent, present]
  bridge:
    description:
      - The bridge that it is plugged into, which must exist, see M(dumm.lab.dumm_bridge).
      - An empty string unplugs it, and so is a new interface.
    type: str
  mac:
    description:
      - Its MAC address. A new interface takes one that is derived from the names of lab, guest and interface and stays the same.
      - An empty string goes back to that one.
    type: str
  mtu:
    description:
      - Its MTU in bytes, 1500 for a new interface.
      - Over 1500 the interface is unplugged and plugged anew.
      - Below 1280 there is no IPv6 on it, so its addresses must be IPv4 only.
    type: int
  address:
    description:
      - All addresses that the lab gives it, each with its prefix length, IPv4 or IPv6.
      - An address that the lab gave before and that is not listed is removed. Those that somebody else gave are left alone, such as a
        service in the guest, DHCP, a router or, for link-local ones, the kernel.
      - What an interface cannot have is refused, such as a multicast group or an address of its segment with another prefix length.
      - An empty list means that the lab gives none. A new interface's addresses are left to the guest.
    type: list
    elements: str
  up:
    description: Whether it should be up in the guest. A new interface is.
    type: bool
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
- name: Give alice an interface in segment br0
  dumm.lab.dumm_iface:
    guest: alice
    name: eth0
    bridge: br0
    address: [10.0.0.1/24, 'fd00::1/64']

- name: Move it to another segment while it is used
  dumm.lab.dumm_iface:
    guest: alice
    name: eth0
    bridge: br1

- name: Take it away
  dumm.lab.dumm_iface:
    guest: alice
    name: eth0
    state: absent
"""

RETURN = r"""
iface:
  description:
    - The interface as it is found afterwards. In check mode what is defined, as it would be. Null where it is absent.
  returned: success
  type: dict
  contains:
    guest:
      description: Its guest.
      type: str
      sample: alice
    name:
      description: Its name in the guest.
      type: str
      sample: eth0
    tap:
      description: Its TAP in the lab's network namespace on the host. A name over 15 bytes is shortened, the full one is an altname.
      type: str
      sample: alice-eth0
    bridge:
      description: The bridge it is plugged into.
      type: str
      sample: br0
    mac:
      description: Its MAC address.
      type: str
      sample: 02:5d:1c:0b:a9:42
    mtu:
      description: Its MTU in bytes.
      type: int
      sample: 1500
    address:
      description: Its addresses in the guest, without link-local ones.
      type: list
      elements: str
      sample: [10.0.0.1/24]
    other_address:
      description: Those of them that somebody else has given, such as a service in the guest. They are left alone.
      type: list
      elements: str
      sample: [10.0.0.250/24]
    up:
      description: Whether it is up in the guest.
      type: bool
      sample: true
    carrier:
      description: Whether a guest's process is attached to the TAP.
      type: bool
      sample: true
    counters:
      description: Packets and bytes, as the host's side of the TAP counts them (what the guest sends is received here).
      type: dict
      sample: {"rx_packets": 12, "rx_bytes": 1008}
    unit:
      description: Number of the interface's device in the guest's vector driver.
      type: int
      sample: 0
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

from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_iface
from ansible_collections.dumm.lab.plugins.module_utils._module import run
from ansible_collections.dumm.lab.plugins.module_utils._spec import IFACE


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=IFACE, supports_check_mode=True), run_iface)


if __name__ == "__main__":
    main()
