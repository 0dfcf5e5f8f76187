# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Guests that run and do not answer: they do not hold up the others."""

from __future__ import annotations

import re

import pytest
from lab import Lab, Refused, Result, until
from testbed import pids

from ansible_collections.dumm.lab.plugins.module_utils._lab.run import observe

NAMES = ("moon", "sun", "mars")
# The agent is stopped until the host's leg has an address.
_FALL_SILENT = "(sleep 0.2; kill -STOP $PPID; until ping -c 1 -w 1 10.0.0.254; do :; done; kill -CONT $PPID) >/dev/null 2>&1 </dev/null &"


def _config(forwarding: int, *more: str) -> Result:
    settings = {"net.ipv4.ip_forward": forwarding}
    return {
        "defaults": {"mem": 64, "sysctl": settings},
        "bridges": {"lan": {}},
        "guests": {
            name: {"interfaces": {"eth0": {"bridge": "lan", "address": f"10.0.0.{number}/24"}}}
            for number, name in enumerate((*NAMES, *more), 1)
        },
    }


def _forwarding(lab: Lab, *names: str) -> list[str]:
    return [lab.read(name, "cat /proc/sys/net/ipv4/ip_forward").strip() for name in names]


def _are_silent(lab: Lab, *names: str) -> None:
    """Wait until exactly these are."""

    def found() -> bool:
        return {name for name, guest in lab.info()["guests"].items() if guest.get("unreadable")} == set(names)

    until(found, f"{names} to be silent", 300)


def test_guests_that_do_not_answer_are_told_of_and_changed_later(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observe, "READ_SECONDS", 8.0)
    lab.scenario("lab", _config(0))
    before = pids(lab, *NAMES)
    for name in ("moon", "mars"):
        lab.run(name, _FALL_SILENT)
    _are_silent(lab, "moon", "mars")

    same = lab.scenario("lab", _config(0))
    assert (same["changed"], same["actions"]) == (False, [])
    assert (
        len([each for each in same["warnings"] if re.match("guest (moon|mars): .*nothing of it was to be", each)]) == 2
    )

    with pytest.raises(Refused, match=r"(?s)guest mars.*guest moon|guest moon.*guest mars") as refused:
        lab.scenario("lab", _config(1, "venus"))
    assert "its agent did not take up a request within 8 s, and it is unchanged; all others are" in str(refused.value)
    assert "guest sun: set net.ipv4.ip_forward 0 → 1 in the guest" in refused.value.result["actions"]
    assert "start guest venus" in refused.value.result["actions"]
    assert _forwarding(lab, "sun", "venus") == ["1", "1"]

    with pytest.raises(Refused) as refused:
        lab.scenario("lab", _config(1, "venus"))
    assert (refused.value.result["changed"], refused.value.result["actions"]) == (False, [])

    assert lab.host("ip", "addr", "add", "10.0.0.254/24", "dev", "lan").returncode == 0
    _are_silent(lab)
    mended = lab.scenario("lab", _config(1, "venus"))
    assert sorted(mended["actions"]) == [
        f"guest {name}: set net.ipv4.ip_forward 0 → 1 in the guest" for name in ("mars", "moon")
    ]
    assert _forwarding(lab, *NAMES) == ["1", "1", "1"]
    assert pids(lab, *NAMES) == before
    assert lab.scenario("lab", _config(1, "venus"))["changed"] is False


def test_a_guest_that_does_not_answer_is_removed_or_stopped_as_any_other(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "READ_SECONDS", 8.0)
    lab.scenario("lab", _config(0))
    for name in ("moon", "mars"):
        lab.run(name, _FALL_SILENT)
    config = _config(1)
    del config["guests"]["mars"]
    config["guests"]["moon"]["mem"] = 80

    result = lab.scenario("lab", config, restart=True, wait_timeout=120)

    assert {"remove guest mars", "stop guest moon", "start guest moon"} <= {*result["actions"]}
    assert _forwarding(lab, "moon", "sun") == ["1", "1"]
