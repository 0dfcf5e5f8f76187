#!/usr/bin/python
# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test a virtual network lab."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dumm_test
short_description: Test a virtual network lab
version_added: 0.2.0
description:
  - Runs tests in a lab. A test is a list of steps that run commands in guests, look at packets, and change cables and guests. Each check is
    tried again until it holds, or its time is over.
  - Before each test the lab is brought back to what its scenario says.
  - C(docs/reference/tests.md) of the collection explains how tests are written, C(docs/reference/test-results.md) what this module writes.
  - The task fails if a test fails.
options:
  src:
    description:
      - Files of tests on the controller, or directories with such files (C(*.yml), C(*.yaml)). The file of a scenario may be among them.
      - A relative path is searched for as M(ansible.builtin.copy) does, in C(files) of a role or beside the playbook.
        A file that is encrypted by Ansible Vault is decrypted.
      - By default, the tests in the scenario's file.
      - With O(format=strongswan), the directory of the suite on the lab host. By default, the one that role
        P(dumm.lab.strongswan#role) has made.
    type: list
    elements: path
  remote_src:
    description: Whether O(src) is on the lab host instead.
    type: bool
    default: false
  content:
    description: The texts of files of tests by their names, instead of O(src).
    type: dict
  format:
    description:
      - What O(src) is written in. V(dumm) is that of C(docs/reference/tests.md).
      - V(strongswan) is strongSwan's own test suite, whose directories are run as they are, in a lab that role
        P(dumm.lab.strongswan#role) has made. O(tests) are patterns such as V(ikev2/*).
    type: str
    default: dumm
    choices: [dumm, strongswan]
  scenario:
    description:
      - Name of the scenario whose lab is tested. Its file is in O(src), or C(scenarios/NAME/config) in the working directory.
      - By default, the name of the scenario's file in O(src), otherwise the scenario that the guests of the lab belong to.
      - Guests that modules have made belong to no scenario. After a test, only what its steps changed is taken back in such a lab.
    type: str
  tests:
    description:
      - Which tests are run. Patterns as in a shell for the name of a test, its group and name (C(vpn/tun*)), or one of its tags.
        By default, all tests.
      - A pattern that matches no test is an error.
    type: list
    elements: str
  parallel:
    description:
      - In how many labs tests are run at the same time. Each lab beyond the first is a copy in C(copies) in the working directory,
        which is removed in the end. The lab must have a scenario.
      - The tests that took longest in the last run begin.
    type: int
    default: 1
  retry:
    description:
      - How many more times a test that fails is run. If it passes then, its result is C(flaky), which is no failure.
      - A test whose own C(retry) is higher is run more often.
    type: int
    default: 0
  stop_on_failure:
    description: Whether no further test is run after one has failed.
    type: bool
    default: false
  keep:
    description:
      - When the lab is left as a test left it, for you to look at it.
      - V(failed) stops at the first test that fails and changes nothing after its failed step. No test is run again.
      - V(always) leaves the lab as the last test left it.
      - V(never) always brings the lab back to what its scenario says.
      - The next run begins by bringing the lab back.
    type: str
    default: never
    choices: [always, failed, never]
  results:
    description:
      - Directory on the lab host for C(report.html), C(junit.xml), C(results.json) and the evidence of failures. It is made if
        it is missing.
      - The results of an earlier run in it are replaced.
      - By default, C(results) in the working directory.
    type: path
  wait_timeout:
    description: Seconds that each guest may take to start or stop when the lab is brought back.
    type: int
    default: 60
extends_documentation_fragment:
  - dumm.lab.attributes
  - dumm.lab.workdir
  - dumm.lab.change
attributes:
  check_mode:
    support: full
    details: Lists the tests that would be run.
  diff_mode:
    support: N/A
  idempotent:
    support: none
    details: Tests are run each time.
  platform:
    platforms: linux
    support: full
author:
  - dumm.lab contributors (@dumm-lab)
"""

EXAMPLES = r"""
- name: Run the tests in a scenario's file
  dumm.lab.dumm_test:
    src: vpn.yml

- name: Run some tests, each up to three times, and stop at the first that fails
  dumm.lab.dumm_test:
    src: [vpn.yml, tests]
    tests: [tunnel, "rekey*"]
    retry: 2
    stop_on_failure: true
    results: /srv/results

- name: Fetch the report of a remote lab host
  ansible.builtin.fetch:
    src: /srv/results/report.html
    dest: results/
"""

RETURN = r"""
tests:
  description:
    - What came of each test, by its name. If two groups have a test of the same name, the key is C(GROUP/NAME).
      For a test that is run with several kernels or masters, the key is C(NAME [kernel KERNEL, master MASTER]).
    - In check mode, the tests that would be run, without results.
  returned: always
  type: dict
  contains:
    result:
      description: C(passed), C(failed), C(suspect) (failed while the lab host was overloaded), C(flaky), C(skipped) or C(broken).
      type: str
      sample: failed
    seconds:
      description: How long it took.
      type: float
      sample: 11.5
    cause:
      description: Why it failed or was skipped, in one sentence.
      type: str
      sample: "ping: alice -> bob: 0 of 1 answered"
    steps:
      description:
        - What came of each step, C(text), C(result) and C(seconds). For a step that did not hold, all that C(results.json) has of it,
          which C(docs/reference/test-results.md) describes.
      type: list
      elements: dict
      sample: []
    evidence:
      description: Files in RV(directory), by what they are.
      type: dict
      sample: {"moon: boot.log": "evidence/vpn/tunnel/moon/boot.log"}
counts:
  description: How many tests ended in which way.
  returned: always, but not in check mode
  type: dict
  sample: {"passed": 5, "failed": 1}
points:
  description: What the tests that passed are worth, and what all are worth that were run.
  returned: always, but not in check mode
  type: dict
  sample: {"earned": 5.0, "of": 6.0}
seconds:
  description: How long all tests took.
  returned: always, but not in check mode
  type: float
  sample: 34.2
exit_code:
  description: V(0) if all tests passed, V(1) if some failed, V(2) if there was nothing to run, V(3) if the lab is broken.
  returned: always, but not in check mode
  type: int
  sample: 1
broken:
  description: Why the lab could not be used; empty if it could.
  returned: always, but not in check mode
  type: str
  sample: ""
directory:
  description: The directory of O(results), on the lab host.
  returned: always, but not in check mode
  type: str
  sample: /var/lib/dumm/results
actions:
  description: Which tests were run, in check mode which would be.
  returned: always
  type: list
  elements: str
  sample: [run test tunnel]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dumm.lab.plugins.module_utils._lab.testing.runs.body import run_tests
from ansible_collections.dumm.lab.plugins.module_utils._module import run
from ansible_collections.dumm.lab.plugins.module_utils._spec import TEST


def main() -> None:
    """Run the module."""
    run(AnsibleModule(argument_spec=TEST, supports_check_mode=True), run_tests)


if __name__ == "__main__":
    main()
