#!/usr/bin/python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Capture packets on the cables of a virtual network lab."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dumm_capture
short_description: Capture packets on the cables of a virtual network lab
version_added: 0.2.0
description:
  - Starts, stops and removes a capture in the background. Packets are captured on the lab host, at the TAPs of guests' interfaces, and
    written to a file in the format pcapng. No guest needs a tool for it.
  - It is the same as C(dumm capture --background), which C(docs/howto/captures.md) of the collection explains.
  - M(dumm.lab.dumm_info) shows all captures of a lab.
options:
  name:
    description: Name of the capture, a DNS label.
    type: str
    required: true
  state:
    description:
      - V(started) begins a capture, unless it goes on already with the same options. All packets that come after the task are in its file.
      - A capture that has ended, or goes on with other options, is started again; its file is then written anew.
      - V(stopped) ends it. Its file is complete then, and stays. A capture that has ended by itself is left as it is.
      - V(absent) ends it, and removes what is known of it, with the file if O(dest) was not given.
    type: str
    default: started
    choices: [absent, started, stopped]
  interfaces:
    description:
      - Where packets are captured with O(state=started), which needs this option.
      - An interface, such as V(alice:eth0), a guest for all of its interfaces, or a segment for all interfaces that are plugged into it
        when the capture starts.
    type: list
    elements: str
  filter:
    description:
      - Keep only these packets (pcap-filter(7)). Names of guests stand for their addresses after C(host), C(src) and C(dst).
      - By default, all packets are kept.
    type: str
    default: ""
  packets:
    description: End after this many packets.
    type: int
  bytes:
    description: End when the file has this size. V(0) is no bound; then O(packets) or O(seconds) must be given.
    type: int
    default: 67108864
  seconds:
    description: End after this time.
    type: float
  dest:
    description:
      - File on the lab host for the packets. It is replaced.
      - By default, C(captures/NAME/packets.pcapng) in the working directory.
    type: path
extends_documentation_fragment:
  - dumm.lab.attributes
  - dumm.lab.workdir
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
- name: Capture ESP at all interfaces of moon, and at one of sun
  dumm.lab.dumm_capture:
    name: tunnel
    interfaces: [moon, "sun:eth0"]
    filter: esp

- name: Capture for ten minutes, or until there are 1000 packets, in a whole segment
  dumm.lab.dumm_capture:
    name: lan
    interfaces: [lan-a]
    packets: 1000
    seconds: 600

- name: End it
  dumm.lab.dumm_capture:
    name: tunnel
    state: stopped
  register: tunnel

- name: Fetch its file from a remote lab host
  ansible.builtin.fetch:
    src: "{{ tunnel.capture.file }}"
    dest: captures/

- name: Remove it with its file
  dumm.lab.dumm_capture:
    name: tunnel
    state: absent
"""

RETURN = r"""
capture:
  description: The capture as it is afterwards. Null if there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: tunnel
    interfaces:
      description: Where it captures.
      type: list
      elements: str
      sample: ["moon:eth0", "sun:eth0"]
    file:
      description: The file of its packets, on the lab host.
      type: str
      sample: /var/lib/dumm/captures/tunnel/packets.pcapng
    filter:
      description: What packets are kept; empty for all.
      type: str
      sample: esp
    bound:
      description: When it ends by itself, in C(bytes), C(packets) and C(seconds). Null stands for no bound.
      type: dict
      sample: {"bytes": 67108864, "packets": null, "seconds": null}
    running:
      description: Whether it goes on.
      type: bool
      sample: false
    packets:
      description: How many packets are in the file.
      type: int
      sample: 12
    bytes:
      description: How large the file is.
      type: int
      sample: 2260
    dropped:
      description: How many packets came faster than they could be written.
      type: int
      sample: 0
    gone:
      description: Those of the interfaces that were removed while it went on.
      type: list
      elements: str
      sample: []
    ended:
      description:
        - Why it has ended. Null while it goes on.
        - C(stopped), C(packets), C(bytes), C(seconds), C(gone) (its interfaces were removed), C(full) (the disk is full),
          C(killed), or C(damaged) (its record cannot be read).
      type: str
      sample: stopped
actions:
  description: What was done, in check mode what would be, in words.
  returned: always
  type: list
  elements: str
  sample: [stop capture tunnel]
diff:
  description: The capture before and after, without the numbers of packets.
  returned: success
  type: dict
  sample: {"before": {}, "after": {}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dumm.lab.plugins.module_utils._lab.access.capture.body import run_capture
from ansible_collections.dumm.lab.plugins.module_utils._module import run
from ansible_collections.dumm.lab.plugins.module_utils._spec import CAPTURE


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=CAPTURE, supports_check_mode=True), run_capture)


if __name__ == "__main__":
    main()
