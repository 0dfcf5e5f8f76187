# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab is as its scenario says again, whatever a test has left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from lab import Lab, fresh_lab
from testbed import Config, pair, pids

from ansible_collections.dumm.lab.plugins.module_utils import _spec
from ansible_collections.dumm.lab.plugins.module_utils._lab.model.tests import Clean
from ansible_collections.dumm.lab.plugins.module_utils._lab.run.report import Report
from ansible_collections.dumm.lab.plugins.module_utils._lab.testing import clean

PATIENCE = 300


class Suite:
    """A lab as the engine of tests sees it."""

    def __init__(self, lab: Lab, config: Config, name: str = "own") -> None:
        self.lab = lab
        defaults = {**({} if lab.engine is None else {"union": lab.engine}), **config.get("defaults", {})}
        given = {"workdir": str(lab.path), "name": name, "config": {**config, "defaults": defaults}}
        validated = ArgumentSpecValidator(_spec.SCENARIO).validate({**given, "wait_timeout": PATIENCE})
        assert not validated.error_messages
        self.scenario: dict[str, Any] = validated.validated_parameters
        self.guests = list(config["guests"])

    def clean(self, how: Clean) -> Report:
        """Clean the lab."""
        report = clean.clean(how, self.scenario)
        assert report is not None
        return report

    def begin(self, layer: str | None = None) -> None:
        """Begin a test."""
        clean.begin(self.scenario, self.guests, layer)


@pytest.fixture(scope="module", params=["overlay", "cowfs"])
def tested(request: pytest.FixtureRequest) -> Iterator[Suite]:
    """A pair with files and commands of its own, in which something was written before the tests began."""
    with fresh_lab(engine=request.param) as lab:
        layer = lab.workdir.scenario_layer("psk", "moon") / "etc"
        layer.mkdir(parents=True)
        (layer / "which").write_text("psk\n")
        config = pair(files={"/etc/own": "own\n"}, run=["echo ran >>/root/ran"])
        found = Suite(lab, config)
        found.clean(Clean.LAYER)
        lab.read("moon", "echo provisioned >/root/provisioned")
        yield found


def _mess(lab: Lab) -> None:
    lab.read("moon", "echo x >>/etc/own; rm /root/provisioned; echo x >/root/new")
    lab.iface("moon", "eth0", bridge="cable", mtu=1400, address=["10.0.0.77/24"])
    lab.iface("moon", "eth9")
    lab.guest("sun", state="stopped", mem=96)


_FILES = "cat /etc/own /root/provisioned; ls /root; ls /etc/which 2>&1 || :"


@pytest.mark.parametrize("how", [Clean.LAYER, Clean.NETWORK, Clean.RESTART])
@pytest.mark.parametrize("layer", [None, "psk"])
def test_files_cables_and_guests_are_as_the_scenario_says_again(tested: Suite, how: Clean, layer: str | None) -> None:
    lab = tested.lab
    before = lab.read("moon", _FILES)
    running, ran = pids(lab, "moon"), lab.read("moon", "cat /root/ran")
    tested.begin(layer)
    assert lab.read("moon", "cat /etc/own /root/provisioned") == "own\nprovisioned\n"
    assert lab.run("moon", "cat /etc/which").stdout == (b"" if layer is None else b"psk\n")
    _mess(lab)

    report = tested.clean(how)

    assert report.changed
    assert lab.read("moon", _FILES) == before
    assert (pids(lab, "moon") == running) is (how is not Clean.RESTART)
    assert lab.read("moon", "cat /root/ran") == ran + ("ran\n" if how is Clean.RESTART else "")
    guests = lab.info()["guests"]
    assert (guests["sun"]["state"], guests["sun"]["mem"], guests["moon"]["loaded"]) == ("running", 64, "own")
    assert {name: each["address"] for name, each in guests["moon"]["interfaces"].items()} == {"eth0": ["10.0.0.1/24"]}
    assert guests["moon"]["interfaces"]["eth0"]["mtu"] == 1500
    assert list(lab.directory("moon").scratch.iterdir()) == [lab.directory("moon").scratch / "own"]
    assert not tested.clean(Clean.LAYER).changed
    assert lab.reaches("moon", "10.0.0.2")


def test_a_guest_in_which_the_test_left_a_process_with_a_file_is_restarted(tested: Suite) -> None:
    lab = tested.lab
    running = pids(lab, "moon", "sun")
    tested.begin()
    lab.read(
        "moon",
        "echo left >/root/held; setsid sh -c 'exec 9</root/held; echo >/run/held; exec sleep 1000' >/dev/null 2>&1 </dev/null &"
        " until [ -e /run/held ]; do sleep 0.1; done",
    )

    report = tested.clean(Clean.LAYER)

    assert report.changed
    assert (
        "guest moon: its processes hold open what would change under them: /root/held; it was restarted"
        in report.warnings
    )
    after = pids(lab, "moon", "sun")
    assert (after["moon"] != running["moon"], after["sun"]) == (True, running["sun"])
    assert lab.read("moon", "ls /root; echo again >/root/held; cat /root/held").endswith("ran\nagain\n")
    lab.read("moon", "rm /root/held")


def test_a_guest_whose_network_cannot_be_brought_back_is_restarted(tested: Suite) -> None:
    lab = tested.lab
    tested.clean(Clean.NETWORK)
    running = pids(lab, "moon", "sun")
    lab.read("moon", "ip link add dummy7 type dummy || ip route add blackhole 198.51.100.0/24")
    lab.read("moon", "mount --bind /dev/null /.dumm/netlink")

    report = tested.clean(Clean.NETWORK)

    assert report.changed
    assert (
        "guest moon: it was started by a version that cannot look at its network; it was restarted" in report.warnings
    )
    after = pids(lab, "moon", "sun")
    assert (after["moon"] != running["moon"], after["sun"]) == (True, running["sun"])
    report = tested.clean(Clean.NETWORK)
    assert (report.changed, report.warnings) == (False, ())
