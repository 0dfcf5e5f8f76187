# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Views and the differences between them."""

from __future__ import annotations

from typing import Any

from dumm_lab.map.messages import KINDS, View, changed, difference
from hypothesis import given
from hypothesis import strategies as st

OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.fixed_dictionaries({"state": st.integers(0, 2)}))
VIEWS: Any = st.fixed_dictionaries(
    {"lab": st.fixed_dictionaries({"scenario": st.sampled_from([None, "x"])}), **dict.fromkeys(KINDS, OBJECTS)}
)


@given(VIEWS, VIEWS)
def test_a_page_that_applies_a_difference_has_the_new_view(before: View, after: View) -> None:
    change = difference(before, after)

    assert (change is None) == (before == after)
    if change is not None:
        assert changed(before, change) == after


@given(VIEWS, VIEWS)
def test_a_difference_has_nothing_that_stayed_as_it_was(before: View, after: View) -> None:
    old: Any = before
    change = difference(before, after) or {"set": {}, "gone": {}}

    for kind in KINDS:
        assert all(old[kind].get(name) != each for name, each in change["set"].get(kind, {}).items())
        assert all(name in old[kind] for name in change["gone"].get(kind, ()))
