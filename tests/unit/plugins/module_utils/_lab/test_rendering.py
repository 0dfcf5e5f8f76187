# Copyright (c) 2026, dumm.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a scenario's file: what templates make, and what is told where they cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.dumm.lab.plugins.module_utils._lab import rendering, scenario
from ansible_collections.dumm.lab.plugins.module_utils._lab.errors import InvalidInput


def _rendered(master: Path, file: dict[str, object]) -> str:
    source = {"hosts": False, "guests": {"a": {"files": {"/f": file}, "vars": {"x": 5}}}}
    layer = rendering.render(rendering.Known(scenario.load(source, name="vpn", place="config")), "a", [master])
    assert layer is not None
    return next(each.content for each in layer.files if each.path == "/f")


def test_the_newline_after_a_block_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    text = "a\n{% for i in [1, 2] %}\n{{ i }}{{ x }}\n{% endfor %}\n{% if x +%}\nb\n{% endif %}\n"

    assert _rendered(tmp_path, {"template": text}) == "a\n15\n25\n\nb\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{{ 1 / 0 }}", "line 2 of the template of a:/f cannot be rendered: division by zero"),
        ("a\n\n{{ nothing.at_all }}", "line 3 of the template of a:/f cannot be rendered: 'nothing' is undefined"),
        ("a\n{% for %}", "line 2 of the template of a:/f cannot be rendered: "),
        ("{% include 'x' %}", "line 1 of the template of a:/f cannot be rendered: "),
        (
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "line 1 of the template of a:/f cannot be rendered: maximum",
        ),
        ("\n{{ 'a' + 1 }}", "line 2 of the template of a:/f cannot be rendered: "),
        ("{{ 'x' * 10 ** 20 }}", "line 1 of the template of a:/f cannot be rendered: "),
    ],
)
def test_whatever_goes_wrong_in_a_template_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _rendered(tmp_path, {"template": text})

    assert str(caught.value).startswith(f"scenario vpn: {said}")
    assert caught.value.remedy == "see docs/scenario.md, templates"


@pytest.mark.parametrize("owner", ["²", "٣", "nobody-knows"])
def test_an_owner_that_is_no_number_and_no_name_is_told(tmp_path: Path, owner: str) -> None:
    with pytest.raises(InvalidInput, match=f"its master knows no passwd entry {owner}; give the number instead"):
        _rendered(tmp_path, {"content": "x", "owner": owner})
