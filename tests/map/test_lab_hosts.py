# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario of three lab hosts on the map of one: the others are areas, with guests that are described and not known.

The other lab hosts are made up: this one has stored what a run over three would have stored here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import Browsing, Page, until
from hand import Hand
from lab import Lab, fresh_lab
from served import served

from ansible_collections.dumm.lab.plugins.module_utils._lab.model.lab import TRANSPARENT
from ansible_collections.dumm.lab.plugins.module_utils._lab.scenario import loader

BIG = """\
guests:
  h1: {interfaces: {eth0: {bridge: lan1}}}
  r1: {sysctl: {net.ipv4.ip_forward: 1}, interfaces: {eth0: {bridge: lan1}, eth1: {bridge: wan}}}
  h2: {interfaces: {eth0: {bridge: lan2}}}
  r2: {sysctl: {net.ipv4.ip_forward: 1}, interfaces: {eth0: {bridge: lan2}, eth1: {bridge: wan}}}
  h3: {interfaces: {eth0: {bridge: lan3}}}
  r3: {sysctl: {net.ipv4.ip_forward: 1}, interfaces: {eth0: {bridge: lan3}, eth1: {bridge: wan}}}
bridges:
  lan1: {prefix: 10.1.0.0/24}
  lan2: {prefix: 10.2.0.0/24}
  lan3: {prefix: 10.3.0.0/24}
  wan: {prefix: 10.9.0.0/24}
links:
  - {a: 'r1:eth2', b: 'r2:eth2', prefix: 172.16.0.0/30, delay: 20ms}
"""
PLACEMENT = {
    "format": 1,
    "serial": 1,
    "guests": {f"{kind}{n}": f"lab{n}" for n in (1, 2, 3) for kind in "hr"},
    "weights": {"lab1": 1.0, "lab2": 1.0, "lab3": 1.0},
}
LINK = next(name for name in loader.load(BIG, name="big", place="big.yml").bridges if name not in BIG)
SPANS = {LINK: (4711, ["192.0.2.12"]), "wan": (4712, ["192.0.2.12", "192.0.2.13"])}


def _own() -> dict[str, Any]:
    """What lab1 makes of the scenario."""
    scenario = loader.load(BIG, name="big", place="big.yml")
    bridges: dict[str, Any] = {name: {} for name in ("lan1", "wan")}
    bridges[LINK] = {"group_fwd_mask": TRANSPARENT, "multicast_snooping": False}
    guests = {
        name: {
            "sysctl": dict(scenario.guests[name].sysctl),
            "interfaces": {
                each.name: {"bridge": each.bridge, "address": list(each.addresses or ())}
                for each in scenario.guests[name].interfaces.values()
            },
        }
        for name in ("h1", "r1")
    }
    return {"guests": guests, "bridges": bridges}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """The share of lab1, and what it remembers of the others."""
    with fresh_lab() as made:
        made.scenario("big", _own())
        for kind, told in (("placed", PLACEMENT), ("applied", {"format": 1, "place": "big.yml", "text": BIG})):
            place = made.path / kind / "big.json"
            place.parent.mkdir(mode=0o700, exist_ok=True)
            place.write_text(json.dumps(told))
        for name, (vni, peers) in SPANS.items():
            file = made.path / "bridges" / f"{name}.json"
            span = {"vni": vni, "local": "192.0.2.11", "peers": peers, "port": 4789}
            file.write_text(json.dumps({**json.loads(file.read_text()), "span": span}))
        yield made


def panel(page: Page) -> str:
    """What the panel shows."""
    return str(page.evaluate("document.getElementById('panel-body').innerText"))


def select(page: Page, kind: str, **subject: str) -> None:
    """Choose something on the map."""
    page.evaluate("subject => dummPage.map.select([subject])", {"kind": kind, **subject})


def test_guests_of_other_lab_hosts_are_shown_in_their_areas_and_nothing_is_done_to_them(
    lab: Lab, browser: Browsing
) -> None:
    with served(lab.path) as here:
        page = browser.open(here.address)
        hand = Hand(page, *(f"guest {name}" for name in PLACEMENT["guests"]), "bridge wan", "bridge lan3")  # type: ignore[attr-defined]
        page.until("document.getElementById('states').textContent.includes('4 elsewhere')")
        page.until("document.getElementById('states').textContent.includes('2 running')")
        page.until("document.getElementById('ground').dataset.drawn === 'yes'")
        hand.sees("cable r1:eth2--r2:eth2")
        hand.sees("port r3:eth1")
        page.shoot("hosts-1-areas")

        select(page, "guest", name="r2")
        until(page, lambda: "It is on lab host lab2. Its state is not known here." in panel(page), "the lab host")
        assert "dumm attach r2" in panel(page)
        offered = {
            "Terminal",
            "Start",
            "Saved states",
            "Look inside",
            "Settings …",
            "Remove the guest from the scenario",
        }
        assert not offered & {*panel(page).splitlines()}
        page.shoot("hosts-2-elsewhere")
        hand.tab.mouse.dblclick(*hand.point("guest r2"))
        page.until("window.toasted.includes('guest r2: it is on lab host lab2. Run there: dumm attach r2')")
        assert page.evaluate("document.querySelectorAll('.dock-page').length") == 0

        select(page, "segment", name="wan")
        until(page, lambda: "lab1, lab2, lab3" in panel(page), "the lab hosts of the segment")
        select(page, "guest", name="r1")
        until(page, lambda: "Terminal" in panel(page), "what can be done here")

        refused = "its guests are on lab hosts lab1, lab2, lab3, and this map changes one lab host only"
        assert "Remove the guest" not in panel(page)
        hand.tab.keyboard.press("Delete")
        page.until("says => window.toasted.includes(says)", refused)
        page.evaluate("window.toasted = ''")
        hand.tab.keyboard.press("g")
        page.until("says => window.toasted.includes(says)", refused)
        assert page.evaluate("document.querySelectorAll('dialog[open]').length") == 0
        assert not (lab.path / "scenarios").exists()
