# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a draft describes, as the map draws it."""

from __future__ import annotations

from dumm_lab.map.messages import View
from dumm_lab.map.root.described import Described
from dumm_lab.map.root.wanted import wanted_view

TEXT = """\
guests:
  alice: {interfaces: {eth0: {bridge: lan}}}
  bob: {}
bridges:
  lan: {prefix: 10.1.0.0/24}
  new: {prefix: [10.2.0.0/24, "fd00::/64"]}
  bare: {}
links:
  - {a: 'alice:eth1', b: 'bob:eth1', prefix: 172.16.0.0/30}
  - {a: 'alice:eth2', b: 'bob:eth2', state: down}
"""


def view(text: str = TEXT) -> View:
    """Of a text."""
    return wanted_view(Described.of(text, name="campus", place="draft"), "/lab")


def test_a_segment_has_the_prefix_of_its_text_while_nothing_is_plugged_in() -> None:
    found = {name: segment["prefix"] for name, segment in view()["segments"].items()}
    assert found == {"lan": ["10.1.0.0/24"], "new": ["10.2.0.0/24", "fd00::/64"], "bare": []}


def test_segments_are_up_and_cables_are_as_their_ends_are() -> None:
    found = view()
    assert {segment["state"] for segment in found["segments"].values()} == {"up"}
    states = {name: cable["state"] for name, cable in found["cables"].items()}
    assert states == {"alice:eth1--bob:eth1": "up", "alice:eth2--bob:eth2": "down"}
