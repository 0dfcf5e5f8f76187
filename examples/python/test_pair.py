# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab that pytest tests.  The package dumm-lab has the fixture ``lab``.

Run as root, with ``make setup`` done: ``.venv/bin/pytest --dumm-workdir /srv/pair examples/python``.  The directory needs a kernel and a
master first: ``DUMM_WORKDIR=/srv/pair .venv/bin/ansible-playbook playbooks/setup.yml``.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dumm_lab import Guest, Lab

SCENARIO = Path(__file__).with_name("pair.dumm.yml")


@pytest.fixture(scope="module")
def alice(lab: Lab) -> Iterator[Guest]:
    """One of the hosts; the lab is made for the first test that wants her, and removed after the last."""
    lab.apply(SCENARIO, name="pair")
    yield lab.guest("alice")
    lab.remove("pair", wait_timeout=5)


def test_alice_reaches_bob(alice: Guest) -> None:
    assert alice.run("ping -c 1 -w 30 10.0.0.2", check=False).ok


def test_every_request_is_answered_on_the_cable(lab: Lab, alice: Guest) -> None:
    with lab.capture("alice:eth0") as cable:
        alice.run("ping -c 3 -i 0.2 -w 30 10.0.0.2")

        assert cable.count("icmp and src alice") == cable.count("icmp and src bob") == 3


def test_bob_is_not_reached_while_he_is_paused(lab: Lab, alice: Guest) -> None:
    bob = lab.guest("bob")
    bob.pause()

    lost = alice.run("ping -c 1 -w 1 10.0.0.2", check=False)
    bob.start()

    assert not lost.ok
    assert alice.run("ping -c 1 -w 30 10.0.0.2", check=False).ok
