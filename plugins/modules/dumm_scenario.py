#!/usr/bin/python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manage a whole virtual network lab at once."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dumm_scenario
short_description: Manage a whole virtual network lab at once
version_added: 0.1.0
description:
  - Makes the running lab equal to what one file describes, changing only what differs, on running guests, many at the same time.
  - The file is explained in C(docs/reference/scenario.md) of the collection, C(docs/scenario.schema.json) is for editors.
options:
  name:
    description: Name of the scenario. What it makes belongs to it.
    type: str
    required: true
  state:
    description:
      - V(present) has everything as described, and all guests running.
      - V(stopped) has everything as described, and all guests stopped.
      - V(absent) removes everything that belongs to the scenario, whatever its file says by now, or if there is none any more.
      - V(loaded) lays the scenario's layers over those of its guests that are there, and changes nothing else.
      - V(unloaded) takes the scenario's layers from all guests that have them.
      - With V(present) and V(stopped) the layers are loaded, too.
    type: str
    default: present
    choices: [absent, loaded, present, stopped, unloaded]
  src:
    description:
      - The scenario's file on the controller. A relative path is searched for as M(ansible.builtin.copy) does, in C(files) of a role
        or beside the playbook. A file that is encrypted by Ansible Vault is decrypted.
      - Where none of this, O(content) and O(config) is given, it is C(scenarios/NAME/config) in the working directory on the lab host.
      - With O(content) it is only what messages call that.
    type: path
  remote_src:
    description: Whether O(src) is a file on the lab host instead.
    type: bool
    default: false
  content:
    description:
      - The text of the scenario's file, instead of a file. Unlike with O(config) messages have its lines, also where a template made it.
    type: str
  config:
    description: The scenario itself, instead of a file.
    type: dict
  only:
    description: Guests to which the run is limited, with the bridges that they are plugged into. Nothing is pruned then.
    type: list
    elements: str
  record:
    description:
      - What guests write while the scenario is loaded goes into the scenario, C(scenarios/NAME/diff/GUEST) in the working directory.
      - Otherwise it goes to a layer that is thrown away when the scenario is unloaded, so that every load starts clean.
    type: bool
    default: false
  in_use:
    description:
      - What to do if processes in a running guest hold files open of layers that come or go. These processes keep the old files.
      - V(refuse) fails, names the files and changes nothing. V(force) changes the layers anyway.
      - The name O(busy) of earlier versions goes on working.
    type: str
    default: refuse
    choices: [force, refuse]
    aliases: [busy]
  parallel:
    description: How many steps are done at the same time.
    type: int
    default: 16
  power:
    description:
      - V(apply) starts, resumes or stops every guest as O(state) says.
      - V(keep) leaves guests that are there in the state that they are in; one that is stopped or paused stays so.
        What is to change in a paused guest waits for the run that resumes it, and a warning names the guest.
        Guests that the run makes start with O(state=present).
    type: str
    default: apply
    choices: [apply, keep]
  prune:
    description: Whether what belongs to the scenario and is not in its file any more is removed.
    type: bool
    default: true
  restart:
    description:
      - Whether running guests may be restarted where a change needs it.
      - Else it is stored, and RV(restart_required) names it until the guest is restarted.
    type: bool
    default: false
  clean:
    description:
      - Bring the guests back to what the scenario says, whatever was done in them (C(docs/howto/clean-state.md)).
      - V(network) resets what the kernels of running guests have of the network, without a restart. That is interfaces, addresses,
        routes, rules, neighbours, queues, IPsec, netfilter, namespaces and C(net) settings. The first run of a guest since its start
        remembers what there is once the guest has booted, and later runs go back to that. It needs O(state=present) or V(loaded).
      - V(restart) restarts every running guest, without its own shutdown (C(stop=halt)). It needs O(state=present).
    type: str
    choices: [network, restart]
  lab_hosts:
    description:
      - The lab hosts that share the scenario, as a list of names of the inventory. Run the task on each of them, with the same scenario.
        Give all of them, such as C({{ groups.labhosts }}), also when the play is limited to some.
      - Each lab host makes the guests that are placed on it, and joins their segments to those of the others (VXLAN). Where a guest is
        placed says C(docs/reference/scenario.md). A new guest or a new lab host moves nobody.
      - Before a lab host changes anything it asks all of them. What cannot be is refused with the same error on each. Of one that cannot be
        reached, the others remember which guests it has.
      - In the inventory, C(dumm_address) is the IP address at which the others reach a lab host, otherwise C(ansible_host) or its name.
        C(dumm_weight) is how much of the lab it takes, otherwise its memory. C(dumm_mtu) is what the network between the lab hosts
        carries, otherwise the MTU of its interface. C(dumm_memory) is how many MB its guests may have in all, otherwise its memory.
        C(dumm_workdir) is its working directory, otherwise O(workdir).
      - MAC addresses derive from O(lab) and the names of scenario, guest and interface, so that they are the same on each lab host.
        An interface that has one already keeps it.
      - Without it, the scenario is this lab host's alone.
    type: raw
  lab_host:
    description: Which of O(lab_hosts) this one is, if not the host where the task runs (C(delegate_to), otherwise C(inventory_hostname)).
    type: str
  lab:
    description:
      - A word for the lab. Numbers of its segments (VNI) and MAC addresses derive from it, so that labs on the same lab hosts differ.
      - Without it, it is the working directory, which must be the same on all lab hosts then.
    type: str
  vxlan_port:
    description: UDP port of the tunnels between lab hosts.
    type: int
    default: 4789
  move:
    description:
      - Whether a guest may be taken to another lab host, with all that it wrote and its saving points. It is stopped for that.
      - This is so for a guest whose C(lab_host) names another one, and for the guests of a lab host with C(dumm_weight) 0.
        Without it, such a guest is refused or stays.
      - It needs O(state=present) or V(stopped). With O(only), no other guest is moved. A task with C(async) cannot move guests.
    type: bool
    default: false
  lost:
    description: Lab hosts that are gone for good. Guests that are remembered to be there begin anew on others.
    type: list
    elements: str
  wait_timeout:
    description:
      - Seconds that each guest may take to answer when it starts, then to boot (C(ready) of the guest), and to shut itself down when it
        stops.
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
    details: [With O(clean=restart) the guests are restarted each time.]
  platform:
    platforms: linux
    support: full
author:
  - dumm.lab contributors (@dumm-lab)
"""

EXAMPLES = r"""
- name: Bring a testbed up
  dumm.lab.dumm_scenario:
    name: ring
    config:
      guests:
        moon: {}
        sun: {}
      links:
        - moon:eth0 -- sun:eth0

- name: Bring up what a file beside the playbook describes
  dumm.lab.dumm_scenario:
    name: ring
    src: ring.yml

- name: Bring up what a template makes
  dumm.lab.dumm_scenario:
    name: ring
    content: "{{ lookup('ansible.builtin.template', 'ring.yml.j2') }}"

- name: Share it between several lab hosts, in a play whose hosts are labhosts
  dumm.lab.dumm_scenario:
    name: ring
    src: ring.yml
    lab_hosts: "{{ groups.labhosts }}"

- name: Take it away
  dumm.lab.dumm_scenario:
    name: ring
    state: absent
"""

RETURN = r"""
scenario:
  description: What belongs to the scenario, as it is found afterwards. In check mode what is defined, as it would be.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: ring
    guests:
      description: Its guests by name, each as M(dumm.lab.dumm_guest) returns it.
      type: dict
      sample: {}
    bridges:
      description: Its bridges by name, each as M(dumm.lab.dumm_bridge) returns it.
      type: dict
      sample: {}
    moving:
      description: Guests that come here from another lab host, each with that one.
      returned: with O(lab_hosts)
      type: dict
      sample: {"alice": "lab1"}
durations:
  description: Seconds that each step took, the slowest first.
  returned: success
  type: list
  elements: dict
  sample: [{"step": "start guest moon", "seconds": 0.412}]
actions:
  description:
    - What was done, in check mode what would be, in words and in order.
    - "What is the same for four objects or more is one sentence, such as C(8 guests: load scenario vpn, discarding what it writes)."
  returned: always
  type: list
  elements: str
  sample: [start guest alice]
diff:
  description: The mentioned objects before and after.
  returned: success
  type: dict
  sample: {"before": {}, "after": {}}
restart_required:
  description: For each guest, which of its settings take effect only when it is restarted.
  returned: success
  type: dict
  sample: {"alice": ["mem"]}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dumm.lab.plugins.module_utils._lab.run.runner import run_scenario
from ansible_collections.dumm.lab.plugins.module_utils._module import run
from ansible_collections.dumm.lab.plugins.module_utils._spec import SCENARIO


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=SCENARIO, supports_check_mode=True), run_scenario)


if __name__ == "__main__":
    main()
